"""What the process asks of its machine."""

import os
import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, torch
from gan.device import keep_freed_memory
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20): [torch.ones(mebi << 20, dtype=torch.uint8) for mebi in (1, 6, 3, 5, 6, 2, 6, 6)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults())
keep_freed_memory()
faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="what glibc's allocator does")
def test_memory_of_freed_tensors_is_used_again_without_page_faults() -> None:
    # Every large block is returned at once, where the default would depend on what was freed before.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "131072"}
    command = [sys.executable, "-c", FAULTS]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    before, after = map(int, run.stdout.split())
    assert before > 50_000
    assert after < 100
