"""What training asks of the machine."""

import subprocess
import sys

import pytest

HELD = """
import torch
from profundo.train.hardware import free_heap, keep_heap

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

def use():
    torch.ones(25_000_000)  # 100 MB

start = resident()
keep_heap()
use()
kept = resident() - start
{then}
use()
print(kept > 50_000_000, resident() - start > 50_000_000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="of glibc's allocator")
@pytest.mark.parametrize(("then", "still"), [("pass", "True"), ("free_heap()", "False")])
def test_freed_memory_is_kept_while_training_and_given_back_afterwards(then, still):
    program = HELD.replace("{then}", then)
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["True", still]
