"""Checkpoints: the state of a training, written so that no kill, full disk or flipped bit goes unnoticed.

    checkpoints/00000640/tensors.safetensors   every tensor
                         state.json            everything else, with the places of the tensors
                         manifest.json         size and SHA-256 of both, and of itself

The folder is written under another name, flushed and renamed into place; its name is the number of updates done, so
the newest is found by order, not by a clock. Nothing is unpickled: tensors are safetensors, the rest is JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import safetensors.torch
from torch import Tensor

from profundo.files import Place, exit_point, in_words, open_place, reason
from profundo.records import Interrupted, ProfundoError, Step
from profundo.train.loop import Position

__all__ = [
    "checkpoint",
    "interruptible",
    "load_checkpoint",
    "newest_checkpoint",
    "save_checkpoint",
]

State = dict[str, Any]
FILES = ("tensors.safetensors", "state.json")


# ---------------------------------------------------------------------------------------------- state ⇄ plain files
def flatten(state: Any, tensors: dict[str, Tensor]) -> Any:
    """JSON for a tree of dicts, lists, numbers and tensors; the tensors go into `tensors` under running numbers."""
    if isinstance(state, Tensor):
        name = str(len(tensors))
        # A copy even where memory is shared: safetensors stores each tensor by itself.
        tensors[name] = state.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(state, dict):
        return {"dict": [[key, flatten(value, tensors)] for key, value in state.items()]}
    if isinstance(state, tuple | list):
        return {"tuple" if isinstance(state, tuple) else "list": [flatten(value, tensors) for value in state]}
    if state is None or isinstance(state, bool | int | float | str):
        return state
    raise TypeError(
        f"checkpoint: a {type(state).__name__} cannot be saved; expected numbers, text, tensors, lists, dicts"
    )


def unflatten(tree: Any, tensors: dict[str, Tensor]) -> Any:
    """The inverse of `flatten`."""
    if not isinstance(tree, dict):
        return tree
    (kind, content), *_ = tree.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: unflatten(value, tensors) for key, value in content}
    values = [unflatten(value, tensors) for value in content]
    return tuple(values) if kind == "tuple" else values


# ------------------------------------------------------------------------------------------------- write, read, prune
def save_checkpoint(
    folder: Path, done: int, state: State, keep: int = 2, within: Path | None = None, resuming: str = "resume the run"
) -> Path:
    """Write the state after `done` updates into `folder`, then remove all but the newest `keep`.

    Any later checkpoint there was passed over as damaged when this training resumed; it goes, too. The folder is made
    where `within` is there, the run's folder, by default its parent, below which no link is followed. Raises
    ProfundoError when it cannot be written; what was saved before is then untouched. resuming: what then goes on from it.
    """
    tensors: dict[str, Tensor] = {}
    tree = flatten(state, tensors)
    contents = dict(zip(FILES, (safetensors.torch.save(tensors), json.dumps(tree).encode()), strict=True))
    entries = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in contents.items()
    }
    contents["manifest.json"] = json.dumps({"files": entries, "sha256": digest(entries)}).encode()
    name = f"{done:08d}"
    try:
        with open_place(folder, within or folder.parent, make=True) as here:
            here.clear()
            write_folder(here, name, contents)
            prune(here, done, keep)
    except OSError as error:
        untouched = "Earlier ones are untouched: then" if numbered(folder) else "None was there yet: to begin again,"
        raise ProfundoError(
            f"{folder / name}: the checkpoint could not be written: {reason(error)}. {untouched} {resuming}"
        ) from None
    return folder / name


def write_folder(here: Place, name: str, contents: Mapping[str, bytes]) -> None:
    """A new folder with these files, there as a whole or not at all."""
    temporary = f".{name}.{os.getpid()}.part"
    try:
        with here.enter(temporary, make=True) as new:
            for file, content in contents.items():
                write_flushed(new, file, content)
            new.flush()
        exit_point()
        if here.status(name) is not None:  # saved before an interruption, perhaps damaged since
            remove(here, name)
        here.replace(temporary, name)
        exit_point()
        here.flush()
    except OSError:
        here.erase(temporary)
        raise


def write_flushed(here: Place, name: str, content: bytes) -> None:
    exit_point()
    with here.create(name) as file:
        file.write(content)
        exit_point()
        file.flush()
        os.fsync(file.fileno())
    exit_point()


def digest(entries: Any) -> str:
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()


def prune(here: Place, done: int, keep: int) -> None:
    there = sorted(filter(str.isdecimal, here.names()), key=int)
    kept = [name for name in there if int(name) <= done][-keep:]
    for old in there:
        if old in kept:
            continue
        exit_point()
        try:
            remove(here, old)
        except OSError:
            return  # an old checkpoint too many does no harm
        exit_point()


def remove(here: Place, name: str) -> None:
    """Out of sight by one rename first: a half-removed folder must not look like a checkpoint."""
    doomed = f".{name}.old.part"
    here.replace(name, doomed)
    exit_point()
    here.erase(doomed)


def numbered(folder: Path) -> list[Path]:
    """Checkpoint folders, oldest first, whether they are sound or not."""
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if path.name.isdecimal()), key=lambda path: int(path.name))


def load_checkpoint(path: Path) -> State:
    """The state saved in one checkpoint folder. Raises ProfundoError if any byte differs from what was written."""
    try:
        manifest = json.loads(read_regular(path / "manifest.json", limit=1 << 20))
        entries = manifest["files"]
        if digest(entries) != manifest["sha256"]:
            raise ValueError("manifest.json differs from what was written")
        contents = []
        for name in FILES:
            content = read_regular(path / name, limit=entries[name]["bytes"])
            if len(content) != entries[name]["bytes"] or hashlib.sha256(content).hexdigest() != entries[name]["sha256"]:
                raise ValueError(f"{name} differs from what was written")
            contents.append(content)
        state: State = unflatten(json.loads(contents[1]), safetensors.torch.load(contents[0]))
        if not isinstance(state, dict):
            raise ValueError("state.json holds no state")
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        safetensors.SafetensorError,
    ) as error:
        raise ProfundoError(
            f"{path}: the checkpoint is damaged: {in_words(error)}; use an earlier one or train again"
        ) from None
    return state


def read_regular(path: Path, limit: int) -> bytes:
    """A regular file of at most `limit` bytes; a FIFO or a folder is refused, since opening it could wait forever."""
    if not path.is_file():
        raise ValueError(f"{path.name} is not a regular file" if path.exists() else f"{path.name} is missing")
    if path.stat().st_size > limit:
        raise ValueError(f"{path.name} is longer than what was written")
    return path.read_bytes()


def newest_checkpoint(folder: Path, notice: Callable[[str], None]) -> State | None:
    """The newest sound checkpoint's state, or None when there is none at all.

    Damaged ones are passed over, each with a notice. Raises ProfundoError when there are some and all are damaged.
    """
    candidates = numbered(folder)
    for path in reversed(candidates):
        try:
            return load_checkpoint(path)
        except ProfundoError as error:
            notice(str(error))
    if candidates:
        raise ProfundoError(f"{folder}: all {len(candidates)} checkpoints are damaged; train again with another --out")
    return None


# --------------------------------------------------------------------------------------------------- when to save
@contextmanager
def interruptible() -> Iterator[Callable[[], int]]:
    """Inside, the first SIGINT or SIGTERM is only noted; the second one ends the process at once.

    Yields a function: the number of the signal that came, or 0. In a thread, where Python allows no handlers, it
    stays 0.
    """
    came = 0

    def note(number: int, _frame: FrameType | None) -> None:
        nonlocal came
        if came and "ipykernel" in sys.modules:
            raise KeyboardInterrupt  # the notebook stays
        if came:
            os._exit(128 + number)
        came = number

    try:
        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread
        before = {}
    try:
        yield lambda: came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def checkpoint(
    steps: Iterable[Step],
    save: Callable[[Position], None],
    *,
    seconds: float = 30.0,
    signalled: Callable[[], int] = lambda: 0,
    agree: Callable[[Step, int], int] = lambda _step, wish: wish,
) -> Iterator[Step]:
    """Call `save` with the position of the next update every `seconds`, or rarer where saving takes over 5 % of it.

    seconds: 0 saves after every step, whatever it costs.
    It wraps every other consumer, so that their state of this step is in what is saved. After a signal: save and
    raise Interrupted. agree: lets several processes come to the same decision at the same step (2: interrupt,
    1: save, 0: go on).
    """
    last, cost = time.monotonic(), 0.0
    for step in steps:
        yield step
        now = time.monotonic()
        due = max(seconds, 20 * cost) if seconds else 0.0
        wish = 2 if signalled() else int(now - last >= due)
        decision = agree(step, wish)
        if decision:
            save(Position(step.epoch + 1) if step.last else Position(step.epoch, step.index + 1))
            last = time.monotonic()
            cost = last - now
        if decision == 2:
            raise Interrupted(signalled() or signal.SIGTERM)
