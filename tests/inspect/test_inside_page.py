"""The page of what a net has learned: each section against what the run itself says, any module, and mistakes in one line."""

import json
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from PIL import Image
from torch import nn

import profundo as pf
from few_looked_at import few_looked_at
from pages import parse
from profundo import ProfundoError, look_inside
from profundo.cli import main
from profundo.data.batches import standardize
from profundo.inspect import inside_page
from profundo.inspect.opened_net import of_net, of_run
from profundo.inspect.sections import depth_sections, feature_sections, mistake_sections

NAMES = [
    "inputs",
    "filters",
    "feature maps",
    "units",
    "dreams",
    "why",
    "orientation",
    "depth",
    "codes",
    "similarity",
    "mistakes",
    "attack",
]


@pytest.fixture(scope="module", autouse=True)
def _smaller():
    with few_looked_at():
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return pf.fit(
        "fast_cnn", "digits", epochs=2, seed=0, doctor=False, out=tmp_path_factory.mktemp("runs") / "größe & <b>"
    )


@pytest.fixture(scope="module")
def seen(run):
    return look_inside(run)


def test_every_section_is_there_and_says_what_it_is(seen):
    assert list(seen.sections) == NAMES
    assert not seen.notes
    page = parse(seen.html())
    assert [one.text for one in page.all("h2")] == [one.part.title for one in seen.sections.values()]
    assert page.one("h1").text == "Inside größe & <b>"
    for figure in page.all("figure"):
        assert len(figure.one("figcaption").text) > 20
    assert "<script" not in seen.html()
    json.dumps(seen.as_plain_data(), allow_nan=False)
    for name in NAMES:
        assert f"{name} " in repr(seen)


def test_answers_are_those_of_the_run_and_so_are_its_mistakes(run, seen):
    looked = of_run(run)
    assert torch.allclose(seen["inputs"].arrays["shares"], run.predict(looked.raw), atol=1e-5)
    mistakes = seen["mistakes"]
    assert 1 - mistakes.values["wrong"] / mistakes.values["samples"] == pytest.approx(run.scores["accuracy"])
    confusion = torch.tensor(run.scores.confusion)
    assert mistakes.arrays["confusion"].tolist() == confusion.tolist()
    assert seen["attack"].values["accuracy"]["FGSM"][0] > 0.8


def test_images_made_for_answers_get_them(run, seen):
    section = seen["dreams"]
    net, looked = deepcopy(run.net).eval(), of_run(run)
    shares = net(section.arrays["answers"]).softmax(1)
    assert section.values["probabilities"] == pytest.approx(shares.diagonal().tolist(), abs=1e-4)
    assert (shares.argmax(1) == torch.arange(10)).sum() >= 9
    pixels = looked.pictures_of(section.arrays["answers"])
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_patches_are_what_the_unit_sees_exactly(run):
    """What lies outside its patch can be anything; the unit gives the same there. Of what lies on its edges it knows."""
    looked, net = of_run(run), deepcopy(run.net).eval()
    (low_y, high_y), (low_x, high_x) = looked.windows["conv2"]
    inputs = looked.inputs[:1]
    before = net.norm1(net.conv1(inputs)).relu()
    before = net.conv2(before)
    for row, column in ((0, 0), (1, 2), (3, 3)):
        inside = torch.zeros(8, 8, dtype=torch.bool)
        inside[max(0, low_y[row]) : high_y[row] + 1, max(0, low_x[column]) : high_x[column] + 1] = True
        other = torch.where(inside, inputs, torch.randn(1, 1, 8, 8))
        after = net.conv2(net.norm1(net.conv1(other)).relu())
        assert torch.allclose(before[0, :, row, column], after[0, :, row, column], atol=1e-5)
        leaf = inputs.clone().requires_grad_()
        smooth = net.conv2(net.norm1(net.conv1(leaf)))  # without a rectifier nothing is hidden
        seen = torch.autograd.grad(smooth[0, :, row, column].square().sum(), leaf)[0][0, 0] != 0
        assert torch.equal(seen, inside)


