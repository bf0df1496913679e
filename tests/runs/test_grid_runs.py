"""Images and masks from a folder to a service: trained, judged, predicted in their own size, written as files, opened again."""

import base64
import csv
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

import profundo as pf
from profundo.data.grids.mask_codes import colour_of, read_codes
from profundo.records import ProfundoError
from profundo.runs.baselines.linear_baseline import yardstick
from profundo.runs.experiment import new_experiment
from profundo.runs.supervised import open_run, train
from profundo.use.predicting import predict_files, predictor


def scene(draw, size):
    """A dark image with a bright square, and its mask: 3 on the square, 0 elsewhere."""
    image, mask = draw.integers(0, 60, (*size, 3), dtype=np.uint8), np.zeros(size, np.uint8)
    top, left = draw.integers(0, min(size) - 6, 2)
    image[top : top + 6, left : left + 6] += 150
    mask[top : top + 6, left : left + 6] = 3
    return image, mask


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    """(run, its folder of images and masks of several sizes)."""
    place, draw = tmp_path_factory.mktemp("squares"), np.random.default_rng(0)
    for role in ("images", "masks"):
        (place / "data" / role).mkdir(parents=True)
    for number in range(32):
        image, mask = scene(draw, (14 + number % 3, 16))
        Image.fromarray(image).save(place / "data" / "images" / f"{number}.png")
        Image.fromarray(mask).save(place / "data" / "masks" / f"{number}.png")
    (place / "data" / "classes.txt").write_text("0 floor\n3 lamp")
    experiment = new_experiment(
        data=str(place / "data"), epochs=25, batch_size=4, learning_rate=0.02, net_options={"width": 4}, log=None
    )
    return train(experiment, out=place / "run"), place


def test_a_folder_of_images_and_masks_is_learned_without_an_option(squares):
    run, _ = squares
    assert run.experiment.net == "unet"
    assert run.scores.values["mean IoU"] > 0.8 > run.scores.baseline["mean IoU"]
    assert run.scores.linear_name == "logistic regression on each pixel’s colour and place"
    assert run.scores.linear["pixel accuracy"] > run.scores.baseline["pixel accuracy"]
    assert [one.name for one in run.scores.per_class] == ["floor", "lamp"]
    assert "validation mean IoU" in run.history.names


def test_the_linear_model_finds_what_colour_alone_tells(squares):
    """A bright square on a dark floor is told by its brightness, pixel by pixel."""
    run, _ = squares
    model, _ = yardstick(run.data)
    test = run.data.test
    with torch.no_grad():
        said = model(pf.data.standardize(test.inputs, run.data.spec.inputs)).argmax(1)
    known = test.targets != 255
    assert float((said == test.targets)[known].float().mean()) > 0.99


@pytest.mark.parametrize("size", [(16, 16), (41, 23), (9, 90)])
def test_a_mask_that_is_predicted_has_the_size_of_its_image_and_the_values_of_training(squares, size):
    run, _ = squares
    image, mask = scene(np.random.default_rng(7), size)
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    (one,) = predictor(run.folder.path).images([file.getvalue()])
    said = read_codes(base64.b64decode(one["mask"]))[0]
    assert said.shape == size
    assert set(np.unique(said)) <= {0, 3}
    assert (said == mask).mean() > 0.95
    assert one["shares"]["lamp"] == pytest.approx((said == 3).mean())
    assert one["prediction"][0] == "floor"
    probabilities = run.predict(torch.from_numpy(image).permute(2, 0, 1)[None])
    assert probabilities.shape == (1, 2, *size)
    assert np.array_equal(probabilities[0].argmax(0) * 3, said)


def test_predict_writes_a_mask_for_each_image_and_says_where(squares, called, tmp_path):
    run, place = squares
    twice = tmp_path / "more" / "0.png"
    twice.parent.mkdir()
    twice.write_bytes((place / "data" / "images" / "1.png").read_bytes())
    done = called(
        "predict",
        run.folder.path,
        place / "data" / "images" / "0.png",
        twice,
        "--out",
        tmp_path / "masks",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "masks").iterdir()) == ["0-2.png", "0.png"]
    assert "floor" in done.stdout
    assert "masks/0-2.png" in done.stdout
    truth = np.asarray(Image.open(place / "data" / "masks" / "0.png"))
    assert (np.asarray(Image.open(tmp_path / "masks" / "0.png")) == truth).mean() > 0.95
    table = called("predict", run.folder.path, twice, "--csv", cwd=tmp_path).stdout
    (row,) = csv.DictReader(io.StringIO(table))
    assert set(row) == {"input", "prediction", "share of floor", "share of lamp"}
    told = json.loads(called("predict", run.folder.path, twice, "--json", cwd=tmp_path).stdout)
    assert base64.b64decode(told["predictions"][0]["mask"]).startswith(b"\x89PNG")


def test_what_was_scaled_down_in_training_is_scaled_down_and_up_again(tmp_path):
    draw = np.random.default_rng(0)
    for role in ("images", "masks"):
        (tmp_path / role).mkdir()
    for number in range(16):
        image, mask = scene(draw, (16, 16))
        Image.fromarray(image).resize((64, 64), 0).save(tmp_path / "images" / f"{number}.png")
        Image.fromarray(mask).resize((64, 64), 0).save(tmp_path / "masks" / f"{number}.png")
    experiment = new_experiment(
        data=str(tmp_path),
        image_size=16,
        epochs=40,
        batch_size=4,
        learning_rate=0.02,
        net_options={"width": 4},
        log=None,
    )
    run = train(experiment, out=tmp_path / "run")
    assert run.data.spec.inputs.shape == (3, 16, 16)
    (one,) = predict_files(tmp_path / "run", [tmp_path / "images" / "3.png"])
    said = read_codes(base64.b64decode(one["mask"]))[0]
    truth = np.asarray(Image.open(tmp_path / "masks" / "3.png"))
    assert said.shape == (64, 64)
    assert (said == truth).mean() > 0.93


