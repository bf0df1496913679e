"""Phrases to learn from and to be judged by: joined from the spoken digits, or recordings of one's own with their transcripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Generator

from profundo.data.sound.phrases import Joining, Phrases, joined, together
from profundo.data.sound.spectrograms import HOP, RATE
from profundo.data.sound.transcribed import FEWEST, Recordings, Transcribed, Unit, transcribed_folder
from profundo.data.sound.voices import Voices, digit_voices
from profundo.nets.speech_nets import STRIDE
from profundo.records import ProfundoError

__all__ = ["STEP", "Draw", "Speech", "digit_speech", "own_speech"]

Draw = Callable[[int, Joining, Generator], Phrases]
"""So many phrases, without noise."""
STEP = STRIDE * HOP / RATE  # seconds that the nets take at once
ENOUGH = 3  # speakers, for one of them to be left out


@dataclass(frozen=True, slots=True)
class Speech:
    """labels: what phrases are made of; between: what stands between two that are written.

    test: by "known" speakers and, where there is one, by an "unknown" one, left_out, whom neither training nor validation hears.
    joins: whether phrases are joined from single words. notes: how they were read.
    """

    labels: tuple[str, ...]
    between: str
    train: Draw
    validation: Draw
    test: Mapping[str, Draw]
    left_out: str
    joins: bool
    facts: Mapping[str, str]
    notes: tuple[str, ...] = ()


def digit_speech(unknown: str | None, seed: int, data_dir: str | None) -> Speech:
    """Recordings of the Free Spoken Digit Dataset, divided by takes as everywhere; of the speaker who is left out, all of them.

    Raises ProfundoError where they are missing, and for a speaker that there is not.
    """
    voices = digit_voices(data_dir=data_dir)
    away = left_out(unknown, voices.speakers, seed)
    parts = voices.train, voices.validation, voices.test
    train, validation, known = (partial(drawn, part.chosen((part.speakers != away).nonzero()[:, 0])) for part in parts)
    strange = together(*(part.chosen((part.speakers == away).nonzero()[:, 0]) for part in parts))
    return Speech(
        voices.classes,
        " ",
        train,
        validation,
        {"known": known, "unknown": partial(drawn, strange)},
        voices.speakers[away],
        True,
        voices.facts,
    )


def drawn(voices: Voices, count: int, how: Joining, own: Generator) -> Phrases:
    return joined(voices, count, how, own)


def left_out(asked: str | None, speakers: tuple[str, ...], seed: int) -> int:
    """The number of the speaker who is asked for; or one by the seed, so that seeds differ in it, too."""
    if asked is None:
        return seed % len(speakers)
    if asked not in speakers:
        raise ProfundoError(f"unknown: expected a speaker of {', '.join(speakers[:20])}, got {asked!r}")
    return speakers.index(asked)


def own_speech(where: Path, unit: Unit, unknown: str | None, seed: int, encoding: str | None = None) -> Speech:
    """Of three speakers or more, one is left out; a fifth of the other recordings is the test, a tenth of the rest validation.

    Raises ProfundoError for a speaker who cannot be left out. A recording without a speaker's name stays with the others.
    """
    own = transcribed_folder(where, unit, encoding)
    away = stranger(where, own, unknown, seed)
    speakers = own.every.voices.speakers
    is_strange = torch.zeros(len(speakers), dtype=torch.bool) if away is None else speakers == away
    rest, strange = (~is_strange).nonzero()[:, 0], is_strange.nonzero()[:, 0]
    rest = rest[torch.randperm(len(rest), generator=Generator().manual_seed(seed))]
    tested, held = max(1, len(rest) // 5), max(1, len(rest) // 12)
    known, validation, train = (
        partial(recorded, own.every.chosen(part))
        for part in torch.split(rest, [tested, held, len(rest) - tested - held])
    )
    test: dict[str, Draw] = {"known": known}
    if away is not None:
        test["unknown"] = partial(recorded, own.every.chosen(strange))
    who = "" if away is None else own.speakers[away]
    return Speech(own.labels, " " if unit == "words" else "", train, validation, test, who, False, own.facts, own.notes)


def stranger(where: Path, own: Transcribed, asked: str | None, seed: int) -> int | None:
    """The number of the speaker who is left out, so that as many recordings remain as a folder must have; None: nobody."""
    by = own.every.voices.speakers.tolist()
    total, spoken = len(by), [by.count(at) for at in range(len(own.speakers))]
    may = [at for at, count in enumerate(spoken) if total - count >= FEWEST] if len(own.speakers) >= ENOUGH else []
    if asked is None:
        return may[seed % len(may)] if may else None
    if len(own.speakers) < ENOUGH:
        raise ProfundoError(
            f"unknown: expected none to be left out of fewer than {ENOUGH} speakers; {where} names {len(own.speakers)} in the column "
            "speaker of its CSV"
        )
    away = left_out(asked, own.speakers, seed)
    if away not in may:
        raise ProfundoError(
            f"unknown: expected at least {FEWEST} recordings without the speaker who is left out; {asked!r} speaks {spoken[away]} "
            f"of {total}, which leaves {total - spoken[away]}"
        )
    return away


def recorded(recordings: Recordings, count: int, how: Joining, own: Generator) -> Phrases:
    """So many of them, at most all, each as fast as it is drawn."""
    which = torch.randperm(len(recordings.labels), generator=own)[:count]
    return recordings.phrases(which, (1 + how.speed) ** (2 * torch.rand(len(which), generator=own) - 1))
