"""Generators that are told a class, and codes that are to say one thing each, at small sizes."""

import math
from dataclasses import replace

import pytest
import torch

from profundo.data import load
from profundo.evaluate import evaluating
from profundo.nets.pixel_cnn import PixelCNN
from profundo.nets.variational import VariationalAutoencoder
from profundo.recipes.adversaries import make
from profundo.recipes.conditions import asked_class, classes_told, in_turn, laid_out, like_training, of_classes
from profundo.recipes.latent_space import LatentSpace, walks
from profundo.recipes.recipe_folder import open_latent
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.zoo import beta_vae, gan, vae, vq_vae
from profundo.records import Batch, ProfundoError, Samples, Targets


def test_a_class_is_asked_for_by_its_name():
    classes = ["cat", "dog", "owl"]
    assert (asked_class(classes, "dog"), asked_class(classes, ""), asked_class([], "")) == (1, None, None)
    assert in_turn(classes, 5).tolist() == [0, 1, 2, 0, 1]
    assert in_turn(classes, 2, 1).tolist() == [1, 1]
    assert in_turn([], 5) is None
    assert laid_out(classes) == (24, 3)
    assert of_classes("net", classes)[2] == ("net, owl", 2)
    long = ["a" * 50, "a" * 50 + "b", "a" * 33 + " 2", "a" * 50 + "c"]
    named = dict(of_classes("net", long))
    assert list(named.values()) == [0, 1, 2, 3]
    assert max(map(len, named)) == 40
    with pytest.raises(ProfundoError, match=r"expected a class of cat, dog, owl, got 'cow'"):
        asked_class(classes, "cow")
    with pytest.raises(ProfundoError, match=r"told no classes.*condition='class'"):
        asked_class([], "dog")


def test_data_without_classes_are_refused_where_they_are_to_be_told():
    data = load("digits")
    assert classes_told(data, "class") == [str(digit) for digit in range(10)]
    assert classes_told(data, None) == []
    for targets in (Targets("any"), Targets("classes", ("one",)), Targets("labels", ("a", "b"))):
        with pytest.raises(ProfundoError, match="condition=class: expected images of two classes or more"):
            classes_told(replace(data, spec=replace(data.spec, targets=targets)), "class")


@pytest.mark.parametrize("count", [10, 60, 130])
def test_classes_are_asked_for_in_the_shares_of_training_though_it_lies_class_by_class(count):
    data = load("digits")
    ordered = torch.arange(3).repeat_interleave(torch.tensor([30, 20, 10]))
    data = replace(data, train=Samples(data.train.inputs[:60], ordered))
    counts = like_training(data, ["a", "b", "c"], count).bincount(minlength=3)
    assert (counts - count * torch.tensor([3, 2, 1]) / 6).abs().max() <= 1
    assert like_training(data, [], count) is None


def test_the_net_that_is_drawn_and_kept_is_chosen_by_the_validation_half():
    known, unseen = torch.tensor([0.1, 0.5, 0.2]), torch.tensor([0.5, 0.4, 0.1])
    found = [
        beta_vae.Found(torch.ones(2), 0.1, torch.rand(2, 5), test.expand(5), validation.expand(5))
        for test, validation in zip(unseen, known, strict=True)
    ]
    settings = beta_vae.Settings(betas=(1.0,), nets=3, code=2, width=4)
    nets, (_, test) = beta_vae.networks(settings, {}), beta_vae.halves(torch.Generator().manual_seed(0))
    outcome = beta_vae.outcome(settings, nets, {1.0: found}, 1.0, test)
    assert outcome.known["net"] == 2  # the median of validation, not of the test


