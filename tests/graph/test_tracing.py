"""A trace is compared with the program itself: its outputs, autograd's gradients, hooks, and PyTorch's own counter."""

import concurrent.futures
import copy
import functools
import gc
import math
import random
import threading
import warnings
import weakref
from collections import OrderedDict

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from profundo import nets
from profundo.graph.nodes import GIVEN, Graph
from profundo.graph.running import run, straight, values
from profundo.graph.traces.aten import facts
from profundo.graph.traces.summaries import summary
from profundo.graph.traces.tracing import trace
from profundo.nets.attention import Translator
from profundo.nets.batched_nets import BatchedMLP
from profundo.nets.captioning import Captioner
from profundo.nets.generator_critic import dcgan_generator, maxout_discriminator
from profundo.nets.net_names import (
    DETECTORS,
    NETS_FOR_IMAGES,
    NETS_FOR_PIXELS,
    NETS_FOR_PLANES,
    NETS_FOR_SERIES,
    NETS_FOR_SOUNDS,
    NETS_FOR_TEXTS,
    PUBLISHED_NETS,
)
from profundo.nets.recurrent import LanguageModel, SequenceClassifier
from profundo.nets.threshold_units import xor_net
from profundo.nets.variational import VariationalAutoencoder
from profundo.records import Batch, Inputs, ProfundoError, SoundForm, Spec, Targets

DOUBLE = {"dtype": torch.float64}


def plain(program, inputs, seed=0):
    """What the program returns (tensors, flat), and the gradients of inputs and parameters: by autograd alone."""
    torch.manual_seed(seed)
    parameters = dict(program.named_parameters()) if isinstance(program, nn.Module) else {}
    leaves = [x.detach().clone().requires_grad_() if x.is_floating_point() else x for x in inputs]
    outputs = flat(program(*[x.clone() if x.requires_grad else x for x in leaves]))
    able = [output for output in outputs if output.requires_grad]
    if not able:
        return [output.detach() for output in outputs], {}
    number = next((output for output in able if output.numel() == 1), None)
    cost = number if number is not None else sum(output.sum() for output in able)
    named = {**parameters, **{at: leaf for at, leaf in enumerate(leaves) if leaf.requires_grad}}
    gradients = torch.autograd.grad(cost, list(named.values()), allow_unused=True)
    return [output.detach() for output in outputs], dict(zip(named, gradients, strict=True))


