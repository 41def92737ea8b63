"""A thousand instructions for fifty chargers, some of them bad, and a server that is killed three times on the way.

Every charger notes each order it hears, by a word that only this order has. In the end every order that was taken in
must have ended, what was completed must have been heard, and what must not happen twice must have been heard once.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from servers import USERNAME, Server, prepare, serve
from test_kill import Outage
from trio_websocket import ConnectionClosed, HandshakeError, WebSocketConnection, wrap_client_stream

from solarocpp import query
from solarocpp.central_system.instructions import FINAL, SAFE_TO_REPEAT, Instruction
from solarocpp.store import open_store
from solarocpp.store.instructions import insert_instructions, next_instruction_id
from solarocpp.store.registry import Connection

CHARGERS = 50
ORDERS = 1000
QUEUED_BEFORE = 800
"""In the store before the first start; the others are ordered while the server is killed."""
DEADLINE_S = 1.0
KILL_AFTER = (150, 400, 650)
"""Orders heard by chargers, in all."""

SILENT = ("CP0000", "CP0001")
LATE = "CP0002"
REBOOTS = "CP0003"
"""Drops its link in the middle of every fifth of its orders, and boots again."""


def order(number: int) -> tuple[str, str, dict[str, str]]:
    """Gives the charger, action and payload of an order: one half of what may be repeated, one of what may not."""
    charger, word = f"CP{number % CHARGERS:04}", f"order-{number}"
    # Not by parity: each charger must have both.
    if number // CHARGERS % 2:
        return charger, "ChangeConfiguration", {"key": word, "value": "1"}
    return charger, "DataTransfer", {"vendorId": "crash", "data": word}


def word_of(payload: dict[str, str]) -> str:
    return payload.get("data") or payload["key"]


def is_every_fifth(word: str) -> bool:
    """Whether it is the fifth, tenth, ... order of its charger: by turns what may not be repeated, and what may."""
    return int(word.removeprefix("order-")) // CHARGERS % 5 == 4


class Charger:
    """A charge point that answers in its way, and notes what it is told."""

    def __init__(self, identifier: str, password: str, hear: Callable[[str, str], None]) -> None:
        self.identifier = identifier
        self._headers = [(b"Authorization", b"Basic " + base64.b64encode(f"{USERNAME}:{password}".encode()))]
        self._hear = hear
        self._words: set[str] = set()

    async def run(self, outage: Outage) -> None:
        """Dials for as long as it lives."""
        while True:
            host, _, port = (await outage.wait_over()).rpartition(":")
            with contextlib.suppress(OSError):
                await self._dial(host, int(port))
            await trio.sleep(0.02)

    async def _dial(self, host: str, port: int) -> None:
        path, ocpp = f"/ocpp/j/v16/{self.identifier}", ["ocpp1.6"]
        try:
            async with await trio.open_tcp_stream(host, port) as stream, trio.open_nursery() as nursery:
                link = await wrap_client_stream(
                    nursery, stream, host, path, subprotocols=ocpp, extra_headers=self._headers
                )
                boot = {"chargePointVendor": "Crash", "chargePointModel": "Test"}
                await link.send_message(json.dumps([2, "boot", "BootNotification", boot]))
                await self._listen(link)
                nursery.cancel_scope.cancel()
        except* (ConnectionClosed, HandshakeError):
            pass

    async def _listen(self, link: WebSocketConnection) -> None:
        while True:
            kind, unique_id, *rest = json.loads(await link.get_message())
            if kind != 2:
                continue
            action, payload = rest
            if action == "GetConfiguration":  # nobody's order
                await link.send_message(json.dumps([3, unique_id, {}]))
                continue
            word = word_of(payload)
            first_time = word not in self._words
            self._words.add(word)
            self._hear(self.identifier, word)
            if self.identifier in SILENT:
                continue
            if self.identifier == REBOOTS and first_time and is_every_fifth(word):
                return
            if self.identifier == LATE:
                await trio.sleep(1.3 * DEADLINE_S)
            await link.send_message(json.dumps([3, unique_id, {"status": "Accepted"}]))


class Rehearsal:
    """Starts the server, lets it tell chargers, kills it."""

    def __init__(self, directory: Path, password: str) -> None:
        self.directory = directory
        self.outage = Outage()
        self.heard: list[tuple[str, str]] = []
        self.chargers = [Charger(f"CP{number:04}", password, self._hear) for number in range(CHARGERS)]
        self.taken_in: list[int] = []
        """Orders the API has confirmed."""
        self._orders = iter(range(QUEUED_BEFORE, ORDERS + len(KILL_AFTER)))  # one a kill may be lost
        self._wanted, self._reached = 0, trio.Event()

    def _hear(self, charger: str, word: str) -> None:
        self.heard.append((charger, word))
        if len(self.heard) == self._wanted:
            self._reached.set()

    @contextlib.asynccontextmanager
    async def server(self) -> AsyncIterator[tuple[Server, httpx.AsyncClient]]:
        server = serve(self.directory, "--call-deadline-s", str(DEADLINE_S))
        try:
            with trio.fail_after(60):
                while (addresses := server.addresses()) is None:
                    assert server.process.poll() is None, server.log()
                    await trio.sleep(0.01)
            self.outage.end(addresses["ocpp"])
            headers = {"Authorization": f"Bearer {(self.directory / 'admin.token').read_text().strip()}"}
            base = f"http://{addresses['web']}/api"
            async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False, timeout=30) as http:
                yield server, http
        finally:
            self.outage.begin()
            server.kill()

    async def order(self, http: httpx.AsyncClient) -> None:
        """Orders one after another, until the server is killed; the one that is not confirmed may be in or not."""
        for number in self._orders:
            charger, action, payload = order(number)
            body = {"charger": charger, "action": action, "payload": payload}
            try:
                answer = await http.post("/instructions", json=body)
            except httpx.TransportError:
                return
            assert answer.status_code == 201, answer.text
            self.taken_in.append(number)

    async def kill_once(self, after: int) -> None:
        self._wanted, self._reached = after, trio.Event()
        async with self.server() as (_, http), trio.open_nursery() as nursery:
            nursery.start_soon(self.order, http)
            with trio.fail_after(120):
                await self._reached.wait()
            nursery.cancel_scope.cancel()

    async def finish(self) -> None:
        """Orders the rest, and waits until nothing is unfinished."""
        async with self.server() as (server, http):
            await self.order(http)
            with trio.fail_after(120):
                for state in ("accepted", "waiting", "executing"):
                    while unfinished := (await http.get("/instructions", params={"state": state})).json():
                        await http.get(f"/instructions/{unfinished[-1]['instructionId']}", params={"wait": 30})
            await trio.to_thread.run_sync(server.stop)

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            for charger in self.chargers:
                nursery.start_soon(charger.run, self.outage)
            for after in KILL_AFTER:
                await self.kill_once(after)
            await self.finish()
            nursery.cancel_scope.cancel()


def queue_before(directory: Path) -> None:
    """Puts orders into the store, as a server that was stopped has left them."""
    now = datetime.now(UTC)  # noqa: TID251 (the operator's part)
    store = open_store(directory, now=now)

    def queue(con: Connection) -> None:
        chargers = dict(con.execute('SELECT identifier, "chargerId" FROM charger').fetchall())
        rows = []
        for number in range(QUEUED_BEFORE):
            charger, action, payload = order(number)
            rows.append(
                Instruction(
                    instruction_id=next_instruction_id(con),
                    account_id=1,
                    node_id=1,
                    charger_id=chargers[charger],
                    identifier=charger,
                    action=action,
                    payload=json.dumps(payload),
                    state="accepted",
                    created=now,
                    expires=now + timedelta(days=1),
                    status_date=now,
                    requested_by="a test",
                )
            )
        insert_instructions(con, rows)

    store.write_now(queue)
    store.close()


@pytest.mark.slow(reason="starts a server four times")
async def test_every_instruction_ends_and_none_is_sent_twice_unless_that_is_safe(tmp_path: Path) -> None:
    data = tmp_path / "data"
    password = await prepare(data, CHARGERS)
    queue_before(data)
    rehearsal = Rehearsal(data, password)

    await rehearsal.run()

    with contextlib.closing(query.open(data)) as con:
        found = con.execute(
            "SELECT identifier, action, payload::VARCHAR, state, error FROM instruction ORDER BY instructionId"
        ).fetchall()
    rows = [
        (charger, action, word_of(json.loads(payload)), state, error)
        for charger, action, payload, state, error in found
    ]
    stories = Counter((state, error) for *_, state, error in rows)
    print(len(rows), "instructions,", len(rehearsal.heard), "heard,", stories)
    words = {word for _, _, word, _, _ in rows}
    assert len(words) == len(rows) >= ORDERS
    assert {f"order-{number}" for number in rehearsal.taken_in} <= words
    assert {state for *_, state, _ in rows} <= FINAL
    times = Counter(word for _, word in rehearsal.heard)
    unsafe = {word for _, action, word, _, _ in rows if action not in SAFE_TO_REPEAT}
    assert [word for word in unsafe if times[word] > 1] == []
    assert [word for _, _, word, state, _ in rows if state == "completed" and not times[word]] == []
    check_order(rehearsal.heard)
    check_kinds(rows)


def check_order(heard: list[tuple[str, str]]) -> None:
    """Each charger heard its orders in the order they were given."""
    for charger in {charger for charger, _ in heard}:
        first_times = list(dict.fromkeys(int(word.removeprefix("order-")) for who, word in heard if who == charger))
        assert first_times == sorted(first_times)


def check_kinds(rows: list[tuple[Any, ...]]) -> None:
    """Who never answers or too late has nothing completed; of the others nearly all is."""
    done = Counter(charger for charger, _, _, state, _ in rows if state == "completed")
    assert {charger for charger in (*SILENT, LATE) if done[charger]} == set()
    # What it was told when it booted, and must not be told again, is not completed: its fifth order, and its fifteenth.
    assert 1 <= done[REBOOTS] <= 18
    good = [count for charger, count in done.items() if charger != REBOOTS]
    assert len(good) == CHARGERS - 4
    # At each kill a charger may lose the one order that was on its way.
    assert sum(good) >= (CHARGERS - 4) * (ORDERS // CHARGERS - len(KILL_AFTER)) - len(KILL_AFTER)
