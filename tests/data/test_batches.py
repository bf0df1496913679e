"""Order, augmentation and shares of batches: functions of seed, epoch and step, and of nothing else."""

import pytest
import torch

from profundo.data import augmentation, load
from profundo.data.batches import batches, in_order, mix, order
from profundo.records import Inputs, ProfundoError, Samples, Spec, Targets

SPEC = Spec(Inputs((1, 4, 4), "image", (0.0,), (1.0,)), Targets("classes", ("a", "b", "c")))


class Lazy:
    """A Source that hands out the rows of a tensor."""

    def __init__(self, tensor):
        self.tensor = tensor

    def __len__(self):
        return len(self.tensor)

    def __getitem__(self, index):
        return self.tensor[index]


def samples(n=22, lazy=False):
    images = torch.randint(0, 256, (n, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))
    images[:, 0, 0, 0] = torch.arange(n)  # each sample tells which it is
    return Samples(Lazy(images) if lazy else images, torch.arange(n) % 3)


def seen(found, epoch, skip=0):
    return [batch.inputs[:, 0, 0, 0].long().tolist() for batch in found.epoch(epoch, skip)]


def test_an_epoch_shows_each_sample_at_most_once_and_epochs_differ():
    found = batches(samples(), SPEC, 5, seed=1)
    first, second = seen(found, 0), seen(found, 1)
    flat = [index for batch in first for index in batch]
    assert len(found) == 4
    assert len(flat) == len(set(flat)) == 20
    assert first != second
    assert first == seen(batches(samples(), SPEC, 5, seed=1), 0)
    assert first != seen(batches(samples(), SPEC, 5, seed=2), 0)


def test_skipping_gives_the_rest_of_the_same_epoch():
    found = batches(samples(), SPEC, 5, seed=1, augment=augmentation(["noise"]))
    whole, rest = list(found.epoch(3)), list(found.epoch(3, 2))
    assert len(rest) == 2
    for a, b in zip(whole[2:], rest, strict=True):
        assert torch.equal(a.inputs, b.inputs)
        assert torch.equal(a.targets, b.targets)


def test_augmentation_differs_from_step_to_step_from_epoch_to_epoch_and_by_seed():
    def noises(seed, epoch):
        """What was added to each batch; the samples themselves are all the same."""
        same = Samples(torch.zeros(20, 1, 4, 4, dtype=torch.uint8), torch.zeros(20, dtype=torch.int64))
        return [
            batch.inputs for batch in batches(same, SPEC, 5, seed=seed, augment=augmentation(["noise"])).epoch(epoch)
        ]

    drawn = [*noises(0, 0), *noises(0, 1), *noises(1, 0)]
    assert all(not torch.equal(a, b) for i, a in enumerate(drawn) for b in drawn[:i])
    assert all(torch.equal(a, b) for a, b in zip(noises(0, 1), drawn[4:8], strict=True))


def test_targets_stay_with_their_inputs():
    for batch in batches(samples(), SPEC, 5, seed=1).epoch(0):
        assert torch.equal(batch.inputs[:, 0, 0, 0].long() % 3, batch.targets)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("names", [[], ["shift", "noise"]])
def test_streamed_batches_equal_those_in_memory_bit_for_bit(workers, names):
    augment = augmentation(names) if names else None
    memory = batches(samples(), SPEC, 5, seed=1, augment=augment)
    streamed = batches(samples(lazy=True), SPEC, 5, seed=1, augment=augment, workers=workers)
    for epoch, skip in [(0, 0), (2, 1)]:
        pairs = list(zip(memory.epoch(epoch, skip), streamed.epoch(epoch, skip), strict=True))
        assert len(pairs) == 4 - skip
        for a, b in pairs:
            assert torch.equal(a.inputs, b.inputs)
            assert torch.equal(a.targets, b.targets)


def test_workers_take_nothing_from_the_global_generator():
    before = torch.get_rng_state()
    list(batches(samples(lazy=True), SPEC, 5, seed=1, workers=1).epoch(0))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("names", [[], ["shift"]])
@pytest.mark.parametrize("lazy", [False, True])
def test_the_shares_of_two_processes_are_the_batch_of_one(names, lazy):
    augment = augmentation(names) if names else None
    whole = batches(samples(), SPEC, 6, seed=1, augment=augment)
    halves = [
        batches(samples(lazy=lazy), SPEC, 6, seed=1, augment=augment, rank=rank, processes=2, workers=0)
        for rank in (0, 1)
    ]
    for a, *parts in zip(whole.epoch(0), *(half.epoch(0) for half in halves), strict=True):
        assert torch.equal(a.inputs, torch.cat([part.inputs for part in parts]))
        assert [part.total for part in parts] == [6, 6]


def test_an_uneven_share_is_refused():
    with pytest.raises(ProfundoError, match="multiple of the 2 processes"):
        batches(samples(), SPEC, 5, rank=0, processes=2)


def test_a_batch_larger_than_the_data_becomes_the_whole_data():
    found = batches(samples(7), SPEC, 100)
    assert len(found) == 1
    assert sorted(seen(found, 0)[0]) == list(range(7))


def test_images_come_channels_last_so_that_convolutions_need_no_copy():
    data = load("digits")
    batch = next(iter(batches(data.train, data.spec, 8).epoch(0)))
    assert batch.inputs.shape == (8, 1, 8, 8)
    assert batch.inputs.is_contiguous(memory_format=torch.channels_last)


def test_evaluation_sees_every_sample_once_in_order():
    found = list(in_order(samples(), SPEC, batch_size=8))
    assert [len(batch.targets) for batch in found] == [8, 8, 6]
    assert torch.cat([batch.inputs[:, 0, 0, 0] for batch in found]).long().tolist() == list(range(22))


def test_mixed_seeds_do_not_collide():
    assert len({mix(seed, number) for seed in range(100) for number in range(100)}) == 10_000
    assert all(0 <= mix(2**63 - 1, number) < 2**63 for number in range(100))


def test_orders_are_permutations_without_visible_structure():
    places = torch.stack([order(200, 0, epoch) for epoch in range(200)])
    assert torch.equal(places.sort(1).values, torch.arange(200).expand(200, -1))
    correlation = torch.corrcoef(places.float().T)[0, 1:].abs().max()
    assert correlation < 0.4  # 5 standard deviations of chance