def test_patches_drawn_are_cut_from_the_best_samples(run):
    looked, net = of_run(run, layer="conv2", unit=3), deepcopy(run.net).eval()
    section = feature_sections.units_section(looked)
    raw, _ = looked.samples(run.data.train, 100)
    with torch.no_grad():
        maps = net.conv2(net.norm1(net.conv1(looked.ready(raw))).relu())[:, 3]
    number = int(maps.flatten(1).amax(1).argmax())
    row, column = divmod(int(maps[number].argmax()), maps.shape[-1])
    (low_y, high_y), (low_x, high_x) = looked.windows["conv2"]
    padded = nn.functional.pad(raw[number], (8, 8, 8, 8))
    patch = padded[:, low_y[row] + 8 : high_y[row] + 9, low_x[column] + 8 : high_x[column] + 9]
    assert torch.equal(section.arrays["patches"][0], patch)
    assert section.values["natural"] == [pytest.approx(maps.max().item(), abs=1e-4)]
    assert section.values["made"][0] > 0


def test_any_module_is_looked_into_and_left_as_it_was():
    class Own(nn.Module):
        """With a rectifier that is a function, dropout, and answers in a dict-free form."""

        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 6, 3)
            self.drop = nn.Dropout(0.5)
            self.head = nn.Linear(6, 4)

        def forward(self, x):
            return self.head(self.drop(torch.relu(self.conv(x)).mean((2, 3))))

    torch.manual_seed(0)
    net = Own().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    random = torch.get_rng_state()
    x, y = torch.rand(80, 3, 9, 9), torch.arange(80) % 4
    after_draws = torch.get_rng_state()
    seen = look_inside(net, (x, y))
    assert list(seen.sections) == [*NAMES]
    assert torch.equal(torch.get_rng_state(), after_draws)
    assert not torch.equal(random, after_draws)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(module.training for module in net.modules())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in net.parameters())
    assert not any(module._forward_hooks for module in net.modules())
    net.eval()
    assert torch.allclose(seen["inputs"].arrays["shares"], net(of_net(net, (x, y)).raw).softmax(1), atol=1e-5)


def test_a_section_that_fails_in_an_unforeseen_way_is_a_note_and_the_others_stand(run, monkeypatch):
    def doomed_section(_looked):
        return [][0]

    sections = (feature_sections.inputs_section, doomed_section, feature_sections.filters_section)
    monkeypatch.setattr(inside_page, "SECTIONS", sections)
    seen = look_inside(run)
    assert list(seen.sections) == ["inputs", "filters"]
    assert seen.notes == ["doomed section: failed with IndexError: list index out of range"]


def test_data_without_splits_are_divided_so_that_probes_are_tested_on_others():
    x, y = torch.randn(50, 3), torch.arange(50) % 2
    data = of_net(nn.Linear(3, 2), (x, y)).data
    numbers = [split.numbers.tolist() for split in (data.train, data.validation, data.test)]
    assert [len(one) for one in numbers] == [30, 10, 10]
    assert sorted(number for one in numbers for number in one) == list(range(50))
    assert torch.equal(data.test.inputs, x[data.test.numbers])
    noise = look_inside(nn.Linear(200, 2), (torch.randn(200, 200), torch.arange(200) % 2))
    assert noise["depth"].values["probe"]["input"] < 0.8  # all right on its own training samples
    for few in (1, 2, 3):
        look_inside(nn.Linear(3, 2), (x[:few], y[:few]))


@pytest.mark.parametrize(
    ("data", "there"),
    [
        ("iris", {"inputs", "why", "depth", "codes", "similarity", "mistakes", "attack"}),
        ("diabetes", {"why", "depth", "codes", "similarity"}),
        ("moons", {"inputs", "why", "depth", "codes", "similarity", "mistakes", "attack"}),
    ],
)
def test_rows_have_the_sections_that_make_sense_for_them(data, there):
    loaded = pf.load(data)
    torch.manual_seed(0)
    seen = look_inside(pf.nets.mlp(loaded.spec), loaded)
    assert set(seen.sections) == there
    parse(seen.html())


def test_texts_and_series_have_codes_and_similar_layers():
    torch.manual_seed(0)
    ids, y = torch.randint(0, 30, (60, 12)), torch.arange(60) % 2
    words = nn.Sequential(
        nn.Embedding(30, 6), nn.TransformerEncoderLayer(6, 2, 8, batch_first=True), nn.Flatten(), nn.Linear(72, 2)
    )
    there = {"inputs", "words", "attention", "depth", "codes", "similarity", "mistakes"}
    assert there == set(look_inside(words, (ids, y)).sections)
    steps = nn.Sequential(nn.Conv1d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(40, 3))
    series = look_inside(steps, (torch.randn(60, 2, 12), torch.arange(60) % 3))
    assert {"inputs", "why", "depth", "codes", "similarity", "mistakes", "attack"} == set(series.sections)