def flat(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [tensor for part in value for tensor in flat(part)] if isinstance(value, list | tuple) else []


def traced(program, *inputs, seed=0, **options):
    torch.manual_seed(seed)
    return trace(program, *inputs, keep=True, **options)


def outputs_of(graph):
    torch_outputs = run(graph)
    return torch_outputs if isinstance(torch_outputs, tuple) else (torch_outputs,)


def check(program, *inputs, exact=True):
    """Outputs, run of the graph and gradients equal those of the program."""
    expected, gradients = plain(copy.deepcopy(program), inputs)
    graph = traced(program, *inputs)
    close = functools.partial(torch.testing.assert_close, rtol=1e-9 if exact else 1e-4, atol=1e-11 if exact else 1e-6)
    torch.manual_seed(0)
    again = run(graph, *inputs)
    for one, other in zip(flat(again), expected, strict=True):
        assert torch.equal(one, other)
    whole = [ref for ref in graph.outputs if ref.part is None]
    for ref in whole:
        at = graph.outputs.index(ref)
        assert torch.equal(graph[ref.node].value.tensor, expected[at])
    for name, gradient in gradients.items():
        node = graph.inputs[name] if isinstance(name, int) else graph.nodes.get(name)
        found = None if node is None or node.gradient is None else node.gradient.tensor
        if gradient is None:
            assert found is None or not found.any()
        else:
            close(found, gradient)
    return graph


# ------------------------------------------------------------------------------------------------------------ all nets
def spec_of(shape, targets=None):
    kind = "sound" if shape == SOUND else {3: "image", 2: "series"}.get(len(shape), "features")
    return Spec(Inputs(shape, kind, sound=SoundForm(8000)), targets or Targets("classes", tuple("0123456789")))


SOUND = (1, 1500)
SHAPES = (
    (NETS_FOR_IMAGES, (3, 32, 32)),
    (NETS_FOR_PIXELS, (3, 9, 14)),
    (NETS_FOR_PLANES, (2,)),
    (NETS_FOR_SERIES, (2, 9)),
    (NETS_FOR_SOUNDS, SOUND),
)
NAMED = [
    (name, next((shape for names, shape in SHAPES if name in names), (5,)))
    for name in nets.NETS
    if name not in NETS_FOR_TEXTS and name not in DETECTORS  # which answer with as many boxes as they find
]


@pytest.mark.parametrize(("name", "shape"), NAMED)
def test_every_net_of_the_catalogue_is_traced_as_it_runs(name, shape):
    torch.manual_seed(1)
    targets = Targets("mask", ("a", "b"), codes=(0, 1)) if name in NETS_FOR_PIXELS else None
    options = {"width": 1 / 16} if name in PUBLISHED_NETS else {}
    net = nets.build(name, spec_of(shape, targets), **options).double()
    graph = check(net, torch.randn(3, *shape, **DOUBLE))
    assert sum(node.parameters for node in graph) == sum(p.numel() for p in net.parameters())


def integers(*shape, below=7):
    return torch.randint(1, below, shape, generator=torch.Generator().manual_seed(3))


def noise(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(2))


FAMILIES = {
    "transposed convolutions": (lambda: dcgan_generator((1, 16, 16), 8, 4), [noise(4, 8)]),
    "maxout": (lambda: maxout_discriminator((1, 8, 8)), [noise(4, 1, 8, 8)]),
    "LSTM": (lambda: LanguageModel(7, 6, embedding=4, layers=2, dropout=0.3), [integers(2, 5)]),
    "GRU": (lambda: LanguageModel(7, 16, embedding=4, cell="gru"), [integers(2, 5)]),
    "sequences of several lengths": (lambda: SequenceClassifier(3, 4, 6), [noise(2, 9, 3), torch.tensor([9, 5])]),
    # Of a width that fills two vectors of AVX-512: a GRU's gates are computed in place on parts of rows, a trace's in rows
    # of their own, and numbers that do not fill them go through other code, which may round otherwise.
    "attention": (lambda: Translator(9, 16, embedding=4), [integers(2, 5), integers(2, 4)]),
    "captioner": (lambda: Captioner(9, 16, maps=8, width=6), [noise(2, 1, 16, 16), integers(2, 4)]),
    "batched": (lambda: BatchedMLP(3, 2, 5, 1), [noise(4, 2)]),
    "thresholds": (xor_net, [torch.tensor([[0.0, 1], [1, 1]], **DOUBLE)]),
    "transformer": (
        lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2, enable_nested_tensor=False
        ),
        [noise(2, 5, 8)],
    ),
    "spectral norm": (lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(3, 4)), [noise(2, 3)]),
    "three dimensions": (
        lambda: nn.Sequential(nn.Conv3d(1, 2, 2), nn.GroupNorm(1, 2), nn.GELU()),
        [noise(2, 1, 4, 4, 4)],
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_other_family_is_traced_as_it_runs(family):
    torch.manual_seed(1)
    build, inputs = FAMILIES[family]
    check(build().double(), *inputs)


def test_a_fused_recurrent_layer_in_float32_is_traced_as_it_runs():
    torch.manual_seed(1)
    check(nn.LSTM(3, 4, 2, bidirectional=True), noise(5, 2, 3, dtype=torch.float32), exact=False)


def test_under_autocast_the_narrow_operations_are_recorded():
    layer = nn.Linear(3, 4)

    def program(x):
        with torch.autocast("cpu", torch.bfloat16):
            return layer(x).float() * 2

    graph = check(program, noise(2, 3, dtype=torch.float32), exact=False)
    assert graph["addmm"].dtype == "bfloat16"


def test_packed_sequences_are_inputs_like_other_tuples():
    sequence = nn.utils.rnn.pack_sequence([torch.randn(4, 3), torch.randn(2, 3)])
    layer = nn.GRU(3, 4)
    graph = trace(layer, sequence)
    assert [node.name for node in graph.inputs] == ["input.data", "input.batch_sizes"]
    assert torch.equal(run(graph, sequence.data, sequence.batch_sizes)[0], layer(sequence)[0].data)


def test_sparse_gradients_are_described():
    table = nn.Embedding(5, 3, sparse=True)
    gradient = trace(table, torch.tensor([1, 1, 4]))["weight"].gradient
    assert (gradient.maximum, gradient.norm) == (2, pytest.approx(math.sqrt(3 * 4 + 3)))


def test_a_variational_autoencoder_draws_the_same_code():
    torch.manual_seed(1)
    check(VariationalAutoencoder((1, 4, 4), 2, 8), noise(3, 1, 4, 4, dtype=torch.float32).sigmoid(), exact=False)


@pytest.mark.parametrize("name", ["lenet5", "fast_cnn", "resnet18", "mlp"])
def test_values_and_gradients_between_modules_equal_those_that_hooks_see(name):
    """Of every module that is called once: what it returns, by a forward hook, and its gradient, by retain_grad."""
    torch.manual_seed(1)
    net = nets.build(name, spec_of((3, 32, 32)), **({"width": 1 / 16} if name in PUBLISHED_NETS else {})).double()
    images = noise(2, 3, 32, 32)
    graph = traced(net, images)
    seen = {}

    def look(path, _module, _inputs, output):
        output.retain_grad()
        seen[path] = output

    for path, module in net.named_modules():
        is_in_place = getattr(module, "inplace", False)
        if path and not is_in_place and next(module.children(), None) is None:
            module.register_forward_hook(functools.partial(look, path))
    torch.manual_seed(0)
    net(images.requires_grad_()).sum().backward()
    compared = 0
    for path, output in seen.items():
        ran = [node for node in graph if node.module == path and node.op not in GIVEN]
        if not ran or len({node.scope for node in ran}) > 3:
            continue
        last = ran[-1]
        assert torch.equal(last.value.tensor, output.detach()), path
        torch.testing.assert_close(last.gradient.tensor, output.grad)
        compared += 1
    assert compared >= 2


# ------------------------------------------------------------------------------------------- what Python may come up with
class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.steps = nn.ModuleList([nn.Linear(3, 3) for _ in range(3)])
        self.other = nn.Linear(3, 3)

    def forward(self, x):
        for number, step in enumerate(self.steps):
            x = torch.tanh(step(x)) if number % 2 else F.relu(step(x))
        while x.norm() < 4:
            x = x * 2 + 0.1
        return self.other(x) if x.mean() > 1e6 else x


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = nn.Linear(3, 3)
        self.other = nn.Linear(3, 3)
        self.other.weight = self.one.weight

    def forward(self, x):
        return self.other(torch.tanh(self.one(self.one(x))))


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clone().mul_(x)

    @staticmethod
    def backward(ctx, gradient):
        return 2 * ctx.saved_tensors[0] * gradient


def penalty(x):
    y = (x**3).sum()
    (slope,) = torch.autograd.grad(y, x, create_graph=True)
    return ((slope.norm() - 1) ** 2).reshape(())


def in_place(x):
    x = x * 1
    x += 2
    x.mul_(1.5)
    x[0] = x[1] * 3
    x[:, 1:].add_(1)
    x[..., 0].zero_()
    return x


def stale_views(x):
    y = x * 2
    row, flat_view, turned = y[1], y.view(-1), y.t()
    inner = flat_view[2:6][1:]
    y.mul_(3)
    inner.add_(10)
    return row + turned[:, 0] + flat_view.sum() + inner.sum() + y.sum()


def casts(x):
    y = torch.zeros(3, 3)
    y += x  # float32 += float64 stays float32
    mask = x.clone()
    mask.gt_(0)
    return y.double() * mask


def many_parts(x):
    first, *_, last = x.unbind(0)
    left, right = x.chunk(2, 1)
    best, where = x.max(1)
    top = torch.topk(x, 2).values
    values, vectors = torch.linalg.eigh(x @ x.T)
    return first * last, left.sum() * right.sum() + best.sum() * where.sum() + top.sum(), values.sum(), vectors.abs()


def regions(x):
    with torch.no_grad():
        scale = x.abs().max()
    return (x / scale + x.detach() * x.data).exp()


def out_argument(x):
    y = torch.empty(3, 3, **DOUBLE)
    with torch.no_grad():
        torch.add(x, 1, out=y)
    return y * x


def chosen(x):
    x = x.clone()
    x[x > 0] = x[x > 0] * 2
    x[torch.tensor([0, 2]), 1] += 5
    return torch.where(x > 1, x, -x).masked_fill(x > 3, 0.0)


def constants(x):
    return x * torch.tensor([1.0, 2.0, 3.0], **DOUBLE) + torch.arange(3) + torch.full((3,), 0.5)


def complex_numbers(x):
    return torch.fft.fft(x).abs().sum()


def on_input(x):
    return x.add_(1).relu_() * 2


def recomputed(x):
    return torch.utils.checkpoint.checkpoint(lambda y: torch.tanh(y * 2).exp(), x, use_reentrant=False)


def written_to_a_list(x):
    parts = [x.clone() for _ in range(2)]
    with torch.no_grad():
        torch._foreach_add_([part.detach() for part in parts], 1.0)
    return parts[0] * parts[1] * x


def filled_step_by_step(x):
    states, state = torch.zeros(4, 3, **DOUBLE), x[0]
    for step in range(4):
        state = torch.tanh(state + x[step % 3])
        states[step] = state
    return states


def resized_by_out(x):
    result, column = torch.empty(0, **DOUBLE), torch.empty(0, **DOUBLE)
    with torch.no_grad():
        torch.mul(x, 2, out=result)
        torch.sum(result, 1, out=column)
    return result * x + column


def turned_in_place(x):
    y = x * 2
    z = y[0]
    y.t_().unsqueeze_(0).mul_(3)
    return y.squeeze_() * x + z


def reused(x):
    w = torch.ones(3, **DOUBLE, requires_grad=True)
    (w * x.detach()).sum().backward()
    return w.grad * x


PROGRAMS = {
    "filled step by step": filled_step_by_step,
    "resized by out": resized_by_out,
    "turned in place": turned_in_place,
    "a backward pass inside": reused,
    "torch.func.grad": lambda x: torch.func.grad(lambda y: (y**3).sum())(x) * x,
    "jacrev": lambda x: torch.func.jacrev(torch.sin)(x[0]) @ x.T,
    "the same twice": lambda x: [x * 2] * 2,
    "branches and loops": Branching().double(),
    "shared weights": Shared().double(),
    "double backward": penalty,
    "in place": in_place,
    "stale views": stale_views,
    "casts": casts,
    "many parts": many_parts,
    "no_grad and detach": regions,
    "an argument for the output": out_argument,
    "masks and indices": chosen,
    "constants": constants,
    "complex": complex_numbers,
    "the input in place": on_input,
    "checkpoint": recomputed,
    "lists in place": written_to_a_list,
    "a function of one's own": lambda x: Square.apply(x) * x,
    "einsum": lambda x: torch.einsum("ij,kj->ik", x, x.tanh()),
    "attention": lambda x: F.scaled_dot_product_attention(x[None, None], x[None, None], x[None, None]),
    "dropout": lambda x: F.dropout(x, 0.5) + F.dropout(x.clone(), 0.5, inplace=True),
    "random": lambda x: x * torch.rand_like(x) + torch.randn(3),
    "powers in place": lambda x: (x + 0).pow_(2) + (x * 1).square_() + (x.abs() + 1).pow_(x) + (x + 1).float_power_(3),
    "forward over reverse": lambda x: torch.func.hessian(lambda y: (y**3).sum())(x).sum(0) * x,
    "reverse over forward": lambda x: torch.func.jacrev(lambda y: torch.func.jvp(torch.sin, (y,), (x,))[1].sum())(x),
    "vmap": lambda x: torch.vmap(lambda row: row.dot(row) * row)(x),
    "an expanded whole": lambda x: x[:1].expand(4, 3).clone().add_(1).sum(0) * x,
    "the input itself": lambda x: x,
    "no operation but a view": lambda x: x.t(),
    "a dictionary": lambda x: {"loss": (x * x).sum(), "logits": [x + 1, x]},
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_are_traced_as_they_run(name):
    check(PROGRAMS[name], noise(3, 3) + 0.1)


@pytest.mark.parametrize("name", ["in place", "double backward", "shared weights", "a dictionary"])
def test_programs_are_traced_without_a_backward_pass(name):
    expected, _ = plain(PROGRAMS[name], [noise(3, 3)])
    needs = torch.ones(3, 3, **DOUBLE, requires_grad=True) if name == "double backward" else 1
    graph = traced(PROGRAMS[name], needs * noise(3, 3), backward=False)
    assert all(node.gradient is None and node.backward.seconds == 0 for node in graph)
    assert graph.of == ""
    for ref, value in zip(graph.outputs, expected, strict=True):
        assert torch.equal(graph[ref.node].value.tensor, value)


DECIDED = {"dropout", "random", "double backward", "checkpoint", "branches and loops", "masks and indices"}
"""Programs in which a number that Python looked at, or the generator, decides what is computed."""


@pytest.mark.parametrize("name", sorted(set(PROGRAMS) - DECIDED))
def test_another_input_runs_through_the_same_graph(name):
    """Node by node, twice, for nothing in the graph is used up, and as one straight function."""
    graph = traced(PROGRAMS[name], noise(3, 3))
    other = noise(3, 3).flip(0) + 0.3
    expected, _ = plain(PROGRAMS[name], [other])
    function = straight(graph, [node.name for node in graph.inputs])
    for results in (run(graph, other), run(graph, other), function(other)):
        for one, value in zip(flat(results), expected, strict=True):
            torch.testing.assert_close(one, value, rtol=1e-12, atol=1e-12)


UNLIKE = {  # a graph does not know what ran without autograd, nor from which view of a turned tensor autograd derives another
    "turned in place", "no_grad and detach", "an argument for the output", "resized by out", "a backward pass inside",
    "lists in place", "a function of one's own", "checkpoint",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(PROGRAMS) - UNLIKE))
def test_the_gradient_of_every_node_equals_that_of_running_the_graph_under_autograd(name):
    """The graph has no operation in place any more: its gradients are plain ones."""
    torch.manual_seed(0)
    graph = traced(PROGRAMS[name], noise(3, 3) + 0.1)
    torch.manual_seed(0)
    leaf = (noise(3, 3) + 0.1).requires_grad_()
    known = values(graph, leaf, given={n.name: n.data.clone().requires_grad_() for n in graph if n.op == "parameter"})
    ends = [known[ref.node] if ref.part is None else known[ref.node][ref.part] for ref in graph.outputs]
    number = next(([end] for end in ends if end.requires_grad and end.numel() == 1), None)
    cost = sum(end.sum() for end in number or ends if end.requires_grad)
    missing = []
    for node in graph:
        value = known[node.name]
        if not isinstance(value, torch.Tensor) or not value.requires_grad:
            continue
        (gradient,) = torch.autograd.grad(cost, value, retain_graph=True, allow_unused=True)
        if node.gradient is not None:
            expected = torch.zeros_like(value) if gradient is None else gradient.contiguous()
            torch.testing.assert_close(node.gradient.tensor, expected, rtol=1e-9, atol=1e-12)
        elif gradient is not None and gradient.any():
            missing.append(node.name)
    assert all(
        "view" in graph[name].op or graph[name].op in {"select", "slice", "reshape", "as_strided", "expand"}
        for name in missing
    ), missing


# ---------------------------------------------------------------------------------------------------- flows and slopes
def test_local_derivatives_are_those_of_finite_differences():
    def f(x, y):
        a = x * y
        b = torch.sin(a) / y
        c = b.pow(3) - a * a
        return torch.exp(c) + c

    graph = traced(f, torch.tensor(0.7, **DOUBLE), torch.tensor(1.3, **DOUBLE))
    known = values(graph, torch.tensor(0.7, **DOUBLE), torch.tensor(1.3, **DOUBLE))
    step = 1e-6
    compared = 0
    for (name, place), flow in graph.flows.items():
        node = graph[name]
        arguments = [known[ref.node] for ref in node.refs]

        def moved(by, node=node, place=place, arguments=arguments):
            at = iter([a + by if k == place else a for k, a in enumerate(arguments)])
            return node.call(*[next(at) if not isinstance(arg, int | float) else arg for arg in node.args])

        assert flow.local == pytest.approx(float(moved(step) - moved(-step)) / (2 * step), rel=1e-6)
        compared += 1
    assert compared == sum(len(node.refs) for node in graph)


def test_shares_along_edges_add_up_to_the_gradient():
    """Of a single number, where norms are magnitudes: dC/dx = Σ over users of dC/du · ∂u/∂x."""
    w = torch.tensor(3.0, **DOUBLE, requires_grad=True)
    graph = traced(lambda x: (x * w + x) * torch.exp(x) * x.square(), torch.tensor(0.4, **DOUBLE))
    for node in graph:
        edges = graph.users()[node.name]
        if node.gradient is None or not edges:
            continue
        for name, place in edges:
            flow = graph.flows[name, place]
            assert flow.gradient == pytest.approx(abs(graph[name].gradient.item * flow.local))
        total = sum(graph[name].gradient.item * graph.flows[name, place].local for name, place in edges)
        assert node.gradient.item == pytest.approx(total)


def test_the_share_of_each_user_is_the_norm_of_its_own_contribution():
    x, w = noise(4, 4), noise(4, 4).flip(0)
    graph = traced(lambda x: (x @ w).sum() + (x * x).sum() + x.tanh().sum(), x)
    by_op = {
        graph[name].op: [graph.flows[n, p].gradient for n, p in graph.users()["x"] if n == name]
        for name, _ in graph.users()["x"]
    }
    assert by_op["matmul"] == [pytest.approx((torch.ones(4, 4, **DOUBLE) @ w.T).norm().item())]
    assert by_op["mul"] == [pytest.approx(x.norm().item())] * 2
    assert by_op["tanh"] == [pytest.approx((1 - x.tanh() ** 2).norm().item())]


def test_two_edges_of_one_input_to_one_operation_are_told_apart():
    x = noise(3, 3)
    graph = traced(lambda x: (x @ x).sum(), x)
    ones = torch.ones(3, 3, **DOUBLE)
    assert graph.flows["matmul", 0].gradient == pytest.approx((ones @ x.T).norm().item())
    assert graph.flows["matmul", 1].gradient == pytest.approx((x.T @ ones).norm().item())


# ---------------------------------------------------------------------------------------------------------------- costs
@pytest.mark.parametrize("name", ["lenet5", "resnet18", "mlp"])
def test_flops_equal_those_that_pytorch_counts(name):
    torch.manual_seed(1)
    net = nets.build(name, spec_of((3, 32, 32)), **({"width": 1 / 16} if name in PUBLISHED_NETS else {}))
    images = noise(2, 3, 32, 32, dtype=torch.float32)
    graph = trace(net, images)
    with FlopCounterMode(display=False) as forward:
        output = net(images.requires_grad_()).sum()
    with FlopCounterMode(display=False) as backward:
        torch.autograd.grad(output, [images, *net.parameters()])
    products = {"matmul", "addmm", "conv2d"}
    assert sum(node.forward.flops for node in graph if node.op in products) == forward.get_total_flops() > 0
    inner = sum(node.backward.flops for node in graph if node.op in products)
    # Gradients of biases and of values with several users are summed too, which PyTorch's counter leaves out.
    assert backward.get_total_flops() <= inner < backward.get_total_flops() * 1.05


def test_flops_and_bytes_of_a_product_are_counted_by_hand():
    graph = trace(lambda x, y: (x @ y).view(-1).relu().sum(), torch.randn(3, 4), torch.randn(4, 5))
    assert graph["matmul"].forward.flops == 2 * 3 * 4 * 5
    assert graph["matmul"].forward.bytes == 4 * (12 + 20 + 15)
    assert graph["matmul"].backward.flops == 2 * (2 * 3 * 4 * 5)
    assert (graph["reshape"].forward.flops, graph["reshape"].forward.bytes) == (0, 0)
    assert (graph["relu"].forward.flops, graph["relu"].forward.bytes) == (15, 4 * 30)
    assert (graph["sum"].forward.flops, graph["sum"].forward.bytes) == (15, 4 * 16)
    assert all(node.forward.seconds > 0 for node in graph if node.op not in GIVEN)
    assert all(node.backward.seconds > 0 for node in graph if node.op in {"matmul", "relu", "reshape"})


# ------------------------------------------------------------------------------------------------- names, places, notes
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])
        self.norm = nn.BatchNorm1d(3)

    def forward(self, image, _mask=None):
        for layer in self.layers:
            image = F.relu(layer(image))
        return self.norm(image)


