"""The simple way to write down a phrase: cut it where it is quiet, and let a classifier of single words name each piece."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import NamedTuple

import torch
from torch import Generator, nn

from profundo.data.sound.phrases import Joining, Phrases, with_noise
from profundo.data.sound.silences import loud_stretches
from profundo.data.sound.spectrograms import RATE
from profundo.data.sound.spoken import SpokenWords, Utterances, utterances
from profundo.evaluate.sequences.edit_distance import label_error_rate
from profundo.recipes.context import Context
from profundo.recipes.speech.speech_data import Draw, Speech
from profundo.recipes.zoo import spoken_digits as listener

__all__ = ["Cutter", "Heard", "cut_and_named", "cutter", "named_words"]

THRESHOLDS, PAUSES = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5), (1, 2, 4, 7)  # of which validation chooses
ENOUGH = 60  # phrases, to choose by


class Heard(NamedTuple):
    """labels: numbers of those that were written; seconds: when each is said."""

    labels: list[int]
    seconds: list[float]


class Cutter(NamedTuple):
    ears: nn.Module
    threshold: float
    pause: int


def cutter(
    context: Context, speech: Speech, noise: tuple[float, float], words: int, epochs: int, held: Phrases
) -> Cutter:
    """The net of the recipe spoken-digits, which learns so many single words with noise, and what cuts `held` best for it."""
    own, few = context.generator("single words"), -(-words // 5)
    train, held_words = (
        named_words(draw, count, noise, own) for draw, count in ((speech.train, words), (speech.validation, few))
    )
    asked = listener.Settings(epochs=epochs)
    net = listener.networks(asked, {"classes": speech.labels})["net"]
    single = SpokenWords("words", speech.labels, train, held_words, held_words, speech.facts)  # no test: phrases are
    listener.train(context, asked, single, net, name="single words")
    ways = [Cutter(net, threshold, pause) for threshold, pause in product(THRESHOLDS, PAUSES)]
    enough = held.chosen(torch.arange(min(ENOUGH, len(held))))
    return min(ways, key=lambda way: mistakes(way, enough))


def named_words(draw: Draw, count: int, noise: tuple[float, float], own: Generator) -> Utterances:
    phrases = with_noise(draw(count, Joining((1, 1), pause=0.05), own), noise, own)
    spoken = utterances((str(number), phrases[number]) for number in range(len(phrases)))
    return replace(spoken, targets=phrases.words[:, 0])


def mistakes(way: Cutter, held: Phrases) -> float:
    written = cut_and_named(way, held)
    return label_error_rate((held.said(at), one.labels) for at, one in enumerate(written))


def cut_and_named(way: Cutter, phrases: Phrases) -> list[Heard]:
    """Of each phrase the label of every piece, and its middle."""
    cuts = [loud_stretches(phrases[at], way.threshold, way.pause) for at in range(len(phrases))]
    pieces = [(at, begin, end) for at, stretches in enumerate(cuts) for begin, end in stretches]
    written = [Heard([], []) for _ in cuts]
    if pieces:
        spoken = utterances(("", phrases[at][begin:end]) for at, begin, end in pieces)
        for (at, begin, end), label in zip(pieces, listener.answers(way.ears, spoken).argmax(1).tolist(), strict=True):
            written[at].labels.append(label)
            written[at].seconds.append((begin + end) / 2 / RATE)
    return written