def test_layers_that_give_nothing_and_nets_without_a_slope_are_looked_into():
    texts = [f"the film was {word} and {other}" for word in ("fine", "dull") for other in ("long", "short", "old")] * 10
    kinds = [int("dull" in text) for text in texts]
    alone = pf.fit("text_cnn", (texts, kinds), epochs=1, seed=0, doctor=False)  # no other columns: (batch, 0) of them
    seen = look_inside(alone)
    assert {"inputs", "words", "depth", "codes", "similarity", "mistakes"} == set(seen.sections)
    assert not seen.notes
    x = torch.randn(60, 1, 30, generator=torch.Generator().manual_seed(0))
    x[::2, 0, 10:15] += 3
    series, few = (x.numpy(), (torch.arange(60) % 2).numpy()), {"features": 840}
    counted = look_inside(pf.fit("rocket", series, seed=0, doctor=False, net_options=few))
    assert {"why", "depth", "mistakes"} <= set(counted.sections)
    assert any("have a gradient by its inputs" in note for note in counted.notes)


class Two(nn.Module):
    """Of two inputs."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Linear(4, 5), nn.Linear(3, 5), nn.Linear(5, 2)

    def forward(self, x, y):
        return self.out((self.a(x) + self.b(y)).relu())


class Recurrent(nn.Module):
    """Whose first layer gives several tensors."""

    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(3, 6, batch_first=True), nn.Linear(6, 2)

    def forward(self, x):
        return self.out(self.lstm(x)[0][:, -1])


@pytest.mark.parametrize(
    ("net", "x", "y", "there", "note"),
    [
        (
            Two,
            (torch.randn(200, 4), torch.randn(200, 3)),
            None,
            {"inputs", "depth", "codes", "similarity", "mistakes"},
            "",
        ),
        (Recurrent, torch.randn(40, 7, 3), None, {"inputs", "depth", "codes", "similarity", "mistakes", "attack"}, ""),
        (
            lambda: nn.Linear(4, 1),
            torch.randn(40, 4),
            torch.zeros(40).long(),
            {"inputs", "depth", "codes", "mistakes", "attack"},
            "",
        ),
        (
            lambda: nn.Linear(4, 2),
            torch.randn(6, 4),
            None,
            {"inputs", "depth", "mistakes", "attack"},
            "at least 20 samples",
        ),
        (
            lambda: nn.Linear(4, 2).double(),
            torch.randn(40, 4).double(),
            None,
            {"inputs", "depth", "codes", "mistakes", "attack"},
            "",
        ),
        (lambda: nn.Linear(4, 2), torch.full((40, 4), torch.nan), None, {"inputs"}, "expected finite numbers"),
        (
            lambda: nn.Sequential(nn.Conv2d(1, 2, 3)),
            torch.rand(40, 1, 9, 9),
            torch.randn(40),
            set(NAMES[1:6]) | {"codes", "depth"},
            "",
        ),
    ],
)
def test_nets_and_data_of_every_kind_are_looked_into_or_say_why_not(net, x, y, there, note):
    torch.manual_seed(0)
    seen = look_inside(
        net(), (x, torch.arange(len(x if isinstance(x, torch.Tensor) else x[0])) % 2 if y is None else y)
    )
    assert set(seen.sections) >= there - {"attack"}
    assert bool(note) == bool(seen.notes)
    assert note in " ".join(seen.notes)
    assert note in parse(seen.html()).one("main").text


def test_a_block_and_a_layer_of_single_numbers_can_be_asked_for():
    torch.manual_seed(0)
    x, y = torch.rand(40, 1, 12, 12), torch.arange(40) % 2
    block = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1))
    net = nn.Sequential(block, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    for layer, size in (("0", 5), ("3", 12), ("1", 12)):
        seen = look_inside(net, (x, y), layer=layer)
        assert seen["units"].values["layer"] == seen["codes"].values["layer"] == layer
        assert seen["units"].arrays["patches"].shape[-2:] == (size, size)
        assert not seen.notes


def test_two_nets_are_compared_by_their_layers(run):
    other = pf.nets.build("lenet5", run.data.spec)
    section = depth_sections.similarity_section(of_run(run, beside=other))
    assert section.values["others"] == [name for name, _ in other.named_children()]
    assert section.arrays["cka"].shape == (len(section.values["layers"]), len(section.values["others"]))


def test_of_many_layers_the_first_and_the_last_are_shown_and_the_splits_that_count_are_named():
    torch.manual_seed(0)
    pairs = [part for width in range(12) for part in (nn.Linear(4 if width == 0 else 6, 6), nn.Tanh())]
    net, other = nn.Sequential(*pairs, nn.Linear(6, 2)), nn.Sequential(*pairs[:18], nn.Linear(6, 2))
    x, y = torch.randn(60, 4), torch.arange(60) % 2
    looked = of_net(net, (x, y), beside=other)
    section = depth_sections.similarity_section(looked)
    for names, last in ((section.values["layers"], "24"), (section.values["others"], "18")):
        assert (len(names), names[0], names[-1]) == (16, "0", last)
    whole = depth_sections.depth_section(looked)
    assert "chosen on the validation split, and what counts is the test split" in whole.part.figures[0].caption
    probes = whole.values["probe"]
    best = max(probes, key=probes.__getitem__)
    assert f"most from {best}, " in whole.finding
    assert whole.finding.endswith("% from 24")
    none = replace(looked.data.test, inputs=x[:0], targets=y[:0], numbers=None)
    bare = depth_sections.depth_section(replace(looked, data=replace(looked.data, test=none)))
    assert "chosen on the validation split, and what counts is the training split" in bare.part.figures[0].caption


def test_pictures_of_made_images_are_pixels_of_the_data(run):
    looked = of_run(run)
    raw = looked.raw
    assert torch.equal(looked.pictures_of(looked.ready(raw)), raw)
    black, white = looked.ends
    inputs = run.data.spec.inputs
    assert torch.allclose(
        black.flatten(), standardize(torch.zeros(1, *inputs.shape, dtype=torch.uint8), inputs)[0, :, 0, 0]
    )
    assert (white > black).all()


# ------------------------------------------------------------------------------------------------------------ the command
def test_the_command_writes_a_page_and_prints_one_object(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(inside_page, "SECTIONS", inside_page.SECTIONS[:3])
    Image.new("L", (8, 8), 200).save("sieben ✓.png")
    monkeypatch.setattr(
        "sys.argv", ["profundo", "inside", str(run.folder.path), "sieben ✓.png", "--layer", "conv2", "--json"]
    )
    main_of(0)
    result = json.loads(capsys.readouterr().out)
    page = run.folder.path / "inside.html"
    assert result["page"] == str(page)
    assert result["sections"]["inputs"]["inputs"] == ["sieben ✓.png"]
    assert result["sections"]["filters"]["layers"] == ["conv1", "conv2"]
    assert list(result["sections"]["feature maps"]["maps"]) == ["conv2"]
    assert "sieben ✓.png" in page.read_text("utf-8")
    page.unlink()


def main_of(status):
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code or 0) == status


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--layer", "con2"], "layer 'con2': this Sequential has no module of that name; did you mean conv2?"),
        (["--out", "inside.png"], "inside.png: expected a file that ends in .html"),
        (["--out", "no/where.html"], "where.html: expected a file that ends in .html, in a folder that exists"),
        (["nothing.png"], "nothing.png"),
        (["words.png"], "words.png: expected an image"),
        (["--beside", "nowhere"], "nowhere: expected a run's folder"),
        (["--unit", "99"], "unit 99: layer"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(run, tmp_path, capsys, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.png").write_text("no image")
    monkeypatch.setattr("sys.argv", ["profundo", "inside", str(run.folder.path), *words])
    main_of(1)
    captured = capsys.readouterr()
    assert said in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert not captured.out
    assert not (run.folder.path / "inside.html").exists()


def test_a_unit_that_is_not_there_and_data_that_do_not_fit_are_refused(run):
    with pytest.raises(ProfundoError, match="unit 99: layer conv2 has units 0 to 31"):
        of_run(run, layer="conv2", unit=99)
    with pytest.raises(ProfundoError, match=r"expected the data of the net, look_inside\(net, data\)"):
        look_inside(nn.Linear(2, 2))
    with pytest.raises(
        ProfundoError, match=r"Linear: expected a net that takes inputs \(3, 4\), it failed: RuntimeError: mat1"
    ):
        look_inside(nn.Linear(2, 2), (torch.randn(9, 4), torch.arange(9) % 2))
    with pytest.raises(ProfundoError, match="expected classes from 0 to 1, for the net has 2 outputs, got 0 to 2"):
        look_inside(nn.Linear(2, 2), (torch.randn(9, 2), torch.arange(9) % 3))
    with pytest.raises(ProfundoError, match="as many targets as inputs, got 2 and 3"):
        of_net(nn.Linear(2, 2), (torch.zeros(3, 2), torch.zeros(2)))
    with pytest.raises(ProfundoError, match="there is no 'dreams'; there are: inputs, "):
        look_inside(nn.Linear(2, 2), (torch.randn(40, 2), torch.arange(40) % 2))["dreams"]


@pytest.mark.parametrize(
    ("net", "x", "choice", "said"),
    [
        (
            lambda: nn.Linear(4, 2),
            torch.randn(40, 4),
            {"beside": nn.Linear(5, 2)},
            "beside: expected a net that takes the same",
        ),
        (
            lambda: nn.Linear(4, 2),
            torch.randn(40, 4),
            {"layer": "Linear", "unit": "a"},
            "unit a: layer Linear has units 0 to 1",
        ),
        (
            lambda: nn.Linear(4, 2),
            torch.randn(40, 4),
            {"layer": "Linear", "unit": -1},
            "unit -1: layer Linear has units",
        ),
    ],
)
def test_what_cannot_be_looked_into_is_refused_before_any_part_is_made(net, x, choice, said):
    y = torch.arange(40) % 2
    with pytest.raises(ProfundoError, match=said):
        look_inside(net(), (x, y), **choice)


@pytest.mark.parametrize("many", [1, 2, 3])
def test_of_too_few_samples_nothing_is_fitted_or_compared(many):
    net = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2))
    seen = look_inside(net, (torch.randn(many, 4), torch.arange(many) % 2))
    assert not {"depth", "similarity", "codes"} & set(seen.sections)
    assert any("at least 3 training samples" in note for note in seen.notes)
    assert any("at least 4 samples to compare" in note for note in seen.notes)


def test_a_file_of_a_size_that_the_net_does_not_take_is_told_by_its_name(tmp_path):
    data = pf.load("digits")
    free = replace(data, spec=replace(data.spec, inputs=replace(data.spec.inputs, longest=64)))
    Image.new("L", (11, 9)).save(tmp_path / "big.png")
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    with pytest.raises(
        ProfundoError, match=r"big.png: the net does not take inputs of \(1, 9, 11\), it learned from \(1, 8, 8\)"
    ):
        look_inside(net, free, [tmp_path / "big.png"])


def test_lost_weights_and_targets_of_places_are_refused():
    net, x = nn.Linear(4, 2), torch.randn(40, 4)
    net.bias.data[1] = torch.nan
    with pytest.raises(ProfundoError, match="expected weights that are numbers, bias has nan"):
        look_inside(net, (x, torch.arange(40) % 2))
    with pytest.raises(
        ProfundoError, match=r"expected a class for each sample, \(40,\), .* or floats; got torch.int64 \(40, 4\)"
    ):
        look_inside(nn.Linear(4, 2), (x, torch.zeros(40, 4).long()))


def test_the_median_of_smallest_changes_is_of_right_answers_and_in_the_unit_of_the_inputs():
    """A linear net whose margins are known, on inputs a thousand times as large."""
    torch.manual_seed(0)
    x = torch.randn(400, 3) * 1000
    net = nn.Linear(3, 1)
    y = (net(x)[:, 0] > 0).long()
    y[::3] = 1 - y[::3]  # wrong ones
    looked = of_net(net, (x, y))
    section = mistake_sections.attack_section(looked)
    raw, truth = looked.samples(looked.data.test, 20, 64)
    with torch.no_grad():
        logits = net(raw)[:, 0]
        right = (logits > 0).long() == truth
        margins = logits[right].abs() / net.weight.abs().sum()
    assert section.values["median smallest change"]["inf"] == pytest.approx(margins.median().item(), rel=0.05)
    assert section.values["accuracy"]["FGSM"][0] == pytest.approx(right.double().mean().item())
