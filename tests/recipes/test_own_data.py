"""Recipes on data of one's own: each takes the kind that it declares, few and strange as they may be, and refuses the rest."""

import math
import unicodedata
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from profundo.data.dataset_names import Reading
from profundo.data.images.image_folders import images_by_class_or_not
from profundo.data.splits.splits import divide
from profundo.data.text.characters import read_text
from profundo.recipes import judging, stretches
from profundo.recipes.context import Context, Request
from profundo.recipes.judging import judged, trained_judge
from profundo.recipes.metric_learning import parts_of, with_unseen_whole
from profundo.recipes.own_data import Takes, check_skipping, load_images
from profundo.recipes.recipe import data_taken, find, settle, validated
from profundo.recipes.recipe_names import RECIPES
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.stretches import stretched
from profundo.recipes.zoo.anomaly import normal_and_odd
from profundo.records import ProfundoError, Samples
from profundo.runs.voice import Quiet

SPANISH = "En un lugar de la Mancha, de cuyo nombre no quiero acordarme, vivía un señor con su caballo. "
ARABIC = "كان يا ما كان في قديم الزمان ملك له ثلاثة أبناء. "


def write_images(folder: Path, classes: int, each: int, *, mode: str = "RGB", size: tuple[int, int] = (21, 13)) -> None:
    """Bright squares on dark noise, a place for each class; classes 0: all in one folder."""
    draws = np.random.default_rng(0)
    for label in range(max(1, classes)):
        inside = folder / f"klasse é{label}" if classes else folder
        inside.mkdir(parents=True, exist_ok=True)
        for number in range(each):
            width, height = size[0] + number % 3, size[1]
            pixels = draws.integers(0, 60, (height, width, 3)).astype(np.uint8)
            pixels[2:8, 2 + 3 * label : 6 + 3 * label, label % 3] = 250
            Image.fromarray(pixels).convert(mode).save(inside / f"{number:03}.png")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """A folder with data of several kinds, none of which Profundo has seen."""
    root = tmp_path_factory.mktemp("stranger")
    write_images(root / "flat", 0, 30)
    write_images(root / "grey", 0, 24, mode="L", size=(9, 40))
    write_images(root / "odd", 0, 5, mode="L")
    write_images(root / "few", 0, 6)
    write_images(root / "two", 2, 15)
    write_images(root / "three", 3, 10)
    write_images(root / "six", 6, 10)
    write_images(root / "wide", 0, 3, size=(60, 112))
    with zipfile.ZipFile(root / "flat.zip", "w") as archive:
        for path in sorted((root / "flat").iterdir()):
            archive.write(path, path.name)
    (root / "es.txt").write_text(SPANISH * 20, "utf-8")
    (root / "latin.txt").write_text(SPANISH * 20, "latin-1")
    (root / "short.txt").write_text("corto", "utf-8")
    (root / "empty").mkdir()
    (root / "texts").mkdir()
    (root / "texts" / "a.txt").write_text(ARABIC * 30, "utf-8")
    (root / "texts" / "b.txt").write_text("".join(map(chr, range(0x4E00, 0x4E00 + 1500))), "utf-8")
    (root / "table.csv").write_text("a,b\n1,2\n3,4\n")
    rows = [f"{at},{at % 7},{('red', 'green', 'blue')[at % 3]},{at * (at % 7)}.5" for at in range(60)]
    pairs = [f"uno y {at}\tone and {at}" for at in range(30)]
    (root / "pairs.tsv").write_text("\n".join(["es\ten", *pairs]), "utf-8")
    (root / "numbers.csv").write_text("\n".join(["width,height,colour,price", *rows]))
    return root


