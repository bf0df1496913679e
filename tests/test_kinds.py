"""Every kind of input and of target through every door: a look, a training, an exact resumption, figures, predictions for
people and over HTTP, an export, a report."""

import io
import json
import wave

import numpy as np
import pytest
import torch
from PIL import Image

import profundo as pf
from profundo.evaluate.scores import JUDGES
from profundo.kinds import INPUT_KINDS, TARGET_KINDS
from profundo.lab.application import application
from profundo.lab.page import SAYS
from profundo.nets.net_names import DEFAULTS
from profundo.objectives.objective_names import _BY_TARGET
from profundo.records import Interrupted, ProfundoError
from profundo.runs.experiment import new_experiment
from profundo.runs.prediction_record import COLUMNS
from profundo.runs.settings.manners import MANNER_OF, MANNERS
from profundo.runs.supervised import open_run, resume, train
from profundo.use.exporting import export
from profundo.use.predicting import predict_files, predictor
from served import ask

DRAW = np.random.default_rng(0)
MANY = 24


def arrays(folder, x, y):
    path = folder / "data.npz"
    np.savez(path, x=x, y=y)
    return path, {}


def images(folder, y=None):
    return arrays(folder, DRAW.integers(0, 256, (MANY, 8, 8), dtype=np.uint8), np.arange(MANY) % 3 if y is None else y)