def test_walks_move_one_number_a_row_the_dearest_first():
    def decode(codes, _begun):
        return (10 * codes + 100).round().byte()[:, None, None, :]

    space = LatentSpace("net", decode, torch.tensor([0.0, 1, 2]), torch.tensor([1.0, 2, 3]))
    shown = walks("Walks", space, torch.tensor([0.1, 3.0, 0.5]))
    rows = (shown.images[:, 0, 0].float() - 100).div(10).view(3, 11, 3)
    still = torch.tensor([0.0, 1, 2])
    for row, number in zip(rows, (1, 2, 0), strict=True):
        ends = still[number] + (number + 1) * torch.linspace(-3, 3, 11)
        torch.testing.assert_close(row[:, number], ends, atol=0.051, rtol=0)
        others = [one for one in range(3) if one != number]
        assert torch.equal(row[:, others], still[others].expand(11, 2))


def test_the_elbo_of_a_net_that_is_told_is_below_log_p_of_the_picture_given_its_class():
    """With a code of one number, log p(x|y) is an integral."""
    torch.manual_seed(0)
    net, label = VariationalAutoencoder((1, 3, 3), 1, 8, classes=3), torch.tensor([2])
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    pixels = torch.bernoulli(torch.full((1, 1, 3, 3), 0.5))
    grid = torch.linspace(-12, 12, 4001)[:, None]
    with evaluating(net):
        logits = net.decode(grid, label.expand(len(grid)))
        log = vae.bernoulli_log_likelihood(logits, pixels.expand_as(logits)) - grid[:, 0].square() / 2
    exact = torch.logsumexp(log.double(), 0).item() + math.log(24 / 4000) - 0.5 * math.log(2 * math.pi)
    found = vae.bound(net, pixels, 4000, torch.Generator().manual_seed(0), label)
    assert found.elbo < exact
    assert found.likelihood == pytest.approx(exact, abs=0.02)
    assert vae.bound(net, pixels, 200, torch.Generator(), torch.tensor([0])).likelihood != pytest.approx(
        exact, abs=0.02
    )


@pytest.mark.slow
def test_a_vae_that_is_told_the_class_draws_it_and_needs_a_shorter_code(tmp_path):
    given = {"condition": "class", "epochs": 25, "code": 6, "plane_epochs": 1, "learning_rate": 0.006}
    run = run_recipe("vae", given, quick=True, out=tmp_path / "run")
    worth = next(exhibit for exhibit in run.exhibits if "worth" in exhibit.title)
    told, alone = ([float(cell.replace("−", "-")) for cell in row[1:]] for row in worth.rows)
    assert told[0] > alone[0]
    assert told[2] < alone[2]
    data = load("digits")
    means = torch.stack([data.train.inputs[data.train.targets == digit].float().mean(0) for digit in range(10)])
    for digit in (1, 3):
        made = run.generate(40, prompt=str(digit))[0].images.float()
        assert (made.mean(0) - means).square().flatten(1).sum(1).argmin() == digit
    with pytest.raises(ProfundoError, match="expected a class of 0, 1"):
        run.generate(2, prompt="ten")
    spaces = open_latent(run.folder.path)
    assert list(spaces) == [*(f"vae, {digit}" for digit in range(10)), "plane"]
    assert not torch.equal(*(spaces[name].pictures(torch.zeros(1, 6)) for name in ("vae, 1", "vae, 3")))


def test_players_that_are_told_the_class_obey():
    """Two classes, dark and bright images."""
    torch.manual_seed(0)
    rates = {"learning_rate": 0.01, "discriminator_rate": 0.01}
    settings = gan.Settings(noise=4, width=16, units=16, dropout=0.0, decay=0.9, **rates)
    known = {"shape": (1, 2, 2), "classes": "ab"}
    net = gan.networks(settings, known)["generator"]
    update, labels = gan.duel(None, settings, known, net), torch.arange(40) % 2
    for _ in range(150):
        update(Batch((0.3 + 0.4 * labels)[:, None, None, None] + 0.1 * torch.randn(40, 1, 2, 2), labels, 40))
    made = make(update.average, torch.randn(40, 4), 0.0, labels).float() / 255
    assert made[labels == 0].mean() < 0.4
    assert made[labels == 1].mean() > 0.6


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gan", "dcgan", "wgan-gp"])
def test_made_digits_are_asked_for_by_class(name):
    given = {"condition": "class", "epochs": 2, "pictures": 200, "classifier_epochs": 1}
    run = run_recipe(name, given, quick=True, out=False)
    assert 0 <= run.outcome.scores["share as asked"] <= 1
    one, same = (run.generate(5, prompt="7")[0].images for _ in range(2))
    assert torch.equal(one, same)
    net, noise = run.model.networks["generator"], torch.randn(5, run.request.settings.noise)
    sevens, fours = (net(noise, torch.full((5,), label)) for label in (7, 4))
    assert not torch.equal(sevens, fours)
    with pytest.raises(ProfundoError, match="expected a class of 0, 1"):
        run.generate(2, prompt="ten")


