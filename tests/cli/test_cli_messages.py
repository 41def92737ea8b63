"""`tail`, `ledger` and `events --follow`: literal commands and what they print, with a server and without."""

from __future__ import annotations

import base64
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from websockets.sync.client import ClientConnection, connect

from solarocpp.cli.messages import line_of, payload_of, shortened
from solarocpp.ocpp.datatypes import ChargePointId
from solarocpp.store import ChargerFacts, Exchange, open_store

Run = Callable[..., tuple[int, str, str]]
Serve = Callable[..., AbstractContextManager[Any]]

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FACTS = ChargerFacts(1, ChargePointId("CP001"), 1, 1, "/t", publish=True)
SAID = (
    Exchange(NOON, FACTS, "in", "Authorize", '[2,"1","Authorize",{"idTag":"TAG"}]', '[3,"1",{"idTagInfo":{}}]'),
    Exchange(NOON + timedelta(hours=1), FACTS, "out", "Reset", '[2,"2","Reset",{"type":"Soft"}]', '[3,"2",{"a":"b"}]'),
)


def store_said(directory: Path) -> None:
    async def fill() -> None:
        store = open_store(directory, now=NOON)
        async with trio.open_nursery() as nursery:
            await nursery.start(store.run)
            for exchange in SAID:
                store.record(exchange, ())
            await store.settle()
            nursery.cancel_scope.cancel()
        store.close()

    trio.run(fill)


LEDGER = """\
received              direction  action     said             answered
2026-03-01T12:00:00Z  in         Authorize  {"idTag":"TAG"}  {"idTagInfo":{}}
2026-03-01T13:00:00Z  out        Reset      {"type":"Soft"}  {"a":"b"}
"""


def test_the_ledger_tells_what_was_said(run: Run, tmp_path: Path) -> None:
    store_said(tmp_path / "data")
    assert run("ledger", "cp001") == (0, LEDGER, "")
    head, first, second = LEDGER.splitlines(keepends=True)
    lines = [" ".join(line.split()) for line in run("ledger", "CP001", "--direction", "out")[1].splitlines()]
    assert lines == [" ".join(head.split()), " ".join(second.split())]
    lines = [" ".join(line.split()) for line in run("ledger", "CP001", "--action", "authorize")[1].splitlines()]
    assert lines == [" ".join(head.split()), " ".join(first.split())]
    (row,) = json.loads(run("ledger", "CP001", "--since", "2026-03-01T12:30", "--format", "json")[1])
    assert (row["seq"], row["request"], row["answer"]) == (2, SAID[1].request, SAID[1].answer)
    assert run("ledger", "CP001", "--limit", "1")[2] == (
        "There are more than 1 messages; see them with --limit, or narrow the question.\n"
    )


@pytest.mark.slow(reason="a server process of its own")
def test_the_ledger_is_the_same_with_a_server(run: Run, running_server: Serve, tmp_path: Path) -> None:
    store_said(tmp_path / "data")
    with running_server(tmp_path / "data", "--keep-ledger", "forever"):
        assert run("ledger", "CP001") == (0, LEDGER, "")


def test_the_ledger_helps_with_what_is_not_there(run: Run, tmp_path: Path) -> None:
    store_said(tmp_path / "data")
    assert run("ledger", "CP002") == (
        0,
        "",
        "There is nothing of CP002 in the ledger. Is that its name? See: solarocpp charger list\n",
    )
    assert run("ledger", "CP001", "--action", "Authorise") == (
        2,
        "",
        "solarocpp: OCPP 1.6 has no action 'Authorise'. Did you mean Authorize?\n",
    )


def test_nothing_passes_where_no_server_runs(run: Run) -> None:
    run("charger", "add", "CP001")
    assert run("tail", "CP001") == (
        1,
        "",
        (
            "solarocpp: No server runs on 'data', so nothing passes. Start it with: solarocpp serve. "
            "What was said before: solarocpp ledger CP001\n"
        ),
    )
    assert run("events", "--follow")[2].endswith("What was said before: solarocpp events\n")
    for wrong in (["--format", "csv"], ["--until", "2026-03-01"]):
        assert run("events", "--follow", *wrong) == (
            2,
            "",
            "solarocpp: --follow goes with --format table or json, and without --until.\n",
        )


@contextmanager
def following(server: Any, *words: str) -> Iterator[Callable[[], str | None]]:
    """Runs a command that goes on; gives its next line, or None if it says nothing for a while."""
    command = [sys.executable, "-m", "solarocpp", *words, "--data", str(server.data)]
    lines: queue.Queue[str] = queue.Queue()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        reading = threading.Thread(target=lambda: [lines.put(line) for line in process.stdout or ()])
        reading.start()

        def hear() -> str | None:
            try:
                return lines.get(timeout=0.2)
            except queue.Empty:
                return None

        try:
            yield hear
        finally:
            process.terminate()
            reading.join()


def until_heard(hear: Callable[[], str | None], act: Callable[[], object] = lambda: None) -> str:
    """Does something again and again until it is told of."""
    for _ in range(150):
        act()
        line = hear()
        if line is not None:
            return line
    raise AssertionError("nothing was told")


