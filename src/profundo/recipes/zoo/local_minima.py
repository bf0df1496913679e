"""Most local minima are alike (Choromanska, Henaff, Mathieu, Ben Arous & LeCun 2015, "The loss surfaces of multilayer networks",
figure 3), and are connected (Garipov et al. 2018; Draxler et al. 2018).

Data: digits, 8×8 pixels, real. Nets with one hidden layer of ReLU units, by width, twenty of each from other first weights,
trained side by side to the same end (Adam, batches of 64, the rate falling as a cosine). Where they end, their losses are
compared; between pairs of them the loss is followed on the straight line, and on a Bézier curve that was learned to stay low.

Result, seed 0: over twenty first weights the test loss is 1.20 ± 0.41 with 2 hidden units, 0.074 ± 0.036 with 10, 0.029 ± 0.0054
with 50 and 0.016 ± 0.0032 with 200; the training loss 1.16 ± 0.42, 0.031 ± 0.028, 0.0019 ± 0.0002 and 0.00044 ± 0.00003. On
straight lines between two the training loss climbs by 0.90, 1.37, 0.27 and 0.076 in the mean, on bent ways by 0.18, 0.11, 0.012
and 0.0021. At width 200 the three seeds 0, 1, 2 have a spread of the test loss of 0.0032, 0.0053, 0.0044 and a bent wall of 0.0021,
0.0018, 0.0012: seed 0's spread is the least of them, and whether it falls from width 50 on, three seeds do not say. That
it falls a hundredfold from width 2 on is beyond doubt; as a share of the loss only that of the training loss falls. The
test loss keeps some spread, for there are 359 test
samples. About 42 s on one core of an Intel Xeon, no GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from profundo.data.batches import batches
from profundo.data.full_batch import whole
from profundo.inside.surface import Weights, barrier, bend, losses_along, straight
from profundo.nets.batched_nets import BatchedMLP
from profundo.objectives.batched_losses import cross_entropies
from profundo.pictures import lines_svg
from profundo.pictures.charts import Line
from profundo.pictures.exhibits import Chart, Exhibit, Table
from profundo.recipes.context import Context
from profundo.recipes.members import of_pixels
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.recipe_charts import band
from profundo.recipes.subjects import Subject
from profundo.records import Batch, Dataset
from profundo.runs.settings.setting_values import Positive, Some, Whole
from profundo.train import Descent, Plan, optimizer, schedule

__all__ = ["RECIPE", "Settings", "networks", "run"]

PIXELS, DIGITS = 64, 10


@dataclass(frozen=True, slots=True)
class Settings:
    """nets: of each width, an even number, for the walls are between pairs; bend_steps: updates of the bent ways."""

    widths: Some = (2, 5, 10, 25, 50, 100, 200)
    nets: Whole = 20
    epochs: Whole = 60
    batch_size: Whole = 64
    learning_rate: Positive = 0.01
    bend_steps: Whole = 200


@dataclass(frozen=True, slots=True)
class Ends:
    """By width: loss of each net on training and test samples and its test errors, (widths, nets); walls between pairs of
    them, (widths, pairs), in training loss."""

    training: Tensor
    test: Tensor
    wrong: Tensor
    straight: Tensor
    bent: Tensor


def networks(settings: Settings, _known: Mapping[str, Any]) -> dict[str, nn.Module]:
    """By width, all nets in one."""
    return {f"width {width}": BatchedMLP(settings.nets, PIXELS, width, DIGITS, "relu") for width in settings.widths}


def run(context: Context, settings: Settings) -> Outcome:
    data = context.load("digits")
    nets = networks(settings, {})
    rows = [train_and_compare(context, settings, data, name, net) for name, net in nets.items()]
    ends = Ends(*(torch.stack(column) for column in zip(*rows, strict=True)))
    spread, walls = ends.test.std(1), (ends.straight.mean(1), ends.bent.mean(1))
    first, last = settings.widths[0], settings.widths[-1]
    return Outcome(
        scores={
            f"spread of test loss, width {last}": spread[-1].item(),
            f"spread of training loss, width {last}": ends.training.std(1)[-1].item(),
            f"straight wall, width {last}": walls[0][-1].item(),
            f"bent wall, width {last}": walls[1][-1].item(),
        },
        baseline={
            f"spread of test loss, width {last}": spread[0].item(),
            f"spread of training loss, width {last}": ends.training.std(1)[0].item(),
            f"straight wall, width {last}": walls[0][0].item(),
            f"bent wall, width {last}": walls[1][0].item(),
        },
        against=f"width {first}",
        exhibits=exhibits(settings, ends),
        networks=nets,
        conclusion=f"Over {settings.nets} seeds the test loss is {ends.test[0].mean():.3f} ± {spread[0]:.3f} with {first} hidden "
        f"units, {ends.test[-1].mean():.3f} ± {spread[-1]:.4f} with {last}: wide nets end alike wherever they begin. On the "
        f"straight line between two of them the training loss climbs by {walls[0][0]:.2f} and {walls[0][-1]:.2f}, on a bent way "
        f"by {walls[1][0]:.2f} and {walls[1][-1]:.4f}.",
    )


def train_and_compare(
    context: Context, settings: Settings, data: Dataset, name: str, net: nn.Module
) -> tuple[Tensor, ...]:
    """One width: losses at the ends, and the walls between neighbours."""

    def cost(batch: Batch) -> Mapping[str, Tensor]:
        each = cross_entropies(net(batch.inputs.flatten(1)), batch.targets)
        return {"loss": each.sum(), "cross-entropy": each.detach().mean()}

    served = batches(data.train, data.spec, settings.batch_size, seed=context.seed, device=context.device)
    mover = optimizer("adam", net, settings.learning_rate)
    context.train(Descent(net, cost, mover), served, Plan(settings.epochs, schedule("cosine")), name=name)
    training, test = (whole(split, data.spec, context.device) for split in (data.train, data.test))
    weights = {key: value.detach() for key, value in net.named_parameters()}
    losses = losses_on(net, training)
    with torch.no_grad():
        answers = net(test.inputs.flatten(1)).argmax(2)
        ends = losses(weights), losses_on(net, test)(weights), (answers != test.targets).float().mean(1)
    pairs = settings.nets // 2 * 2
    start, end = ({key: value[at:pairs:2] for key, value in weights.items()} for at in (0, 1))
    bent = bend(lambda w: losses(w).sum(), start, end, steps=settings.bend_steps, seed=context.seed)
    walls = (barrier(losses_along(losses, way)[1]) for way in (straight(start, end), bent.curve))
    return *(each.cpu() for each in ends), *(each.float().cpu() for each in walls)


def losses_on(net: nn.Module, batch: Batch) -> Callable[[Weights], Tensor]:
    """From the weights of some nets to the loss of each."""
    inputs = batch.inputs.flatten(1)
    return lambda weights: cross_entropies(functional_call(net, dict(weights), inputs), batch.targets)


# ------------------------------------------------------------------------------------------------------- pictures
def exhibits(settings: Settings, ends: Ends) -> list[Exhibit]:
    widths = settings.widths
    losses = [band(name, widths, each.tolist()) for name, each in (("training", ends.training), ("test", ends.test))]
    spreads = [
        Line(name, widths, each.std(1).tolist()) for name, each in (("training", ends.training), ("test", ends.test))
    ]
    walls = [band(name, widths, each.tolist()) for name, each in (("straight", ends.straight), ("bent", ends.bent))]
    axis: dict[str, Any] = {"x_label": "hidden units", "log_x": True}
    return [
        Chart(
            "Where they end",
            f"The loss of {settings.nets} nets of each width: their mean, and the band from the least to the greatest.",
            lines_svg(losses, y_label="loss", log_y=True, **axis),
        ),
        Chart(
            "How far apart their ends are",
            "The standard deviation of the loss over first weights: small where it does not matter where a net begins.",
            lines_svg(spreads, y_label="standard deviation", log_y=True, **axis),
        ),
        Chart(
            "Walls between them",
            "How far the training loss climbs between two nets above the line between their ends, on the straight line and on a "
            "learned bend; bands from the least to the greatest of the pairs.",
            lines_svg(walls, y_label="wall", log_y=False, **axis),
        ),
        table(widths, ends),
    ]


def table(widths: Sequence[int], ends: Ends) -> Table:
    columns = [of(each).tolist() for each in (ends.training, ends.test) for of in (mean, deviation)]
    columns += [mean(each).tolist() for each in (ends.wrong, ends.straight, ends.bent)]
    rows: list[list[str | float]] = [[width, *row] for width, *row in zip(widths, *columns, strict=True)]
    names = ["training loss", "± over seeds", "test loss", "± over seeds", "test error", "straight wall", "bent wall"]
    return Table(
        "The figures",
        "Means over the nets of each width, and standard deviations.",
        ["hidden units", *names],
        rows,
        ["test error"],
    )


def mean(values: Tensor) -> Tensor:
    return values.mean(1)


def deviation(values: Tensor) -> Tensor:
    return values.std(1)


QUICK = Settings(widths=(2, 10, 50), nets=6, epochs=15, bend_steps=60)


def member(model: Model, context: Context, network: str, number: int) -> Subject:
    """The net of those first weights."""
    nets: Any = model.networks[network]
    return Subject(of_pixels(nets.alone(number)), context.load("digits"))


RECIPE = Recipe(Settings, QUICK, run, networks=networks, member=member)
