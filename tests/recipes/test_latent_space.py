"""Spaces of codes that a recipe's nets draw from: against the nets themselves, and planes in closed form."""

import numpy as np
import pytest
import torch

from profundo.data.standard import intensities
from profundo.nets.autoencoders import pooling_autoencoder
from profundo.nets.variational import VariationalAutoencoder
from profundo.recipes.latent_space import LatentPlane, LatentSpace
from profundo.recipes.recipe_folder import open_latent, open_model, open_subject
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.zoo.autoencoder import drawn
from profundo.recipes.zoo.vae import latent_of
from profundo.records import ProfundoError


@pytest.fixture
def space():
    torch.manual_seed(0)
    return latent_of("vae", VariationalAutoencoder((1, 6, 6), 3, 16).eval(), torch.rand(20, 1, 6, 6))["vae"]


def test_a_picture_is_what_the_decoder_makes_of_its_code():
    torch.manual_seed(0)
    net, pictures = VariationalAutoencoder((1, 6, 6), 3, 16).eval(), torch.rand(20, 1, 6, 6)
    space = latent_of("vae", net, pictures)["vae"]
    with torch.no_grad():
        means, _ = net.encode(pictures)
        made = (255 * net.decode(means[4:5]).sigmoid()).round().byte()
    assert torch.equal(space.origin(4), means[4])
    assert torch.equal(space.pictures(space.origin(4)[None]), made)
    assert torch.equal(space.samples[4], (255 * pictures[4]).round().byte())
    assert torch.equal(space.origin(), torch.zeros(3))


def test_pooling_decoders_draw_from_the_positions_of_the_sample_that_was_begun_from():
    torch.manual_seed(0)
    net = pooling_autoencoder((1, 8, 8), 5).eval()
    samples = torch.randint(256, (3, 1, 8, 8), dtype=torch.uint8)
    with torch.no_grad():
        ready = samples.float() / 255
        expected, codes = (255 * net(ready)).round().byte(), net.encode(ready)
    assert torch.equal(drawn(net, codes[1:2], samples[1]), expected[1:2])
    assert not torch.equal(drawn(net, codes[1:2], samples[0]), expected[1:2])


def test_directions_are_a_standard_deviation_long(space):
    assert torch.equal(space.direction("number:2"), torch.tensor([0.0, 1, 0]))
    assert float(space.direction("random:7").norm()) == pytest.approx(1, rel=1e-5)
    assert not torch.equal(space.direction("random:7"), space.direction("random:8"))
    torch.testing.assert_close(space.direction("sample:3", space.origin(1)), space.codes[3] - space.codes[1])
    centred = (space.codes - space.codes.mean(0)).numpy().astype(np.float64)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    for at in (1, 3):
        found = space.direction(f"component:{at}").numpy()
        assert np.linalg.norm(found) == pytest.approx(sizes[at - 1] / np.sqrt(19), rel=1e-4)
        assert abs(found @ axes[at - 1]) == pytest.approx(np.linalg.norm(found), rel=1e-4)


WRONG = (
    "number:0", "number:4", "component:9", "sample:20", "mean:1", "random", "number:-1", "number:٣", "random:9999999999",
)  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_direction_that_is_none_is_refused(space, name):
    with pytest.raises(ProfundoError, match=r"direction|sample"):
        space.direction(name)


def test_a_plane_is_a_lattice_from_the_upper_left_on():
    origin, first, second = torch.eye(3)
    plane = LatentPlane(origin, first, second)
    lattice = plane.lattice(3, 2.0)
    assert lattice.shape == (9, 3)
    assert lattice[0].tolist() == [1, -2, 2]
    assert lattice[5].tolist() == [1, 2, 0]
    assert plane.at(0.5, -1).tolist() == [1, 0.5, -1]


def test_without_samples_a_space_begins_at_its_mean_or_a_draw():
    space = LatentSpace("noise", lambda codes, _: codes, torch.zeros(2), torch.tensor([1.0, 3.0]))
    assert torch.equal(space.origin(), torch.zeros(2))
    draw = torch.randn(2, generator=torch.Generator().manual_seed(5))
    assert torch.equal(space.origin(5), draw * torch.tensor([1.0, 3.0]))
    assert torch.equal(space.direction("component:2"), torch.tensor([0.0, 3.0]))
    torch.testing.assert_close(space.direction("sample:5", space.origin(2)), space.origin(5) - space.origin(2))


def test_kept_runs_draw(tmp_path):
    few = {"epochs": 1, "classifier_epochs": 1, "pictures": 100, "width": 2}
    gan = run_recipe("dcgan", few, quick=True, out=tmp_path / "gan").folder.path
    space = open_latent(gan)["generator"]
    codes = torch.randn(2, space.width, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        made = open_model(gan)[1].networks["generator"](codes)
    assert (space.pictures(codes).float() / 255 - (made + 1) / 2).abs().max() < 1 / 254  # a tanh: from −1 to 1
    coder = run_recipe("autoencoder", {"epochs": 1}, quick=True, out=tmp_path / "coder").folder.path
    space = open_latent(coder)["autoencoder"]
    run, _ = open_subject(coder)
    with torch.no_grad():
        codes = open_model(coder)[1].networks["autoencoder"].encode(intensities(run.data.test, run.data.spec))
    torch.testing.assert_close(space.mean, codes.mean(0))
    torch.testing.assert_close(space.std, codes.std(0))
    xor = run_recipe("xor", {"epochs": 1}, quick=True, out=tmp_path / "xor").folder.path
    with pytest.raises(ProfundoError, match="draw nothing from codes"):
        open_latent(xor)
