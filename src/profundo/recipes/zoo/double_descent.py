"""Double descent (Belkin, Hsu, Ma & Mandal 2019, arXiv:1812.11118, figures 1, 2 and 4).

Data: digits, 8×8 pixels, real. Two families of nets with one hidden layer of ReLU units grow through the width at which
they can fit every training sample, the interpolation threshold, and far beyond it:

nets, of which every weight is trained, by gradient descent (Adam, squared error, all samples at each update), to tell odd
digits from even ones, a tenth of the training labels being wrong: 600 samples, so about as many weights at a width of 9;

random features, a hidden layer that stays as it was drawn (figure 2), of which only the output layer is learnt, all ten
digits with the right labels: 300 samples. Its minimum-norm least-squares solution is computed in closed form.

Result, means of five repeats, seeds 0–2: the test error of nets is 11 to 13 % at its best before the peak, 24 to 27 % at the
peak and 11 to 13 % at a width of 200; that of random features 8 %, then 77 to 80 % with as many features as samples, then
1.9 to 2.4 % with 4,000. About 60 s on one core of an AMD EPYC, no GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.data.standard import standardize
from profundo.nets.batched_nets import BatchedMLP
from profundo.pictures import lines_svg
from profundo.pictures.exhibits import Chart, Exhibit, Table
from profundo.recipes.context import Context
from profundo.recipes.members import of_numbers, of_pixels
from profundo.recipes.net_outputs import outputs
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.recipe_charts import band
from profundo.recipes.side_by_side import train_side_by_side
from profundo.recipes.subjects import Subject
from profundo.records import Dataset, Samples
from profundo.runs.settings.setting_values import Positive, Share, Some, Whole
from profundo.train.closed_form import least_squares

__all__ = ["RECIPE", "Settings", "networks", "run"]

PIXELS, DIGITS = 64, 10


@dataclass(frozen=True, slots=True)
class Settings:
    """widths, samples, label_noise, epochs (of 100 updates): of the nets; features, feature_samples: of random features.

    repeats: of both, each with its own training samples, wrong labels and first weights.
    """

    widths: Some = (1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 15, 20, 30, 50, 100, 200)
    samples: Whole = 600
    label_noise: Share = 0.1
    epochs: Whole = 30
    learning_rate: Positive = 0.01
    features: Some = (
        *(10, 20, 40, 60, 80, 100, 150, 200, 250, 275, 300),
        *(325, 350, 400, 500, 700, 1000, 2000, 4000),
    )
    feature_samples: Whole = 300
    repeats: Whole = 5


@dataclass(frozen=True, slots=True)
class Errors:
    """By size and repeat, each (sizes, repeats). risk: mean squared error, summed over outputs; wrong: share of samples."""

    training_risk: Tensor
    test_risk: Tensor
    wrong: Tensor


def networks(settings: Settings, _known: Mapping[str, Any]) -> dict[str, nn.Module]:
    """By width, a net for each repeat."""
    return {f"width {width}": BatchedMLP(settings.repeats, PIXELS, width, 1, "relu") for width in settings.widths}


def run(context: Context, settings: Settings) -> Outcome:
    data = context.load("digits")
    nets = networks(settings, {})
    by_width = grow_nets(context, settings, data, nets)
    by_features = grow_features(context, settings, data)
    threshold = min(settings.widths, key=lambda width: abs(parameters(width) - settings.samples))
    net_figures, net_scores = told("nets", "a width of {:,}", settings.widths, by_width)
    feature_figures, feature_scores = told("random features", "{:,} features", settings.features, by_features)
    return Outcome(
        scores={**net_scores, **feature_scores},
        baseline={name: 50.0 if name.endswith("nets") else 90.0 for name in (*net_scores, *feature_scores)},
        against="guessing",
        exhibits=[
            *charts(
                settings.widths,
                by_width,
                "Nets trained by gradient descent",
                "hidden units",
                {f"weights = samples, width {threshold}": float(threshold)},
            ),
            *charts(
                settings.features,
                by_features,
                "Random features",
                "features",
                {f"features = samples, {settings.feature_samples}": float(settings.feature_samples)},
            ),
            table("Nets", "hidden units", settings.widths, by_width, parameters),
            table("Random features", "features", settings.features, by_features, lambda features: DIGITS * features),
        ],
        networks=nets,
        conclusion=f"{net_figures} {feature_figures}",
    )


def parameters(width: int) -> int:
    """Weights of a net: inputs and a bias into each hidden unit, one out of it, and the output's bias."""
    return (PIXELS + 2) * width + 1


