"""Looks at a server as a charger does that dials it: what it shows, whether that holds, what to trust.

It dials three times: once to see the certificates whatever they are, once with OpenSSL's own judgement
of the chain, and once in TLS 1.2, the newest that many chargers speak. What follows from it is worked
out without a network (`findings_of`), so that each finding can be tested.
"""

from __future__ import annotations

import _ssl
import socket
import ssl
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import msgspec

from solarocpp.certificates.reading import Certificate, read_certificates
from solarocpp.errors import ConfigError, Unreachable

DIAL_DEADLINE_S: Final = 10.0
RENEW_WITHIN: Final = timedelta(days=30)
"""Public authorities renew a month before the end; what is younger than that was forgotten."""

_UNTRUSTED: Final = {
    10: "one of its certificates is expired",
    9: "one of its certificates is not valid yet",
    18: "the certificate is signed by itself, and not among those that are trusted",
    19: "the authority at its end is not among those that are trusted",
    20: "it ends at an authority that is not among those that are trusted",
    21: "it ends at an authority that is not among those that are trusted",
}
"""X509_V_ERR_* of OpenSSL (x509_vfy.h), about the chain of a server."""

_NO_TLS: Final = {
    "WRONG_VERSION_NUMBER": "speaks no TLS there (a plain port, for ws://?)",
    "UNEXPECTED_EOF_WHILE_READING": "hangs up within the TLS handshake",
    "UNSUPPORTED_PROTOCOL": "speaks no TLS newer than 1.1",
    "TLSV1_ALERT_PROTOCOL_VERSION": "speaks no TLS newer than 1.1",
}
"""What a server does that does not let itself be looked at."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that holds, is worth a look, or keeps chargers out."""

    verdict: Literal["good", "look", "bad"]
    text: str


class Sight(msgspec.Struct, frozen=True):
    """What a server shows to whom it dials."""

    host: str
    protocol: str
    cipher: str
    chain: tuple[Certificate, ...]
    """As the server sends it, its own certificate first."""
    speaks_tls_1_2: bool
    root: Certificate | None
    """The authority that is trusted at the end of the chain; None: none is."""
    distrust: str = ""
    """Why the chain is not trusted."""

    @property
    def to_trust(self) -> Certificate | None:
        """The certificate that a charger must have; None: the server sends none that would do."""
        if self.root is not None:
            return self.root
        return self.chain[-1] if self.chain and self.chain[-1].is_root else None


def look_at(host: str, port: int, *, ca: Path | None = None) -> Sight:
    """Dials a server and tells what it shows; `ca` is trusted instead of the authorities of this machine.

    Raises:
        Unreachable: nobody is there, or does not speak TLS.
        ConfigError: `ca` cannot be read.
    """
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    try:
        with _dial(blind, host, port) as stream:
            shown = _certificates(stream, verified=False)
            protocol, cipher = stream.version() or "", (stream.cipher() or ("",))[0]
    except ssl.SSLError as exc:
        said = (
            _NO_TLS.get(exc.reason) or f"its TLS handshake fails: {(exc.reason or str(exc)).lower().replace('_', ' ')}"
        )
        raise Unreachable(f"{host}:{port} answers, but {said}.") from exc
    except OSError as exc:
        raise Unreachable(f"{host}:{port} cannot be reached: {exc.strerror or exc}.") from exc
    root, distrust = _judgement(host, port, ca)
    return Sight(
        host=host,
        protocol=protocol,
        cipher=cipher,
        chain=shown,
        speaks_tls_1_2=protocol == "TLSv1.2" or _speaks_tls_1_2(blind, host, port),
        root=root,
        distrust=distrust,
    )


