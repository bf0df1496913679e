"""Which of PyTorch's CPU kernels write outside their memory, read what nobody wrote, or give wrong gradients.

Every operation that our nets are made of runs forward and backward on awkward shapes, in each layout and precision, in forks
under an allocator whose blocks end at a page that may not be touched (guard_malloc.c). Output and gradients are compared
with those in float64 and contiguous, which go through none of oneDNN's kernels; twice the same must give the same bits, with
zeros or NaN in memory that is new. A smaller CPU than this one is emulated by ATEN_CPU_CAPABILITY and ONEDNN_MAX_CPU_ISA.

    python -m benchmarks.kernel_safety avx2     (some minutes; keeps benchmarks/results/kernel_safety-avx2.json)

What it found decides `profundo.train.layout` and `profundo.train.hardware.choose_precision`. For Linux on x86-64, with cc.
"""

from __future__ import annotations

import argparse
import ctypes
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.common import keep

# name: (ATEN_CPU_CAPABILITY, ONEDNN_MAX_CPU_ISA)
ISAS = {
    "native": {},
    "avx512": {"ATEN_CPU_CAPABILITY": "avx512", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "sse41": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
}
TOLERANCE = {"float32": 1e-4, "bfloat16": 0.06}  # of the norm of the difference, over that of the values
FILLS = (0, 255, 0)  # the byte of new memory; of 255 every float is a NaN
SECONDS = 60  # a trial may take
TOGETHER = 100  # trials in one fork
BEYOND = 71  # how a process ends that wrote beyond its memory
CHANNELS = (*range(1, 10), 12, 15, 16, 17)
Trial = tuple["Case", str, str]  # layout and precision
guard = ctypes.CDLL(None)  # guard_malloc.c, where it was loaded before


@dataclass(frozen=True, slots=True)
class Case:
    """An operation on an input of a shape. options: of its layer, for the reader and for `make`."""

    operation: str
    shape: tuple[int, ...]
    make: Callable[..., Any]
    options: dict[str, Any]


def convolutions(draw: random.Random) -> Iterator[Case]:
    """Each number of channels, kernel and stride, with what else there is drawn at random."""
    for channels, kernel, stride, side in itertools.product(CHANNELS, (1, 2, 3, 5), (1, 2, 3), (1, 6, 48)):
        yield convolution(draw, nn.Conv2d, channels, kernel, stride, (side, draw.choice([side, side + 1])))
    for channels, stride, side, out in itertools.product(CHANNELS, (2, 3), (4, 8, 16, 48), (1, 8)):
        options = {"in_channels": channels, "out_channels": out, "kernel_size": 1, "stride": stride}
        yield Case("Conv2d", (3, channels, side, side), nn.Conv2d, options)
    for channels, stride, side in itertools.product((3, 4, 7), (2, (1, 2), (2, 1), 4), (8, 16, 48)):
        few = {"kernel_size": 1, "stride": stride}
        yield Case("Conv2d", (3, channels, side, side), nn.Conv2d, {"in_channels": channels, "out_channels": 8, **few})
        grouped = {"in_channels": 2 * channels, "out_channels": 8, "groups": 2, **few}
        yield Case("Conv2d", (3, 2 * channels, side, side), nn.Conv2d, grouped)
        solid = {"in_channels": channels, "out_channels": 8, "kernel_size": 1, "stride": 2}
        yield Case("Conv3d", (3, channels, 4, side, side), nn.Conv3d, solid)
        back = {"in_channels": 8, "out_channels": channels, **few}
        widened = {"output_padding": stride - 1} if isinstance(stride, int) else {}
        yield Case("ConvTranspose2d", (3, 8, side // 2, side // 2), nn.ConvTranspose2d, {**back, **widened})
    for channels, kernel, stride in itertools.product(CHANNELS, (1, 2, 4), (1, 2, 3)):
        side = draw.choice([1, 4])
        yield convolution(draw, nn.ConvTranspose2d, channels, kernel, stride, (side, side))
    for channels, kernel, stride in itertools.product(CHANNELS, (1, 3), (1, 2, 3)):
        yield convolution(draw, nn.Conv1d, channels, kernel, stride, (draw.choice([1, 5, 16]),))
        yield convolution(draw, nn.ConvTranspose1d, channels, kernel, stride, (draw.choice([1, 5]),))
        yield convolution(draw, nn.Conv3d, channels, kernel, stride, (draw.choice([1, 4]), 4, 5))


def convolution(
    draw: random.Random, make: Callable[..., Any], channels: int, kernel: int, stride: int, sides: tuple[int, ...]
) -> Case:
    groups = draw.choice([1, 1, 1, channels, *(g for g in range(2, channels) if channels % g == 0)])
    transposed = "Transpose" in make.__name__
    dilation = draw.choice([1, 1, 2])
    reach = dilation * (kernel - 1) + 1
    padding = draw.choice([reach // 2, reach // 2, 0])
    if not transposed and min(sides) + 2 * padding < reach:
        padding = reach // 2  # half a kernel more on each side than an image of one point needs
    if transposed and (min(sides) - 1) * stride - 2 * padding + reach < 1:
        padding = 0
    options = {
        "in_channels": channels,
        "out_channels": groups * draw.choice([1, 2, 3, 8]),
        "kernel_size": kernel,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
    }
    return Case(make.__name__, (draw.choice([1, 2, 5]), channels, *sides), make, options)


def others() -> Iterator[Case]:
    for channels, side in itertools.product((1, 3, 4, 7, 17), (1, 6)):
        image = (3, channels, side, side)
        for stride in (1, 2, 3):
            pool = {"kernel_size": 3, "stride": stride, "padding": 1}
            yield Case("MaxPool2d", image, nn.MaxPool2d, pool)
            yield Case("AvgPool2d", image, nn.AvgPool2d, pool)
        yield Case("AdaptiveAvgPool2d", image, nn.AdaptiveAvgPool2d, {"output_size": 2})
        yield Case("AdaptiveMaxPool2d", image, nn.AdaptiveMaxPool2d, {"output_size": 2})
        yield Case("BatchNorm2d", image, nn.BatchNorm2d, {"num_features": channels})
        yield Case("GroupNorm", image, nn.GroupNorm, {"num_groups": 1, "num_channels": channels})
        yield Case("LayerNorm", (3, side, channels), nn.LayerNorm, {"normalized_shape": channels})
        yield Case("Upsample", image, nn.Upsample, {"scale_factor": 2, "mode": "nearest"})
        yield Case("Upsample", image, nn.Upsample, {"scale_factor": 2, "mode": "bilinear"})
        yield Case("ZeroPad2d", image, nn.ZeroPad2d, {"padding": 1})
        yield Case("PixelShuffle", (3, 4 * channels, side, side), nn.PixelShuffle, {"upscale_factor": 2})
        yield Case("SiLU", image, nn.SiLU, {})
        yield Case("LogSoftmax", (3, channels), nn.LogSoftmax, {"dim": 1})
        for out in (1, 5, 16):
            yield Case("Linear", (side, channels), nn.Linear, {"in_features": channels, "out_features": out})
        for make, hidden, layers in itertools.product((nn.LSTM, nn.GRU, nn.RNN), (1, 5, 16), (1, 2)):
            options = {"input_size": channels, "hidden_size": hidden, "num_layers": layers, "batch_first": True}
            yield Case(make.__name__, (side, 4, channels), make, options)
            yield Case(make.__name__, (side, 4, channels), make, {**options, "bidirectional": True})
        yield Case("Embedding", (side, 4), nn.Embedding, {"num_embeddings": 7, "embedding_dim": channels})
    for width, heads, length in itertools.product((1, 4, 9, 16), (1, 2, 3), (1, 5, 16)):
        if width % heads == 0:
            attention = {"embed_dim": width, "num_heads": heads, "batch_first": True}
            yield Case("MultiheadAttention", (2, length, width), nn.MultiheadAttention, attention)


def trials() -> list[Trial]:
    """Every case in each layout and precision, in an order that does not change."""
    cases = [*convolutions(random.Random(0)), *others()]
    return [(case, layout, precision) for case in cases for layout in layouts(case) for precision in TOLERANCE]


def layouts(case: Case) -> tuple[str, ...]:
    if len(case.shape) == 3:
        return ("contiguous", "inputs transposed") if "Conv" in case.operation else ("contiguous",)
    if len(case.shape) == 2:
        return ("contiguous",)
    return (
        ("contiguous", "channels last", "inputs channels last")
        if "Conv" in case.operation
        else ("contiguous", "channels last")
    )


def results(case: Case, layout: str, precision: str) -> list[Tensor]:
    """Output and gradients, of inputs drawn from the same seed in every layout and precision."""
    torch.manual_seed(0)
    layer = case.make(**case.options).to(torch.float64)
    inputs = (
        torch.randint(7, case.shape) if case.operation == "Embedding" else torch.randn(case.shape, dtype=torch.float64)
    )
    if precision != "float64":
        layer, inputs = layer.float(), inputs.float() if inputs.is_floating_point() else inputs
    last = torch.channels_last if inputs.ndim == 4 else torch.channels_last_3d
    if layout == "channels last":
        layer = layer.to(memory_format=last)
    if layout == "inputs transposed":
        inputs = inputs.mT.contiguous().mT
    elif layout != "contiguous":
        inputs = inputs.contiguous(memory_format=last)
    learned = list(layer.parameters())
    if inputs.is_floating_point():
        learned = [inputs.requires_grad_(), *learned]
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        outputs = layer(inputs, inputs, inputs) if case.operation == "MultiheadAttention" else layer(inputs)
    output: Tensor = outputs[0] if isinstance(outputs, tuple) else outputs
    weights = torch.randn(output.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    gradients = torch.autograd.grad((output.to(weights) * weights).sum(), learned, allow_unused=True)
    return [output.detach(), *(gradient for gradient in gradients if gradient is not None)]


def examine(case: Case, layout: str, precision: str) -> str:
    """What is wrong with it, in a word or two; "right" where nothing is."""
    try:
        true = results(case, "contiguous", "float64")
        first: list[Tensor] = []
        guard.guard_reads()
        for fill in FILLS:
            guard.guard_fill(fill)
            now = results(case, layout, precision)
            if any(not bool(value.isfinite().all()) for value in now):
                return "not finite"
            if first and not all(map(torch.equal, first, now)):
                return "not the same bits twice"
            first = first or now
    except (RuntimeError, ValueError) as error:
        return f"refused: {str(error).splitlines()[0][:90]}"
    for value, right in zip(first, true, strict=True):
        if float((value.double() - right).norm()) > TOLERANCE[precision] * max(1.0, float(right.norm())):
            return "wrong values"
    return "reads beyond its memory" if guard.guard_reads() else "right"


def verdicts(mine: list[Trial]) -> Iterator[str]:
    """`examine` of each, in forks: one goes on until it ends by what a kernel did, and the next one goes on behind that."""
    done = 0
    while done < len(mine):
        ears, mouth = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                for trial in mine[done : done + TOGETHER]:
                    signal.alarm(SECONDS)
                    os.write(mouth, f"{examine(*trial)}\n".encode())
                os._exit(0)
            finally:  # a fork that raised is not to go on as its parent
                os._exit(1)
        os.close(mouth)
        with open(ears, encoding="utf-8") as pipe:
            lines = pipe.read().splitlines()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status == BEYOND:
            lines.append("writes beyond its memory")
        elif status:
            lines.append(f"crash: {signal.Signals(-status).name if status < 0 else status}")
        yield from lines
        done += len(lines)


def worker(part: int, parts: int) -> None:
    torch.set_num_threads(1)
    guard.guard_begin()
    mine = trials()[part::parts]
    for (case, layout, precision), verdict in zip(mine, verdicts(mine), strict=True):
        if verdict != "right":
            fault = {"operation": case.operation, "layout": layout, "precision": precision, "shape": case.shape}
            print(json.dumps({"wrong": verdict, **fault, **case.options}), flush=True)


def survey(isa: str, processes: int) -> dict[str, Any]:
    """All trials as on one CPU, with what went wrong and how often of how many."""
    library = str(Path(tempfile.mkdtemp()) / "guard_malloc.so")
    source = str(Path(__file__).with_name("guard_malloc.c"))
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    environment = {
        **os.environ,
        "LD_PRELOAD": library,
        "OMP_NUM_THREADS": "1",
        **ISAS[isa],
    }
    command = [sys.executable, "-m", "benchmarks.kernel_safety", isa, "--part"]
    started = [
        subprocess.Popen([*command, f"{part}/{processes}"], env=environment, stdout=subprocess.PIPE, text=True)
        for part in range(processes)
    ]
    lines = [line for one in started for line in one.communicate()[0].splitlines()]
    if any(one.returncode for one in started):
        raise SystemExit("a process of the survey ended by itself: see above")
    faults = sorted((json.loads(line) for line in lines), key=lambda fault: json.dumps(fault))
    counted = Counter((f["operation"], f["layout"], f["precision"], f["wrong"].split(":")[0]) for f in faults)
    tried = Counter((case.operation, layout, precision) for case, layout, precision in trials())
    summary = [f"{' '.join(what)}: {number} of {tried[what[:3]]}" for what, number in sorted(counted.items())]
    return {"isa": isa, "environment": ISAS[isa], "trials": tried.total(), "summary": summary, "faults": faults}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("isa", choices=ISAS)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        worker(*map(int, asked.part.split("/")))
        return
    found = survey(asked.isa, asked.processes)
    print("\n".join([f"{asked.isa}: {found['trials']} trials", *found["summary"]]))
    keep(f"kernel_safety-{asked.isa}", found)


if __name__ == "__main__":
    main()
