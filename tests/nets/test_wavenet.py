import pytest
import torch
import torch.nn.functional as F

from profundo.nets.wave_generation import Drawn, Words, drawn_codes, generated, progress_of
from profundo.nets.wave_nets import FRAME, Layer, Speech, WaveNet, frames_for, gated
from profundo.records import ProfundoError


@pytest.fixture
def net():
    torch.manual_seed(0)
    return WaveNet(32, 3, 2, channels=6, skip=8, depth=3, stacks=2, conditions=5).double()


def inputs(net, steps, batch=2):
    total = FRAME * frames_for(net.context + steps)
    progress = torch.rand(total // FRAME, batch, dtype=torch.float64)
    return torch.randint(0, 32, (total, batch)), torch.tensor([0, 2])[:batch], torch.tensor([1, 0])[:batch], progress


def test_a_layer_is_a_dilated_convolution_gated():
    layer = Layer(4, 3, dilation=5).double()
    x, condition = torch.randn(20, 2, 4, dtype=torch.float64), torch.randn(20, 2, 3, dtype=torch.float64)
    onward, z = layer(x, layer.condition(condition)[5:])
    kernel = torch.stack([layer.before.weight, layer.now.weight], 2)
    gates = F.conv1d(x.permute(1, 2, 0), kernel, dilation=5).permute(2, 0, 1) + layer.condition(condition)[5:]
    expected = (gates[..., :4] / 2).tanh() * gates[..., 4:].sigmoid()
    torch.testing.assert_close(z, expected)
    torch.testing.assert_close(onward, x[5:] + layer.residual(expected))


@pytest.mark.parametrize(("dtype", "error"), [(torch.bfloat16, 0.012), (torch.float32, 3e-5)])
def test_faint_signals_pass_the_gates_as_exactly_as_loud_ones(dtype, error):
    loud = torch.logspace(-2, 0.5, 64)
    gates = torch.stack([torch.cat([loud, loud.flip(0)]), torch.cat([-loud, loud])]).to(dtype).requires_grad_()
    exact = gates.detach().double().requires_grad_()
    filters, shares = exact.chunk(2, -1)
    expected = (filters / 2).tanh() * shares.sigmoid()
    z = gated(gates)
    slopes, true_slopes = (torch.autograd.grad(one.sum(), of)[0][:, :64] for one, of in ((z, gates), (expected, exact)))
    torch.testing.assert_close(z.double(), expected, rtol=error, atol=0)
    torch.testing.assert_close(slopes.double(), true_slopes, rtol=error, atol=0)  # of the filters


def test_a_prediction_depends_on_the_samples_of_its_past_alone_and_on_all_that_the_dilations_reach(net):
    torch.manual_seed(1)
    previous, *others = inputs(net, FRAME)
    before = net(previous, *others)
    reach = 2 * (1 + 2 + 4)  # steps back from the newest input
    for step, changes in ((net.context + 20, {20: True, 19: False, 20 + reach: True, 20 + reach + 1: False}),):
        other = previous.clone()
        other[step] = (other[step] + 1) % 32
        moved = (net(other, *others) - before).abs().sum((1, 2))
        assert {at: bool(moved[at] > 0) for at in changes} == changes


@torch.inference_mode()
def generated_naively(net, words, generator, silent, how):
    """What `generated` gives, by the whole net over the whole past for every sample."""
    steps, context = int(words.lengths.max()), net.context
    uniform = torch.rand(steps, len(words), generator=generator, dtype=torch.float64).to(net.output.weight.dtype)
    frames, asked = frames_for(context + steps), how.asked_of(net, words)
    progress = progress_of(asked.lengths, -context // FRAME, frames).to(uniform.dtype)
    previous = torch.full((FRAME * frames + 1, len(words)), silent)
    for step in range(steps):
        read = previous[:-1].repeat(1, len(asked) // len(words))
        logits = net(read, asked.classes, asked.speakers, progress)[step]
        previous[context + step + 1] = how.codes(logits, uniform[step])
    return previous[context + 1 : context + steps + 1]


@pytest.mark.parametrize(("dtype", "guidance"), [(torch.float64, 1.0), (torch.float32, 2.5)])
def test_generation_with_rings_gives_the_codes_of_the_whole_net_over_the_whole_past(net, dtype, guidance):
    net = net.to(dtype)
    how = Drawn(0.9, guidance)
    words = Words(torch.tensor([0, 2, 1]), torch.tensor([0, 1, 1]), torch.tensor([150, 90, 30]))
    codes = [made(net, words, torch.Generator().manual_seed(3), 16, how) for made in (generated, generated_naively)]
    assert codes[0].shape == (150, 3)
    assert len(codes[0].unique()) > 10
    assert torch.equal(*codes)


def test_words_are_the_same_alone_and_beside_others_when_drawn_by_the_same_numbers(net):
    """The likeliest code everywhere: no number is drawn that the neighbours could shift."""
    lengths = torch.tensor([80, 80])
    both = generated(
        net, Words(torch.tensor([0, 1]), torch.tensor([0, 1]), lengths), torch.Generator(), 16, Drawn(1e-9)
    )
    alone = generated(net, Words(torch.tensor([1]), torch.tensor([1]), lengths[1:]), torch.Generator(), 16, Drawn(1e-9))
    assert torch.equal(both[:, 1:], alone)


def test_codes_are_drawn_as_often_as_the_distribution_says():
    logits = torch.tensor([0.1, 0.2, 0.7], dtype=torch.float64).log().expand(30_000, 3)
    uniform = (torch.arange(30_000, dtype=torch.float64) + 0.5) / 30_000
    assert drawn_codes(logits, uniform, 1.0).bincount().tolist() == [3000, 6000, 21000]
    squares = torch.tensor([0.01, 0.04, 0.49])
    expected = (30_000 * squares / squares.sum()).round().long()
    assert (drawn_codes(logits, uniform, 0.5).bincount() - expected).abs().max() <= 1


def test_guidance_goes_from_the_shares_of_no_word_to_those_of_the_word_and_beyond():
    told, untold = torch.tensor([[0.2, 0.8]]), torch.tensor([[0.5, 0.5]])
    uniform = (torch.arange(10_000) + 0.5) / 10_000
    logits = torch.cat([told.expand(10_000, 2), untold.expand(10_000, 2)]).log()
    for guidance, expected in ((0.0, 0.5), (0.5, 1 / 3), (2.0, 1 / 17), (3.0, 1 / 65)):
        share = (Drawn(1.0, guidance).codes(logits, uniform) == 0).double().mean()
        assert abs(share - expected) <= 2e-4  # odds of 4 to the power of the guidance


def test_h_goes_along_the_path_of_class_and_speaker_from_knot_to_knot():
    speech = Speech(3, 2, 4).double()
    torch.nn.init.normal_(speech.own)
    knots = speech.path[2] + speech.own[2, 1] + speech.speaker.weight[1]
    place = torch.tensor([0.0, 7.25, 23.0], dtype=torch.float64)  # of 24 knots, from 0
    h = speech(torch.tensor([2]), torch.tensor([1]), place[:, None] / 23)[:, 0]
    between = 0.75 * knots[7] + 0.25 * knots[8]
    torch.testing.assert_close(h, torch.tanh(torch.stack([knots[0], between, knots[23]])))


def test_sizes_below_one_are_refused():
    with pytest.raises(ProfundoError, match="sizes of at least 1"):
        WaveNet(256, 10, 6, depth=0)
