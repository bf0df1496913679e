"""Schedules at points where their value is known."""

import pytest

from profundo.records import ProfundoError
from profundo.train import SCHEDULES, schedule


@pytest.mark.parametrize(
    ("name", "share", "factor"),
    [
        ("constant", 0.0, 1.0), ("constant", 0.99, 1.0),
        ("step", 0.49, 1.0), ("step", 0.5, 0.1), ("step", 0.75, 0.01),
        ("cosine", 0.0, 1.0), ("cosine", 0.5, 0.5), ("cosine", 1.0, 0.0),
        ("one-cycle", 0.0, 0.04), ("one-cycle", 0.1, 0.5), ("one-cycle", 0.2, 1.0), ("one-cycle", 0.6, 0.5),
        ("one-cycle", 1.0, 0.0),
    ],
)  # fmt: skip
def test_a_schedule_has_its_known_value(name, share, factor):
    assert schedule(name)(share) == pytest.approx(factor)


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_factor_lies_between_nothing_and_the_whole_rate(name):
    assert all(0 <= schedule(name)(n / 1000) <= 1 for n in range(1000))


def test_an_unknown_schedule_is_named_with_those_that_exist():
    with pytest.raises(ProfundoError, match=r"'warmup' is unknown; known: constant, step, cosine, one-cycle"):
        schedule("warmup")
