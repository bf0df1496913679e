"""A net that writes, taught to answer: fine-tuned on turns that follow one another, and talked to.

It learns what is said after what, and that a turn ends; nobody teaches it to be right, kind or of use.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.data.text.characters import UNKNOWN, Characters, Text
from profundo.data.text.dialogues import (
    NOTHING,
    Answers,
    Dialogue,
    answers_of,
    prompt_of,
    read_dialogues,
    spoken_turns,
)
from profundo.data.text.text_pairs import divided_texts
from profundo.evaluate.scores import evaluating
from profundo.nets.causal_transformer import GPT
from profundo.nets.decoding import drawn
from profundo.nets.summary import parameter_count
from profundo.pictures.exhibits import Table
from profundo.recipes.net_outputs import device_of
from profundo.recipes.recipe import Model
from profundo.recipes.writing.continuing import Alphabet, alphabet_of, drawing_of
from profundo.records import Batch, ProfundoError

__all__ = [
    "Parts",
    "answer_cost",
    "answered",
    "begin_as",
    "check_known",
    "conversation",
    "dialogues_of",
    "introduction",
    "listening",
    "mean_cost",
]

Parts = tuple[Sequence[Dialogue], Sequence[Dialogue], Sequence[Dialogue]]
"""Dialogues for training, validation and test."""
FEWEST = 20  # dialogues, or turns of a play
SHOWN = 6


def dialogues_of(path: str | None, text: Text, seed: int = 0) -> Parts | None:
    """Those of a file of JSON lines: nine tenths of the different ones, a twentieth, a twentieth, by lot; else what the speakers of
    each part of the text say to one another, four turns at a time: from the first on and from the second, so that every turn is an
    answer once, after one turn or three. None of a text without speakers.

    Raises ProfundoError for a file with fewer than 20 different dialogues, or one that does not read.
    """
    if path is not None:
        return own_dialogues(path, seed)
    plays = [spoken_turns(part) for part in text.parts]
    if min(map(len, plays)) < FEWEST:
        return None
    train, validation, test = (
        [play[at : at + 4] for begin in (0, 1) for at in range(begin, len(play) - 1, 4)] for play in plays
    )
    return train, validation, test


def own_dialogues(path: str, seed: int) -> Parts:
    """The same dialogue is in one part alone, however often it is there."""
    dialogues = [(json.dumps(dialogue), dialogue) for dialogue in read_dialogues(Path(path))]
    place = divided_texts({told for told, _ in dialogues}, seed, 20)
    if len(place) < FEWEST:
        raise ProfundoError(f"{path}: expected at least {FEWEST} different dialogues, got {len(place)}")
    test, validation, train = ([dialogue for told, dialogue in dialogues if place[told] == part] for part in range(3))
    return train, validation, test


def check_known(path: str, dialogues: Parts, alphabet: Alphabet) -> None:
    """Raise ProfundoError for characters of dialogues of one's own that the alphabet does not have, as those of a text may not."""
    if not isinstance(alphabet, Characters) or UNKNOWN in alphabet.vocabulary:
        return
    told = "".join(turn for part in dialogues for dialogue in part for turn in dialogue)
    strange = sorted(set(unicodedata.normalize("NFC", told)) - set(alphabet.vocabulary))
    if strange:
        raise ProfundoError(
            f"{path}: expected only characters that the text has, got {', '.join(map(repr, strange[:8]))}"
            f'{" and others" if len(strange) > 8 else ""}; take byte pairs, which spell all: --set pieces="byte pairs"'
        )


def begin_as(net: GPT, other: nn.Module) -> None:
    """Give the net the weights of a GPT of ADDED fewer symbols; those of the added ones stay as they are."""
    state = other.state_dict()
    for name, weight in net.state_dict().items():
        weight[: len(state[name])] = state[name]


def answer_cost(net: nn.Module, batch: Batch, reduction: str = "mean") -> Tensor:
    """−log p of the symbols of the answers, nats."""
    logits, _ = net(batch.inputs)
    return F.cross_entropy(
        logits.float().flatten(0, 1), batch.targets.flatten(), ignore_index=NOTHING, reduction=reduction
    )


def mean_cost(net: nn.Module, answers: Answers) -> float:
    """Nats for each symbol of all answers."""
    total = 0.0
    with evaluating(net):
        for batch in answers.batches(64, 0, device_of(net)).epoch(0):
            total += float(answer_cost(net, batch, "sum"))
    return total / int((answers.targets != NOTHING).sum())


def listening(net: GPT, dialogues: Sequence[Dialogue], alphabet: Alphabet) -> tuple[float, float | None]:
    """Nats for each symbol of the answers, told the turn before, and told one before another answer instead; None where all of them
    answer the same, as a single one does.

    The difference is what the net makes of what is said to it.
    """
    pairs = pairs_of(dialogues)
    half = len(pairs) // 2
    others = [(pairs[number - half][0], answer) for number, (_, answer) in enumerate(pairs)]

    def cost(told: Sequence[Dialogue]) -> float:
        return mean_cost(net, answers_of(told, alphabet.encode, len(alphabet), net.context))

    return cost(pairs), cost(others) if others != pairs else None


def pairs_of(dialogues: Sequence[Dialogue]) -> list[tuple[str, str]]:
    """What was said, and the answer."""
    return [pair for dialogue in dialogues for pair in zip(dialogue[::2], dialogue[1::2], strict=False)]


def answered(model: Model, turns: Sequence[str], generator: torch.Generator) -> Iterator[str]:
    """The answer of the net to the last of the turns, as it is drawn, by turns said to it and by it.

    Raises ProfundoError for a run that learned no dialogues, and for characters that the net does not know.
    """
    net, alphabet = model.networks.get("chat"), alphabet_of(model.known)
    if not isinstance(net, GPT):
        raise ProfundoError(
            "chat: this run learned from no dialogues, for its text has no speakers; give some with --set dialogues=turns.jsonl"
        )
    prompt = prompt_of([alphabet.encode(turn) for turn in turns], len(alphabet), net.context // 2)
    symbols = (int(one) for one in drawn(net.step, prompt[None].to(device_of(net)), None, drawing_of(model), generator))
    return alphabet.told(takewhile(lambda symbol: symbol < len(alphabet), islice(symbols, 2 * net.context)))


def introduction(model: Model) -> str:
    """What one talks to, in plain words."""
    net = model.networks.get("chat") or model.networks["net"]
    assert isinstance(net, GPT)
    parameters = parameter_count(net)
    known: Mapping[str, Any] = model.known
    return (
        f"A net of {parameters:,} numbers that read {known['characters']:,} characters and, of {known['answers']:,} "
        "answers, how they follow what was said. It draws likely symbols by chance: it knows nothing, means nothing, sees the last "
        f"{net.context // 2} symbols only, and what it says may be false or no language at all."
    )


def conversation(model: Model, dialogues: Sequence[Dialogue], generator: torch.Generator) -> Table:
    """Turns that training did not have, what the net answers to each, and what was answered."""
    pairs = [pair for pair in pairs_of(dialogues) if max(map(len, pair)) <= 150]
    shown = pairs[:: max(1, len(pairs) // SHOWN)][:SHOWN]
    with evaluating(model.networks["chat"]):
        rows = [[said, "".join(answered(model, [said], generator)).strip(), answer] for said, answer in shown]
    return Table(
        "Answers",
        "Turns that training did not have, what the net answers, and what the text has. Look whether an answer takes up a word, a "
        "name or a question of what was said.",
        ["said", "the net answers", "the text has"],
        rows,
    )
