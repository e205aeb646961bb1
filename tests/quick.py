"""Which tests ``make quick`` leaves out."""

from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent
SLOW = (
    "benchmarks",
    "compat",
    "dataset/test_dataset_crash.py",
    "gan/evaluation/test_evaluate.py",
    "gan/evaluation/test_features.py",
    "gan/export",
    "gan/runs/test_run_folder.py",
    "gan/runs/test_watch.py",
    "gan/training/test_cuda.py",
    "gan/training/test_distributed.py",
    "gan/training/test_dry_run.py",
    "gan/training/test_loop.py",
    "gan/training/test_other_device.py",
    "gan/training/test_resume.py",
    "gan/training/test_transfer.py",
    "release",
    "scraper/test_scrape_hostile.py",
    "scraper/test_scrape_polite.py",
    "scraper/test_scrape_resume.py",
    "scraper/test_scrape_transport.py",
    "studio",
    "test_demo.py",
    "test_package.py",
    "test_vgc.py",
)
"""What ``--quick`` leaves out: what trains, drives a browser, kills, or waits."""


@cache  # asked for every test of a file
def is_slow(path: Path) -> bool:
    """Whether a file of tests, or a folder, is left out."""
    return any(path.is_relative_to(TESTS / each) for each in SLOW)
