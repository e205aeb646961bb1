"""JSON from outside as the dataclass it stands for: every value is of its field's type, or the text is refused."""

import json
import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeGuard, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")

MAX_OBJECT_BYTES = 1_000_000
"""Of a file that holds settings or results, which have some kilobytes."""


def parse_object(text: str | bytes) -> dict[str, Any]:
    """The object that a JSON text holds; ValueError for anything else, such as one nested too deep to be read."""
    try:
        values = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(values, dict):
        raise ValueError("no JSON object")
    return values


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file of at most `MAX_OBJECT_BYTES`, its values unchecked.

    Raises:
        OSError: it cannot be read.
        ValueError: it holds anything else, or more.
    """
    with path.open("rb") as file:
        content = file.read(MAX_OBJECT_BYTES + 1)
    if len(content) > MAX_OBJECT_BYTES:
        raise ValueError(f"more than {MAX_OBJECT_BYTES:,} bytes")
    return parse_object(content)


def read_fields(cls: type[T], values: Mapping[str, Any]) -> T:
    """Make a dataclass of a JSON object that has its fields, each value checked against its annotation.

    Known annotations: bool, int, float (finite; whole numbers too), str, `Path`, Literal, tuples, dataclasses that
    have a ``from_json``, and any of these or None.

    Raises:
        ValueError: a field is unknown or missing, or a value is of another type; it names the field.
    """
    known, hints = fields(cls), get_type_hints(cls)  # type: ignore[arg-type]
    if unknown := sorted(set(values) - {field.name for field in known}):
        raise ValueError(f"unknown settings {', '.join(unknown):.80}")
    if missing := [field.name for field in known if field.default is MISSING and field.name not in values]:
        raise ValueError(f"{missing[0]} is missing")
    return cls(**{name: _read(hints[name], value, name) for name, value in values.items()})


def _read(kind: Any, value: Any, name: str) -> Any:
    origin, choices = get_origin(kind), get_args(kind)
    if origin is UnionType:
        (other,) = (each for each in choices if each is not NoneType)
        return None if value is None else _read(other, value, name)
    if origin is tuple and isinstance(value, list | tuple):
        kinds = [choices[0]] * len(value) if choices[-1] is ... else choices
        if len(kinds) == len(value):
            return tuple(_read(each, own, name) for each, own in zip(kinds, value, strict=True))
    elif hasattr(kind, "from_json") and isinstance(value, dict):
        return kind.from_json(value)
    elif kind is Path and isinstance(value, str):
        return Path(value)
    elif _is(kind, value):
        return value
    raise ValueError(f"{name} cannot be {value!r:.40}")


def _is(kind: Any, value: Any) -> bool:
    if get_origin(kind) is Literal:
        return isinstance(value, str) and value in get_args(kind)
    return is_finite(value) if kind is float else kind in (bool, int, str) and type(value) is kind


def is_finite(value: object) -> TypeGuard[float]:
    """Whether this is a number that a float can hold."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and -sys.float_info.max <= value <= sys.float_info.max  # type: ignore[operator]
