"""Transfer learning, ``vgc train --from``: a new training starts from the weights of an earlier one."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from gan.config import BASE, Architecture, Recipe, doublings
from gan.errors import GanError, SettingsError
from gan.networks.build import build_discriminator, build_generator, without_weights
from gan.networks.dcgan import StridedDiscriminator
from gan.networks.layers import MinibatchStd
from gan.networks.projected import ProjectedDiscriminator
from gan.runs.checkpoint import GeneratorHeader, load_checkpoint, load_generator, model_hash
from gan.runs.model_files import CONFIG_FILE, GENERATOR_FILE, pretrained_model
from gan.runs.network_file import bad_header, read_header, read_weights, with_weights
from gan.runs.run_files import CHECKPOINT_FILE
from gan.runs.run_folder import RunFolder
from gan.training.alpha_start import fit_alpha, ignore_alpha
from gan.training.trainer import Trainer
from kit.channels import RGB, RGBA

NUMBERED = re.compile(r"((?:pixels\.)?(?:layers|stages|between))\.(\d+)\.(.+)")
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Source:
    """The networks that a training starts from, on the CPU."""

    name: str
    header: GeneratorHeader
    generator: nn.Module
    generator_ema: nn.Module
    discriminator: nn.Module | None
    """None if only a generator is there."""

    @property
    def lineage(self) -> tuple[str, ...]:
        """Its ancestors and itself, the oldest first, as a new run's header names them."""
        header = self.header
        own = f"{self.name} ({header.preset}, {header.images:,} images, {header.trained_on})"
        return (*header.lineage, f"{own}, {model_hash(self.generator_ema)[:8]}")


def find_source(name: str, output: Path) -> Source:
    """What ``--from`` means.

    Args:
        name: ``base``, a run's name in ``output`` or its folder, its ``checkpoint.pt``, or a generator file.
        output: the folder that holds the runs.

    Raises:
        GanError: nothing of that name is there, or it is damaged or no model of vgc.
    """
    if name == BASE:
        path = pretrained_model(BASE)
        if not path.is_file():
            raise GanError("--from base: this version comes without a base; name a run or a generator file")
        return source_from_file(path, BASE)
    for path in (output / name, Path(name)):
        if path.name == CHECKPOINT_FILE:
            path = path.parent  # noqa: PLW2901 (its settings lie beside it)
        if (path / CHECKPOINT_FILE).is_file():
            return source_from_run(path)
        if (path / GENERATOR_FILE).is_file():
            return source_from_file(path / GENERATOR_FILE, path.name)
        if path.is_file():
            return source_from_file(path, path.stem)
    raise GanError(f"--from {name}: no such run in {output}, nor such a file; or: --from base")


def source_from_run(folder: Path) -> Source:
    """Both networks and the EMA of a run's last checkpoint."""
    if not (folder / CONFIG_FILE).is_file():
        raise GanError(f"--from {folder / CHECKPOINT_FILE}: the {CONFIG_FILE} of its run must lie beside it")
    recipe = RunFolder(folder).read_config().recipe
    state = load_checkpoint(folder / CHECKPOINT_FILE)
    _, header = load_generator(folder / GENERATOR_FILE, CPU)
    path = folder / CHECKPOINT_FILE
    with without_weights():
        generator, generator_ema = build_generator(recipe.generator), build_generator(recipe.generator)
        discriminator = build_discriminator(recipe.discriminator)
    return Source(
        folder.resolve().name,
        header,
        with_weights(generator, state.get("generator"), path),
        with_weights(generator_ema, state.get("generator_ema"), path).eval(),
        with_weights(discriminator, state.get("discriminator"), path),
    )


def source_from_file(path: Path, name: str) -> Source:
    """A generator, and the discriminator from ``<stem>-discriminator.safetensors`` beside it, if there is one."""
    generator, header = load_generator(path, CPU)
    beside = path.with_name(f"{path.stem}-discriminator.safetensors")
    return Source(name, header, generator, generator, load_discriminator(beside) if beside.is_file() else None)


def load_discriminator(path: Path) -> nn.Module:
    """Read a discriminator file: weights, and its architecture in the header; GanError if it is damaged."""
    try:
        architecture = Architecture.from_json(read_header(path)["architecture"])
        with without_weights():
            discriminator = build_discriminator(architecture)
    except (KeyError, TypeError, ValueError, SettingsError, AttributeError) as error:
        raise bad_header(path, error) from error
    return read_weights(path, discriminator)


def with_generator_of(recipe: Recipe, source: Source) -> Recipe:
    """The recipe with the source's generator, whatever the preset's widths: it goes on drawing as it does.

    Raises:
        SettingsError: the generators are of different families.
    """
    architecture = source.header.architecture
    if architecture.family != recipe.generator.family:
        raise SettingsError(
            f"--from {source.name}: its networks are of the preset {source.header.preset}; add --preset "
            f"{source.header.preset}"
        )
    return replace(recipe, generator=architecture)


