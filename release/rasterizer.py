"""A rasterizer in NumPy: visible triangles are sampled densely, and the nearest sample of each pixel wins."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from release.meshes import Floats, Triangles, unit, vertex_normals

CANVAS_PX = 200
"""Two and a half times the final size."""
SAMPLES_A_PIXEL = 2.5
"""So few pixels of a surface stay without a sample that the reduction hides them."""

Mesh = tuple[Floats, Triangles, Floats]
"""Vertices [n, 3], triangles, and RGB + shine of each vertex [n, 4]."""


def render(
    meshes: Sequence[Mesh], camera: Floats, centre: Floats, span: float, rng: np.random.Generator
) -> Image.Image:
    """Sample all surfaces, keep the nearest sample of each pixel and light it.

    Args:
        meshes: the scene.
        camera: [3, 3], turns the scene; the camera looks along -z.
        centre: of the canvas, in the turned scene.
        span: width of the canvas, in the scene's units.
        rng: offsets of the samples, and the light.

    Returns:
        RGBA, `CANVAS_PX` square.
    """
    px = CANVAS_PX
    samples = [sample_surface(mesh, camera, centre, span, rng.random()) for mesh in meshes if len(mesh[1])]
    positions, normals, colours = (np.concatenate(parts) for parts in zip(*samples, strict=True))
    cell = np.floor(positions[:, :2]).astype(int)
    inside = ((cell >= 0) & (cell < px)).all(1)
    positions, normals, colours, cell = positions[inside], normals[inside], colours[inside], cell[inside]
    order = np.argsort(positions[:, 2], kind="stable")
    nearest = np.full(px * px, -1)
    nearest[cell[order, 1] * px + cell[order, 0]] = order
    nearest = without_holes(nearest.reshape(px, px), positions[:, 2], 0.02 * span).reshape(-1)
    covered = nearest >= 0
    rows = nearest[covered]
    image: Floats = np.zeros((px * px, 4))
    toon = rng.random() < 0.4
    image[covered, :3] = lit(normals[rows], colours[rows], toon, rng)
    image[covered, 3] = 1
    image = image.reshape(px, px, 4)
    if toon:
        depth = np.full(px * px, -1e3)
        depth[covered] = positions[rows, 2]
        image[edges(depth.reshape(px, px), span), :3] *= 0.15
    return Image.fromarray((255 * image.clip(0, 1)).astype(np.uint8), "RGBA")


def sample_surface(
    mesh: Mesh, camera: Floats, centre: Floats, span: float, offset: float
) -> tuple[Floats, Floats, Floats]:
    """Points on the triangles that face the camera: positions on the canvas with depth, normals, colours."""
    vertices, faces, colours = mesh
    turned = vertices @ camera.T
    px = CANVAS_PX
    flat = (turned[:, :2] - centre[:2]) * (px / span) * [1, -1] + px / 2
    normals = vertex_normals(turned, faces)
    one, two, three = (flat[faces[:, index]] for index in range(3))
    area = 0.5 * ((two - one)[:, 0] * (three - one)[:, 1] - (two - one)[:, 1] * (three - one)[:, 0])
    inside = ((flat[faces].max(1) > 0) & (flat[faces].min(1) < px)).all(1)
    facing = (area < 0) & inside
    times = np.minimum(np.ceil(-area[facing] * SAMPLES_A_PIXEL).astype(int) + 1, 20000)
    ids = np.repeat(faces[facing], times, axis=0)
    # Spaced evenly over each triangle: Roberts' sequence.
    number = np.arange(len(ids)) + offset
    u, v = number * 0.7548776662466927 % 1, number * 0.5698402909980532 % 1
    swap = u + v > 1
    u[swap], v[swap] = 1 - u[swap], 1 - v[swap]
    share = np.stack([1 - u - v, u, v], 1)[:, :, None]
    return (
        np.hstack([(flat[ids] * share).sum(1), (turned[ids][:, :, 2:] * share).sum(1)]),
        (normals[ids] * share).sum(1),
        (colours[ids] * share).sum(1),
    )


def lit(normals: Floats, colours: Floats, toon: bool, rng: np.random.Generator) -> Floats:
    """Colours under a lamp, one from behind and the sky: photographic, or in a cartoon's steps."""
    normals = unit(normals)
    lamp = unit(np.array([rng.normal(0, 0.8), rng.uniform(0.1, 1.3), rng.uniform(0.3, 1.2)]))
    rim = unit(np.array([rng.choice([-1, 1]) * rng.uniform(0.6, 1.2), rng.uniform(-0.2, 0.8), -0.5]))
    diffuse: Floats = np.clip(normals @ lamp, 0, 1)
    behind: Floats = np.clip(normals @ rim, 0, 1) ** 1.5
    shine: Floats = np.clip(normals @ unit(lamp + np.array([0, 0, 1.0])), 0, 1) ** rng.uniform(12, 50)
    if toon:
        steps = float(rng.choice([2, 3]))
        diffuse[:] = np.ceil(diffuse * steps) / steps
        shine[:] = (shine > 0.5) * 0.7
        behind *= 0.3
    sky = rng.uniform(0.15, 0.5) * (0.75 + 0.25 * normals[:, 1])
    warm = 1 + 0.12 * rng.normal(size=3)
    light = sky[:, None] + np.outer(diffuse, rng.uniform(0.6, 1.05) * warm)
    glare = colours[:, 3:] * shine[:, None] * rng.uniform(0.3, 0.9)
    tint = np.outer(behind, np.clip(rng.normal(0.3, 0.35, 3), 0, 1))
    shaded: Floats = colours[:, :3] * light + glare + tint * rng.choice([0.0, 0.6, 1.0])
    return shaded


def without_holes(nearest: NDArray[np.int64], depths: Floats, limit: float) -> NDArray[np.int64]:
    """Pixels that lie behind both of two opposite neighbours take over one of them: samples had missed them."""
    for _ in range(2):
        depth = np.where(nearest >= 0, depths[nearest], -1e3)
        for axis in (0, 1):
            one, other = np.roll(nearest, 1, axis), np.roll(nearest, -1, axis)
            around = np.minimum(np.roll(depth, 1, axis), np.roll(depth, -1, axis))
            nearest = np.where(
                around - depth > limit, np.where(np.roll(depth, 1, axis) == around, one, other), nearest
            )
            depth = np.where(nearest >= 0, depths[nearest], -1e3)
    return nearest


def edges(depth: Floats, span: float) -> NDArray[np.bool_]:
    """Where a cartoon's ink goes: beside a jump in depth."""
    jump = np.zeros(depth.shape, bool)
    limit = 0.03 * span
    for axis in (0, 1):
        for way in (1, -1):
            jump |= np.roll(depth, way, axis) - depth < -limit
    return jump & (depth > -900)
