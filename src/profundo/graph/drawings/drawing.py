"""A graph → SVG for a lecture slide, a page or a notebook: values above each operation, gradients below.

    draw(graph)                      # modules folded until at most 40 boxes are left
    draw(graph, open=("layer1",))    # the inside of layer1 too

Signs are those of the courses on backpropagation (such as Stanford's CS231n): a circle with the operation in it, its
value above in ink, the derivative of the result by it below in another colour. An edge is as wide as the logarithm of the
gradient that flows back along it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from profundo.graph.drawings.faces import (
    BACKWARD,
    INK,
    MUTED,
    PAPER,
    WARNING,
    Face,
    Line,
    cell,
    face_of,
    heading,
    result_of,
    shortened,
    text_width,
    written,
)
from profundo.graph.drawings.folding import View, folded, without_asides
from profundo.graph.drawings.placement import Box, Edge, Frame, Layout, Rect, layered
from profundo.graph.nodes import RENDERERS, Flow, Graph
from profundo.pictures.numbers import SPACE, count

__all__ = ["SLIDE", "Scene", "arranged", "arrow_of", "draw", "label_places"]

SLIDE = (1280.0, 720.0)  # pixels; a drawing is broken into lines where that makes it larger there
Point = tuple[float, float]

MARGIN = 22.0
CORNER = 14.0
THIN, WIDEST = 1.0, 6.0  # pixels, of edges with the least and the largest gradient
FAINTEST = 1e-6  # of the largest gradient; below, edges are as thin as there
LABELLED = 18  # boxes, up to which derivatives are written at the edges
LEAST = 0.5  # of its own size: so small may a wide picture become in a narrow place, then it is scrolled

DANGEROUS = re.compile(r"url\s*\(|javascript:|@import", re.IGNORECASE)
NUMBERS = re.compile("[(:@]")  # written as their numbers there
NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def draw(graph: Graph, *, open: Collection[str] = (), depth: int | None = None) -> str:
    """The graph as SVG.

    open: paths of modules and calls that are shown inside; depth: how deep all are.
    Raises ProfundoError for a part that there is not.
    """
    return _painted(arranged(graph, open=open, depth=depth))


# ---------------------------------------------------------------------------------------------------------------------
# What is written in and around a box


@dataclass(frozen=True, slots=True)
class Scene:
    """A graph with everything that is drawn in its place; edges: (box, box) with what flows back on them."""

    graph: Graph
    view: View
    faces: Mapping[str, Face]
    edges: tuple[tuple[str, str, Flow, str], ...]
    layout: Layout


def arranged(
    graph: Graph, *, open: Collection[str] = (), depth: int | None = None, room: tuple[float, float] = SLIDE
) -> Scene:
    """What is drawn of the graph, and where. room: (width, height) in pixels of the page that it is for."""
    graph = without_asides(graph)
    view = folded(graph, open=open, depth=depth)
    faces = {name: face_of(graph, box) for name, box in view.boxes.items()}
    is_labelled = len(faces) <= LABELLED
    edges = tuple(
        (source, target, flow, _derivative(flow) if is_labelled else "")
        for (source, target, _), uses in view.edges.items()
        for flow in (_flow(graph, uses),)
    )
    longest = max((text_width(label, 10.5) for *_, label in edges), default=0.0)
    boxes = [
        Box(name, *cell(faces[name]), faces[name].core, box.frame, faces[name].round)
        for name, box in view.boxes.items()
    ]
    frames = [
        Frame(key, 30 + sum(line.width for line in heading(part)), outer) for key, (part, outer) in view.frames.items()
    ]
    gap = max(60.0 if is_labelled else 46.0, longest + 34.0)
    return Scene(
        graph, view, faces, edges, layered(boxes, [Edge(*edge[:2]) for edge in edges], frames, gap=gap, room=room)
    )


def _flow(graph: Graph, uses: Iterable[tuple[str, int]]) -> Flow:
    """What an edge carries; of several values between two folded boxes, the largest gradient."""
    flows = [graph.flows[use] for use in uses if use in graph.flows]
    if len(flows) == 1:
        return flows[0]
    known = [flow.gradient for flow in flows if flow.gradient is not None]
    worst = [gradient for gradient in known if not math.isfinite(gradient)]
    return Flow(max(worst or known)) if known else Flow()


def _derivative(flow: Flow) -> str:
    number = "" if flow.local is None else written(flow.local)
    rule = flow.rule if text_width(flow.rule, 10.5) <= 70 else ""
    return f"{rule} = {number}" if rule and number and rule != number else rule or number


# ---------------------------------------------------------------------------------------------------------------------
# SVG


def _painted(scene: Scene) -> str:
    layout = scene.layout
    head = _head(scene)
    top = MARGIN + (26.0 if head else 0.0)
    legend = _legend(scene)
    wide = max(layout.width, sum(line.width for line in head) + 8, sum(line.width + 12 for line in legend)) + 2 * MARGIN
    high = top + layout.height + (30.0 if legend else 0.0) + MARGIN
    least = f"min-width:{LEAST * wide:.0f}px;" if LEAST * wide > 0.75 * SLIDE[0] else ""
    left = (wide - layout.width) / 2
    parts = [
        f'<rect width="{wide:.1f}" height="{high:.1f}" fill="{PAPER}"/>',
        _row(head, MARGIN, MARGIN + 10),
        f'<g transform="translate({left:.1f} {top:.1f})">',
        *(_frame(scene, key) for key in scene.view.frames),
        _edges(scene),
        *(_row(heading(scene.view.frames[key][0]), *_corner(scene, key), halo=True) for key in scene.view.frames),
        *(_box(scene, name) for name in scene.view.boxes),
        *_labels(scene),
        "</g>",
        _row(legend, MARGIN, high - MARGIN + 6, 12.0),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="graph" role="img" aria-label="{_safe(_label(scene))}" '
        f'viewBox="0 0 {wide:.1f} {high:.1f}" width="{wide:.1f}" height="{high:.1f}" '
        f'style="max-width:100%;{least}height:auto" font-family="system-ui, sans-serif" font-size="11.5" fill="{INK}">'
        + "".join(parts)
        + "</svg>"
    )


def _label(scene: Scene) -> str:
    title = scene.view.whole.title or "a computation"
    given = ", ".join(node.name for node in scene.graph.inputs[:4])
    results = ", ".join(ref.node for ref in scene.graph.outputs[:4])
    nodes = "1 node" if len(scene.graph) == 1 else f"{count(len(scene.graph))} nodes"
    return f"Computational graph of {title}: {nodes}, from {given or 'constants'} to {results or '–'}"


def _head(scene: Scene) -> list[Line]:
    title = scene.view.whole.title
    if not title or "part " in scene.view.boxes:
        return []
    learned = sum(node.parameters for node in scene.graph)
    more = [Line(f"{SPACE}{SPACE}{count(learned)} parameters", 12.5, MUTED)] if learned else []
    return [Line(shortened(title, 15, 400), 15, bold=True), *more]


def _legend(scene: Scene) -> list[Line]:
    nodes = [result_of(scene.graph, box) for box in scene.view.boxes.values()]
    tensors = any(node.shape for node in nodes)
    lines = []
    if any(node.value for node in nodes):
        lines.append(Line("above: value" + (" (mean ± std)" if tensors else ""), 11, INK))
    if any(node.gradient for node in nodes):
        of = f" of {shortened(_subject(scene), 11, 160)}" if scene.graph.of else ""
        lines.append(Line(f"below: gradient{of}" + (" (norm)" if tensors else ""), 11, BACKWARD))
        if any(flow.gradient is not None for *_, flow, _ in scene.edges):
            lines.append(Line("width of a line: how much of it flows back there", 11, MUTED))
        if any(label for *_, label in scene.edges):
            lines.append(Line("at the lines: local derivatives", 11, BACKWARD))
    return lines


def _subject(scene: Scene) -> str:
    """What gradients are of, by the name that it has in this picture; many entries have the gradients of their sum."""
    of = scene.graph.of
    part = next((box.part for box in scene.view.boxes.values() if of in box.nodes), None)
    name = part.path.rpartition(".")[2] if part is not None and part.path and part.kind != "stretch" else of
    return f"the sum of {name}" if scene.graph[of].shape else name


def _row(lines: Sequence[Line], x: float, y: float, apart: float = 0.0, *, halo: bool = False) -> str:
    """Texts one after the other; the reader's own widths count, so they cannot overlap. halo: over lines."""
    around = f' stroke="{PAPER}" stroke-width="3" stroke-linejoin="round" paint-order="stroke"' if halo else ""
    spans = "".join(
        f'<tspan{f" dx={chr(34)}{apart:g}{chr(34)}" if at and apart else ""} fill="{line.hue}" font-size="{line.size:g}"'
        f"{_weight(line)}>{_safe(line.text)}</tspan>"
        for at, line in enumerate(lines)
    )
    return f'<text x="{x:.1f}" y="{y:.1f}"{around}>{spans}</text>' if lines else ""


