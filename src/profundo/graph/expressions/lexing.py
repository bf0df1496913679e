"""The words of a formula, plain or in LaTeX: numbers, names and signs, each with its place in the text.

LaTeX's commands become the words that people type without it: \\cdot is *, \\alpha is alpha, \\mathrm{relu} is relu,
\\left( is (. \\frac and \\sqrt stay, since they have arguments in braces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from profundo.graph.expressions.writing import GREEK

__all__ = ["LOWERED", "Token", "tokens"]

LOWERED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")

_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NAME = re.compile(r"π|(?![ª²³¹ºπᵀ])[^\W\d_](?:(?![²³¹⁰⁴-⁹πᵀ])\w)*")  # π is always a name of its own: 2πr
_RAISED = re.compile(r"⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_COMMAND = re.compile(r"\\([A-Za-z]+|.)")
_FONT = re.compile(r"\\(?:operatorname|mathrm|mathbf|mathit|mathsf|boldsymbol|text|vec)\*?\s*\{((?:[^{}\\]|\\_)*)\}")
_INDEX = re.compile(r"_\{(\w+)\}|_(\w)")
_SIGNS = {
    "·": "*", "×": "*", "⋅": "*", "∙": "*", "−": "-", "–": "-", "÷": "/", "∕": "/", "**": "^", "<=": "≤", ">=": "≥",
    "==": "==", "!=": "≠", "\\cdot": "*", "\\times": "*", "\\div": "/", "\\le": "≤", "\\leq": "≤", "\\ge": "≥",
    "\\geq": "≥", "\\ne": "≠", "\\neq": "≠", "\\lt": "<", "\\gt": ">", "\\lvert": "|", "\\rvert": "|", "\\vert": "|",
    "\\{": "(", "\\}": ")", "\\lbrack": "[", "\\rbrack": "]",
}  # fmt: skip
_SPACES = {
    ",", ";", ":", "!", "&", " ", "left", "right", "big", "Big", "bigl", "bigr", "Bigl", "Bigr", "displaystyle", "limits",
    "quad", "qquad",
}  # fmt: skip
_NAMES = {"pi": "π", "top": "⊤", "intercal": "⊤", "varepsilon": "epsilon", "varphi": "phi"}
_OWN = frozenset(("frac", "dfrac", "tfrac", "sqrt"))
_WORDS = {
    "abs", "arccos", "arcsin", "arctan", "cos", "cosh", "det", "exp", "ln", "log", "max", "min", "sin", "sinh", "sum", "tan",
    "tanh",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """kind: "number", "name", "raised" (an exponent such as ²), "sign", "break" or "end"; text: as the grammar knows it.

    at, past: where it begins and ends in the formula.
    """

    kind: str
    text: str
    at: int
    past: int


def tokens(text: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        token = _command(text, at) if text[at] == "\\" else _plain(text, at)
        if token.kind != "space":
            yield token
        at = token.past
    yield Token("end", "", len(text), len(text))


def _plain(text: str, at: int) -> Token:
    for kind, pattern in (("number", _NUMBER), ("name", _NAME), ("raised", _RAISED)):
        if match := pattern.match(text, at):
            index = re.compile(r"\{(\w+)\}").match(text, match.end()) if match[0].endswith("_") else None  # x_{12}
            return Token(kind, match[0] + (index[1] if index else ""), at, index.end() if index else match.end())
    if text[at] == "∑":
        return Token("name", "Σ", at, at + 1)
    if text[at] in ";\n":
        return Token("break", text[at], at, at + 1)
    if text[at].isspace():
        return Token("space", "", at, at + 1)
    sign = text[at : at + 2] if text[at : at + 2] in _SIGNS else text[at]
    return Token("sign", _SIGNS.get(sign, sign), at, at + len(sign))


def _command(text: str, at: int) -> Token:
    """What begins with a backslash; one that nobody knows is a sign that the grammar will refuse."""
    if font := _FONT.match(text, at):
        return _named(text, font[1].replace("\\_", "_").strip(), at, font.end())
    command = _COMMAND.match(text, at)
    word = command[1] if command else ""
    past = command.end() if command else at + 1
    if word in _SPACES:
        return Token("space", "", at, past)
    if word == "\\":
        return Token("break", ";", at, past)
    if word in _OWN:
        return Token("name", "\\sqrt" if word == "sqrt" else "\\frac", at, past)
    if word in GREEK or word in _NAMES or word in _WORDS:
        return _named(text, _NAMES.get(word, word), at, past)
    return Token("sign", _SIGNS.get("\\" + word, text[at:past]), at, past)


def _named(text: str, name: str, at: int, past: int) -> Token:
    """A name with what stands below it: \\theta_1, \\log_{10}, \\mathbf{w}_{in}."""
    if not _NAME.fullmatch(name) and name != "⊤":
        return Token("sign", text[at:past], at, past)
    if index := _INDEX.match(text, past):
        return Token("name", f"{name}_{index[1] or index[2]}", at, index.end())
    return Token("name", name, at, past)
