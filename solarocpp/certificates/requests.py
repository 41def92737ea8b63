"""Certificate requests of chargers: what is in one, and why it is not signed.

A charger that has proved who it is asks for a certificate of its own (SignCertificate, security whitepaper A02).
What it gets says what we know, not what it wrote: the subject is ours, of the request only the key is taken.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

LEAST_RSA_BITS: Final = 2048
LEAST_EC_BITS: Final = 224
"""Security whitepaper 3.5.1: RSA of 2048 bits, curves of 224."""

MOST_CHARACTERS: Final = 5500
"""SignCertificate.req (security whitepaper): `csr` has 5,500 at most."""


class CertificateRequest(NamedTuple):
    """What a charger asks to have signed."""

    common_name: str
    key: PublicKey


def read_request(text: str) -> CertificateRequest | str:
    """Reads a request (PKCS #10) as PEM, or as the base64 of one without its frame; a text says why it is none."""
    if len(text) > MOST_CHARACTERS:
        return f"the request has {len(text)} characters; {MOST_CHARACTERS} are allowed"
    try:
        request = _load(text)
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        return "this is no certificate request (PEM, PKCS #10)"
    return _checked(request)


def _load(text: str) -> x509.CertificateSigningRequest:
    if "-----BEGIN" in text:
        # Some chargers send the line breaks of the file as the two characters \ and n.
        return x509.load_pem_x509_csr(text.replace("\\n", "\n").encode())
    return x509.load_der_x509_csr(base64.b64decode("".join(text.split()), validate=True))


def _checked(request: x509.CertificateSigningRequest) -> CertificateRequest | str:
    try:
        signed, key = request.is_signature_valid, request.public_key()
    except (ValueError, InvalidSignature, UnsupportedAlgorithm):
        return "its key or signature is of a kind we do not know"
    if not signed:
        return "its signature is not made with its key"
    names = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    name = str(names[0].value) if names else ""
    match key:
        case ec.EllipticCurvePublicKey() if key.curve.key_size >= LEAST_EC_BITS:
            return CertificateRequest(name, key)
        case rsa.RSAPublicKey() if key.key_size >= LEAST_RSA_BITS:
            return CertificateRequest(name, key)
        case ec.EllipticCurvePublicKey() | rsa.RSAPublicKey():
            return f"its key has {key.key_size} bits; EC needs {LEAST_EC_BITS}, RSA {LEAST_RSA_BITS}"
        case _:
            return "its key is neither EC nor RSA"


def why_not_signed(request: CertificateRequest, identifier: str) -> str:
    """Says why a charger does not get the certificate it asks for; empty: it does."""
    if request.common_name and request.common_name != identifier:
        return f"it is for {request.common_name[:64]!r}, not for {identifier}"
    return ""
