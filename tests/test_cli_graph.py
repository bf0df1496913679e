"""The command `graph` as a person meets it: formulas, nets by name, a file of one's own, and one line for each mistake."""

import json
import os
import subprocess
import sys

import pytest
import torch

from profundo.cli import main
from profundo.inspect.graph_views import graph_of_net, graph_of_run, random_input, values_of
from profundo.records import ProfundoError

OWN = """
import torch
from torch import nn
import beside

print("the file is run")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        return self.head(self.conv(x).relu().mean((2, 3)))


class Wide(nn.Module):
    def __init__(self, width):
        super().__init__()


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, 4)

    def forward(self, words):
        return self.table(words).sum()


class Plain:
    pass


net = nn.Sequential(nn.Linear(4, 2))
number = beside.NUMBER


def product(x, y):
    return (x * y).sum()


def bad(x):
    raise ValueError("no\\nway")


def ends(x):
    raise SystemExit(3)


def nothing(x):
    return 3
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "beside.py").write_text("NUMBER = 3\n")
    (tmp_path / "wrong.py").write_text("def f(:\n")
    (tmp_path / "crash.py").write_text("x = 0\n1 / x\n")
    return tmp_path


@pytest.fixture
def said(monkeypatch, capsys):
    """Call the program in this process: (exit status, stdout, stderr)."""

    def call(*arguments, cwd="."):
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["profundo", "graph", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "120")
        monkeypatch.setattr(sys, "path", [*sys.path])
        with pytest.raises(SystemExit) as end:
            main()
        streams = capsys.readouterr()
        return end.value.code or 0, streams.out, streams.err

    return call


class TestFormulas:
    def test_the_course_is_printed_as_the_course_has_it(self, said):
        code, out, err = said("(a+b)*3*b", "a=5", "b=3")
        assert (code, err) == (0, "")
        assert "∂f/∂b = ∂f/∂u·∂u/∂b + ∂f/∂v·∂v/∂b = 9·1 + 8·3 = 33" in out
        assert "∂f/∂a = ∂f/∂u·∂u/∂a = 9·1 = 9" in out
        assert out.splitlines()[0].split() == ["node", "formula", "value", "∂f/∂·"]

    def test_derive_chooses_and_repeats(self, said):
        _, out, _ = said("(a+b)*c", "a=1", "b=2", "c=3", "--derive", "b", "--derive", "u")
        assert "f depends on b" in out
        assert "f depends on u" in out
        assert "f depends on a" not in out

    def test_latex_is_printed_for_the_derivations(self, said):
        _, out, _ = said("a*b", "a=1", "b=2", "--latex", "--derive", "b")
        assert r"\frac{\partial f}{\partial b} &= a = 1" in out

    def test_a_formula_may_begin_with_a_minus(self, said):
        code, out, _ = said("-h^2", "h=3")
        assert code == 0
        assert "−9" in out

    def test_a_formula_may_be_longer_than_the_name_of_a_file(self, said):
        terms = 150
        code, out, _ = said("+".join(["x"] * terms), "x=2", "--limit", 5)
        assert len("x+" * terms) > 255
        assert code == 0
        assert out.splitlines()[1].split() == ["x", "input", "2", f"{terms}"]

    def test_e_is_a_variable_when_it_has_a_value(self, said):
        assert "6" in said("2*e", "e=3")[1].split()

    def test_json_is_exactly_one_object_and_has_no_nan(self, said):
        def refuse(word):
            raise AssertionError(word)

        _, out, _ = said("log(a)*a", "a=0", "--json")
        shown = json.loads(out, parse_constant=refuse)
        (derived,) = shown["derivations"]
        assert derived["value"] is None
        assert "NaN" in derived["text"]
        shown = json.loads(said("(a+b)*3*b", "a=5", "b=3", "--json")[1])
        assert {one["with_respect_to"]: (one["value"], one["paths"]) for one in shown["derivations"]} == {
            "a": (9.0, 1),
            "b": (33.0, 2),
        }
        assert {node["name"] for node in shown["graph"]["nodes"]} >= {"a", "b", "u", "v", "f"}

    def test_vectors_and_matrices_are_given_as_lists(self, said):
        code, out, _ = said(r"\frac{1}{1+e^{-w^T x}}", "w=[1,2]", "x=[.5,1]")
        assert code == 0
        assert "0.924142" in out
        _, out, _ = said("conv2d(I, K)", "I=[[1,2,3],[4,5,6],[7,8,9]]", "K=[[1,0],[0,1]]")
        assert "[[6, 8], [12, 14]]" in out
        shown = json.loads(said("2x", "x=[1,2]", "--json")[1])
        assert {node["name"]: node["value"].get("entries") for node in shown["graph"]["nodes"]}["f"] == [2, 4]

    def test_pictures_are_written_and_named_on_stderr(self, said, tmp_path):
        code, out, err = said(
            "a*b", "a=1", "b=2", "--svg", "f.svg", "--dot", "f.dot", "--mermaid", "f.mmd", "--json", cwd=tmp_path
        )
        assert code == 0
        json.loads(out)
        assert [line.split()[-1] for line in err.splitlines()] == ["f.svg", "f.dot", "f.mmd"]
        assert "<svg" in (tmp_path / "f.svg").read_text()[:200]
        assert "digraph" in (tmp_path / "f.dot").read_text()[:20]
        assert "flowchart" in (tmp_path / "f.mmd").read_text()[:20]

    def test_values_may_be_numbers_of_every_kind(self):
        values = values_of(["a=5", "b=-.5", "c=1e-3", "d=pi/2", "g = sqrt(2)", "h=inf"])
        assert values == pytest.approx(
            {"a": 5, "b": -0.5, "c": 0.001, "d": torch.pi / 2, "g": 2**0.5, "h": float("inf")}
        )


class TestNets:
    def test_a_net_on_real_samples_has_a_row_for_each_call_and_totals(self, said):
        code, out, _ = said("--net", "lenet5", "--data", "digits")
        assert code == 0
        assert "21,386 parameters" in out
        header, *lines = out.splitlines()
        assert header.split()[:4] == ["call", "module", "shape", "parameters"]
        assert sum(line.startswith(("conv2d", "linear")) for line in lines) == 5

    def test_its_gradients_are_those_of_autograd_on_the_same_samples(self):
        from profundo import nets, objectives
        from profundo.data import load
        from profundo.data.standard import standardize
        from profundo.runs.saved_model import build_net

        data = load("digits")
        net = build_net("mlp", data.spec, {}, 0)
        inputs, targets = standardize(data.train.inputs[:8], data.spec.inputs), data.train.targets[:8]
        cost = objectives.default(data.spec.targets)(net(inputs), targets).mean()
        cost.backward()
        shown = graph_of_net("mlp", "digits")
        assert shown[shown.of].value.item == pytest.approx(cost.item(), rel=1e-6)
        for name, parameter in net.named_parameters():
            assert shown[name].gradient.norm == pytest.approx(parameter.grad.norm().item(), rel=1e-5), name
        assert nets.default(data.spec) == "fast_cnn"

    def test_rows_fold_by_depth_and_a_derivative_is_told_in_words(self, said):
        _, out, _ = said("--net", "resnet", "--data", "digits", "--depth", 1, "--derive", "input")
        assert "stage1_block1  Residual" in out
        assert "paths, such as input → conv2d" in out
        assert "Jacobian" in out

    def test_a_profile_says_where_the_time_goes(self, said):
        code, out, _ = said("--net", "mlp", "--data", "iris", "--profile")
        assert code == 0
        assert "at best" in out
        shown = json.loads(said("--net", "mlp", "--data", "iris", "--profile", "--json")[1])
        rows = {row["name"]: row["parameters"] for row in shown["profile"]["modules"]}
        assert rows["0"] == 4 * 128 + 128

    def test_real_targets_and_the_default_net(self, said):
        code, out, _ = said("--data", "diabetes")
        assert code == 0
        assert "parameters" in out

    def test_a_run_shows_the_net_it_has_trained(self, said, tmp_path):
        from profundo.runs.experiment import new_experiment
        from profundo.runs.supervised import train

        run = train(new_experiment(data="iris", net="linear", epochs=3), out=tmp_path / "flowers")
        code, out, _ = said(str(tmp_path / "flowers"))
        assert code == 0
        assert "linear" in out
        shown = graph_of_run(str(tmp_path / "flowers"))
        trained = dict(run.net.named_parameters())["0.weight"]
        assert shown["0.weight"].value.norm == pytest.approx(trained.norm().item(), rel=1e-6)
        assert "takes no values" in said(str(tmp_path / "flowers"), "a=3")[2]
        assert "expected a run" in said(str(tmp_path))[2]

    def test_all_small_data_sets_have_a_graph(self):
        for data in ("iris", "wine", "breast-cancer", "xor", "moons"):
            shown = graph_of_net("linear", data)
            assert shown[shown.of].value.bad == 0
            assert shown["0.weight"].gradient.norm > 0, data


class TestFiles:
    def test_a_module_of_ones_own_is_built_and_traced(self, said, folder):
        code, out, err = said("own.py:Net", "--input", "1x3x32x32", cwd=folder)
        assert (code, err) == (0, "the file is run\n")
        assert f"{3 * 8 * 9 + 8 + 8 * 10 + 10:,} parameters" in out
        assert "1×8×30×30" in out

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["own.py:net", "--input", "2x4"], "10 parameters"),
            (["own.py:net.0", "--input", "2x4"], "10 parameters"),
            (["own.py:product", "--input", "3", "--input", "2x3"], "mul"),
            (["own.py:Words", "--input", "int64:1x20"], "200 parameters"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else None,
    )
    def test_instances_functions_and_whole_numbers(self, arguments, says, said, folder):
        code, out, _ = said(*arguments, cwd=folder)
        assert code == 0
        assert says in out

    def test_what_the_file_prints_stays_out_of_json(self, said, folder):
        _, out, err = said("own.py:product", "--input", "3", "--input", "3", "--derive", "x", "--json", cwd=folder)
        assert json.loads(out)["derivations"][0]["with_respect_to"] == "x"
        assert "the file is run" in err

    def test_inputs_are_the_same_each_time_and_of_the_kind_asked_for(self):
        assert random_input("2x3").shape == (2, 3)
        assert random_input("2×3").dtype == torch.float32
        words = random_input("int64:4x50")
        assert words.dtype == torch.int64
        assert set(words.unique().tolist()) == {0, 1}
        assert random_input("bool:7").dtype == torch.bool
        assert random_input("float64:1").dtype == torch.float64

    @pytest.mark.parametrize(
        "text", ["1x3x", "x3", "0x3", "-1", "3 x", "", "int64:", "99999x99999x99999", "9999999999", "q:3", "1.5", "²"]
    )
    def test_sizes_that_are_none_are_refused(self, text):
        with pytest.raises(ProfundoError, match="input"):
            random_input(text)


class TestMistakes:
    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ([], ["say what", "a=5", "--net lenet5", "my_module.py:Net"]),
            (["(a+b"], ["character 5", '")"']),
            (["a*b", "a=3"], ["b has no value: add b=3"]),
            (["a*b", "a=3", "b=2", "c=1"], ["c=1", "does not use c", "a, b"]),
            (["a*b", "a5", "b=1"], ["a5: expected NAME=VALUE"]),
            (["a*b", "a=five", "b=1"], ["a=five", "number"]),
            (["a*b", "a=1", "a=2", "b=1"], ["a=2", "a value already"]),
            (["a*b", "a=", "b=1"], ["a=: expected NAME=VALUE"]),
            (["a*b", "a=1", "b=1", "--derive", "z"], ["no node 'z'", "a, b, f"]),
            (["a*b", "a=1", "b=1", "--frob"], ["--frob", "--help"]),
            (["2*3"], ["is a number"]),
            (["2*a", "a=3", "--profile"], ["--profile", "a net or a module"]),
            (["a*b", "--net", "mlp"], ["--net mlp", "not with a*b"]),
            (["a*b", "--input", "3"], ["--input 3", "NAME=VALUE"]),
            (["a*b", "a=1", "b=1", "--svg", "nowhere/f.svg"], ["nowhere/f.svg", "folder that exists"]),
            (["a*b", "a=1", "b=1", "--svg", os.devnull], [os.devnull, "expected a file"]),
            (["a*b", "a=1", "b=1", "--svg", "f", "--dot", "./f"], ["--svg f, --dot f", "two are the same"]),
            ([""], ["expected a formula such as"]),
            ([f"{'long' * 80}.py:Net", "--input", "3"], ["there is no such file"]),
            (["runs/gone"], ["runs/gone: there is no such folder", "a run"]),
            (["/gone"], ["/gone: there is no such folder"]),
            (["a/b"], ["a, b have no value: add a=3 b=3"]),
            (["A x", "A=[[1,2],[3,4]]", "x=[1,2,3]"], ["character 3", "2 and 3 differ"]),
            (["w^T x", "w=[1,2", "x=3"], ['"]"']),
            (["--net", "lenet5"], ["--data digits"]),
            (["--net", "lenet", "--data", "digits"], ["lenet5"]),
            (["--net", "lenet5", "--data", "iris"], ["lenet5", "image"]),
            (["--net", "mlp", "--data", "mnits"], ["mnits", "mnist"]),
            (["--data", "iris", "--input", "3"], ["--input 3"]),
            (["own.py:Net"], ["--input 1x3x32x32"]),
            (["own.py", "--input", "3"], ["say what in it", "own.py:Net"]),
            (["own.py:Nett", "--input", "3"], ["no Nett", "did you mean Net?"]),
            (["own.py:Wide", "--input", "3"], ["needs arguments (width)"]),
            (["own.py:Plain", "--input", "3"], ["own.py:Plain", "nn.Module"]),
            (["own.py:number", "--input", "3"], ["class int"]),
            (["own.py:bad", "--input", "3"], ["own.py, line ", "ValueError: no way"]),
            (["own.py:ends", "--input", "3"], ["ends the program"]),
            (["own.py:nothing", "--input", "3"], ["int"]),
            (["own.py:product", "--input", "3"], ["TypeError", "'y'"]),
            (["own.py:Net", "--input", "2x4"], ["own.py, line ", "2x4", "conv2d"]),
            (["own.py:Net", "--input", "1x3x"], ["--input 1x3x", "1x3x32x32"]),
            (["own.py:Net", "--input", "0x3"], ["--input 0x3", "from 1 to 100,000,000"]),
            (["own.py:Net", "--input", "99999x99999x99"], ["from 1 to 100,000,000"]),
            (["own.py:Net", "a=3"], ["a=3", "--input"]),
            (["gone.py:Net", "--input", "3"], ["gone.py: there is no such file"]),
            (["wrong.py:f", "--input", "3"], ["wrong.py, line 1", "invalid syntax"]),
            (["crash.py:f", "--input", "3"], ["crash.py, line 2", "ZeroDivisionError"]),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else None,
    )  # fmt: skip
    def test_a_mistake_gets_one_clear_line(self, arguments, says, said, folder):
        code, out, err = said(*arguments, cwd=folder)
        assert code == 1
        assert out == ""
        (line,) = [one for one in err.splitlines() if one != "the file is run"]
        for words in says:
            assert words in line


def test_help_does_not_import_torch_and_says_that_the_file_is_run():
    for flag in ("--help", "-h"):
        code = (
            f"import sys; sys.argv = ['profundo', 'graph', {flag!r}]\n"
            "from profundo.cli import main\n"
            "try: main()\nexcept SystemExit as end: assert not end.code\n"
            "assert 'torch' not in sys.modules"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"}
        )
        assert done.returncode == 0, done.stderr
        assert "is run, as `python my_module.py` runs it" in " ".join(done.stdout.split())
