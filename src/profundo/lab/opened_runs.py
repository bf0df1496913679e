"""Finished runs opened for the rooms that look into them: a few for the whole lab, each looked into by one thread at a time."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from profundo.languages import Said, everywhere, local, term
from profundo.recipes.latent_space import LatentSpace
from profundo.recipes.recipe_folder import open_latent
from profundo.records import ProfundoError
from profundo.runs.listing import list_runs
from profundo.use.looking_into import abilities, looked_of

if TYPE_CHECKING:
    from profundo.inspect.opened_net import Looked
    from profundo.lab.desks import Lab

__all__ = ["OpenedRun", "looked_runs", "opened_run", "run_path"]

LONGEST_NAME = 255  # bytes, of a file
MOST = 4  # runs that are open at once
MOST_MADE = 12  # of units, codes and maps of a run, layer by layer
FIGURE = re.compile(r"(.+?) (-?\d.*)")  # name and value
T = TypeVar("T")


@dataclass(eq=False)
class OpenedRun:
    """What is made of a run when it is first asked for, under the lock that whoever uses its nets holds."""

    path: Path
    lock: threading.RLock = field(default_factory=threading.RLock)
    made: dict[Any, Any] = field(default_factory=dict)

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """The same value each time. Raises what `make` raises, each time."""
        with self.lock:
            result: T = self.made[key] if key in self.made else make()
            self.keep(key, result)
            return result

    def keep(self, key: Any, value: Any) -> None:
        """Of what there may be many of, whose keys are tuples, the last ones."""
        with self.lock:
            self.made.pop(key, None)
            self.made[key] = value
            many = [one for one in self.made if isinstance(one, tuple)]
            for old in many[:-MOST_MADE]:
                del self.made[old]

    @property
    def looked(self) -> Looked:
        return self.once("looked", lambda: looked_of(self.path))

    @property
    def spaces(self) -> Mapping[str, LatentSpace]:
        return self.once("spaces", lambda: open_latent(self.path))


class OpenedRuns:
    """The last few, by the folder and when it was finished."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.open: OrderedDict[tuple[Path, int], OpenedRun] = OrderedDict()

    def get(self, path: Path) -> OpenedRun:
        key = (path, (path / "scores.json").stat().st_mtime_ns)
        with self.lock:
            found = self.open.pop(key, None) or OpenedRun(path)
            self.open[key] = found
            while len(self.open) > MOST:
                self.open.popitem(last=False)
            return found

    def close(self) -> None:
        self.open.clear()


def opened_run(lab: Lab, name: str) -> OpenedRun:
    """Raises ProfundoError for a name that is none of the lab's finished runs."""
    runs: OpenedRuns = lab.state("opened runs", OpenedRuns)
    return runs.get(run_path(lab, name))


def run_path(lab: Lab, name: str) -> Path:
    """The folder of a finished run that lies in the folder of runs itself, and not through a link."""
    path = lab.runs / name
    if not is_name(name) or path.is_symlink() or not (path / "scores.json").is_file():
        raise ProfundoError(Said("refusals.no_run", name=repr(name[:60])))
    return path


def is_name(name: str) -> bool:
    """Whether a file can be called so."""
    return (
        name not in ("", ".", "..")
        and not set(name) & set("/\\\0")
        and len(name.encode("utf-8", "replace")) <= LONGEST_NAME
    )


def looked_runs(lab: Lab) -> list[dict[str, Any]]:
    """Finished runs that can be looked into, nets of images first, each kind the latest first."""
    found = [row for row in map(described, reversed(list_runs(lab.runs))) if row is not None]
    return sorted(found, key=lambda row: row["kind"] not in ("image", ""))


def scored(told: str) -> str:
    """The leading figure of a run, "accuracy 99.2 %", in the language that is spoken."""
    parts = FIGURE.fullmatch(told)
    return f"{term(parts[1])} {local(parts[2])}" if parts else told


def described(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """None for a run that is not finished, lies elsewhere, or has nothing to look into."""
    folder = Path(row["run"])
    if folder.is_symlink() or row["state"] != "finished":
        return None
    try:
        able = abilities(folder)
    except (ProfundoError, OSError):
        return None
    if not (able.looks or able.draws):
        return None
    data = row["data"] and Path(str(row["data"])).stem  # where data of one's own lie is nobody's business
    told = {
        "run": folder.name,
        "data": data,
        "net": row["net"],
        "score": row["score"] and everywhere(partial(scored, row["score"])),
    }
    return {**told, "kind": able.kind, "looks": able.looks, "draws": able.draws}
