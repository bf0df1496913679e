"""The body of a request → the images, sounds or rows that it asks about. Bytes from anywhere: every form has its bounds.

image/png, image/jpeg …    one image
audio/wav, audio/flac …    one sound
multipart/form-data        one image or sound a part (RFC 7578)
text/csv                   rows under a header of column names (RFC 4180)
application/json           {"rows": [{column: value, …}, …]}, {"images": [base64, …]}, {"sounds": [base64, …]}, or nested
                           lists of numbers as {"series": [[[1, 2, …], …], …]} and {"arrays": […]}

JSON is taken as RFC 8259 has it, so without NaN and Infinity, and I-JSON's rule (RFC 7493) that no name comes twice.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.parser import HeaderParser
from typing import Any, NoReturn

from profundo.data.images.pixels import work_of
from profundo.data.tables.delimited import likely_separator, without_separator_line
from profundo.kinds import INPUT_KINDS, InputKind
from profundo.lab.limits import Limits, Refusal
from profundo.languages import Said

__all__ = ["IMAGE_TYPES", "SOUND_TYPES", "TYPES", "Asked", "accepted", "media_types", "read"]

IMAGE_TYPES = tuple(f"image/{kind}" for kind in ("png", "jpeg", "webp", "gif", "bmp", "tiff", "x-portable-anymap"))
SOUND_TYPES = tuple(
    f"audio/{kind}" for kind in ("wav", "x-wav", "vnd.wave", "flac", "x-flac", "ogg", "mpeg", "aiff", "x-aiff")
)
TYPES = {"image": IMAGE_TYPES, "sound": SOUND_TYPES}
LONGEST_BOUNDARY = 70  # characters (RFC 2046)
PART_HEADERS = 8192  # bytes
LARGEST_INTEGER = 2**63
UNICODE = ("utf-8", "utf8", "us-ascii")
WESTERN = ("iso-8859-1", "iso-8859-15", "windows-1252")  # of a CSV, as spreadsheets in western Europe write it
BEGINS = {"image": "iVBORw0KGgo", "sound": "UklGR"}  # base64 of a PNG and of a WAV
ALLOWED = (str, int, float, bool, type(None))


@dataclass(frozen=True, slots=True)
class Asked:
    """kind: "image", "sound", "features" or another, as of a net's inputs. names: what each input is called in the answer.
    images: the bytes of files, of sounds too; arrays: of other inputs, nested lists of numbers and None. typed: texts among the
    values of rows are what a person typed, no cells of a table."""

    kind: InputKind
    names: list[str]
    images: list[bytes]
    rows: list[dict[str, Any]]
    arrays: list[Any] = field(default_factory=list)
    typed: bool = False


def media_types(kind: InputKind) -> tuple[str, ...]:
    """Those that a net with inputs of this kind takes."""
    if kind in TYPES:
        return (*TYPES[kind], "multipart/form-data", "application/json")
    return ("text/csv", "application/json") if kind == "features" else ("application/json",)


def accepted(content_type: str, encoding: str, kind: InputKind) -> Message:
    """The header of a body that a net with inputs of this kind takes; Refusal 415 for another."""
    header = Message()
    header["content-type"] = content_type
    if not content_type or header.get_content_type() not in media_types(kind):
        raise Refusal(
            415, Said("refusals.media_type", types=", ".join(media_types(kind)), got=repr(content_type[:100]))
        )
    if encoding.strip().lower() not in ("", "identity"):
        raise Refusal(415, Said("refusals.content_encoding", got=repr(encoding[:100])))
    known = (*UNICODE, *(WESTERN if header.get_content_type() == "text/csv" else ()))
    if (header.get_content_charset() or "utf-8") not in known:
        raise Refusal(415, Said("refusals.content_charset", got=repr(content_type[:100])))
    return header


def read(header: Message, body: bytes, kind: InputKind, limits: Limits) -> Asked:
    """For a net whose inputs are of this kind.

    Raises Refusal: 413 for too many images, rows or values, 400 for what does not read.
    """
    media = header.get_content_type()
    if not body:
        raise Refusal(400, Said("refusals.nothing_to_predict"))
    if media == "application/json":
        return from_json(body, kind, limits)
    if media == "text/csv":
        return of_rows(from_csv(body, header.get_content_charset() or "", limits), typed=False)
    if media == "multipart/form-data":
        parts = from_parts(body, str(header.get_param("boundary") or ""), kind, limits)
        return of_files(dict(parts), kind, limits)
    return of_files({kind: body}, kind, limits)


def of_files(images: Mapping[str, bytes], kind: InputKind, limits: Limits) -> Asked:
    """Images or sounds. Raises Refusal for more pixels than can be decoded in time, by the headers alone; how long a sound may
    be has a bound of its own (recordings.py)."""
    if kind == "sound":
        return Asked(kind, list(images), list(images.values()), [])
    pixels = sum(map(work_of, images.values()))
    if pixels > limits.pixels:
        raise Refusal(
            413,
            Said("refusals.too_many_image_pixels", most=limits.pixels, got=pixels),
        )
    return Asked("image", list(images), list(images.values()), [])


def of_rows(rows: list[dict[str, Any]], typed: bool) -> Asked:
    return Asked("features", [f"row {number}" for number in range(1, len(rows) + 1)], [], rows, typed=typed)


# --------------------------------------------------------------------------------------------------------------- parts
def from_parts(body: bytes, boundary: str, kind: InputKind, limits: Limits) -> Iterator[tuple[str, bytes]]:
    """(name, content) of each part. Parts of one name get numbers, so that the answers can be told apart."""
    if not 0 < len(boundary) <= LONGEST_BOUNDARY or not boundary.isascii():
        raise Refusal(400, Said("refusals.parts_boundary", most=LONGEST_BOUNDARY))
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary.encode(), limits.images + 2)
    if len(parts) > limits.images + 1:
        raise Refusal(
            413,
            Said(
                "refusals.too_many_in_one", most=limits.images, things=Said(f"refusals.of_{INPUT_KINDS[kind].several}")
            ),
        )
    if len(parts) < 2 or not parts[-1].startswith(b"--"):
        raise Refusal(400, Said("refusals.parts_open"))
    seen: set[str] = set()
    for number, part in enumerate(parts[:-1], 1):
        headers, blank, content = part.partition(b"\r\n\r\n")
        if not part.startswith(b"\r\n") or not blank or len(headers) > PART_HEADERS:
            raise Refusal(400, Said("refusals.part_headers", number=number))
        name = called(headers[2:], limits) or f"{kind} {number}"
        free = (name, *(f"{name} ({place})" for place in range(number, 2 * number)))
        name = next(one for one in free if one not in seen)  # a file may itself be called "a (2)"
        seen.add(name)
        yield name, content


def called(headers: bytes, limits: Limits) -> str:
    """The name of the file in a part, or of the field."""
    told = HeaderParser().parsestr(headers.decode("utf-8", "replace"))
    name = told.get_filename() or told.get_param("name", header="content-disposition") or ""
    text = str(name[2] if isinstance(name, tuple) else name)
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()[: limits.text]


# ----------------------------------------------------------------------------------------------------------------- CSV
def from_csv(body: bytes, charset: str, limits: Limits) -> list[dict[str, Any]]:
    """Every value as text: what it means, the net's columns know. Columns without a name, or of which two have one name,
    are passed over."""
    body, separator = without_separator_line(body.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n"))
    separator = separator or likely_separator(body)
    if body.count(separator.encode()) + body.count(b"\n") > 2 * limits.values:  # before any of them takes memory
        raise Refusal(413, Said("refusals.too_many_values", format="text/csv", most=limits.values))
    lines = csv.reader(io.StringIO(western(body, charset), newline=""), delimiter=separator, strict=True)
    try:
        header = [name.strip() for name in next((line for line in lines if line), [])]
        check_number(1, len(header), limits)
        counts = Counter(header)
        rows: list[dict[str, Any]] = []
        for line in lines:
            if not line:
                continue
            if len(line) != len(header):
                sizes = {"row": len(rows) + 1, "columns": len(header), "values": len(line)}
                raise Refusal(400, Said("refusals.csv_width", **sizes))
            rows.append({name: one for name, one in zip(header, line, strict=True) if name and counts[name] == 1})
            check_number(len(rows), len(rows) * len(header), limits)
    except csv.Error as error:
        raise Refusal(400, Said("refusals.csv_line", line=lines.line_num, reason=str(error))) from None
    if not rows:
        raise Refusal(400, Said("refusals.csv_empty"))
    for number, row in enumerate(rows, 1):
        check_row(row, number, limits)
    return rows


# ---------------------------------------------------------------------------------------------------------------- JSON
def _example(kind: InputKind) -> str:
    """Of a body in JSON."""
    if kind in TYPES:
        return Said("refusals.in_base64", example=f'{{"{INPUT_KINDS[kind].several}": ["{BEGINS[kind]}…", …]}}')
    if kind == "features":
        return '{"rows": [{"column": 1, …}, …]}'
    return Said("refusals.in_nested_lists", example=f'{{"{INPUT_KINDS[kind].several}": [[[1.5, 2, …], …], …]}}')


def from_json(body: bytes, kind: InputKind, limits: Limits) -> Asked:
    if body.count(b",") + body.count(b"{") + body.count(b"[") > 2 * limits.values:  # before any of them takes memory
        raise Refusal(413, Said("refusals.too_many_values", format="JSON", most=limits.values))
    try:
        told = json.loads(decoded(body, "JSON"), object_pairs_hook=once, parse_constant=no_number)
    except RecursionError:
        raise Refusal(400, Said("refusals.json_deep")) from None
    except json.JSONDecodeError as error:
        reason = Said("refusals.json_syntax", line=error.lineno, column=error.colno, reason=error.msg)
        raise Refusal(400, Said("refusals.json_unread", reason=reason)) from None
    except ValueError as error:
        raise Refusal(400, Said("refusals.json_unread", reason=error.args[0])) from None
    wanted = INPUT_KINDS[kind].several
    if not isinstance(told, dict) or list(told) != [wanted] or not isinstance(told[wanted], list) or not told[wanted]:
        raise Refusal(400, Said("refusals.json_expected", example=_example(kind)))
    if kind in TYPES:
        return of_files(dict(from_base64(told[wanted], kind, limits)), kind, limits)
    if kind != "features":
        return of_arrays(told[wanted], kind, limits)
    rows = told["rows"]
    check_number(len(rows), sum(len(row) for row in rows if isinstance(row, dict)), limits)
    for number, row in enumerate(rows, 1):
        check_row(row, number, limits)
    return of_rows(rows, typed=True)


def of_arrays(arrays: list[Any], kind: InputKind, limits: Limits) -> Asked:
    """Raises Refusal for what is no nested list of numbers and null; the shape is for the net to judge."""
    word = INPUT_KINDS[kind].one
    check_number(len(arrays), 0, limits)
    for number, one in enumerate(arrays, 1):
        rest = [one]
        while rest:
            value = rest.pop()
            if isinstance(value, list):
                rest += value
            elif isinstance(value, bool | str | dict):
                raise Refusal(400, at(f"{word} {number}", Said("refusals.expect_nested", got=type_of(value))))
            elif fault := fault_of(value, limits):
                raise Refusal(400, at(f"{word} {number}", fault))
    return Asked(kind, [f"{word} {number}" for number in range(1, len(arrays) + 1)], [], [], arrays)


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names differ. Raises ValueError."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError(Said("refusals.json_twice", name=first_twice([name for name, _ in pairs])))
    return made


def no_number(text: str) -> NoReturn:
    raise ValueError(Said("refusals.json_no_number", got=text))


def check_row(row: Any, number: int, limits: Limits) -> None:
    if not isinstance(row, dict):
        what = Said("refusals.expect_row", got=type_of(row))
        raise Refusal(400, Said("refusals.at_row", number=number, what=what))
    for name, value in row.items():
        fault = fault_of(value, limits) or (fault_of(name, limits) and Said("refusals.name_unread"))
        if fault:
            cell = {"number": number, "name": repr(printable(name[:100]))}
            raise Refusal(400, Said("refusals.at_cell", **cell, what=fault))


def fault_of(value: Any, limits: Limits) -> str:
    if not isinstance(value, ALLOWED):
        return Said("refusals.expect_simple", got=type_of(value))
    if isinstance(value, str):
        if len(value) > limits.text:
            return Said("refusals.long_text", most=limits.text, got=len(value))
        return "" if value.isascii() or printable(value) == value else Said("refusals.half_pair")
    if isinstance(value, float) and not math.isfinite(value):
        return Said("refusals.beyond_float")
    is_long = isinstance(value, int) and abs(value) > LARGEST_INTEGER
    return Said("refusals.beyond_integer") if is_long else ""


def type_of(value: Any) -> str:
    """Of a value in JSON, for people."""
    if value is None:
        return "null"
    names = {bool: "a_truth", str: "a_text", list: "a_list", dict: "an_object"}
    return Said(f"refusals.{names.get(type(value), 'a_number')}")


def at(name: str, what: str) -> Said:
    return Said("looks.of", name=name, what=what)


def from_base64(images: list[Any], kind: InputKind, limits: Limits) -> Iterator[tuple[str, bytes]]:
    if len(images) > limits.images:
        raise Refusal(
            413,
            Said(
                "refusals.too_many_in_one", most=limits.images, things=Said(f"refusals.of_{INPUT_KINDS[kind].several}")
            ),
        )
    for number, text in enumerate(images, 1):
        try:
            if not isinstance(text, str):
                raise ValueError(Said("refusals.got_kind", got=type_of(text)))
            yield f"{kind} {number}", base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error) as error:
            raise Refusal(400, at(f"{kind} {number}", Said("refusals.expect_base64", reason=error.args[0]))) from None


# ------------------------------------------------------------------------------------------------------------- in common
def check_number(rows: int, values: int, limits: Limits) -> None:
    if rows > limits.rows:
        raise Refusal(413, Said("refusals.too_many_rows", most=limits.rows))
    if values > limits.values:
        raise Refusal(413, Said("refusals.too_many_values", format="JSON", most=limits.values))


def first_twice(names: list[str]) -> str:
    """The first name that is there more than once, in quotes; "" where all differ."""
    counts = Counter(names)
    return next((repr(printable(name[:100])) for name, count in counts.items() if count > 1), "")


def decoded(body: bytes, what: str) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal(400, Said("refusals.not_utf8", what=what, place=error.start + 1)) from None


def western(body: bytes, charset: str) -> str:
    """UTF-8, or what a request says; without a word of it, text that is no UTF-8 is Windows-1252."""
    for name in ("utf-8", *([charset or "windows-1252"] if charset not in UNICODE else [])):
        try:
            return body.decode(name)
        except UnicodeDecodeError:
            continue
    raise Refusal(400, Said("refusals.csv_not_utf8"))


def printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
