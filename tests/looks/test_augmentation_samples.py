"""What augmentation makes of real samples: the pictures are those that training sees, on a page that anyone can open."""

import copy
import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import profundo as pf
from profundo.cli import main
from profundo.data import AUGMENTATIONS
from profundo.data.augmenting.augment import augmentation
from profundo.data.augmenting.options import IMAGES, unfit_for
from profundo.data.batches import generator
from profundo.data.standard import standardize
from profundo.looks.augmentation_samples import augmentation_page, augmented_images, listed
from profundo.records import Dataset, Inputs, ProfundoError, Samples, Spec, Targets


@pytest.fixture(scope="module")
def digits():
    return pf.load("digits")


def small(targets, classes, raw=None, streamed=False):
    """Six colour images."""
    raw = torch.randint(0, 256, (6, 3, 5, 4), dtype=torch.uint8) if raw is None else raw
    spec = Spec(Inputs((3, 5, 4), "image", (100.0, 110.0, 120.0), (50.0, 60.0, 70.0)), classes)
    samples = Samples([*raw] if streamed else raw, targets)
    return Dataset("small", spec, samples, samples, samples)


def test_a_row_begins_with_a_training_image_of_each_class_as_it_is(digits):
    images = augmented_images(digits, ["crop", "mixup"], seed=3)
    assert images.dtype == torch.uint8
    assert images.shape == (48, 1, 8, 8)
    for label, first in enumerate(images[::8]):
        index = (digits.train.targets == label).nonzero()[0, 0]
        assert torch.equal(first, digits.train.inputs[index])


def test_without_augmentation_all_of_a_row_are_the_same(digits):
    images = augmented_images(digits, []).reshape(6, 8, -1)
    assert torch.equal(images, images[:, :1].expand_as(images))
    changed = augmented_images(digits, ["noise"]).reshape(6, 8, -1)
    assert len(torch.unique(changed.flatten(0, 1), dim=0)) == 48


def test_the_columns_are_what_training_sees_at_its_first_steps():
    targets = torch.arange(6)
    data = small(targets, Targets("classes", tuple("abcdef")))
    asked = ["mirror", {"colour": {"hue": 0.5}}, "cutmix"]
    shown = augmented_images(data, asked, seed=4).reshape(6, 8, 3, 5, 4)
    same = small(targets, data.spec.targets, data.train.inputs)
    changes = augmentation(asked, data.spec)
    inputs = standardize(same.train.inputs, same.spec.inputs)
    mean, std = (torch.tensor(v)[:, None, None] for v in (data.spec.inputs.mean, data.spec.inputs.std))
    for step in range(7):
        seen, _ = changes.with_targets(inputs, targets, generator(4, step, torch.device("cpu")))
        assert (seen * std + mean - shown[:, step + 1].float()).abs().max() < 0.51


@pytest.mark.parametrize("streamed", [False, True])
def test_streamed_and_real_and_binary_data_can_be_looked_at(streamed):
    for targets, known in (
        (torch.arange(6) % 2, Targets("binary", ("no", "yes"))),
        (torch.rand(6, 1), Targets("real", names=("age",))),
    ):
        data = small(targets, known, streamed=streamed)
        assert augmented_images(data, ["flip"]).shape == (48, 3, 5, 4)
        page = augmentation_page(data, [])
        for name in IMAGES:
            assert (f">{name}</h2>" in page) == (not unfit_for(name, known))


def test_rows_of_numbers_are_refused_in_one_line():
    with pytest.raises(ProfundoError, match="iris: expected images"):
        augmentation_page(pf.load("iris"), [])


def test_a_page_tells_what_was_asked_and_needs_no_network(digits):
    page = augmentation_page(digits, ["mirror", {"crop": {"scale": [0.6, 1]}}], seed=1)
    assert page == augmentation_page(digits, ["mirror", {"crop": {"scale": [0.6, 1]}}], seed=1)
    assert "All, one after the other" in page
    assert "crop: scale 0.6 to 1, ratio 0.75 to 1.33, share 1" in page
    assert page.count("data:image/png;base64") == 3
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "<script" not in page


