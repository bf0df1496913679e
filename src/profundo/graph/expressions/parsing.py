"""Formulas as people write them, read into expressions: "(a+b)*3b", "u = a + b; u^2", "f(x) = x^2; f(3)", and LaTeX.

Operator precedence by recursive descent with one function per strength of binding (Pratt 1973); text is never run.

    formula     statements between ";" or line ends; the last one is the result
    statement   [name =] comparison, or name(name, …) = comparison
    comparison  sum {<|>|≤|≥|==|≠ sum}            1 where it holds, 0 where it does not
    sum         product {+|- product}
    product     factor {*|/|@ factor}
    factor      sign power {power}                2b and (a+b)(a-b): a product without a sign
    sign        {-|+}
    power       atom {!|^T} [^ sign power]        from the right: a^b^c = a^(b^c), and -a^2 = -(a^2)
    atom        number, name, function(…), function factor, (…), |…|, √atom, [… , …], \\frac{…}{…}

A number after "*" and before another is the coefficient of what follows: (a+b)*3*b is (a+b)·(3·b). What is read one way
by some and another way by others, 1/2b or sin x/2, is refused. Without a sign, matrices and transposed vectors have the
product of matrices: w^T x; with one, entries are multiplied. Decimals have a point, or a comma (decimal_commas.py).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from itertools import pairwise
from math import e, isfinite, pi
from typing import Any, NoReturn

import torch

from profundo.graph import operations
from profundo.graph.expressions.decimal_commas import with_points
from profundo.graph.expressions.expression import Expression, as_tensor, constant, inputs_of, tensor
from profundo.graph.expressions.formula_functions import CALLED, FUNCTIONS
from profundo.graph.expressions.lexing import LOWERED, Token, tokens
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["CONSTANTS", "parse"]

CONSTANTS = {"pi": pi, "π": pi, "e": e}
"""Numbers with a name, where no variable has it."""

LONGEST = 20_000  # characters
DEEPEST = 60  # parentheses, signs and powers inside one another: each takes some frames of Python's stack
MOST = 2_000  # operations

_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "^": operator.pow, "neg": operator.neg,
}  # fmt: skip
_COMPARISONS = {
    "<": operations.less, ">": operations.greater, "≤": operations.less_equal, "≥": operations.greater_equal,
    "==": operations.equal, "≠": operations.not_equal,
}  # fmt: skip
_POWER_OF_E = replace(operations.exp, text="e^{0}", strength=7)
_DOTS = ("·", "⋅", "∙", "\\cdot")
_HINTS = {
    ",": "hint_comma", ";": "hint_semicolon", "=": "hint_equals", "[": "hint_square", "%": "hint_remainder", "_": "hint_sum",
    "∗": "hint_convolution", "'": "hint_transposed",
}  # fmt: skip
"""What is said of a sign that nothing can be done with behind a value."""
_CLOSING = {"(": ")", "{": "}", "[": "]", "|": "|"}


def parse(text: str, variables: Collection[str] | Mapping[str, Any] = ()) -> Expression:
    """The expression that a formula writes down, in float64; a value that is given a name there has it here.

    variables: names that are variables even if they are those of constants, such as e. A mapping has their values, and
    so their shapes: parse("w^T x", {"w": [1, 2], "x": [3, 4]}). All others are single numbers.
    Raises ProfundoError, in one line, with the place and what was expected there.
    """
    if len(text) > LONGEST:
        raise ProfundoError(Said("refusals.formula_long", most=LONGEST, many=len(text)))
    if in_dollars := re.fullmatch(r"\s*(\$\$?)([^$]*)\1\s*", text):  # as LaTeX has it in running text
        text = " " * in_dollars.start(2) + in_dollars[2]
    result = _Reader(text, variables).formula()
    return constant(result, torch.float64) if isinstance(result, float) else result


# ------------------------------------------------------------------------------------------------------------- reading
_Operand = float | Expression


class _Reader:
    """One walk over the tokens of one text."""

    def __init__(self, text: str, variables: Collection[str] | Mapping[str, Any]) -> None:
        self.text = text
        self.tokens = list(tokens(with_points(text)))
        self.at = 0
        self.depth = 0
        self.open: list[str] = []  # brackets
        self.operations = 0
        self.bound: dict[str, _Operand] = {}
        self.functions: dict[str, tuple[str, ...]] = {}  # defined in the text, with their arguments
        self.places: dict[str, int] = {}  # where the definition of a name begins
        self.local: dict[str, _Operand] = {}  # arguments of the function that is being called
        self.variables: dict[str, Expression] = {}
        self.constants: dict[str, Expression] = {}
        self.shapes = _shapes(variables)
        self.given = set(variables)
        self.defined: set[str] = set()
        for place in self.starts():
            name, arguments, _ = self.header(place)
            self.defined |= {name} - {""}
            self.given |= set(arguments or ())
        self.lower_functions()

    def lower_functions(self) -> None:
        """ReLU(x) and Sin(x) as the functions that they are, where no variable or definition has such a name."""
        own = self.given | self.defined
        for place, (one, after) in enumerate(pairwise(self.tokens)):
            known = one.text in FUNCTIONS or one.text in CALLED or one.text in own
            if one.kind == "name" and after.text == "(" and not known and one.text.lower() in {**FUNCTIONS, **CALLED}:
                self.tokens[place] = replace(one, text=one.text.lower())

    # ------------------------------------------------------------------------------------------------- statements
    def formula(self) -> _Operand:
        if not self.skip_breaks():
            self.fail(Said("refusals.expect_formula"))
        while True:
            start = self.token
            name, result = self.statement()
            if not self.skip_breaks():
                return result
            if not name:
                self.fail(Said("refusals.expect_named_line"), start)

    def statement(self) -> tuple[str, _Operand]:
        """Its name, "" for none, and its value."""
        start = self.token
        name, arguments, past = self.header(self.at)
        if name in FUNCTIONS:
            self.fail("another name: that of a function cannot be given to a value")
        if name in self.bound:
            self.fail(f"another name: {name} has been defined before")
        self.at = past
        value = self.comparison()
        if self.token.kind not in ("break", "end"):
            self.fail_after_value()
        if arguments is not None and not self.is_called(name):
            used = [one.name for one in inputs_of([value])] if isinstance(value, Expression) else []
            if others := [one for one in used if one not in arguments]:
                self.fail(f"{name}({', '.join([*arguments, *others])}): {others[0]} is used, too", start)
        if arguments is not None:
            self.functions[name] = arguments
        if name:
            if isinstance(value, Expression) and not value.name:
                value = replace(value, name=name)
            self.bound[name], self.places[name] = value, past
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

    def is_called(self, name: str) -> bool:
        """Whether the function stands before "(" further on in the text."""
        later = self.tokens[self.at :]
        return any(one.text == name and two.text == "(" for one, two in pairwise(later))

    # -------------------------------------------------------------------------------- from the weakest to the strongest
    def comparison(self) -> _Operand:
        """a < b as 1 or 0; of a < b < c, the product of both."""
        value, holds = self.sum(), None
        while self.token.text in _COMPARISONS:
            sign, left = self.take(), value
            value = self.sum()
            truth = self.made(sign, left, value)
            holds = truth if holds is None else self.made(replace(sign, text="*"), holds, truth)
        return value if holds is None else holds

    def sum(self) -> _Operand:
        value = self.product()
        while self.token.text in ("+", "-"):
            sign = self.take()
            value = self.made(sign, value, self.product())
        return value

    def product(self) -> _Operand:
        value = self.factor()
        while self.token.text in ("*", "/", "@"):
            sign = self.take()
            right = self.divisor() if sign.text == "/" else self.coefficient() if sign.text == "*" else self.factor()
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
            self.fail(Said("refusals.expect_divisor"), start)
        return value

    def factor(self) -> _Operand:
        value = self.signed()
        while self.begins_factor():
            value = self.made(replace(self.token, text="implied"), value, self.power())
        return value

    def begins_factor(self) -> bool:
        """Of a bar, whether it opens: inside bars it closes them."""
        if self.token.text == "|":
            return self.open[-1:] != ["|"]
        return self.token.kind == "name" or self.token.text in ("(", "{", "√")

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
        while self.token.text in ("!", "ᵀ") or self.is_transposition(value):
            sign = self.take()
            if sign.text == "^":
                self.at += 3 if self.token.text == "{" else 1
            value = self.made(replace(sign, text="!" if sign.text == "!" else "T"), value)
            if sign.text == self.token.text == "!":
                self.fail("(x!)! with parentheses: x!! is another function")
        if self.token.kind == "raised":
            raised = self.take()
            value = self.made(replace(raised, text="^"), value, float(raised.text.translate(LOWERED)))
        if self.token.text == "^":
            sign = self.take()
            with self.deeper():
                value = self.made(sign, value, self.signed())
        return value

    def is_transposition(self, value: _Operand) -> bool:
        """Whether ^T, ^{T} or ^\\top follows, and T is no variable. Of a single number, γ^T is a power, but not in LaTeX."""
        if self.token.text != "^":
            return False
        one, two, three = (*self.tokens[self.at + 1 : self.at + 4], self.tokens[-1], self.tokens[-1])[:3]
        name = two.text if (one.text, three.text) == ("{", "}") else one.text
        is_list = isinstance(value, Expression) and value.ndim > 0
        is_free = not {"T"} & (self.given | self.defined) and (is_list or "{" in self.text)
        return name == "⊤" or (name == "T" and is_free)

    def atom(self) -> _Operand:
        token = self.token
        if token.kind == "number":
            return self.number()
        if token.text == "\\frac":
            self.take()
            return self.made(replace(token, text="/"), self.group(), self.group())
        if token.kind == "name":
            return self.name()
        if token.text == "√":
            self.take()
            with self.deeper():
                value = self.made(replace(token, text="sqrt"), self.atom())
            if self.token.text == "^" or self.token.kind == "raised":
                self.fail("√(x^2) or (√x)^2, say: with parentheses; this can be read both ways", token)
            return value
        if token.text == "[":
            return self.listed()
        if token.text.startswith("\\"):
            self.fail("a command of LaTeX that computes, such as \\frac, \\sqrt, \\cdot, \\sin or a Greek letter")
        if token.text not in ("(", "{", "|"):
            self.fail(Said("refusals.expect_operand"))
        value = self.parenthesis()[0]
        return self.made(replace(token, text="abs"), value) if token.text == "|" else value

    # ----------------------------------------------------------------------------------------------------------- atoms
    def number(self) -> float:
        value = float(self.token.text)
        if not isfinite(value):
            self.fail(Said("refusals.expect_double"))
        self.take()
        return value

    def name(self) -> _Operand:
        token = self.take()
        name = self.spelling(token.text)
        if name in self.local:
            return self.local[name]
        if self.token.text in ("(", "{") and (name in self.functions or self.kind_of_call(name)):
            return self.call_defined(token) if name in self.functions else self.call(token)
        if name in FUNCTIONS or name == "\\sqrt":
            return self.call(token)
        if name in self.bound:
            value = self.bound[name]
            depends = isinstance(value, Expression) and any(one.name in self.local for one in inputs_of([value]))
            return self.read_at(self.places[name]) if depends else value
        if name in self.defined:
            self.fail(Said("refusals.expect_defined", name=name), token)
        if name in CONSTANTS and name not in self.given:
            return self.constant("π" if name == "pi" else name, CONSTANTS[name])
        if self.token.text == "(" and name not in self.given:
            self.fail_unknown(token)
        variable = tensor(name, self.shapes.get(name, ()), dtype=torch.float64)
        return self.variables.setdefault(name, replace(variable, line=""))

    def spelling(self, name: str) -> str:
        """x_1 of LaTeX is x1 where that is the one that has a value."""
        plain = name.replace("_", "")
        return plain if plain in self.given and name not in self.given else name

    def kind_of_call(self, name: str) -> tuple[str, int] | None:
        if name in self.bound or (name in self.given and name not in FUNCTIONS):
            return None
        return FUNCTIONS.get(name) or CALLED.get(name)

    def constant(self, name: str, value: float) -> Expression:
        return self.constants.setdefault(name, replace(_number(value), name=name))

    def call(self, token: Token) -> _Operand:
        if token.text == "\\sqrt":
            return self.root(token)
        power = self.power_of_function(token)
        wanted = (self.kind_of_call(token.text) or FUNCTIONS[token.text])[1]
        if self.token.text not in ("(", "{"):
            if wanted != 1:
                self.fail(Said("refusals.expect_call", name=token.text))
            arguments = [self.bare_argument(token)]
        else:
            arguments = self.parenthesis(many=True)
        value = self.applied(token, arguments, wanted)
        return value if power is None else self.made(replace(token, text="^"), value, power)

    def applied(self, token: Token, arguments: list[_Operand], wanted: int) -> _Operand:
        """The function of these arguments: of two that take more, one after the other; of entries, of all in a list."""
        if wanted == 0:
            return self.made(token, arguments[0] if len(arguments) == 1 else self.joined(token, arguments))
        is_list = len(arguments) == 1 and isinstance(arguments[0], Expression) and arguments[0].ndim > 0
        if token.text in ("max", "min"):
            if is_list:
                return self.made(replace(token, text=f"{token.text} of a list"), arguments[0])
            if len(arguments) < 2:
                self.fail(f"two or more arguments of {token.text}, or a list; not 1", token)
            value = arguments[0]
            for other in arguments[1:]:
                value = self.made(token, value, other)
            return value
        if len(arguments) != wanted:
            self.fail(Said("refusals.expect_arguments_of", wanted=wanted, name=token.text, given=len(arguments)), token)
        return self.made(token, *arguments)

    def power_of_function(self, token: Token) -> float | None:
        """sin²(x), sin^2 x: the power of the value."""
        place = self.token
        if place.kind == "raised":
            power: _Operand = float(self.take().text.translate(LOWERED))
        elif place.text == "^":
            self.take()
            power = self.signed()
        else:
            return None
        if not isinstance(power, float) or power <= 0:
            name = token.text
            self.fail(f"a positive number as the power of {name}; write 1/{name}(x), or its inverse by name", place)
        return power

    def bare_argument(self, function: Token) -> _Operand:
        """Of a function without parentheses: sin 2x, ln x. It ends where the next function or sign stands."""
        if not (self.begins_factor() or self.token.kind == "number" or self.token.text in ("-", "[")):
            self.fail(Said("refusals.expect_call", name=function.text))
        with self.deeper():
            value = self.signed()
            while self.begins_factor() and self.token.text not in ("(", "{") and not self.kind_of_call(self.token.text):
                value = self.made(replace(self.token, text="implied"), value, self.power())
        if self.token.text in ("/", "(", "{"):
            name = function.text
            sign = self.token.text
            self.fail(Said("refusals.expect_parentheses", first=f"{name}(…){sign}…", second=f"{name}(…{sign}…)"))
        return value

    def root(self, token: Token) -> _Operand:
        """\\sqrt{x}, and \\sqrt[3]{x} as x^(1/3)."""
        if self.token.text != "[":
            return self.made(replace(token, text="sqrt"), self.group())
        degree = self.parenthesis()[0]
        return self.made(replace(token, text="^"), self.group(), self.made(replace(token, text="/"), 1.0, degree))

    def group(self) -> _Operand:
        """What stands in LaTeX's braces."""
        if self.token.text != "{":
            self.fail('"{": \\frac{a}{b}, \\sqrt{a}')
        return self.parenthesis()[0]

    def call_defined(self, token: Token) -> _Operand:
        """Of a function that the text defines: its definition is read again, with these values of its arguments."""
        names = self.functions[token.text]
        arguments = self.parenthesis(many=True)
        if len(arguments) != len(names):
            wanted, given = len(names), len(arguments)
            self.fail(
                Said("refusals.expect_arguments", wanted=wanted, name=token.text, names=", ".join(names), given=given),
                token,
            )
        self.count(token)
        values = [_number(one) if isinstance(one, float) else one for one in arguments]
        before, self.local = self.local, dict(zip(names, values, strict=True))
        value = self.read_at(self.places[token.text])
        self.local = before
        return value

    def read_at(self, place: int) -> _Operand:
        """The value of the definition that begins there."""
        back, self.at, brackets, self.open = self.at, place, self.open, []
        with self.deeper():
            value = self.comparison()
        self.at, self.open = back, brackets
        return value

    def listed(self) -> _Operand:
        """[1, 2], [[1, 2], [3, 4]], [a, b]."""
        opening = self.token
        return self.joined(opening, self.parenthesis(many=True))

    def joined(self, token: Token, entries: list[_Operand]) -> Expression:
        parts = [_number(one) if isinstance(one, float) else one for one in entries]
        if len({part.shape for part in parts}) > 1:
            sizes = ", ".join("×".join(map(str, part.shape)) or "number" for part in parts)
            self.fail(Said("refusals.expect_even_rows", sizes=sizes), token)
        if all(part.kind == "constant" and not part.name for part in parts):
            return constant(torch.stack([part.data for part in parts]), torch.float64)
        return self.made(replace(token, text="list"), *parts)  # type: ignore[return-value]

    def parenthesis(self, many: bool = False) -> list[_Operand]:
        """What stands between "(" and ")", or other brackets: one value, or several between commas."""
        opening = self.take()
        closing = _CLOSING[opening.text]
        self.open.append(opening.text)
        with self.deeper():
            values = [self.comparison()]
            while many and self.token.text == ",":
                self.take()
                values.append(self.comparison())
        if self.token.text != closing:
            if self.token.kind == "end":
                self.fail(
                    Said(
                        "refusals.expect_closing",
                        closing=f'"{closing}"',
                        opening=f'"{opening.text}"',
                        at=opening.at + 1,
                    )
                )
            self.fail_after_value(Said("refusals.expect_operator_or", closing=f'"{closing}"'))
        self.open.pop()
        self.at += 1
        return values

    # --------------------------------------------------------------------------------------------------------- helpers
    @property
    def token(self) -> Token:
        """The next one; inside parentheses a line end is a space."""
        while self.open and self.tokens[self.at].text == "\n":
            self.at += 1
        return self.tokens[self.at]

    def take(self) -> Token:
        token = self.token
        self.at += 1
        return token

    def skip_breaks(self) -> bool:
        """Go to the next statement; whether there is one."""
        while self.token.kind == "break":
            self.at += 1
        return self.token.kind != "end"

    def count(self, token: Token) -> None:
        self.operations += 1
        if self.operations > MOST:
            self.fail(f"at most {MOST:,} operations", token)

    def made(self, token: Token, *operands: _Operand) -> _Operand:
        """The value of one more operation; arithmetic of two numbers is a number at once."""
        name = "*" if token.text == "implied" else token.text
        numbers = [operand for operand in operands if isinstance(operand, float)]
        if name in _ARITHMETIC and len(numbers) == 2:
            return self.folded(replace(token, text=name), *numbers)
        self.count(token)
        values = [_number(one) if isinstance(one, float) else one for one in operands]
        if name == "*" and numbers[:1] == [operands[0]] and values[1].name == "π" and f"{numbers[0]:g}".isdigit():
            return self.constant(f"{numbers[0]:g}π", numbers[0] * pi)
        try:
            if name == "*" and self.text[token.at : token.past] in _DOTS and values[0].ndim == values[1].ndim == 1:
                raise ProfundoError(Said("refusals.two_ways_dot"))
            return replace(_computed(token.text, self.kind_of_call(token.text), values), line="")
        except ProfundoError as why:
            reason = re.sub(
                r",? \(?[\w.<>-]+:[0-9]+(?=\)|$)\)?$", "", str(why)
            )  # the place here says more than the line
            place = {"at": token.at + 1, "excerpt": self.excerpt(token.at)}
            told = Said("refusals.formula_here", reason=why.told or why.args[0], **place)
            raise ProfundoError(Said("refusals.formula_here", reason=reason, **place), told=told) from None

    def folded(self, token: Token, left: float, right: float) -> float:
        try:
            value: Any = _ARITHMETIC[token.text](left, right)
        except (ZeroDivisionError, OverflowError):
            value = float("inf")
        if isinstance(value, complex) or not isfinite(value):
            self.fail(Said("refusals.expect_finite_result", what=f"{_signed(left)}{token.text}{_signed(right)}"), token)
        return float(value)

    @contextmanager
    def deeper(self) -> Iterator[None]:
        self.depth += 1
        if self.depth > DEEPEST:
            self.fail(f"at most {DEEPEST} parentheses, signs and powers inside one another")
        yield
        self.depth -= 1

    # ---------------------------------------------------------------------------------------------------------- errors
    def fail(self, expected: str, token: Token | None = None) -> NoReturn:
        """One line: what was expected, what arrived, and where."""
        token = token or self.token
        is_line = token.kind == "break" and self.text[token.at] == "\n"
        key = "ends" if token.kind == "end" else "line_ends" if is_line else "at"
        there = '";"' if token.kind == "break" else _quoted(self.text[token.at : token.past])
        says = Said(
            f"refusals.formula_{key}", at=token.at + 1, expected=expected, got=there, excerpt=self.excerpt(token.at)
        )
        raise ProfundoError(says if isinstance(expected, Said) else str(says))

    def fail_unknown(self, token: Token) -> NoReturn:
        known = {**FUNCTIONS, **CALLED}
        near = get_close_matches(token.text.lower(), known, n=2, cutoff=0.6)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        name = _shown(token.text)
        product = f"for a product write {name}*(…), or give {name} a value; " if len(name) <= 2 or not near else ""
        names = ", ".join(sorted(one for one in known if "_1" not in one and "_2" not in one))
        raise ProfundoError(
            f"formula, character {token.at + 1}: {_quoted(token.text)} is no function that is known before a parenthesis; "
            f"{hint}{product}{'' if len(name) <= 2 else f'functions are {names}; '}in {self.excerpt(token.at)}",
            told=Said(
                f"refusals.formula_{'near' if near else 'function'}",
                at=token.at + 1, name=_quoted(token.text), near=tuple(near), excerpt=self.excerpt(token.at),
            ),
        )  # fmt: skip

    def fail_after_value(self, expected: Said | None = None) -> NoReturn:
        if self.token.kind == "number":
            self.fail(Said("refusals.expect_operator_before"))
        expected = expected or Said("refusals.expect_operator_or_end")
        hint = _HINTS.get(self.token.text)
        self.fail(
            Said("refusals.expect_hinted", expected=expected, hint=Said(f"refusals.{hint}")) if hint else expected
        )

    def excerpt(self, at: int) -> str:
        """The text around a place, which is marked."""
        before, after = self.text[max(0, at - 20) : at], self.text[at : at + 20]
        before = ("…" if at > 20 else "") + before
        after += "…" if at + 20 < len(self.text) else ""
        return Said("refusals.excerpt", before=_shown(before), after=_shown(after))