def _frame(scene: Scene, key: str) -> str:
    x, y, width, height = scene.layout.frames[key]
    part, _ = scene.view.frames[key]
    return (
        f"<g><title>{_safe(f'{part.key}: {part.title}')}</title>"
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="10" fill="{MUTED}" '
        f'fill-opacity="0.055" stroke="{MUTED}" stroke-opacity="0.45"/></g>'
    )


def _corner(scene: Scene, key: str) -> Point:
    """Where the name of a frame is written."""
    rect = scene.layout.frames[key]
    return rect.x + 11, rect.y + 18


def _box(scene: Scene, name: str) -> str:
    face, cell = scene.faces[name], scene.layout.boxes[name]
    x, y = cell.x + cell.width / 2, cell.y + cell.height / 2
    width = 2.2 if face.heavy else 1.3
    shape = _shape_of(face, x, y, f'fill="{PAPER}" stroke="{face.hue}" stroke-width="{width:g}"')
    if face.hue != INK:
        shape += _shape_of(face, x, y, f'fill="{face.hue}" fill-opacity="0.11"')
    if face.stacked:
        shape = _shape_of(face, x + 3.5, y + 3.5, f'fill="{PAPER}" stroke="{face.hue}" stroke-opacity="0.6"') + shape
    return f"<g><title>{_safe(face.facts)}</title>{shape}{_texts(face, x, y)}</g>"


