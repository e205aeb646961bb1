"""Which pictures of a set a training never sees: whole characters, so that no frame of one is on both sides."""

from collections import defaultdict
from hashlib import sha256
from pathlib import Path

from dataset.errors import DatasetError
from dataset.image_folder import character_names, image_files, recorded_groups


def split_files(folder: Path, share: float) -> tuple[list[Path], list[Path]]:
    """The pictures to train on, and those held out, each in the order of `image_files`.

    Characters are ranked by a hash of their names, so the same are held out whenever the set is the same, and most
    of them when pictures have been added.

    Args:
        folder: as `image_files` takes it.
        share: of the characters, 0 to 1; at least one is held out, and one is left.

    Raises:
        DatasetError: as `image_files`; or there is one character alone.
    """
    files = image_files(folder)
    characters: dict[str, list[Path]] = defaultdict(list)
    for file, name in zip(files, character_names(recorded_groups(folder), files), strict=True):
        characters[name].append(file)
    if len(characters) < 2:
        raise DatasetError(f"{folder}: one character alone, of whom none can be held out; leave out --hold-out")
    ranked = sorted(characters, key=lambda name: sha256(name.encode("utf-8", "surrogatepass")).digest())
    count = min(max(round(share * len(ranked)), 1), len(ranked) - 1)
    held_out = {file for name in ranked[:count] for file in characters[name]}
    return [file for file in files if file not in held_out], [file for file in files if file in held_out]
