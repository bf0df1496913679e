"""Residuals that ask for a transform of the target, and those that ask for none."""

import numpy as np
import pytest
import torch

from profundo.evaluate import Answers
from profundo.records import Targets, Transform
from profundo.runs.target_advice import transform_advice

KINDS = {
    "even": (lambda draw, y: y + draw.normal(size=len(y)), ""),
    "relative": (lambda draw, y: y * np.exp(0.2 * draw.normal(size=len(y))), "transform log"),
    "a few far off": (lambda draw, y: y + draw.standard_t(1.1, size=len(y)), "transform rank"),
    "right": (lambda _, y: y, ""),
}


def advice(kind, seed, samples=300, transforms=()):
    draw = np.random.default_rng(seed)
    predicted = draw.lognormal(1, 1, samples)
    truth = KINDS[kind][0](draw, predicted)
    columns = [torch.from_numpy(values).unsqueeze(1) for values in (predicted, truth)]
    targets = Targets("real", names=("y",), transforms=transforms)
    return transform_advice(Answers(*columns, torch.zeros(samples)), targets, columns[0])


@pytest.mark.parametrize("kind", KINDS)
def test_residuals_get_the_transform_that_they_ask_for(kind):
    expected = KINDS[kind][1]
    for seed in range(20):
        said = advice(kind, seed)
        assert bool(said) == bool(expected)
        assert expected in " ".join(said)


def test_nothing_is_advised_of_few_samples_or_where_it_is_done_already():
    assert advice("relative", 0, samples=20) == ()
    assert advice("relative", 0, transforms=(Transform("log"),)) == ()
