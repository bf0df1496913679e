"""Tables in the order of time become windows: even steps, no look into the future, errors in one line."""

from datetime import date, datetime, timedelta

import numpy as np
import pytest
import torch

from profundo.data import load
from profundo.data.dataset_names import Reading
from profundo.data.loading import collect
from profundo.data.series.steps import cycles_of, learned_step, moments_at, places, season_of, step_in_words
from profundo.data.splits.folds import held_out
from profundo.data.splits.split_by import forward
from profundo.records import Forecast, ProfundoError

DAY = 86_400.0


def written(path, rows, header="when,y"):
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n", "utf-8")
    return path


def daily(count, value=lambda day: day % 7 + day / 10, begin=date(2024, 1, 1)):
    return [(begin + timedelta(days=day), value(day)) for day in range(count)]


def seconds(*moments):
    return np.array([datetime.fromisoformat(one + "+00:00").timestamp() for one in moments])


# ---------------------------------------------------------------------------------------------------------------- steps
@pytest.mark.parametrize(
    ("moments", "unit", "step", "after"),
    [
        (["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"], "month", 1, "2024-05-31"),
        (["2021-03-01", "2022-03-01", "2023-03-01", "2024-03-01"], "month", 12, "2025-03-01"),
        (["2024-01-01", "2024-01-08", "2024-01-15"], "second", 7 * DAY, "2024-01-22"),
        (["2024-01-01 00:00", "2024-01-01 00:15", "2024-01-01 00:45"], "second", 1350.0, None),
        ([f"2024-01-{day:02d}" for day in (1, 2, 3, 4, 5, 8, 9, 10, 11, 12)], "weekday", 1, "2024-01-15"),
        ([f"2024-01-{day:02d}" for day in range(1, 13)], "second", DAY, "2024-01-13"),
    ],
)
def test_the_step_is_learned_and_leads_to_the_next_moment(moments, unit, step, after):
    found = learned_step([seconds(*moments)], are_dates=True)
    assert found[:2] == (unit, step)
    if after is not None:
        forecast = Forecast(1, "y", "when", unit=unit, step=step)
        first = seconds(moments[0])[0]
        assert places(seconds(*moments), forecast).tolist() == list(range(len(moments)))
        assert moments_at(first, np.arange(len(moments) + 1), forecast).tolist() == seconds(*moments, after).tolist()


def test_numbers_are_steps_of_no_unit_and_steps_are_told_in_words():
    assert learned_step([np.array([1700.0, 1701, 1702, 1704])], are_dates=False)[:2] == ("number", 1.0)
    words = [
        step_in_words(Forecast(1, "y", "t", unit=unit, step=step))
        for unit, step in (
            ("month", 1),
            ("month", 24),
            ("second", 1800.0),
            ("second", 7 * DAY),
            ("weekday", 1),
            ("number", 2),
        )
    ]
    assert words == ["1 month", "2 years", "30 minutes", "7 days", "1 working day", "2"]


def test_cycles_are_those_that_have_several_steps_and_were_seen_twice():
    assert cycles_of("second", 3600.0, 20 * DAY) == ("day", "week")
    assert cycles_of("month", 1, 10 * 365 * DAY) == ("year",)
    assert cycles_of("month", 12, 300 * 365 * DAY) == ()
    assert cycles_of("number", 1, 1e9) == ()


def test_the_season_is_found_under_a_trend_noise_and_wild_values():
    draw = np.random.default_rng(0)
    steps = np.arange(400)
    values = 5 * np.sin(2 * np.pi * steps / 24) + 0.1 * steps + draw.normal(size=400)
    values[[50, 90]] = 1e4
    assert season_of(values) == 24
    assert season_of(draw.normal(size=400)) == 1
    assert season_of(np.full(400, 3.0)) == 1


