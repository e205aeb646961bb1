"""Whether generated pictures are copies: their nearest training pictures, shown and measured."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gan.evaluation.metrics import ROWS_AT_ONCE
from kit.image_grid import GAP_PX, GRID_COLOUR

SHOWN = 10
"""Generated pictures on each half of the board."""
NEIGHBOURS = 3
MAX_COMPARED = 2000
"""Generated pictures, and as many real ones, whose nearest training picture is sought."""
CAPTION_PX = 40
CAPTION_COLOUR = (228, 228, 231)
FAINT_COLOUR = (161, 161, 170)
BETWEEN_PX = 12


@dataclass(frozen=True)
class EmbeddedImages:
    """Pictures and what a network sees in them."""

    pictures: Tensor
    """[N, 3, H, W] uint8."""
    features: Tensor
    """[N, D] float32."""


@dataclass(frozen=True)
class Nearest:
    """The training pictures nearest to some others, the nearest first."""

    distances: Tensor
    """[N, k] float32."""
    places: Tensor
    """[N, k] int64: numbers in the training set; from its length upwards those of its mirror images."""


@dataclass(frozen=True)
class NearestNeighbours:
    """Pictures and their nearest, once by what a network sees in them, once by their pixels."""

    by_features: Nearest
    by_pixels: Nearest


@dataclass(frozen=True)
class TrainingSet:
    """What may have been copied: the pictures and their mirror images."""

    seen: EmbeddedImages
    mirrored_features: Tensor
    """[N, D] float32."""

    def nearest_to(
        self, others: EmbeddedImages, ignored: Tensor | None = None, k: int = 2 * NEIGHBOURS
    ) -> NearestNeighbours:
        """The ``k`` nearest of each other picture, a picture and its mirror image counted as two.

        ``ignored`` as in `nearest`.
        """
        return NearestNeighbours(
            nearest(others.features, [self.seen.features, self.mirrored_features], ignored, k),
            nearest(others.pictures, with_mirrors(self.seen.pictures), ignored, k),
        )

    def nearest_to_each_other(self) -> tuple[NearestNeighbours, int]:
        """The nearest other picture of some of the set's own, evenly spread; and of how many."""
        total = len(self.seen.pictures)
        chosen = torch.linspace(0, total - 1, min(total, MAX_COMPARED)).long()
        some = EmbeddedImages(self.seen.pictures[chosen], self.seen.features[chosen])
        return self.nearest_to(some, torch.stack([chosen, chosen + total], 1), k=1), len(chosen)


def nearest(queries: Tensor, among: Iterable[Tensor], ignored: Tensor | None, k: int) -> Nearest:
    """The ``k`` nearest rows by Euclidean distance, a block at a time.

    Args:
        queries: [N, …], any number format.
        among: parts [m, …] of the training set, then of its mirror images; more than k rows.
        ignored: [N, i] int64, row numbers that are no neighbours of a query, such as its own.
        k: how many.
    """
    rows = queries.flatten(1).float()
    distances = torch.full((len(rows), k), torch.inf)
    places = torch.zeros(len(rows), k, dtype=torch.long)
    start = 0
    for block in (block for part in among for block in part.split(ROWS_AT_ONCE)):  # type: ignore[no-untyped-call]
        numbers = torch.arange(start, start + len(block)).expand(len(rows), -1)
        found = torch.cdist(rows, block.flatten(1).float())
        for number in () if ignored is None else ignored.T:
            found[numbers == number[:, None]] = torch.inf
        distances, chosen = torch.cat([distances, found], 1).topk(k, largest=False)
        places = torch.cat([places, numbers], 1).gather(1, chosen)
        start += len(block)
    return Nearest(distances, places)


def with_mirrors(pictures: Tensor) -> Iterator[Tensor]:
    """The set's pictures [N, 3, H, W], then their mirror images, which are made a few at a time."""
    yield pictures
    for part in pictures.split(ROWS_AT_ONCE):  # type: ignore[no-untyped-call]
        yield part.flip(3)


