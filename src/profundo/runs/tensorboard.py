"""What is told of a training while it goes, for programs that draw it: TensorBoard's event files.

train(experiment(data="digits", log="tensorboard"))      # then: tensorboard --logdir runs

The loss of every update, and once an epoch what validation said, the rate and the norm of the gradient; each at the
number of updates done. What history.csv holds is always kept, too.
"""

from __future__ import annotations

import importlib.util
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from profundo.files import open_place, reason
from profundo.records import ProfundoError, Step
from profundo.train import History

__all__ = ["Diary", "EventFiles", "check_log", "told"]


class Diary(Protocol):
    def tell(self, row: Mapping[str, float], losses: Mapping[str, Sequence[float]]) -> None:
        """An epoch ended: the history's row, and the losses of each of its updates by name."""

    def close(self) -> None: ...


def told(steps: Iterable[Step], history: History, diary: Diary) -> Iterator[Step]:
    """Tell the diary of every epoch. It wraps `record`, whose history it reads."""
    try:
        for step in steps:
            if step.last:
                diary.tell(history.rows[-1], history.last_losses)
            yield step
    finally:
        diary.close()


def check_log(log: str | None) -> None:
    """Raises ProfundoError when what writes such a log is not installed."""
    if log == "tensorboard" and importlib.util.find_spec("tensorboard") is None:
        raise ProfundoError('log tensorboard: expected the package tensorboard; pip install "profundo[tensorboard]"')


class EventFiles:
    """A folder of event files. in_epoch: updates of an epoch; done: epochs that it tells of already; what it tells beyond
    them, a run that was killed wrote, and is void."""

    def __init__(self, folder: Path, in_epoch: int, done: int = 0) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.in_epoch = in_epoch
        try:
            with open_place(folder, folder.parent, make=True):  # no link that leads elsewhere
                pass
        except OSError as error:
            raise ProfundoError(f"{folder}: event files cannot be written: {reason(error)}") from None
        unforeseen = f".{secrets.token_hex(8)}"  # TensorBoard would write through a link that has the file's name
        self.writer = SummaryWriter(str(folder), purge_step=done * in_epoch, filename_suffix=unforeseen)

    def tell(self, row: Mapping[str, float], losses: Mapping[str, Sequence[float]]) -> None:
        end = int(row["epoch"]) * self.in_epoch
        for name, values in losses.items():
            for index, value in enumerate(values, end - self.in_epoch):
                self.add(f"update/{name}", value, index)
        for name, value in row.items():
            if name != "epoch":
                self.add(f"epoch/{name}", value, end - 1)
        self.writer.flush()

    def add(self, name: str, value: float, step: int) -> None:
        self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        self.writer.close()
