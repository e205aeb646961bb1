"""The presets with a few channels a layer, so that a test trains them in no time.

``python -m slim_networks …`` is the command ``vgc …`` with them.
"""

from dataclasses import replace

import cli
import gan.device
from gan.config import PRESETS, Recipe

SLIM_WIDTHS = {
    "students": ((4, 8), (4, 4, 4, 4)),
    "transposed": ((8, 8, 8, 8), (8, 8, 8, 8)),
    "upsample": ((8, 8, 8, 8, 8), (8, 8, 8, 8)),
    "residual": ((8, 8, 8, 8, 8), (8, 8, 8, 8, 8)),
}


def slim(recipe: Recipe) -> Recipe:
    """The same recipe with a few channels a layer: everything happens as in the real one, but at once."""
    generator, discriminator = SLIM_WIDTHS[recipe.generator.family]
    return replace(
        recipe,
        generator=replace(
            recipe.generator, widths=generator, modulation_width=min(8, recipe.generator.modulation_width)
        ),
        discriminator=replace(
            recipe.discriminator,
            widths=discriminator,
            view_px=min(recipe.discriminator.view_px, 32),
            pixel_widths=recipe.discriminator.pixel_widths and discriminator,
        ),
    )


def no_speedup() -> float:
    """In place of `gan.device.bf16_speedup`: where wide layers gain by bf16, these take twenty times as long."""
    return 1.0


if __name__ == "__main__":
    PRESETS.update({preset: slim(recipe) for preset, recipe in PRESETS.items()})
    gan.device.bf16_speedup = no_speedup
    cli.main()
