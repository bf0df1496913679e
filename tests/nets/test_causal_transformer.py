"""GPT: it sees what is before and nothing else, and what it keeps gives what reading all anew gives."""

from itertools import islice

import pytest
import torch
from torch import nn

from profundo.nets.causal_transformer import GPT
from profundo.nets.decoding import Drawing, drawn
from profundo.records import ProfundoError


@pytest.fixture
def net():
    torch.manual_seed(0)
    made = GPT(7, 12, heads=3, layers=2, context=8).double()
    for parameter in made.parameters():
        nn.init.normal_(parameter, 0, 0.3)
    return made.eval()


def test_a_symbol_is_predicted_from_those_before_it_alone(net):
    text = torch.randint(7, (1, 8))
    changed = text.clone()
    changed[0, 5] = (text[0, 5] + 1) % 7
    before, after = net(text)[0], net(changed)[0]
    assert torch.equal(before[:, :5], after[:, :5])
    assert not torch.isclose(before[:, 5:], after[:, 5:]).all(2).any()


def test_order_and_place_matter(net):
    last = net(torch.tensor([[1, 2, 3], [2, 1, 3]]))[0][:, -1]
    assert not torch.allclose(last[0], last[1])
    same = net(torch.tensor([[3, 3, 3]]))[0][0]
    assert not torch.allclose(same[0], same[2])


@pytest.mark.parametrize("parts", [(1,) * 8, (5, 3), (2, 1, 5)])
def test_keys_and_values_that_are_kept_give_the_full_pass(net, parts):
    text = torch.randint(7, (2, 8))
    whole, _ = net(text)
    read, outputs = None, []
    for part in torch.split(text, parts, 1):
        logits, read = net(part, read)
        outputs.append(logits)
    torch.testing.assert_close(torch.cat(outputs, 1), whole, rtol=0, atol=1e-12)
    with pytest.raises(ProfundoError, match="at most 8 places, got 9"):
        net(text[:, :1], read)


def naively(net, begun, length, generator):
    """The whole net over all that is in sight, for every symbol; the newer half where there is too much."""
    seen, said = begun, []
    for _ in range(length):
        if seen.shape[1] > net.context:
            seen = seen[:, -(net.context // 2) :]
        shares = torch.softmax(net(seen)[0][:, -1].float(), 1)
        said.append(torch.multinomial(shares, 1, generator=generator))
        seen = torch.cat([seen, said[-1]], 1)
    return torch.cat(said, 1)


@pytest.mark.parametrize("length", [1, 3, 8, 20])
def test_symbols_are_those_that_reading_all_anew_draws_also_beyond_the_context(net, length):
    begun = torch.randint(7, (3, length))
    told = drawn(net.step, begun, None, Drawing(), torch.Generator().manual_seed(1))
    said = torch.stack(list(islice(told, 40)), 1)
    assert torch.equal(said, naively(net, begun, 40, torch.Generator().manual_seed(1)))


def test_every_parameter_learns_after_one_update():
    torch.manual_seed(0)
    net = GPT(7, 12, heads=3, layers=2, context=8)
    text = torch.randint(7, (4, 8))
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    for _ in range(2):  # at first the branches are still, and what is before their last layers with them
        net.zero_grad()
        nn.functional.cross_entropy(net(text)[0].flatten(0, 1), text.flatten()).backward()
        optimizer.step()
    keys = slice(12, 24)  # a softmax does not see what is added to all of its inputs: the bias of keys learns nothing
    for name, parameter in net.named_parameters():
        gradient = parameter.grad.clone()
        if name.endswith("inward.bias"):
            assert gradient[keys].abs().max() < 1e-8
            gradient = torch.cat([gradient[:12], gradient[24:]])
        assert gradient.any(), name


def test_sizes_that_cannot_be_are_refused():
    with pytest.raises(ProfundoError, match="a width that 5 heads divide, got 12"):
        GPT(7, 12, heads=5)
    with pytest.raises(ProfundoError, match="context of at least 2 symbols, got 1"):
        GPT(7, 12, context=1)
