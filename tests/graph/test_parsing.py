"""Formulas against Python's own grammar (its `ast`, with ** for ^), and every mistake against one clear line."""

import ast
import math
import operator
from types import SimpleNamespace

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from profundo.graph import operations
from profundo.graph.expressions.expression import ancestors, inputs_of, scalar, walk
from profundo.graph.expressions.formula_functions import FUNCTIONS
from profundo.graph.expressions.functions import function, graph_of
from profundo.graph.expressions.parsing import parse
from profundo.graph.expressions.viewing import view
from profundo.graph.expressions.writing import write, write_latex
from profundo.records import ProfundoError

VALUES = {"a": 1.7, "b": -0.6, "c": 2.3, "x1": 0.4}
PYTHON = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.USub: operator.neg, ast.UAdd: operator.pos,
}  # fmt: skip


def by_python(tree, values):
    """The value of a Python expression over numbers (or tensors), by walking its syntax tree."""
    match tree:
        case ast.Expression(body=body):
            return by_python(body, values)
        case ast.Constant(value=value):
            return float(value)
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(op=op, operand=operand):
            return PYTHON[type(op)](by_python(operand, values))
        case ast.BinOp(left=left, op=op, right=right):
            return PYTHON[type(op)](by_python(left, values), by_python(right, values))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            function = {"max": max, "min": min}.get(name) or getattr(math, name)
            return function(*(by_python(one, values) for one in arguments))
    raise AssertionError(ast.dump(tree))


def value(text, values=VALUES, variables=()):
    """What the expression that was read gives."""
    read = parse(text, variables)
    return walk([read], given_by_name(read, values))[0].item()


def given_by_name(read, values=VALUES):
    return {one: torch.tensor(values[one.name], dtype=torch.float64) for one in inputs_of([read])}


def variables(text, names=()):
    return [one.name for one in inputs_of([parse(text, names)])]


def lines(text):
    return [f"{node.name} = {node.text}" for node in graph_of(parse(text)) if node.call is not None]


def larger(inner):
    """Text of whatever precedence: operators, signs and parentheses as they come."""
    call = st.tuples(st.sampled_from(["sin", "cos", "exp", "tanh"]), inner).map("{0[0]}({0[1]})".format)
    choice = st.tuples(st.sampled_from(["max", "min"]), inner, inner).map("{0[0]}({0[1]},{0[2]})".format)
    power = inner.map("({})".format) | st.sampled_from(["a**2", "b**-1", "2**c**2", "x1**2**-1", "(a)**.5"])
    sign = st.sampled_from(["", "", "", "-", "+", "--"])
    joined = st.sampled_from(["{}+{}", "{}-{}", "{}*{}", "{}/{}", "{}*3*{}", "{}/2*{}", "{} * 2*-3*{}", "{} - 2*{}*4"])
    both = st.tuples(joined, inner, sign, inner).map(lambda p: p[0].format(p[1], p[2] + p[3]))
    return call | choice | both | st.tuples(sign, power).map("".join)


sums = st.recursive(st.sampled_from([*VALUES, "2", "3", ".5", "1.", "0.25", "1e-1", "12"]), larger, max_leaves=12)