@contextmanager
def charger(server: Any, password: str) -> Iterator[ClientConnection]:
    basic = base64.b64encode(f"depot:{password}".encode()).decode()
    with connect(
        f"{server.url()}/CP001",
        subprotocols=["ocpp1.6"],
        additional_headers={"Authorization": f"Basic {basic}"},  # type: ignore[list-item]
    ) as ws:
        yield ws


def call(ws: ClientConnection, frame: list[Any]) -> None:
    ws.send(json.dumps(frame))
    ws.recv()


@pytest.fixture
def password(run: Run) -> str:
    run("charger", "add", "CP001")
    return run("credential", "add", "depot")[1].strip()


READING = {"timestamp": "2026-03-01T12:00:00Z", "sampledValue": [{"value": "1"}]}
METER_VALUES = [2, "m", "MeterValues", {"connectorId": 1, "meterValue": [READING]}]


@pytest.mark.slow(reason="a server, and a command that follows it")
def test_tail_shows_messages_as_they_pass(running_server: Serve, password: str, tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server, charger(server, password) as ws:
        with following(server, "tail", "cp001", "--kinds", "message") as hear:
            line = until_heard(hear, lambda: call(ws, [2, "h", "Heartbeat", {}]))
            assert line.split()[1:5] == ["CP001", "->", "Heartbeat", "{}"]
            call(ws, METER_VALUES)
            while "MeterValues" not in line:
                line = until_heard(hear)
            assert line.endswith(
                '-> MeterValues {"connectorId":1,"meterValue":[{"timestamp":"2026-03-01T12:00:00Z",'
                '"sampledValue":[{"value":"1"}]}]}  answer {}\n'
            )
        with following(server, "tail", "--format", "json") as hear:
            told = json.loads(until_heard(hear, lambda: call(ws, [2, "s", "SelfDestruct", {}])))
            assert (told["kind"], told["name"], told["charger"]) == ("event", "call_refused", "CP001")


@pytest.mark.slow(reason="a server process of its own")
def test_a_whole_server_counts_what_passes(running_server: Serve, password: str, tmp_path: Path) -> None:
    """Each part has its own test; this is that they are put together."""
    with running_server(tmp_path / "data") as server, charger(server, password) as ws:
        call(ws, [2, "h", "Heartbeat", {}])
        call(ws, METER_VALUES)
        headers = {"Authorization": f"Bearer {server.token}"}
        text = httpx.get(f"http://{server.web}/metrics", headers=headers, trust_env=False).text
        status = httpx.get(f"http://{server.web}/healthz", trust_env=False).status_code
    lines = text.splitlines()
    assert status == 200
    assert "solarocpp_links 1.0" in lines
    assert 'solarocpp_messages_total{action="Heartbeat",direction="in",outcome="answered"} 1.0' in lines
    assert 'solarocpp_messages_total{action="MeterValues",direction="in",outcome="answered"} 1.0' in lines
    assert "solarocpp_acknowledgement_seconds_count 1.0" in lines
    assert float(next(line for line in lines if line.startswith("solarocpp_loop_lag_seconds_count")).split()[1]) > 0


@pytest.mark.slow(reason="a server, and a command that follows it")
def test_events_are_followed_behind_those_there_are(running_server: Serve, password: str, tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        with charger(server, password):
            pass
        with following(server, "events", "--follow", "--tags", "ocpp,charger,connected", "--format", "json") as hear:
            first = json.loads(until_heard(hear))
            assert (first["name"], first["charger"]) == ("link_opened", "CP001")
            with charger(server, password):
                second = json.loads(until_heard(hear))
            assert (second["name"], second["kind"]) == ("link_opened", "link")
            assert second["created"] > first["created"]
        with following(server, "events", "--follow", "--tags", "ocpp,charger") as hear:  # without who registered it
            lines = [until_heard(hear) for _ in range(2)]
        assert [line.split()[1:4] for line in lines] == [
            ["CP001", "*", "link_opened:"],
            ["CP001", "*", "link_closed:"],
        ]


@pytest.mark.parametrize(
    ("frame", "payload"),
    [
        ('[2,"1","Heartbeat",{ }]', "{}"),
        ('[3,"1",{"a":[1, 2]}]', '{"a":[1,2]}'),
        ('[4,"1","NotSupported","no",{}]', "NotSupported no"),
        ('[2,"1","Heartbeat"', '[2,"1","Heartbeat"'),
        ("[]", "[]"),
    ],
)
def test_payloads_are_taken_out_of_frames(frame: str, payload: str) -> None:
    assert payload_of(frame) == payload


@pytest.mark.parametrize(
    ("happening", "line"),
    [
        ({"kind": "lost", "lost": 7}, "           -  7 were lost: they came too fast"),
        (
            {"kind": "lost", "lost": None},
            (
                "           -  some may be missing here, uncounted: the server started again or no longer has them; "
                "see solarocpp ledger and events"
            ),
        ),
        (
            {"kind": "datum", "charger": "CP001", "created": "2026-03-01T12:00:00Z", "nodeId": 1},
            '12:00:00Z  CP001  * datum {"created":"2026-03-01T12:00:00Z","nodeId":1}',
        ),
    ],
)
def test_what_else_happens_has_a_line(happening: dict[str, Any], line: str) -> None:
    assert line_of(happening) == line


def test_long_texts_are_cut_to_a_hundred_characters() -> None:
    assert shortened("x" * 100) == "x" * 100
    assert shortened("x" * 101) == "x" * 97 + "..."
