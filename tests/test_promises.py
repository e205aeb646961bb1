"""docs/promises.md names tests that exist, and is to be found."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_promise_names_a_test_that_exists() -> None:
    named = re.findall(r"`(tests/\S+\.py)::(test_\w+)`", (ROOT / "docs/promises.md").read_text("utf-8"))
    assert len(named) > 20
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text("utf-8"), f"{file}::{test}"


def test_the_programs_that_the_page_names_exist_and_the_readme_leads_to_it() -> None:
    for program in re.findall(r"python -m benchmarks\.(\w+)", (ROOT / "docs/promises.md").read_text("utf-8")):
        assert (ROOT / f"benchmarks/{program}.py").is_file()
    assert "docs/promises.md" in (ROOT / "README.md").read_text("utf-8")
