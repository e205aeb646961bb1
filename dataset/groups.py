"""Which pictures show one character: by their names and folders, by what follows each other, by likeness."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dataset.near_duplicates import MAX_DISTANCE, compare
from dataset.sheets import parse_cell
from kit.union_find import UnionFind

ACTIONS = frozenset(
    """
    attack attacking attacks atk hit hurt damage damaged defend defense defence block guarding parry dodge
    idle idling stand standing stance walk walking run running move moving jump jumping fall falling fly
    flying hover hovering swim swimming climb climbing crouch slide roll dash sit sitting sleep sleeping wake
    die dying dead death ko faint victory win lose taunt cast casting magic spell shoot shooting ranged range
    melee throw throwing thrown strike slash thrust stab pierce swing punch kick bite claw charge leading heal
    healing recover recruit spawn appear start end ready rest fire firing n ne e se s sw w nw north south east
    west northeast northwest southeast southwest up down left right front back side forward backward frame
    frames anim animation sprite sprites sheet base default normal pose alt new old copy final
    """.split()  # noqa: SIM905
)
"""Words of what a character does or faces, in names of frames: what comes before them is its name."""
THINGS = frozenset(
    "bow crossbow sword axe mace staff spear dagger knife hammer sling whip blade fist shield club".split()  # noqa: SIM905
)
"""What it holds: part of a frame's name too, unless the name begins with it."""
WORDS = re.compile(r"[^\W\d_]+|\d+")
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
NUMBER_DIGITS = 18
"""Longer ones are no numbers of frames."""
FOLLOWING = 4
"""Pictures that differ by a number alone are compared with so many before them…"""
FOLLOWING_DISTANCE = 16
"""… and belong together where so many bits of 64 differ, or fewer: the same figure in another pose."""


ASEPRITE_SUFFIXES = (".aseprite", ".ase")
"""In names of frames, as Aseprite exports them: ``orc 3.aseprite`` is the fourth of the document ``orc``."""


class NameKey(NamedTuple):
    """What a picture's path tells of who it shows."""

    key: str
    """The same for pictures that may show one character."""
    is_certain: bool
    """An action is named; where only numbers differ, they may be different characters."""


def name_key(path: str) -> NameKey:
    """Who a picture shows by its path: ``units/orc-attack-1.png`` is a frame of ``units/orc``.

    A name that is nothing but actions and numbers is its folder's: ``orc/walk/01.png`` is of ``orc``.
    """
    parts = PurePosixPath(path).with_suffix("").parts
    has_action = False
    for depth in range(len(parts), 0, -1):
        words = WORDS.findall(CAMEL.sub(" ", parts[depth - 1]).lower())
        start = next((index for index, word in enumerate(words) if not _is_action(word)), None)
        if start is None:
            has_action = has_action or any(word in ACTIONS for word in words)
            continue
        end = start + 1
        while end < len(words) and not (_is_action(words[end]) or words[end] in THINGS):
            end += 1
        has_action = has_action or any(word in ACTIONS for word in words[end:])
        return NameKey("/".join((*parts[: depth - 1], " ".join(words[:end]))), has_action)
    return NameKey("", has_action)


def _is_action(word: str) -> bool:
    return word.isdigit() or word in ACTIONS


def picture_key(record: dict[str, Any]) -> NameKey:
    """Who a picture of a set shows, by its line of ``metadata.jsonl``: all frames of a file show one character."""
    path = str(record["raw_file"])
    if record.get("cell"):
        name = parse_cell(record["cell"]).name
        if not name:
            return NameKey(path, is_certain=False)
        key, is_certain = name_key(f"{path}/{name}")
        return NameKey(key, is_certain or name.lower().endswith(ASEPRITE_SUFFIXES))
    if record.get("frame"):
        return NameKey(path, is_certain=True)
    return name_key(path)


def group_names(records: Sequence[dict[str, Any]]) -> list[str]:
    """The name of each picture's group: the stem of its first picture."""
    return [str(records[first]["file_name"]).removesuffix(".png") for first in group_indices(records).tolist()]


def group_indices(records: Sequence[dict[str, Any]]) -> npt.NDArray[np.int64]:
    """Which pictures show one character.

    Together are: those whose names tell of one, if an action is in them; those that differ by numbers alone, if
    they follow each other and are alike; those of which one name goes on where the other ends (``archer``,
    ``archer+female``), if any two are near duplicates; and near duplicates that are alone otherwise.

    Args:
        records: lines of ``metadata.jsonl``, at least ``file_name``, ``raw_file`` and ``perceptual_hash``.

    Returns:
        [N] index of the first picture of each one's group.
    """
    keys = [picture_key(record) for record in records]
    hashes = np.array([int(record["perceptual_hash"], 16) for record in records], np.uint64)
    found = UnionFind(len(records))
    members: dict[str, list[int]] = defaultdict(list)
    for index in sorted(range(len(records)), key=lambda index: _natural(records[index])):
        members[keys[index].key].append(index)
    for key, indices in members.items():
        _join_named(found, indices, hashes, certain=any(keys[index].is_certain for index in indices))
        for shorter in _shorter_names(key):
            others = members.get(shorter)
            if others and _nearest(hashes[indices], hashes[others]) <= MAX_DISTANCE:
                found.join(np.array(indices[:1]), np.array(others[:1]))
    _join_single(found, hashes)
    return found.roots(np.arange(len(records)))


def _natural(record: dict[str, Any]) -> list[tuple[int, str]]:
    """Orders names as people do: 2 before 10."""
    words = WORDS.findall(f"{record['raw_file']}/{record.get('frame', 0)}")
    return [(int(word), "") if word.isdecimal() and len(word) < NUMBER_DIGITS else (-1, word) for word in words]


def _join_named(found: UnionFind, indices: list[int], hashes: npt.NDArray[np.uint64], certain: bool) -> None:
    members = np.array(indices)
    if certain:
        found.join(members[1:], np.repeat(members[:1], len(members) - 1))
        return
    for step in range(1, min(FOLLOWING, len(members) - 1) + 1):
        ones, others = members[step:], members[:-step]
        near = np.bitwise_count(hashes[ones] ^ hashes[others]) <= FOLLOWING_DISTANCE
        found.join(ones[near], others[near])


def _shorter_names(key: str) -> list[str]:
    folder, _, name = key.rpartition("/")
    words = name.split(" ")
    return ["/".join(filter(None, [folder, " ".join(words[:count])])) for count in range(1, len(words))]


def _nearest(ones: npt.NDArray[np.uint64], others: npt.NDArray[np.uint64]) -> int:
    """The fewest bits in which two hashes differ."""
    return min(int(np.bitwise_count(others ^ one).min()) for one in ones)


def _join_single(found: UnionFind, hashes: npt.NDArray[np.uint64]) -> None:
    """Join near duplicates that are in no group. Those of groups say nothing: fallen figures are all alike."""
    roots = found.roots(np.arange(len(hashes)))
    single = np.flatnonzero(np.bincount(roots, minlength=len(roots))[roots] == 1)
    alike = compare(single, hashes[single])
    found.join(alike.ids, alike.ids[alike.groups])
