"""Statistics against numpy in double precision; standardising whole or in parts gives the same bits."""

import numpy as np
import pytest
import torch
from sklearn.preprocessing import RobustScaler, StandardScaler

import profundo as pf
from profundo.data import standardize, standardize_targets
from profundo.data.splits.splits import stratified
from profundo.data.standard import channel_sums, measured_rows, moments, robust
from profundo.records import Inputs, Targets
from profundo.units import squashed


@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1), (7, 1, 28, 28), (300, 3, 32, 32), (3, 3, 200, 301), (2, 1, 1100, 1000)]
)
def test_image_moments_equal_those_of_numpy(shape):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    sums = channel_sums(torch.from_numpy(images))
    mean, std = moments(sums, images.size // shape[1])
    wide = images.astype(np.float64)
    np.testing.assert_allclose(mean, wide.mean((0, 2, 3)), rtol=1e-12)
    expected = wide.std((0, 2, 3))
    np.testing.assert_allclose(std, np.where(expected == 0, 1, expected), rtol=1e-12)
    assert sums[1].tolist() == (images.astype(np.int64) ** 2).sum((0, 2, 3)).tolist()


def test_the_whole_set_and_its_parts_standardise_to_the_same_bits():
    raw = torch.randint(0, 256, (1001, 3, 9, 7), dtype=torch.uint8)
    inputs = Inputs((3, 9, 7), "image", mean=(125.3, 122.9, 113.9), std=(62.9, 62.1, 66.7))
    whole = standardize(raw, inputs)
    parts = torch.cat([standardize(part, inputs) for part in raw.split(13)])
    assert torch.equal(whole, parts)
    assert torch.equal(whole[5], standardize(raw[5], inputs).squeeze(0))
    assert whole.dtype == torch.float32


def test_standardising_leaves_the_raw_values_alone():
    rows = torch.ones(4, 2)
    inputs = Inputs((2,), "features", mean=(1.0, 3.0), std=(1.0, 2.0))
    assert standardize(rows, inputs).tolist() == [[0.0, -1.0]] * 4
    assert rows.tolist() == [[1.0, 1.0]] * 4
    assert torch.equal(standardize(rows, Inputs((2,), "features")), rows)


def test_only_real_targets_are_standardised():
    assert standardize_targets(torch.tensor([[5.0]]), Targets("real", mean=(3.0,), std=(4.0,))).item() == 0.5
    indices = torch.tensor([0, 1, 2])
    assert standardize_targets(indices, Targets("classes", ("a", "b", "c"))) is indices


def measured(*columns):
    rows = torch.tensor(np.stack(columns, 1), dtype=torch.float64)
    return rows, measured_rows(Inputs((len(columns),), "features"), rows)


@pytest.mark.parametrize("offset", [0.0, 1.7e9, 5e6, -1e12])
@pytest.mark.parametrize("kind", ["arrays", "rows"])
def test_numbers_far_from_zero_are_standardised_like_those_about_it(tmp_path, offset, kind):
    """Times in seconds, metres of a map: as float32 they would be a few steps."""
    draw = np.random.default_rng(0)
    x, y = draw.normal(0, 90, (300, 2)), draw.normal(0, 90, 300)
    np.savez(tmp_path / "a.npz", x=x + offset, y=y + offset)
    data = pf.load(tmp_path / "a.npz")
    spec = data.spec
    if kind == "rows":  # measured alone
        inputs = measured_rows(Inputs((2,), "features"), data.train.inputs)
        assert (inputs.mean, inputs.std) == (spec.inputs.mean, spec.inputs.std)
    ready, targets = standardize(data.train.inputs, spec.inputs), standardize_targets(data.train.targets, spec.targets)
    assert ready.dtype == targets.dtype == torch.float32
    near = data.train.inputs - offset
    np.testing.assert_allclose(ready, StandardScaler().fit_transform(near.numpy()), rtol=1e-5, atol=2e-5)
    assert len(ready[:, 0].unique()) == len(targets.unique()) == len(data.train)


def test_the_robust_scale_is_that_of_scikit_learn():
    values = np.random.default_rng(0).gamma(2, 3, (4001, 3))  # the quartiles are rows of their own
    median, deviation = robust(torch.tensor(values))
    theirs = RobustScaler(unit_variance=True).fit(values)
    np.testing.assert_allclose(median, theirs.center_, rtol=1e-12)
    np.testing.assert_allclose(deviation, theirs.scale_, rtol=1e-12)


def test_six_slips_of_twenty_thousand_leave_a_column_as_it_was():
    draw = np.random.default_rng(0)
    area = draw.normal(1500, 400, 20_000)
    slips = area.copy()
    slips[:6] = 99_999
    rows, inputs = measured(area, slips)
    assert inputs.clipped == (False, True)
    ready = standardize(rows, inputs)[6:]
    torch.testing.assert_close(ready[:, 1], squashed(ready[:, 0]), rtol=0, atol=0.03)
    assert standardize(rows, inputs)[:6, 1].max() < 3


def test_a_net_learns_as_well_from_a_column_with_six_slips(tmp_path):
    draw = np.random.default_rng(0)
    x = draw.normal(1500, 400, (800, 2))
    y = x @ [1.0, 0.5] + draw.normal(0, 50, 800)
    slips = x.copy()
    slips[draw.choice(800, 6, replace=False), 0] = 9_999_999
    reached = {}
    for name, inputs in (("clean", x), ("slips", slips)):
        np.savez(tmp_path / "a.npz", x=inputs, y=y)
        data = pf.load(tmp_path / "a.npz")
        reached[name] = pf.fit(pf.nets.build("mlp", data.spec), data, epochs=15, out=False).scores.values["R²"]
    assert reached["clean"] > 0.95
    assert reached["slips"] > reached["clean"] - 0.05


def test_slips_that_only_come_in_what_is_predicted_are_not_believed_either(tmp_path):
    draw = np.random.default_rng(0)
    x = draw.normal(1500, 400, (800, 2))
    y = x @ [1.0, 0.5] + draw.normal(0, 50, 800)
    x[-3:, 0] = 9_999_999
    np.savez(tmp_path / "a.npz", x_train=x[:600], y_train=y[:600], x_test=x[600:], y_test=y[600:])
    data = pf.load(tmp_path / "a.npz")
    assert standardize(data.test.inputs, data.spec.inputs).abs().max() < 10
    assert pf.fit(pf.nets.build("mlp", data.spec), data, epochs=15, out=False).scores.values["R²"] > -1  # else −10⁶


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("normal", lambda draw: draw.normal(size=5000)),
        ("lognormal", lambda draw: np.exp(1.5 * draw.normal(size=5000))),
        ("exponential", lambda draw: draw.exponential(size=5000)),
        ("flags", lambda draw: (draw.random(5000) < 0.01).astype(float)),
        ("mostly nothing", lambda draw: np.where(draw.random(5000) < 0.9, 0, draw.gamma(2, 2, 5000))),
        ("constant", lambda _: np.full(5000, 7.0)),
        ("two heaps", lambda draw: np.where(draw.random(5000) < 0.1, 1000, 0) + draw.normal(size=5000)),
    ],
)
def test_tails_flags_and_heaps_are_no_slips(name, column):
    values = column(np.random.default_rng(0))
    rows, inputs = measured(values)
    assert inputs.clipped == ()
    expected = StandardScaler().fit_transform(values[:, None])
    np.testing.assert_allclose(standardize(rows, inputs), expected, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("slips", [[999.0], [-1e9, 1e9], [9999.0] * 40, [1e30]])
def test_slips_of_any_size_and_side_are_clipped(slips):
    values = np.random.default_rng(0).normal(50, 5, 2000)
    values[: len(slips)] = slips
    rows, inputs = measured(values)
    assert inputs.clipped == (True,)
    assert inputs.mean[0] == pytest.approx(50, abs=1)
    assert inputs.std[0] == pytest.approx(5, rel=0.1)
    assert standardize(rows, inputs).abs().max() <= 3


@pytest.mark.parametrize("share", [0.1, 1 / 12, 0.2, 0.5])
@pytest.mark.parametrize("counts", [(50, 50), (100, 20, 3), (5923, 6742, 5958), (7,) * 11])
def test_stratified_takes_the_share_of_every_class(counts, share):
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))]
    rest, taken = stratified(labels, torch.arange(len(labels)), share, torch.Generator().manual_seed(0))
    assert len(taken) == round(share * sum(counts))
    assert torch.equal(torch.cat((rest, taken)).sort().values, torch.arange(len(labels)))
    for label, count in enumerate(counts):
        assert abs((labels[taken] == label).sum().item() - share * count) < 1


def test_every_class_leaves_a_sample_to_train_on():
    labels = torch.tensor([0, 1, 1, 2, 2])
    rest, taken = stratified(labels, torch.arange(5), 0.9, torch.Generator().manual_seed(0))
    assert set(labels[rest].tolist()) == {0, 1, 2}
    assert len(taken) == 2
    rest, taken = stratified(labels, torch.arange(5), 0.01, torch.Generator().manual_seed(0))
    assert len(taken) == 1


def test_squashing_is_the_identity_near_zero_and_keeps_order():
    values = torch.linspace(-50, 50, 1001, dtype=torch.float64)
    assert (squashed(values).diff() > 0).all()
    torch.testing.assert_close(squashed(values / 1e4), values / 1e4, rtol=1e-5, atol=0)
    assert squashed(torch.tensor([-1e15, 1e15])).tolist() == pytest.approx([-3, 3])
