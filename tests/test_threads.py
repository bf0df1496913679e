"""How many threads are chosen, by times that the tests give; and that results are those of one thread."""

import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import torch
from torch import nn

from profundo import threads
from profundo.inside.attributions import explain
from profundo.threads import Pace, SameBits, most_threads, prepare_process, using


@pytest.fixture(autouse=True)
def _four_threads(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "share", lambda: 4)
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def numbers(pace, pieces, seconds):
    """The number of threads of each piece, when a piece takes seconds(number)."""
    taken = []
    for _ in range(pieces):
        taken.append(pace.next())
        pace.took(seconds(taken[-1]))
    return taken


def test_several_threads_are_used_where_they_are_quicker():
    assert numbers(Pace(4), 30, lambda number: 1 / number)[4:] == [4] * 26


@pytest.mark.parametrize("seconds", [{1: 1.0, 4: 0.95}, {1: 1.0, 4: 3.0}])
def test_one_thread_is_used_where_several_gain_little_or_lose(seconds):
    assert numbers(Pace(4), 30, seconds.get)[4:] == [1] * 26


def test_a_machine_that_becomes_busy_gets_one_thread_and_several_again_when_it_is_quiet():
    pace = Pace(4)
    numbers(pace, 50, {1: 1.0, 4: 0.3}.get)
    busy = numbers(pace, 50, {1: 1.5, 4: 30.0}.get)
    assert busy.count(4) <= 4
    assert set(busy[10:]) == {1}
    assert numbers(pace, 1000, {1: 1.0, 4: 0.3}.get)[-1] == 4


def test_trials_on_a_busy_machine_cost_little_beside_the_work():
    taken = numbers(Pace(4), 10_000, {1: 1.0, 4: 100.0}.get)
    assert taken.count(4) * 100 < 10_000 / 20


def test_no_more_threads_than_the_caller_has_inside_and_out():
    torch.set_num_threads(3)
    with using(1):
        assert (torch.get_num_threads(), most_threads()) == (1, 3)
        with using(2):
            assert most_threads() == 3
        assert torch.get_num_threads() == 1
    assert (torch.get_num_threads(), most_threads()) == (3, 3)


def test_the_number_that_a_person_sets_is_left_alone(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    torch.set_num_threads(2)
    seen = []
    with using(1):
        SameBits()(lambda: seen.append(torch.get_num_threads()) or torch.ones(1), "any")
    assert (seen, most_threads()) == ([2], 2)
    monkeypatch.setenv("POLARS_MAX_THREADS", "")  # so that it is as before afterwards
    monkeypatch.delenv("POLARS_MAX_THREADS")
    prepare_process()
    assert os.environ["POLARS_MAX_THREADS"] == "4"


@pytest.mark.parametrize("same", [True, False])
def test_results_are_those_of_one_thread_however_long_the_work_takes(same, monkeypatch):
    monkeypatch.setattr(threads, "WORTH_SECONDS", 0.0)
    used = []

    def compute(same):
        used.append(torch.get_num_threads())
        return torch.tensor(1.0 if same else float(used[-1]))

    work = SameBits()
    assert {float(work(partial(compute, same), "shape")) for _ in range(12)} == {1.0}
    assert (used[:2], 4 in used[2:]) == ([1, 4], same)


def test_what_is_drawn_at_random_is_drawn_once(monkeypatch):
    monkeypatch.setattr(threads, "WORTH_SECONDS", 0.0)
    torch.manual_seed(0)
    expected = [torch.randn(3) for _ in range(3)]
    torch.manual_seed(0)
    work = SameBits()
    assert all(torch.equal(work(lambda: torch.randn(3), "shape"), one) for one in expected)


def test_small_explanations_are_computed_by_one_thread(monkeypatch):
    monkeypatch.setattr(threads, "WORTH_SECONDS", math.inf)  # however long this machine takes
    seen = []

    class Noting(nn.Linear):
        def forward(self, rows):
            seen.append(torch.get_num_threads())
            return super().forward(rows)

    net = Noting(4, 3)
    with using(4):
        for method in ("gradient", "occlusion", "kernel_shap"):
            explain(net, torch.ones(2, 4), method)
        assert torch.get_num_threads() == 4
    assert set(seen) == {1}


def test_products_have_the_same_bits_with_one_and_several_threads():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(784, 500), nn.ReLU(), nn.Linear(500, 10))
    inputs, gradients = torch.randn(256, 784), []
    for number in (1, 4):
        net.zero_grad()
        with using(number):
            net(inputs).logsumexp(1).mean().backward()
        gradients.append([parameter.grad.clone() for parameter in net.parameters()])
    assert threads.equal(*gradients)


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "150000 100000"}, 1.5),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2.0),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({}, None),
    ],
)
def test_the_quota_of_a_control_group_is_read(tmp_path, files, cores):
    (tmp_path / "cpu").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert threads._quota(tmp_path) == cores


def test_a_process_of_torchrun_has_its_share_of_the_cores():
    code = "from profundo.threads import share; print(share())"
    here = {**os.environ, "LOCAL_WORLD_SIZE": "1"}
    shares = [
        int(subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True).stdout)
        for env in (here, {**here, "LOCAL_WORLD_SIZE": "2"})
    ]
    assert shares[1] == max(1, shares[0] // 2)


@pytest.fixture
def cores(monkeypatch):
    """The cores of this process, of which there must be two."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        pytest.skip("cores of one's own: the system has no affinity, or this process a single core")
    monkeypatch.setattr(threads, "share", lambda: len(cores))
    with using(len(cores)):
        yield cores


def test_threads_that_all_compute_have_a_core_each_until_the_number_changes(cores):
    torch.set_num_threads(len(cores))
    for _ in range(100):  # on a busy machine they are not always recognised
        threads.apart(len(cores))
        if threads._here.cores:
            break
        threads.together()
    helpers = [task for task in map(int, os.listdir(threads.TASKS)) if len(os.sched_getaffinity(task)) == 1]
    assert sorted(core for task in helpers for core in os.sched_getaffinity(task)) == cores
    assert threads.cores_before() == set(cores)
    with ThreadPoolExecutor(1, initializer=threads.run_on, initargs=(threads.cores_before(),)) as pool:
        assert pool.submit(os.sched_getaffinity, 0).result() == set(cores)
    with using(1):
        assert os.sched_getaffinity(0) == set(cores)


@pytest.mark.parametrize("number", [1, 64])
def test_fewer_or_more_threads_than_cores_are_left_to_the_system(number, cores):
    threads.apart(number)
    assert os.sched_getaffinity(0) == set(cores)


def test_threads_that_are_not_recognised_are_left_to_the_system(cores, monkeypatch):
    monkeypatch.setattr(threads, "TASKS", threads.TASKS / "absent")
    threads.apart(len(cores))
    assert os.sched_getaffinity(0) == set(cores)
