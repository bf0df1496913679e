"""The yardstick: MNIST as introductions to PyTorch train it, written plainly, from the four files to 99 %.

conv 3×3 32 → ReLU → conv 3×3 64 → ReLU → max-pool 2 → dropout ¼ → dense 128 → ReLU → dropout ½ → dense 10;
Adadelta at 1.0, times 0.7 after each epoch; batches of 64 from a DataLoader that converts and normalises each sample;
the test split is looked at after every epoch and training ends when it reaches 99.0 %, or after 14 epochs.

    python benchmarks/reference_mnist.py FOLDER [--seed 0]        prints one JSON object
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset


def unpacked(path: Path) -> bytes:
    with gzip.open(path) as file:
        return file.read()


class Digits(Dataset[tuple[Tensor, int]]):
    """One image at a time: to a PIL image, to a float tensor in [0, 1], normalised; as the usual transforms do."""

    def __init__(self, folder: Path, part: str) -> None:
        self.images = np.frombuffer(unpacked(folder / f"{part}-images-idx3-ubyte.gz"), np.uint8, offset=16)
        self.images = self.images.reshape(-1, 28, 28)
        self.labels = np.frombuffer(unpacked(folder / f"{part}-labels-idx1-ubyte.gz"), np.uint8, offset=8)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture = Image.fromarray(self.images[index])
        pixels = torch.from_numpy(np.array(picture, copy=True)).unsqueeze(0).float().div(255)
        return pixels.sub(0.1307).div(0.3081), int(self.labels[index])


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)
        self.hidden, self.last = nn.Linear(9216, 128), nn.Linear(128, 10)
        self.light, self.heavy = nn.Dropout(0.25), nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.second(F.relu(self.first(x))))
        x = self.light(F.max_pool2d(x, 2)).flatten(1)
        return F.log_softmax(self.last(self.heavy(F.relu(self.hidden(x)))), dim=1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--goal", type=float, default=0.99)
    asked = parser.parse_args()
    started = time.perf_counter()
    torch.manual_seed(asked.seed)
    train = DataLoader(Digits(asked.folder, "train"), batch_size=64, shuffle=True)
    test = DataLoader(Digits(asked.folder, "t10k"), batch_size=1000)
    net = Net()
    optimizer = torch.optim.Adadelta(net.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    accuracies: list[float] = []
    while len(accuracies) < 14 and (not accuracies or accuracies[-1] < asked.goal):
        net.train()
        for images, labels in train:
            optimizer.zero_grad()
            F.nll_loss(net(images), labels).backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            right = sum(int((net(images).argmax(1) == labels).sum()) for images, labels in test)
        accuracies.append(right / 10_000)
        scheduler.step()
    print(json.dumps({"accuracies": accuracies, "seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
