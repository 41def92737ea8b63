"""One charger's link over a real socket, on the lean and on the stock receive path alike."""

from __future__ import annotations

import gc
import json
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import trio
import trio.testing
import trio_websocket
from gateway_server import Server, exchange
from wsproto.frame_protocol import FrameProtocol

from solarocpp.central_system import CentralSystem
from solarocpp.config import Config
from solarocpp.errors import CallExpired, CallRefused, NotConnected
from solarocpp.gateway.calls import OutgoingCalls
from solarocpp.gateway.connection import MAX_UNANSWERED, Link
from solarocpp.gateway.streams import LinkStream
from solarocpp.ocpp.datatypes import Firmware, LogParameters
from solarocpp.ocpp.messages import (
    ChangeConfigurationRequest,
    GetConfigurationConfirmation,
    GetConfigurationRequest,
    GetDiagnosticsRequest,
    GetLogRequest,
    OcppMessage,
    SignedUpdateFirmwareRequest,
    UpdateFirmwareRequest,
)
from solarocpp.ocpp.rpc import RpcPeer
from solarocpp.registry import ChargerChange

LEFT_BEHIND = (Link, LinkStream, OutgoingCalls, RpcPeer, trio_websocket.WebSocketConnection, FrameProtocol)
BOOT = [2, "b", "BootNotification", {"chargePointVendor": "ACME", "chargePointModel": "One"}]


def meter_values(unique_id: str, minute: int, wh: int) -> list[Any]:
    reading = {"timestamp": f"2026-03-01T11:{minute:02}:00Z", "sampledValue": [{"value": str(wh)}]}
    return [2, unique_id, "MeterValues", {"connectorId": 1, "meterValue": [reading]}]


async def test_boot_and_readings_are_answered_and_stored(server: Server) -> None:
    async with server.connect() as ws:
        boot = await exchange(ws, BOOT)
        assert boot == [
            3,
            "b",
            {"status": "Accepted", "currentTime": "2026-03-01T12:00:00.000Z", "interval": 300},
        ]
        get_configuration = json.loads(await ws.get_message())
        assert get_configuration[2:] == ["GetConfiguration", {"key": ["NumberOfConnectors"]}]
        assert await exchange(ws, meter_values("m", 0, 100)) == [3, "m", {}]
    assert await server.rows("SELECT sourceId, epoch(created), wattHours FROM datum") == [
        ("/ocpp/cp/CP001/1/Outlet", 1772362800, 100.0)
    ]


async def test_the_connectors_are_asked_for_after_boot_and_recorded(server: Server) -> None:
    """Spec 13.8, its last two rows: a first boot fills in what the charger is, a second changes and asks nothing."""
    async with server.connect() as ws:
        assert (server.services.registry.charger(1).vendor, server.services.registry.charger(1).model) == ("", "")
        await exchange(ws, BOOT)
        asked = json.loads(await ws.get_message())
        answer = {"configurationKey": [{"key": "numberofconnectors", "readonly": True, "value": "2"}]}
        await ws.send_message(json.dumps([3, asked[1], answer]))
        await exchange(ws, [2, "h", "Heartbeat", {}])
        assert await server.rows("SELECT connectorId FROM connector ORDER BY 1") == [(1,), (2,)]
        charger = server.services.registry.charger(1)
        assert charger.connector_count == 2
        assert (charger.identifier, charger.vendor, charger.model) == ("CP001", "ACME", "One")
        again = await exchange(ws, BOOT)
        assert again[2]["status"] == "Accepted"
        assert (await exchange(ws, [2, "h2", "Heartbeat", {}]))[1] == "h2"  # nothing is asked a second time
        assert server.services.registry.charger(1) is charger


def stalled_disk(server: Server) -> AbstractContextManager[bool]:
    """While it is held no commit can begin, as with a disk that stalls."""
    return server.store._database._idle


