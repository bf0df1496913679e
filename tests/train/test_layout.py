"""Layouts in which nets train, against what PyTorch's kernels do to the memory beside theirs."""

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn

from profundo.train.layout import lay_out, writes_beyond

CPU = torch.device("cpu")
LAST = torch.channels_last

# What was overwritten is seen where the allocator looks, so a smaller CPU runs in a process of its own.
TRAINED = """
import torch
from torch import nn
from profundo.train.layout import lay_out

torch.set_num_threads(1)
net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 8, 1, 2))
net = net.to(memory_format=torch.channels_last)
lay_out(net, torch.device("cpu"))
for _ in range(60):
    net(torch.randn(8, 3, 48, 48).to(memory_format=torch.channels_last)).sum().backward()
"""
SMALLER = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}


def small():
    """A residual net's beginning: a stem, and a shortcut of one pixel with a stride."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 8, 1, 2))


def images():
    return torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's checks of the heap")
@pytest.mark.parametrize("cpu", [SMALLER, {}], ids=["a smaller CPU", "this CPU"])
def test_no_memory_is_overwritten(monkeypatch, cpu):
    environment = {**cpu, "LD_PRELOAD": "libc_malloc_debug.so", "MALLOC_CHECK_": "3"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ended = subprocess.run([sys.executable, "-c", TRAINED], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("layer", "unsafe"),
    [
        *((nn.Conv2d(channels, 8, 1, 2), 2 <= channels <= 15) for channels in (1, 2, 7, 8, 15, 16, 17)),
        (nn.Conv2d(4, 8, 1, (1, 2)), True),
        (nn.Conv2d(4, 8, 1), False),
        (nn.Conv2d(4, 8, 3, 2), False),
        (nn.ConvTranspose2d(4, 16, 1, 2), False),
        (nn.ConvTranspose2d(8, 4, 1, 2, output_padding=1), True),
        (nn.Conv3d(4, 8, 1, 2), False),
    ],
)
def test_few_channels_a_kernel_of_one_pixel_and_a_stride_are_unsafe(layer, unsafe):
    assert writes_beyond(layer) is unsafe


@pytest.mark.parametrize("laid", [torch.contiguous_format, LAST])
def test_only_the_unsafe_layer_leaves_channels_last(laid):
    net = small().to(memory_format=laid)
    seen = []
    net[3].register_forward_hook(lambda _layer, inputs, _output: seen.append(inputs[0]))
    for _ in range(2):  # a net that trains twice
        lay_out(net, CPU)
    net(images().to(memory_format=LAST))
    assert net[0].weight.is_contiguous(memory_format=LAST)
    assert net[3].weight.stride() != (4, 1, 4, 4)  # a kernel of one pixel is contiguous in both senses
    assert seen[0].is_contiguous()
    assert len(net[3]._forward_pre_hooks) == 1


def test_the_layout_changes_no_result():
    plain = small().double()
    laid = copy.deepcopy(plain)
    lay_out(laid, CPU)
    for net in (plain, laid):
        net(images().double()).square().sum().backward()
    for one, other in zip(plain.parameters(), laid.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
    assert laid.state_dict().keys() == plain.state_dict().keys()


def test_a_net_that_convolves_nothing_stays_as_it_is():
    net = nn.Sequential(nn.Linear(3, 4), nn.Conv1d(4, 4, 1, 2))
    lay_out(net, CPU)
    assert all(parameter.is_contiguous() for parameter in net.parameters())
