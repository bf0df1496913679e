"""Predictions one at a time into a stream: lines for people, a CSV for spreadsheets, one JSON object for programs.

Nothing is kept but what could not be read, so that a million inputs need no more memory than a few.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Protocol

from profundo.data.new_inputs import Entry
from profundo.data.streams.archives import printable
from profundo.files import replacing
from profundo.records import ProfundoError, Targets
from profundo.use.coco_ids import ids_of_run, known_id
from profundo.use.grid_files import CONTENTS
from profundo.use.predicting import Answers

if TYPE_CHECKING:
    import polars

__all__ = ["Style", "style_of", "tell"]

Style = Literal["text", "csv", "json", "jsonl", "coco"]
Notice = Callable[[str], None]
MOST_LINES = 100  # about what could not be read
STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠")  # the wide ones become the plain ones
NOT_CELLS = ("low", "high", "probabilities", "shares", "notices", "id", "objects", *CONTENTS)
EDGES = ("left", "top", "right", "bottom")  # of a box
PLAIN_NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
NUMBER = re.compile(PLAIN_NUMBER)


def style_of(as_json: bool, as_csv: bool, out: Path | None, as_coco: bool = False) -> Style:
    """As asked, or by the name of the file: .json, .jsonl, else CSV. Raises ProfundoError for several at once."""
    asked: list[Style] = [style for style, one in (("json", as_json), ("csv", as_csv), ("coco", as_coco)) if one]  # type: ignore[misc]
    if len(asked) > 1:
        raise ProfundoError(f"{' and '.join(f'--{one}' for one in asked)}: expected one of them")
    if asked:
        return asked[0]
    if out is None:
        return "text"
    return {".json": "json", ".jsonl": "jsonl"}.get(out.suffix.lower(), "csv")  # type: ignore[return-value]


def tell(
    results: Iterable[dict[str, Any] | Answers | Entry],
    run: Path,
    style: Style,
    stream: IO[str],
    notice: Notice,
    *,
    targets: Targets | None = None,
    out: Path | None = None,
    skip_bad: bool = False,
) -> None:
    """Write every prediction to `out`, or else to the stream; say to `notice` what could not be read or was missing.

    targets: of the net, for the columns of a CSV; without them, the columns are what the first prediction holds.
    Raises ProfundoError if anything could not be read, unless skip_bad; then if nothing could.
    """
    faults = Faults(notice, skip_bad)
    with nullcontext(stream) if out is None else replacing(out) as file:
        writer = WRITERS[style](file, run, targets)
        for one in faults.sifted(results):
            if not isinstance(one, Answers):
                writer.add(one)
            elif isinstance(writer, Rows):
                writer.add_all(one)
            else:
                for record in one.records():
                    writer.add(record)
        faults.judge()
        note = writer.end(faults.entries)
    faults.summarise()
    if note:
        notice(note)


class Faults:
    """What could not be read, and what the others lacked."""

    def __init__(self, notice: Notice, skip_bad: bool) -> None:
        self.notice, self.skip_bad = notice, skip_bad
        self.entries: list[Entry] = []
        self.read = 0
        self.lacked: Counter[str] = Counter()

    def sifted(self, results: Iterable[dict[str, Any] | Answers | Entry]) -> Iterator[dict[str, Any] | Answers]:
        """The predictions; once something was bad and may not be skipped, the rest is only looked through."""
        for one in results:
            if isinstance(one, Entry):
                self.entries.append(one)
                continue
            if isinstance(one, Answers):
                self.read += len(one)
                self.lacked.update(chain.from_iterable(filter(None, one.notices)))
            else:
                self.read += 1
                self.lacked.update(one.get("notices", ()))
            if self.skip_bad or not self.entries:
                yield one

    def judge(self) -> None:
        """Raise ProfundoError if that is too much to go on."""
        bad = len(self.entries)
        total = bad + self.read
        if bad == total == 1 or (bad == 1 and not self.skip_bad):
            rest = "other one" if self.read == 1 else f"other {self.read:,}"
            others = f" (the {rest} can be read; --skip-bad leaves this one out)" if self.read else ""
            raise ProfundoError(self.entries[0].fault + others)
        for entry in self.entries[:MOST_LINES]:
            self.notice(entry.fault)
        if bad > MOST_LINES:
            self.notice(f"and {bad - MOST_LINES:,} more")
        if bad == total:
            raise ProfundoError(f"none of the {total:,} inputs can be read" if total else "there is nothing to predict")
        if bad and not self.skip_bad:
            raise ProfundoError(f"{bad:,} of {total:,} inputs cannot be read; --skip-bad leaves them out")

    def summarise(self) -> None:
        for sentence, count in self.lacked.most_common(MOST_LINES):
            self.notice(f"{count:,} of {self.read:,}: {sentence}")
        if self.entries:
            count = len(self.entries)
            self.notice(f"{count:,} of {count + self.read:,} inputs {'was' if count == 1 else 'were'} left out")


# --------------------------------------------------------------------------------------------------------------- formats
class Writer(Protocol):
    """Writes predictions as they come; nothing before the first. At the end it may have something to say."""

    def add(self, one: Mapping[str, Any]) -> None: ...

    def end(self, left_out: list[Entry]) -> str | None: ...


class Lines:
    """input: prediction   probability; real targets with six digits and their interval, and by name where there are several; of
    objects how many of each class."""

    def __init__(self, file: IO[str], _run: Path, targets: Targets | None) -> None:
        self.file = file
        self.names = targets.names if targets is not None and targets.traits.numeric else None

    def add(self, one: Mapping[str, Any]) -> None:
        if "times" in one:
            self.file.write("".join(f"{line}\n" for line in course_lines(one)))
            return
        sure = f"   {100 * one['probability']:.1f} %" if "probability" in one else ""
        told = counted(one["prediction"]) if "objects" in one else spelled(one["prediction"])
        predictions = told or "none" if self.names is None else self.numbers(one["prediction"])
        which = "".join(f", {name} {value}" for name, value in one.get("id", {}).items())
        shares = [f"{name} {100 * one['shares'][name]:.1f} %" for name in one["prediction"]] if "shares" in one else []
        place = f"   → {one['file']}" if "file" in one else ""
        self.file.write(f"{one['input']}{which}: {', '.join(shares) or predictions}{sure}{self.between(one)}{place}\n")

    def numbers(self, results: float | list[float]) -> str:
        if not isinstance(results, list):
            return f"{results:.6g}"
        names = self.names or [""] * len(results)
        return "; ".join(f"{name} {value:.6g}".lstrip() for name, value in zip(names, results, strict=True))

    def between(self, one: Mapping[str, Any]) -> str:
        """The ends of the interval about one number; of several each is found in the JSON."""
        return f"   ({one['low']:.6g} to {one['high']:.6g})" if isinstance(one.get("low"), float) else ""

    def end(self, left_out: list[Entry]) -> None: ...


class Rows:
    """A CSV with a header: what says which row it is, the input, the prediction, P(…) of each class or label; or each real target;
    or a row for each object that was found.

    Names of files, classes and columns may come from strangers: none becomes a formula.
    """

    def __init__(self, file: IO[str], _run: Path, targets: Targets | None) -> None:
        self.file, self.rows = file, csv.writer(file, lineterminator="\n")
        self.targets = targets
        self.header: list[str] = []

    def add(self, one: Mapping[str, Any]) -> None:
        if "objects" in one:
            for found in one["objects"]:
                edges = dict(zip(EDGES, found["box"], strict=True))
                self.add_cells({"input": one["input"], "prediction": found["name"], "score": found["score"], **edges})
            return
        if "times" in one:
            for step in course_rows(one):
                self.add_cells({**one.get("id", {}), **step})
            return
        cells = {**one.get("id", {}), **self.cells(one)} | {"input": one["input"]}
        self.add_cells(cells)

    def add_cells(self, cells: Mapping[str, Any]) -> None:
        if not self.header:
            self.header = list(cells)
            self.rows.writerow(map(harmless, self.header))
        self.rows.writerow([harmless(cells.get(name, "")) for name in self.header])

    def add_all(self, answers: Answers) -> None:
        """The same of many, quicker."""
        import polars

        first = next(answers.records())
        columns = {**first.get("id", {}), **self.cells(first)} | {"input": ""}
        if not self.header:
            self.header = list(columns)
            self.rows.writerow(map(harmless, self.header))
        values: dict[str, Sequence[Any]] = {**answers.ids, "input": answers.names}
        results = dict(answers.columns)
        shares = results.pop("probabilities", [])
        values |= {f"P({name})": own for name, own in zip(answers.classes, shares, strict=True)} if shares else {}
        predicted = results.pop("prediction")
        results = {name: own for name, own in results.items() if name in columns}
        names = [name for name in columns if name not in values and name not in results]
        if len(names) > 1:
            values |= dict(zip(names, zip(*predicted, strict=True), strict=True))
        else:
            are_several = any(isinstance(one, list | tuple) for one in predicted[:1])
            values |= {name: list(map(spelled, predicted)) if are_several else predicted for name in names}
        series = [harmless_all(polars.Series(str(at), (values | results)[name])) for at, name in enumerate(self.header)]
        self.file.write(polars.DataFrame(series).write_csv(include_header=False))

    def cells(self, one: Mapping[str, Any]) -> dict[str, Any]:
        if self.targets is not None and self.targets.kind == "real":
            values = one["prediction"] if isinstance(one["prediction"], list) else [one["prediction"]]
            names = self.targets.names or ("prediction",)
            return {"input": one["input"]} | {
                name if name != "input" else "input (prediction)": value
                for name, value in zip(names, values, strict=True)
            }
        shares = {f"P({name})": share for name, share in one.get("probabilities", {}).items()}
        shares |= {f"share of {name}": share for name, share in one.get("shares", {}).items()}
        plain = {name: spelled(value) for name, value in one.items() if name not in NOT_CELLS}
        return plain | shares

    def end(self, left_out: list[Entry]) -> None:  # noqa: ARG002
        """A table without objects has its columns all the same."""
        if not self.header and self.targets is not None and self.targets.traits.per == "object":
            self.rows.writerow(("input", "prediction", "score", *EDGES))


class Object:
    """{"run": …, "predictions": […]}, and "left_out" where something was."""

    def __init__(self, file: IO[str], run: Path, _targets: Targets | None) -> None:
        self.file, self.run = file, run
        self.begun = False

    def add(self, one: Mapping[str, Any]) -> None:
        before = (
            ","
            if self.begun
            else f'{{\n  "run": {json.dumps(printable(str(self.run)), ensure_ascii=False)},\n  "predictions": ['
        )
        self.file.write(f"{before}\n    {json.dumps(one, ensure_ascii=False)}")
        self.begun = True

    def end(self, left_out: list[Entry]) -> None:
        bad = [{"input": entry.name, "reason": entry.fault} for entry in left_out]
        rest = f',\n  "left_out": {json.dumps(bad, ensure_ascii=False)}' if bad else ""
        self.file.write(f"\n  ]{rest}\n}}\n")


class ObjectLines:
    """A JSON object on each line."""

    def __init__(self, file: IO[str], _run: Path, _targets: Targets | None) -> None:
        self.file = file

    def add(self, one: Mapping[str, Any]) -> None:
        self.file.write(f"{json.dumps(one, ensure_ascii=False)}\n")

    def end(self, left_out: list[Entry]) -> None: ...


class CocoResults:
    """The list of detections that COCO's tools read: category_id is the class's own in the files that it was learned from,
    and counts the classes from 1 where these have none; image_id is the image's own there, or its name without ending, as a number
    where it is one; bbox is (left, top, width, height).

    Raises ProfundoError for predictions that are no objects.
    """

    def __init__(self, file: IO[str], run: Path, targets: Targets | None) -> None:
        if targets is None or targets.traits.per != "object":
            raise ProfundoError(
                "--coco: expected a net that finds objects in images, this one answers otherwise; leave it out"
            )
        ids = targets.codes or range(1, len(targets.classes) + 1)
        self.file, self.number = file, dict(zip(targets.classes, ids, strict=True))
        self.ids, self.named, self.all = ids_of_run(run), 0, 0
        self.begun = False

    def image_id(self, name: str) -> Any:
        known = known_id(self.ids, name)
        self.all += 1
        if known is not None:
            return known
        self.named += 1
        stem = Path(name).stem
        return int(stem) if stem.isdecimal() else stem

    def add(self, one: Mapping[str, Any]) -> None:
        image = self.image_id(one["input"])
        for found in one["objects"]:
            left, top, right, bottom = found["box"]
            box = [left, top, round(right - left, 2), round(bottom - top, 2)]
            entry = {"image_id": image, "category_id": self.number[found["name"]], "bbox": box, "score": found["score"]}
            entry |= {"segmentation": found["mask"]} if "mask" in found else {}
            self.file.write(f"{',' if self.begun else '['}\n{json.dumps(entry, ensure_ascii=False)}")
            self.begun = True

    def end(self, left_out: list[Entry]) -> str | None:  # noqa: ARG002
        self.file.write("\n]\n" if self.begun else "[]\n")
        if not self.named:
            return None
        return f"{self.named:,} of {self.all:,}: image_id is the file's name, for no COCO JSON that was learned from tells it"


def counted(names: Sequence[str]) -> str:
    """As "2 cat, 1 dog", the commonest first."""
    return ", ".join(f"{count} {name}" for name, count in Counter(names).most_common())


def course_rows(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of a forecast a row for each step: its time, the prediction, the ends of its interval."""
    columns = {"time": one["times"]} | {name: one[name] for name in ("prediction", "low", "high") if name in one}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def course_lines(one: Mapping[str, Any]) -> list[str]:
    """The same for people: "2024-05-01: 12.3 (11.8 to 12.7)"."""
    which = "".join(f", {name} {value}" for name, value in one.get("id", {}).items())
    steps = [
        f"  {step['time']}: {step['prediction']:.6g}"
        + (f"   ({step['low']:.6g} to {step['high']:.6g})" if "low" in step else "")
        for step in course_rows(one)
    ]
    return [f"{one['input']}{which}:", *steps]


