"""Tables of graphs: every column in its place whatever the letters, nothing wider than the terminal, totals that add up."""

import unicodedata

import pytest
import torch
from torch import nn

from profundo.graph.drawings.node_tables import layers, table, totals
from profundo.graph.expressions.parsing import parse
from profundo.graph.expressions.viewing import view
from profundo.graph.nodes import GIVEN, Cost, Graph, Node, Ref, Summary
from profundo.graph.traces.tracing import trace
from profundo.records import ProfundoError


class Net(nn.Module):
    """One weight used twice, one module called twice, one block inside another."""

    def __init__(self):
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
        self.again = nn.Linear(36, 36)
        self.head = nn.Linear(36, 3)

    def forward(self, images):
        hidden = self.block(images).flatten(1)
        return self.head(self.again(self.again(hidden))).square().mean()


@pytest.fixture(scope="module")
def traced():
    torch.manual_seed(0)
    return trace(Net(), torch.randn(2, 1, 5, 5))


def rows(text):
    """Cells of the lines, taken apart at two spaces or more."""
    return [[cell for cell in line.split("  ") if cell] for line in text.splitlines()]


class TestNodes:
    def test_the_course_fits_on_five_lines(self):
        text = table(view(parse("(a+b)*3*b"), {"a": 5.0, "b": 3.0}), width=80)
        assert [[cell.strip() for cell in row] for row in rows(text)] == [
            ["node", "formula", "value", "∂f/∂·"],
            ["a", "input", "5", "9"],
            ["b", "input", "3", "33"],
            ["u", "a + b", "8", "9"],
            ["v", "3·b", "9", "8"],
            ["f", "u·v", "72", "1"],
        ]

    def test_numbers_in_formulas_have_no_row_of_their_own(self):
        text = table(view(parse("1/(1+exp(-2a)) - 2a + 1e-5"), {"a": 1.0}), width=100)
        assert [row[0] for row in rows(text)] == ["node", "a", "u", "v", "w", "p", "q", "r", "f"]

    def test_a_trace_has_shapes_modules_parameters_and_norms(self, traced):
        text = table(traced, width=200)
        header, *lines = text.splitlines()
        assert header.split() == ["node", "formula", "value", "∂mean/∂·", "shape", "module", "parameters", "time"]
        line = next(line for line in lines if line.startswith("block.0.weight"))
        assert "4×1×3×3" in line
        assert " 36" in line
        assert "norm" in line

    def test_a_formula_is_made_of_the_call_where_there_is_none(self):
        shown = trace(lambda a, b: (a + b) * (3 * b), torch.tensor(5.0), torch.tensor(3.0))
        cells = [[cell.strip() for cell in row] for row in rows(table(shown, width=120))]
        assert [row[1] for row in cells[1:]] == ["input", "input", "add(a, b)", "mul(b, 3)", "mul(add, mul)"]
        assert [row[3] for row in cells] == ["∂mul_2/∂·", "9", "33", "9", "8", "1"]

    def test_gradients_of_a_tensor_are_of_its_sum_and_said_to_be(self):
        shown = trace(nn.Linear(3, 2), torch.randn(4, 3))
        assert f"∂Σ{shown.of}/∂·" in table(shown, width=160)
        assert "note: gradients are of the sum" in layers(shown, width=160)

    def test_every_node_has_its_line_up_to_the_limit(self, traced):
        assert len(table(traced, width=200).splitlines()) == 1 + len(traced)
        cut = table(traced, limit=4, width=200).splitlines()
        assert len(cut) == 1 + 4 + 1
        assert cut[-1] == f"… and {len(traced) - 4} more of {len(traced)} nodes"

    def test_what_is_not_finite_is_counted(self):
        bad = Node(
            "x", "input", shape=(3,), value=Summary(0, 1, 0.5, 0.5, 1.0, bad=2), gradient=Summary(0, 0, 0, 0, 2.5)
        )
        text = table(Graph({"x": bad}, (Ref("x"),)), width=100)
        assert "0 … 1, 2 NaN or ∞" in text
        assert "norm 2.5" in text

    def test_an_empty_graph_is_said_to_be_empty(self):
        assert table(Graph({}, ())) == "the graph has no nodes to show"
        assert layers(Graph({}, ())).startswith("the graph computes nothing")


