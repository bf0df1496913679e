"""What an exported net answers elsewhere: in onnxruntime, in plain PyTorch; and what its card says of it."""

import ast
import json
import os
import random
import re
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

import profundo as pf
from commands import python
from profundo import nets, objectives
from profundo.data.new_inputs import read_image
from profundo.data.tables.columns import feature_names
from profundo.data.tables.new_rows import features_of_rows
from profundo.nets import layers
from profundo.nets.net_names import DETECTORS, NETS_FOR_PIXELS, NETS_FOR_SOUNDS, NETS_FOR_TEXTS
from profundo.nets.threshold_units import ThresholdLayer
from profundo.records import Column, Inputs, ProfundoError, Spec, TableForm, Targets, Transform
from profundo.runs.experiment import new_experiment
from profundo.runs.folder import Folder
from profundo.runs.saved_model import predict
from profundo.runs.settings.plain_yaml import read_experiment
from profundo.runs.supervised import train
from profundo.runs.whole_nets import onnx_graphs
from profundo.runs.whole_nets.end_to_end import Whole, answers_of, example
from profundo.runs.whole_nets.onnx_graphs import NEEDED, onnx_graph, run_graph, serialised
from profundo.use import exporting, model_card, usage_code
from profundo.use.exporting import export
from profundo.use.model_card import card
from profundo.use.model_card_text import card_text
from profundo.use.onnx_columns import feeds_of, with_columns
from profundo.use.plain_python import plain_python
from profundo.use.predicting import predict_files, predictor
from vouching import vouch

KEPT = (
    "experiment.yaml",
    "environment.json",
    "history.csv",
    "scores.json",
    "model.json",
    "model.safetensors",
    "manifest.json",
)
HEADINGS = (
    "Model details",
    "Intended use",
    "Factors",
    "Metrics",
    "Evaluation data",
    "Training data",
    "Quantitative analyses",
    "Ethical considerations",
    "Caveats and recommendations",
)


@pytest.fixture(autouse=True)
def _packages():
    """ONNX comes with profundo[export]; where everything must be tested, it must be there."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        reason = f"not installed: {', '.join(missing)}; pip install 'profundo[export]'"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    place = tmp_path_factory.mktemp("digits")
    return place / "run", train(new_experiment(data="digits", epochs=2), out=place / "run")


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A run on a table: holes, three categories and two, dates with hours, and a column called as an output is."""
    place = tmp_path_factory.mktemp("people")
    draw = random.Random(0)
    rows = [
        {
            "age": None if draw.random() < 0.1 else draw.randint(18, 80),
            "city": draw.choice(["Madrid", "Porto", "Recife", None]),
            "member": draw.choice(["yes", "no"]),
            "since": f"20{draw.randint(10, 20)}-03-{draw.randint(10, 28)} {draw.randint(10, 22)}:30:00",
            "probabilities": draw.random(),
        }
        for _ in range(300)
    ]
    rows = [
        {**row, "risk": "high" if (row["age"] or 50) / 20 + (row["city"] == "Porto") > 3 else "low"} for row in rows
    ]
    polars.DataFrame(rows).write_csv(place / "people.csv")
    return place / "run", train(
        new_experiment(data=str(place / "people.csv"), target="risk", epochs=5), out=place / "run"
    )


@pytest.fixture(scope="module")
def exported(request, tmp_path_factory):
    """exported("digits", "onnx") is what the export of a run gave, done once for all tests that only read it."""

    @cache
    def of(which, format):
        return export(request.getfixturevalue(which)[0], format, tmp_path_factory.mktemp(f"{which}-{format}"))

    return of


def session(path):
    import onnxruntime

    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def spec_of(shape, kind="classes"):
    """A spec with means and deviations that would be missed."""
    inputs = Inputs(shape, "image", (90.0,) * shape[0], (60.0,) * shape[0])
    if len(shape) == 2:
        inputs = Inputs(shape, "series", (2.0,) * shape[0], (5.0,) * shape[0])
    if len(shape) == 1:
        inputs = Inputs(shape, "features", (2.0,) * shape[0], (5.0,) * shape[0])
    targets = {
        "classes": Targets("classes", tuple("abcdefghij")),
        "binary": Targets("binary", ("no", "yes")),
        "labels": Targets("labels", ("red", "round", "new")),
        "real": Targets("real", names=("height", "width"), mean=(170.0, 80.0), std=(10.0, 3.0)),
    }[kind]
    return Spec(inputs, targets)