async def test_pings_are_answered_and_messages_read_while_a_commit_is_slow(server: Server) -> None:
    """A disk that stalls must not look like a dead server (Q61)."""
    async with server.connect() as ws:
        with stalled_disk(server):
            for number in range(3):
                await ws.send_message(json.dumps(meter_values(f"m{number}", number, number)))
            with trio.fail_after(2):
                await ws.ping()
            assert (await exchange(ws, [2, "h", "Heartbeat", {}]))[1] == "h"  # overtakes the three: needs no disk
            assert [link.unanswered for link in server.services.roster.links()] == [3]
        with trio.fail_after(5):
            assert [json.loads(await ws.get_message())[1] for _ in range(3)] == ["m0", "m1", "m2"]


async def test_a_flush_of_backlog_is_slowed_down_and_never_refused(server: Server) -> None:
    """W13, Q24: past MAX_UNANSWERED the reader waits, TCP pushes back, and every message is answered."""
    count = 3 * MAX_UNANSWERED
    async with server.connect() as ws, trio.open_nursery() as nursery:

        async def flush() -> None:
            for number in range(count):
                await ws.send_message(json.dumps(meter_values(f"m{number}", number % 60, number)))

        with stalled_disk(server):
            nursery.start_soon(flush)
            (link,) = server.services.roster
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert link.unanswered == MAX_UNANSWERED
        with trio.fail_after(10):
            answers = [json.loads(await ws.get_message()) for _ in range(count)]
        assert answers == [[3, f"m{number}", {}] for number in range(count)]


class Defective(CentralSystem):
    """Raises for MeterValues, as a handler with a defect would."""

    def answer(self, charger: Any, request: Any, received: datetime) -> Any:
        if type(request).__name__ == "MeterValuesRequest":
            raise ZeroDivisionError("secret inside")
        return super().answer(charger, request, received)

    def learn(self, charger: Any, request: Any, confirmation: Any, received: datetime) -> Any:
        if type(request).__name__ == "GetDiagnosticsRequest":
            raise ZeroDivisionError("secret inside")
        return super().learn(charger, request, confirmation, received)


class TestDefect:
    @pytest.fixture
    def central_type(self) -> Callable[..., CentralSystem]:
        return Defective

    async def test_a_handler_that_raises_costs_its_message_only(self, server: Server) -> None:
        async with server.connect() as ws:
            code, unique_id, error, description, details = await exchange(ws, meter_values("m", 0, 1))
            assert (code, unique_id, error, details) == (4, "m", "InternalError", {})
            assert "secret" not in description
            assert (await exchange(ws, [2, "h", "Heartbeat", {}]))[:2] == [3, "h"]

    async def test_an_answer_nobody_can_take_ends_the_link_and_the_call(self, server: Server) -> None:
        """Whoever waits for it must not wait for ever: an instruction would hold up all that come after it (Q77)."""
        ended: list[NotConnected] = []

        async def call() -> None:
            with pytest.raises(NotConnected) as lost:
                await server.services.roster.call(1, GetDiagnosticsRequest("ftp://a/in"))
            ended.append(lost.value)

        async with server.connect() as ws:
            with trio.fail_after(5):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(call)
                    asked = json.loads(await ws.get_message())
                    await ws.send_message(json.dumps([3, asked[1], {}]))
        assert [lost.sent for lost in ended] == [True]


async def test_rubbish_is_answered_and_the_link_lives(server: Server) -> None:
    async with server.connect() as ws:
        assert (await exchange(ws, [2, "1", "Dance", {}]))[2] == "NotImplemented"
        assert (await exchange(ws, [2, "2", "ReserveNow", {}]))[2] == "NotSupported"
        assert (await exchange(ws, [2, "3", "Authorize", {}]))[2] == "ProtocolError"
        await ws.send_message("not json")
        assert json.loads(await ws.get_message())[:3] == [4, "-1", "FormationViolation"]
        await ws.send_message("")
        await ws.send_message(b"\x00binary")
        assert (await exchange(ws, [2, "h", "Heartbeat", None]))[:2] == [3, "h"]
    refused = await server.rows("SELECT name, count(*) FROM event WHERE name = 'call_refused' GROUP BY 1")
    assert refused == [("call_refused", 4)]


async def test_the_newest_link_wins_and_the_older_is_closed(server: Server) -> None:
    async with server.connect() as older, server.connect("cp001") as newer:
        with trio.fail_after(5), pytest.raises(trio_websocket.ConnectionClosed) as closed:
            await older.get_message()
        assert closed.value.reason is not None
        assert (closed.value.reason.code, len(server.services.roster)) == (1000, 1)
        assert (await exchange(newer, [2, "h", "Heartbeat", {}]))[1] == "h"


