"""Images made of images: what is given and what is true, with pairs and without; figures with a known answer; own data."""

import base64
import colorsys
import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from sklearn.neighbors import NearestNeighbors
from torch import nn
from torch.overrides import TorchFunctionMode
from typer.testing import CliRunner

from profundo.cli import app
from profundo.recipes import net_outputs, stretches
from profundo.recipes.context import Context, Request
from profundo.recipes.judging import ImageJudge
from profundo.recipes.recipe import Model, find, predicted, settle
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.translating.image_kinds import coloured, negative, thick, two_classes, two_forms
from profundo.recipes.translating.image_pairs import (
    Pairs,
    of_the_dataset,
    outlines,
    own_pairs,
    upper_half,
    without_colour,
)
from profundo.recipes.translating.image_values import error, signed, translated
from profundo.recipes.zoo import cyclegan, pix2pix
from profundo.records import Dataset, Inputs, ProfundoError, Samples, Spec, Targets
from profundo.runs.voice import Quiet

DRAWS = torch.Generator().manual_seed(0)
COLOURS = torch.randint(0, 256, (4, 3, 20, 16), generator=DRAWS, dtype=torch.uint8)


def scene(number: int, size: int = 24) -> np.ndarray:
    """A bright disc in one of several colours on dark ground, somewhere."""
    draws = np.random.default_rng(number)
    y, x = np.mgrid[:size, :size]
    there = np.hypot(y - draws.integers(8, 16), x - draws.integers(8, 16)) < 5
    return np.where(there[..., None], [(220, 60, 40), (60, 200, 80)][number % 2], (30, 30, 60)).astype(np.uint8)