def grow_nets(context: Context, settings: Settings, data: Dataset, nets: Mapping[str, nn.Module]) -> Errors:
    """Train the nets of every width, all repeats of a width at once."""
    inputs, digits = samples(data, "train")
    chosen, labels = training_sets(context, settings, digits)
    training = inputs[chosen]
    test, test_digits = samples(data, "test")
    truth = odd(test_digits)
    rows = []
    for name, net in nets.items():
        train_side_by_side(context, net, training, labels, settings.epochs, settings.learning_rate, name)
        made = outputs(net, test)
        wrong = (made * truth <= 0).float().mean((1, 2))
        rows.append((risks(outputs(net, training), labels), risks(made, truth), wrong))
    return Errors(*(torch.stack(column) for column in zip(*rows, strict=True)))


def training_sets(context: Context, settings: Settings, digits: Tensor) -> tuple[Tensor, Tensor]:
    """Of each repeat the samples that it learns from, (repeats, samples), and their labels, (repeats, samples, 1), some wrong."""
    draw = context.generator("training samples of nets")
    chosen = subsets(len(digits), settings.samples, settings.repeats, draw)
    signs = odd(digits[chosen])
    flipped = torch.rand(signs.shape, generator=draw) < settings.label_noise
    return chosen, torch.where(flipped, -signs, signs)


def grow_features(context: Context, settings: Settings, data: Dataset) -> Errors:
    """The output layer of every number of features, in closed form."""
    draw = context.generator("training samples of random features")
    inputs, digits = samples(data, "train")
    test_inputs, test_digits = samples(data, "test")
    inputs, test_inputs = inputs.double(), test_inputs.double()  # at the threshold the weights are enormous
    chosen = subsets(len(inputs), min(settings.feature_samples, len(inputs)), settings.repeats, draw)
    rows = []
    for features in settings.features:
        measured = []
        for own in chosen:
            hidden = random_features(PIXELS, features, draw)
            targets = F.one_hot(digits[own], DIGITS).double()
            output = least_squares(hidden(inputs[own]), targets)
            fitted, made = hidden(inputs[own]) @ output, hidden(test_inputs) @ output
            wrong = (made.argmax(1) != test_digits).double().mean()
            measured.append(
                torch.stack((risks(fitted, targets), risks(made, F.one_hot(test_digits, DIGITS).double()), wrong))
            )
        rows.append(torch.stack(measured, 1))
    return Errors(*torch.stack(rows, 1).float())