class TestAgreesWithPython:
    @settings(max_examples=150, deadline=None)
    @given(sums, st.sampled_from(["^", "**"]))
    def test_any_text_has_the_value_that_python_gives_it(self, text, power):
        assume(len(text) < 300)
        try:
            expected = by_python(ast.parse(text.strip(), mode="eval"), VALUES)
        except (ZeroDivisionError, OverflowError):
            assume(False)
        assume(not isinstance(expected, complex) and abs(expected) < 1e12)
        got = value(text.replace("**", power))
        assume(math.isfinite(got))  # a coefficient multiplied first may overflow where Python's does not
        assert got == pytest.approx(expected, rel=1e-6, abs=1e-9)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("-3^2", -9), ("2^3^2", 512), ("2^-1", 0.5), ("6/2*3", 9), ("8/4/2", 1), ("2-3-4", -5), ("-2^-2", -0.25),
            ("2*3*4*5", 120), ("1-2*3", -5), ("10-3*2*4", -14), ("7/2*4", 14), ("2^3*4", 32), ("--2", 2), ("1e3", 1000),
            ("2 · 3 × 4 − 1", 23), ("3²", 9), ("2⁻¹", 0.5), ("8÷4", 2), ("2(3+4)", 14), ("(1+2)(3+4)", 21),
        ],
    )  # fmt: skip
    def test_arithmetic_of_numbers_has_the_value_of_the_school_rules(self, text, expected):
        assert parse(text).data == expected

    def test_the_expression_computes_what_was_written(self):
        graph = view(parse("exp(-x^2/2)/sqrt(2pi)"), {"x": 0.5})
        density = torch.distributions.Normal(0.0, 1.0).log_prob(torch.tensor(0.5, dtype=torch.float64)).exp()
        assert graph["f"].value.item == pytest.approx(density.item(), rel=1e-12)

    def test_numbers_are_held_in_double_precision(self):
        assert view(parse("0.1*a"), {"a": 1.0})["f"].value.item == 0.1


class TestReading:
    def test_a_number_between_two_factors_is_the_coefficient_of_the_second(self):
        expected = ["u = a + b", "v = 3·b", "f = u·v"]
        for text in (
            "(a+b)*3*b",
            "(a+b)*3b",
            "(a+b)·3·b",
            "( a + b )\t* 3 * b",
            "u=a+b; v=3*b; u*v",
            "f(a,b)=(a+b)*3*b",
        ):
            assert lines(text) == expected, text

    def test_a_coefficient_never_moves_into_a_denominator(self):
        assert lines("6/2*b") == ["f = 3·b"]
        assert value("a/2*b*3*c") == pytest.approx(1.7 / 2 * -0.6 * 3 * 2.3)
        assert value("a*2/4*b") == pytest.approx(1.7 * 2 / 4 * -0.6)
        assert value("a*2^2*b") == pytest.approx(1.7 * 4 * -0.6)

    @pytest.mark.parametrize(
        ("text", "python"),
        [
            ("3b", "3*b"), ("2(a+b)", "2*(a+b)"), ("(a+b)(a-b)", "(a+b)*(a-b)"), ("2a^2b", "2*a**2*b"),
            ("(a)c^2", "a*c**2"), ("a b", "a*b"), ("sin(a)cos(b)", "sin(a)*cos(b)"), ("-2a", "-2*a"), ("2x1", "2*x1"),
            ("3exp(a)", "3*exp(a)"), ("2a-3b", "2*a-3*b"), ("2 a * 3 b", "2*a*3*b"), ("2a/c", "2*a/c"),
            ("a²c", "a**2*c"), ("2^-b c", "2**-b*c"),
        ],
    )  # fmt: skip
    def test_a_product_may_be_written_without_a_sign(self, text, python):
        expected = by_python(ast.parse(python, mode="eval"), VALUES)
        assert value(text) == pytest.approx(expected, rel=1e-12)

    def test_pi_and_e_are_numbers_unless_a_variable_has_the_name(self):
        assert value("2πr", {"r": 1.0}) == 2 * math.pi
        assert parse("pi").data == math.pi
        assert value("e^x", {"x": 1.0}) == math.e
        assert variables("e*x", ["e"]) == ["e", "x"]
        assert variables("f(e) = 2e") == ["e"]
        assert lines("e = a+b; 2e") == ["e = a + b", "f = 2·e"]

    @pytest.mark.parametrize("text", ["ReLU(x)", "RELU(x)", "Relu(x)", "relu(x)"])
    def test_a_function_is_known_in_any_capitals(self, text):
        assert value(text, {"x": -2.0}) == 0
        assert value(text, {"x": 2.5}) == 2.5

    def test_a_definition_of_ones_own_keeps_its_capitals(self):
        assert value("Max(x) = x + 1; Max(2) + 0*x", {"x": 0.0}) == 3
        assert value("Sin(x+1)", {"x": 2.0, "Sin": 5.0}, ("x", "Sin")) == 15

    def test_definitions_name_values_and_the_last_one_is_the_result(self):
        assert lines("h = a*b\nloss = (h - c)^2") == ["h = a·b", "u = h − c", "loss = u^2"]
        assert lines("h = a*b; k = a+b; h") == ["h = a·b"]
        assert lines("k = a; 2k") == ["f = 2·a"]
        assert variables("\n;(a +\n b)*c;\n") == ["a", "b", "c"]

    def test_every_function_has_an_operation_of_that_many_arguments(self):
        for name, (operation, wanted) in FUNCTIONS.items():
            assert hasattr(operations, operation), operation
            text = f"{name}({', '.join(['0.3', 'x'][-wanted:])})"
            assert math.isfinite(view(parse(text), {"x": 0.6})["f"].value.item), text
        assert value("max(a, b, c) - min(a, b, c)") == pytest.approx(2.3 + 0.6)

    def test_a_long_sum_is_no_deep_one(self):
        assert value("+".join(["a"] * 1500)) == pytest.approx(1500 * 1.7)


