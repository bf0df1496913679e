"""Embedding nets: shapes, the sphere, gradients, and the tables of the skip-gram model."""

import pytest
import torch

from profundo.nets.embedding import WordPairs, embedding_cnn
from profundo.records import ProfundoError


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 8, 8), (3, 17, 40), (3, 96, 96)])
def test_any_image_becomes_as_many_numbers_as_asked(shape):
    net = embedding_cnn(shape, 5)
    embedded = net(torch.randn(4, *shape))
    assert embedded.shape == (4, 5)
    torch.testing.assert_close(embedded.norm(dim=1), torch.ones(4))


def test_without_the_sphere_embeddings_have_any_length():
    torch.manual_seed(0)
    lengths = embedding_cnn((1, 28, 28), 64, normalize=False)(torch.randn(16, 1, 28, 28)).norm(dim=1)
    assert lengths.std() > 1e-3


def test_the_gradient_on_the_sphere_is_tangent_to_it():
    net = embedding_cnn((1, 8, 8), 6).double()
    net.eval()
    images = torch.randn(3, 1, 8, 8, dtype=torch.float64)
    raw = net[:-1](images).detach().requires_grad_()
    (net[-1](raw) * torch.randn(3, 6, dtype=torch.float64)).sum().backward()
    torch.testing.assert_close((raw.grad * raw).sum(1), torch.zeros(3, dtype=torch.float64))


def test_a_zero_embedding_gives_no_nan_on_the_sphere():
    rows = torch.zeros(2, 3, requires_grad=True)
    embedding_cnn((1, 8, 8), 3)[-1](rows).sum().backward()
    assert torch.isfinite(rows.grad).all()


def test_parameters_are_those_of_the_layers_written_out():
    net = embedding_cnn((1, 28, 28), 64)
    convolutions = 16 * 25 + 32 * 16 * 9 + 64 * 32 * 9
    norms = 2 * (16 + 32 + 64)
    assert sum(p.numel() for p in net.parameters()) == convolutions + norms + 64 * 4 * 4 * 64 + 64


def test_a_row_of_features_is_refused():
    with pytest.raises(ProfundoError, match="channels, height, width"):
        embedding_cnn((10,), 4)


def test_scores_of_word_pairs_are_dot_products_of_the_two_tables():
    torch.manual_seed(0)
    net = WordPairs(7, 4)
    torch.nn.init.normal_(net.context.weight)
    centres, contexts = torch.tensor([0, 6, 3]), torch.tensor([[1, 2], [6, 6], [0, 5]])
    scores = net(centres, contexts)
    for row, centre in enumerate(centres):
        for column, context in enumerate(contexts[row]):
            expected = net.centre.weight[centre] @ net.context.weight[context]
            torch.testing.assert_close(scores[row, column], expected)
    torch.testing.assert_close(net.all_scores(centres).gather(1, contexts), scores)


def test_every_pair_starts_at_a_probability_of_one_half():
    net = WordPairs(5, 8)
    assert (net(torch.arange(5), torch.arange(5)[:, None]).sigmoid() == 0.5).all()
    assert net.centre.weight.abs().max() <= 0.5 / 8
