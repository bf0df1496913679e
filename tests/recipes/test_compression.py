"""Making nets small: grids against PyTorch's own quantisation, folding that changes nothing, masks by sorting, ONNX that agrees."""

import numpy as np
import pytest
import torch
from torch import nn

from profundo.nets import resnet
from profundo.nets.quantised import QuantisedLayer, folded, grid_of, integers_of, quantised
from profundo.objectives import categorical
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.zoo import compression
from profundo.records import Batch, Inputs, ProfundoError, Spec, Targets
from profundo.train import Supervised, optimizer
from profundo.train.pruning import Pruned, largest, prune_

DRAWS = torch.Generator().manual_seed(0)
SPEC = Spec(Inputs((3, 8, 8), "image"), Targets("classes", tuple("abcd")))


# ------------------------------------------------------------------------------------------------------------ integers
@pytest.mark.parametrize(("low", "high"), [(-1.3, 2.9), (0.0, 5.0), (0.5, 5.0), (-4.0, -1.0), (0.0, 0.0)])
def test_values_are_rounded_as_pytorch_quantises(low, high):
    grid = grid_of(low, high)
    values = (low - 1) + (high - low + 2) * torch.rand(501, generator=DRAWS)
    expected = torch.fake_quantize_per_tensor_affine(values, grid.scale, grid.zero, 0, 255)
    assert (grid.rounded(values) - expected).abs().max() <= 1e-6
    assert grid.rounded(torch.zeros(1)).item() == 0  # exactly
    inside = values[(values >= min(low, 0)) & (values <= max(high, 0))]
    assert not len(inside) or (grid.rounded(inside) - inside).abs().max() <= 1.01 * grid.scale / 2 + 1e-6


def test_weights_are_rounded_channel_by_channel_and_zeros_stay():
    weight = torch.randn(6, 3, 3, 3, generator=DRAWS) * torch.logspace(-3, 1, 6).view(-1, 1, 1, 1)
    weight[2] = 0
    weight[:, 1] = 0
    integers, scale = integers_of(weight)
    assert integers.dtype == torch.int8
    assert integers.flatten(1).abs().amax(1).tolist() == [127, 127, 0, 127, 127, 127]
    apart = (integers * scale.view(-1, 1, 1, 1) - weight).flatten(1).abs().amax(1)
    assert (apart <= 0.501 * scale).all()
    assert not integers[:, 1].any()


@pytest.mark.parametrize("weight", [1.0, 1e-9, 1e-20, 0.0])
def test_a_bias_beside_tiny_weights_or_none_is_neither_cut_nor_rounded_to_whole_steps(weight):
    layer, inputs = nn.Linear(3, 4), 5 * torch.rand(50, 3, generator=DRAWS)
    with torch.no_grad():
        layer.weight.mul_(weight)
        layer.bias.copy_(torch.tensor([0.3, -7.0, 1e-6, 0.0]))
        made, expected = QuantisedLayer(layer, grid_of(0.0, 5.0), None), layer(inputs)
        torch.testing.assert_close(made(inputs), expected, rtol=1e-6, atol=0.02 * weight + 1e-12)
    products = made.weight.long().abs().sum(1) * 255
    assert (made.bias.long().abs() + products < 2**31).all()  # as a runtime adds them


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    made = resnet(SPEC, 8, (4, 4, 8))
    for _ in range(20):
        made(torch.randn(16, 3, 8, 8, generator=DRAWS) + 1)  # so that running statistics are some
    return made.eval()


def test_folded_normalisation_changes_nothing_and_is_gone(net):
    inputs = torch.randn(5, 3, 8, 8, generator=DRAWS)
    whole = folded(net, inputs)
    torch.testing.assert_close(whole(inputs), net(inputs), rtol=1e-4, atol=1e-5)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in whole.modules())
    assert any(isinstance(module, nn.BatchNorm2d) for module in net.modules())


def test_a_net_of_integers_is_near_the_one_that_it_was_and_its_last_layer_is_not_rounded(net):
    inputs = torch.randn(64, 3, 8, 8, generator=DRAWS)
    made = quantised(folded(net, inputs[:2]), inputs.split(16))
    layers = {name: one for name, one in made.named_modules() if isinstance(one, QuantisedLayer)}
    assert len(layers) == sum(isinstance(one, nn.Conv2d | nn.Linear) for one in net.modules())
    assert [name for name, one in layers.items() if one.outputs is None] == ["output"]
    with torch.no_grad():
        apart = (made(inputs) - net(inputs)).abs().mean() / net(inputs).std()
    assert 0 < apart < 0.1
    assert layers["conv"].outputs.zero == 0  # a rectifier follows
    assert layers["stage1_block1.conv2"].outputs.zero > 0  # a sum does


# ------------------------------------------------------------------------------------------------------------- pruning
def test_the_largest_weights_of_all_stay():
    net = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    masks = largest(net, 0.25)
    sizes = np.abs(np.concatenate([net[0].weight.detach().numpy().ravel(), net[2].weight.detach().numpy().ravel()]))
    kept = np.concatenate([mask.numpy().ravel() for mask in masks.values()])
    assert kept.sum() == 8
    assert sizes[kept].min() > sizes[~kept].max()
    assert set(masks) == {"0.weight", "2.weight"}
    for share in (0.0, 1.5):
        with pytest.raises(ProfundoError, match="above 0 and at most 1"):
            largest(net, share)


def test_pruned_weights_stay_gone_while_the_others_learn():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    masks = largest(net, 0.5)
    update = Pruned(Supervised(net, categorical(), optimizer("nesterov", net, 0.1)), masks)
    before = net[0].weight.detach().clone()
    for _ in range(3):
        update(Batch(torch.randn(8, 5, generator=DRAWS), torch.randint(0, 3, (8,), generator=DRAWS), 8))
    for name, mask in masks.items():
        assert not net.get_parameter(name)[~mask].any()
    moved = (net[0].weight != before)[masks["0.weight"]]
    assert moved.any()
    prune_(net, {name: torch.zeros_like(mask) for name, mask in masks.items()})
    assert not net[2].weight.any()


# ------------------------------------------------------------------------------------------------------------ the whole
def test_onnxruntime_answers_as_pytorch_does_and_the_files_are_small(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(compression, "TIMED", 1)
    asked = {"gone": (0.5,), "epochs": 1, "tune_epochs": 1, "loses": 0.99}
    run = run_recipe("compression", asked, quick=True, out=tmp_path / "run")
    table = next(one for one in run.outcome.exhibits if one.title == "What it costs and saves")
    by_form = {row[1]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert all(float(row["differs"]) < 5e-3 for row in by_form.values())
    sizes = {name: int(row["ONNX"].replace(",", "")) for name, row in by_form.items()}
    assert sizes["8 bits"] < 0.5 * sizes["as trained"]
    weights = {name: int(row["weights"].replace(",", "")) for name, row in by_form.items()}
    assert weights["pruned"] == pytest.approx(0.5 * weights["as trained"], rel=0.01)
    assert int(by_form["pruned, 8 bits"]["deflated"].replace(",", "")) < int(
        by_form["8 bits"]["deflated"].replace(",", "")
    )
    assert sorted(path.name for path in (tmp_path / "run" / "exported").iterdir()) == [
        *("lenet-5-8-bits.onnx", "lenet-5-as-trained.onnx", "lenet-5-pruned-8-bits.onnx", "lenet-5-pruned.onnx")
    ]