IMAGE = [
    [0, 1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1, 0], [0, 0, 0, 1, 1, 0, 0], [0, 0, 1, 1, 0, 0, 0],
    [0, 1, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0],
]  # fmt: skip
KERNEL = [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
A, W, X = [[2.0, -1.0], [0.5, 3.0]], [0.4, -1.2], [1.5, 0.7]


def shown(text, values):
    """All values of the formula's result, as Python has them."""
    return view(parse(text, values), values, keep=True)["f"].value.tensor.tolist()


class TestMathematicsAsItIsWritten:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("|x|", 0.7), ("|x - 1|x", 1.7 * -0.7), ("||x| - 1|", 0.3), ("2|x|3", None), ("x|x|", -0.49),
            ("√(x+1)", math.sqrt(0.3)), ("√2 x", math.sqrt(2) * -0.7), ("2√9", 6), ("σ(x)", 1 / (1 + math.exp(0.7))),
            ("sin x", math.sin(-0.7)), ("sin 2x", math.sin(-1.4)), ("2 sin x cos x", math.sin(-1.4)), ("ln y", math.log(3)),
            ("sin x + 1", math.sin(-0.7) + 1), ("sin -x", math.sin(0.7)), ("sin x^2", math.sin(0.49)), ("1/sin y", 1 / math.sin(3)),
            ("sin²(x)", math.sin(0.7) ** 2), ("sin^2 x + cos² x", 1), ("exp^3(x)", math.exp(-2.1)), ("tan |x|", math.tan(0.7)),
            ("y!", 6), ("5!", 120), ("y!^2", 36), ("0!", 1), ("y! x", -4.2), ("(1/2)!", math.gamma(1.5)), ("x!", math.gamma(0.3)),
            ("(-2.5)!", math.gamma(-1.5)), ("-y!", -6), ("2^y!", 64),
            ("x>0", 0), ("x<0", 1), ("(x<0)x", -0.7), ("-1<x<0", 1), ("-1<x<-0.8", 0), ("0<x<1", 0),
            ("x<=x", 1), ("x≥x", 1), ("x==y", 0),
            ("x!=y", 1), ("(x>0) + (y>0)", 1),
            ("x(x+1)", -0.21), ("π(x+1)", math.pi * 0.3), ("e(x+1)", math.e * 0.3), ("e^x", math.exp(-0.7)), ("2π y", 6 * math.pi),
            ("f(t)=t^2; f(3)", 9), ("f(t)=t^2; f(f(x)) + f(2)", 0.7**4 + 4), ("f(a,b)=a-2b; f(y, x)", 4.4),
            ("g(t)=x t+y; g(2)", 1.6), ("f(t)=t^2; g(s)=f(s)+1; g(y)", 10), ("u=2t; f(t)=u+1; f(3)", 7), ("f(t)=t(t+1); f(y)", 12),
            ("sum(x, y, 1)", 3.3), ("mean(x, y)", 1.15), ("max([1, y, 2])", 3), ("sum([x, y]*[2, 3])", 7.6), ("min(x, y, 0)", -0.7),
            ("norm(y, 4)", 5), ("Σ([x, y])", 2.3), ("∑(x, y)", 2.3), ("if(x>0, x, y)", 3), ("$x^2$", 0.49), ("$$ y! $$", 6),
            ("softmax(x, x)*[1, 0]", [0.5, 0]), ("[x, [y][0]]", None),
            ("sen x + tg(x) - raíz(y)", math.sin(-0.7) + math.tan(-0.7) - math.sqrt(3)),
            ("arctg(x) + senh x", math.atan(-0.7) + math.sinh(-0.7)),
        ],
    )  # fmt: skip
    def test_a_form_has_the_value_of_its_meaning(self, text, expected):
        values = {"x": -0.7, "y": 3.0}
        if expected is None:
            with pytest.raises(ProfundoError, match="character"):
                parse(text, values)
        else:
            used = [one.name for one in inputs_of([parse(text, values)])]
            got = view(parse(text, values), {name: values[name] for name in used}, keep=True)["f"].value.tensor
            assert got.tolist() == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize("text", [r"\frac{1}{1+e^{-w^T x}}", r"\sigma(w^\top x)", "1/(1+exp(-wᵀ x))", "σ(w^{T} x)"])
    def test_the_neuron_of_the_textbook_takes_numbers_and_vectors(self, text):
        assert shown(text, {"w": W, "x": X}) == pytest.approx(1 / (1 + math.exp(-(0.6 - 0.84))))
        assert shown(text, {"w": 2.0, "x": 0.3}) == pytest.approx(1 / (1 + math.exp(-0.6)))
        assert view(parse(text), {"w": 2.0, "x": 0.3})["w"].value.item == 2

    def test_a_power_of_a_single_number_is_no_transposition(self):
        assert shown("γ^T", {"γ": 0.5, "T": 3.0}) == 0.125
        assert variables("γ^T") == ["γ", "T"]
        assert variables(r"\gamma^{T} x") == ["gamma", "x"]

    @pytest.mark.parametrize(
        ("text", "theirs"),
        [
            ("A x", lambda m: m.A @ m.x), ("w^T A x", lambda m: m.w @ m.A @ m.x), ("-w^T A x", lambda m: -(m.w @ m.A @ m.x)),
            ("A^T A", lambda m: m.A.T @ m.A), ("w x^T", lambda m: torch.outer(m.w, m.x)), ("w*x", lambda m: m.w * m.x),
            ("A @ A", lambda m: m.A @ m.A), ("A*A", lambda m: m.A * m.A), ("2A", lambda m: 2 * m.A), ("w^2", lambda m: m.w**2),
            ("det(A) + trace(A)", lambda m: m.A.det() + m.A.trace()), ("inv(A) x", lambda m: m.A.inverse() @ m.x),
            ("solve(A, x)", lambda m: torch.linalg.solve(m.A, m.x)), ("dot(w, x)", lambda m: m.w @ m.x),
            ("(w^T x)^2", lambda m: (m.w @ m.x) ** 2), ("A [1, 2]", None), ("w x", None), ("w · x", None),
            ("A^2", None), ("A^-1", None),
        ],
    )  # fmt: skip
    def test_matrices_and_vectors_multiply_as_on_the_blackboard(self, text, theirs):
        values = {"A": A, "w": W, "x": X}
        if theirs is None:
            with pytest.raises(ProfundoError, match="character"):
                parse(text, values)
            return
        expected = theirs(SimpleNamespace(**{k: torch.tensor(v, dtype=torch.float64) for k, v in values.items()}))
        used = {one.name: values[one.name] for one in inputs_of([parse(text, values)])}
        torch.testing.assert_close(view(parse(text, used), used, keep=True)["f"].value.tensor, expected)

    def test_a_kernel_goes_over_an_image_of_plain_lists(self):
        expected = [[1, 4, 3, 4, 1], [1, 2, 4, 3, 3], [1, 2, 3, 4, 1], [1, 3, 3, 1, 1], [3, 3, 1, 1, 0]]
        assert shown("conv2d(I, K)", {"I": IMAGE, "K": KERNEL}) == expected
        assert shown(f"conv2d({IMAGE}, {KERNEL})", {}) == expected
        assert shown(f"I = {IMAGE}; K = {KERNEL}; conv2d(I, K)", {}) == expected
        assert function([], operations.conv2d(IMAGE, KERNEL))().tolist() == expected

    def test_what_is_printed_is_what_was_written(self):
        assert [repr(parse(text, "xrn")) for text in ("e^x", "2π r", "|x|", "n!", "e^-x^2", "x>0", "[x, n]")] == [
            "e^x", "2π·r", "|x|", "n!", "e^(−x^2)", "[x > 0]", "[x, n]",
        ]  # fmt: skip
        assert write_latex(parse("e^(2π r)")) == r"e^{2\pi \cdot r}"

    @settings(max_examples=60, deadline=None)
    @given(sums)
    def test_what_is_printed_can_be_read_again_in_latex_and_in_plain_text(self, text):
        try:
            read = parse(text, VALUES)
        except ProfundoError:
            assume(False)
        plain = write(read)
        numbers = [one.data.item() for one in ancestors([read]) if one.kind == "constant" and not one.name]
        assume("…" not in plain and all(float(f"{one:.6g}") == one for one in numbers))
        before = walk([read], given_by_name(read))[0].item()
        assume(math.isfinite(before) and abs(before) > 1e-9)
        for again in (parse(plain, VALUES), parse(write_latex(read), VALUES)):
            assert walk([again], given_by_name(again))[0].item() == pytest.approx(before, rel=1e-9), plain

    @pytest.mark.parametrize(
        ("latex", "plain"),
        [
            (r"\sqrt{x}+\sqrt[3]{y}", "sqrt(x)+y^(1/3)"), (r"\sin^2 x+\cos^{2}{x}", "1+0x"), (r"\left|x-y\right|", "abs(x-y)"),
            (r"\theta_1\,x", "theta_1*x"), (r"\log_{10}{x}+\log_2 y", "log10(x)+log2(y)"), (r"x_{1} \cdot y", "x1*y"),
            (r"\max(x, y)-\min\left(x,y\right)", "max(x,y)-min(x,y)"), (r"\mathrm{relu}(x)\times\mathbf{y}", "relu(x)*y"),
            (r"\operatorname{softplus}\left(\frac{x}{2}\right)", "softplus(x/2)"), (r"\frac{\partial}{2}", None),
            (r"u=\frac12", None), (r"z = x+y \\ z^{2}", "(x+y)^2"), (r"\exp\left(-\frac{x^2}{2}\right)", "exp(-x^2/2)"),
            (r"x \le y", "x<=y"), (r"\ln{x}\,\alpha", "alpha*log(x)"),
            (r"\varepsilon x", "epsilon*x"),
        ],
    )  # fmt: skip
    def test_latex_reads_as_the_plain_formula_does(self, latex, plain):
        values = {"x": 0.6, "y": 1.9, "x1": 0.4, "theta_1": 1.1, "alpha": 2.0, "epsilon": 0.1}
        if plain is None:
            with pytest.raises(ProfundoError, match="character"):
                parse(latex, values)
        else:
            assert value(latex, values, values) == pytest.approx(value(plain, values, values), rel=1e-12)

    def test_names_of_our_own_never_take_those_of_the_formula(self):
        names = [node.name for node in graph_of(parse("(u_2 + v)(u + f) + constant1"))]
        assert {"u_2", "v", "u", "f", "constant1"} < set(names)
        x, y = scalar("u"), scalar("u_2")
        named = ((x + y).named("u") * (x - y).named("u")).named("u_2")
        assert [node.name for node in graph_of(named)] == ["u", "u_2", "u_3", "u_4", "u_2_2"]
        assert [node.name for node in graph_of((x * x).named("u") + y)] == ["u", "u_3", "u_2", "f"]

    def test_all_that_has_no_value_is_named_at_once(self):
        with pytest.raises(ProfundoError, match=r"^a, c have no value: give them, such as \{'a': 1\.0, 'c': 1\.0\}$"):
            view(parse("a*b+c"), {"b": 1})

    @pytest.mark.parametrize(
        ("text", "values", "says"),
        [
            ("log(a-b)", {"a": 1, "b": 3}, "f = log(u) is NaN at u = −2: only numbers above 0 have a logarithm"),
            ("a/b", {"a": 1, "b": 0}, "f = a / b is ∞ at a = 1, b = 0: nothing can be divided by 0"),
            ("sqrt(a)", {"a": 0}, "all values are finite, and the gradient by a is ∞"),
            ("2 log(a)", {"a": -1}, "u = log(a) is NaN at a = −1: only numbers above 0 have a logarithm"),
            ("sin(a)", {"a": math.inf}, "f = sin(a) is NaN at a = ∞"),
            ("sum(log(a))", {"a": [1, -1, 0]}, "u = log(a) is NaN or infinite in 2 entries"),
        ],
    )  # fmt: skip
    def test_where_a_value_is_lost_is_remarked_on(self, text, values, says):
        assert view(parse(text, values), values).notes == (says,)
        assert f"note: {says}" in str(view(parse(text, values), values))

    def test_finite_values_bring_no_remark(self):
        assert view(parse("a*b"), {"a": 1, "b": 2}).notes == ()

    def test_calls_of_calls_of_calls_are_bounded(self):
        doubled = "; ".join(f"f{n}(x)=f{n - 1}(f{n - 1}(x))" for n in range(1, 40))
        with pytest.raises(ProfundoError, match="at most"):
            parse(f"f0(x)=x; {doubled}; f39(2)")


