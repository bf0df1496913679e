"""A look at data as text for the terminal: findings first, then what is there."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from profundo.data.streams.archives import printable
from profundo.languages import say
from profundo.looks.data_facts import DataFacts
from profundo.looks.findings import in_lines
from profundo.looks.objects.object_sizes import LARGE, SMALL, LabelFacts
from profundo.looks.sound_facts import SoundFacts
from profundo.looks.table_facts import ColumnFacts, Spread
from profundo.pictures.numbers import SPACE, plain
from profundo.pictures.reading_table import head_of_readings, rows_of_readings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["columns_of_counts", "facts_of", "first_lines", "show", "text_of"]

STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}
MOST_CLASSES, MOST_COLUMNS = 24, 40
MODES = {
    "L": "grey",
    "1": "black and white",
    "LA": "grey with transparency",
    "P": "palette",
    "RGBA": "RGB with transparency",
}
BLOCKS = "▁▂▃▄▅▆▇█"
WIDE = 96  # characters of a line that holds means, too
NARROW = 10  # characters of a histogram


def text_of(look: DataFacts) -> str:
    from rich.console import Console

    file = io.StringIO()
    show(look, Console(file=file, width=100, highlight=False, emoji=False))
    return file.getvalue().rstrip("\n")


def show(look: DataFacts, console: Console) -> None:
    """Print it, in colours where the console has them."""
    from rich.text import Text

    lines = first_lines(look)
    console.print(Text.assemble((printable(look.name), "bold"), " · ", printable(lines[0])))
    for line in lines[1:]:
        console.print(_text(line))
    console.print()
    _show_findings(look, console)
    if look.images is not None or look.sounds is not None:
        _show_rows(console, facts_of(look)[1:])
    if look.counts:
        _show_classes(look, console)
    if look.readings:
        _show_readings(look, console)
    if look.columns:
        _show_columns(look, console)


def first_lines(look: DataFacts) -> list[str]:
    """What it is, what is predicted, and what training would have."""
    if look.kind in ("images", "sounds", "arrays"):
        number = f"{look.samples:,} {look.kind}"
    elif look.kind == "series":
        number = f"{look.samples:,} series of {look.shape[0]:,} × {look.shape[1]:,} (channels × steps)"
    else:
        inputs = sum(not column.is_target for column in look.columns)
        number = f"{look.samples:,} rows, {inputs:,} {'column' if inputs == 1 else 'columns'}"
    lines = [f"{number}{'; predicted: ' + look.target if look.target else ''}."]
    if look.training:
        learn, validate, test = look.training.values()
        lines.append(
            f"Training would learn from {learn:,}, validate on {validate:,}, test on {test:,}; {_input(look.shape, look.kind)}."
        )
    elif look.target:
        lines.append("Training would stop, see below.")
    return lines


def _input(shape: tuple[int, ...], kind: str) -> str:
    sizes = "×".join(map(str, shape))
    if len(shape) == 2:
        return f"an input has {sizes} values (channels, {'samples' if kind == 'sounds' else 'steps'})"
    if len(shape) == 3:
        return f"an input has {sizes} values (channels, height, width)"
    return "an input has 1 feature" if shape == (1,) else f"an input has {sizes} features"


def columns_of_counts(look: DataFacts) -> list[str]:
    """What the splits are called where samples are counted."""
    one = {"sample": "samples", "pixel": look.kind, "object": "objects"}[look.per]
    return [one] if list(look.counts) == ["train"] else list(look.counts)


def facts_of(look: DataFacts) -> list[tuple[str, str]]:
    """What is there, by name."""
    facts = [("splits", ", ".join(f"{name} {size:,}" for name, size in look.splits.items()))]
    if len(look.splits) == 1:
        facts = [("splits", "none set apart; training makes them by chance")]
    images = look.images
    if look.sounds is not None:
        return facts + _facts_of_sounds(look.sounds)
    if images is None:
        return facts
    if len(images.sizes) == 1:
        facts.append(("size", f"all {images.smallest[0]}×{images.smallest[1]} pixels"))
    else:
        facts.append(
            (
                "sizes",
                f"{len(images.sizes):,} different, from {images.smallest[0]}×{images.smallest[1]} to "
                f"{images.largest[0]}×{images.largest[1]}; middle {images.middle[0]:g}×{images.middle[1]:g}",
            )
        )
    facts.append(("colours", ", ".join(f"{_mode(mode)} {number:,}" for mode, number in images.modes.items())))
    facts.append(("values", f"{images.low} to {images.high}"))
    if images.formats:
        facts.append(("files", ", ".join(f"{name} {number:,}" for name, number in images.formats.items())))
        facts.append(("bytes", f"{images.bytes / 1e6:,.1f} MB"))
    if images.turned:
        facts.append(("turned", f"{images.turned:,}, as the camera noted"))
    if images.unreadable:
        facts.append(("unreadable", f"{images.unreadable:,}"))
    return facts if look.objects is None else facts + _facts_of_objects(look.objects)


def _facts_of_objects(objects: LabelFacts) -> list[tuple[str, str]]:
    low, middle, high = objects.sides
    without = f"; none in {_counted(objects.without, 'image')}" if objects.without else ""
    facts = [
        ("objects", f"{objects.objects:,}{objects.form and f', by {objects.form}'}"),
        ("in an image", f"{_span(objects.fewest, objects.most)}, middle {objects.middle:g}{without}"),
        (
            "small, medium, large",
            f"{objects.small:,}, {objects.medium:,}, {objects.large:,} (below {SMALL}², to {LARGE}², above)",
        ),
        ("sides", f"{_span(round(low), round(high))} pixels for nine of ten (√area), middle {middle:.0f}"),
    ]
    facts += [("crowds", f"{objects.crowds:,}, or what is difficult; they count nowhere")] if objects.crowds else []
    facts += [("masks", f"of {_counted(objects.outlined, 'object')}")] if objects.outlined else []
    return facts


def _span(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _counted(number: int, one: str) -> str:
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def _facts_of_sounds(sounds: SoundFacts) -> list[tuple[str, str]]:
    shortest, middle, longest = sounds.seconds
    facts = [
        ("rates", ", ".join(f"{rate:,} Hz {number:,}" for rate, number in sounds.rates.items())),
        (
            "lengths",
            f"{shortest:.3g} to {longest:.3g} s, middle {middle:.3g}; together {sounds.total / 60:,.1f} minutes",
        ),
        ("channels", ", ".join(f"{channels} {number:,}" for channels, number in sounds.channels.items())),
        ("levels", "{:.0f} to {:.0f} dB of full scale, middle {:.0f}".format(*(sounds.levels[at] for at in (0, 2, 1)))),
        ("bytes", f"{sounds.bytes / 1e6:,.1f} MB"),
    ]
    return facts + ([("unreadable", f"{sounds.unreadable:,}")] if sounds.unreadable else [])


def _text(words: str, style: str = "") -> Text:
    """Words that may come from a file: control characters, which could steer a terminal, are written as escapes."""
    from rich.text import Text

    return Text(printable(words), style, overflow="fold")


def _mode(mode: str) -> str:
    """Pillow's name of a mode, in words."""
    if mode.startswith("I"):
        return "16-bit grey"
    return MODES.get(mode, mode)


