"""A look at a table that is to be continued: its season, its gaps, and what cannot be forecast."""

import math
from datetime import date, timedelta

import pytest

from profundo.looks.data_look import look
from profundo.looks.look_text import text_of


def course(path, values):
    days = (date(2022, 1, 1) + timedelta(days=at) for at in range(len(values)))
    rows = [f"{day},{value:.2f}" for day, value in zip(days, values, strict=True) if value is not None]
    path.write_text("\n".join(["day,sold", *rows]))
    return path


@pytest.fixture
def weeks():
    return [20 + 8 * math.sin(2 * math.pi * at / 7) + at / 20 + (7919 * at % 13) / 13 for at in range(200)]


def test_the_season_and_the_longest_gap_are_told(tmp_path, weeks):
    weeks[50:60] = [None] * 10
    seen = look(course(tmp_path / "gaps.csv", weeks), target="sold", horizon=3)
    told = [finding.what for finding in seen.findings]
    assert any("repeats itself after 7 steps" in one for one in told)
    assert any("10 of 200 steps of 1 day have no value" in one and "from 2022-02-20" in one for one in told)
    assert any("the past trains, the future tests" in one for one in told)
    assert "(channels, steps)" in " ".join(text_of(seen).split())


def test_an_even_course_is_without_gaps_and_a_flat_one_cannot_be_forecast(tmp_path, weeks):
    whole = look(course(tmp_path / "whole.csv", weeks), target="sold", horizon=3)
    assert not any("have no value" in finding.what for finding in whole.findings)
    flat = look(course(tmp_path / "flat.csv", [5.0] * 90), target="sold", horizon=3)
    assert "one value only" in flat.findings[0].what
    assert not any("split by chance" in finding.what for finding in flat.findings)  # by time it is
