"""Recipes: a method each, as a short function from settings to an outcome, in a module of `zoo` named like it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from profundo.data.dataset_names import nearest
from profundo.files import expectation
from profundo.pictures.exhibits import Drawn, Exhibit
from profundo.recipes.context import Context, Request, Trained
from profundo.recipes.latent_space import LatentSpace
from profundo.recipes.own_data import NOTHING, Takes
from profundo.recipes.recipe_names import check
from profundo.recipes.subjects import Subject
from profundo.records import ProfundoError
from profundo.runs.folder import Folder

__all__ = [
    "Conversation",
    "Model",
    "Networks",
    "Outcome",
    "Recipe",
    "RecipeRun",
    "Request",
    "about",
    "check",
    "data_taken",
    "described",
    "find",
    "generated",
    "predicted",
    "settle",
    "streamed",
    "talked_to",
    "validated",
    "wishes_described",
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out.

    scores: figures by name, the main one first; baseline: those of `against` (chance, a constant predictor …), which is one name,
    or one for each figure that has one. exhibits: what the method has to show, first what one came for. networks: those to be
    saved. known: plain values that, with the settings, are needed to build the networks again and to use them. conclusion: a
    sentence or two with the figures. tested: how many test examples they are from, where fewer than those of the context's data.
    cautions: what else keeps one from trusting them. rivals: the main figure of further ways, by name.
    """

    scores: Mapping[str, float]
    baseline: Mapping[str, float] = field(default_factory=dict)
    exhibits: Sequence[Exhibit] = ()
    networks: Mapping[str, nn.Module] = field(default_factory=dict)
    known: Mapping[str, Any] = field(default_factory=dict)
    conclusion: str = ""
    against: str | Mapping[str, str] = "without learning"
    tested: int | None = None
    cautions: Sequence[str] = ()
    rivals: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Model:
    """A recipe's trained networks with what is needed to use them, on the CPU and in evaluation mode.

    wishes: how files are predicted, or things generated, a value of the recipe's dataclass for that.
    """

    asked: Any
    networks: Mapping[str, nn.Module]
    known: Mapping[str, Any]
    wishes: Any = None