def test_nodes_have_names_modules_scopes_and_lines():
    graph = trace(Block(), torch.randn(4, 3))
    assert [node.name for node in graph.inputs] == ["image"]
    assert graph["layers.0.weight"].op == "parameter"
    assert graph["layers.0.weight"].module == "layers.0"
    assert graph["norm.running_mean"].op == "buffer"
    assert {"addmm", "addmm_2", "relu", "relu_2", "batch_norm"} <= set(graph.nodes)
    assert graph["addmm_2"].module == "layers.1"
    assert graph["relu"].module == ""
    assert [n.name for n in graph if n.scope == "linear_2"] == ["transpose_2", "addmm_2"]
    assert graph.modules == {
        "": "Block", "layers": "ModuleList", "layers.0": "Linear", "layers.1": "Linear", "norm": "BatchNorm1d",
    }  # fmt: skip
    first = Block.forward.__code__.co_firstlineno
    assert graph["relu"].line == f"test_tracing.py:{first + 2}"
    assert graph["batch_norm"].line == f"test_tracing.py:{first + 3}"


def test_lines_inside_torch_are_named_where_nothing_else_called():
    graph = trace(nn.Sequential(nn.Linear(2, 2)), torch.randn(1, 2))
    assert graph["addmm"].line.startswith("linear.py:")