def exported_net(net, spec, objective=None):
    """(largest difference in onnxruntime, largest difference in plain PyTorch) for batches of 1 and of 6."""
    objective = objective or objectives.default(spec.targets)
    net = net.eval()
    whole, raw = Whole(net, spec, objective).eval(), example(spec, 7)
    ours = answers_of(whole, net, spec, objective, raw)
    given = "images" if spec.inputs.kind == "image" else "rows"
    content = serialised(onnx_graph(whole, example(spec), given), {})
    scope = {}
    exec(plain_python(whole, example(spec), given, "a net", "model.safetensors", "inputs"), scope)
    plain = scope["predict"](net.state_dict(), raw)
    theirs = torch.from_numpy(run_graph(content, {given: raw.numpy()}))
    return float((ours - theirs).abs().max()), float((ours - plain).abs().max())


# --------------------------------------------------------------------------------------------------------- every net
SMALL = {"width": 0.125}
NETS_BY_SHAPE = [
    ((1, 28, 28), {"linear": {}, "mlp": {}, "lenet5": {}, "lenet5_1998": {}, "fast_cnn": {}}),
    ((6,), {"table_net": {}}),
    ((2,), {"plane_mlp": {"features": "x1,x2_squared,x1_x2,sin_x2", "activation": "relu,tanh", "dropout": 0.2}}),
    ((2, 30), {"rocket": {"features": 500}, "fcn": {}, "series_linear": {}, "series_net": {}}),
    ((2, 4), {"series_gru": {}}),
    ((3, 40, 33), {"lenet5": {}, "fast_cnn": {}}),
    ((3, 32, 32), {"resnet": {"depth": 8}, "alexnet": SMALL, "resnet18": SMALL}),
    ((3, 70, 97), {"vgg11": {**SMALL, "batch_norm": True}, "alexnet": {**SMALL, "year": 2012}}),
    (
        (3, 21, 34),
        {"unet": {"width": 4, "depth": 2}, "fully_convolutional": {"width": 4}},
    ),  # sides that cannot be halved
]


MORE_OF_THE_SAME = {"vgg13", "vgg16", "vgg19", "resnet34", "resnet50"}  # layers of vgg11 and resnet18
IN_THE_GUIDE = {"efficientnet_lite0", "text_mean"}  # docs/transfer.md and docs/text.md export one each


def test_every_net_of_the_catalogue_is_tried():
    tried = {name for _, options in NETS_BY_SHAPE for name in options}
    assert tried == set(nets.NETS) - NETS_FOR_TEXTS - NETS_FOR_SOUNDS - DETECTORS - MORE_OF_THE_SAME - IN_THE_GUIDE


@pytest.mark.slow
def test_mask_rcnn_answers_alike_in_onnxruntime():
    """Its boxes are Faster R-CNN's; FCOS is exported in test_detecting.py. Suppression inside; with weights that make it find
    much, of every class, and not everywhere the same."""
    spec = Spec(Inputs((1, 64, 64), "image", longest=0), Targets("objects", ("a", "b", "c")))
    torch.manual_seed(1)  # of 0 two boxes overlap by just the share that suppresses, and rounding decides
    net = nets.build("mask_rcnn", spec, width=8).eval()
    for part, layer in net.named_modules():
        if part.endswith(("classes", "surely", ".by")):
            torch.nn.init.normal_(layer.weight, std=0.5)
    images = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        ours = net(images)
    assert len(ours[1].unique()) > 1
    whole = torch.onnx.export(
        net, (torch.randn(3, 1, 64, 64),), dynamic_shapes=({0: torch.export.Dim("batch", max=64)},), verbose=False
    )
    session = pytest.importorskip("onnxruntime").InferenceSession(whole.model_proto.SerializeToString())
    theirs = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(torch.from_numpy(other), one, atol=1e-3, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(NETS_FOR_TEXTS - {"minilm"} - IN_THE_GUIDE))
def test_a_net_of_texts_answers_alike_in_onnxruntime(name):
    columns = (Column("t", "text", ("good", "bad"), lengths=(4, 6)), Column("price", "number"))
    spec = Spec(
        Inputs((11,), "features", names=tuple(feature_names(columns)), columns=columns),
        Targets("binary", ("no", "yes")),
    )
    torch.manual_seed(0)
    net = nets.build(name, spec).eval()
    for parameter in net.parameters():  # some begin at zero
        torch.nn.init.normal_(parameter, std=0.3)
    texts = ["good day", "", "Good bad!", "never seen at all", "天 bad"]
    rows = features_of_rows([{"t": text, "price": 3.0} for text in texts], spec.inputs).values.double()
    whole = Whole(net, spec, objectives.default(spec.targets)).eval()
    content = serialised(onnx_graph(whole, example(spec), "rows"), {})
    ours = whole(rows)
    assert len(ours[:, 1].unique()) == 5
    torch.testing.assert_close(torch.from_numpy(run_graph(content, {"rows": rows.numpy()})), ours, atol=1e-5, rtol=0)


