"""Runs every scripts/*.query: what was stored, a question, and the rows that answer it, written by hand.

A line begins with what it is:

    charger 7 CP001                                     a charger, by its chargerId
    start 1 SOURCE TIME token=TAG charger=7 meter=5000  a session; its number is its transactionId
    end 1 TIME reason=Local meter=6000
    refuse 2 SOURCE TIME token=TAG charger=7
    datum SOURCE TIME session=1 wattHours=5000 ...      a reading; `status=` makes it a status datum
    node 1 Europe/Berlin                                a time zone
    reset SOURCE TIME wattHours=5000 start=0            a Reset record: final value, and what went on
    event link_opened TIME charger=CP001 account=1      something that happened, of nobody without `account`
    sessions by=node,source since=2026-01-01            a question, one of those below
        sourceId energy                                 ... the columns to look at
        /ocpp/cp/CP001/1/Outlet 1000                    ... and each row; `-` is NULL
        ! There is no 'yeer'.                           ... or how the error begins
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import duckdb
import pytest

import solarocpp.query as q
from solarocpp.errors import QueryError
from solarocpp.metering.datums import Datum, SessionProperties, StatusProperties
from solarocpp.ocpp.datatypes import SourceId
from solarocpp.store.effects import DatumObserved, Effect, EventHappened, SessionEnded, SessionRefused, SessionStarted

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.query"))
QUESTIONS: Mapping[str, Callable[..., duckdb.DuckDBPyRelation]] = {
    "sessions": q.sessions,
    "datums": q.datums,
    "readings": q.readings,
    "latest": q.latest,
    "events": q.events,
}
LISTS = {"by", "properties"}
NUMBERS = {"active", "account", "stitched"}

Fill = Callable[..., duckdb.DuckDBPyConnection]


class Question(NamedTuple):
    line: str
    answer: list[str]


class Script:
    """A script, read: what to store, and what to ask."""

    def __init__(self, text: str) -> None:
        self.effects: list[Effect] = []
        self.sql = ""
        self.questions: list[Question] = []
        self._starts: dict[int, SessionStarted] = {}
        for line in text.splitlines():
            if line.startswith((" ", "\t")):
                self.questions[-1].answer.append(" ".join(line.split()))
            elif line and not line.startswith("#"):
                self._read(line)

    def _read(self, line: str) -> None:
        word, *rest = shlex.split(line)
        plain = [part for part in rest if "=" not in part]
        options = dict(part.split("=", 1) for part in rest if "=" in part)
        match word, plain:
            case "charger", [number, identifier]:
                self.sql += f"INSERT INTO charger (\"chargerId\", identifier) VALUES ({number}, '{identifier}');"
            case "node", [number, zone]:
                self.sql += f"""DELETE FROM node WHERE "nodeId" = {number};
                    INSERT INTO node ("nodeId", "timeZone") VALUES ({number}, '{zone}');"""
            case "reset", [source, time]:
                start, node = options.pop("start"), options.pop("node", "1")
                [(register, final)] = options.items()
                columns = '"resetId", created, "nodeId", "sourceId", property, "final", "start"'
                values = f"nextval('resetNumber'), '{time}', {node}, '{source}', '{register}', {final}, {start}"
                self.sql += f'INSERT INTO "resetRecord" ({columns}) VALUES ({values});'
            case "start", [number, source, time]:
                self.effects.append(self._start(int(number), source, time, options))
            case "refuse", [number, source, time]:
                self.effects.append(SessionRefused(self._start(int(number), source, time, options), "Blocked"))
            case "end", [number, time]:
                stop = float(options["meter"]) if "meter" in options else None
                session_id = self._starts[int(number)].session_id
                self.effects.append(SessionEnded(session_id, moment(time), options.get("reason", "Local"), None, stop))
            case "datum", [source, time]:
                self.effects.append(DatumObserved(self._datum(source, moment(time), options), moment(time)))
            case "event", [name, time]:
                account = int(options["account"]) if "account" in options else None
                happened = EventHappened(moment(time), name, options.get("charger"), "", {}, account)
                self.effects.append(happened)
            case _ if word in QUESTIONS:
                self.questions.append(Question(line, []))
            case _:
                raise ValueError(line)

    def _start(self, number: int, source: str, time: str, options: Mapping[str, str]) -> SessionStarted:
        start = self._starts[number] = SessionStarted(
            session_id=UUID(int=number),
            node_id=int(options.get("node", 1)),
            source_id=source,
            charger_id=int(options.get("charger", 1)),
            connector_id=1,
            transaction_id=number,
            token=options.get("token", "TAG"),
            started=moment(time),
            meter_start_wh=float(options["meter"]) if "meter" in options else None,
        )
        return start

    def _datum(self, source: str, created: datetime, options: dict[str, str]) -> Datum:
        status, number, node = options.pop("status", None), options.pop("session", None), options.pop("node", "1")
        session = None
        if number is not None:
            start = self._starts[int(number)]
            duration = int((created - start.started).total_seconds())
            session = SessionProperties(start.session_id, start.transaction_id, start.token, duration)
        return Datum(
            int(node),
            SourceId(source),
            created,
            {name: float(value) for name, value in options.items()},
            session=session,
            status=StatusProperties(status) if status else None,
        )


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def ask(con: duckdb.DuckDBPyConnection, line: str) -> duckdb.DuckDBPyRelation:
    word, *options = shlex.split(line)
    arguments: dict[str, object] = {}
    for option in options:
        name, value = option.split("=", 1)
        arguments[name] = [part for part in value.split(",") if part] if name in LISTS else value
        if name in NUMBERS or (name == "node" and value.isdecimal()):
            arguments[name] = int(value)
        elif name == "node":
            arguments[name] = [int(number) for number in value.split(",") if number]
    return QUESTIONS[word](con, **arguments)


def answer(con: duckdb.DuckDBPyConnection, question: Question) -> Iterator[str]:
    """Answers as the script would write it, for the columns it asks about."""
    columns = question.answer[0].split()
    try:
        rows = ask(con, question.line).project(", ".join(f'"{name}"' for name in columns)).fetchall()
    except QueryError as exc:
        yield f"! {exc}"[: len(question.answer[0])]
        return
    yield " ".join(columns)
    for row in rows:
        yield " ".join(map(spell, row))


def spell(value: object) -> str:
    match value:
        case None:
            return "-"
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case float():
            return f"{value:.10g}"
        case _:
            return str(value)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script(path: Path, filled: Fill) -> None:
    script = Script(path.read_text())
    assert script.questions
    con = filled(script.effects, sql=script.sql)
    for question in script.questions:
        assert [question.line, *answer(con, question)] == [question.line, *question.answer]