def _show_findings(look: DataFacts, console: Console) -> None:
    from rich.padding import Padding
    from rich.text import Text

    if not look.findings:
        console.print(_text("Nothing suspicious was found.", "green"))
    for finding in look.findings:
        more = ["; ".join(finding.examples)] if finding.examples else []
        what, advice, *rest = in_lines(finding.level, finding.what, finding.advice, *more)
        console.print(Text.assemble((f"{what[0]} ", STYLES[finding.level]), (printable(what[2:]), "bold")))
        console.print(Padding(_text(advice.strip()), (0, 0, 0, 2), expand=False))
        for line in rest:
            console.print(Padding(_text(line.strip(), "dim"), (0, 0, 0, 4), expand=False))
    for note in look.notes:
        console.print(Padding(_text(note, "dim"), (0, 0, 0, 2), expand=False))
    console.print()


def _show_rows(console: Console, rows: list[tuple[str, str]]) -> None:
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in rows:
        table.add_row(_text(name, "dim"), _text(value))
    console.print(table)
    console.print()


def _show_classes(look: DataFacts, console: Console) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("label" if "labels" in look.target else "class", overflow="ellipsis", no_wrap=True, max_width=36)
    for split in columns_of_counts(look):
        table.add_column(split, justify="right")
    if look.shares:
        table.add_column("pixels", justify="right")
    table.add_column("")
    first = next(iter(look.counts.values()))
    most = max(first, default=0) or 1
    for place, name in enumerate(look.classes[:MOST_CLASSES]):
        bar = "█" * round(24 * first[place] / most) or ("▏" if first[place] else "")
        cells = [f"{counts[place]:,}" for counts in look.counts.values()]
        cells += [f"{100 * look.shares[place]:.1f} %"] if look.shares else []
        table.add_row(_text(name), *cells, _text(bar, "blue"))
    console.print(table)
    if len(look.classes) > MOST_CLASSES:
        console.print(f"… and {len(look.classes) - MOST_CLASSES:,} more", style="dim")
    console.print()


