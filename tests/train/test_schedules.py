"""Schedules at points where their value is known, and all along training beside PyTorch's own schedulers."""

import pytest
import torch
from torch.optim import lr_scheduler

from profundo.records import ProfundoError
from profundo.train import SCHEDULES, schedule
from profundo.train.schedules import cyclic_exponential


@pytest.mark.parametrize(
    ("name", "share", "factor"),
    [
        ("constant", 0.0, 1.0), ("constant", 0.99, 1.0),
        ("step", 0.49, 1.0), ("step", 0.5, 0.1), ("step", 0.75, 0.01),
        ("cosine", 0.0, 1.0), ("cosine", 0.5, 0.5), ("cosine", 1.0, 0.0),
        ("exponential", 0.0, 1.0), ("exponential", 0.5, 0.1), ("exponential", 1.0, 0.01),
        ("cyclic", 0.0, 0.25), ("cyclic", 0.0625, 0.625), ("cyclic", 0.125, 1.0), ("cyclic", 0.25, 0.25), ("cyclic", 0.875, 1.0),
        ("cyclic-exponential", 0.0, 0.25), ("cyclic-exponential", 0.125, 0.01**0.125), ("cyclic-exponential", 0.5, 0.025),
        ("one-cycle", 0.0, 0.04), ("one-cycle", 0.1, 0.5), ("one-cycle", 0.2, 1.0), ("one-cycle", 0.6, 0.5),
        ("one-cycle", 1.0, 0.0),
    ],
)  # fmt: skip
def test_a_schedule_has_its_known_value(name, share, factor):
    assert schedule(name)(share) == pytest.approx(factor)


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_factor_lies_between_nothing_and_the_whole_rate(name):
    assert all(0 <= schedule(name)(n / 1000) <= 1 for n in range(1000))


STEPS = 80


def rates_of(make):
    """The rate at each of eighty steps, by a scheduler of PyTorch's."""
    optim = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9)
    scheduler, rates = make(optim), []
    for _ in range(STEPS):
        rates.append(optim.param_groups[0]["lr"])
        optim.step()
        scheduler.step()
    return rates


def warmed(optim):
    rise = lr_scheduler.LinearLR(optim, start_factor=0.01, total_iters=STEPS // 4)
    fall = lr_scheduler.CosineAnnealingLR(optim, T_max=STEPS - STEPS // 4)
    return lr_scheduler.SequentialLR(optim, [rise, fall], [STEPS // 4])


@pytest.mark.filterwarnings("ignore:.*epoch parameter.*")  # PyTorch's SequentialLR trips over its own deprecation
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (schedule("constant"), lambda o: lr_scheduler.ConstantLR(o, factor=1.0)),
        (schedule("step"), lambda o: lr_scheduler.MultiStepLR(o, [STEPS // 2, 3 * STEPS // 4], gamma=0.1)),
        (schedule("exponential"), lambda o: lr_scheduler.ExponentialLR(o, gamma=0.01 ** (1 / STEPS))),
        (schedule("cosine"), lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=STEPS)),
        (schedule("cyclic"), lambda o: lr_scheduler.CyclicLR(o, 0.25, 1.0, STEPS // 8, cycle_momentum=False)),
        (
            lambda s: cyclic_exponential(s, low=0.0),
            lambda o: lr_scheduler.CyclicLR(
                o, 0.0, 1.0, STEPS // 8, mode="exp_range", gamma=0.01 ** (1 / STEPS), cycle_momentum=False
            ),
        ),
        (schedule("cosine", 0.25), warmed),
    ],
    ids=["constant", "step", "exponential", "cosine", "cyclic", "cyclic-exponential", "warm-up"],
)
def test_the_rates_are_those_of_pytorchs_scheduler(ours, theirs):
    assert [ours(index / STEPS) for index in range(STEPS)] == pytest.approx(rates_of(theirs), abs=1e-9)


@pytest.mark.parametrize("name", SCHEDULES)
def test_after_a_warm_up_all_of_the_schedule_follows(name):
    plain, late = schedule(name), schedule(name, 0.2)
    assert late(0.0) == pytest.approx(0.01 * plain(0.0))
    assert [late(0.1), late(0.2)] == pytest.approx([0.505 * plain(0.0), plain(0.0)])
    shares = [(n + 0.5) / 50 for n in range(50)]
    assert [late(0.2 + 0.8 * s) for s in shares] == pytest.approx([plain(s) for s in shares], abs=1e-9)
    assert schedule(name, 0.0) is plain


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_warm_up_that_is_no_share_is_refused(share):
    with pytest.raises(ProfundoError, match="warm_up: expected a share"):
        schedule("cosine", share)


def test_an_unknown_schedule_is_named_with_those_that_exist():
    with pytest.raises(ProfundoError, match=r"'warmup' is unknown; known: constant, step, exponential, cosine, cyclic"):
        schedule("warmup")
