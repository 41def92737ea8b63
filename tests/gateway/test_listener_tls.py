"""TLS at the door: what goes wrong is recorded with its reason, and who says nothing holds nobody up."""

from __future__ import annotations

import contextlib
import ssl

import msgspec
import pytest
import trio
import trio.testing
import trio_websocket
import trustme
from gateway_server import BASIC, HELLO, Server, Trusting, exchange, handshake

from solarocpp.config import Config
from solarocpp.gateway.pace import Pace


@pytest.fixture
def receive_path() -> str:
    return "lean"  # no frame is received in these tests


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
    def server_config(self, tls_config: Config) -> Config:
        return msgspec.structs.replace(tls_config, handshake_deadline_s=60.0)

    @pytest.fixture
    def pace(self) -> Pace:
        return Pace(2, young_s=60.0)

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


class TestSilence:
    @pytest.fixture
    def pace(self) -> Pace:
        return Pace(2, silent_s=0.01, most_silent=3)

    async def test_of_the_silent_ones_of_an_address_the_longest_goes(self, server: Server) -> None:
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
