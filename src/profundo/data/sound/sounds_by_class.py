"""Recordings of one's own in a folder or .zip with a folder for each class, read as all sounds are, and divided.

own = sounds_by_class(Path("recordings"))
for name, sound in own.read(): ...               # at 8 kHz
train, validation, test = own.parts(seed=0)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from profundo.data.images.layouts import Layout, arranged
from profundo.data.sound.spectrograms import read_wav
from profundo.data.splits.splits import stratified
from profundo.data.streams.archives import Files, open_files, printable
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["SoundsByClass", "sounds_by_class"]


@dataclass(frozen=True, slots=True)
class SoundsByClass:
    """used: the numbers of the files that have a class."""

    where: Path
    files: Files
    layout: Layout
    used: tuple[int, ...]

    @property
    def name(self) -> str:
        return printable(self.where.stem if self.where.is_file() else self.where.name)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.layout.classes

    @property
    def labels(self) -> list[int]:
        return [self.layout.labels[index] for index in self.used]

    @property
    def notes(self) -> tuple[Said, ...]:
        """What was left out, and why."""
        return (*self.files.notes, *self.layout.notes)

    def read(self) -> Iterator[tuple[str, Tensor]]:
        """(name, sound) of each, at 8 kHz. Raises ProfundoError for one that does not read."""
        for index in self.used:
            name = f"{printable(str(self.where))}/{self.files.name(index)}"
            try:
                content = self.files.read(index)
            except (OSError, ValueError) as error:
                raise ProfundoError(f"{name}: cannot be read: {error}") from None
            yield name, read_wav(content, name)

    def parts(self, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """Which recordings train, validate and test: those of folders so called; else of every class a fifth is the test, a tenth of
        the rest validation, by the seed. Raises ProfundoError where one of them has none."""
        labels, own = torch.tensor(self.labels), torch.Generator().manual_seed(seed)
        place = {index: at for at, index in enumerate(self.used)}
        given = {
            split: torch.tensor([place[index] for index in indices]) for split, indices in self.layout.splits.items()
        }
        rest, test = (
            (given["train"], given["test"]) if "test" in given else stratified(labels, given["train"], 0.2, own)
        )
        rest, held = (rest, given["validation"]) if "validation" in given else stratified(labels, rest, 0.1, own)
        if not all(map(len, (rest, held, test))):
            counts = Counter(self.labels)
            there = ", ".join(f"{counts[label]} of {name}" for label, name in enumerate(self.classes[:10]))
            raise ProfundoError(
                f"{printable(str(self.where))}: expected recordings enough to learn from, to validate and to test with, three of "
                f"each class or more; found {there}"
            )
        return rest, held, test


def sounds_by_class(where: Path) -> SoundsByClass:
    """Raises ProfundoError where there is neither a folder nor a .zip, or fewer than two classes."""
    files = open_files(where, "sounds")
    layout = arranged(files, "sounds")
    return SoundsByClass(
        where, files, layout, tuple(sorted(index for part in layout.splits.values() for index in part))
    )
