"""A graph as a table for the terminal: what is computed, from what, with which numbers.

print(table(graph))       # one row a node
print(layers(graph))      # one row a call, as a network's layers are listed, and the totals
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from shutil import get_terminal_size

from rich.cells import cell_len, set_cell_size
from torch import Tensor

from profundo.graph.expressions.writing import duration, number
from profundo.graph.nodes import GIVEN, RENDERERS, Cost, Graph, Node, Summary, refs_of
from profundo.pictures.numbers import count, short
from profundo.records import ProfundoError

__all__ = ["WIDEST", "Column", "aligned", "layers", "table", "totals"]

LIMIT = 60
NARROWEST = 8  # columns of a cell that is cut
WIDEST = 1_000  # columns of a table that is not fitted to the terminal
LONGEST = 24  # signs of a tensor whose entries stand in the table
MOST_SHOWN = 400  # entries of a result that stand below it


@dataclass(frozen=True, slots=True)
class Column:
    """is_number: aligned to the right. weight: the larger, the later it is cut or left out where there is no room."""

    title: str
    is_number: bool = False
    weight: int = 9


def table(graph: Graph, *, limit: int = LIMIT, width: int | None = None) -> str:
    """One row a node: formula, value and gradient; of traced networks also shape, module, parameters and time.
    Constants that are single numbers have none: they stand in the formulas.

    A tensor's value is shown by its smallest and largest entry, its gradient by its Euclidean norm; where whole tensors
    were kept, a few entries are shown themselves, and below the table those of the result. limit: of rows; a line says
    how many more there are. width: in columns, that of the terminal by default.
    """
    columns = [
        Column("node"),
        Column("formula", weight=4),
        Column("value", True),
        Column(_gradient_title(graph), True),
        Column("shape", weight=6),
        Column("module", weight=3),
        Column("parameters", True, weight=2),
        Column("time", True, weight=1),
    ]
    rows = [_node_row(node) for node in graph if not _is_in_formulas(node)]
    lines = _first(columns, rows, limit, width, "nodes") if rows else ["the graph has no nodes to show"]
    results = [text for name in dict.fromkeys(ref.node for ref in graph.outputs) if (text := _result(graph[name]))]
    return "\n".join([*lines, *results, *(f"note: {note}" for note in graph.notes)])


def _result(node: Node) -> str:
    """name = its entries, a line for each row of a matrix; nothing for those that stand in the table, or for too many."""
    kept = node.value.tensor if node.value else None
    if kept is None or not kept.dim() or kept.numel() > MOST_SHOWN or len(text := entries(kept)) <= LONGEST:
        return ""
    rows = text.replace("], [", "],\n [")
    return f"{node.name} = {rows}" if kept.dim() == 1 else f"{node.name} =\n{rows}"


def layers(graph: Graph, *, depth: int | None = None, limit: int = LIMIT, width: int | None = None) -> str:
    """One row a call: its module, what it gives, the parameters that it is the first to use, FLOPs and times.

    depth: fold what happens in modules so many levels down into one row a module; by default every call has its own.
    A multiplication and an addition count as two FLOPs. Below are the totals, and notes on what could not be seen.
    """
    columns = [
        Column("call" if depth is None else "part"),
        Column("module" if depth is None else "kind", weight=5),
        Column("shape", weight=7),
        Column("parameters", True),
        Column("FLOPs", True, weight=6),
        Column("forward", True, weight=3),
        Column("backward", True, weight=2),
        Column("‖gradient‖", True, weight=4),
    ]
    if depth is not None and depth < 1:
        raise ProfundoError(f"depth: expected a number of levels, 1 or more, got {depth}")
    calls = _calls(graph) if depth is None else _modules(graph, depth)
    kinds = {
        name: nodes[-1].module if depth is None else graph.modules.get(name.partition("#")[0], "")
        for name, nodes in calls.items()
    }
    learned = _first_uses(graph, calls)
    rows = [_call_row(name, kinds[name], nodes, learned[name]) for name, nodes in calls.items()]
    lines = _first(columns, rows, limit, width, "calls") if rows else ["the graph computes nothing"]
    return "\n".join([*lines, "", totals(graph), *(f"note: {note}" for note in graph.notes)])


def _first(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], limit: int, width: int | None, what: str
) -> list[str]:
    """Lines of so many rows, and one that says how many more there are."""
    if limit < 1:
        raise ProfundoError(f"limit: expected a number of rows, 1 or more, got {limit}")
    more = [f"… and {count(len(rows) - limit)} more of {count(len(rows))} {what}"] if len(rows) > limit else []
    return aligned(columns, rows[:limit], width) + more


def totals(graph: Graph) -> str:
    """Nodes, parameters, FLOPs and times of the whole, in a line."""
    forward = sum((node.forward for node in graph), Cost())
    backward = sum((node.backward for node in graph), Cost())
    parts = [f"{count(len(graph))} nodes", f"{count(sum(node.parameters for node in graph))} parameters"]
    for way, cost in (("forward", forward), ("backward", backward)):
        figures = [short(cost.flops, "FLOPs")] if cost.flops else []
        figures += [duration(cost.seconds)] if cost.seconds else []
        parts += [f"{way} {', '.join(figures)}"] if figures else []
    return "; ".join(parts)


# ---------------------------------------------------------------------------------------------------------------- rows
def _node_row(node: Node) -> list[str]:
    is_tensor = bool(node.shape)
    return [
        node.name,
        node.op if node.op in GIVEN else node.text or _call(node),
        _value(node.value),
        _gradient(node.gradient),
        _shape(node) if is_tensor else "",
        node.module,
        count(node.parameters) if node.parameters else "",
        duration(node.forward.seconds + node.backward.seconds),
    ]


def _gradient_title(graph: Graph) -> str:
    """What is differentiated by each node: of a tensor, the sum of its entries."""
    if not graph.of:
        return "gradient"
    return f"∂{'Σ' if graph[graph.of].shape else ''}{graph.of}/∂·"


def _call(node: Node) -> str:
    """The operation with its inputs; of two operands also a plain number ("mul(b, 3)")."""
    few = len(node.args) <= 2
    text = [
        ", ".join(ref.node for ref in refs_of(value)) or (f"{value}" if few and type(value) in (int, float) else "")
        for value in (*node.args, *node.kwargs.values())
    ]
    return f"{node.op}({', '.join(filter(None, text))})"


def _is_in_formulas(node: Node) -> bool:
    return (
        node.op == "constant"
        and not node.shape
        and node.gradient is None
        and (_is_number(node.text) or node.text == "e")
    )


def _is_number(text: str) -> bool:
    try:
        float(text.replace("−", "-").replace("∞", "inf").removesuffix("π") or "1")
    except ValueError:
        return False
    return True


def _call_row(name: str, module: str, nodes: Sequence[Node], learned: int) -> list[str]:
    last = nodes[-1]
    forward, backward = sum((n.forward for n in nodes), Cost()), sum((n.backward for n in nodes), Cost())
    return [
        name,
        module,
        _shape(last),
        count(learned) if learned else "",
        short(forward.flops, "").strip() if forward.flops else "",
        duration(forward.seconds),
        duration(backward.seconds),
        _norm(last.gradient),
    ]


def _calls(graph: Graph) -> dict[str, list[Node]]:
    """The computed nodes of each call by its name, calls in the order in which they end: a call's row is what it gives."""
    calls: dict[str, list[Node]] = {}
    for node in graph:
        if node.op not in GIVEN:
            calls.setdefault(node.scope or node.name, []).append(node)
    return calls


