"""The order of samples that lie in blocks: a permutation by windows, a function of seed and epoch alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from profundo.data.batches import batches, in_order
from profundo.data.splits.splits import Selection
from profundo.data.streams.blocks import Blocks, cut, in_blocks, shuffled_in_windows
from profundo.records import Inputs, Samples, Spec, Targets

SPEC = Spec(Inputs((1, 4, 4), "image", (0.0,), (1.0,)), Targets("classes", ("a", "b", "c")))


class Lying:
    """A Source whose samples lie in blocks of ten; it notes which it was asked for together."""

    together = 3
    threaded = True  # so that what is noted stays in this process

    def __init__(self, count):
        self.images = torch.arange(count, dtype=torch.int32).reshape(-1, 1, 1, 1).expand(-1, 1, 4, 4).clone()
        self.blocks = torch.arange(count) // 10
        self.asked = []

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index]

    def gather(self, indices):
        self.asked.append(indices.tolist())
        return self.images[indices]

    def fingerprint(self, indices):
        return self.images[indices].numpy().tobytes()


def lying(count=200, every=1):
    source = Lying(count)
    chosen = torch.arange(0, count, every)
    return source, Samples(Selection(source, chosen), chosen % 3)


def seen(found, epoch, skip=0):
    return [batch.inputs[:, 0, 0, 0].long().tolist() for batch in found.epoch(epoch, skip)]


def generator(seed):
    return torch.Generator().manual_seed(seed)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=30), st.integers(1, 5), st.integers(0, 2**30))
def test_an_order_is_a_permutation_whose_windows_have_so_many_whole_blocks(lengths, together, seed):
    numbers = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    order, window = shuffled_in_windows(Blocks(numbers, together), generator(seed))
    assert order.sort().values.tolist() == list(range(sum(lengths)))
    assert (window.diff() >= 0).all()
    inside = [set(numbers[order[window == one]].tolist()) for one in window.unique().tolist()]
    assert sorted(block for blocks in inside for block in blocks) == list(range(len(lengths)))  # each in one window
    assert all(len(blocks) == together for blocks in inside[:-1])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=20), st.integers(1, 4), st.integers(1, 7), st.integers(0, 99))
def test_batches_cut_from_windows_are_the_order_cut_directly(lengths, together, size, seed):
    numbers = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    order, window = shuffled_in_windows(Blocks(numbers, together), generator(seed))
    windows = in_blocks(order, window, Blocks(numbers, together))
    tasks = [task for one in windows for task in one.tasks]
    found = list(cut(iter(tasks), windows, size))  # the samples are their own indices
    assert [part.tolist() for part in found] == [part.tolist() for part in order.split(size)]
    assert all((task.diff() > 0).all() and len(numbers[task].unique()) == 1 for task in tasks)


def test_two_samples_come_next_to_each_other_as_often_as_any_others_of_a_window():
    """Within a window the order is uniform: the place of a sample says nothing about the next one's."""
    numbers = torch.arange(40) // 10
    follows = torch.zeros(40, 40)
    for seed in range(4000):
        order, _ = shuffled_in_windows(Blocks(numbers, 4), generator(seed))
        follows[order[:-1], order[1:]] += 1
    expected = 4000 * 39 / (40 * 39)
    off = follows[~torch.eye(40, dtype=torch.bool)]
    chi_square = float(((off - expected) ** 2 / expected).sum())
    assert abs(chi_square - len(off)) < 6 * (2 * len(off)) ** 0.5


def test_an_epoch_shows_each_sample_once_and_another_epoch_or_seed_another_order():
    _, samples = lying()
    found = batches(samples, SPEC, 8, seed=1)
    first = seen(found, 0)
    assert sorted(index for batch in first for index in batch) == list(range(200))
    assert first != seen(found, 1)
    assert first == seen(batches(samples, SPEC, 8, seed=1), 0)
    assert first != seen(batches(samples, SPEC, 8, seed=2), 0)


def test_a_batch_comes_from_several_blocks_and_each_block_is_read_once():
    source, samples = lying()
    found = seen(batches(samples, SPEC, 8, seed=1), 0)
    assert sum(len({index // 10 for index in batch}) > 1 for batch in found) > 20
    blocks = [{index // 10 for index in asked} for asked in source.asked]
    assert all(len(block) == 1 for block in blocks)
    assert len(blocks) == 20


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("threaded", [True, False])
def test_workers_have_no_part_in_the_order(workers, threaded):
    _, samples = lying(every=3)
    expected = seen(batches(samples, SPEC, 8, seed=4, workers=0), 2)
    samples.inputs.source.threaded = threaded
    found = batches(samples, SPEC, 8, seed=4, workers=workers)
    assert seen(found, 2) == expected
    assert seen(found, 2, skip=5) == expected[5:]
    assert seen(found, 2) == expected  # the same workers again


def test_an_epoch_that_is_broken_off_does_not_leak_into_the_next():
    _, samples = lying()
    samples.inputs.source.threaded = False
    found = batches(samples, SPEC, 8, seed=4)
    expected = seen(batches(samples, SPEC, 8, seed=4, workers=0), 1)
    for _ in found.epoch(0):
        break
    assert seen(found, 1) == expected
    one, other = found.epoch(1), found.epoch(1)  # side by side
    pairs = [(a.inputs, b.inputs) for a, b in zip(one, other, strict=True)]
    assert all(torch.equal(a, b) for a, b in pairs)


def test_processes_share_a_batch_of_the_same_order():
    _, samples = lying()
    whole = seen(batches(samples, SPEC, 8, seed=3), 1)
    shares = [seen(batches(samples, SPEC, 8, seed=3, rank=rank, processes=2), 1) for rank in range(2)]
    assert [a + b for a, b in zip(*shares, strict=True)] == whole


def test_evaluation_reads_whole_blocks_and_sees_every_sample_in_order():
    source, samples = lying(every=3)
    found = list(in_order(samples, SPEC, batch_size=16))
    assert torch.cat([batch.inputs[:, 0, 0, 0] for batch in found]).long().tolist() == list(range(0, 200, 3))
    assert torch.equal(torch.cat([batch.targets for batch in found]), samples.targets)
    assert [len(batch.targets) for batch in found] == [16, 16, 16, 16, 3]
    assert len(source.asked) == 20


def test_blocks_meet_others_in_every_epoch():
    blocks = Blocks(torch.arange(200) // 10, 3)
    firsts = set()
    for seed in range(20):
        order, window = shuffled_in_windows(blocks, generator(seed))
        firsts.add(frozenset((order[window == 0] // 10).tolist()))
    assert len(firsts) > 15
