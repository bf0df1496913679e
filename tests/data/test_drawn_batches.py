"""Batches that are drawn when they come up are a function of (seed, epoch, index), whatever they hold."""

import pytest
import torch

from profundo.data.images.scenes import scene_batches
from profundo.data.metric_batches import class_batches, pair_batches
from profundo.data.text.sequence_batches import first_symbols, reversals
from profundo.records import Inputs, Samples

IMAGES = Inputs((1, 28, 28), "image", mean=(10.0,), std=(2.0,))
DIGITS = Samples(torch.arange(30 * 784).reshape(30, 1, 28, 28).to(torch.uint8), torch.arange(30) % 3)
KINDS = {
    "reversals": lambda seed: reversals(4, 5, seed=seed),
    "first symbols": lambda seed: first_symbols(4, 6, 4, 5, seed=seed),
    "scenes": lambda seed: scene_batches(DIGITS, 3, 5, seed=seed),
    "pairs": lambda seed: pair_batches(DIGITS, IMAGES, 16, steps=5, seed=seed),
    "few classes": lambda seed: class_batches(DIGITS, IMAGES, 2, 4, steps=5, seed=seed),
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_an_epoch_is_the_same_every_time_and_may_be_entered_anywhere(make):
    def seen(seed, epoch, skip=0):
        return [(batch.inputs.tolist(), batch.targets.tolist()) for batch in make(seed).epoch(epoch, skip)]

    assert len(make(1)) == len(seen(1, 2)) == 5
    assert seen(1, 2)[3:] == seen(1, 2, 3)
    assert len({str(batch) for seed in (1, 2) for epoch in (0, 1) for batch in seen(seed, epoch)}) == 20
