import pytest
import torch

from profundo.nets.speech_nets import STRIDE, AttentiveNet, ConnectionistNet
from profundo.records import END, PAD


@pytest.fixture
def sounds():
    torch.manual_seed(0)
    return torch.randn(2, 21, 6), torch.tensor([21, 9])


def test_what_is_told_of_a_sound_does_not_depend_on_longer_ones_beside_it(sounds):
    inputs, lengths = sounds
    net = ConnectionistNet(6, 3, 5).eval()
    logits, steps = net(inputs, lengths)
    assert steps.tolist() == [-(-21 // STRIDE), -(-9 // STRIDE)]
    assert logits.shape == (6, 2, 4)
    alone, _ = net(inputs[1:, :9], lengths[1:])
    torch.testing.assert_close(logits[:3, 1], alone[:, 0])


def test_the_decoder_looks_at_the_steps_that_are_there_and_writes_what_is_likeliest(sounds):
    inputs, lengths = sounds
    net = AttentiveNet(6, 3, 5).eval()
    targets = torch.tensor([[3, 4, END], [5, END, PAD]])
    logits, weights = net(inputs, lengths, targets)
    assert logits.shape == (2, 3, 6)
    assert (weights[1, :, 3:] == 0).all()
    torch.testing.assert_close(weights.sum(2), torch.ones(2, 3))
    alone, _ = net(inputs[1:, :9], lengths[1:], targets[1:])
    torch.testing.assert_close(logits[1], alone[0])
    written, _ = net.write(inputs, lengths, 4)
    again, _ = net(inputs, lengths, written)
    assert written[0, 0] == again[0, 0].argmax()


def test_a_step_hears_what_is_before_and_after_it(sounds):
    inputs, lengths = sounds
    net = ConnectionistNet(6, 3, 5).eval()
    before, _ = net(inputs, lengths)
    inputs[0, 10] += 1
    after, _ = net(inputs, lengths)
    moved = (after - before).abs().sum(2)
    assert (moved[:, 0] > 0).all()
    assert (moved[:3, 1] == 0).all()