# ----------------------------------------------------------------------------------------------------------- computing
def _shapes(variables: Collection[str] | Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    if not isinstance(variables, Mapping):
        return {}
    return {name: tuple(as_tensor(value).shape) for name, value in variables.items()}


def _number(value: float) -> Expression:
    return replace(constant(value, torch.float64), line="")


def _computed(name: str, function: tuple[str, int] | None, values: list[Expression]) -> Expression:
    """One operation of the grammar."""
    if name in _COMPARISONS:
        return operations.cast(_COMPARISONS[name](*values), torch.float64)
    if name == "^":
        base, power = values
        if base.ndim > 1 or power.ndim > 1:
            raise ProfundoError(Said("refusals.two_ways_power"))
        return _POWER_OF_E(power) if base.kind == "constant" and base.name == "e" else operations.pow(base, power)
    if name in _ARITHMETIC:
        return _ARITHMETIC[name](*values)  # type: ignore[no-any-return]
    made: dict[str, Callable[..., Expression]] = {
        "@": operations.matmul,
        "implied": _multiplied,
        "T": _transposed,
        "!": operations.factorial,
        "list": lambda *parts: operations.stack(parts),
        "max of a list": operations.max,
        "min of a list": operations.min,
    }
    if name in made:
        return made[name](*values)
    return getattr(operations, (function or FUNCTIONS[name])[0])(*values)  # type: ignore[no-any-return]


def _transposed(x: Expression) -> Expression:
    """A vector becomes a row, 1×n."""
    return x if x.ndim == 0 else operations.unsqueeze(x, 0) if x.ndim == 1 else operations.transpose(x)


def _multiplied(x: Expression, y: Expression) -> Expression:
    """A product without a sign: of matrices, and of rows with columns, where there are any."""
    if not x.ndim or not y.ndim:
        return x * y
    if x.ndim == y.ndim == 1:
        raise ProfundoError(Said("refusals.two_ways_product"))
    if x.op is not None and x.op.name == "neg" and x.shape[0] == 1:
        return -_multiplied(x.inputs[0], y)
    row = x.inputs[0] if x.op is not None and x.op.name == "unsqueeze" else None
    if row is None:
        return operations.unsqueeze(x, 1) * y if x.ndim == 1 else operations.matmul(x, y)
    product = operations.matmul(row, y)
    return product if y.ndim == 1 else operations.unsqueeze(product, 0)


# ------------------------------------------------------------------------------------------------------------- writing
def _signed(number: float) -> str:
    return f"({number:g})" if number < 0 else f"{number:g}"


def _quoted(text: str) -> str:
    return f'"{_shown(text)}"'


def _shown(text: str) -> str:
    """On one line, without anything that a terminal would obey."""
    return "".join(sign if sign.isprintable() else "�" for sign in re.sub(r"\s", " ", text))
