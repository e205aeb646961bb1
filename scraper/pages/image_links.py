"""Where a cell's image is: lazy loading, ``srcset``, ``<source>``, backgrounds, ``data:``."""

import re
from collections.abc import Container, Iterable, Iterator
from math import isqrt

from bs4 import Tag

from scraper.net.address_policy import MAX_URL_CHARACTERS
from scraper.net.urls import join_url

LAZY_ATTRIBUTES = ("data-src", "data-lazy-src", "data-original")
LAZY_SETS = ("data-srcset", "data-lazy-srcset")
MAX_VALUE_CHARACTERS = 4000
MAX_TAGS = 50
"""Of a cell without an image, so many are looked at."""
MAX_IMAGES = 20
"""Of a cell, and sources of an image, so many are looked at: a page of nothing else would take hours."""
ANY_WIDTH = 10**9
READABLE_TYPES = frozenset(
    f"image/{kind}" for kind in ("jpeg", "jpg", "png", "apng", "gif", "webp", "avif", "bmp")
)
_IMAGE_PATH = re.compile(r"\.(?:jpe?g|jfif|png|gif|webp|avif|bmp)(?![\w.])", re.IGNORECASE)
_IMAGE_WORD = re.compile(r"src|img|image|lazy|url|photo|picture|orig|full|thumb|bg|echo")
_BLANK_NAME = re.compile(
    r"(?:^|[^a-z])(?:blank|spacer|placeholder|pixel|transparent|loading|loader|lazy|clear|empty|dummy|1x1)(?![a-z])"
)
_BACKGROUND = re.compile(r"url\(\s*[\"']?([^\"')]{1,4000})")
_SET = re.compile(r"\s[\d.]{1,9}[wx]\s*(?:,|$)")
_CANDIDATE = re.compile(r"[\s,]*([^\s,]\S*)")
_DESCRIPTOR = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)([wxh])")


def find_image_url(
    images: list[Tag], cell: Tag, base_url: str, *, attribute: str, repeated: Container[str], max_pixels: int
) -> str:
    """Choose among all that a cell's images offer.

    Args:
        images: what the site's selector found in the cell.
        cell: looked through where it found nothing.
        base_url: what relative addresses start from.
        attribute: where the site's description says the address is; empty: anywhere.
        repeated: values of ``src`` that several cells of the page have, as placeholders do.
        max_pixels: a ``srcset`` may offer more than this, which is passed over.

    Returns:
        An address or a ``data:`` image; some other text where nothing better is offered; empty: nothing is.
    """
    images = images[:MAX_IMAGES]
    offers = _named(images, attribute) if attribute else _offers(images, cell, repeated, isqrt(max_pixels))
    addresses = [address for offer in offers if (address := join_url(base_url, offer))]
    return next(filter(_is_usable, addresses), addresses[0] if addresses else "")


def _is_usable(address: str) -> bool:
    is_http = address.startswith(("http://", "https://"))
    return (is_http and len(address) <= MAX_URL_CHARACTERS) or address.startswith("data:image/")


def _named(images: list[Tag], attribute: str) -> Iterator[str]:
    for image in images:
        value = _value(image, attribute)
        if attribute == "style":
            yield from _backgrounds([image])
        elif attribute.endswith("srcset"):
            yield _largest([value], ANY_WIDTH)
        elif value:
            yield value


