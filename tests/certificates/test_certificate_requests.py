"""Requests are made with another's tool: OpenSSL's, and by hand where it makes no bad ones."""

from __future__ import annotations

import base64
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from solarocpp.certificates import read_certificates
from solarocpp.certificates.authority import Authority
from solarocpp.certificates.requests import CertificateRequest, read_request, why_not_signed


def openssl(*arguments: str) -> str:
    """Runs OpenSSL; what it prints."""
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True).stdout


def requested(tmp_path: Path, name: str = "CP001", *key: str) -> str:
    """A request as a charger makes one."""
    kind = key or ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    return openssl("req", "-new", *kind, "-nodes", "-keyout", str(tmp_path / "key.pem"), "-subj", f"/O=x/CN={name}")


def read(text: str) -> CertificateRequest:
    found = read_request(text)
    assert isinstance(found, CertificateRequest), found
    return found


@pytest.mark.parametrize("key", [(), ("-newkey", "rsa:2048")], ids=["EC P-256", "RSA 2048"])
def test_request_gets_a_certificate_that_openssl_verifies(
    tmp_path: Path, authority: Authority, now: datetime, key: tuple[str, ...]
) -> None:
    request = read(requested(tmp_path, "CP001", *key))
    assert why_not_signed(request, "CP001") == ""
    chain = authority.sign_charger(request.key, "CP001", now=now, days=365, hid="Ab3dEf7h")
    (tmp_path / "chain.pem").write_bytes(chain)
    (tmp_path / "ca.pem").write_bytes(authority.issued.certificate)
    at = ("-attime", str(int(now.timestamp())), "-purpose", "sslclient")
    openssl("verify", *at, "-CAfile", str(tmp_path / "ca.pem"), str(tmp_path / "chain.pem"))
    (leaf,) = read_certificates(chain)
    assert (leaf.names, leaf.organization, leaf.is_authority) == (("CP001",), "Ab3dEf7h", False)
    assert (leaf.not_after - now).days == 365
    own_key = openssl("pkey", "-in", str(tmp_path / "key.pem"), "-pubout")
    assert openssl("x509", "-in", str(tmp_path / "chain.pem"), "-noout", "-pubkey") == own_key


def test_request_without_its_frame_is_read(tmp_path: Path) -> None:
    """Firmware sends bare base64, or the file with its line breaks escaped."""
    pem = requested(tmp_path)
    bare = "".join(line for line in pem.splitlines() if not line.startswith("-"))
    assert read(bare).common_name == read(pem.replace("\n", "\\n")).common_name == "CP001"


def forged(tmp_path: Path) -> str:
    """A request whose key was exchanged after it was signed."""
    request = x509.load_pem_x509_csr(requested(tmp_path).encode())
    der = request.public_bytes(Encoding.DER)
    point = request.public_key().public_numbers().x.to_bytes(32, "big")  # type: ignore[union-attr]
    other = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    mine = request.public_key().public_numbers()
    swapped = der.replace(point, other.x.to_bytes(32, "big")).replace(
        mine.y.to_bytes(32, "big"),  # type: ignore[union-attr]
        other.y.to_bytes(32, "big"),
    )
    return base64.b64encode(swapped).decode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "this is no certificate request"),
        ("hello", "this is no certificate request"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "this is no certificate"),
        ("A" * 5501, "the request has 5501 characters; 5500 are allowed"),
    ],
)
def test_what_is_no_request_is_said_so(text: str, reason: str) -> None:
    found = read_request(text)
    assert isinstance(found, str)
    assert found.startswith(reason)


def test_weak_and_forged_requests_are_refused(tmp_path: Path) -> None:
    assert read_request(requested(tmp_path, "CP001", "-newkey", "rsa:1024")) == (
        "its key has 1024 bits; EC needs 224, RSA 2048"
    )
    assert read_request(requested(tmp_path, "CP001", "-newkey", "ed25519")) == "its key is neither EC nor RSA"
    assert read_request(forged(tmp_path)) == "its signature is not made with its key"


def test_request_for_another_is_not_signed(tmp_path: Path) -> None:
    assert why_not_signed(read(requested(tmp_path, "CP002")), "CP001") == "it is for 'CP002', not for CP001"


def test_request_without_a_name_is_for_whoever_sends_it() -> None:
    """Some firmware leaves the subject to us."""
    key = ec.generate_private_key(ec.SECP256R1())
    nameless = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ACME")])
    )
    request = read(nameless.sign(key, SHA256()).public_bytes(Encoding.PEM).decode())
    assert why_not_signed(request, "CP001") == ""
