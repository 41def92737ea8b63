"""TLS of the chargers' port: the certificate that is shown, and the one a charger shows.

`TlsKeeper` holds the context that new connections take, and makes a new one when the files change. An
open link keeps the context it began with, so a renewed certificate drops nobody. `hello` reads what a
charger offers, `tls_failures` says why a handshake failed; both can be had from here.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
import trio

from solarocpp.config import Config
from solarocpp.errors import ConfigError
from solarocpp.gateway.hello import Hello, describe_hello
from solarocpp.gateway.peers import PeerCertificate
from solarocpp.gateway.tls_failures import Explanation, explain

if TYPE_CHECKING:
    from solarocpp.certificates import Certificate

__all__ = [
    "Explanation",
    "Hello",
    "TlsKeeper",
    "describe_hello",
    "explain",
    "make_context",
    "peer_certificate",
    "start_tls",
]

LOOK_EVERY_S = 10.0
"""Renewal happens weeks before the end; three `stat` calls in ten seconds are nothing."""

ALERT_DEADLINE_S = 1.0
"""Seven bytes fit into any socket that is not stuck."""

# Forward secrecy first. The last two (kRSA+AESGCM) have none, and are here because a charger of the OCPP 1.6
# security whitepaper (section 3.5) needs to know no others; they only apply to certificates with an RSA key.
CIPHERS: Final = (
    "@SECLEVEL=2:ECDH+AESGCM:ECDH+CHACHA20:ECDH+AES:DHE+AES:kRSA+AESGCM:!aNULL:!eNULL:!aDSS:!aPSK:!SHA1:!AESCCM"
)

log = structlog.get_logger()


class TlsKeeper:
    """Keeps the TLS context that matches the files.

    Raises:
        ConfigError: the files cannot be used; names the key and the file.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._files = tuple(path for path in (config.tls_cert, config.tls_key, config.client_ca) if path is not None)
        self._loaded = self._stamps()
        self.context: ssl.SSLContext | None = make_context(config)
        """For the next connection; None: this server speaks in the clear."""
        self.client_authorities: tuple[Certificate, ...] = read_client_authorities(config)
        """For certificates that a proxy passes on; empty: nobody's are looked at again."""

    def reload(self) -> bool:
        """Reads the files again, for connections from now on; tells whether they could be used.

        Files that cannot be used leave everything as it is: half a renewal must not close the door.
        """
        if not self._files:
            return True
        # Before reading: what changes meanwhile is seen at the next look.
        self._loaded = self._stamps()
        try:
            context, authorities = make_context(self._config), read_client_authorities(self._config)
        except ConfigError as exc:
            log.error("tls_reload_failed", reason=str(exc))  # noqa: TRY400 the text says all; a traceback nothing
            return False
        self.context, self.client_authorities = context, authorities
        log.info("tls_reloaded", certificate=str(self._files[0]))
        return True

    async def watch(self) -> None:
        """Looks at the files every `LOOK_EVERY_S` and reloads when they changed, until cancelled.

        Files that were found broken are read again when they change again, not before.
        """
        while self._files:
            await trio.sleep(LOOK_EVERY_S)
            if self._stamps() != self._loaded:
                self.reload()

    def _stamps(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stamp(path) for path in self._files)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Tells one content of a file from the next; None: there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def make_context(config: Config) -> ssl.SSLContext | None:
    """Makes the server's TLS context from the configured files; None: in the clear.

    Raises:
        ConfigError: a file cannot be read, or certificate and key do not belong together.
    """
    if config.tls_cert is None or config.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # the security whitepaper's floor
    context.set_ciphers(CIPHERS)
    _load_certificate(context, config.tls_cert, config.tls_key)
    if config.client_ca is not None:
        _load_client_ca(context, config.client_ca)
        # Optional here, so that the door can say in words what is missing; without a certificate nobody gets past it.
        context.verify_mode = ssl.CERT_OPTIONAL
        # Whoever names an intermediate authority means that one, not the root above it.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _load_certificate(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    for name, path in (("tls_cert", certificate), ("tls_key", key)):
        try:
            path.read_bytes()
        except OSError as exc:
            raise ConfigError(name, str(path), f"a readable PEM file ({exc.strerror})") from exc
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as exc:
        if exc.reason == "KEY_VALUES_MISMATCH":
            raise ConfigError("tls_key", str(key), f"the key of the certificate in {certificate}") from exc
        if _holds_certificates(certificate):
            raise ConfigError("tls_key", str(key), "a PEM key without password") from exc
        raise ConfigError("tls_cert", str(certificate), "a PEM chain that begins with the server's own") from exc
    except _KeyIsEncrypted as exc:
        raise ConfigError("tls_key", str(key), "a PEM key without password") from exc
    except OSError as exc:  # gone since it was read
        raise ConfigError("tls_cert", str(certificate), f"a readable PEM file ({exc.strerror})") from exc