def _offers(images: list[Tag], cell: Tag, repeated: Container[str], max_width: int) -> Iterator[str]:
    """The offers of a cell, the best first: where scripts load the image later, ``src`` is a blank."""
    sources = [source for image in images for source in _sources(image)] or cell.select(
        "picture source", limit=MAX_IMAGES
    )
    sources = [source for source in sources if _value(source, "type").lower() in ("", *READABLE_TYPES)]
    sets = [_value(tag, name) for name in (*LAZY_SETS, "srcset") for tag in (*images, *sources)]
    yield _largest([each for each in sets if re.search(r"\s\d+w", each)], max_width)
    yield from (_value(image, name) for name in LAZY_ATTRIBUTES for image in images)
    yield _largest([_value(image, name) for name in LAZY_SETS for image in images], max_width)
    noscript_first = sorted(images, key=lambda image: image.find_parent("noscript") is None)
    yield _largest([_value(image, "srcset") for image in noscript_first], max_width)
    plain = [image for image in noscript_first if not _is_placeholder(image, repeated)]
    yield from (_value(image, "src") for image in plain)
    yield from (_value(image, "href") for image in images if image.name == "a")
    yield from (address for image in images for address in _data_attributes(image))
    yield _largest(sets, max_width)
    yield from _backgrounds(images or [cell, *cell.select("[style*='url(']", limit=MAX_IMAGES)])
    if not images:
        yield from (each for each in _elsewhere(cell) if _IMAGE_PATH.search(re.split(r"[?#]", each)[0]))
    yield from (_value(image, "src") for image in noscript_first)


def _value(tag: Tag, name: str) -> str:
    value = tag.get(name, "")
    text = " ".join(value) if isinstance(value, list) else str(value)
    # A data: address may hold a whole picture; everything else is an address or a list of them.
    return text if text.lstrip()[:5].lower() == "data:" else text[:MAX_VALUE_CHARACTERS]


def _sources(image: Tag) -> list[Tag]:
    # Not only as its children: the parser takes <source> for an element that holds what follows.
    picture_tag = image.find_parent("picture")
    return list(picture_tag.find_all("source")) if picture_tag else []


def _is_placeholder(image: Tag, repeated: Container[str]) -> bool:
    source = _value(image, "src").strip()
    sizes = [_value(image, side) for side in ("width", "height")]
    return (
        source.lower().startswith("data:")
        or source in repeated
        or sizes == ["1", "1"]
        or _BLANK_NAME.search(source.lower().rsplit("/", 1)[-1]) is not None
    )


def _data_attributes(image: Tag) -> Iterator[str]:
    """Values of ``data-…`` that look like an image's address, those that end like one first."""
    values = [
        (name, value)
        for name in image.attrs
        if name.startswith("data-") and (value := _value(image, name).strip()) and value[0] not in "[{"
    ]
    for _, value in values:
        if match := _BACKGROUND.search(value):
            yield match[1]
        elif _IMAGE_PATH.search(value):
            yield _largest([value], ANY_WIDTH) if _SET.search(value) else value
    for name, value in values:
        if value.startswith(("http://", "https://", "/", "./", "../")) and _IMAGE_WORD.search(name):
            yield value


def _elsewhere(cell: Tag) -> Iterator[str]:
    """What a cell without any image may offer: what scripts load later, and links."""
    tags = [cell, *cell.find_all(limit=MAX_TAGS)]
    yield from (address for tag in tags for address in _data_attributes(tag))
    yield from (_value(tag, "href") for tag in tags if tag.name == "a")


def _backgrounds(tags: Iterable[Tag]) -> Iterator[str]:
    for tag in tags:
        if match := _BACKGROUND.search(_value(tag, "style")):
            yield match[1]


def _largest(sets: Iterable[str], max_width: int) -> str:
    """The address of the largest image in some ``srcset`` values that is not wider than ``max_width``."""
    candidates = [candidate for value in sets for candidate in _candidates(value)]
    fitting = [each for each in candidates if each[0] <= max_width]
    if fitting:
        return max(fitting, key=lambda each: each[0])[1]
    return min(candidates, default=(0, ""), key=lambda each: each[0])[1]


def _candidates(value: str) -> Iterator[tuple[float, str]]:
    """Widths (or densities; 1 where nothing is said) and addresses, as HTML has browsers split them.

    Source: https://html.spec.whatwg.org/multipage/images.html#parsing-a-srcset-attribute
    """
    position = 0
    while match := _CANDIDATE.match(value, position):
        address, position = match[1], match.end()
        size = 1.0
        if not address.endswith(","):
            end = value.find(",", position) % (len(value) + 1)
            for descriptor in value[position:end].split():
                if (number := _DESCRIPTOR.fullmatch(descriptor)) and number[2] != "h":
                    size = float(number[1])
            position = end
        yield size, address.rstrip(",")