SMALL_GAN = {"pictures": 64, "epochs": 1, "classifier_epochs": 1, "image_size": 16}
SMALL_COLOURS = {"image_size": 16, "updates": 2, "epochs": 1, "judged": 8}
SMALL_PAIRS = {"image_size": 16, "updates": 2, "epochs": 1, "classifier_epochs": 1, "judged": 10}
FITTING = [
    *((name, data, SMALL_GAN) for name in ("gan", "dcgan", "wgan-gp") for data in ("flat", "two")),
    ("dcgan", "flat.zip", SMALL_GAN),
    *(("diffusion", data, {"epochs": 1, "classifier_epochs": 1, "image_size": 12}) for data in ("flat", "three")),
    ("vae", "grey", {"epochs": 1, "image_size": 12}),
    ("vq-vae", "flat", {"epochs": 1, "prior_epochs": 1, "judge_epochs": 1, "image_size": 12}),
    ("vq-vae", "two", {"epochs": 1, "prior_epochs": 1, "judge_epochs": 1, "image_size": 12}),
    ("vae", "three", {"epochs": 1, "image_size": 12}),
    ("autoencoder", "flat", {"epochs": 1, "mapped": 10, "image_size": 12}),
    ("autoencoder", "two", {"epochs": 1, "mapped": 10, "image_size": 12, "kind": "convolutional"}),
    ("anomaly", "grey", {"epochs": 1}),
    ("siamese", "six", {"steps": 3, "epochs": 1, "episodes": 3, "pictured": 10}),
    ("triplet", "six", {"steps": 3, "epochs": 1, "episodes": 3, "pictured": 10}),
    ("transfer", "six", {"updates": 4, "source_epochs": 1}),
    ("cifar10", "two", {"net": "fast_cnn", "epochs": 1}),
    (
        "self-supervision",
        "two",
        {"updates": 3, "epochs": 1, "few_updates": 3, "pictured": 5, "image_size": 16, "share": 0.2},
    ),
    ("distillation", "two", {"epochs": 1, "teacher_epochs": 1, "image_size": 16}),
    ("compression", "two", {"epochs": 1, "gone": (0.5,), "image_size": 16, "export": False}),
    ("domain-adaptation", "two", {"updates": 4, "epochs": 1, "pictured": 5, "image_size": 16}),
    ("traffic-signs", "two", {"columns": ("plain",), "epochs": 1, "image_size": 16}),
    ("lenet5-1998", "three", {"epochs": 1}),
    ("connections", "two", {"depths": [8], "samples": 20}),
    ("super-resolution", "wide", {"patch": 4, "updates": 2, "epochs": 1}),
    ("fast-style", "wide", {"patch": 16, "updates": 2, "epochs": 1, "compared": 2}),
    ("adain", "wide", {"patch": 16, "updates": 2, "epochs": 1, "compared": 0, "layer": "relu4_1"}),
    *(("colourisation", data, SMALL_COLOURS) for data in ("flat", "two")),
    ("neocognitron", "two", {"image_size": 12, "rival_epochs": 1}),
    ("gmdh", "numbers.csv", {"target": "price", "splits": 1}),
    ("gmdh", "numbers.csv", {"target": "colour", "splits": 1, "layers": 1}),
    *(("pix2pix", "flat", {**SMALL_PAIRS, "task": task}) for task in ("halves", "edges", "colours")),
    ("pix2pix", "two", SMALL_PAIRS),
    ("cyclegan", "two", SMALL_PAIRS),
    ("cyclegan", "three", {**SMALL_PAIRS, "other": "negative"}),
    ("language-model", "es.txt", {}),
    ("language-model", "texts", {}),
    ("gpt", "es.txt", {}),
    ("gpt", "texts", {"pieces": "byte pairs"}),
    ("translation", "pairs.tsv", {"updates": 2}),
    ("translation", "pairs.tsv", {"updates": 2, "unit": "characters"}),
    ("word-embeddings", "es.txt", {"batch_size": 64, "threshold": 1.0, "least": 5}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "data", "given"), FITTING, ids=[f"{name}-{data}" for name, data, _ in FITTING])