def test_the_list_names_every_option_with_its_default():
    said = listed()
    assert said.keys() == AUGMENTATIONS.keys()
    assert said["mirror"].endswith("share 0.5")
    assert "scale 0.5 to 1" in said["crop"]


@pytest.fixture
def profundo(monkeypatch, capsys, tmp_path):
    def call(*words):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["profundo", *words])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, capsys.readouterr()

    return call


def test_the_command_lists_and_shows(profundo, tmp_path):
    code, said = profundo("augment", "--json")
    assert code == 0
    assert json.loads(said.out)["augmentations"].keys() == AUGMENTATIONS.keys()
    code, said = profundo("augment", "digits", "--augment", "[mirror, {crop: {scale: [0.6, 1]}}]", "--out", "page.html")
    assert (code, said.out) == (0, "page.html\n")
    assert "crop: scale 0.6 to 1" in (tmp_path / "page.html").read_text()
    code, said = profundo("augment", "digits", "--augment", "mirors")
    assert code == 1
    assert "nearest: mirror" in said.err


def test_the_command_takes_a_folder_of_images(profundo, tmp_path):
    for index in range(12):
        folder = tmp_path / "shapes" / f"class{index % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((9, 7, 3), 20 * index, np.uint8)).save(folder / f"{index}.png")
    code, said = profundo("augment", "shapes", "--out", "page.html")
    assert (code, said.err) == (0, "")


def test_a_run_with_augmentation_shows_it_in_its_report(tmp_path, digits):
    with_it, without = (
        pf.fit(pf.nets.lenet5(digits.spec), digits, epochs=1, augment=asked, out=tmp_path / str(number))
        for number, asked in enumerate((["crop", "mixup"], []))
    )
    assert "seven times augmented" in with_it.folder.report.read_text()
    assert "seven times augmented" not in without.folder.report.read_text()


@pytest.mark.parametrize("asked", [["mixup"], ["cutmix", "ricap"]])
def test_mixed_targets_are_trained_on_by_recorded_and_by_ordinary_steps_alike(asked, digits):
    net = pf.nets.lenet5(digits.spec)
    runs = [
        pf.fit(copy.deepcopy(net), digits, epochs=1, augment=asked, capture=capture, out=False)
        for capture in (True, False)
    ]
    weights = [torch.cat([p.flatten() for p in run.net.parameters()]) for run in runs]
    assert torch.equal(*weights)
    assert runs[0].history["loss"] == runs[1].history["loss"]


def test_two_classes_and_parts_of_a_batch_are_trained_on_mixed():
    data = pf.load("breast-cancer")
    run = pf.fit(pf.nets.mlp(data.spec), data, epochs=12, augment=["mixup", "noise"], accumulate=2, out=False)
    assert run.scores.values["accuracy"] > 0.9


def test_boxes_are_drawn_where_objects_move_to():
    raw = torch.full((8, 3, 40, 60), 128, dtype=torch.uint8)
    raw += torch.arange(8, dtype=torch.uint8)[:, None, None, None]
    table = torch.tensor([[[4.0, 6, 20, 22, 0, 0]]]).repeat(8, 1, 1)
    samples = Samples(raw, table)
    spec = Spec(Inputs((3, 40, 60), "image", (130.0,) * 3, (10.0,) * 3), Targets("objects", ("a",)))
    images = augmented_images(Dataset("d", spec, samples, samples, samples), [{"mirror": {"share": 1.0}}])
    assert images.shape == (48, 3, 40, 60)
    before, after = images[0], images[1]
    assert torch.equal(before.flip(2), after)
    assert (before[:, 6, 4:20] != before[:, :1, 0]).any(0).all()
