"""The rungs of docs/recipes.md: presets, or presets with something changed, and what was expected of each."""

from dataclasses import dataclass, replace
from typing import Any

from gan.config import PRESETS, Recipe


@dataclass(frozen=True)
class Row:
    """One ablation: a preset with some settings changed."""

    change: str
    predicted: str
    recipe: Recipe
    kimg: float


def altered(recipe: Recipe, minibatch_std_group: int | None = None, **changes: Any) -> Recipe:
    """A recipe with other numbers, the discriminator's ``minibatch_std_group`` among them."""
    if minibatch_std_group is not None:
        changes["discriminator"] = replace(recipe.discriminator, minibatch_std_group=minibatch_std_group)
    return replace(recipe, **changes)


RUNG_KIMG, FINAL_KIMG = 60, 100
UNMODULATED = replace(PRESETS["dcgan"], generator=replace(PRESETS["dcgan"].generator, modulation_width=0))
"""`dcgan` before it had self-modulation, as in the first tables."""
BILINEAR = replace(PRESETS["dcgan"], generator=replace(PRESETS["dcgan"].generator, upsampling="bilinear"))
PLAIN = altered(UNMODULATED, 0, relativistic=False, r2=False, augment_p=1.0, augment_target=0.0)
PAIRED = replace(PLAIN, relativistic=True, r2=True)
# Rates, penalties and augmentation as the paper has them, before the ablations changed the preset.
PAPER = altered(
    PRESETS["r3gan"],
    0,
    generator_lr=2e-4,
    discriminator_lr=2e-4,
    r1_gamma=1.0,
    r1_interval=1,
    augment_p=1.0,
    augment_target=0.0,
)
NARROW = replace(
    PAPER,
    generator=replace(PAPER.generator, widths=(96, 96, 64, 32, 16)),
    discriminator=replace(PAPER.discriminator, widths=(16, 32, 64, 96, 96)),
)
NARROW_LAZY = replace(NARROW, r1_interval=16)
NARROW_ADAPTIVE = replace(NARROW_LAZY, augment_p=0.0, augment_target=0.6)
NARROW_SMALL = replace(NARROW_ADAPTIVE, batch=16, generator_lr=3e-4, discriminator_lr=6e-4)
NARROW_SOFT = replace(NARROW_SMALL, r1_gamma=0.1)
SMALL = replace(
    NARROW_SMALL,
    generator=replace(NARROW_SMALL.generator, widths=(128, 128, 64, 32, 16)),
    discriminator=replace(NARROW_SMALL.discriminator, widths=(16, 32, 64, 128, 128)),
)
ROWS = {
    "plain": Row("non-saturating loss, R1", "the default until now", PLAIN, RUNG_KIMG),
    "paired": Row("relativistic pairing, R1 + R2", "more recall", PAIRED, RUNG_KIMG),
    "paired-half": Row(
        "and half as much augmentation", "learns faster", replace(PAIRED, augment_p=0.5), RUNG_KIMG
    ),
    "paired-adaptive": Row(
        "and adaptive augmentation, target .6",
        "as half, and later stronger",
        replace(PAIRED, augment_p=0.0, augment_target=0.6),
        RUNG_KIMG,
    ),
    "paired-spread": Row("pairing, and minibatch std", "more recall", altered(PAIRED, 4), RUNG_KIMG),
    "paired-spread-adaptive": Row(
        "pairing, minibatch std, adaptive augmentation",
        "the sum of its parts",
        altered(PAIRED, 4, augment_p=0.0, augment_target=0.6),
        RUNG_KIMG,
    ),
    "dcgan": Row("the default", "the sum of its parts", PRESETS["dcgan"], FINAL_KIMG),
    "bilinear": Row("the default, upsampling bilinearly", "no grid over even areas", BILINEAR, RUNG_KIMG),
    "unmodulated": Row("the default without self-modulation", "less recall", UNMODULATED, FINAL_KIMG),
    "dcgan-2015": Row("the textbook", "coloured clouds", PRESETS["dcgan-2015"], FINAL_KIMG),
    "student": Row("the students' whole training", "noise", PRESETS["student"], 400),
    "r3gan": Row("residual, for GPUs", "the best of all", PRESETS["r3gan"], 2000),
    "residual-small": Row("r3gan small, with dcgan's batch and rates", "better shapes, for its time", SMALL, 80),
    "residual-small-soft": Row("and a tenth of the penalty", "sharper, sooner", replace(SMALL, r1_gamma=0.1), 80),
    # Ablations of r3gan, narrow enough for one core: for --data of 40x40 pictures.
    "narrow-dcgan": Row("the default then, to compare with", "the best for its time", UNMODULATED, 57),
    "narrow": Row("r3gan at 3/8 of its width", "too slow to win here", NARROW, 24),
    "narrow-lazy": Row("and the penalties every 16th step", "as good a step, twice as many", NARROW_LAZY, 50),
    "narrow-lazy-adaptive": Row("and adaptive augmentation", "more recall, as in dcgan", NARROW_ADAPTIVE, 50),
    "narrow-small-batch": Row("and batch 16, dcgan's rates", "faster: more steps", NARROW_SMALL, 44),
    "narrow-spread": Row(
        "small batch, and minibatch std", "more recall, as in dcgan", altered(NARROW_SMALL, 4), 44
    ),
    "narrow-soft": Row("small batch, and a tenth of the penalty", "sharper, sooner", NARROW_SOFT, 44),
    "narrow-generator": Row(
        "the same, but dcgan's discriminator",
        "tells which half is slow",
        replace(NARROW_SMALL, discriminator=PRESETS["dcgan"].discriminator),
        70,
    ),
    "narrow-discriminator": Row(
        "the same, but dcgan's generator",
        "the best: residual where it judges",
        replace(NARROW_SOFT, generator=PRESETS["dcgan"].generator),
        40,
    ),
}
