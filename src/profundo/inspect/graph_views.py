"""What the command `graph` shows: the graph of a formula, of a net on real samples, of a trained run, of a module of
one's own."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from profundo import nets, objectives
from profundo.data import load
from profundo.data.batches import in_order
from profundo.files import write_text
from profundo.graph.derivatives.derivations import Derivation, derivation
from profundo.graph.expressions.expression import inputs_of, walk
from profundo.graph.expressions.parsing import parse
from profundo.graph.expressions.viewing import view
from profundo.graph.nodes import Graph
from profundo.graph.traces.profiling import Profile, profile
from profundo.graph.traces.tracing import trace
from profundo.inspect.net_table import read_sizes
from profundo.records import Dataset, ProfundoError, Samples
from profundo.runs.opening import open_run, with_samples
from profundo.runs.preparing import objective_of
from profundo.runs.saved_model import build_net
from profundo.train.randomness import seeded
from profundo.trees import length, mapped

__all__ = [
    "Shown", "as_plain_data", "asked", "derivations", "graph_of_file", "graph_of_formula", "graph_of_net", "graph_of_run",
    "graph_of_run_on_sample", "graph_on_sample", "profiled", "random_input", "values_of", "write_files",
]  # fmt: skip

HOW = (
    'say what, such as `profundo graph "(a+b)*3b" a=5 b=3`, `profundo graph --net lenet5 --data digits` or '
    "`profundo graph my_module.py:Net --input 1x3x32x32`, or `profundo graph runs/digits-1`"
)
SAMPLES = 8
SEED = 0

KINDS = {name: getattr(torch, name) for name in ("float32", "float64", "int64", "int32", "bool")}


@dataclass(frozen=True, slots=True)
class Shown:
    """A graph and what it is of."""

    what: str
    graph: Graph
    is_formula: bool = False


def asked(
    what: str | None,
    values: Sequence[str],
    *,
    net: str | None = None,
    data: str | None = None,
    inputs: Sequence[str] = (),
    data_dir: str | Path | None = None,
) -> Shown:
    """The graph that a command line asks for: of a formula and values, of a net on data, of a run, or of FILE.py:NAME."""
    if what is None:
        if data is None:
            missing = f"--net {net} needs --data: say which, such as --data digits" if net else HOW
            raise ProfundoError(missing)
        _refuse("--input", inputs)
        return Shown(f"{net or 'the default net'} on {data}", graph_of_net(net, data, data_dir=data_dir))
    _refuse("--net", [net] if net else [], f"with {what}")
    _refuse("--data", [data] if data else [], f"with {what}")
    if names_a_file(what):
        if values:
            raise ProfundoError(f"{values[0]}: a module takes no values by name; say --input 1x3x32x32")
        return Shown(what, graph_of_file(what, inputs))
    if is_a_run(what):
        if values:
            raise ProfundoError(f"{values[0]}: a run takes no values; it has its net and its data")
        _refuse("--input", inputs, "with a run, which has its data")
        return Shown(what, graph_of_run(what))
    if not values and is_a_place(what):
        raise ProfundoError(
            f"{what}: there is no such folder; expected a run, FILE.py:NAME, or a formula and its values"
        )
    _refuse("--input", inputs, "with a formula; give NAME=VALUE, such as a=5")
    return Shown(what, graph_of_formula(what, values), is_formula=True)


def _refuse(option: str, given: Sequence[str], where: str = "with --data") -> None:
    if given:
        raise ProfundoError(f"{option} {given[0]}: not {where}")


# ------------------------------------------------------------------------------------------------------------- formulas
def graph_of_formula(text: str, settings: Sequence[str]) -> Graph:
    """A formula's graph at the values that settings such as "a=5" give its variables."""
    given = values_of(settings)
    formula = parse(text, given)
    variables = [one.name for one in inputs_of([formula])]
    if formula.kind == "constant":
        kind = "a list of numbers" if formula.shape else "a number"
        raise ProfundoError(f"formula: {text.strip()} is {kind}; a graph needs something to compute, such as (a+b)*3b")
    if missing := [name for name in variables if name not in given]:
        has = "has no value" if len(missing) == 1 else "have no value"
        raise ProfundoError(f"{', '.join(missing)} {has}: add {' '.join(f'{name}=3' for name in missing)}, say")
    for setting, name in zip(settings, given, strict=True):
        if name not in variables:
            known = ", ".join(variables) or "none"
            raise ProfundoError(f"{setting}: the result does not use {name}; its variables are {known}")
    return view(formula, dict[Any, Any](given), keep=True)


