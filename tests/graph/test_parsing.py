"""Formulas against Python's own grammar (its `ast`, with ** for ^), and every mistake against one clear line."""

import ast
import math
import operator

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from profundo.graph import operations
from profundo.graph.expressions.expression import inputs_of, walk
from profundo.graph.expressions.functions import graph_of
from profundo.graph.expressions.parsing import FUNCTIONS, parse
from profundo.graph.expressions.viewing import view
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


def value(text, values=VALUES):
    """What the expression that was read gives."""
    read = parse(text)
    inputs = inputs_of([read])
    return walk([read], {one: torch.tensor(values[one.name], dtype=torch.float64) for one in inputs})[0].item()


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


class TestMistakes:
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
            ("1,5a", ["decimals have a point: 0.5"]),
            ("sine(a)", ['"sine" is no function', "did you mean sin", "softplus"]),
            ("eval(a)", ['"eval" is no function', "functions are abs"]),
            ("a(b+c)", ["a*(…)"]),
            ("sin a", ["sin(…)"]),
            ("sin + 1", ["sin(…)"]),
            ("exp(a, b)", ["one argument of exp, not 2"]),
            ("max(a)", ["two or more arguments"]),
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
            ("|a|", ['got "|"']),
            ("a$", ['got "$"']),
            ("a.b", ['got "."']),
            ("__import__", ['got "_"']),
            ("1/0", ["finite real number"]),
            ("(-8)^(1/3)", ["finite real number, not (-8)^0.333333"]),
            ("1e999", ["1.8e308"]),
            ("10^400", ["finite"]),
            ("[a]", ['got "["']),
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
