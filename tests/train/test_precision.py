"""Which nets gain by bfloat16: convolutions and LSTMs, where the machine multiplies it."""

import pytest
import torch
from torch import nn

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
    assert choose_precision("auto", net, CPU) == expected
    assert choose_precision("float32", net, CPU) == "float32"
    monkeypatch.setattr(hardware, "multiplies_bfloat16", lambda _device: False)
    assert choose_precision("auto", net, CPU) == "float32"
    assert choose_precision("bfloat16", net, CPU) == "bfloat16"