def test_a_module_called_twice_keeps_its_path_and_has_two_scopes():
    graph = trace(Shared().double(), noise(2, 3))
    assert [(n.module, n.scope) for n in graph if n.op == "addmm"] == [
        ("one", "linear"), ("one", "linear_2"), ("other", "linear_3"),
    ]  # fmt: skip
    assert [n.name for n in graph if n.op == "parameter"] == ["one.weight", "one.bias", "other.bias"]


def test_the_tensors_around_a_function_are_called_as_it_calls_them():
    weight = torch.randn(3, 3, requires_grad=True)
    layers = [nn.Linear(3, 3)]
    shift = torch.ones(3)
    graph = trace(lambda x: layers[0](x @ weight) + shift, torch.randn(2, 3))
    assert {n.name: n.op for n in graph if n.op in GIVEN} == {
        "x": "input", "weight": "parameter", "layers.0.weight": "parameter", "layers.0.bias": "parameter",
        "shift": "constant",
    }  # fmt: skip
    assert graph["weight"].gradient is not None
    assert weight.grad is None


def test_what_was_computed_before_is_a_constant_with_a_gradient():
    weight = torch.tensor(3.0, requires_grad=True)
    double = weight * 2
    graph = trace(lambda x: x * double, torch.tensor(5.0))
    assert graph["double"].op == "constant"
    assert graph["double"].gradient.item == 5
    assert weight.grad is None
    assert double.grad_fn is not None
    (double * 1).backward()  # what was computed before is whole
    assert weight.grad == 2


