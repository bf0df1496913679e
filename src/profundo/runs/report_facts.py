"""A run → the plain facts that its report shows."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from profundo.boxes import NO_OBJECT, unpacked
from profundo.data.batches import in_memory
from profundo.doctor.verdicts import quantity
from profundo.evaluate.detection import average_precision, curves, roc_area
from profundo.evaluate.leading import positive, reason
from profundo.evaluate.objects.object_scores import found_in, there_in
from profundo.evaluate.reliability import reliability
from profundo.evaluate.scores import Answers
from profundo.files import read_object, write_text
from profundo.kinds import NO_CLASS, InputKind
from profundo.languages import language, local, say, speaking, worded, words
from profundo.looks.grids.mask_pictures import answered_panels, mask_key, panels, shares_in_words
from profundo.looks.sound_pictures import audible, sound_pictures
from profundo.nets.summary import summary
from profundo.object_masks import table_of
from profundo.pictures.axes import usual_range
from profundo.pictures.objects.found_objects import ObjectFacts, Picture, object_marks
from profundo.pictures.objects.marked_pixels import marked_pixels
from profundo.pictures.run_page.report import Fit, Report, Worst, report_html
from profundo.pictures.run_page.report_content import Checkup, Found, Importance, Ranking
from profundo.records import Dataset, Inputs, LayerRow, ProfundoError, Samples, Scores, Targets
from profundo.runs.column_effects import OTHERS, drivers_of, effects_of, spread_over
from profundo.runs.experiment import WITHOUT_EFFECT, belonging_to
from profundo.runs.first_layer import first_layer
from profundo.runs.folder import environment
from profundo.runs.found.found_facts import object_facts
from profundo.runs.found.shown_images import shown_image
from profundo.runs.health.health_record import Health
from profundo.runs.preparing import rounds_of
from profundo.runs.run import Run
from profundo.runs.scoring import answers_held_out, judged, threshold_line
from profundo.runs.series_facts import courses_of, example_series
from profundo.runs.table_values import column_rows, values_of
from profundo.runs.target_advice import transform_advice
from profundo.trees import chosen_rows

__all__ = [
    "command_of",
    "displayable",
    "environment_of",
    "examples_of",
    "history_of",
    "mistakes_of",
    "raw_samples",
    "report_of",
    "said_of",
    "settings_of",
    "write_report",
]

EXAMPLES = 40
MOST_HEARD = 400_000  # samples of all sounds together that a page plays
MOST_DRAWN = 2000  # samples of a scatter
BARS = 30  # of a histogram, at most
LINEAR_PLACES, LOG_PLACES = 100, 50  # of a curve of thresholds: at its beginning they are close together


def write_report(run: Run, path: Path | None, lang: str | None) -> Path:
    """Write the page of a run, in the language of the run unless told another. Returns its path. Raises ProfundoError for a run
    without folder when no path is given, and for a language that there is not."""
    if path is None:
        if run.folder is None:
            raise ProfundoError("report: this run keeps no folder; say where: run.report('report.html')")
        path = run.folder.report
    with speaking(lang or run.experiment.lang or "en"):
        page = report_html(report_of(run))
    write_text(path, page)
    return path


def report_of(run: Run) -> Report:
    """All that the page tells. Raises ProfundoError for a run that was not evaluated."""
    data, outputs, result = run.data, run.said, run.scores
    if result is None or outputs is None:
        raise ProfundoError("report: expected a run that was evaluated")
    targets = data.spec.targets
    examples, labels = examples_of(data)
    layers = _layers(run)
    effects = effects_of(run, partial(raw_samples, data.test), layers)
    splits = {"training": data.train, "validation": data.validation, "test": data.test}
    on_validation = run.held
    if on_validation is None and len(data.validation):
        on_validation = answers_held_out(run.net, data, run.experiment, run.own)
    advice = transform_advice(on_validation, targets, data.train.targets) if on_validation is not None else ()
    return Report(
        title=run.folder.path.name if run.folder else data.name,
        subtitle=say("report.subtitle", net=str(run.experiment.net).removeprefix("own:"), data=data.name),
        spec=data.spec,
        scores=_told(result, targets),
        command=command_of(run),
        drawn_by=_drawn_by(run),
        validation_scores=None if on_validation is None else judged(on_validation, data, run.own),
        asked=settings_of(run),
        counts={name: _counts(split, targets) for name, split in splits.items()},
        sizes={name: len(split) for name, split in splits.items()},
        notes=data.notes,
        advice=advice,
        readings=data.readings,
        examples=examples,
        example_labels=labels,
        augmented=_augmented(run),
        mask_key=mask_key(run.data.spec.targets.classes) if run.data.spec.targets.kind == "mask" else "",
        series=example_series(data),
        courses=courses_of(run),
        columns=column_rows(data.spec.inputs),
        layers=layers,
        first_layer=first_layer(run.net, data.spec.inputs, layers),
        history=history_of(run),
        best_epoch=run.best_epoch,
        best_kept=run.experiment.early_stop is not None,
        begun_again=begun_again(run),
        checkup=None if run.doctor is None else _checkup(run.doctor, run.vital_signs),
        batch_size=min(run.experiment.batch_size or 1, len(data.train)),
        calibration=reliability(result.calibration, result.chance),
        rankings=_rankings(outputs, targets),
        effects=effects,
        threshold=threshold_line(run.experiment.threshold, targets) if run.experiment.threshold else "",
        fits=_fits(outputs, targets) if targets.traits.numeric and not result.steps else (),
        worst=_worst(run, effects.importances if effects else ()),
        objects=_objects(run),
        facts=data.facts,
        environment=environment_of(run),
        seconds=run.seconds,
    )


def _told(result: Scores, targets: Targets) -> Scores:
    """Why its first figure leads, in the language that is spoken: the run keeps it in English."""
    why = reason(targets, next(iter(result.values), "")) if result.leads_for else ""
    return replace(result, leads_for=why or result.leads_for)


def _checkup(health: Health, signs: Mapping[str, Any]) -> Checkup:
    findings = [
        Found(_cause(one.cause), quantity(one.where), one.numbers, one.sure, one.advice) for one in health.findings
    ]
    return Checkup(
        health.looks,
        health.steps,
        findings,
        list(map(str, health.cures)),
        [str(worded(one)) for one in health.notes],
        signs,
    )


def _cause(name: str) -> str:
    """English readers know a cause by its id, which the manual explains; others are told what it is, too."""
    return name if language() == "en" else f"{words('findings', language()).get(name, '')} ({name})"


# ------------------------------------------------------------------------------------------------------- figures
def _fits(predictions: Answers, targets: Targets) -> list[Fit]:
    """Of each real target what was predictions, evenly thinned, and the histogram of all residuals."""
    if targets.kind == "map":
        known = predictions.targets.isfinite()
        truth, said = (one[known].unsqueeze(1) for one in (predictions.targets, predictions.predictions))
        predictions = replace(predictions, predictions=said, targets=truth)
    names = targets.names or [
        say("report.target_number", number=place + 1) for place in range(predictions.targets.shape[1])
    ]
    step = max(1, -(-len(predictions.targets) // MOST_DRAWN))
    return [
        Fit(name, truth[::step].tolist(), predicted[::step].tolist(), *_histogram((predicted - truth).double()))
        for name, truth, predicted in zip(names, predictions.targets.T, predictions.predictions.T, strict=False)
    ]


def _histogram(values: Tensor) -> tuple[list[float], list[int], int]:
    """Edges and counts of bars of equal width, about √samples of them; and how many values lie beyond the usual range, and
    are in the outermost bars."""
    values = values[values.isfinite()]
    if not len(values):
        return [], [], 0
    low, high = usual_range(values.tolist())
    beyond = int(((values < low) | (values > high)).sum())
    values = values.clamp(low, high)
    low, high = values.min().item(), values.max().item()
    if low == high:
        low, high = low - 0.5, high + 0.5
    bars = max(5, min(BARS, round(len(values) ** 0.5)))
    counts = torch.histc(values, bars, low, high).long().tolist()
    return torch.linspace(low, high, bars + 1, dtype=torch.float64).tolist(), counts, beyond


def _rankings(predictions: Answers, targets: Targets) -> list[Ranking]:
    """The curves of the class to be found, of two, else of each class or label that some samples have and some have not."""
    if targets.traits.per != "sample" or not targets.classes or not predictions.are_probabilities:
        return []
    if not bool(predictions.predictions.isfinite().all()):
        return []
    sure, truth = predictions.predictions, predictions.targets
    if targets.kind == "binary":
        wanted = positive(targets)
        there, taken = truth == wanted, predictions.chosen == wanted
        one = _ranking(targets.classes[wanted], sure if wanted else 1 - sure, there)
        hits = int((there & taken).sum())
        share = [hits / max(1, int(of.sum())) for of in (there, taken)]
        alarms = int((taken & ~there).sum()) / max(1, int((~there).sum()))
        return [replace(one, place=(share[0], alarms, share[1]))] if 0 < one.share < 1 else []
    each = truth >= 0.5 if targets.kind == "labels" else truth[:, None] == torch.arange(len(targets.classes))
    all_of_them = [_ranking(name, sure[:, k], each[:, k]) for k, name in enumerate(targets.classes)]
    return [one for one in all_of_them if 0 < one.share < 1]


def _ranking(name: str, scores: Tensor, there: Tensor) -> Ranking:
    recall, alarms, precision = curves(scores, there)
    share = there.double().mean().item()
    area = roc_area(scores[~there], scores[there]) if 0 < share < 1 else 0.5
    last = len(recall) - 1
    few = torch.cat([torch.linspace(0, last, LINEAR_PLACES), torch.logspace(0, math.log10(last + 1), LOG_PLACES) - 1])
    at = torch.unique(few.round().long().clamp(0, last))
    recall, alarms, precision = (curve[at].mul(1e5).round().div(1e5) for curve in (recall, alarms, precision))
    mean = average_precision(scores, there)
    return Ranking(name, recall.tolist(), alarms.tolist(), precision.tolist(), share, area, mean)


# --------------------------------------------------------------------------------------------------- what happened
def history_of(run: Run) -> dict[str, list[float]]:
    """One value an epoch by name; the schedule's factor as the learning rate it made."""
    names = [name for name in run.history.names if name not in ("epoch", "rate")]
    rates = [rate * (run.experiment.learning_rate or 0) for rate in run.history["rate"]] if len(run.history) else []
    return {**{name: run.history[name] for name in names}, "learning rate": rates}


