"""Profiles add up to the graph that they are of, and agree with PyTorch's counter and with arithmetic by hand."""

import re

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from profundo.graph.nodes import Cost, Graph, Node
from profundo.graph.traces.profiling import Peak, measured_peak, profile
from profundo.graph.traces.tracing import trace
from profundo.records import ProfundoError

PEAK = Peak(1e9, 1e9)


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(1, 4, 3, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(4 * 36, 5), nn.ReLU(), nn.Linear(5, 2))

    def forward(self, x):
        return self.layers(torch.relu(self.norm(self.convolution(x))) * 2).square().mean()


@pytest.fixture(scope="module")
def graph():
    torch.manual_seed(0)
    return trace(Small(), torch.randn(3, 1, 8, 8))


def total(rows, of):
    return sum(of(row) for row in rows)


@pytest.mark.parametrize("rows", ["modules", "kinds"])
def test_rows_add_up_to_the_graph(graph, rows):
    found = profile(graph, PEAK)
    for name in ("forward", "backward"):
        for of in ("flops", "bytes", "seconds"):
            expected = sum(getattr(getattr(node, name), of) for node in graph)
            assert total(getattr(found, rows), lambda row, n=name, o=of: getattr(getattr(row, n), o)) == pytest.approx(
                expected
            )
            assert getattr(getattr(found.total, name), of) == pytest.approx(expected)
    assert total(getattr(found, rows), lambda row: row.operations) == sum(node.call is not None for node in graph)
    assert total(getattr(found, rows), lambda row: row.activations) == found.total.activations
    assert found.total.parameters == sum(p.numel() for p in Small().parameters())


def test_rows_of_modules_have_what_ran_in_them(graph):
    rows = {row.name: row for row in profile(graph, PEAK).modules}
    assert set(rows) == {"Small", "convolution", "norm", "layers.0", "layers.1", "layers.2", "layers.3"}
    assert rows["convolution"].forward.flops == 2 * 3 * 4 * 36 * 9
    assert rows["layers.1"].parameters == 4 * 36 * 5 + 5
    assert rows["layers.1"].activations == 3 * 5 * 4
    assert rows["layers.0"].activations == 0  # a view keeps nothing of its own
    assert rows["Small"].operations == 4  # relu, *, square, mean


def test_products_agree_with_pytorchs_counter(graph):
    net, x = Small(), torch.randn(3, 1, 8, 8, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        net(x).backward()
    rows = {row.name: row for row in profile(graph, PEAK).kinds}
    counted = rows["conv2d"].both.flops + rows["addmm"].both.flops
    sums = 2 * 3 * (5 + 2)  # the gradients of two biases, which that counter leaves out
    assert counter.get_total_flops() <= counted <= counter.get_total_flops() + sums


def test_what_limits_an_operation_follows_from_the_peaks():
    peak = Peak(flops=100.0, bytes=10.0)
    assert peak.least(Cost(200, 10, 5.0)) == 2
    assert peak.limit(Cost(200, 10)) == "arithmetic"
    assert peak.least(Cost(200, 50, 6.0)) == 5
    assert peak.limit(Cost(200, 50)) == "memory"
    assert peak.limit(Cost(0, 1)) == "memory"
    assert peak.limit(Cost(0, 0, 1.0)) == ""


def test_the_table_is_aligned_and_tells_every_row(graph):
    text = str(profile(graph, PEAK))
    tables = text.split("\n\n")
    for table in tables[:2]:
        assert len({len(line) for line in table.splitlines()}) == 1
    assert [table.split()[:2] for table in tables[:2]] == [["module", "operations"], ["operation", "times"]]
    for name in ("convolution", "layers.3", "conv2d", "batch_norm", "total"):
        assert re.search(rf"^{re.escape(name)} ", text, re.MULTILINE), name
    assert "100" in next(line for line in tables[0].splitlines() if line.startswith("total"))
    assert "1.00\N{NO-BREAK SPACE}GFLOP/s" in text
    assert "<pre>" in profile(graph, PEAK)._repr_html_()


def test_long_tables_add_the_rest_up():
    net = nn.Sequential(*(nn.Linear(2, 2) for _ in range(40)))
    found = profile(trace(net, torch.randn(1, 2)), PEAK)
    assert len(found.modules) >= 40
    assert re.search(r"^\d+ others ", str(found), re.MULTILINE)


def test_a_graph_traced_without_gradients_has_no_backward_time():
    found = profile(trace(Small(), torch.randn(3, 1, 8, 8), backward=False), PEAK)
    assert found.total.backward == Cost()
    assert found.total.activations > 0


def test_markup_in_names_stays_text():
    node = Node("<b>", "<b>", torch.neg, forward=Cost(1, 1, 1.0))
    assert "<b>" not in profile(Graph({"<b>": node}, ()), PEAK)._repr_html_()


def test_the_peak_is_measured_once_and_positive():
    peak = measured_peak("cpu", "float32")
    assert peak.flops > 0
    assert peak.bytes > 0
    assert measured_peak("cpu", "float32") is peak


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: measured_peak("tpu"), "expected a device that is here"),
        (lambda: measured_peak("cpu", "int64"), "expected a floating type"),
        (lambda: measured_peak("cpu", "load"), "expected a floating type"),
        (lambda: Peak(0.0, 1.0), "expected positive rates"),
        (lambda: profile(Graph({}, ())), "has no times"),
    ],
)
def test_what_cannot_be_profiled_is_said_in_one_line(wrong, says):
    with pytest.raises(ProfundoError, match=says) as caught:
        wrong()
    assert "\n" not in str(caught.value)
