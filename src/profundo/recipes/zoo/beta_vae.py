"""β-VAE: a code whose numbers say one thing each (Higgins et al. 2017, "beta-VAE", ICLR).

Data: generated scenes of one bar, made from five numbers (place across and down, size, angle, brightness), new ones for every
update; no net is told these numbers. Variational autoencoders learn with the KL term weighted by β, several first weights for each
β. How well the numbers of a code are told apart is measured on a lattice of scenes by the mutual information gap (Chen et al. 2018,
arXiv:1802.04942): half of the lattice chooses β, the other half gives the figures.

Result, seed 0, three first weights for each β: the gap is 0.25 (0.22 to 0.28) at β = 16, which validation chose, 0.23 (0.14 to 0.30)
at β = 4 and 0.10 (0.08 to 0.12) at β = 1; four, five and six numbers are used. It costs exactness: the root of the mean square of a
pixel’s error is 0.066, 0.042 and 0.037. At β = 16 one number says across, one down, one the angle; size and brightness share one, how
much light there is. About 90 s on one core of an AMD EPYC, no GPU.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, nn

from profundo.data.batches import mix
from profundo.data.drawn_batches import DrawnBatches
from profundo.data.sets.bar_scenes import FACTORS, at_levels, drawn_scenes, scene_lattice
from profundo.evaluate import evaluating
from profundo.inside.disentanglement import entropies, information, information_gaps
from profundo.nets.variational import VariationalAutoencoder
from profundo.objectives.elbo import gaussian_kl_by_number
from profundo.pictures.charts import heat_svg, lines_svg
from profundo.pictures.exhibits import Chart, Exhibit, Images, Table
from profundo.recipes.context import Context
from profundo.recipes.latent_space import USED, LatentSpace, costs_by_number, walks
from profundo.recipes.net_outputs import as_pictures
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.recipe_charts import band
from profundo.recipes.zoo.vae import BEGUN_FROM, decoded, latent_of
from profundo.records import Batch, ProfundoError
from profundo.runs.settings.setting_values import Positive, Several, Whole
from profundo.train import Descent, Plan, optimizer, schedule

__all__ = ["RECIPE", "Settings", "gaussian_elbo", "generate", "networks", "run"]

SIDE = 16  # pixels
GAP = "mutual information gap"


@dataclass(frozen=True, slots=True)
class Settings:
    """betas: weights of the KL term, of which validation chooses one; nets: for each, from other first weights.

    code: numbers in a code, more than there are to say; noise: standard deviation of a pixel around what is decoded; updates: in
    all, over so many epochs; draws: codes by which information is measured.
    """

    betas: tuple[Positive, ...] = (1.0, 4.0, 16.0)
    nets: Whole = 3
    code: Several = 8
    width: Whole = 200
    noise: Positive = 0.1
    updates: Whole = 3000
    epochs: Whole = 6
    batch_size: Whole = 64
    learning_rate: Positive = 0.002
    draws: Whole = 1000


@dataclass(frozen=True, slots=True)
class Found:
    """Of one net: nats of each number, (code,); mean squared error of a pixel; I(z_j; v_k) on the test half, (code, factors), and
    the gaps of both halves, (factors,)."""

    costs: Tensor
    error: float
    information: Tensor
    gaps: Tensor
    validation: Tensor

    @property
    def gap(self) -> float:
        return self.gaps.mean().item()

    @property
    def chosen_by(self) -> float:
        return self.validation.mean().item()


def networks(settings: Settings, _known: Mapping[str, Any]) -> dict[str, nn.Module]:
    return {
        named(beta, number): VariationalAutoencoder((1, SIDE, SIDE), settings.code, settings.width)
        for beta in settings.betas
        for number in range(settings.nets)
    }


def named(beta: float, number: int) -> str:
    return f"β = {beta:g}, net {number + 1}"


def run(context: Context, settings: Settings) -> Outcome:
    if not settings.betas or len({named(beta, 0) for beta in settings.betas}) < len(settings.betas):
        raise ProfundoError(
            f"recipe beta-vae: setting betas: expected one weight or more, each another, got {settings.betas}"
        )
    nets = networks(settings, {})
    validation, test = halves(context.generator("lattice"))
    found: dict[float, list[Found]] = {}
    for beta in settings.betas:
        for number in range(settings.nets):
            net = nets[named(beta, number)]
            assert isinstance(net, VariationalAutoencoder)
            learn(context, settings, net, beta, named(beta, number))
            found.setdefault(beta, []).append(judged(net, validation, test, settings.draws, context.generator("draws")))
    best = max(found, key=lambda beta: fmean(one.chosen_by for one in found[beta]))
    return outcome(settings, nets, found, best, test)


def halves(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Levels of the lattice's scenes, (scenes, 5) each: one half to choose by, one for the figures."""
    lattice = scene_lattice()
    shuffled = lattice[torch.randperm(len(lattice), generator=generator)]
    return shuffled[: len(lattice) // 2], shuffled[len(lattice) // 2 :]


def gaussian_elbo(net: VariationalAutoencoder, pictures: Tensor, beta: float, noise: float) -> dict[str, Tensor]:
    """Means over the batch, in nats, up to a constant: −log N(x; decoded, noise²) + β KL."""
    logits, mean, log_variance = net(pictures)
    squares = (logits.sigmoid() - pictures).square().flatten(1)
    kl = gaussian_kl_by_number(mean, log_variance).sum(1).mean()
    reconstruction = squares.sum(1).mean() / (2 * noise**2)
    return {"loss": reconstruction + beta * kl, "squared error": squares.mean(), "KL": kl}


def learn(context: Context, settings: Settings, net: VariationalAutoencoder, beta: float, name: str) -> None:
    def scenes(number: int) -> Batch:
        """The same for every net."""
        generator = torch.Generator().manual_seed(mix(context.seed, number))
        factors = torch.rand(settings.batch_size, len(FACTORS), generator=generator)
        return Batch(drawn_scenes(factors, SIDE).to(context.device), factors, settings.batch_size)

    def cost(batch: Batch) -> Mapping[str, Tensor]:
        return gaussian_elbo(net, batch.inputs, beta, settings.noise)

    context.train(
        Descent(net, cost, optimizer("adam", net, settings.learning_rate)),
        DrawnBatches(scenes, max(1, settings.updates // settings.epochs)),
        Plan(settings.epochs, schedule("cosine")),
        name=name,
    )


def judged(
    net: VariationalAutoencoder, validation: Tensor, test: Tensor, draws: int, generator: torch.Generator
) -> Found:
    _, chosen = measured(net, validation, draws, generator)
    (costs, error), found = measured(net, test, draws, generator)
    gaps = information_gaps(found, entropies(test))
    return Found(costs, error, found, gaps, information_gaps(chosen, entropies(validation)))


def measured(
    net: VariationalAutoencoder, levels: Tensor, draws: int, generator: torch.Generator
) -> tuple[tuple[Tensor, float], Tensor]:
    """(What each number costs, the squared error of a pixel from a code's mean), and the information, of scenes at these levels."""
    pictures = drawn_scenes(at_levels(levels), SIDE)
    with evaluating(net):
        mean, log_variance = (part.cpu() for part in net.encode(pictures.to(next(net.parameters()).device)))
        made = net.decode(mean.to(next(net.parameters()).device)).sigmoid().cpu()
    costs = gaussian_kl_by_number(mean, log_variance).double().mean(0)
    error = (made - pictures).square().double().mean().item()
    return (costs, error), information(mean, log_variance, levels, generator, draws)


# ------------------------------------------------------------------------------------------------------------- exhibits
def outcome(
    settings: Settings,
    nets: Mapping[str, nn.Module],
    found: Mapping[float, Sequence[Found]],
    best: float,
    test: Tensor,
) -> Outcome:
    first = settings.betas[0]
    gaps = {beta: [one.gap for one in several] for beta, several in found.items()}
    used = {beta: fmean(int((one.costs > USED).sum()) for one in several) for beta, several in found.items()}
    number = middle([one.chosen_by for one in found[best]])
    shown, of = nets[named(best, number)], found[best][number]
    space = space_of(named(best, number), shown, test)
    beside = (
        ""
        if best == first
        else f" At β = {first:g} the gap is {spread(gaps[first])}, and {used[first]:.1f} numbers do."
    )
    return Outcome(
        scores={GAP: fmean(gaps[best]), "numbers used": used[best]},
        baseline={GAP: fmean(gaps[first]), "numbers used": used[first]},
        against=f"β = {first:g}",
        exhibits=[
            walks(f"Latent walks, β = {best:g}", space, of.costs),
            *([] if best == first else [simplest_walks(nets, found[first], first, test)]),
            heat("What each number says", of),
            costs_by_number("What each number costs", of.costs),
            by_beta(gaps),
            weighed(found),
            reconstructions(shown, test),
        ],
        networks=dict(nets),
        known={"beta": best, "net": number},
        conclusion=f"At β = {best:g}, which validation chose, the {GAP} of unseen scenes is {spread(gaps[best])} over "
        f"{settings.nets} first weights; {used[best]:.1f} of {settings.code} numbers say more than {USED:g} nats, for scenes made of "
        f"{len(FACTORS)}.{beside}",
    )


def middle(values: Sequence[float]) -> int:
    """Which has the median, or the one below."""
    return sorted(range(len(values)), key=values.__getitem__)[(len(values) - 1) // 2]


def spread(values: Sequence[float]) -> str:
    return f"{fmean(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def simplest_walks(nets: Mapping[str, nn.Module], found: Sequence[Found], first: float, test: Tensor) -> Images:
    """The same of the first β."""
    number = middle([one.chosen_by for one in found])
    name = named(first, number)
    return walks(f"Latent walks, β = {first:g}", space_of(name, nets[name], test), found[number].costs)


def space_of(name: str, net: nn.Module, test: Tensor) -> LatentSpace:
    return latent_of(name, net, drawn_scenes(at_levels(test[:BEGUN_FROM]), SIDE))[name]


def heat(title: str, of: Found) -> Chart:
    order = of.costs.argsort(descending=True).tolist()
    values = of.information[order].clamp(min=0).tolist()
    svg = heat_svg(
        values,
        row_labels=[f"number {number + 1}" for number in order],
        column_labels=FACTORS,
        x_label="what scenes are made of",
        y_label="code",
    )
    gaps = ", ".join(f"{name} {gap:.2f}" for name, gap in zip(FACTORS, of.gaps.tolist(), strict=True))
    caption = (
        "Information in nats of each number of the code about each number that scenes are made of, the dearest first. Look down "
        "a column: one strong cell alone is what a code that tells things apart has. The gaps, as shares of what there is to know: "
        f"{gaps}."
    )
    return Chart(title, caption, svg)


def by_beta(gaps: Mapping[float, Sequence[float]]) -> Chart:
    svg = lines_svg(
        [band(GAP, list(gaps), list(gaps.values()))], x_label="β", y_label=GAP, log_x=len(gaps) > 1, log_y=False
    )
    caption = (
        "Mean over the five factors, of the test half of the lattice; the line is the mean over first weights, its band goes from "
        "the least to the greatest. 1: each factor is said by one number and by no other."
    )
    return Chart("How well they are told apart, by β", caption, svg)


def weighed(found: Mapping[float, Sequence[Found]]) -> Table:
    return Table(
        "What β costs",
        f"Means over first weights. Numbers used say more than {USED:g} nats; the error is of a pixel, as a root of the mean square.",
        ["β", GAP, "least", "greatest", "numbers used", "nats in the code", "RMSE"],
        [
            [
                f"{beta:g}",
                fmean(one.gap for one in several),
                min(one.gap for one in several),
                max(one.gap for one in several),
                fmean(int((one.costs > USED).sum()) for one in several),
                fmean(one.costs.sum().item() for one in several),
                math.sqrt(fmean(one.error for one in several)),
            ]
            for beta, several in found.items()
        ],
    )


def reconstructions(net: nn.Module, test: Tensor) -> Images:
    assert isinstance(net, VariationalAutoencoder)
    pictures = drawn_scenes(at_levels(test[:32]), SIDE)
    with evaluating(net):
        mean, _ = net.encode(pictures.to(next(net.parameters()).device))
    pairs = torch.stack([as_pictures(pictures), decoded(net, mean)], 1).flatten(0, 1)
    return Images(
        "Reconstructions", "Unseen scenes, each with what the mean of its code is decoded to at its right.", pairs, 16
    )


# ----------------------------------------------------------------------------------------------------------- generating
def generate(model: Model, count: int, generator: torch.Generator, _prompt: str) -> list[Exhibit]:
    """Scenes of codes drawn from N(0, 1), by the net whose walks the page shows."""
    codes = torch.randn(count, model.asked.code, generator=generator)
    net = model.networks[named(model.known["beta"], model.known["net"])]
    caption = f"{count} codes drawn from a normal distribution, decoded by the net of β = {model.known['beta']:g}."
    return [Images("Scenes", caption, decoded(net, codes))]


def latent(model: Model, context: Context) -> Mapping[str, LatentSpace]:
    """Of every net."""
    _, test = halves(context.generator("lattice"))
    return {name: space_of(name, net, test) for name, net in model.networks.items()}


RECIPE = Recipe(
    Settings,
    Settings(betas=(1.0, 4.0), nets=1, code=6, width=64, updates=300, epochs=3, draws=100),
    run,
    networks=networks,
    generate=generate,
    latent=latent,
)
