"""Game-ready images: pixels, palettes, atlas, bundle."""
