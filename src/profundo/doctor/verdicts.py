"""What the doctor says: findings, each with its cause, place, numbers, experiment and remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from profundo.languages import Said, language, term, worded, words
from profundo.looks.findings import Level, in_lines

__all__ = ["LEVELS", "PAGES", "Experiment", "Finding", "Report", "Severity", "advice", "number", "page_of", "quantity"]

Severity = Literal["fatal", "serious", "mild"]
LEVELS: dict[Severity, Level] = {"fatal": "error", "serious": "warning", "mild": "note"}
"""The gravest first, with what findings in data are called that are as grave."""
SEVERITIES = tuple(LEVELS)
# Every cause, by the page of docs/ that has a section and a program for it.
PAGES: Mapping[str, tuple[str, ...]] = {
    "doctor-data.md": (
        "unscaled_input", "scaled_twice", "unscaled_target", "nan_in_data", "constant_data", "labels_out_of_range",
        "inputs_targets_misaligned", "label_noise", "target_in_input", "split_leakage", "split_shift", "class_imbalance",
        "not_shuffled", "harmful_augmentation", "repeated_worker_randomness", "scrambled_layout",
    ),
    "doctor-outputs.md": (
        "double_softmax", "activated_logits", "single_unit_softmax", "missing_output_activation", "unreachable_targets",
        "wrong_loss_for_task", "wrong_output_width", "broadcast_loss", "wrong_reduction", "unstable_operation",
        "loss_sign", "wrong_metric",
    ),
    "doctor-nets.md": (
        "missing_nonlinearity", "symmetric_init", "bad_init_scale", "vanishing_gradient", "exploding_gradient",
        "dead_units", "saturated_units", "batch_mixing", "causal_leak", "frozen_parameters", "not_in_optimizer",
        "unused_parameters", "excess_dropout", "dropout_on_output", "batchnorm_stale", "wrong_mode", "underfit",
        "no_update",
    ),
    "doctor-steps.md": (
        "missing_zero_grad", "misplaced_clipping", "accumulation_not_divided", "learning_rate_too_high",
        "learning_rate_too_low", "unstable_training", "over_regularised", "overfit", "undertrained",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Experiment:
    """One cure tried beside the program as it is, on the same batches with the same seeds.

    without, with_cure: of each seed, how good the net was after the same number of steps: 0 is what a constant answer
    reaches, 1 is perfect (skill.py).
    """

    cure: str
    steps: int
    without: tuple[float, ...]
    with_cure: tuple[float, ...]

    @property
    def before(self) -> float:
        """The mean over the seeds, without the cure."""
        return sum(self.without) / len(self.without)

    @property
    def after(self) -> float:
        """And with it."""
        return sum(self.with_cure) / len(self.with_cure)

    def __str__(self) -> str:
        course = f"{self.before:.2f} → {self.after:.2f} after {self.steps} steps"
        seeds = f"{len(self.without)} seed{'s' if len(self.without) > 1 else ''}"
        return f"{self.cure}: {course} ({seeds}; 1 is perfect, 0 a constant answer)"


@dataclass(frozen=True, slots=True)
class Finding:
    """One root cause.

    cause: its stable id, such as "unscaled_input", explained in a section of its page. where: module path, column,
    parameter group or line. evidence: numbers by name. experiment: what was tried; None where the fact speaks for itself.
    consequences: ids of causes that follow from this one and are not told beside it. after: causes that were cured before it
    was found.
    """

    cause: str
    where: str
    evidence: Mapping[str, Any]
    remedy: str
    severity: Severity = "serious"
    experiment: Experiment | None = None
    consequences: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def page(self) -> str:
        return page_of(self.cause)

    def __str__(self) -> str:
        numbers = ", ".join(f"{name} {number(value)}" for name, value in self.evidence.items())
        more = [f"tried: {self.experiment}"] if self.experiment else []
        more += [f"follows from it: {', '.join(self.consequences)}"] if self.consequences else []
        more += [f"found once this is cured: {', '.join(self.after)}"] if self.after else []
        what = f"{self.cause} in {self.where}: {numbers}"
        return "\n".join(in_lines(LEVELS[self.severity], what, self.remedy, *more, f"more: {self.page}"))


@dataclass(frozen=True, slots=True)
class Report:
    """What an examination came to.

    findings: the gravest first. quantities: what was measured, by name. tried: experiments that proved nothing.
    notes: what could not be judged. error: what ended the program before it was to end; such a program is not healthy, even
    where no cause is known.
    """

    findings: tuple[Finding, ...]
    quantities: Mapping[str, Any] = field(default_factory=dict)
    tried: tuple[Experiment, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    error: str = ""

    @property
    def healthy(self) -> bool:
        return not self.findings and not self.error

    def __str__(self) -> str:
        lines, nothing = [], f"nothing wrong was found in {self.seconds:.0f} s"
        if self.error:
            lines, nothing = [f"the program ends with an error: {self.error}"], "the cause is none that is known"
        lines += [str(finding) for finding in self.findings] or [nothing]
        tried = [f"tried without effect: {experiment}" for experiment in self.tried] if self.healthy else []
        return "\n".join([*lines, *tried, *(f"note: {note}" for note in self.notes)])


def page_of(cause: str) -> str:
    """The section that explains a cause, with a program that has it."""
    page = next((page for page, causes in PAGES.items() if cause in causes), "doctor.md")
    return f"docs/{page}#{cause}"


def advice(cause: str, remedy: str) -> str:
    """The remedy in the language that is spoken: settings as they are, what has a text by that, else what helps against the cause
    in general."""
    if language() == "en" or SETTINGS_IN.match(remedy):
        return str(worded(settings_told(remedy)))
    return str(worded(remedy)) if isinstance(remedy, Said) else words("remedies", language()).get(cause, remedy)


SETTINGS_IN = re.compile(r"--[a-z]|\w+=|leave out --")  # how a remedy begins that is settings, exactly


def settings_told(options: str) -> Said | str:
    """Settings as they are typed; in every language that one is to be left out."""
    left_out = re.fullmatch(r"leave out (--[\w-]+)", options)
    return Said("remedies.leave_out", option=left_out[1]) if left_out else options


def quantity(name: str) -> str:
    """What was measured, or where, in the language that is spoken."""
    return words("quantities", language()).get(name) or term(name)


def number(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
