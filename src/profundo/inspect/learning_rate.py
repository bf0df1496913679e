"""Which learning rate a net needs on some data: a range test (train/range_test.py) with the settings of a training.

    found = lr_find(net, data)            # a few seconds; net, generators and data are afterwards as they were before
    fit(net, data, learning_rate=found.suggestion)

What is suggested is half the rate at which the smoothed loss has made nine tenths of its fall. docs/optimisation.md has
the measurement that this choice rests on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from profundo.files import check_out, write_text
from profundo.inside.observing import copied
from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.numbers import setting
from profundo.pictures.sheet import Figure, Part, Sheet, sheet_html, standalone
from profundo.records import at_the_door
from profundo.runs.experiment import Experiment
from profundo.runs.given.arriving import net_and_data, prepare_own
from profundo.runs.preparing import Prepared, from_pretrained, make_update, train_batches
from profundo.runs.supervised import prepare
from profundo.train.distributed import Group
from profundo.train.hardware import repeatable
from profundo.train.randomness import seeded
from profundo.train.range_test import RangeTest, range_test

__all__ = ["PICTURES", "Found", "find", "lr_find", "write_found"]

BELOW, ABOVE = 3e-4, 300.0  # of the default rate: where a test begins and ends unless told


@dataclass(frozen=True, slots=True)
class Found:
    """What a range test found, and for what: test.suggestion is the rate for an optimizer, a net, data and a batch."""

    test: RangeTest
    asked: Experiment

    @property
    def suggestion(self) -> float:
        """Half the rate at which nine tenths of the fall of the smoothed loss are done, to two digits."""
        return float(f"{self.test.suggestion:.1e}")

    def __repr__(self) -> str:
        return (
            f"learning rate {self.suggestion:g} for {self.asked.optimizer}, {self.asked.net} on {self.asked.data} in batches "
            f"of {self.asked.batch_size}: {self.why}"
        )

    @property
    def why(self) -> str:
        test = self.test
        end = f"diverges at {test.rates[-1]:.2g}" if test.diverged else f"stays finite up to {test.rates[-1]:.2g}"
        lowest = f"the loss is lowest at {test.lowest:.2g}"
        return f"nine tenths of the fall are done at {test.fallen:.2g}, {lowest} and {end}"

    def svg(self) -> str:
        """The losses over the rates, both scales logarithmic where the losses allow it."""
        test = self.test
        marks = {"suggested": self.suggestion, "lowest": test.lowest}
        top = 3 * max(test.smoothed[0], min(test.smoothed))  # a loss that diverges would flatten all that came before
        lines = [
            Line("each batch", test.rates, [loss if loss <= top else float("nan") for loss in test.losses], dots=True),
            Line("smoothed", test.rates, [loss if loss <= top else float("nan") for loss in test.smoothed]),
        ]
        return lines_svg(lines, x_label="learning rate", y_label="loss", log_x=True, marks=marks)

    def html(self) -> str:
        """One page that needs nothing else."""
        asked = self.asked
        lead = f"Suggested: {setting(self.suggestion)}, for {asked.optimizer} in batches of {asked.batch_size}."
        part = Part("The test", [*ABOUT, f"Here {self.why}."], figures=[Figure(self.svg(), "Loss over the rate.")])
        return sheet_html(Sheet(f"Learning rate for {asked.net} on {asked.data}", "Range test", lead, [part]))

    def as_plain_data(self) -> dict[str, Any]:
        """For JSON, which has no infinity: a loss that is none of its numbers is null."""
        test = self.test

        def numbers(losses: tuple[float, ...]) -> list[float | None]:
            return [loss if abs(loss) < float("inf") else None for loss in losses]

        found = {name: getattr(test, name) for name in ("fallen", "lowest", "diverged")}
        asked = {name: getattr(self.asked, name) for name in ("data", "net", "optimizer", "batch_size")}
        losses = {"losses": numbers(test.losses), "smoothed": numbers(test.smoothed)}
        return {"suggestion": self.suggestion, **found, **asked, "rates": list(test.rates), **losses}

    def _repr_html_(self) -> str:
        return f"<p>{self}</p>{self.svg()}"


PICTURES = (".svg", ".html")
ABOUT = (
    "A range test trains for a few steps while the rate grows from far too small to far too large, each step by the same "
    "multiple (after Smith 2017), and then puts everything back. While the rate is too small the loss stays; then it "
    "falls; where the rate is too large it diverges.",
    "Suggested is half the rate at which the loss, smoothed over about ten batches, has made nine tenths of its fall: the "
    "peak of a schedule that rises and falls.",
)


@at_the_door
def lr_find(
    net: Any,
    data: Any = None,
    targets: Any = None,
    *,
    low: float | None = None,
    high: float | None = None,
    steps: int = 100,
    **settings: Any,
) -> Found:
    """Test the learning rates from low to high on a copy of a net: `lr_find(net, data).suggestion`.

    net, data, targets: as `fit` takes them. low, high: by default 0.0003 and 300 times the learning rate that `fit` would take.
    steps: at most so many, each on a batch; fewer where the loss diverges. settings: those of `fit`, such as loss, optimizer,
    batch_size, weight_decay, seed.
    The net is not touched, and every global generator is afterwards as it was. Raises ProfundoError for what `fit` would
    refuse, for a net that cannot be copied, and unless 0 < low < high.
    """
    net, data = net_and_data(net, data)
    data = data if targets is None else (data, targets)
    given = {name: settings.pop(name, None) for name in ("validation", "test", "loss", "optimizer", "schedule")}
    copy = copied(net, "for the test trains a copy") if isinstance(net, nn.Module) else net
    with seeded(0):
        prepared = prepare_own(copy, data, settings, keeps=False, **given)
    return _test(prepared, low, high, steps)


def find(experiment: Experiment, *, low: float | None = None, high: float | None = None, steps: int = 100) -> Found:
    """The same for what an experiment asks for: what `profundo lr-find` does."""
    with seeded(experiment.seed):
        return _test(prepare(experiment), low, high, steps)


def _test(prepared: Prepared, low: float | None, high: float | None, steps: int) -> Found:
    experiment, alone = prepared.experiment, Group()
    rate = experiment.learning_rate or 1e-3
    low, high = BELOW * rate if low is None else low, ABOVE * rate if high is None else high
    prepared = from_pretrained(prepared)
    with seeded(experiment.seed), repeatable(prepared.device, prepared.precision):
        update, batches = make_update(prepared, alone), train_batches(prepared, alone)
        test = range_test(update, batches, low=low, high=high, steps=steps)
    return Found(test, experiment)


def write_found(result: Found, path: Path) -> None:
    """As a picture (.svg) or a page (.html)."""
    check_out(path, *PICTURES)
    write_text(path, result.html() if path.suffix == ".html" else standalone(result.svg()))
