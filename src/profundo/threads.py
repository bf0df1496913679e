"""How many threads compute: as many as pay, without a change of the result.

Two threads that share a core with another process wait for each other at every small operation: a step of 2 ms then takes
hundreds. So small work is done by one thread; larger work by several, where they pay at the moment (`Pace`).

What the number of threads does to bits (PyTorch 2.13 on a CPU with AVX-512, 1 against 2 threads; `tests/test_threads.py`):

    the same     products of matrices, convolutions forward, elementwise operations, dropout, pooling, softmax and
                 cross-entropy, sums over one axis, embeddings, LSTMs, steps of optimizers
    other bits   the sum of more than 32,768 numbers to one (mean and norm too), the gradients of convolution kernels, batch
                 normalisation of images laid out channels last, the gradients of layer normalisation, attention backward
                 from some length on, solving linear equations

Other processors and releases may differ, so nothing here relies on the list: several threads stand in for one only after
they gave the very bits of one on the same work. Where they do not, evaluation keeps to one thread, and training takes a
number that follows from the work alone and is saved with it (train/pacing.py).

Where all cores compute at every step, each thread gets a core of its own (`apart`). Otherwise the system may leave two of
them on one core beside a busy process on the other, where each runs while the other waits for it: a training of MNIST
beside two busy processes then took 3 to 8 times as long as with a core each (benchmarks/busy_machine.py).

OMP_NUM_THREADS, where a person sets it, is the number throughout.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

__all__ = [
    "Pace",
    "SameBits",
    "apart",
    "cores_before",
    "most_threads",
    "one_thread",
    "person_decides",
    "prepare_process",
    "run_on",
    "same_bits",
    "share",
    "using",
]

T = TypeVar("T")

WORTH_SECONDS = 2e-3  # of one thread: shorter work gains less by several than they may wait for each other
GAIN = 0.9  # several threads are taken when they need at most this share of one thread's time
SLOWER, IN_A_ROW = 1.5, 3  # so many pieces of work, so many times slower than measured: the machine has changed
BETWEEN = 30  # a trial costs at most one part in so many, while the machine stays as it was

_ceiling: int | None = None  # what the caller's number of threads was, inside `using`
_here = threading.local()
"""cores: those that a thread could run on before `apart`; team: how many threads compute for it, each on a core of its own."""
TASKS = Path("/proc/self/task")


def person_decides() -> bool:
    return bool(os.environ.get("OMP_NUM_THREADS"))


def share() -> int:
    """Cores for this process: those that it may run on, within the quota of its control group, by torchrun's processes."""
    cores = len(cores_before()) or os.cpu_count() or 1
    quota = _quota(Path("/sys/fs/cgroup"))
    if quota is not None:
        cores = min(cores, max(1, round(quota)))
    return max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def cores_before() -> set[int]:
    """The cores that this thread may run on, but for `apart`; none where the system does not say."""
    cores: set[int] | None = getattr(_here, "cores", None)
    return cores or (os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set())


