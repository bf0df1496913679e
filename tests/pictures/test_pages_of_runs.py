"""Real runs of every kind of data, small, from the data to the page that a strict parser reads."""

import pytest
import torch
from torch import nn

import profundo as pf
from pages import Element, parse
from profundo.records import Dataset, Inputs, Samples, Spec, Targets

HOSTILE = "<img src=x onerror=alert(1)>"
IMAGE = Inputs((3, 8, 8), "image", (127.0,) * 3, (60.0,) * 3)


def rows_of(features: int) -> Inputs:
    return Inputs((features,), "features", (0.0,) * features, (1.0,) * features)


def made(inputs: Inputs, targets: Targets, sizes=(96, 24, 48), stream=False) -> Dataset:
    draw = torch.Generator().manual_seed(0)
    splits = []
    for size in sizes:
        if inputs.kind == "image":
            x = torch.randint(0, 256, (size, *inputs.shape), generator=draw, dtype=torch.uint8)
        else:
            x = torch.randn(size, *inputs.shape, generator=draw)
        if targets.kind == "real":
            y = torch.randn(size, max(1, len(targets.names)), generator=draw)
        elif targets.kind == "labels":
            y = (torch.rand(size, len(targets.classes), generator=draw) > 0.7).float()
        else:
            y = torch.arange(size) % len(targets.classes)
        splits.append(Samples(Streamed(x) if stream else x, y))
    return Dataset("made", Spec(inputs, targets), *splits, notes=("made by a test",), facts={"sha256": "0"})


class Streamed:
    """Inputs that are read one by one."""

    def __init__(self, samples: torch.Tensor) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.samples[index]


def classes(number: int) -> Targets:
    return Targets("classes", tuple(f"class {i}" for i in range(number)))


REAL = Targets("real", names=("price",), mean=(2.0,), std=(3.0,))
KINDS = {
    "binary rows": made(rows_of(5), Targets("binary", ("no", "yes"))),
    "three classes of images": made(IMAGE, classes(3)),
    "streamed images": made(IMAGE, classes(3), stream=True),
    "hundreds of classes": made(rows_of(5), classes(300), (600, 300, 300)),
    "hundreds of features": made(rows_of(400), classes(3)),
    "one real target": made(rows_of(5), REAL),
    "several real targets": made(rows_of(5), Targets("real", names=tuple("abcdef"), mean=(0.0,) * 6, std=(1.0,) * 6)),
    "real target of images": made(IMAGE, REAL),
    "labels of rows": made(rows_of(5), Targets("labels", ("warm", "loud", "never"))),
    "labels of images": made(IMAGE, Targets("labels", ("warm", "loud"))),
    "no validation": made(rows_of(5), classes(3), (96, 0, 48)),
    "hostile, long and right-to-left names": made(rows_of(5), Targets("classes", (HOSTILE, "x" * 4000, "مرحبا"))),
    "one test sample": made(rows_of(5), classes(3), (96, 24, 1)),
}


def page(run, tmp_path) -> tuple[Element, str]:
    html = run.report(tmp_path / "report.html").read_text("utf-8")
    return parse(html), html


@pytest.mark.parametrize(
    ("kind", "epochs"), [*((kind, 1) for kind in KINDS), ("binary rows", 3), ("one real target", 3)]
)
def test_every_kind_of_run_has_a_page(kind, epochs, tmp_path):
    data = KINDS[kind]
    run = pf.fit(pf.nets.mlp(data.spec), data, epochs=epochs, out=False, workers=0)
    tree, html = page(run, tmp_path)
    sections = {section.attributes["id"] for section in tree.all("section")}
    assert {"result", "curves", "mistakes", "net", "data", "repeat"} <= sections
    assert ("classes" in sections) == ("calibration" in sections) == (data.spec.targets.kind != "real")
    assert ("errors" in sections) == (data.spec.targets.kind == "real")
    assert all("onerror" not in element.attributes for element in tree.walk())
    assert tree.one("section", id="result").all("svg")
    assert len(html) < 1_500_000
    assert run.report(tmp_path / "again.html").read_text("utf-8") == html


def test_the_interval_on_the_page_is_wilsons(tmp_path):
    from scipy.stats import binomtest

    data = KINDS["binary rows"]
    run = pf.fit(pf.nets.mlp(data.spec), data, epochs=1, out=False)
    right = round(run.scores.values["accuracy"] * 48)
    expected = binomtest(right, 48).proportion_ci(method="wilson")
    text = page(run, tmp_path)[0].one("section", id="result").text.replace("\u00a0", " ")
    assert f"95 % interval: {100 * expected.low:.2f} to {100 * expected.high:.2f} %" in text


def test_validation_scores_are_those_of_the_kept_network(tmp_path):
    data = KINDS["binary rows"]
    run = pf.fit(pf.nets.mlp(data.spec), data, epochs=2, out=False)
    said = run.predict(data.validation.inputs)
    accuracy = ((said >= 0.5).long() == data.validation.targets).double().mean().item()
    table = page(run, tmp_path)[0].one("section", id="result").one("table")
    heads = [cell.text for cell in table.all("tr")[0].all("th")]
    row = table.all("tr")[1]
    told = row.all("td")[heads.index("validation") - 1].text.replace("\u00a0", " ")
    assert told == f"{100 * accuracy:.2f} %".replace("100.00", "100")


def test_a_net_of_ones_own_without_a_table_of_filters_has_a_page(tmp_path):
    class Mine(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))
            self.inner = nn.Linear(10, 3)

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return self.inner(torch.cat([rows, self.scale * rows], 1))

    data = KINDS["no validation"]
    tree, html = page(pf.fit(Mine(), data, epochs=2, out=False), tmp_path)
    assert "What the first layer" not in html
    assert "Mine on made" in tree.one("header").text
    assert "profundo.fit(net" in tree.one("pre").text


def test_hinge_states_no_probabilities(tmp_path):
    data = KINDS["binary rows"]
    run = pf.fit(pf.nets.mlp(data.spec), data, epochs=2, out=False, objective="hinge")
    tree, _ = page(run, tmp_path)
    assert not tree.all("section", id="calibration")
    assert "probability" not in tree.one("section", id="mistakes").text


def test_a_kept_run_says_by_which_command_it_is_drawn_and_repeated(tmp_path):
    from profundo.runs.experiment import new_experiment
    from profundo.runs.supervised import train

    folder = tmp_path / "a run"
    tree, _ = page(train(new_experiment(data="iris", epochs=1), out=folder), tmp_path)
    assert tree.one("section", id="net").one("code").text == f"profundo graph '{folder}' --depth 1 --svg net.svg"
    assert tree.one("section", id="repeat").one("code").text == f"profundo train --config '{folder}/experiment.yaml'"


def test_a_notebook_shows_the_network_beside_what_it_is_held_against():
    data = KINDS["binary rows"]
    run = pf.fit(pf.nets.mlp(data.spec), data, epochs=1, out=False)
    table = parse(run._repr_html_()).one("table")
    assert [cell.text for cell in table.all("th")] == ["", "network", "logistic regression", "constant"]
    assert len(table.all("tr")) == 1 + len(run.scores.values)
