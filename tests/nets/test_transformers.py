"""Transformers against PyTorch's own layers, the formulas written out, and what must not be seen."""

import math

import pytest
import torch
from torch import nn

from profundo.nets.transformers import Attention, DecoderBlock, EncoderBlock, Positions, sinusoids
from profundo.records import ProfundoError


def drawn(net):
    """With all parameters at random, so that no branch is still."""
    for parameter in net.parameters():
        nn.init.normal_(parameter, 0, 0.3)
    return net.double()


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def theirs(attention):
    """PyTorch's module with the same weights."""
    other = nn.MultiheadAttention(attention.width, attention.heads, batch_first=True).double()
    other.in_proj_weight.data, other.in_proj_bias.data = attention.inward.weight.data, attention.inward.bias.data
    other.out_proj.weight.data, other.out_proj.bias.data = attention.outward.weight.data, attention.outward.bias.data
    return other


def test_attention_is_pytorchs_with_and_without_masks():
    net = drawn(Attention(12, 3))
    x, memory = torch.randn(2, 5, 12).double(), torch.randn(2, 7, 12).double()
    there = torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    expected, weights = theirs(net)(x, memory, memory, key_padding_mask=~there, average_attn_weights=False)
    read = net.remembered(memory)
    assert torch.allclose(net.across(x, read, there), expected)
    assert torch.allclose(net.weights(x, read, there), weights)
    assert torch.allclose(net.across(x, read), theirs(net)(x, memory, memory)[0])
    future = torch.ones(5, 5, dtype=torch.bool).triu(1)
    assert torch.allclose(net.within(x, causal=True)[0], theirs(net)(x, x, x, attn_mask=future)[0])
    assert torch.allclose(net.within(x, there=there[:, :5])[0], theirs(net)(x, x, x, key_padding_mask=~there[:, :5])[0])
    both = net.within(x, causal=True, there=there[:, :5])[0]
    assert torch.allclose(both, theirs(net)(x, x, x, key_padding_mask=~there[:, :5], attn_mask=future)[0])


@pytest.mark.parametrize("there", [None, torch.tensor([[True] * 9, [True] * 4 + [False] * 5])])
def test_attention_in_bfloat16_is_that_in_float32_but_for_rounding(there):
    net = drawn(Attention(16, 2)).float()
    x = torch.randn(2, 9, 16)
    expected, _ = net.within(x, causal=True, there=there)
    with torch.autocast("cpu", torch.bfloat16):
        found, _ = net.within(x, causal=True, there=there)
    assert found.dtype == torch.bfloat16
    assert torch.allclose(found.float(), expected, atol=0.05 * float(expected.abs().max()))
    wrong, _ = net.within(x)
    assert not torch.allclose(found.float(), wrong, atol=0.05 * float(expected.abs().max()))


def test_an_encoder_block_is_pytorchs():
    net = drawn(EncoderBlock(8, 2)).eval()
    other = nn.TransformerEncoderLayer(8, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True).double()
    other.self_attn = theirs(net.attention)
    other.linear1, other.linear2 = net.feed_forward[0], net.feed_forward[2]
    other.norm1, other.norm2 = net.attention_norm, net.feed_forward_norm
    x = torch.randn(3, 6, 8).double()
    assert torch.allclose(net(x)[0], other(x))


def test_a_decoder_block_is_pytorchs():
    net = drawn(DecoderBlock(8, 2)).eval()
    other = nn.TransformerDecoderLayer(8, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True).double()
    other.self_attn, other.multihead_attn = theirs(net.attention), theirs(net.memory)
    other.linear1, other.linear2 = net.feed_forward[0], net.feed_forward[2]
    other.norm1, other.norm2, other.norm3 = net.attention_norm, net.memory_norm, net.feed_forward_norm
    x, memory = torch.randn(3, 6, 8).double(), torch.randn(3, 4, 8).double()
    there = torch.tensor([[True] * 4, [True, True, False, False], [True] * 4])
    causal = torch.ones(6, 6, dtype=torch.bool).triu(1)
    expected = other(x, memory, tgt_mask=causal, memory_key_padding_mask=~there)
    read = net.memory.remembered(memory)
    assert torch.allclose(net(x, read, there)[0], expected)
    looks = net.looks(x, read, there)
    assert torch.allclose(looks.sum(3), torch.ones(3, 2, 6).double())
    assert (looks[1, :, :, 2:] == 0).all()


@pytest.mark.parametrize("parts", [(1,) * 9, (4, 5), (3, 1, 5)])
def test_what_was_read_need_not_be_read_again(parts):
    encoder, decoder = drawn(EncoderBlock(8, 2)), drawn(DecoderBlock(8, 2))
    x, memory = torch.randn(2, 9, 8).double(), decoder.memory.remembered(torch.randn(2, 4, 8).double())
    whole, whole_read = encoder(x, causal=True)
    written, _ = decoder(x, memory)
    read = past = None
    outputs, more = [], []
    for part in torch.split(x, parts, 1):
        y, read = encoder(part, causal=True, read=read)
        z, past = decoder(part, memory, read=past)
        outputs.append(y)
        more.append(z)
    assert torch.allclose(torch.cat(outputs, 1), whole, rtol=0, atol=1e-12)
    assert torch.allclose(torch.cat(more, 1), written, rtol=0, atol=1e-12)
    assert all(torch.allclose(one, other) for one, other in zip(read, whole_read, strict=True))


def test_a_new_block_passes_on_what_it_gets_and_learns_from_the_first_step():
    x, memory = torch.randn(2, 5, 8), torch.randn(2, 4, 8)
    encoder, decoder = EncoderBlock(8, 2), DecoderBlock(8, 2)
    assert torch.equal(encoder(x)[0], x)
    y, _ = decoder(x, decoder.memory.remembered(memory))
    assert torch.equal(y, x)
    y.square().sum().backward()
    for last in (decoder.attention.outward, decoder.memory.outward, decoder.feed_forward[2]):
        assert last.weight.grad.any()


def test_sinusoids_are_those_of_the_paper():
    table = sinusoids(50, 10)
    for place, i in [(0, 0), (7, 2), (49, 4)]:
        angle = place / 10_000 ** (2 * i / 10)
        assert table[place, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-5)
        assert table[place, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-5)
    products = table @ table.T
    assert torch.allclose(products.diagonal(3), products[0, 3].expand(47), atol=1e-4)  # by the distance alone
    assert sinusoids(4, 5).shape == (4, 5)


@pytest.mark.parametrize("learned", [True, False])
def test_positions_go_on_where_they_were_left_and_end(learned):
    net = Positions(6, 4, learned=learned)
    assert torch.equal(torch.cat([net(2), net(4, 2)]), net(6))
    assert list(net.state_dict()) == (["table"] if learned else [])
    with pytest.raises(ProfundoError, match="at most 6 places, got 7"):
        net(2, 5)


def test_heads_must_divide_the_width():
    with pytest.raises(ProfundoError, match="a width that 3 heads divide, got 8"):
        EncoderBlock(8, 3)


def test_dropout_acts_in_training_only():
    net = drawn(EncoderBlock(8, 2, dropout=0.5))
    x = torch.randn(1, 4, 8).double()
    assert not torch.equal(net(x)[0], net(x)[0])
    net.eval()
    assert torch.equal(net(x)[0], net(x)[0])
