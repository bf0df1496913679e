"""What the records say is what the layers do: formulas are read as mathematics and compared with values and gradients."""

import math
import re

import numpy as np
import pytest
import sympy
import torch
from torch import nn

from profundo import nets
from profundo.nets.activations import ACTIVATIONS, Step, activation_layer, step
from profundo.nets.init import GAINS
from profundo.records import Inputs, ProfundoError, Spec, Targets

a = sympy.Symbol("a", real=True)
LOGISTIC = 1 / (1 + sympy.exp(-a))
DENSITY = sympy.exp(-(a**2) / 2) / sympy.sqrt(2 * sympy.pi)
DISTRIBUTION = (1 + sympy.erf(a / sympy.sqrt(2))) / 2
WORDS = {
    "a": a,
    "max": sympy.Max,
    "min": sympy.Min,
    "ln": sympy.log,
    "sigma": lambda _: LOGISTIC,
    "phi": lambda _: DENSITY,
    "Phi": lambda _: DISTRIBUTION,
}
SIGNS = {"·": "*", "−": "-", "²": "**2", "≥": ">=", "σ": "sigma", "φ": "phi", "Φ": "Phi"}
COMMANDS = {r"\varphi": "phi", r"\Phi": "Phi", r"\sigma": "sigma", r"\cdot": "*", r"\ge": ">=", "^": "**"}


def read(expression):
    for sign, plain in SIGNS.items():
        expression = expression.replace(sign, plain)
    chained = re.fullmatch(r"(.+) < a < (.+)", expression.strip())
    if chained:
        return sympy.And(read(chained[1]) < a, a < read(chained[2]))
    return sympy.sympify(expression, locals=WORDS)


def from_text(formula):
    """ "x if c, else y if d, else z" as a function of a."""
    *cases, last = formula.split(", else ")
    pieces = [tuple(read(part) for part in case.split(" if ")) for case in cases]
    while " if " in last:
        raise AssertionError(f"{formula}: no last case")
    return sympy.Piecewise(*pieces, (read(last), True))


def from_latex(latex):
    latex = re.sub(r"\\frac\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}\{((?:[^{}]|\{[^{}]*\})*)\}", r"((\1)/(\2))", latex)
    latex = re.sub(r"(?<![a-z\\])e\^\{([^{}]*)\}", r"exp(\1)", latex)
    for command, plain in COMMANDS.items():
        latex = latex.replace(command, plain)
    cases = re.fullmatch(r"\\begin\{cases\}(.*)\\end\{cases\}", latex)
    latex = re.sub(r"\\(max|min|tanh|ln)", r"\1", latex)
    if not cases:
        return sympy.Piecewise((read(latex), True))
    rows = [row.split("&") for row in cases[1].split(r"\\")]
    return sympy.Piecewise(
        *((read(value), True if "otherwise" in condition else read(condition)) for value, condition in rows)
    )


def places(one):
    """float64 (n, 1): from far left to far right, without the places where the derivative jumps."""
    grid = torch.linspace(-9, 9, 181, dtype=torch.float64)
    far = (grid[:, None] - torch.tensor([*one.kinks, math.inf], dtype=torch.float64)).abs().min(1).values > 1e-6
    return grid[far]


def evaluated(function, at):
    values = sympy.lambdify(a, function, ["scipy", "numpy"])(at.numpy())
    return torch.as_tensor(np.broadcast_to(np.asarray(values, dtype=float), at.shape).copy())


