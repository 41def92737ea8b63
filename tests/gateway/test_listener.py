"""What happens to everything that is not a good handshake, over a real socket."""

from __future__ import annotations

import ssl

import msgspec
import pytest
import trio
import trio_websocket
import trustme
from gateway_server import BASIC, Server, exchange

from solarocpp.config import Config
from solarocpp.errors import ConfigError
from solarocpp.gateway.listener import RECORDED_A_MINUTE, tls_context


@pytest.fixture
def receive_path() -> str:
    return "lean"  # no frame is received in these tests


async def answer_to(server: Server, head: str) -> bytes:
    """Sends a request head; returns all that comes until the server closes."""
    stream = await server.raw(head=head)
    received = b""
    with trio.fail_after(5):
        while data := await stream.receive_some(4096):
            received += data
    await stream.aclose()
    return received


HEAD = (
    "GET {target} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: {subprotocol}\r\nAuthorization: {authorization}\r\n\r\n"
)


def head(target: str = "/ocpp/j/v16/CP001", subprotocol: str = "ocpp1.6", authorization: str = BASIC) -> str:
    return HEAD.format(target=target, subprotocol=subprotocol, authorization=authorization)


@pytest.mark.parametrize(
    ("request_head", "status_line", "body"),
    [
        (head("/nowhere"), b"HTTP/1.1 404 Not Found", b"Nothing is at /nowhere."),
        (head(subprotocol="ocpp2.0.1"), b"HTTP/1.1 400 Bad Request", b"only ocpp1.6 is spoken here"),
        (head(authorization="Basic ZGVwb3Q6d3Jvbmc="), b"HTTP/1.1 401 Unauthorized", b"password is wrong"),
        (head(authorization="Basic bm9ib2R5OndobyBpcyBpdA=="), b"HTTP/1.1 401 Unauthorized", b"password is wrong"),
        (head("/ocpp/j/v16/CP999"), b"HTTP/1.1 404 Not Found", b"solarocpp charger add CP999"),
        ("GET / HTTP/1.1\r\nX: " + "x" * 9000 + "\r\n\r\n", b"HTTP/1.1 400 Bad Request", b"longer than 8192 bytes"),
    ],
)
async def test_a_refusal_is_answered_with_status_and_reason(
    server: Server, request_head: str, status_line: bytes, body: bytes
) -> None:
    answer = await answer_to(server, request_head)
    assert answer.startswith(status_line)
    assert body in answer


async def test_a_refusal_can_be_looked_up_and_holds_no_secret(server: Server) -> None:
    await answer_to(server, head(authorization="Basic ZGVwb3Q6d3Jvbmc="))
    rows = await server.rows("SELECT name, identifier, message, data::VARCHAR FROM event WHERE name LIKE 'handshake%'")
    assert [row[:3] for row in rows] == [
        ("handshake_refused", "CP001", "The user name or the password is wrong."),
    ]
    assert 'wrong"' not in rows[0][3]
    assert "ZGVwb3Q6d3Jvbmc" not in rows[0][3]


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "a TLS handshake on a plain port"),  # Q05
        ("\x00\x01\x02", "no HTTP"),  # Q04
    ],
)
async def test_bytes_that_are_no_http_are_dropped_and_recorded(server: Server, raw: str, what: str) -> None:
    assert await answer_to(server, raw) == b""
    rows = await server.rows("SELECT message FROM event WHERE name = 'bytes_refused'")
    assert len(rows) == 1
    assert rows[0][0].startswith(what)


async def test_a_bare_port_probe_leaves_no_trace(server: Server) -> None:
    stream = await server.raw(head="")
    await stream.aclose()
    assert await server.rows("SELECT count(*) FROM event") == [(0,)]


async def test_a_flood_of_refusals_is_answered_but_not_recorded_without_end(server: Server) -> None:
    for _ in range(RECORDED_A_MINUTE + 5):
        assert (await answer_to(server, head("/x"))).startswith(b"HTTP/1.1 404")
    assert await server.rows("SELECT count(*) FROM event") == [(RECORDED_A_MINUTE,)]
    assert server.gateway.refusals[404] == RECORDED_A_MINUTE + 5


class TestPatience:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return msgspec.structs.replace(config, handshake_deadline_s=0.05)

    async def test_half_a_head_is_not_waited_for(self, server: Server) -> None:
        assert await answer_to(server, "GET / HTTP/1.1\r\n") == b""


class TestFull:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return msgspec.structs.replace(config, max_links=1)

    async def test_a_full_server_says_so(self, server: Server) -> None:
        async with server.connect("CP002") as ws:
            assert (await exchange(ws, [2, "h", "Heartbeat", {}]))[1] == "h"
            assert (await answer_to(server, head())).startswith(b"HTTP/1.1 503 ")


class TestTls:
    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def config(self, config: Config, authority: trustme.CA) -> Config:
        directory = config.data_dir / "tls-test"
        directory.mkdir()
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        certificate.private_key_pem.write_to_path(directory / "key.pem")
        certificate.cert_chain_pems[0].write_to_path(directory / "cert.pem")
        return msgspec.structs.replace(config, tls_cert=directory / "cert.pem", tls_key=directory / "key.pem")

    async def test_a_session_over_tls(self, server: Server, authority: trustme.CA) -> None:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        async with trio_websocket.open_websocket_url(
            f"wss://{server.address}/ocpp/j/v16/CP001",
            ssl_context=context,
            subprotocols=["ocpp1.6"],
            extra_headers=[(b"Authorization", BASIC.encode())],
        ) as ws:
            assert ws.subprotocol == "ocpp1.6"
            assert (await exchange(ws, [2, "h", "Heartbeat", {}]))[1] == "h"

    async def test_plain_http_on_a_tls_port_is_recorded_with_the_reason(self, server: Server) -> None:
        await answer_to(server, head())
        rows = await server.rows("SELECT name, message FROM event")
        assert [row[0] for row in rows] == ["tls_refused"]
        assert "HTTP_REQUEST" in rows[0][1].upper().replace(" ", "_")

    def test_files_that_do_not_belong_together_are_refused(self, config: Config) -> None:
        assert config.tls_cert is not None
        swapped = msgspec.structs.replace(config, tls_key=config.tls_cert)
        with pytest.raises(ConfigError, match="tls_cert"):
            tls_context(swapped)
