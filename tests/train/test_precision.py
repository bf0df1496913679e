"""Which nets gain by bfloat16: convolutions and LSTMs, where the machine multiplies it."""

import pytest
import torch
from torch import nn

from profundo.records import ProfundoError
from profundo.train import hardware
from profundo.train.hardware import choose_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("net", "expected"),
    [
        (nn.Sequential(nn.Conv2d(1, 1, 3)), "bfloat16"),
        (nn.LSTM(2, 2), "bfloat16"),
        (nn.GRU(2, 2), "float32"),
        (nn.Linear(2, 2), "float32"),
    ],
)
def test_convolutions_and_lstms_take_bfloat16_where_it_is_native(monkeypatch, net, expected):
    monkeypatch.setattr(hardware, "multiplies_bfloat16", lambda _device: True)
    monkeypatch.setattr(hardware, "has_avx512", lambda: True)
    assert choose_precision("auto", net, CPU) == expected
    assert choose_precision("float32", net, CPU) == "float32"
    monkeypatch.setattr(hardware, "multiplies_bfloat16", lambda _device: False)
    assert choose_precision("auto", net, CPU) == "float32"
    assert choose_precision("bfloat16", net, CPU) == "bfloat16"


@pytest.mark.parametrize(
    ("tiles", "pairs", "vendor", "expected"),
    [
        (True, True, "GenuineIntel", True),
        (False, True, "GenuineIntel", False),
        (False, True, "AuthenticAMD", True),
        (False, False, "AuthenticAMD", False),
        (False, True, "", True),
    ],
)
def test_bfloat16_is_for_cpus_that_multiply_it_faster(monkeypatch, tiles, pairs, vendor, expected):
    monkeypatch.setattr(hardware, "has_avx512", lambda: True)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: pairs, raising=False)
    monkeypatch.setattr(hardware, "cpu_vendor", lambda: vendor)
    assert hardware.multiplies_bfloat16(CPU) is expected


def test_an_lstm_in_bfloat16_is_refused_in_one_line_where_pytorch_has_none(monkeypatch):
    monkeypatch.setattr(hardware, "has_avx512", lambda: False)
    assert not hardware.multiplies_bfloat16(CPU)
    assert choose_precision("auto", nn.LSTM(2, 2), CPU) == "float32"
    assert choose_precision("bfloat16", nn.GRU(2, 2), CPU) == "bfloat16"
    with pytest.raises(ProfundoError, match="no LSTM in it for a CPU without AVX-512; take float32"):
        choose_precision("bfloat16", nn.LSTM(2, 2), CPU)


def test_depthwise_convolutions_are_quicker_in_float32_on_a_cpu(monkeypatch):
    monkeypatch.setattr(hardware, "multiplies_bfloat16", lambda _device: True)
    assert choose_precision("auto", nn.Conv2d(4, 4, 3, groups=4), CPU) == "float32"
    assert choose_precision("auto", nn.Conv2d(4, 4, 3, groups=2), CPU) == "bfloat16"
    assert choose_precision("auto", nn.Conv2d(4, 4, 3, groups=4), torch.device("cuda")) == "bfloat16"
