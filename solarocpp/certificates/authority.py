"""A private authority, and the certificates it issues to a server and to chargers.

EC P-256 with SHA-256 throughout: what the OCPP 1.6 security whitepaper (3.5) asks of everybody, and a
key that a charger's processor can use without a second's thought.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from solarocpp.certificates.requests import PublicKey
from solarocpp.errors import ConfigError

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

AUTHORITY_YEARS: Final = 20
"""A new authority means a visit to every charger."""
EARLIER: Final = timedelta(days=1)
"""Certificates are valid from a little before now: the clock of a charger that just started may be behind."""
NO_ACCOUNT: Final = "solarocpp"
"""Organization of what belongs to no account: too long for a hid, so it never is one."""
MOST_NAME_CHARACTERS: Final = 64
"""Of a common name (RFC 5280, ub-common-name)."""


class Issued(NamedTuple):
    """A certificate and its key, as PEM files."""

    certificate: bytes
    key: bytes


class Authority:
    """Signs certificates; whoever has its key is believed by every charger that trusts it."""

    def __init__(self, certificate: x509.Certificate, key: Key) -> None:
        self._certificate = certificate
        self._key = key

    @classmethod
    def found(cls, name: str, *, now: datetime) -> Authority:
        """Makes a new one, which signs itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name[:MOST_NAME_CHARACTERS])
        builder = _builder(
            subject, subject, key.public_key(), now=now, until=now.replace(year=now.year + AUTHORITY_YEARS, day=1)
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
        return cls(builder.sign(key, SHA256()), key)

    @classmethod
    def load(cls, certificate: Path, key: Path) -> Authority:
        """Reads one that was made before, here or elsewhere.

        Raises:
            ConfigError: the files hold no certificate and the key of it.
        """
        try:
            made = x509.load_pem_x509_certificate(certificate.read_bytes())
            its_key = load_pem_private_key(key.read_bytes(), None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as exc:
            raise ConfigError(key.name, str(key), f"the key of {certificate}, PEM without password") from exc
        if not isinstance(its_key, Key) or its_key.public_key() != made.public_key():
            raise ConfigError(key.name, str(key), f"the key of {certificate}, EC or RSA")
        return cls(made, its_key)

    @property
    def issued(self) -> Issued:
        """Its own certificate, for chargers to trust, and its key."""
        return Issued(self._certificate.public_bytes(Encoding.PEM), _pem(self._key))

    def issue_server(self, names: Sequence[str], *, now: datetime, days: int) -> Issued:
        """Issues a server's certificate for host names and addresses, the first of which is its common name.

        The authority's own certificate follows in the file: no client needs it for its trust, but everybody who asks
        the server (`solarocpp tls check`) gets what to put into a charger (Q26, Q27).
        """
        subject = _name(names[0][:MOST_NAME_CHARACTERS])
        made = self._issue(subject, _hosts(names), ExtendedKeyUsageOID.SERVER_AUTH, now=now, days=days)
        return Issued(made.certificate + self._certificate.public_bytes(Encoding.PEM), made.key)

    def issue_charger(self, identifier: str, *, now: datetime, days: int, hid: str = "") -> Issued:
        """Issues a charger's certificate; its common name is the identity (security whitepaper 3.4.5).

        With the hid of an account as organization it is good for that account's charger only.

        Raises:
            ConfigError: the identifier is longer than a common name can be.
        """
        return self._issue(_charger_name(identifier, hid), (), ExtendedKeyUsageOID.CLIENT_AUTH, now=now, days=days)

    def sign_charger(self, key: PublicKey, identifier: str, *, now: datetime, days: int, hid: str = "") -> bytes:
        """Issues a charger's certificate for a key that only the charger has; its subject is as of `issue_charger`.

        It is all of the chain that the charger lacks: ours is a root.

        Raises:
            ConfigError: the identifier is longer than a common name can be.
        """
        subject = _charger_name(identifier, hid)
        certificate = self._certify(subject, key, (), ExtendedKeyUsageOID.CLIENT_AUTH, now=now, days=days)
        return certificate.public_bytes(Encoding.PEM)

    def _issue(
        self,
        subject: x509.Name,
        hosts: Iterable[x509.GeneralName],
        purpose: x509.ObjectIdentifier,
        *,
        now: datetime,
        days: int,
    ) -> Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certify(subject, key.public_key(), hosts, purpose, now=now, days=days)
        return Issued(certificate.public_bytes(Encoding.PEM), _pem(key))

    def _certify(  # noqa: PLR0913 what a certificate is made of
        self,
        subject: x509.Name,
        key: PublicKey,
        hosts: Iterable[x509.GeneralName],
        purpose: x509.ObjectIdentifier,
        *,
        now: datetime,
        days: int,
    ) -> x509.Certificate:
        until = min(now + timedelta(days=days), self._certificate.not_valid_after_utc)
        builder = _builder(subject, self._certificate.subject, key, now=now, until=until)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(signer, critical=False)
        known = list(hosts)
        if known:
            builder = builder.add_extension(x509.SubjectAlternativeName(known), critical=False)
        return builder.sign(self._key, SHA256())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, *, now: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common_name: str, organization: str = NO_ACCOUNT) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _charger_name(identifier: str, hid: str) -> x509.Name:
    if not 0 < len(identifier) <= MOST_NAME_CHARACTERS:
        raise ConfigError("--charger", identifier, f"1 to {MOST_NAME_CHARACTERS} characters, as in a common name")
    return _name(identifier, hid or NO_ACCOUNT)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _hosts(names: Iterable[str]) -> Iterator[x509.GeneralName]:
    """Names the hosts; an IPv4 address as a DNS name too, where mbedTLS before 3.5 (ESP32) looks for it."""
    for name in names:
        try:
            address = ip_address(name)
        except ValueError:
            yield x509.DNSName(_ascii(name))
        else:
            yield x509.IPAddress(address)
            if isinstance(address, IPv4Address):
                yield x509.DNSName(name)


def _ascii(name: str) -> str:
    try:
        return name.encode("idna").decode()
    except UnicodeError as exc:
        raise ConfigError("--name", name, "a host name or an address, like ocpp.example.org or 192.168.1.5") from exc


def _pem(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
