"""Pixel values from bytes, 0 to 255, to the [-1, 1] that networks take, and back; of arrays and tensors alike."""

from typing import TYPE_CHECKING, Any, TypeVar

from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Values = TypeVar("Values", "NDArray[Any]", "Tensor")


def normalize(pixels: Values) -> Values:
    """0 to 255 -> [-1, 1], floats."""
    return pixels / 127.5 - 1


def denormalize(values: Values) -> Values:
    """About [-1, 1] -> whole numbers 0 to 255, still floats."""
    return ((values + 1) * 127.5).round().clip(0, 255)
