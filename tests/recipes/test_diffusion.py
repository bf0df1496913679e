"""Drawing and describing by nets whose answers are known in closed form, and the recipe at its smallest."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import profundo as pf
from profundo.objectives.noising import WAYS
from profundo.recipes.diffusing import painter as painting
from profundo.recipes.diffusing.description import FIRST, by_stretch, described, evenly_drawn, independent_bits
from profundo.recipes.diffusing.painter import Painter
from profundo.recipes.judging import raw
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.zoo.diffusion import normal_images
from profundo.records import ProfundoError
from smaller_recipes import SMALLER

DEVIATION = 0.25
NAMES = list(WAYS)


class Exact(nn.Module):
    """Tells what is best told of images whose pixels are N(mean of the class, DEVIATION²); of no class the mean is 0."""

    no_class = 2

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = WAYS[way]
        self.means = nn.Parameter(torch.tensor([-0.3, 0.3, 0.0]))

    def forward(self, x, times, classes):
        a, s, p, q = self.way.at(times)
        mean = self.means[classes].view(-1, 1, 1, 1)
        image = mean + a * DEVIATION**2 * (x - a * mean) / (a**2 * DEVIATION**2 + s**2)
        return p * image + q * (x - a * image) / s


def values(images: torch.Tensor) -> torch.Tensor:
    return images.double() / 255 * 2 - 1


def drawn(painter: Painter, label: int, count: int = 200) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(count, 1, 6, 6, generator=generator)
    return values(painter(torch.full((count,), label), noise, generator))


@pytest.mark.parametrize("way", NAMES)
@pytest.mark.parametrize("churn", [0.0, 1.0])
def test_an_exact_net_draws_the_gaussian_of_each_class(way, churn):
    for label, mean in ((0, -0.3), (1, 0.3)):
        found = drawn(Painter(Exact(way), WAYS[way], steps=150, churn=churn), label, 100)
        assert found.mean().item() == pytest.approx(mean, abs=0.02)
        assert found.std().item() == pytest.approx(DEVIATION, rel=0.06)


def test_guidance_is_none_at_0_the_nets_own_at_1_and_goes_on_in_a_line():
    net, x = Exact("diffusion"), torch.randn(3, 1, 6, 6)
    times, classes = torch.full((3,), 0.5), torch.tensor([0, 1, 1])
    answers = [Painter(net, WAYS["diffusion"], 5, guidance).answer(x, times, classes) for guidance in (0.0, 1.0, 3.0)]
    torch.testing.assert_close(answers[0], net(x, times, torch.full((3,), net.no_class)))
    torch.testing.assert_close(answers[1], net(x, times, classes))
    torch.testing.assert_close(answers[2], answers[0] + 3 * (answers[1] - answers[0]))


def test_the_net_is_asked_once_a_step_and_twice_with_guidance():
    net, asked = Exact("flow"), []
    net.register_forward_hook(lambda _module, arguments, _result: asked.append(len(arguments[0])))
    for guidance, expected in ((1.0, [4] * 3), (0.0, [4] * 3), (2.0, [8] * 3)):
        asked.clear()
        Painter(net, WAYS["flow"], 3, guidance)(torch.zeros(4, dtype=torch.long), torch.randn(4, 1, 6, 6))
        assert asked == expected


def test_parts_make_what_all_at_once_make_and_who_watches_sees_each_step(monkeypatch):
    painter, seen = Painter(Exact("flow"), WAYS["flow"], 4), []
    classes, noise = torch.arange(10) % 2, torch.randn(10, 1, 6, 6)
    whole = painter(classes, noise, watch=seen.append)
    assert torch.equal(seen[0], noise)
    assert len(seen) == 4
    monkeypatch.setattr(painting, "AT_ONCE", 3)
    assert torch.equal(painter(classes, noise), whole)


@pytest.mark.parametrize("way", NAMES)
def test_the_bound_of_an_exact_net_is_the_entropy_of_what_it_describes(way):
    """Pixels N(m, σ²) in steps of 2/255 have an entropy of ½ log₂(2πe σ²) − log₂(2/255) bits; the bound is near it, above."""
    generator = torch.Generator().manual_seed(1)
    classes = torch.arange(300) % 2
    means = torch.tensor([-0.3, 0.3])[classes].view(-1, 1, 1, 1)
    images = (means + DEVIATION * torch.randn(300, 1, 6, 6, generator=generator)).clamp(-1, 1)
    images = ((images + 1) * 127.5).round() / 127.5 - 1
    found = described(Painter(Exact(way), WAYS[way], 5), images, classes, 30, generator)
    entropy = 0.5 * math.log2(2 * math.pi * math.e * DEVIATION**2) - math.log2(2 / 255)
    assert entropy - 0.05 < found.bits < 1.06 * entropy
    assert found.steps == pytest.approx(
        0.5 * math.log2(1 + (DEVIATION / FIRST) ** 2), rel=0.03
    )  # what the first noise holds
    assert found.bits == pytest.approx(found.prior + found.steps + found.image)
    assert 999 * np.mean(list(found.by_step.values())) == pytest.approx(found.steps, rel=0.03)
    assert 0 < found.error < 0.1
    worse = described(Painter(Exact(way), WAYS[way], 5), images, 1 - classes, 30, generator)
    assert worse.bits > found.bits + 3 * worse.error


@pytest.mark.parametrize("number", [1, 2, 3, 7, 60, 99, 101, 1998, 4000])
def test_no_stretch_of_steps_is_charted_as_free_because_nobody_paid_for_it(number):
    """A step costs its own number: so the mean of a stretch is about its middle, whoever paid."""
    paid = evenly_drawn(number, 999, torch.Generator().manual_seed(number)) + 1
    found = by_stretch(paid.double(), paid, 1000)
    assert len(found) == max(1, min(50, number // 2))
    width = 999 / len(found)
    assert list(found) == pytest.approx([(at + 0.5) * width + 0.5 for at in range(len(found))], abs=1)
    assert all(abs(cost - middle) <= width / 2 + 1 for middle, cost in found.items())


def test_independent_pixels_cost_what_their_histograms_say():
    train, test = torch.tensor([[0, 7], [0, 9]]), torch.tensor([[0, 7], [1, 9]])
    shape = (2, 1, 1, 2)
    found = independent_bits(train.byte().view(shape), test.byte().view(shape))
    shares = [(2 + 1 / 256) / 3, (1 + 1 / 256) / 3, (1 / 256) / 3, (1 + 1 / 256) / 3]
    assert found == pytest.approx(sum(-math.log2(share) for share in shares) / 4)


def test_a_normal_distribution_has_the_mean_and_covariance_of_the_images():
    generator = torch.Generator().manual_seed(0)
    mix = torch.tensor([[20.0, 0.0, 10.0, 0.0], [0.0, 15.0, 0.0, 0.0], [0.0, 0.0, 10.0, 5.0], [0.0, 0.0, 0.0, 8.0]])
    rows = 128 + torch.randn(3000, 4, generator=generator) @ mix
    images = rows.round().clamp(0, 255).byte().view(3000, 1, 2, 2)
    found = normal_images(images, 4000, generator).flatten(1).double()
    torch.testing.assert_close(found.mean(0), images.flatten(1).double().mean(0), atol=2.0, rtol=0)
    torch.testing.assert_close(found.T.cov(), (mix.T @ mix).double(), atol=40.0, rtol=0.1)


@pytest.fixture(scope="module")
def quick():
    return run_recipe("diffusion", SMALLER["diffusion"] | {"described": 20}, quick=True, out=False)


@pytest.mark.slow
def test_both_descriptions_are_of_the_same_images(quick):
    data = pf.load("digits")
    alone = independent_bits(raw(data.train), raw(data.test)[:20])
    assert quick.outcome.baseline["bits/dim"] == pytest.approx(alone)


@pytest.mark.slow
def test_a_prompt_is_the_class_that_all_are_asked_to_be(quick):
    sevens, mixed, eights = (quick.generate(6, seed=2, prompt=prompt)[0].images for prompt in ("7", "", "8"))
    assert sevens.shape == (6, 1, 8, 8)
    assert torch.equal(sevens, quick.generate(6, seed=2, prompt="7")[0].images)
    assert not torch.equal(sevens, mixed)
    assert not torch.equal(sevens, eights)
    assert not torch.equal(sevens, quick.generate(6, seed=2, prompt="7", guidance=3)[0].images)
    for wrong in ("eleven", "7 "):
        with pytest.raises(ProfundoError, match="prompt: expected a class of 0, 1, 2"):
            quick.generate(2, prompt=wrong)


@pytest.mark.slow
def test_the_flow_learns_on_the_same_net(quick):
    asked = SMALLER["diffusion"] | {"way": "flow", "tried_steps": ()}
    flow = run_recipe("diffusion", asked, quick=True, out=False)
    nets = [run.outcome.networks["net"] for run in (quick, flow)]
    one, other = ([parameter.shape for parameter in net.parameters()] for net in nets)
    assert one == other
    losses = flow.trainings["training"].history["loss"]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("number", [7, 10, 25, 40])
def test_every_step_of_the_bound_is_as_likely_as_any_other(number):
    """Ten places: where they do not divide the number, the first had been drawn more often."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.cat([evenly_drawn(number, 10, generator) for _ in range(2000)])
    counts = torch.bincount(drawn, minlength=10) / 2000
    assert counts.numpy() == pytest.approx(number / 10, abs=0.05)


@pytest.mark.parametrize("given", [{"steps": 100_000}, {"tried_steps": (5, 100_000)}])
def test_more_steps_than_there_is_time_for_are_refused(given):
    with pytest.raises(ProfundoError, match="expected less than or equal to 1000, got 100000"):
        run_recipe("diffusion", given, quick=True, out=False)