def _quota(groups: Path) -> float | None:
    """Cores' worth of time that a control group has (version 2, then 1); None without a limit."""
    try:
        if (groups / "cpu.max").is_file():
            allowed, period = (groups / "cpu.max").read_text().split()
        else:
            allowed, period = ((groups / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(allowed) / int(period) if int(allowed) > 0 else None
    except (OSError, ValueError):  # "max" is no number
        return None


def prepare_process() -> None:
    """For a command, before Polars loads: it starts no more threads than there are cores for.

    OpenMP's threads wait as they do by themselves. Told to sleep (OMP_WAIT_POLICY=passive) they wake too late: a training
    of MNIST took 1.3 times as long on a quiet machine, and more than twice as long beside a busy process.
    """
    os.environ.setdefault("POLARS_MAX_THREADS", os.environ.get("OMP_NUM_THREADS") or str(share()))


def most_threads() -> int:
    """The largest number that may be chosen: what PyTorch has now, as the caller left it, within this process's share."""
    import torch

    if person_decides():
        return torch.get_num_threads()
    return _ceiling or max(1, min(torch.get_num_threads(), share()))


@contextmanager
def using(number: int) -> Iterator[None]:
    """Compute with this number of threads inside; where a person decides, with theirs."""
    import torch

    global _ceiling
    if person_decides():
        yield
        return
    together()
    before, ceiling = torch.get_num_threads(), _ceiling
    _ceiling = most_threads()
    set_threads(number)
    try:
        yield
    finally:
        together()
        set_threads(before)
        _ceiling = ceiling


def set_threads(number: int) -> None:
    import torch

    if not person_decides() and torch.get_num_threads() != number:
        torch.set_num_threads(number)
        _here.team = None  # others compute now


def apart(number: int) -> None:
    """Give each of so many threads that compute for this one a core of its own, where they are as many as the cores.

    It holds until `together`: changed at every step, this thread would wait for its core at every step.
    """
    cores = sorted(cores_before())
    if number == 1 or number != len(cores) or person_decides() or getattr(_here, "team", None) == number:
        return
    _here.team = number
    _here.cores = None
    helpers = _helpers()
    if len(helpers) == number - 1:
        _here.cores = set(cores)
        for thread, core in zip([0, *helpers], cores, strict=True):
            os.sched_setaffinity(thread, [core])


def together() -> None:
    """This thread may run on every core again."""
    run_on(getattr(_here, "cores", None))
    _here.cores = _here.team = None


def run_on(cores: set[int] | None) -> None:
    """For a thread of its own, with the `cores_before` of the one that starts it: it would take over a single core."""
    if cores:
        os.sched_setaffinity(0, cores)


def _helpers() -> list[int]:
    """The threads that compute for this one: those that run whenever it computes with several."""
    import torch

    numbers = torch.ones(1_000_000)
    running = None
    for _ in range(2):
        before = _running_times()
        numbers.sqrt().sqrt().sqrt()
        time.sleep(0.005)  # the system counts a thread's time when it rests
        ran = {task for task, seconds in _running_times().items() if seconds > before.get(task, seconds)}
        running = ran if running is None else running & ran
    return sorted((running or set()) - {threading.get_native_id()})


def _running_times() -> dict[int, int]:
    """Nanoseconds that each thread of this process has run; none where the system does not say."""
    times = {}
    with suppress(OSError):
        for task in TASKS.iterdir():
            with suppress(OSError):  # it may have ended
                times[int(task.name)] = int((task / "schedstat").read_text().split()[0])
    return times


def one_thread(_worker: int = 0) -> None:
    """For a process that reads beside others: it computes nothing that several threads would pay for."""
    import torch

    together()  # as the process was that it was forked from
    torch.set_num_threads(1)


class Pace:
    """Whether one thread or several are quicker now, by the seconds that pieces of equal work took.

    Both are tried in turn, twice; then the quicker one is used until it slows down, or until a trial costs little beside
    the time that has passed.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.number = 1
        self.trial: list[int] = []  # numbers still to be tried
        self.best: dict[int, float] = {}  # seconds of each in the last trial
        self.cost = self.spent = 0.0  # seconds of the last trial, and since
        self.slow = 0  # pieces in a row
        self._start_trial()

    def next(self) -> int:
        """The number of threads for the next piece."""
        return self.trial[0] if self.trial else self.number

    def took(self, seconds: float) -> None:
        """How long the piece took for which `next` gave the number."""
        if self.trial:
            number = self.trial.pop(0)
            self.best[number] = min(seconds, self.best.get(number, seconds))
            self.cost += seconds
            if number != 1 and seconds > 2 * self.best[1]:
                self.trial = []  # once is enough where it is dear
            if not self.trial:
                self.number = self.most if self.best[self.most] <= GAIN * self.best[1] else 1
            return
        self.spent += seconds
        self.slow = self.slow + 1 if seconds > SLOWER * self.best[self.number] else 0
        if self.spent > BETWEEN * self.cost or (self.slow >= IN_A_ROW and self.spent > self.cost):
            self._start_trial()

    def _start_trial(self) -> None:
        self.trial = [1, self.most, 1, self.most]
        self.best = {}
        self.cost, self.spent, self.slow = 0.0, 0.0, 0


def timed(pace: Pace, compute: Callable[[], T]) -> T:
    """A piece of work at this pace."""
    with using(pace.next()):
        started = time.perf_counter()
        result = compute()
    pace.took(time.perf_counter() - started)
    return result


class SameBits:
    """Computes to the bits of one thread, with several where they were seen to give the same and are quicker.

    For what has no state, such as a net that is evaluated. What is drawn at random is always drawn by one thread, once.
    """

    def __init__(self) -> None:
        self.paces: dict[Hashable, Pace | None] = {}

    def __call__(self, compute: Callable[[], T], like: Hashable) -> T:
        """compute(), a tensor or several. like: what makes two pieces of work equal, such as the shape of their inputs."""
        import torch

        most = most_threads()
        if most == 1 or person_decides():
            return compute()
        like = (like, torch.is_autocast_enabled("cpu"))  # other kernels
        if like not in self.paces:
            return self._first(compute, like, most)
        pace = self.paces[like]
        if pace is not None:
            return timed(pace, compute)
        with using(1):
            return compute()

    def _first(self, compute: Callable[[], T], like: Hashable, most: int) -> T:
        import torch

        random = torch.get_rng_state()
        with using(1):
            started = time.thread_time()  # the work alone, however long it waits for a core
            result = compute()
            seconds = time.thread_time() - started
        self.paces[like] = None
        if seconds >= WORTH_SECONDS and torch.equal(random, torch.get_rng_state()):
            with using(most):
                again = compute()
            self.paces[like] = Pace(most) if equal(result, again) else None
        return result


_OF_OWNERS: WeakKeyDictionary[Any, SameBits] = WeakKeyDictionary()


def same_bits(owner: Any) -> SameBits:
    """Of a net, or whatever else computes again and again: what was seen of it once is known as long as it lives."""
    return _OF_OWNERS.setdefault(owner, SameBits())


def equal(one: Any, other: Any) -> bool:
    """Whether two values, of tensors in dicts and lists, are the same bit for bit."""
    import torch

    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)
