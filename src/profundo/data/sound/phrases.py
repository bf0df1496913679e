"""Phrases: several spoken words in one sound, joined from recordings of single ones or recorded as a whole, with noise over them.

phrases = with_noise(joined(voices.train, 32, Joining(), own), (0.0, 30.0), own)     # own: a torch.Generator
batch = heard(phrases)                                                           # spectrograms and symbols
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.data.sound.mu_law import sound_of
from profundo.data.sound.spectrograms import HOP, RATE, log_mels
from profundo.data.sound.voices import Voices
from profundo.data.text.sequence_batches import Padded
from profundo.records import END, PAD

__all__ = [
    "FIRST",
    "NO_WORD",
    "QUIETEST",
    "SILENCE",
    "Joining",
    "Phrases",
    "faster",
    "heard",
    "joined",
    "side_by_side",
    "strung",
    "together",
    "with_noise",
]

NO_WORD = -1  # fills up lists of words
FIRST = END + 1  # the symbol of word 0
QUIETEST = (
    -50.0
)  # dB below the loudest; what is softer is silence, so that a sound without noise is no stranger than one with little
SILENCE = -2.0  # QUIETEST, in the units of batches
NO_PAUSE = 0.25  # share of the words that follow one another without any


@dataclass(frozen=True, slots=True)
class Phrases:
    """sounds: float32 (phrases, samples) at 8 kHz, zeros after the end of each; lengths: int64 (phrases,), in samples.

    words: int64 (phrases, most), numbers from 0, then NO_WORD. spans: int64 (phrases, most, 2), the samples from which and up to
    which each word is said; None where nobody knows.
    """

    sounds: Tensor
    lengths: Tensor
    words: Tensor
    spans: Tensor | None = None

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> Tensor:
        """The sound of one of them, (samples,)."""
        return self.sounds[index, : int(self.lengths[index])]

    @property
    def counts(self) -> Tensor:
        """Words of each."""
        return (self.words != NO_WORD).sum(1)

    def said(self, index: int) -> list[int]:
        words: list[int] = self.words[index, : int(self.counts[index])].tolist()
        return words

    def chosen(self, indices: Tensor) -> Phrases:
        spans = self.spans[indices] if self.spans is not None else None
        return Phrases(self.sounds[indices], self.lengths[indices], self.words[indices], spans)


@dataclass(frozen=True, slots=True)
class Joining:
    """words: the fewest and the most of a phrase. pause: the longest between two of them, and at both ends, in seconds. speed: a
    whole phrase is faster and higher, or slower and lower, by up to this share (Ko et al. 2015), as another voice would be."""

    words: tuple[int, int] = (1, 5)
    pause: float = 0.3
    speed: float = 0.0


def joined(voices: Voices, count: int, how: Joining, own: torch.Generator) -> Phrases:
    """So many phrases, each of recordings of one speaker that are drawn with equal chances."""
    fewest, most = how.words
    numbers = torch.randint(fewest, most + 1, (count,), generator=own).tolist()
    places, chances = torch.rand(count, most, generator=own), torch.rand(count, most + 1, generator=own)
    pauses = ((chances - NO_PAUSE).clamp_min(0) / (1 - NO_PAUSE) * how.pause * RATE).long()
    speeds = (1 + how.speed) ** (2 * torch.rand(count, generator=own) - 1)
    speakers = [(voices.speakers == one).nonzero().squeeze(1) for one in sorted(set(voices.speakers.tolist()))]
    who = torch.randint(len(speakers), (count,), generator=own).tolist()
    parts, words = [], torch.full((count, most), NO_WORD)
    for row, number in enumerate(numbers):
        theirs = speakers[who[row]]
        which = theirs[(places[row, :number] * len(theirs)).long()]
        words[row, :number] = voices.classes[which]
        recordings = [faster(sound_of(voices[index]), float(speeds[row])) for index in which.tolist()]
        parts.append(strung(recordings, pauses[row].tolist()))
    sounds, lengths = side_by_side([sound for sound, _ in parts])
    spans = torch.stack([F.pad(spans, (0, 0, 0, most - len(spans))) for _, spans in parts])
    return Phrases(sounds, lengths, words, spans)


def faster(sound: Tensor, factor: float) -> Tensor:
    """Samples between samples on a straight line."""
    if factor == 1:
        return sound
    size = max(1, round(len(sound) / factor))
    return F.interpolate(sound[None, None], size=size, mode="linear", align_corners=False)[0, 0]


def strung(recordings: Sequence[Tensor], pauses: Sequence[int]) -> tuple[Tensor, Tensor]:
    """One sound, and where in it each recording is, int64 (recordings, 2). pauses: samples before each, then after the last."""
    lengths = torch.tensor([len(one) for one in recordings])
    ends = (lengths + torch.tensor(pauses[: len(recordings)])).cumsum(0)
    spans = torch.stack([ends - lengths, ends], 1)
    sound = torch.zeros(int(ends[-1]) + pauses[len(recordings)])
    for recording, (begin, end) in zip(recordings, spans.tolist(), strict=True):
        sound[begin:end] = recording
    return sound, spans


def side_by_side(sounds: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """(sounds, samples), filled up with zeros, and the lengths."""
    return torch.nn.utils.rnn.pad_sequence(list(sounds), batch_first=True), torch.tensor([len(one) for one in sounds])


def together(*parts: Voices) -> Voices:
    """Recordings of one archive that had been divided."""
    whole = (
        torch.cat([getattr(part, name) for part in parts]) for name in ("starts", "lengths", "classes", "speakers")
    )
    return Voices(parts[0].codes, *whole)


def with_noise(phrases: Phrases, decibels: tuple[float, float], own: torch.Generator) -> Phrases:
    """Each with noise of its own colour, from white to pink, over all of it.

    decibels: the least and the most that the power of what is said, pauses left out, lies above that of the noise; drawn uniformly.
    Infinite ones add none.
    """
    count, samples = phrases.sounds.shape
    low, high = decibels
    above = torch.full((count,), low) if low == high else low + (high - low) * torch.rand(count, generator=own)
    waves = torch.fft.rfft(torch.randn(count, samples, generator=own))
    slopes = torch.rand(count, 1, generator=own) / 2  # of the amplitudes, half that of the power
    hiss = torch.fft.irfft(waves * torch.arange(1, waves.shape[1] + 1) ** -slopes, samples)
    said = phrases.sounds.square().sum(1) / (phrases.sounds != 0).sum(1).clamp_min(1)
    level = (said / hiss.square().mean(1)).sqrt() * 10 ** (-above / 20)
    inside = torch.arange(samples) < phrases.lengths[:, None]
    return replace(phrases, sounds=(phrases.sounds + level[:, None] * hiss) * inside)


def heard(phrases: Phrases, device: torch.device | str = "cpu") -> Padded:
    """What a net hears and is to write. inputs: float32 (phrases, frames, bands), dB from QUIETEST to 0 as [−2, 2], silence after the
    end; lengths: in frames. targets: int64 (phrases, most + 1), FIRST + the number of each word, END, PAD."""
    lengths = 1 + phrases.lengths // HOP
    levels = 2 - 4 * (log_mels(phrases.sounds) / QUIETEST).clamp(max=1)
    inputs = levels.masked_fill((torch.arange(levels.shape[1]) >= lengths[:, None])[:, :, None], SILENCE)
    targets = F.pad((phrases.words + FIRST).masked_fill(phrases.words == NO_WORD, PAD), (0, 1), value=PAD)
    targets.scatter_(1, phrases.counts[:, None], END)
    return Padded(inputs.to(device), targets.to(device), len(phrases), lengths)