# ------------------------------------------------------------------------------------------------------------ words
def test_words_by_themselves_cost_their_cross_entropy():
    words = torch.tensor([[[0, 1]], [[0, 0]], [[1, 0]]])
    shares = vq_vae.word_shares(words, 3)
    torch.testing.assert_close(shares, torch.tensor([[[3, 2, 1], [3, 2, 1]]]).double() / 6)
    assert vq_vae.independent_bits(shares, words) == pytest.approx(-(4 * math.log2(1 / 2) + 2 * math.log2(1 / 3)) / 3)


def test_the_bits_of_words_are_of_the_mean_over_classes():
    torch.manual_seed(0)
    net, words = PixelCNN(3, 2, 4, 2), torch.randint(3, (5, 2, 2))
    torch.nn.init.normal_(net.layers[1].told.weight)
    log = torch.stack(
        [
            net(words, torch.full((5,), label)).log_softmax(1).gather(1, words[:, None]).flatten(1).sum(1)
            for label in (0, 1)
        ]
    )
    expected = -(log.double().exp().mean(0)).log2().mean().item()
    assert vq_vae.prior_bits(net, words, 2) == pytest.approx(expected, rel=1e-5)


# ------------------------------------------------------------------------------------------------------------- gaps
def test_the_gaussian_bound_is_the_density_of_a_pixel_around_what_is_decoded():
    torch.manual_seed(0)
    net, pictures = VariationalAutoencoder((1, 4, 4), 2, 8), torch.rand(6, 1, 4, 4)
    torch.manual_seed(1)
    found = beta_vae.gaussian_elbo(net, pictures, 3.0, 0.2)
    torch.manual_seed(1)
    logits, mean, log_variance = net(pictures)
    normal = torch.distributions.Normal(logits.sigmoid(), 0.2).log_prob(pictures).flatten(1).sum(1)
    density = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    kl = torch.distributions.kl_divergence(density, torch.distributions.Normal(0.0, 1.0)).sum(1)
    constant = 16 * (math.log(0.2) + 0.5 * math.log(2 * math.pi))
    torch.testing.assert_close(found["loss"] + constant, (3 * kl - normal).mean())


def test_the_halves_of_the_lattice_are_no_scenes_in_common():
    one, other = beta_vae.halves(torch.Generator().manual_seed(0))
    assert len(torch.cat([one, other]).unique(dim=0)) == len(one) + len(other) == 6144


def test_a_word_is_shown_as_the_mean_of_the_parts_where_it_stands():
    shades = torch.tensor([[[0.2, 0.8], [0.8, 0.4]]])
    pictures = shades.repeat_interleave(4, 1).repeat_interleave(4, 2)[None]
    shown = vq_vae.vocabulary(pictures, torch.tensor([[[2, 0], [0, 2]]]), 4).images
    assert shown.shape == (2, 1, 12, 12)  # words that are never said are left out
    middles = {tuple(part[0, 4:8, 4:8].unique().tolist()) for part in shown}
    assert middles == {(round(255 * 0.8),), (round(255 * 0.3),)}


@pytest.mark.parametrize("wrong", [{"betas": []}, {"betas": [4, 4.0]}])
def test_weights_that_are_none_or_twice_the_same_are_refused(wrong):
    with pytest.raises(ProfundoError, match="betas: expected one weight or more, each another"):
        run_recipe("beta-vae", wrong, quick=True, out=False)
