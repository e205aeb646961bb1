"""Files of colours: GIMP's .gpl, .hex, JASC's .pal and Adobe's .ase."""

import re
import struct
from pathlib import Path

Colour = tuple[int, int, int]

MAX_COLOURS = 255
"""A GIF has 256, one of them transparent."""
MAX_FILE_CHARS = 100_000
GPL_TITLE, PAL_TITLE, ASE_TITLE = "GIMP Palette", "JASC-PAL", b"ASEF"
RIFF_TITLE, ASEPRITE_MARK = b"RIFF", b"\xe0\xa5"
GPL_COLOUR = r"\s*(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})(?:\s.*)?"
GPL_REMARK = r"\s*|#.*|(?:Name|Columns|Channels):.*"
ASE_COLOUR_BLOCK = 1


class PaletteError(ValueError):
    """It is no palette, or not one that can be used."""


def read_palette_file(path: Path) -> list[Colour]:
    """The colours of a file, none twice; PaletteError names the file and what is wrong."""
    try:
        with path.open("rb") as file:
            return parse_palette_file(file.read(4 * MAX_FILE_CHARS))
    except OSError as error:
        raise PaletteError(
            f"--palette {path}: {error.strerror or error}; name a .gpl, .hex, .pal or .ase file"
        ) from error
    except PaletteError as error:
        raise PaletteError(f"--palette {path}: {error}") from error


def parse_palette_file(content: bytes) -> list[Colour]:
    """Read a file's content, of whichever kind it is."""
    if content.startswith(ASE_TITLE):
        return _usable(ase_colours(content))
    if b"\0" in content:
        raise PaletteError(f"{_binary_kind(content)}; save it as .gpl, .hex, JASC's .pal or Adobe's .ase")
    return parse_palette_text(content.decode(errors="replace"))


def _binary_kind(content: bytes) -> str:
    """What a file that is no text seems to be."""
    if content.startswith(RIFF_TITLE):
        return "a palette of Windows, which is not read"
    if content[4:6] == ASEPRITE_MARK:
        return "an Aseprite document, no palette"
    return "no palette, for it is no text"


def parse_palette_text(text: str) -> list[Colour]:
    """Read .gpl, .hex with six digits a line (as Lospec serves both), or .pal.

    Raises:
        PaletteError: a line is none of these; no colour, or more than MAX_COLOURS.
    """
    if len(text) > MAX_FILE_CHARS:
        raise PaletteError(f"the palette has {len(text):,} letters; {MAX_FILE_CHARS:,} are read")
    lines = text.removeprefix("\ufeff").splitlines()
    title = lines[0].strip() if lines else ""
    announced = 0
    if title == PAL_TITLE:
        announced = int(lines[2]) if len(lines) > 2 and re.fullmatch(r"\s*\d{1,6}\s*", lines[2], re.ASCII) else 1
        lines = [GPL_TITLE, *lines[3:]]  # after its version and the number of colours, as a .gpl
    of_line = gpl_colour if title in (GPL_TITLE, PAL_TITLE) else hex_colour
    colours = [colour for number, line in enumerate(lines) if (colour := of_line(number, line))]
    if len(colours) < announced:
        raise PaletteError(f"the palette is cut off: {len(colours)} of its {announced:,} colours are there")
    return _usable(colours)


def _usable(colours: list[Colour]) -> list[Colour]:
    unique = list(dict.fromkeys(colours))
    if not 1 <= len(unique) <= MAX_COLOURS:
        raise PaletteError(f"the palette has {len(unique)} colours; 1 to {MAX_COLOURS} can be used")
    return unique


def gpl_colour(number: int, line: str) -> Colour | None:
    """The colour on a line of a .gpl file, None on a remark; PaletteError on anything else."""
    if number == 0 or re.fullmatch(GPL_REMARK, line):
        return None
    match = re.fullmatch(GPL_COLOUR, line, re.ASCII)
    red, green, blue = map(int, match.groups()) if match else (256, 0, 0)
    if max(red, green, blue) > 255:
        raise PaletteError(
            f"line {number + 1} of the palette: {line.strip()[:40]!r} is no colour; a .gpl has numbers to 255"
        )
    return red, green, blue


def hex_colour(number: int, line: str) -> Colour | None:
    """The colour on a line of a .hex file, None on an empty one; PaletteError on anything else."""
    digits = line.strip()
    if not digits:
        return None
    if not re.fullmatch(r"[0-9a-fA-F]{6}", digits):
        raise PaletteError(
            f"line {number + 1} of the palette: {digits[:40]!r} is no colour; "
            f"a .hex has six digits a line, a .gpl begins with {GPL_TITLE!r}"
        )
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


def ase_colours(content: bytes) -> list[Colour]:
    """The colours of an Adobe Swatch Exchange file.

    After 12 bytes come blocks: type and length; in a colour's, its name (length, UTF-16) and four letters for how
    it is written. ``RGB `` and ``Gray`` are read, big-endian floats from 0 to 1.

    Raises:
        PaletteError: it is cut off, or a colour is written in another way.
    """
    colours, position = [], 12
    try:
        (blocks,) = struct.unpack_from(">I", content, 8)
        while position < len(content):
            blocks -= 1
            kind, length = struct.unpack_from(">HI", content, position)
            if kind == ASE_COLOUR_BLOCK:
                colours.append(_ase_colour(content, position + 6))
            position += 6 + length
    except struct.error:
        blocks = 1
    if blocks > 0:
        raise PaletteError("the palette is an .ase file that is cut off")
    return colours


def _ase_colour(content: bytes, position: int) -> Colour:
    (letters,) = struct.unpack_from(">H", content, position)
    position += 2 + 2 * letters
    model = content[position : position + 4]
    if model == b"RGB ":
        shares = struct.unpack_from(">3f", content, position + 4)
    elif model == b"Gray":
        shares = 3 * struct.unpack_from(">f", content, position + 4)
    else:
        written = model.decode("latin-1").strip()
        raise PaletteError(f"the palette has a colour in {written}; save it with RGB colours")
    if not all(0 <= share <= 1 for share in shares):
        raise PaletteError("the palette has a colour beyond 0 to 1")
    red, green, blue = (round(255 * share) for share in shares)
    return red, green, blue
