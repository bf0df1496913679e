"""What a place of a map of words may see, that probabilities are ones, and that drawing row by row is drawing."""

import itertools

import pytest
import torch

from profundo.nets.pixel_cnn import PixelCNN, drawn_words


def net(words=3, classes=2, width=8, layers=5):
    torch.manual_seed(0)
    made = PixelCNN(words, classes, width, layers).double()
    torch.nn.init.normal_(made.layers[0].told.weight)
    return made.eval()


@pytest.mark.parametrize("place", [(0, 0), (0, 6), (3, 0), (3, 3), (3, 6), (6, 0), (6, 6)])
def test_a_place_sees_all_that_comes_before_it_and_nothing_else(place):
    made, (row, column) = net(), place
    maps = torch.randn(1, 8, 7, 7, dtype=torch.float64, requires_grad=True)
    logits = made.along(maps, made.from_above(maps, torch.tensor([1])))
    logits[0, :, row, column].square().sum().backward()
    seen = maps.grad[0].abs().sum(0) > 0
    before = torch.arange(49).view(7, 7) < 7 * row + column
    assert torch.equal(seen, before)


def test_probabilities_of_all_maps_sum_to_one():
    made = net(words=2, layers=2)
    every = torch.tensor(list(itertools.product(range(2), repeat=6))).view(-1, 2, 3)
    for label in (0, 1):
        logits = made(every, torch.full((64,), label))
        log = logits.log_softmax(1).gather(1, every[:, None]).sum((1, 2, 3))
        assert log.exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_drawing_by_rows_gives_the_words_that_the_whole_net_gives_word_by_word():
    made, labels = net(), torch.tensor([0, 1, 1, 0, 1])
    found = drawn_words(made, (4, 5), 5, labels, torch.Generator().manual_seed(3))
    draws, words = torch.Generator().manual_seed(3), torch.zeros(5, 4, 5, dtype=torch.int64)
    for row, column in itertools.product(range(4), range(5)):
        shares = made(words, labels)[:, :, row, column].float().softmax(1)
        words[:, row, column] = torch.multinomial(shares, 1, generator=draws)[:, 0]
    assert torch.equal(found, words)
    assert len(words.unique()) == 3


def test_a_class_changes_what_is_likely():
    made, words = net(), torch.zeros(1, 3, 3, dtype=torch.int64)
    assert not torch.equal(made(words, torch.tensor([0])), made(words, torch.tensor([1])))
    assert PixelCNN(3, width=4)(words).shape == (1, 3, 3, 3)  # none is told
