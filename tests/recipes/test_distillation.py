"""Teaching a small net: the cost by PyTorch's distributions and in its limits, teachers of which it learns, a sign never shown."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Categorical, kl_divergence

from profundo.objectives.distilling import distilled, softened
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.zoo import distillation
from profundo.records import ProfundoError, Targets
from smaller_recipes import SMALLER

DRAWS = torch.Generator().manual_seed(0)


def logits(samples=6, classes=4):
    return torch.randn(samples, classes, generator=DRAWS, dtype=torch.float64)


def test_the_cost_is_the_divergence_of_softened_distributions_beside_the_labels():
    own, teacher, labels = logits(), logits(), torch.randint(0, 4, (6,), generator=DRAWS)
    soft = kl_divergence(Categorical(logits=teacher / 3), Categorical(logits=own / 3)).mean()
    hard = -Categorical(logits=own).log_prob(labels).mean()
    assert distilled(own, teacher, labels, 3.0, 0.7).item() == pytest.approx((0.3 * hard + 0.7 * 9 * soft).item())
    assert distilled(own, teacher, labels, 3.0, 0.0).item() == pytest.approx(F.cross_entropy(own, labels).item())
    own.requires_grad_()
    assert torch.autograd.gradcheck(lambda made: distilled(made, teacher, labels, 3.0, 0.7), own)


def test_hot_it_matches_logits_as_section_2_1_says():
    own, teacher = (one - one.mean(1, keepdim=True) for one in (logits(), logits()))
    own.requires_grad_()
    (gradient,) = torch.autograd.grad(distilled(own, teacher, torch.zeros(6, dtype=torch.int64), 1e4, 1.0), own)
    torch.testing.assert_close(gradient, (own - teacher).detach() / (4 * 6), rtol=0.01, atol=1e-5)


def test_softened_chances_are_to_the_power_of_one_over_the_temperature():
    chances = torch.tensor([[0.5, 0.3, 0.2]], dtype=torch.float64)
    expected = chances ** (1 / 4) / (chances ** (1 / 4)).sum()
    torch.testing.assert_close(softened(chances.log(), 4.0), expected)


@pytest.fixture(scope="module")
def run():
    return run_recipe("distillation", SMALLER["distillation"], quick=True, out=False)


def test_the_small_net_has_the_share_of_parameters_that_it_says_and_saw_no_image_of_the_class(run):
    table = next(one for one in run.outcome.exhibits if one.title == "Large and small")
    small = sum(parameter.numel() for parameter in run.outcome.networks["net"].parameters())
    assert [row[1] for row in table.rows[1:]] == [f"{small:,}"] * 2
    assert "Never shown" in {one.title for one in run.outcome.exhibits}


def test_a_raised_bias_answers_as_often_as_the_teachers_do(monkeypatch):
    said = logits(400, 5).softmax(1)
    said[:, 2] *= 1e-3  # of the class that was never shown
    teacher = F.one_hot(torch.arange(400) % 10, 10)[:, :5].double() + 0.01
    answers = type("Answers", (), {"predictions": said})
    monkeypatch.setattr(distillation, "classified", lambda *_: (answers, None))
    data = type("Data", (), {"validation": None, "spec": None, "train": None})
    level = distillation.bias_for(None, None, data, 2, teacher)
    wanted = (teacher.argmax(1) == 2).double().mean().item()
    often = (distillation.raised(said, 2, level).argmax(1) == 2).double().mean().item()
    assert often == pytest.approx(wanted, abs=0.01)
    assert (said.argmax(1) == 2).double().mean() < 0.01


def test_by_default_the_class_that_is_not_shown_is_the_commonest_that_has_test_images():
    targets = Targets("classes", ("a", "b", "c"))
    data = SimpleNamespace(
        spec=SimpleNamespace(targets=targets),
        train=SimpleNamespace(targets=torch.tensor([2, 2, 2, 1, 1, 0])),
        test=SimpleNamespace(targets=torch.tensor([0, 1])),
    )
    assert distillation.unseen_class(distillation.Settings(), data) == 1
    with pytest.raises(ProfundoError, match="unseen: expected a class with test images, c has none"):
        distillation.unseen_class(distillation.Settings(unseen="c"), data)


def test_a_class_that_is_not_there_is_refused_in_a_line():
    with pytest.raises(ProfundoError, match=r"unseen: expected one of the classes, 0, 1, .*; got 'ten'") as refused:
        run_recipe("distillation", {"unseen": "ten"}, quick=True, out=False)
    assert "\n" not in str(refused.value)
