"""The ensemble for tables against its parts written out, NumPy's quantiles and plain means of probabilities."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

import profundo as pf
from profundo import nets
from profundo.data import load
from profundo.data.standard import standardize
from profundo.nets.summary import summary
from profundo.nets.table_nets import ByteDropout, Vote, are_flags
from profundo.records import Inputs, ProfundoError, Spec, Targets

THREE = Targets("classes", ("a", "b", "c"))
MEANINGS = {
    "classes": (THREE, lambda outputs: outputs.softmax(-1)),
    "binary": (Targets("binary", ("no", "yes")), torch.sigmoid),
    "labels": (Targets("labels", ("x", "y")), torch.sigmoid),
    "real": (Targets("real", names=("length",)), lambda outputs: outputs),
}


def rows(samples, features, seed=0):
    return torch.randn(samples, features, generator=torch.Generator().manual_seed(seed))


def built(features=4, targets=THREE, **options):
    torch.manual_seed(0)
    net = nets.table_net(Spec(Inputs((features,), "features"), targets), **options)
    with torch.no_grad():  # as after training: no member like another
        for parameter in net.layers.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return net


@pytest.mark.parametrize("kind", MEANINGS)
def test_the_vote_says_the_mean_of_what_the_members_say(kind):
    targets, meaning = MEANINGS[kind]
    outputs = 5 * torch.randn(4, 7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(meaning(Vote(targets)(outputs)), meaning(outputs).mean(0))


def test_votes_of_certain_members_stay_finite():
    certain = torch.tensor([[[300.0], [-300.0]], [[300.0], [300.0]]])
    assert Vote(MEANINGS["binary"][0])(certain).isfinite().all()


def plain_member(net, member, features):
    """One member as an ordinary perceptron with weights of its own."""
    values = features
    for layer in (net.layers[0], net.layers[2]):
        inner, outer, bias = (each.view(net.members, -1)[member] for each in (layer.inner, layer.outer, layer.bias))
        values = F.silu(F.linear(values, torch.diag(outer) @ layer.weight.T @ torch.diag(inner), bias))
    last = net.layers[4]
    return F.linear(values, last.weight[member].T, last.bias.view(net.members, -1)[member])


@pytest.mark.parametrize("kind", MEANINGS)
def test_members_are_perceptrons_that_share_a_weight_and_each_row_of_a_batch_teaches_one(kind):
    targets, meaning = MEANINGS[kind]
    net, batch = built(targets=targets, members=3, widths=(6, 5), dropout=0.0), rows(8, 4)
    every = torch.stack([plain_member(net, member, net.features(batch)) for member in range(3)])
    dealt = torch.stack([every[row // 3, row] for row in range(8)])
    torch.testing.assert_close(net.train()(batch), dealt)
    torch.testing.assert_close(meaning(net.eval()(batch)), meaning(every).mean(0))


def test_scales_are_numpys_quartiles_of_the_training_rows_and_a_wrong_cell_cannot_change_them():
    batch = rows(401, 4)
    batch[7, 2] = 1e9
    batch[:, 3] = 5.0
    net = built()
    net.measure_inputs(batch)
    assert (net.features.embedding.slope[3] == 0).all()
    low, middle, high = np.quantile(batch.numpy(), [0.25, 0.5, 0.75], axis=0)
    np.testing.assert_allclose(net.features.middle, middle, rtol=1e-6)
    np.testing.assert_allclose(net.features.spread[:3], (high - low)[:3], rtol=1e-6)
    assert net.features(batch)[:, :4].abs().max() <= 3
    assert net.features(batch).isfinite().all()


@pytest.mark.parametrize(("asked", "share"), [(0.05, 13 / 256), (0.15, 38 / 256), (0.999, 255 / 256), (0.001, 0.0)])
def test_dropout_by_bytes_drops_its_share_and_keeps_the_mean(asked, share):
    torch.manual_seed(0)
    values = torch.full((8, 1000, 123), 2.0)  # rows that do not end where a word of eight bytes does
    left = ByteDropout(asked)(values)
    assert float((left == 0).float().mean()) == pytest.approx(share, abs=0.002)
    assert left.unique().tolist() == pytest.approx(sorted({0.0, 2 / (1 - share)} if share else {2.0}))
    assert (ByteDropout(asked).eval()(values) == values).all()


def test_dropout_by_bytes_drops_each_value_by_itself():
    """Of two values in one word, or in neighbouring rows or columns, both vanish as often as chance has it."""
    torch.manual_seed(0)
    dropped = (ByteDropout(0.5)(torch.ones(2000, 64)) == 0).double()
    correlations = torch.corrcoef(dropped.T) - torch.eye(64)
    assert correlations.abs().max() < 5 / 2000**0.5
    assert abs(float((dropped[1:] * dropped[:-1]).mean()) - 0.25) < 0.01


def test_a_number_is_so_far_through_the_pieces_as_its_rank_among_the_training_rows():
    """The sum of the shares grows by one from quantile to quantile, so it is off the rank by less than one piece."""
    batch = rows(1601, 2).exp()  # skewed
    net = built(features=2)
    net.measure_inputs(batch)
    scaled = (batch - net.features.middle) / net.features.spread
    shares = ((scaled.unsqueeze(2) - net.features.embedding.begin) * net.features.embedding.slope).clamp(0, 1)
    rank = batch.argsort(0).argsort(0) / 1600
    torch.testing.assert_close(shares.sum(2) / 16, rank, rtol=0, atol=1 / 16)


def test_categories_and_gaps_of_a_table_arrive_as_zero_and_one(tmp_path):
    cells = [
        f"{place * place % 17 + 0.5},{'abcde'[place % 5]},{'' if place % 4 == 0 else place * 2},{place % 2}"
        for place in range(40)
    ]
    (tmp_path / "table.csv").write_text("\n".join(["size,kind,weight,target", *cells]))
    data = load(tmp_path / "table.csv", target="target", task="classes")
    flags = are_flags(data.spec.inputs)
    assert [name for name, flag in zip(data.spec.inputs.names, flags, strict=True) if not flag] == ["size", "weight"]
    net = nets.table_net(data.spec)
    standard = standardize(data.train.inputs, data.spec.inputs)
    net.measure_inputs(standard)
    seen = net.features(standard)[:, -sum(flags) :]
    torch.testing.assert_close(seen, data.train.inputs[:, torch.tensor(flags)].float(), rtol=0, atol=1e-5)


def test_very_many_numbers_go_without_pieces():
    assert built(features=101).features.embedding is None
    assert built(features=100).features.embedding is not None


def test_its_table_counts_the_multiplications_that_pytorch_counts():
    net = built(members=3, widths=(6, 5)).eval()
    with FlopCounterMode(display=False) as counter:
        net(rows(1, 4))
    activations = 3 * 6 + 3 * 5
    assert sum(row.flops for row in summary(net, Inputs((4,), "features"))) - activations == counter.get_total_flops()


def test_of_numbers_the_epoch_that_is_kept_is_the_best_of_the_second_half():
    inputs = rows(60, 3).numpy()
    run = pf.fit("table_net", (inputs, inputs[:, 0] + 0.5), epochs=8, early_stop=8, learning_rate=1.0, out=False)
    losses = run.history["validation loss"]
    assert min(losses[:4]) < min(losses[4:])  # else this would tell nothing
    assert run.best_epoch == 4 + int(np.argmin(losses[4:]))


@pytest.mark.parametrize("options", [{"members": 0}, {"widths": (8, 0)}, {"dropout": 1.0}])
def test_what_makes_no_net_is_refused(options):
    with pytest.raises(ProfundoError, match="expected members and widths of at least 1"):
        built(**options)
