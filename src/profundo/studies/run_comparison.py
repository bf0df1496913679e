"""Two runs or more on the same kind of data, side by side: which is better, by how much, and whether that may be luck.

compared = profundo.compare("runs/digits-1", "runs/digits-2")   # or runs that were just trained
compared.write("comparison.html")                                # what `profundo report A B` does

The first run is the yardstick of the others. They are compared sample by sample where they were asked the same: where
the fingerprints of their data agree, or else their test splits bit by bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from profundo.boxes import alike_but_for_scale
from profundo.evaluate.paired_tests import Paired, holm
from profundo.evaluate.scores import compare_answers, mistaken
from profundo.files import write_text
from profundo.nets.summary import summary
from profundo.object_masks import table_of
from profundo.pictures.comparison import (
    Answered,
    Comparison,
    Contender,
    Disagreements,
    Pairing,
    comparison_html,
    pairing_words,
)
from profundo.pictures.numbers import shape
from profundo.pictures.verdict import score
from profundo.records import ProfundoError, Spec, at_the_door
from profundo.runs.opening import open_run
from profundo.runs.report_facts import (
    command_of,
    confidence_of,
    displayable,
    environment_of,
    history_of,
    raw_samples,
    said_of,
    settings_of,
)
from profundo.runs.run import Run
from profundo.runs.table_values import values_of

__all__ = ["Compared", "compare"]

MOST_RUNS = 12
MOST_SHOWN = 12  # samples of each disagreement
COMPARABLE = ("RMSE", "accuracy", "balanced accuracy", "average precision", "exact match")  # the figures' first words
MOST_PAIRS_SHOWN = 3  # runs whose disagreements with the first are shown


@dataclass(frozen=True, slots=True)
class Compared:
    """Runs compared: what the page tells, and the page itself."""

    comparison: Comparison

    @property
    def pairings(self) -> Sequence[Pairing]:
        """The first run against each of the others."""
        return self.comparison.pairings

    @property
    def words(self) -> list[str]:
        """The verdict on each of the other runs."""
        return [" ".join(pairing_words(self.comparison, pairing)) for pairing in self.pairings]

    def write(self, path: str | Path = "comparison.html") -> Path:
        """Write the page. Returns its path."""
        write_text(Path(path), comparison_html(self.comparison))
        return Path(path)

    def as_plain_data(self) -> dict[str, Any]:
        return {
            "runs": {one.name: dict(one.scores.values) for one in self.comparison.contenders},
            "against": self.comparison.contenders[0].name,
            "differences": [_plain(pairing) for pairing in self.pairings],
        }

    def __repr__(self) -> str:
        return "\n".join(self.words)

    def _repr_html_(self) -> str:
        contenders = self.comparison.contenders
        head = "".join(f"<th>{escape(one.name)}</th>" for one in contenders)
        rows = "".join(
            f"<tr><td>test {escape(name)}</td>"
            + "".join(
                f"<td>{score(name, one.scores.values[name]) if name in one.scores.values else '–'}</td>"
                for one in contenders
            )
            + "</tr>"
            for name in contenders[0].scores.values
        )
        outputs = "".join(f"<p>{escape(words)}</p>" for words in self.words)
        return f"<table><tr><th></th>{head}</tr>{rows}</table>{outputs}"


@at_the_door
def compare(*runs: Run | str | Path) -> Compared:
    """Compare evaluated runs, or finished ones by their folders, with the first of them.

    Raises ProfundoError for fewer than two runs, the same run twice, runs of recipes, and other kinds of targets.
    """
    if not 2 <= len(runs) <= MOST_RUNS:
        raise ProfundoError(f"compare: expected two to {MOST_RUNS} runs, got {len(runs)}")
    opened = [_opened(run) for run in runs]
    if len({id(run) for run in opened}) < len(opened) or _twice(opened):
        raise ProfundoError(f"compare: expected different runs, got {_twice(opened) or 'the same run'} twice")
    names = _names(opened)
    first, spec = opened[0], opened[0].data.spec
    for name, run in zip(names[1:], opened[1:], strict=True):
        if _asked_for(run.data.spec) != _asked_for(spec):
            raise ProfundoError(
                f"compare: {names[0]} predicts {_kind(spec)}, {name} {_kind(run.data.spec)}; expected runs on the same "
                "kind of data"
            )
    contenders = [_contender(name, run) for name, run in zip(names, opened, strict=True)]
    pairs = [(name, run, _apart(first, run)) for name, run in zip(names[1:], opened[1:], strict=True)]
    shown = [(name, run) for name, run, apart in pairs if not apart][:MOST_PAIRS_SHOWN]
    parts = [part for name, run in shown for part in _disagreements(names[0], first, name, run)]
    return Compared(Comparison(first.data.name, spec, contenders, _pairings(first, pairs), parts))


def _opened(run: Run | str | Path) -> Run:
    if not isinstance(run, Run):
        return open_run(run)
    if run.scores is None or run.said is None:
        raise ProfundoError("compare: expected runs that were evaluated")
    return run


def _twice(runs: Sequence[Run]) -> str:
    """A folder that was named twice."""
    folders = [run.folder.path.resolve() for run in runs if run.folder]
    return next((str(path) for path in folders if folders.count(path) > 1), "")


def _names(runs: Sequence[Run]) -> list[str]:
    """The folders' names, or where two are called the same, their paths; of a run without folder, its number."""
    short = [run.folder.path.name if run.folder else f"run {place}" for place, run in enumerate(runs, 1)]
    return [
        str(run.folder.path) if run.folder and short.count(name) > 1 else name
        for name, run in zip(short, runs, strict=True)
    ]


