"""A generated table with categorical columns whose structure is known: what shops in 24 cities sell, by month and weekday.

Nothing of it was measured. The logarithm of the demand is

    city's level + 0.6 cos(2π (month − peak of the city's season) / 12) + 0.4 on weekends in leisure cities, −0.4 in
    business cities − 1.5 log price + normal noise of deviation 0.1

The peak is in July, October, January or April, for six cities each, of which three are for leisure and three for business.
So months and weekdays act only together with cities: no sum of one term a column can say it, and of all the functions of
the inputs none has an error with a deviation below that of the noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from profundo.data.batches import mix
from profundo.records import Dataset, Inputs, Samples, Spec, Targets

__all__ = ["CITIES", "COLUMNS", "LEVELS", "MONTHS", "NOISE", "PEAKS", "WEEKDAYS", "demand", "expected"]

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
CITIES: dict[str, tuple[str, ...]] = {  # by season; the first three are for leisure
    "July": ("Bergen", "Tallinn", "Visby", "Oslo", "Helsinki", "Stockholm"),
    "October": ("Porto", "Beaune", "Jerez", "Bordeaux", "Turin", "Stuttgart"),
    "January": ("Durban", "Nelson", "Mendoza", "Sydney", "Santiago", "Auckland"),
    "April": ("Kyoto", "Nara", "Gyeongju", "Osaka", "Seoul", "Nagoya"),
}
PEAKS = {"July": 6, "October": 9, "January": 0, "April": 3}
LEVELS: dict[str, tuple[str, ...]] = {
    "month": MONTHS,
    "weekday": WEEKDAYS,
    "city": tuple(sorted(city for cities in CITIES.values() for city in cities)),
}
COLUMNS = (*LEVELS, "log price")
SEASON, WEEKEND, ELASTICITY, NOISE = 0.6, 0.4, -1.5, 0.1


@dataclass(frozen=True, slots=True)
class Structure:
    """Of every city, in the order of LEVELS: index of the peak month, whether it is for leisure, its level."""

    peak: Tensor
    leisure: Tensor
    level: Tensor


def structure(seed: int) -> Structure:
    """Seasons and kinds are fixed; the levels are N(0, 0.3²), by the seed."""
    of_city = {city: (PEAKS[name], at < 3) for name, cities in CITIES.items() for at, city in enumerate(cities)}
    peaks, leisure = zip(*(of_city[city] for city in LEVELS["city"]), strict=True)
    draws = torch.Generator().manual_seed(mix(seed, 0xC171E5))
    return Structure(torch.tensor(peaks), torch.tensor(leisure), 0.3 * torch.randn(len(peaks), generator=draws))


def expected(inputs: Tensor, known: Structure) -> Tensor:
    """The logarithm of the demand without noise (rows,) for inputs (rows, 4), as COLUMNS says: indices and log price."""
    month, weekday, city = inputs[:, :3].long().unbind(1)
    season = SEASON * torch.cos(2 * math.pi * (month - known.peak[city]) / 12)
    weekend = torch.where(weekday >= 5, torch.where(known.leisure[city], WEEKEND, -WEEKEND), 0.0)
    return known.level[city] + season + weekend + ELASTICITY * inputs[:, 3]


def demand(train: int = 4000, validation: int = 1000, test: int = 4000, *, seed: int = 0) -> Dataset:
    """Rows with independent, uniform categories and prices from 0.7 to 1.4. Inputs: float32 (rows, 4), the indices of
    month, weekday and city, exact in float32, and log price; targets (rows, 1), log demand."""
    known = structure(seed)
    draws = torch.Generator().manual_seed(mix(seed, 0xDE3A2D))
    learning, checking, testing = (rows(count, known, draws) for count in (train, validation, test))
    deviation, mean = torch.std_mean(learning.targets.double(), dim=0, correction=0)
    spec = Spec(
        Inputs((len(COLUMNS),), "features", names=COLUMNS),
        Targets("real", names=("log demand",), mean=tuple(mean.tolist()), std=tuple(deviation.tolist())),
    )
    return Dataset(
        "demand", spec, learning, checking, testing, notes=("Generated: nothing in this table was measured.",)
    )


def rows(count: int, known: Structure, draws: Generator) -> Samples:
    categories = [torch.randint(len(names), (count,), generator=draws) for names in LEVELS.values()]
    price = math.log(0.7) + math.log(2) * torch.rand(count, generator=draws)
    inputs = torch.stack([*categories, price], 1).float()
    noise = NOISE * torch.randn(count, generator=draws)
    return Samples(inputs, (expected(inputs, known) + noise)[:, None])
