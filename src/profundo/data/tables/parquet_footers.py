"""How many rows each row group of a Parquet file has: the unit in which a store gives up its rows at little cost.

The end of the file holds its description as a Thrift structure in the compact protocol (parquet.apache.org,
"File Format"; thrift.apache.org, "Thrift compact protocol encoding"): field 4 of the file is the list of row groups, field
3 of a row group its rows, field 1 its columns; field 3 of these is about their values. Everything else is walked over. Only
numbers are taken from it, and they are checked.
"""

from __future__ import annotations

from collections.abc import Iterator

from profundo.data.streams.addresses import Stored, read

__all__ = ["row_groups", "rows_of_groups", "unpacked_bytes"]

MAGIC = b"PAR1"
LARGEST = 2**24  # bytes of a description; larger ones take too long to walk through
Group = tuple[int, int, int]  # of a row group: rows, values in all columns, bytes before compression
DEEPEST = 16  # structures within structures
BOOLEANS, BYTE, NUMBERS, DOUBLE, BINARY, LISTS, STRUCT = (1, 2), 3, (4, 5, 6), 7, 8, (9, 10), 12


def row_groups(file: Stored, rows: int) -> list[int]:
    """The rows of each row group, from first to last; all as one where the description is too long or not understood.

    rows: of the whole file.
    """
    try:
        result = rows_of_groups(_description(file))
    except (OSError, ValueError, IndexError):
        return [rows]
    return result if min(result, default=0) > 0 and sum(result) == rows else [rows]


def unpacked_bytes(file: Stored) -> int:
    """What all values of the file take in memory, at least, by its description; 0 where that is not understood.

    Values of lists count one by one, however few rows they are in.
    """
    try:
        groups = _groups(_description(file))
    except (OSError, ValueError, IndexError):
        return 0
    return sum(max(size, 8 * values) for _, values, size in groups)


def _description(file: Stored) -> bytes:
    """Raises ValueError for a file without one, or with one that takes too long to walk through."""
    end = read(file.address, file.size - 8, 8)
    size = int.from_bytes(end[:4], "little")
    if end[4:] != MAGIC or not 0 < size <= min(LARGEST, file.size - 8):
        raise ValueError("no description, or too long a one")
    return read(file.address, file.size - 8 - size, size)


def rows_of_groups(description: bytes) -> list[int]:
    """From a file's description. Raises ValueError or IndexError when it is not one."""
    return [rows for rows, _, _ in _groups(description)]


def _groups(description: bytes) -> list[Group]:
    walk, result = Walk(description), list[Group]()
    for field, kind in walk.fields():
        if field == 4 and kind in LISTS:
            count, _ = walk.list_head()
            for _ in range(count):
                result.append(_group(walk))
        else:
            walk.skip(kind)
    return result


def _group(walk: Walk) -> Group:
    rows = values = size = 0
    for field, kind in walk.fields():
        if field == 1 and kind in LISTS:
            count, _ = walk.list_head()
            for _ in range(count):
                more, larger = _chunk(walk)
                values, size = values + more, size + larger
        elif field == 3 and kind in NUMBERS:
            rows = walk.number()
        else:
            walk.skip(kind)
    return rows, values, size


def _chunk(walk: Walk) -> tuple[int, int]:
    """Of one column in a row group: how many values, and how many bytes before compression."""
    values = size = 0
    for field, kind in walk.fields():
        if field == 3 and kind == STRUCT:
            for inner, of in walk.fields():
                if inner == 5 and of in NUMBERS:
                    values = walk.number()
                elif inner == 6 and of in NUMBERS:
                    size = walk.number()
                else:
                    walk.skip(of)
        else:
            walk.skip(kind)
    return values, size


class Walk:
    """A place in a Thrift structure."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def fields(self) -> Iterator[tuple[int, int]]:
        """(number, kind) of each field of a structure, standing before its value."""
        field = 0
        while (head := self._byte()) != 0:
            field = field + (head >> 4) if head >> 4 else self.number()
            yield field, head & 15

    def list_head(self) -> tuple[int, int]:
        """How many elements there are, and of which kind."""
        head = self._byte()
        count = head >> 4 if head >> 4 < 15 else self._unsigned()
        if count > len(self.data):
            raise ValueError("a list longer than all of it")
        return count, head & 15

    def number(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)

    def skip(self, kind: int, depth: int = 0, *, element: bool = False) -> None:
        """Over a value. element: of a list, where truth values have a byte of their own."""
        if depth > DEEPEST:
            raise ValueError("structures too deep within each other")
        if kind in BOOLEANS:
            self.place += element
        elif kind == BYTE:
            self.place += 1
        elif kind in NUMBERS:
            self._unsigned()
        elif kind == DOUBLE:
            self.place += 8
        elif kind == BINARY:
            size = self._unsigned()
            self.place += size
        elif kind in LISTS:
            count, of = self.list_head()
            for _ in range(count):
                self.skip(of, depth + 1, element=True)
        elif kind == STRUCT:
            for _, of in self.fields():
                self.skip(of, depth + 1)
        else:
            raise ValueError(f"a value of kind {kind}")

    def _byte(self) -> int:
        self.place += 1
        return self.data[self.place - 1]

    def _unsigned(self) -> int:
        value = shift = 0
        while (byte := self._byte()) >= 128:
            value |= (byte & 127) << shift
            shift += 7
            if shift > 63:
                raise ValueError("a number of more than 64 bits")
        return value | byte << shift