def test_it_learns_from_a_strangers_data(name, data, given, stranger, monkeypatch):
    monkeypatch.setattr(stretches, "LEAST", 5)  # how long it learns is tried below
    run = run_recipe(name, given, quick=True, out=False, data=str(stranger / data))
    assert run.outcome.scores
    assert all(math.isfinite(value) for value in run.outcome.scores.values())
    assert run.exhibits
    words = [run.outcome.conclusion, *(f"{exhibit.title} {exhibit.caption}" for exhibit in run.exhibits)]
    assert "digit" not in " ".join(words), "these are no digits"


@pytest.mark.slow
def test_fewer_test_pictures_than_a_row_holds_stand_above_what_becomes_of_them(stranger):
    run = run_recipe(
        "autoencoder", {"epochs": 1, "mapped": 10, "image_size": 12}, quick=True, out=False, data=str(stranger / "two")
    )
    shown = next(exhibit for exhibit in run.outcome.exhibits if exhibit.title == "Reconstructions")
    assert (shown.columns, len(shown.images)) == (6, 18)


def test_every_recipe_that_takes_data_of_ones_own_is_tried_here():
    takes = {name for name in RECIPES if find(name).takes is not None}
    assert takes - {name for name, _, _ in FITTING} == {
        "speech-recognition",  # in test_speech_recognition.py
        *("spoken-digits", "wavenet"),  # in test_sequence_recipes.py
    }


@pytest.mark.parametrize("name", [name for name in RECIPES if find(name).takes is None])
def test_a_recipe_with_data_of_its_own_only_says_so_and_refuses_others(name, stranger):
    assert data_taken(name) == "it has data of its own only"
    with pytest.raises(ProfundoError) as caught:
        run_recipe(name, quick=True, out=False, data=str(stranger / "flat"))
    assert "\n" not in str(caught.value)
    assert "its own only" in str(caught.value) or name == "perceptron"  # which chooses among three of its own


IMAGES = ["gan", "dcgan", "wgan-gp", "diffusion", "vae", "autoencoder", "anomaly"]
REFUSED = [
    *((name, "few", "at least 20 in all; found 6 images") for name in IMAGES),
    *((name, "texts", "expected a folder or .zip of images.*found texts") for name in (*IMAGES, "siamese", "cifar10")),
    *((name, "table.csv", "found a table") for name in ("vae", "triplet")),
    *((name, "three", "at least 4 classes; found 3 classes") for name in ("siamese", "triplet")),
    ("transfer", "three", "at least 6 classes; found 3 classes"),
    ("transfer", "flat", "one folder per class"),
    ("cifar10", "flat", "one folder per class"),
    ("vae", "empty", "expected images, found none"),
    ("vae", "nowhere", "no such file"),
    ("super-resolution", "texts", "expected a folder or .zip of images.*found texts"),
    *((name, "texts", "expected a folder or .zip of images.*found texts") for name in ("fast-style", "adain")),
    ("fast-style", "flat", "32 pixels on a side or more, found none of 30"),
    ("colourisation", "grey", "expected photographs in colour to learn from, found grey ones only"),
    ("colourisation", "few", "at least 20 in all; found 6 images"),
    ("colourisation", "texts", "expected a folder or .zip of images.*found texts"),
    ("super-resolution", "flat", "32 pixels on a side or more, found none of 30"),
    ("gmdh", "numbers.csv", r"which column is to be predicted, such as .*target='price'"),
    ("gmdh", "flat", "expected a table .* found a folder of images"),
    ("gmdh", "nowhere", "no such file"),
    ("neocognitron", "flat", "one folder per class"),
    *(
        ("pix2pix", data, says)
        for data, says in (("few", "found 6 images"), ("texts", "found texts"), ("nowhere", "no such file"))
    ),
    ("cyclegan", "flat", "one folder per class"),
    ("cyclegan", "texts", "found texts"),
    ("language-model", "short.txt", "at least 200 characters, got 5"),
    ("language-model", "flat", r"expected files of text \(.txt\) in it, found none"),
    ("language-model", "latin.txt", "expected UTF-8, but byte .* encoding"),
    ("language-model", "nowhere", "found nothing"),
    ("gpt", "short.txt", "at least 200 characters, got 5"),
    ("translation", "table.csv", "at least 20 different texts with translations.*found 2"),
    ("translation", "texts", "expected a table, found a folder"),
    ("translation", "nowhere", "expected a table, found nothing"),
    ("translation", "short.txt", "expected a header and at least one row"),
]