def transfer(trainer: Trainer, source: Source) -> str:
    """Carry weights over into a fresh trainer, as far as they fit; optimizers and p stay fresh.

    Returns:
        A message: from what, and which share of each network.
    """
    recipe, networks = trainer.recipe, trainer.networks
    architecture = source.header.architecture
    carried = copy_overlapping_weights(networks.generator, source.generator)
    copy_overlapping_weights(trainer.generator_ema, source.generator_ema)
    gains_alpha = (architecture.channels, recipe.generator.channels) == (RGB, RGBA)
    # Where stages are missing there is no figure yet that alpha could be fitted to, nor a structure to keep.
    draws_figures = doublings(architecture.size_px) == doublings(recipe.generator.size_px)
    if gains_alpha and draws_figures:
        fit_alpha(trainer.generator_ema, recipe.generator.latent_dim)
        if source.generator is source.generator_ema:  # of a file: the fit would be the same
            networks.generator.load_state_dict(trainer.generator_ema.state_dict())
        else:
            fit_alpha(networks.generator, recipe.generator.latent_dim)
    if recipe.structure_weight and draws_figures:
        trainer.keep_structure()
    message = f"from {source.lineage[-1]}: {carried:.0%} of the generator's weights"
    if source.discriminator is None:
        return f"{message}; the discriminator starts from fresh weights, for the file has none"
    part, theirs, name = networks.discriminator, source.discriminator, "discriminator"
    if isinstance(part, ProjectedDiscriminator) and isinstance(theirs, StridedDiscriminator):
        part, name = part.pixels, "part of the discriminator that looks at pixels"
    elif isinstance(theirs, ProjectedDiscriminator) and isinstance(part, StridedDiscriminator):
        theirs = theirs.pixels
    if type(theirs) is not type(part):
        return f"{message}; the discriminator starts from fresh weights, for it is of another family"
    carried = copy_overlapping_weights(part, theirs, from_end=True)
    if gains_alpha:
        ignore_alpha(part)
    return f"{message}, {carried:.0%} of the {name}'s"


@torch.no_grad()
def copy_overlapping_weights(network: nn.Module, source: nn.Module, from_end: bool = False) -> float:
    """Copy the weights of one network into another of its family, as far as they fit.

    Of a tensor of another shape the common channels are copied, and of kernels and maps the middle. New channels
    start with weights of their own but without effect on the copied ones, so that a wider network without groups
    computes at first what the narrow one did (as in Chen et al. 2016, Net2Net, arXiv:1511.05641, by other means).

    Args:
        network: keeps its own weights elsewhere.
        source: of the same class; widths, sizes and latents may differ.
        from_end: whether layers are matched from the last one on, as in a discriminator, whose stages for larger
            images come first.

    Returns:
        Share of ``network``'s values that were copied.
    """
    weights = source.state_dict()
    copied = total = 0
    for name, own in network.state_dict().items():
        total += own.numel()
        their_name = matching_name(name, network, source) if from_end else name
        if their_name in weights:
            own = spatial_view(network, name, own)  # noqa: PLW2901
            theirs = spatial_view(source, their_name, weights[their_name])
            silence_new_inputs(own, theirs, int(not is_transposed(network, name)))
            copied += copy_overlap(own, theirs)
    return copied / total


def matching_name(name: str, network: nn.Module, source: nn.Module) -> str:
    """The name in ``source`` of a discriminator's tensor, counted from the last stage; maybe of none there."""
    match = NUMBERED.fullmatch(name)
    if not match:
        return name
    container, index, rest = match[1], int(match[2]), match[3]
    shift = stage_count(network.get_submodule(container)) - stage_count(source.get_submodule(container))
    is_strided = container.endswith("layers")
    reads_images = is_strided and index == 0
    theirs = 0 if reads_images else index - shift
    if is_strided and theirs == 0 and not reads_images:
        return ""  # theirs reads images, ours does not
    return f"{container}.{theirs}.{rest}"


def stage_count(container: nn.Module) -> int:
    """Layers or stages, without the minibatch standard deviation that may be last."""
    return sum(not isinstance(layer, MinibatchStd) for layer in container.children())


def spatial_view(network: nn.Module, name: str, tensor: Tensor) -> Tensor:
    """A view whose last two dimensions are rows and columns, where a dense layer makes the generator's base."""
    base_px = getattr(network, "base_px", None) or getattr(network, "half_px", None)
    if base_px is None or not name.startswith("dense."):
        return tensor
    maps: Tensor = tensor.unflatten(0, (-1, base_px, base_px))  # type: ignore[no-untyped-call]
    return maps.movedim((1, 2), (-2, -1))


def is_transposed(network: nn.Module, name: str) -> bool:
    """Whether a weight's first dimension is the layer's input."""
    return isinstance(network.get_submodule(name.rpartition(".")[0]), nn.ConvTranspose2d)


def silence_new_inputs(own: Tensor, theirs: Tensor, input_dim: int) -> None:
    """Zero the weights from channels that ``theirs`` has not to those that it has; ``input_dim``: 0 or 1."""
    if own.ndim == theirs.ndim > 1 and own.shape[input_dim] > theirs.shape[input_dim]:
        outputs = own.narrow(1 - input_dim, 0, min(own.shape[1 - input_dim], theirs.shape[1 - input_dim]))
        outputs.narrow(input_dim, theirs.shape[input_dim], own.shape[input_dim] - theirs.shape[input_dim]).zero_()


def copy_overlap(own: Tensor, theirs: Tensor) -> int:
    """Copy what both tensors have: the first channels, the middle of rows and columns; returns how many values."""
    if own.ndim != theirs.ndim:
        return 0
    for dim, (size, their_size) in enumerate(zip(own.shape, theirs.shape, strict=True)):
        common = min(size, their_size)
        spatial = own.ndim >= 3 and dim >= own.ndim - 2
        own = own.narrow(dim, (size - common) // 2 if spatial else 0, common)
        theirs = theirs.narrow(dim, (their_size - common) // 2 if spatial else 0, common)
    own.copy_(theirs)
    return own.numel()