def settings_of(run: Run) -> dict[str, Any]:
    return {name: value for name, value in run.experiment.settings().items() if value not in (None, {}, [])}


def environment_of(run: Run) -> dict[str, str]:
    if run.folder is not None and run.folder.environment.is_file():
        kept = read_object(run.folder.environment)
        return {name: str(value) for name, value in kept.items() if name != "data"}
    device = next((p.device for p in run.net.parameters()), torch.device("cpu"))
    return environment(device, 1)


def command_of(run: Run) -> str:
    experiment, origin = run.experiment, dict(run.data.origin)
    net, data = ("net" if str(experiment.net).startswith("own:") else repr(experiment.net)), "data"
    if not experiment.data.startswith("own:") and origin:
        how = [f"{name}={value!r}" for name, value in origin.items() if name != "data"]
        data = f"profundo.load({', '.join([repr(origin['data']), *how])})"
    if net == "net" or data == "data" or experiment.own:
        needless = (*belonging_to("data", "net"), *WITHOUT_EFFECT, "own", *experiment.own)
        settings = [f"{name}={value}" for name, value in experiment.own.items()]
        settings += [
            f"{name}={value!r}"
            for name, value in experiment.settings().items()
            if name not in needless and value is not None
        ]
        return f"profundo.fit({net}, {data}, {', '.join(settings)})"
    if run.folder is None:
        return f"profundo train {run.experiment.data} --net {run.experiment.net} --seed {run.experiment.seed}"
    return f"profundo train --config {shlex.quote(str(run.folder.experiment))}"


