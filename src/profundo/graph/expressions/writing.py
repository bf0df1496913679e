"""Expressions as people write them, in text and in LaTeX: "(a + b)·3·b", with no more parentheses than needed."""

from __future__ import annotations

import re
from typing import Any

import torch

from profundo.graph.expressions.expression import WRITERS, Expression, ancestors

__all__ = ["GREEK", "duration", "latex_name", "number", "write", "write_latex"]

LONGEST = 400
ATOM = 10  # binds tighter than any operation
GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi", "pi",
    "rho", "sigma", "tau", "phi", "chi", "psi", "omega",
}  # fmt: skip


def write(expression: Expression) -> str:
    """The formula, down to what has a name."""
    return _cut(_Writer(latex=False).formula(expression)[0])


def write_latex(expression: Expression) -> str:
    """The same for LaTeX's mathematics mode."""
    return _Writer(latex=True).formula(expression)[0]


def number(value: float, *, latex: bool = False) -> str:
    """As people write it, with six significant digits at most: 9, 0.5, 1.234e−5, −3, NaN, ∞. Zero has no sign."""
    if value != value:
        return r"\mathrm{NaN}" if latex else "NaN"
    text = f"{value + 0.0:.6g}".replace("inf", r"\infty" if latex else "∞")
    mantissa, power, exponent = text.partition("e")
    if power:
        text = rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if latex else f"{mantissa}e{int(exponent)}"
    return text if latex else text.replace("-", "−")


def duration(seconds: float) -> str:
    """In the unit that suits it: s, ms or µs; nothing for none."""
    if not seconds:
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= 0.9995 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def latex_name(name: str) -> str:
    """A letter as it is, with what follows an underscore or its number below; Greek letters by name; words upright."""
    match = re.fullmatch(r"([A-Za-z]+?)(?:_([A-Za-z0-9]+)|([0-9]+))?", name)
    if re.fullmatch("[0-9]*π", name):
        return name.replace("π", r"\pi")
    letter, *below = match.groups() if match else (name,)
    index = "".join(part or "" for part in below)
    if letter in GREEK:
        letter = "\\" + letter
    elif len(letter) > 1:
        letter = rf"\mathrm{{{_upright(letter)}}}"
    if len(index) > 1 and not index.isdigit():
        index = rf"\mathrm{{{index}}}"
    return f"{letter}_{{{index}}}" if index else letter


def _upright(word: str) -> str:
    special = {"\\": r"\backslash{}", "^": r"\hat{}", "~": r"\sim{}"}
    return "".join("\\" + c if c in "#$%&_{}" else special.get(c, c) for c in word)