@pytest.mark.parametrize(("name", "data", "reason"), REFUSED)
def test_other_data_are_refused_in_one_line_before_anything_is_trained(name, data, reason, stranger, tmp_path):
    with pytest.raises(ProfundoError, match=reason) as caught:
        run_recipe(name, quick=True, out=tmp_path / "run", data=str(stranger / data))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()  # a run whose training has begun stays


def test_images_together_have_no_classes_those_in_folders_have_theirs(stranger):
    flat, zipped, two = (images_by_class_or_not(stranger / name, Reading()) for name in ("flat", "flat.zip", "two"))
    assert (flat.targets.kind, len(flat.train)) == ("any", 30)
    assert (zipped.targets.kind, len(zipped.train)) == ("any", 30)
    assert two.targets.classes == ("klasse é0", "klasse é1")
    parts = divide(flat, validation=None, seed=0, stream=False)
    assert [len(parts.train), len(parts.validation), len(parts.test)] == [22, 2, 6]


@pytest.mark.parametrize(("data", "channels"), [("flat", 3), ("grey", 1)])
def test_own_images_get_the_size_that_the_recipe_says(data, channels, stranger):
    images = load_images(str(stranger / data), Takes("images"), 12, seed=0, data_dir=None)
    assert images.spec.inputs.shape == (channels, 12, 12)


def context(name: str, **given) -> Context:
    settings = settle(name, given, True)
    device = torch.device("cpu")
    return Context(Request(name, settings), device=device, folder=None, voice=Quiet(), takes=find(name).takes)


def test_without_classes_a_net_with_random_weights_judges_and_knows_its_own_images(stranger):
    made = context("dcgan", data=str(stranger / "flat"))
    data = made.images(str(stranger / "flat"), 16)
    judge = trained_judge(made, data, epochs=1)
    assert not made.trainings
    assert judge(judge.real).distance == pytest.approx(0, abs=1e-3)
    assert judge(255 - judge.real).distance > 10 * judge(data.train.inputs).distance
    assert list(judge(judge.real).scores) == ["Fréchet distance", "precision", "recall"]


def test_real_images_beside_made_ones_are_of_all_classes_though_these_lie_one_after_another(stranger):
    data = context("dcgan", data=str(stranger / "three")).images(str(stranger / "three"), 16)
    order = data.train.targets.argsort()
    data = replace(data, train=Samples(data.train.inputs[order], data.train.targets[order]))
    seen: list[torch.Tensor] = []
    judge = type("Listening", (), {"real": data.test.inputs, "__call__": lambda _, images: seen.append(images)})()
    judged(judge, data, {})
    labels = {image.numpy().tobytes(): int(at) for image, at in zip(data.train.inputs, data.train.targets, strict=True)}
    assert len(seen[0]) == len(data.test)
    assert {labels[image.numpy().tobytes()] for image in seen[0]} == {0, 1, 2}


def test_neighbours_are_looked_for_among_all_classes_in_whatever_order(monkeypatch):
    monkeypatch.setattr(judging, "NEIGHBOURED", 40)
    clouds = 0.1 * torch.randn(4, 40, 3) + torch.tensor([0.0, 9, 9, 0])[:, None, None]
    judge = SimpleNamespace(real_features=clouds[:2].flatten(0, 1))
    precision, recall = judging.ImageJudge.near(judge, clouds[2:].flatten(0, 1))
    assert min(precision, recall) > 0.5