def values_of(settings: Sequence[str]) -> dict[str, float | Tensor]:
    """Values by name from texts such as "a=5", "b=-0.25", "c=pi/2", "w=[1, 2]"."""
    values: dict[str, float | Tensor] = {}
    for text in settings:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name or not value:
            raise ProfundoError(f"{text}: expected NAME=VALUE, such as a=5; `profundo graph --help` lists the options")
        if name in values:
            raise ProfundoError(f"{text}: {name} has a value already")
        values[name] = _number(text, value)
    return values


def _number(setting: str, value: str) -> float | Tensor:
    try:
        return float(value)
    except ValueError:
        pass
    formula = parse(value)
    if inputs_of([formula]):
        raise ProfundoError(f"{setting}: expected a number, such as 0.5, 1e-3 or pi/2, or a list, such as [1, 2]")
    result = walk([formula], {})[0]
    return result if result.dim() else float(result)


def derivations(graph: Graph, names: Sequence[str] | None) -> list[Derivation]:
    """Of what the graph's gradients are of, by each of the names; by every input where there are none."""
    if not graph.of:
        if names:
            raise ProfundoError("--derive: nothing in this graph is a single number that could be differentiated")
        return []
    asked = [node.name for node in graph.inputs] if names is None else names
    return [derivation(graph, graph.of, name) for name in asked]


# ----------------------------------------------------------------------------------------------------------------- nets
def graph_of_net(name: str | None, data: str, *, data_dir: str | Path | None = None) -> Graph:
    """A net by name, its weights as drawn, on the first 8 standardised training samples, with the data's own cost."""
    return _graph_on(*_net_on(name, data, data_dir), range(SAMPLES))


def graph_of_run(run: str | Path) -> Graph:
    """The net that a finished run has trained, on the first 8 training samples of its data. Dropout is off."""
    return _graph_on(*_trained(run), range(SAMPLES))


def graph_on_sample(net: str, data: str, sample: int, *, data_dir: str | Path | None = None) -> Graph:
    """A net by name, its weights as drawn, on one training sample, by its place from 0; as it predicts: dropout is off.

    Whole values and gradients are kept. Raises ProfundoError where there is no such sample.
    """
    loaded, made, objective = _net_on(net, data, data_dir)
    return _graph_on(loaded, made.eval(), objective, _only(sample, loaded), keep=True)


def graph_of_run_on_sample(run: str | Path, sample: int) -> Graph:
    """The same of the net that a finished run has trained."""
    loaded, net, objective = _trained(run)
    return _graph_on(loaded, net, objective, _only(sample, loaded), keep=True)


def _net_on(
    name: str | None, data: str, data_dir: str | Path | None
) -> tuple[Dataset, nn.Module, objectives.Objective]:
    loaded = load(data, data_dir=data_dir)
    net = build_net(name or nets.default(loaded.spec), loaded.spec, {}, SEED)
    return loaded, net, objectives.default(loaded.spec.targets)


def _trained(run: str | Path) -> tuple[Dataset, nn.Module, objectives.Objective]:
    opened = with_samples(open_run(run, evaluate=False))
    return opened.data, opened.net.cpu().eval(), objective_of(opened.experiment, opened.data).likelihood


def _only(sample: int, data: Dataset) -> range:
    if not 0 <= sample < len(data.train):
        raise ProfundoError(f"sample: expected one of the {len(data.train):,} training samples, from 0, got {sample}")
    return range(sample, sample + 1)


def _graph_on(
    data: Dataset, net: nn.Module, objective: objectives.Objective, samples: range, *, keep: bool = False
) -> Graph:
    inputs, targets = _standardised(data, samples)

    def cost(outputs: Tensor) -> Tensor:
        return objective.mean_cost(outputs, targets, length(targets))

    lowered = (
        None if data.spec.targets.traits.per == "object" else cost
    )  # that of a detector is another pass than its answers
    with seeded(SEED):
        trace(
            net, inputs, cost=lowered, backward=lowered is not None
        )  # the first call of an operation takes longer than any other
        return trace(net, inputs, cost=lowered, backward=lowered is not None, keep=keep)


