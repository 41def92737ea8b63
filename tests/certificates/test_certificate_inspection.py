"""What a charger meets that dials a server: seen over a real socket, judged without one."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
import pytest
import trio
import trustme

from solarocpp.certificates import read_certificates
from solarocpp.certificates.authority import Authority
from solarocpp.certificates.inspection import Finding, Sight, findings_of, look_at
from solarocpp.errors import ConfigError, Unreachable


@asynccontextmanager
async def serving(*certificates: bytes, key: bytes, tmp_path: Path, **versions: ssl.TLSVersion) -> AsyncIterator[int]:
    """A server that shows these certificates; its port."""
    (tmp_path / "server.pem").write_bytes(b"".join(certificates) + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    for name, version in versions.items():
        setattr(context, name, version)

    async def handle(tcp: trio.SocketStream) -> None:
        stream = trio.SSLStream(tcp, context, server_side=True)
        try:
            await stream.do_handshake()
            await stream.receive_some(1)
        except trio.BrokenResourceError:
            pass  # it did not like what it saw
        finally:
            await trio.aclose_forcefully(stream)

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, handle, [listener])
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def looked_at(port: int, **options: Path) -> Sight:
    return await trio.to_thread.run_sync(partial(look_at, "127.0.0.1", port, **options))


async def test_a_private_authority_is_what_a_charger_must_be_given(tmp_path: Path) -> None:
    """Q26, Q27: wss never works, nothing is logged, because nobody uploaded the authority."""
    now = datetime.now(UTC)  # noqa: TID251 OpenSSL judges them by its own clock
    authority = Authority.found("site", now=now)
    issued = authority.issue_server(["127.0.0.1"], now=now, days=60)
    (tmp_path / "ca.pem").write_bytes(authority.issued.certificate)
    async with serving(issued.certificate, key=issued.key, tmp_path=tmp_path) as port:
        stranger = await looked_at(port)
        knows_it = await looked_at(port, ca=tmp_path / "ca.pem")
    assert stranger.chain == read_certificates(issued.certificate)
    assert (stranger.root, stranger.distrust) == (None, "the authority at its end is not among those that are trusted")
    assert stranger.to_trust is not None
    assert stranger.to_trust.pem.encode() == authority.issued.certificate
    assert (knows_it.root, knows_it.distrust) == (stranger.to_trust, "")
    assert (knows_it.protocol, knows_it.speaks_tls_1_2) == ("TLSv1.3", True)
    assert findings_of(knows_it, now=now) == (
        Finding("good", "The certificate is for 127.0.0.1."),
        Finding("good", "The chain holds, up to site."),
    )


async def test_an_intermediate_authority_that_is_not_sent_is_named(tmp_path: Path) -> None:
    """Q26: the browser of whoever set it up has it from elsewhere; a charger has not."""
    root = trustme.CA()
    leaf = root.create_child_ca().issue_cert("127.0.0.1")
    root.cert_pem.write_to_path(tmp_path / "root.pem")
    pems = [pem.bytes() for pem in leaf.cert_chain_pems]
    async with serving(pems[0], key=leaf.private_key_pem.bytes(), tmp_path=tmp_path) as port:
        sight = await looked_at(port, ca=tmp_path / "root.pem")
    assert (len(sight.chain), sight.to_trust) == (1, None)
    findings = findings_of(sight, now=datetime(2026, 3, 1, tzinfo=UTC))
    assert findings[-2].text == (
        "The chain is not trusted here: it ends at an authority that is not among those that are trusted."
    )
    assert findings[-1].text.startswith("The server does not send OU=Testing CA #")
    assert findings[-1].text.endswith("If that is no root, it is missing in the file behind the server's own.")
    async with serving(*pems, key=leaf.private_key_pem.bytes(), tmp_path=tmp_path) as port:
        whole = await looked_at(port, ca=tmp_path / "root.pem")
    assert len(whole.chain) == len(pems)
    assert whole.root == read_certificates(root.cert_pem.bytes())[0]  # which the server does not send


async def test_a_server_of_tls_1_3_alone_is_worth_a_look(tmp_path: Path, authority: Authority, now: datetime) -> None:
    issued = authority.issue_server(["127.0.0.1"], now=now, days=30)
    newest = {"minimum_version": ssl.TLSVersion.TLSv1_3}
    async with serving(issued.certificate, key=issued.key, tmp_path=tmp_path, **newest) as port:
        sight = await looked_at(port)
    assert not sight.speaks_tls_1_2
    assert Finding("look", "The server does not speak TLS 1.2, the newest that many chargers know.") in findings_of(
        sight, now=now
    )


async def test_who_does_not_let_himself_be_looked_at() -> None:
    async def greet(stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await stream.receive_some(10_000)

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, greet, [listener])
        with pytest.raises(Unreachable, match=r"answers, but speaks no TLS there \(a plain port, for ws://\?\)\."):
            await looked_at(port)
        nursery.cancel_scope.cancel()
    with pytest.raises(Unreachable, match="cannot be reached: Connection refused"):
        await looked_at(port)


async def test_an_authority_that_cannot_be_read_is_named(tmp_path: Path, authority: Authority, now: datetime) -> None:
    issued = authority.issue_server(["127.0.0.1"], now=now, days=30)
    (tmp_path / "ca.pem").write_text("rubbish")
    async with serving(issued.certificate, key=issued.key, tmp_path=tmp_path) as port:
        with pytest.raises(ConfigError, match=r"--ca is '.*ca\.pem'"):
            await looked_at(port, ca=tmp_path / "ca.pem")


class TestFindings:
    @pytest.fixture
    def sight(self, authority: Authority, now: datetime) -> Sight:
        chain = read_certificates(authority.issue_server(["ocpp.example.org"], now=now, days=60).certificate)
        return Sight(
            host="ocpp.example.org",
            protocol="TLSv1.3",
            cipher="TLS_AES_256_GCM_SHA384",
            chain=chain,
            speaks_tls_1_2=True,
            root=chain[-1],
        )

    def test_where_all_is_well(self, sight: Sight, now: datetime) -> None:
        assert findings_of(sight, now=now) == (
            Finding("good", "The certificate is for ocpp.example.org."),
            Finding("good", "The chain holds, up to site."),
        )

    def test_a_name_that_is_not_in_it(self, sight: Sight, now: datetime) -> None:
        dialled = msgspec.structs.replace(sight, host="10.0.0.5")
        assert findings_of(dialled, now=now)[0] == Finding(
            "bad", "The certificate is not for 10.0.0.5, only for ocpp.example.org: use one of these in the URL."
        )

    def test_a_name_that_is_only_where_it_used_to_be(self, sight: Sight, authority: Authority, now: datetime) -> None:
        """Clients have not looked at the common name since 2017; RFC 6125 lets them, RFC 9525 forbids it."""
        old = read_certificates(authority.issue_charger("ocpp.example.org", now=now, days=60).certificate)
        found = findings_of(msgspec.structs.replace(sight, chain=old), now=now)[0]
        assert found == Finding(
            "bad", "The certificate names no host as such (subjectAltName), only in its common name."
        )

    @pytest.mark.parametrize(
        ("at", "finding"),
        [
            (
                datetime(2026, 4, 10, 12, tzinfo=UTC),
                Finding("look", "ocpp.example.org expires on 2026-04-30, in 20 days."),
            ),
            (datetime(2026, 5, 1, tzinfo=UTC), Finding("bad", "ocpp.example.org is expired since 2026-04-30.")),
            (datetime(2026, 2, 28, tzinfo=UTC), Finding("bad", "ocpp.example.org is not valid before 2026-02-28.")),
        ],
    )
    def test_dates(self, sight: Sight, at: datetime, finding: Finding) -> None:
        assert finding in findings_of(sight, now=at)

    def test_a_chain_that_is_out_of_order(self, sight: Sight, now: datetime) -> None:
        """OpenSSL sorts it, firmware does not."""
        twisted = msgspec.structs.replace(sight, chain=sight.chain[::-1])
        assert findings_of(twisted, now=now)[-2] == Finding(
            "bad",
            "The chain is out of order. ocpp.example.org did not sign site:"
            " each certificate is followed by the one above it.",
        )

    def test_no_certificate_at_all(self, sight: Sight, now: datetime) -> None:
        found = findings_of(msgspec.structs.replace(sight, chain=(), root=None, distrust="why"), now=now)
        assert [finding.text for finding in found] == [
            "The server shows no certificate that can be read.",
            "The chain is not trusted here: why.",
        ]
