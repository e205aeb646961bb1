"""A small generator trained on the built-in characters, so that ``vgc generate`` works at once."""
