"""What is in a set and what is not, as the database of its build has it."""

import json
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from dataset.build_database import FILE_PATH, IS_TWIN, OUTCOME_SQL, PART_MARK, BuildDatabase, read_outcome
from dataset.curation import CROPPED, LEFT_OUT, TURNED
from dataset.frames import frames_of_note
from dataset.near_duplicates import Comparison, compare
from dataset.raw import path_of_key, split_part
from dataset.render import Outcome

WHOLE = np.dtype("<i8")
IS_PART_1_OR_FILE = f"(NOT {PART_MARK} OR substr(files.path, {PART_MARK} + 2, 6) = CAST('000001' AS BLOB))"
FIRST_FOLDER = f"substr({FILE_PATH}, 1, instr({FILE_PATH}, x'00'))"
"""With the mark after it; empty where a file is in none."""
CURATED = {
    "left_out": f"reason = '{LEFT_OUT}'",
    "cropped": f"kept AND instr(note, '{CROPPED}')",
    "turned": f"kept AND instr(note, '{TURNED}')",
}
"""Pictures as people decided on them; see `dataset.curation`."""


class SetContents:
    """What there is to say of a set: counts, lists, and which pictures look alike."""

    def __init__(self, database: BuildDatabase) -> None:
        self._database = database

    def count_files(self) -> int:
        """How many raw files there are: an animation or a sheet is one, however many of its parts are taken."""
        return self._database.count(IS_PART_1_OR_FILE)

    def count_frames_passed_over(self) -> int:
        """How many frames of animations with a picture are not looked at as pictures of their own."""
        frames, taken = {}, 0
        for path, note in self._database.connection.execute("SELECT path, note FROM files WHERE note IS NOT NULL"):
            if number := frames_of_note(note):
                frames[split_part(path_of_key(path))[0]] = number
        for (path,) in self._database.connection.execute(
            f"SELECT path FROM files WHERE note IS NOT NULL OR {PART_MARK}"
        ):
            taken += split_part(path_of_key(path))[0] in frames
        return sum(frames.values()) - taken

    def count_twins(self) -> int:
        """How many raw files have the pixels of another."""
        return int(self._database.one(f"SELECT count(*) FROM files INDEXED BY twins WHERE {IS_TWIN}"))

    def count_by_hand(self) -> dict[str, int]:
        """How many pictures people ``left_out``, ``cropped`` and ``turned``, where there are any."""
        return {name: count for name, which in CURATED.items() if (count := self._database.count(which))}

    def duplicates(self) -> Iterator[tuple[Outcome, str]]:
        """Files with the pixels of another, and that one's clean name."""
        for page in self._database.pages(OUTCOME_SQL, IS_TWIN, index="INDEXED BY twins"):
            for _, _, *values in page:
                outcome = read_outcome(values)
                original = self._database.original(bytes.fromhex(outcome.pixel_sha256))
                assert original
                yield outcome, original

    def rejected(self) -> Iterator[Outcome]:
        """Files without a picture."""
        for page in self._database.pages(OUTCOME_SQL, "reason IS NOT NULL"):
            yield from (read_outcome(values) for _, _, *values in page)

    def noted(self) -> Iterator[Outcome]:
        """Pictures of the set of which something is to be said."""
        for page in self._database.pages(OUTCOME_SQL, "note IS NOT NULL AND kept"):
            yield from (read_outcome(values) for _, _, *values in page)

    def common_reason(self) -> tuple[str, int]:
        """Why most of the rejected files were."""
        reason, count = self._database.connection.execute(
            """SELECT reason, count(*) FROM files WHERE reason IS NOT NULL
            GROUP BY reason ORDER BY count(*) DESC, min(file_name) LIMIT 1"""
        ).fetchone()
        return reason, count

    def names(self, condition: str, indices: Iterable[int]) -> list[str]:
        """The clean names at some indices of the files that fulfil a condition."""
        query = f"SELECT file_name FROM files WHERE {condition} ORDER BY file_name LIMIT 1 OFFSET ?"
        return [self._database.one(query, index) for index in indices]

    def sample(self, count: int) -> dict[str, str]:
        """Clean names → hashes of some pictures of the set, in the names' order.

        They are the lowest hashes, so that a new picture seldom changes the choice.
        """
        query = """SELECT file_name, hex(pixel_sha256) FROM (SELECT file_name, pixel_sha256 FROM files
            WHERE kept AND pixel_sha256 IS NOT NULL ORDER BY pixel_sha256 LIMIT ?) ORDER BY file_name"""
        return dict(self._database.connection.execute(query, (count,)))

    def name(self, number: int) -> str:
        """A file's clean name."""
        return str(self._database.one("SELECT file_name FROM files WHERE id = ?", number))

    def kept_names(self) -> Iterator[str]:
        """The clean names of the set's pictures, in order."""
        for page in self._database.pages("file_name", "kept"):
            yield from (name for name, *_ in page)

    def labels(self) -> list[tuple[str | None, int]]:
        """Labels, and how many pictures of the set have each, most first."""
        # The function is called for each folder; for each picture it took longer than all else here.
        return self._database.connection.execute(
            f"""SELECT label(folder), sum(images) FROM (SELECT {FIRST_FOLDER} AS folder, count(*) AS images,
            min(file_name) AS first FROM files WHERE kept GROUP BY folder)
            GROUP BY label(folder) ORDER BY sum(images) DESC, min(first)"""
        ).fetchall()

    def most_common(self, fact: str) -> list[tuple[str | None, int]]:
        """Hosts or games, and how many pictures of the set are from each, most first."""
        return self._database.connection.execute(
            f"""SELECT {fact}, count(*) FROM files LEFT JOIN facts ON facts.path = {FILE_PATH} WHERE kept
            GROUP BY {fact} ORDER BY count(*) DESC, min(file_name)"""
        ).fetchall()

    def compare(self) -> Comparison:
        """Find the pictures that look alike, going on from the last time."""
        query = "SELECT id, perceptual_hash FROM files WHERE kept ORDER BY file_name"
        pairs: npt.NDArray[np.int64] = np.fromiter(
            self._database.connection.execute(query), np.dtype((np.int64, 2))
        )
        former = self._database.note("comparison")
        comparison = compare(pairs[:, 0], pairs[:, 1].astype(np.uint64), former and _read_comparison(former))
        self._database.set_note("comparison", _write_comparison(comparison))
        return comparison


def _write_comparison(comparison: Comparison) -> bytes:
    header = {"images": len(comparison.ids), "pairs": comparison.pairs, "nearest": comparison.nearest}
    arrays = (comparison.ids, comparison.hashes.view(np.int64), comparison.groups)
    return json.dumps(header).encode() + b"\n" + b"".join(array.astype(WHOLE).tobytes() for array in arrays)


def _read_comparison(content: bytes) -> Comparison | None:
    """What `_write_comparison` wrote; None of version 0.1.0, which wrote a zip."""
    if not content.startswith(b"{"):
        return None
    text, _, rest = content.partition(b"\n")
    header = json.loads(text)
    ids, hashes, groups = np.frombuffer(rest, WHOLE).astype(np.int64).reshape(3, header["images"])
    nearest = [(bits, first, second) for bits, first, second in header["nearest"]]
    return Comparison(ids, hashes.view(np.uint64), groups, header["pairs"], nearest)