Networks = Callable[[Any, Mapping[str, Any]], Mapping[str, nn.Module]]
Generate = Callable[[Model, int, torch.Generator, str], Sequence[Exhibit]]
Streamed = Callable[[Model, torch.Generator, str], Iterator[str]]
Predict = Callable[[Model, Sequence[Path]], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Conversation:
    """How one talks to a recipe's net. introduction: what one talks to, in plain words. answered(model, turns, generator): its
    answer to the last of the turns, as it comes."""

    introduction: Callable[[Model], str]
    answered: Callable[[Model, Sequence[str], torch.Generator], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """settings: a dataclass; quick: one of them, for the same method in seconds; run: the method itself.

    takes: the data of one's own that its setting `data` may name; None: it has data of its own only.
    networks: builds the untrained networks. generate(model, count, generator, prompt), predict(model, files): what
    the saved networks can do, where they can; wishes: a dataclass of what may be said of files that are predicted, or of
    what is generated, found in `model.wishes`; None: nothing. streamed(model, generator, prompt): one thing of text, as it comes;
    conversation: where the net answers.
    subject(model, context): what can be looked into of them, with its data; member(model, context, network, number): the
    same of one of the nets that it trained side by side in one network. latent(model, context): the spaces of codes that
    they draw from, by name.
    """

    settings: type
    quick: Any
    run: Callable[[Context, Any], Outcome]
    networks: Networks | None = None
    generate: Generate | None = None
    predict: Predict | None = None
    wishes: type | None = None
    streamed: Streamed | None = None
    conversation: Conversation | None = None
    takes: Takes | None = None
    subject: Callable[[Model, Context], Subject] | None = None
    member: Callable[[Model, Context, str, int], Subject] | None = None
    latent: Callable[[Model, Context], Mapping[str, LatentSpace]] | None = None

    @property
    def looks(self) -> bool:
        """Whether its nets can be looked into."""
        return self.subject is not None or self.member is not None


@dataclass(frozen=True, slots=True)
class RecipeRun:
    """A finished run of a recipe. exhibits: as drawn; cautions: what keeps one from trusting the figures. folder: None
    where nothing was kept. seconds: since it was started or, if it was interrupted, resumed."""

    request: Request
    outcome: Outcome
    trainings: Mapping[str, Trained]
    exhibits: Sequence[Drawn]
    seconds: float
    cautions: Sequence[str] = ()
    folder: Folder | None = None
    resumed: bool = False

    @property
    def model(self) -> Model:
        nets = {name: net.cpu().eval() for name, net in self.outcome.networks.items()}
        return Model(self.request.settings, nets, self.outcome.known)

    def generate(self, count: int = 16, seed: int = 0, prompt: str = "", **wishes: Any) -> Sequence[Exhibit]:
        """What the networks make; `prompt` begins it where the method takes one. wishes: those that differ from the recipe's own."""
        return generated(self.request.recipe, self.model, count, seed, prompt, wishes)

    def answer(self, turns: Sequence[str], seed: int = 0, **wishes: Any) -> str:
        """What the net says to the last of the turns, which are said to it and by it in turn."""
        conversation, model = talked_to(self.request.recipe, self.model, wishes)
        return "".join(conversation.answered(model, turns, torch.Generator().manual_seed(seed)))

    def predict(self, files: Sequence[Path], **wishes: Any) -> list[dict[str, Any]]:
        """What the networks say about files. wishes: those that differ from the recipe's own."""
        return predicted(self.request.recipe, self.model, files, wishes)


def find(name: str) -> Recipe:
    """The recipe of that name. Raises ProfundoError when there is none."""
    recipe: Recipe = module(name).RECIPE
    return recipe


def about(name: str) -> list[str]:
    """What the recipe says of itself: its paragraphs, each in one line; a table, which is indented, as it is."""
    paragraphs = (module(name).__doc__ or "").strip().split("\n\n")
    return [dedent(one) if one.startswith("    ") else " ".join(one.split()) for one in paragraphs]


def data_taken(name: str) -> str:
    """The data of one's own that the recipe takes, in words."""
    takes = find(name).takes
    return f"your own with --data: {takes}" if takes else NOTHING


def module(name: str) -> Any:
    check(name)
    return import_module(f"profundo.recipes.zoo.{name.replace('-', '_')}")


def settle(name: str, given: Mapping[str, Any], quick: bool = False) -> Any:
    """The recipe's settings with those that are given in their places; "a.b" names a setting inside a setting.

    Raises ProfundoError for a setting that is unknown or holds what it cannot.
    """
    recipe = find(name)
    values = dataclasses.asdict(recipe.quick if quick else recipe.settings())
    for path, value in given.items():
        place, *inner = path.split(".")
        inside = values
        while inner and isinstance(inside.get(place), dict):
            inside, place = inside[place], inner.pop(0)
        if path in ("data", "encoding") and path not in values:
            only = f"; it takes {recipe.takes}" if recipe.takes else f": {NOTHING}, leave it out"
            raise ProfundoError(f"recipe {name} takes no {path}{only}")
        if place not in inside or inner:
            raise ProfundoError(f"recipe {name}: setting {path!r} is unknown; {nearest(place, inside)}")
        inside[place] = (
            str(value) if isinstance(inside[place], str) and type(value) is int else value
        )  # such as a digit's name
    return validated(name, values)


def described(name: str, given: Mapping[str, Any], quick: bool = False) -> dict[str, Any]:
    """The settings that a run would have."""
    return dataclasses.asdict(settle(name, given, quick))


def wishes_described(name: str) -> dict[str, Any]:
    """What may be said of files that the recipe predicts, and what holds unless it is."""
    kind = find(name).wishes
    return dataclasses.asdict(kind()) if kind is not None else {}


def validated(name: str, values: Any) -> Any:
    """The recipe's settings of these values, each checked. Raises ProfundoError that names the setting."""
    return checked(name, find(name).settings, values)


def checked(name: str, kind: type, values: Any) -> Any:
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "settings"
        raise ProfundoError(
            f"recipe {name}: setting {place}: {expectation(first['msg'])}, got {first['input']!r}"
        ) from None


def wished(name: str, given: Mapping[str, Any], what: str) -> Any:
    """What is said of `what` the recipe makes, "predictions", with what is given in its place; None where nothing may be said.

    Raises ProfundoError for what may not.
    """
    kind = find(name).wishes
    known = [field.name for field in dataclasses.fields(kind)] if kind is not None else []
    for setting in given:
        if setting not in known:
            told = f"is unknown; {nearest(setting, known)}" if known else f"is not for it: its {what} take none"
            raise ProfundoError(f"{what} of recipe {name}: setting {setting!r} {told}")
    return checked(name, kind, dict(given)) if kind is not None else None


def generated(
    name: str, model: Model, count: int, seed: int, prompt: str, wishes: Mapping[str, Any] | None = None
) -> Sequence[Exhibit]:
    """wishes: those that differ from the recipe's own. Raises ProfundoError for a method that generates nothing, and for a wish that
    it does not know."""
    recipe = find(name)
    if recipe.generate is None:
        hint = "`profundo report RUN` shows what it found"
        if recipe.predict is not None:
            hint = f"`profundo predict RUN FILE…` asks its networks, {hint}"
        raise ProfundoError(f"recipe {name} generates nothing; {hint}")
    with torch.no_grad():
        return recipe.generate(
            ready(name, model, wishes, made_by(recipe)), count, torch.Generator().manual_seed(seed), prompt
        )


def streamed(
    name: str, model: Model, seed: int, prompt: str, wishes: Mapping[str, Any] | None = None
) -> Iterator[str] | None:
    """The one thing that `generated` makes, as it comes, where it is text; None of all else."""
    recipe = find(name)
    if recipe.streamed is None:
        return None
    return recipe.streamed(ready(name, model, wishes, made_by(recipe)), torch.Generator().manual_seed(seed), prompt)


def talked_to(name: str, model: Model, wishes: Mapping[str, Any] | None = None) -> tuple[Conversation, Model]:
    """How one talks to a recipe's net, and the model with the wishes. Raises ProfundoError for a recipe that does not answer."""
    conversation = find(name).conversation
    if conversation is None:
        raise ProfundoError(f"recipe {name} answers nothing; `profundo recipe gpt` makes a net that does")
    return conversation, ready(name, model, wishes, "answers")


def made_by(recipe: Recipe) -> str:
    """What the recipe generates, in a word."""
    return "passages" if recipe.streamed is not None else "generated examples"


def ready(name: str, model: Model, wishes: Mapping[str, Any] | None, what: str) -> Model:
    return dataclasses.replace(model, wishes=wished(name, wishes or {}, what))


def predicted(
    name: str, model: Model, files: Sequence[Path], wishes: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """wishes: those that differ from the recipe's own. Raises ProfundoError for a method that predicts nothing for files, and for a
    wish that it does not know."""
    recipe = find(name)
    if recipe.predict is None:
        raise ProfundoError(f"recipe {name} predicts nothing for files; `profundo report RUN` shows what it found")
    with torch.no_grad():
        return recipe.predict(ready(name, model, wishes, "predictions"), files)