def _drawn_by(run: Run) -> str:
    if run.folder is None or str(run.experiment.net).startswith("own:"):
        return ""
    return f"profundo graph {shlex.quote(str(run.folder.path))} --depth 1 --svg net.svg"


# --------------------------------------------------------------------------------------------------------- the data
def _counts(split: Samples, targets: Targets) -> list[int]:
    if not targets.classes:
        return [len(split)]
    if targets.kind == "labels":
        here: list[int] = (split.targets >= 0.5).sum(0).tolist()
        return here
    if targets.kind == "objects":
        labels = table_of(split.targets)[..., 4]
        return torch.bincount(labels[labels != NO_OBJECT].long(), minlength=len(targets.classes)).tolist()
    if targets.kind == "mask":  # images that have a pixel of it
        return [int((split.targets == place).flatten(1).any(1).sum()) for place in range(len(targets.classes))]
    counts: list[int] = torch.bincount(split.targets, minlength=len(targets.classes)).tolist()
    return counts


def raw_samples(split: Samples, indices: list[int]) -> Tensor:
    """The raw inputs of these samples, from memory or read; several inputs as they are."""
    if in_memory(split):
        chosen: Tensor = chosen_rows(split.inputs, torch.tensor(indices, dtype=torch.int64))
        return chosen
    return torch.stack([split.inputs[index] for index in indices])


