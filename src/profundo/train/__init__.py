"""Training: updates, the loop that drives them, and what consumes the loop. Start with loop.py."""

from profundo.train.checkpoints import checkpoint, load_checkpoint, save_checkpoint
from profundo.train.loop import Batches, Plan, Position, Update, fit
from profundo.train.optimizers import OPTIMIZERS, optimizer
from profundo.train.randomness import seeded
from profundo.train.schedules import SCHEDULES, schedule
from profundo.train.updates import Descent, Objective, Supervised
from profundo.train.watch import EarlyStop, Film, History, early_stop, filmed, gradient_norms, progress, record

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "Batches",
    "Descent",
    "EarlyStop",
    "Film",
    "History",
    "Objective",
    "Plan",
    "Position",
    "Supervised",
    "Update",
    "checkpoint",
    "early_stop",
    "filmed",
    "fit",
    "gradient_norms",
    "load_checkpoint",
    "optimizer",
    "progress",
    "record",
    "save_checkpoint",
    "schedule",
    "seeded",
]