def _asked_for(spec: Spec) -> tuple[Any, ...]:
    """What must be the same for scores to stand side by side."""
    return spec.targets.kind, spec.targets.classes, spec.targets.names, spec.outputs


def _kind(spec: Spec) -> str:
    """What is predicted from what, in a few words."""
    targets = spec.targets
    if targets.traits.numeric:
        what = ", ".join(targets.names) or f"{spec.outputs} numbers"
    else:
        names = ", ".join(targets.classes[:3]) + (", …" if len(targets.classes) > 3 else "")
        what = f"{len(targets.classes):,} {'labels' if targets.kind == 'labels' else 'classes'} ({names})"
    of = "rows of width" if spec.inputs.kind == "features" else f"{spec.inputs.things} of"
    return f"{what} from {of} {shape(spec.inputs.shape)}".replace("\u00a0", " ")


def _apart(first: Run, other: Run) -> str:
    """Why two runs were not asked the same; empty where they were."""
    a, b = first.data, other.data
    if a.facts and dict(a.facts) == dict(b.facts):
        return ""
    if len(a.test) != len(b.test):
        return f"their test splits have {len(a.test):,} and {len(b.test):,} samples"
    seeds = first.experiment.seed, other.experiment.seed
    why = f" (seeds {seeds[0]} and {seeds[1]} divide the data differently)" if seeds[0] != seeds[1] else ""
    others = f"their test splits hold other samples{why}"
    if a.spec.targets.traits.per == "object":  # of images that a net may see smaller than another does
        return "" if alike_but_for_scale(table_of(a.test.targets), table_of(b.test.targets)) else others
    if not torch.equal(a.test.targets, b.test.targets):
        return others
    if not isinstance(a.test.inputs, Tensor) or not isinstance(b.test.inputs, Tensor):
        return "the fingerprints of their data differ"
    return "" if torch.equal(a.test.inputs, b.test.inputs) else others


def _contender(name: str, run: Run) -> Contender:
    assert run.scores is not None
    assert run.said is not None
    layers = summary(run.net, run.data.spec.inputs)
    weights = run.folder.weights if run.folder else None
    return Contender(
        name=name,
        scores=run.scores,
        command=command_of(run),
        history=history_of(run),
        best_epoch=run.best_epoch,
        parameters=sum(layer.parameters for layer in layers),
        flops=sum(layer.flops for layer in layers),
        bytes=weights.stat().st_size if weights and weights.is_file() else 0,
        seconds=run.seconds,
        settings=settings_of(run),
        environment=environment_of(run),
    )


# --------------------------------------------------------------------------------------------------- more than luck?
def _pairings(first: Run, pairs: Sequence[tuple[str, Run, str]]) -> list[Pairing]:
    assert first.scores is not None
    figures = [_comparable(first, run) for _, run, _ in pairs]
    tested = [
        None if apart else _paired(figure, first, run) for (_, run, apart), figure in zip(pairs, figures, strict=True)
    ]
    adjusted = iter(holm([one.p for one in tested if one is not None]))
    return [
        Pairing(name, figure, apart=apart or "some of their answers are not finite")
        if one is None
        else Pairing(name, figure, adjusted=next(adjusted), **asdict(one))
        for (name, _, apart), figure, one in zip(pairs, figures, tested, strict=True)
    ]