@pytest.mark.parametrize(("odd", "count"), [("klasse é1", 10), ("odd", 5), (None, 0)])
def test_odd_images_are_all_in_the_test_part_and_no_other(odd, count, stranger):
    where = str(stranger / odd) if odd == "odd" else odd
    made = context("anomaly", data=str(stranger / "three"), odd=where)
    settings = settle("anomaly", {"data": str(stranger / "three"), "odd": where}, True)
    data = made.images(settings.data, 16)
    divided = normal_and_odd(made, settings, data)
    assert int((divided.test.targets == 1).sum()) == count
    assert not divided.train.targets.any()
    assert not divided.validation.targets.any()
    total = len(divided.train) + len(divided.validation) + len(divided.test)
    assert total == 30 + (5 if odd == "odd" else 0)
    if odd == "klasse é1":  # it alone has green squares
        assert divided.train.inputs[:, 1].max() < 200
        assert bool((divided.test.inputs[divided.test.targets == 1][:, 1].flatten(1).amax(1) > 200).all())


@pytest.mark.slow
def test_odd_images_that_differ_are_told_from_normal_ones(stranger):
    run = run_recipe("anomaly", quick=True, out=False, data=str(stranger / "three"), odd="klasse é1")
    assert run.outcome.scores["ROC area"] == 1.0
    with pytest.raises(ProfundoError, match=r"odd: expected a folder or \.zip of images, or a class"):
        run_recipe("anomaly", quick=True, out=False, data=str(stranger / "three"), odd="nothing")
    with pytest.raises(ProfundoError, match="digit"):
        run_recipe("anomaly", quick=True, out=False, digit=10)


def test_unseen_classes_are_judged_by_all_of_their_images_and_small_classes_are_left_out(tmp_path):
    write_images(tmp_path / "own", 6, 10)
    for path in sorted((tmp_path / "own" / "klasse é2").iterdir())[4:]:
        path.unlink()
    said: list[str] = []
    data = load_images(str(tmp_path / "own"), Takes("images with classes"), 12, seed=0, data_dir=None)
    data = with_unseen_whole(data, 10, said.append)
    assert said == ["1 of the 6 classes have fewer than 10 images and were left out."]
    assert data.spec.targets.classes == tuple(f"klasse é{label}" for label in (0, 1, 3, 4, 5))
    parts = parts_of(data, 2)
    assert parts.unseen.targets.bincount().tolist()[3:] == [10, 10]
    assert len(parts.train) + len(parts.validation) == 30
    assert set(parts.train.targets.tolist()) == {0, 1, 2}


def test_an_image_that_does_not_read_is_left_out_where_that_is_asked(tmp_path):
    write_images(tmp_path, 2, 12)
    broken = next(tmp_path.rglob("*.png"))
    broken.write_bytes(broken.read_bytes()[:40])
    asked = {"takes": Takes("images with classes"), "image_size": 12, "seed": 0, "data_dir": None}
    with pytest.raises(ProfundoError, match="skip_bad"):
        load_images(str(tmp_path), **asked)
    data = load_images(str(tmp_path), **asked, skip_bad=True)
    assert len(data.train) + len(data.validation) + len(data.test) == 23
    with pytest.raises(ProfundoError, match="skip_bad is for images"):
        run_recipe("gpt", quick=True, out=False, skip_bad=True)


