"""Awkward data of one's own go from file to report, predictions, an exported file and a service, without any option."""

import csv
import datetime
import io
import json
import random
import tarfile

import numpy as np
import pytest
from PIL import Image

from profundo.lab.application import application
from profundo.runs.experiment import new_experiment
from profundo.runs.supervised import train
from profundo.use.exporting import export
from profundo.use.predicting import predict_files, predictor
from served import ask

ODD_NAMES = (
    " space.png",
    "ñandú.png",
    "new\nline.png",
    "日本.png",
    "UPPER.PNG",
    "-dash.png",
    "a'b\"c.png",
    "x" * 200 + ".png",
)


def picture(draw, bright, size):
    """A grey square on noise, lighter for one class than for the other."""
    pixels = draw.integers(0, 60, (*size, 3), dtype=np.uint8)
    pixels[size[0] // 4 : 3 * size[0] // 4, size[1] // 4 : 3 * size[1] // 4] += np.uint8(150 if bright else 40)
    return Image.fromarray(pixels)


def awkward_images(folder):
    """Twenty files: every mode, format and size that a camera, a scanner or a web page leaves behind."""
    draw = np.random.default_rng(0)
    saved = {
        "grey.png": lambda im: im.convert("L"),
        "alpha.png": lambda im: im.convert("RGBA"),
        "palette.gif": lambda im: im.convert("P"),
        "bilevel.png": lambda im: im.convert("L").point(lambda value: 255 * (value > 100)).convert("1"),
        "cmyk.jpg": lambda im: im.convert("CMYK"),
        "deep.png": lambda im: Image.fromarray(np.asarray(im.convert("L")).astype(np.uint16) * 257),
        "photo.jpeg": lambda im: im,
        "web.webp": lambda im: im,
        "scan.tiff": lambda im: im,
        "old.bmp": lambda im: im,
    }
    odd = iter(ODD_NAMES)
    for bright, name in ((False, "dark"), (True, "bright")):
        (folder / name).mkdir(parents=True)
        for number, (file, change) in enumerate(saved.items()):
            size = ((8, 9), (64, 48), (400, 300), (33, 100))[number % 4]
            image = change(picture(draw, bright, size))
            turned = Image.Exif()
            turned[0x0112] = 6
            called = next(odd) if file.endswith("png") else file
            image.save(folder / name / called, **({"exif": turned} if file == "photo.jpeg" else {}))
    return folder


def awkward_table(path):
    """Categories, dates, holes, a text column, an identifier, quotes and commas inside of values."""
    draw = random.Random(0)
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["Nr.", "größe (cm)", "city, country", "since", "note", "answer"])
        for number in range(120):
            size, city = draw.gauss(170, 20), draw.choice(["São Paulo, BR", 'the "old" town', "Łódź, PL"])
            since = datetime.date(2015, 1, 1) + datetime.timedelta(days=draw.randint(0, 2000))
            answer = "yes" if size + (30 if city.startswith("S") else 0) > 175 else "no"
            row = [number + 1, f"{size:.1f}", city, since.isoformat(), f"note {number}; {draw.random()}", answer]
            writer.writerow(["" if draw.random() < 0.1 and place in (1, 2, 3) else v for place, v in enumerate(row)])
    return path


def awkward_arrays(path):
    """Images with the channels last, words as targets, a test split of their own."""
    draw = np.random.default_rng(0)
    x, y = draw.integers(0, 99, (90, 10, 12, 3), dtype=np.uint8), np.arange(90) % 3
    for k in range(3):
        x[y == k, 2:8, 2:8, k] += 150
    names = np.array(["red", "grün", "blue"])[y]
    np.savez_compressed(path, x_train=x[:60], y_train=names[:60], x_test=x[60:], y_test=names[60:])
    return path


