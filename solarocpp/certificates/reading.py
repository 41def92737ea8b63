"""PURE: what is in a certificate, for people who compare it with what a charger shows on its screen.

Whether a TLS handshake holds is OpenSSL's to say. This reads certificates that did not come in one: of
a file, of a chain that did not hold, or in a header from a proxy that ended the TLS in front of us.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import datetime
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_PEM_BEGIN = "-----BEGIN CERTIFICATE-----"
_PEM_END = "-----END CERTIFICATE-----"

# All that cryptography raises at certificates that OpenSSL takes: it reads X.509 by the letter.
_UNREADABLE: Final = (
    ValueError,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    UnsupportedAlgorithm,
)


class Certificate(msgspec.Struct, frozen=True):
    """One certificate, as far as anybody asks."""

    subject: str
    """Its common name; of a certificate that has none, all of its subject."""
    issuer: str
    names: tuple[str, ...]
    """Common name and DNS names: one of a charger's is its identity."""
    organization: str
    """`O=` of its subject; of a charger's it may be the hid of its account."""
    hosts: tuple[str, ...]
    """DNS names and addresses of a server that a client may believe it to be (subject alternative names)."""
    serial: str
    not_before: datetime
    not_after: datetime
    key: str
    """`EC P-256`, `RSA 2048`."""
    digest: str
    """The hash its signature is made with, `SHA256`."""
    is_authority: bool
    is_root: bool
    """Whether it is signed with its own key."""
    fingerprint: str
    """SHA-256, as it is shown by browsers and chargers: `AB:CD:...`."""
    der: bytes

    @property
    def pem(self) -> str:
        """Writes it as a file that can be put into a charger."""
        return x509.load_der_x509_certificate(self.der).public_bytes(Encoding.PEM).decode()

    def is_for(self, host: str) -> bool:
        """Whether a client that dialled `host` may take it for its certificate (RFC 6125; addresses as such)."""
        try:
            address = ip_address(host)
        except ValueError:
            return any(_covers(pattern.lower(), host.lower().rstrip(".")) for pattern in self.hosts)
        return any(_is_address(known) and ip_address(known) == address for known in self.hosts)

    def is_issued_by(self, authority: Certificate) -> bool:
        """Whether `authority` signed it."""
        return _signed(x509.load_der_x509_certificate(self.der), x509.load_der_x509_certificate(authority.der))


def read_certificates(data: bytes) -> tuple[Certificate, ...]:
    """Reads a PEM file, or one certificate as DER; what cannot be read is left out."""
    blocks = data.decode("latin-1").split(_PEM_BEGIN)[1:]
    ders = [_unarmoured(block.partition(_PEM_END)[0]) for block in blocks] or [data]
    return tuple(found for der in ders if der is not None and (found := _read(der)) is not None)


def read_passed_certificate(value: str) -> Certificate | None:
    """Reads the client certificate that a proxy passed in a header; None: there is none in it.

    Understands what is common: PEM with percent escapes (nginx `$ssl_client_escaped_cert`) or with its lines joined
    by blanks, Base64 between colons (RFC 9440 `Client-Cert`), and Base64 alone (HAProxy, Traefik).
    """
    text = unquote(value.strip())
    if _PEM_BEGIN in text:
        text = text.partition(_PEM_BEGIN)[2].partition(_PEM_END)[0]
    first = text.partition(",")[0].strip().strip(":")  # Traefik passes the whole chain, the client's own first
    der = _unarmoured(first)
    return _read(der) if der else None


def fault_of(certificate: Certificate, authorities: Iterable[Certificate], *, now: datetime) -> str | None:
    """Says why a certificate that came past a proxy is not to be believed; None: it holds.

    Only what `authorities` signed themselves holds: a proxy passes no intermediate ones.
    """
    if not any(certificate.is_issued_by(authority) for authority in authorities):
        return "the authority that signed it is not in client_ca"
    if now < certificate.not_before:
        return "it is not valid yet"
    if now > certificate.not_after:
        return "it is expired"
    if not _is_for_clients(x509.load_der_x509_certificate(certificate.der)):
        return "it is not made for clients (extended key usage)"
    return None


_CLIENT_USES: Final = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}


def _is_for_clients(found: x509.Certificate) -> bool:
    """Whether a client may use it: one that does not say what it is for is for everything (RFC 5280 §4.2.1.12)."""
    try:
        uses = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return not _CLIENT_USES.isdisjoint(uses)


def _unarmoured(text: str) -> bytes | None:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        return None


def _read(der: bytes) -> Certificate | None:
    try:
        found = x509.load_der_x509_certificate(der)
        names = _alternative_names(found)
        common = _common_names(found.subject)
        dns = tuple(names.get_values_for_type(x509.DNSName))
        addresses = tuple(map(str, names.get_values_for_type(x509.IPAddress)))
        serial = f"{found.serial_number:X}"
        return Certificate(
            subject=common[0] if common else found.subject.rfc4514_string(),
            issuer=next(iter(_common_names(found.issuer)), found.issuer.rfc4514_string()),
            names=tuple(dict.fromkeys((*common, *dns))),
            organization=next(iter(_values(found.subject, NameOID.ORGANIZATION_NAME)), ""),
            hosts=tuple(dict.fromkeys((*dns, *addresses))),
            serial=serial.zfill(len(serial) + len(serial) % 2),  # whole bytes, as OpenSSL writes it
            not_before=found.not_valid_before_utc,
            not_after=found.not_valid_after_utc,
            key=_key_text(found),
            digest="none" if found.signature_hash_algorithm is None else found.signature_hash_algorithm.name.upper(),
            is_authority=_is_authority(found),
            is_root=_signed(found, found),
            fingerprint=found.fingerprint(SHA256()).hex(":").upper(),
            der=der,
        )
    except _UNREADABLE:
        return None


def _common_names(name: x509.Name) -> tuple[str, ...]:
    return _values(name, NameOID.COMMON_NAME)


def _values(name: x509.Name, oid: x509.ObjectIdentifier) -> tuple[str, ...]:
    return tuple(str(part.value) for part in name.get_attributes_for_oid(oid))


def _alternative_names(found: x509.Certificate) -> x509.SubjectAlternativeName:
    try:
        return found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return x509.SubjectAlternativeName([])


def _is_authority(found: x509.Certificate) -> bool:
    try:
        return found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


_CURVES: Final = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


def _key_text(found: x509.Certificate) -> str:
    match found.public_key():
        case ec.EllipticCurvePublicKey(curve=curve):
            return f"EC {_CURVES.get(curve.name, curve.name)}"
        case rsa.RSAPublicKey(key_size=size):
            return f"RSA {size}"
        case other:
            return type(other).__name__.removesuffix("PublicKey")


def _signed(found: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        found.verify_directly_issued_by(issuer)
    except (*_UNREADABLE, TypeError, InvalidSignature):
        return False
    return True


def _covers(pattern: str, host: str) -> bool:
    """A `*` stands for exactly one label, the first."""
    if pattern.startswith("*."):
        label, _, rest = host.partition(".")
        return label != "" and rest == pattern[2:]
    return host == pattern


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
