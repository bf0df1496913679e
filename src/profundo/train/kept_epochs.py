"""The weights after each epoch, kept in a run's folder: the way that training took, for who looks at it afterwards.

epochs/0000.safetensors    before training        epochs/0003.safetensors    after the third epoch
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import safetensors.torch
from torch import Tensor, nn

from profundo.files import in_words, open_place, write_bytes
from profundo.records import ProfundoError, Step

__all__ = ["keeping_epochs", "kept_epochs", "read_epoch"]

LARGEST = 1 << 32  # bytes of one file


def keeping_epochs(
    steps: Iterable[Step], net: nn.Module, folder: Path, within: Path, done: int | None = None
) -> Iterator[Step]:
    """Write the net's state after each epoch into `folder`; nothing through a link below `within`. done: epochs of a training
    that goes on; None of one that begins, whose state before the first step is written, too. What another training left of
    epochs that are yet to come is removed."""
    forget_after(folder, within, -1 if done is None else done)
    if done is None:
        keep(net, folder, 0, within)
    for step in steps:
        if step.last:
            keep(net, folder, step.epoch + 1, within)
        yield step


def forget_after(folder: Path, within: Path, epoch: int) -> None:
    later = [path.name for number, path in kept_epochs(folder).items() if number > epoch]
    if later:
        with open_place(folder, within) as here:
            for name in later:
                here.erase(name)


def keep(net: nn.Module, folder: Path, epoch: int, within: Path) -> None:
    state = {name: value.detach().cpu().contiguous().clone() for name, value in net.state_dict().items()}
    write_bytes(folder / f"{epoch:04d}.safetensors", safetensors.torch.save(state), within)


def kept_epochs(folder: Path) -> dict[int, Path]:
    """Epoch → file, in order; 0 is before training. Empty where none were kept."""
    files = folder.glob("*.safetensors") if folder.is_dir() else ()
    return {int(path.stem): path for path in sorted(files) if path.stem.isdecimal()}


def read_epoch(path: Path) -> dict[str, Tensor]:
    """The net's state. Raises ProfundoError for a file that is damaged, or none of its kind."""
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            raise ValueError("it is no regular file of at most 4 GB")
        return safetensors.torch.load(path.read_bytes())
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise ProfundoError(
            f"{path}: expected the weights after an epoch: {in_words(error)}; train again with --keep-epochs"
        ) from None