def _shape_of(face: Face, x: float, y: float, attributes: str) -> str:
    width, height = face.core
    if face.round:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{width / 2:g}" {attributes}/>'
    return (
        f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'rx="{face.corner:g}" {attributes}/>'
    )


def _texts(face: Face, x: float, y: float) -> str:
    inside = y - sum(line.height for line in face.inside) / 2
    above = y - face.core[1] / 2 - 4 - sum(line.height for line in face.above)
    below = y + face.core[1] / 2 + 4
    return _lines(face.inside, x, inside) + _lines(face.above, x, above) + _lines(face.below, x, below)


def _lines(lines: Sequence[Line], x: float, top: float) -> str:
    parts = []
    for line in lines:
        parts.append(
            f'<text x="{x:.1f}" y="{top + line.height / 2:.1f}" dy="0.35em" text-anchor="middle" '
            f'font-size="{line.size:g}" fill="{line.hue}"{_weight(line)}>{_safe(line.text)}</text>'
        )
        top += line.height
    return "".join(parts)


def _weight(line: Line) -> str:
    return ' font-weight="600"' if line.bold else ""


def _edges(scene: Scene) -> str:
    """Lines with their heads: those that carry a gradient over the others, the widest above all. The opacity is of all
    together, so that what several have in common is no darker."""
    widths = _widths(flow.gradient for _, _, flow, _ in scene.edges)
    pens = zip(widths, scene.edges, scene.layout.routes, strict=True)
    lines = [
        f"<g><title>{_safe(_facts(*edge))}</title>{_arrow(route, width or THIN, _hue(edge[2]))}</g>"
        for width, edge, route in sorted(pens, key=lambda pen: pen[0])
    ]
    return f'<g opacity="0.66">{"".join(lines)}</g>'


def _hue(flow: Flow) -> str:
    if not flow.gradient:
        return MUTED
    return BACKWARD if math.isfinite(flow.gradient) else WARNING


def _facts(source: str, target: str, flow: Flow, label: str) -> str:
    words = f"{source.split(' ', 1)[1]} → {target.split(' ', 1)[1]}"
    gradient = "" if flow.gradient is None else f"\ngradient (norm): {written(flow.gradient)}"
    return words + gradient + (f"\nlocal derivative: {label}" if label else "")


def _widths(gradients: Iterable[float | None]) -> list[float]:
    """Of lines, by the logarithm of their gradient over at least one power of ten; 0 where none flows."""
    sizes = [abs(gradient or 0.0) for gradient in gradients]
    logarithms = [math.log10(size) for size in sizes if size and math.isfinite(size)]
    high = max(logarithms, default=0.0)
    low = min(high - 1, max(min(logarithms, default=0.0), high + math.log10(FAINTEST)))

    def width(size: float) -> float:
        if not math.isfinite(size):
            return 2.0
        return THIN + (WIDEST - THIN) * max(0.0, (math.log10(size) - low) / (high - low))

    return [width(size) if size else 0.0 for size in sizes]


