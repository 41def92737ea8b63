"""Questions on a connection to a server: put together on its twin, and the same answers as on the file.

Every script of `scripts/` is asked once more, its SQL judged and run apart from where it was built. What
real servers and both protocols add is in `test_query_open`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import duckdb
import pytest
from test_query_scripts import SCRIPTS, Script, answer

import solarocpp.query as q
from solarocpp.query import judge_sql
from solarocpp.query.answers import Parameters
from solarocpp.query.remote import Remote
from solarocpp.store.effects import Effect, SessionStarted

# duckdb's own use of pandas
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")

Fill = Callable[..., duckdb.DuckDBPyConnection]

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class FileLink:
    """A server without a socket: judges a statement, runs it on the file, and keeps what it was asked."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con
        self.asked: list[str] = []

    def ask(self, statement: str, parameters: Parameters = ()) -> duckdb.DuckDBPyRelation:
        self.asked.append(judge_sql(statement))
        return self.con.sql(statement, params=cast("Any", parameters or None))

    def close(self) -> None:
        pass


def remote(link: FileLink) -> duckdb.DuckDBPyConnection:
    return cast("duckdb.DuckDBPyConnection", Remote(link))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script_answers_the_same_from_afar(path: Path, filled: Fill) -> None:
    script = Script(path.read_text())
    with remote(FileLink(filled(script.effects, sql=script.sql))) as con:
        for question in script.questions:
            assert [question.line, *answer(con, question)] == [question.line, *question.answer]


@pytest.fixture
def link(filled: Fill) -> FileLink:
    """Three sessions of one charger."""
    started: list[Effect] = [
        SessionStarted(UUID(int=number), 1, "/a/1", 1, 1, number, f"TAG{number}", NOW, 100.0 * number)
        for number in (1, 2, 3)
    ]
    return FileLink(filled(started))


def test_filters_and_limits_are_the_servers_work(link: FileLink) -> None:
    with remote(link) as con:
        link.asked.clear()
        question = q.sessions(con, source="/a/**").filter("token <> 'TAG1'").order('"meterStart" DESC').limit(1)
        assert question.columns[:2] == ["sessionId", "nodeId"]
        (zones,) = link.asked  # by whose clock, which is all that is asked beforehand
        assert "timeZone" in zones
        link.asked.clear()
        assert question.project('"meterStart", token').fetchall() == [(300.0, "TAG3")]
        (asked,) = link.asked
        assert "LIMIT 1" in asked
        assert "(token != 'TAG1')" in asked
        assert question.df()["token"].to_list() == ["TAG3"]
        assert len(question) == 1


def test_sql_of_ones_own_is_asked_as_it_was_written(link: FileLink) -> None:
    with remote(link) as con:
        link.asked.clear()
        text = 'FROM "chargeSession" SELECT token -- mine\nORDER BY token'
        question = con.sql(text)
        assert question.fetchall() == [("TAG1",), ("TAG2",), ("TAG3",)]
        assert link.asked == [text]
        assert question.filter("token > 'TAG2'").fetchone() == ("TAG3",)
        assert con.execute('SELECT count(*) FROM "chargeSession" WHERE token = ?', ["TAG2"]).fetchone() == (1,)


def test_fetchone_goes_on_and_the_others_begin_anew(link: FileLink) -> None:
    with remote(link) as con:
        question = con.sql('FROM "chargeSession" SELECT token ORDER BY token')
        assert [question.fetchone(), question.fetchone(), question.fetchmany(5)] == [("TAG1",), ("TAG2",), [("TAG3",)]]
        assert question.fetchone() is None
        assert len(question.fetchall()) == len(question.fetchall()) == 3
        assert question.fetchone() == ("TAG1",)


def test_relations_are_joined_on_the_server(link: FileLink) -> None:
    with remote(link) as con:
        sessions = con.table("chargeSession").project('"chargerId", token')
        others = con.table("chargeSession").set_alias("others").project('"chargerId" AS "chargerId", "meterStart"')
        link.asked.clear()
        joined = sessions.join(others.filter('"meterStart" > 200'), "chargerId").aggregate("count(*)")
        assert joined.fetchall() == [(3,)]
        assert len(link.asked) == 1


@pytest.mark.parametrize("text", ["SHOW TABLES", "DESCRIBE session", "EXPLAIN FROM session", "FROM duckdb_tables()"])
def test_what_the_twin_cannot_know_is_fetched(link: FileLink, text: str) -> None:
    with remote(link) as con:
        question = con.sql(text)
        assert question.fetchall() == link.con.sql(text).fetchall()
        assert question.limit(1).fetchall() == link.con.sql(text).limit(1).fetchall()
        assert repr(question) == repr(link.con.sql(text))


def test_a_wrong_name_is_an_error_at_once_and_a_question_shows_its_rows(
    link: FileLink, capsys: pytest.CaptureFixture[str]
) -> None:
    with remote(link) as con:
        with pytest.raises(duckdb.BinderException, match="nope"):
            q.sessions(con).filter("nope > 1")
        assert "3 rows" in repr(q.sessions(con))
        q.sessions(con)["token"].show()
        assert "TAG2" in capsys.readouterr().out
        assert not hasattr(q.sessions(con), "__nothing__")
