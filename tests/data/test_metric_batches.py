"""Batches of pairs and of a few classes: who is in them, how often, and that they depend on (seed, epoch, index) only."""

from functools import partial

import pytest
import torch

from profundo.data import augmentation
from profundo.data.metric_batches import Members, class_batches, of_classes, pair_batches
from profundo.records import Inputs, ProfundoError, Samples

COUNTS = {3: 2, 5: 7, 8: 31}
IMAGES = Inputs((1, 4, 4), "image", mean=(10.0,), std=(2.0,))


def samples():
    """Each image is filled with its own index, so that a batch tells who is in it."""
    targets = torch.tensor([label for label, count in COUNTS.items() for _ in range(count)])
    targets = targets[torch.randperm(len(targets), generator=torch.Generator().manual_seed(1))]
    inputs = torch.arange(len(targets), dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 1, 4, 4).contiguous()
    return Samples(inputs, targets)


def who(batch):
    """The indices of a batch's samples, from their standardised pixels."""
    return (batch.inputs[:, 0, 0, 0] * 2 + 10).round().long()


@pytest.mark.parametrize("make", [partial(pair_batches, count=16), partial(class_batches, classes=2, each=2)])
def test_images_are_standardised_and_lie_channels_last(make):
    batch = next(iter(make(samples(), IMAGES, steps=5).epoch(0)))
    assert batch.inputs.dtype == torch.float32
    assert batch.inputs.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(batch.inputs, (samples().inputs[who(batch)].float() - 10) / 2)


def test_half_of_the_pairs_are_of_one_class_and_no_sample_is_its_own_partner():
    given = samples()
    for batch in pair_batches(given, IMAGES, 64, steps=20, seed=0).epoch(0):
        left, right = who(batch).chunk(2)
        assert batch.inputs.shape[0] == 128
        assert batch.total == 64
        assert batch.targets.sum() == 32
        assert torch.equal((given.targets[left] == given.targets[right]).long(), batch.targets)
        assert (left != right).all()


def test_every_class_is_drawn_equally_often_however_few_its_samples():
    given = samples()
    left, right, same = Members(given.targets).pairs(30000, torch.Generator().manual_seed(0))
    for side in (left, right):
        for chosen in (same == 1, same == 0):
            shares = given.targets[side[chosen]].bincount(minlength=9)[list(COUNTS)] / chosen.sum()
            assert (shares - 1 / 3).abs().max() < 0.02  # 4.7 standard errors of a share of 15,000
    within = left[given.targets[left] == 5].unique(return_counts=True)[1]
    assert len(within) == 7
    assert within.max() / within.min() < 1.2


def test_a_class_batch_has_the_asked_classes_with_different_samples_of_each():
    given = samples()
    batches = class_batches(of_classes(given, [5, 8]), IMAGES, 2, 7, steps=10)
    for batch in batches.epoch(0):
        chosen = who(batch)
        assert len(chosen.unique()) == 14 == batch.total
        assert torch.equal(given.targets[chosen], batch.targets)
        assert batch.targets.unique(return_counts=True)[1].tolist() == [7, 7]


def test_classes_can_be_kept_apart():
    given = samples()
    kept = of_classes(given, [3, 8])
    assert sorted(kept.targets.unique().tolist()) == [3, 8]
    assert torch.equal(given.targets[kept.inputs[:, 0, 0, 0].long()], kept.targets)


def test_augmentation_changes_the_images_by_seed_and_step_alone():
    plain = pair_batches(samples(), IMAGES, 8, steps=2)
    noisy = pair_batches(samples(), IMAGES, 8, steps=2, augment=augmentation(["noise"]))
    first, again = (list(noisy.epoch(1)) for _ in range(2))
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(first, again, strict=True))
    difference = first[0].inputs - next(iter(plain.epoch(1))).inputs
    assert 0.05 < difference.std() < 0.2


def test_what_cannot_be_drawn_is_refused():
    given = samples()
    with pytest.raises(ProfundoError, match="two classes or more"):
        pair_batches(of_classes(given, [5]), IMAGES, 4, steps=1)
    with pytest.raises(ProfundoError, match="at least 8 samples each"):
        class_batches(given, IMAGES, 3, 8, steps=1)
    with pytest.raises(ProfundoError, match="expected 2 to 3 classes"):
        class_batches(given, IMAGES, 4, 2, steps=1)
