"""A small generator trained on the built-in characters, so that ``vgc generate`` works at once."""

TRAINED_ON = "the 1,500 built-in characters (CC0 1.0, synthetic)"
