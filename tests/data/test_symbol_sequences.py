"""Sequences made when asked for: reversals, the memory task."""

import pytest
import torch

from profundo.data.text.sequence_batches import (
    END,
    PAD,
    first_symbols,
    held_out,
    reversal_batch,
    reversals,
    symbols,
    written,
)
from profundo.records import ProfundoError


def test_targets_are_the_strings_backwards():
    batch = reversal_batch(symbols(["314", "7", "20"]))
    assert [written(source) for source in batch.inputs] == ["314", "7", "20"]
    assert [written(target) for target in batch.targets] == ["413", "7", "02"]
    assert batch.targets[1].tolist() == [10, END, PAD, PAD]


@pytest.mark.parametrize("test", [False, True])
def test_training_never_shows_a_string_whose_digits_add_up_to_a_multiple_of_ten(test):
    for batch in reversals(200, 3, longest=6, test=test, seed=4).epoch(1):
        for source, target in zip(batch.inputs, batch.targets, strict=True):
            word = written(source)
            assert (sum(map(int, word)) % 10 == 0) == test
            assert written(target) == word[::-1]


def test_a_tenth_of_the_strings_of_every_length_is_held_out():
    every = symbols([f"{number:03d}" for number in range(1000)])
    assert held_out(every).sum() == 100
    assert held_out(symbols([str(digit) for digit in range(10)])).tolist() == [True] + [False] * 9


def test_lengths_are_uniform_between_the_shortest_and_the_longest():
    (batch,) = reversals(6000, 1, shortest=2, longest=4).epoch(0)
    counts = torch.bincount((batch.inputs != PAD).sum(1))
    assert counts[:2].tolist() == [0, 0]
    assert all(abs(count - 2000) < 200 for count in counts[2:].tolist())  # 5 standard deviations are 183


def test_what_follows_the_first_symbol_comes_from_another_alphabet():
    (batch,) = first_symbols(3, 9, 500, 1).epoch(0)
    assert torch.equal(batch.targets, batch.inputs[:, 0])
    assert set(batch.targets.tolist()) == {0, 1, 2}
    assert batch.inputs.shape == (500, 10)
    assert set(batch.inputs[:, 1:].flatten().tolist()) == {3, 4, 5}


def test_anything_but_digits_is_refused():
    for word in ("12a", "", "½", "٣"):
        with pytest.raises(ProfundoError, match="string of digits"):
            symbols([word])
    with pytest.raises(ProfundoError, match="1 ≤ shortest ≤ longest"):
        reversals(4, 5, shortest=5, longest=4)
