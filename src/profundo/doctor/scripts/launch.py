"""Runs a script as `python script.py ARGS` would, with PyTorch observed from the moment that the script has imported it.

Started as a file, in a process of its own: `python -P launch.py REPORT BUDGET script.py ARGS …`. Before the script runs nothing is
imported but what is below, so that what a script sets before its own imports holds. The report is written as JSON into the file
REPORT; the process ends with the script's own exit status.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.machinery import PathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from profundo.doctor.scripts.observer import Observer


class Arrival:
    """Finds PyTorch as Python does, and calls `then` when it has been imported."""

    def __init__(self, then: Callable[[], None]) -> None:
        self.then = then

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        spec: Any = PathFinder.find_spec(name, path, target)
        if spec is not None:
            plain = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                plain(module)
                self.then()

            spec.loader.exec_module = exec_module
        return spec


def main() -> None:
    report, budget, *words = sys.argv[1:]
    seen: list[Observer] = []
    faults: list[Exception] = []

    def observe() -> None:
        try:
            from profundo.doctor.scripts.observer import Observer

            observer = Observer()
            observer.install()
            seen.append(observer)
        except Exception as error:  # noqa: BLE001 - the script runs all the same
            faults.append(error)

    sys.meta_path.insert(0, Arrival(observe))
    process, code = os.getpid(), run(words)
    if os.getpid() == process:  # and not what the script has forked
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        write(report, float(budget), seen, faults)
    sys.exit(code)


def run(words: list[str]) -> int:
    """The script's exit status, after its own traceback where it ended with one."""
    script = ModuleType("__main__")
    path = os.path.abspath(words[0])
    script.__dict__.update(__file__=path, __builtins__=__builtins__, __annotations__={}, __cached__=None)
    sys.argv[:] = words
    sys.path.insert(0, os.path.dirname(os.path.realpath(words[0])))
    sys.modules["__main__"] = script
    try:
        with open(words[0], "rb") as file:
            code = compile(file.read(), path, "exec", dont_inherit=True)
        exec(code, script.__dict__)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException as error:  # noqa: BLE001 - whatever the script ends with, as Python does
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def write(path: str, budget: float, seen: list[Observer], faults: list[Exception]) -> None:
    """words: what was seen, what the doctor says of it, and that as plain data; the last two only where there is something.
    faults: why nothing could be seen."""
    words: dict[str, Any] = {"seen": "nothing was trained: the script did not import torch", "text": "", "report": None}
    try:
        if seen:
            words |= told(seen[0], budget)
    except Exception as error:  # noqa: BLE001 - the exit status is the script's own
        faults.append(error)
    if faults:
        fault = f"{type(faults[0]).__name__}: {' '.join(str(faults[0]).split())[:200]}"
        words["seen"] = f"the doctor failed, which is a fault of its own: {fault}"
    with open(path, "w", encoding="utf-8") as file:
        json.dump(words, file, default=str)


def told(observer: Observer, budget: float) -> dict[str, Any]:
    from dataclasses import asdict

    observer.close()
    from profundo.doctor.scripts.rebuilding import diagnosis, summary

    words: dict[str, Any] = {"seen": summary(observer)}
    if observer.backward or observer.stepped:
        report = diagnosis(observer, budget)
        words |= {"text": str(report), "report": {"healthy": report.healthy, **asdict(report)}}
    return words


if __name__ == "__main__":
    main()
