"""What is written in and around the box of an operation, a module or a given value, and how wide that is.

A number stands in a circle with its operation, as in courses on backpropagation; a tensor or a module in a box with its
shape, in the colour of its kind: convolutions, layers of weights, normalisation, activations, what only reshapes.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from profundo.graph.drawings.folding import Part, Visible
from profundo.graph.nodes import GIVEN, Cost, Graph, Node, Ref, Summary
from profundo.pictures.numbers import SPACE, count, plain, short
from profundo.pictures.svg import INK, MUTED, PAPER, colour

__all__ = [
    "BACKWARD", "INK", "MUTED", "PAPER", "WARNING", "Face", "Line", "cell", "face_of", "heading", "result_of", "shortened",
    "text_width", "written",
]  # fmt: skip

FORWARD, BACKWARD, WARNING, LEARNED, GIVEN_HUE = colour(0, 12), colour(1, 12), colour(6, 12), colour(4, 12), MUTED

RADIUS = 25.0
LONGEST = 150.0  # pixels of one line of text in a box
MOST_BESIDE = 2  # given nodes that are named in a box

SYMBOLS = {
    "add": "+", "sub": "−", "rsub": "−", "mul": "×", "div": "÷", "truediv": "÷", "neg": "−", "pow": "xⁿ", "sqrt": "√",
    "sum": "Σ", "sigmoid": "σ", "abs": "|x|", "square": "x²", "reciprocal": "1/x", "maximum": "max", "minimum": "min",
    "dot": "·", "matmul": "@", "mm": "@", "bmm": "@", "rsqrt": "1/√", "stack": "[ ]", "where": "?",
}  # fmt: skip
INFIX = "+−×÷"
FAMILIES = (  # the first whose words are in the name of the class or operation
    (8, ("attention", "scaled_dot")),
    (9, ("lstm", "gru", "rnn", "embedding")),
    (0, ("conv",)),
    (3, ("norm",)),
    (2, ("relu", "tanh", "sigmoid", "elu", "softmax", "softplus", "swish", "silu", "activation", "threshold")),
    (10, ("loss", "entropy", "nll")),
    (7, ("linear", "addmm", "matmul", "dense", "bmm", "bilinear", "mm")),
    (5, ("pool", "flatten", "view", "reshape", "transpose", "permute", "dropout", "cat", "stack", "identity", "split")),
)
# Widths of letters in hundredths of their height, as in DejaVu Sans, which is wider than most.
WIDTHS = {
    letter: width
    for width, letters in (
        (32, "ijlI.,:;'|! \u00a0·∣"),
        (42, 'frt()[]{}-"/\\`°'),
        (64, "abcdeghknopqsuvxyz0123456789_JFELT?*ß$¹²³∂σ…"),
        (75, "ABCDGHKNOPQRSUVXYZ&#∇Σ"),
        (84, "w+−=<>×÷±~^∞→"),
        (99, "mMW@%"),
    )
    for letter in letters
}


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    size: float = 11.5
    hue: str = INK
    bold: bool = False

    @property
    def width(self) -> float:
        return text_width(self.text, self.size, bold=self.bold)

    @property
    def height(self) -> float:
        return 1.28 * self.size


@dataclass(frozen=True, slots=True)
class Face:
    """How a box looks. core: (width, height) of its shape; stacked: there is more inside; corner: its radius."""

    inside: tuple[Line, ...]
    above: tuple[Line, ...]
    below: tuple[Line, ...]
    core: tuple[float, float]
    hue: str
    facts: str
    round: bool = False
    corner: float = 6.0
    stacked: bool = False
    heavy: bool = False


def face_of(graph: Graph, box: Visible) -> Face:
    """How the box looks, with its value above and its gradient below."""
    node = result_of(graph, box)
    value, gradient = _value_line(node.value), _value_line(node.gradient, gradient=True)
    if box.part is not None:
        face = _module_face(graph, box, node)
    elif _is_scalar(node):
        face, value = _scalar_face(node, value)
    else:
        face = _tensor_face(graph, box, node)
    return replace(
        face,
        above=(*face.above, value) if value else face.above,
        below=(gradient,) if gradient else (),
        heavy=any(ref.node in box.nodes for ref in graph.outputs),
        facts=_facts(graph, box, node),
    )


def result_of(graph: Graph, box: Visible) -> Node:
    """The node whose value leaves the box: the last that is used outside, or the last of all."""
    if len(box.nodes) == 1:
        return graph.nodes[box.nodes[0]]
    inside = set(box.nodes)
    used = {ref.node for ref in graph.outputs} | {
        name for node in graph if node.name not in inside for name in node.inputs if name in inside
    }
    names = [name for name in box.nodes if graph.nodes[name].op not in GIVEN] or list(box.nodes)
    return graph.nodes[([name for name in names if name in used] or names)[-1]]


def _is_scalar(node: Node) -> bool:
    return not node.shape and (node.value is None or node.value.item is not None)


def _scalar_face(node: Node, value: Line | None) -> tuple[Face, Line | None]:
    hue = {"input": FORWARD, "constant": MUTED}.get(node.op, LEARNED if node.op in GIVEN else INK)
    if node.op in GIVEN:
        number = value is not None and node.op == "constant"
        word = value.text if value is not None and number else node.name
        inside = (Line(shortened(word, 17, LONGEST), 17, bold=True),)
        wide, high = _room(inside, 0)
        return Face(inside, (), (), (max(wide, 46.0), max(high, 40.0)), hue, "", corner=12), None if number else value
    word = _symbol(node.op)
    formula = (Line(shortened(_formula(node), 11.5, 1.4 * LONGEST), hue=MUTED),)
    if text_width(word, 19, bold=True) <= 2 * RADIUS - 6:
        size = 22.0 if len(word) <= 2 else 14.5
        return Face((Line(word, size, bold=True),), formula, (), (2 * RADIUS, 2 * RADIUS), INK, "", round=True), value
    inside = (Line(shortened(word, 13, LONGEST), 13, bold=True),)
    wide, high = _room(inside, 6)
    return Face(inside, formula, (), (wide, max(high, 36.0)), _family(node.op) or INK, ""), value


def _tensor_face(graph: Graph, box: Visible, node: Node) -> Face:
    lines = [Line(shortened(node.op if node.op not in GIVEN else _last(node.name), 13, LONGEST), 13, bold=True)]
    if node.op in GIVEN:
        lines.append(Line(shortened(node.op, 11.5, LONGEST), hue=MUTED))
    elif node.name != node.op:
        lines.append(Line(shortened(node.name, 11.5, LONGEST), hue=MUTED))
    lines += [*_size_lines(node), *_beside_lines(graph, box)]
    hue = {"input": FORWARD, "constant": MUTED}.get(node.op, LEARNED) if node.op in GIVEN else _family(node.op) or INK
    corner = 14.0 if node.op in GIVEN else 6.0
    return Face(tuple(lines), (), (), _room(lines, corner), hue, "", corner=corner)


def _module_face(graph: Graph, box: Visible, node: Node) -> Face:
    part = box.part
    assert part is not None
    operations = list(part.operations())
    title, name = _names_of(part, graph, operations)
    lines = [Line(shortened(title, 13, LONGEST), 13, bold=True)]
    if name and name != title:
        lines.append(Line(shortened(name, 11.5, LONGEST), hue=MUTED))
    lines += _size_lines(node)
    if learned := sum(graph.nodes[at].parameters for at in box.nodes):
        lines.append(Line(f"{_many(learned)}{SPACE}parameters", hue=LEARNED))
    lines += _beside_lines(graph, box)
    return Face(tuple(lines), (), (), _room(lines, 6), _family(title) or INK, "", stacked=len(operations) > 1)


def _only(part: Part) -> Part:
    """The module in it, where it holds nothing but that one: the layer of a ModuleList."""
    inner = part.parts[0]
    return _only(inner) if len(part.parts) == 1 and isinstance(inner, Part) and inner.kind == "module" else part


def _names_of(part: Part, graph: Graph, operations: Sequence[str]) -> tuple[str, str]:
    """What a folded part is called in large and in small letters."""
    if part.kind == "stretch":
        layers = [_only(one) for one in part.parts if isinstance(one, Part) and one.kind == "module"]
        kinds = [graph.nodes[one].op if isinstance(one, str) else _only(one).title for one in part.parts]
        often = Counter(kinds).most_common(4)
        words = ", ".join(f"{word} ×{times}" for word, times in often[:3]) + (", …" if len(often) > 3 else "")
        return f"{layers[0].path} … {layers[-1].path}" if layers[1:] else f"{len(operations)} operations", words
    return part.title or _last(part.path) or "all", _last(part.path) + _call(part)


def _call(part: Part) -> str:
    """Of which call it is, from the second on."""
    return f" (call {part.key.rsplit('#', 1)[1]})" if part.key != part.path and part.kind != "stretch" else ""


def _size_lines(node: Node) -> list[Line]:
    return [Line(shortened(_shape(node), 11.5, LONGEST))] if node.shape else []


def _beside_lines(graph: Graph, box: Visible) -> list[Line]:
    """Given nodes that are written in the box that uses them."""
    if not box.beside:
        return []
    learned = sum(graph.nodes[name].parameters for name in box.beside)
    hue = LEARNED if learned else MUTED
    if len(box.beside) > MOST_BESIDE:
        kind = "parameters" if learned else "values"
        return [Line(f"{_many(learned) if learned else len(box.beside)}{SPACE}{kind}", hue=hue)]
    nodes = [graph.nodes[name] for name in box.beside]
    words = [f"{_last(node.name)} {_shape(node)}".strip() if node.shape else _item_text(node) for node in nodes]
    return [Line(shortened(text, 10.5, LONGEST), 10.5, LEARNED if node.parameters else MUTED) for node, text in
            zip(nodes, words, strict=True)]  # fmt: skip


def _item_text(node: Node) -> str:
    if node.value is not None and node.value.item is not None:
        return written(node.value.item)
    return _last(node.name)


def _room(lines: Sequence[Line], corner: float) -> tuple[float, float]:
    return max(line.width for line in lines) + 20 + corner / 2, sum(line.height for line in lines) + 14


def cell(face: Face) -> tuple[float, float]:
    """What a face takes with the lines around it, which its shape is the middle of."""
    beyond = max(sum(line.height for line in face.above), sum(line.height for line in face.below))
    wide = max([face.core[0], *(line.width for line in (*face.above, *face.below))])
    return wide, face.core[1] + 2 * beyond + (8 if beyond else 0)


def _value_line(value: Summary | None, *, gradient: bool = False) -> Line | None:
    """A single number, or of a tensor mean and standard deviation; of its gradient the norm."""
    if value is None:
        return None
    usual = BACKWARD if gradient else INK
    hue = WARNING if value.bad else usual
    if value.item is not None:
        return Line(written(value.item), 14.0, hue, bold=True)
    if value.bad:
        return Line(f"{count(value.bad)} not finite", 11.0, hue)
    text = f"‖∇‖ {_roughly(value.norm)}" if gradient else f"{_roughly(value.mean)} ± {_roughly(value.std)}"
    return Line(text, 11.0, hue)


def _facts(graph: Graph, box: Visible, node: Node) -> str:
    """All that is known of a box, for the pointer."""
    nodes = [graph.nodes[name] for name in (*box.nodes, *box.beside)]
    cost = sum((item.forward for item in nodes), Cost())
    back = sum((item.backward for item in nodes), Cost())
    head = f"{node.name}: {node.op}"
    if box.part is not None:
        title, _ = _names_of(box.part, graph, list(box.part.operations()))
        head = f"{box.part.key or 'all'}: {title}, {len(box.nodes)} nodes; its result is {node.name} ({node.op})"
    rows = [
        head,
        node.text and f"formula: {node.text}",
        f"shape: {_shape(node) or 'a single number'}" + (f", {node.dtype}" if node.dtype else ""),
        f"module: {node.module}" if node.module else "",
        f"line: {node.line}" if node.line else "",
        f"value: {_in_full(node.value)}" if node.value else "",
        f"gradient: {_in_full(node.gradient)}" if node.gradient else "",
        f"parameters: {count(learned)}" if (learned := sum(item.parameters for item in nodes)) else "",
        _cost("forward", cost),
        _cost("backward", back),
        *(f"with {graph.nodes[name].op} {name}: {_shape(graph.nodes[name]) or 'a number'}" for name in box.beside[:20]),
    ]
    return "\n".join(row if len(row) <= 300 else row[:299] + "…" for row in rows if row)


def _in_full(value: Summary) -> str:
    if value.item is not None:
        return written(value.item)
    bad = f", {count(value.bad)} not finite" if value.bad else ""
    text = f"from {written(value.minimum)} to {written(value.maximum)}, mean {written(value.mean)}, std {written(value.std)}"
    return f"{text}, norm {written(value.norm)}{bad}"


def _cost(name: str, cost: Cost) -> str:
    text = [short(cost.flops, "FLOPs")] if cost.flops else []
    text += [short(cost.bytes, "bytes")] if cost.bytes else []
    text += [f"{1e6 * cost.seconds:,.0f}{SPACE}µs"] if cost.seconds else []
    return f"{name}: {', '.join(text)}" if text else ""


def heading(part: Part) -> list[Line]:
    """Of a frame: what it is called, and its class."""
    name = Line(shortened(_last(part.path) or part.title, 12.5, LONGEST), 12.5, bold=True)
    title = part.title if part.title and part.title != _last(part.path) else ""
    more = shortened(f"{title}{_call(part)}", 11.5, LONGEST)
    return [name, Line(f"{SPACE}{SPACE}{more}", hue=MUTED)] if more else [name]


def _formula(node: Node) -> str:
    """What the node is, as an equation if its call says it in few words."""
    if not node.text:
        words = [
            item.node if isinstance(item, Ref) else written(item)
            for item in node.args
            if isinstance(item, Ref | int | float)
        ]
        sign = _symbol(node.op)
        if len(words) == len(node.args) == 2 and sign in INFIX:
            return f"{node.name} = {words[0]} {sign} {words[1]}"
        return f"{node.name} = {node.op}({words[0]})" if len(words) == len(node.args) == 1 else node.name
    if node.text == node.name:
        return node.name
    return node.text if re.match(r"\S+ = ", node.text) else f"{node.name} = {node.text}"


def _symbol(op: str) -> str:
    return SYMBOLS.get(op.split(".")[0].rstrip("_"), op)


def _family(word: str) -> str:
    low = word.lower()
    return next((colour(at, 12) for at, words in FAMILIES if any(part in low for part in words)), "")


def _last(path: str) -> str:
    """The last name of a dotted path; a number with the name before it."""
    names = path.split(".")
    return ".".join(names[-2:]) if names[-1].isdigit() else names[-1]


def _shape(node: Node) -> str:
    return " × ".join(map(str, node.shape))


def _many(number: int) -> str:
    return count(number) if number < 100_000 else short(number, "").strip(SPACE)


def written(value: float) -> str:
    """Four significant digits, without zeros at the end."""
    if math.isnan(value):
        return "NaN"
    text = plain(float(f"{value:.4g}")) if math.isfinite(value) else plain(value)
    return text.rstrip("0").rstrip(".") if "." in text and SPACE not in text else text


def _roughly(value: float) -> str:
    return written(float(f"{value:.3g}")) if math.isfinite(value) else written(value)


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Pixels that a text takes, rather too many: which font it is drawn in is not known here."""
    return (
        size
        / 100
        * (1.1 if bold else 1.0)
        * sum(WIDTHS.get(letter, 66 if letter < "\u2e80" else 105) for letter in text)
    )


def shortened(text: str, size: float, width: float) -> str:
    """At most so wide: the middle of a longer text is left out, since names differ at their ends."""
    text = " ".join(text[:400].split()) if len(text) > 60 else " ".join(text.split())
    if text_width(text, size, bold=True) <= width:
        return text
    keep = len(text)
    while keep > 2 and text_width(f"{text[: (keep + 1) // 2]}…{text[-(keep // 2) :]}", size, bold=True) > width:
        keep -= 1
    return f"{text[: (keep + 1) // 2]}…{text[-(keep // 2) :]}"