@pytest.mark.parametrize("one", ACTIVATIONS.values(), ids=ACTIVATIONS)
class TestEveryActivation:
    def curve(self, one):
        at = places(one).requires_grad_()
        values = one.make().double()(at)
        (slopes,) = torch.autograd.grad(values.sum(), at)
        return at.detach(), values.detach(), slopes

    def test_layer_and_gradient_are_the_stated_formulas(self, one):
        at, values, slopes = self.curve(one)
        rounded = 2e-4 if one.name == "selu" else 1e-12  # whose constants are written with five digits
        torch.testing.assert_close(values, evaluated(from_text(one.formula), at), rtol=rounded, atol=1e-12)
        torch.testing.assert_close(slopes, evaluated(from_text(one.slope), at), rtol=rounded, atol=1e-12)

    def test_latex_says_the_same_as_the_text(self, one):
        at = places(one)
        for text, latex in ((one.formula, one.latex), (one.slope, one.slope_latex)):
            torch.testing.assert_close(evaluated(from_latex(latex), at), evaluated(from_text(text), at))

    def test_slope_is_the_derivative_of_the_formula(self, one):
        """By central differences, so that neither torch nor the record is asked."""
        at = places(one)
        f = from_text(one.formula)
        differences = (evaluated(f, at + 1e-6) - evaluated(f, at - 1e-6)) / 2e-6
        torch.testing.assert_close(evaluated(from_text(one.slope), at), differences, rtol=1e-6, atol=1e-7)

    def test_values_fill_the_stated_range(self, one):
        at = torch.cat([torch.linspace(-2000, 2000, 4001), torch.linspace(-3, 3, 4001)]).double()
        low, high = one.make().double()(at).aminmax()
        if one.values == "{0, 1}":
            assert one.make()(at).unique().tolist() == [0, 1]
            return
        least, most = (float(edge.replace("−", "-").replace("∞", "inf")) for edge in one.values[1:-1].split(", "))
        for found, edge in ((low.item(), least), (high.item(), most)):
            assert abs(found) > 10 if math.isinf(edge) else found == pytest.approx(edge, abs=0.005)

    def test_it_jumps_or_bends_just_at_its_kinks(self, one):
        at = torch.linspace(-6, 6, 60000, dtype=torch.float64).requires_grad_()  # no place is a kink
        values = one.make().double()(at)
        (slopes,) = torch.autograd.grad(values.sum(), at)
        jumps = ((slopes.diff().abs() > 0.01) | (values.detach().diff().abs() > 0.5)).nonzero().flatten()
        found = [at[index].item() + 1e-4 for index in jumps]
        assert found == pytest.approx(one.kinks, abs=2e-4)

    def test_has_a_gain_and_all_its_words(self, one):
        assert one.gain == GAINS[one.name] > 0
        assert all((one.title, one.use, one.beware, one.values))
        assert one.advice.count(".") >= 2


def test_the_seeds_list_is_complete_and_gains_have_no_strangers():
    assert {
        "step",
        "linear",
        "logistic",
        "tanh",
        "relu",
        "leaky_relu",
        "leaky_relu_0.1",
        "elu",
        "maxout",
        "softplus",
    } <= set(ACTIVATIONS)
    assert set(GAINS) == set(ACTIVATIONS)


def test_a_step_is_one_from_zero_on_and_passes_no_gradient():
    at = torch.tensor([-math.inf, -2.0, -1e-30, 0.0, 1e-30, 0.5, 3.0, math.inf], requires_grad=True)
    values = step(at)
    assert values.tolist() == [0, 0, 0, 1, 1, 1, 1, 1]
    assert torch.autograd.grad(values.sum(), at)[0].tolist() == [0] * 8
    assert Step()(torch.tensor([math.nan])).isnan().all()


@pytest.mark.parametrize("name", [name for name, one in ACTIVATIONS.items() if not one.learns])
def test_a_net_is_built_with_each_by_name(name):
    spec = Spec(Inputs((4,), "features"), Targets("classes", ("a", "b", "c")))
    net = nets.build("mlp", spec, widths=(6, 5), activation=name)
    net(torch.randn(3, 4)).sum().backward()
    assert type(net[1]) is type(activation_layer(name))
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_each_call_makes_a_new_layer():
    assert activation_layer("relu") is not activation_layer("relu")
    assert isinstance(activation_layer("leaky_relu_0.1"), nn.LeakyReLU)
    assert [activation_layer(name).negative_slope for name in ("leaky_relu", "leaky_relu_0.1")] == [0.01, 0.1]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sigmoid", "sigmoid is called logistic here"),
        ("mish", "expected one of linear"),
        ("maxout", "nets.layers.Maxout"),
    ],
)
def test_names_that_are_no_layer_are_explained(name, words):
    with pytest.raises(ProfundoError, match=words):
        activation_layer(name)
