"""Kinds of pictures by their number of channels."""

RGB, RGBA = 3, 4