def _arrow(route: Sequence[Point], width: float, hue: str) -> str:
    path, head = arrow_of(route, width)
    return (
        f'<path d="{path}" fill="none" stroke="{hue}" stroke-width="{width + 0.2:.1f}"/>'
        f'<polygon points="{head}" fill="{hue}"/>'
    )


def arrow_of(route: Sequence[Point], width: float) -> tuple[str, str]:
    """A curve through the points, as a path of SVG, and its head, the points of a polygon which ends at the last of them."""
    x, y = route[-1]
    base, half = x - 6.5 - 1.1 * width, 3.0 + 0.85 * width
    points = [*route[:-1], (base, y)]
    while len(points) > 2 and points[-2][0] >= base:
        del points[-2]
    return _curve(points), f"{x:.1f},{y:.1f} {base - 1:.1f},{y - half:.1f} {base - 1:.1f},{y + half:.1f}"


def _curve(points: Sequence[Point]) -> str:
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for at, ((x0, y0), (x1, y1)) in enumerate(pairwise(points), 1):
        if abs(y0 - y1) < 0.05 or abs(x0 - x1) < 0.05:
            path += _straight((x0, y0), (x1, y1), points[min(at + 1, len(points) - 1)])
        else:
            middle = (x0 + x1) / 2
            path += f"C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
    return path


def _straight(one: Point, other: Point, then: Point) -> str:
    """A line to the other point, and where the way turns there, a round corner."""
    turns = (one[0] == other[0] and then[1] == other[1]) or (one[1] == other[1] and then[0] == other[0])
    if not turns or then == other:
        return f"L{other[0]:.1f} {other[1]:.1f}"
    (x0, y0), (x1, y1) = _toward(other, one, CORNER), _toward(other, then, CORNER)
    return f"L{x0:.1f} {y0:.1f}Q{other[0]:.1f} {other[1]:.1f} {x1:.1f} {y1:.1f}"


def _toward(start: Point, end: Point, way: float) -> Point:
    length = abs(end[0] - start[0]) + abs(end[1] - start[1])
    share = min(0.5, way / length) if length else 0.0
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def _labels(scene: Scene) -> list[str]:
    """Derivatives at their lines."""
    places = zip(scene.edges, label_places(scene), strict=True)
    return [
        f'<text x="{place[0]:.1f}" y="{place[1]:.1f}" dy="0.35em" text-anchor="middle" font-size="10.5" fill="{BACKWARD}" '
        f'stroke="{PAPER}" stroke-width="7" stroke-linejoin="round" paint-order="stroke">{_safe(label)}</text>'
        for (*_, label), place in places
        if place is not None
    ]


def label_places(scene: Scene) -> list[Point | None]:
    """Of each edge, the middle of its label, where it covers nothing; None without a label or room for it."""
    taken = list(scene.layout.boxes.values())
    places: list[Point | None] = []
    for (*_, label), route in zip(scene.edges, scene.layout.routes, strict=True):
        places.append(_free_place(label, route, taken) if label else None)
    return places


def _free_place(label: str, route: Sequence[Point], taken: list[Rect]) -> Point | None:
    """On the line, and from now on taken."""
    width = text_width(label, 10.5)
    for share in (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8):
        x, y = _on_curve(route, share)
        rect = Rect(x - width / 2 - 2, y - 7.5, width + 4, 15)
        if not any(_overlap(rect, other) for other in taken):
            taken.append(rect)
            return x, y
    return None


def _on_curve(route: Sequence[Point], share: float) -> Point:
    """A point of the drawn line, at this share of its way to the right."""
    x = route[0][0] + share * (route[-1][0] - route[0][0])
    for (x0, y0), (x1, y1) in pairwise(route):
        if x <= x1 and x1 > x0:
            part = (x - x0) / (x1 - x0)
            return x, y0 + (y1 - y0) * part * part * (3 - 2 * part)
    return route[-1]


def _overlap(one: Rect, other: Rect) -> bool:
    (x, y, width, height), (left, top, wide, high) = one, other
    return x < left + wide and left < x + width and y < top + high and top < y + height


def _safe(text: str) -> str:
    """As text in XML; also what would be an order elsewhere is only words here."""
    words = escape(NO_XML.sub("\ufffd", text))
    return DANGEROUS.sub(lambda match: NUMBERS.sub(lambda sign: f"&#{ord(sign[0])};", match[0]), words)


RENDERERS["svg"] = draw
