"""What happens to connections before anybody asks who it is, over real sockets."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable

import msgspec
import pytest
import trio
import trio.testing
import trio_websocket
import trustme
from gateway_server import BASIC, Server, exchange, handshake

from solarocpp.config import Config
from solarocpp.gateway import opening, pace
from solarocpp.gateway.proxies import V2_START


@pytest.fixture
def receive_path() -> str:
    return "lean"  # no frame is received in these tests


HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(32) + bytes.fromhex("0000021301010000")


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


# -- TLS -------------------------------------------------------------------------------------------------


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


Trusting = Callable[..., ssl.SSLContext]


@pytest.fixture
def trusting(authority: trustme.CA) -> Trusting:
    """Makes a charger's context: it trusts us, and shows a certificate with these names if any."""

    def make(*names: str, issuer: trustme.CA = authority) -> ssl.SSLContext:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        if names:
            issuer.issue_cert(*names[1:], common_name=names[0]).configure_cert(context)
        return context

    return make


@pytest.fixture
def tls_config(config: Config, authority: trustme.CA) -> Config:
    directory = config.data_dir / "tls-test"
    directory.mkdir()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_pem.write_to_path(directory / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(directory / "cert.pem")
    authority.cert_pem.write_to_path(directory / "ca.pem")
    return msgspec.structs.replace(config, tls_cert=directory / "cert.pem", tls_key=directory / "key.pem")


async def fail_tls(server: Server, context: ssl.SSLContext) -> None:
    """Tries a TLS handshake that must fail, and waits until the server has hung up."""
    stream = await server.dial(context)
    assert isinstance(stream, trio.SSLStream)
    with trio.fail_after(5), contextlib.suppress(trio.BrokenResourceError):
        await stream.send_all(handshake())
        await stream.receive_some(4096)  # with TLS 1.3 a client hears only now what the server did not like
        pytest.fail("the TLS handshake was good")
    with trio.fail_after(5), contextlib.suppress(trio.BrokenResourceError):
        await stream.transport_stream.send_eof()
        while await stream.transport_stream.receive_some(4096):
            pass
    await stream.transport_stream.aclose()


class TestTls:
    @pytest.fixture
    def server_config(self, tls_config: Config) -> Config:
        return tls_config

    async def test_a_session_over_tls(self, server: Server, trusting: Trusting) -> None:
        async with trio_websocket.open_websocket_url(
            f"wss://{server.address}/ocpp/j/v16/CP001",
            ssl_context=trusting(),
            subprotocols=["ocpp1.6"],
            extra_headers=[(b"Authorization", BASIC.encode())],
        ) as ws:
            assert ws.subprotocol == "ocpp1.6"
            assert (await exchange(ws, [2, "h", "Heartbeat", {}]))[1] == "h"
            [info] = server.services.roster.links()
            assert (info.tls, info.security_profile) == ("TLSv1.3", 2)

    async def test_a_refusal_over_tls_tells_the_version(self, server: Server, trusting: Trusting) -> None:
        assert (await server.answer(handshake("/x"), trusting())).startswith(b"HTTP/1.1 404 ")
        assert [row[3:] for row in await server.events("kind", "tls")] == [("bad_path", "TLSv1.3")]

    async def test_plain_http_on_the_tls_port_is_answered_in_the_clear(self, server: Server) -> None:
        answer = await server.answer(handshake("/ocpp/j/v16u/depot/secret/CP001"))
        assert answer.startswith(b"HTTP/1.1 400 Bad Request")
        assert b"Use wss:// instead of ws:// in the charger's URL." in answer
        assert await server.events("kind", "path") == [
            ("handshake_refused", "CP001", 1, "plain_on_tls", "/ocpp/j/v16u/depot/[redacted]/CP001")
        ]

    @pytest.mark.parametrize("raw", [b"\x00\x01\x02", b"\r\n"])
    async def test_rubbish_on_the_tls_port_has_a_reason_of_its_own(self, server: Server, raw: bytes) -> None:
        assert await server.answer(raw, ends=True) == b""
        [(*_, kind)] = await server.events("kind")
        assert kind in {"no_http", "head_cut_off"}

    async def test_a_charger_that_does_not_trust_us_is_recorded_with_what_it_offered(self, server: Server) -> None:
        """Q26: nothing logged; Q25: what was offered."""
        await fail_tls(server, ssl.create_default_context())
        rows = await server.events("kind", "error", "hint")
        [(name, _, _, kind, error, hint)] = rows
        assert (name, kind) == ("tls_refused", "tls_failed")
        assert error.startswith("The charger hung up within the TLS handshake, without a word why. It offered TLS 1.3")
        assert "ca.pem" in hint

    async def test_an_old_charger_is_told_by_its_tls_version(self, server: Server) -> None:
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1
        await fail_tls(server, old)
        rows = await server.events("error")
        assert rows[0][3].startswith("The charger does not speak TLS 1.2 or newer. It offered TLS 1.0 with")


class TestUnheld:
    """Two TLS handshakes at a time, each for a minute: whoever had to wait for one of them would miss the deadline."""

    @pytest.fixture
    def server_config(self, tls_config: Config, monkeypatch: pytest.MonkeyPatch) -> Config:
        monkeypatch.setattr(pace, "YOUNG_S", 60.0)
        return msgspec.structs.replace(tls_config, openings_at_once=2, handshake_deadline_s=60.0)

    async def test_who_says_nothing_holds_nobody_up(self, server: Server, trusting: Trusting) -> None:
        async with contextlib.AsyncExitStack() as silent:
            for _ in range(40):
                await silent.enter_async_context(await server.dial())
            assert (await server.answer(handshake(), trusting())).startswith(b"HTTP/1.1 101 ")

    async def test_what_comes_in_the_clear_needs_no_turn(self, server: Server) -> None:
        async with contextlib.AsyncExitStack() as stuck:
            for _ in range(6):
                stream = await stuck.enter_async_context(await server.dial())
                await stream.send_all(HELLO[:20])
            assert (await server.answer(handshake())).startswith(b"HTTP/1.1 400 ")


class TestCrowd:
    """Who holds whom up; two TLS handshakes at a time."""

    @pytest.fixture
    def server_config(self, tls_config: Config) -> Config:
        return msgspec.structs.replace(tls_config, openings_at_once=2, handshake_deadline_s=0.4)

    async def test_who_waits_for_a_turn_has_all_the_time_afterwards(self, server: Server, trusting: Trusting) -> None:
        """Six that stop within theirs are ahead: three times 0.4 s, and none of it the newcomer's fault."""
        async with contextlib.AsyncExitStack() as stuck:
            for _ in range(6):
                stream = await stuck.enter_async_context(await server.dial())
                await stream.send_all(HELLO[:20])
            started = trio.current_time()
            assert (await server.answer(handshake(), trusting())).startswith(b"HTTP/1.1 101 ")
            assert trio.current_time() - started > 0.7  # it did wait
        assert {row[3] for row in await server.events("kind")} == {"head_incomplete"}


def silent_ones(server: Server) -> list[trio.CancelScope]:
    return [scope for line in server.gateway._listener._pace._silent.values() for scope in line]


async def test_of_the_silent_ones_of_an_address_the_longest_goes(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "MOST_SILENT", 3)
    monkeypatch.setattr(opening, "SILENT_S", 0.01)
    streams: list[trio.abc.Stream] = []
    async with contextlib.AsyncExitStack() as silent:
        for expected in (1, 2, 3, 3, 3):
            known = set(silent_ones(server))
            streams.append(await silent.enter_async_context(await server.dial()))
            with trio.fail_after(5):
                while not set(silent_ones(server)) - known:
                    await trio.lowlevel.checkpoint()
            assert len(silent_ones(server)) == expected
        with trio.fail_after(5):
            for stream in streams[:2]:
                assert await stream.receive_some(1) == b""
            assert server.gateway.refusals == {"probe": 2}
            for stream in streams[2:]:
                await stream.send_all(handshake())
                assert (await stream.receive_some(4096)).startswith(b"HTTP/1.1 101 ")
    assert not silent_ones(server)


class TestClientCertificates:
    @pytest.fixture(params=["certificate"])
    def server_config(self, tls_config: Config, request: pytest.FixtureRequest) -> Config:
        client_ca = tls_config.data_dir / "tls-test" / "ca.pem"
        return msgspec.structs.replace(tls_config, client_ca=client_ca, client_auth=request.param)

    async def test_a_certificate_that_names_the_charger_is_enough(self, server: Server, trusting: Trusting) -> None:
        assert (await server.answer(handshake(Authorization=""), trusting("cp001"))).startswith(b"HTTP/1.1 101 ")

    @pytest.mark.parametrize(
        ("names", "kind", "certificate"),
        [((), "no_certificate", None), (("CP002", "cp.example"), "wrong_certificate", "CP002, cp.example")],
    )
    async def test_without_it_a_password_is_not_enough(
        self, server: Server, trusting: Trusting, names: tuple[str, ...], kind: str, certificate: str | None
    ) -> None:
        assert (await server.answer(handshake(), trusting(*names))).startswith(b"HTTP/1.1 403 ")
        assert [row[3:] for row in await server.events("kind", "certificate")] == [(kind, certificate)]

    async def test_a_certificate_of_another_authority_is_refused_with_the_reason(
        self, server: Server, trusting: Trusting
    ) -> None:
        await fail_tls(server, trusting("CP001", issuer=trustme.CA()))
        rows = await server.events("kind", "error")
        reason = "The charger's certificate is refused: the authority that signed it is not in client_ca."
        assert rows == [("tls_refused", None, None, "tls_failed", reason)]

    @pytest.mark.parametrize("server_config", ["both"], indirect=True)
    async def test_a_server_may_want_both(self, server: Server, trusting: Trusting) -> None:
        context = trusting("CP001")
        assert (await server.answer(handshake(Authorization=""), context)).startswith(b"HTTP/1.1 401 ")
        assert (await server.answer(handshake(), trusting())).startswith(b"HTTP/1.1 403 ")
        assert (await server.answer(handshake(), context)).startswith(b"HTTP/1.1 101 ")

    @pytest.mark.parametrize("server_config", ["either"], indirect=True)
    async def test_a_server_may_be_moving_over(self, server: Server, trusting: Trusting) -> None:
        assert (await server.answer(handshake(), trusting())).startswith(b"HTTP/1.1 101 ")
        assert (await server.answer(handshake(Authorization=""), trusting("CP001"))).startswith(b"HTTP/1.1 101 ")
        assert (await server.answer(handshake(Authorization=""), trusting())).startswith(b"HTTP/1.1 401 ")


# -- behind a proxy --------------------------------------------------------------------------------------

FROM_43 = bytes([192, 0, 2, 43, 127, 0, 0, 1, 0x10, 0x00, 0x23, 0x28])


async def in_pieces(server: Server, *pieces: bytes) -> bytes:
    """Sends so that the server sees each piece by itself; returns the answer."""
    with trio.fail_after(5):
        async with await server.dial() as tcp:
            for piece in pieces:
                await tcp.send_all(piece)
                await trio.testing.wait_all_tasks_blocked(0.02)
            return bytes(await tcp.receive_some(4096))


class TestBehindAProxy:
    @pytest.fixture
    def server_config(self, config: Config) -> Config:
        return msgspec.structs.replace(
            config, trusted_proxies=("127.0.0.0/8",), client_cert_header="X-Client-Cert", client_auth="either"
        )

    @pytest.mark.parametrize(
        "proxy_header",
        [
            b"PROXY TCP4 192.0.2.43 127.0.0.1 4096 9000\r\n",
            V2_START + b"\x21\x11\x00\x0c" + FROM_43,
        ],
    )
    async def test_a_proxy_header_says_who_it_is(self, server: Server, proxy_header: bytes) -> None:
        assert (await server.answer(proxy_header + handshake("/x"))).startswith(b"HTTP/1.1 404 ")
        assert [row[3:] for row in await server.events("peer", "via")] == [("192.0.2.43:4096", "127.0.0.1")]
        assert (await server.answer(proxy_header + handshake())).startswith(b"HTTP/1.1 101 ")

    @pytest.mark.parametrize("proxy_header", [b"PROXY UNKNOWN\r\n", V2_START + b"\x20\x00\x00\x00", b""])
    async def test_a_proxy_may_speak_for_itself(self, server: Server, proxy_header: bytes) -> None:
        await server.answer(proxy_header + handshake("/x"))
        [(*_, peer, via)] = await server.events("peer", "via")
        assert (peer.rpartition(":")[0], via) == ("127.0.0.1", None)

    @pytest.mark.parametrize("raw", [b"PROXY TCP4 here\r\n", V2_START + b"\x21\x99\x00\x00"])
    async def test_a_broken_proxy_header_is_said_to_be_so(self, server: Server, raw: bytes) -> None:
        assert await server.answer(raw) == b""
        assert [row[3] for row in await server.events("kind")] == ["bad_proxy_header"]

    async def test_a_request_that_begins_like_a_proxy_header_is_none(self, server: Server) -> None:
        raw = handshake().replace(b"GET", b"POST", 1)
        assert (await server.answer(raw)).startswith(b"HTTP/1.1 405 ")
        assert (await in_pieces(server, b"P", b"OS", raw[3:])).startswith(b"HTTP/1.1 405 ")

    async def test_a_proxy_header_may_come_in_pieces(self, server: Server) -> None:
        line = b"ROXY TCP4 192.0.2.43 127.0.0.1 4096 9000\r\n"
        assert (await in_pieces(server, b"P", line, handshake("/x"))).startswith(b"HTTP/1.1 404 ")
        assert [row[3] for row in await server.events("peer")] == ["192.0.2.43:4096"]

    async def test_a_certificate_header_that_came_twice_proves_nothing(
        self, server: Server, authority: trustme.CA
    ) -> None:
        pem = authority.issue_cert("CP001").cert_chain_pems[0].bytes().decode().replace("\n", "%0A")
        raw = handshake(Authorization="", X_Client_Cert=pem)
        twice = raw.replace(b"\r\n\r\n", b"\r\nX-Client-Cert: (null)\r\n\r\n")
        assert (await server.answer(twice)).startswith(b"HTTP/1.1 400 ")
        assert (await server.answer(handshake(X_Client_Cert="(null)"))).startswith(b"HTTP/1.1 101 ")
        assert [row[3] for row in await server.events("kind")] == ["repeated_header"]

    async def test_a_header_says_who_it_is_and_that_it_came_by_tls(self, server: Server) -> None:
        raw = handshake("/x", X_Forwarded_For="6.6.6.6, 192.0.2.43", X_Forwarded_Proto="https")
        await server.answer(raw)
        assert [row[3:] for row in await server.events("peer", "via", "tls")] == [("192.0.2.43", "127.0.0.1", "TLS")]

    async def test_a_certificate_in_the_header_proves_who_it_is(self, server: Server, authority: trustme.CA) -> None:
        pem = authority.issue_cert("CP001").cert_chain_pems[0].bytes().decode().replace("\n", "%0A")
        raw = handshake(Authorization="", X_Client_Cert=pem)
        assert (await server.answer(raw)).startswith(b"HTTP/1.1 101 ")
        assert (await server.answer(handshake(X_Client_Cert="rubbish"))).startswith(b"HTTP/1.1 400 ")
        assert [row[3] for row in await server.events("kind")] == ["bad_certificate_header"]


class TestBehindAProxyThatEndsNoTls:
    @pytest.fixture
    def server_config(self, tls_config: Config) -> Config:
        return msgspec.structs.replace(tls_config, trusted_proxies=("127.0.0.1",))

    async def test_the_proxy_header_comes_before_the_tls_handshake(self, server: Server, trusting: Trusting) -> None:
        tcp = await server.dial()
        await tcp.send_all(b"PROXY TCP4 192.0.2.43 127.0.0.1 4096 9000\r\n")
        with trio.fail_after(5):
            async with trio.SSLStream(tcp, trusting(), server_hostname="127.0.0.1", https_compatible=True) as stream:
                await stream.send_all(handshake("/x"))
                assert (await stream.receive_some(4096)).startswith(b"HTTP/1.1 404 ")
        assert [row[3:] for row in await server.events("peer", "tls")] == [("192.0.2.43:4096", "TLSv1.3")]


class TestStrangersBehindNoProxy:
    @pytest.fixture
    def server_config(self, config: Config) -> Config:
        return msgspec.structs.replace(
            config, trusted_proxies=("10.0.0.1",), client_cert_header="X-Client-Cert", client_auth="either"
        )

    async def test_what_only_a_proxy_may_say_is_not_listened_to(self, server: Server, authority: trustme.CA) -> None:
        pem = authority.issue_cert("CP001").cert_chain_pems[0].bytes().decode().replace("\n", "%0A")
        raw = handshake(Authorization="", X_Client_Cert=pem, X_Forwarded_For="10.9.9.9", X_Forwarded_Proto="https")
        assert (await server.answer(raw)).startswith(b"HTTP/1.1 401 ")
        [(*_, peer, tls, certificate)] = await server.events("peer", "tls", "certificate")
        assert (peer.rpartition(":")[0], tls, certificate) == ("127.0.0.1", None, None)