def memorisation(generated: NearestNeighbours, others: NearestNeighbours) -> dict[str, float]:
    """How near generated pictures lie to the training set, next to how near pictures do that it does not hold.

    Returns:
        By space, ``features`` and ``pixels``, the quotient of both median distances: about 1 where the generator
        invents as new real pictures would, near 0 where it copies.
    """
    pairs = {
        "features": (generated.by_features, others.by_features),
        "pixels": (generated.by_pixels, others.by_pixels),
    }
    medians = {space: [float(found.distances[:, 0].median()) for found in pair] for space, pair in pairs.items()}
    return {space: ours / max(theirs, 1e-9) for space, (ours, theirs) in medians.items()}


def neighbour_board(generated: Tensor, training: Tensor, compared: NearestNeighbours) -> Image.Image:
    """Generated pictures beside their nearest training pictures, mirror images among them.

    Args:
        generated: [N, 3, H, W] uint8; of these, the first few and those nearest to a training picture are shown.
        training: [M, 3, H, W] uint8.
        compared: of ``generated``.
    """
    closest = compared.by_features.distances[:, 0].argsort()[:SHOWN]
    halves = {
        "as they come": torch.arange(min(SHOWN, len(generated))),
        f"of {len(generated):,}, those nearest to a training picture": closest,
    }
    panels = [panel(title, rows, generated, training, compared) for title, rows in halves.items()]
    sheet = Image.new("RGB", (sum(each.width for each in panels), panels[0].height), GRID_COLOUR)
    for place, each in enumerate(panels):
        sheet.paste(each, (place * each.width, 0))
    return sheet


def panel(
    title: str, rows: Tensor, generated: Tensor, training: Tensor, compared: NearestNeighbours
) -> Image.Image:
    """One half of the board: a generated picture a row, then its nearest by features and by pixels."""
    side = training.shape[-1]
    step = side + GAP_PX
    columns = [GAP_PX, GAP_PX + step + BETWEEN_PX, GAP_PX + 2 * BETWEEN_PX + (1 + NEIGHBOURS) * step]
    head = 2 * CAPTION_PX
    width = columns[2] + NEIGHBOURS * step + 2 * BETWEEN_PX
    sheet = Image.new("RGB", (width, head + len(rows) * step), GRID_COLOUR)
    pen = ImageDraw.Draw(sheet)
    pen.text((GAP_PX, CAPTION_PX // 2), title, CAPTION_COLOUR, ImageFont.load_default(16), anchor="lm")
    captions = ("generated", "nearest by features", "nearest by pixels")
    for x, words in zip(columns, captions, strict=True):
        pen.text((x, CAPTION_PX * 3 // 2), words, FAINT_COLOUR, ImageFont.load_default(13), anchor="lm")
    for line, row in enumerate(rows.tolist()):
        y = head + line * step
        sheet.paste(picture_of(generated[row]), (columns[0], y))
        for x, found in zip(columns[1:], (compared.by_features, compared.by_pixels), strict=True):
            for rank, place in enumerate(different(found.places[row].tolist(), len(training))):
                sheet.paste(picture_of(training_picture(training, place)), (x + rank * step, y))
    return sheet


def different(places: list[int], total: int) -> list[int]:
    """The first NEIGHBOURS places that mean different pictures, a picture or its mirror image."""
    first = {place % total: place for place in reversed(places)}
    return [place for place in places if first[place % total] == place][:NEIGHBOURS]


def training_picture(training: Tensor, place: int) -> Tensor:
    """The picture that a place of `Nearest` means, mirrored if it is its mirror image that is near."""
    picture = training[place % len(training)]
    return picture.flip(2) if place >= len(training) else picture


def picture_of(pixels: Tensor) -> Image.Image:
    """[3, H, W] uint8 -> an RGB picture."""
    return Image.fromarray(pixels.permute(1, 2, 0).numpy())