def test_an_odd_image_that_does_not_read_is_left_out_and_counted_where_that_is_asked(stranger, tmp_path):
    write_images(tmp_path / "odd", 0, 5)
    for number in (1, 3):
        (tmp_path / f"odd/00{number}.png").write_bytes(b"no image")
    settings = settle("anomaly", {"data": str(stranger / "three"), "odd": str(tmp_path / "odd")}, True)
    made = context("anomaly", data=settings.data, odd=settings.odd)
    data = made.images(settings.data, 16)
    with pytest.raises(ProfundoError, match=r"001\.png: expected an image, .*skip_bad"):
        normal_and_odd(made, settings, data)
    said: list[str] = []
    made.skip_bad, made.say = True, said.append
    assert int(normal_and_odd(made, settings, data).test.targets.sum()) == 3
    assert said[0] == "odd: left out 2 of 5 images, that do not read"
    for path in (tmp_path / "odd").iterdir():
        path.write_bytes(b"no image")
    with pytest.raises(ProfundoError, match="none that reads among 5 files"):
        normal_and_odd(made, settings, data)


def test_nothing_is_left_out_of_data_that_are_no_files_of_images_and_that_is_said(stranger, tmp_path):
    np.savez(tmp_path / "own.npz", x=np.zeros((20, 8, 8), np.uint8), y=np.arange(20) % 2)
    for data in ("digits", str(tmp_path / "own.npz"), str(tmp_path / "none"), "a" * 5000, "a\0"):
        with pytest.raises(
            ProfundoError, match=r"skip_bad is for a folder or \.zip of images of your own, got"
        ) as refused:
            run_recipe("anomaly", quick=True, out=False, skip_bad=True, data=data)
        assert str(refused.value).isprintable()
    for given in ({"data": str(stranger / "three")}, {"data": str(tmp_path / "own.npz"), "odd": str(stranger / "odd")}):
        check_skipping("anomaly", find("anomaly").takes, settle("anomaly", given, True))


def test_texts_are_composed_whatever_their_encoding_and_those_of_a_folder_follow_each_other(tmp_path):
    composed = "vivía un señor\n" * 20
    for name, encoding in (("a", "utf-8"), ("b", "utf-16"), ("c", "utf-8-sig")):
        (tmp_path / f"{name}.txt").write_bytes(composed.replace("\n", "\r\n").encode(encoding))
        assert read_text(tmp_path / f"{name}.txt") == composed
    (tmp_path / "d.txt").write_text(unicodedata.normalize("NFD", composed), "utf-8")
    assert read_text(tmp_path / "d.txt") == composed
    (tmp_path / "latin").mkdir()
    (tmp_path / "latin" / "e.txt").write_text(composed, "latin-1")
    assert read_text(tmp_path / "latin", "latin-1") == composed
    with pytest.raises(ProfundoError, match="expected UTF-8, but byte 3 is none"):
        read_text(tmp_path / "latin")
    (tmp_path / "latin" / "f.txt").write_text("fin", "latin-1")
    assert read_text(tmp_path / "latin", "latin-1") == composed + "\nfin"
    for wrong in ("nonsense", "rot13", "base64"):
        with pytest.raises(ProfundoError, match="encoding: expected a name such as"):
            read_text(tmp_path / "a.txt", wrong)


def test_a_run_from_before_the_setting_had_its_name_is_still_read():
    values = settle("language-model", {"data": "a.txt"}).__dataclass_fields__
    old = {name: getattr(settle("language-model", {}), name) for name in values if name != "data"}
    assert validated("language-model", {**old, "text": "a.txt"}).data == "a.txt"


class Two:
    """An epoch of two batches."""

    def __len__(self):
        return 2

    def epoch(self, epoch, skip=0):
        yield from [(epoch, number) for number in range(2)][skip:]


def test_few_data_of_ones_own_are_shown_several_times_an_epoch_and_resume_within():
    assert stretched(Two(), is_own=False).epoch(0) is not None
    assert len(stretched(Two(), is_own=False)) == 2
    epochs = stretched(Two(), is_own=True)
    assert len(epochs) == 50
    assert list(epochs.epoch(1))[:3] == [(25, 0), (25, 1), (26, 0)]
    assert list(epochs.epoch(1, 47)) == list(epochs.epoch(1))[47:]