def test_operations_of_an_inner_backward_pass_stand_on_the_line_that_asks_for_it():
    graph = trace(penalty, torch.randn(3))
    line = penalty.__code__.co_firstlineno + 2
    inner = [node for node in graph if node.scope == "grad"]
    assert len(inner) >= 2
    assert {node.line for node in inner} == {f"test_tracing.py:{line}"}


def test_inputs_may_be_nested_and_outputs_too():
    def f(pair, named, *rest, scale=2):
        return {"a": pair[0] * named["k"] * scale, "b": (rest[0] + rest[1], "text", None)}

    graph = trace(f, (torch.ones(2), 3), {"k": torch.ones(2)}, torch.ones(1), torch.ones(1))
    assert [node.name for node in graph.inputs] == ["pair.0", "named.k", "rest_1", "rest_2"]
    assert [ref.node for ref in graph.outputs] == ["mul_2", "add"]
    assert graph.of == "add"
    assert graph.notes == ("gradients are of one of 2 outputs: the first that is a single number",)


def test_records_and_ordered_dictionaries_are_inputs_too():
    def f(batch, named):
        return (batch.inputs * named["a"]).sum() + batch.total

    graph = trace(f, Batch(torch.ones(2, 3), torch.zeros(2), 2), OrderedDict(a=torch.ones(3)))
    assert [node.name for node in graph.inputs] == ["batch.inputs", "batch.targets", "named.a"]
    assert graph["named.a"].gradient.mean == 2
    assert graph["batch.targets"].gradient is None


def test_tensors_that_a_module_holds_without_registering_them_have_names():
    net = nn.Linear(2, 2)
    net.scale = torch.tensor([1.0, 2.0], requires_grad=True)
    net.forward = lambda x: F.linear(x, net.weight) * net.scale
    graph = trace(net, torch.ones(1, 2))
    assert graph["scale"].op == "parameter"
    assert graph["scale"].gradient is not None


def test_a_compiled_script_is_traced_operation_by_operation():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = torch.jit.trace(nn.Sequential(nn.Linear(3, 2), nn.Tanh()), torch.ones(1, 3))
    graph = trace(script, torch.ones(4, 3))
    assert {"addmm", "tanh"} <= {node.op for node in graph}
    assert torch.equal(run(graph, torch.ones(4, 3)), script(torch.ones(4, 3)))


