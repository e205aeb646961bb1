"""Settings of a training run, and the presets: every number of a recipe stands here."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from gan import old_names
from gan.errors import SettingsError
from kit.channels import RGB, RGBA
from kit.typed_json import read_fields

MIN_SIZE_PX, MAX_SIZE_PX = 16, 512
LARGEST_BASE_PX = 7
MAX_HOLD_OUT = 0.5
MAX_WIDTH, MAX_STAGES, MAX_BLOCKS, MAX_BATCH = 4096, 8, 64, 8192
SMALLEST_STUDENT_PX = 40
"""The student discriminator's unpadded convolutions leave nothing of smaller images."""


Upsampling = Literal["nearest", "bilinear"]


def doublings(size_px: int) -> int:
    """How often a base of 4 to 7 pixels must be doubled to reach ``size_px``.

    Raises:
        SettingsError: no whole number of doublings does, or the size is out of range.
    """
    base_px, count = size_px, 0
    while base_px > LARGEST_BASE_PX and base_px % 2 == 0:
        base_px, count = base_px // 2, count + 1
    if base_px <= LARGEST_BASE_PX and MIN_SIZE_PX <= size_px <= MAX_SIZE_PX:
        return count
    raise SettingsError(
        f"pictures of {size_px}x{size_px} pixels: the networks need a size of 4, 5, 6 or 7 times a power of two, "
        f"{MIN_SIZE_PX} to {MAX_SIZE_PX}; run vgc preprocess with --size 64, 80, 96 or 128"
    )