class Together(nn.ModuleList):
    """One net whose outputs are the mean of several: an export takes half a second whatever it holds."""

    def forward(self, x):
        return torch.stack([net(x) for net in self]).mean(0)


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "options"), NETS_BY_SHAPE, ids=["-".join(options) for _, options in NETS_BY_SHAPE])
def test_nets_answer_alike_in_onnxruntime_and_in_plain_pytorch(shape, options):
    spec = spec_of(shape)
    if NETS_FOR_PIXELS.intersection(options):
        spec = replace(spec, targets=replace(spec.targets, kind="mask"))
    torch.manual_seed(0)
    by_onnx, by_plain = exported_net(Together(nets.build(name, spec, **how) for name, how in options.items()), spec)
    assert by_onnx < 1e-5 / len(options)
    assert by_plain < 1e-6 / len(options)


class Steps(nn.Module):
    """A recurrent layer that reads an image as 3 steps, each of which is written out in a graph."""

    def __init__(self, cell):
        super().__init__()
        self.cell, self.output = cell(144, 8, batch_first=True), nn.Linear(8, 10)

    def forward(self, images):
        return self.output(self.cell(images.flatten(1).unflatten(1, (3, 144)))[0][:, -1])


class Looked(nn.Module):
    """An embedding of whole numbers."""

    def __init__(self):
        super().__init__()
        self.table, self.output = nn.Embedding(5, 2), nn.Linear(864, 10)

    def forward(self, images):
        return self.output(self.table(images.round().long().clamp(0, 4)).flatten(1))


def layer_nets():
    flat, pool = nn.Flatten(), layers.RememberingPool2d(2)
    yield "GELU", nn.Sequential(flat, nn.Linear(432, 8), nn.GELU(approximate="tanh"), nn.Linear(8, 10))
    yield "ConvTranspose2d", nn.Sequential(nn.ConvTranspose2d(3, 2, 3, 2, 1), flat, nn.Linear(1058, 10))
    threshold = ThresholdLayer([[0.1] * 432, [-0.1] * 432], [0.0, 0.5])
    yield "ThresholdLayer", nn.Sequential(flat, threshold, nn.Linear(2, 10))
    yield "Embedding", Looked()
    yield from ((cell.__name__, Steps(cell)) for cell in (nn.RNN, nn.LSTM))
    yield "Maxout", nn.Sequential(flat, layers.Maxout(432, 10, 3))
    yield "MaxoutConv2d", nn.Sequential(layers.MaxoutConv2d(3, 8, 2, 3), flat, nn.Linear(800, 10))
    yield "MinPool2d", nn.Sequential(layers.MinPool2d(3, 2, 1, True), flat, nn.Linear(147, 10))
    learned = [nn.ReLU(), layers.GeneralisedMeanPool2d(2), layers.MixedPool2d(3, 1)]
    yield "pooling that learns", nn.Sequential(*learned, flat, nn.Linear(48, 10))
    places = [pool, nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 3, 3, padding=1), layers.Unpool2d(pool)]
    yield "RememberingPool2d", nn.Sequential(*places, flat, nn.Linear(432, 10))
    yield "LocallyConnected2d", nn.Sequential(layers.LocallyConnected2d(3, 4, (12, 12), 3), flat, nn.Linear(400, 10))
    yield "SparselyConnected", nn.Sequential(flat, layers.SparselyConnected(432, 10, 0.2))


@pytest.mark.slow
def test_the_layers_of_the_guide_answer_alike():
    assert max(exported_net(Together(net for _, net in layer_nets()), spec_of((3, 12, 12)))) < 1e-6


@pytest.mark.slow
def test_every_activation_answers_alike():
    from profundo.nets.activations import ACTIVATIONS

    spec = spec_of((6,))
    tried = [name for name in ACTIVATIONS if name != "maxout"]  # which has weights and is a layer
    assert len(tried) > 10
    assert max(exported_net(Together(nets.mlp(spec, activation=name) for name in tried), spec)) < 1e-6


@pytest.mark.parametrize("kind", ["binary", "labels", "real"])
def test_the_meaning_of_the_output_layer_is_inside(kind):
    spec = spec_of((4,), kind)
    net = nets.mlp(spec)
    assert max(exported_net(net, spec)) < 2e-5  # of up to 200
    raw = example(spec, 7)
    with torch.no_grad():
        z = net(((raw - 2) / 5).float())
    expected = {
        "binary": lambda: torch.hstack([1 / (1 + z.exp()), 1 / (1 + (-z).exp())]),
        "labels": lambda: 1 / (1 + (-z).exp()),
        "real": lambda: z.double() * torch.tensor([10.0, 3.0]) + torch.tensor([170.0, 80.0]),
    }
    told = Whole(net, spec, objectives.default(spec.targets))(raw)
    torch.testing.assert_close(told, expected[kind](), atol=1e-5, rtol=1e-5)