class TestMistakes:
    @pytest.mark.parametrize(("language", "here"), [("en", "here"), ("es", "aquí"), ("ca", "aquí"), ("pt", "aqui")])
    def test_the_place_of_a_mistake_is_marked_in_each_language(self, language, here):
        with pytest.raises(ProfundoError) as refused:
            parse("{at}+*b")
        assert f"{{at}}+⟨{here}⟩*b" in refused.value.args[0].everywhere[language]

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("", ["expected a formula such as"]),
            (" ; \n", ["expected a formula such as"]),
            ("(a+b", ['expected ")" for the "(" at character 1', "the formula ends", "⟨here⟩"]),
            ("a+b)", ["character 4", 'got ")"', '"a+b⟨here⟩)"']),
            ("a+*b", ["character 3", 'expected a number, a name or "("', 'got "*"', '"a+⟨here⟩*b"']),
            ("3*", ["the formula ends"]),
            ("2 3", ["character 3", "operator", 'got "3"']),
            ("1.2.3", ["operator", 'got ".3"']),
            ("1.234,5a", ["1.234,5", "write it without thousands, 1234,5"]),
            ("sine(a)", ['"sine" is no function', "did you mean sin", "softplus"]),
            ("eval(a)", ['"eval" is no function', "functions are abs"]),
            ("a(b+c)", ["a*(…)"]),
            ("sin a/2", ["sin(…)/…", "both"]),
            ("sin a(b+c)", ['"a"', "a*(…)"]),
            ("sin^-1(a)", ["a positive number as the power of sin", "1/sin(x)", "character 4"]),
            ("sin²", ['"(" after the function']),
            ("√a^2", ["(√x)^2", "both ways"]),
            ("√", ["a number, a name"]),
            ("a!!", ["(x!)!"]),
            ("|a", ['expected "|" for the "|" at character 1']),
            ("|a)", ['an operator or "|"', 'got ")"']),
            ("[1, [2]]", ["rows of one length", "number, 1"]),
            ("[1, 2", ['expected "]"']),
            ("[]", ["a number, a name", 'got "]"']),
            ("a < ", ["the formula ends"]),
            ("f(x)=x^2; f(1, 2)", ["1 of f's arguments (x), not 2", "character 11"]),
            ("f(x)=f(x-1); f(3)", ["f", "defined"]),
            ("f(x)=a*x; f(2) + g(3)", ['"g"', "g*(…)"]),
            ("x(x+1)", ['"x"', "x*(…)", "give x a value", "⟨here⟩x(x+1)"]),
            ("[1,2] [3,4]", ['got "["']),
            ("I ∗ K", ["conv2d(I, K)"]),
            ("a'", ["A^T"]),
            (r"\frac{a}b", [r"\frac{a}{b}"]),
            (r"\sqrt a", [r"\sqrt{a}"]),
            (r"\foo{a}", [r"\frac", r'got "\foo"']),
            (r"\frac{a}{b", ['"}" for the "{" at character 9']),
            (r"e^{-a", ['"}"']),
            (r"\sum_{i=1}^n a", ["sum(x)", "character 5"]),
            ("sin + 1", ["sin(…)"]),
            ("exp(a, b)", ["1 argument of exp, not 2"]),
            ("max(a)", ["two or more arguments"]),
            ("conv2d(a)", ["2 arguments of conv2d, not 1"]),
            ("conv2d(a, b)", ["conv2d: a (input, number)", "character 1"]),
            ("1/2b", ["both ways", "1/(2b)"]),
            ("a/b(c)", ['"b" is no function']),
            ("a/(b)(c)", ["both ways"]),
            ("u = u+1", ["u to be defined before it is used"]),
            ("v = u; u = a; v", ["u to be defined before it is used"]),
            ("u = a; u = b", ["u has been defined before"]),
            ("sin = 3", ["that of a function"]),
            ("f(a) = a + b", ["expected f(a, b)", "b is used, too"]),
            ("a+b; c", ["a name for what another line follows"]),
            ("a = 3 = b", ["a definition is name = …"]),
            ("a$", ['got "$"']),
            ("a.b", ['got "."']),
            ("__import__", ['got "_"']),
            ("1/0", ["finite real number"]),
            ("(-8)^(1/3)", ["finite real number, not (-8)^0.333333"]),
            ("1e999", ["1.8e308"]),
            ("10^400", ["finite"]),
            ("a b]", ['got "]"']),
        ],
    )  # fmt: skip
    def test_a_mistake_is_told_in_one_line_with_its_place(self, text, says):
        with pytest.raises(ProfundoError) as caught:
            parse(text)
        message = str(caught.value)
        assert message.isprintable()
        for words in says:
            assert words in message

    @pytest.mark.parametrize("text", ["(" * 10_000, "(" * 9_000 + "a" + ")" * 9_000, "-" * 10_000 + "a", "a^" * 9_000 + "a",
                                      "sin(" * 5_000, "2^-" * 5_000])  # fmt: skip
    def test_ten_thousand_parentheses_are_refused_and_not_a_crash(self, text):
        with pytest.raises(ProfundoError, match="inside one another"):
            parse(text)

    def test_a_formula_too_long_is_refused(self):
        with pytest.raises(ProfundoError, match="at most 20,000 characters, got 50,001"):
            parse("a" * 50_001)
        with pytest.raises(ProfundoError, match="at most 2,000 operations"):
            parse("+".join("a" * 5_000))

    def test_sixty_parentheses_inside_one_another_are_read(self):
        assert parse("(" * 60 + "a" + ")" * 60).name == "a"

    @settings(max_examples=200, deadline=None)
    @given(st.text(max_size=40) | st.text("ab3.+-*/^()=;, \n²πe", max_size=40))
    def test_any_text_is_read_or_refused_in_one_line(self, text):
        said = ""
        try:
            parse(text)
        except ProfundoError as error:
            said = str(error)
        assert "\n" not in said
        assert len(said) < 700
