"""What a proxy says about who is behind it: believed of listed addresses, and read as proxies write it."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solarocpp.errors import ConfigError
from solarocpp.gateway.peers import Peer
from solarocpp.gateway.proxies import (
    V2_START,
    Forwarded,
    TrustedProxies,
    begins_proxy_header,
    passed_certificate,
    plain_address,
    read_forwarding,
    read_v1,
    read_v2,
    v2_length,
)
from solarocpp.gateway.refusals import Refused
from solarocpp.gateway.request_head import RequestHead, read_head

PROXIES = TrustedProxies(["10.0.0.1", "10.1.0.0/16", "fd00::/8"])
PROXY = Peer("10.0.0.1", 4000, tls="TLSv1.3")


def forwarding(peer: Peer = PROXY, **headers: str) -> Peer | Refused:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_forwarding(peer, RequestHead("GET", "/", named), PROXIES)


@pytest.mark.parametrize("host", ["10.0.0.1", "10.1.2.3", "fd00::7", "::ffff:10.0.0.1", "fd00::7%eth0"])
def test_listed_addresses_are_trusted(host: str) -> None:
    assert PROXIES.trusts(host)


@pytest.mark.parametrize("host", ["10.0.0.2", "10.2.0.1", "fe80::1", "unknown", "", "10.0.0.1.evil.example"])
def test_others_are_not(host: str) -> None:
    assert not PROXIES.trusts(host)
    assert not TrustedProxies([]).trusts(host)


def test_a_proxy_must_be_listed_as_an_address() -> None:
    with pytest.raises(ConfigError, match=r"trusted_proxies is 'proxy.example'"):
        TrustedProxies(["proxy.example"])


def test_addresses_have_one_spelling() -> None:
    assert plain_address("::ffff:192.0.2.1") == "192.0.2.1"
    assert plain_address("FE80:0::1%eth0") == "fe80::1"
    assert plain_address("no address") == "no address"


# -- the PROXY protocol ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "forwarded"),
    [
        (b"PROXY TCP4 192.0.2.43 10.0.0.1 56324 9000\r\n", Forwarded("192.0.2.43", 56324)),
        (b"PROXY TCP6 2001:db8::1 fd00::1 1 9000\r\n", Forwarded("2001:db8::1", 1)),
        (b"PROXY UNKNOWN\r\n", Forwarded()),
        (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", Forwarded()),
        (b"PROXY TCP4 192.0.2.43 10.0.0.1 56324\r\n", None),
        (b"PROXY TCP4 here there 1 2\r\n", None),
        (b"PROXY TCP4 192.0.2.43 10.0.0.1 port 2\r\n", None),
        (b"PROXY UDP4 192.0.2.43 10.0.0.1 1 2\r\n", None),
        (b"POST / HTTP/1.1\r\n", None),
        (b"", None),
    ],
)
def test_version_1_is_read(line: bytes, forwarded: Forwarded | None) -> None:
    assert read_v1(line) == forwarded


def v2(body: bytes, command: int = 0x21, family: int = 0x11) -> bytes:
    return V2_START + bytes([command, family]) + len(body).to_bytes(2) + body


FROM_V4 = bytes([192, 0, 2, 43, 10, 0, 0, 1, 0xDC, 0x04, 0x23, 0x28])
# PP2_TYPE_SSL: client flags, verify, and PP2_SUBTYPE_SSL_VERSION in it; an unrelated field before.
OVER_TLS = b"\x04\x00\x02zz" + b"\x20\x00\x0f" + b"\x01\x00\x00\x00\x00" + b"\x21\x00\x07TLSv1.2"


@pytest.mark.parametrize(
    ("header", "forwarded"),
    [
        (v2(FROM_V4), Forwarded("192.0.2.43", 56324)),
        (v2(FROM_V4 + OVER_TLS), Forwarded("192.0.2.43", 56324, "TLSv1.2")),
        (v2(FROM_V4 + b"\x20\x00\x05\x01\x00\x00\x00\x00"), Forwarded("192.0.2.43", 56324, "TLS")),
        (v2(FROM_V4 + b"\x20\x00\x05\x00\x00\x00\x00\x00"), Forwarded("192.0.2.43", 56324)),
        (
            v2(ip_address("2001:db8::1").packed + ip_address("fd00::1").packed + b"\0\1\0\2", family=0x21),
            Forwarded("2001:db8::1", 1),
        ),
        (v2(b"", command=0x20, family=0), Forwarded()),  # a health check of the proxy's own
        (v2(b"", family=0), Forwarded()),  # from what has no address: the connection's own is true
        (v2(b"\x04\x00\x02zz", family=0), Forwarded()),
        (v2(FROM_V4[:-1]), None),
        (v2(FROM_V4, family=0x31), None),
        (v2(FROM_V4, command=0x22), None),
        (v2(FROM_V4)[:-1], None),
        (V2_START, None),
    ],
)
def test_version_2_is_read(header: bytes, forwarded: Forwarded | None) -> None:
    assert read_v2(header) == forwarded


def test_the_length_of_version_2_is_known_from_its_fixed_part() -> None:
    assert v2_length(v2(b"x" * 300)[:16]) == 300


@pytest.mark.parametrize(
    ("seen", "begins"),
    [
        (b"PROXY TCP4", True),
        (V2_START + b"!", True),
        (b"P", None),
        (b"PROXY", None),
        (b"\r\n\r\n", None),
        (b"POST / HTTP/1.1", False),
        (b"PR/", False),
        (b"\r\nGET", False),
        (b"GET", False),
    ],
)
def test_a_proxy_header_is_known_by_its_first_bytes(seen: bytes, begins: object) -> None:
    assert begins_proxy_header(seen) is begins


@given(st.binary(), st.binary())
def test_any_proxy_header_is_read_or_none(line: bytes, body: bytes) -> None:
    for header in (line, b"PROXY TCP4 " + line):
        assert isinstance(read_v1(header), Forwarded | None)
    for header in (line, v2(body), v2(FROM_V4 + body), v2(body, family=0x21)):
        assert isinstance(read_v2(header), Forwarded | None)


# -- headers of the request ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "host", "port", "tls"),
    [
        ({"x_forwarded_for": "192.0.2.43"}, "192.0.2.43", 0, None),
        ({"x_forwarded_for": "192.0.2.43", "x_forwarded_proto": "https"}, "192.0.2.43", 0, "TLS"),
        ({"x_forwarded_for": "192.0.2.43:5000", "x_forwarded_proto": "http"}, "192.0.2.43", 5000, None),
        ({"x_forwarded_for": "6.6.6.6, 192.0.2.43, 10.1.0.9"}, "192.0.2.43", 0, None),  # the first is made up
        ({"x_forwarded_for": "10.1.0.8, 10.1.0.9"}, "10.1.0.8", 0, None),
        ({"x_forwarded_for": "2001:db8::1"}, "2001:db8::1", 0, None),
        ({"forwarded": 'for="[2001:db8:cafe::17]:4711";proto=https'}, "2001:db8:cafe::17", 4711, "TLS"),
        ({"forwarded": "for=6.6.6.6, For=192.0.2.43;Proto=wss;by=10.0.0.1"}, "192.0.2.43", 0, "TLS"),
        ({"forwarded": "for=192.0.2.43", "x_forwarded_for": "192.0.2.43"}, "192.0.2.43", 0, None),
    ],
)
def test_a_trusted_proxy_is_believed(headers: dict[str, str], host: str, port: int, tls: str | None) -> None:
    assert forwarding(**headers) == Peer(host, port, via="10.0.0.1", tls=tls)


def test_headers_of_a_stranger_are_ignored() -> None:
    stranger = Peer("203.0.113.5", 1)
    assert forwarding(stranger, x_forwarded_for="127.0.0.1", x_forwarded_proto="https") == stranger


def test_a_proxy_that_speaks_for_itself_is_the_peer() -> None:
    assert forwarding() == PROXY


@pytest.mark.parametrize(
    ("headers", "kind", "named"),
    [
        # One of them is a stranger's.
        ({"forwarded": "for=192.0.2.1", "x_forwarded_for": "192.0.2.2"}, "bad_forwarding", "in two ways"),
        ({"x_forwarded_for": "unknown"}, "unreadable_forwarding", "X-Forwarded-For"),
        ({"forwarded": "for=_hidden"}, "unreadable_forwarding", "its Forwarded holds no address"),
        ({"forwarded": "proto=https"}, "unreadable_forwarding", "Forwarded"),
        ({"forwarded": "for=_x", "x_forwarded_for": "192.0.2.2"}, "unreadable_forwarding", "its Forwarded"),
    ],
)
def test_what_does_not_say_who_is_refused(headers: dict[str, str], kind: str, named: str) -> None:
    found = forwarding(**headers)
    assert isinstance(found, Refused)
    assert found.kind == kind
    assert named in found.reason


@pytest.mark.parametrize("value", ["", " ", "-", "(null)"])
def test_a_proxy_may_say_that_no_certificate_was_shown(value: str) -> None:
    assert passed_certificate(RequestHead("GET", "/", {"x-cert": value}), "X-Cert") == ""
    assert passed_certificate(RequestHead("GET", "/", {}), "X-Cert") == ""


def test_a_certificate_that_came_twice_is_nobodys() -> None:
    """The proxy added its own behind a stranger's; which is which cannot be told."""
    head = read_head(b"GET / HTTP/1.1\r\nX-Cert: strangers\r\nX-Cert: (null)\r\n\r\n")
    assert isinstance(head, RequestHead)
    found = passed_certificate(head, "X-Cert")
    assert isinstance(found, Refused)
    assert (found.kind, found.reason) == (
        "repeated_header",
        "The header X-Cert came more than once, and said different things.",
    )


@given(st.text(), st.text(), st.text())
def test_any_headers_give_a_peer_or_a_refusal(forwarded: str, chain: str, proto: str) -> None:
    found = forwarding(forwarded=f"for={forwarded}", x_forwarded_for=chain, x_forwarded_proto=proto)
    assert isinstance(found, Peer | Refused)
