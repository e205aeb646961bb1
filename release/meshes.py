"""Triangle meshes in NumPy: grids, tubes, subdivision, normals, rotations."""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Triangles = NDArray[np.int64]
"""[n, 3] rows of the vertices."""


def unit(vector: Floats) -> Floats:
    """The same direction, length 1: of a vector, or of each row."""
    long: Floats = vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9)
    return long


def rotation(x: float, y: float, z: float) -> Floats:
    """About the three axes, radians: x to the figure's left, y up, z to the front; z's turn first."""
    (a, b, c), (d, e, f) = np.cos([x, y, z]), np.sin([x, y, z])
    about_x = np.array([[1, 0, 0], [0, a, -d], [0, d, a]])
    about_y = np.array([[b, 0, e], [0, 1, 0], [-e, 0, b]])
    about_z = np.array([[c, -f, 0], [f, c, 0], [0, 0, 1]])
    turned: Floats = about_x @ about_y @ about_z
    return turned


def grid_triangles(rows: int, columns: int) -> Triangles:
    """Triangles of a grid of points."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (part.reshape(-1) for part in (index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]))
    return np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])


def double_sided(faces: Triangles) -> Triangles:
    """The triangles, and the same seen from behind."""
    return np.concatenate([faces, faces[:, ::-1]])


def tube(spine: Floats, radius: Floats, flat: float = 1.0) -> tuple[Floats, Triangles]:
    """A surface around a line; ``flat``: how thick it is one way. Points and triangles, seen from both sides."""
    along = unit(spine[-1] - spine[0])
    side = unit(np.cross(along, [0.3, 0.9, 0.2]))
    up = np.cross(along, side)
    turn = np.linspace(0, 2 * math.pi, 11)
    circle = np.outer(np.cos(turn), side) + flat * np.outer(np.sin(turn), up)
    points = spine[:, None] + radius[:, None, None] * circle[None]
    return points.reshape(-1, 3), double_sided(grid_triangles(len(spine), 11))


def subdivided(vertices: Floats, faces: Triangles, times: int) -> tuple[Triangles, Floats]:
    """Each triangle cut into four, ``times`` times over; triangles and points of their own."""
    points = vertices[faces].reshape(-1, 3)
    for _ in range(times):
        a, b, c = points[0::3], points[1::3], points[2::3]
        ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
        points = np.stack([a, ab, ca, ab, b, bc, ca, bc, c, ab, bc, ca], 1).reshape(-1, 3)
    return np.arange(len(points)).reshape(-1, 3), points


def vertex_normals(vertices: Floats, faces: Triangles) -> Floats:
    """The normal of each vertex, length 1."""
    one, two, three = (vertices[faces[:, index]] for index in range(3))
    across = np.cross(two - one, three - one)
    total = np.zeros_like(vertices)
    for index in range(3):
        np.add.at(total, faces[:, index], across)
    return unit(total)
