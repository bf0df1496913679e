"""Character language model with an LSTM (Graves 2013, arXiv:1308.0850; Karpathy 2015, "The unreasonable effectiveness").

Data: tiny Shakespeare, 1.1 million characters of 65 kinds: the first 90 % train, the last 5 % are the test. A recurrent net
reads windows of the text and predicts each next character; gradients are clipped (Pascanu, Mikolov & Bengio 2013).

Result: 2.19 bits per character on the test (seeds 0–2, 2.17 to 2.22), where the frequencies of the characters give 4.85 and
Witten–Bell 5-grams, the best of the n-grams, 2.55; in about 260 s on one core of an AMD EPYC, no GPU.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from profundo.data.text.characters import SMALLEST_TEXT, Text, Windows
from profundo.evaluate.sequences.ngrams import ngram_bits
from profundo.evaluate.sequences.sequence_figures import bits_per_symbol
from profundo.nets.recurrent import Cell, LanguageModel
from profundo.objectives.sequence_likelihood import sequence_cost
from profundo.pictures.exhibits import Exhibit, Table
from profundo.recipes.context import Context
from profundo.recipes.own_data import OwnText, Takes
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.recipe_charts import by_epoch
from profundo.recipes.stretches import batch_that_fits, stretched
from profundo.recipes.writing.continuing import Manner, passages, streamed
from profundo.records import Batch
from profundo.runs.settings.setting_values import Layers, Positive, Share, Whole
from profundo.train import Batches, Descent, Plan, optimizer, schedule
from profundo.train.updates import autocast

__all__ = ["RECIPE", "Settings", "generate", "networks", "run", "training"]

ORDERS = 6  # of the n-grams beside it


@dataclass(frozen=True, slots=True)
class Settings:
    """data: a text of one's own in place of tiny Shakespeare, a file or a folder or .zip of .txt files; encoding: of one that
    is no UTF-8.

    cell: lstm, gru or plain; width, layers: of the recurrent net; embedding: numbers for a character.
    length: characters of a window, through which gradients flow; batch_size: windows of one update.
    dropout: share of the outputs set to zero in training; clip: the largest norm of a gradient.
    temperature: of the characters drawn; below 1 the likelier ones come more often.
    """

    data: OwnText = None
    encoding: str | None = None
    cell: Cell = "lstm"
    width: Whole = 384
    layers: Layers = 1
    embedding: Whole = 128
    length: Whole = 48
    batch_size: Whole = 32
    epochs: Whole = 12
    learning_rate: Positive = 0.006
    dropout: Share = 0.2
    clip: Positive = 1.0
    temperature: Positive = 0.8


def networks(settings: Settings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    sizes = {"layers": settings.layers, "embedding": settings.embedding}
    return {
        "net": LanguageModel(
            len(known["vocabulary"]), settings.width, cell=settings.cell, dropout=settings.dropout, **sizes
        )
    }


def run(context: Context, settings: Settings) -> Outcome:
    text = context.text(settings.data, settings.encoding)
    known = {"vocabulary": text.vocabulary}
    net = networks(settings, known)["net"]
    assert isinstance(net, LanguageModel)
    model = Model(settings, {"net": net}, known)
    before = generate(model, 1, context.generator("before"), "")
    update, windows = training(context, settings, text, net)
    validation, test = text.validation.to(context.device), text.test.to(context.device)
    trained = context.train(
        update,
        windows,
        Plan(settings.epochs, schedule("one-cycle")),
        validate=lambda: {"validation bits/char": bits_per_symbol(net, validation)},
    )
    score = bits_per_symbol(net, test, streams=8)
    held, rivals = (ngram_bits(text.train, part, len(text.vocabulary), ORDERS) for part in (text.validation, text.test))
    best = min(range(ORDERS), key=held.__getitem__)
    return Outcome(
        scores={"bits/char": score, "validation bits/char": trained.history["validation bits/char"][-1]},
        baseline={"bits/char": rivals[best]},
        against=f"Witten–Bell {best + 1}-grams",
        exhibits=[
            replace(generate(model, 1, context.generator("after"), "")[0], title="A passage"),
            replace(before[0], title="The same before training"),
            by_epoch(
                "Bits per character",
                "On the validation part after every epoch, with the test part's figure for n-grams of the order that is best here.",
                {"LSTM" if settings.cell == "lstm" else settings.cell: trained.history["validation bits/char"]},
                levels={f"{best + 1}-grams": rivals[best]},
                y_label="bits per character",
            ),
            _rivals(settings, rivals, score, len(text.vocabulary)),
        ],
        networks={"net": net},
        known=known,
        conclusion=f"A character of the unseen last twentieth costs {score:.3f} bits; {rivals[0]:.3f} if only its frequency "
        f"is known, {rivals[best]:.3f} with {best + 1}-grams, the best count model by validation.",
    )


def _rivals(settings: Settings, ngrams: Sequence[float], score: float, symbols: int) -> Table:
    return Table(
        "Rivals",
        "Bits per character on the test part. An n-gram predicts from the n − 1 characters before.",
        ["model", "bits/char"],
        [
            ["uniform", math.log2(symbols)],
            *((f"{order}-grams", value) for order, value in enumerate(ngrams, 1)),
            [f"{settings.cell}, width {settings.width}", score],
        ],
    )


def training(context: Context, settings: Settings, text: Text, net: LanguageModel) -> tuple[Descent, Batches]:
    """What one update does, and to which windows."""
    precision = context.precision(net)

    def cost(batch: Batch) -> Mapping[str, Tensor]:
        with autocast(precision, batch.inputs.device):
            logits, _ = net(batch.inputs)
        return {"loss": sequence_cost(logits, batch.targets)}

    update = Descent(net, cost, optimizer("adam", net, settings.learning_rate), clip=settings.clip)
    size = batch_that_fits(settings.batch_size, len(text.train), settings.length)
    windows = Windows(text.train, settings.length, size, seed=context.seed, device=context.device)
    return update, stretched(windows, settings.data is not None)


def generate(model: Model, count: int, generator: torch.Generator, prompt: str) -> list[Exhibit]:
    """So many passages that go on from the prompt, which is shown with them."""
    return passages(model, count, generator, prompt)


RECIPE = Recipe(
    Settings,
    Settings(width=32, embedding=16, epochs=1, length=64, batch_size=256, dropout=0.0),
    run,
    networks=networks,
    generate=generate,
    wishes=Manner,
    streamed=streamed,
    takes=Takes("text", samples=SMALLEST_TEXT),
)