def _modules(graph: Graph, depth: int) -> dict[str, list[Node]]:
    """Consecutive nodes of one module `depth` levels down; those of modules above it, by call. "#2": a second stretch."""
    computed = [node for node in graph if node.op not in GIVEN]
    holders = {path.rpartition(".")[0] for path in graph.modules if path}
    result: dict[str, list[Node]] = {}
    for name, nodes in groupby(computed, lambda node: _part(node, depth, holders)):
        again = sum(1 for other in result if other == name or other.startswith(name + "#"))
        result[f"{name}#{again + 1}" if again else name] = list(nodes)
    return result


def _part(node: Node, depth: int, holders: Collection[str]) -> str:
    """The module or call that the node is shown under. holders: modules that hold others, whose own calls are rows."""
    names = node.module.split(".") if node.module else []
    if names and (len(names) >= depth or node.module not in holders):
        return ".".join(names[:depth])
    return node.scope or node.name


def _first_uses(graph: Graph, calls: Mapping[str, Sequence[Node]]) -> dict[str, int]:
    """Of each call, the number of parameters in nodes that it is the first to use, so that all add up."""
    seen: set[str] = set()
    learned: dict[str, int] = {}
    for name, nodes in calls.items():
        fresh = {item for node in nodes for item in node.inputs if graph[item].op in GIVEN} - seen
        seen |= fresh
        learned[name] = sum(graph[item].parameters for item in fresh) + sum(node.parameters for node in nodes)
    return learned


