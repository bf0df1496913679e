"""Whether a file holds a drawing and nothing else, before it becomes part of a page."""

from __future__ import annotations

import re
from xml.etree import ElementTree

__all__ = ["is_drawing"]

SPACE = "{http://www.w3.org/2000/svg}"
ELEMENTS = {
    "svg",
    "g",
    "title",
    "desc",
    "text",
    "tspan",
    "line",
    "polyline",
    "polygon",
    "path",
    "circle",
    "ellipse",
    "rect",
}
FORBIDDEN = re.compile(r"<!|<\?|url\s*\(|javascript:|@import", re.IGNORECASE)


def is_drawing(svg: str) -> bool:
    """Whether the text is SVG of shapes and words alone: no scripts, links, events, styles or other documents in it."""
    if FORBIDDEN.search(svg):
        return False
    try:
        root = ElementTree.fromstring(svg)  # without a document type there are no entities to expand
    except ElementTree.ParseError:
        return False
    return root.tag == f"{SPACE}svg" and all(map(_is_shape, root.iter()))


def _is_shape(element: ElementTree.Element) -> bool:
    name = element.tag.removeprefix(SPACE)
    harmless = not any(key.lower().startswith("on") or "href" in key.lower() for key in element.attrib)
    return element.tag.startswith(SPACE) and name in ELEMENTS and harmless
