"""Behind a proxy: who it says the charger is, and who is believed."""

from __future__ import annotations

import msgspec
import pytest
import trio
import trio.testing
import trustme
from gateway_server import Server, Trusting, handshake

from solarocpp.config import Config
from solarocpp.gateway.proxies import V2_START


@pytest.fixture
def receive_path() -> str:
    return "lean"  # no frame is received in these tests


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
