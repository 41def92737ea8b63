"""What is read from the first bytes of a TLS handshake, to be told to people."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solarocpp.gateway.tls import Hello, describe_hello


def hello_of(context: ssl.SSLContext, host: str | None = "ocpp.example.org") -> bytes:
    """The first message of OpenSSL's own client."""
    said = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), said, server_hostname=host)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return said.read()


def client(ciphers: str = "DEFAULT", newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.maximum_version = newest
    context.set_ciphers(ciphers)
    return context


AES = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"
TLS_1_2 = hello_of(client(AES, ssl.TLSVersion.TLSv1_2))


def test_the_newest_version_is_told_not_the_one_in_the_old_place() -> None:
    """TLS 1.3 calls itself 1.2 there, and 1.0 around it, so that boxes in between let it pass."""
    hello = describe_hello(hello_of(client(AES)))
    assert hello == Hello("TLS 1.3", "ocpp.example.org", 5)  # three suites are those of TLS 1.3


def test_a_hello_of_tls_1_2() -> None:
    assert describe_hello(TLS_1_2) == Hello("TLS 1.2", "ocpp.example.org", 2)
    assert str(describe_hello(TLS_1_2)) == "TLS 1.2 with 2 cipher suites for ocpp.example.org"


def test_a_charger_whose_url_has_an_address_names_nobody() -> None:
    hello = describe_hello(hello_of(client("AES128-GCM-SHA256", ssl.TLSVersion.TLSv1_2), host=None))
    assert str(hello) == "TLS 1.2 with 1 cipher suite"


@pytest.mark.parametrize(
    ("hello", "offered"),
    [
        ("16030100040100000003", None),  # ends before the version
        ("160301000a01000006030200000000", "TLS 1.1"),
        ("1603010200010001fc0301", "TLS 1.0"),  # Q05: what Wireshark shows of a charger on the wrong port
        ("1603010006010000020305", "version 0x0305"),
        ("802e0103010015000000100000390000", "TLS 1.0"),  # in the form of SSL 2.0
        # Split over several records, as stacks with small buffers do.
        ("16030100030100001603010002060316030100" + "0103", "TLS 1.2"),
    ],
)
def test_old_and_odd_hellos(hello: str, offered: str | None) -> None:
    found = describe_hello(bytes.fromhex(hello))
    assert (None if found is None else str(found)) == offered


@pytest.mark.parametrize(
    "data", [b"", b"\x16", b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x00\x05\x02hello", b"\x00\x01\x02"]
)
def test_what_begins_no_handshake_is_no_hello(data: bytes) -> None:
    assert describe_hello(data) is None


def test_a_hello_that_is_cut_short_tells_what_arrived() -> None:
    found = [describe_hello(TLS_1_2[:length]) for length in range(len(TLS_1_2))]
    assert found[:11] == [None] * 11
    assert found[11:48] == [Hello("TLS 1.2")] * 37  # up to where the list of cipher suites may begin
    assert None not in found[48:]


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: TLS_1_2[:43] + tail))
def test_no_bytes_are_too_odd(data: bytes) -> None:
    hello = describe_hello(data)
    assert hello is None or str(hello)
