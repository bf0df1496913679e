"""The generated table has the structure that its description says, and no other."""

import math

import torch
from sklearn.linear_model import LinearRegression

from profundo.data.sets.demand import CITIES, COLUMNS, LEVELS, NOISE, demand, expected, structure


def row(month, weekday, city, price=1.0):
    places = [names.index(name) for names, name in zip(LEVELS.values(), (month, weekday, city), strict=True)]
    return torch.tensor([[*map(float, places), math.log(price)]])


def told(*of, seed=0):
    return expected(row(*of), structure(seed)).item()


def test_the_season_is_a_cosine_with_the_peak_of_the_city():
    for peak, cities in CITIES.items():
        for city in cities:
            year = [told(month, "Monday", city) for month in LEVELS["month"]]
            assert year.index(max(year)) == LEVELS["month"].index(peak)
            assert abs(max(year) - min(year) - 1.2) < 1e-6
            assert (
                abs(sum(year[at] * math.cos(2 * math.pi * (at - year.index(max(year))) / 12) for at in range(12)) - 3.6)
                < 1e-5
            )


def test_weekends_count_up_in_leisure_cities_and_down_in_business_cities():
    for cities in CITIES.values():
        for at, city in enumerate(cities):
            change = told("May", "Sunday", city) - told("May", "Wednesday", city)
            assert abs(change - (0.4 if at < 3 else -0.4)) < 1e-6


def test_doubling_the_price_divides_demand_by_two_to_the_elasticity():
    assert abs(told("May", "Monday", "Oslo", 1.2) - told("May", "Monday", "Oslo", 0.6) + 1.5 * math.log(2)) < 1e-6


def test_what_is_left_of_the_targets_is_the_noise():
    data = demand(20_000)
    left = data.train.targets[:, 0] - expected(data.train.inputs, structure(0))
    assert abs(left.mean()) < 4 * NOISE / 20_000**0.5
    assert abs(left.std() - NOISE) < 4 * NOISE / 40_000**0.5
    everything = LinearRegression().fit(data.train.inputs.numpy(), left.numpy())
    assert everything.score(data.train.inputs.numpy(), left.numpy()) < 2e-3


def test_the_table_is_a_function_of_its_seed_and_says_that_it_is_generated():
    one, same, other = demand(50), demand(50), demand(50, seed=1)
    assert torch.equal(one.train.inputs, same.train.inputs)
    assert torch.equal(one.test.targets, same.test.targets)
    assert not torch.equal(one.train.inputs, other.train.inputs)
    assert "Generated" in one.notes[0]
    assert one.spec.inputs.names == COLUMNS
    assert one.train.inputs[:, :3].max(0).values.tolist() <= [11, 6, 23]
