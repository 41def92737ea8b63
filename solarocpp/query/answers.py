"""Runs what the guard let through: all rows at once for a screen, or piece by piece for a file.

    answer_sql     rows as Python values, at most so many
    stream_csv     text, a few thousand lines a piece
    stream_arrow   the Arrow IPC stream, a batch a piece; pyarrow makes it (`pip install solarocpp[arrow]`)

Each runs on a cursor of its own, in a read-only transaction: the last wall, should the guard ever be
fooled. The lines of a CSV are put together by DuckDB: of 500,000 rows with 17 columns that takes 1.5 s
of CPU, where Python values and its csv module take 19 s, and hold up everybody who waits for Python.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

import duckdb

from solarocpp.query.guard import Parameters, judge_sql, refusal

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

# What DuckDB works on at once. Less would cost calls, more memory: a row may be wide.
_CSV_ROWS = 2_048
_ARROW_ROWS = 8_192

# Types whose texts have no comma, quote or line break in them.
_PLAIN = re.compile(r"BOOLEAN|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(.*|DATE|TIME|UUID")
_TIMES = frozenset({"TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"})


class Columns(NamedTuple):
    """What the columns of an answer are called, and their types as SQL has them."""

    names: tuple[str, ...]
    types: tuple[str, ...]


class SqlAnswer(NamedTuple):
    """What a statement gave: column names, their SQL types, and rows of Python values."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[object, ...]]
    truncated: bool
    """There were more rows than the limit."""


Piece = Columns | bytes
"""A streamed answer is its columns, then bytes."""


def answer_sql(
    con: duckdb.DuckDBPyConnection, text: str, parameters: Parameters = (), *, limit: int | None = None
) -> SqlAnswer:
    """Judges a statement, runs it in a read-only transaction, and fetches at most `limit` rows.

    `con` must be a cursor of its own that is in no transaction.

    Raises:
        SqlRefused: it is not a read-only statement, or DuckDB cannot run it.
    """
    statement = judge_sql(text, parameters)
    with _reading(con, statement):
        con.execute(statement, parameters)
        columns = _columns(con)
        rows = con.fetchall() if limit is None else con.fetchmany(limit + 1)
    truncated = limit is not None and len(rows) > limit
    return SqlAnswer(columns.names, columns.types, rows[:limit], truncated=truncated)


def stream_csv(
    con: duckdb.DuckDBPyConnection, text: str, parameters: Parameters = (), *, limit: int | None = None
) -> Iterator[Piece]:
    """Answers like `answer_sql`, as CSV: a line of names, then the rows; nothing for NULL, `""` for empty text.

    Times are ISO 8601, in UTC; lists and structs are JSON.

    Raises:
        SqlRefused: it is not a read-only statement, or DuckDB cannot run it, be it in the middle of the answer.
    """
    statement = judge_sql(text, parameters)
    with _reading(con, statement, above=1):
        columns = _describe(con, statement, parameters)
        if columns is None:
            con.execute(statement, parameters)
            columns = _columns(con)
            pieces = _csv_pieces(con, columns, lambda row: _csv_text([row]), limit)
        else:
            con.execute(_lines_of(statement, columns), parameters)
            pieces = _csv_pieces(con, columns, itemgetter(0), limit)
        yield from _led_by(columns, pieces)


def stream_arrow(
    con: duckdb.DuckDBPyConnection, text: str, parameters: Parameters = (), *, limit: int | None = None
) -> Iterator[Piece]:
    """Answers like `answer_sql`, as an Arrow IPC stream; needs pyarrow.

    Raises:
        SqlRefused: as of `stream_csv`.
    """
    statement = judge_sql(text, parameters)
    with _reading(con, statement):
        con.execute(statement, parameters)
        columns = _columns(con)
        try:
            yield from _led_by(columns, _arrow_pieces(con.to_arrow_reader(_ARROW_ROWS), limit))
        except OSError as exc:
            # pyarrow hands on what DuckDB said, as an error of its own.
            kind = duckdb.InterruptException if "INTERRUPT" in str(exc) else duckdb.InvalidInputException
            raise kind(str(exc)) from exc


