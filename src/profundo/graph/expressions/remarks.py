"""What is said beside a graph with values: where numbers ended and why, and where a slope is not the only one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from profundo.graph.expressions.expression import Expression
from profundo.graph.expressions.writing import number
from profundo.graph.nodes import Node, Summary
from profundo.languages import Said

__all__ = ["remarks"]

_REASONS: Mapping[str, tuple[str, Callable[..., bool]]] = {
    "log": ("log", lambda x: x <= 0),
    "log2": ("log", lambda x: x <= 0),
    "log10": ("log", lambda x: x <= 0),
    "log1p": ("log1p", lambda x: x <= -1),
    "sqrt": ("sqrt", lambda x: x < 0),
    "rsqrt": ("sqrt", lambda x: x < 0),
    "div": ("div", lambda _, y: y == 0),
    "reciprocal": ("div", lambda x: x == 0),
    "asin": ("arc", lambda x: abs(x) > 1),
    "acos": ("arc", lambda x: abs(x) > 1),
}
"""Operation → the text that says why it has no value where the test of its inputs holds."""
_KINKS = {"abs": (-1.0, 1.0), "relu": (0.0, 1.0)}
"""Operation → its slopes to the left and to the right of 0, where it has a kink."""


def remarks(order: Sequence[Expression], names: Mapping[Expression, str], nodes: Mapping[str, Node]) -> tuple[str, ...]:
    """Where the first value, or else the first gradient backward, was lost: NaN or infinite, and its inputs were not.

    Where none was, the kinks at which gradients were taken. order: of the nodes, inputs first.
    """
    values = {one: nodes[names[one]].value for one in order}
    gradients = {one: nodes[names[one]].gradient for one in order}
    for one in order:
        inputs = [values[part] for part in one.inputs]
        if one.op is not None and any(test(values[one]) and not any(map(test, inputs)) for test in (_bad, _nan)):
            return (_lost(one, names, values, nodes[names[one]].text),)
    for one in reversed(order):
        if _bad(gradients[one]) and not any(_bad(value) for value in values.values()):
            return (Said("graph.lost_gradient", name=names[one], what=_what(gradients[one])),)
    return tuple(_kink(one, names, nodes) for one in order if _is_kink(one, values) and gradients[one] is not None)


def _lost(
    one: Expression, names: Mapping[Expression, str], values: Mapping[Expression, Summary | None], text: str
) -> Said:
    at = [
        f"{names[part]} = {number(value.item)}"
        for part in one.inputs
        if (part.op or part.kind != "constant") and (value := values[part]) and value.item is not None
    ]
    key = f"graph.lost_value{'_at' if at else ''}"
    lost = Said(key, name=names[one], text=text, what=_what(values[one]), places=", ".join(at))
    reason = _reason(one, [value.item if value else None for value in (values[part] for part in one.inputs)])
    return Said("graph.lost_because", what=lost, why=Said(f"graph.undefined_{reason}")) if reason else lost


def _reason(one: Expression, inputs: Sequence[float | None]) -> str:
    """ "" where the operation has a value there that is only too large, and of several numbers."""
    given = [value for value in inputs if value is not None]
    if one.op is None or len(given) < len(inputs):
        return ""
    if one.op.name == "pow":
        base, power = given
        return "pow" if base < 0 and power % 1 else "pow_zero" if base == 0 and power < 0 else ""
    reason, holds = _REASONS.get(one.op.name, ("", lambda *_: False))
    return reason if holds(*given) else ""


def _is_kink(one: Expression, values: Mapping[Expression, Summary | None]) -> bool:
    if one.op is None or one.op.name not in _KINKS:
        return False
    value = values[one.inputs[0]]
    return value is not None and value.item == 0


def _kink(one: Expression, names: Mapping[Expression, str], nodes: Mapping[str, Node]) -> Said:
    assert one.op is not None
    left, right = (number(slope) for slope in _KINKS[one.op.name])
    node, at = nodes[names[one]], f"{names[one.inputs[0]]} = 0"
    return Said("graph.kink", name=node.name, text=node.text, places=at, left=left, right=right, slope="0")


def _bad(value: Summary | None) -> bool:
    return value is not None and value.bad > 0


def _nan(value: Summary | None) -> bool:
    return value is not None and value.item is not None and value.item != value.item


def _what(value: Summary | None) -> str:
    assert value is not None
    return number(value.item) if value.item is not None else Said("graph.bad_entries", count=value.bad)
