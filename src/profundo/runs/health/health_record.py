"""What the doctor came to in a training, as its folder keeps it: doctor.json, and vital_signs.npz beside it."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from profundo.doctor import Finding
from profundo.doctor.verdicts import LEVELS, Severity, number, page_of
from profundo.files import PUT_BACK, in_words, read_object, write_bytes
from profundo.looks.findings import in_lines
from profundo.records import ProfundoError
from profundo.runs.health.remedies import Changes, in_options

__all__ = ["Cured", "Diagnosis", "Health", "read_health", "read_vital_signs", "vital_signs_in", "write_vital_signs"]

LARGEST_SIGNS = 64 << 20  # bytes unpacked


class Diagnosis(BaseModel):
    """A finding in the words of settings. epoch: after which it was made; proof: what was tried, empty of facts."""

    cause: str
    where: str
    severity: Severity
    evidence: dict[str, Any]
    remedy: str
    proof: str = ""
    epoch: int = 0

    @property
    def numbers(self) -> str:
        return ", ".join(f"{name} {number(value)}" for name, value in self.evidence.items())

    @property
    def sure(self) -> str:
        return f"Proved: {self.proof}." if self.proof else "A fact."

    @property
    def lines(self) -> list[str]:
        """In the form in which every finding is printed."""
        what, more = f"{self.cause} in {self.where}: {self.numbers}", f"more: {page_of(self.cause)}"
        return in_lines(LEVELS[self.severity], what, self.remedy, self.sure, more)

    def __str__(self) -> str:
        return f"{self.cause} in {self.where}: {self.numbers}. {self.sure} Do: {self.remedy} ({page_of(self.cause)})"


class Cured(BaseModel):
    """What was changed, each setting before and after, and after how many epochs the training went on from."""

    cause: str
    epoch: int
    changes: dict[str, tuple[Any, Any]]
    since: int

    def __str__(self) -> str:
        where = f"from the checkpoint in epoch {self.since + 1}" if self.since else "from the start"
        after = in_options({name: after for name, (_, after) in self.changes.items()})
        before = in_options({name: before for name, (before, _) in self.changes.items() if before is not None})
        return f"{self.cause}: {after}{f' in place of {before}' if before else ''}, {where}"


class Health(BaseModel):
    """findings: the gravest first, of each examination. cures: what was changed. notes: what could not be looked at."""

    findings: list[Diagnosis] = []
    cures: list[Cured] = []
    notes: list[str] = []
    looks: Annotated[int, Field(ge=0)] = 0
    steps: Annotated[int, Field(ge=0)] = 0

    def __str__(self) -> str:
        lines = [str(one) for one in self.findings] or [
            f"nothing was found; looked at {self.looks} of {self.steps} steps"
        ]
        return "\n".join([*lines, *(f"changed: {one}" for one in self.cures), *(f"note: {one}" for one in self.notes)])


def diagnosis(finding: Finding, changes: Changes, epoch: int) -> Diagnosis:
    tried = finding.experiment
    proof = ""
    if tried is not None:
        ours, theirs = (sum(one) / len(one) for one in (tried.without, tried.with_cure))
        course = "as many epochs" if "batch_size" in changes else f"{tried.steps} steps"
        proof = f"skill {ours:.2f} → {theirs:.2f} in {course}, {len(tried.without)} seeds"
    evidence = {
        name: value if isinstance(value, int | float) else str(value) for name, value in finding.evidence.items()
    }
    remedy = in_options(changes) or finding.remedy
    return Diagnosis(
        cause=finding.cause, where=finding.where, severity=finding.severity, evidence=evidence, remedy=remedy, proof=proof,
        epoch=epoch,
    )  # fmt: skip


def read_health(path: Path) -> Health | None:
    """None where a run was not watched. Raises ProfundoError for a damaged file."""
    if not path.is_file():
        return None
    try:
        return Health.model_validate(read_object(path))
    except ValidationError as error:
        raise ProfundoError(
            f"{path}: expected what the doctor keeps of a training; {in_words(error)}; {PUT_BACK}"
        ) from None


def write_vital_signs(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **dict(arrays))
    write_bytes(path, file.getvalue())


def read_vital_signs(path: Path) -> dict[str, np.ndarray]:
    """Empty where a run was not watched. Raises ProfundoError for a damaged file."""
    if not path.is_file():
        return {}
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ProfundoError(f"{path}: expected arrays of vital signs; {in_words(error)}; {PUT_BACK}") from None
    return vital_signs_in(content, str(path))


def vital_signs_in(content: bytes, where: str) -> dict[str, np.ndarray]:
    """The same of what such a file holds, which is small however well it is packed."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(member.file_size for member in packed.infolist()) > LARGEST_SIGNS:
                raise ValueError(f"it unpacks to more than {LARGEST_SIGNS >> 20} MB")
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError, zlib.error) as error:
        raise ProfundoError(f"{where}: expected arrays of vital signs; {in_words(error)}; {PUT_BACK}") from None
