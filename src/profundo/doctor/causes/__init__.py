"""The causes that the doctor knows: families of suspicions, each in a file of its own.

A family is a function from a patient to suspicions. A new cause is one more function here: its signal, what would prove
it, and its remedy.
"""

from collections.abc import Callable, Iterable

from profundo.doctor.causes.another_cost import another_cost
from profundo.doctor.causes.axis_order import axis_order
from profundo.doctor.causes.feeding import feeding
from profundo.doctor.causes.judges import judges
from profundo.doctor.causes.modes import modes
from profundo.doctor.causes.not_finite import not_finite, not_finite_at_times
from profundo.doctor.causes.output_layer import output_layer
from profundo.doctor.causes.pace import pace
from profundo.doctor.causes.pairing import pairing
from profundo.doctor.causes.penalties import penalties
from profundo.doctor.causes.signals import signals
from profundo.doctor.causes.splitting import splitting
from profundo.doctor.causes.step_order import step_order
from profundo.doctor.causes.structure import structure
from profundo.doctor.causes.values import values
from profundo.doctor.patient import Patient
from profundo.doctor.suspicions import Suspicion

__all__ = ["BY_EXPERIMENT", "FAMILIES", "Family"]

Family = Callable[[Patient], Iterable[Suspicion]]
BY_EXPERIMENT: tuple[Family, ...] = (not_finite_at_times, signals, another_cost, penalties, pace)
"""Families that must train to suspect, or to prove: not asked where a fact explains the training."""
FAMILIES: tuple[Family, ...] = (
    *(values, step_order, output_layer, judges, not_finite, axis_order, feeding, pairing, splitting, structure, modes),
    *BY_EXPERIMENT,
)
