"""What a net hears while it writes: a spectrogram, the words where they are said, the net's curves, the words where it puts them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from profundo.pictures import svg
from profundo.pictures.axes import Axis, nice_ticks, tick

__all__ = ["Placed", "Said", "listening_svg"]

Said = tuple[str, float, float]  # a word, and from when to when it is said, in seconds
Placed = tuple[str, float]  # a word, and when
WIDE, LEFT, RIGHT = 480.0, 62.0, 470.0
WORDS, SOUND, CURVES, BELOW = (4.0, 24.0), (28.0, 128.0), (142.0, 212.0), 230.0  # heights of the four rows
SHADES = 6  # of the spectrogram
LETTERS = 12  # of a word, at most


def listening_svg(
    levels: Sequence[Sequence[float]],
    seconds: float,
    curves: Sequence[Sequence[float]],
    step: float,
    *,
    said: Sequence[Said],
    placed: Sequence[Placed],
    names: tuple[str, str, str, str],
    aside: Sequence[float] = (),
) -> str:
    """levels: loudness from 0 to 1 of bands, the lowest first, at equally many moments of so many seconds.

    curves: shares, one value each `step` seconds from 0 on, as many as there are. aside: one more, drawn faintly. names: of the row
    of words said, of the curves, of the row of words placed, and of the axis of time.
    """
    x, y = Axis(0, seconds, LEFT, RIGHT, ()), Axis(0, 1, CURVES[1], CURVES[0], ())
    times = [tick for tick in nice_ticks([0, seconds]) if tick <= seconds]
    marks = [
        *(_box(word, x(begin), x(end)) for word, begin, end in said),
        _spectrogram(levels),
        svg.line(LEFT, CURVES[1], RIGHT, CURVES[1]),
        _curve(aside, step, x, y, stroke=svg.MUTED, stroke_dasharray="2 3"),
        *(_curve(one, step, x, y, stroke=svg.colour(number), stroke_width=2) for number, one in enumerate(curves)),
        *(_place(word, x(min(at, seconds))) for word, at in placed),
        *(_moment(time, x(time)) for time in times),
    ]
    heights = (sum(WORDS) / 2, sum(CURVES) / 2, BELOW)
    marks += [
        svg.text(LEFT - 8, height, name, dy="0.35em", text_anchor="end", fill=svg.MUTED)
        for height, name in zip(heights, names, strict=False)
    ]
    marks.append(svg.text((LEFT + RIGHT) / 2, BELOW + 42, names[3], text_anchor="middle"))
    words = (" ".join(word for word, *_ in row) for row in (said, placed))
    label = "; ".join(f"{name}: {told}" for name, told in zip((names[0], names[2]), words, strict=True))
    return svg.picture(marks, label, bottom=BELOW + 48, width=WIDE)


def _box(word: str, left: float, right: float) -> str:
    box = svg.bar(left, right, *WORDS, fill="none", stroke=svg.RULE)
    edges = [svg.line(at, WORDS[1], at, SOUND[1], stroke=svg.RULE) for at in (left, right)]
    middle = svg.text((left + right) / 2, sum(WORDS) / 2, word, most=LETTERS, dy="0.35em", text_anchor="middle")
    return svg.element("g", box, *edges, middle)


def _place(word: str, at: float) -> str:
    line = svg.line(at, SOUND[0], at, CURVES[1] + 6, stroke=svg.INK, stroke_dasharray="2 3")
    return svg.element("g", line, svg.text(at, BELOW, word, most=LETTERS, dy="0.35em", text_anchor="middle"))


def _moment(time: float, at: float) -> str:
    edge = BELOW + 12
    return svg.line(at, edge, at, edge + 4, stroke=svg.RULE) + svg.text(
        at, edge + 16, tick(time), text_anchor="middle", fill=svg.MUTED, font_size=11
    )


def _curve(shares: Sequence[float], step: float, x: Axis, y: Axis, **look: object) -> str:
    if not len(shares):
        return ""
    return svg.polyline(((min(x(step * at), RIGHT), y(share)) for at, share in enumerate(shares)), fill="none", **look)


def _spectrogram(levels: Sequence[Sequence[float]]) -> str:
    """The louder the stronger the ink: a path of all cells of a shade, those side by side as one."""
    high, wide = (SOUND[1] - SOUND[0]) / len(levels), (RIGHT - LEFT) / len(levels[0])
    paths: dict[int, list[str]] = {}
    for band, row in enumerate(levels):
        top, at = SOUND[1] - high * (band + 1), 0
        for shade, cells in groupby(row, lambda level: min(SHADES, int(level * (SHADES + 1)))):
            count = len(list(cells))
            paths.setdefault(shade, []).append(
                f"M{LEFT + wide * at:.1f} {top:.1f}h{wide * count:.1f}v{high:.1f}h-{wide * count:.1f}z"
            )
            at += count
    return svg.element(
        "g",
        *(svg.element("path", d="".join(d), fill_opacity=0.85 * shade / SHADES) for shade, d in paths.items() if shade),
        fill=svg.INK,
    )
