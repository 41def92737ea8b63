"""The TLS of the chargers' port, over real sockets: who gets in, what is said to whom does not, and renewal."""

from __future__ import annotations

import gc
import shutil
import socket
import ssl
import warnings
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import trio
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from structlog.testing import capture_logs

from solarocpp.certificates import read_certificates
from solarocpp.config import Config
from solarocpp.errors import ConfigError
from solarocpp.gateway.peers import PeerCertificate
from solarocpp.gateway.tls import (
    LOOK_EVERY_S,
    Explanation,
    TlsKeeper,
    describe_hello,
    explain,
    make_context,
    peer_certificate,
    start_tls,
)

Tls = trio.SSLStream[trio.SocketStream]
Contexts = Callable[..., ssl.SSLContext]
TLS_1_2 = ssl.TLSVersion.TLSv1_2
IN_2030 = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def stranger() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def config(tmp_path: Path, authority: trustme.CA) -> Config:
    """With certificates for `localhost`, and chargers whose certificates `authority` signed."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    put(tmp_path, authority.issue_cert("localhost"))
    return Config(
        data_dir=tmp_path,
        tls_cert=tmp_path / "cert.pem",
        tls_key=tmp_path / "key.pem",
        client_ca=tmp_path / "ca.pem",
    )


@pytest.fixture
def keeper(config: Config) -> TlsKeeper:
    return TlsKeeper(config)


@pytest.fixture
def trusting(authority: trustme.CA) -> Contexts:
    """Makes a charger that trusts our authority."""

    def make(
        shows: trustme.LeafCert | None = None, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3, ciphers: str = ""
    ) -> ssl.SSLContext:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        with warnings.catch_warnings(category=DeprecationWarning, action="ignore"):  # old versions are the point
            if newest < TLS_1_2:
                context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = newest
        if ciphers:
            context.set_ciphers(ciphers)
        if shows is not None:
            shows.configure_cert(context)
        return context

    return make


def put(directory: Path, certificate: trustme.LeafCert) -> str:
    """Writes a server's certificate and key, returns the serial number as a charger sees it."""
    certificate.private_key_pem.write_to_path(directory / "key.pem")
    chain = b"".join(pem.bytes() for pem in certificate.cert_chain_pems)
    (directory / "cert.pem").write_bytes(chain)
    return read_certificates(chain)[0].serial


async def connected() -> tuple[trio.SocketStream, trio.SocketStream]:
    """Both ends of a TCP connection."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        charger = await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
        return await listener.accept(), charger


@asynccontextmanager
async def linked(
    keeper: TlsKeeper, context: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> AsyncIterator[tuple[Tls, Tls]]:
    """A TLS connection: our end, and the charger's."""
    ours, theirs = await connected()
    charger = trio.SSLStream(theirs, context, server_hostname="localhost", https_compatible=True)
    if session is not None:
        charger.session = session
    ends: list[Tls] = [charger]

    async def serve() -> None:
        assert keeper.context is not None
        ends.insert(0, await start_tls(ours, keeper.context))

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            nursery.start_soon(charger.do_handshake)
        yield ends[0], charger
    finally:
        await trio.aclose_forcefully(ours)
        await trio.aclose_forcefully(theirs)


