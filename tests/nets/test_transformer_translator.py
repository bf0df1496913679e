"""The Transformer that translates: padding, causality, steps that read nothing twice, where it looks; LSTMs in its place."""

import pytest
import torch

from profundo.nets.attention import Translator
from profundo.nets.decoding import beam, greedy
from profundo.nets.transformer_translator import TransformerTranslator
from profundo.records import BEGIN, END, PAD, ProfundoError
from profundo.trees import leaves, mapped

SOURCES = torch.tensor([[3, 4, 5, 6, 7], [8, 3, PAD, PAD, PAD]])
TARGETS = torch.tensor([[7, 6, 5, 4, 3, END], [3, 8, END, PAD, PAD, PAD]])


def transformer(symbols=9) -> TransformerTranslator:
    """With what starts at zero drawn, so that all branches count."""
    torch.manual_seed(0)
    net = TransformerTranslator(symbols, 8, layers=2, heads=2, dropout=0.0).eval()
    for parameter in net.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, 0, 0.3)
    return net


def lstm(symbols=9, attends=True) -> Translator:
    torch.manual_seed(0)
    return Translator(symbols, 8, cell="lstm", embedding=4, attends=attends).eval()


def logits_of(net, sources, targets):
    made = net(sources, targets)
    return made[0] if isinstance(made, tuple) else made


NETS = pytest.mark.parametrize(
    "net", [transformer(), lstm(), lstm(attends=False)], ids=["transformer", "lstm", "bottleneck"]
)


@NETS
def test_a_translation_does_not_depend_on_the_padding_beside_it(net):
    together, alone = logits_of(net, SOURCES, TARGETS), logits_of(net, SOURCES[1:, :2], TARGETS[1:, :3])
    torch.testing.assert_close(together[1, :3], alone[0], atol=1e-5, rtol=0)


@NETS
def test_a_target_is_told_from_those_before_it_and_from_all_of_the_source(net):
    before = logits_of(net, SOURCES, TARGETS)
    changed = TARGETS.clone()
    changed[0, 2] = 8
    after = logits_of(net, SOURCES, changed)
    torch.testing.assert_close(before[0, :3], after[0, :3], atol=1e-6, rtol=0)
    assert not torch.allclose(before[0, 3], after[0, 3], atol=1e-4)
    for place in range(5):
        others = SOURCES.clone()
        others[0, place] = 8
        assert not torch.allclose(before[0, 0], logits_of(net, others, TARGETS)[0, 0], atol=1e-5)


@NETS
def test_steps_come_to_what_the_whole_pass_says(net):
    logits = logits_of(net, SOURCES, TARGETS).log_softmax(2)
    kept = net.begun(SOURCES)
    seen = torch.cat([torch.full((2, 1), BEGIN), TARGETS], 1)
    for place in range(3):  # of the second no more is meant
        told, kept = net.step(seen[:, place : place + 1], kept)
        torch.testing.assert_close(told, logits[:, place], atol=1e-5, rtol=0)


@NETS
def test_a_beam_is_never_less_likely_than_the_likeliest_pieces(net):
    begun = torch.full((2, 1), BEGIN)
    with torch.no_grad():
        said = greedy(net.step, begun, net.begun(SOURCES), longest=6)
        beams = beam(net.step, begun, net.begun(SOURCES), longest=6, width=5)
    shares = logits_of(net, SOURCES, said).log_softmax(2).gather(2, said[:, :, None])[:, :, 0]
    likely = (shares * (said != PAD)).sum(1)
    assert (beams.log_shares[:, 0] >= likely - 1e-4).all()


@NETS
def test_a_beam_copies_what_was_read_once_and_says_the_same_as_when_it_is_copied_at_every_symbol(net):
    seen = []

    def copying(symbols, kept):
        log_shares, kept = net.step(symbols, kept)
        return log_shares, mapped(lambda leaf: leaf if leaf is None else leaf.clone(), kept)

    def watched(symbols, kept):
        seen.append([leaf for leaf in leaves(kept) if leaf is not None])
        return net.step(symbols, kept)

    begun = torch.full((2, 1), BEGIN)
    with torch.no_grad():
        plain, spared = (beam(step, begun, net.begun(SOURCES), longest=6, width=4) for step in (copying, watched))
    assert torch.equal(plain.sequences, spared.sequences)
    assert torch.equal(plain.log_shares, spared.log_shares)
    assert len(seen) > 2
    assert set.intersection(*({id(leaf) for leaf in one} for one in seen))  # annotations, or keys and values


def test_where_it_looks_are_shares_of_what_is_there_and_change_with_the_source():
    net = transformer()
    looks = net.looks(SOURCES, TARGETS)
    assert looks.shape == (2, 6, 5)
    torch.testing.assert_close(looks.sum(2), torch.ones(2, 6))
    assert not looks[1, :, 2:].any()
    block = net.decoder[1]
    with torch.no_grad():
        block.memory.inward.weight.zero_()
        block.memory.inward.bias.zero_()
    torch.testing.assert_close(net.looks(SOURCES, TARGETS)[0], torch.full((6, 5), 0.2))  # no query prefers any key


def test_longer_sequences_and_odd_widths_are_refused():
    with pytest.raises(ProfundoError, match="places"):
        TransformerTranslator(9, 8, heads=2, longest=4)(SOURCES, TARGETS)
    with pytest.raises(ProfundoError, match="3 heads"):
        TransformerTranslator(9, 8, heads=3)
