"""Where the net is wrong, where it is unsure, and how small a change makes it so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor

from profundo.evaluate.scores import confusion
from profundo.inside.attacking import ATTACKS, Robustness, Victim, fgsm, robustness, smallest_change
from profundo.inside.codes import codes, neighbours
from profundo.inside.observing import device_of, undisturbed
from profundo.inspect.opened_net import Looked
from profundo.inspect.sections.inside_section import Section
from profundo.pictures.charts import Line, plotted
from profundo.pictures.map_pictures import as_pixels, tiled
from profundo.pictures.numbers import percent, plain
from profundo.pictures.run_page.class_results import pairs_grid
from profundo.pictures.sheet import Figure, Grid, Part
from profundo.pictures.tables import Row
from profundo.trees import called

__all__ = ["attack_section", "mistakes_section"]

JUDGED = 2000  # test samples
KNOWN = 5000  # training samples among which similar ones are looked for
WORST, SIMILAR = 6, 8
ATTACKED, SHOWN, PASSES = 100, 6, 64  # test samples; how often each goes through the net
SUREST = 10.0  # of outputs before a softmax
PIXEL_SIZES = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
DEVIATIONS = tuple(size / 64 for size in PIXEL_SIZES)


def mistakes_section(looked: Looked) -> Section | None:
    """The most confused pairs, wrong answers beside the training samples most like them, and where it is unsure."""
    if not looked.classes or not len(looked.data.test):
        return None
    raw, truth = looked.samples(looked.data.test, JUDGED)
    shares = looked.shares(raw)
    answers = shares.argmax(1)
    table = confusion(truth, answers, len(looked.classes))
    wrong = (answers != truth).nonzero()[:, 0]
    wrong = wrong[shares[wrong, answers[wrong]].argsort(descending=True)][:WORST]
    top = shares.topk(2, 1).values
    margins = top[:, 0] - top[:, 1]
    unsure = margins.argsort()[:WORST]
    nearest, near_truth = _similar(looked, raw, wrong)
    figures = []
    pictures = looked.pictures(raw)
    if pictures is not None:
        if len(wrong):
            figures.append(tiled(nearest, _wrong_words(looked, truth, answers, wrong), SIMILAR + 1))
        pairs = shares[unsure].topk(2, 1).indices.tolist()
        words = "; ".join(f"{looked.classes[i]} or {looked.classes[j]}" for i, j in pairs)
        caption = f"Where the two likeliest answers are closest, most unsure first: {words}."
        figures.append(tiled(pictures[unsure], caption, WORST))
    total, same = int((answers != truth).sum()), None
    finding = f"{total} of {len(truth):,} test samples are answered wrong"
    if len(wrong):
        same = (near_truth == answers[wrong, None]).double().mean().item()
        alike = "of the training samples most like the surest of them"
        finding += f"; {alike} {percent(same)} are of the class that was answered"
    means = (
        "A wrong answer has its reason in what the net was shown: beside each are the training samples with the nearest codes, those "
        "that the net takes for the same. Where they are of the wrong class, the net did what it had learned."
    )
    closest = margins[unsure].tolist()
    record = {"wrong": total, "samples": len(truth), "neighbours of the answered class": same, "margins": closest}
    part = Part("Seeing mistakes", [means, f"Here {finding}."], figures, pairs_grid(table.tolist(), looked.classes))
    return Section("mistakes", finding, part, record, {"confusion": table, "shares": shares, "margins": margins})


def _wrong_words(looked: Looked, truth: Tensor, answers: Tensor, wrong: Tensor) -> str:
    each = "; ".join(f"{looked.classes[int(truth[at])]} taken for {looked.classes[int(answers[at])]}" for at in wrong)
    return f"On the left the surest wrong answers, from above: {each}. On their right the training images with the nearest codes."


def _similar(looked: Looked, raw: Any, wrong: Tensor) -> tuple[Tensor, Tensor]:
    """Of each wrong answer its picture and those of the training samples with the nearest codes, row by row, where there are
    pictures; and the classes of those samples (wrong, similar)."""
    known, classes = looked.samples(looked.data.train, KNOWN)
    layer = looked.code_layer
    stored = codes(looked.net, looked.batches(known), [layer])[layer]
    own = codes(looked.net, looked.batches(raw), [layer])[layer][wrong]
    near = neighbours(stored, own, SIMILAR)[1]
    pictures, mine = looked.pictures(known), looked.pictures(raw)
    if pictures is None or mine is None or not len(wrong):
        return torch.empty(0), classes[near]
    rows = [torch.cat([mine[at : at + 1], pictures[n]]) for at, n in zip(wrong, near, strict=True)]
    return torch.cat(rows), classes[near]


# ---------------------------------------------------------------------------------------------------------------- attacks
def attack_section(looked: Looked) -> Section | None:
    """Accuracy under attack, the smallest change that suffices, and how such changes look."""
    raw, truth = looked.samples(looked.held_out, ATTACKED, PASSES)
    ready = looked.ready(raw)
    if not looked.classes or looked.spec.inputs.texts or not isinstance(ready, Tensor) or not ready.is_floating_point():
        return None
    is_pixels = looked.is_image and raw.dtype == torch.uint8
    # of inputs that go in as they are
    spread = 1.0 if looked.spec.inputs.mean else ready.std(correction=0).item() or 1.0
    sizes = PIXEL_SIZES if is_pixels else tuple(spread * size for size in DEVIATIONS)
    own_unit = "standard deviations of the inputs" if looked.spec.inputs.mean else "units of the inputs"
    unit = "grey levels of 255" if is_pixels else own_unit
    with _attacked(looked, raw, truth) as (victim, inputs):
        curve = robustness(victim, inputs, sizes, ATTACKS)
        largest = {"inf": 4 * sizes[-1], "2": sizes[-1] * inputs[0].numel() ** 0.5}
        needed = {norm: smallest_change(victim, inputs, largest[norm], partial(fgsm, norm=norm)) for norm in largest}  # type: ignore[arg-type]
        some = (needed["inf"].isfinite() & (needed["inf"] > 0)).nonzero()[:SHOWN, 0]
        changed = fgsm(victim, inputs, needed["inf"].nan_to_num(0, 0, 0)).cpu()[some.cpu()]
    figures = [_accuracies(curve, unit, len(truth))]
    pictures = looked.pictures(raw)
    if pictures is not None and is_pixels and len(some):
        here = some.cpu()
        figures.append(_before_and_after(looked, pictures[here], raw[here].float(), changed, needed["inf"][some]))
    positive = {norm: values[values > 0] for norm, values in needed.items()}
    medians = {norm: values.median().item() if len(values) else 0.0 for norm, values in positive.items()}
    told = [plain(medians[n]) if medians[n] < float("inf") else f"above {plain(largest[n])}" for n in ("inf", "2")]
    ways = (f"every value by so much, in {unit}", "in length (L2), in the same unit")
    rows: list[Row] = [[way, median] for way, median in zip(ways, told, strict=True)]
    caption = "The smallest change that turns a right answer, by one step up the slope: the median."
    grid = Grid(caption, ["measured as", "median"], rows)
    at = next((place for place, size in enumerate(curve.sizes) if size >= sizes[2]), 0)
    finding = (
        f"a change of at most {plain(curve.sizes[at])} {unit} brings {percent(curve.accuracy['PGD'][0])} right answers down to "
        f"{percent(curve.accuracy['PGD'][at])}; noise of that size to {percent(curve.accuracy['noise'][at])}"
    )
    means = (
        "How small a change makes it wrong? FGSM goes one step in the direction in which the cost rises most, PGD many small ones "
        "(Goodfellow et al. 2015; Madry et al. 2018). That they succeed shows that the net does not go by what we see."
    )
    accuracy = {name: list(shares) for name, shares in curve.accuracy.items()}
    finite = {norm: value if value < float("inf") else None for norm, value in medians.items()}
    values = {"unit": unit, "sizes": list(curve.sizes), "accuracy": accuracy, "median smallest change": finite}
    part = Part("Under attack", [means, f"Here {finding}."], figures, grid)
    arrays = {"smallest": needed["inf"], "smallest in L2": needed["2"], "examples": changed}
    return Section("attack", finding, part, values, arrays)


def _accuracies(curve: Robustness, unit: str, many: int) -> Figure:
    lines = [Line(name, curve.sizes, shares) for name, shares in curve.accuracy.items()]
    axes = {"x_label": f"largest change, in {unit}", "y_label": "right answers"}
    caption = (
        f"Right answers of {many} test samples under attack. Noise of the same size is what a change in no direction in particular "
        "does: the gap is what the attack knows about the net."
    )
    return plotted(lines, caption, **axes, percent=True, log_y=False)


@contextmanager
def _attacked(looked: Looked, raw: Tensor, truth: Tensor) -> Iterator[tuple[Victim, Tensor]]:
    """The net as a function of pixels from 0 to 255, or of standardised inputs; and these inputs."""
    device = device_of(looked.net)
    is_pixels = looked.is_image and raw.dtype == torch.uint8
    truth = truth.to(device)

    def judge(inputs: Tensor) -> tuple[Tensor, Tensor]:
        outputs = called(looked.net, looked.ready(inputs) if is_pixels else inputs)
        answers = looked.objective.predict(outputs)
        answers = (answers >= looked.spec.targets.threshold).long() if answers.ndim == 1 else answers.argmax(1)
        return looked.objective(_tempered(outputs), truth), answers != truth

    with undisturbed(looked.net, frozen=True):
        inputs = raw.float().to(device) if is_pixels else looked.ready(raw)
        ends = (inputs.min().item(), inputs.max().item())  # of images that are no pixels
        yield Victim(judge, (0.0, 255.0) if is_pixels else ends if looked.is_image else None), inputs


def _tempered(outputs: Tensor) -> Tensor:
    """Of a net that is very sure the cost has no slope left, in float32: its outputs are divided, sample by sample, until it has."""
    largest = outputs.detach().abs().flatten(1).amax(1) if outputs.ndim > 1 else outputs.detach().abs()
    return outputs / (largest / SUREST).clamp_min(1).view(-1, *[1] * (outputs.ndim - 1))


def _before_and_after(looked: Looked, pictures: Tensor, before: Tensor, after: Tensor, sizes: Tensor) -> Figure:
    """Three rows: as they are, the change, and as they are then."""
    change = as_pixels(after - before, each=True)[:, : pictures.shape[1]]
    rows = torch.cat([pictures, change, after.round().byte()])
    answers = looked.shares(after.round().byte()).argmax(1).tolist()
    each = ", ".join(f"{looked.classes[at]} ({plain(size)})" for at, size in zip(answers, sizes.tolist(), strict=True))
    caption = (
        f"Above test samples that were right, below the same after the smallest change by FGSM, then taken for {each}; in brackets "
        "how much each pixel changed. Between them the change, made visible: grey is none."
    )
    return tiled(rows, caption, len(pictures))
