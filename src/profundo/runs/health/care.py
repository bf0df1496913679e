"""A training with the doctor beside it: watched on its way, examined where its course gives cause, healed where that was asked.

A training that looks healthy costs nothing but the looks. Where the loss is not finite, stands above where it began or above what a
constant answer costs, has hardly fallen at the end, or where a linear model does better on the validation samples by far,
the program is examined on copies, for the larger of 5 s and a tenth of the time that it trained. What is then
proved, and is a setting here, `heal` changes: the training goes on from the newest checkpoint before the trouble, or from the start.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from profundo.data import standardize_targets
from profundo.doctor import Finding, examine
from profundo.doctor.vital_signs import VitalSigns
from profundo.files import erase, write_json
from profundo.languages import Said, told_by
from profundo.records import NotFiniteError, ProfundoError
from profundo.runs.baselines.linear_baseline import Yardstick
from profundo.runs.experiment import write_experiment
from profundo.runs.folder import Folder
from profundo.runs.health.beside_linear import beaten_by, yardstick_for
from profundo.runs.health.health_record import (
    Cured,
    Health,
    diagnosis,
    read_health,
    read_vital_signs,
    write_vital_signs,
)
from profundo.runs.health.remedies import Changes, changed, changes_of, departures, unusual_settings
from profundo.runs.health.training_program import MOST_SAMPLES, apart, course_of, program_of
from profundo.runs.live.live_progress import Pace, Telling
from profundo.runs.preparing import Prepared, objective_of, train_batches
from profundo.runs.resumable import State
from profundo.runs.voice import Voice
from profundo.train import History
from profundo.train.checkpoints import newest_checkpoint, save_checkpoint
from profundo.train.distributed import Group

__all__ = ["Care", "as_healed", "trouble"]

LEAST_SECONDS, SHARE = 5.0, 0.1  # of an examination: seconds, or of the training's own time
MOST_WAITED = 5.0  # times as long where a machine is shared
MOST_CURES = 3
LOOKED_AT = 2.0  # seconds between two writings of what was seen so far, for whoever looks on
RISEN, FALLEN = 0.05, 0.1  # of where the loss began: so much above is trouble on the way, not so much below at the end
FEWEST_STEPS = 50  # of a training that is to have learned something
DEAD = 0.9  # share of units
ON_THE_WAY = frozenset(["learning_rate", "weight_decay", "clip"])  # what a checkpoint can go on with


class Astray(ProfundoError):
    """Ends a training that other settings heal."""

    def __init__(self, cause: str, changes: Changes) -> None:
        super().__init__(f"the training went astray: {cause}")
        self.cause, self.changes = cause, changes


class Care:
    """Of one training. record: what it came to so far; seconds: of all examinations; compared: of those with a linear model."""

    def __init__(
        self, prepared: Prepared, history: History, folder: Folder | None, voice: Voice, live: Telling | None = None
    ) -> None:
        self.live = live or Telling(None)
        self.fresh, self.history, self.folder, self.voice = apart(prepared), history, folder, voice
        self.prepared, self.heals = prepared, prepared.experiment.heal
        self.record = (read_health(folder.doctor) if folder is not None else None) or Health()
        self.signs = seen_before(folder)
        self.began, self.computed = time.perf_counter(), time.process_time()
        self.seconds, self.compared, self.examined = 0.0, 0.0, False
        self.pace = Pace(LOOKED_AT)
        self.constant = constant_cost(prepared)
        self.linear: Yardstick | None = None

    # --------------------------------------------------------------------------------------------------- on the way
    def follow(self, state: State | None, learn: Callable[[Prepared, State | None], None]) -> Prepared:
        """Train, and heal as often as it takes. Returns the training as it was at the end.

        Raises NotFiniteError with the cause, where one is known and nothing more can be changed.
        """
        while True:
            try:
                learn(self.prepared, state)
                self.consult(ended=True)
                return self.prepared
            except Astray as error:
                state = self.change(error)
            except NotFiniteError as error:
                change = self.examine(str(error).partition(". ")[0])
                if change is None:
                    found = self.record.findings
                    what = str(found[-1]) if found else "it found no cause that it is sure of"
                    told = found[-1].in_words if found else Said("refusals.no_cause")
                    raise NotFiniteError(
                        f"{error}. The doctor: {what}",
                        told=Said("refusals.doctor_adds", fault=told_by(error), cause=told),
                    ) from None
                state = self.change(change)

    def consult(self, *, ended: bool = False) -> None:
        """After epochs 1, 2, 4, 8 …, and at the end: is there cause to examine? Raises Astray where something heals."""
        epochs = len(self.history)
        if self.folder is not None and self.pace.due and not ended:
            with self.pace.spending():
                self.keep(self.folder)
        if self.examined or self.told_to_stop or not (ended or epochs & (epochs - 1) == 0):
            return
        rising = not ended and warms_up(self.prepared, self.history)
        why = trouble(self.history, self.signs, ended=ended, constant=self.constant, rising=rising)
        if not why and ended and self.signs.done < FEWEST_STEPS and (large := large_batch(self.prepared)):
            why = Said("refusals.few_steps", steps=self.signs.done, size=large)
        if not why and ended and not self.record.cures:
            why = self.beaten()
        if why and (change := self.examine(why)) is not None:
            raise change

    @property
    def told_to_stop(self) -> bool:
        """Whether somebody asked for the end as it is: nothing is changed then."""
        return self.folder is not None and self.folder.stop.exists()

    def beaten(self) -> str:
        """In words, by how much a linear model does better; else empty."""
        begin = time.perf_counter()
        try:
            self.linear = self.linear or yardstick_for(self.prepared)
            return beaten_by(self.linear, self.prepared) if self.linear else ""
        except Exception as error:  # noqa: BLE001 - the training matters more than what is known of it
            self.note(Said("refusals.not_beside", reason=" ".join(str(error).split())[:300]))
            return ""
        finally:
            self.compared += time.perf_counter() - begin

    def examine(self, why: str) -> Astray | None:
        """Say what is found, once for these settings; what would heal it, where that was asked and is a setting."""
        if self.examined:
            return None
        self.examined = True
        self.live.tell(phase="examining")
        begin = time.perf_counter()
        took = begin - self.began - self.seconds
        waited = took / max(1e-3, time.process_time() - self.computed)  # of this machine others compute, too
        budget = max(LEAST_SECONDS * min(max(1.0, waited), MOST_WAITED), SHARE * took)
        try:
            findings = self.findings(budget)
        except Exception as error:  # noqa: BLE001 - the training matters more than what is known of it
            self.note(Said("refusals.not_examined", why=why, reason=" ".join(str(error).split())[:300]))
            return None
        finally:
            self.seconds += time.perf_counter() - begin
            self.live.tell(phase="training")
        pairs = [(one, changes_of(one, self.prepared)) for one in findings]
        made = [diagnosis(one, changes, len(self.history)) for one, changes in pairs]
        self.record.findings += made
        for one in made:
            self.voice.notice(f"doctor: {why}: {one}")
        if self.folder is not None:
            self.keep(self.folder)
        if not made:
            self.note(Said("refusals.no_cause_in", why=why, seconds=round(time.perf_counter() - begin)))
        change = next((Astray(one.cause, changes) for one, changes in pairs if changes), None)
        if not self.heals or change is None or self.told_to_stop:
            if self.heals and change is None:
                self.note(Said("refusals.no_healing"))
            return None
        if len(self.record.cures) >= MOST_CURES:
            self.note(Said("refusals.cures_enough", cures=MOST_CURES))
            return None
        return change

    def findings(self, budget: float) -> tuple[Finding, ...]:
        """Settings that are far from the usual ones first: they are the quickest to be proved."""
        prepared = apart(self.fresh)
        seed, unusual = prepared.experiment.seed, unusual_settings(apart(prepared))
        program = program_of(prepared)
        report = examine(program, seed=seed, budget=budget, families=(unusual,))
        rest = max(budget - report.seconds, budget / 2)
        return report.findings or examine(program, seed=seed, budget=rest).findings

    def note(self, text: str) -> None:
        self.record.notes.append(text)
        self.voice.notice(f"doctor: {text}")

    # ------------------------------------------------------------------------------------------------------- healing
    def change(self, astray: Astray) -> State | None:
        """Take other settings, from the newest checkpoint before the trouble or from the start. Returns where to go on."""
        before, epoch = self.prepared.experiment, len(self.history)
        self.fresh, self.prepared = (changed(one, astray.changes) for one in (self.fresh, self.prepared))
        state = self.sound_checkpoint(astray.changes)
        if state is None:
            self.begin_anew()
        changes = {name: (getattr(before, name), value) for name, value in astray.changes.items()}
        since = 0 if state is None else len(state["history"]["rows"])
        cured = Cured(cause=astray.cause, epoch=epoch, changes=changes, since=since)
        self.record.cures.append(cured)
        self.voice.notice(f"doctor: changed {cured}")
        self.examined = False
        if self.folder is not None:
            self.keep(self.folder)
            write_experiment(self.folder.experiment, self.prepared.experiment)
            self.keep_checkpoint(self.folder, state)
        return state

    def begin_anew(self) -> None:
        self.prepared.net.load_state_dict(self.fresh.net.state_dict())
        if self.prepared.own.optimizer is not None:
            self.prepared.own.optimizer.load_state_dict(self.fresh.own.optimizer.state_dict())
        self.history.waiting = {}
        self.history.load_state_dict({"rows": [], "read": {}, "samples": [], "noted": {}})
        self.signs = VitalSigns()

    def sound_checkpoint(self, changes: Changes) -> State | None:
        """The newest one, with other settings in it; None where its loss had risen already, or it cannot go on with them."""
        if self.folder is None or not set(changes) <= ON_THE_WAY:
            return None
        state = newest_checkpoint(self.folder.checkpoints, self.voice.notice)
        rows = state["history"]["rows"] if state is not None else []
        if state is None or not rows or not rows[-1].get("loss", np.inf) < self.signs.first:
            return None
        old = state["experiment"]
        state["experiment"] = self.prepared.experiment.settings()
        for group in state["update"]["optimizer"]["param_groups"]:
            for name in ("lr", "initial_lr"):
                if "learning_rate" in changes and name in group:
                    group[name] *= changes["learning_rate"] / old["learning_rate"]
            if group.get("weight_decay"):
                group["weight_decay"] = changes.get("weight_decay", group["weight_decay"])
        self.history.waiting = {}
        return state

    def keep_checkpoint(self, folder: Folder, state: State | None) -> None:
        if state is None:
            erase(folder.checkpoints)
            return
        epoch, index = state["position"]
        done = epoch * len(train_batches(self.prepared, Group())) + index
        save_checkpoint(folder.checkpoints, done, state, within=folder.path, resuming=folder.resuming)

    def result(self) -> Health:
        self.record.looks, self.record.steps = len(self.signs.steps), self.signs.done
        if self.signs.off and self.signs.off not in self.record.notes:
            self.record.notes.append(self.signs.off)
        return self.record

    def keep(self, folder: Folder) -> None:
        """Write the record, and the vital signs beside it."""
        folder.check()
        write_json(folder.doctor, self.result().model_dump(mode="json"))
        write_vital_signs(folder.vital_signs, self.signs.arrays())


def seen_before(folder: Folder | None) -> VitalSigns:
    """What an interrupted training had seen; nothing where its file is damaged, for the training does not hang on it."""
    signs = VitalSigns()
    if folder is not None:
        try:
            if arrays := read_vital_signs(folder.vital_signs):
                signs.recall(arrays)
        except (ProfundoError, LookupError, ValueError, TypeError):
            return VitalSigns()
    return signs


def as_healed(prepared: Prepared, folder: Folder) -> Prepared:
    """A training that is given anew, with the settings that its run was healed with."""
    record = read_health(folder.doctor) or Health()
    for cure in record.cures:
        if all(getattr(prepared.experiment, name) == before for name, (before, _) in cure.changes.items()):
            prepared = changed(prepared, {name: after for name, (_, after) in cure.changes.items()})
    return prepared


def constant_cost(prepared: Prepared) -> float | None:
    """What the best constant answer costs of training samples, as training counts it; None where that is not known."""
    data, own = prepared.data, prepared.own
    kind, targets = data.spec.targets.kind, data.train.targets
    if own.loss is not None or not isinstance(targets, Tensor) or targets.ndim != CONSTANTS.get(kind, (None,))[0]:
        return None
    targets = standardize_targets(targets[:MOST_SAMPLES], data.spec.targets).cpu()
    answer = CONSTANTS[kind][1](targets, len(data.spec.targets.classes)).float()
    objective = objective_of(prepared.experiment, data, own)
    return float(objective.mean_cost(answer.expand(len(targets), -1), targets, len(targets)))


CONSTANTS: Mapping[str, tuple[int, Callable[[Tensor, int], Tensor]]] = {
    "classes": (1, lambda targets, classes: (torch.bincount(targets.long(), minlength=classes) + 1.0).log()),
    "binary": (1, lambda targets, _: targets.double().mean().clamp(1e-6, 1 - 1e-6).logit()[None]),
    "real": (2, lambda targets, _: targets.mean(0)),
}
"""By kind of target: the dimensions of these, and the outputs that answer the same to all as well as can be."""


def large_batch(prepared: Prepared) -> int:
    """Its samples, where it is far larger than suits the data; else 0."""
    far = [values for _, values, _ in departures(prepared) if "batch size" in values]
    return int(far[0]["batch size"]) if far else 0


def warms_up(prepared: Prepared, history: History) -> bool:
    """Whether the learning rate rose in the last epoch: a loss that rises with it says nothing yet."""
    rates = history["rate"]
    return bool(rates[-1] > (rates[-2] if len(rates) > 1 else course_of(prepared)(0.0)))


def trouble(
    history: History, signs: VitalSigns, *, ended: bool, constant: float | None = None, rising: bool = False
) -> str:
    """What of the course gives cause to examine, in words; empty where it looks healthy.

    constant: the cost of such an answer. rising: the learning rate, with which the loss may rise for a while.
    """
    losses = history["loss"] if "loss" in history.names else []
    if not losses or not signs.done:
        return ""
    first, last, size = signs.first, losses[-1], abs(signs.first)
    if last > first + RISEN * size and not rising:
        return Said("refusals.loss_rose", first=first, last=last)
    if not ended or signs.done < FEWEST_STEPS:
        return ""
    if last > first - FALLEN * size:
        return Said("refusals.loss_fell", first=first, last=last)
    if constant is not None and last > (1 + RISEN) * constant:
        return Said("refusals.loss_constant", first=first, last=last, constant=constant)
    held = history["validation loss"] if "validation loss" in history.names else []
    if held and min(held) > first - FALLEN * size / 2:
        return Said("refusals.loss_held", least=min(held), first=first)
    seen = signs.arrays()["activations"]
    silent = np.nanmax(seen[-1, :, 2]) if seen.ndim == 3 and len(seen) else 0.0
    if silent > DEAD and last > first - size / 2:
        return Said("refusals.units_silent", share=round(100 * float(silent)))
    return ""
