"""Errors name the place in the text that was written, whatever was done to run it."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from solarocpp.errors import SqlRefused
from solarocpp.query import answer_sql, stream_arrow, stream_csv
from solarocpp.query.places import place_of, split_message


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t AS SELECT 1 AS a, 'x' AS b")
        yield con


PLACES = [
    ("SELEC 1", 1, 1),
    ("SELECT 1\nFRM t", 2, 5),
    ("\n  SELECT\n  a, nope FROM t", 3, 6),
    ("-- é\nSELECT 'é', nope FROM t", 2, 13),
    ("SELECT b::INT FROM t", 1, 9),
    ("FROM t SELECT a,\n  getenv('HOME')", 2, 3),
    ("EXPLAIN FROM t SELECT a,\n  getenv('é')", 2, 3),
    ("FROM t, duckdb_logs", 1, 9),
    ("SELECT " + "a, " * 60 + "nope, " + "b, " * 60 + "1 FROM t", 1, 188),
    ("SELECT " + "a, " * 60 + "getenv(''), " + "b, " * 60 + "1 FROM t", 1, 188),
]


@pytest.mark.parametrize(("text", "line", "column"), PLACES)
@pytest.mark.parametrize("ask", [answer_sql, stream_csv, stream_arrow])
def test_errors_name_line_and_column(
    con: duckdb.DuckDBPyConnection, ask: type[answer_sql], text: str, line: int, column: int
) -> None:
    with pytest.raises(SqlRefused) as refused:
        list(ask(con, text))
    assert (refused.value.line, refused.value.column) == (line, column)
    excerpt, caret = refused.value.excerpt.split("\n")
    marked = excerpt[caret.index("^") :]
    assert text.split("\n")[line - 1][column - 1 :].startswith(marked.removesuffix("...")[:4])
    assert str(refused.value).endswith(f"LINE {line}: {excerpt}\n{' ' * len(f'LINE {line}: ')}{caret}")


def test_a_message_that_draws_another_text_is_left_without_the_drawing() -> None:
    """Relations and our own wrapping have DuckDB see text that nobody here wrote."""
    message = "Conversion Error: no\n\nLINE 1: SELECT CAST(x AS INT)\n               ^"
    assert split_message(message, "SELECT x::INT") == ("Conversion Error: no", None)
    assert split_message(message, "SELECT x::INT", above=1) == ("Conversion Error: no", None)
    assert split_message("IO Error: no", "SELECT 1") == ("IO Error: no", None)


def test_a_place_in_a_long_line_shows_what_is_around_it() -> None:
    place = place_of("x" * 100 + "here" + "y" * 100, 100)
    assert place.excerpt == "..." + "x" * 60 + "here" + "y" * 56 + "\n" + " " * 63 + "^"
    assert place_of("é\nab", 4) == (2, 2, "ab\n ^")
