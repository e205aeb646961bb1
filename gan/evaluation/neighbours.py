"""Whether generated pictures are copies: their nearest training pictures, shown and measured."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gan.evaluation.metrics import ROWS_AT_ONCE
from gan.images import to_image
from kit.chequers import on_chequers
from kit.image_grid import GAP_PX, GRID_COLOUR

ROWS_SHOWN = 10
"""Generated pictures on each half of the board."""
NEIGHBOURS = 3
MAX_COMPARED = 2000
"""Generated pictures, and as many real ones, whose nearest training picture is sought."""
CAPTION_PX = 40
CAPTION_COLOUR = (228, 228, 231)
SUBTITLE_COLOUR = (161, 161, 170)
COLUMN_GAP_PX = 12


@dataclass(frozen=True)
class EmbeddedImages:
    """Images and their features."""

    images: Tensor
    """[N, C, H, W] uint8."""
    features: Tensor
    """[N, D] float32."""


@dataclass(frozen=True)
class Nearest:
    """The training pictures nearest to some others, the nearest first."""

    distances: Tensor
    """[N, k] float32."""
    indices: Tensor
    """[N, k] int64: row numbers in the training set; from its length upwards those of its mirror images."""


@dataclass(frozen=True)
class NearestNeighbours:
    """The nearest training images, once by features, once by pixels."""

    by_features: Nearest
    by_pixels: Nearest


@dataclass(frozen=True)
class EmbeddedTrainingSet:
    """What may have been copied: the pictures and their mirror images."""

    originals: EmbeddedImages
    mirrored_features: Tensor
    """[N, D] float32."""

    def neighbours_of(
        self, others: EmbeddedImages, excluded: Tensor | None = None, k: int = 2 * NEIGHBOURS
    ) -> NearestNeighbours:
        """The ``k`` nearest of each other picture, a picture and its mirror image counted as two.

        ``excluded`` as in `k_nearest`.
        """
        return NearestNeighbours(
            k_nearest(others.features, [self.originals.features, self.mirrored_features], excluded, k),
            k_nearest(others.images, with_mirror_images(self.originals.images), excluded, k),
        )

    def neighbours_within(self) -> tuple[NearestNeighbours, int]:
        """The nearest other image of each of some evenly spaced images of the set, and how many these are."""
        total = len(self.originals.images)
        chosen = torch.linspace(0, total - 1, min(total, MAX_COMPARED)).long()
        some = EmbeddedImages(self.originals.images[chosen], self.originals.features[chosen])
        return self.neighbours_of(some, torch.stack([chosen, chosen + total], 1), k=1), len(chosen)


def k_nearest(queries: Tensor, image_blocks: Iterable[Tensor], excluded: Tensor | None, k: int) -> Nearest:
    """The ``k`` nearest rows by Euclidean distance, a block at a time.

    Args:
        queries: [N, …], any number format.
        image_blocks: parts [m, …] of the training set, then of its mirror images; more than k rows.
        excluded: [N, i] int64, row numbers that are no neighbours of a query, such as its own.
        k: how many.
    """
    rows = queries.flatten(1).float()
    distances = torch.full((len(rows), k), torch.inf)
    indices = torch.zeros(len(rows), k, dtype=torch.long)
    start = 0
    for block in (block for image_block in image_blocks for block in image_block.split(ROWS_AT_ONCE)):  # type: ignore[no-untyped-call]
        row_numbers = torch.arange(start, start + len(block)).expand(len(rows), -1)
        block_distances = torch.cdist(rows, block.flatten(1).float())
        for own_row in () if excluded is None else excluded.T:
            block_distances[row_numbers == own_row[:, None]] = torch.inf
        distances, kept = torch.cat([distances, block_distances], 1).topk(k, largest=False)
        indices = torch.cat([indices, row_numbers], 1).gather(1, kept)
        start += len(block)
    return Nearest(distances, indices)


def with_mirror_images(images: Tensor) -> Iterator[Tensor]:
    """The set's pictures [N, C, H, W], then their mirror images, which are made a few at a time."""
    yield images
    for block in images.split(ROWS_AT_ONCE):  # type: ignore[no-untyped-call]
        yield block.flip(3)


