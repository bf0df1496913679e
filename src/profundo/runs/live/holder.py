"""Which process writes in a run, told so that no other one can be taken for it: a number alone is soon another process's.

A run's `.holder` has the number of its process, and below it the boot of the machine and the moment when the process began
(proc(5), field 22 of stat). Where both are the same still, it is that process; a signal goes through a handle on it
(pidfd_open(2)), for between the look and the signal it might end.
"""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Holder", "holder_in", "interrupt", "is_at_work", "may_be_at_work", "this_process"]

LINUX = Path("/proc/self/stat").exists()
BOOT = Path("/proc/sys/kernel/random/boot_id")
ENDED = "ZX"  # states of a process that is no more, though it has a number yet


@dataclass(frozen=True, slots=True)
class Holder:
    """began: when it did, and in which boot of which machine; empty where that is not known."""

    pid: int
    began: str = ""

    def __str__(self) -> str:
        return f"{self.pid}\n{self.began}\n" if self.began else f"{self.pid}\n"


def this_process() -> Holder:
    return Holder(os.getpid(), moment_of(os.getpid()))


def holder_in(text: str) -> Holder | None:
    """The process that a file names; None where it names none."""
    first, _, rest = text[:200].partition("\n")
    word = first.strip()
    if not (word.isascii() and word.isdecimal()) or len(word) > 10 or not int(word):
        return None
    return Holder(int(word), rest.partition("\n")[0].strip())


def is_at_work(holder: Holder | None) -> bool:
    """Whether this very process runs, on this machine, for sure."""
    return holder is not None and holder.began != "" and moment_of(holder.pid) == holder.began


def may_be_at_work(holder: Holder | None) -> bool:
    """False where it is certain that the process is gone."""
    if holder is None or os.name == "nt":
        return True
    if holder.began and (now := moment_of(holder.pid)):
        return now == holder.began
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def interrupt(holder: Holder | None) -> bool:
    """Send SIGTERM to this very process and to no other: it saves its state as after Ctrl-C, which what is started in the background
    does not hear before it has begun. False where it is gone, or not certain."""
    if holder is None or not is_at_work(holder):
        return False
    try:
        if not hasattr(os, "pidfd_open"):
            os.kill(holder.pid, signal.SIGTERM)
            return True
        handle = os.pidfd_open(holder.pid)
        try:
            if not is_at_work(holder):  # that the handle is of the same one
                return False
            signal.pidfd_send_signal(handle, signal.SIGTERM)
        finally:
            os.close(handle)
    except OSError:
        return False
    return True


@cache
def boot() -> str:
    try:
        return BOOT.read_bytes().decode().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def moment_of(pid: int) -> str:
    """When a process began, in which boot; empty where there is none, or this system does not say."""
    if LINUX:
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            return ""
        fields = stat.rpartition(b")")[2].split()  # a name may hold spaces and brackets
        return f"{boot()} {fields[19].decode()}" if len(fields) > 19 and fields[0].decode() not in ENDED else ""
    if os.name == "nt":
        return ""
    told = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return " ".join(told.stdout.split())