async def test_a_message_repeated_on_a_new_link_changes_nothing(server: Server) -> None:
    """Promise 1. A status without a time of its own would otherwise be a second datum."""
    status = [2, "s", "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}]
    async with server.connect() as ws:
        assert await exchange(ws, status) == [3, "s", {}]
    async with server.connect() as ws:
        assert await exchange(ws, status) == [3, "s", {}]
    assert await server.rows("SELECT count(*) FROM ledger") == [(1,)]


@pytest.mark.parametrize("change", [ChargerChange(enabled=False), ChargerChange(security_profile=2)])
async def test_a_charger_that_may_not_any_more_is_disconnected_at_once(server: Server, change: ChargerChange) -> None:
    """Q15: the reference system takes up to 15 minutes."""
    async with server.connect() as ws:
        await exchange(ws, [2, "h", "Heartbeat", {}])
        now = datetime.fromisoformat("2026-03-01T12:00:00Z")
        await server.services.registry.set_charger("CP001", change, now=now)
        with trio.fail_after(5), pytest.raises(trio_websocket.ConnectionClosed) as closed:
            await ws.get_message()
        assert closed.value.reason is not None
        assert closed.value.reason.code == 1008


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (b"\xc1\x82\x00\x00\x00\x00{}", 1002),  # RSV1 without compression agreed (Q19)
        (b"\x81\x02{}", 1002),  # not masked
        (b"\x81\x82\x00\x00\x00\x00\xff\xfe", 1007),  # no UTF-8
        (b"\x81\xff" + (2 << 20).to_bytes(8) + bytes(4) + bytes(2 << 20), 1009),  # too large
    ],
)
async def test_broken_frames_close_the_link_with_the_code_of_the_rfc(server: Server, frames: bytes, code: int) -> None:
    stream = await server.raw()
    await read_head(stream)

    with trio.fail_after(5):
        await stream.send_all(frames)  # all of it: else a reset overtakes what we are told
        answer = await stream.receive_some(1000)
    assert (answer[0], int.from_bytes(answer[2:4])) == (0x88, code)
    await stream.aclose()


async def test_fragments_keep_their_place_between_plain_messages(server: Server) -> None:
    """A fragmented message takes the library's way; what was sent after it must not overtake it."""
    first, last = json.dumps([2, "f", "Heartbeat", {}]), json.dumps([2, "p", "Heartbeat", {}])
    stream = await server.raw()
    await read_head(stream)

    def frame(head: int, payload: str) -> bytes:
        return bytes([head, 0x80 | len(payload)]) + bytes(4) + payload.encode()

    await stream.send_all(frame(0x01, first[:5]) + frame(0x80, first[5:]) + frame(0x81, last))
    received = b""
    with trio.fail_after(5):
        while received.count(b"currentTime") < 2:
            received += await stream.receive_some(1000)
    assert received.index(b'"f"') < received.index(b'"p"')
    await stream.aclose()


async def read_head(stream: trio.SocketStream) -> bytes:
    head = b""
    with trio.fail_after(5):
        while b"\r\n\r\n" not in head:
            head += await stream.receive_some(1)
    return head


class TestSlowReader:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return msgspec.structs.replace(config, send_deadline_s=0.1)

    async def test_a_link_that_does_not_read_is_cut(self, server: Server) -> None:
        stream = await server.raw()
        await read_head(stream)
        heartbeat = json.dumps([2, "h" * 30, "Heartbeat", {}]).encode()
        frame = bytes([0x81, 0x80 | len(heartbeat)]) + bytes(4) + heartbeat
        with trio.fail_after(20):
            try:
                while True:
                    await stream.send_all(frame * 1000)
            except trio.BrokenResourceError:
                pass
        with trio.fail_after(5):
            while len(server.services.roster):
                await trio.lowlevel.checkpoint()
        await stream.aclose()