def memorisation_ratios(generated: NearestNeighbours, others: NearestNeighbours) -> dict[str, float]:
    """How near generated images lie to the training set, relative to images that are not part of it.

    Returns:
        By space, ``features`` and ``pixels``, the ratio of the two median distances: about 1 where the generator
        invents as new real pictures would, near 0 where it copies.
    """
    pairs = {
        "features": (generated.by_features, others.by_features),
        "pixels": (generated.by_pixels, others.by_pixels),
    }
    medians = {
        space: [float(nearest.distances[:, 0].median()) for nearest in pair] for space, pair in pairs.items()
    }
    return {space: ours / max(theirs, 1e-9) for space, (ours, theirs) in medians.items()}


def neighbour_grid(generated: Tensor, training: Tensor, neighbours: NearestNeighbours) -> Image.Image:
    """Generated pictures beside their nearest training pictures, mirror images among them.

    Args:
        generated: [N, C, H, W] uint8; of these, the first few and those nearest to a training picture are shown.
        training: [M, C, H, W] uint8.
        neighbours: of ``generated``.
    """
    closest = neighbours.by_features.distances[:, 0].argsort()[:ROWS_SHOWN]
    halves = {
        "as they come": torch.arange(min(ROWS_SHOWN, len(generated))),
        f"of {len(generated):,}, those nearest to a training picture": closest,
    }
    panels = [neighbour_panel(title, rows, generated, training, neighbours) for title, rows in halves.items()]
    canvas = Image.new("RGB", (sum(each.width for each in panels), panels[0].height), GRID_COLOUR)
    for index, each in enumerate(panels):
        canvas.paste(each, (index * each.width, 0))
    return canvas


def neighbour_panel(
    title: str, rows: Tensor, generated: Tensor, training: Tensor, neighbours: NearestNeighbours
) -> Image.Image:
    """One half of the board: a generated picture a row, then its nearest by features and by pixels."""
    side = training.shape[-1]
    step = side + GAP_PX
    columns = [GAP_PX, GAP_PX + step + COLUMN_GAP_PX, GAP_PX + 2 * COLUMN_GAP_PX + (1 + NEIGHBOURS) * step]
    head = 2 * CAPTION_PX
    width = columns[2] + NEIGHBOURS * step + 2 * COLUMN_GAP_PX
    canvas = Image.new("RGB", (width, head + len(rows) * step), GRID_COLOUR)
    pen = ImageDraw.Draw(canvas)
    pen.text((GAP_PX, CAPTION_PX // 2), title, CAPTION_COLOUR, ImageFont.load_default(16), anchor="lm")
    captions = ("generated", "nearest by features", "nearest by pixels")
    for x, caption in zip(columns, captions, strict=True):
        pen.text((x, CAPTION_PX * 3 // 2), caption, SUBTITLE_COLOUR, ImageFont.load_default(13), anchor="lm")
    for line, row in enumerate(rows.tolist()):
        y = head + line * step
        canvas.paste(on_chequers(to_image(generated[row])), (columns[0], y))
        for x, nearest in zip(columns[1:], (neighbours.by_features, neighbours.by_pixels), strict=True):
            for rank, index in enumerate(distinct_images(nearest.indices[row].tolist(), len(training))):
                canvas.paste(on_chequers(to_image(training_image(training, index))), (x + rank * step, y))
    return canvas


def distinct_images(indices: list[int], total: int) -> list[int]:
    """The first `NEIGHBOURS` indices of different images; an image and its mirror image count as one."""
    first = {index % total: index for index in reversed(indices)}
    return [index for index in indices if first[index % total] == index][:NEIGHBOURS]


def training_image(training: Tensor, index: int) -> Tensor:
    """The image at an index of `Nearest`, mirrored if its mirror image is the near one."""
    image = training[index % len(training)]
    return image.flip(2) if index >= len(training) else image
