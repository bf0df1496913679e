"""Recipes of classifiers and of transfer, in their quick settings: what must hold even there."""

import hashlib
import json
import math
from dataclasses import asdict

import pytest
import torch
from PIL import Image
from torch import nn

from profundo import nets
from profundo.data import load
from profundo.nets.published_weights import PUBLISHED, Published
from profundo.recipes.classifying import spec_of
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.zoo import cifar10, deep_or_shallow, lenet5_1998, transfer
from profundo.records import Inputs, ProfundoError, Spec, Targets
from profundo.runs.pretrained import published_net, published_weights

DIGITS = Targets("classes", tuple("0123456789"))


def quick(name, **given):
    return run_recipe(name, given, quick=True, out=False)


@pytest.fixture(scope="module")
def lenet():
    return quick("lenet5-1998")


class TestLeNet:
    def test_it_reads_most_small_digits_after_two_epochs(self, lenet):
        assert lenet.outcome.scores["accuracy"] > 0.85
        assert "with 60,000 parameters" in lenet.outcome.conclusion

    def test_what_f6_draws_is_nearest_to_the_picture_of_the_answer(self, lenet):
        net = lenet.outcome.networks["net"]
        data = load("digits")
        samples = lenet5_1998.first_of_each(data)
        units = net[:-1].eval()(samples)
        nearest = torch.cdist(units, net.output.codes).argmin(1)
        assert nearest.equal(net(samples).argmax(1))
        assert lenet5_1998.picture(net.output.codes).shape == (10, 1, 48, 28)

    def test_an_image_file_gets_a_class_and_probabilities(self, lenet, tmp_path):
        data = load("digits")
        files = []
        for index in range(8):
            pixels = data.train.inputs[index, 0].numpy()
            files.append(tmp_path / f"{index}.png")
            Image.fromarray(pixels).save(files[-1])
        told = lenet.predict(files)
        for answer, file in zip(told, files, strict=True):
            assert answer["input"] == str(file)
            assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
            assert answer["probability"] == max(answer["probabilities"].values())
        right = [
            a["prediction"] == data.spec.targets.classes[t] for a, t in zip(told, data.train.targets, strict=False)
        ]
        assert sum(right) >= 6