# -------------------------------------------------------------------------------------------------------------- windows
def test_windows_hold_what_was_and_targets_what_came(tmp_path):
    path = written(tmp_path / "a.csv", daily(120, value=float))
    found = collect(path, Reading(target="y", horizon=3, lookback=5))
    inputs, targets = found.train.inputs, found.train.targets
    assert found.inputs.kind == "series"
    assert tuple(inputs.shape[1:]) == found.inputs.shape
    for window, coming in zip(inputs[:, 0].tolist(), targets.tolist(), strict=True):
        assert [*window, *coming] == [window[0] + step for step in range(8)]
    assert found.targets.names == ("t+1", "t+2", "t+3")


def test_channels_of_the_calendar_are_of_the_last_step_to_come(tmp_path):
    path = written(tmp_path / "a.csv", daily(60))
    found = collect(path, Reading(target="y", horizon=2, lookback=4))
    assert found.inputs.forecast.cycles == ("week",)
    monday = datetime(2024, 1, 1).toordinal()
    for at in (0, 5, 11):
        last = datetime.fromtimestamp(float(found.split_by.ends[at]), tz=None).toordinal()
        angle = 2 * np.pi * ((last - monday) % 7) / 7
        expected = [np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)]
        np.testing.assert_allclose(found.train.inputs[at, 1:, -1].numpy(), expected, atol=1e-6)


def test_no_window_trains_whose_target_reaches_into_what_is_held_out(tmp_path):
    path = written(tmp_path / "a.csv", daily(200, value=float))
    data = load(path, target="y", horizon=6, lookback=8)
    parts = [split.targets.flatten().tolist() for split in (data.train, data.validation, data.test)]
    assert max(parts[0]) < min(parts[1])
    assert max(parts[1]) < min(parts[2])
    assert data.spec.inputs.mean[0] == pytest.approx(float(data.train.inputs[:, 0].mean()))
    assert data.spec.targets.mean == data.spec.inputs.mean[:1] * 6


def test_folds_in_time_keep_that_distance_too(tmp_path):
    found = collect(written(tmp_path / "a.csv", daily(200, value=float)), Reading(target="y", horizon=6, lookback=8))
    for fold in forward(found.split_by.keys, 4):
        data = held_out(found, fold, validation=0.2, seed=0)
        assert data.train.targets.max() < data.validation.targets.min()
        assert data.validation.targets.max() < data.test.targets.min()


def test_rows_in_any_order_are_the_same_series(tmp_path):
    rows = daily(90)
    one = load(written(tmp_path / "a.csv", rows), target="y", horizon=3, split_by="time:when")
    mixed = [rows[place] for place in np.random.default_rng(0).permutation(len(rows))]
    other = load(written(tmp_path / "b.csv", mixed), target="y", horizon=3, split_by="time:when")
    assert one.facts == other.facts


def test_holes_lie_on_straight_lines_and_are_never_to_be_predicted(tmp_path):
    rows = [(day, "" if at in (40, 41) else value) for at, (day, value) in enumerate(daily(120, value=float))]
    del rows[70]
    found = collect(written(tmp_path / "a.csv", rows), Reading(target="y", horizon=2, lookback=6))
    assert "3 missing values lie on straight lines" in found.notes[-1]
    truths = set(found.train.targets.flatten().tolist())
    assert not truths & {40.0, 41.0, 70.0}
    assert {39.0, 43.0, 72.0} <= truths  # a window ends with a value that was there
    windows = found.train.inputs[:, 0]
    assert torch.equal(windows.diff(), torch.ones_like(windows.diff()))
    assert not {40.0, 41.0, 70.0} & set(windows[:, -1].tolist())


