"""Dates as people write them: 2024-05-31, 31/12/99, 5/31/2024 3:05 PM, 3 de mayo de 2024. The order is learned from a whole column.

Years of two digits are those of POSIX: 69 to 99 are 1969 to 1999, 00 to 68 are 2000 to 2068.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from profundo.languages import Said
from profundo.records import Writing

if TYPE_CHECKING:
    import polars

__all__ = ["ORDERS", "DateForm", "learned_dates", "read_dates"]

ORDERS = {"ymd": "year, month, day", "dmy": "day, month, year", "mdy": "month, day, year"}
ENOUGH = 0.95  # of the different cells, for a column to be one of dates
MONTHS = {  # English, Spanish, Catalan, Portuguese, French, German, Italian, by their first letters without accents
    1: "jan ene gen janv", 2: "feb fev fevr", 3: "mar marc mars mrz", 4: "apr abr avr", 5: "may mai maig mag",
    6: "jun juin giu", 7: "jul juil lug", 8: "aug ago aou", 9: "sep set sept", 10: "oct out okt ott", 11: "nov",
    12: "dec dic des dez",
}  # fmt: skip
NUMBER_OF = {word: month for month, words in MONTHS.items() for word in words.split()}
TIME = (
    r"(?:[T,\s]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?)?"
    r"\s*(?:(?P<half>[AaPp])\.?\s?[Mm]\.?)?)?\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?"
)
SIGN = r"(?:[-/.]|\s+de\s+|,?\s+)"
WORDY = r"(?:\d{1,2}|\p{L}{3,}\.?)"
DATE = rf"^(?:\p{{L}}{{2,}}\.?,\s*)?(?P<a>\d{{4}}|{WORDY}){SIGN}(?P<b>{WORDY}){SIGN}(?P<c>\d{{1,4}}){TIME}$"
COMPACT = rf"^(?P<a>(?:19|20)\d{{2}})(?P<b>\d{{2}})(?P<c>\d{{2}}){TIME}$"
MONTH_ONLY = r"^(?P<a>\d{4})[-/.](?P<b>\d{1,2})$"


class DateForm(NamedTuple):
    """How the dates of a column are written, what decided it, and what another reader may doubt ("" for nothing)."""

    writing: Writing
    why: str
    doubt: str = ""


def learned_dates(cells: polars.Series, usual: str = "", separator: str = ",") -> DateForm | None:
    """How these cells, all different and in the order of the file, write dates; None where they are none.

    usual: the order that other columns of the file leave no doubt of; separator: of the file.
    """

    if bool(cells.str.contains(r"^\d+$").all()):
        readable = read_dates(cells, Writing())
        eight = bool((cells.str.len_chars() == 8).all()) and readable.null_count() == 0 and len(cells) > 1
        return DateForm(Writing(), Said("readings.eight_digits")) if eight else None
    parts = _parts(cells)
    a, b, c = parts["a"], parts["b"], parts["c"]
    there = a.is_not_null()
    if not len(cells) or int(there.sum()) < ENOUGH * len(cells):
        return None
    a, b, c = (part.filter(there) for part in (a, b, c))
    order, why, doubt = _order(a, b, c, usual, separator, cells.filter(there))
    if not order:
        return None
    writing = Writing(dates=order)
    read = read_dates(cells, writing)
    if read.is_not_null().sum() < ENOUGH * len(cells):
        return None
    return DateForm(writing, why, doubt)


def _order(
    a: polars.Series, b: polars.Series, c: polars.Series, usual: str, separator: str, cells: polars.Series
) -> tuple[str, str, str]:
    """("" for none, why, doubt) of the three parts of dates."""
    import polars

    if bool((a.str.len_chars() == 4).all()):
        return "ymd", Said("readings.year_first"), ""
    if bool(b.str.contains(r"^\p{L}").any()):
        return "dmy", Said("readings.month_second"), ""
    if bool(a.str.contains(r"^\p{L}").any()):
        return "mdy", Said("readings.month_first"), ""
    first, second, third = (part.cast(polars.Int64, strict=False) for part in (a, b, c))
    largest = [int(part.max() or 0) for part in (first, second)]  # type: ignore[arg-type]
    long_years = bool((c.str.len_chars() == 4).all())
    if not long_years and largest[0] > 31 and int(third.max() or 0) <= 31:  # type: ignore[arg-type]
        return "ymd", Said("readings.year_begins", cell=repr(cells[int(first.arg_max() or 0)])), ""
    if not (long_years or bool((c.str.len_chars() == 2).all())):
        return "", "", ""
    if largest[0] > 12 and largest[1] > 12:
        return "", "", ""
    if max(largest) > 12:
        order = "dmy" if largest[0] > 12 else "mdy"
        place = (first if largest[0] > 12 else second).arg_max()
        key = "day_first" if order == "dmy" else "day_second"
        return order, Said(f"readings.{key}", cell=repr(cells[int(place or 0)])), ""
    if not long_years:
        return "", "", ""  # 05-01-12 may be a code, a version, or a date in three orders
    if usual in ("dmy", "mdy"):
        return usual, Said("readings.as_another", order=ORDERS[usual]), ""
    order = _likely(first, second, cells, separator)
    doubt = Said("readings.doubt_dates", cell=repr(cells[0]), order=ORDERS[order])
    return order, Said("readings.taken_as", order=ORDERS[order]), doubt


def _likely(first: polars.Series, second: polars.Series, cells: polars.Series, separator: str) -> str:
    """Of dates that leave it open: the order in which they run through the file or through months, else the custom."""
    months = [part.n_unique() for part in (first, second)]
    if min(months) == 1 < max(months):  # the first of every month
        return "mdy" if months[1] == 1 else "dmy"
    in_order = [order for order in ("dmy", "mdy") if read_dates(cells, Writing(dates=order)).is_sorted()]
    if len(in_order) == 1:
        return in_order[0]
    return "mdy" if separator == "," and "/" in str(cells[0]) else "dmy"


def read_dates(series: polars.Series, writing: Writing) -> polars.Series:
    """Datetime (UTC) of cells without blanks at their edges; null where there is none, or none so written."""
    import polars

    moments = polars.Datetime("us")
    if writing.dates.startswith("%"):
        has_time = any(f"%{sign}" in writing.dates for sign in "HIMSTRsX")
        cells = series if has_time else series + " 00:00"
        return cells.str.to_datetime(writing.dates if has_time else f"{writing.dates} %H:%M", strict=False).cast(
            moments
        )
    if writing.dates == "ymd":
        quick = series.str.to_datetime("%Y-%m-%d", strict=False, time_unit="us")
        if quick.null_count() == series.null_count() and int(quick.dt.year().min() or 1000) >= 1000:  # type: ignore[arg-type]
            return quick
    parts = _parts(series)
    places = dict(zip(writing.dates, "abc", strict=True))
    frame = parts.select(
        year=polars.col(places["y"]),
        month=polars.col(places["m"]).str.to_lowercase().str.strip_chars("."),
        day=polars.col(places["d"]),
        hour=polars.col("hour").fill_null("0"),
        minute=polars.col("minute").fill_null("00"),
        second=polars.col("second").fill_null("00"),
        part=polars.col("part").fill_null("0"),
        half=polars.col("half").str.to_lowercase(),
        zone=polars.col("zone"),
    )
    return frame.select(_moment().cast(moments).alias(series.name)).to_series()


def _moment() -> polars.Expr:
    """Of the columns of parts, as text."""
    import polars
    from polars import col

    short = col("year").cast(polars.Int64, strict=False)
    century = polars.when(col("year").str.len_chars() > 2).then(0).when(short < 69).then(2000).otherwise(1900)
    plain = col("month").cast(polars.Int64, strict=False)
    letters = col("month").str.normalize("NFKD").str.replace_all(r"\p{M}", "")
    named = polars.coalesce(
        letters.str.slice(0, size).replace_strict(NUMBER_OF, default=None, return_dtype=polars.Int64) for size in (4, 3)
    )
    hour = col("hour").cast(polars.Int64, strict=False)
    afternoon = polars.when(col("half") == "p").then(12).otherwise(0)
    hour = polars.when(col("half").is_null()).then(hour).otherwise(hour % 12 + afternoon)
    digits = polars.concat_str(
        (short + century).cast(polars.String).str.zfill(4),
        polars.coalesce(plain, named).cast(polars.String).str.zfill(2),
        col("day").str.zfill(2),
        hour.cast(polars.String).str.zfill(2),
        col("minute"),
        col("second"),
        separator="-",
    )
    moment = digits.str.to_datetime("%Y-%m-%d-%H-%M-%S", strict=False, time_unit="us")
    micro = ("0." + col("part")).cast(polars.Float64, strict=False) * 1e6
    zone = col("zone").str.replace(":", "", literal=True)
    ahead = zone.str.slice(1, 2).cast(polars.Int64, strict=False) * 60 + zone.str.slice(3, 2).cast(
        polars.Int64, strict=False
    )
    later = polars.when(zone.str.starts_with("-")).then(-ahead).otherwise(ahead).fill_null(0)
    return moment + polars.duration(microseconds=micro.round().cast(polars.Int64)) - polars.duration(minutes=later)


def _parts(cells: polars.Series) -> polars.DataFrame:
    """The parts a, b, c of dates, and those of a time, as text; null where cells are no dates."""
    import polars

    frame = cells.alias("cell").to_frame()
    names = ("a", "b", "c", "hour", "minute", "second", "part", "half", "zone")
    found = [polars.col("cell").str.extract_groups(pattern) for pattern in (DATE, COMPACT)]
    month = polars.col("cell").str.extract_groups(MONTH_ONLY)
    whole = [polars.coalesce(one.struct.field(name) for one in found).alias(name) for name in names]
    parts = frame.select(*whole, month_a=month.struct.field("a"), month_b=month.struct.field("b"))
    only = polars.col("month_a").is_not_null()
    return parts.select(
        polars.coalesce("a", "month_a").alias("a"),
        polars.coalesce("b", "month_b").alias("b"),
        polars.when(only).then(polars.lit("1")).otherwise(polars.col("c")).alias("c"),
        *names[3:],
    )
