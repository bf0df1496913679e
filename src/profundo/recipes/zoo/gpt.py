"""GPT, a Transformer that writes and is talked to (Radford et al. 2018; 2019; blocks of Vaswani et al. 2017, arXiv:1706.03762).

Data: tiny Shakespeare, 1.1 million characters: the first 90 % train, the last 5 % are the test; or a text of one's own. Pieces are
characters, or byte pairs that are learned from the training part (Sennrich et al. 2016, arXiv:1508.07909). Then the net is taught to
answer, by the speakers of the plays or by dialogues of one's own: `profundo chat RUN`.

Result: 1.54 nats per character on the test and 1.41 on validation (seed 0 alone), 1.47 on both together, the tenth that nanoGPT
validates on; 5-grams come to 1.77 on the test. The LSTM of the recipe language-model does better for less, 1.51 and 1.38 in 260 s;
how far more updates would take this net was not measured. In about 965 s on one core of an AMD EPYC, no GPU. It does not listen: an
answer costs 1.461 nats a symbol after the turn that it answers, 1.452 after another one. A character is written in 1.6 ms.
512 byte pairs, 12 epochs of them in 646 s without the answering: 1.53 nats per character, 1.36 on validation (seed 0 alone).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from profundo.data.text.byte_pairs import learned_pairs
from profundo.data.text.characters import SMALLEST_TEXT, Text, Windows
from profundo.data.text.dialogues import ADDED, answers_of
from profundo.evaluate.scores import evaluating
from profundo.evaluate.sequences.ngrams import ngram_bits
from profundo.evaluate.sequences.sequence_figures import nats_in_windows
from profundo.nets.causal_transformer import GPT
from profundo.nets.summary import parameter_count
from profundo.objectives.sequence_likelihood import sequence_cost
from profundo.pictures.exhibits import Exhibit, Table
from profundo.recipes.context import Context, Trained
from profundo.recipes.net_outputs import device_of
from profundo.recipes.own_data import OwnText, Takes
from profundo.recipes.recipe import Conversation, Model, Outcome, Recipe
from profundo.recipes.recipe_charts import by_epoch
from profundo.recipes.stretches import batch_that_fits, stretched
from profundo.recipes.writing.continuing import Alphabet, Manner, alphabet_of, passages, streamed
from profundo.recipes.writing.conversing import (
    Parts,
    answer_cost,
    answered,
    begin_as,
    check_known,
    conversation,
    dialogues_of,
    introduction,
    listening,
    mean_cost,
    pairs_of,
)
from profundo.records import Batch
from profundo.runs.settings.setting_values import Layers, Positive, Several, Share, Whole
from profundo.train import Batches, Descent, Plan, optimizer, schedule
from profundo.train.updates import autocast

__all__ = ["RECIPE", "Settings", "generate", "networks", "run", "training"]

ORDERS = 6  # of the n-grams beside it
HELD = "validation nats/char"


@dataclass(frozen=True, slots=True)
class Settings:
    """data: a text of one's own in place of tiny Shakespeare, a file or a folder or .zip of .txt files; encoding: of one that
    is no UTF-8.

    pieces: what the net reads and writes; merges: pairs that are joined, of byte pairs.
    width, heads, layers: of the net; context: pieces that it sees at once.
    batch_size: windows of a context in one update; dropout: share of what each branch adds that is set to zero in training; clip: the
    largest norm of a gradient; decay: of weights.
    temperature: of the pieces drawn; below 1 the likelier ones come more often.
    dialogues: a file of JSON lines of turns that it learns to answer from, in place of the text's speakers; chat_epochs: 0 for none.
    """

    data: OwnText = None
    encoding: str | None = None
    pieces: Literal["characters", "byte pairs"] = "characters"
    merges: Whole = 512
    width: Whole = 192
    heads: Whole = 3
    layers: Layers = 4
    context: Several = 128
    batch_size: Whole = 16
    epochs: Whole = 8
    learning_rate: Positive = 0.002
    dropout: Share = 0.1
    clip: Positive = 1.0
    decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.1
    temperature: Positive = 0.8
    dialogues: str | None = None
    chat_epochs: Annotated[int, Field(ge=0)] = 1
    chat_rate: Positive = 0.0003


def networks(settings: Settings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    """The net that writes and, where there were dialogues, the one that answers."""
    symbols = len(alphabet_of(known))
    sizes = {name: getattr(settings, name) for name in ("heads", "layers", "dropout")} | {"context": known["context"]}
    more = {"net": 0, "chat": ADDED} if known["answers"] else {"net": 0}
    return {name: GPT(symbols + added, settings.width, **sizes) for name, added in more.items()}


def run(context: Context, settings: Settings) -> Outcome:
    text = context.text(settings.data, settings.encoding)
    dialogues = dialogues_of(settings.dialogues, text, context.seed) if settings.chat_epochs else None
    if settings.dialogues is not None:
        context.facts["dialogues"] = {"sha256": hashlib.sha256(json.dumps(dialogues).encode()).hexdigest()}
    known = known_of(settings, text, dialogues)
    nets, alphabet = networks(settings, known), alphabet_of(known)
    if settings.dialogues is not None and dialogues is not None:
        check_known(settings.dialogues, dialogues, alphabet)
    model, net = Model(settings, nets, known), nets["net"]
    (before,) = generate(model, 1, context.generator("before"), "")
    trained = train(context, settings, text, net, alphabet)
    score = nats_per_character(net, text.parts[2], alphabet)
    held, rivals = (
        [math.log(2) * bits for bits in ngram_bits(text.train, part, len(text.vocabulary), ORDERS)]
        for part in (text.validation, text.test)
    )
    best = min(range(ORDERS), key=held.__getitem__)
    (after,) = generate(model, 1, context.generator("after"), "")
    chat = answering(context, settings, model, dialogues) if dialogues else Chat()
    return Outcome(
        scores={"nats/char": score, "validation nats/char": trained.history[HELD][-1], **chat.scores},
        baseline={"nats/char": rivals[best], **chat.baseline},
        against={"nats/char": f"Witten–Bell {best + 1}-grams", **dict.fromkeys(chat.baseline, "after another turn")},
        exhibits=[
            replace(
                after,
                title="A passage",
                caption=f"{after.caption} Look at names, lines and words: the net spelled them all.",
            ),
            *chat.exhibits,
            replace(before, title="The same before training"),
            by_epoch(
                "Nats per character",
                "On the validation part after every epoch, with the test part's figure for n-grams of the order that is best here.",
                {"GPT": trained.history[HELD]},
                levels={f"{best + 1}-grams": rivals[best]},
                y_label="nats per character",
            ),
            rivals_table(settings, rivals, score, net, len(text.vocabulary)),
        ],
        networks=nets,
        known=known,
        conclusion=f"A character of the unseen last twentieth costs {score:.3f} nats, {score / math.log(2):.3f} bits; "
        f"{rivals[best]:.3f} nats with {best + 1}-grams, the best count model by validation.{chat.conclusion}",
    )


def known_of(settings: Settings, text: Text, dialogues: Parts | None) -> dict[str, Any]:
    """What is needed, with the settings, to build the nets and to use them."""
    told = text.parts[0]
    pieces = (
        {"vocabulary": text.vocabulary}
        if settings.pieces == "characters"
        else {"merges": [list(pair) for pair in learned_pairs(told, settings.merges)]}
    )
    symbols = len(alphabet_of(pieces).encode(told))
    return {
        **pieces,
        "characters": len(told),
        "context": max(2, min(settings.context, symbols // 10)),  # of a short text there are several windows
        "answers": len(pairs_of(dialogues[0])) if dialogues else 0,
    }


# ------------------------------------------------------------------------------------------------------------- writing
def train(context: Context, settings: Settings, text: Text, net: nn.Module, alphabet: Alphabet) -> Trained:
    assert isinstance(net, GPT)
    update, windows = training(context, settings, alphabet.encode(text.parts[0]), net)
    return context.train(
        update,
        windows,
        Plan(settings.epochs, schedule("one-cycle")),
        validate=lambda: {HELD: nats_per_character(net, text.parts[1], alphabet)},
    )


def training(context: Context, settings: Settings, symbols: Tensor, net: GPT) -> tuple[Descent, Batches]:
    """What one update does, and to which windows."""
    precision = context.precision()

    def cost(batch: Batch) -> Mapping[str, Tensor]:
        with autocast(precision, batch.inputs.device):
            logits, _ = net(batch.inputs)
        return {"loss": sequence_cost(logits, batch.targets)}

    size = batch_that_fits(settings.batch_size, len(symbols), net.context)
    windows = Windows(symbols, net.context, size, seed=context.seed, device=context.device)
    return descent(net, cost, settings, settings.learning_rate), stretched(windows, settings.data is not None)


def descent(net: GPT, cost: Callable[[Batch], Mapping[str, Tensor]], settings: Settings, rate: float) -> Descent:
    return Descent(net, cost, optimizer("adamw", net, rate, settings.decay), clip=settings.clip)


def nats_per_character(net: nn.Module, part: str, alphabet: Alphabet) -> float:
    """Mean of −log p over the characters of a text but those of its first piece, whatever the pieces are."""
    assert isinstance(net, GPT)
    symbols = alphabet.encode(part).to(device_of(net))
    with evaluating(net):
        nats = nats_in_windows(lambda some: net(some)[0], symbols, net.context)
    return nats / (len(part) - len(alphabet.decode(symbols[:1].cpu())))


def rivals_table(settings: Settings, ngrams: Sequence[float], score: float, net: nn.Module, symbols: int) -> Table:
    assert isinstance(net, GPT)
    return Table(
        "Rivals",
        "Nats per character on the test part. An n-gram predicts from the n − 1 characters before; the GPT from up to "
        f"{net.context} {settings.pieces} before, half of them at least.",
        ["model", "nats/char", "bits/char"],
        [
            [name, nats, nats / math.log(2)]
            for name, nats in [
                ("uniform", math.log(symbols)),
                *((f"{order}-grams", value) for order, value in enumerate(ngrams, 1)),
                (f"GPT of {settings.pieces}, {parameter_count(net):,} parameters", score),
            ]
        ],
    )


def generate(model: Model, count: int, generator: torch.Generator, prompt: str) -> list[Exhibit]:
    """So many passages that go on from the prompt, which is shown with them."""
    return passages(model, count, generator, prompt)


# ----------------------------------------------------------------------------------------------------------- answering
@dataclass(frozen=True, slots=True)
class Chat:
    """What the fine-tuning adds to the outcome; nothing, unless there were dialogues."""

    scores: Mapping[str, float] = field(default_factory=dict)
    baseline: Mapping[str, float] = field(default_factory=dict)
    exhibits: Sequence[Exhibit] = ()
    conclusion: str = ""


def answering(context: Context, settings: Settings, model: Model, dialogues: Parts) -> Chat:
    """Teach the net "chat", which begins as the net that writes, to answer."""
    net, alphabet = model.networks["chat"], alphabet_of(model.known)
    assert isinstance(net, GPT)
    begin_as(net, model.networks["net"])
    told, held = (answers_of(part, alphabet.encode, len(alphabet), net.context) for part in dialogues[:2])
    precision = context.precision()

    def cost(batch: Batch) -> Mapping[str, Tensor]:
        with autocast(precision, batch.inputs.device):
            return {"loss": answer_cost(net, batch)}

    context.train(
        descent(net, cost, settings, settings.chat_rate),
        told.batches(settings.batch_size, context.seed, context.device),
        Plan(settings.chat_epochs, schedule("one-cycle")),
        name="answering",
        validate=lambda: {"validation nats/symbol": mean_cost(net, held)},
    )
    right, other = listening(net, dialogues[2], alphabet)
    return Chat(
        scores={"answers, nats/symbol": right},
        baseline={"answers, nats/symbol": other} if other is not None else {},
        exhibits=[conversation(model, dialogues[2], context.generator("conversation"))],
        conclusion=f" An answer costs {right:.3f} nats a symbol after the turn that it answers{heard(other)}",
    )


def heard(other: float | None) -> str:
    if other is None:
        return "; whether the net listens cannot be told, for the test has no two different turns that are answered."
    return f", {other:.3f} after another one: the difference is how much the net listens."


RECIPE = Recipe(
    Settings,
    Settings(width=32, heads=2, layers=2, context=32, batch_size=128, epochs=1, chat_epochs=1),
    run,
    networks=networks,
    generate=generate,
    wishes=Manner,
    streamed=streamed,
    conversation=Conversation(introduction, answered),
    takes=Takes("text", samples=SMALLEST_TEXT),
)
