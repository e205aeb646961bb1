"""Options as the help and the documents have them, and the settings that they come to."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import cli
from dataset.build import BuildSettings
from demo import DemoSettings
from gan.config import TrainConfig
from gan.evaluation.evaluate import EvaluateSettings
from gan.sampling.generate import GenerateSettings
from scraper.crawl import ScrapeSettings
from sprites.pixels import SpriteSettings
from studio.launch import StudioSettings

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "Data/README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
COMMANDS = typer.main.get_command(cli.app).commands


def code_of(text: str) -> list[str]:
    """The lines of a document that are code: fenced blocks and `spans`."""
    fenced = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.S | re.M)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))
    return [line for block in fenced for line in block.splitlines()] + spans


def documented_calls() -> list[tuple[str, str, list[str]]]:
    """(document, command, options) of every ``vgc command --option`` in the documents."""
    calls = []
    for document in DOCUMENTS:
        for line in code_of(document.read_text("utf-8")):
            for call in re.findall(r"(?:^|[\s/;&])vgc (?!import )([a-z]\w*[^|;&#]*)", line):
                options = re.findall(r"(?<![\w-])(--[a-z][\w-]*|-[a-zA-Z])(?![\w-])", call)
                calls.append((document.name, call.split()[0], options))
    return calls


def options_of(command: str) -> set[str]:
    parameters = COMMANDS[command].params
    return {name for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)} | {
        "-h",
        "--help",
    }


def test_every_documented_command_and_option_exists():
    calls = documented_calls()
    assert len(calls) > 20
    missing = [
        (document, command, option)
        for document, command, options in calls
        for option in (options or [None])
        if command not in COMMANDS or (option is not None and option not in options_of(command))
    ]
    assert missing == []


class Reached(Exception):
    """What a command called its stage with."""


# Of each command: the stage it calls, a line of options, and what the stage must hear.
REACHES = [
    (
        "scraper.crawl.crawl",
        "scrape --base-url http://x --letters a --limit 1 --out o --delay 2 --workers 3 --details --refresh "
        "--wayback 2016 --wayback-url http://y --site s --picture-host h --picture-host i --contact me "
        "--ignore-robots --dry-run",
        [
            ScrapeSettings(
                base_url="http://x",
                letters="a",
                limit=1,
                out=Path("o"),
                delay_seconds=2,
                workers=3,
                details=True,
                refresh=True,
                wayback="2016",
                wayback_url="http://y",
                site=Path("s"),
                picture_hosts=("h", "i"),
                contact="me",
                ignore_robots=True,
                dry_run=True,
            )
        ],
    ),
    (
        "scraper.crawl.crawl",
        "scrape --cookies setup.cfg --pages docs",
        [ScrapeSettings(cookies=Path("setup.cfg"), pages=Path("docs"))],
    ),
    (
        "dataset.build.build",
        "preprocess --raw r --out o --size 32 --fit crop --background white --workers 61 --follow-links "
        "--tables none --resample nearest --trim each --margin 2 --pixel-art auto --frames 3 --sheet 32x32+1 "
        "--group on --include a --include b --exclude c --matte --palette none",
        [
            BuildSettings(
                Path("r"),
                Path("o"),
                32,
                "crop",
                "white",
                61,
                True,
                "none",
                "nearest",
                "each",
                "3",
                "32x32+1",
                "on",
                ("a", "b"),
                ("c",),
                2,
                matte=True,
                palette="none",
                pixel_art="auto",
            )
        ],
    ),
    (
        "gan.training.loop.train",
        "train --data d --preset student --device cpu --precision fp32 --kimg 1 --minutes 2 --batch 3 --seed 4 "
        "--run n --from base --save-minutes 5 --eval-every 6 --hold-out 0.1 --grad-accum 7 --deterministic "
        "--cuda-graphs --profile",
        [
            TrainConfig(
                data=Path("d"),
                preset="student",
                device="cpu",
                precision="fp32",
                kimg=1,
                minutes=2,
                batch=3,
                seed=4,
                run="n",
                save_minutes=5,
                eval_every_kimg=6,
                hold_out=0.1,
                grad_accum=7,
                init_from="base",
                deterministic=True,
                cuda_graphs=True,
            ),
            True,
        ],
    ),
    (
        "gan.training.loop.resume",
        "train --resume old --minutes 3 --profile",
        ["old", Path("train_output"), {"minutes": 3.0}, True],
    ),
    ("gan.training.loop.train", "train --split 2", [TrainConfig(grad_accum=2)]),
    ("gan.training.dry_run.dry_run", "train --dry-run --batch 3", [TrainConfig(batch=3)]),
    ("gan.training.launch.launch", "train --devices 2", [2, Path("train_output")]),
    (
        "gan.sampling.generate.generate",
        "generate --count 3 --model m --seed 4 --seeds 5 --truncation 0.5 --data d --out o --no-grid "
        "--animate a.gif --device cpu --fps 9 --seconds 8",
        [
            GenerateSettings(
                3, "m", 4, "5", (), (), 0.5, 1, Path("d"), Path("o"), False, Path("a.gif"), "cpu", 9, 8
            )
        ],
    ),
    ("gan.sampling.generate.generate", "generate --code x --code y", [GenerateSettings(codes=("x", "y"))]),
    ("gan.sampling.generate.generate", "generate --best-of 2", [GenerateSettings(best_of=2)]),
    (
        "gan.sampling.generate.generate",
        "generate --like a --like b",
        [GenerateSettings(likes=(Path("a"), Path("b")))],
    ),
    (
        "sprites.sprite_export.generate_sprites",
        "generate --sprites --colours 5 --sprite-size 16 --upscale 2 --tolerance 7 --upscale-with scale2x "
        "--min-island 9 --outline #0000ff --alpha-cut 90",
        [GenerateSettings(), SpriteSettings(5, None, 16, 2, 7, 1, "scale2x", 9, (0, 0, 255), None, 90)],
    ),
    (
        "sprites.sprite_export.export_sprites",
        "sprites --count 3 --model m --seed 4 --seeds 5 --truncation 0.5 --data d --out o --device cpu "
        "--colours 5 --sprite-size 16 --upscale 2 --tolerance 7 --upscale-with scale2x --min-island 9 "
        "--outline white --alpha-cut 90",
        [
            GenerateSettings(3, "m", 4, "5", (), (), 0.5, 1, Path("d"), Path("o"), False, None, "cpu"),
            SpriteSettings(5, None, 16, 2, 7, 1, "scale2x", 9, (255, 255, 255), None, 90),
        ],
    ),
    (
        "sprites.sprite_export.export_sprites",
        "sprites --code x --code y",
        [GenerateSettings(16, codes=("x", "y"), grid=False), SpriteSettings()],
    ),
    ("sprites.sprite_export.export_sprites", "sprites --best-of 2", [GenerateSettings(16, best_of=2, grid=False)]),
    (
        "sprites.sprite_export.export_sprites",
        "sprites --like a --like b",
        [GenerateSettings(16, likes=(Path("a"), Path("b")), grid=False)],
    ),
    ("sprites.palettes.read_palette", "sprites --palette p", [Path("p")]),
    ("sprites.palettes.read_palette", "generate --sprites --palette p", [Path("p")]),
    (
        "gan.evaluation.evaluate.evaluate",
        "evaluate --model m --data d --held-out h --metrics kid --weights w --count 30 --seed 2 --truncation 0.5 "
        "--out o --device cpu",
        [EvaluateSettings("m", None, Path("d"), Path("h"), "kid", Path("w"), 30, 2, 0.5, Path("o"), "cpu")],
    ),
    ("gan.evaluation.evaluate.evaluate", "evaluate --fakes f", [EvaluateSettings(fakes=Path("f"))]),
    (
        "demo.demo",
        "demo --out o --minutes 3 --letters a --device cpu --compare",
        [DemoSettings(Path("o"), 3, "a", "cpu", True)],
    ),
    (
        "studio.launch.open_studio",
        "studio --model m --host 0.0.0.0 --port 1 --no-browser --allow-host a.lan --allow-host b --path-prefix /p "
        "--root docs",
        [StudioSettings("m", "0.0.0.0", 1, False, ("a.lan", "b"), "/p", Path("docs"))],
    ),
    ("gan.info.draw_architectures", "info --draw --preset seed --out o", ["student", Path("o")]),
    ("gan.info.draw_model", "info --draw --model m", ["m", Path("Data")]),
    ("gan.info.draw_curves", "info --curves c.svg --model m", ["m", Path("c.svg")]),
]


@pytest.mark.parametrize(("stage", "line", "heard"), REACHES, ids=[line[:30] for _, line, _ in REACHES])
def test_every_option_reaches_its_stage(stage, line, heard, monkeypatch):
    def stop(*arguments: object) -> None:
        raise Reached([each for each in arguments if not callable(each)])

    monkeypatch.setattr(stage, stop)
    stopped = CliRunner().invoke(cli.app, line.split()).exception
    assert isinstance(stopped, Reached), stopped
    assert stopped.args[0][: len(heard)] == heard


def test_no_option_is_forgotten_above():
    tried = {(line.split()[0], word) for _, line, _ in REACHES for word in line.split() if word.startswith("--")}
    elsewhere = {
        ("preprocess", "--report"),
        ("export", "--model"),
        ("export", "--onnx"),
        ("export", "--web"),
        ("export", "--opset"),
    }
    shared = {"--json", "--quiet", "--verbose", "--help", "--grid", "--browser", "--no-compare"}
    every = {(command, name) for command in COMMANDS for name in options_of(command) if name.startswith("--")}
    assert {pair for pair in every - tried - elsewhere if pair[1] not in shared} == set()


def shown(command: str, columns: int = 80) -> str:
    """What ``vgc COMMAND --help`` prints on a terminal of so many columns."""
    return CliRunner().invoke(cli.app, [command, "--help"], env={"COLUMNS": str(columns)}).stdout


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_the_terminal_and_shows_first_what_most_people_need(command, columns):
    lines = shown(command, columns).splitlines()
    assert max(map(len, lines)) <= columns
    titles = [re.sub(r"[╭╮─ ]", "", line) for line in lines if line.startswith("╭")]
    assert titles == [title for title in ("Options", "More", "Advanced", "Output") if title in titles]
    assert {"Options", "Output"} <= set(titles)


def test_options_of_other_commands_are_accepted_and_not_shown():
    for name in ("--sprites", "--colours", "--palette", "--sprite-size", "--upscale", "--tolerance", "--outline"):
        assert name in options_of("generate")
        assert f"{name} " not in shown("generate")
    assert "--grad-accum" in shown("train")
    assert "--split" not in shown("train")
    assert "[default: dcgan; projected from base]" in shown("train", columns=120)
    refused = CliRunner().invoke(cli.app, ["generate", "--colours", "5"])
    assert (refused.exit_code, refused.stderr.count("are for vgc sprites")) == (2, 1)


def test_every_command_is_documented_in_the_readme():
    shown = {command for document, command, _ in documented_calls() if document == "README.md"}
    assert shown >= set(COMMANDS)


def test_help_is_there_for_every_command_and_never_loads_torch():
    probe = """
import sys, cli
for command in sys.argv[1:]:
    sys.argv = ["vgc", *command.split(), "--help"]
    try: cli.main()
    except SystemExit: print(command, "torch" in sys.modules, file=sys.stderr)
"""
    commands = ["", *COMMANDS]
    run = subprocess.run(
        [sys.executable, "-c", probe, *commands], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert re.findall(r"Usage: vgc (\w*)", run.stdout) == ["", *COMMANDS]
    assert run.stderr.splitlines() == [f"{command} False" for command in commands]