def _show_readings(look: DataFacts, console: Console) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim", title="How the columns were read", title_justify="left")
    for name in head_of_readings():
        table.add_column(name, overflow="fold", justify="right" if name == "missing" else "left")
    for row in rows_of_readings(look.readings[:MOST_COLUMNS]):
        table.add_row(*(_text(cell, "bold" if at == 0 else "") for at, cell in enumerate(row)))
    console.print(table)
    if len(look.readings) > MOST_COLUMNS:
        console.print(f"… and {len(look.readings) - MOST_COLUMNS:,} more", style="dim")
    console.print(_text(say("report.overrule"), "dim"))
    console.print()


def _show_columns(look: DataFacts, console: Console) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("column", overflow="fold", max_width=28)
    table.add_column("holds")
    table.add_column("missing", justify="right")
    table.add_column("values", overflow="fold")
    table.add_column("", no_wrap=True)
    has_relations = any(column.relation is not None for column in look.columns)
    if has_relations:
        table.add_column("relation", justify="right")
    for column in look.columns[:MOST_COLUMNS]:
        plain_style = "" if column.features else "dim"
        style = "bold" if column.is_target else plain_style
        related = "" if column.relation is None else f"{column.relation:.2f}".replace("-", "−")
        table.add_row(
            _text(column.name, style),
            _kind(column),
            f"{column.missing:,}" if column.missing else "",
            _text(_values(column, console.width >= WIDE)),
            _text(_sketch(column.spread), "blue"),
            *([related] if has_relations else []),
        )
    console.print(table)
    if len(look.columns) > MOST_COLUMNS:
        console.print(f"… and {len(look.columns) - MOST_COLUMNS:,} more", style="dim")
    if has_relations:
        console.print("relation: of the column alone with the target, from 0 nothing to 1 all", style="dim")


def _kind(column: ColumnFacts) -> str:
    if column.is_target:
        return "target"
    return column.kind if column.features else f"{column.kind}, left out"


def _values(column: ColumnFacts, wide: bool) -> str:
    spread = column.spread
    if column.kind == "date":
        return f"{column.first} … {column.last}"
    if spread is not None and column.kind == "text":
        often = ", ".join(word for word, _ in column.common)
        return f"{spread.low:g} … {spread.high:g} words, half have {spread.quantiles[2]:g} or fewer; often: {often}"
    if spread is not None and column.kind == "number":
        mean = f", mean {plain(spread.mean)} ± {plain(spread.std)}" if wide else ""
        return f"{plain(spread.low)} … {plain(spread.high)}{mean}".replace(SPACE, " ")
    if column.kind == "empty":
        return ""
    once = all(number == 1 for _, number in column.common)
    some = ", ".join(value if once else f"{value} {number:,}" for value, number in column.common[:3])
    return some + (f" … ({column.different:,})" if column.different > 3 else "")


def _sketch(spread: Spread | None) -> str:
    """The histogram in ten characters."""
    if spread is None or len(spread.counts) < 2:
        return ""
    counts = spread.counts
    size = -(-len(counts) // NARROW)
    sums = [sum(counts[start : start + size]) for start in range(0, len(counts), size)]
    most = max(sums) or 1
    return "".join(BLOCKS[min(7, int(7.99 * number / most))] if number else " " for number in sums)
