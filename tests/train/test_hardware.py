"""What training asks of the machine."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from profundo.records import ProfundoError
from profundo.train import hardware
from profundo.train.hardware import choose_precision, stride_is_too_wide

HELD = """
import os, sys
import torch
from profundo.train.hardware import free_heap, keep_heap

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

def use():
    torch.ones(25_000_000)  # 100 MB

for then in (lambda: None, free_heap):
    if not os.fork():  # each with a heap of its own
        start = resident()
        keep_heap()
        use()
        kept = resident() - start
        then()
        use()
        print(kept > 50_000_000, resident() - start > 50_000_000)
        sys.exit()
    os.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="of glibc's allocator")
def test_freed_memory_is_kept_while_training_and_given_back_afterwards():
    said = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ["True True", "True False"]


STEADY = """
import resource
import torch
from profundo.train.hardware import steady_heap

def cleared():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        kept = [torch.ones(2_000_000) for _ in range(5)]  # 8 MB each, of 4 KB pages
        del kept
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(cleared(), end=" ")
steady_heap()
cleared()
print(cleared())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="of glibc's allocator")
def test_answers_are_computed_in_memory_that_the_system_does_not_clear_anew():
    said = subprocess.run([sys.executable, "-c", STEADY], capture_output=True, text=True, check=True).stdout
    before, after = map(int, said.split())
    assert after < before / 20


@pytest.mark.parametrize(
    ("net", "shape", "wide"),
    [
        (nn.Conv2d(1, 2, 3, stride=2, padding=1), (1, 1, 1), True),
        (nn.Conv2d(1, 2, 3, stride=2, padding=1), (1, 5, 1), True),
        (nn.Conv2d(1, 2, 3, stride=2, padding=1), (1, 2, 2), False),
        (nn.Conv2d(1, 2, 3, stride=3, padding=1), (1, 2, 2), True),
        (nn.Conv2d(1, 2, 3, padding=1), (1, 1, 1), False),
        (nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.MaxPool2d(8), nn.Conv2d(2, 2, 3, 2, 1)), (1, 8, 8), True),
        (nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.MaxPool2d(8), nn.Conv2d(2, 2, 3, 2, 1)), (1, 16, 16), False),
        (nn.Sequential(nn.Unflatten(1, (2, 1)), nn.Conv3d(2, 2, 3, 3, 1)), (2, 16, 16), True),
        (nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.AdaptiveAvgPool2d(1)), (1, 28, 28), False),
    ],
)
def test_strides_wider_than_what_is_left_of_the_image_are_seen(net, shape, wide, monkeypatch):
    monkeypatch.setattr(hardware, "has_tiles", bool)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    assert stride_is_too_wide(net, shape) is wide
    assert net.training
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert choose_precision("float32", net, torch.device("cpu"), shape) == "float32"
    if wide:
        assert choose_precision("auto", net, torch.device("cpu"), shape) == "float32"
        with pytest.raises(ProfundoError, match="take float32"):
            choose_precision("bfloat16", net, torch.device("cpu"), shape)


@pytest.mark.parametrize(
    ("net", "shape", "wrong"),
    [
        (nn.Conv2d(1, 2, 3, stride=2, padding=1), (1, 2, 2), True),
        (nn.Conv2d(1, 2, 3, stride=2, padding=1), (1, 2, 3), False),
        (nn.Conv2d(1, 2, 3, stride=2, padding=1), (1, 3, 2), True),
        (nn.Conv2d(1, 2, 3), (1, 3, 3), False),
        (nn.Sequential(*(nn.Conv2d(1, 1, 3, stride=2) for _ in range(4))), (1, 32, 32), True),
        (nn.Sequential(nn.Unflatten(2, (4, 2)), nn.Conv2d(1, 2, 3, 2, 1)), (1, 8), True),  # as a sound comes
    ],
)
def test_strided_convolutions_to_a_single_column_are_seen_where_tiles_compute_them(net, shape, wrong, monkeypatch):
    monkeypatch.setattr(hardware, "has_tiles", lambda: True)
    assert stride_is_too_wide(net, shape) is wrong
