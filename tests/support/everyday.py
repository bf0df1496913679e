"""Small data and nets of the kinds that people bring."""

import numpy as np
from torch import nn

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 4)).astype("float32")
TWO = (X[:, 0] + X[:, 1] > 0).astype(int)
THREE = np.digitize(X[:, 0], (-0.5, 0.5))
NUMBER = X @ np.array([1.0, 2.0, 3.0, 4.0], dtype="float32")
IDS = rng.integers(1, 30, (120, 6))
QUICK = {"epochs": 2, "out": False}


def small(outputs=3, inputs=4):
    return nn.Sequential(nn.Linear(inputs, 8), nn.ReLU(), nn.Linear(8, outputs))


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 3), nn.Linear(2, 3)

    def forward(self, left, right):
        return self.a(left) + self.b(right)


class Embedded(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.last = nn.Embedding(30, 8), nn.Linear(8, 3)

    def forward(self, ids):
        return self.last(self.table(ids).mean(1))
