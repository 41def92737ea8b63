"""What happens to connections before anybody asks who it is, over real sockets."""

from __future__ import annotations

import msgspec
import pytest
import trio
import trio.testing
from gateway_server import HELLO, Server, handshake

from solarocpp.config import Config
from solarocpp.gateway.proxies import V2_START


@pytest.fixture
def receive_path() -> str:
    return "lean"  # no frame is received in these tests


@pytest.mark.parametrize(
    ("raw", "kind", "said"),
    [
        (HELLO, "tls_on_plain", "A TLS handshake on a plain port. It offered TLS 1.2 with 1 cipher suite."),  # Q05
        (b"\x16", "tls_on_plain", "A TLS handshake on a plain port."),
        (b"\x00\x01\x02", "no_http", "What arrived is no HTTP."),  # Q04
        (b"PROXY TCP4 6.6.6.6 1.1.1.1 1 2\r\n", "proxy_unlisted", None),
        (V2_START + b"\x21\x11\x00\x00", "proxy_unlisted", None),
    ],
)
async def test_bytes_that_are_no_request_are_dropped_and_recorded(
    server: Server, raw: bytes, kind: str, said: str | None
) -> None:
    assert await server.answer(raw) == b""
    [(name, identifier, account, found, error)] = await server.events("kind", "error")
    assert (name, identifier, account, found) == ("bytes_refused", None, None, kind)
    assert said is None or error == said


async def test_first_bytes_are_kept_but_not_enough_for_a_password(server: Server) -> None:
    await server.answer(b"\x00GET /ocpp/j/v16u/depot/secret/CP001 HTTP/1.1\r\n\r\n")
    [(*_, first)] = await server.events("firstBytes")
    assert bytes.fromhex(first) == b"\x00GET /ocpp/j/v16"


@pytest.mark.parametrize(
    ("raw", "status_line", "kind"),
    [
        (b"HELLO\r\n\r\n", b"HTTP/1.1 400 Bad Request", "not_http"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n", b"HTTP/1.1 431 Request", "head_too_long"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 426 Upgrade Required", "no_upgrade"),
        (b"GET /ocpp/j/v16/CP001 HTTP/1.1\n\n", b"HTTP/1.1 426 Upgrade Required", "no_upgrade"),
        (handshake(Connection="", Authorization=""), b"HTTP/1.1 401 Unauthorized", "no_credentials"),
    ],
)
async def test_what_speaks_http_is_answered(server: Server, raw: bytes, status_line: bytes, kind: str) -> None:
    assert (await server.answer(raw)).startswith(status_line)
    assert [(row[0], row[3]) for row in await server.events("kind")] == [("handshake_refused", kind)]


async def test_a_bare_port_probe_leaves_no_trace(server: Server) -> None:
    async with await server.dial():
        pass
    assert await server.answer(handshake("/x")) != b""  # later than the probe
    assert [row[3] for row in await server.events("kind")] == ["bad_path"]
    assert server.gateway.refusals == {"probe": 1, "bad_path": 1}


async def test_a_port_scan_adds_a_handful_of_rows(server: Server) -> None:
    for number in range(40):
        await server.answer(b"\x00" if number % 2 else HELLO)
    assert len(await server.events()) == 5
    assert server.gateway.refusals.total() == 40


async def test_what_comes_behind_the_head_is_not_lost(server: Server) -> None:
    """Some chargers do not wait for our answer to the handshake."""
    frame = b"\x81\x96" + bytes(4) + b'[2,"h","Heartbeat",{}]'
    stream = await server.dial()
    await stream.send_all(handshake() + frame)
    received = b""
    with trio.fail_after(5):
        while b'[3,"h",{"currentTime"' not in received:
            received += await stream.receive_some(4096)
    await stream.aclose()


async def test_a_head_may_come_byte_by_byte(server: Server) -> None:
    stream = await server.dial()
    for byte in handshake("/ocpp/j/v16u/depot/correct%20horse%20battery/CP001", ""):
        await stream.send_all(bytes([byte]))
    with trio.fail_after(5):
        assert (await stream.receive_some(4096)).startswith(b"HTTP/1.1 101 ")
    await stream.aclose()


class TestPatience:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return msgspec.structs.replace(config, handshake_deadline_s=0.05)

    @pytest.mark.parametrize(
        ("raw", "kinds"),
        [(b"GET / HTTP/1.1\r\n", ["head_incomplete"]), (b"G", ["head_incomplete"]), (b"", [])],
    )
    async def test_half_a_head_is_not_waited_for(self, server: Server, raw: bytes, kinds: list[str]) -> None:
        stream = await server.dial()
        if raw:
            await stream.send_all(raw)
        with trio.fail_after(5):
            assert await stream.receive_some(4096) == b""
        await stream.aclose()
        assert [row[3] for row in await server.events("kind")] == kinds


async def test_who_leaves_within_the_head_is_noted(server: Server) -> None:
    assert await server.answer(b"GET /ocpp/j/v16u/depot/secret", ends=True) == b""
    [row] = await server.events("kind", "bytes", "firstBytes")
    assert row == ("bytes_refused", None, None, "head_cut_off", 29, None)
