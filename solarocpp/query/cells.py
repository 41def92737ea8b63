"""Rows of a relation as Python values, fetched column by column: for answers of a thousand rows.

DuckDB hands over a column in one piece, where row by row it makes a Python value of each cell, of the empty ones too,
and keeps whoever else wants Python waiting meanwhile. Most columns of `datum` are empty in most answers: 1,000 rows
with 40 columns, 13 of them told, are fetched in 12 ms of CPU and not in 25.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from duckdb import DuckDBPyRelation
from numpy.typing import NDArray


class Cells(NamedTuple):
    """A table by its columns; those that are empty in every row are left out."""

    length: int
    """How many rows."""
    columns: dict[str, list[Any]]
    """By name; None where there is nothing. Times are ISO 8601 in UTC with microseconds and no zone, UUIDs are text."""

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yields each row, without what is empty in it."""
        names = tuple(self.columns)
        for cells in zip(*self.columns.values(), strict=True):
            yield {name: cell for name, cell in zip(names, cells, strict=True) if cell is not None}


def fetch_cells(found: DuckDBPyRelation, hidden: frozenset[str] = frozenset()) -> Cells:
    """Fetches a whole relation, without the columns in `hidden`; whole numbers are integers, be they DOUBLE."""
    types = {name: str(kind) for name, kind in zip(found.columns, found.types, strict=True)}
    fetched = found.fetchnumpy()
    length = len(next(iter(fetched.values())))
    columns: dict[str, list[Any]] = {}
    for name, column in fetched.items():
        if name in hidden:
            continue
        missing = np.ma.getmaskarray(column)
        if not missing.all():
            told = _READ.get(types[name], _plain)(np.ma.getdata(column))
            columns[name] = told if not missing.any() else _with_gaps(told, missing)
    return Cells(length, columns)


def _with_gaps(told: list[Any], missing: NDArray[np.bool_]) -> list[Any]:
    return [None if gap else cell for cell, gap in zip(told, missing.tolist(), strict=True)]


def _plain(column: NDArray[Any]) -> list[Any]:
    cells: list[Any] = column.tolist()
    return cells


def _numbers(column: NDArray[Any]) -> list[Any]:
    return [int(cell) if cell.is_integer() else cell for cell in column.tolist()]


def _times(column: NDArray[Any]) -> list[Any]:
    return _plain(np.datetime_as_string(column, unit="us"))


def _texts(column: NDArray[Any]) -> list[Any]:
    return [str(cell) for cell in column]


_READ: Final[dict[str, Callable[[NDArray[Any]], list[Any]]]] = {
    "DOUBLE": _numbers,
    "TIMESTAMP WITH TIME ZONE": _times,
    "UUID": _texts,
}
