"""What strangers may ask in SQL. Each refused statement here was tried and does harm without the guard."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from solarocpp.errors import SqlRefused
from solarocpp.query import answer_sql, judge_sql
from solarocpp.query.guard import HARMLESS_VOLATILE, REFUSED_FUNCTIONS, TABLE_FUNCTIONS


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "select 1;",
        "-- how many?\nFROM datum SELECT count(*) /* all */;",
        "WITH a AS (SELECT 1 AS x) FROM a",
        "WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a WHERE n < 9) FROM a",
        "VALUES (1)",
        "TABLE datum",
        'FROM "authorization"',
        "SELECT 'DROP TABLE datum; COPY', 1 AS \"insert\"",
        "DESCRIBE datum",
        "SHOW TABLES",
        "SHOW ALL TABLES",
        "SUMMARIZE SELECT * FROM datum",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE FROM datum",
        "explain -- why\n /* so */ analyze select 1",
        "EXPLAIN (SELECT 1) UNION SELECT 2",
        "PRAGMA table_info('datum')",
        "FROM (PIVOT datum ON status IN ('Charging') USING count(*))",
        "UNPIVOT datum ON watts INTO NAME property VALUE reading",
        "SELECT * FROM range(3), unnest([1, 2]) u(x), generate_series(1, 2)",
        "FROM event, json_each(event.data)",
        "FROM information_schema.columns",
        "FROM duckdb_columns()",
        "SELECT ?::BIGINT",
        "(" * 1000 + "SELECT 1" + ")" * 1000,
    ],
)
def test_questions_pass(text: str) -> None:
    judge_sql(text)


def test_judged_statement_comes_back_without_its_semicolon() -> None:
    """But with the blanks in front: the places that errors name are the writer's."""
    assert judge_sql("  FROM datum ;\n") == "  FROM datum"
    assert judge_sql("SELECT ';é' AS \"a;\" ;; -- how; many?") == "SELECT ';é' AS \"a;\""


@pytest.mark.parametrize(
    ("text", "judged"),
    [
        (
            "/* /* */ EXPLAIN SELECT 1 --*/ EXPLAIN ANALYZE DELETE FROM t",
            f"{'':9}EXPLAIN SELECT 1 --*/ EXPLAIN ANALYZE DELETE FROM t",
        ),
        ("--\r EXPLAIN ANALYZE DELETE FROM t /*\nEXPLAIN SELECT 1 --*/", f"{'':36}\nEXPLAIN SELECT 1 --*/"),
        ("explain -- é\n/* so */ analyze select 1", "explain     \n         analyze select 1"),
    ],
)
def test_explain_runs_what_was_judged(text: str, judged: str) -> None:
    """To DuckDB comments nest, and end at a carriage return: it read a DELETE where the guard read a comment."""
    assert judge_sql(text) == judged


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", r"There are 0 statements\. Ask with one SELECT"),
        ("SELECT 1; DROP TABLE datum", "There are 2 statements"),
        ("DROP TABLE datum", "DROP is not a question"),
        ("INSERT INTO datum SELECT * FROM datum", "INSERT is not a question"),
        ("COPY datum TO 'x.parquet'", "COPY is not a question"),
        ("EXPORT DATABASE 'x'", "EXPORT is not a question"),
        ("ATTACH 'secrets.duckdb'", "ATTACH is not a question"),
        ("SET memory_limit = '1TB'", "SET is not a question"),
        ("CALL pragma_version()", "CALL is not a question"),
        ("BEGIN", "TRANSACTION is not a question"),
        ("CHECKPOINT", "CALL is not a question"),
        ("PREPARE p AS SELECT 1", "PREPARE is not a question"),
        ("EXPLAIN INSERT INTO datum SELECT * FROM datum", "Only SELECT statements"),
        # It really inserts.
        ("EXPLAIN ANALYZE INSERT INTO datum SELECT * FROM datum", "Only SELECT statements"),
        ("EXPLAIN/**/ANALYZE--\nDELETE FROM datum", "Only SELECT statements"),
        ("EXPLAIN (FORMAT JSON) DELETE FROM datum", "syntax error"),
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("PIVOT datum ON status USING count(*)", r"Name them: PIVOT \.\.\. ON column IN \(\.\.\.\)"),
        ("SELECT nextval('s')", "The function nextval is refused: it changes a sequence"),
        ("SELECT \"NextVal\"('s')", "The function nextval is refused"),
        ("SELECT x FROM datum ORDER BY getenv('HOME')", "The function getenv is refused"),
        ("SELECT list_transform(['HOME'], lambda v: getenv(v))", "The function getenv is refused"),
        ("SUMMARIZE SELECT current_setting('temp_directory')", "The function current_setting is refused"),
        ("FROM read_text('/etc/passwd')", "The table function read_text is not for strangers"),
        ("SELECT 1 WHERE EXISTS (FROM glob('*'))", "The table function glob is not"),
        ("WITH a AS MATERIALIZED (FROM checkpoint()) SELECT 1", "The table function checkpoint is not"),
        ("FROM query('SELECT 1')", "The table function query is not"),
        ("FROM query_table(['datum'])", "The table function query_table is not"),
        ("FROM histogram_values('duckdb_logs', message)", "The table function histogram_values is not"),
        ("FROM json_execute_serialized_sql('{}')", "The table function json_execute_serialized_sql is not"),
        ("FROM quack_serve('quack:localhost')", "The table function quack_serve is not"),
        ("FROM enable_logging()", "The table function enable_logging is not"),
        ("FROM duckdb_settings()", "The table function duckdb_settings is not"),
        ("FROM duckdb_settings", "The table duckdb_settings is refused: it tells paths of the server"),
        ("FROM pg_catalog.pg_settings", "The table pg_settings is refused"),
        ("FROM duckdb_logs", "The table duckdb_logs is refused: it shows the queries of others"),
        ("FROM '/etc/passwd'", "There is no table '/etc/passwd', and files are not read here"),
        ("SUMMARIZE 'x.csv'", "There is no table 'x.csv'"),
        ('FROM "https://example.org/x.parquet"', "files are not read here"),
        ("SELECT " + "+".join(["1"] * 5000), "Max expression depth limit"),
    ],
)
def test_everything_else_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(SqlRefused, match=reason):
        judge_sql(text)