async def test_our_calls_are_answered_one_at_a_time(server: Server) -> None:
    roster = server.services.roster
    async with server.connect() as ws, trio.open_nursery() as nursery:
        results: list[Any] = []

        async def call(key: str) -> None:
            results.append(await roster.call(1, GetConfigurationRequest(key=(key,))))

        nursery.start_soon(call, "a")
        with trio.fail_after(5):
            first = json.loads(await ws.get_message())
        nursery.start_soon(call, "b")
        assert (await exchange(ws, [2, "h", "Heartbeat", {}]))[1] == "h"  # theirs crosses ours
        await ws.send_message(json.dumps([3, first[1], {"unknownKey": first[3]["key"]}]))
        with trio.fail_after(5):
            second = json.loads(await ws.get_message())
        await ws.send_message(json.dumps([3, second[1], {}]))
        with trio.fail_after(5):
            while len(results) < 2:
                await trio.lowlevel.checkpoint()
        assert results[0] == GetConfigurationConfirmation(unknown_key=tuple(first[3]["key"]))
        nursery.cancel_scope.cancel()


async def test_a_call_nobody_waits_for_any_more_holds_up_none(server: Server) -> None:
    """Q77: the next one leaves at once, not with the next ping."""
    roster = server.services.roster
    async with server.connect() as ws, trio.open_nursery() as nursery:
        with trio.CancelScope() as given_up, trio.fail_after(5):
            async with trio.open_nursery() as waiting:
                waiting.start_soon(roster.call, 1, GetConfigurationRequest(key=("a",)))
                assert json.loads(await ws.get_message())[3] == {"key": ["a"]}
                nursery.start_soon(roster.call, 1, GetConfigurationRequest(key=("b",)))
                await trio.testing.wait_all_tasks_blocked()
                given_up.cancel()
        with trio.fail_after(5):
            assert json.loads(await ws.get_message())[3] == {"key": ["b"]}
        nursery.cancel_scope.cancel()


async def test_secrets_of_a_configuration_are_not_recorded(server: Server) -> None:
    """Promise 5: neither the key we set, nor the passwords a charger tells with the rest of its configuration."""
    roster = server.services.roster
    told = {"configurationKey": [
        {"key": "AuthorizationKey", "readonly": False, "value": "told-secret"},
        {"key": "WiFi_Password", "readonly": False, "value": "told-secret"},
        {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
    ]}  # fmt: skip
    async with server.connect() as ws, trio.open_nursery() as nursery:
        nursery.start_soon(roster.call, 1, ChangeConfigurationRequest("AuthorizationKey", "set-secret"))
        with trio.fail_after(5):
            asked = json.loads(await ws.get_message())
            assert asked[3] == {"key": "AuthorizationKey", "value": "set-secret"}
            await ws.send_message(json.dumps([3, asked[1], {"status": "Accepted"}]))
            nursery.start_soon(roster.call, 1, GetConfigurationRequest())
            asked = json.loads(await ws.get_message())
            await ws.send_message(json.dumps([3, asked[1], told]))
    rows = await server.rows("SELECT request, answer FROM ledger ORDER BY seq")
    assert len(rows) == 2
    assert "secret" not in str(rows)
    assert str(rows).count("[redacted]") == 3
    assert '"value":"300"' in rows[1][1]


MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
WITH_PASSWORDS: list[tuple[OcppMessage, dict[str, str]]] = [
    (GetDiagnosticsRequest("ftp://depot:se/cret@host/in"), {}),
    (UpdateFirmwareRequest("https://secret@host/fw.bin", MIDNIGHT), {}),
    (GetLogRequest("SecurityLog", 1, LogParameters("ftps://a:secret@b@host/in")), {"status": "Accepted"}),
    (
        SignedUpdateFirmwareRequest(2, Firmware("sftp://depot:secret@host/fw.bin", MIDNIGHT, "PEM", "abc")),
        {"status": "Accepted"},
    ),
]


@pytest.mark.parametrize(("request_", "answer"), WITH_PASSWORDS, ids=[type(row[0]).__name__ for row in WITH_PASSWORDS])
async def test_passwords_in_a_url_are_sent_and_not_recorded(
    server: Server, request_: OcppMessage, answer: dict[str, str]
) -> None:
    """Promise 5, for the places chargers upload to and fetch firmware from."""
    async with server.connect() as ws, trio.open_nursery() as nursery:
        nursery.start_soon(server.services.roster.call, 1, request_)
        with trio.fail_after(5):
            asked = json.loads(await ws.get_message())
            assert "cret" in str(asked[3])
            await ws.send_message(json.dumps([3, asked[1], answer]))
    ((ledger,),) = await server.rows("SELECT request FROM ledger")
    assert "cret" not in ledger
    assert "//*@host/" in ledger
    assert "cret" not in str(await server.rows("SELECT message, data FROM event"))


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        ('{"configurationKey":[{"key":"AuthorizationKey","value":"told-secret"}]}', '["3","7",[redacted]'),
        ('{"configurationKey":[{"value":"told-secret","key":"WiFi_Password"}]}', '["3","7",[redacted]'),
        ('{"configurationKey":[{"key":"Server","value":"wss://cp:hunter2@host/"}]}', '["3","7",[redacted]'),
        ('["AuthorizationKey","told-secret"]', "[redacted]"),
    ],
)
async def test_secrets_in_what_nobody_can_read_are_not_recorded(server: Server, payload: str, shown: str) -> None:
    """What is no message has no fields to blank: where a secret may be in it, the event shows its beginning."""
    async with server.connect() as ws:
        await ws.send_message(f'["3","7",{payload}]')
        with trio.fail_after(5):
            assert json.loads(await ws.get_message())[2] == "FormationViolation"
    assert await server.rows("SELECT data->>'frame' FROM event WHERE name = 'call_refused'") == [(shown,)]