def awkward_shards(folder):
    """Two tars of images with a class beside each, in PNG and JPEG, of several sizes."""
    draw = np.random.default_rng(0)
    folder.mkdir()
    for shard in range(2):
        with tarfile.open(folder / f"train-{shard:04}.tar", "w") as tar:
            for number in range(24):
                bright, form = number % 2 == 0, ("png", "jpg")[number % 3 == 0]
                content = io.BytesIO()
                picture(draw, bright, ((16, 16), (20, 14))[number % 2]).save(content, {"jpg": "JPEG"}.get(form, "PNG"))
                for ending, data in ((form, content.getvalue()), ("cls", b"bright" if bright else b"dark")):
                    entry = tarfile.TarInfo(f"sample/{shard}{number:03}.{ending}")
                    entry.size = len(data)
                    tar.addfile(entry, io.BytesIO(data))
    return folder


MAKERS = {
    "images": (awkward_images, "pictures", {}),
    "table": (awkward_table, "people.csv", {"target": "answer"}),
    "arrays": (awkward_arrays, "arrays.npz", {}),
    "shards": (awkward_shards, "shards", {}),
}


@pytest.fixture(scope="module", params=MAKERS)
def trained(request, tmp_path_factory):
    """(run, where its data were, its folder): a run with no option beyond the target, whose data have gone since."""
    make, name, options = MAKERS[request.param]
    place = tmp_path_factory.mktemp(request.param)
    source = make(place / name)
    run = train(new_experiment(data=str(source), **options), out=place / "run")
    moved = place / "elsewhere"
    moved.mkdir()
    return run, source.rename(moved / source.name), place / "run"


def inputs_to_predict(run, source):
    """What a user would hand over: images, a table without its target; raw pixels as PNG where the data were arrays."""
    if source.suffix == ".csv":
        return [source]
    if source.name == "pictures":
        return sorted(path for path in source.rglob("*") if path.is_file())
    files = []
    for number, raw in enumerate(run.data.test.inputs[index] for index in range(len(run.data.test))):
        files.append(source.parent / f"{number:03}.png")
        Image.fromarray(raw.permute(1, 2, 0).numpy()).save(files[-1])
    return files


def test_what_was_learned_is_right_and_on_the_page(trained):
    run, _, folder = trained
    assert run.scores.values["accuracy"] > 0.8 > run.scores.baseline["accuracy"]
    page = (folder / "report.html").read_text()
    assert "<script" not in page
    assert all(name in page for name in run.data.spec.targets.classes)


def test_files_are_predicted_from_the_folder_alone(trained):
    run, source, folder = trained
    files = inputs_to_predict(run, source)
    said = predict_files(folder, files)
    classes = run.data.spec.targets.classes
    if source.name == "pictures":
        right = [one["prediction"] == file.parent.name for one, file in zip(said, files, strict=True)]
        assert sum(right) >= 18  # of 20
    elif source.suffix == ".csv":
        with source.open(encoding="utf-8-sig") as file:
            truth = [row["answer"] for row in csv.DictReader(file, delimiter=";")]
        assert len(said) == len(truth) == 120
        assert np.mean([one["prediction"] == t for one, t in zip(said, truth, strict=True)]) > 0.85
    else:
        truth = [classes[index] for index in run.data.test.targets.tolist()]
        assert [one["prediction"] for one in said] == [classes[index] for index in run.said.chosen.tolist()]
        assert np.mean([one["prediction"] == t for one, t in zip(said, truth, strict=True)]) > 0.9


@pytest.mark.slow
def test_it_is_exported_with_a_card(trained, tmp_path):
    run, source, folder = trained
    form = {"pictures": "onnx", "people.csv": "onnx"}.get(source.name, "safetensors")
    export(folder, form, out=tmp_path / "out")
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"MODEL_CARD.md", "model-card.json"} <= written
    assert any(name.endswith(f".{form}") for name in written)
    card = (tmp_path / "out" / "MODEL_CARD.md").read_text()
    assert all(name in card for name in run.data.spec.targets.classes)


