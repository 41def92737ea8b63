"""The messages of quack, as a client of DuckDB 1.5.5 was seen to send them."""

from __future__ import annotations

import contextlib
from pathlib import Path

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from solarocpp.errors import SqlRefused
from solarocpp.query import quack

CONNECT = (
    b"\x01\x00\x01\x03\x00\x05\xff\xff"
    b"\x01\x00\x0bsecrettoken\x02\x00\x06v1.5.5\x03\x00\x0blinux_amd64\x04\x00\x01\x05\x00\x01\xff\xff"
)
CONNECTION = b"699043837A189F29F994741421B21C8E"
PREPARE = b"\x01\x00\x03\x02\x00 " + CONNECTION + b"\x03\x00\x06\xff\xff\x01\x00\tselect 42\xff\xff"
FETCH = (
    b"\x01\x00\x07\x02\x00 " + CONNECTION + b"\x03\x00\x07\xff\xff"
    b"\x01\x00\xb8\x9e\xe5\x94\xab\xd1\x81\xaf?\xc8\x91\xcc\xd1\xb9\xa3\xd5\xa2\x8a\x01\xff\xff"
)


def test_messages_are_read_as_far_as_they_concern_us() -> None:
    connect, prepare, fetch = map(quack.read_message, (CONNECT, PREPARE, FETCH))
    assert (connect.kind, connect.connection_id, connect.text) == (1, "", "secrettoken")
    assert (prepare.kind, prepare.connection_id, prepare.text) == (3, CONNECTION.decode(), "select 42")
    assert (fetch.kind, fetch.connection_id, fetch.text) == (7, CONNECTION.decode(), "")


def test_another_text_leaves_the_rest_as_it_came() -> None:
    told = quack.with_text(quack.read_message(CONNECT), "another")
    assert told == CONNECT.replace(b"\x0bsecrettoken", b"\x07another")
    assert quack.with_text(quack.read_message(PREPARE), "select 42") == PREPARE


def test_a_long_statement_keeps_its_length() -> None:
    """Past 127 bytes a length has two bytes; and it counts bytes, not characters."""
    statement = "SELECT '" + "ä" * 200 + "'"
    assert quack.read_message(quack.with_text(quack.read_message(PREPARE), statement)).text == statement


def test_a_statement_of_ours_reads_as_a_clients() -> None:
    message = quack.read_message(quack.statement_message(CONNECTION.decode(), "USE solarocpp"))
    assert message[:2] == (3, CONNECTION.decode())
    assert message.text == "USE solarocpp"


@given(st.binary(max_size=200))
@example(b"\x01\x00\x03\xff\xff\x01\x00\xff\xff\xff\xff\x7f")  # a text that says it is longer than all of it
@example(b"\x01\x00" + b"\xff" * 100)  # a number that does not end
def test_whatever_comes_is_a_message_or_refused(sent: bytes) -> None:
    with contextlib.suppress(SqlRefused):
        quack.read_message(sent)


@given(st.integers(0, len(PREPARE) - 1))
def test_a_message_that_was_cut_is_refused_or_has_no_other_statement(length: int) -> None:
    try:
        assert quack.read_message(PREPARE[:length]).text in {"", "select 42"}
    except SqlRefused as exc:
        assert "no message of the quack protocol" in str(exc)  # noqa: PT017 either is right


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT #1, #2 FROM datum",
        "SELECT NULL::BOOLEAN FROM datum",
        'SELECT #3 FROM "chargeSession"',
        "SELECT #1 FROM LEDGER",
    ],
)
def test_reading_a_table_needs_no_copy(statement: str) -> None:
    assert quack.reads_one_table(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT #1 FROM session",  # a view, which calculates
        "SELECT #1 FROM journal",  # not for analysts
        "SELECT #1 FROM datum, datum",
        "SELECT #1 FROM datum; DROP TABLE datum",
        "SELECT getenv('HOME') FROM datum",
        "SELECT #1 FROM duckdb_settings()",
        "SELECT #1 FROM datum -- ",
        "SELECT #1 FROM secrets.datum",
    ],
)
def test_everything_else_is_judged(statement: str) -> None:
    assert not quack.reads_one_table(statement)


def test_extensions_are_those_for_this_duckdb() -> None:
    """A package for another version would be refused by DuckDB, and is as good as none."""
    file = quack.extension_file("quack")
    assert file is not None
    assert f"/v{duckdb.__version__}/" in file.as_posix()
    assert quack.extension_file("no_such_extension") is None


def test_a_plan_is_kept_of_nothing_that_writes(tmp_path: Path) -> None:
    """EXPLAIN ANALYZE really runs its statement, and no CREATE TABLE around it keeps it from writing."""
    with duckdb.connect(tmp_path / "x.duckdb") as con:
        con.execute(f"ATTACH ':memory:' AS {quack.ANSWERS}")
        con.execute("CREATE TABLE t AS SELECT 1 AS a")
        quack.keep_answer(con, "q1", "EXPLAIN ANALYZE FROM t")
        assert con.execute(f"SELECT explain_key FROM {quack.ANSWERS}.main.q1").fetchall() == [("analyzed_plan",)]
        with pytest.raises(SqlRefused):
            quack.keep_answer(con, "q2", "EXPLAIN ANALYZE DELETE FROM t")
        assert con.execute("FROM t").fetchall() == [(1,)]


def test_an_answer_in_keeping_tells_others_nothing_of_the_question() -> None:
    """A column without an alias is called like its expression, and anybody may list the columns there are."""
    with duckdb.connect() as con:
        con.execute(f"ATTACH ':memory:' AS {quack.ANSWERS}")
        asked = "SELECT 'TAG-OF-BOB' = 'x', 1 AS \"a b\", 2 AS \"0\""
        reads = quack.keep_answer(con, "q1", asked)
        listed = con.execute("SELECT column_name FROM duckdb_columns() WHERE database_name = 'answers'").fetchall()
        assert listed == [("q1 0",), ("q1 1",), ("q1 2",)]
        assert con.sql(reads).columns == ["('TAG-OF-BOB' = 'x')", "a b", "0"]
        assert con.sql(reads).fetchall() == [(False, 1, 2)]


def test_a_question_that_fails_keeps_nothing_and_leaves_no_transaction() -> None:
    with duckdb.connect() as con:
        con.execute(f"ATTACH ':memory:' AS {quack.ANSWERS}")
        with pytest.raises(SqlRefused):
            quack.keep_answer(con, "q1", "SELECT error('no')")
        assert quack.keep_answer(con, "q1", "DESCRIBE SELECT 1 AS a").endswith('FROM answers.main."q1"')