def test_what_is_compiled_is_traced_as_it_was_written():
    from torch._dynamo.utils import counters

    def doubled(x):
        return x.sin() * 2

    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    compiled, inner = torch.compile(net, backend="eager"), torch.compile(doubled, backend="eager")
    x = noise(2, 3).float()
    frames = sum(counters["frames"].values())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole, part = trace(compiled, x), trace(lambda x: inner(net(x)), x)
    assert list(whole.nodes) == list(trace(net, x).nodes)
    assert list(part.nodes) == list(trace(lambda x: doubled(net(x)), x).nodes)
    assert {"Sequential", "Linear", "ReLU"} == set(whole.modules.values())
    assert sum(counters["frames"].values()) == frames  # nothing was compiled meanwhile, the recorder least of all
    assert torch.equal(inner(x), doubled(x))
    assert sum(counters["frames"].values()) > frames


def test_hooks_of_the_user_work_as_in_a_plain_call():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1)).double()
    seen = []
    net[0].register_forward_hook(lambda _module, _args, output: output * 2)
    net[1].register_full_backward_hook(lambda _module, _inner, outer: seen.append(outer[0].shape))
    x = noise(2, 3)
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(net(leaf).sum(), leaf)
    seen.clear()
    graph = traced(net, x)
    torch.testing.assert_close(graph["input"].gradient.tensor, expected)
    assert seen == [torch.Size((2, 1))]


def test_operations_have_short_words():
    def f(x):
        y = F.conv2d(x, torch.ones(2, 1, 1, 1))
        y = F.conv_transpose2d(y, torch.ones(2, 1, 1, 1))
        y = F.max_pool2d(y, 2).flatten(1)
        y = F.log_softmax(F.layer_norm(y, (4,)), 1).softmax(1)
        return F.nll_loss(y, torch.zeros(2).long())

    words = {node.op for node in trace(f, torch.randn(2, 1, 4, 4))}
    assert {"conv2d", "conv_transpose2d", "max_pool2d", "reshape", "layer_norm", "log_softmax", "softmax"} <= words
    assert "nll_loss" in words


def test_notes_say_what_a_graph_cannot_know():
    graph = trace(lambda x: x * 2 if x.sum() > 0 else x, torch.ones(2))
    assert any("reads a number from a tensor" in note and "test_tracing.py" in note for note in graph.notes)
    assert "gradients are of the sum of the outputs" in graph.notes
    net = nn.ModuleDict({"used": nn.Linear(2, 2), "idle": nn.Linear(2, 2)})
    assert "no part in it took net.idle.weight, net.idle.bias" in trace(lambda x: net["used"](x), torch.ones(2)).notes
    graph = trace(lambda x: x + 1, torch.arange(3))
    assert graph.of == ""
    assert graph.notes == ("nothing that is returned depends on something that can be learned: there are no gradients",)