@dataclass(frozen=True)
class Architecture:
    """What a network looks like: all that is needed to build it again before its weights are read."""

    family: Literal["students", "transposed", "upsample", "strided", "residual", "projected"]
    """A key of `gan.networks.build`: which class builds it."""

    widths: tuple[int, ...]
    """Channels of each stage: from the smallest picture up in a generator, from the largest down in a
    discriminator; of a projected one, channels into which each feature map is mixed."""

    size_px: int = 80
    """Side of the square pictures, pixels."""

    latent_dim: int = 0
    """Length of the latent vector; 0 for a discriminator."""

    batch_norm: bool = True
    """Whether a strided discriminator normalises over the batch."""

    minibatch_std_group: int = 0
    """Images over which a discriminator's minibatch standard deviation is taken; 0: no such layer."""

    blocks: int = 1
    """Residual blocks of each stage."""

    modulation_width: int = 0
    """Hidden units of an upsampling generator's self-modulation; 0: none. See `gan.networks.layers`."""

    upsampling: Upsampling = "nearest"
    """How an upsampling generator doubles its maps; nearest leaves steps where it should be smooth."""

    channels: int = RGB
    """Of the pictures: RGB, or RGBA with premultiplied colours; see `gan.images`."""

    view_px: int = 0
    """Side to which a projected discriminator enlarges smaller images before it takes their features."""

    view_blur: bool = False
    """Whether a projected discriminator smooths what it takes features of. The finest waves are then judged by its
    part that looks at pixels alone; a generator that is to please the features with them draws a mesh."""

    pixel_widths: tuple[int, ...] = ()
    """Channels of each stage of the strided discriminator that is a part of a projected one."""

    def __post_init__(self) -> None:
        # Files of strangers name these numbers, and memory is asked for by them.
        for widths, fewest in ((self.widths, 1), (self.pixel_widths, 0)):
            if not fewest <= len(widths) <= MAX_STAGES or not all(1 <= width <= MAX_WIDTH for width in widths):
                raise SettingsError(f"widths: 1 to {MAX_STAGES} stages of 1 to {MAX_WIDTH} channels")
        for name, lowest, highest in (
            ("size_px", MIN_SIZE_PX, MAX_SIZE_PX),
            ("latent_dim", 0, MAX_WIDTH),
            ("minibatch_std_group", 0, MAX_BATCH),
            ("blocks", 1, MAX_BLOCKS),
            ("modulation_width", 0, MAX_WIDTH),
            ("channels", RGB, RGBA),
            ("view_px", 0, MAX_SIZE_PX),
        ):
            if not lowest <= getattr(self, name) <= highest:
                raise SettingsError(f"{name} {getattr(self, name)}: choose {lowest} to {highest}")

    def at_size(self, size_px: int) -> "Architecture":
        """The same architecture for pictures of another size: stages join or leave at the large-picture end.

        Raises:
            SettingsError: no stack of doublings makes that size.
        """
        stages = doublings(size_px)
        if self.family == "students":
            if size_px < SMALLEST_STUDENT_PX:
                raise SettingsError(
                    f"--preset student: pictures of {SMALLEST_STUDENT_PX} pixels or more, not {size_px}"
                )
            return replace(self, size_px=size_px)
        if self.family == "projected":
            return replace(self, size_px=size_px, pixel_widths=self.pixels.at_size(size_px).widths)
        outwards = self.widths if self.latent_dim else self.widths[::-1]
        stages += self.family in ("upsample", "residual")  # their base has a width of its own
        grown = outwards[:stages]
        while len(grown) < stages:
            grown += (max(8, grown[-1] // 2),)
        return replace(self, size_px=size_px, widths=grown if self.latent_dim else grown[::-1])

    @property
    def pixels(self) -> "Architecture":
        """Of a projected discriminator: its part that looks at pixels."""
        return replace(self, family="strided", widths=self.pixel_widths, pixel_widths=())

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Architecture":
        """Read what `dataclasses.asdict` wrote; ValueError or SettingsError for anything else."""
        return read_fields(cls, old_names.rename_keys(values, old_names.ARCHITECTURE))


def check_stage_count(architecture: Architecture, stages: int) -> None:
    """Raise SettingsError unless ``stages`` doublings make the size from a base of 4 to 7 pixels."""
    needed = doublings(architecture.size_px)
    if stages != needed:
        raise SettingsError(
            f"{architecture.family} network with {stages} doublings: {architecture.size_px} pixels need {needed}"
        )


@dataclass(frozen=True)
class Recipe:
    """How a pair of networks is trained. Defaults are the plain choice; presets name what differs."""

    generator: Architecture
    discriminator: Architecture
    batch: int = 64
    """Real pictures, and as many generated ones, a step."""
    total_kimg: float = 2000
    """Length of a run, thousands of real pictures shown, where the user names none."""
    optimizer: Literal["adam", "rmsprop"] = "adam"
    generator_lr: float = 2e-4
    discriminator_lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    """Adam's decay rates of the first and second moment."""
    lr_decay: float = 0.0
    """Time-based: the rate of step t is lr / (1 + lr_decay * t), as Keras has it."""
    clip_gradient: float | None = None
    """Gradient values are clamped to ± this."""
    label_noise: float = 0.0
    """Label noise: real targets become 1 - this * U(0, 1), fake targets -this * U(0, 1)."""
    flips: bool = False
    """Mirror half of the real images."""
    augment_p: float = 0.0
    """Probability of each augmentation of what the discriminator sees, 0 to 1; see `gan.training.augment`."""
    augment_target: float = 0.0
    """ADA's target for the mean sign of the scores on real images: p starts at 0 and follows it; 0: p stays."""
    augment_colour_share: float = 1.0
    """How often colours are changed, as a share of p; the generator learns none of which every degree is seen."""
    relativistic: bool = False
    """Whether each real image is paired with a generated one (RpGAN); else each is scored by itself."""
    rescore_real: bool = True
    """Whether real images are scored again for G's update (RpGAN), else paired as D's update scored them."""
    fresh_views: bool = True
    """Whether generated images are augmented anew for G's update, else it judges what D's update saw."""
    r1_gamma: float = 0.0
    """Weight γ of the R1 penalty, on real images; 0: no penalty."""
    r1_interval: int = 8
    """Steps between two penalties (lazy regularisation); the penalty is multiplied by it."""
    r2: bool = False
    """Whether generated images are penalised as well (R2)."""
    ema_half_life_kimg: float = 0.0
    """Half-life of the generator's EMA, thousands of images; 0: no average."""
    structure_weight: float = 0.0
    """How strongly the images of a run with ``init_from`` keep the structure of those that its first weights draw
    from the same latents; 0: not at all. See `gan.training.losses.structure_loss`."""
    structure_half_life_kimg: float = 0.0
    """Thousands of images after which that weight has halved; 0: it stays."""

    def __post_init__(self) -> None:
        if not self.generator.latent_dim:
            raise SettingsError("latent_dim 0: no generator")
        if self.r1_interval < 1 or not self.total_kimg > 0:
            raise SettingsError("r1_interval and total_kimg: choose numbers above 0")
        for name in (
            "generator_lr",
            "discriminator_lr",
            "lr_decay",
            "r1_gamma",
            "ema_half_life_kimg",
            "structure_weight",
            "structure_half_life_kimg",
        ):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} {getattr(self, name):g}: choose 0 or more")
        if not all(0 <= beta < 1 for beta in self.betas) or not (
            0 <= self.augment_p <= 1 and 0 <= self.augment_colour_share <= 1
        ):
            raise SettingsError("betas, augment_p and augment_colour_share: choose shares, 0 to 1")

    @property
    def augments(self) -> bool:
        """Whether the discriminator sees augmented images at all."""
        return self.augment_p > 0 or self.augment_target != 0

    def at_size(self, size_px: int) -> "Recipe":
        """The same recipe for pictures of another size; see `Architecture.at_size`."""
        return replace(
            self,
            generator=self.generator.at_size(size_px),
            discriminator=self.discriminator.at_size(size_px),
        )

    def with_channels(self, channels: int) -> "Recipe":
        """The same recipe for pictures of so many channels."""
        return replace(
            self,
            generator=replace(self.generator, channels=channels),
            discriminator=replace(self.discriminator, channels=channels),
        )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Recipe":
        """Read what `dataclasses.asdict` wrote; ValueError or SettingsError for anything else."""
        return read_fields(cls, old_names.rename_keys(values, old_names.RECIPE))


MODULATED_GENERATOR = Architecture("upsample", (256, 128, 64, 32, 16), latent_dim=100, modulation_width=128)
PRESETS: dict[str, Recipe] = {
    # The student project's networks and settings, layer for layer. 10,000 iterations of 40 pictures.
    "student": Recipe(
        generator=Architecture("students", (160, 320), latent_dim=80),
        discriminator=Architecture("students", (160, 160, 160, 160)),
        batch=40,
        total_kimg=400,
        optimizer="rmsprop",
        generator_lr=4e-4,
        discriminator_lr=8e-4,
        lr_decay=1e-8,
        clip_gradient=1.0,
        label_noise=0.05,
    ),
    # Radford, Metz, Chintala 2015 (arXiv:1511.06434) at 80x80, with the settings of PyTorch's example.
    "dcgan-2015": Recipe(
        generator=Architecture("transposed", (512, 256, 128, 64), latent_dim=100),
        discriminator=Architecture("strided", (64, 128, 256, 512)),
    ),
    # The same family made stable: nearest upsampling folded into the convolution (no checkerboard); relativistic
    # pairing with lazy R1 + R2 and no normalisation (Huang et al. 2024) in a discriminator with minibatch standard
    # deviation (Karras et al. 2018); self-modulation (Chen et al. 2019); DiffAugment (Zhao et al. 2020), adaptive;
    # EMA. docs/recipes.md says what each brings.
    "dcgan": Recipe(
        generator=MODULATED_GENERATOR,
        discriminator=Architecture("strided", (32, 64, 128, 256), batch_norm=False, minibatch_std_group=4),
        batch=16,
        generator_lr=3e-4,
        discriminator_lr=6e-4,
        betas=(0.0, 0.99),
        flips=True,
        augment_target=0.6,
        relativistic=True,
        rescore_real=False,
        r1_gamma=0.1,
        r1_interval=16,
        r2=True,
        ema_half_life_kimg=10,
    ),
    # Sauer et al. 2021 (arXiv:2111.01007): a wider generator of `dcgan`'s kind, judged by features of a network
    # that knows photographs, and by the discriminator of `dcgan` for colours and surfaces. Relativistic pairing
    # takes the place of their hinge loss and batch norm. What a run starts from draws figures already: their
    # structure is kept while their surfaces are learned.
    "projected": Recipe(
        generator=replace(MODULATED_GENERATOR, widths=(256, 192, 128, 64, 32), upsampling="bilinear"),
        discriminator=Architecture(
            "projected",
            (64, 64, 128, 256),
            batch_norm=False,
            minibatch_std_group=4,
            view_px=96,
            view_blur=True,
            pixel_widths=(32, 64, 128, 256),
        ),
        batch=16,
        generator_lr=3e-4,
        discriminator_lr=4e-4,
        betas=(0.0, 0.99),
        flips=True,
        augment_p=0.7,
        augment_colour_share=0.4,
        relativistic=True,
        rescore_real=False,
        r1_gamma=0.3,
        r1_interval=16,
        r2=True,
        ema_half_life_kimg=10,
        structure_weight=2.0,
        structure_half_life_kimg=50,
    ),
    # Huang et al. 2024 (arXiv:2501.05441), for GPUs: residual, nothing normalised, relativistic pairing, R1 + R2.
    # What differs (higher rates, lazy and softer penalties, minibatch std, adaptive augmentation) won in its
    # ablations (docs/recipes.md).
    "r3gan": Recipe(
        generator=Architecture("residual", (256, 256, 256, 128, 64), latent_dim=64),
        discriminator=Architecture("residual", (64, 128, 256, 256, 256), batch_norm=False, minibatch_std_group=4),
        batch=64,
        total_kimg=5000,
        generator_lr=3e-4,
        discriminator_lr=6e-4,
        betas=(0.0, 0.99),
        flips=True,
        augment_target=0.6,
        relativistic=True,
        r1_gamma=0.1,
        r1_interval=16,
        r2=True,
        ema_half_life_kimg=50,
    ),
}
DEFAULT_PRESET = "dcgan"
PRESET_FROM_BASE = "projected"
BASE = "base"
"""Name of the pair of networks that comes along to start from."""


def default_preset(init_from: str | None) -> str:
    """The preset of a run that names none, by what it starts from."""
    return PRESET_FROM_BASE if init_from == BASE else DEFAULT_PRESET


@dataclass(frozen=True)
class TrainConfig:
    """One training run; saved as ``config.json`` in its folder."""

    data: Path = Path("Data/train_data/rgb_images")
    """Folder of equally large square RGB pictures; RGBA ones where it is the ``rgba_images`` of a set."""

    preset: str = ""
    """A key of `PRESETS`; any name if ``recipe`` is given. Empty: see `default_preset`."""

    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``."""

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Number format inside the networks; their last layers and the losses stay fp32."""

    kimg: float | None = None
    """End of the run, thousands of real pictures shown; None: the preset's, or no end when minutes are given."""

    minutes: float | None = None
    """End of the run, minutes of training, earlier pieces of a resumed run counted in."""

    batch: int | None = None
    """Real pictures a step; None: the preset's."""

    seed: int = 0
    """Seed of the weights, the latents, the order of the pictures and the augmentation."""

    run: str | None = None
    """Name of the run's folder; None: preset, date and time."""

    output: Path = Path("train_output")
    """Folder that holds the runs."""

    save_minutes: float = 5.0
    """Minutes between two checkpoints."""

    grad_accum: int = 1
    """Micro-batches whose gradients a process adds up for a step; see `gan.training.micro_batches`."""

    cuda_graphs: bool = False
    """Whether steps are recorded as CUDA graphs; see `gan.training.cuda_graphs`."""

    deterministic: bool = False
    """Whether only algorithms are used that give the same bits again, and a CPU keeps to one number of threads."""

    eval_every_kimg: float | None = None
    """Thousands of real pictures shown between two evaluations; None: none."""

    hold_out: float = 0.0
    """Share of the characters that the training never sees; see `dataset.hold_out`."""

    init_from: str | None = None
    """Where the first weights come from: ``base``, a run, or a model file; None: fresh ones. See
    `gan.training.transfer`."""

    lineage: tuple[str, ...] = ()
    """What ``init_from`` was when the run began, and its own ancestors, the oldest first."""

    recipe: Recipe = None  # type: ignore[assignment]
    """Every number of the training; None: the preset's. ``batch``, if given, takes the place of its own."""

    def __post_init__(self) -> None:
        preset = old_names.preset_name(self.preset) or default_preset(self.init_from)
        object.__setattr__(self, "preset", preset)
        recipe = self.recipe or PRESETS.get(self.preset)
        if recipe is None:
            raise SettingsError(f"--preset {self.preset}: choose one of {', '.join(PRESETS)}")
        object.__setattr__(self, "recipe", replace(recipe, batch=self.batch or recipe.batch))
        if self.precision not in ("auto", "fp32", "bf16"):
            raise SettingsError(f"--precision {self.precision}: choose auto, fp32 or bf16")
        for option, value in (
            ("--kimg", self.kimg),
            ("--minutes", self.minutes),
            ("--save-minutes", self.save_minutes),
        ):
            if value is not None and not 0 < value < math.inf:
                raise SettingsError(f"{option} {value:g}: choose a number above 0")
        batch = self.recipe.batch if self.batch is None else self.batch
        if not 2 <= batch <= MAX_BATCH:
            raise SettingsError(f"--batch {batch}: choose 2 to {MAX_BATCH} pictures")
        if not 0 <= self.seed < 2**63:
            raise SettingsError(f"--seed {self.seed}: choose 0 or a positive number below 2^63")
        if self.eval_every_kimg is not None and not 0.001 <= self.eval_every_kimg <= 1e6:
            raise SettingsError(
                f"--eval-every {self.eval_every_kimg:g}: choose 0.001 to 1,000,000 thousand pictures"
            )
        if not 0 <= self.hold_out <= MAX_HOLD_OUT:
            raise SettingsError(f"--hold-out {self.hold_out:g}: choose a share, 0 to {MAX_HOLD_OUT}")
        if self.grad_accum < 1:
            raise SettingsError(f"--grad-accum {self.grad_accum}: choose 1 or more")
        if self.run is not None and (not self.run or Path(self.run).name != self.run):
            raise SettingsError(f"--run {self.run}: a name without folders, such as --run first-try")

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``config.json``; `from_json` reads them, on any system: / parts folders."""
        values = asdict(self)
        return {key: value.as_posix() if isinstance(value, Path) else value for key, value in values.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "TrainConfig":
        """Read what `to_json` wrote.

        Raises:
            SettingsError: a field is unknown to this version, or a value makes no sense.
        """
        try:
            if "recipe" not in values:
                raise ValueError("recipe is missing")
            return read_fields(cls, old_names.rename_keys(values, old_names.CONFIG))
        except (ValueError, SettingsError) as error:
            raise SettingsError(
                f"damaged, or the settings of another version of vgc ({error}); start a new run"
            ) from error