def _judgement(host: str, port: int, ca: Path | None) -> tuple[Certificate | None, str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the name is judged apart: both may be wrong
    if ca is None:
        context.load_default_certs()
    else:
        try:
            context.load_verify_locations(ca)
        except (ssl.SSLError, OSError) as exc:
            raise ConfigError("--ca", str(ca), "a readable PEM file with certificates") from exc
    try:
        with _dial(context, host, port) as stream:
            return _certificates(stream, verified=True)[-1], ""
    except ssl.SSLCertVerificationError as exc:
        return None, _UNTRUSTED.get(exc.verify_code, exc.verify_message)
    except OSError as exc:
        raise Unreachable(f"{host}:{port} hung up: {exc.strerror or exc}.") from exc


def _speaks_tls_1_2(blind: ssl.SSLContext, host: str, port: int) -> bool:
    blind.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        with _dial(blind, host, port):
            return True
    except OSError:
        return False


def _dial(context: ssl.SSLContext, host: str, port: int) -> ssl.SSLSocket:
    tcp = socket.create_connection((host, port), DIAL_DEADLINE_S)
    try:
        return context.wrap_socket(tcp, server_hostname=host)
    except BaseException:
        tcp.close()
        raise


def _certificates(stream: ssl.SSLSocket, *, verified: bool) -> tuple[Certificate, ...]:
    """Reads a chain: as it was sent, or as it was found to hold, with the root that is trusted at its end."""
    if sys.version_info >= (3, 13):
        ders = stream.get_verified_chain() if verified else stream.get_unverified_chain()
    else:  # there already, but not public yet
        inner = stream._sslobj  # type: ignore[attr-defined]  # noqa: SLF001
        chain = inner.get_verified_chain() if verified else inner.get_unverified_chain()
        ders = [found.public_bytes(_ssl.ENCODING_DER) for found in chain or ()]
    return tuple(found for der in ders for found in read_certificates(der))


def findings_of(sight: Sight, *, now: datetime) -> tuple[Finding, ...]:
    """Judges what a server shows: the name, the dates, the chain, the protocol."""
    return (*_about_name(sight), *_about_dates(sight, now), *_about_trust(sight), *_about_protocol(sight))


def _about_name(sight: Sight) -> Iterator[Finding]:
    if not sight.chain:
        yield Finding("bad", "The server shows no certificate that can be read.")
        return
    own = sight.chain[0]
    if own.is_for(sight.host):
        yield Finding("good", f"The certificate is for {sight.host}.")
    elif own.hosts:
        known = ", ".join(own.hosts)
        yield Finding("bad", f"The certificate is not for {sight.host}, only for {known}: use one of these in the URL.")
    else:
        yield Finding("bad", "The certificate names no host as such (subjectAltName), only in its common name.")


def _about_dates(sight: Sight, now: datetime) -> Iterator[Finding]:
    for found in sight.chain:
        if found.not_after < now:
            yield Finding("bad", f"{found.subject} is expired since {found.not_after:%Y-%m-%d}.")
        elif found.not_before > now:
            yield Finding("bad", f"{found.subject} is not valid before {found.not_before:%Y-%m-%d}.")
        elif found.not_after < now + RENEW_WITHIN:
            days = (found.not_after - now).days
            yield Finding("look", f"{found.subject} expires on {found.not_after:%Y-%m-%d}, in {days} days.")


def _about_trust(sight: Sight) -> Iterator[Finding]:
    for found, above in zip(sight.chain, sight.chain[1:], strict=False):
        if not found.is_issued_by(above):
            text = f"{above.subject} did not sign {found.subject}: each certificate is followed by the one above it."
            yield Finding("bad", f"The chain is out of order. {text}")
    if sight.root is not None:
        yield Finding("good", f"The chain holds, up to {sight.root.subject}.")
        return
    yield Finding("bad", f"The chain is not trusted here: {sight.distrust}.")
    last = sight.chain[-1] if sight.chain else None
    if last is not None and not last.is_root:
        text = f"The server does not send {last.issuer}, which signed {last.subject}."
        yield Finding("look", f"{text} If that is no root, it is missing in the file behind the server's own.")


def _about_protocol(sight: Sight) -> Iterator[Finding]:
    if not sight.speaks_tls_1_2:
        yield Finding("look", "The server does not speak TLS 1.2, the newest that many chargers know.")
    if sight.chain and sight.chain[0].digest in {"SHA1", "MD5"}:
        yield Finding("bad", f"The certificate is signed with {sight.chain[0].digest}, which nobody accepts any more.")
