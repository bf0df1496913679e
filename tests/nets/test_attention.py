"""Attention against its formulas written as loops; the translator's masks; greedy writing."""

import math

import pytest
import torch

from profundo.nets.attention import Additive, Decoder, Translator, attend, shifted
from profundo.records import BEGIN, END, PAD


def test_additive_scores_are_bahdanaus():
    torch.manual_seed(0)
    net = Additive(4, 6)
    states, annotations = torch.randn(2, 3, 4), torch.randn(2, 5, 6)
    scores = net(states, annotations)
    w, u, v = net.states, net.annotations.weight, net.score.weight[0]
    for b, t, j in [(0, 0, 0), (1, 2, 4), (0, 1, 3)]:
        expected = v @ torch.tanh(w.weight @ states[b, t] + w.bias + u @ annotations[b, j])
        assert scores[b, t, j].item() == pytest.approx(expected.item(), abs=1e-6)


def test_weights_are_shares_of_what_is_there_and_contexts_their_means():
    scores = torch.tensor([[[0.0, math.log(3), 50.0]]])
    annotations = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]]])
    contexts, weights = attend(scores, annotations, torch.tensor([[True, True, False]]))
    assert torch.allclose(weights, torch.tensor([[[0.25, 0.75, 0.0]]]))
    assert torch.allclose(contexts, torch.tensor([[[0.25, 0.75]]]))


@pytest.mark.parametrize("attends", [True, False])
def test_a_translation_does_not_depend_on_the_padding_beside_it(attends):
    torch.manual_seed(0)
    net = Translator(9, 8, embedding=4, attends=attends)
    sources = torch.tensor([[3, 4, 5, 6, 7], [8, 3, PAD, PAD, PAD]])
    targets = torch.tensor([[7, 6, 5, 4, 3, END], [3, 8, END, PAD, PAD, PAD]])
    logits, weights = net(sources, targets)
    alone, alone_weights = net(sources[1:, :2], targets[1:, :3])
    assert torch.allclose(logits[1, :3], alone[0], atol=1e-6)
    assert torch.allclose(weights[1, :3, :2], alone_weights[0], atol=1e-6)
    assert (weights[1, :, 2:] == 0).all()
    assert torch.allclose(weights.sum(2), torch.full((2, 6), float(attends)))


def test_targets_are_predicted_only_from_those_before_them():
    torch.manual_seed(0)
    net = Translator(9, 8, embedding=4)
    sources, targets = torch.tensor([[3, 4, 5]]), torch.tensor([[5, 4, 3, END]])
    changed = torch.tensor([[5, 4, 8, END]])
    before, after = net(sources, targets)[0], net(sources, changed)[0]
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.equal(before[:, 3], after[:, 3])
    assert shifted(targets).tolist() == [[BEGIN, 5, 4, 3]]


@pytest.mark.parametrize("attends", [True, False])
def test_what_is_written_is_the_likeliest_symbol_given_what_was_written(attends):
    torch.manual_seed(3)
    net = Translator(6, 8, embedding=4, attends=attends)
    torch.nn.init.normal_(net.decoder.output.weight, 0, 2.0)
    net.decoder.output.bias.data[END] = 1.5  # so that they end at different times
    sources = torch.randint(3, 6, (20, 4))
    said, weights = net.translate(sources, 7)
    assert weights.shape == (20, said.shape[1], 4)
    logits, taught = net(sources, said)
    for row in range(20):
        ends = (said[row] == END).nonzero().flatten().tolist()
        length = ends[0] + 1 if ends else said.shape[1]
        assert torch.equal(logits[row, :length].argmax(1), said[row, :length])
        assert (said[row, length:] == PAD).all()
        assert torch.allclose(taught[row, :length], weights[row, :length], atol=1e-6)
    assert len(set((said == END).long().argmax(1).tolist())) > 1, "all ended at the same time: not tested"


def test_writing_stops_when_all_have_ended():
    net = Decoder(5, 4, 3)
    with torch.no_grad():
        net.output.weight.zero_()
        net.output.bias.copy_(torch.tensor([0.0, 0, 9, 0, 0]))
    said, weights = net.written(torch.zeros(1, 2, 4), torch.randn(2, 6, 3), longest=50)
    assert said.tolist() == [[END], [END]]
    assert weights.shape == (2, 1, 6)


def test_the_annotations_reach_the_gradient_of_every_parameter():
    net = Translator(9, 8, embedding=4)
    net(torch.tensor([[3, 4, 5]]), torch.tensor([[5, 4, 3, END]]))[0].logsumexp(2).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in net.parameters())