def test_every_function_with_side_effects_was_looked_at() -> None:
    """A new version of DuckDB brings functions nobody here has judged; then this test asks for it."""
    with duckdb.connect() as con:
        volatile = con.sql(
            "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability = 'VOLATILE'"
        ).fetchall()
    assert {name for (name,) in volatile} <= REFUSED_FUNCTIONS.keys() | HARMLESS_VOLATILE


def test_allowed_table_functions_exist() -> None:
    with duckdb.connect() as con:
        known = con.sql("SELECT function_name FROM duckdb_functions() WHERE function_type IN ('table', 'table_macro')")
        assert {name for (name,) in known.fetchall()} >= TABLE_FUNCTIONS


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database opened like the store."""
    with duckdb.connect(tmp_path / "x.duckdb") as root:
        root.execute("CREATE TABLE t AS SELECT range AS a, 'x' AS b FROM range(5)")
        root.execute("CREATE SEQUENCE s")
        root.execute("SET GLOBAL enable_external_access = false")
        with root.cursor() as cursor:
            yield cursor


def test_answer_has_names_types_and_rows(con: duckdb.DuckDBPyConnection) -> None:
    answer = answer_sql(con, "SELECT a, b FROM t WHERE a >= ? ORDER BY a", [3])
    assert answer == (("a", "b"), ("BIGINT", "VARCHAR"), [(3, "x"), (4, "x")], False)


@pytest.mark.parametrize(("limit", "rows", "truncated"), [(0, 0, True), (4, 4, True), (5, 5, False), (9, 5, False)])
def test_answer_says_whether_there_is_more(
    con: duckdb.DuckDBPyConnection,
    limit: int,
    rows: int,
    truncated: bool,  # noqa: FBT001
) -> None:
    answer = answer_sql(con, "FROM t", limit=limit)
    assert (len(answer.rows), answer.truncated) == (rows, truncated)


def test_statement_duckdb_cannot_run_is_refused_and_the_cursor_works_on(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(SqlRefused, match="Table with name nope does not exist"):
        answer_sql(con, "FROM nope")
    with pytest.raises(SqlRefused, match="Could not convert string 'x' to INT64"):
        answer_sql(con, "SELECT b::BIGINT FROM t")
    assert answer_sql(con, "SELECT count(*) FROM t").rows == [(5,)]


def test_read_only_transaction_stands_behind_the_guard(con: duckdb.DuckDBPyConnection) -> None:
    """The guard reads text; should it ever be fooled, DuckDB still refuses to write."""
    con.execute("BEGIN TRANSACTION READ ONLY")
    with pytest.raises(duckdb.TransactionException, match="read-only"):
        con.execute("INSERT INTO t VALUES (9, 'y')")


def test_variables_of_the_server_are_no_tables(con: duckdb.DuckDBPyConnection) -> None:
    """DuckDB in Python looks for DataFrames in the calling code, unless external access is off."""
    secret = pd.DataFrame({"password": ["hunter2"]})
    with pytest.raises(SqlRefused, match="Table with name secret does not exist"):
        answer_sql(con, "FROM secret")
    assert len(secret) == 1


def test_interrupted_answer_leaves_a_usable_cursor(con: duckdb.DuckDBPyConnection) -> None:
    """Who sets a time limit interrupts the cursor, in BEGIN too; the next question must not find a transaction."""
    for _ in range(20):
        with interrupted_often(con), pytest.raises(duckdb.InterruptException):
            answer_sql(con, "SELECT count(*) FROM range(100000000000) a")
        assert answer_sql(con, "SELECT count(*) FROM t").rows == [(5,)]


@contextmanager
def interrupted_often(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    stop = threading.Event()

    def interrupt() -> None:
        while not stop.wait(0.0003):
            con.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
