"""Choice and checks of device and precision."""

import ctypes
import os
import sys
import time
from functools import cache
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gan.errors import GanError, SettingsError
from gan.threads import single_thread

Precision = Literal["fp32", "bf16"]
BF16_MUST_WIN_BY = 1.15
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""glibc's ``malloc.h``."""
LARGEST_MMAP_THRESHOLD = 32 << 20
"""Bytes; glibc refuses more."""


def choose_device(wanted: str) -> torch.device:
    """``auto``: CUDA, else Apple's MPS, else the CPU; anything else is taken at its word.

    Raises:
        SettingsError: no such kind of device.
        GanError: this machine has no such device.
    """
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        is_missing = {
            "cpu": False,
            "cuda": (device.index or 0) >= torch.cuda.device_count(),
            "mps": not torch.backends.mps.is_available(),
        }[device.type]
    except (RuntimeError, KeyError) as error:
        raise SettingsError(f"--device {wanted}: choose auto, cpu, cuda, cuda:1 or mps") from error
    if is_missing:
        raise GanError(f"--device {wanted}: this machine has none that PyTorch can use; try --device cpu")
    return device


def choose_precision(wanted: str, device: torch.device) -> Precision:
    """bf16 where the hardware gains by it, else fp32: known of CUDA, measured on a CPU."""
    if wanted != "auto":
        return cast(Precision, wanted)
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if device.type == "cpu":
        return "bf16" if bf16_speedup() > BF16_MUST_WIN_BY else "fp32"
    return "fp32"


@cache
def bf16_speedup() -> float:
    """How many times faster a typical convolution is in bf16 than in fp32 on this CPU, forward and backward.

    Measured once a process, so that all who ask hear the same.
    """
    with single_thread():
        return convolution_seconds(torch.float32) / convolution_seconds(torch.bfloat16)


def convolution_seconds(dtype: torch.dtype) -> float:
    """The best of a few runs of one stride-2 convolution as discriminators have them, channels last."""
    x = torch.ones(16, 96, 20, 20, dtype=dtype).to(memory_format=torch.channels_last).requires_grad_(True)
    weight = torch.ones(192, 96, 4, 4, dtype=dtype).to(memory_format=torch.channels_last).requires_grad_(True)

    def once() -> float:
        start = time.perf_counter()
        F.conv2d(x, weight, stride=2, padding=1).sum().backward()  # type: ignore[no-untyped-call]
        return time.perf_counter() - start

    once()
    return min(once() for _ in range(4))


def use_algorithms(deterministic: bool) -> None:
    """The fastest ones on CUDA, fp32 products as TF32; or such as give the same bits again. For the whole process.

    Source: https://docs.pytorch.org/docs/stable/notes/randomness.html
    """
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = not deterministic
    if (
        deterministic != torch.are_deterministic_algorithms_enabled()
    ):  # the call loads PyTorch's compiler, a second
        torch.use_deterministic_algorithms(deterministic)
    if deterministic:
        # cuBLAS reads it when its first handle is made.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def keep_freed_memory() -> None:
    """Let the process keep the memory of freed tensors for the next ones. On Linux with glibc only.

    By default glibc returns large blocks to the system at once, and each training step has its 7,000 pages
    zeroed and mapped again, a tenth of the time of a small network's step on a CPU.

    Source: mallopt(3).
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def is_out_of_memory(error: Exception) -> bool:
    """Whether the memory asked for could not be had: Python and CUDA have a type for it, the CPU only words."""
    message = str(error)
    # The second are oneDNN's, for the scratch memory of a convolution.
    signs = ("DefaultCPUAllocator", "could not create a primitive")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(sign in message for sign in signs)


def in_fp32(layer: nn.Module, x: Tensor) -> Tensor:
    """Run a last layer outside autocast: 8 bits of mantissa would show as bands in pictures and scores."""
    if not torch.amp.is_autocast_available(x.device.type):  # the meta device, on which layers are counted
        return cast(Tensor, layer(x))
    with torch.autocast(x.device.type, enabled=False):
        return cast(Tensor, layer(x.float()))
