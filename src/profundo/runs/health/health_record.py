"""What the doctor came to in a training, as its folder keeps it: doctor.json, and vital_signs.npz beside it."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, BeforeValidator, Field, PlainSerializer, ValidationError

from profundo.doctor import Finding
from profundo.doctor.verdicts import LEVELS, Severity, advice, number, page_of, quantity
from profundo.files import PUT_BACK, in_words, read_object, write_bytes
from profundo.languages import Said, everywhere, local, recalled, say, words
from profundo.looks.findings import in_lines
from profundo.records import ProfundoError
from profundo.runs.health.remedies import Changes, in_options

__all__ = [
    "Cured",
    "Diagnosis",
    "Health",
    "cause_in_words",
    "read_health",
    "read_vital_signs",
    "vital_signs_in",
    "write_vital_signs",
]

LARGEST_SIGNS = 64 << 20  # bytes unpacked


class Trial(BaseModel):
    """How good the net was without the cure and with it, after so many steps, of None after as many epochs; the mean over seeds."""

    without: float
    with_cure: float
    steps: int | None
    seeds: int


class Diagnosis(BaseModel):
    """A finding in the words of settings. epoch: after which it was made; proof: what was tried, empty of facts; trial: the same
    in numbers, of runs that kept them."""

    cause: str
    where: str
    severity: Severity
    evidence: dict[str, Any]
    remedy: str
    proof: str = ""
    trial: Trial | None = None
    epoch: int = 0

    @property
    def numbers(self) -> str:
        """In the language that is spoken."""
        return ", ".join(f"{quantity(name)} {local(number(value))}" for name, value in self.evidence.items())

    @property
    def sure(self) -> str:
        return say("report.proved", proof=self.tried) if self.proof else say("report.a_fact")

    @property
    def tried(self) -> str:
        """What was tried, in the language that is spoken where it was kept in numbers; "" of a fact."""
        if self.trial is None:
            return self.proof
        values = self.trial.model_dump()
        values |= {name: local(f"{values[name]:.2f}") for name in ("without", "with_cure")}
        return say("report.tried" if self.trial.steps else "report.tried_epochs", **values)

    @property
    def advice(self) -> str:
        """The remedy, in the language that is spoken."""
        return advice(self.cause, self.remedy)

    @property
    def in_words(self) -> str:
        """The cause, as pages put it."""
        return cause_in_words(self.cause)

    @property
    def lines(self) -> list[str]:
        """In the form in which every finding is printed."""
        what, more = f"{self.cause} in {self.where}: {self.numbers}", f"more: {page_of(self.cause)}"
        return in_lines(LEVELS[self.severity], what, self.remedy, self.sure, more)

    @property
    def told(self) -> dict[str, Any]:
        """As pages are told it, what to do and what was tried in every language."""
        in_words = {"remedy": everywhere(lambda: self.advice), "proof": everywhere(lambda: self.tried)}
        return self.model_dump(mode="json", exclude={"trial"}) | in_words

    def __str__(self) -> str:
        return f"{self.cause} in {self.where}: {self.numbers}. {self.sure} Do: {self.remedy} ({page_of(self.cause)})"


def cause_in_words(cause: str) -> str:
    return Said(f"findings.{cause}") if cause in words("findings", "en") else cause


class Cured(BaseModel):
    """What was changed, each setting before and after, and after how many epochs the training went on from."""

    cause: str
    epoch: int
    changes: dict[str, tuple[Any, Any]]
    since: int

    @property
    def after(self) -> str:
        """The settings from then on, as options."""
        return in_options({name: after for name, (_, after) in self.changes.items()})

    @property
    def before(self) -> str:
        """Those that were in their places; "" where there were none."""
        return in_options({name: before for name, (before, _) in self.changes.items() if before is not None})

    def __str__(self) -> str:
        where = f"from the checkpoint in epoch {self.since + 1}" if self.since else "from the start"
        return f"{self.cause}: {self.after}{f' in place of {self.before}' if self.before else ''}, {where}"


def in_file(note: str) -> Any:
    return note.kept if isinstance(note, Said) else note


def from_file(note: Any) -> str:
    return recalled(note) or str(note)


Note = Annotated[Any, BeforeValidator(from_file), PlainSerializer(in_file)]
"""A sentence, which other languages may have, too."""


class Health(BaseModel):
    """findings: the gravest first, of each examination. cures: what was changed. notes: what could not be looked at."""

    findings: list[Diagnosis] = []
    cures: list[Cured] = []
    notes: list[Note] = []
    looks: Annotated[int, Field(ge=0)] = 0
    steps: Annotated[int, Field(ge=0)] = 0

    def __str__(self) -> str:
        nothing = f"nothing was found; looked at {self.looks} of {self.steps} steps"
        lines = [str(one) for one in self.findings] or [nothing]
        return "\n".join([*lines, *(f"changed: {one}" for one in self.cures), *(f"note: {one}" for one in self.notes)])


def diagnosis(finding: Finding, changes: Changes, epoch: int) -> Diagnosis:
    tried = finding.experiment
    proof, trial = "", None
    if tried is not None:
        steps, seeds = None if "batch_size" in changes else tried.steps, len(tried.without)
        trial = Trial(without=tried.before, with_cure=tried.after, steps=steps, seeds=seeds)
        course = f"{steps} steps" if steps else "as many epochs"
        proof = f"skill {tried.before:.2f} → {tried.after:.2f} in {course}, {seeds} seeds"
    evidence = {name: one if isinstance(one, int | float) else str(one) for name, one in finding.evidence.items()}
    remedy = in_options(changes) or finding.remedy
    return Diagnosis(
        cause=finding.cause, where=finding.where, severity=finding.severity, evidence=evidence, remedy=remedy, proof=proof,
        trial=trial, epoch=epoch,
    )  # fmt: skip


def read_health(path: Path) -> Health | None:
    """None where a run was not watched. Raises ProfundoError for a damaged file."""
    if not path.is_file():
        return None
    try:
        return Health.model_validate(read_object(path))
    except ValidationError as error:
        why = f"{in_words(error)}; {PUT_BACK}"
        raise ProfundoError(f"{path}: expected what the doctor keeps of a training; {why}") from None


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