class _Writer:
    """Formulas with their strength: how tightly the outermost operation binds. Shared parts are written once."""

    def __init__(self, *, latex: bool) -> None:
        self.latex = latex
        self.known: dict[Expression, tuple[str, int]] = {}

    def formula(self, expression: Expression) -> tuple[str, int]:
        for part in ancestors([expression], until=lambda part: bool(part.name)):
            self.known[part] = self.leaf(part) if part.op is None or part.name else self.operation(part)
        return self.known[expression]

    def leaf(self, expression: Expression) -> tuple[str, int]:
        if expression.name:
            strength = ATOM if not expression.name[:1].isdigit() else 5  # 2π
            return (latex_name(expression.name) if self.latex else expression.name), strength
        if expression.kind == "constant" and expression.data.numel() == 1:
            text = number(float(expression.data), latex=self.latex)
            return text, 6 if text.startswith(("−", "-")) else ATOM
        return expression.kind, ATOM

    def operation(self, expression: Expression) -> tuple[str, int]:
        op = expression.op
        assert op is not None
        template = (op.latex or op.text) if self.latex else op.text
        parts = [self.known[part] for part in expression.inputs]
        if not template:
            texts = [text for text, _ in parts]
            special = {"index": self.index, "cast": self.cast, "stack": self.stack, "where": self.where}.get(
                op.name, self.call
            )
            return special(expression, texts), ATOM
        is_infix = op.strength < 9
        if self.latex and (r"\frac" in template or r"\sqrt" in template or template.startswith("e^")):
            return template.format(*(text for text, _ in parts)), 7 if template.startswith("e^") else ATOM
        if is_infix:
            texts = [self.enclosed(text, strength, op, at) for at, (text, strength) in enumerate(parts)]
            if self.latex and op.name == "pow":
                texts[1] = parts[1][0]
            return self.shortened(template.format(*texts)), op.strength
        texts = [text if "(" in template or "|" in template else f"({text})" for text, _ in parts]
        return self.shortened(template.format(*texts)), ATOM

    def enclosed(self, text: str, strength: int, op: Any, at: int) -> str:
        """In parentheses where it would be read as something else."""
        is_second_of_ordered = at > 0 and op.name in ("sub", "div", "remainder", "mul", "matmul", "reciprocal")
        needs = strength < op.strength or (
            strength == op.strength and (is_second_of_ordered or op.name in ("pow", "square"))
        )
        if op.name in ("mul", "add") and strength == op.strength and at > 0:
            needs = op.name == "mul" and ("/" in text or "mod" in text or "@" in text)
        if text.startswith(("−", "-")) and op.strength <= 6 and (at > 0 or op.name == "neg"):
            needs = True
        if needs:
            return rf"\left({text}\right)" if self.latex else f"({text})"
        return text

    def call(self, expression: Expression, parts: list[str]) -> str:
        assert expression.op is not None
        inside = ", ".join([*parts, *_options(expression)])
        if self.latex:
            word = expression.op.name.replace("_", r"\_")
            return rf"\mathrm{{{word}}}\left({inside}\right)"
        return self.shortened(f"{expression.op.name}({inside})")

    def index(self, expression: Expression, parts: list[str]) -> str:
        """x[0, 2:], with the formulas of indices that are expressions."""
        whole, *slots = parts
        waiting = iter(slots)
        inside = ", ".join(next(waiting) if at == "·" else _plain(at) for at in expression.options["at"])
        return self.shortened(f"{whole}[{inside}]")

    def where(self, expression: Expression, parts: list[str]) -> str:
        """As a function by cases, one below the other."""
        if not self.latex:
            return self.call(expression, parts)
        condition, first, second = parts
        return rf"\begin{{cases}}{first} & {condition} \\ {second} & \text{{else}}\end{{cases}}"

    def stack(self, expression: Expression, parts: list[str]) -> str:
        if expression.options["dim"]:
            return self.call(expression, parts)
        inside = ", ".join(parts)
        return rf"\left[{inside}\right]" if self.latex else self.shortened(f"[{inside}]")

    def cast(self, expression: Expression, parts: list[str]) -> str:
        """Truth as a number in Iverson's brackets: [x > 0] is 1 or 0. Other dtypes change no number worth telling."""
        if expression.inputs[0].dtype == torch.bool:
            return rf"\left[{parts[0]}\right]" if self.latex else f"[{parts[0]}]"
        return self.call(expression, parts)

    def shortened(self, text: str) -> str:
        return text if self.latex or len(text) <= 4 * LONGEST else _cut(text)


USUAL = {"stride": 1, "dilation": 1, "groups": 1, "padding": 0, "diagonal": 0}


def _options(expression: Expression) -> list[str]:
    """What the operation was told, but for what goes without saying: all dimensions, usual steps, what is switched off."""
    first = expression.inputs[0]
    all_dims = (tuple(range(first.ndim)), 0 if first.ndim == 1 == len(expression.inputs) else None)
    return [
        f"{key}={_plain(value)}"
        for key, value in expression.options.items()
        if not (value is False or value is None or (key == "dim" and value in all_dims))
        and not (key in USUAL and {USUAL[key]} == set(value if isinstance(value, tuple) else (value,)))
    ]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST // 2] + " … " + text[-LONGEST // 2 :]


def _plain(value: Any) -> str:
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if isinstance(value, tuple) and len(value) == 1:
        return _plain(value[0])
    if isinstance(value, slice):
        ends = ":".join("" if end is None else str(end) for end in (value.start, value.stop))
        return ends if value.step is None else f"{ends}:{value.step}"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_plain, value)) + ")"
    return "…" if value is Ellipsis else str(value)


WRITERS["formula"] = write
