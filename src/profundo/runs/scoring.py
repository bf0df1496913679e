"""How well a trained net does on a split, beside a constant and a linear model; and that in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from profundo import objectives
from profundo.data.batches import in_order
from profundo.data.splits.splits import chosen
from profundo.evaluate import Answers, answers_of_all, figures, scores
from profundo.evaluate.conformal import FEWEST, LEVEL, margins
from profundo.evaluate.kinds.forecasts import seasonal_naive, step_scores
from profundo.evaluate.leading import positive
from profundo.evaluate.objects.told_from import threshold_of_best_f1
from profundo.evaluate.thresholds import choose_threshold
from profundo.languages import local, say
from profundo.pictures.verdict import no_better
from profundo.records import Dataset, ProfundoError, Samples, Scores, Targets
from profundo.runs.baselines.linear_baseline import Yardstick, yardstick
from profundo.runs.experiment import Experiment
from profundo.runs.given.own import NOTHING, Own, measured
from profundo.runs.preparing import objective_of, rounds_of, unsettled_epochs
from profundo.runs.run import Run
from profundo.runs.voice import figure
from profundo.train.hardware import repeatable

__all__ = [
    "answers_beside",
    "answers_held_out",
    "as_learned",
    "at_threshold",
    "evaluate_run",
    "evaluate_split",
    "result_lines",
    "score_lines",
    "threshold_line",
    "with_margins",
    "with_threshold",
]


def evaluate_run(
    run: Run,
    notice: Callable[[str], None] = lambda _: None,
    linear: tuple[Mapping[str, float], str] | None = None,
    fitted: Yardstick | None = None,
) -> None:
    """The one look at the test split, in float32: what the saved weights give anywhere.

    linear: the linear model's figures and its name, where they are known; fitted: the model, where it is there.
    """
    if linear is None:
        run.said, run.scores = evaluate_split(run.net, run.data, run.data.test, run.experiment, notice, run.own, fitted)
        return
    run.said = answers_to(run.net, run.data, run.data.test, run.experiment, own=run.own)[0]
    result = judged(run.said, run.data, run.own, run.data.test)
    run.scores = replace(result, linear=linear[0], linear_name=linear[1])


def judged(answers: Answers, data: Dataset, own: Own = NOTHING, split: Samples | None = None) -> Scores:
    """All figures of the answers, with metrics of one's own at the end. split: of which they are, where that is known."""
    targets = data.spec.targets
    if data.spec.inputs.forecast is not None and split is not None and isinstance(split.inputs, Tensor):
        result = forecast_scores(answers, data, split)
    else:
        result = scores(answers, targets, data.train.targets)
    return (
        replace(result, values={**result.values, **measured(own.metrics, answers, targets)}) if own.metrics else result
    )


def evaluate_split(
    net: nn.Module,
    data: Dataset,
    split: Samples,
    experiment: Experiment,
    notice: Callable[[str], None] = lambda _: None,
    own: Own = NOTHING,
    fitted: Yardstick | None = None,
) -> tuple[Answers, Scores]:
    """What the net says about each sample of a split, and how well, beside a constant and a linear model.

    notice: is told why there is no linear model, where it could not be fitted. fitted: that, where it was before.
    """
    targets = data.spec.targets
    if not len(split):
        raise ProfundoError(f"{data.name}: expected samples to judge the net by, this split has none; choose another")
    if "any" in (targets.kind, data.spec.inputs.kind) or targets.traits.per == "object":
        (outputs,) = answers_to(net, data, split, experiment, own=own)
        return outputs, judged(outputs, data, own)
    try:
        linear, name = fitted or yardstick(data)
    except (RuntimeError, ValueError, OSError, MemoryError, ProfundoError) as error:
        notice(f"no linear model to compare with: {' '.join(str(error).split())}")
        (outputs,) = answers_to(net, data, split, experiment, own=own)
        return outputs, judged(outputs, data, own, split)
    outputs, linear_said = answers_to(net, data, split, experiment, linear, own)
    if experiment.threshold is not None:
        held = answers_to(net, data, data.validation, experiment, linear)[1]
        linear_said = replace(linear_said, threshold=chosen_threshold(experiment.threshold, held, targets))
    result = judged(outputs, data, own, split)
    return outputs, replace(result, linear=figures(linear_said, targets), linear_name=name)


