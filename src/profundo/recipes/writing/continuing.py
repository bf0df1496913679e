"""Passages that a net writes, all together or as they come; of characters or of other pieces of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Protocol

import torch
from pydantic import Field
from torch import Tensor

from profundo.data.text.byte_pairs import BytePairs
from profundo.data.text.characters import Characters
from profundo.evaluate.scores import evaluating
from profundo.nets.causal_transformer import GPT
from profundo.nets.decoding import Drawing, drawn
from profundo.nets.recurrent import LanguageModel
from profundo.pictures.exhibits import Exhibit, Passage
from profundo.recipes.net_outputs import device_of
from profundo.recipes.recipe import Model
from profundo.runs.settings.setting_values import AtLeastZero, Whole

__all__ = ["Alphabet", "Manner", "alphabet_of", "drawing_of", "passages", "streamed"]

PROMPT = "\n"
PASSAGE = 300  # pieces


class Alphabet(Protocol):
    """The pieces that a text is made of; told: text as the pieces come."""

    def __len__(self) -> int: ...

    def encode(self, text: str) -> Tensor: ...

    def decode(self, symbols: Tensor) -> str: ...

    def told(self, symbols: Iterable[int]) -> Iterator[str]: ...


@dataclass(frozen=True, slots=True)
class Manner:
    """How text is drawn that is generated.

    temperature: below 1 the likelier pieces come more often, 0 takes the likeliest; the run's own unless told. top_k: of so many
    likeliest pieces only, 0 for all; top_p: of the fewest that together have this share. length: of a passage, in pieces:
    characters, or byte pairs.
    """

    temperature: AtLeastZero | None = None
    top_k: Annotated[int, Field(ge=0)] = 0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    length: Whole = PASSAGE


def alphabet_of(known: Mapping[str, Any]) -> Alphabet:
    """The alphabet that a run keeps."""
    return BytePairs(known["merges"]) if "merges" in known else Characters(known["vocabulary"])


def drawing_of(model: Model) -> Drawing:
    manner = model.wishes or Manner()
    heat = model.asked.temperature if manner.temperature is None else manner.temperature
    return Drawing(heat, manner.top_k, manner.top_p)


def passages(model: Model, count: int, generator: torch.Generator, prompt: str) -> list[Exhibit]:
    """So many passages that go on from the prompt, which is shown with them. Raises ProfundoError for a prompt of other characters
    than the net knows."""
    alphabet, how = alphabet_of(model.known), drawing_of(model)
    with evaluating(model.networks["net"]):
        written = torch.stack(list(continued(model, alphabet, count, generator, prompt)), 1).cpu()
    piece = "character" if isinstance(alphabet, Characters) else "byte pair"
    after = f", after {prompt!r}" if prompt else ""
    told = f"{written.shape[1]} {piece}s, each drawn from the model's distribution {in_words(how)}{after}."
    return [
        Passage(f"Passage {number}", told, prompt + alphabet.decode(passage))
        for number, passage in enumerate(written, 1)
    ]


def streamed(model: Model, generator: torch.Generator, prompt: str) -> Iterator[str]:
    """The prompt and the one passage that `passages` has after it, as it is drawn; of a net in evaluation mode."""
    alphabet = alphabet_of(model.known)
    drawn_now = continued(model, alphabet, 1, generator, prompt)
    yield prompt
    yield from alphabet.told(int(symbols) for symbols in drawn_now)


def continued(
    model: Model, alphabet: Alphabet, count: int, generator: torch.Generator, prompt: str
) -> Iterator[Tensor]:
    """The symbols of so many passages, (count,) at a time."""
    net = model.networks["net"]
    assert isinstance(net, LanguageModel | GPT)
    begun = alphabet.encode(prompt or first_of(alphabet)).expand(count, -1).to(device_of(net))
    length = (model.wishes or Manner()).length
    return islice(drawn(net.step, begun, None, drawing_of(model), generator), length)


def first_of(alphabet: Alphabet) -> str:
    """What stands before a passage without a prompt: a line's end, where the alphabet has it."""
    lacks_it = isinstance(alphabet, Characters) and PROMPT not in alphabet.vocabulary
    return alphabet.decode(torch.tensor([0])) if lacks_it else PROMPT


def in_words(how: Drawing) -> str:
    of_few = f", of the {how.top_k} likeliest" * (how.top_k > 0) + f", of the likeliest {how.top_p:g}" * (how.top_p < 1)
    return f"at temperature {how.temperature:g}{of_few}"
