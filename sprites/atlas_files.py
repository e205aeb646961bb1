"""Where a sheet's frames lie, in the words of each engine: JSON as array and as hash, XML, Godot's .tres."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import quoteattr

from sprites.atlas import SheetLayout
from sprites.pixels import FRAME_MS


@dataclass(frozen=True)
class Atlas:
    """A sheet with names: its characters first, then the frames of its one animation, if there is any."""

    layout: SheetLayout
    image: str
    """The sheet's file."""
    characters: Sequence[str]
    """Files of the characters; all frames after them are the animation."""
    animation: str
    """Its name, or tag."""
    pivots: Sequence[tuple[float, float]]
    """One a frame; see `sprites.atlas.ground_pivots`."""

    @property
    def animated(self) -> list[str]:
        """Names of the animation's frames where names are not numbers: in the order of the alphabet."""
        count = len(self.layout.corners) - len(self.characters)
        return [f"{self.animation}-{number:04d}.png" for number in range(count)]


def aseprite_json(atlas: Atlas) -> str:
    """The array that Aseprite exports and Phaser's ``load.aseprite``, Unity and Godot importers read.

    Source: Aseprite's "File > Export Sprite Sheet", https://www.aseprite.org/docs/cli/#data; ``anchor`` and
    ``pivot`` are TexturePacker's.
    """
    # Phaser looks for the frames of a tag by their numbers.
    numbers = range(len(atlas.characters), len(atlas.layout.corners))
    names = [*atlas.characters, *map(str, numbers)]
    frames = [{"filename": name, **frame} for name, frame in zip(names, _frames(atlas), strict=True)]
    return _as_json(frames, atlas)


def hash_json(atlas: Atlas) -> str:
    """The same by name, as PixiJS, Phaser's ``load.atlas`` and most others read it; ``animations`` is PixiJS's."""
    names = [*atlas.characters, *atlas.animated]
    animations = {"animations": {atlas.animation: atlas.animated}} if atlas.animated else {}
    return _as_json(dict(zip(names, _frames(atlas), strict=True)), atlas, animations)


def _frames(atlas: Atlas) -> list[dict[str, Any]]:
    side = atlas.layout.frame_px
    return [
        {
            "frame": {"x": x, "y": y, "w": side, "h": side},
            "rotated": False,
            "trimmed": False,
            "spriteSourceSize": {"x": 0, "y": 0, "w": side, "h": side},
            "sourceSize": {"w": side, "h": side},
            "duration": FRAME_MS,
            "anchor": {"x": across, "y": down},
            "pivot": {"x": across, "y": down},
        }
        for (x, y), (across, down) in zip(atlas.layout.corners, atlas.pivots, strict=True)
    ]


def _as_json(frames: Any, atlas: Atlas, more: dict[str, Any] | None = None) -> str:
    size = dict(zip("wh", atlas.layout.size_px, strict=True))
    meta: dict[str, Any] = {"app": "vgc", "version": "1", "image": atlas.image, "format": "RGBA8888"}
    meta |= {"size": size, "scale": "1"}
    first, last = len(atlas.characters), len(atlas.layout.corners) - 1
    tag = {"name": atlas.animation, "from": first, "to": last, "direction": "forward"}
    tags = [tag] if last >= first else []
    meta |= {"frameTags": tags, "layers": [], "slices": [_pivot_slice(atlas)]}
    return json.dumps({"frames": frames, **(more or {}), "meta": meta}, indent=1)


def _pivot_slice(atlas: Atlas) -> dict[str, Any]:
    """The pivots as Aseprite has them: of a slice over the whole frame, in pixels, wherever they change."""
    side = atlas.layout.frame_px
    keys: list[dict[str, Any]] = []
    for number, (across, down) in enumerate(atlas.pivots):
        pivot = {"x": round(across * side), "y": round(down * side)}
        if not keys or keys[-1]["pivot"] != pivot:
            keys.append({"frame": number, "bounds": {"x": 0, "y": 0, "w": side, "h": side}, "pivot": pivot})
    return {"name": "ground", "color": "#0000ffff", "keys": keys}


def starling_xml(atlas: Atlas) -> str:
    """Starling's and Sparrow's XML, which Phaser's ``load.atlasXML``, HaxeFlixel and others read too.

    Source: https://doc.starling-framework.org/current/starling/textures/TextureAtlas.html; pivots in pixels.
    """
    side = atlas.layout.frame_px
    width, height = atlas.layout.size_px
    lines = [f'<TextureAtlas imagePath={quoteattr(atlas.image)} width="{width}" height="{height}">']
    names = [*atlas.characters, *atlas.animated]
    for name, (x, y), (across, down) in zip(names, atlas.layout.corners, atlas.pivots, strict=True):
        place = f'x="{x}" y="{y}" width="{side}" height="{side}"'
        pivot = f'pivotX="{across * side:g}" pivotY="{down * side:g}"'
        lines.append(f"  <SubTexture name={quoteattr(name.removesuffix('.png'))} {place} {pivot}/>")
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', *lines, "</TextureAtlas>", ""])


def godot_sprite_frames(atlas: Atlas) -> str:
    """A SpriteFrames resource of Godot 4: an animation of one frame for each character, and the animation.

    Source: https://docs.godotengine.org/en/stable/contributing/development/file_formats/tscn.html
    """
    corners, side = atlas.layout.corners, atlas.layout.frame_px
    parts = [
        f'[gd_resource type="SpriteFrames" load_steps={len(corners) + 2} format=3]',
        f'[ext_resource type="Texture2D" path="{atlas.image}" id="1"]',
    ]
    for number, (x, y) in enumerate(corners):
        region = f'atlas = ExtResource("1")\nregion = Rect2({x}, {y}, {side}, {side})'
        parts.append(f'[sub_resource type="AtlasTexture" id="frame_{number}"]\n{region}')
    animations = [_godot_animation(name.removesuffix(".png"), [n]) for n, name in enumerate(atlas.characters)]
    if atlas.animated:
        animations.append(_godot_animation(atlas.animation, range(len(atlas.characters), len(corners))))
    parts.append(f"[resource]\nanimations = [{', '.join(animations)}]")
    return "\n\n".join([*parts, ""])


def _godot_animation(name: str, numbers: Sequence[int]) -> str:
    frames = ", ".join(f'{{\n"duration": 1.0,\n"texture": SubResource("frame_{number}")\n}}' for number in numbers)
    loop = "true" if len(numbers) > 1 else "false"
    return f'{{\n"frames": [{frames}],\n"loop": {loop},\n"name": &"{name}",\n"speed": {1000 / FRAME_MS}\n}}'
