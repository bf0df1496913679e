"""Whether the members of the ensemble for tables may set aside different rows (data/splits/member_folds.py)."""

from __future__ import annotations

from torch import Tensor, nn

from profundo.data.batches import largest_batch
from profundo.data.splits.member_folds import FOLDS
from profundo.nets.table_nets import TableNet
from profundo.records import Dataset, ProfundoError
from profundo.runs.experiment import Experiment

__all__ = ["check_folds"]


def check_folds(chosen: Experiment, data: Dataset, net: nn.Module, processes: int = 1) -> None:
    """Raises ProfundoError where `out_of_fold` was asked for and cannot be.

    It is off unless asked for. RMSE with it, in shares of that without: 0.97 on the 17 tables of numbers of TUNE in
    benchmarks/tables_against_trees.py, 0.98 on the 7 of REPORT, but 0.995 ± 0.004 on the 12 of FRESH, for 1.3 times the time; and
    where a straight line does as well, it loses: 1.04 on the diabetes of scikit-learn. For members share their weights: what one
    sets aside has taught these by way of the others, so that figures out of fold are too good where a net learns by heart, and
    training stops too late.
    """
    reasons = obstacles(chosen, data, net, processes) if chosen.out_of_fold else []
    if reasons:
        raise ProfundoError(f"out_of_fold: {reasons[0]}; leave it out")


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
        "expected rows that stay as they are, these are read anew each time": data.train.anew is not None,
        f"expected {max(FOLDS, members)} rows or more, got {rows}": rows < max(FOLDS, members),
        "expected batches in one part, accumulate takes them in several": chosen.accumulate > 1,
        f"expected one process, got {processes}": processes > 1,
        f"expected rows of which {members} fit in a batch, got {data.spec.inputs.shape}": largest_batch(data.spec)
        < members,
    }
    return [reason for reason, holds in found.items() if holds]