def displayable(images: Tensor) -> Tensor:
    """uint8 for the eye."""
    if images.dtype == torch.uint8:
        return images
    low, high = images.amin(), images.amax()
    return ((images - low) / (high - low).clamp_min(1e-12) * 255).to(torch.uint8)


PICTURES: Mapping[InputKind, Callable[[Tensor, Inputs], Tensor]] = {
    "image": lambda raw, _: displayable(raw),
    "sound": lambda raw, inputs: sound_pictures(raw, inputs.sound.rate),
}


def shown(raw: Tensor, inputs: Inputs) -> Tensor | None:
    """Raw inputs (samples, *shape) as uint8 images; None where they cannot be looked at."""
    return PICTURES[inputs.kind](raw, inputs) if inputs.kind in PICTURES else None


def examples_of(data: Dataset) -> tuple[Tensor | None, list[str]]:
    """The first training images or sounds, as many of each class; the first ones where there are no classes; none for rows."""
    if data.spec.targets.traits.per == "pixel":
        some = list(range(min(EXAMPLES // 2, len(data.train))))
        return panels(raw_samples(data.train, some), data.train.targets[: len(some)]), []
    if data.spec.targets.traits.per == "object":
        some = list(range(min(EXAMPLES // 2, len(data.train))))
        return boxed(displayable(raw_samples(data.train, some)), data.train.targets), []
    if data.spec.inputs.kind not in PICTURES:
        return None, []
    classes = data.spec.targets.classes
    if data.spec.targets.kind in ("real", "labels"):
        return shown(raw_samples(data.train, list(range(min(EXAMPLES, len(data.train))))), data.spec.inputs), []
    each = max(1, EXAMPLES // max(1, len(classes)))
    chosen = [
        int(index)
        for label in range(min(len(classes), EXAMPLES))
        for index in (data.train.targets == label).nonzero()[:each, 0]
    ]
    images = shown(raw_samples(data.train, chosen), data.spec.inputs)
    return images, [classes[int(data.train.targets[index])] for index in chosen]


def boxed(images: Tensor, targets: Any) -> Tensor:
    """uint8 (n, 3, height, width): images (n, channels, height, width) with the boxes of the first n targets drawn in them."""
    scenes = [unpacked(row) for row in table_of(targets)[: len(images)]]
    pairs = zip(images, scenes, strict=True)
    return torch.stack([marked_pixels(Picture(image, object_marks(scene))) for image, scene in pairs])


def _augmented(run: Run) -> Tensor | None:
    from profundo.looks.augmentation_samples import augmented_images

    asked, image = run.experiment.augment, run.data.spec.inputs.kind == "image"
    return augmented_images(run.data, asked, run.experiment.seed) if asked and image else None


def _layers(run: Run) -> list[LayerRow]:
    return summary(run.net, run.data.spec.inputs)


# ------------------------------------------------------------------------------------------------------ the mistakes
def mistakes_of(run: Run) -> list[Worst]:
    """The test samples that an evaluated run is most wrong about, the worst first, as its report shows them; without what drove
    the answers, which takes long."""
    return _worst(run, ())


def _worst(run: Run, columns: Sequence[Importance]) -> list[Worst]:
    data, outputs, result = run.data, run.said, run.scores
    assert outputs is not None
    assert result is not None
    if not result.worst or data.spec.inputs.forecast is not None or data.spec.targets.traits.per == "object":
        return []  # of forecasts the courses show the worst, of objects the pictures of what was found
    raw = raw_samples(data.test, list(result.worst))
    inputs = data.spec.inputs
    is_row, plays = inputs.kind == "features", inputs.kind == "sound" and raw.numel() <= MOST_HEARD
    others = raw if not is_row else raw_samples(data.test, spread_over(len(data.test), OTHERS).tolist())
    numbers = data.test.numbers
    images: Tensor | list[Tensor] | None = shown(raw, inputs)
    if data.spec.targets.traits.per == "pixel":
        images = answered_panels(raw, outputs.targets[list(result.worst)], outputs.predictions[list(result.worst)])
    return [
        Worst(
            *said_of(outputs, index, data.spec.targets),
            loss=float(outputs.costs[index]),
            confidence=confidence_of(outputs, index, data.spec.targets),
            judged=data.spec.targets.traits.per == "sample",
            image=None if images is None else images[place],
            audio=audible(raw[place], inputs.sound.rate) if plays else "",
            row=() if not is_row else values_of(raw[place].flatten(), inputs),
            number=None if images is not None or numbers is None else int(numbers[index]) + 1,
            ids={} if numbers is None else {name: ids[int(numbers[index])] for name, ids in data.ids.items()},
            drivers=() if not is_row else drivers_of(run, raw[place].flatten(), index, others.flatten(1), columns),
        )
        for place, index in enumerate(result.worst)
    ]


def _objects(run: Run) -> ObjectFacts | None:
    """Of a run that finds objects, its test images with the most mistakes."""
    targets, outputs, result = run.data.spec.targets, run.said, run.scores
    if targets.traits.per != "object" or outputs is None or result is None:
        return None
    worst = list(result.worst)
    seen = displayable(raw_samples(run.data.test, worst))
    shown = [shown_image(run.data, run.data.test, at, pixels) for at, pixels in zip(worst, seen, strict=True)]
    return object_facts(outputs, targets, worst, shown)


def said_of(predictions: Answers, index: int, targets: Targets) -> tuple[str, str]:
    """(truth, prediction) of one sample, for the eye."""
    classes = targets.classes
    if targets.traits.per == "object":
        there, found = (
            there_in(predictions, index, masks=False),
            found_in(predictions, index, least=predictions.threshold),
        )
        return counts_of(there.classes, classes), counts_of(found.classes, classes)
    if targets.traits.per == "pixel":
        truth, answer = predictions.targets[index], predictions.predictions[index]
        known = truth.isfinite() if targets.kind == "map" else truth != NO_CLASS
        return shares_in_words(truth[known], targets), shares_in_words(answer[known], targets)
    if targets.kind == "labels":
        truth, chosen = predictions.targets[index] >= 0.5, predictions.predictions[index] >= 0.5
        return _labels(truth, classes), _labels(chosen, classes)
    if classes:
        return classes[int(predictions.targets[index])], classes[int(predictions.chosen[index])]
    return _values(predictions.targets[index]), _values(predictions.predictions[index])


def counts_of(kinds: Tensor, classes: tuple[str, ...]) -> str:
    """Of objects of these classes, such as "2 cat, 1 dog"."""
    counts = torch.bincount(kinds, minlength=len(classes)).tolist()
    return ", ".join(f"{many} {name}" for name, many in zip(classes, counts, strict=True) if many) or say("report.none")


def _values(numbers: Tensor) -> str:
    return ", ".join(local(f"{value:.4g}".replace("-", "−")) for value in numbers.tolist())


def _labels(there: Tensor, names: tuple[str, ...]) -> str:
    return ", ".join(name for name, is_there in zip(names, there.tolist(), strict=True) if is_there) or say(
        "report.none"
    )


def confidence_of(predictions: Answers, index: int, targets: Targets) -> float | None:
    """The probability that the network gave to its own answer; None where it states none, or one for each label."""
    if not targets.traits.one_class or not predictions.are_probabilities:
        return None
    p = predictions.predictions[index]
    return float(p.max()) if p.ndim else float(p if predictions.chosen[index] else 1 - p)


def begun_again(run: Run) -> int | None:
    """After how many epochs a second training began; None where there was one alone."""
    rounds = rounds_of(run.experiment)
    return rounds.epochs if rounds.times and len(run.history) > rounds.epochs else None