# --------------------------------------------------------------------------------------------------- nothing is touched
class Untidy(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.dropout = nn.Dropout(0.5)
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("last", torch.zeros(2, 3))
        self.fails = False

    def forward(self, x):
        self.count += 1
        self.last = x.detach() + np.random.rand() + random.random()
        self.eval()
        if self.fails:
            raise KeyError("mine")
        return self.dropout(self.norm(x))


@pytest.mark.parametrize("fails", [False, True])
def test_module_and_generators_are_left_as_they_were(fails):
    net = Untidy()
    net.fails = fails
    net.norm.weight.grad = torch.full((3,), 7.0)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    last = net.last
    state, ours, numpy = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    x = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
    given = x.clone()
    if fails:
        with pytest.raises(KeyError, match="mine"):
            trace(net, x)
    else:
        trace(net, x)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert net.last is last
    assert net.training
    assert net.dropout.training
    assert torch.equal(net.norm.weight.grad, torch.full((3,), 7.0))
    assert torch.equal(torch.get_rng_state(), state)
    assert random.getstate() == ours
    assert np.array_equal(np.random.get_state()[1], numpy)
    assert torch.equal(x, given)
    assert not x.requires_grad
    assert not torch.nn.modules.module._global_forward_hooks
    assert not torch.nn.modules.module._global_forward_pre_hooks
    assert torch.overrides._get_current_function_mode() is None
    assert torch.utils._python_dispatch._get_current_dispatch_mode() is None


def test_running_a_graph_in_place_leaves_module_and_graph_as_they_were():
    net = Untidy()
    graph = trace(net, torch.ones(2, 3))
    before = {key: value.clone() for key, value in net.state_dict().items()}
    data = {node.name: node.data.clone() for node in graph if node.data is not None}
    run(graph, torch.randn(2, 3))
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert all(torch.equal(graph[name].data, value) for name, value in data.items())


def test_running_a_graph_does_not_move_running_averages():
    net = nn.BatchNorm1d(3)
    graph = trace(net, torch.randn(5, 3))
    for _ in range(2):
        assert torch.equal(run(graph, torch.ones(2, 3)), net.__class__(3)(torch.ones(2, 3)))
    assert torch.equal(net.running_mean, torch.zeros(3))
    assert net.num_batches_tracked == 0


def test_modules_that_run_in_other_threads_are_not_those_of_the_trace():
    net, other = nn.Sequential(nn.Linear(2, 2)), nn.Sequential(nn.Tanh())

    def program(x):
        worker = threading.Thread(target=other, args=(torch.ones(2),))
        worker.start()
        worker.join()
        return net(x)

    assert set(trace(program, torch.ones(1, 2)).modules.values()) == {"program", "Sequential", "Linear"}


@pytest.mark.parametrize("backward", [True, False])
def test_what_runs_in_another_thread_is_refused(backward):
    net = nn.Linear(2, 2)

    def program(x):
        results = []
        worker = threading.Thread(target=lambda: results.append(net(x)))
        worker.start()
        worker.join()
        return results[0] * 2

    with pytest.raises(ProfundoError, match=r"^trace: Linear net ran in another thread, where nothing is seen"):
        trace(program, torch.ones(1, 2), backward=backward)


def test_what_a_function_computes_in_another_thread_is_refused_and_what_was_computed_before_is_not():
    def program(x):
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            return pool.submit(torch.sin, x).result() + x

    with pytest.raises(ProfundoError, match="a part of the program ran in another thread"):
        trace(program, torch.ones(2))
    before = torch.ones(2, requires_grad=True) * 2
    assert trace(lambda x: before * x, torch.ones(2)).notes == ("gradients are of the sum of the outputs",)


def test_inputs_may_be_given_by_name_beside_what_is_no_tensor():
    attention, x = nn.MultiheadAttention(4, 2, batch_first=True).double(), noise(1, 3, 4)
    graph = trace(attention, x, x + 1, value=x - 1, need_weights=False, keep=True)
    assert [node.name for node in graph.inputs] == ["query", "key", "value"]
    expected = attention(x, x + 1, value=x - 1, need_weights=False)[0]
    torch.testing.assert_close(run(graph, x, x + 1, x - 1), expected, rtol=1e-12, atol=1e-12)
    assert run(trace(lambda x, power=1: x**power, x, power=3), 2 * x).equal((2 * x) ** 3)
    with pytest.raises(ProfundoError, match="input power is a NumPy array"):
        trace(lambda x, power=1: x**power, x, power=np.ones(2))


class Resized(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("sparse", torch.eye(3).to_sparse())
        self.register_buffer("rows", torch.eye(3).to_sparse_csr())
        self.register_buffer("memory", torch.zeros(2))
        self.register_buffer("shrunk", torch.arange(4.0))

    def forward(self, x):
        self.memory.resize_(5).fill_(1)
        self.shrunk.resize_(2).fill_(9)
        self.sparse.mul_(2)
        self.rows.mul_(3)
        return torch.sparse.mm(self.sparse, x).sum() + (self.rows @ x).sum()


@pytest.mark.filterwarnings("ignore:Sparse CSR")
def test_sparse_and_resized_buffers_are_left_as_they_were():
    net, x = Resized(), torch.ones(3, 1)
    buffers = list(net.buffers())
    assert trace(net, x)[trace(net, x).of].value.item == 2 * 3 + 3 * 3
    assert all(one is other for one, other in zip(net.buffers(), buffers, strict=True))
    assert net.memory.tolist() == [0, 0]
    assert net.shrunk.tolist() == [0, 1, 2, 3]
    assert torch.equal(net.sparse.to_dense(), torch.eye(3))
    assert torch.equal(net.rows.to_dense(), torch.eye(3))


class Dense:
    """A layer of somebody's own, of which torch knows nothing."""

    def __init__(self, inputs, outputs):
        self.kernel = torch.randn(inputs, outputs, requires_grad=True)
        self.norm = nn.BatchNorm1d(outputs)

    def __call__(self, x):
        return self.norm(x @ self.kernel)


class Kept(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(3, 4), nn.BatchNorm1d(4), Dense(4, 2)]

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class Keraslike:
    def __init__(self):
        self.layers = {"first": Dense(3, 4), "second": Dense(4, 2)}

    def __call__(self, x):
        return self.layers["second"](self.layers["first"](x).relu())


def test_layers_that_torch_does_not_register_have_names_and_are_left_as_they_were():
    graph = trace(net := Kept(), torch.randn(5, 3))
    learned = {node.name for node in graph if node.op == "parameter"}
    assert learned == {
        *("layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"),
        *("layers.2.kernel", "layers.2.norm.weight", "layers.2.norm.bias"),
    }
    assert graph.modules["layers.2.norm"] == "BatchNorm1d"
    assert net.layers[1].num_batches_tracked == net.layers[2].norm.num_batches_tracked == 0
    net.twice = nn.ModuleList(net.layers[:2])  # registered, too: one name for each, and none is said to be unused
    assert not any("no part in it" in note for note in trace(net, torch.randn(5, 3)).notes)
    graph = trace(other := Keraslike(), torch.randn(5, 3))
    assert {"layers.first.kernel", "layers.second.norm.bias"} < {node.name for node in graph}
    assert other.layers["first"].norm.running_mean.tolist() == [0] * 4


def test_a_gradient_that_vanishes_because_the_outputs_add_up_to_the_same_is_remarked_on():
    net, x = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4)), torch.randn(2, 3)
    for flat in (net, nn.Softmax(-1)):
        assert any("give a cost, such as cost=" in note for note in trace(flat, x).notes)
    assert trace(net, x, cost=lambda y: y.square().mean()).notes == ()
    assert not any("give a cost" in note for note in trace(nn.Linear(3, 4), x).notes)


def test_the_conditional_of_torch_is_a_branch_and_afterwards_what_it_was():
    code = torch.cond.__code__
    conditional = torch.cond

    def program(x):
        return conditional(x.sum() > 0, torch.sin, torch.cos, (x,)).sum()

    for x, op in ((torch.ones(2), "sin"), (-torch.ones(2), "cos")):
        graph = trace(program, x)
        assert op in {node.op for node in graph}
        assert run(graph, x) == getattr(x, op)().sum()
        torch.testing.assert_close(graph["x"].gradient.norm, ((x.cos() if op == "sin" else x.sin()).norm()).item())
    assert torch.cond.__code__ is code


def test_what_the_program_counts_outside_is_kept_as_it_was_when_it_was_read():
    state = torch.zeros(3)

    def program(x):
        return x * state.add_(1)

    graph = trace(program, torch.ones(3))
    assert state.tolist() == [1, 1, 1]  # as after a plain call
    assert graph["state"].data.tolist() == [0, 0, 0]
    for _ in range(2):
        assert run(graph, torch.ones(3)).tolist() == [1, 1, 1]
    assert state.tolist() == [1, 1, 1]


