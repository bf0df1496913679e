"""A folder of sounds with what is said in each: in a .txt of the same name beside it, or in one CSV with the columns file, text
and, where it is known, speaker.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from profundo.data.sound.mu_law import sound_of
from profundo.data.sound.phrases import NO_WORD, Phrases, faster, side_by_side
from profundo.data.sound.spectrograms import HOP, load_wav
from profundo.data.sound.voices import Voices, joined, packed
from profundo.data.streams.archives import Folder, printable
from profundo.data.tables.table_files import read_texts
from profundo.data.text.characters import read_text
from profundo.records import ProfundoError, TableForm

__all__ = ["FEWEST", "Recordings", "Transcribed", "Unit", "transcribed_folder"]

Unit = Literal["words", "characters"]
FEWEST = 10  # recordings
MOST_LABELS = 1000
LAYOUT = "a folder of sounds with a .txt of the same name beside each, or with one CSV with the columns file and text"


class Recordings(NamedTuple):
    """voices: the sounds, of no class; labels: numbers of what is said in each."""

    voices: Voices
    labels: tuple[tuple[int, ...], ...]

    def chosen(self, indices: Tensor) -> Recordings:
        return Recordings(self.voices.chosen(indices), tuple(self.labels[index] for index in indices.tolist()))

    def phrases(self, indices: Tensor, speeds: Tensor) -> Phrases:
        """These recordings, each so many times as fast."""
        both = zip(indices.tolist(), speeds.tolist(), strict=True)
        sounds, lengths = side_by_side([faster(sound_of(self.voices[index]), speed) for index, speed in both])
        labels = [torch.tensor(self.labels[index]) for index in indices.tolist()]
        return Phrases(sounds, lengths, torch.nn.utils.rnn.pad_sequence(labels, True, NO_WORD))


@dataclass(frozen=True, slots=True)
class Transcribed:
    """labels: all there are, in their order; speakers: by number, which is −1 where none is named; every: all recordings; notes: how
    they were read."""

    labels: tuple[str, ...]
    speakers: tuple[str, ...]
    every: Recordings
    facts: Mapping[str, str]
    notes: tuple[str, ...] = ()


def transcribed_folder(where: Path, unit: Unit = "words", encoding: str | None = None) -> Transcribed:
    """encoding: of transcripts that are no UTF-8. Raises ProfundoError, with the file's name, for recordings without a transcript, or
    with a longer one than they can hold."""
    lines, notes_of_table = transcripts(where, encoding)
    if len(lines) < FEWEST:
        raise ProfundoError(
            f"{where}: expected at least {FEWEST} recordings with their transcripts, found {len(lines)}"
        )
    texts = [divided(line.text, unit) for line in lines]
    labels = sorted({label for text in texts for label in text})
    check_labels(where, labels)
    array, notes = packed((str(line.file), load_wav(line.file)) for line in lines)
    numbers = tuple(tuple(labels.index(label) for label in text) for text in texts)
    for line, text, length in zip(lines, numbers, notes["lengths"], strict=True):
        check_length(line, text, length)
    speakers = sorted({line.speaker for line in lines} - {""})
    who = [speakers.index(line.speaker) if line.speaker else -1 for line in lines]
    voices = joined(array, notes["lengths"], [0] * len(lines), who)
    digest = hashlib.sha256(array.tobytes() + repr(texts).encode()).hexdigest()
    return Transcribed(tuple(labels), tuple(speakers), Recordings(voices, numbers), {"sha256": digest}, notes_of_table)


class Line(NamedTuple):
    """speaker: empty where none is named."""

    file: Path
    text: str
    speaker: str = ""


def transcripts(where: Path, encoding: str | None) -> tuple[list[Line], tuple[str, ...]]:
    """Of every sound in the folder and in those inside it, links out of it left aside, and what was decided. Names in a CSV choose
    among these files and lead nowhere else."""
    if where.is_file():
        raise ProfundoError(
            f"{where}: expected {LAYOUT}; this is a file: give the folder that it lies in with its sounds"
        )
    if not where.is_dir():
        raise ProfundoError(f"{where}: expected {LAYOUT}; there is no such folder")
    sounds = Folder(where, "sounds")
    files = {"/".join(parts): where.joinpath(*parts) for parts in sorted(sounds.paths)}
    tables = sorted(path for path in where.iterdir() if path.suffix.lower() == ".csv" and not path.name.startswith("."))
    if not files or len(tables) > 1:
        found = f"{len(files)} sounds and {len(tables)} CSV files"
        raise ProfundoError(f"{where}: expected {LAYOUT}; found {found}")
    left = tuple(map(str, sounds.notes))
    if tables:
        lines, notes = in_table(tables[0], files, encoding)
        return lines, (*left, *notes)
    texts = {where.joinpath(*parts).with_suffix(""): where.joinpath(*parts) for parts in Folder(where, "texts").paths}
    return [beside(path, texts, encoding) for path in files.values()], left


def beside(path: Path, texts: Mapping[Path, Path], encoding: str | None) -> Line:
    """texts: by what they are called without their suffix."""
    text = texts.get(path.with_suffix(""))
    if text is None:
        name = printable(path.with_suffix(".txt").name)
        raise ProfundoError(f"{printable(str(path))}: expected {name} beside it with what is said, found none")
    return said(path, read_text(text, encoding))


def in_table(table: Path, files: Mapping[str, Path], encoding: str | None) -> tuple[list[Line], tuple[str, ...]]:
    """A line for every file, once each, and what was decided about the table."""
    frame, notes = read_texts(table, TableForm(encoding or ""))
    if not {"file", "text"} <= set(frame.columns):
        names = ", ".join(map(printable, frame.columns[:10]))
        raise ProfundoError(f"{table}: expected the columns file and text, perhaps speaker; found {names}")
    lines: dict[str, Line] = {}
    for row in frame.iter_rows(named=True):
        name = (row["file"] or "").replace("\\", "/").removeprefix("./")
        if name not in files:
            raise ProfundoError(f"{table}: expected names of sounds beside it, found {printable(name)!r}")
        if name in lines:
            raise ProfundoError(f"{table}: expected one line for each file, found two for {printable(name)}")
        lines[name] = said(files[name], row["text"] or "", (row.get("speaker") or "").strip())
    left = next((name for name in files if name not in lines), None)
    if left is not None:
        raise ProfundoError(f"{table}: expected a line for each sound, found none for {printable(left)}")
    return list(lines.values()), notes


def said(path: Path, text: str, speaker: str = "") -> Line:
    """Small letters without signs, words with one blank between them."""
    words = re.findall(r"\w+(?:['’]\w+)*", unicodedata.normalize("NFC", text).casefold())
    if not words:
        raise ProfundoError(f"{printable(str(path))}: expected words in its transcript, found {printable(text[:40])!r}")
    return Line(path, " ".join(words), speaker)


def divided(text: str, unit: Unit) -> list[str]:
    return text.split(" ") if unit == "words" else list(text)


def check_labels(where: Path, labels: Sequence[str]) -> None:
    if not 2 <= len(labels) <= MOST_LABELS:
        raise ProfundoError(
            f"{where}: expected from 2 to {MOST_LABELS:,} different labels in the transcripts, found {len(labels):,}; "
            "take unit=characters for many words"
        )


def check_length(line: Line, labels: Sequence[int], samples: int) -> None:
    """A label takes a step, and so does the blank between two that are equal."""
    needed = len(labels) + sum(one == other for one, other in pairwise(labels))
    steps = -(-(1 + samples // HOP) // 4)
    if needed > steps:
        raise ProfundoError(
            f"{printable(str(line.file))}: expected at most {steps} labels in so short a sound, found {needed} with the blanks "
            "between equal ones; cut it into longer words by unit=words, or check the transcript"
        )