@contextmanager
def _reading(con: duckdb.DuckDBPyConnection, statement: str, *, above: int = 0) -> Iterator[None]:
    try:
        # Inside: an interruption may fail it when the transaction has begun, aborted already.
        con.execute("BEGIN TRANSACTION READ ONLY")
        yield
    except (duckdb.InterruptException, duckdb.FatalException):
        raise
    except duckdb.Error as exc:
        raise refusal(exc, statement, above=above) from exc
    finally:
        _end_transaction(con)


def _end_transaction(con: duckdb.DuckDBPyConnection) -> None:
    """Rolls back, however often it is interrupted: the next question must not find itself in a transaction."""
    while True:
        with suppress(duckdb.InterruptException):
            with suppress(duckdb.TransactionException):  # none has begun
                con.execute("ROLLBACK")
            return


def _columns(con: duckdb.DuckDBPyConnection) -> Columns:
    described = [(str(name), str(kind)) for name, kind, *_ in con.description or ()]
    return Columns(tuple(name for name, _ in described), tuple(kind for _, kind in described))


def _describe(con: duckdb.DuckDBPyConnection, statement: str, parameters: Parameters) -> Columns | None:
    """Tells the columns of a statement without running it; None for EXPLAIN and PRAGMA, which go into no FROM."""
    try:
        described = con.execute(f"DESCRIBE FROM (\n{statement}\n)", parameters).fetchall()
    except duckdb.ParserException:
        return None
    return Columns(tuple(name for name, *_ in described), tuple(kind for _, kind, *_ in described))


def _lines_of(statement: str, columns: Columns) -> str:
    """Writes the SQL that makes each row of a statement a line of CSV; the statement begins in its second line."""
    names = [f"c{at}" for at in range(len(columns.names))]
    cells = ", ',', ".join(_cell(name, kind) for name, kind in zip(names, columns.types, strict=True))
    return f"SELECT concat({cells}, chr(10)) FROM (\n{statement}\n) AS answer({', '.join(names)})"


def _cell(name: str, kind: str) -> str:
    if _PLAIN.fullmatch(kind):
        return name
    if kind in _TIMES:
        return f"replace(replace({name}::VARCHAR, ' ', 'T'), '+00', 'Z')"
    nested = kind.endswith("]") or kind.startswith(("STRUCT(", "MAP(", "UNION("))
    text = f"to_json({name})::VARCHAR" if nested else f"{name}::VARCHAR"
    return (
        f"CASE WHEN {text} = '' OR regexp_matches({text}, '[\",\\r\\n]') "
        f"""THEN '"' || replace({text}, '"', '""') || '"' ELSE {text} END"""
    )


def _csv_pieces(
    con: duckdb.DuckDBPyConnection, columns: Columns, line: Callable[[tuple[object, ...]], str], limit: int | None
) -> Iterator[bytes]:
    head, left = _csv_text([columns.names]), limit
    while rows := con.fetchmany(_CSV_ROWS if left is None else min(left, _CSV_ROWS)):
        yield (head + "".join(map(line, rows))).encode()
        head, left = "", None if left is None else left - len(rows)
    if head:
        yield head.encode()


def _csv_text(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _arrow_pieces(reader: pa.RecordBatchReader, limit: int | None) -> Iterator[bytes]:
    import pyarrow as pa

    buffer = io.BytesIO()
    left = limit
    with pa.ipc.new_stream(buffer, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch if left is None else batch.slice(0, left))
            yield _taken(buffer)
            left = None if left is None else left - batch.num_rows
            if left is not None and left <= 0:
                break
    yield _taken(buffer)


def _taken(buffer: io.BytesIO) -> bytes:
    content = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return content


def _led_by(columns: Columns, pieces: Iterator[bytes]) -> Iterator[Piece]:
    """Puts the columns first, but asks for the first rows before: an error in them can still be told in words."""
    first = next(pieces)
    yield columns
    yield first
    yield from pieces