def masks(folder):
    for role in ("images", "masks"):
        (folder / role).mkdir()
    for number in range(MANY):
        pixels = DRAW.integers(0, 256, (9, 7 + number % 3, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
        Image.fromarray((pixels[:, :, 0] > 128).astype(np.uint8)).save(folder / "masks" / f"{number}.png")
    return folder, {}


def objects(folder):
    """Rectangles of two colours, told as YOLO does; in some images none."""
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    (folder / "classes.txt").write_text("red\nblue\n")
    for number in range(MANY):
        pixels, lines = DRAW.integers(0, 60, (32, 32 + 8 * (number % 2), 3), dtype=np.uint8), []
        for place in range(number % 3):
            high, wide = pixels.shape[:2]
            pixels[4 + 12 * place : 14 + 12 * place, 6:18, 2 * (number % 2)] = 250
            lines.append(f"{number % 2} {12 / wide} {(9 + 12 * place) / high} {12 / wide} {10 / high}")
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
        (folder / "labels" / f"{number}.txt").write_text("\n".join(lines))
    return folder, {}


def sounds(folder):
    for number in range(MANY):
        place = folder / ("low", "high")[number % 2]
        place.mkdir(exist_ok=True)
        tone = np.sin(np.arange(800) * (0.1 + 0.5 * (number % 2))) * 8000
        with wave.open(str(place / f"{number}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(tone.astype("<i2").tobytes())
    return folder, {}


def table(folder):
    path = folder / "data.csv"
    rows = [
        f"{value:.3f},{'ab'[int(value > 0)]}{number % 3},{number % 2}"
        for number, value in enumerate(DRAW.normal(size=MANY))
    ]
    path.write_text("\n".join(["height,word,kind", *rows]))
    return path, {"target": "kind"}


def texts(folder):
    path = folder / "data.csv"
    rows = [
        f"{('good film', 'bad idea')[number % 2]} number {number} of many more,{number % 2}" for number in range(MANY)
    ]
    path.write_text("\n".join(["said,kind", *rows]))
    return path, {"target": "kind", "columns": {"said": "text"}}


def course(folder):
    path = folder / "data.csv"
    path.write_text("\n".join(["day,sold", *(f"2024-{1 + n // 28:02}-{1 + n % 28:02},{n % 7}" for n in range(120))]))
    return path, {"target": "sold", "horizon": 2}


CASES = {
    "images of classes": ("image", "classes", images),
    "images with labels": ("image", "labels", lambda folder: images(folder, DRAW.integers(0, 2, (MANY, 3)))),
    "images with masks": ("image", "mask", masks),
    "images with maps": ("image", "map", lambda folder: images(folder, DRAW.normal(size=(MANY, 8, 8)))),
    "images with objects": ("image", "objects", objects),
    "rows of two classes": ("features", "binary", table),
    "texts": ("features", "binary", texts),
    "arrays with numbers": (
        "array",
        "real",
        lambda f: arrays(f, DRAW.normal(size=(MANY, 2, 3, 4)), DRAW.normal(size=MANY)),
    ),
    "arrays with masks": (
        "array",
        "mask",
        lambda f: arrays(f, DRAW.normal(size=(MANY, 8, 8)), DRAW.integers(0, 3, (MANY, 8, 8))),
    ),
    "sounds": ("sound", "binary", sounds),
    "series": ("series", "classes", lambda f: arrays(f, DRAW.normal(size=(MANY, 1, 12)), np.arange(MANY) % 3)),
    "a forecast": ("series", "real", course),
}
SMALL = {"series": {"features": 84}, "images with objects": {"width": 8, "depth": 1}}
AS_ONNX_ELSEWHERE = {"images of classes", "rows of two classes", "sounds", "texts", "images with objects"}
"""In test_exporting.py, test_sound_runs.py, test_texts_to_service.py and test_detecting.py: PyTorch's exporter takes longer than all
else here."""
IN_PYTHON = {("any", "classes"), ("features", "any")}  # nets of one's own: see test_what_only_python_gives…


def cut_short(monkeypatch, steps):
    from profundo.train.updates import Descent, Supervised

    done = []

    def cut(update):
        whole = update.__call__

        def call(self, batch):
            done.append(1)
            if len(done) > steps:
                raise Interrupted(2)
            return whole(self, batch)

        monkeypatch.setattr(update, "__call__", call)

    cut(Supervised)
    cut(Descent)


def test_every_kind_is_walked_through_and_has_an_entry_in_each_room():
    inputs, targets = (set(kinds) for kinds in zip(*(case[:2] for case in CASES.values()), *IN_PYTHON, strict=True))
    assert inputs == set(INPUT_KINDS) == set(DEFAULTS) == set(MANNER_OF)
    assert (
        targets == set(TARGET_KINDS) == set(_BY_TARGET) == set(SAYS) == set(JUDGES) | {"any"} == set(COLUMNS) | {"any"}
    )
    assert set(MANNER_OF.values()) <= set(MANNERS)
    for kind in INPUT_KINDS.values():
        assert kind.one
        assert kind.several


@pytest.mark.parametrize("case", CASES)
def test_every_kind_goes_through_every_door(case, tmp_path, monkeypatch):
    kind, target, make = CASES[case]
    (tmp_path / "data").mkdir()
    path, how = make(tmp_path / "data")
    look = pf.look(path, **how)
    assert look.samples
    assert look.page().startswith("<!doctype html>")

    settings = {"data": str(path), "epochs": 2, "log": None, "capture": False, "checkpoint_seconds": 0, **how}
    settings |= {"net_options": SMALL[case]} if case in SMALL else {}
    run = train(new_experiment(**settings), out=tmp_path / "run")
    assert (run.data.spec.inputs.kind, run.data.spec.targets.kind) == (kind, target)
    assert all(map(np.isfinite, run.scores.values.values()))
    assert "baseline" in json.loads((tmp_path / "run" / "scores.json").read_text())
    assert bool(run.scores.linear) is (target != "objects")  # which no linear model finds
    with monkeypatch.context() as patch:
        cut_short(patch, 1)
        with pytest.raises(Interrupted):
            train(new_experiment(**settings), out=tmp_path / "cut")
    again = resume(tmp_path / "cut")
    for one, other in zip(run.net.state_dict().values(), again.net.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    assert again.scores.values == run.scores.values
    assert open_run(tmp_path / "run").scores.values == pytest.approx(run.scores.values, rel=1e-4, abs=1e-6)
    assert "</html>" in (tmp_path / "run" / "report.html").read_text("utf-8")

    told = predict_files(tmp_path / "run", [path] if not path.is_dir() else [next(path.rglob("*.[pw][na][gv]"))])
    assert all("prediction" in one for one in told)
    served(tmp_path / "run", run.data)
    format = "safetensors" if case in AS_ONNX_ELSEWHERE else "onnx"
    assert export(tmp_path / "run", format).difference < 1e-4


def served(folder, data):
    """The page, its description, and an answer to one sample as its kind comes over HTTP."""
    app = application(predictor(folder), "tiny")
    assert ask(app, "GET", "/").status == 200
    assert ask(app, "GET", "/openapi.json").status == 200
    inputs = data.spec.inputs
    body, media = BODIES[inputs.kind](data)
    answer = ask(app, "POST", "/predict", {"content-type": media}, body)
    if inputs.forecast is None:
        assert answer.status == 200, answer.body
        assert answer.json["predictions"][0]["prediction"] is not None


def as_image(data):
    file = io.BytesIO()
    pixels = data.test.inputs[0].permute(1, 2, 0).numpy()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(file, "PNG")
    return file.getvalue(), "image/png"


def as_sound(data):
    file = io.BytesIO()
    with wave.open(file, "wb") as made:
        made.setparams((1, 2, data.spec.inputs.sound.rate, 0, "NONE", ""))
        made.writeframes(data.test.inputs[0].numpy().tobytes())
    return file.getvalue(), "audio/wav"


def as_lists(data):
    return json.dumps({data.spec.inputs.things: [data.test.inputs[0].tolist()]}).encode(), "application/json"


def as_row(data):
    row = {column.name: "a0" if column.kind != "number" else 1.5 for column in data.spec.inputs.columns}
    return json.dumps({"rows": [row]}).encode(), "application/json"


BODIES = {"image": as_image, "sound": as_sound, "array": as_lists, "series": as_lists, "features": as_row}


def test_what_only_python_gives_goes_through_its_doors(tmp_path):
    """Ids as they are, and targets that a loss of one's own knows."""
    ids = torch.randint(0, 9, (MANY, 5))
    net = torch.nn.Sequential(torch.nn.Embedding(9, 4), torch.nn.Flatten(), torch.nn.Linear(20, 3))
    run = pf.fit(net, (ids, np.arange(MANY) % 3), epochs=1, out=tmp_path / "ids")
    assert run.data.spec.inputs.kind == "any"
    assert (tmp_path / "ids" / "report.html").exists()
    run = pf.fit(torch.nn.Linear(4, 4), torch.randn(MANY, 4), epochs=1, out=tmp_path / "any")
    assert (run.data.spec.targets.kind, set(run.scores.values)) == ("any", {"loss"})
    with pytest.raises(ProfundoError, match="of any shape"):
        export(run)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("take --set net=attention.", "take net='attention'."),
        ("such as --set dialogues=turns.jsonl", "such as dialogues='turns.jsonl'"),
        ('take --set pieces="byte pairs"', "take pieces='byte pairs'"),
        ("take --set beam=8 or --set samples='[1, 2]'", "take beam=8 or samples=[1, 2]"),
    ],
)
def test_a_setting_of_a_recipe_is_told_as_an_argument_in_python(typed, told):
    assert str(ProfundoError(typed)) == told
