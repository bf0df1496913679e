"""Formulas as people write them, read into expressions: "(a+b)*3b", "u = a + b; u^2", "f(x) = exp(-x^2/2)".

Operator precedence by recursive descent with one function per strength of binding (Pratt 1973); text is never run.

    formula   statements between ";" or line ends; the last one is the result
    statement [name =] sum, or name(name, …) = sum
    sum       product {+|- product}
    product   factor {*|/ factor}
    factor    sign power {power}          2b and (a+b)(a-b): a product without a sign
    sign      {-|+}
    power     atom [^ sign power]         from the right: a^b^c = a^(b^c), and -a^2 = -(a^2)
    atom      number, name, function(sum, …), (sum)

A number after "*" and before another is the coefficient of what follows: (a+b)*3*b is (a+b)·(3·b). A quotient by a
product without a sign, 1/2b, is read one way by some and another way by others, and is refused.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from math import e, isfinite, pi
from typing import Any, NoReturn

import torch

from profundo.graph import operations
from profundo.graph.expressions.expression import Expression, constant, scalar
from profundo.records import ProfundoError

__all__ = ["CONSTANTS", "FUNCTIONS", "parse"]

CONSTANTS = {"pi": pi, "π": pi, "e": e}
"""Numbers with a name, where no variable has it."""

_OF_ONE = (
    "abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "elu", "erf", "exp", "floor", "gelu", "leaky_relu", "log",
    "log10", "log2", "logsigmoid", "relu", "round", "sigmoid", "sign", "silu", "sin", "sinh", "softplus", "sqrt", "step",
    "tan", "tanh",
)  # fmt: skip

FUNCTIONS: dict[str, tuple[str, int]] = {name: (name, 1) for name in _OF_ONE} | {
    "arccos": ("acos", 1),
    "arcsin": ("asin", 1),
    "arctan": ("atan", 1),
    "ln": ("log", 1),
    "max": ("maximum", 2),
    "min": ("minimum", 2),
}
"""Function → (its name in profundo.graph.operations, how many arguments it takes; max and min take more, too)."""

LONGEST = 20_000  # characters
DEEPEST = 60  # parentheses, signs and powers inside one another: each takes some frames of Python's stack
MOST = 2_000  # operations

_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NAME = re.compile(r"π|(?![ª²³¹ºπ])[^\W\d_](?:(?![²³¹⁰⁴-⁹π])\w)*")  # π is always a name of its own: 2πr
_RAISED = re.compile(r"⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_SIGNS = {"·": "*", "×": "*", "⋅": "*", "∙": "*", "−": "-", "–": "-", "÷": "/", "∕": "/", "**": "^"}
_LOWERED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "^": operator.pow, "neg": operator.neg,
}  # fmt: skip


def parse(text: str, variables: Collection[str] = ()) -> Expression:
    """The expression that a formula writes down, of float64 scalars; a value that is given a name there has it here.

    variables: names that are variables even if they are those of constants, such as e.
    Raises ProfundoError, in one line, with the place and what was expected there.
    """
    if len(text) > LONGEST:
        raise ProfundoError(f"formula: expected at most {LONGEST:,} characters, got {len(text):,}; break it up")
    result = _Reader(text, variables).formula()
    return constant(result, torch.float64) if isinstance(result, float) else result


# -------------------------------------------------------------------------------------------------------------- words
@dataclass(frozen=True, slots=True)
class _Token:
    """kind: "number", "name", "raised" (an exponent such as ²), "sign", "break" or "end"; at: place in the text."""

    kind: str
    text: str
    at: int


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        token = _token(text, at)
        if token is not None:
            yield token
            at = token.at + (2 if text.startswith("**", at) else len(token.text))
        else:
            at += 1
    yield _Token("end", "", len(text))


def _token(text: str, at: int) -> _Token | None:
    """The token that begins there, None for white space."""
    if number := _NUMBER.match(text, at):
        return _Token("number", number[0], at)
    if name := _NAME.match(text, at):
        return _Token("name", name[0], at)
    if raised := _RAISED.match(text, at):
        return _Token("raised", raised[0], at)
    if text[at] in ";\n":
        return _Token("break", text[at], at)
    if text[at].isspace():
        return None
    sign = "**" if text.startswith("**", at) else text[at]
    return _Token("sign", _SIGNS.get(sign, sign), at)


# ------------------------------------------------------------------------------------------------------------- reading
_Operand = float | Expression


class _Reader:
    """One walk over the tokens of one text."""

    def __init__(self, text: str, variables: Collection[str]) -> None:
        self.text = text
        self.tokens = list(_tokens(text))
        self.at = 0
        self.depth = 0
        self.open = 0  # parentheses
        self.operations = 0
        self.bound: dict[str, _Operand] = {}
        self.variables: dict[str, Expression] = {}
        self.given = set(variables)
        self.defined: set[str] = set()
        for place in self.starts():
            name, arguments, _ = self.header(place)
            self.defined |= {name} - {""}
            self.given |= set(arguments or ())

    # ------------------------------------------------------------------------------------------------- statements
    def formula(self) -> _Operand:
        if not self.skip_breaks():
            self.fail("a formula such as (a+b)*3b")
        while True:
            start = self.token
            name, result = self.statement()
            if not self.skip_breaks():
                return result
            if not name:
                self.fail("a name for what another line follows: name = …", start)

    def statement(self) -> tuple[str, _Operand]:
        """Its name, "" for none, and its value."""
        start = self.token
        name, arguments, past = self.header(self.at)
        if name in FUNCTIONS:
            self.fail("another name: that of a function cannot be given to a value")
        if name in self.bound:
            self.fail(f"another name: {name} has been defined before")
        self.at = past
        value = self.sum()
        if self.token.kind not in ("break", "end"):
            self.fail_after_value()
        if arguments is not None and (others := [name for name in self.variables if name not in arguments]):
            self.fail(f"{name}({', '.join([*arguments, *others])}): {others[0]} is used, too", start)
        if name:
            if isinstance(value, Expression) and not value.name:
                value = value.named(name)
            self.bound[name] = value
        return name, value

    def header(self, place: int) -> tuple[str, tuple[str, ...] | None, int]:
        """(name, arguments, place behind "=") of "name =" or "name(a, b) =" at that place; ("", None, place) elsewhere."""
        nothing = ("", None, place)
        if self.tokens[place].kind != "name":
            return nothing
        name, at = self.tokens[place].text, place + 1
        if self.tokens[at].text == "=":
            return name, None, at + 1
        arguments: list[str] = []
        while self.tokens[at].text == ("," if arguments else "(") and self.tokens[at + 1].kind == "name":
            arguments.append(self.tokens[at + 1].text)
            at += 2
        if arguments and self.tokens[at].text == ")" and self.tokens[at + 1].text == "=":
            return name, tuple(arguments), at + 2
        return nothing

    def starts(self) -> list[int]:
        """Places where a statement may begin."""
        breaks = [place + 1 for place, token in enumerate(self.tokens[:-1]) if token.kind == "break"]
        return [0, *breaks]

    # -------------------------------------------------------------------------------- from the weakest to the strongest
    def sum(self) -> _Operand:
        value = self.product()
        while self.token.text in ("+", "-"):
            sign = self.take()
            value = self.made(sign, value, self.product())
        return value

    def product(self) -> _Operand:
        value = self.factor()
        while self.token.text in ("*", "/"):
            sign = self.take()
            right = self.coefficient() if sign.text == "*" else self.divisor()
            value = self.made(sign, value, right)
        return value

    def coefficient(self) -> _Operand:
        """A factor; numbers before further factors go to the next one, which leaves the product as it is."""
        start = self.at
        value = self.factor()
        while self.token.text == "*" and self.is_number(start, self.at):
            sign = self.take()
            start = self.at
            value = self.made(sign, value, self.factor())
        return value

    def is_number(self, start: int, end: int) -> bool:
        return self.tokens[end - 1].kind == "number" and all(sign.text == "-" for sign in self.tokens[start : end - 1])

    def divisor(self) -> _Operand:
        start = self.token
        value = self.signed()
        if self.begins_factor():
            self.fail("1/(2b) or (1/2)*b, say: with parentheses or a sign; this can be read both ways", start)
        return value

    def factor(self) -> _Operand:
        value = self.signed()
        while self.begins_factor():
            place = self.token
            value = self.made(_Token("sign", "*", place.at), value, self.power())
        return value

    def begins_factor(self) -> bool:
        return self.token.kind == "name" or self.token.text == "("

    def signed(self) -> _Operand:
        if self.token.text not in ("-", "+"):
            return self.power()
        sign = self.take()
        with self.deeper():
            value = self.signed()
        if sign.text == "+":
            return value
        return -value if isinstance(value, float) else self.made(replace(sign, text="neg"), value)

    def power(self) -> _Operand:
        value = self.atom()
        if self.token.kind == "raised":
            raised = self.take()
            value = self.made(replace(raised, text="^"), value, float(raised.text.translate(_LOWERED)))
        if self.token.text == "^":
            sign = self.take()
            with self.deeper():
                value = self.made(sign, value, self.signed())
        return value

    def atom(self) -> _Operand:
        if self.token.kind == "number":
            return self.number()
        if self.token.kind == "name":
            return self.name()
        if self.token.text != "(":
            self.fail('a number, a name or "("')
        return self.parenthesis()[0]

    # ----------------------------------------------------------------------------------------------------------- atoms
    def number(self) -> float:
        value = float(self.token.text)
        if not isfinite(value):
            self.fail("a number below 1.8e308")
        self.take()
        return value

    def name(self) -> _Operand:
        token = self.take()
        if self.token.text == "(" or token.text in FUNCTIONS:
            return self.call(token)
        if token.text in self.bound:
            return self.bound[token.text]
        if token.text in self.defined:
            self.fail(f"{token.text} to be defined before it is used", token)
        if token.text in CONSTANTS and token.text not in self.given:
            return CONSTANTS[token.text]
        return self.variables.setdefault(token.text, scalar(token.text, dtype=torch.float64))

    def call(self, token: _Token) -> _Operand:
        if token.text not in FUNCTIONS:
            self.fail_unknown(token)
        if self.token.text != "(":
            self.fail(f'"(" after the function: {token.text}(…)')
        arguments = self.parenthesis(many=True)
        wanted = FUNCTIONS[token.text][1]
        if len(arguments) != wanted and (wanted == 1 or len(arguments) < wanted):
            says = "one argument" if wanted == 1 else "two or more arguments"
            self.fail(f"{says} of {token.text}, not {len(arguments)}", token)
        if wanted == 1:
            return self.made(token, arguments[0])
        value = arguments[0]
        for other in arguments[1:]:
            value = self.made(token, value, other)
        return value

    def parenthesis(self, many: bool = False) -> list[_Operand]:
        """What stands between "(" and ")": one value, or several between commas."""
        opening = self.take()
        self.open += 1
        with self.deeper():
            values = [self.sum()]
            while many and self.token.text == ",":
                self.take()
                values.append(self.sum())
        self.open -= 1
        if self.token.text != ")":
            if self.token.kind == "end":
                self.fail(f'")" for the "(" at character {opening.at + 1}')
            self.fail_after_value('an operator or ")"')
        self.take()
        return values

    # --------------------------------------------------------------------------------------------------------- helpers
    @property
    def token(self) -> _Token:
        """The next one; inside parentheses a line end is a space."""
        while self.open and self.tokens[self.at].text == "\n":
            self.at += 1
        return self.tokens[self.at]

    def take(self) -> _Token:
        token = self.token
        self.at += 1
        return token

    def skip_breaks(self) -> bool:
        """Go to the next statement; whether there is one."""
        while self.token.kind == "break":
            self.at += 1
        return self.token.kind != "end"

    def made(self, token: _Token, *operands: _Operand) -> _Operand:
        """The value of one more operation; arithmetic of two numbers is a number at once."""
        operation = token.text
        numbers = [operand for operand in operands if isinstance(operand, float)]
        if operation in _ARITHMETIC and len(numbers) == 2:
            return self.folded(token, *numbers)
        self.operations += 1
        if self.operations > MOST:
            self.fail(f"at most {MOST:,} operations", token)
        compute = _ARITHMETIC.get(operation) or getattr(operations, FUNCTIONS[operation][0])
        made: Expression = compute(
            *(constant(one, torch.float64) if isinstance(one, float) else one for one in operands)
        )
        return made

    def folded(self, token: _Token, left: float, right: float) -> float:
        try:
            value: Any = _ARITHMETIC[token.text](left, right)
        except (ZeroDivisionError, OverflowError):
            value = float("inf")
        if isinstance(value, complex) or not isfinite(value):
            self.fail(f"a finite real number, not {_signed(left)}{token.text}{_signed(right)}", token)
        return float(value)

    @contextmanager
    def deeper(self) -> Iterator[None]:
        self.depth += 1
        if self.depth > DEEPEST:
            self.fail(f"at most {DEEPEST} parentheses, signs and powers inside one another")
        yield
        self.depth -= 1

    # ---------------------------------------------------------------------------------------------------------- errors
    def fail(self, expected: str, token: _Token | None = None) -> NoReturn:
        """One line: what was expected, what arrived, and where."""
        token = token or self.token
        got = "the formula ends" if token.kind == "end" else f"got {_quoted(self.text[token.at :][:1] or token.text)}"
        if token.kind in ("name", "number"):
            got = f"got {_quoted(token.text)}"
        if token.kind == "break":
            got = "the line ends" if token.text == "\n" else 'got ";"'
        raise ProfundoError(
            f"formula, character {token.at + 1}: expected {expected}; {got} in {self.excerpt(token.at)}"
        )

    def fail_unknown(self, token: _Token) -> NoReturn:
        near = get_close_matches(token.text.lower(), FUNCTIONS, n=2, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        product = f"for a product write {_shown(token.text)}*(…); " if len(token.text) <= 2 or not near else ""
        raise ProfundoError(
            f"formula, character {token.at + 1}: {_quoted(token.text)} is no function that is known; {hint}{product}"
            f"functions are {', '.join(sorted(FUNCTIONS))}; in {self.excerpt(token.at)}"
        )

    def fail_after_value(self, expected: str = "an operator or the end") -> NoReturn:
        hints = {
            ",": "; decimals have a point: 0.5",
            "=": "; a definition is name = …",
            "|": "; write abs(…)",
            "[": "; write round parentheses",
            "%": "; there is no remainder",
        }
        if self.token.kind == "number":
            self.fail("an operator before the number, such as *")
        self.fail(expected + hints.get(self.token.text, ""))

    def excerpt(self, at: int) -> str:
        """The text around a place, which is marked."""
        before, after = self.text[max(0, at - 20) : at], self.text[at : at + 20]
        before = ("…" if at > 20 else "") + before
        after += "…" if at + 20 < len(self.text) else ""
        return f'"{_shown(before)}⟨here⟩{_shown(after)}"'


# ------------------------------------------------------------------------------------------------------------- writing
def _signed(number: float) -> str:
    return f"({number:g})" if number < 0 else f"{number:g}"


def _quoted(text: str) -> str:
    return f'"{_shown(text)}"'


def _shown(text: str) -> str:
    """On one line, without anything that a terminal would obey."""
    return "".join(sign if sign.isprintable() else "�" for sign in re.sub(r"\s", " ", text))
