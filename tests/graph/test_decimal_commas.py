"""Commas in formulas: before decimals where they can be nothing else, between values elsewhere, refused where they may be both."""

import pytest

from profundo.graph.expressions.decimal_commas import commas_between_values, with_points
from profundo.graph.expressions.parsing import parse
from profundo.graph.expressions.writing import write
from profundo.languages import Said
from profundo.records import ProfundoError


@pytest.mark.parametrize(
    ("typed", "pointed"),
    [
        ("0,5*x", "0.5*x"),
        ("x^-0,5", "x^-0.5"),
        ("2(1,5+x)", "2*(1.5+x)"),
        ("sin^2(1,5*x)", "sin^2(1.5*x)"),
        (r"\frac{1,5}{x}", r"\frac{1.5}{x}"),
        (r"\sqrt{0,25*x}", r"\sqrt{0.25*x}"),
        ("1,5e-3*x", "1.5e-3*x"),
        ("u = 0,5*x; u^2", "u = 0.5*x; u^2"),
        ("max(0,5*x; 1)", "max(0.5*x, 1)"),
        ("max(x; 1,5)", "max(x, 1.5)"),
        ("if(x<0,5; 1; 0)", "if(x<0.5, 1, 0)"),
        ("f(x; y) = x*y; f(a; 0,2)", "f(x, y) = x*y; f(a, 0.2)"),
        ("0,125*x", "0.125*x"),
        ("max(x, 5)", "max(x, 5)"),
        ("max(x,5)", "max(x, 5)"),
        ("sum([1,5])*x", "sum([1, 5])*x"),
        ("sin(0,5x)", "sin(0.5*x)"),
        ("exp(-0,5x)", "exp(-0.5*x)"),
        ("Sin(0,5x) + ReLU(1,5-x)", "sin(0.5*x) + relu(1.5-x)"),
        ("log_2(2,5) + σ(1,5x) + tg(0,1x)", "log_2(2.5) + sigmoid(1.5*x) + tan(0.1*x)"),
        ("Max(1,5)", "max(1, 5)"),
        ("sen²(0,5x)", "sin^2(0.5*x)"),
        (r"2\cdot(1,5)x", "2*1.5*x"),
        (r"2\left(x+1,5\right)", "2*(x+1.5)"),
        (r"2\cdot0,5x", "2*0.5*x"),
        (r"x\times\left(0,5+x\right)", "x*(0.5+x)"),
        (r"\sin\left(0,5x\right)", "sin(0.5*x)"),
        (r"\pi(1,5+x)", "pi*(1.5+x)"),
        (r"\mathrm{relu}(0,5x)", "relu(0.5*x)"),
        (r"\sqrt[2,5]{x}", r"\sqrt[2.5]{x}"),
        ("max(w1,2)+0,5x", "max(w1, 2) + 0.5*x"),
        ("max(x,y) + 0,5x", "max(x, y) + 0.5*x"),
        ("f(x) = x^2; max(f(1,5), x)", "f(x) = x^2; max(f(1.5), x)"),
        ("f(x) = x^2; f(1,5)", "f(x) = x^2; f(1.5)"),
        ("f(x, y) = x*y; f(1,5)", "f(x, y) = x*y; f(1, 5)"),
        ("max^2(x; 1,5)", "max^2(x, 1.5)"),
        (r"\max\left(1,5\right)", "max(1, 5)"),
        (r"\max\{x; 1,5\}", "max(x, 1.5)"),
        (r"\operatorname{max}(1,5)", "max(1, 5)"),
        (r"\max(0,5\,x; 1)", "max(0.5*x, 1)"),
        (r"\max(x,\;5)", "max(x, 5)"),
        ("[1; 2]*x", "[1, 2]*x"),
        ("[1,5; 2,5]·x", "[1.5, 2.5]*x"),
        ("[[1,5; 2]; [3; 4]]*x", "[[1.5, 2], [3, 4]]*x"),
        ("0{,}5x", "0.5x"),
        ("max(0, 0{,}5x)", "max(0, 0.5x)"),
        ("max(1.234,5)", "max(1.234, 5)"),
    ],
)
def test_a_formula_with_decimal_commas_is_that_with_points(typed, pointed):
    assert write(parse(typed)) == write(parse(pointed))
    assert len(with_points(typed)) == len(typed), "what is refused is shown at its place"


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (
            "max(0,5*x, 1)",
            "character 5: 0,5 may be a number or two values; write 0.5 or 0, 5, or put ; between the arguments",
        ),
        ("0,5*max(1,5)", "character 9: 1,5 may be a number or two values"),
        ("[1,5, 2]*x", "character 2: 1,5 may be a number or two values"),
        ("max(1,5; 2, x)", "character 5: 1,5 stands among arguments that ; and commas separate"),
        ("1,000*x", "character 1: 1,000 may be 1.000 or 1000"),
        ("1,234,567*x", "a comma separates arguments"),
        ("1.234,5*x", "character 1: 1.234,5 has signs of two kinds; write it without thousands, 1234,5"),
        ("[1.234,5; 2]*x", "character 2: 1.234,5 has signs of two kinds"),
        ("f(x; y) = x*y; f(1,5; 2; 3)", "where commas are decimal, ; stands between arguments"),
        ("f(x) = x^2; f(1; 2)", "where commas are decimal, ; stands between arguments"),
        ("sin(1,000x)", "character 5: 1,000 may be 1.000 or 1000"),
        (r"max(1,5 \\ 2)", 'expected an operator or ")"'),
        ("sin(1,5; 2)", "expected 1 argument of sin, not 2"),
        ("sin(1,5)+max(1,5)", "character 14: 1,5 may be a number or two values"),
        (r"\max\left(0,5x, 1\right)", "character 11: 0,5 may be a number or two values"),
        ("[1, 2; 3, 4]*x", "the rows of a matrix are [[1, 2], [3, 4]]"),
        ("[a, b; c]*x", 'got ";"'),
        ("x_{1,2}", "a comma separates arguments"),
    ],
)
def test_what_may_be_read_both_ways_is_refused(typed, says):
    with pytest.raises(ProfundoError) as caught:
        parse(typed)
    assert says in str(caught.value)


def test_two_arguments_that_look_like_one_number_are_named():
    assert commas_between_values("max(1,5) + min(x, 2)") == ["1,5"]
    assert commas_between_values("max(1,5; 2)") == commas_between_values("0,5*x") == []
    assert commas_between_values("sum([1,2])") == [], "a list is seen to be one"
    assert commas_between_values(")))((([[[,;,") == []


@pytest.mark.parametrize(
    "typed", ["1,2,3*x", "1.234,5*x", "(a; b)", "x y 2 3", "[a, b; c]", "1/2b", "sin(1; 2)", "sin x/2", "a+b\na*b"]
)
def test_a_refusal_is_told_in_every_language(typed):
    with pytest.raises(ProfundoError) as caught:
        parse(typed)
    told = caught.value.args[0]
    assert isinstance(told, Said)
    assert len(set(told.everywhere.values())) == 4
