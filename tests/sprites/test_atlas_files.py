"""The files beside a sheet, read by the formats' own rules; see test_engines.py for the engines themselves."""

import json
import re
from xml.etree import ElementTree

import numpy as np

from sprites.atlas import ground_pivots, layout_sheet
from sprites.atlas_files import Atlas, aseprite_json, godot_sprite_frames, hash_json, starling_xml

ATLAS = Atlas(
    layout_sheet(5, 30, 1), "sheet.png", ["knight.png", "mage.png"], "morph", [(0.5, 0.9), *[(0.5, 1.0)] * 4]
)
STILL = Atlas(layout_sheet(2, 30, 1), "sheet.png", ["a.png", "b.png"], "morph", [(0.5, 1.0)] * 2)
CORNERS = [(1, 1), (33, 1), (65, 1), (97, 1), (1, 33)]


def test_a_pivot_is_below_the_lowest_pixel_of_its_figure() -> None:
    frames = np.zeros((3, 10, 10, 4), np.uint8)
    frames[0, 2:8, 4] = 255
    frames[1, 2:, 4] = 255
    assert ground_pivots(frames) == [(0.5, 0.8), (0.5, 1.0), (0.5, 1.0)]


def test_aseprites_array_has_every_field_that_aseprite_writes() -> None:
    read = json.loads(aseprite_json(ATLAS))
    assert [frame["filename"] for frame in read["frames"]] == ["knight.png", "mage.png", "2", "3", "4"]
    for frame, (x, y) in zip(read["frames"], CORNERS, strict=True):
        assert frame["frame"] == {"x": x, "y": y, "w": 30, "h": 30}
        assert frame["spriteSourceSize"] == {"x": 0, "y": 0, "w": 30, "h": 30}
        assert frame["sourceSize"] == {"w": 30, "h": 30}
        assert (frame["rotated"], frame["trimmed"], frame["duration"]) == (False, False, 80)
    meta = read["meta"]
    named = {key: meta[key] for key in ("image", "format", "size", "scale")}
    assert named == {"image": "sheet.png", "format": "RGBA8888", "size": {"w": 128, "h": 64}, "scale": "1"}
    assert meta["frameTags"] == [{"name": "morph", "from": 2, "to": 4, "direction": "forward"}]
    (ground,) = meta["slices"]
    whole = {"x": 0, "y": 0, "w": 30, "h": 30}
    assert ground["keys"] == [
        {"frame": 0, "bounds": whole, "pivot": {"x": 15, "y": 27}},
        {"frame": 1, "bounds": whole, "pivot": {"x": 15, "y": 30}},
    ]
    assert json.loads(aseprite_json(STILL))["meta"]["frameTags"] == []


def test_the_hash_has_the_same_frames_by_name_in_the_sheets_order() -> None:
    array, read = json.loads(aseprite_json(ATLAS)), json.loads(hash_json(ATLAS))
    animated = ["morph-0000.png", "morph-0001.png", "morph-0002.png"]
    assert list(read["frames"]) == ["knight.png", "mage.png", *animated]
    for frame, listed in zip(read["frames"].values(), array["frames"], strict=True):
        assert {**frame, "filename": listed["filename"]} == listed
    assert read["frames"]["knight.png"]["anchor"] == read["frames"]["knight.png"]["pivot"] == {"x": 0.5, "y": 0.9}
    assert read["animations"] == {"morph": animated}
    assert read["meta"] == array["meta"]
    assert "animations" not in json.loads(hash_json(STILL))


def test_starlings_xml_has_its_documented_attributes() -> None:
    root = ElementTree.fromstring(starling_xml(ATLAS))
    assert (root.tag, root.attrib) == ("TextureAtlas", {"imagePath": "sheet.png", "width": "128", "height": "64"})
    names = ["knight", "mage", "morph-0000", "morph-0001", "morph-0002"]
    assert [each.attrib["name"] for each in root] == names
    for each, (x, y) in zip(root, CORNERS, strict=True):
        numbers = {key: float(value) for key, value in each.attrib.items() if key != "name"}
        pivot_y = 27 if each.attrib["name"] == "knight" else 30
        assert numbers == {"x": x, "y": y, "width": 30, "height": 30, "pivotX": 15, "pivotY": pivot_y}


def test_godots_resource_has_a_texture_a_frame_and_an_animation_for_each_name() -> None:
    sections = godot_sprite_frames(ATLAS).rstrip().split("\n\n")
    heads, bodies = zip(*(section.partition("\n")[::2] for section in sections), strict=True)
    assert heads == (
        '[gd_resource type="SpriteFrames" load_steps=7 format=3]',
        '[ext_resource type="Texture2D" path="sheet.png" id="1"]',
        *(f'[sub_resource type="AtlasTexture" id="frame_{number}"]' for number in range(5)),
        "[resource]",
    )
    for body, (x, y) in zip(bodies[2:7], CORNERS, strict=True):
        assert body == f'atlas = ExtResource("1")\nregion = Rect2({x}, {y}, 30, 30)'
    # The value of a property is JSON, but for names (&"...") and references.
    value = re.sub(r'SubResource\("frame_(\d+)"\)', r"\1", bodies[-1].removeprefix("animations = "))
    animations = json.loads(value.replace('&"', '"'))
    played = {each["name"]: [frame["texture"] for frame in each["frames"]] for each in animations}
    assert played == {"knight": [0], "mage": [1], "morph": [2, 3, 4]}
    loops = {each["name"]: (each["loop"], each["speed"]) for each in animations}
    assert loops == {"knight": (False, 12.5), "mage": (False, 12.5), "morph": (True, 12.5)}
