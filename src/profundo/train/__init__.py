"""Training: updates, the loop that drives them, and what consumes the loop. Start with loop.py."""

from profundo.train.checkpoints import checkpoint, load_checkpoint, save_checkpoint
from profundo.train.loop import Batches, Plan, Position, Update, fit
from profundo.train.optimizers import OPTIMIZERS, optimizer
from profundo.train.randomness import seeded
from profundo.train.schedules import SCHEDULES, schedule
from profundo.train.updates import Objective, Supervised
from profundo.train.watch import EarlyStop, History, early_stop, progress, record

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "Batches",
    "EarlyStop",
    "History",
    "Objective",
    "Plan",
    "Position",
    "Supervised",
    "Update",
    "checkpoint",
    "early_stop",
    "fit",
    "load_checkpoint",
    "optimizer",
    "progress",
    "record",
    "save_checkpoint",
    "schedule",
    "seeded",
]