def forecast_scores(outputs: Answers, data: Dataset, split: Samples) -> Scores:
    """Figures of a forecast beside those of the season's values again, and step by step."""
    spec = data.spec
    assert spec.inputs.forecast is not None
    assert isinstance(split.inputs, Tensor)
    simple = Answers(seasonal_naive(split.inputs, spec), outputs.targets, outputs.costs)
    result = scores(outputs, spec.targets, data.train.targets, simple=simple)
    name = "seasonal naive" if spec.inputs.forecast.season > 1 else "last value"
    steps = step_scores(outputs, simple, spec.targets) if spec.targets.margins else ()
    return replace(result, baseline_name=name, steps=steps)


def with_margins(run: Run) -> Dataset:
    """The data of a run, their real targets with the margins of intervals about predictions, from its validation split: what it
    says about that, the run has then."""
    data = run.data
    targets, forecast = data.spec.targets, data.spec.inputs.forecast
    few = len(data.validation) < (FEWEST if forecast is None else 1)
    if targets.kind != "real" or few:
        return data
    run.held = answers_held_out(run.net, data, run.experiment, run.own)
    found = margins(run.held, targets, 1 if forecast is None else forecast.horizon)
    return replace(data, spec=replace(data.spec, targets=replace(targets, margins=found)))


def with_threshold(net: nn.Module, data: Dataset, experiment: Experiment, own: Own = NOTHING) -> Dataset:
    """The data, their targets with the threshold that serves the experiment's rule best on the validation split; of objects, the
    score from which F1 is best there."""
    if data.spec.targets.traits.per == "object" and len(data.validation):
        (held,) = answers_to(net, data, data.validation, experiment, own=own)
        return at_threshold(data, threshold_of_best_f1(held))
    if experiment.threshold is None:
        return data
    held = answers_held_out(net, data, experiment, own)
    return at_threshold(data, chosen_threshold(experiment.threshold, held, data.spec.targets))


def at_threshold(data: Dataset, threshold: float) -> Dataset:
    return replace(data, spec=replace(data.spec, targets=replace(data.spec.targets, threshold=threshold)))


def as_learned(data: Dataset, targets: Targets) -> Dataset:
    """The data with what a finished run learned of its targets on the validation split."""
    own = replace(data.spec.targets, threshold=targets.threshold, margins=targets.margins)
    return replace(data, spec=replace(data.spec, targets=own))


def chosen_threshold(rule: str, held: Answers, targets: Targets) -> float:
    return choose_threshold(rule, held.predictions, held.targets, targets)


def answers_to(
    net: nn.Module,
    data: Dataset,
    split: Samples,
    experiment: Experiment,
    linear: nn.Module | None = None,
    own: Own = NOTHING,
) -> list[Answers]:
    """What the net, and the linear model if there is one, say about each sample of a split."""
    device = device_of(net)
    nets: list[tuple[nn.Module, objectives.Objective]] = [(net, objective_of(experiment, data, own).likelihood)]
    if linear is not None:
        nets.append((linear.to(device), objectives.default(data.spec.targets)))
    with repeatable(device, "float32"):
        ordered = in_order(split, data.spec, device=device, workers=experiment.workers)
        return answers_of_all(nets, ordered, data.spec.targets)


def answers_held_out(net: nn.Module, data: Dataset, experiment: Experiment, own: Own = NOTHING) -> Answers:
    """What the net says about the validation split."""
    (held,) = answers_to(net, data, data.validation, experiment, own=own)
    return held