def test_it_is_served(trained):
    run, source, folder = trained
    app = application(predictor(folder), "run")
    files = inputs_to_predict(run, source)
    if source.suffix == ".csv":
        rows = [{"größe (cm)": 210, "city, country": "São Paulo, BR", "since": "2016-03-04"}, {"größe (cm)": None}]
        told = {"content-type": "application/json"}
        answer = ask(app, "POST", "/predict", told, json.dumps({"rows": rows[:1]}).encode())
        refused = ask(app, "POST", "/predict", told, json.dumps({"rows": rows}).encode())
        assert refused.status == 400  # columns are missing in the second
    else:
        answer = ask(app, "POST", "/predict", {"content-type": "image/png"}, files[0].read_bytes())
    assert answer.status == 200, answer.body
    (one,) = json.loads(answer.body)["predictions"]
    assert one["prediction"] in run.data.spec.targets.classes
    assert sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    expected = predict_files(folder, files[:1])[0] if source.suffix != ".csv" else one
    assert json.dumps(one["prediction"]) == json.dumps(expected["prediction"])


def shop(path):
    """A table as a shop in Spain keeps it: semicolons, Windows' encoding, days first, € 1.234,50."""
    draw = random.Random(1)
    lines = ["nº;fecha;tienda;unidades;margen;importe;envío gratis"]
    for number in range(600):
        units, price = draw.randint(1, 40), draw.choice([3.5, 12.25, 99.9, 1249.0])
        total = f"{units * price:,.2f}".translate({44: ".", 46: ","})
        day, town = (
            f"{draw.randint(1, 28):02}/{draw.randint(1, 12):02}/2024",
            draw.choice(["Córdoba", "Málaga", "A Coruña"]),
        )
        free = "sí" if units * price > 300 else "no"
        lines.append(f"{number + 1};{day};{town};{units};{str(price).replace('.', ',')} %;€ {total};{free}")
    path.write_bytes("\r\n".join([*lines, ""]).encode("cp1252"))
    return path


def test_a_table_of_a_spanish_shop_goes_to_the_service_and_back_without_an_option_but_the_target(tmp_path):
    run = train(new_experiment(data=str(shop(tmp_path / "tienda.csv")), target="envío gratis"), out=tmp_path / "run")
    kinds = {reading.name: reading.kind for reading in run.data.readings}
    assert kinds == {
        "nº": "number", "fecha": "date", "tienda": "category", "unidades": "number", "margen": "number", "importe": "number",
        "envío gratis": "category",
    }  # fmt: skip
    assert run.scores.values["accuracy"] > 0.85 > run.scores.baseline["accuracy"]
    app = application(predictor(tmp_path / "run"), "run")
    whole = (tmp_path / "tienda.csv").read_bytes()
    answers = [
        one["prediction"]
        for one in json.loads(ask(app, "POST", "/predict", {"content-type": "text/csv"}, whole).body)["predictions"]
    ]
    assert answers == [one["prediction"] for one in predict_files(tmp_path / "run", [tmp_path / "tienda.csv"])]
    assert set(answers) == {"no", "sí"}
    rows = [
        {"fecha": "13/02/2024", "tienda": "Córdoba", "unidades": 3, "margen": "3,5 %", "importe": "€ 1.234,50"},
        {"fecha": "2024-02-13", "tienda": "Co\u0301rdoba", "unidades": "3", "margen": 3.5, "importe": 1234.5},
    ]
    told = {"content-type": "application/json"}
    first, second = json.loads(ask(app, "POST", "/predict", told, json.dumps({"rows": rows}).encode()).body)[
        "predictions"
    ]
    assert first["probabilities"] == second["probabilities"]
    bad = ask(app, "POST", "/predict", told, json.dumps({"rows": [{**rows[0], "importe": "mucho"}]}).encode())
    assert bad.status == 400
    assert all(word in bad.body.decode() for word in ("'importe'", "1.234,5", "'mucho'"))