async def test_a_one_time_url_is_not_recorded(server: Server) -> None:
    """Whoever read it in the ledger could send a file in the charger's name, until the charger has."""
    secret = secrets.token_urlsafe(32)
    async with server.connect() as ws, trio.open_nursery() as nursery:
        nursery.start_soon(server.services.roster.call, 1, GetDiagnosticsRequest(f"http://box:9001/files/{secret}"))
        with trio.fail_after(5):
            asked = json.loads(await ws.get_message())
            assert asked[3] == {"location": f"http://box:9001/files/{secret}"}
            await ws.send_message(json.dumps([3, asked[1], {}]))
    ((ledger,),) = await server.rows("SELECT request FROM ledger")
    assert json.loads(ledger)[3] == {"location": "http://box:9001/files/*"}


async def test_our_calls_end_with_a_reason(server: Server) -> None:
    roster = server.services.roster
    request = GetConfigurationRequest()
    with pytest.raises(NotConnected):
        await roster.call(1, request)
    async with server.connect() as ws:
        await exchange(ws, [2, "h", "Heartbeat", {}])
        with pytest.raises(CallExpired):
            await roster.call(1, request, 0.05)
        late = json.loads(await ws.get_message())
        await ws.send_message(json.dumps([3, late[1], {}]))  # given to nobody
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer_error, ws)
            with pytest.raises(CallRefused) as refused:
                await roster.call(1, request)
        assert (refused.value.code, refused.value.description) == ("GenericError", "no")


async def test_a_link_that_ended_leaves_nothing_behind(server: Server) -> None:
    """The collector seldom looks at what has lived for hours: 100,000 reconnects must not need it."""
    ends = (b"\x88\x82\x00\x00\x00\x00\x03\xe8", b"", b"\xc1\x82\x00\x00\x00\x00{}")  # a close, none, a fault
    gc.collect()
    gc.disable()
    try:
        for end in ends * 3:
            stream = await server.raw()
            await read_head(stream)
            await stream.send_all(end)
            if end:
                while await stream.receive_some(1000):
                    pass
            await stream.aclose()
        with trio.fail_after(5):
            while len(server.services.roster):
                await trio.lowlevel.checkpoint()
            await trio.testing.wait_all_tasks_blocked(0.05)
        left = [type(item).__name__ for item in gc.get_objects() if isinstance(item, LEFT_BEHIND)]
    finally:
        gc.enable()
    assert left == []


async def answer_error(ws: trio_websocket.WebSocketConnection) -> None:
    asked = json.loads(await ws.get_message())
    await ws.send_message(json.dumps([4, asked[1], "GenericError", "no", {}]))
