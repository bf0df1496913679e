"""Recurrent nets against their equations written out, PyTorch's packed sequences, and the padding that must not matter."""

import math

import pytest
import torch
from torch import nn

from profundo.nets.recurrent import (
    CELLS,
    BothWays,
    LanguageModel,
    SequenceClassifier,
    initialize_recurrent_,
    mean_of_steps,
    recurrent,
    remember_,
    reversed_steps,
)
from profundo.records import ProfundoError
from profundo.trees import mapped


def weights(net):
    """Input and state weights and the two biases of the only layer, gate by gate."""
    return [parameter.chunk(parameter.shape[0] // net.hidden_size) for parameter in net.parameters()]


def plain_step(net, x, h):
    (w,), (u,), (b,), (a,) = weights(net)
    return torch.tanh(x @ w.T + b + h @ u.T + a)


def lstm_step(net, x, h, c):
    """Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000."""
    w, u, b, a = weights(net)
    i, f, g, o = (x @ w[k].T + b[k] + h @ u[k].T + a[k] for k in range(4))
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def gru_step(net, x, h):
    """Cho et al. 2014, with the reset gate after the product, as cuDNN has it."""
    w, u, b, a = weights(net)
    r, z = (torch.sigmoid(x @ w[k].T + b[k] + h @ u[k].T + a[k]) for k in range(2))
    n = torch.tanh(x @ w[2].T + b[2] + r * (h @ u[2].T + a[2]))
    return (1 - z) * n + z * h


@pytest.mark.parametrize("cell", CELLS)
def test_the_fused_cell_does_what_its_equations_say_step_by_step(cell):
    torch.manual_seed(0)
    net = recurrent(cell, 3, 5).double()
    for parameter in net.parameters():
        nn.init.normal_(parameter, 0, 0.5)
    inputs = torch.randn(7, 2, 3, dtype=torch.float64)
    outputs, _ = net(inputs)
    h = c = torch.zeros(2, 5, dtype=torch.float64)
    for x, output in zip(inputs, outputs, strict=True):
        if cell == "lstm":
            h, c = lstm_step(net, x, h, c)
        else:
            h = plain_step(net, x, h) if cell == "plain" else gru_step(net, x, h)
        assert torch.allclose(output, h, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_state_weights_are_orthogonal_and_an_lstm_starts_by_remembering(cell):
    net = recurrent(cell, 4, 6)
    for gate in net.weight_hh_l0.chunk(len(net.weight_hh_l0) // 6):
        assert torch.allclose(gate @ gate.T, torch.eye(6), atol=1e-5)
    biases = (net.bias_ih_l0 + net.bias_hh_l0).tolist()
    assert biases == ([0.0] * 6 + [1.0] * 6 + [0.0] * 12 if cell == "lstm" else [0.0] * len(biases))


def test_forget_gates_are_drawn_for_the_times_to_be_bridged():
    torch.manual_seed(0)
    lstm = remember_(nn.LSTM(2, 400), 101)
    inputs, forget, *_ = lstm.bias_ih_l0.detach().chunk(4)
    assert torch.equal(inputs, -forget)
    times = forget.exp()  # uniform on [1, 100]
    assert 1 <= times.min() < 5
    assert 96 < times.max() <= 100
    assert abs(times.mean() - 50.5) < 5
    kept = torch.sigmoid(forget) ** (1 + times)  # what is left of a cell after its own time
    assert ((kept > 0.24) & (kept < 0.38)).all()  # between (1/2)² and 1/e


def test_a_state_carried_on_gives_what_the_whole_gives():
    for cell in CELLS:
        torch.manual_seed(0)
        net = LanguageModel(11, 8, cell=cell, layers=2, embedding=4).eval()
        text = torch.randint(11, (3, 20))
        whole, _ = net(text)
        assert whole.shape == (3, 20, 11)
        first, state = net(text[:, :13])
        second, _ = net(text[:, 13:], state)
        assert torch.allclose(whole, torch.cat([first, second], 1), atol=1e-6)


def test_a_language_model_never_sees_what_it_has_to_predict():
    net = LanguageModel(7, 8, embedding=4)
    text = torch.randint(7, (1, 12))
    before, _ = net(text)
    changed = text.clone()
    changed[0, 6] = (text[0, 6] + 1) % 7
    after, _ = net(changed)
    assert torch.equal(before[0, :6], after[0, :6])
    assert not torch.equal(before[0, 6:], after[0, 6:])


@pytest.mark.parametrize(("cell", "layers"), [("lstm", 2), ("gru", 1)])
def test_a_language_model_steps_as_it_reads_the_whole(cell, layers):
    torch.manual_seed(0)
    net = LanguageModel(9, 8, cell=cell, layers=layers, embedding=4).eval()
    text = torch.randint(9, (3, 7))
    whole = torch.log_softmax(net(text)[0], 2)
    told, kept = net.step(text[:, :4], None)
    assert torch.allclose(told, whole[:, 3], atol=1e-6)
    order = torch.tensor([2, 0, 1])
    told, _ = net.step(text[order, 4:], mapped(lambda part: part.index_select(0, order), kept))
    assert torch.allclose(told, whole[order, 6], atol=1e-6)


def test_reversing_within_lengths_is_its_own_inverse():
    sequences = torch.arange(12.0).view(4, 3, 1)
    lengths = torch.tensor([4, 2, 1])
    backwards = reversed_steps(sequences, lengths)
    assert backwards[:, 0, 0].tolist() == [9, 6, 3, 0]
    assert backwards[:, 1, 0].tolist() == [4, 1, 7, 10]
    assert torch.equal(reversed_steps(backwards, lengths), sequences)


@pytest.mark.parametrize("cell", CELLS)
def test_both_ways_equals_pytorchs_bidirectional_net_over_packed_sequences(cell):
    torch.manual_seed(0)
    net = BothWays(3, 5, cell=cell)
    theirs = CELLS[cell](3, 5, 1, bidirectional=True)
    for name, parameter in net.forwards.named_parameters():
        getattr(theirs, name).data.copy_(parameter)
    for name, parameter in net.backwards.named_parameters():
        getattr(theirs, name + "_reverse").data.copy_(parameter)
    inputs, lengths = torch.randn(9, 4, 3), torch.tensor([9, 3, 1, 6])
    packed = nn.utils.rnn.pack_padded_sequence(inputs, lengths, enforce_sorted=False)
    expected, _ = nn.utils.rnn.pad_packed_sequence(theirs(packed)[0])
    found = net(inputs, lengths)
    for index, length in enumerate(lengths.tolist()):
        assert torch.allclose(found[:length, index], expected[:length, index], atol=1e-6)


def test_the_mean_over_time_counts_only_what_is_there():
    sequences = torch.tensor([[1.0, 5.0], [2.0, 7.0], [3.0, 99.0]])[:, :, None]
    assert mean_of_steps(sequences, torch.tensor([3, 2])).flatten().tolist() == [2.0, 6.0]


def test_padding_does_not_influence_the_classifier():
    torch.manual_seed(0)
    net = SequenceClassifier(6, 4, 8)
    lengths = torch.tensor([13, 5, 1])
    sequences = torch.randn(3, 13, 6)
    together = net(sequences, lengths)
    assert together.shape == (3, 4)
    for index, length in enumerate(lengths.tolist()):
        alone = net(sequences[index : index + 1, :length], lengths[index : index + 1])
        assert torch.allclose(together[index], alone[0], atol=1e-6)
    filled = sequences.clone()
    filled[1, 5:] = 1e3
    assert torch.allclose(net(filled, lengths), together, atol=1e-6)


def test_the_order_of_time_matters_to_the_classifier():
    torch.manual_seed(0)
    net = SequenceClassifier(2, 3, 8)
    sequences, lengths = torch.randn(1, 12, 2), torch.tensor([12])
    assert not torch.allclose(net(sequences, lengths), net(sequences.flip(1), lengths), atol=1e-4)


def test_initialising_again_draws_anew_of_the_known_spread():
    torch.manual_seed(0)
    net = initialize_recurrent_(nn.GRU(100, 50))
    assert net.weight_ih_l0.var().item() == pytest.approx(2 / (100 + 50), rel=0.05)  # Glorot & Bengio 2010, eq. 12
    assert net.weight_ih_l0.abs().max().item() <= math.sqrt(6 / 150)


def test_an_unknown_cell_is_refused():
    with pytest.raises(ProfundoError, match="cell of plain, lstm, gru"):
        recurrent("elman", 3, 4)