class TestWidth:
    def wide(self):
        names = ["層", "ошибка", "e\u0301x", "loss\nnext\x1b[31m", "コスト関数の値", "x" * 90]
        return {
            name: Node(name, "made", text=f"{name}+{name}", value=Summary(1, 1, 1, 0, 1, item=1.0)) for name in names
        }

    def columns(self, line):
        """By the Unicode standard's own classes: what a terminal shows of it."""
        return sum(
            0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1
            for sign in line
        )

    @pytest.mark.parametrize("width", [20, 24, 40, 80, 81, 200])
    def test_no_line_is_wider_than_asked(self, width, traced):
        for text in (table(Graph(self.wide(), ()), width=width), table(traced, width=width)):
            assert max(map(self.columns, text.splitlines())) <= max(width, 40)  # the note on further rows is a sentence
        for line in table(traced, width=width).splitlines():
            assert self.columns(line) <= width

    def test_columns_stand_under_one_another_whatever_the_letters(self):
        lines = table(Graph(self.wide(), ()), width=60).splitlines()
        assert len({self.columns(line) for line in lines}) == 1  # the last column is a number, aligned to the right
        assert len(lines) == 1 + 6

    def test_nothing_that_a_terminal_obeys_gets_through(self):
        text = table(Graph(self.wide(), ()), width=80)
        assert "\x1b" not in text

    def test_the_terminals_width_is_taken(self, traced, monkeypatch):
        monkeypatch.setenv("COLUMNS", "50")
        assert max(map(len, table(traced).splitlines())) <= 50

    def test_mistakes_are_told(self, traced):
        with pytest.raises(ProfundoError, match="at least 20 columns"):
            table(traced, width=5)
        with pytest.raises(ProfundoError, match="1 or more, got 0"):
            table(traced, limit=0)
        with pytest.raises(ProfundoError, match="1 or more, got 0"):
            layers(traced, depth=0)


class TestLayers:
    def test_a_call_is_one_row(self, traced):
        lines = layers(traced, width=200).splitlines()
        names = [line.split()[0] for line in lines[1 : lines.index("")]]
        assert names == ["conv2d", "relu", "flatten", "linear", "linear_2", "linear_3", "square", "mean"]

    def test_parameters_add_up_to_those_of_the_net_though_a_layer_is_called_twice(self, traced):
        expected = sum(parameter.numel() for parameter in Net().parameters())
        for depth in (None, 1, 2):
            lines = layers(traced, depth=depth, width=200).splitlines()
            header = lines[0]
            end = header.index("parameters") + len("parameters")
            cells = [line[header.index("parameters") : end].strip() for line in lines[1 : lines.index("")]]
            assert sum(int(cell.replace(",", "")) for cell in cells if cell) == expected, depth
            assert f"{expected:,} parameters" in lines[-1]

    def test_depth_folds_what_a_module_does_into_one_row(self, traced):
        lines = layers(traced, depth=1, width=200).splitlines()
        table_rows = [line.split()[:2] for line in lines[1 : lines.index("")]]
        assert table_rows[2] == ["again", "Linear"]  # both calls, since nothing is between them
        assert table_rows[0] == ["block", "Sequential"]
        assert [name for name, _ in table_rows] == ["block", "flatten", "again", "head", "square", "mean"]
        deeper = layers(traced, depth=2, width=200).splitlines()
        assert [line.split()[0] for line in deeper[1:4]] == ["block.0", "block.1", "flatten"]

    def test_a_module_that_is_called_again_later_has_a_second_row(self):
        relu = nn.ReLU()
        shown = trace(nn.Sequential(nn.Linear(3, 3), relu, nn.Linear(3, 3), relu), torch.randn(2, 3))
        assert [line.split()[0] for line in layers(shown, depth=1, width=200).splitlines()[1:5]] == [
            "0",
            "1",
            "2",
            "1#2",
        ]

    def test_flops_of_the_rows_are_those_of_the_formula(self, traced):
        row = next(line for line in layers(traced, width=200).splitlines() if line.startswith("linear_3"))
        assert f"{2 * 2 * 36 * 3 / 1000:.3g}" in row or f"{2 * 2 * 36 * 3}" in row

    def test_totals_are_sums_over_all_nodes(self):
        nodes = {
            "w": Node("w", "parameter", parameters=1500),
            "y": Node("y", "mul", args=(Ref("w"),), forward=Cost(2_000_000, 0, 0.5), backward=Cost(4_000_000, 0, 1.25)),
            "z": Node("z", "mul", args=(Ref("y"),), forward=Cost(1_000_000, 0, 0.25)),
        }
        said = totals(Graph(nodes, (Ref("z"),))).replace("\u00a0", " ")
        assert said == "3 nodes; 1,500 parameters; forward 3.00 M FLOPs, 750 ms; backward 4.00 M FLOPs, 1.25 s"
        assert totals(Graph({}, ())) == "0 nodes; 0 parameters"

    def test_rows_over_the_limit_are_counted(self, traced):
        lines = layers(traced, limit=2, width=200).splitlines()
        assert "… and 6 more of 8 calls" in lines
        assert len([node for node in traced if node.op not in GIVEN]) >= 8