async def refused(keeper: TlsKeeper, dial: Callable[[str, int], bytes | str]) -> tuple[Explanation, bytes | str]:
    """What is said about a handshake that fails, here and (what `dial` returns) at the charger."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    said: list[Explanation] = []

    async def serve() -> None:
        async with await listener.accept() as stream:
            await trio.lowlevel.wait_readable(stream.socket)
            hello = describe_hello(await stream.socket.recv(16_384, trio.socket.MSG_PEEK))
            assert keeper.context is not None
            with pytest.raises(trio.BrokenResourceError) as failure:
                await start_tls(stream, keeper.context)
            said.append(explain(failure.value.__cause__, hello))

    async with listener, trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        there = await trio.to_thread.run_sync(dial, *listener.socket.getsockname()[:2])
    return said[0], there


def handshake(context: ssl.SSLContext, host: str, port: int, session: ssl.SSLSession | None = None) -> str:
    """Dials as Python's blocking ssl does: unlike trio's, it tells the other end why it does not go on."""
    with (
        socket.create_connection((host, port), 5) as tcp,
        pytest.raises(ssl.SSLError) as failure,
        context.wrap_socket(tcp, server_hostname="localhost", session=session) as stream,
    ):
        stream.recv(1)  # in TLS 1.3 a server's refusal comes behind the handshake
    return str(failure.value.reason)


def send(data: bytes, host: str, port: int) -> bytes:
    with socket.create_connection((host, port), 5) as tcp:
        tcp.sendall(data)
        tcp.shutdown(socket.SHUT_WR)
        return tcp.recv(100)


@pytest.mark.parametrize(("newest", "version"), [(TLS_1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")])
async def test_a_charger_without_a_certificate_gets_through_to_the_door(
    keeper: TlsKeeper, trusting: Contexts, newest: ssl.TLSVersion, version: str
) -> None:
    """Though certificates are asked for: only the door can tell it in words that one is missing."""
    async with linked(keeper, trusting(newest=newest)) as (ours, charger):
        await charger.send_all(b"GET /")
        assert await ours.receive_some(5) == b"GET /"
        assert (ours.version(), peer_certificate(ours)) == (version, None)


@pytest.mark.parametrize("newest", [TLS_1_2, ssl.TLSVersion.TLSv1_3])
async def test_the_names_of_a_charger_are_those_its_certificate_has(
    keeper: TlsKeeper, authority: trustme.CA, trusting: Contexts, newest: ssl.TLSVersion
) -> None:
    shown = authority.issue_cert(
        "cp001.example.org", common_name="CP 001|x", organization_name="hid11111", not_after=IN_2030
    )
    async with linked(keeper, trusting(shown, newest)) as (ours, _):
        found = peer_certificate(ours)
    assert isinstance(found, PeerCertificate)
    assert (found.names, found.not_after) == (("CP 001|x", "cp001.example.org"), IN_2030)
    assert found.organization == "hid11111"
    assert int(found.serial, 16) > 0


async def test_a_charger_of_the_whitepaper_that_knows_rsa_only(config: Config) -> None:
    """OCPP 1.6 security whitepaper 3.5: a charger needs no more than the two suites of RSA."""
    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    put(config.data_dir, authority.issue_cert("localhost", key_type=trustme.KeyType.RSA))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.maximum_version = TLS_1_2
    context.set_ciphers("AES128-GCM-SHA256")
    async with linked(TlsKeeper(config), context) as (ours, _):
        assert ours.cipher() == ("AES128-GCM-SHA256", "TLSv1.2", 128)


TOO_OLD = "The charger does not speak TLS 1.2 or newer. It offered TLS 1.1 with 1 cipher suite for localhost."
TOO_WEAK = (
    "The charger offers no way of encryption that is safe enough here."
    " It offered TLS 1.2 with 1 cipher suite for localhost."
)


@pytest.mark.parametrize(
    ("newest", "ciphers", "reason", "alert"),
    [
        (ssl.TLSVersion.TLSv1_1, "AES128-SHA:@SECLEVEL=0", TOO_OLD, "TLSV1_ALERT_PROTOCOL_VERSION"),  # Q25
        (TLS_1_2, "ECDHE-ECDSA-AES128-SHA", TOO_WEAK, "SSLV3_ALERT_HANDSHAKE_FAILURE"),
    ],
)
async def test_an_old_charger_is_refused_in_plain_words(
    keeper: TlsKeeper, trusting: Contexts, newest: ssl.TLSVersion, ciphers: str, reason: str, alert: str
) -> None:
    explanation, there = await refused(keeper, partial(handshake, trusting(newest=newest, ciphers=ciphers)))
    assert explanation.reason == reason
    assert "firmware" in explanation.hint
    assert there == alert


@pytest.mark.parametrize("newest", [TLS_1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_charger_that_does_not_trust_us_needs_our_authority(
    keeper: TlsKeeper, stranger: trustme.CA, newest: ssl.TLSVersion
) -> None:
    """Q27: silently dropped unless a CA file is uploaded to the charger."""
    context = ssl.create_default_context()
    stranger.configure_trust(context)
    context.maximum_version = newest
    explanation, _ = await refused(keeper, partial(handshake, context))
    assert explanation.reason.startswith("The charger does not trust the authority that signed our certificate. It")
    assert "(ca.pem of `solarocpp tls init`)" in explanation.hint


@pytest.mark.parametrize("newest", [TLS_1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("issue", "reason"),
    [
        ({}, "the authority that signed it is not in client_ca"),
        ({"not_after": datetime(2020, 1, 1, tzinfo=UTC)}, "it is expired"),
    ],
)
async def test_a_certificate_that_does_not_hold_is_refused_with_the_reason(
    keeper: TlsKeeper,
    authority: trustme.CA,
    stranger: trustme.CA,
    trusting: Contexts,
    newest: ssl.TLSVersion,
    issue: dict[str, datetime],
    reason: str,
) -> None:
    shown = (authority if issue else stranger).issue_cert("CP001", **issue)  # type: ignore[arg-type]
    explanation, there = await refused(keeper, partial(handshake, trusting(shown, newest)))
    assert explanation.reason == f"The charger's certificate is refused: {reason}."
    assert "tls init --charger" in explanation.hint
    assert there in {"TLSV1_ALERT_UNKNOWN_CA", "SSLV3_ALERT_CERTIFICATE_EXPIRED"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x16\x03\x01", "The charger hung up within the TLS handshake, without a word why."),  # Q26
        (b"\x16\x03\x01\x00\x05hello", "The TLS handshake failed: unexpected message."),
        (b"GET / HTTP/1.1\r\n\r\n", "Plain HTTP on the TLS port."),
    ],
)
async def test_what_is_no_handshake_is_explained(keeper: TlsKeeper, data: bytes, reason: str) -> None:
    explanation, _ = await refused(keeper, partial(send, data))
    assert explanation.reason == reason


def test_a_connection_that_was_reset_is_explained_too() -> None:
    assert explain(ConnectionResetError()).reason.startswith("The charger hung up")
    assert explain(None).reason.startswith("The charger hung up")


def serial_seen_by(charger: Tls) -> str:
    return charger.getpeercert()["serialNumber"]


async def talk(ours: Tls, charger: Tls) -> None:
    """A link is alive when it carries something both ways."""
    for end, other in ((ours, charger), (charger, ours)):
        await end.send_all(b"still here")
        assert await other.receive_some(20) == b"still here"


# Certificates change under a running server: nobody is dropped, and nothing broken is put in their place.


async def test_new_links_see_the_new_certificate_and_open_ones_stay(
    keeper: TlsKeeper, config: Config, authority: trustme.CA, trusting: Contexts
) -> None:
    async with linked(keeper, trusting()) as (ours, charger):
        before = serial_seen_by(charger)
        renewed = put(config.data_dir, authority.issue_cert("localhost"))
        with capture_logs() as lines:
            assert keeper.reload()
        assert [(line["event"], line["log_level"]) for line in lines] == [("tls_reloaded", "info")]
        await talk(ours, charger)
        async with linked(keeper, trusting()) as (later, new_charger):
            assert serial_seen_by(new_charger) == renewed != before
            await talk(later, new_charger)
        await talk(ours, charger)


async def test_files_that_change_are_noticed(
    keeper: TlsKeeper, config: Config, authority: trustme.CA, trusting: Contexts, autojump_clock: object
) -> None:
    async with linked(keeper, trusting()) as (ours, charger), trio.open_nursery() as nursery:
        nursery.start_soon(keeper.watch)
        first = keeper.context
        await trio.sleep(LOOK_EVERY_S * 2)
        assert keeper.context is first  # nothing changed, nothing was read
        renewed = put(config.data_dir, authority.issue_cert("localhost"))
        await trio.sleep(LOOK_EVERY_S * 2)
        async with linked(keeper, trusting()) as (_, new_charger):
            assert serial_seen_by(new_charger) == renewed
        await talk(ours, charger)
        nursery.cancel_scope.cancel()


async def test_broken_files_keep_the_old_ones_until_they_are_put_right(
    keeper: TlsKeeper, config: Config, authority: trustme.CA, trusting: Contexts, autojump_clock: object
) -> None:
    first = keeper.context
    with capture_logs() as lines:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keeper.watch)
            (config.data_dir / "key.pem").write_text("half a ke")
            await trio.sleep(LOOK_EVERY_S * 5)
            assert keeper.context is first
            renewed = put(config.data_dir, authority.issue_cert("localhost"))
            await trio.sleep(LOOK_EVERY_S * 5)
            nursery.cancel_scope.cancel()
    assert [line["event"] for line in lines] == ["tls_reload_failed", "tls_reloaded"]  # told once, not at each look
    assert lines[0]["log_level"] == "error"
    assert str(config.data_dir / "key.pem") in lines[0]["reason"]
    async with linked(keeper, trusting()) as (_, charger):
        assert serial_seen_by(charger) == renewed


@pytest.mark.parametrize("gone", ["cert.pem", "key.pem", "ca.pem"])
def test_files_that_are_gone_keep_the_old_ones(keeper: TlsKeeper, config: Config, gone: str) -> None:
    first = keeper.context
    (config.data_dir / gone).unlink()
    with capture_logs() as lines:
        assert not keeper.reload()
    assert keeper.context is first
    assert gone in lines[0]["reason"]


async def test_an_authority_that_is_taken_off_is_not_believed_any_more(
    keeper: TlsKeeper, config: Config, authority: trustme.CA, stranger: trustme.CA, trusting: Contexts
) -> None:
    """Also not by a resumed session: tickets of the old context open nothing at the new one."""
    charger = trusting(authority.issue_cert("CP001"), TLS_1_2)
    async with linked(keeper, charger) as (ours, theirs):
        assert peer_certificate(ours) is not None
        session = theirs.session
    async with linked(keeper, charger, session) as (ours, theirs):
        assert theirs.session_reused
        assert peer_certificate(ours) is not None
    stranger.cert_pem.write_to_path(config.data_dir / "ca.pem")
    assert keeper.reload()
    explanation, _ = await refused(keeper, partial(handshake, charger, session=session))
    assert "not in client_ca" in explanation.reason


def test_a_plain_server_has_nothing_to_keep(tmp_path: Path) -> None:
    keeper = TlsKeeper(Config(data_dir=tmp_path))
    with capture_logs() as lines:
        assert keeper.reload()
    assert (keeper.context, lines) == (None, [])


def write_foreign_key(directory: Path) -> None:
    put(directory / "other", trustme.CA().issue_cert("localhost"))
    shutil.copy(directory / "other" / "key.pem", directory / "key.pem")


def write_encrypted_key(directory: Path) -> None:
    key = load_pem_private_key((directory / "key.pem").read_bytes(), None)
    (directory / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (write_foreign_key, "tls_key is '{}/key.pem'; allowed: the key of the certificate in {}/cert.pem."),
        (write_encrypted_key, "tls_key is '{}/key.pem'; allowed: a PEM key without password."),
        (
            lambda directory: (directory / "key.pem").write_text("rubbish"),
            "tls_key is '{}/key.pem'; allowed: a PEM key without password.",
        ),
        (
            lambda directory: (directory / "cert.pem").write_text("rubbish"),
            "tls_cert is '{}/cert.pem'; allowed: a PEM chain that begins with the server's own.",
        ),
        (
            lambda directory: (directory / "cert.pem").unlink(),
            "tls_cert is '{}/cert.pem'; allowed: a readable PEM file (No such file or directory).",
        ),
        (
            lambda directory: (directory / "ca.pem").write_text("rubbish"),
            "client_ca is '{}/ca.pem'; allowed: a readable PEM file with certificates.",
        ),
    ],
)
def test_files_that_cannot_be_used_are_named(config: Config, spoil: Callable[[Path], object], complaint: str) -> None:
    (config.data_dir / "other").mkdir()
    spoil(config.data_dir)
    with pytest.raises(ConfigError) as failure:
        make_context(config)
    assert str(failure.value) == complaint.replace("{}", str(config.data_dir))


async def test_a_stream_that_is_done_with_needs_no_collector(keeper: TlsKeeper, trusting: Contexts) -> None:
    """OpenSSL keeps tens of kilobytes for each, and 5,000 chargers that reconnect leave 5,000."""
    gc.disable()
    try:
        async with linked(keeper, trusting()) as (ours, _):
            left = weakref.ref(ours)
            del ours
        assert left() is None
    finally:
        gc.enable()