def test_numbers_far_from_zero_slips_and_bent_targets_are_inside():
    """Against `predict`, for times in seconds of which float32 has one in 128, a slip, and a target by rank and by logarithm."""
    inputs = Inputs((2,), "features", (1.7e9, 50.0), (90.0, 5.0), clipped=(False, True), limits=(9.0, 1e6))
    ranks = Transform("rank", values=(1e8, 1e8 + 3, 1e8 + 10), scores=(-2.0, 0.0, 2.0))
    how = (ranks, Transform("log", shift=0.5, least=0.0))
    spec = Spec(inputs, Targets("real", names=("a", "b"), mean=(0.1, 2.0), std=(0.9, 1.5), transforms=how))
    net = nets.mlp(spec).eval()
    raw = torch.tensor([[1.7e9 + 5 * at, 48.0 + at] for at in range(6)] + [[1e12, 99_999.0]], dtype=torch.float64)
    content = serialised(
        onnx_graph(Whole(net, spec, objectives.default(spec.targets)).eval(), example(spec), "rows"), {}
    )
    theirs = torch.from_numpy(run_graph(content, {"rows": raw.numpy()}))
    ours = predict(net, spec, raw)
    assert ours.dtype == theirs.dtype == torch.float64
    torch.testing.assert_close(theirs, ours, rtol=1e-12, atol=1e-5)
    assert len(theirs[:, 0].unique()) == 7


def test_a_margin_stays_a_margin():
    spec = spec_of((4,), "binary")
    objective = objectives.build("hinge", spec.targets)
    net = nets.mlp(spec)
    assert max(exported_net(net, spec, objective)) < 1e-5
    raw = example(spec, 50)
    margin = Whole(net, spec, objective)(raw)[:, 0]
    assert torch.equal((margin >= 0).float(), objective.predict(net(((raw - 2) / 5).float())))


def test_a_net_that_takes_a_fixed_number_of_inputs_is_refused():
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 10)

        def forward(self, rows):
            return self.linear(rows).reshape(len(rows), 10)

    with pytest.raises(ProfundoError, match="cannot be written as ONNX") as error:
        exported_net(Fixed(), spec_of((4,)))
    assert "\n" not in str(error.value)


# ------------------------------------------------------------------------------------------------------------- ONNX files
def test_an_image_file_answers_as_evaluation_does(digits, exported):
    _, run = digits
    done = exported("digits", "onnx")
    assert done.checked_on == "test samples"
    assert done.difference < 1e-5
    opened = session(done.model)
    images = run.data.test.inputs.numpy()
    (said,) = opened.run(["probabilities"], {"images": images})
    np.testing.assert_allclose(said, run.said.predictions, atol=1e-5)
    (one,) = opened.run(None, {"images": images[:1]})
    np.testing.assert_allclose(one, said[:1], atol=1e-6)
    assert opened.get_inputs()[0].type == "tensor(uint8)"
    assert opened.get_inputs()[0].shape == ["batch", 1, 8, 8]


def test_a_file_says_what_it_is_and_not_where_it_was_made(digits, exported):
    place, run = digits
    done = exported("digits", "onnx")
    facts = session(done.model).get_modelmeta().custom_metadata_map
    assert json.loads(facts["classes"]) == list(run.data.spec.targets.classes)
    assert facts["task"] == "classification of images into 10 classes"
    assert facts["producer"] == f"profundo {pf.__version__}"
    assert facts["weights_sha256"] == json.loads((place / "model.json").read_text())["sha256"]
    assert f"{run.data.spec.inputs.mean[0]:.4g}" in facts["preprocessing"]
    content = done.model.read_bytes()
    assert str(Path(pf.__file__).parent).encode() not in content
    assert b".py" not in content


def test_a_published_card_has_the_name_of_the_data_without_their_place(people, exported):
    place, _ = people
    done = exported("people", "onnx")
    about = json.loads(done.model.with_name("model-card.json").read_text())
    assert about["data"]["name"] == Path(str(read_experiment(place / "experiment.yaml")["data"])).name
    for written in (*done.files, place / "model.json"):
        assert str(place.parent).encode() not in written.read_bytes()


