"""Whether the members of the ensemble for tables set aside different rows (data/splits/member_folds.py), or none learns from the
validation split."""

from __future__ import annotations

from torch import Tensor, nn

from profundo.data.splits.member_folds import FOLDS
from profundo.nets.table_nets import TableNet
from profundo.records import Dataset, ProfundoError
from profundo.runs.experiment import Experiment

__all__ = ["with_folds"]


def with_folds(chosen: Experiment, data: Dataset, net: nn.Module, processes: int = 1) -> Experiment:
    """The experiment with `out_of_fold` decided: on where it can be and training stops by validation, unless told.

    On the tables of numbers of TUNE in benchmarks/tables_against_trees.py RMSE was 3.1 % smaller so. Of classes the likelihood of
    single members says too little about their vote: training stopped too early. Raises ProfundoError where it was asked for and
    cannot be.
    """
    reasons = obstacles(chosen, data, net, processes)
    if chosen.out_of_fold and reasons:
        raise ProfundoError(f"out_of_fold: {reasons[0]}; leave it out")
    usual = not reasons and chosen.early_stop is not None
    return chosen.model_copy(update={"out_of_fold": usual if chosen.out_of_fold is None else chosen.out_of_fold})


def obstacles(chosen: Experiment, data: Dataset, net: nn.Module, processes: int) -> list[str]:
    """Why no other rows can be set aside for each member, in words."""
    members = net.members if isinstance(net, TableNet) else 1
    rows = len(data.train) + len(data.validation)
    in_memory = all(isinstance(split.inputs, Tensor) for split in (data.train, data.validation))
    found = {
        f"expected table_net with two members or more, got {str(chosen.net).removeprefix('own:')}": members < 2,
        f"expected numbers as targets, got {data.spec.targets.kind}": data.spec.targets.kind != "real",
        "expected a validation split drawn by chance in the usual share, got another": not data.by_chance,
        "expected rows in memory, they are streamed": not in_memory,
        f"expected {max(FOLDS, members)} rows or more, got {rows}": rows < max(FOLDS, members),
        "expected batches in one part, accumulate takes them in several": chosen.accumulate > 1,
        f"expected one process, got {processes}": processes > 1,
    }
    return [reason for reason, holds in found.items() if holds]