def test_a_finished_run_opens_with_its_figures_and_shows_where_it_is_wrong(squares):
    run, _ = squares
    again = open_run(run.folder.path)
    assert again.scores.values == pytest.approx(run.scores.values)
    page = run.folder.report.read_text("utf-8")
    for words in ("mean IoU", "Dice", "Test pixels by true class", "beside its mask"):
        assert words in page


def test_the_report_says_what_is_counted_and_which_colour_is_which_class(squares):
    page = squares[0].report().read_text("utf-8")
    assert "in how many of them each class is" in page
    for place, name in enumerate(("floor", "lamp")):
        assert 'fill="#{:02x}{:02x}{:02x}"'.format(*colour_of(place)) in page
        assert f">{name}</text>" in page


def test_maps_are_learned_and_written_as_numbers(tmp_path):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(40, 8, 8)).astype(np.float32)
    np.savez(tmp_path / "maps.npz", x=x, y=3 * x + 10)
    run = train(
        new_experiment(
            data=str(tmp_path / "maps.npz"),
            epochs=30,
            batch_size=4,
            learning_rate=0.02,
            net_options={"width": 4},
            log=None,
        ),
        out=tmp_path / "run",
    )
    assert run.scores.values["RMSE"] < 1.5 < run.scores.baseline["RMSE"]
    assert run.scores.linear["RMSE"] < 0.1  # the truth is linear
    assert "where it is wrong, the lighter the more" in run.folder.report.read_text("utf-8")
    np.savez(tmp_path / "new.npz", x=x[:1])
    (one,) = predict_files(tmp_path / "run", [tmp_path / "new.npz"])
    values = np.load(io.BytesIO(base64.b64decode(one["map"])), allow_pickle=False)
    assert values.shape == (8, 8)
    assert one["least"] == pytest.approx(values.min(), rel=1e-5)
    assert np.abs(values - (3 * x[0] + 10)).mean() < 1.5


# ------------------------------------------------------------------------------------------------------------ in Python
DRAW = np.random.default_rng(0)
PICTURES = DRAW.normal(size=(40, 3, 6, 6)).astype("float32")
BEST = PICTURES.argmax(1)


def test_in_python_masks_are_judged_as_masks_by_nets_of_ones_own_and_by_name(tmp_path):
    net = torch.nn.Conv2d(3, 5, 1)  # for two more classes than there are
    run = pf.fit(net, (PICTURES, BEST), epochs=30, batch_size=8, lr=0.05, out=tmp_path / "own")
    assert run.data.spec.targets.classes == tuple("01234")
    assert run.scores.values["pixel accuracy"] > 0.8
    assert run.predict(PICTURES[:2]).shape == (2, 5, 6, 6)
    assert run.evaluate((PICTURES, BEST)).values["pixel accuracy"] > 0.8
    again = pf.open_run(tmp_path / "own", net=torch.nn.Conv2d(3, 5, 1), data=(PICTURES, BEST))
    assert again.scores.values == pytest.approx(run.scores.values)
    run = pf.fit("unet", (PICTURES, BEST), epochs=1, out=False)
    assert run.data.spec.targets.kind == "mask"
    grey = pf.fit("unet", (PICTURES[:, 0], (PICTURES[:, 0] > 0).astype(int)), epochs=1, out=False)
    assert grey.data.spec.inputs.shape == (1, 6, 6)
    depth = pf.fit("unet", (PICTURES, PICTURES[:, 0]), epochs=1, out=False)
    assert depth.data.spec.targets.kind == "map"


def test_a_loss_or_metric_of_ones_own_gets_the_targets_as_they_came():
    seen = []

    def loss(outputs, targets):
        seen.append((targets.dtype, tuple(outputs.shape[1:])))
        return torch.nn.functional.cross_entropy(outputs, targets)

    run = pf.fit(torch.nn.Conv2d(3, 3, 1), (PICTURES, BEST), loss=loss, epochs=1, out=False)
    assert run.data.spec.targets.kind == "any"
    assert set(seen) == {(torch.int64, (3, 6, 6))}


def test_arrays_that_do_not_go_together_are_refused_in_one_line():
    with pytest.raises(ProfundoError, match="net of your own"):
        pf.fit("mlp", (PICTURES, BEST[:, :5]), epochs=1, out=False)
    with pytest.raises(
        ProfundoError, match="gives an answer for each sample, the data have one for each pixel; use unet"
    ):
        pf.fit("mlp", (PICTURES, BEST), epochs=1, out=False)


def test_a_run_is_judged_on_other_masks_by_how_they_are_written(squares, tmp_path):
    """Whatever the order of classes.txt; a class that the net does not know is refused by name."""
    run, place = squares
    for role in ("images", "masks"):
        (tmp_path / role).mkdir()
        for number in range(6):
            (tmp_path / role / f"{number}.png").write_bytes((place / "data" / role / f"{number}.png").read_bytes())
    (tmp_path / "classes.txt").write_text("3 lamp\n0 floor")
    assert run.evaluate(tmp_path).values["mean IoU"] == pytest.approx(1, abs=0.1)
    (tmp_path / "classes.txt").write_text("0 floor\n3 lamp\n7 cat")
    with pytest.raises(ProfundoError, match="a class 'cat', the net knows floor, lamp"):
        run.evaluate(tmp_path)