@pytest.mark.parametrize(
    ("given", "name"),
    [("digits", "digits"), ("/home/ann/shells.csv", "shells.csv"), (r"C:\ann\shells", "shells"), ("photos/", "photos"),
     ("https://x.org/a/b.parquet?key=secret", "b.parquet"), ("s3://bucket/ann/b.tar", "b.tar")],
)  # fmt: skip
def test_of_a_place_the_last_part_is_told(given, name):
    assert model_card.source({"data": given}) == name


GONE, UNSEEN = [0, 0, 0, 1], [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("missing", "question", "gone"),
    [(None, GONE, UNSEEN), (("gone",), UNSEEN, GONE), (("?", "gone", "NA"), GONE, GONE)],
)
def test_a_category_that_is_spelled_as_nothing_is_one_in_every_way(missing, question, gone):
    """missing: the words for nothing that were chosen for the table, None for the usual ones."""
    column = Column("land", "category", ("DE", "NA", "PT"), has_gaps=True)
    inputs = Inputs((4,), "features", columns=(column,), form=TableForm(missing=missing))
    rows = [{"land": word} for word in ("NA", "DE", None, "", "?", "FR", "gone")]
    expected = [[0, 1, 0, 0], [1, 0, 0, 0], GONE, GONE, question, UNSEEN, gone]
    assert features_of_rows(rows, inputs).values.tolist() == expected
    import onnx
    import onnxruntime

    node = onnx.helper.make_node("Identity", ["rows"], ["values"])
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, ["batch", 4]) for name in ("rows", "values")
    ]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "same", ends[:1], ends[1:]), ir_version=9)
    graph = with_columns(model, inputs, "rows")
    graph.opset_import[0].version = 20
    opened = onnxruntime.InferenceSession(graph.SerializeToString())
    words = np.array([["NA"], ["DE"], [""], [""], ["?"], ["FR"], ["gone"]], dtype=object)
    assert opened.run(None, {"land": words})[0].tolist() == expected
    assert opened.run(None, feeds_of(rows, inputs))[0].tolist() == expected


def test_the_code_for_a_photo_makes_of_it_what_predict_makes(digits, tmp_path):
    """Not square, with transparency, and turned by the camera's note."""
    _, run = digits
    random = np.random.default_rng(0)
    picture = Image.fromarray(random.integers(0, 256, (30, 50, 3)).astype(np.uint8))
    noted = Image.Exif()
    noted[0x0112] = 6
    picture.save(tmp_path / "photo.png", exif=noted)
    code = usage_code.in_onnxruntime(run.data.spec, "probabilities", "model.onnx")
    lines = [line.removeprefix("# ") for line in code.splitlines() if line.startswith("# ")]
    names = {"np": np}
    exec("\n".join(lines).replace("photo.png", str(tmp_path / "photo.png")), names)
    theirs = read_image(tmp_path / "photo.png", run.data.spec.inputs)
    np.testing.assert_array_equal(np.asarray(names["picture"])[None], theirs.numpy())


def test_the_columns_of_a_table_are_inputs_by_name(people, exported, tmp_path):
    place, _ = people
    done = exported("people", "onnx")
    assert done.checked_on == "rows of the table"
    opened = session(done.model)
    assert [one.name for one in opened.get_inputs()] == ["age", "city", "member", "since", "probabilities"]
    new = tmp_path / "new.csv"
    new.write_text(
        "age,city,member,since,probabilities\n"
        "30,Porto,yes,2014-03-11 12:00:00,0.5\n,Recife,no,2011-12-24,0.1\n60,,yes,2030-07-01 23:59:59,0\n"
        "61,Atlantis,maybe,1969-07-20 20:17:40,1e3\n44,NA,no,,0.2\n"
    )
    ours = [list(one["probabilities"].values()) for one in predict_files(place, [new])]
    times = ["2014-03-11T12:00:00", "2011-12-24", "2030-07-01T23:59:59", "1969-07-20T20:17:40", "NaT"]
    seconds = np.array(times, "datetime64[s]").astype(np.float64)
    seconds[4] = np.nan
    feeds = {
        "age": np.array([[30], [np.nan], [60], [61], [44]], np.float64),
        "city": np.array([["Porto"], ["Recife"], [""], ["Atlantis"], ["NA"]], object),
        "member": np.array([["yes"], ["no"], ["yes"], ["maybe"], ["no"]], object),
        "since": seconds[:, None],
        "probabilities": np.array([[0.5], [0.1], [0], [1e3], [0.2]], np.float64),
    }
    (theirs,) = opened.run(None, feeds)
    np.testing.assert_allclose(theirs, ours, atol=1e-5)