def png(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Scenes as negatives, in grey, in a/, as they are in b/; and both side by side in a .zip."""
    root = tmp_path_factory.mktemp("pairs")
    for name in ("two/a", "two/b", "joined"):
        (root / name).mkdir(parents=True)
    for number in range(30):
        colour = scene(number)
        grey = 255 - np.asarray(png(colour).convert("L").convert("RGB"))
        png(grey).save(root / "two" / "a" / f"{number:02}.png")
        png(colour).save(root / "two" / "b" / f"{number:02}.png")
        png(np.concatenate([grey, colour], 1)).save(root / "joined" / f"{number:02}.png")
    with zipfile.ZipFile(root / "joined.zip", "w") as archive:
        for path in sorted((root / "joined").iterdir()):
            archive.write(path, path.name)
    return root


# ------------------------------------------------------------------------------------------------------ what is given
def test_of_halves_the_upper_one_is_given_and_the_lower_one_is_not():
    given = upper_half(COLOURS)
    assert torch.equal(given[:, :, :10], COLOURS[:, :, :10])
    assert (given[:, :, 10:] == 128).all()


def test_outlines_are_thin_black_lines_where_brightness_changes_and_nowhere_else():
    image = torch.zeros(1, 1, 24, 24, dtype=torch.uint8)
    image[:, :, 6:18, 8:16] = 255
    lines = outlines(image)[0, 0] == 0
    assert lines[10:14, [7, 8]].sum(1).tolist() == [1, 1, 1, 1]  # one pixel of the two beside the border
    assert lines[10:14, 9:15].sum() == lines[:4].sum() == 0
    assert lines[[5, 6]].sum(0)[10:14].tolist() == [1, 1, 1, 1]
    assert not (outlines(torch.full((1, 3, 9, 9), 77, dtype=torch.uint8)) == 0).any()


def test_grey_is_as_pillow_has_it_and_grey_images_are_refused():
    theirs = np.stack([np.asarray(png(one.permute(1, 2, 0).numpy()).convert("L")) for one in COLOURS])
    assert np.abs(without_colour(COLOURS)[:, 0].numpy().astype(int) - theirs).max() <= 1
    for grey in (COLOURS[:, :1], COLOURS[:, :1].expand(-1, 3, -1, -1)):
        with pytest.raises(ProfundoError, match="expected images in colour"):
            without_colour(grey)


# ------------------------------------------------------------------------------------------------------ pairs of one's own
def test_pairs_in_two_folders_and_side_by_side_are_the_same_pairs(pairs):
    first, _ = own_pairs(pairs / "two", 24, False, 0)
    second, _ = own_pairs(pairs / "joined.zip", 24, False, 0)
    for one, other in ((first.train, second.train), (first.test, second.test)):
        mine, theirs = of_the_dataset(one), of_the_dataset(other)
        assert torch.equal(mine.given, theirs.given)
        assert torch.equal(mine.truth, theirs.truth)
        assert torch.equal(255 - without_colour(mine.truth).expand(-1, 3, -1, -1), mine.given)  # they belong together
    assert [len(part) for part in (first.train, first.validation, first.test)] == [21, 3, 6]
    turned = of_the_dataset(own_pairs(pairs / "two", 24, True, 0)[0].train)
    assert torch.equal(turned.given, of_the_dataset(first.train).truth)


def test_pairs_that_are_set_apart_for_a_test_are_tested_on(tmp_path):
    for number in range(24):
        place = tmp_path / ("test" if number >= 20 else "train")
        for side in "AB":
            (place / side).mkdir(parents=True, exist_ok=True)
            png(np.full((16, 16), 10 * number, np.uint8)).save(place / side / f"{number}.png")
    data, _ = own_pairs(tmp_path, 16, False, 0)
    assert data.spec.inputs.shape == (1, 16, 16)
    assert sorted(data.test.inputs[:, 0, 0, 0].tolist()) == [200, 210, 220, 230]


def broken(root, how):
    for number in range(20):
        for side in "ab":
            (root / side).mkdir(parents=True, exist_ok=True)
            png(scene(number)).save(root / side / f"{number}.png")
    if how == "alone":
        (root / "b" / "7.png").unlink()
    elif how == "shape":
        png(scene(0)[:12]).save(root / "b" / "7.png")
    elif how == "text":
        (root / "b" / "7.png").write_text("no image")
    elif how == "few":
        for path in [*root.glob("?/1*.png")]:
            path.unlink()
    elif how == "one":
        for side in "ab":
            (root / "test" / side).mkdir(parents=True)
            (root / side / "7.png").rename(root / "test" / side / "7.png")
            png(scene(1)).save(root / side / "20.png")


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("alone", "found none in b for a/7.png"),
        ("shape", "two images of one shape.*24×24 and 24×12"),
        ("text", "b/7.png: expected an image"),
        ("few", "expected 20 pairs of images or more, .* in two folders a and b or .*, found 9"),
        ("one", "expected two pairs or more in test, found 1"),
    ],
)
def test_what_is_no_pair_is_refused_in_a_line(how, says, tmp_path):
    broken(tmp_path, how)
    with pytest.raises(ProfundoError, match=says) as caught:
        run_recipe("pix2pix", quick=True, out=False, task="pairs", data=str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"task": "pairs", "data": "b"}, "two images side by side"),
        ({"task": "halves", "data": "two"}, "task=pairs"),
        (
            {"task": "pairs", "data": "digits"},
            "task pairs: expected pairs of your own, .*, got digits",
        ),
        ({"task": "pairs", "data": "nowhere"}, "expected a folder or a .zip of images, found nothing"),
        ({"task": "halves", "data": "b", "image_size": 8, "patches": 2}, "expected images of 16 pixels"),
    ],
)
def test_other_data_for_pairs_are_refused_in_a_line(given, says, pairs):
    where = {"b": pairs / "two" / "b", "digits": "digits"}.get(given["data"], pairs / given["data"])
    with pytest.raises(ProfundoError, match=says) as caught:
        run_recipe("pix2pix", {**given, "data": str(where)}, quick=True, out=False)
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------------------------------- large images, part by part
class Largest(TorchFunctionMode):
    """How many numbers the largest tensor of floats has that is made."""

    numbers = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for one in made if isinstance(made, tuple) else (made,):
            if isinstance(one, torch.Tensor) and one.is_floating_point():
                self.numbers = max(self.numbers, one.numel())
        return made


def dilated(images):
    return thick(images, DRAWS)


def in_any_hue(images):
    return coloured(images, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("change", [outlines, without_colour, dilated, in_any_hue])
def test_what_is_made_of_a_split_needs_memory_for_a_few_large_images_only(change, monkeypatch):
    monkeypatch.setattr(net_outputs, "AT_ONCE", 2 * 20 * 16, raising=False)
    images = COLOURS.repeat(5, 1, 1, 1)
    with Largest() as largest:
        made = change(images)
    assert 0 < largest.numbers <= 3 * 2 * 22 * 18  # of two images, with an edge around them
    monkeypatch.setattr(net_outputs, "AT_ONCE", 2**20, raising=False)
    assert torch.equal(made, change(images))


def test_the_nearest_pair_is_looked_for_among_as_many_as_fit(monkeypatch):
    monkeypatch.setattr(pix2pix, "COMPARED", 160, raising=False)
    train = Pairs(*(torch.randint(0, 256, (60, 1, 4, 4), generator=DRAWS, dtype=torch.uint8) for _ in "ab"))
    with Largest() as largest:
        made = pix2pix.nearest(train, train.some([0, 7]))
    assert largest.numbers <= 160
    assert torch.equal(made[0], train.truth[0])


def test_large_images_go_to_the_judge_a_few_at_once(monkeypatch):
    monkeypatch.setattr(net_outputs, "AT_ONCE", 3 * 8 * 8, raising=False)
    seen, net = [], nn.Sequential(nn.PReLU(1, 1.0), nn.Flatten(), nn.Linear(64, 4))
    net[0].register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    judge = ImageJudge(net, numbered(40), torch.device("cpu"))
    assert seen == [3, 3, 3, 1]
    assert torch.equal(judge.real_features[:, 0] * 50 + 127, torch.arange(30.0, 40))


# ------------------------------------------------------------------------------------------------ two kinds without pairs
def test_forms_are_those_of_scipy_and_colorsys():
    grey = torch.randint(0, 256, (5, 1, 9, 11), generator=DRAWS, dtype=torch.uint8)
    assert torch.equal(negative(negative(grey, DRAWS), DRAWS), grey)
    theirs = np.stack([ndimage.grey_dilation(one, size=(3, 3)) for one in grey[:, 0].numpy()])
    assert np.array_equal(thick(grey, DRAWS)[:, 0].numpy(), theirs)
    black_and_white = torch.tensor([0, 255], dtype=torch.uint8).view(1, 1, 1, 2).expand(50, 1, 1, 2)
    for ground, ink in coloured(black_and_white, DRAWS)[:, :, 0].permute(0, 2, 1).double() / 255:
        hue, saturation, value = colorsys.rgb_to_hsv(*ink.tolist())
        assert (saturation, value) == pytest.approx((1, 1), abs=0.01)
        assert colorsys.hsv_to_rgb((hue + 0.5) % 1, 1, 0.4) == pytest.approx(ground.tolist(), abs=0.01)


def numbered(count: int, classes: int = 4) -> Dataset:
    """Images whose pixels are their own numbers, in classes in turn."""
    inputs = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(count, 1, 8, 8).contiguous()
    targets = Targets("classes", tuple(f"kind {at}" for at in range(classes)))
    parts = (
        torch.arange(begin, end)
        for begin, end in ((0, count // 2), (count // 2, 3 * count // 4), (3 * count // 4, count))
    )
    samples = [Samples(inputs[at], at % classes) for at in parts]
    return Dataset("numbered", Spec(Inputs((1, 8, 8), "image", (127.0,), (50.0,)), targets), *samples)


def test_no_image_is_learned_from_in_two_forms_and_the_judge_knows_both():
    kinds = two_forms(numbered(120), "negative", DRAWS, 20)
    plain, other = kinds.both
    seen = [set(part[:, 0, 0, 0].tolist()) for part in (plain.train, 255 - other.train)]
    assert seen[0] | seen[1] == set(range(60))
    assert not seen[0] & seen[1]
    assert torch.equal(plain.truth, other.test)
    assert torch.equal(other.truth, plain.test)
    assert torch.equal(plain.labels, plain.wanted)
    numbers = torch.cat([plain.train, 255 - other.train])[:, 0, 0, 0].long()
    assert torch.equal(kinds.images.train.targets, numbers % 4)
    assert len(kinds.images.test) == 40


def test_of_two_classes_each_should_become_the_other():
    kinds = two_classes(numbered(80), ("kind 2", "kind 0"), 5)
    for at, kind in enumerate(kinds.both):
        assert {int(number) % 4 for number in kind.train[:, 0, 0, 0]} == {(2, 0)[at]}
        assert kind.labels.tolist() == [at] * 5
        assert kind.wanted.tolist() == [1 - at] * 5
    assert kinds.images.spec.targets.classes == ("kind 2", "kind 0")
    assert [kind.name for kind in two_classes(numbered(80), ("", ""), 5).both] == ["kind 0", "kind 1"]
    for names, found in ((("", "kind 0"), ["kind 1", "kind 0"]), (("kind 1", ""), ["kind 1", "kind 0"])):
        assert [kind.name for kind in two_classes(numbered(80), names, 5).both] == found
    for names, says in (
        (("kind 9", ""), "class 'kind 9' is unknown; nearest"),
        (("kind 1", "kind 1"), "got 'kind 1' twice"),
    ):
        with pytest.raises(ProfundoError, match=says):
            two_classes(numbered(80), names, 5)


@pytest.mark.parametrize("part", ["training", "validation", "test"])
def test_a_class_without_images_in_a_split_is_refused_by_name(part):
    data, field = numbered(80), {"training": "train"}.get(part, part)
    split = getattr(data, field)
    some = split.targets != 2
    data = replace(data, **{field: Samples(split.inputs[some], split.targets[some])})
    with pytest.raises(ProfundoError, match=f"class 'kind 2': .* found none in the {part} split") as caught:
        two_classes(data, ("kind 2", ""), 5)
    assert "\n" not in str(caught.value)
    assert [kind.name for kind in two_classes(data, ("kind 1", "kind 3"), 5).both] == ["kind 1", "kind 3"]


def test_one_image_is_not_divided_between_two_forms_and_one_class_is_no_two():
    data = numbered(80)
    few = replace(data, validation=Samples(data.validation.inputs[:1], data.validation.targets[:1]))
    with pytest.raises(ProfundoError, match="expected two images or more"):
        two_forms(few, "negative", DRAWS, 5)
    with pytest.raises(ProfundoError, match="expected images of two classes or more, found 1"):
        two_classes(numbered(80, classes=1), ("", ""), 5)


# --------------------------------------------------------------------------------------------------------------- figures
def test_values_go_to_nets_and_back_and_errors_are_of_black_and_white():
    same = torch.nn.Conv2d(3, 3, 1)
    with torch.no_grad():
        same.weight.copy_(torch.eye(3).view(3, 3, 1, 1))
        same.bias.zero_()
    assert torch.equal(translated(same, COLOURS), COLOURS)
    assert (signed(COLOURS).min(), signed(COLOURS).max()) == (-1, 1)
    other = torch.randint(0, 256, COLOURS.shape, generator=DRAWS, dtype=torch.uint8)
    theirs = np.abs(COLOURS.numpy().astype(float) - other.numpy()).mean() / 255
    assert error(COLOURS, other) == pytest.approx(theirs, rel=1e-6)


def test_the_nearest_pair_is_that_of_scikit_learn():
    train, test = (
        Pairs(*(torch.randint(0, 256, (count, 1, 4, 4), generator=DRAWS, dtype=torch.uint8) for _ in "ab"))
        for count in (60, 30)
    )
    found = (
        NearestNeighbors(n_neighbors=1).fit(train.given.flatten(1).numpy()).kneighbors(test.given.flatten(1).numpy())[1]
    )
    assert torch.equal(pix2pix.nearest(train, test), train.truth[torch.from_numpy(found[:, 0])])


def context(name: str, **given) -> Context:
    settings = settle(name, given, True)
    return Context(
        Request(name, settings), device=torch.device("cpu"), folder=None, voice=Quiet(), takes=find(name).takes
    )


def test_the_games_with_and_without_the_cycle_draw_the_same_images_and_differ_in_its_cost_alone():
    made = context("cyclegan")
    settings = made.asked and settle("cyclegan", {"width": 4, "batch_size": 4}, True)
    kinds = two_forms(numbered(120), "negative", DRAWS, 20)
    games = []
    for weight in (10.0, 0.0):
        torch.manual_seed(0)
        nets = cyclegan.networks(settings, {"shape": [1, 8, 8]})
        games.append(cyclegan.game(made, settings, 1, {way: nets[way] for way in ("there", "back")}, weight))
    batch = cyclegan.drawn(made, settings, kinds).draw(3)
    assert torch.equal(batch.inputs, cyclegan.drawn(made, settings, kinds).draw(3).inputs)
    with_cycle, without = (game(batch) for game in games)
    assert with_cycle["discriminators"] == without["discriminators"]
    assert with_cycle["fooled"] == without["fooled"]
    assert without.keys() == {"discriminators", "generators", "fooled"}
    torch.testing.assert_close(with_cycle["generators"], with_cycle["fooled"] + 10 * with_cycle["cycle"])


# ----------------------------------------------------------------------------------------------------------- whole runs
SMALL = {"image_size": 24, "width": 4, "depth": 2, "batch_size": 8, "updates": 20, "epochs": 2, "judged": 20}


@pytest.fixture(scope="module")
def run(pairs, tmp_path_factory):
    """Colours of discs, of which the negative is told."""
    asked = {**SMALL, "task": "pairs", "data": str(pairs / "two"), "learning_rate": 0.01}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stretches, "LEAST", 5)
        return run_recipe("pix2pix", asked, quick=True, out=tmp_path_factory.mktemp("made") / "run")


def test_it_learns_what_belongs_to_what_is_given(run, pairs):
    data, _ = own_pairs(pairs / "two", 24, False, 0)
    test = of_the_dataset(data.test)
    for figures in (run.outcome.scores, run.outcome.baseline):
        assert figures["absolute error"] < 0.25 * error(test.given, test.truth)


def test_an_image_of_ones_own_is_turned_at_the_command_line(run, tmp_path):
    png(255 - np.asarray(png(scene(3, 40)).convert("L"))).save(tmp_path / "grey.png")
    words = ["predict", str(run.folder.path), str(tmp_path / "grey.png"), "--out", str(tmp_path / "made")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "24×24 pixels, task pairs" in result.output
    with Image.open(tmp_path / "made" / "grey.png") as image:
        assert image.size == (24, 24)
    (told,) = run.predict([tmp_path / "grey.png"])
    with Image.open(io.BytesIO(base64.b64decode(told["image"]))) as image:
        made = np.asarray(image.convert("RGB")).astype(int)
    disc = np.asarray(png(scene(3, 40)).resize((24, 24))).max(2) > 150
    assert made[disc].mean() > made[~disc].mean() + 40


class Seeing(torch.nn.Module):
    """Keeps what it is given, and makes grey images of three channels."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, images):
        self.seen = images
        return torch.zeros(len(images), 3, *images.shape[2:])


def test_of_a_photograph_outlines_are_drawn_and_a_drawing_is_taken_as_it_is(tmp_path):
    png(scene(1)).save(tmp_path / "photo.png")
    net = Seeing()
    model = Model(settle("pix2pix", {"task": "edges"}), {"pix2pix": net}, {"given": [1, 24, 24], "made": [3, 24, 24]})
    photo = torch.from_numpy(scene(1)).permute(2, 0, 1)[None]
    predicted("pix2pix", model, [tmp_path / "photo.png"])
    assert torch.equal(net.seen, signed(outlines(photo)))
    png(outlines(photo)[0, 0].numpy()).save(tmp_path / "drawing.png")
    (told,) = predicted("pix2pix", model, [tmp_path / "drawing.png"], {"given": True})
    assert torch.equal(net.seen, signed(outlines(photo)))
    assert told["prediction"] == "24×24 pixels, task edges"
    pairs = replace(model, asked=settle("pix2pix", {"task": "pairs"}))
    with pytest.raises(ProfundoError, match="given: a net that learned from pairs"):
        predicted("pix2pix", pairs, [tmp_path / "drawing.png"], {"given": True})


def test_an_image_goes_there_or_back(tmp_path):
    png(scene(1)).save(tmp_path / "one.png")
    nets = {"there": Seeing(), "back": Seeing()}
    model = Model(settle("cyclegan", {}), nets, {"shape": [3, 24, 24], "kinds": ["deer", "horse"]})
    for way, kind in (("there", "horse"), ("back", "deer")):
        (told,) = predicted("cyclegan", model, [tmp_path / "one.png"], {"way": way})
        assert told["prediction"] == f"24×24 pixels, {kind}"
        assert nets[way].seen.shape == (1, 3, 24, 24)
    with pytest.raises(ProfundoError, match="setting way"):
        predicted("cyclegan", model, [tmp_path / "one.png"], {"way": "up"})


def test_there_may_be_more_test_images_than_training_images(monkeypatch):
    def few(made, settings):
        parts = whole(made, settings)
        return replace(parts, train=parts.train.some(range(10)))

    whole = pix2pix.loaded
    monkeypatch.setattr(pix2pix, "loaded", few)
    given = {"updates": 2, "epochs": 1, "classifier_epochs": 1, "judged": 40}
    assert 0 <= run_recipe("pix2pix", given, quick=True, out=False).outcome.scores[pix2pix.NAMED] <= 1
