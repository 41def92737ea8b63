"""A disk that is full for a while, under the whole server: refused, alive, and well again by itself."""

from __future__ import annotations

import base64
import contextlib
import json
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trio_websocket

import solarocpp.query as q

pytestmark = pytest.mark.slow  # a server process of its own


def meter_values(unique_id: str, minute: int) -> list[Any]:
    reading = {"timestamp": f"2026-03-01T11:{minute:02}:00Z", "sampledValue": [{"value": str(minute)}]}
    return [2, unique_id, "MeterValues", {"connectorId": 1, "meterValue": [reading]}]


async def exchange(ws: trio_websocket.WebSocketConnection, *frames: list[Any]) -> list[Any]:
    for frame in frames:
        await ws.send_message(json.dumps(frame))
    with trio.fail_after(10):
        return json.loads(await ws.get_message())


async def health_of(web: str) -> tuple[int, str, str]:
    """Asks as a load balancer does: the status of the answer, of everything, and of the store."""
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"http://{web}/healthz")
    said = answer.json()
    return answer.status_code, "ok" if said["status"] == "degraded" else said["status"], said["store"]


async def test_a_full_disk_refuses_messages_and_loses_none(
    tmp_path: Path, solarocpp_cli: Callable[..., Any], running_server: Callable[..., Any]
) -> None:
    """The kernel refuses the server's writes as a full disk would (RLIMIT_FSIZE); then there is space again."""
    data = tmp_path / "data"
    solarocpp_cli(data, "charger", "add", "CP001")
    solarocpp_cli(data, "credential", "add", "depot", "--password-stdin", stdin="correct horse battery")
    basic = b"Basic " + base64.b64encode(b"depot:correct horse battery")
    with running_server(data) as server:
        _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        async with trio_websocket.open_websocket_url(
            f"{server.url()}/CP001", subprotocols=["ocpp1.6"], extra_headers=[(b"Authorization", basic)]
        ) as ws:
            assert await exchange(ws, meter_values("1", 1)) == [3, "1", {}]
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1, hard))
            refused = await exchange(ws, meter_values("2", 2))
            assert refused[:3] == [4, "2", "InternalError"]
            assert "solarocpp.duckdb" not in json.dumps(refused)  # nothing of our insides
            assert await health_of(server.web) == (503, "failing", "failing")
            assert (await exchange(ws, [2, "h", "Heartbeat", {}]))[:2] == [3, "h"]
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
            with trio.fail_after(10):
                while (await exchange(ws, meter_values("2", 2)))[0] != 3:  # as a charge point does
                    pass
            assert await exchange(ws, meter_values("3", 3)) == [3, "3", {}]
            with trio.fail_after(30):
                while await health_of(server.web) != (200, "ok", "ok"):  # one look serves a second
                    pass
    with q.open(data) as con:
        rows = con.sql("SELECT epoch_us(created) // 60000000 % 60, wattHours FROM datum ORDER BY 1").fetchall()
        ledger = con.sql("SELECT count(*) FROM ledger").fetchall()
    assert rows == [(1, 1.0), (2, 2.0), (3, 3.0)]
    assert ledger == [(3,)]


async def test_a_graceful_stop_answers_what_was_received_and_says_it_comes_back(
    tmp_path: Path, solarocpp_cli: Callable[..., Any], running_server: Callable[..., Any]
) -> None:
    """Close code 1012: service restart, dial again soon (Q23)."""
    data = tmp_path / "data"
    solarocpp_cli(data, "charger", "add", "CP001")
    solarocpp_cli(data, "credential", "add", "depot", "--password-stdin", stdin="correct horse battery")
    basic = b"Basic " + base64.b64encode(b"depot:correct horse battery")
    with running_server(data) as server:
        async with trio_websocket.open_websocket_url(
            f"{server.url()}/CP001", subprotocols=["ocpp1.6"], extra_headers=[(b"Authorization", basic)]
        ) as ws:
            for minute in range(20):
                await ws.send_message(json.dumps(meter_values(str(minute), minute)))
            assert json.loads(await ws.get_message()) == [3, "0", {}]
            assert await trio.to_thread.run_sync(server.stop) == 0
            answered = 1
            with contextlib.suppress(trio_websocket.ConnectionClosed):
                while await ws.get_message():
                    answered += 1
            assert ws.closed is not None
            assert ws.closed.code == 1012
            await ws._stream.aclose()
    with q.open(data) as con:
        assert con.sql("SELECT count(*) FROM datum").fetchall() == [(answered,)]
    assert not (data / "solarocpp.duckdb.wal").exists()
    assert not (data / "server.json").exists()


async def test_nothing_is_sent_that_cannot_be_written_down(
    tmp_path: Path, solarocpp_cli: Callable[..., Any], running_server: Callable[..., Any]
) -> None:
    """With a full disk no order is taken in or taken back, and what waits is sent when there is space again."""
    data = tmp_path / "data"
    solarocpp_cli(data, "charger", "add", "CP001")
    solarocpp_cli(data, "credential", "add", "depot", "--password-stdin", stdin="correct horse battery")
    basic = b"Basic " + base64.b64encode(b"depot:correct horse battery")
    reset = {"charger": "CP001", "action": "Reset", "payload": {"type": "Soft"}}
    with running_server(data) as server:
        _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        headers = {"Authorization": f"Bearer {server.token}"}
        async with httpx.AsyncClient(base_url=f"http://{server.web}/api", headers=headers, trust_env=False) as http:
            assert (await http.post("/instructions", json=reset)).status_code == 201
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1, hard))
            assert (await http.post("/instructions", json=reset)).status_code == 507
            assert (await http.delete("/instructions/1")).status_code == 507
            async with trio_websocket.open_websocket_url(
                f"{server.url()}/CP001", subprotocols=["ocpp1.6"], extra_headers=[(b"Authorization", basic)]
            ) as ws:
                boot = {"chargePointVendor": "ACME", "chargePointModel": "One"}
                assert (await exchange(ws, [2, "b", "BootNotification", boot]))[1] == "b"
                asked = json.loads(await ws.get_message())
                assert asked[2] == "GetConfiguration"  # how many connectors: nobody's order
                assert (await exchange(ws, [3, asked[1], {}], [2, "h", "Heartbeat", {}]))[:2] == [3, "h"]
                resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
                with trio.fail_after(10):
                    told = json.loads(await ws.get_message())
                assert told[2:] == ["Reset", {"type": "Soft"}]
                await ws.send_message(json.dumps([3, told[1], {"status": "Accepted"}]))
                ended = (await http.get("/instructions/1", params={"wait": 10})).json()
                assert (ended["state"], ended["result"]) == ("completed", {"status": "Accepted"})
                assert len((await http.get("/instructions")).json()) == 1