def _standardised(data: Dataset, samples: range) -> tuple[Tensor, Tensor]:
    """Inputs (n, *shape) of these training samples, as many as there are, and their targets."""
    raw, places = data.train.inputs, samples[: len(data.train)]
    few = raw[places.start : places.stop] if isinstance(raw, Tensor) else torch.stack([raw[place] for place in places])
    own = mapped(lambda leaf: leaf[places.start : places.stop], data.train.targets)
    batch = next(iter(in_order(Samples(few, own), data.spec)))
    return batch.inputs.contiguous(), batch.targets


# -------------------------------------------------------------------------------------------------- modules of one's own
def names_a_file(target: str) -> bool:
    """Whether it is FILE.py:NAME rather than a formula."""
    return ".py:" in target or target.endswith(".py")


def is_a_run(target: str) -> bool:
    """Whether it is the folder of a run rather than a formula."""
    return bool(target) and os.path.isdir(target)  # Path.is_dir raises for a formula longer than a name can be


def is_a_place(target: str) -> bool:
    """Whether it reads as the path of something rather than as a division: no formula begins with / or runs/."""
    return bool(re.match(r"~|\.{0,2}/|runs/", target)) or ("/" in target and os.path.isdir(os.path.dirname(target)))


def graph_of_file(target: str, inputs: Sequence[str]) -> Graph:
    """What a module or function in a Python file computes on random inputs, each described as in "1x3x32x32".

    The file is run, as `python FILE` would run it, except that its __name__ is not "__main__"; what it prints goes to
    stderr. A class of modules is built without arguments.
    """
    file, _, name = target.rpartition(":") if ".py:" in target else (target, "", "")
    if not inputs:
        raise ProfundoError(f"{target}: say what it takes, such as --input 1x3x32x32, or --input int64:1x20 for words")
    with seeded(SEED):
        tensors = [random_input(text) for text in inputs]
        with redirect_stdout(sys.stderr):
            program = _program(Path(file), name)
            with _told_of(Path(file), f"{name} on {' and '.join(inputs)}"):
                if isinstance(program, nn.Module):
                    trace(program, *tensors)  # the first call of an operation takes longer
                return trace(program, *tensors)


def random_input(text: str) -> Tensor:
    """A tensor of sizes such as "1x3x32x32": normally distributed, or for "int64:1x20" zeros and ones at random.

    Zeros and ones, since they are indices that nearly every embedding has.
    """
    kind, colon, sizes = text.rpartition(":")
    kind = kind if colon else "float32"
    if kind not in KINDS:
        raise ProfundoError(f"--input {text}: expected a kind among {', '.join(KINDS)} before the colon, got {kind!r}")
    shape, dtype = read_sizes(sizes, "sizes such as 1x3x32x32, or int64:1x20"), KINDS[kind]
    return torch.randn(shape, dtype=dtype) if dtype.is_floating_point else torch.randint(0, 2, shape).to(dtype)


