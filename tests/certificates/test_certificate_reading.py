"""What is read from certificates that came as text, from a file or past a proxy."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from solarocpp.certificates import Certificate, fault_of, read_certificates, read_passed_certificate
from solarocpp.certificates.authority import Authority


@pytest.fixture(scope="module")
def pem(authority: Authority, now: datetime) -> str:
    return authority.issue_charger("CP 001|x", now=now, days=30).certificate.decode()


def leaf_of(pem: bytes | str) -> Certificate:
    return read_certificates(pem.encode() if isinstance(pem, str) else pem)[0]


def test_what_is_in_a_certificate(authority: Authority, now: datetime) -> None:
    own, root = read_certificates(
        authority.issue_server(["ocpp.example.org", "10.0.0.5"], now=now, days=30).certificate
    )
    assert (own.subject, own.issuer, own.names) == (
        "ocpp.example.org",
        "site",
        ("ocpp.example.org", "10.0.0.5"),
    )
    assert own.hosts == ("ocpp.example.org", "10.0.0.5")
    assert (own.not_before, own.not_after) == (
        datetime(2026, 2, 28, 12, tzinfo=UTC),
        datetime(2026, 3, 31, 12, tzinfo=UTC),
    )
    assert (own.key, own.digest, own.is_authority, own.is_root) == ("EC P-256", "SHA256", False, False)
    assert (root.subject, root.issuer, root.is_authority, root.is_root) == ("site", "site", True, True)
    assert own.is_issued_by(root)
    assert not root.is_issued_by(own)
    assert leaf_of(own.pem) == own


def test_a_certificate_of_somebody_else() -> None:
    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    found = leaf_of(authority.cert_pem.bytes())
    assert (found.key, found.digest) == ("RSA 2048", "SHA256")
    assert found.subject.startswith("OU=Testing CA #")  # it has no common name
    assert len(found.fingerprint) == 32 * 3 - 1
    assert len(found.serial) % 2 == 0


HOSTS = ["ocpp.example.org", "*.site.example", "10.0.0.5", "::1"]


@pytest.mark.parametrize("host", ["ocpp.example.org", "OCPP.example.org.", "a.site.example", "10.0.0.5", "0::1"])
def test_a_certificate_is_for_its_hosts(authority: Authority, now: datetime, host: str) -> None:
    assert leaf_of(authority.issue_server(HOSTS, now=now, days=30).certificate).is_for(host)


@pytest.mark.parametrize(
    "host", ["a.b.site.example", "site.example", ".site.example", "example.org", "10.0.0.50", "::2", ""]
)
def test_a_certificate_is_for_no_other_host(authority: Authority, now: datetime, host: str) -> None:
    assert not leaf_of(authority.issue_server(HOSTS, now=now, days=30).certificate).is_for(host)


PASSED = {
    "nginx, escaped": quote,
    "nginx, old: lines joined by tabs": lambda pem: pem.strip().replace("\n", "\t"),
    "lines joined by blanks": lambda pem: pem.strip().replace("\n", " "),
    "RFC 9440": lambda pem: f":{base64.b64encode(leaf_of(pem).der).decode()}:",
    "HAProxy": lambda pem: base64.b64encode(leaf_of(pem).der).decode(),
    "Traefik, with its chain": lambda pem: quote(base64.b64encode(leaf_of(pem).der).decode() + ",MIIB"),
}


@pytest.mark.parametrize("kind", PASSED)
def test_a_certificate_that_a_proxy_passed(pem: str, kind: str) -> None:
    found = read_passed_certificate(PASSED[kind](pem))
    assert found is not None
    assert (found.names, found.der) == (("CP 001|x",), leaf_of(pem).der)


@pytest.mark.parametrize("value", ["", "(null)", "::", "-----BEGIN CERTIFICATE-----", "SUCCESS", "%zz", "AAAA"])
def test_a_header_without_a_certificate(value: str) -> None:
    assert read_passed_certificate(value) is None


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: base64.b64encode(data).decode()))
def test_no_header_is_too_odd(value: str) -> None:
    assert read_passed_certificate(value) is None


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@given(st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_no_spoilt_certificate_is_too_odd(at: int, spoilt: bytes) -> None:
    """It is read, or it is not; it may not be a way to end the server."""
    der = WHOLE[:at] + spoilt + WHOLE[at + len(spoilt) :]
    assert len(read_certificates(der)) <= 1


WHOLE = leaf_of(
    Authority.found("x", now=datetime(2026, 3, 1, tzinfo=UTC))
    .issue_charger("CP001", now=datetime(2026, 3, 1, tzinfo=UTC), days=1)
    .certificate
).der


class TestFaults:
    """A certificate that came past a proxy has met no OpenSSL of ours."""

    def test_one_that_holds(self, authority: Authority, pem: str, now: datetime) -> None:
        known = read_certificates(authority.issued.certificate)
        assert fault_of(leaf_of(pem), known, now=now) is None

    @pytest.mark.parametrize(
        ("at", "fault"),
        [
            (datetime(2026, 2, 1, tzinfo=UTC), "it is not valid yet"),
            (datetime(2026, 4, 1, tzinfo=UTC), "it is expired"),
        ],
    )
    def test_one_that_is_out_of_date(self, authority: Authority, pem: str, at: datetime, fault: str) -> None:
        known = read_certificates(authority.issued.certificate)
        assert fault_of(leaf_of(pem), known, now=at) == fault

    def test_one_that_is_not_for_clients(self, authority: Authority, now: datetime) -> None:
        known = read_certificates(authority.issued.certificate)
        servers = leaf_of(authority.issue_server(["CP001"], now=now, days=30).certificate)
        assert fault_of(servers, known, now=now) == "it is not made for clients (extended key usage)"

    def test_one_that_does_not_say_what_it_is_for(self, now: datetime) -> None:
        ca = trustme.CA()
        found = leaf_of(ca.issue_cert("CP001").cert_chain_pems[0].bytes())
        assert fault_of(found, read_certificates(ca.cert_pem.bytes()), now=max(now, found.not_before)) is None

    def test_one_that_somebody_else_signed_in_the_same_name(self, pem: str, now: datetime) -> None:
        impostor = read_certificates(Authority.found("site", now=now).issued.certificate)
        assert fault_of(leaf_of(pem), impostor, now=now) == "the authority that signed it is not in client_ca"
        assert fault_of(leaf_of(pem), (), now=now) == "the authority that signed it is not in client_ca"
