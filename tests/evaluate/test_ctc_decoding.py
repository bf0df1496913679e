"""Prefix beam search against all labellings one by one; edit distance against its definition."""

import math
from collections import defaultdict
from functools import cache
from itertools import groupby, product

import pytest
import torch

from profundo.evaluate.sequences.ctc_decoding import likeliest_path, prefix_beam
from profundo.evaluate.sequences.edit_distance import edit_distance, label_error_rate


def every_labelling(log_shares):
    steps, symbols = log_shares.shape
    chances = defaultdict(float)
    for path in product(range(symbols), repeat=steps):
        labels = tuple(symbol for symbol, _ in groupby(path) if symbol != 0)
        chances[labels] += math.exp(sum(float(log_shares[at, symbol]) for at, symbol in enumerate(path)))
    return chances


@pytest.mark.parametrize("seed", range(6))
def test_a_beam_that_keeps_every_prefix_finds_the_likeliest_labels_of_all(seed):
    own = torch.Generator().manual_seed(seed)
    log_shares = (2 * torch.randn(5, 3, dtype=torch.float64, generator=own)).log_softmax(1)
    chances = every_labelling(log_shares)
    assert tuple(prefix_beam(log_shares, width=1000, least=-math.inf)) == max(chances, key=chances.get)


def test_many_unlikely_paths_may_mean_what_the_likeliest_does_not():
    """Two steps, a blank with 0.6 and a label with 0.4: the likeliest path is two blanks with 0.36, "a" has the rest."""
    log_shares = torch.tensor([[0.6, 0.4], [0.6, 0.4]]).log()
    assert likeliest_path(log_shares) == []
    assert prefix_beam(log_shares) == [1]


def test_repeated_symbols_are_one_label_and_blanks_divide_equal_ones():
    path = torch.tensor([0, 1, 1, 0, 1, 2, 2, 0])
    log_shares = torch.nn.functional.one_hot(path, 3).float().mul(20).log_softmax(1)
    assert likeliest_path(log_shares) == [1, 1, 2]
    assert prefix_beam(log_shares) == [1, 1, 2]


def test_a_narrow_beam_may_miss_what_a_wider_one_finds_and_is_never_likelier():
    own, worse = torch.Generator().manual_seed(1), 0
    for _ in range(20):
        log_shares = torch.randn(5, 3, generator=own).log_softmax(1)
        chances = every_labelling(log_shares)
        narrow, wide = (chances[tuple(prefix_beam(log_shares, width))] for width in (1, 100))
        assert narrow <= wide
        worse += narrow < wide
    assert worse


def test_edits_are_as_few_as_the_recursive_definition_says():
    @cache
    def distance(a, b):
        if not a or not b:
            return len(a) + len(b)
        return min(distance(a[1:], b[1:]) + (a[0] != b[0]), distance(a[1:], b) + 1, distance(a, b[1:]) + 1)

    own = torch.Generator().manual_seed(0)
    for _ in range(60):
        a, b = (
            tuple(torch.randint(3, (int(torch.randint(7, (), generator=own)),), generator=own).tolist()) for _ in "ab"
        )
        assert edit_distance(a, b) == distance(a, b)
    assert edit_distance("kitten", "sitting") == 3


def test_the_error_rate_is_mistakes_per_label_of_the_truth():
    assert label_error_rate([("123", "123"), ("4", "")]) == pytest.approx(1 / 4)
    assert label_error_rate([("1", "222")]) == 3
