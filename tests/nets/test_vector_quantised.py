"""Words for maps: the nearest vector, its moving average, and the gradient that goes past it."""

import pytest
import torch

from profundo.nets.vector_quantised import Codebook, VectorQuantised, perplexity
from profundo.records import ProfundoError


def book(words=5, size=3, decay=0.9):
    torch.manual_seed(0)
    made = Codebook(words, size, decay)
    made.vectors.normal_()
    made.sums.copy_(made.vectors)
    made.counts.fill_(1)
    return made


def test_a_word_is_the_nearest_vector():
    made, maps = book(), torch.randn(4, 3, 2, 6)
    found, words = made.eval()(maps)
    rows = maps.permute(0, 2, 3, 1).reshape(-1, 3)
    nearest = torch.cdist(rows.double(), made.vectors.double()).argmin(1)
    assert torch.equal(words.flatten(), nearest)
    assert torch.equal(found.permute(0, 2, 3, 1).reshape(-1, 3), made.vectors[nearest])


def test_vectors_follow_as_moving_averages_of_counts_and_sums():
    made = book()
    counts, sums = made.counts.double(), made.sums.double()
    for step in range(4):
        rows = torch.randn(30, 3, generator=torch.Generator().manual_seed(step))
        nearest = torch.cdist(rows.double(), made.vectors.double()).argmin(1)
        made.train()(rows.view(30, 3, 1, 1))
        for word in range(5):
            counts[word] = 0.9 * counts[word] + 0.1 * (nearest == word).sum()
            sums[word] = 0.9 * sums[word] + 0.1 * rows[nearest == word].double().sum(0)
        torch.testing.assert_close(made.vectors.double(), sums / counts[:, None], rtol=1e-3, atol=1e-4)


def test_two_words_come_to_rest_at_the_means_of_two_groups():
    torch.manual_seed(1)
    groups = [torch.randn(50, 2) / 4 + torch.tensor([4.0, 0]), torch.randn(80, 2) / 4 - torch.tensor([4.0, 1])]
    made, rows = Codebook(2, 2, 0.5), torch.cat(groups)
    made.begin(rows[[0, 100]])
    made.vectors.copy_(rows[[0, 100]])
    for _ in range(60):
        made.train()(rows.view(-1, 2, 1, 1))
    torch.testing.assert_close(made.vectors, torch.stack([group.mean(0) for group in groups]), rtol=1e-3, atol=1e-3)


def test_in_evaluation_nothing_moves_and_the_first_maps_seen_begin_the_vectors():
    made, maps = Codebook(4, 3), torch.randn(2, 3, 5, 5)
    made.train()(maps)
    assert made.counts.sum() > 0
    before = made.vectors.clone()
    made.eval()(maps)
    assert torch.equal(made.vectors, before)


def test_the_decoders_gradient_goes_straight_to_the_encoder():
    torch.manual_seed(0)
    net = VectorQuantised((1, 8, 8), words=6, size=4, width=8)
    pictures = torch.rand(3, 1, 8, 8)
    net(pictures)  # the vectors begin
    net.eval()
    with torch.no_grad():
        by_words = net.decode(net.encode(pictures))
    seen = {}
    net.encoder.register_forward_hook(lambda _m, _i, out: (out.retain_grad(), seen.update(maps=out))[1])
    net.decoder.register_forward_pre_hook(lambda _m, given: (given[0].retain_grad(), seen.update(given=given[0]))[1])
    logits, distance, words = net(pictures)
    (logits.square().sum() + 0.25 * distance.sum()).backward()
    found = net.codebook.looked_up(words)
    torch.testing.assert_close(seen["given"], found)
    torch.testing.assert_close(seen["maps"].grad, seen["given"].grad + 0.5 * (seen["maps"] - found))
    torch.testing.assert_close(distance, (seen["maps"] - found).square().flatten(1).sum(1))
    assert words.shape == (3, 2, 2)
    torch.testing.assert_close(by_words, logits)


def test_perplexity_counts_equally_frequent_words():
    assert perplexity(torch.arange(12).view(3, 4) % 6, 9) == pytest.approx(6)
    assert perplexity(torch.zeros(2, 2, dtype=torch.int64), 9) == pytest.approx(1)
    assert perplexity(torch.tensor([0, 0, 1]), 2) == pytest.approx(3 / 2 ** (2 / 3))


@pytest.mark.parametrize("shape", [(1, 10, 8), (8, 8)])
def test_other_sides_than_multiples_of_four_are_refused(shape):
    with pytest.raises(ProfundoError, match="multiples of 4"):
        VectorQuantised(shape)