def _program(file: Path, name: str) -> Callable[..., Any]:
    """The module or function of that name in the file; a class is called for an instance."""
    module = _run(file)
    if not name:
        raise ProfundoError(f"{file}: say what in it, such as {file}:{(_callables(module) or ['Net'])[0]}")
    result: Any = module
    for part in name.split("."):
        if not hasattr(result, part):
            known = _callables(result)
            near = get_close_matches(part, known, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            has = ", ".join(known) or "nothing that can be called"
            raise ProfundoError(f"{file} has no {name}; {hint}it has {has}")
        result = getattr(result, part)
    if inspect.isclass(result):
        result = _built(file, name, result)
    if not callable(result):
        what = f"of class {type(result).__name__}"
        raise ProfundoError(f"{file}:{name} is {what}; expected a module or a function of tensors")
    return result  # type: ignore[no-any-return]


def _built(file: Path, name: str, kind: type) -> Any:
    if not issubclass(kind, nn.Module):
        raise ProfundoError(f"{file}:{name} is a class of no modules; expected an nn.Module or a function of tensors")
    needed = _needed(kind)
    if needed:
        raise ProfundoError(
            f"{file}:{name} needs arguments ({', '.join(needed)}); write net = {name}(…) into the file and say {file}:net"
        )
    with _told_of(file, f"{name}()"):
        return kind()


def _needed(kind: type) -> list[str]:
    """Names of the arguments without which a class cannot be called."""
    try:
        parameters = inspect.signature(kind).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def _callables(owner: Any) -> list[str]:
    """What a file defines itself that could be meant: modules, their classes, functions; not what it imports."""
    home = getattr(owner, "__name__", "")

    def is_meant(value: Any) -> bool:
        return isinstance(value, nn.Module) or (callable(value) and getattr(value, "__module__", home) == home)

    return [name for name, value in vars(owner).items() if not name.startswith("_") and is_meant(value)]


def _run(file: Path) -> ModuleType:
    """The file as a module. Its folder is searched for imports, as that of a program is."""
    if not os.path.isfile(file):
        raise ProfundoError(f"{file}: there is no such file")
    spec = importlib.util.spec_from_file_location(f"_file_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ProfundoError(f"{file}: expected a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses and the like look their classes up
    sys.path.insert(0, str(file.resolve().parent))
    with _told_of(file, "the file"):
        spec.loader.exec_module(module)
    return module


@contextmanager
def _told_of(file: Path, what: str) -> Iterator[None]:
    """Whatever goes wrong in the user's program, as one line with the place in the file."""
    try:
        yield
    except ProfundoError:
        raise
    except SystemExit:
        raise ProfundoError(f"{file}: {what} ends the program (sys.exit)") from None
    except Exception as error:  # noqa: BLE001 - it is a program of somebody else
        reason = " ".join(str(error).split())
        if isinstance(error, SyntaxError):
            raise ProfundoError(f"{file}, line {error.lineno}: {error.msg}") from None
        place = _line_in(file, error)
        raise ProfundoError(f"{file}{place}: {what}: {type(error).__name__}{f': {reason}' if reason else ''}") from None


def _line_in(file: Path, error: Exception) -> str:
    """Where in the file it happened: the innermost line of it."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename) in (file.absolute(), file)]
    return f", line {lines[-1]}" if lines else ""


# --------------------------------------------------------------------------------------------------------------- output
def write_files(graph: Graph, files: Mapping[str, Path | None], depth: int | None = None) -> list[Path]:
    """The graph as files by their format ("svg", "dot", "mermaid"). Returns those written."""
    makers = {"svg": lambda: graph.svg(depth=depth), "dot": graph.dot, "mermaid": graph.mermaid}
    asked_for = {name: path for name, path in files.items() if path is not None}
    for path in asked_for.values():
        if not os.path.isdir(path.absolute().parent) or (os.path.exists(path) and not os.path.isfile(path)):
            raise ProfundoError(f"{path}: expected a file in a folder that exists")
    if len({path.resolve() for path in asked_for.values()}) < len(asked_for):
        options = ", ".join(f"--{name} {path}" for name, path in asked_for.items())
        raise ProfundoError(f"{options}: expected a file for each, two are the same")
    for name, path in asked_for.items():
        write_text(path, makers[name]())
    return list(asked_for.values())


def profiled(shown: Shown) -> Profile:
    """Where the time of a traced program goes. Raises ProfundoError for a formula, of which nothing is timed."""
    if shown.is_formula:
        raise ProfundoError("--profile: a formula of single numbers takes no time to speak of; give a net or a module")
    return profile(shown.graph)


def as_plain_data(shown: Shown, derived: Sequence[Derivation], times: Profile | None = None) -> dict[str, Any]:
    """For JSON, which has no NaN and no infinity: a value that is none of its numbers is null, and its text says which."""
    predictions = [
        {
            "of": one.of, "with_respect_to": one.with_respect_to, "paths": one.count, "text": one.text, "latex": one.latex,
            "value": one.value if one.value is not None and isfinite(one.value) else None,
        }
        for one in derived
    ]  # fmt: skip
    said_all = {"what": shown.what, "graph": shown.graph.json(), "derivations": predictions}
    return said_all | ({} if times is None else {"profile": asdict(times)})
