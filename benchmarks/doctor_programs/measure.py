"""A plain training loop and the figures by which a program is judged, without any doctor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from sklearn import metrics
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from .registry import Arguments


def ordinary_step(net: nn.Module, batch: Any, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer) -> Tensor:
    inputs, targets = batch
    optimizer.zero_grad()
    cost = loss(net(inputs), targets)
    cost.backward()
    optimizer.step()
    return cost.detach()


def batches(data: Any, size: int, shuffle: bool) -> Iterable[Any]:
    """Pairs of tensors or arrays and data sets are cut into batches; loaders and lists of batches are used as they are."""
    if isinstance(data, tuple):
        data = TensorDataset(*(torch.as_tensor(part) for part in data))
    if isinstance(data, Dataset):
        return DataLoader(data, size, shuffle=shuffle)
    return data  # type: ignore[no-any-return]


def train(program: Arguments) -> nn.Module:
    net, loss, optimizer = program["net"], program["loss"], program["optimizer"]
    step = program.get("step") or ordinary_step
    data = batches(program["train"], program.get("batch_size", 32), program.get("shuffle", True))
    for _ in range(program.get("epochs", 5)):
        net.train()
        for batch in data:
            step(net, batch, loss, optimizer)
    return net


@torch.no_grad()
def predicted(net: nn.Module, data: Any) -> tuple[Any, Tensor]:
    """Predictions and targets of a whole split; of several outputs the first."""
    net.eval()
    outputs, targets = [], []
    for inputs, target in batches(data, 256, False):
        output = net(inputs)
        outputs.append(output[0] if isinstance(output, tuple) else output)
        targets.append(target)
    return torch.cat(outputs), torch.cat(targets)


def accuracy(prediction: Tensor, target: Tensor) -> float:
    """Of the largest output, over the last axis; targets are classes or one-hot."""
    if target.is_floating_point() and target.shape == prediction.shape:
        target = target.argmax(-1)
    return float((prediction.argmax(-1) == target.reshape(prediction.shape[:-1])).double().mean())


def r2(prediction: Tensor, target: Tensor) -> float:
    """Over all elements; -1 also stands for what is worse or not a number."""
    target = target.reshape(len(target), -1).double()
    prediction = prediction.reshape(len(target), -1).double()
    rest = (target - prediction).pow(2).sum() / (target - target.mean(0)).pow(2).sum()
    return max(-1.0, 1 - float(rest)) if rest.isfinite() else -1.0


def above(threshold: float) -> Callable[[Tensor, Tensor], float]:
    """Share of yes-or-no targets on the right side of a threshold."""
    return lambda prediction, target: float(
        ((prediction > threshold) == (target.reshape(prediction.shape) > 0.5)).double().mean()
    )


def balanced(prediction: Tensor, target: Tensor) -> float:
    return float(metrics.balanced_accuracy_score(target, prediction.argmax(1)))


def neighbours(prediction: Tensor, target: Tensor) -> float:
    """Pairs of codes (n, 2, width): accuracy of the best threshold on their distance; target 1 means alike."""
    distance = (prediction[:, 0] - prediction[:, 1]).pow(2).sum(1).nan_to_num()
    false, true, _ = metrics.roc_curve(target.flatten(), -distance)
    share = float(target.float().mean())
    return float((true * share + (1 - false) * (1 - share)).max())


SCORES: dict[str, Callable[[Tensor, Tensor], float]] = {
    "accuracy": accuracy,
    "balanced accuracy": balanced,
    "accuracy of logits": above(0.0),
    "accuracy of probabilities": above(0.5),
    "R2": r2,
    "accuracy of pairs": neighbours,
}


def measured(program: Arguments, score: str) -> float | None:
    """The score after training; None where training ended in an error. "metric" is what the program's own says."""
    try:
        prediction, target = predicted(train(program), program["validation"])
    except (RuntimeError, IndexError, ValueError):
        return None
    judge = program["metric"] if score == "metric" else SCORES[score]
    return round(float(judge(prediction, target)), 3)