class TestCifar10:
    def test_the_net_learns_even_small_digits(self):
        outcome = quick("cifar10").outcome
        assert outcome.scores["accuracy"] > 0.7
        assert outcome.scores["log loss"] < outcome.baseline["log loss"]

    @pytest.mark.parametrize("net", ["resnet18", "alexnet", "vgg11", "fast_cnn"])
    def test_every_other_net_is_trained_by_its_settings(self, net):
        run = quick("cifar10", net=net, width=1 / 16, epochs=1, learning_rate=1e-3)
        (trained,) = run.trainings.values()
        assert trained.history["loss"][0] < 2.5
        assert net in run.outcome.conclusion

    def test_saved_settings_build_the_same_net(self):
        known = {"spec": asdict(Spec(Inputs((3, 32, 32), "image"), DIGITS))}
        net = cifar10.networks(cifar10.Settings(), known)["net"]
        assert sum(p.numel() for p in net.parameters()) == 269_722
        assert net(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


class TestDeepOrShallow:
    @pytest.mark.parametrize("depth", [1, 2, 5])
    def test_widths_use_the_budget_up(self, depth):
        spec = Spec(Inputs((4,), "features"), Targets("real", names=("f",)))
        width = deep_or_shallow.widest(4, 1, depth, 2000)
        counts = [sum(p.numel() for p in nets.mlp(spec, widths=(w,) * depth).parameters()) for w in (width, width + 1)]
        assert counts[0] <= 2000 < counts[1]

    def test_every_net_beats_the_linear_model(self):
        outcome = quick("deep-or-shallow").outcome
        assert all(value < outcome.baseline[name] for name, value in outcome.scores.items())


class TestConnections:
    def test_residual_nets_end_lower_than_plain_ones(self):
        outcome = quick("connections").outcome
        assert all(outcome.scores[name] < plain for name, plain in outcome.baseline.items())


class TestTransfer:
    def test_rates_fall_by_the_ratio_from_layer_to_layer(self):
        spec = Spec(Inputs((1, 28, 28), "image"), DIGITS)
        assert transfer.discriminative(nets.lenet5(spec), 2.6) == pytest.approx(
            {"c1.": 2.6**-4, "c3.": 2.6**-3, "c5.": 2.6**-2, "f6.": 2.6**-1, "output.": 1}
        )
        found = transfer.discriminative(nets.fast_cnn(spec), 2.0)
        assert found == {"conv1.": 0.125, "norm1.": 0.125, "conv2.": 0.25, "norm2.": 0.25} | {
            "conv3.": 0.5,
            "norm3.": 0.5,
            "output.": 1.0,
        }

    def test_a_frozen_net_keeps_its_features_and_learns_its_output(self, monkeypatch):
        seen = {}
        learn = transfer.learn

        def watched(context, asked, source, train, spec, way, name):
            before = {key: p.clone() for key, p in source.state_dict().items()}
            net = learn(context, asked, source, train, spec, way, name)
            assert all(p.equal(before[key]) for key, p in source.state_dict().items()), "the source was changed"
            seen.setdefault(way, {key for key, p in net.state_dict().items() if not p.equal(before[key])})
            return net

        monkeypatch.setattr(transfer, "learn", watched)
        run = quick("transfer")
        assert run.outcome.rivals.keys() == {"its features frozen"}
        assert seen["frozen"] == {"output.weight", "output.bias"}
        assert {"conv1.weight", "norm1.running_mean", "conv3.weight", "output.bias"} < seen["fine-tuned"]

    def test_a_new_output_layer_suits_the_new_classes_and_leaves_the_old_net(self):
        spec = Spec(Inputs((1, 28, 28), "image"), DIGITS)
        source = nets.lenet5(spec)
        fewer = Spec(spec.inputs, Targets("classes", ("a", "b", "c")))
        net = transfer.with_new_output(source, fewer)
        assert net(torch.zeros(1, 1, 28, 28)).shape == (1, 3)
        assert source.output.out_features == 10
        assert net.c1.weight.equal(source.c1.weight)
        assert net.c1.weight is not source.c1.weight


class TestPublications:
    @pytest.fixture
    def folder(self, tmp_path, monkeypatch):
        monkeypatch.setattr(Published, "build", lambda self, spec: nets.build(self.net, spec, width=1 / 16))
        path = tmp_path / "weights" / "file.pth"
        path.parent.mkdir()
        known = Spec(Inputs((3, 64, 64), "image"), Targets("classes", tuple(map(str, range(1000)))))
        torch.save(nets.build("resnet18", known, width=1 / 16).state_dict(), path)
        digits = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        path.rename(path.with_name(f"resnet18-{digits}.pth"))
        monkeypatch.setitem(PUBLISHED, "resnet18", Published(f"resnet18-{digits}.pth", "resnet18"))
        return tmp_path

    def test_a_file_in_the_folder_is_used(self, folder):
        net = published_net("resnet18", folder=folder / "weights")
        assert isinstance(net.fc, nn.Linear)
        assert net.fc.out_features == 1000

    def test_a_file_in_the_data_folder_is_found(self, folder, monkeypatch):
        monkeypatch.setenv("PROFUNDO_DATA", str(folder))
        assert published_weights("resnet18").parent == folder / "weights"

    def test_without_network_the_place_to_put_the_file_is_told(self, tmp_path, monkeypatch):
        monkeypatch.setattr(Published, "url", property(lambda self: f"http://127.0.0.1:1/{self.file}"))
        with pytest.raises(ProfundoError, match=r"vgg16-397923af\.pth could not be fetched"):
            published_weights("vgg16", tmp_path)


def test_specs_survive_being_plain_values():
    spec = Spec(Inputs((3, 8, 8), "image", (1.0, 2.0, 3.0), (4.0, 5.0, math.pi)), DIGITS)
    known = json.loads(json.dumps({"spec": asdict(spec)}))
    assert spec_of(known) == spec