def test_after_a_module_that_failed_the_path_is_right_again():
    class Careful(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Sequential(nn.Linear(9, 9))

        def forward(self, x):
            try:
                return self.first(x)
            except RuntimeError:
                return x.exp()

    assert trace(Careful(), torch.ones(2, 3))["exp"].module == ""


def test_an_input_changed_in_place_stays_as_the_caller_has_it():
    x = torch.tensor([-1.0, 2.0])
    graph = trace(nn.ReLU(inplace=True), x)
    assert x.tolist() == [-1.0, 2.0]
    assert run(graph, x).tolist() == [0.0, 2.0]
    assert x.tolist() == [-1.0, 2.0]


def test_a_graph_does_not_keep_the_autograd_graph_or_the_values():
    class Watched(nn.Module):
        def forward(self, x):
            y = x * 2
            alive.append(weakref.ref(y))
            return y.exp()

    alive = []
    graph = trace(Watched(), torch.randn(1000))
    gc.collect()
    assert isinstance(graph, Graph)
    assert alive[0]() is None


# --------------------------------------------------------------------------------------------------------------- errors
def test_what_cannot_be_traced_is_said_in_one_line():
    def used_up(x):
        y = (x * x).sum()
        torch.autograd.grad(y, x)
        return y

    cases = [
        (lambda: trace(lambda _: 3, torch.ones(2)), "expected a tensor to be returned, got int"),
        (lambda: trace(lambda x: x, 3.0), "expected tensors as inputs, got float"),
        (lambda: trace(lambda x: x, np.ones(2)), "input 1 is a NumPy array"),
        (lambda: trace(torch.ones(2), torch.ones(2)), "expected a module or a function, got Tensor"),
        (lambda: trace(used_up, torch.ones(2)), "freed it"),
        (lambda: trace(nn.Sequential(nn.LazyLinear(3)), torch.ones(2, 4)), "0.weight has no size yet; call LazyLinear"),
        (lambda: trace(nn.LazyBatchNorm1d(affine=False), torch.ones(2, 4)), "running_mean has no size yet"),
    ]
    for wrong, says in cases:
        with pytest.raises(ProfundoError, match=says) as caught:
            wrong()
        assert "\n" not in str(caught.value)


def test_errors_of_the_program_come_out_as_they_are():
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        trace(nn.Linear(2, 3), torch.ones(4, 5))

    def spoiled(x):
        y = x.exp()
        z = y.sum()
        y.mul_(2)
        return z + y.sum()

    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        trace(spoiled, torch.ones(2))


def test_gradients_are_traced_where_they_are_switched_off_around():
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            graph = trace(lambda x: x * x, torch.tensor(3.0))
        assert graph["x"].gradient.item == 6


# ------------------------------------------------------------------------------------------------------ awkward numbers
def test_values_that_are_not_finite_are_counted_and_survived():
    graph = trace(lambda x: torch.log(x) / x, torch.tensor([0.0, -1.0, 1.0, 2.0]))
    assert graph["log"].value.bad == 2
    assert graph["log"].value.maximum == pytest.approx(math.log(2))
    assert graph["x"].gradient.bad >= 1


def test_empty_tensors_integers_and_halves_are_described():
    graph = trace(
        lambda x, y, z: x.sum() + y.sum() + z.float().sum(), torch.ones(0, 3), torch.arange(5), torch.ones(2).bool()
    )
    assert graph["x"].shape == (0, 3)
    assert math.isnan(graph["x"].value.mean)
    assert graph["y"].value.mean == 2
    assert graph["z"].dtype == "bool"
    assert trace(lambda x: x * 2, torch.ones(3, dtype=torch.bfloat16))["mul"].value.mean == 2


AWKWARD = {
    "large": torch.randn(300_001) + 3,
    "far from zero": torch.randn(50_000) * 0.01 + 1000,
    "huge": torch.randn(1000) * 1e30,
    "huge doubles": torch.randn(1000, **DOUBLE) * 1e200,
    "tiny": torch.randn(1000) * 1e-30,
    "zeros": torch.zeros(10),
    "channels last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "expanded": torch.randn(3, 1, 5).expand(3, 7, 5),
    "every other": torch.randn(40)[::2],
    "integers": torch.randint(-5, 5, (77,)),
    "halves": torch.randn(100).half(),
}


@pytest.mark.parametrize("name", AWKWARD)
def test_summaries_equal_numpys_in_double_precision(name):
    values = AWKWARD[name].double().numpy()
    found = summary(AWKWARD[name])
    assert found.minimum == values.min()
    assert found.maximum == values.max()
    scale = max(abs(values.min()), abs(values.max()), 1e-300)
    assert found.mean == pytest.approx(values.mean(), rel=1e-5, abs=1e-6 * scale)
    assert found.std / scale == pytest.approx((values / scale).std(), rel=1e-5)
    assert found.norm / scale == pytest.approx(np.linalg.norm(values / scale), rel=1e-6)
    assert found.bad == 0


def test_summaries_leave_out_what_is_not_finite():
    found = summary(torch.tensor([[1.0, math.nan, 3.0], [math.inf, 5.0, -math.inf]]))
    assert (found.minimum, found.maximum, found.mean, found.bad) == (1, 5, 3, 3)
    assert found.std == pytest.approx(np.std([1, 3, 5]))
    assert summary(torch.full((4,), math.nan)).bad == 4
    assert summary(torch.tensor(math.inf)).bad == 1
    assert summary(torch.tensor([math.nan, math.nan, 2.0]).expand(5, 3)).bad == 10


def test_facts_of_operations_are_read_from_their_schemas():
    aten = torch.ops.aten
    assert facts(aten.relu_.default).functional is aten.relu.default
    assert facts(aten.relu_.default).writes == (0,)
    assert facts(aten.add.out).writes == ("out",)
    assert facts(aten.view.default).is_view
    assert not facts(aten.mul.Tensor).is_view
    assert facts(aten.eq_.Scalar).functional is None


def test_gradients_are_of_the_cost_that_is_given():
    net, images, labels = (
        nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).double(),
        torch.randn(5, 2, 2).double(),
        torch.arange(5) % 3,
    )
    graph = trace(net, images, cost=lambda scores: nn.functional.cross_entropy(scores, labels), keep=True)
    expected = torch.autograd.grad(nn.functional.cross_entropy(net(images), labels), net[1].weight)[0]
    torch.testing.assert_close(graph["1.weight"].gradient.tensor, expected)
    assert graph["1.weight"].module == "1"
    assert graph.modules[""] == "Sequential"
    assert graph["labels"].op in ("constant", "buffer")
    assert graph[graph.of].scope == "cross_entropy"
    with pytest.raises(ProfundoError, match="expected a cost that is a single number, got one of shape"):
        trace(net, images, cost=lambda scores: scores)
    with pytest.raises(ProfundoError, match="expected a cost that is a single number, got float"):
        trace(net, images, cost=lambda scores: scores.sum().item())