# --------------------------------------------------------------------------------------------------------------- cells
def _value(summary: Summary | None) -> str:
    if summary is None:
        return ""
    if summary.item is not None:
        return number(summary.item)
    kept = summary.tensor
    if kept is not None and 0 < kept.numel() <= LONGEST and len(text := entries(kept)) <= LONGEST:
        return text
    return f"{_rough(summary.minimum)} … {_rough(summary.maximum)}{_bad(summary)}"


def entries(value: Tensor) -> str:
    """As nested lists: [[1, 0.5], [0, −2]]."""
    return f"[{', '.join(map(entries, value))}]" if value.dim() else number(float(value))


def _gradient(summary: Summary | None) -> str:
    if summary is None:
        return ""
    return number(summary.item) if summary.item is not None else f"norm {_norm(summary)}"


def _norm(summary: Summary | None) -> str:
    return "" if summary is None else _rough(summary.norm) + _bad(summary)


def _bad(summary: Summary) -> str:
    return f", {count(summary.bad)} NaN or ∞" if summary.bad else ""


def _rough(value: float) -> str:
    """Three significant digits."""
    return number(float(f"{value:.3g}"))


def _shape(node: Node) -> str:
    return "×".join(map(str, node.shape)) if node.shape else "number"


# ----------------------------------------------------------------------------------------------------------- alignment
def aligned(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
    """Lines of the columns that hold anything, no wider than `width`: long cells are cut, light columns left out."""
    room = get_terminal_size((100, 24)).columns if width is None else width
    if room < 20:
        raise ProfundoError(f"width: expected at least 20 columns for a table, got {room}")
    clean = [[_printable(cell) for cell in row] for row in rows]
    remaining = [at for at in range(len(columns)) if any(row[at] for row in clean)]
    titles = [_printable(column.title) for column in columns]
    widths = {at: max(cell_len(row[at]) for row in (titles, *clean)) for at in remaining}
    widths = _fitted(columns, widths, room)
    return [
        "  ".join(_cell(row[at], widths[at], columns[at].is_number) for at in widths).rstrip()
        for row in (titles, *clean)
    ]


def _fitted(columns: Sequence[Column], widths: dict[int, int], room: int) -> dict[int, int]:
    """The same widths where there is room; else text is cut, then columns are left out, the lightest first."""
    widths = dict(widths)

    def excess() -> int:
        return sum(widths.values()) + 2 * (len(widths) - 1) - room

    while excess() > 0:
        texts = [at for at in widths if not columns[at].is_number and widths[at] > max(NARROWEST, room // 4)]
        if texts:
            lightest = min(texts, key=lambda at: columns[at].weight)
            widths[lightest] = max(NARROWEST, room // 4, widths[lightest] - excess())
        elif len(widths) > 1:
            del widths[min(widths, key=lambda at: (columns[at].weight, -at))]
        else:
            widths = dict.fromkeys(widths, room)
    return widths


def _cell(text: str, width: int, is_number: bool) -> str:
    if cell_len(text) > width:
        text = set_cell_size(text, width - 1) + "…"
    space = " " * (width - cell_len(text))
    return space + text if is_number else text + space


def _printable(text: str) -> str:
    """On one line, without anything that a terminal would obey."""
    return "".join(sign if sign.isprintable() or sign == "\u00a0" else " " for sign in text)


RENDERERS["table"] = table
