"""A study: many trainings that answer one question together. Each that ends is kept, so that what is interrupted goes on.

runs/digits-cross-validation-1/
  study.yaml        what was asked
  environment.json  on what it ran
  results.json      what each training that ended came to, and what identifies the data; written anew after each
  report.html       the page, written at the end
  log.txt           what was said
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
import yaml
from pydantic import Field, TypeAdapter
from torch import nn

from profundo.data.batches import in_order
from profundo.data.dataset_names import Reading, nearest
from profundo.data.loading import collect
from profundo.data.objects import called_in_words, object_collection
from profundo.data.splits.splits import Collection
from profundo.data.streams.places import check_place, remember_place
from profundo.evaluate import Answers, answers, figures
from profundo.evaluate.spread import Spread
from profundo.files import erase, in_words, read_object, write_json, write_text
from profundo.pictures.sheet import Grid, Sheet, sheet_html
from profundo.records import Dataset, Interrupted, ProfundoError, Samples, Spec
from profundo.runs.choices import net_name
from profundo.runs.experiment import WITHOUT_EFFECT, Experiment, belonging_to, new_experiment
from profundo.runs.folder import Folder, environment
from profundo.runs.given.arriving import answered_by, instance_of, made_by, net_and_data, of_loader
from profundo.runs.given.foreign import understood
from profundo.runs.manifest import differences, flat
from profundo.runs.preparing import Prepared, objective_of, precision_of
from profundo.runs.pretrained import net_of, seen_by
from profundo.runs.settings.manners import completed
from profundo.runs.settings.plain_yaml import read_experiment
from profundo.runs.supervised import Run, check_outputs, fit, train_prepared
from profundo.runs.voice import Quiet, Voice, figure
from profundo.train.checkpoints import digest, interruptible
from profundo.train.distributed import Group
from profundo.train.hardware import choose_device, normalised, repeatable
from profundo.train.randomness import seeded

__all__ = [
    "Answer",
    "Figures",
    "Given",
    "Study",
    "Trial",
    "answers_on",
    "asked_of",
    "check_repeats",
    "collected",
    "deviation",
    "figures_on",
    "is_share",
    "made",
    "net_name",
    "plain_settings",
    "settings_of",
    "spread_text",
    "study",
    "table",
    "trained",
]

Builder = Callable[[Spec], nn.Module]
"""Makes a net of one's own for the data it is to learn from, with weights from torch's global generator."""


@dataclass(frozen=True, slots=True)
class Given:
    """What of a study is a person's own, and has no name: what makes the net, the data, and for each training a loss, metrics,
    an optimizer, a schedule."""

    builder: Builder | None
    data: Any
    parts: Mapping[str, Any]

    @property
    def named(self) -> bool:
        """Whether a file can say all of it."""
        return self.builder is None and not self.parts and isinstance(self.data, str | Path)


BY_NAME = Given(None, None, {})
Result = dict[str, Any]
MOST_TRAININGS = 10_000
PARTS = ("loss", "metrics", "optimizer", "schedule")  # of a training, that may be functions and classes


def check_repeats(repeats: int, of: int) -> None:
    """of: trainings of each repetition."""
    if not isinstance(repeats, int) or isinstance(repeats, bool) or repeats < 1:
        raise ProfundoError(f"repeats: expected a whole number of at least 1, got {repeats!r}")
    if of * repeats > MOST_TRAININGS:
        raise ProfundoError(f"repeats: {repeats} of {of} trainings each are more than {MOST_TRAININGS:,} trainings")


def asked_of(first: Any, second: Any, targets: Any, net: Any, settings: Mapping[str, Any]) -> tuple[Experiment, Given]:
    """The experiment that every training of a study follows, and what no experiment can say.

    first, second, targets: net and data in the order of `fit`, or data alone, with the net by its name.
    """
    own, data = net_and_data(first, second)
    if own is not None and net is not None:
        raise ProfundoError("net: expected it once, before the data or as net=…, got both")
    net = own if own is not None else net
    data = data if targets is None else (data, targets)
    if isinstance(data, Dataset):
        raise ProfundoError(
            f"expected data as `load` takes them, got the Dataset {data.name!r}: its means and categories were learned from its "
            "training split, and have to be learned anew; give what load was given"
        )
    builder = builder_of(net)
    name = f"own:{getattr(net, '__name__', type(net).__name__)}" if builder else net
    named = isinstance(data, str | Path)
    if named:
        remember_place(str(data))
    settings = {**of_loader(data), **understood(settings)}
    parts = {
        name: value
        for name, value in settings.items()
        if name in ("loss", "metrics") or (name in PARTS and callable(value))
    }
    settings = {name: value for name, value in settings.items() if name not in parts}
    experiment = new_experiment(
        data=str(data) if named else f"own:{called_in_words(data)}",
        **({"net": name} if name is not None else {}),
        **settings,
    )
    if experiment.log is not None:
        raise ProfundoError("log: is for one training, and this is a study of many; leave it out")
    if experiment.lang is not None:
        raise ProfundoError(
            "lang: is for the report of one training; a study's page is written in English; leave it out"
        )
    if builder and experiment.net_options:
        raise ProfundoError(
            "net_options: are those of a named net; a net of your own gets its options where it is made"
        )
    choose_device(experiment.device)
    return experiment, Given(builder, data, parts)


def builder_of(net: Any) -> Builder | None:
    """What makes a net of one's own for each training: a function of the Spec, a class, or one net, of which copies are
    trained, all from its weights. None of a name."""
    if isinstance(net, nn.Module):
        return lambda _: deepcopy(net)
    if isinstance(net, type) and issubclass(net, nn.Module):
        return lambda _: instance_of(net)
    if net is not None and not isinstance(net, str) and not callable(net):
        raise ProfundoError(
            f"net: expected a name such as 'mlp', a torch.nn.Module or what makes one, got {type(net).__name__}; the net comes "
            "first, then the data"
        )
    return net if callable(net) else None


def collected(experiment: Experiment, given: Given) -> Collection:
    """The samples as they were read, before anything is learned from them."""
    how, data = Reading(**experiment.reading()), given.data
    if isinstance(data, str) and data.startswith("own:"):
        raise ProfundoError(
            f"data {data[4:]!r} were in memory, and no file can name them: call the study again with out=…"
        )
    return collect(data, how) if isinstance(data, str | Path) else object_collection(data, how)


def made(experiment: Experiment, data: Dataset, given: Given) -> tuple[nn.Module, Experiment]:
    """The net with weights drawn from the seed, and every choice about its training.

    Raises ProfundoError for what cannot work, before anything is trained or written.
    """
    if given.builder is None:
        name = net_name(experiment, data)
        net = net_of(experiment, name, data)
    else:
        name = str(experiment.net)
        net = made_by(given.builder, data.spec, experiment.seed)
        data = answered_by(net, data)
    if "loss" in given.parts or data.spec.targets.kind == "any":  # of which `fit` knows more
        experiment = experiment.model_copy(update={"own": {"loss": "own"}})
    chosen = completed(experiment, data.spec, len(data.train), name, normalised(net), len(data.validation) > 0)
    if not chosen.own:
        objective_of(chosen, data)
    check_outputs(net, data)
    return net, chosen


def trained(experiment: Experiment, data: Dataset, given: Given = BY_NAME) -> Run:
    """Train on these splits as `train` would on its own. Nothing is kept, nothing said; the test split is scored."""
    data = seen_by(experiment, data)
    net, chosen = made(experiment, data, given)
    if chosen.pretrained is not None:  # which `fit` knows nothing of
        device = choose_device(chosen.device)
        prepared = Prepared(chosen, data, net, device, precision_of(chosen, net, data, device))
        with seeded(chosen.seed):
            return train_prepared(prepared, None, Group(), Quiet(), {})
    decided = belonging_to("data", "net")
    choices = plain_settings(experiment) if given.parts or chosen.own else chosen.settings()
    settings = {key: value for key, value in choices.items() if key not in decided and value is not None}
    return fit(net, data, out=False, voice=Quiet(), **settings, **given.parts)


def figures_on(run: Run, split: Samples) -> dict[str, float]:
    """The figures of a trained net on one split, in float32."""
    return figures(answers_on(run, split), run.data.spec.targets)


def answers_on(run: Run, split: Samples) -> Answers:
    """What a trained net says about each sample of one split, in float32."""
    device = next((parameter.device for parameter in run.net.parameters()), torch.device("cpu"))
    spec = run.data.spec
    with repeatable(device, "float32"):
        ordered = in_order(split, spec, device=device, workers=run.experiment.workers)
        return answers(run.net, ordered, objective_of(run.experiment, run.data, run.own).likelihood, spec.targets)


def plain_settings(experiment: Experiment) -> dict[str, Any]:
    """Those that are not the default ones."""
    settings: dict[str, Any] = experiment.model_dump(mode="json", exclude_defaults=True)
    return settings


# ---------------------------------------------------------------------------------------------------------- in words
def is_share(metric: str) -> bool:
    """Whether the figure is a share, which is told in percent, and of which more is better."""
    return figure(metric, 0.5).endswith("%")


def spread_text(metric: str, value: Spread) -> str:
    """Mean ± standard deviation, with as many decimals as two digits of the deviation need, but not more than make four
    digits of the mean: 97.3 % ± 2.8, 54.6 ± 2.0."""
    scale, unit = (100, " %") if is_share(metric) else (1, "")
    if value.number < 2:
        return figure(metric, value.mean) if value.number else "–"
    mean, around = value.mean * scale, value.deviation * scale
    if around < 1e-9 * max(1.0, abs(mean)):
        return f"{figure(metric, value.mean)} ± 0"
    decimals = min(1 - power_of_ten(float(f"{around:.1e}")), 3 - power_of_ten(mean) if mean else 9)
    return f"{mean:.{max(0, decimals)}f}{unit} ± {around:.{max(0, decimals)}f}"


def power_of_ten(value: float) -> int:
    return math.floor(math.log10(abs(value)))


def deviation(metric: str, value: float) -> str:
    """How far figures lie apart, in their unit without its sign: of shares in percent."""
    return f"{100 * value:.2f}" if is_share(metric) else f"{value:.2g}"


# ------------------------------------------------------------------------------------------------ what it comes to
@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(ABC):
    """What a study came to: of which experiment, net and data; what to know about it (notes); where it is kept."""

    asked: Experiment
    net: str
    name: str
    notes: tuple[str, ...] = ()
    folder: Path | None = None

    @abstractmethod
    def page(self) -> Sheet:
        """What its page shows."""

    @abstractmethod
    def chart(self) -> str:
        """The picture that stands for it in a notebook."""

    def html(self) -> str:
        """One page that needs nothing else."""
        return sheet_html(self.page())

    def _repr_html_(self) -> str:
        return f"<p>{self}</p>{self.chart()}"


def table(caption: str, rows: Sequence[Mapping[str, str]]) -> Grid:
    """rows: cells by column, the same columns in each."""
    return Grid(caption, list(rows[0]), [list(row.values()) for row in rows])


# ------------------------------------------------------------------------------------------------ trainings, kept
@dataclass(frozen=True, slots=True)
class Trial:
    """One training of a study. key: its name among the results; work: trains and gives numbers, words and lists only,
    which make a record of `form`, a dataclass."""

    key: str
    work: Callable[[], Result]
    form: type

    def read(self, result: Result, where: object) -> Any:
        """Raises ProfundoError where a kept result is no such record."""
        try:
            return TypeAdapter(self.form).validate_python(result)
        except ValueError as error:
            raise ProfundoError(
                f"{where}: {self.key}: expected the figures of a training: {in_words(error)}; choose another --out"
            ) from None


Figures = Annotated[Mapping[str, float], Field(min_length=1)]


@dataclass
class Study:
    """What was asked and what has been found. Without a folder nothing is kept."""

    kind: str
    folder: Folder | None
    voice: Voice
    facts: Mapping[str, Any]
    signalled: Callable[[], int] = lambda: 0
    results: dict[str, Result] = field(default_factory=dict)
    asked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path | None:
        return self.folder.path if self.folder else None

    def run(self, trials: Iterable[Trial]) -> Iterator[tuple[Any, bool]]:
        """Of each trial, in order, the record that was kept under its key, or that its work comes to, which is then kept;
        and whether it was done now. Raises Interrupted before a trial after a signal."""
        where = results_file(self.folder) if self.folder else "results"
        for trial in trials:
            if trial.key in self.results:
                yield trial.read(self.results[trial.key], where), False
                continue
            if number := self.signalled():
                raise Interrupted(number)
            result = trial.work()
            record = trial.read(result, where)
            self.results[trial.key] = result
            self.keep()
            yield record, True

    def keep(self) -> None:
        if self.folder is not None:
            if not settings_file(self.folder).is_file():
                raise ProfundoError(
                    f"{self.folder.path}: the folder disappeared while it was in use; nothing more is saved"
                )
            kept = {"asked": dict(self.asked), "facts": dict(self.facts), "results": self.results}
            write_json(results_file(self.folder), {**kept, "sha256": digest(kept)})

    def finish(self, answer: Answer) -> None:
        """Write the page, and say what came out."""
        if self.folder is not None:
            write_text(self.folder.report, answer.html())
            self.voice.say(f"report: {self.folder.report}")
        self.voice.say(str(answer))


@contextmanager
def study(
    kind: str,
    asked: Mapping[str, Any],
    facts: Mapping[str, Any],
    *,
    name: str,
    out: str | Path | bool | None,
    device: str,
    voice: Voice,
    notes: Sequence[str] = (),
) -> Iterator[Study]:
    """A new study, or the one in `out` if it was asked the same of the same data. out: False keeps nothing.

    Inside, SIGINT and SIGTERM end the training under way and raise Interrupted; those that ended before are kept.
    Raises ProfundoError if what is in `out` is something else, naming what differs.
    """
    with interruptible() as signalled:
        if out is False:
            say_notes(voice, notes)
            yield Study(kind, None, voice, facts, signalled)
            return
        folder = Folder(Path(out)) if isinstance(out, str | Path) and is_study(Path(out)) else None
        begun = folder is not None
        if folder is None:
            folder = Folder.create(name, None if out is True else out)
        with folder.locked():
            opened = Study(kind, folder, voice, facts, signalled)
            plain = opened.asked = {"study": kind, **asked}
            if begun:
                opened.results = check_unchanged(folder, plain, facts)
            else:
                write_json(folder.environment, environment(choose_device(device), 1))
                write_text(settings_file(folder), yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))
            voice.open(folder)
            if opened.results:
                voice.say(f"{len(opened.results)} trainings were kept and are not repeated")
            say_notes(voice, notes)
            try:
                yield opened
            except ProfundoError:
                if not begun and not opened.results:
                    discard(folder)
                raise
            except Interrupted:
                voice.notice(
                    f"interrupted, {len(opened.results)} trainings are kept; to go on: profundo {kind} --resume {folder.path}"
                )
                raise


def say_notes(voice: Voice, notes: Sequence[str]) -> None:
    for note in notes:
        voice.notice(note)


def discard(folder: Folder) -> None:
    """Remove a study in which no training came to its end, and its folder if nothing else is in it."""
    for path in (settings_file(folder), results_file(folder), folder.environment):
        erase(path)
    folder.discard()


def settings_of(kind: str, path: str | Path, *keys: str) -> dict[str, Any]:
    """What the study in a folder was asked: these keys, and the settings of its trainings. Raises ProfundoError if there
    is none of this kind."""
    if not is_study(Path(path)):
        raise ProfundoError(f"{path}: expected the folder of `profundo {kind}`, with study.yaml; found none")
    asked = read_experiment(Path(path) / "study.yaml")
    settings = asked.get("settings")
    whole = isinstance(settings, dict) and "data" in settings
    if asked.get("study") != kind or not whole or any(key not in asked for key in keys):
        raise ProfundoError(f"{path}: is not a folder of `profundo {kind}`")
    check_place(str((settings or {})["data"]), Path(path) / "study.yaml")
    for name in settings or {}:
        if name not in Experiment.model_fields:
            raise ProfundoError(
                f"{path}: study.yaml: setting {name!r} is unknown; {nearest(str(name), Experiment.model_fields)}"
            )
    return {**{key: asked[key] for key in keys}, **(settings or {})}


def is_study(path: Path) -> bool:
    return (path / "study.yaml").is_file()


def settings_file(folder: Folder) -> Path:
    return folder.path / "study.yaml"


def results_file(folder: Folder) -> Path:
    return folder.path / "results.json"


def check_unchanged(folder: Folder, asked: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Result]:
    """The results that are kept. Raises ProfundoError if they answer something else than is asked now, or are damaged."""
    kept: dict[str, Any] = {"asked": read_experiment(settings_file(folder)), "facts": dict(facts), "results": {}}
    path = results_file(folder)
    if path.exists():
        kept = read_object(path)
        try:
            if kept.pop("sha256") != digest(kept):
                raise ValueError("it differs from what was saved")
            if not all(isinstance(kept[part], dict) for part in ("asked", "facts", "results")):
                raise ValueError("what was asked, facts and results are missing")
            if not all(isinstance(result, dict) and result for result in kept["results"].values()):
                raise ValueError("a result is empty")
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise ProfundoError(
                f"{path}: expected the results of a study: {in_words(error)}; choose another --out"
            ) from None
    changes = differences(flat(kept["asked"]), flat(asked), WITHOUT_EFFECT)
    if kept["facts"] != dict(facts):
        changes.append("the data are others")
    if changes:
        raise ProfundoError(
            f"{folder.path}: cannot go on, for things changed: {'; '.join(changes)}. Undo that, or choose another --out"
        )
    results: dict[str, Result] = kept["results"]
    return results
