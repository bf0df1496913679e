"""A run of a recipe as files, written and read again: what was asked, networks, exhibits, scores, the page."""

from __future__ import annotations

import dataclasses
import hashlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from torch import nn

from profundo.files import in_words, read_object, write_bytes, write_json, write_text
from profundo.pictures.exhibits import Drawn
from profundo.pictures.story import Story, story_html
from profundo.recipes.context import Context
from profundo.recipes.exhibit_files import LIST, read_exhibits, write_exhibits
from profundo.recipes.figures.figure_meanings import meaning_of
from profundo.recipes.latent_space import LatentSpace
from profundo.recipes.members import chosen
from profundo.recipes.recipe import Model, Recipe, RecipeRun, Request, about, find, validated
from profundo.recipes.subjects import Subject
from profundo.records import ProfundoError
from profundo.runs.experiment import new_experiment
from profundo.runs.folder import Folder, write_history
from profundo.runs.given.keeping import TOOLS
from profundo.runs.manifest import check_data_facts, check_files, finish, read_manifest
from profundo.runs.opening import finished, kind_of
from profundo.runs.run import Run
from profundo.runs.saved_model import packed, read_weights
from profundo.runs.settings.plain_yaml import read_experiment
from profundo.runs.voice import Quiet
from profundo.train import History
from profundo.train.checkpoints import digest
from profundo.train.randomness import seeded

__all__ = [
    "keep",
    "open_latent",
    "open_model",
    "open_subject",
    "read_request",
    "subject_of",
    "write_page",
    "write_page_so_far",
    "write_request",
]

T = TypeVar("T")


# -------------------------------------------------------------------------------------------------- what was asked
def write_request(folder: Folder, request: Request) -> None:
    """experiment.yaml, and the place for checkpoints."""
    folder.checkpoints.mkdir(exist_ok=True)
    write_text(folder.experiment, yaml.safe_dump(content_of(request), sort_keys=False, allow_unicode=True))


def content_of(request: Request) -> dict[str, Any]:
    """What experiment.yaml holds."""
    return {name: plain(value) for name, value in dataclasses.asdict(request).items() if value is not None}


def read_request(path: Path) -> Request:
    """What experiment.yaml says. Raises ProfundoError for anything else, or settings that the recipe does not have."""
    content = read_experiment(path)
    if "recipe" not in content:
        raise ProfundoError(f"{path}: was asked of no recipe; `profundo train --config {path}` repeats it")
    try:
        read: Request = TypeAdapter(Request).validate_python({"settings": {}, **content})
        return dataclasses.replace(read, settings=validated(read.recipe, read.settings))
    except ValidationError as error:
        raise ProfundoError(f"{path}: expected what a recipe was asked for; {in_words(error)}") from None


def plain(value: Any) -> Any:
    """With lists for tuples, as YAML and JSON have them."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value


# --------------------------------------------------------------------------------------------------- what came out
def keep(run: RecipeRun, on: Mapping[str, str], facts: Mapping[str, Any]) -> None:
    """Write what outlives the run; the scores last, for they mark it as finished. facts: what identifies its data."""
    folder, outcome = run.folder, run.outcome
    assert folder is not None
    folder.check()
    write_json(folder.environment, dict(on))
    if outcome.networks:
        save_networks(folder, run)
    histories = {name: trained.history for name, trained in run.trainings.items()}
    if len(histories) == 1:
        write_history(folder, next(iter(histories.values())).to_csv())
    write_exhibits(folder.path / "exhibits", run.exhibits, within=folder.path)
    told = Told(
        recipe=run.request.recipe,
        test=dict(outcome.scores),
        baseline=dict(outcome.baseline),
        against=outcome.against if isinstance(outcome.against, str) else dict(outcome.against),
        notes=list(run.cautions),
        rivals=dict(outcome.rivals),
        conclusion=outcome.conclusion,
        resumed=run.resumed,
        seconds={"whole": run.seconds, **{name: trained.seconds for name, trained in run.trainings.items()}},
        histories={name: history.rows for name, history in histories.items()},
    )
    write_text(folder.report, story_html(story(folder, run.exhibits, told)))
    finish(folder, content_of(run.request), facts, told.model_dump(), folder.path / "exhibits" / LIST)


def write_page_so_far(folder: Folder, on: Mapping[str, str], exhibits: Sequence[Drawn], conclusion: str) -> None:
    """The page of a run that is not finished yet."""
    folder.check()
    write_json(folder.environment, dict(on))
    recipe = read_request(folder.experiment).recipe
    told = Told(recipe=recipe, test={}, baseline={}, against="", conclusion=conclusion, seconds={}, histories={})
    write_text(folder.report, story_html(story(folder, exhibits, told)))


def save_networks(folder: Folder, run: RecipeRun) -> None:
    content = packed(together(run.outcome.networks))
    write_bytes(folder.weights, content)
    described = {
        "format": 1,
        "recipe": run.request.recipe,
        "settings": plain(dataclasses.asdict(run.request.settings)),
        "known": plain(dict(run.outcome.known)),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    write_json(folder.model, {**described, "description_sha256": digest(described)})


def together(networks: Mapping[str, nn.Module]) -> dict[str, torch.Tensor]:
    """The weights of all networks, each under its network's name."""
    return {f"{name}.{key}": tensor for name, net in networks.items() for key, tensor in net.state_dict().items()}