def random_features(inputs: int, features: int, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
    """A hidden layer of ReLU units that stays as it was drawn (Rahimi & Recht 2007): (samples, in) → (samples, features).

    Weights and biases are normal such that, for standardised inputs, every unit is as often on as off; the values are
    divided by √features, so that their scale does not depend on how many there are.
    """
    weight = (torch.randn(inputs, features, generator=generator) / inputs**0.5).double()
    bias = (torch.randn(features, generator=generator) / 2).double()
    return lambda rows: torch.relu(rows @ weight + bias) / features**0.5


def samples(data: Dataset, split: str) -> tuple[Tensor, Tensor]:
    """Standardised pixels (samples, 64), each less its mean in training, and digits (samples,).

    "test": all that is not for training.
    """
    splits = [data.train] if split == "train" else [data.validation, data.test]
    inputs = torch.cat([pixels(data, part) for part in splits])
    return inputs - middle(data), torch.cat([part.targets for part in splits])


def middle(data: Dataset) -> Tensor:
    """The mean of each standardised pixel in training: (64,)."""
    return pixels(data, data.train).mean(0)


def pixels(data: Dataset, part: Samples) -> Tensor:
    return standardize(torch.as_tensor(part.inputs), data.spec.inputs).flatten(1)


def subsets(whole: int, size: int, repeats: int, generator: torch.Generator) -> Tensor:
    """Indices (repeats, size): each row without repetition."""
    return torch.stack([torch.randperm(whole, generator=generator)[:size] for _ in range(repeats)])


def odd(digits: Tensor) -> Tensor:
    """1 for odd digits, −1 for even ones: (…, samples, 1)."""
    return (2.0 * (digits % 2) - 1)[..., None]


def risks(outputs: Tensor, targets: Tensor) -> Tensor:
    """Squared error, summed over outputs, mean over samples: (…,)."""
    return (outputs - targets).square().sum(-1).mean(-1)


def told(family: str, size: str, sizes: Sequence[int], errors: Errors) -> tuple[str, dict[str, float]]:
    """The three places of the curve, by the test risk: the best before its peak, the peak, and the largest size.

    size: how a size is written.
    """
    risk, wrong = errors.test_risk.mean(1), errors.wrong.mean(1)
    peak = int(risk.argmax())
    before = int(risk[: max(1, peak)].argmin())
    scores = {
        f"test error (%), largest, {family}": 100 * wrong[-1].item(),
        f"test error (%), at the peak, {family}": 100 * wrong[peak].item(),
        f"test error (%), best before the peak, {family}": 100 * wrong[before].item(),
    }
    sentence = (
        f"{family[0].upper()}{family[1:]}: the test error is {100 * wrong[before]:.1f} % with {size.format(sizes[before])}, "
        f"{100 * wrong[peak]:.1f} % at the peak, with {size.format(sizes[peak])}, and {100 * wrong[-1]:.1f} % with "
        f"{size.format(sizes[-1])}."
    )
    return sentence, scores


def charts(
    sizes: Sequence[int], errors: Errors, family: str, x_label: str, marks: Mapping[str, float]
) -> list[Exhibit]:
    repeats = errors.wrong.shape[1]
    caption = (
        f"the mean of {repeats} repeats, and the band from the least to the greatest. Well past the "
        "threshold the training samples are fitted exactly, and the test error descends again."
    )
    steep = bool(errors.test_risk.max() > 10 * errors.test_risk.min())
    floor = errors.test_risk.min() / 100 if steep else 0.0  # a perfect fit has no place on a logarithmic axis
    fitted = torch.where(errors.training_risk >= floor, errors.training_risk, torch.nan)
    risk = [band("training", sizes, fitted.tolist()), band("test", sizes, errors.test_risk.tolist())]
    wrong = [band("test", sizes, errors.wrong.tolist())]
    return [
        Chart(
            f"{family}: risk",
            f"The mean squared error by the number of {x_label}: {caption}",
            lines_svg(risk, x_label=x_label, y_label="mean squared error", log_x=True, log_y=steep, marks=marks),
        ),
        Chart(
            f"{family}: test error",
            f"The share of wrong answers by the number of {x_label}: {caption}",
            lines_svg(
                wrong, x_label=x_label, y_label="wrong answers", log_x=True, log_y=False, marks=marks, percent=True
            ),
        ),
    ]


def table(family: str, of: str, sizes: Sequence[int], errors: Errors, weights: Callable[[int], int]) -> Table:
    columns = [values.mean(1).tolist() for values in (errors.training_risk, errors.test_risk, errors.wrong)]
    return Table(
        f"{family}: the figures",
        "Means over the repeats; weights counts those that are learnt.",
        [of, "weights", "training risk", "test risk", "test error"],
        [[f"{size}", f"{weights(size):,}", *row] for size, *row in zip(sizes, *columns, strict=True)],
        shares=["test error"],
    )


QUICK = Settings(widths=(1, 6, 60), samples=250, epochs=6, features=(20, 100, 1000), feature_samples=100, repeats=3)


@torch.no_grad()
def member(model: Model, context: Context, network: str, number: int) -> Subject:
    """The net of that repeat, which takes pictures as they are read: what its training took from each pixel is in the biases."""
    nets: Any = model.networks[network]
    net, data = nets.alone(number), context.load("digits")
    net.hidden.bias -= net.hidden.weight @ middle(data)
    chosen, labels = training_sets(context, model.asked, data.train.targets)
    train = raw(data.train)[chosen[number]], labels[number]
    fresh = [
        torch.cat([of(part) for part in (data.validation, data.test)]) for of in (raw, lambda part: odd(part.targets))
    ]
    told = of_numbers(f"odd or even, repeat {number}", data.spec.inputs, "odd", train, (fresh[0], fresh[1]))
    return Subject(of_pixels(net), told)


def raw(part: Samples) -> Tensor:
    return torch.as_tensor(part.inputs)


RECIPE = Recipe(Settings, QUICK, run, networks=networks, member=member)
