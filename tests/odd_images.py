"""Pictures of every kind, and files that only look like pictures, with what must come of them."""

import functools
import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image, ImageCms

SIDE = 24
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
BLACK, WHITE, GREY = (0, 0, 0), (255, 255, 255), (128, 128, 128)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def plain(colour: Any, mode: str = "RGB", size: tuple[int, int] = (SIDE, SIDE)) -> Image.Image:
    return Image.new(mode, size, colour)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, depth: int, colour_type: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG from its parts, for the kinds that Pillow reads but does not write."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0))
    body = header + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def deep_png(colour_type: int, *values: int, extra: bytes = b"") -> bytes:
    """A 16-bit PNG of one colour."""
    row = b"\0" + struct.pack(f">{len(values)}H", *values) * SIDE
    return png(SIDE, SIDE, 16, colour_type, row * SIDE, extra)


def animation(kind: str) -> bytes:
    return encoded(plain(RED), kind, save_all=True, append_images=[plain(BLUE), plain(GREEN)], duration=50, loop=0)


def half_palette() -> Image.Image:
    """Entry 0 red, entry 1 green; all of it entry 0."""
    image = Image.new("P", (SIDE, SIDE), 0)
    image.putpalette([*RED, *GREEN])
    return image


def swapped_profile() -> bytes:
    """The sRGB profile with red and green swapped, under another name."""
    content = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    positions = {}
    for entry in range(struct.unpack(">I", content[128:132])[0]):
        start = 132 + 12 * entry
        positions[bytes(content[start : start + 4])] = start
    red, green = positions[b"rXYZ"], positions[b"gXYZ"]
    content[red : red + 4], content[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(content).replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


def grey_values(values: Any, kind: str = "TIFF") -> bytes:
    return encoded(Image.fromarray(np.full((SIDE, SIDE), values)), kind)


def with_exif(orientation: int) -> bytes:
    """Stored: left half red, right half blue."""
    image = plain(RED)
    image.paste(BLUE, (SIDE // 2, 0, SIDE, SIDE))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(image, "PNG", exif=exif)


@functools.cache
def valid_images() -> dict[str, tuple[bytes, tuple[int, int, int]]]:
    """Files, each with the colour that its middle must have over a black background."""
    half_clear = (*WHITE, 128)
    return {
        "rgb.png": (encoded(plain(RED), "PNG"), RED),
        "no-suffix": (encoded(plain(RED), "PNG"), RED),
        "a-png.jpg": (encoded(plain(BLUE), "PNG"), BLUE),
        "a-jpeg.png": (encoded(plain(BLUE), "JPEG", quality=100), (0, 0, 254)),
        "rgba.png": (encoded(plain(half_clear, "RGBA"), "PNG"), GREY),
        "grey.png": (encoded(plain(128, "L"), "PNG"), GREY),
        "grey-alpha.png": (encoded(plain((255, 128), "LA"), "PNG"), GREY),
        "one-bit.png": (encoded(plain(1, "1"), "PNG"), WHITE),
        "one-bit-hole.png": (png(SIDE, SIDE, 1, 0, (b"\0\xff\xff\xfe") * SIDE, chunk(b"tRNS", b"\0\1")), BLACK),
        "palette.png": (encoded(half_palette(), "PNG"), RED),
        "palette-hole.png": (encoded(_with_opaque_corner(half_palette()), "PNG", transparency=0), BLACK),
        "palette-alpha.png": (encoded(half_palette(), "PNG", transparency=b"\x80\xff"), (128, 0, 0)),
        "grey-hole.png": (encoded(_with_opaque_corner(plain(200, "L")), "PNG", transparency=200), BLACK),
        "rgb-hole.png": (encoded(_with_opaque_corner(plain(RED)), "PNG", transparency=RED), BLACK),
        "grey-16.png": (deep_png(0, 0x8080), GREY),
        "dark-16.png": (deep_png(0, 257), (1, 1, 1)),
        "grey-16-hole.png": (_hole_16(), BLACK),
        "grey-alpha-16.png": (deep_png(4, 0xFFFF, 0x8080), GREY),
        "rgb-16.png": (deep_png(2, 0xFFFF, 0, 0), RED),
        "rgba-16.png": (deep_png(6, 0xFFFF, 0xFFFF, 0xFFFF, 0x8080), GREY),
        "animated.png": (animation("PNG"), RED),
        "profile.png": (encoded(plain(RED), "PNG", icc_profile=swapped_profile()), GREEN),
        "profile-alpha.png": (
            encoded(plain((*RED, 128), "RGBA"), "PNG", icc_profile=swapped_profile()),
            (0, 128, 0),
        ),
        "profile-palette.png": (encoded(half_palette(), "PNG", icc_profile=swapped_profile()), GREEN),
        "broken-profile.png": (encoded(plain(RED), "PNG", icc_profile=b"no profile at all"), RED),
        "unfit-profile.png": (encoded(plain(128, "L"), "PNG", icc_profile=swapped_profile()), GREY),
        "broken-exif.png": (encoded(plain(RED), "PNG", exif=b"Exif\0\0MM\0*\0\0\xff\xff"), RED),
        "grey.jpg": (encoded(plain(128, "L"), "JPEG"), GREY),
        "cmyk.jpg": (encoded(plain((0, 255, 255, 0), "CMYK"), "JPEG", quality=100), (254, 0, 0)),
        "progressive.jpg": (encoded(plain(GREY), "JPEG", progressive=True), GREY),
        "two-in-one.jpg": (encoded(plain(GREY), "MPO", save_all=True, append_images=[plain(RED)]), GREY),
        "trailing-bytes.jpg": (encoded(plain(GREY), "JPEG") + b"after the end" * 9, GREY),
        "plain.gif": (encoded(half_palette(), "GIF"), RED),
        "animated.gif": (animation("GIF"), RED),
        "hole.gif": (encoded(_with_opaque_corner(half_palette()), "GIF", transparency=0), BLACK),
        "lossless.webp": (encoded(plain(RED), "WEBP", lossless=True), RED),
        "alpha.webp": (encoded(plain(half_clear, "RGBA"), "WEBP", lossless=True), GREY),
        "animated.webp": (animation("WEBP"), (255, 0, 0)),
        "plain.avif": (encoded(plain(GREY), "AVIF"), GREY),
        "alpha.avif": (encoded(plain(half_clear, "RGBA"), "AVIF"), GREY),
        "plain.bmp": (encoded(plain(RED), "BMP"), RED),
        "one-bit.bmp": (encoded(plain(1, "1"), "BMP"), WHITE),
        "lzw.tif": (encoded(plain(RED), "TIFF", compression="tiff_lzw"), RED),
        "pages.tif": (encoded(plain(RED), "TIFF", save_all=True, append_images=[plain(BLUE)]), RED),
        "cmyk.tif": (encoded(plain((0, 255, 255, 0), "CMYK"), "TIFF"), RED),
        "lab.tif": (encoded(plain((255, 128, 128), "LAB"), "TIFF"), WHITE),
        "grey-16.tif": (grey_values(np.uint16(0x8080)), GREY),
        "grey-32.tif": (grey_values(np.int32(0x8080)), GREY),
        "grey-32-small.tif": (grey_values(np.int32(128)), GREY),
        "share.tif": (grey_values(np.float32(0.5)), GREY),
        "float.tif": (grey_values(np.float32(128)), GREY),
        "grey-16.pgm": (b"P5 %d %d 65535\n" % (SIDE, SIDE) + b"\x80\x80" * SIDE * SIDE, GREY),
        "no-end.jpg": (encoded(plain(GREY), "JPEG")[:-2], GREY),
        "text-checksum.png": (_with_broken_text(encoded(plain(RED), "PNG")), RED),
        "fades-in.gif": (_fading_in("GIF"), BLUE),
        "fades-in.png": (_fading_in("PNG"), BLUE),
        "fades-in.webp": (_fading_in("WEBP"), BLUE),
        "hidden-default.png": (
            _with_hidden_default(),
            GREEN,
        ),
        "linear-light-called-srgb.png": (
            encoded(plain((55, 55, 55)), "PNG", icc_profile=linear_profile("sRGB built-in, linear")),
            GREY,
        ),
        "linear-gamma.png": (png(SIDE, SIDE, 8, 2, (b"\0" + b"7" * 3 * SIDE) * SIDE, gamma(100_000)), GREY),
        "gamma-1.8.png": (
            png(SIDE, SIDE, 8, 0, (b"\0" + b"\x80" * SIDE) * SIDE, gamma(55_556)),
            # (128 / 255) ** 1.8 = 0.2892 of full light, 0.5749 as sRGB
            (147, 147, 147),
        ),
        "web-gamma.png": (png(SIDE, SIDE, 8, 0, (b"\0" + b"\x80" * SIDE) * SIDE, gamma(45_455)), GREY),
        "srgb-before-gamma.png": (
            png(SIDE, SIDE, 8, 0, (b"\0" + b"\x80" * SIDE) * SIDE, chunk(b"sRGB", b"\0") + gamma(100_000)),
            GREY,
        ),
        "swapped-primaries.png": (
            png(SIDE, SIDE, 8, 2, (b"\0" + bytes(RED) * SIDE) * SIDE, primaries(3000, 6000, 6400, 3300)),
            GREEN,
        ),
        "texture.tga": (encoded(plain((*RED, 255), "RGBA"), "TGA"), RED),
        "texture.dds": (encoded(plain((*RED, 255), "RGBA"), "DDS"), RED),
        "old.pcx": (encoded(plain(RED), "PCX"), RED),
        "new.qoi": (encoded(plain(RED), "QOI"), RED),
        "wavelets.jp2": (encoded(plain(RED), "JPEG2000"), RED),
        "workstation.sgi": (encoded(plain(RED), "SGI"), RED),
        "icon.ico": (encoded(plain(RED), "ICO", sizes=[(SIDE, SIDE)]), RED),
        "16-to-1.png": (encoded(plain(RED, size=(128, 8)), "PNG"), RED),
    }


def _with_opaque_corner(image: Image.Image) -> Image.Image:
    """One pixel of something else, because what is transparent altogether is refused."""
    image.putpixel((0, 0), {"P": 1, "L": 9, "RGB": (1, 2, 3)}[image.mode])  # type: ignore[arg-type]
    return image


def gamma(hundred_thousandths: int) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", hundred_thousandths))


def primaries(red_x: int, red_y: int, green_x: int, green_y: int) -> bytes:
    """A PNG's cHRM chunk, in units of 1/10000; white and blue are those of sRGB."""
    values = (3127, 3290, red_x, red_y, green_x, green_y, 1500, 600)
    return chunk(b"cHRM", struct.pack(">8I", *(10 * value for value in values)))


def spotted(colour: tuple[int, int, int]) -> Image.Image:
    """Of one colour but for a corner."""
    image = plain(colour)
    image.putpixel((0, 0), WHITE)
    return image


def _fading_in(kind: str) -> bytes:
    clear = plain((0, 0, 0, 0), "RGBA")
    options = {"WEBP": {"lossless": True}, "GIF": {"disposal": 2}}.get(kind, {})
    frames = [plain((*WHITE, 255), "RGBA"), spotted(BLUE).convert("RGBA")]
    return encoded(clear, kind, save_all=True, append_images=frames, duration=50, **options)


def _with_hidden_default() -> bytes:
    """An APNG whose first image is not of the animation; browsers never show it."""
    frames = [spotted(GREEN), plain(BLUE)]
    return encoded(plain(RED), "PNG", save_all=True, append_images=frames, default_image=True)


def _with_broken_text(content: bytes) -> bytes:
    """After the signature and the header, a text whose checksum is wrong."""
    text = bytearray(chunk(b"tEXt", b"Comment\0of some editor"))
    text[-1] ^= 1
    return content[:33] + bytes(text) + content[33:]


def linear_profile(name: str) -> bytes:
    """The sRGB profile with linear light in place of its curve, under any name."""
    content = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    entries = {}
    for entry in range(struct.unpack(">I", content[128:132])[0]):
        start = 132 + 12 * entry
        entries[bytes(content[start : start + 4])] = start
    text = name.encode("utf-16-be")
    described = b"mluc\0\0\0\0" + struct.pack(">II", 1, 12) + b"enUS" + struct.pack(">II", len(text), 28) + text
    linear = b"curv\0\0\0\0" + struct.pack(">I", 0)
    for tag, value in {b"desc": described, b"rTRC": linear, b"gTRC": linear, b"bTRC": linear}.items():
        content += bytes(-len(content) % 4)
        struct.pack_into(">II", content, entries[tag] + 4, len(content), len(value))
        content += value
    struct.pack_into(">I", content, 0, len(content))
    return bytes(content)


def _hole_16() -> bytes:
    """16-bit grey of the one value that is declared transparent, but for the first pixel."""
    row = b"\0" + struct.pack(">H", 0x1234) * SIDE
    first = b"\0\x55\x55" + row[3:]
    return png(SIDE, SIDE, 16, 0, first + row * (SIDE - 1), chunk(b"tRNS", b"\x12\x34"))


@functools.cache
def invalid_images() -> dict[str, tuple[bytes, str]]:
    """Files, each with words of the reason why it is none."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    noisy = Image.fromarray(noise)
    whole = {kind: encoded(noisy, kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "AVIF", "BMP", "TIFF")}
    cut = {
        f"cut-{kind.lower()}.png": (content[: len(content) * 2 // 3], "damaged") for kind, content in whole.items()
    }
    flipped = bytearray(whole["PNG"])
    flipped[len(flipped) // 2] ^= 255
    text_bomb = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(2**23)))
    return {
        **cut,
        "empty.png": (b"", "an empty file"),
        "zeros.png": (bytes(5000), "nothing but zeros"),
        "noise.png": (b"\x07" + noise.tobytes()[:4000], "not a picture"),
        "two-bytes.jpg": (b"\xff\xd8", "damaged in its first bytes"),
        "signature.png": (b"\x89PNG\r\n\x1a\n", "damaged in its first bytes"),
        "header.png": (whole["PNG"][:33], "damaged in its first bytes"),
        "flipped-bit.png": (bytes(flipped), "damaged"),
        "page.png": (b"<!DOCTYPE html><html><body>404</body></html>", "a web page"),
        "page.jpg": (b"\n\n  <HTML><head><title>Blocked</title>", "a web page"),
        "commented-page.gif": (b"<!-- cached --><html>", "a web page"),
        "drawing.png": (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        "answer.png": (b'{"error": "not found"}', "a JSON text"),
        "notes.txt": ("Größe: 80".encode(), "a text"),
        "paper.png": (b"%PDF-1.7\n", "a PDF document"),
        "script.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "a PostScript document"),
        "packed.png": (b"PK\x03\x04rest", "an archive"),
        "zipped.png": (b"\x1f\x8b\x08rest", "an archive"),
        "film.png": (b"\0\0\0\x18ftypmp42\0\0\0\0", "a video"),
        "film.webm": (b"\x1aE\xdf\xa3\x9fB\x86\x81", "a video"),
        "layers.xcf": (b"gimp xcf v011\0", "a GIMP document; export it as PNG"),
        "sprite.aseprite": (b"\x80\0\0\0\xe0\xa5", "an Aseprite document; export it as PNG"),
        "new.jxl": (b"\xff\x0a\xfa", "a JPEG XL picture; save it as PNG"),
        "large.psb": (b"8BPS\0\2", "a Photoshop document"),
        "light.exr": (b"\x76\x2f\x31\x01", "an OpenEXR picture"),
        "texture.ktx2": (b"\xabKTX 20\xbb", "a GPU texture"),
        "letter.doc": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an OLE document"),
        "settings.ini": (b"[.ShellClassInfo]\r\n", "a text"),
        "readme.txt": ("Größe".encode("utf-16"), "a text"),
        "phone.heic": (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC picture"),
        "pixel.gif": (encoded(plain(0, "P", (1, 1)), "GIF"), "1x1: a side under 8 pixels"),
        "pixel.png": (encoded(plain(RED, size=(1, 1)), "PNG"), "1x1: a side under 8 pixels"),
        "spacer.png": (encoded(plain(RED, size=(100, 7)), "PNG"), "100x7: a side under 8 pixels"),
        "banner.png": (encoded(plain(RED, size=(129, 8)), "PNG"), "129x8: more than 16 times"),
        "tower.png": (encoded(plain(RED, size=(8, 129)), "PNG"), "8x129: more than 16 times"),
        "clear.png": (encoded(plain((*RED, 0), "RGBA"), "PNG"), "wholly transparent"),
        "bomb.png": (png(8000, 8000, 8, 2, bytes(100)), "8000x8000: more than 50 million pixels"),
        "great-bomb.png": (png(2**31 - 1, 2**31 - 1, 8, 2, b""), "million pixels"),
        "bomb.gif": (
            b"GIF89a"
            + struct.pack("<HH", 65535, 65535)
            + bytes(3)
            + b","
            + struct.pack("<4H", 0, 0, 65535, 65535)
            + b"\0\x02"
            + bytes(20),
            "million pixels",
        ),
        "bomb.bmp": (whole["BMP"][:18] + struct.pack("<ii", 60000, 60000) + whole["BMP"][26:], "million pixels"),
        "text-bomb.png": (png(SIDE, SIDE, 8, 2, (b"\0" + b"abc" * SIDE) * SIDE, text_bomb), "damaged"),
        "negative.tif": (grey_values(np.float32(-1)), "grey values from -1 to -1"),
        "no-number.tif": (grey_values(np.float32("nan")), "grey values from nan to nan"),
        "beyond.tif": (grey_values(np.int32(70000)), "grey values from 70000 to 70000"),
        "loop.tif": (b"II*\0\x08\0\0\0\0\0\x08\0\0\0", "damaged"),
    }


def with_scans(count: int, side: int = 64) -> bytes:
    """A progressive JPEG whose last scan is repeated until there are so many."""
    values = np.random.default_rng(0).integers(0, 256, (side, side), np.uint8)
    content = encoded(Image.fromarray(values), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    scan = content[last:-2]
    return content[:-2] + scan * (count - content.count(b"\xff\xda")) + content[-2:]
