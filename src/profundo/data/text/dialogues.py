"""Dialogues: turns that answer one another, out of plays or of JSON lines; as examples of an answer to what was said before.

A play is text of paragraphs "SPEAKER:\\n…", as tiny Shakespeare is; one who speaks twice in a row has one turn. A line of JSON is a
dialogue, a list of turns, of one who asks and one who answers:

    ["Good day.", "Good day to you."]
    {"turns": ["Good day.", "Good day to you."]}
    {"messages": [{"role": "user", "content": "Good day."}, {"role": "assistant", "content": "Good day to you."}]}

Every second turn is an answer; turns of one role or speaker in a row are one, those of the role "system" are left out. To the symbols
of the alphabet come two, by which turns begin:

    … ASKS turn ANSWERS turn ASKS turn ANSWERS [ the answer ASKS ]       what is in brackets is to be learned
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile, groupby
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.data.batches import order
from profundo.data.streams.archives import printable, read_whole
from profundo.data.text.text_files import read_text
from profundo.records import Batch, ProfundoError

__all__ = ["ADDED", "NOTHING", "Answers", "Dialogue", "answers_of", "prompt_of", "read_dialogues", "spoken_turns"]

Dialogue = Sequence[str]
ADDED = 2  # symbols beyond the alphabet: ASKS at its end, then ANSWERS
NOTHING = -100  # in the place of targets that are not to be learned
LARGEST = 64 << 20  # bytes
SPEECH = re.compile(r"([^\n:]{1,60}):\n(.+)", re.DOTALL)


def spoken_turns(text: str) -> list[str]:
    """What is said in a play, turn by turn; stage directions and all other paragraphs are left out."""
    speeches = [match.groups() for match in map(SPEECH.fullmatch, re.split(r"\n{2,}", text.strip())) if match]
    runs = groupby(speeches, key=lambda speech: speech[0])
    return ["\n".join(words.strip() for _, words in run) for _, run in runs]


def read_dialogues(path: Path) -> list[Dialogue]:
    """The dialogues of a file of JSON lines. Raises ProfundoError that names the first line that is none."""
    content = read_text(read_whole(path, "a file of JSON lines", LARGEST, "give a part of it"))
    rows = content.split("\n")  # a text in JSON may hold what else splitlines() cuts at, such as U+2028
    lines = [(number, line) for number, line in enumerate(rows, 1) if line.strip()]
    dialogues = [dialogue_of(line, f"{printable(str(path))}, line {number}") for number, line in lines]
    if not dialogues:
        raise ProfundoError(
            f'{printable(str(path))}: expected lines such as ["Good day.", "Good day to you."], found none'
        )
    return dialogues


def dialogue_of(line: str, where: str) -> Dialogue:
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        read = None
    said = [(role_of(turn), words_of(turn)) for turn in turns_in(read)]
    are_words = all(isinstance(words, str) and words.strip() for _, words in said)
    turns = joined(said) if are_words else []
    if len(turns) < 2:
        raise ProfundoError(
            f'{where}: expected two turns or more, such as ["Good day.", "Good day to you."], got {printable(line[:60])}'
        )
    if not alternate([role for role, _ in turns]):
        roles = printable(", ".join(str(role) for role, _ in turns)[:60])
        raise ProfundoError(
            f"{where}: expected one who asks and one who answers by turns, got {roles}; leave out others"
        )
    return [words for _, words in turns]


def turns_in(read: Any) -> list[Any]:
    """Of those with roles, from the first on that is the user's, without the system's."""
    if isinstance(read, dict):
        read = read.get("turns", read.get("messages"))
    turns = [turn for turn in read if role_of(turn) != "system"] if isinstance(read, list) else []
    return list(dropwhile(lambda turn: role_of(turn) == "assistant", turns))


def role_of(turn: Any) -> Any:
    """Who speaks; None where it is not told."""
    return turn.get("role", turn.get("speaker")) if isinstance(turn, dict) else None


def words_of(turn: Any) -> Any:
    """Of {"role": …, "content": "…"}, with "text" in the place of "content" too."""
    return turn.get("content", turn.get("text")) if isinstance(turn, dict) else turn


def joined(said: Sequence[tuple[Any, str]]) -> list[tuple[Any, str]]:
    """Roles and words; what one role says in a row is one turn."""
    turns: list[tuple[Any, str]] = []
    for role, words in said:
        if role is not None and turns and turns[-1][0] == role:
            turns[-1] = (role, f"{turns[-1][1]}\n{words.strip()}")
        else:
            turns.append((role, words.strip()))
    return turns


def alternate(roles: Sequence[Any]) -> bool:
    """Whether all that are told at even places are one, and at odd places another."""
    asking, answering = ([role for role in roles[first::2] if role is not None] for first in (0, 1))
    are_one = bool(asking) and asking[:1] == answering[:1]
    return not are_one and all(role == some[0] for some in (asking, answering) for role in some)


# ----------------------------------------------------------------------------------------------------------- examples
def prompt_of(turns: Sequence[Tensor], symbols: int, room: int) -> Tensor:
    """The turns, int64 (length,) each, the last of which is asked, and ANSWERS; the newest `room` symbols of it. symbols: of the
    alphabet."""
    parts: list[Tensor] = []
    for back, turn in enumerate(reversed(turns)):
        if sum(map(len, parts)) >= room:
            break
        parts = [torch.tensor([symbols + back % 2]), turn, *parts]
    return torch.cat([*parts, torch.tensor([symbols + 1])])[-room:]


@dataclass(frozen=True, slots=True)
class Answers:
    """Examples: inputs and targets int64 (examples, steps), the targets NOTHING but for the answers and the ASKS that ends them."""

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.inputs)

    def batches(self, size: int, seed: int, device: torch.device) -> AnswerBatches:
        return AnswerBatches(self, min(size, len(self)), seed, device)


def answers_of(dialogues: Sequence[Dialogue], encode: Callable[[str], Tensor], symbols: int, context: int) -> Answers:
    """Every second turn as an answer to those before it, cut to context + 1 symbols.

    Of the answer half a context is kept at most, and as much of what was said, its newest: as when it is asked.
    """
    inputs, targets = [], []
    for dialogue in dialogues:
        turns = [encode(turn) for turn in dialogue]
        for number in range(1, len(turns), 2):
            one, wanted = example(turns[max(0, number - context) : number], turns[number], symbols, context)
            inputs.append(one)
            targets.append(wanted)
    return Answers(torch.stack(inputs), torch.stack(targets))


def example(asked: Sequence[Tensor], answer: Tensor, symbols: int, context: int) -> tuple[Tensor, Tensor]:
    """An answer's inputs and targets, (context,) each."""
    answered = torch.cat([answer, torch.tensor([symbols])])[: max(1, context // 2)]
    prompt = prompt_of(asked, symbols, max(1, context // 2))
    whole = torch.cat([prompt, answered])
    targets = whole[1:].clone()
    targets[: len(prompt) - 1] = NOTHING
    missing = context + 1 - len(whole)
    return F.pad(whole[:-1], (0, missing)), F.pad(targets, (0, missing), value=NOTHING)


@dataclass(frozen=True, slots=True)
class AnswerBatches:
    """The examples in an order that is a function of (seed, epoch); the last batch of an epoch is as large as what is left."""

    answers: Answers
    size: int
    seed: int
    device: torch.device

    def __len__(self) -> int:
        return -(-len(self.answers) // self.size)

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, without the first `skip`."""
        for chosen in torch.split(order(len(self.answers), self.seed, epoch), self.size)[skip:]:
            inputs, targets = (values[chosen].to(self.device) for values in (self.answers.inputs, self.answers.targets))
            yield Batch(inputs, targets, len(chosen))