def harmless(cell: Any) -> Any:
    """A text that a spreadsheet would take for a formula, with ' before it, which it takes for "this is text" (OWASP, CSV
    Injection). Numbers stay numbers; a text that is one, such as the class "-1", does no harm."""
    if not isinstance(cell, str):
        return cell
    cell = cell.replace("\r", "\n")  # which Python's writer leaves without quotes before 3.13
    return f"'{cell}" if cell.startswith(STARTS_FORMULA) and not NUMBER.fullmatch(cell) else cell


def harmless_all(cells: polars.Series) -> polars.Series:
    """`harmless` of a column."""
    import polars

    if cells.dtype != polars.String:
        return cells
    if not cells.str.contains(rf"^[{re.escape(''.join(STARTS_FORMULA))}]|[\r\n]").any():
        return cells
    cell = polars.col(cells.name).str.replace_all("\r", "\n", literal=True)
    is_formula = cell.str.slice(0, 1).is_in(STARTS_FORMULA)
    is_number = cell.str.contains(f"^(?:{PLAIN_NUMBER})$")
    safe = polars.when(is_formula & ~is_number).then("'" + cell).otherwise(cell)
    return cells.to_frame().select(safe.alias(cells.name)).to_series()


WRITERS: dict[Style, Callable[[IO[str], Path, Targets | None], Writer]] = {
    "text": Lines,
    "csv": Rows,
    "json": Object,
    "jsonl": ObjectLines,
    "coco": CocoResults,
}


def spelled(value: Any) -> Any:
    """Several labels as one text."""
    return "; ".join(map(str, value)) if isinstance(value, list | tuple) else value
