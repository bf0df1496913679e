"""Ridge regression against scikit-learn, MiniRocket's features against their definition, and forecasts from a formula."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import Ridge as SklearnRidge

from profundo import nets
from profundo.nets.ridge import Ridge
from profundo.nets.series_nets import KERNELS
from profundo.records import Forecast, Inputs, ProfundoError, Spec, Targets


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def forecast_spec(horizon=3, lookback=8, channels=1, cycles=()):
    forecast = Forecast(horizon, "y", "t", cycles=cycles)
    inputs = Inputs((channels + forecast.known, lookback), "series", forecast=forecast)
    return Spec(inputs, Targets("real", names=tuple(f"t+{step + 1}" for step in range(horizon))))


@pytest.mark.parametrize("shape", [(40, 7), (12, 30)])
def test_ridge_regression_is_scikit_learns_and_so_are_samples_left_out(shape):
    rows, targets = noise(*shape), noise(shape[0], 2, seed=1)
    ridge = Ridge(rows, targets)
    for strength in (0.01, 3.0):
        theirs = SklearnRidge(strength).fit(rows.double().numpy(), targets.double().numpy())
        weight, bias = ridge.weights(strength)
        np.testing.assert_allclose(weight.numpy(), theirs.coef_, atol=1e-8)
        np.testing.assert_allclose(bias.numpy(), theirs.intercept_, atol=1e-8)
        for out in (0, 5):
            others = [place for place in range(shape[0]) if place != out]
            alone = SklearnRidge(strength).fit(rows[others].double().numpy(), targets[others].double().numpy())
            expected = alone.predict(rows[[out]].double().numpy())[0]
            np.testing.assert_allclose(ridge.left_out(strength)[out].numpy(), expected, atol=1e-7)


class TestRocket:
    spec = Spec(Inputs((1, 40), "series"), Targets("classes", tuple("abc")))

    def net(self, spec=None, features=500):
        torch.manual_seed(0)
        return nets.rocket(spec or self.spec, features)

    def test_a_feature_is_the_share_of_time_above_a_threshold(self):
        net = self.net()
        series = noise(6, 1, 40)
        net.solve(series, torch.arange(6) % 3)
        features = net.features(series)
        kernel = torch.full((9,), -1.0)
        kernel[list(KERNELS[0])] = 2.0
        response = F.conv1d(series, kernel.view(1, 1, 9), padding=4)[:, 0]
        expected = (response > net.thresholds[0, 0, 0]).float().mean(1)
        torch.testing.assert_close(features[:, 0], expected)
        assert kernel.sum() == 0
        assert ((features >= 0) & (features <= 1)).all()
        assert features.shape[1] == net.output.in_features

    def test_it_tells_frequencies_apart_from_a_formula_alone(self):
        steps = torch.arange(40.0)
        phases = 6 * torch.rand(90, 1, generator=torch.Generator().manual_seed(1))
        labels = torch.arange(90) % 3
        series = torch.sin(steps * (0.3 + 0.4 * labels[:, None]) + phases).unsqueeze(1) + 0.3 * noise(90, 1, 40)
        net = self.net()
        net.solve(series[:45], labels[:45])
        found = net.eval()(series[45:]).argmax(1)
        assert (found == labels[45:]).float().mean() > 0.9

    def test_what_it_starts_with_is_no_more_certain_than_so_few_samples_allow(self):
        series = torch.cat([noise(10, 1, 40) + 5, noise(10, 1, 40) - 5])
        spec = Spec(self.spec.inputs, Targets("binary", ("no", "yes")))
        net = self.net(spec)
        net.solve(series + torch.linspace(0, 9, 40).repeat(20, 1, 1), torch.arange(20) // 10)
        assert net(series).sigmoid().max() < 1 - 1e-3

    @pytest.mark.parametrize("shape", [(1, 1), (2, 5), (12, 29)])
    def test_short_series_and_several_channels_are_taken(self, shape):
        net = self.net(Spec(Inputs(shape, "series"), self.spec.targets))
        net.solve(noise(9, *shape), torch.arange(9) % 3)
        assert net(noise(4, *shape)).isfinite().all()
        assert (net.kernels.abs().sum(3) > 0).sum(2).min() >= 1


class TestForecasts:
    def test_the_linear_part_solves_a_linear_recurrence(self):
        """y(t) = 1.6 y(t−1) − 0.9 y(t−2): every step to come is linear in the last two."""
        values = [1.0, 1.5]
        for _ in range(300):
            values.append(1.6 * values[-1] - 0.999 * values[-2])
        series = torch.tensor(values)
        windows = series.unfold(0, 11, 1)
        net = nets.series_net(forecast_spec())
        net.solve(windows[:200, None, :8], windows[:200, 8:])
        torch.testing.assert_close(net.eval()(windows[200:, None, :8]), windows[200:, 8:], atol=2e-2, rtol=0)

    def test_a_trend_goes_on_beyond_what_was_seen(self):
        line = torch.arange(300.0) / 100
        windows = line.unfold(0, 11, 1)
        net = nets.series_net(forecast_spec())
        net.solve(windows[:150, None, :8], windows[:150, 8:])
        torch.testing.assert_close(net.eval()(windows[-1:, None, :8]), windows[-1:, 8:], atol=1e-2, rtol=0)

    @pytest.mark.parametrize("name", ["series_linear", "series_net"])
    def test_before_training_the_last_value_stays(self, name):
        series = noise(4, 1, 8)
        outputs = nets.build(name, forecast_spec()).eval()(series)
        torch.testing.assert_close(outputs, series[:, 0, -1:].expand(4, 3), atol=0.01, rtol=0)

    @pytest.mark.parametrize("name", ["series_linear", "series_net", "series_gru"])
    def test_of_the_calendar_only_the_end_of_the_forecast_is_seen(self, name):
        torch.manual_seed(0)
        net = nets.build(name, forecast_spec(cycles=("week",))).eval()
        for parameter in net.parameters():
            torch.nn.init.normal_(parameter)
        series = noise(2, 5, 8)
        earlier, last = series.clone(), series.clone()
        earlier[:, 1:, :-1] = 7.0
        last[:, 1:, -1] = 7.0
        assert torch.equal(net(earlier), net(series))
        assert not torch.allclose(net(last), net(series))

    def test_each_sample_of_a_training_batch_teaches_one_member(self):
        torch.manual_seed(0)
        net = nets.series_net(forecast_spec(), members=3, dropout=0.0)
        torch.nn.init.normal_(net.output)
        series = noise(7, 1, 8)
        net.train()(series)[4].sum().backward()
        taught = net.output.grad.abs().sum((1, 2)) > 0
        assert taught.tolist() == [False, True, False]


def test_sizes_have_to_be_there():
    with pytest.raises(ProfundoError, match="rocket: expected sizes of at least 1"):
        nets.build("rocket", TestRocket.spec, features=0)
    with pytest.raises(ProfundoError, match="dropout in"):
        nets.build("series_net", forecast_spec(), dropout=1.0)
    with pytest.raises(ProfundoError, match=r"net fcn: expected series \(channels, steps\)"):
        nets.build("fcn", Spec(Inputs((5,), "features"), TestRocket.spec.targets))


def test_the_linear_layer_is_the_mean_of_ridge_regressions_from_three_starts():
    """Against scikit-learn's, of the strength that predicts each eighth of the later half best by what lies before."""
    spec = forecast_spec(4, 8, channels=2)
    spec = replace(spec, inputs=replace(spec.inputs, forecast=replace(spec.inputs.forecast, season=5)))
    values = noise(30, 5, seed=3).cumsum(0).flatten()
    series = torch.stack([values, noise(150, seed=4)]).unfold(1, 12, 1).transpose(0, 1)
    windows, targets = series[..., :8], series[:, 0, 8:]
    net = nets.series_net(spec, members=1, width=1)
    net.solve(windows, targets)
    with torch.no_grad():
        answers = net.eval()(windows) - net.correction(net.inputs.flat(windows)[0])
    past, other, y = windows[:, 0].double().numpy(), windows[:, 1].double().numpy(), targets.double().numpy()
    last, before = past[:, -1:], past[:, 3:7]
    expected = []
    for rows, start in ((past, 0 * last), (past - last, last), (past - last, before)):
        rows, wanted = np.hstack([rows, other]), y - start
        errors = dict.fromkeys(10.0**power for power in range(-3, 5))
        for strength in errors:
            off = [
                SklearnRidge(strength).fit(rows[: begin - 4], wanted[: begin - 4]).predict(rows[begin:end])
                - wanted[begin:end]
                for begin, end in pairwise(len(rows) * part // 8 for part in range(4, 9))
            ]
            errors[strength] = sum((one**2).sum() for one in off)
        expected.append(SklearnRidge(min(errors, key=errors.get)).fit(rows, wanted).predict(rows) + start)
    np.testing.assert_allclose(answers.numpy(), np.mean(expected, 0), atol=1e-4)


def test_few_samples_are_the_naive_forecast_corrected_by_little():
    spec = forecast_spec(4, 8)
    season = replace(spec, inputs=replace(spec.inputs, forecast=replace(spec.inputs.forecast, season=4)))
    series = noise(15, 12, seed=1)
    for one, naive in ((spec, series[:, 7:8].expand(-1, 4)), (season, series[:, 4:8])):
        net = nets.series_net(one, members=1, width=1)
        net.solve(series[:, None, :8], naive + 0.5)
        with torch.no_grad():
            answers = net.eval()(series[:, None, :8]) - net.correction(net.inputs.flat(series[:, None, :8])[0])
        torch.testing.assert_close(answers, naive + 0.5, atol=1e-3, rtol=0)
