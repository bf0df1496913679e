"""One setting and its values: what an experiment becomes with each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from profundo.pictures.numbers import setting
from profundo.records import ProfundoError
from profundo.runs.experiment import Experiment, belonging_to, new_experiment

__all__ = ["one_setting", "shown", "varied"]

MOST_VALUES = 200
WIDTH = 128  # of hidden layers, unless told


def one_setting(vary: Mapping[str, Sequence[Any]]) -> tuple[str, list[Any]]:
    if len(vary) != 1:
        raise ProfundoError(f"vary: expected one setting with its values, got {', '.join(vary) or 'none'}")
    ((name, values),) = vary.items()
    if isinstance(values, str) or not isinstance(values, Sequence) or not 2 <= len(values) <= MOST_VALUES:
        raise ProfundoError(f"vary: expected 2 to {MOST_VALUES} values of {name}, such as {name}=0,1,2; got {values!r}")
    different = [value for at, value in enumerate(values) if value not in values[:at]]
    if len(different) < len(values):
        raise ProfundoError(f"vary: {name} has a value twice among {', '.join(map(shown, values))}")
    return name, list(values)


def varied(experiment: Experiment, name: str, value: Any) -> Experiment:
    """The experiment with that value of the setting. Raises ProfundoError for a setting or value that cannot be."""
    settings = experiment.model_dump(mode="json", exclude_unset=True)
    options = dict(experiment.net_options)
    if name in (*belonging_to("data", "run"), "net_options"):
        raise ProfundoError(f"vary: {name} is part of the question, not of the answer: all candidates share it")
    if name in ("depth", "width"):
        if experiment.net not in (None, "mlp"):
            raise ProfundoError(f"vary: {name} is of the hidden layers of an mlp; the net is {experiment.net}")
        if not isinstance(value, int) or isinstance(value, bool) or value < (name == "width"):
            raise ProfundoError(
                f"vary: {name}: expected whole numbers of at least {int(name == 'width')}, got {value!r}"
            )
        given = options.get("widths")
        widths = list(given) if isinstance(given, list) and given else [WIDTH]
        options["widths"] = widths[:1] * value if name == "depth" else [value] * len(widths)
        return new_experiment(**settings | {"net": "mlp", "net_options": options})
    place, dot, option = name.partition(".")
    if place == "net_options" and dot and option:
        return new_experiment(**settings | {"net_options": options | {option: value}})
    return new_experiment(**settings | {name: value})


def shown(value: Any) -> str:
    """A value as one would write it: a list in brackets."""
    return f"[{', '.join(map(shown, value))}]" if isinstance(value, list | tuple) else setting(value)
