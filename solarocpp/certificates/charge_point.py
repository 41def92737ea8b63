"""What a charge point does with certificates: asks for one, tells which it has, checks who signed firmware.

The other half of the security whitepaper, for the simulated charge points; a central system needs none of it.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from typing import Final, Literal, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from solarocpp.certificates.authority import MOST_NAME_CHARACTERS

HashAlgorithm = Literal["SHA256", "SHA384", "SHA512"]

_NOT_READABLE: Final = (ValueError, TypeError, UnsupportedAlgorithm)


class CertificateRequest(NamedTuple):
    """A request for a certificate, and the key it is for."""

    csr: str
    """PKCS#10 in PEM."""
    key: bytes
    """PKCS#8 in PEM; never leaves the charge point."""
    public_key: bytes
    """By which the certificate is recognized when it comes."""


class Hashes(NamedTuple):
    """How a certificate is named in messages: all in hex."""

    issuer_name: str
    issuer_key: str
    serial_number: str


def request_certificate(identity: str, organization: str) -> CertificateRequest:
    """Makes a new EC key and asks for a certificate for it; the common name is the identity (whitepaper 3.4.5)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, identity[:MOST_NAME_CHARACTERS]),
        ]
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, SHA256())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return CertificateRequest(request.public_bytes(Encoding.PEM).decode(), pem, _public(key.public_key()))


def key_of(chain: str) -> bytes | None:
    """Gives the public key of the first certificate, as in a `CertificateRequest`; None: there is no certificate."""
    try:
        key = x509.load_pem_x509_certificates(chain.encode())[0].public_key()
        return _public(key) if isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey) else None
    except _NOT_READABLE:
        return None


def hashes_of(certificate: str, algorithm: HashAlgorithm) -> Hashes | None:
    """Names a root certificate, which is its own issuer; None: it is no certificate, or has a key of an odd kind."""
    try:
        found = x509.load_pem_x509_certificate(certificate.encode())
        key = found.public_key()
        issuer = found.issuer.public_bytes()
    except _NOT_READABLE:
        return None
    if isinstance(key, ec.EllipticCurvePublicKey):
        bits = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    elif isinstance(key, rsa.RSAPublicKey):
        bits = key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    else:
        return None
    name, bits_hash = (hashlib.new(algorithm, part).hexdigest() for part in (issuer, bits))
    return Hashes(name, bits_hash, f"{found.serial_number:x}")


def is_signed_by(certificate: str, data: bytes, signature: str) -> bool:
    """Tells whether `data` was signed with the key of a certificate: ECDSA or RSA-PSS, SHA-256 (whitepaper 4.1.2)."""
    try:
        key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
        proof = b64decode(signature, validate=True)
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(proof, data, ec.ECDSA(SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(proof, data, padding.PSS(padding.MGF1(SHA256()), padding.PSS.AUTO), SHA256())
        else:
            return False
    except (InvalidSignature, *_NOT_READABLE):
        return False
    return True


def _public(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
