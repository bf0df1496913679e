"""A run of a recipe as files, written and read again: what was asked, networks, exhibits, scores, the page."""

from __future__ import annotations

import dataclasses
import hashlib
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import safetensors.torch
import torch
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import nn

from profundo.files import read_json, write_bytes, write_json, write_text
from profundo.pictures.exhibits import Drawn
from profundo.pictures.story import Story, story_html
from profundo.recipes.experiment import read_experiment
from profundo.recipes.folder import Folder, write_history
from profundo.recipes.models import read_weights
from profundo.recipes.recipe import Model, RecipeRun, Request, about, find, validated
from profundo.records import ProfundoError
from profundo.train.checkpoints import digest
from profundo.train.randomness import seeded

__all__ = ["is_recipe_run", "keep", "open_model", "read_request", "write_exhibits", "write_page", "write_request"]


# -------------------------------------------------------------------------------------------------- what was asked
def write_request(folder: Folder, request: Request) -> None:
    """experiment.yaml, and the place for checkpoints."""
    folder.checkpoints.mkdir(exist_ok=True)
    content = {
        "recipe": request.recipe,
        "seed": request.seed,
        "device": request.device,
        "settings": plain(dataclasses.asdict(request.settings)),
    }
    if request.data_dir is not None:
        content["data_dir"] = request.data_dir
    write_text(folder.experiment, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def read_request(path: Path) -> Request:
    """What experiment.yaml says. Raises ProfundoError for anything else, or settings that the recipe does not have."""
    content = read_experiment(path)
    try:
        read = Asked(**content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "it"
        raise ProfundoError(f"{path}: expected what a recipe was asked for; {place}: {first['msg']}") from None
    return Request(read.recipe, validated(read.recipe, read.settings), read.seed, read.device, read.data_dir)


class Asked(BaseModel):
    """experiment.yaml of a recipe's run."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    recipe: str
    settings: dict[str, Any] = {}
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    device: str = "auto"
    data_dir: str | None = None


def is_recipe_run(path: str | Path) -> bool:
    """Whether a run's folder is one of a recipe. Raises ProfundoError when there is no run."""
    return "recipe" in read_experiment(Folder.open(path).experiment)


def plain(value: Any) -> Any:
    """With lists for tuples, as YAML and JSON have them."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value


# --------------------------------------------------------------------------------------------------- what came out
def keep(run: RecipeRun, on: Mapping[str, str]) -> None:
    """Write what outlives the run; the scores last, for they mark it as finished."""
    folder, outcome = run.folder, run.outcome
    assert folder is not None
    folder.check()
    write_json(folder.environment, dict(on))
    if outcome.networks:
        save_networks(folder, run)
    histories = {name: trained.history for name, trained in run.trainings.items()}
    if len(histories) == 1:
        write_history(folder, next(iter(histories.values())).to_csv())
    write_exhibits(folder.path / "exhibits", run.exhibits)
    content = {
        "recipe": run.request.recipe,
        "test": dict(outcome.scores),
        "baseline": dict(outcome.baseline),
        "against": outcome.against,
        "conclusion": outcome.conclusion,
        "seconds": {"whole": run.seconds, **{name: trained.seconds for name, trained in run.trainings.items()}},
        "histories": {name: history.rows for name, history in histories.items()},
    }
    write_text(folder.report, story_html(story(folder, run.exhibits, content)))
    write_json(folder.scores, content)


def save_networks(folder: Folder, run: RecipeRun) -> None:
    weights = {
        key: tensor.detach().cpu().contiguous().clone() for key, tensor in together(run.outcome.networks).items()
    }
    content = safetensors.torch.save(weights)
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
    folder = Folder.open(path)
    if not folder.scores.exists():
        raise ProfundoError(f"{path}: this run is not finished; `profundo resume {path}` ends it")
    if not folder.model.is_file():
        raise ProfundoError(f"{path}: this recipe keeps no network; `profundo report {path}` shows what it found")
    described = read_json(folder.model)
    try:
        if described.pop("description_sha256") != digest(described):
            raise ValueError("it differs from what was saved")
        name, known = str(described["recipe"]), dict(described["known"])
        asked, expected = validated(name, described["settings"]), str(described["sha256"])
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ProfundoError(f"{folder.model}: expected a recipe's model: {' '.join(str(error).split())}") from None
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
        raise ProfundoError(f"{folder.model}: no network can be built of it: {' '.join(str(error).split())}") from None
    return name, Model(asked, {label: net.eval() for label, net in networks.items()}, known)


# ------------------------------------------------------------------------------------------------ exhibits and page
def write_exhibits(place: Path, exhibits: Sequence[Drawn]) -> list[Path]:
    """Each as a file that anyone can open, and a list of them with titles and captions. Returns their paths."""
    if not exhibits:
        return []
    try:
        place.mkdir(exist_ok=True, parents=True)
    except OSError as error:
        raise ProfundoError(f"{place}: cannot be made: {error.strerror or error}; choose another --out") from None
    listed: list[dict[str, Any]] = []
    for number, exhibit in enumerate(exhibits, 1):
        words = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in exhibit.title.lower())
        name = f"{number:02d}-{'-'.join(words.split())[:48]}{exhibit.suffix}"
        write_bytes(place / name, exhibit.content)
        entry = {field.name: getattr(exhibit, field.name) for field in dataclasses.fields(exhibit)}
        entry.pop("content")
        listed.append({"file": name, **plain(entry)})
    write_json(place / "exhibits.json", listed)
    return [place / entry["file"] for entry in listed]


def read_exhibits(folder: Folder) -> list[Drawn]:
    place = folder.path / "exhibits"
    if not place.is_dir():
        return []
    try:
        return [
            Drawn(content=(place / Path(entry.pop("file")).name).read_bytes(), **entry)
            for entry in read_json(place / "exhibits.json")
        ]
    except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise ProfundoError(f"{place}: the exhibits do not read: {' '.join(str(error).split())}") from None


def story(folder: Folder, exhibits: Sequence[Drawn], content: Mapping[str, Any]) -> Story:
    name = content["recipe"]
    return Story(
        title=folder.path.name,
        about=about(name),
        conclusion=content["conclusion"],
        scores=content["test"],
        baseline=content["baseline"],
        against=content["against"],
        command=f"profundo recipe {name} --config {shlex.quote(str(folder.experiment))}",
        exhibits=exhibits,
        histories={training: columns(rows) for training, rows in content["histories"].items()},
        asked={key: value for key, value in read_experiment(folder.experiment).items() if value is not None},
        environment={key: str(value) for key, value in read_json(folder.environment).items()},
        seconds=content["seconds"],
    )


def columns(rows: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: [row.get(name, float("nan")) for row in rows] for name in names}


def write_page(path: str | Path) -> Path:
    """Write a finished run's page anew. Returns its path."""
    folder = Folder.open(path)
    if not folder.scores.exists():
        raise ProfundoError(f"{path}: this run is not finished; `profundo resume {path}` ends it")
    content = read_json(folder.scores)
    try:
        page = story_html(story(folder, read_exhibits(folder), content))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ProfundoError(f"{folder.scores}: expected a recipe's scores: {' '.join(str(error).split())}") from None
    write_text(folder.report, page)
    return folder.report