def open_model(path: str | Path) -> tuple[str, Model]:
    """A recipe's name, and its saved networks ready for use.

    Raises ProfundoError when a file is missing, damaged, or names what is not in the registry.
    """
    folder = finished(path)
    if kind_of(path) != "recipe":
        raise ProfundoError(f"{path}: is a run of `profundo train`, whose network predicts but generates nothing")
    if not folder.model.is_file():
        raise ProfundoError(f"{path}: this recipe keeps no network; `profundo report {path}` shows what it found")
    described = read_object(folder.model)
    try:
        if described.pop("description_sha256") != digest(described):
            raise ValueError("it differs from what was saved")
        name, known = str(described["recipe"]), {**described["known"]}
        asked, expected = validated(name, described["settings"]), str(described["sha256"])
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ProfundoError(f"{folder.model}: expected a recipe's model: {in_words(error)}; run it anew") from None
    build = find(name).networks
    if build is None:
        raise ProfundoError(f"{folder.model}: recipe {name} has no networks")
    weights = read_weights(folder, expected)
    try:
        with torch.device("meta"):  # takes no memory, however large the nets that the file describes
            shapes = {key: tensor.shape for key, tensor in together(build(asked, known)).items()}
        if shapes != {key: tensor.shape for key, tensor in weights.items()}:
            raise ValueError(f"its networks have other weights than {folder.weights.name}")
        with seeded(0):
            networks = dict(build(asked, known))
        for label, net in networks.items():
            net.load_state_dict({key: weights[f"{label}.{key}"] for key in net.state_dict()})
    except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise ProfundoError(f"{folder.model}: no network can be built of it: {in_words(error)}; run it anew") from None
    check_files(folder)  # a notice is enough: the model's own files vouch for each other. After what may be refused
    return name, Model(asked, {label: net.eval() for label, net in networks.items()}, known)


def open_subject(path: str | Path, member: str | int | None = None) -> tuple[Run, bool]:
    """What of a recipe's run can be looked into, as a training that was not kept, and whether training lowered its loss.

    member: which, of nets that were trained side by side (members.py). Raises ProfundoError for a recipe whose networks answer for
    no inputs, and where the data are no longer those of the run.
    """
    _, model = open_model(path)
    folder = Folder.open(path)
    run, lowers, facts = subject_of(read_request(folder.experiment), model, str(path), member)
    check_data_facts(folder, {**read_manifest(folder).data, **facts})
    return run, lowers


def subject_of(
    request: Request, model: Model, what: str, member: str | int | None = None
) -> tuple[Run, bool, Mapping[str, Any]]:
    """The same of networks in hand, and the facts of their data. what: names the run in an error."""
    subject, facts = used(request, model, way_into(find(request.recipe), request.recipe, model, what, member))
    experiment = new_experiment(data=subject.data.name, net=f"own:{request.recipe}", seed=request.seed)
    return Run(experiment, subject.data, subject.net, History(), TOOLS), subject.lowers, facts