def answers_beside(
    net: nn.Module, data: Dataset, experiment: Experiment, linear: nn.Module, own: Own = NOTHING, most: int = 1000
) -> tuple[Answers, Answers]:
    """What a net while it learns and a linear model of the training split say about the validation split, or `most` samples of it
    at equal distances."""
    held = data.validation
    held = held if len(held) <= most else chosen(held, torch.arange(most) * len(held) // most)
    ours, theirs = answers_to(net, data, held, experiment, linear, own)
    return ours, theirs


def device_of(net: nn.Module) -> torch.device:
    return next((parameter.device for parameter in net.parameters()), torch.device("cpu"))


def passed_over(run: Run) -> str:
    """Where an epoch at the beginning, of which none is kept, had a smaller validation loss: that it did not count."""
    if run.best_epoch is None:
        return ""
    begin, times = rounds_of(run.experiment).place(run.best_epoch)
    after = times * unsettled_epochs(run.experiment, run.data.spec.targets)
    losses = run.history["validation loss"]
    if not after or min(losses[begin : begin + after]) >= losses[run.best_epoch]:
        return ""
    return f"; of the first {after} epochs{' after that' if begin else ''}, while the rate is high, none is kept"


def course_of(run: Run) -> str:
    """Where early stopping ended the training, or it was begun again: after how many epochs."""
    rounds, epochs = rounds_of(run.experiment), len(run.history)
    again = f"begun again after {rounds.epochs} epochs, " if epochs > rounds.epochs else ""
    return f"{again}stopped after {epochs} epochs, " if epochs not in (rounds.epochs, rounds.total) else again


def result_lines(run: Run) -> list[str]:
    """What a person wants to know at the end: the score beside the constant predictor's, and where the report is."""
    assert run.scores is not None
    lines = []
    if run.best_epoch is not None and run.experiment.early_stop:
        best = run.history.rows[run.best_epoch]
        figures_then = ", ".join(
            f"{name} {figure(name, value)}" for name, value in best.items() if name.startswith("validation")
        )
        lines.append(
            f"{course_of(run)}best weights of epoch {run.best_epoch + 1} restored ({figures_then}){passed_over(run)}"
        )
    if run.experiment.threshold is not None:
        lines.append(threshold_line(run.experiment.threshold, run.data.spec.targets))
    lines += score_lines(run.scores, "test")
    lines.append(f"{run.seconds.get('training', 0):.1f} s of training")
    if run.folder is not None and run.folder.report.is_file():
        lines.append(f"report: {run.folder.report}")
    return lines


def score_lines(scores: Scores, split: str) -> list[str]:
    """The leading figure beside the yardsticks', why it leads, whether a constant does as well, and the others in a line."""
    (name, value), *rest = scores.values.items()
    yardsticks = [f"{scores.baseline_name}: {figure(name, scores.baseline[name])}"] if name in scores.baseline else []
    if name in scores.linear:
        yardsticks.append(f"{scores.linear_name}: {figure(name, scores.linear[name])}")
    others = ", ".join(
        f"{name} {figure(name, value)}"
        + (
            f" (if perfectly calibrated: {figure(name, scores.chance[0])})"
            if scores.chance and "calibration" in name
            else ""
        )
        for name, value in rest
    )
    remarks = [no_better(name, scores, f"{scores.samples:,} {split} samples"), scores.leads_for]
    beside = f"   ({', '.join(yardsticks)})" if yardsticks else ""
    return [
        *filter(None, (f"{split} {name}: {figure(name, value)}{beside}", *remarks)),
        *([f"{split} {others}"] if rest else []),
        *([step_line(scores, split)] if scores.steps else []),
    ]


def step_line(scores: Scores, split: str) -> str:
    """The first and the last step of a forecast, and whether nine of ten intervals held."""
    first, last = scores.steps[0], scores.steps[-1]
    held = sum(step.held for step in scores.steps) / len(scores.steps)
    far = (
        f"{split} RMSE from {figure('RMSE', first.rmse)} at {first.name} to {figure('RMSE', last.rmse)} at {last.name}"
    )
    return f"{far}; {100 * held:.1f} % of the values lie in their {100 * LEVEL:.0f} % intervals"


def threshold_line(rule: str, targets: Targets) -> str:
    """From which probability the class to be found is answered, and why."""
    wanted = positive(targets)
    probability = targets.threshold if wanted else 1 - targets.threshold
    asked = rule.replace(".", "").isdigit()
    return say(
        "report.threshold_asked" if asked else "report.threshold_chosen",
        name=repr(targets.classes[wanted]),
        percent=local(f"{100 * probability:.3g}"),
        rule=rule,
    )