def test_without_the_data_rows_at_random_are_compared(people, tmp_path):
    place, _ = people
    (tmp_path / "elsewhere").mkdir()
    for name in KEPT:
        text = (place / name).read_bytes().replace(str(place.parent).encode(), b"/gone")
        (tmp_path / "elsewhere" / name).write_bytes(text)
    vouch(tmp_path / "elsewhere")
    done = export(tmp_path / "elsewhere")
    assert done.checked_on.startswith("rows at random")
    assert done.difference < 1e-5


@pytest.mark.parametrize("ending", ["csv", "npz"])
@pytest.mark.parametrize("changed", [True, False])
def test_data_that_changed_since_the_training_are_a_note(ending, changed, tmp_path):
    def write(samples):
        numbers = np.arange(samples) % 7
        path = tmp_path / f"data.{ending}"
        if ending == "npz":
            np.savez(path, x=np.stack((numbers, numbers), 1).astype("float32"), y=numbers // 4)
        else:
            polars.DataFrame({"a": numbers, "b": numbers, "risk": numbers // 4}).write_csv(path)
        return str(path)

    target = {"target": "risk"} if ending == "csv" else {}
    train(new_experiment(data=write(60), task="classes", epochs=1, **target), out=tmp_path / "run")
    write(61 if changed else 60)
    done = export(tmp_path / "run", "safetensors")
    assert any("the data are not those of the run" in note for note in done.notes) == changed
    assert ("at random" in done.checked_on) == (changed and ending == "npz")


def test_a_file_that_answers_otherwise_is_not_kept(digits, tmp_path, monkeypatch):
    place, _ = digits
    monkeypatch.setattr(exporting, "run_graph", lambda *given: run_graph(*given) + 2e-4)
    with pytest.raises(ProfundoError, match=r"gives other answers: they differ by up to 2\.\de-04"):
        export(place, "onnx", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_missing_package_is_one_line(digits, tmp_path, monkeypatch):
    place, _ = digits
    monkeypatch.setattr(onnx_graphs, "find_spec", lambda name: None if name == "onnxruntime" else find_spec(name))
    with pytest.raises(ProfundoError, match=r'needs onnxruntime: pip install "profundo\[export\]"'):
        export(place, "onnx", tmp_path)
    assert export(place, "safetensors", tmp_path).model.is_file()


def test_more_weights_than_a_file_holds_are_refused(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_graphs, "LARGEST", 10_000)
    with pytest.raises(
        ProfundoError, match="more than the 2 GB of weights that an ONNX file holds; use format='safetensors'"
    ):
        export(digits[0], "onnx", tmp_path)


# -------------------------------------------------------------------------------------------------------- plain PyTorch
def run_alone(code, folder):
    """What Python prints that has no Profundo to import."""
    guard = (
        "import sys\nfor name in list(sys.modules):\n    if name.partition('.')[0] == 'profundo': sys.modules[name] = None\n"
        "sys.path.insert(0, '')\n"
    )
    ended = python(folder, guard + code).wait()
    assert ended.code == 0, ended.said
    return ended.said


def test_the_weights_and_the_source_suffice_without_profundo(digits, tmp_path):
    place, run = digits
    done = export(place, "safetensors", tmp_path)
    assert [path.name for path in done.files[:3]] == ["model.safetensors", "model.json", "model.py"]
    assert load_file(done.model).keys() == run.net.state_dict().keys()
    torch.save(run.data.test.inputs, tmp_path / "images.pt")
    code = (
        "import torch\nfrom safetensors.torch import load_file\nfrom model import predict\n"
        "torch.save(predict(load_file('model.safetensors'), torch.load('images.pt')), 'said.pt')"
    )
    run_alone(code, tmp_path)
    torch.testing.assert_close(torch.load(tmp_path / "said.pt"), run.said.predictions, atol=1e-6, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("format", exporting.FORMATS)
@pytest.mark.parametrize("which", ["digits", "people"])
def test_the_code_in_the_card_runs_beside_the_file(which, format, request, exported):
    _, run = request.getfixturevalue(which)
    done = exported(which, format)
    (code,) = re.findall(r"```python\n(.*?)```", done.model.with_name("MODEL_CARD.md").read_text(), flags=re.S)
    assert "profundo" not in code
    printed = run_alone(code, done.model.parent)
    shares = ast.literal_eval(printed)
    assert list(shares) == list(run.data.spec.targets.classes)
    assert sum(shares.values()) == pytest.approx(1, abs=1e-5)


# ------------------------------------------------------------------------------------------------------------- the card
def test_the_card_has_the_headings_and_the_figures_of_the_run(digits, exported):
    place, run = digits
    done = exported("digits", "onnx")
    text = done.model.with_name("MODEL_CARD.md").read_text()
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == [*HEADINGS, "How to use it"]
    made = json.loads(done.model.with_name("model-card.json").read_text())
    assert made["scores"]["test"] == dict(run.scores.values)
    assert made["scores"]["baseline"] == dict(run.scores.baseline)
    assert made["scores"]["linear"] == dict(run.scores.linear)
    assert made["parameters"] == sum(parameter.numel() for parameter in run.net.parameters())
    assert made["data"]["samples"] == {"train": 1258, "validation": 180, "test": 359}
    assert made["data"]["sha256"] == run.data.facts["sha256"]
    assert sum(one["samples"] for one in made["per_class"]) == 359
    for name in run.data.spec.targets.classes:
        assert f"| {name} |" in text
    assert f"{100 * run.scores.values['accuracy']:.2f} %" in text
    assert predictor(place).card() == {name: made[name] for name in made if name != "files"}


def made_card(run, **changes):
    about = card(Folder(run))
    return {**about, **changes}


def test_the_card_owns_up_where_something_simpler_is_as_good(digits, tmp_path):
    place, _ = digits
    copy = tmp_path / "run"
    copy.mkdir()
    for name in KEPT:
        (copy / name).write_bytes((place / name).read_bytes())
    scores = json.loads((place / "scores.json").read_text())
    assert not any("no better" in sentence for sentence in card(Folder(place))["limits"] if "constant" in sentence)
    scores["linear"]["accuracy"] = scores["test"]["accuracy"]
    scores["per_class"][3] |= {"recall": 0.4, "samples": 29}
    scores["notes"] = ["7 images could not be decoded and were left out."]
    (copy / "scores.json").write_text(json.dumps(scores))
    vouch(copy)
    limits = "\n".join(card(Folder(copy))["limits"])
    assert "no better than logistic regression" in limits
    assert "More than half of these are missed: 3." in limits
    assert "so that their figures say little: 3." in limits
    assert "7 images could not be decoded" in card_text(card(Folder(copy)))


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("scores.json", {"per_class": [{"name": "a", "samples": "many"}]}),
        ("scores.json", {"test": {"accuracy": [1]}}),
        ("scores.json", {"seconds": None}),
        ("environment.json", {"data": 3}),
        ("environment.json", {"data": {"samples": ["x"]}}),
        ("model.json", {"spec": None}),
    ],
)
def test_a_damaged_run_has_no_card(digits, tmp_path, file, change):
    for name in KEPT:
        (tmp_path / name).write_bytes((digits[0] / name).read_bytes())
    content = json.loads((tmp_path / file).read_text())
    (tmp_path / file).write_text(json.dumps(content | change))
    vouch(tmp_path)
    with pytest.raises(ProfundoError, match="expected the files of a finished run") as error:
        card(Folder(tmp_path))
    assert "\n" not in str(error.value)


HOSTILE = "<img src=x onerror=alert(1)> | **bold** `code` [link](http://x)\n# heading"


def test_names_in_a_card_stay_text(digits):
    changes = {"name": HOSTILE, "classes": [HOSTILE, "b"], "training": {HOSTILE: HOSTILE}, "net": HOSTILE}
    text = card_text(made_card(digits[0], **changes))
    for sign in ("<img", "**bold", "`code", "[link"):
        assert text.count("\\" + sign[0]) >= 5
        assert re.search(rf"(?<!\\){re.escape(sign)}", text) is None, sign
    assert "\n# heading" not in text


@pytest.mark.slow
@pytest.mark.parametrize("format", exporting.FORMATS)
def test_code_in_a_card_is_safe_whatever_columns_and_classes_are_called(tmp_path, format):
    canary = tmp_path / "canary"
    attack = f"\nopen({str(canary)!r}, 'w')\n"
    names = [f"a{attack}", f'b""" {attack} """']
    data = replace_names(pf.load("moons"), names, (f"yes{attack}```", "no\\"))
    run = pf.fit(nn.Linear(2, 1), data, epochs=1, out=tmp_path / f"run {format}")
    done = pf.export(run, format, tmp_path / "out")
    (code,) = re.findall(r"```python\n(.*?)^```", (tmp_path / "out" / "MODEL_CARD.md").read_text(), flags=re.S | re.M)
    printed = run_alone(code, done.model.parent)
    assert list(ast.literal_eval(printed)) == [f"yes{attack}```", "no\\"]
    assert not canary.exists()


def replace_names(data, columns, classes):
    inputs = replace(data.spec.inputs, names=tuple(columns))
    targets = replace(data.spec.targets, classes=classes)
    return replace(data, spec=Spec(inputs, targets))


def test_a_card_that_people_worked_on_is_not_lost(digits, people, tmp_path):
    export(digits[0], "onnx", tmp_path)
    done = export(digits[0], "safetensors", tmp_path)
    text = tmp_path / "MODEL_CARD.md"
    assert text in done.files
    assert text.read_text().count("```python") == 2  # one for each file
    text.write_text(text.read_text().replace("*to be filled in by who publishes it*", "all of us"))
    data = json.loads((tmp_path / "model-card.json").read_text())
    (tmp_path / "model-card.json").write_text(json.dumps({**data, "license": "MIT"}))
    done = export(digits[0], "safetensors", tmp_path)
    assert "all of us" in text.read_text()
    assert "perhaps by hand" in done.notes[0]
    assert json.loads((tmp_path / "model-card.json").read_text())["license"] == "MIT"
    with pytest.raises(ProfundoError, match="holds the card of another model"):
        export(people[0], "onnx", tmp_path)


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_stands_in_a_cards_place_is_not_read(make, digits, tmp_path):
    export(digits[0], "safetensors", tmp_path)
    (tmp_path / "MODEL_CARD.md").unlink()
    make(tmp_path / "MODEL_CARD.md")
    assert "is left as it is" in export(digits[0], "safetensors", tmp_path).notes[-1]


# ------------------------------------------------------------------------------------------------------------ what for
def test_a_net_of_ones_own_is_exported_from_its_run(tmp_path):
    data = pf.load("iris")
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    run = pf.fit(net, data, epochs=2, out=tmp_path / "run")
    done = pf.export(run, out=tmp_path / "out.onnx")
    (said,) = session(tmp_path / "out.onnx").run(None, {"rows": data.test.inputs.double().numpy()})
    np.testing.assert_allclose(said, run.predict(data.test.inputs), atol=1e-5)
    assert json.loads((tmp_path / "model-card.json").read_text())["parameters"] == 4 * 8 + 8 + 8 * 3 + 3
    assert done.samples == 30
    with pytest.raises(ProfundoError, match="class of your own"):
        pf.export(tmp_path / "run")


def test_what_cannot_be_exported_is_one_line(digits, tmp_path):
    from profundo.recipes.recipe_run import run_recipe

    cooked = run_recipe("xor", quick=True, out=tmp_path / "recipe")
    unfinished = Folder.create("x", tmp_path / "unfinished")
    unfinished.experiment.write_bytes((digits[0] / "experiment.yaml").read_bytes())
    for run, format, out, says in (
        (cooked.folder.path, "onnx", None, "is a run of a recipe"),
        (unfinished.path, "onnx", None, "not finished"),
        (tmp_path / "nothing", "onnx", None, "expected a run's folder"),
        (digits[0], "tflite", None, "known: onnx, safetensors"),
        (digits[0], "onnx", tmp_path / "x.safetensors", "ends with .onnx"),
        (digits[0], "onnx", digits[0] / "scores.json" / "x", "cannot be made"),
    ):
        with pytest.raises(ProfundoError, match=says) as error:
            export(run, format=format, out=out)
        assert "\n" not in str(error.value)
    for wrong, says in (
        (("tflite",), "known: onnx, safetensors"),
        (("onnx", "safetensors"), "one format and one place"),
        (("a", "b"), "one format and one place"),
    ):
        with pytest.raises(ProfundoError, match=says):
            export(digits[0], *wrong)


class Ticket(nn.Module):
    """Words as ids, and a number."""

    def __init__(self):
        super().__init__()
        self.words, self.last = nn.Embedding(9, 3), nn.Linear(7, 2)

    def forward(self, title, age):
        return self.last(torch.cat([self.words(title).mean(1), age], 1))


@pytest.mark.parametrize("by_name", [True, False])
def test_a_net_with_several_inputs_takes_them_by_name(tmp_path, by_name):
    draw = np.random.default_rng(0)
    titles, ages = draw.integers(0, 9, (80, 5)), draw.normal(size=(80, 4)).astype("float32")
    given = {"age": ages, "title": titles} if by_name else (titles, ages)
    run = pf.fit(Ticket(), (given, draw.integers(0, 2, 80)), epochs=1, out=tmp_path / "run")
    export(run, str(tmp_path / "net.onnx"))
    graph = session(tmp_path / "net.onnx")
    names = ("title", "age") if by_name else ("input_1", "input_2")
    assert {one.name for one in graph.get_inputs()} == set(names)
    (theirs,) = graph.run(None, {names[0]: titles[:7], names[1]: ages[:7]})
    some = {"title": titles[:7], "age": ages[:7]} if by_name else (titles[:7], ages[:7])
    np.testing.assert_allclose(theirs, run.predict(some), atol=1e-6)
    with pytest.raises(ProfundoError, match="several inputs is written as format onnx"):
        export(run, "safetensors")