def way_into(
    recipe: Recipe, name: str, model: Model, what: str, member: str | int | None
) -> Callable[[Model, Context], Subject]:
    """How the recipe shows the one of its nets that is asked for."""
    if not recipe.looks:
        raise ProfundoError(
            f"{what}: the networks of recipe {name} cannot be looked into, for none of them learned to give classes or numbers for "
            "a table or images; its report shows what it found, profundo.recipes.recipe_folder.open_model has them"
        )
    if recipe.subject is not None:
        if member is not None:
            raise ProfundoError(
                f"{what}: recipe {name} shows one net, and member {member!r} is none of it; leave it out"
            )
        return recipe.subject
    show = recipe.member
    network, number = chosen(model.networks, member)

    def one_of_many(model: Model, context: Context) -> Subject:
        assert show is not None
        subject = show(model, context, network, number)
        named = f"{subject.data.name}, net {number} of {network}"
        return dataclasses.replace(subject, data=dataclasses.replace(subject.data, name=named))

    return one_of_many


def open_latent(path: str | Path) -> Mapping[str, LatentSpace]:
    """The spaces of codes that a recipe's networks draw from, by name.

    Raises ProfundoError for a recipe whose networks draw nothing from codes, and where the data are no longer those of the run.
    """
    name, model = open_model(path)
    latent = find(name).latent
    if latent is None:
        raise ProfundoError(
            f"{path}: the networks of recipe {name} draw nothing from codes; vae, beta-vae, dcgan, autoencoder do"
        )
    folder = Folder.open(path)
    spaces, facts = used(read_request(folder.experiment), model, latent)
    check_data_facts(folder, {**read_manifest(folder).data, **facts})
    return spaces


def used(request: Request, model: Model, use: Callable[[Model, Context], T]) -> tuple[T, Mapping[str, Any]]:
    """What comes of a recipe's networks with the data that they learned from, and the facts of these data."""
    with seeded(request.seed):
        takes = find(request.recipe).takes
        context = Context(request, device=torch.device("cpu"), folder=None, voice=Quiet(), takes=takes)
        return use(model, context), context.facts


# ------------------------------------------------------------------------------------------------------------ page
class Told(BaseModel):
    """scores.json of a recipe's run."""

    model_config = ConfigDict(frozen=True)

    recipe: str
    test: dict[str, float]
    baseline: dict[str, float]
    against: str | dict[str, str]
    conclusion: str
    notes: list[str] = []
    rivals: dict[str, float] = {}
    resumed: bool = False
    seconds: dict[str, float]
    histories: dict[str, list[dict[str, float]]]


def story(folder: Folder, exhibits: Sequence[Drawn], told: Told) -> Story:
    request = read_request(folder.experiment)
    settings = dataclasses.asdict(request.settings)
    own = dataclasses.asdict(find(told.recipe).settings())
    return Story(
        title=told.recipe,
        run=folder.path.resolve().name,
        about=about(told.recipe),
        changed={name: (value, own[name]) for name, value in settings.items() if value != own[name]},
        conclusion=told.conclusion,
        scores=told.test,
        baseline=told.baseline,
        against=told.against,
        meanings={name: meaning_of(name) for name in told.test},
        cautions=told.notes,
        rivals=told.rivals,
        command=f"profundo recipe --config {shlex.quote(str(folder.experiment))}",
        exhibits=exhibits,
        histories={training: columns(rows) for training, rows in told.histories.items()},
        asked={"recipe": request.recipe, "seed": request.seed, "device": request.device, **settings},
        environment={key: str(value) for key, value in read_object(folder.environment).items()},
        seconds=told.seconds,
        resumed=told.resumed,
    )


def columns(rows: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: [row.get(name, float("nan")) for row in rows] for name in names}


def write_page(path: str | Path) -> Path:
    """Write a finished run's page anew. Returns its path."""
    folder = finished(path)
    check_files(folder, (folder.experiment.name, folder.scores.name, f"exhibits/{LIST}"))
    try:
        told = Told(**read_object(folder.scores))
        page = story_html(story(folder, read_exhibits(folder.path / "exhibits"), told))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ProfundoError(f"{folder.scores}: expected a recipe's scores: {in_words(error)}; run it anew") from None
    write_text(folder.report, page)
    return folder.report
