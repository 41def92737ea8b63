"""How large a value can be, and how sizes are put together.

A size is an upper bound of the bytes of a value, on the average of the 2,048 rows DuckDB works on at
once. What is stored has a size by its column. What an aggregate collects (`list`, `string_agg`) can be
of any size, in total no more than DuckDB's memory limit lets it be: that is counted in how many times as
much is made of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from solarocpp.errors import SqlRefused
from solarocpp.query.tree import written_number
from solarocpp.store.schema import TABLES, VIEWS


class Size(NamedTuple):
    """How large a value can be."""

    bytes: float
    element: float = 8
    """Bytes of one element, if it is a list."""
    collected: float = 0
    """How many times what an aggregate kept is in it, beside those bytes."""
    longest: float = 0
    """Bytes of one value within a lambda, where `bytes` are the average of all elements; 0: as `bytes`."""
    fanned: bool = False
    """It was collected in another row than it is read in, so that it can be there many times."""

    @property
    def peak(self) -> float:
        """Bytes of the largest."""
        return max(self.bytes, self.longest)


NUMBER = Size(8)
"""Of anything whose type is as wide for each value."""
WORD = Size(64)
"""Of a hash, the name of a type or a day."""
TEXT = Size(100)
"""Of a text that is stored: an identity, a token, a status, most of them shorter."""
DOCUMENT = Size(1_000)
"""Of a message, of what an event tells, and of all whose table is not known."""

_DOCUMENTS = frozenset({"request", "answer", "message", "batch", "data"})


def column_size(name: str, kind: str) -> Size:
    """Tells how large the cells of a stored column are, by its SQL type."""
    if name in _DOCUMENTS or kind == "JSON":
        return DOCUMENT
    if kind.endswith("[]"):
        return Size(TEXT.bytes, 16)
    return TEXT if kind == "VARCHAR" else Size(8)


STORED: Mapping[str, Mapping[str, Size]] = {
    table.name.lower(): {column.name.lower(): column_size(column.name, column.type) for column in table.columns}
    for table in (*TABLES, *VIEWS)
}


def largest(sizes: Sequence[Size]) -> Size:
    """The size of a value that is one of several."""
    if not sizes:
        return Size(0)
    return Size(
        max(s.bytes for s in sizes),
        min((s.element for s in sizes if s.bytes > 0), default=8),
        max(s.collected for s in sizes),
        max(s.longest for s in sizes),
        any(s.fanned for s in sizes),
    )


def together(sizes: Sequence[Size]) -> Size:
    """The size of a value that is made of several."""
    return largest(sizes)._replace(
        bytes=sum(s.bytes for s in sizes),
        collected=sum(s.collected for s in sizes),
        longest=sum(s.peak for s in sizes) if any(s.longest for s in sizes) else 0,
    )


def times(size: Size, factor: float) -> Size:
    """The size of a value that is made of another, so many times."""
    return size._replace(bytes=size.bytes * factor, collected=size.collected * factor, longest=size.longest * factor)


def collected(sizes: Sequence[Size]) -> Size:
    """The size of what an aggregate keeps of all it is given."""
    return Size(0, max(8, sum(s.bytes for s in sizes)), 1 + sum(s.collected for s in sizes))


def element_of(size: Size) -> Size:
    """The size of one element."""
    return Size(max(size.bytes, size.element if size.collected else 0))


WIDTHS = re.compile(
    r"BOOLEAN|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL.*|DATE|TIME.*(?<!\])|UUID|INTERVAL"
)
"""Types, each of whose values are as wide as any other."""

# 0.4 s for 2,048 texts of 1,000 digits, over 14 s for 15,000.
_MOST_DIGITS = 2_000


def cast_to(size: Size, kind: str) -> Size:
    """The size as another type: a number of 8 bytes is a text of up to 24, `1,` of a text an element of 8."""
    if kind == "BIGNUM":
        if size.peak > _MOST_DIGITS:
            raise SqlRefused("A text that may be as long as this is no BIGNUM: that takes its length squared.")
        return size
    if WIDTHS.fullmatch(kind):
        return NUMBER
    return times(size, 8 if kind in {"LIST", "ARRAY", "STRUCT", "MAP", "VARIANT"} else 3)._replace(element=8)


def sliced(size: Size, bounds: Sequence[object]) -> Size:
    """The size of `x[a:b]`: so many elements, if both are written numbers."""
    first, last = (written_number(bound) for bound in bounds[1:3]) if len(bounds) > 2 else (None, None)
    if first is None or last is None or (first < 0) != (last < 0):
        return size
    element = max(size.element, 8)
    kept = max(0, last - first + 1) * element
    return Size(kept if size.collected else min(kept, size.bytes), element)