def test_several_series_in_one_table_are_kept_apart(tmp_path):
    rows = [(day, shop, value + 1000 * at) for at, shop in enumerate("ab") for day, value in daily(80, value=float)]
    path = written(tmp_path / "a.csv", rows, "when,shop,y")
    found = collect(path, Reading(target="y", horizon=2, lookback=5, series="shop"))
    values = found.train.inputs[:, 0]
    assert values.shape[0] == 2 * (80 - 5 - 2 + 1)
    assert torch.equal(values.diff(), torch.ones_like(values.diff()))
    assert "2 series" in found.notes[0]
    with pytest.raises(ProfundoError, match=r"80 of 160 rows have a time that another has.*series='shop'"):
        collect(path, Reading(target="y", horizon=2, split_by="time:when"))


def test_of_a_few_rows_with_one_time_the_last_counts(tmp_path):
    rows = daily(80, value=float)
    found = collect(
        written(tmp_path / "a.csv", [*rows, (rows[30][0], 30.5)]), Reading(target="y", horizon=2, lookback=5)
    )
    assert 30.5 in found.train.targets
    assert 30.0 not in found.train.targets
    assert any("1 row has a time" in note for note in found.notes)


def test_other_columns_are_channels_and_words_are_left_out(tmp_path):
    rows = [(day, value, 3 * value, "abc"[at % 3]) for at, (day, value) in enumerate(daily(90, value=float))]
    found = collect(written(tmp_path / "a.csv", rows, "when,y,x,word"), Reading(target="y", horizon=2, lookback=5))
    assert found.inputs.names[:2] == ("y", "x")
    assert torch.equal(found.train.inputs[:, 1], 3 * found.train.inputs[:, 0])
    assert {one.name: one.use for one in found.readings}["word"] == "left out: it is no number"


@pytest.mark.parametrize(
    ("rows", "how", "message"),
    [
        (daily(12), {"horizon": 5}, "a series of 12 steps is too short to predict 5 from"),
        (daily(80, value=lambda _: 4), {"horizon": 2}, "'y': it has one value only; there is nothing to forecast"),
        (
            daily(80, value=lambda day: "low" if day % 2 else "high"),
            {"horizon": 2},
            "'y': expected numbers to forecast",
        ),
        (daily(80), {"horizon": 2, "split_by": "group:when"}, "a forecast is split by time"),
        (daily(80), {"horizon": 2, "split_by": "time:wen"}, "no column 'wen' to split by; nearest: when"),
        (daily(80), {"horizon": 2, "series": "shop"}, "no column 'shop' for series"),
        (daily(80), {"lookback": 2}, "lookback is for forecasts; say horizon too"),
        (daily(80), {"horizon": 2, "target_transform": "log"}, "target-transform log is not for forecasts"),
        ([*daily(80), ("", 3)], {"horizon": 2, "split_by": "time:when"}, "'when' is empty in 1 rows"),
        ([(date(2024, 1, 1), at) for at in range(80)], {"horizon": 2, "split_by": "time:when"}, "all are the same"),
        ([*daily(40), (date(9999, 1, 1), 3)], {"horizon": 2}, "too uneven to forecast"),
    ],
)
def test_what_cannot_be_forecast_is_told_in_one_line(tmp_path, rows, how, message):
    path = written(tmp_path / "a.csv", rows)
    with pytest.raises(ProfundoError, match=message) as error:
        load(path, target="y", **how)
    assert "\n" not in str(error.value)


def test_a_column_of_times_has_to_be_there(tmp_path):
    draw = np.random.default_rng(0)
    path = written(tmp_path / "a.csv", [(draw.normal(), at % 5) for at in range(60)], "x,y")
    with pytest.raises(ProfundoError, match="no column tells it; say which, such as split_by='time:x'"):
        load(path, target="y", horizon=2)


def test_numbers_may_be_times(tmp_path):
    path = written(tmp_path / "a.csv", [(1900 + at, at % 11) for at in range(120)], "year,y")
    data = load(path, target="y", horizon=4)
    assert (data.spec.inputs.forecast.unit, data.spec.inputs.forecast.season) == ("number", 11)
    assert data.spec.inputs.shape == (1, 22)