def _load_client_ca(context: ssl.SSLContext, path: Path) -> None:
    try:
        context.load_verify_locations(path)
    except (ssl.SSLError, OSError) as exc:
        raise ConfigError("client_ca", str(path), "a readable PEM file with certificates") from exc


def read_client_authorities(config: Config) -> tuple[Certificate, ...]:
    """Reads who may have signed the certificates that a proxy passes on; OpenSSL, which sees none of them, cannot.

    Raises:
        ConfigError: the file cannot be read, or has no certificates.
    """
    if config.client_ca is None or not config.client_cert_header:
        return ()
    from solarocpp.certificates import read_certificates  # slow to import

    try:
        found = read_certificates(config.client_ca.read_bytes())
    except OSError:
        found = ()
    if not found:
        raise ConfigError("client_ca", str(config.client_ca), "a readable PEM file with certificates")
    return found


def _holds_certificates(path: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(path)
    except (ssl.SSLError, OSError):
        return False
    return True


class _KeyIsEncrypted(Exception):
    """OpenSSL asked for the password of a key."""


def _no_password() -> str:
    raise _KeyIsEncrypted  # else OpenSSL would ask on the terminal, and a server would wait for ever


async def start_tls(transport: trio.SocketStream, context: ssl.SSLContext) -> trio.SSLStream[trio.SocketStream]:
    """Does the handshake of a new connection; where it fails the charger is told, by the alert of the protocol.

    Raises:
        trio.BrokenResourceError: it failed; its cause is for `explain`.
    """
    stream = trio.SSLStream(transport, context, server_side=True, https_compatible=True)
    try:
        await stream.do_handshake()
    except trio.BrokenResourceError:
        # trio 0.35 keeps OpenSSL's last words to itself; with them, the charger's own log says what is wrong, too.
        alert = stream._outgoing.read()  # noqa: SLF001
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError), trio.move_on_after(ALERT_DEADLINE_S):
            await transport.send_all(alert)
        raise
    finally:
        # A method of the stream, kept by the stream and needed once: without this circle a link that ends after
        # hours gives OpenSSL's memory back at once, and not when the collector comes to it.
        del stream._handshook._afn  # noqa: SLF001
    return stream


def peer_certificate(stream: trio.SSLStream[trio.SocketStream]) -> PeerCertificate | None:
    """Reads the verified client certificate of a stream whose handshake is done; None: it showed none."""
    shown = stream.getpeercert()
    if not shown:
        return None
    subject = [pair for rdn in shown.get("subject", ()) for pair in rdn]
    names = [text for key, text in subject if key == "commonName"]
    organization = next((text for key, text in subject if key == "organizationName"), "")
    names += [text for kind, text in shown.get("subjectAltName", ()) if kind == "DNS"]
    return PeerCertificate(
        names=tuple(dict.fromkeys(names)),
        serial=shown["serialNumber"],
        not_after=datetime.fromtimestamp(ssl.cert_time_to_seconds(shown["notAfter"]), UTC),
        organization=organization,
    )
