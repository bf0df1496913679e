"""Where and in which arithmetic a network trains, decided by what the hardware has."""

from __future__ import annotations

import ctypes
import math
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = [
    "choose_device",
    "choose_precision",
    "convolutional",
    "free_heap",
    "has_avx512",
    "keep_heap",
    "multiplies_bfloat16",
    "normalised",
    "repeatable",
    "steady_heap",
]


def choose_device(name: str = "auto") -> torch.device:
    """ "auto": the GPU when there is one. Raises ProfundoError for a device that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ProfundoError(Said("refusals.device_form", name=repr(name))) from None
    if device.type not in ("cpu", "cuda"):
        raise ProfundoError(Said("refusals.device_form", name=repr(name)))
    if device.type == "cuda":
        there = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= there:
            raise ProfundoError(
                f"device {name!r} is not there: this machine has {there} CUDA devices; try --device auto",
                told=Said("refusals.no_device", name=repr(name), count=there),
            )
    return device


def choose_precision(name: str, net: nn.Module, device: torch.device, shape: tuple[int, ...] = ()) -> str:
    """ "auto": bfloat16 autocast for convolutional nets and LSTMs where the hardware multiplies it faster, else float32.

    On a CPU dense nets lose more by casting than the products gain; convolutions gain a fifth or more, LSTMs of width 256
    almost half; depthwise convolutions lose, a step of EfficientNet-Lite0 takes 1.4 times as long. Other recurrent cells have
    no fused bfloat16 kernel there. shape: of one image, where images come in.
    Raises ProfundoError for an unknown precision, and for bfloat16 where it would go wrong (`stride_is_too_wide`, `has_avx512`).
    """
    if name == "bfloat16" and device.type == "cpu" and stride_is_too_wide(net, shape):
        raise ProfundoError(
            "precision bfloat16: a convolution of this net has a stride too wide for what is left of the image: PyTorch's "
            "kernels for it in bfloat16 are wrong on this CPU; take float32"
        )
    recurrent = any(isinstance(module, nn.LSTM) for module in net.modules())
    if name == "bfloat16" and device.type == "cpu" and recurrent and not has_avx512():
        raise ProfundoError("precision bfloat16: PyTorch has no LSTM in it for a CPU without AVX-512; take float32")
    if name in ("float32", "bfloat16"):
        return name
    if name != "auto":
        raise ProfundoError(f"precision {name!r} is unknown; known: auto, float32, bfloat16")
    if not (recurrent or convolutional(net)) or not multiplies_bfloat16(device):
        return "float32"
    depthwise = any(isinstance(one, nn.Conv2d) and 1 < one.groups == one.in_channels for one in net.modules())
    return "float32" if device.type == "cpu" and (depthwise or stride_is_too_wide(net, shape)) else "bfloat16"


def stride_is_too_wide(net: nn.Module, shape: tuple[int, ...]) -> bool:
    """Whether a convolution of the net gets an image with a side smaller than its stride; on a CPU with matrix tiles also
    whether one with a stride makes images of a single column.

    The bfloat16 kernels of such convolutions (PyTorch 2.13, oneDNN) leave part of the weights' gradient, with tiles of the
    output, as they found the memory: numbers at random, often NaN. A pass of two blank samples tells; the net is left as it was.
    """
    strided = [
        module for module in net.modules() if isinstance(module, nn.Conv2d | nn.Conv3d) and max(module.stride) > 1
    ]
    widest, tiles = math.prod(_stride(module) for module in net.modules()), has_tiles()
    flat = len(shape) == 3 and all(
        isinstance(module, nn.Conv2d) for module in strided
    )  # else a side may come from anywhere
    far = flat and not tiles and min(shape[1:]) >= widest * max(map(_stride, strided), default=1)
    if not strided or far or not 2 <= len(shape) <= 3:
        return False
    results: list[bool] = []

    def look(module: nn.Conv2d | nn.Conv3d, arguments: tuple[Tensor, ...], output: Tensor) -> None:
        sides = arguments[0].shape[-len(module.stride) :]
        results.append(any(side < step for side, step in zip(sides, module.stride, strict=True)))
        results.append(tiles and output.shape[-1] == 1 < module.stride[-1])

    modes = [(module, module.training) for module in net.modules()]
    hooks = [module.register_forward_hook(look) for module in strided]
    parameter = next(net.parameters(), torch.empty(0))
    try:
        with torch.no_grad():
            net.eval()(torch.zeros(2, *shape, device=parameter.device))
    except (RuntimeError, ValueError, TypeError):  # what the net refuses is told elsewhere
        return False
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes:
            module.training = mode
    return any(results)


def _stride(module: nn.Module) -> int:
    """By how much a layer makes images smaller, at most."""
    stride = getattr(module, "stride", 1)
    numbers = stride if isinstance(stride, tuple) else (stride,)
    return max((number for number in numbers if isinstance(number, int)), default=1)


def convolutional(net: nn.Module) -> bool:
    return any(isinstance(module, nn.Conv2d) for module in net.modules())


def normalised(net: nn.Module) -> bool:
    """Whether it has batch normalisation, which bears learning rates that other nets do not."""
    return any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in net.modules())


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 faster than float32, so that autocast saves time.

    On a CPU with matrix tiles (AMX), or one with AVX-512's product of pairs that is not Intel's: theirs takes twice the time
    of float32, for products of 1024³ as for convolutions (Xeon without tiles), where AMD's takes a quarter.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    pairs = bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)())  # absent in some releases: then no
    return has_avx512() and (has_tiles() or (pairs and cpu_vendor() != "GenuineIntel"))


def has_tiles() -> bool:
    """Whether the CPU multiplies matrices in tiles (AMX)."""
    return bool(getattr(torch.cpu, "_is_amx_tile_supported", bool)())


@cache
def cpu_vendor() -> str:
    """As Linux knows it, such as "AuthenticAMD"; "" where it does not say."""
    try:
        facts = Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return ""
    match = re.search(r"^vendor_id\s*:\s*(\S+)", facts, re.MULTILINE)
    return match[1] if match else ""


def has_avx512() -> bool:
    """Whether oneDNN takes its kernels for AVX-512, to which all of its bfloat16 belongs; ONEDNN_MAX_CPU_ISA may forbid them.

    Without them PyTorch refuses LSTMs in bfloat16, and the kernels of some convolutions are unsafe (layout.py).
    """
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


@contextmanager
def repeatable(device: torch.device, precision: str) -> Iterator[None]:
    """On a GPU: convolutions that give the same bits each time, and float32 that is float32, inside."""
    cudnn = torch.backends.cudnn
    before = cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32
    if device.type == "cuda":
        cudnn.deterministic, cudnn.benchmark = True, False
        cudnn.allow_tf32 = precision != "float32"
    try:
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32 = before


def keep_heap() -> None:
    """Let glibc's allocator keep freed memory instead of giving each large block back to the system at once.

    A step frees and asks for the same tens of megabytes again and again; page by page, the system clears them every
    time. Without this a step of LeNet-5 costs half as much again on two cores. Elsewhere than on glibc: no effect.
    """
    _thresholds(1 << 30, 2**31 - 1)


def free_heap() -> None:
    """Give freed memory back to the system, and from now on large blocks at once, as the allocator does by default after it
    has seen some: after a training sizes differ, and what is kept of one is of no use to the next."""
    _thresholds(1 << 25, 1 << 26)
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform.startswith("linux") else None
    if trim is not None:
        trim(0)


@cache
def steady_heap() -> None:
    """Once in a process: let the allocator keep the tens of megabytes that the next batch asks for again, as it does after a
    training. Where it gave each block back, half of the time of an answer went into pages that the system cleared anew."""
    _thresholds(1 << 25, 1 << 26)


def _thresholds(mapped: int, trimmed: int) -> None:
    """Bytes from which on a block is a mapping of its own, and from which on free memory at the heap's end is given back."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mmap_threshold, trim_threshold = -3, -1  # M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of malloc.h
        mallopt(mmap_threshold, mapped)
        mallopt(trim_threshold, trimmed)
