"""Numbers as people read them."""

import pytest

from profundo.pictures import numbers


def written(text: str) -> str:
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.9917, "99.17 %"),
        (1.0, "100 %"),
        (0.0, "0.00 %"),
        (0.99999, "> 99.99 %"),
        (0.99994, "99.99 %"),
        (1e-9, "< 0.01 %"),
        (0.5, "50.00 %"),
        (float("nan"), "not a number"),
    ],
)
def test_a_share_is_never_rounded_to_a_whole_or_to_nothing(share, text):
    assert written(numbers.percent(share)) == text


def test_a_share_has_the_digits_that_one_asks_for():
    assert [written(numbers.percent(share, 1)) for share in (0.8333, 1, 0.9999, 0.0001, 0)] == [
        "83.3 %",
        "100 %",
        "> 99.9 %",
        "< 0.1 %",
        "0.0 %",
    ]
    assert written(numbers.percent(0.996, 0)) == "> 99 %"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.026134, "0.02613"),
        (2.30109, "2.301"),
        (28938.0, "28,938"),
        (1234.56, "1,235"),
        (-0.5, "−0.5000"),
        (0.0, "0"),
        (3.2e-7, "3.20 · 10⁻⁷"),
        (float("inf"), "∞"),
        (float("-inf"), "−∞"),
        (1.5e300, "1.50 · 10³⁰⁰"),
    ],
)
def test_a_measure_has_four_significant_digits(value, text):
    assert written(numbers.plain(value)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (652_298, "652 k FLOPs"),
        (1_234_567, "1.23 M FLOPs"),
        (4.1e9, "4.10 G FLOPs"),
        (999, "999 FLOPs"),
        (0, "0 FLOPs"),
    ],
)
def test_work_is_told_with_a_prefix(value, text):
    assert written(numbers.short(value, "FLOPs")) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0123, "12 ms"),
        (5.13, "5.1 s"),
        (59.97, "1 min 0 s"),
        (61, "1 min 1 s"),
        (3725, "1 h 2 min"),
        (0.9999, "1.0 s"),
    ],
)
def test_durations_use_the_units_of_a_clock(seconds, text):
    assert written(numbers.duration(seconds)) == text


def test_nested_settings_become_one_list_in_order():
    settings = {"data": {"name": "mnist", "shift": [2, 0.5]}, "batch norm": True, "precision": None, "extra": {}}
    assert numbers.flat(settings) == {
        "data · name": "mnist",
        "data · shift": "2, 0.5",
        "batch norm": "yes",
        "precision": "none",
        "extra": "none",
    }


@pytest.mark.parametrize(
    ("ends", "texts"),
    [
        ((0.0016994, 0.24183), ("0.0017", "0.2418")),
        ((-0.3, 0.0), ("−0.3000", "0.0000")),
        ((9.1234, 12.345), ("9.12", "12.35")),
        ((-1e-9, 1.0), ("0.000", "1.000")),
        ((0.0, 3.0), ("0", "3")),
        ((1e-7, 2e-7), ("1.00 · 10⁻⁷", "2.00 · 10⁻⁷")),
    ],
)
def test_the_ends_of_a_span_have_as_many_decimals(ends, texts):
    assert tuple(map(written, numbers.alike(*ends))) == texts


def test_one_thing_is_no_plural():
    assert [numbers.how_many(number, "photograph") for number in (0, 1, 1234)] == [
        "0 photographs",
        "1 photograph",
        "1,234 photographs",
    ]