def _comparable(first: Run, other: Run) -> str:
    """The figure that leads, of those that both have and that can be told sample by sample."""
    assert first.scores is not None
    assert other.scores is not None
    both = [name for name in first.scores.values if name in other.scores.values]
    return next((name for name in both if name.startswith(COMPARABLE)), both[0] if both else "")


def _paired(figure: str, first: Run, other: Run) -> Paired | None:
    assert first.said is not None
    assert other.said is not None
    return compare_answers(figure, first.said, other.said, first.data.spec.targets)


def _right(run: Run) -> Tensor:
    """bool (samples,)"""
    assert run.said is not None
    return ~mistaken(run.said, run.data.spec.targets)


def _errors(run: Run) -> Tensor:
    """Mean squared error of each sample (samples,), in the targets' units."""
    assert run.said is not None
    return (run.said.predictions - run.said.targets).double().square().mean(1)


# ------------------------------------------------------------------------------------------------ where they disagree
def _disagreements(first_name: str, first: Run, name: str, other: Run) -> list[Disagreements]:
    """What only the first gets right, and what only the other does; of real targets, where one is nearer by most."""
    assert first.said is not None
    assert other.said is not None
    targets = first.data.spec.targets
    if targets.traits.per == "pixel" or targets.traits.numeric:
        pixels = targets.traits.per == "pixel"
        gain = other.said.costs - first.said.costs if pixels else _errors(other).sqrt() - _errors(first).sqrt()
        won, lost = gain.clamp_min(0), (-gain).clamp_min(0)
    else:
        a, b = _right(first), _right(other)
        won = torch.where(a & ~b, 1 + other.said.costs.clamp_min(0), 0)
        lost = torch.where(b & ~a, 1 + first.said.costs.clamp_min(0), 0)
    return [
        _part(first_name, name, won, (first_name, first), (name, other)),
        _part(name, first_name, lost, (first_name, first), (name, other)),
    ]


def _part(winner: str, loser: str, by: Tensor, first: tuple[str, Run], other: tuple[str, Run]) -> Disagreements:
    """by: how much the winner wins each sample (samples,), 0 where it does not."""
    by = by.nan_to_num(0.0)
    number = int((by > 0).sum())
    chosen = by.argsort(descending=True, stable=True)[: min(number, MOST_SHOWN)].tolist()
    samples = _answered(first[1], other[1], chosen) if chosen else []
    return Disagreements(winner, loser, first[0], other[0], number, samples)


def _answered(first: Run, other: Run, chosen: Sequence[int]) -> list[Answered]:
    """Test samples with what both runs answered."""
    assert first.said is not None
    assert other.said is not None
    inputs, targets = first.data.spec.inputs, first.data.spec.targets
    raw = raw_samples(first.data.test, list(chosen))
    images = displayable(raw) if inputs.kind == "image" else None
    samples = []
    for place, index in enumerate(chosen):
        truth, answer = said_of(first.said, index, targets)
        samples.append(
            Answered(
                truth=truth,
                first=(answer, confidence_of(first.said, index, targets)),
                second=(said_of(other.said, index, targets)[1], confidence_of(other.said, index, targets)),
                image=None if images is None else images[place],
                row=() if images is not None else values_of(raw[place].flatten(), inputs),
            )
        )
    return samples


def _plain(pairing: Pairing) -> dict[str, Any]:
    if pairing.apart:
        return {"run": pairing.other, "figure": pairing.name, "not_comparable": pairing.apart}
    told: dict[str, Any] = {
        "run": pairing.other,
        "figure": pairing.name,
        "difference": pairing.difference,
        "interval": [pairing.low, pairing.high],
        "p": pairing.p,
        "p_corrected": pairing.adjusted,
        "test": pairing.test,
    }
    if pairing.first is not None:
        told["right"] = {
            "both": pairing.both,
            "first_only": pairing.first,
            "other_only": pairing.second,
            "neither": pairing.neither,
        }
    return told
