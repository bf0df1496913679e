"""Many small nets of one shape, trained side by side by gradient descent on the squared error."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from profundo.data.full_batch import Whole
from profundo.objectives.batched_losses import squared_errors
from profundo.recipes.context import Context
from profundo.records import Batch
from profundo.train import Descent, Plan, optimizer, schedule

__all__ = ["train_side_by_side"]

UPDATES = 100  # of an epoch


def train_side_by_side(
    context: Context, net: nn.Module, inputs: Tensor, targets: Tensor, epochs: int, learning_rate: float, name: str
) -> None:
    """Adam, with the cost of all samples at each update. net: a BatchedMLP; inputs, targets: (nets, samples, …), or inputs
    that all nets share, (samples, …). epochs: of 100 updates each."""

    def cost(batch: Batch) -> Mapping[str, Tensor]:
        return squared_errors(net(batch.inputs), batch.targets)

    context.train(
        Descent(net, cost, optimizer("adam", net, learning_rate)),
        Whole(inputs, targets, UPDATES, context.device),
        Plan(epochs, schedule("cosine")),
        name=name,
    )
