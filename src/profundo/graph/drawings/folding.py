"""What is drawn as one box: the modules of a network and its function calls as a tree, and which parts of it are open.

A module that is called twice is two parts, since one box for both would be before and after what comes between: a part
is a stretch of consecutive operations of the same module. So the parts of a graph can be computed one after the other,
as its nodes can. What is given (weights, constants) belongs to the innermost part that holds all its uses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import eq

from profundo.graph.nodes import GIVEN, Graph, Node
from profundo.records import ProfundoError

__all__ = ["MOST", "Part", "View", "Visible", "folded", "parts_of", "without_asides"]

MOST = 40  # boxes, unless somebody asks for more
STRETCHES = 20  # into so many boxes go the parts of a whole that has more than MOST
LARGE = 12  # above so many operations, what is given is written beside its use
DEEPEST = 40  # frames in frames

Homes = Mapping[str, tuple[str, ...]]  # of each node, the keys of the parts that it is in, from the outermost


@dataclass(frozen=True, slots=True)
class Part:
    """Operations that can be drawn as one box.

    key: its own name; path: dotted, as one would say it (a second call of a module has the same); kind: "module" (a call
    of one), "scope" (of a function) or "stretch" (consecutive operations of a long list); title: the class, or what is
    called; parts: names of nodes and other parts, in order.
    """

    key: str
    path: str
    kind: str
    title: str
    parts: tuple[Part | str, ...]

    def operations(self) -> Iterator[str]:
        """Names of the nodes in it, in order, without what is given."""
        for part in self.parts:
            if isinstance(part, Part):
                yield from part.operations()
            else:
                yield part


@dataclass(frozen=True, slots=True)
class Visible:
    """A box that is drawn. nodes: what it stands for, in order; part: None where that is one node by itself;
    beside: given nodes that are written in it; frame: key of the open part it lies in, "" for the whole."""

    name: str
    nodes: tuple[str, ...]
    part: Part | None = None
    frame: str = ""
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """What is drawn of a graph. frames: the open parts by key, each with the key of the one around it.

    edges: (box, box) with the (node, place) of each value that goes that way.
    """

    boxes: Mapping[str, Visible]
    frames: Mapping[str, tuple[Part, str]]
    edges: Mapping[tuple[str, str, int], tuple[tuple[str, int], ...]]
    whole: Part


def parts_of(graph: Graph) -> Part:
    """The whole graph as a tree of parts."""
    operations = [node for node in graph if node.op not in GIVEN]
    count: Counter[str] = Counter()
    parts = _parts(operations, (), graph, count)
    return Part("", "", "module", graph.modules.get("", ""), _in_stretches(parts, "", count))


def folded(graph: Graph, *, open: Collection[str] = (), depth: int | None = None) -> View:
    """The graph with its parts folded, down to a depth.

    depth: 0 draws all as one box, 1 the parts of the whole as boxes, and so on; by default as deep as MOST boxes allow.
    open: paths or keys of parts that are shown inside, besides. Raises ProfundoError for one that there is not.
    """
    whole = parts_of(graph)
    opened = _opened(whole, (open,) if isinstance(open, str) else open)
    homes = _homes(graph, whole)
    if depth is not None:
        return _view(graph, whole, opened | _down_to(whole, depth), homes)
    view = _view(graph, whole, opened | {""}, homes)
    for deeper in range(2, DEEPEST):
        more = opened | _down_to(whole, deeper, _worth_opening)
        if more <= view.frames.keys() | {""}:
            continue
        next_view = _view(graph, whole, more, homes)
        if len(next_view.boxes) > MOST:
            break
        view = next_view
    return view


def without_asides(graph: Graph) -> Graph:
    """Without checks, which lead to a truth value that Python read and to no result, such as those of distributions; what is
    made of nothing (zeros, arange) is a constant. Formulas stay as they are written."""
    kept = {ref.node for ref in graph.outputs}
    used, checks = Counter(name for node in graph for name in node.inputs), set[str]()
    for node in reversed(list(graph)):
        if node.name not in kept and not used[node.name] and _is_aside(node, checks, graph):
            checks.add(node.name)
            used.subtract(node.inputs)
    nodes = {
        node.name: replace(node, op="constant", call=None, args=(), kwargs={}) if _is_made_of_nothing(node) else node
        for node in graph
        if node.name not in checks
    }
    return replace(graph, nodes=nodes)


def _is_aside(node: Node, checks: Collection[str], graph: Graph) -> bool:
    """A check itself, or what only checks have used."""
    if node.text or node.op in ("input", "parameter", "buffer"):
        return False
    return node.dtype == "bool" or any(node.name in graph[check].inputs for check in checks)


def _is_made_of_nothing(node: Node) -> bool:
    return (
        node.op in ("arange", "empty", "eye", "full", "linspace", "ones", "scalar_tensor", "zeros") and not node.inputs
    )


def _parts(nodes: Sequence[Node], path: tuple[str, ...], graph: Graph, count: Counter[str]) -> tuple[Part | str, ...]:
    """Consecutive operations of one module below the path as parts, those of one call likewise."""

    def below(node: Node) -> tuple[str, str]:
        names = _names(node.module)
        return (names[len(path)], "") if len(names) > len(path) else ("", node.scope)

    result: list[Part | str] = []
    for (name, scope), group in groupby(nodes, below):
        inside = list(group)
        if name:
            inner = (*path, name)
            key = _key(".".join(inner), count)
            parts = _parts(inside, inner, graph, count)
            title = graph.modules.get(".".join(inner), "")
            if len(parts) == 1 and isinstance(parts[0], Part):
                parts = parts[0].parts if parts[0].kind != "module" else parts
            result.append(Part(key, ".".join(inner), "module", title, _in_stretches(parts, ".".join(inner), count)))
        elif scope and len(inside) > 1:
            full = ".".join((*path, scope))
            result.append(Part(_key(full, count), full, "scope", scope, tuple(node.name for node in inside)))
        else:
            result += [node.name for node in inside]
    return tuple(result)


def _names(module: str) -> tuple[str, ...]:
    return tuple(module.split(".", DEEPEST)) if module else ()


def _key(path: str, count: Counter[str]) -> str:
    """Its path, and of which call it is from the second on."""
    count[path] += 1
    return path if count[path] == 1 else f"{path}#{count[path]}"


def _in_stretches(parts: tuple[Part | str, ...], path: str, count: Counter[str]) -> tuple[Part | str, ...]:
    """Many parts as a few stretches of consecutive ones; of layers that repeat, each holds whole repetitions."""
    if len(parts) <= MOST:
        return parts
    period = _period([len(part.parts) if isinstance(part, Part) else part.rstrip("_0123456789") for part in parts])
    size = -(-len(parts) // (STRETCHES * period)) * period
    cut = [parts[at : at + size] for at in range(0, len(parts), size)]
    name = f"{path}.part" if path else "part"
    return tuple(Part(_key(name, count), name, "stretch", "", some) for some in cut)


def _period(kinds: Sequence[object]) -> int:
    """After how many the same comes again, most of the time; 1 where nothing does."""
    longest = len(kinds) // STRETCHES + 1
    same = {by: sum(map(eq, kinds, kinds[by:])) / (len(kinds) - by) for by in range(1, longest + 1)}
    return next((by for by, share in same.items() if share > 0.9), 1)


def _all(part: Part, around: tuple[str, ...] = ()) -> Iterator[tuple[Part, tuple[str, ...]]]:
    """Every part, with its key after those of the parts around it."""
    keys = (*around, part.key)
    yield part, keys
    for inner in part.parts:
        if isinstance(inner, Part):
            yield from _all(inner, keys)


def _opened(whole: Part, paths: Collection[str]) -> set[str]:
    """Keys of the parts with these paths, and of all that are around them."""
    known: dict[str, set[str]] = {}
    for part, keys in _all(whole):
        for name in (part.path, part.key):
            known.setdefault(name, set()).update(keys)
    for path in paths:
        if path not in known:
            near = ", ".join(list(filter(None, known))[:12]) or "no parts"
            raise ProfundoError(f"open: the graph has no part {path!r}; it has {near}")
    return set().union(*(known[path] for path in paths))


def _down_to(part: Part, depth: int, worth: Callable[[Part], bool] = lambda part: _size(part) > 1) -> set[str]:
    if depth < 1 or (part.key and not worth(part)):
        return set()
    opened = {part.key}
    for inner in part.parts:
        if isinstance(inner, Part):
            opened |= _down_to(inner, depth - 1, worth)
    return opened


def _worth_opening(part: Part) -> bool:
    """Unasked, only modules that have modules in them."""
    return part.kind == "module" and any(isinstance(inner, Part) and inner.kind == "module" for inner in part.parts)


def _size(part: Part) -> int:
    return sum(1 for _ in part.operations())


def _homes(graph: Graph, whole: Part) -> dict[str, tuple[str, ...]]:
    """Of every node the keys of the parts that it is in, from the whole on."""
    homes = {name: keys for part, keys in _all(whole) for name in part.parts if isinstance(name, str)}
    users = graph.users()
    for node in graph:
        if node.op in GIVEN:
            uses = [homes[user] for user, _ in users[node.name] if user in homes]
            homes[node.name] = _common(uses) if uses and node.op != "input" else ("",)
    return homes


def _common(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    common = paths[0]
    for path in paths[1:]:
        same = [one == other for one, other in zip(common, path, strict=False)]
        common = common[: same.index(False) if False in same else len(same)]
    return common


def _view(graph: Graph, whole: Part, opened: Collection[str], homes: Homes) -> View:
    parts = {part.key: part for part, _ in _all(whole)}
    box_of, frame_of = _boxes_and_frames(graph, opened, homes)
    beside, again = _with_their_users(graph, box_of, parts)
    for name, box in again.items():
        frame_of.pop(f"node {name}")
        box_of[name] = box
    inside: dict[str, list[str]] = {}
    for node in graph:
        if node.name not in beside:
            inside.setdefault(box_of[node.name], []).append(node.name)
    boxes = {
        box: Visible(
            box,
            tuple(nodes),
            parts[box.removeprefix("part ")] if box.startswith("part ") else None,
            frame_of[box],
            tuple(name for name, at in beside.items() if at == box),
        )
        for box, nodes in inside.items()
    }
    frames = {
        key: (parts[key], path[at - 1])
        for box in boxes.values()
        for path in (homes[box.nodes[0]],)
        for at, key in enumerate(path)
        if at and key in opened
    }
    home = box_of | beside
    return View(boxes, frames, _edges(graph, home, again), whole)


def _boxes_and_frames(graph: Graph, opened: Collection[str], homes: Homes) -> tuple[dict[str, str], dict[str, str]]:
    """The box of each node, that of its outermost part that is not opened or its own; and the frame of each box."""
    box_of: dict[str, str] = {}
    frame_of: dict[str, str] = {}
    for node in graph:
        path = homes[node.name]
        closed = next((at for at, key in enumerate(path) if key not in opened), None)
        if closed is not None and not (node.op == "input" and not path[closed]):
            box_of[node.name], frame_of[f"part {path[closed]}"] = f"part {path[closed]}", path[max(0, closed - 1)]
        else:
            box_of[node.name], frame_of[f"node {node.name}"] = f"node {node.name}", path[-1] if closed is None else ""
    return box_of, frame_of


def _with_their_users(
    graph: Graph, box_of: Mapping[str, str], parts: Mapping[str, Part]
) -> tuple[dict[str, str], dict[str, str]]:
    """Given nodes with the box that they need none beside, in two kinds.

    Those that one box alone uses, where there are many operations; and those that only folded calls of one module use,
    such as the weights of a recurrent cell, with the first.
    """
    users, returned = graph.users(), {ref.node for ref in graph.outputs}
    is_large = sum(1 for node in graph if node.op not in GIVEN) > LARGE
    beside, again = dict[str, str](), dict[str, str]()
    for node in graph:
        name, boxes = node.name, [box_of[user] for user, _ in users[node.name]]
        if (
            node.op not in GIVEN
            or node.op == "input"
            or name in returned
            or box_of[name] != f"node {name}"
            or not boxes
        ):
            continue
        paths = {parts[box.removeprefix("part ")].path if box.startswith("part ") else None for box in boxes}
        if len(set(boxes)) > 1 and len(paths) == 1 and None not in paths:
            again[name] = boxes[0]
        elif is_large and len(set(boxes)) == 1:
            beside[name] = boxes[0]
    return beside, again


def _edges(
    graph: Graph, home: Mapping[str, str], hidden: Collection[str] = ()
) -> dict[tuple[str, str, int], tuple[tuple[str, int], ...]]:
    """Between boxes; two values that one node takes twice from one other are two edges, all others are one."""
    edges: dict[tuple[str, str, int], list[tuple[str, int]]] = {}
    for node in graph:
        twice: Counter[str] = Counter()
        for place, name in enumerate(node.inputs):
            source, target = home[name], home[node.name]
            if source != target and name not in hidden:
                single = source.startswith("node ") and target.startswith("node ")
                edges.setdefault((source, target, twice[name] if single else 0), []).append((node.name, place))
                twice[name] += 1
    return {key: tuple(uses) for key, uses in edges.items()}
