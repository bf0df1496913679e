"""Painting in one pass beside the slow way, which moves pixels: what both come to for one photograph that no net was
trained on or chosen by, and the seconds of an image, on one core.

    python -m benchmarks.fast_style [--runs runs/fast-style-1 runs/adain-1] [--photograph FILE] [--style FILE] [--steps 100]

The runs are of recipes fast-style, in the manner of that very painting, and adain. Costs are those that fast-style lowers.
"""

from __future__ import annotations

import argparse
import base64
import io
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.common import keep
from profundo.data.streams.cache import data_folder
from profundo.recipes.context import Context, Request
from profundo.recipes.painting.one_pass import LAYERS, PACE, total
from profundo.recipes.painting.style_costs import Weights, aimed, grams, judged, optimised
from profundo.recipes.recipe import Model, predicted, settle
from profundo.recipes.recipe_folder import open_model
from profundo.recipes.repainting import as_picture, perceptual_net, picture
from profundo.runs.voice import Quiet

SIZE, TIMED = 192, 512  # pixels of the longer side: of what is judged, and of the images whose seconds are taken


def painted(name: str, model: Model, photograph: Path, style: Path, size: int) -> tuple[torch.Tensor, float]:
    """What the run of a recipe makes of it, (1, 3, height, width) from 0 to 1, and the processor's seconds from file to PNG."""
    wishes = {"size": size} | ({"style": str(style), "style_size": size} if name == "adain" else {})
    started = time.process_time()
    (told,) = predicted(name, model, [photograph], wishes=wishes)
    passed = time.process_time() - started
    with Image.open(io.BytesIO(base64.b64decode(told["image"]))) as image:
        return as_picture(name, np.asarray(image.convert("RGB")), size), passed


def main() -> None:
    own = data_folder(None)
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=Path, nargs="*", default=[Path("runs/fast-style-1"), Path("runs/adain-1")])
    parser.add_argument("--photograph", type=Path, default=own and own / "images" / "amber.jpg")
    parser.add_argument("--style", type=Path, default=own and own / "images" / "candy.jpg")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--weight", type=float, default=5.0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    judge = perceptual_net("auto", torch.Generator())
    photograph, style = (picture(str(file), SIZE) for file in (asked.photograph, asked.style))
    aims = aimed(judge, photograph, grams(judge, style, LAYERS))
    images, seconds = {"photograph": photograph}, {}
    for run in asked.runs:
        name, model = open_model(run)
        images[name], _ = painted(name, model, asked.photograph, asked.style, SIZE)
        seconds[name] = median(painted(name, model, asked.photograph, asked.style, TIMED)[1] for _ in range(5))
    started = time.process_time()
    context = Context(
        Request("style-transfer", settle("style-transfer", {})), device=torch.device("cpu"), folder=None, voice=Quiet()
    )
    weights = Weights(asked.weight)
    canvas, _ = optimised(context, judge, aims, photograph, weights, frames=1, each=asked.steps, learning_rate=PACE)
    images[f"{asked.steps} steps of pixels"] = canvas().detach()
    seconds[f"{asked.steps} steps of pixels, {SIZE} pixels"] = time.process_time() - started
    result: dict[str, Any] = {"weight of the style": asked.weight, "pixels of the longer side": SIZE}
    for name, image in images.items():
        errors = judged(judge, aims, image)
        costs = {part: errors[part] for part in ("content", "style")}
        result[name] = {**costs, "content + weight · style": total(errors, weights)}
        print(name, result[name], flush=True)
    result[f"processor seconds of an image of {TIMED} pixels"] = seconds
    keep("fast_style", result)


if __name__ == "__main__":
    main()
