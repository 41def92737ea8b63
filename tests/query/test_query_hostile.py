"""What is after the server must be stopped by the guard alone; the walls behind it are for what nobody foresaw."""

from __future__ import annotations

import re

import duckdb
import pytest
from hostile import BOUNDED, REFUSED, Hostile

from solarocpp.errors import SqlRefused
from solarocpp.query import judge_sql
from solarocpp.query.growth import MOST_GROWTH
from solarocpp.query.guard import REFUSED_TABLES


@pytest.mark.parametrize("hostile", REFUSED, ids=lambda hostile: hostile.sql[:60])
def test_the_guard_refuses(hostile: Hostile) -> None:
    with pytest.raises(SqlRefused):
        judge_sql(hostile.sql)


@pytest.mark.parametrize("hostile", BOUNDED, ids=lambda hostile: hostile.sql[:60])
def test_questions_without_end_are_left_to_the_limits(hostile: Hostile) -> None:
    judge_sql(hostile.sql)


def test_there_are_enough_of_them_and_none_twice() -> None:
    texts = [hostile.sql for hostile in (*REFUSED, *BOUNDED)]
    assert len(set(texts)) == len(texts) > 100


# Views of DuckDB's own that any analyst may read: names of tables, columns and types.
HARMLESS_VIEWS = set(
    re.findall(
        r"\w+",
        """character_sets check_constraints columns constraint_column_usage constraint_table_usage duckdb_columns
        duckdb_constraints duckdb_indexes duckdb_schemas duckdb_tables duckdb_types duckdb_views key_column_usage pg_am
        pg_attrdef pg_attribute pg_class pg_collation pg_constraint pg_depend pg_description pg_enum pg_index pg_indexes
        pg_namespace pg_proc pg_sequence pg_sequences pg_tables pg_tablespace pg_type pg_views referential_constraints
        schemata sqlite_master sqlite_schema sqlite_temp_master sqlite_temp_schema table_constraints tables views""",
    )
)


def test_every_view_of_duckdb_was_looked_at() -> None:
    """A new version of DuckDB brings views nobody here has judged; then this test asks for it."""
    with duckdb.connect() as con:
        views = con.sql("SELECT view_name FROM duckdb_views() WHERE internal").fetchall()
    names = {name for (name,) in views}
    assert names >= HARMLESS_VIEWS
    assert names - HARMLESS_VIEWS <= REFUSED_TABLES.keys()


@pytest.mark.parametrize(
    "text",
    [
        "SELECT repeat('=', 80), rpad(token, 20, ' '), lpad(token, least(n, 100), '0') FROM datum",
        "SELECT repeat('x', 100000)",
        "SELECT [x * 2 FOR x IN range(10) IF x > 3]",
        "SELECT range(2020, 2027), generate_series(-5, 5), range(NULL)",
        "FROM range(100000000000)",
        "FROM session, generate_series(started, ended, INTERVAL 1 HOUR) hours(hour)",
        "SELECT replace(sourceId, '/ocpp/cp/', 'charger '), regexp_replace(token, '(\\w)', '\\1 ', 'g') FROM datum",
        "SELECT string_split(sourceId, '/')[3], hex(token), jaccard(token, 'A') FROM datum",
        "SELECT printf('%8.2f %s', watts, status), format('{:>20} {}', token, 1) FROM datum",
    ],
)
def test_ordinary_uses_of_what_can_grow_pass(text: str) -> None:
    judge_sql(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SELECT repeat('x', 100001)", rf"could make 100001 of one value, more than {MOST_GROWTH}"),
        ("SELECT lpad(repeat('x', 400), 300)", "could make 120000 of one value"),
        ("SELECT repeat('x', 400), (SELECT repeat('y', 400))", "could make 160000 of one value"),
        ("SELECT unnest(range(0, 200000))", r"Series of rows come from FROM range\(\.\.\.\)"),
        ("SELECT repeat('x', ?)", r"no written number, as in least\(n, 100\)"),
        ("SELECT unnest(generate_series(started, ended, INTERVAL 1 HOUR)) FROM session", "may stand beside a table"),
        ("SELECT hex(repeat('x', 60000))", "could make 120000 of one value"),
        ("SELECT replace(rpad('', 20000), ' ', 'blanks')", "could make 120000 of one value"),
        ("SELECT replace(token, 'x', sourceId) FROM datum", "The function replace takes a written replacement here"),
        ("SELECT levenshtein(token, 'A') FROM datum", "its time grows with the square of the texts"),
        ("SELECT format(token, 1) FROM datum", "The function format takes a written format here"),
    ],
)
def test_what_could_grow_too_large_says_what_to_write(text: str, reason: str) -> None:
    with pytest.raises(SqlRefused, match=reason):
        judge_sql(text)
