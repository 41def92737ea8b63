"""Request heads: as RFC 9112 wants them, as chargers write them, and as no one should."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solarocpp.gateway.refusals import Refused
from solarocpp.gateway.request_head import RequestHead, head_end, read_head


def test_a_head_is_read() -> None:
    head = read_head(b"GET /x HTTP/1.1\r\nHost: a\r\nX-Empty:\r\n\r\n")
    assert head == RequestHead("GET", "/x", {"host": "a", "x-empty": ""})


@pytest.mark.parametrize(
    ("raw", "head"),
    [
        (b"GET /x HTTP/1.1\nHost: a\n\n", RequestHead("GET", "/x", {"host": "a"}, ("head_loosely_written",))),
        (b"GET /x HTTP/1.1\r\nno colon", RequestHead("GET", "/x", {}, ("head_loosely_written",))),
        (b"\r\n\r\nGET  /x  HTTP/1.0\r\n\r\n", RequestHead("GET", "/x", {})),
        (b"GET /my charger HTTP/1.1", RequestHead("GET", "/my charger", {}, ("target_unencoded",))),  # Q08
        (b"GET /caf\xc3\xa9 HTTP/1.1", RequestHead("GET", "/caf\xc3\xa9", {}, ("target_unencoded",))),
    ],
)
def test_odd_heads_are_taken_and_named(raw: bytes, head: RequestHead) -> None:
    assert read_head(raw) == head


def test_repeated_headers_are_joined_so_that_none_hides_behind_another() -> None:
    head = read_head(b"GET / HTTP/1.1\r\nForwarded: for=a\r\nHost: x\r\nforwarded: for=b, for=c\r\nHOST: x\r\n\r\n")
    assert isinstance(head, RequestHead)
    assert head.elements("forwarded") == ("for=a", "for=b", "for=c")
    assert head.headers["host"] == "x"  # said twice, but not differently
    assert head.elements("missing") == ()
    assert head.repeated == {"forwarded"}


@pytest.mark.parametrize("line", [b" X-Forwarded-For: 6.6.6.6", b"X-Forwarded-For : 6.6.6.6", b"\tX-Forwarded-For: 6"])
def test_a_line_that_a_proxy_may_read_otherwise_is_no_header(line: bytes) -> None:
    """Else a stranger could tell us what only the proxy may tell."""
    head = read_head(b"GET / HTTP/1.1\r\nHost: a\r\n" + line + b"\r\n\r\n")
    assert head == RequestHead("GET", "/", {"host": "a"}, ("head_loosely_written",))


@pytest.mark.parametrize("raw", [b"", b"hello", b"GET /x", b"GET  HTTP/1.1", b"GET /x HTPP/1.1", b"GET /x HTTP/1.1 y"])
def test_what_has_no_request_line_is_refused(raw: bytes) -> None:
    refused = read_head(raw)
    assert isinstance(refused, Refused)
    assert (refused.kind, refused.status) == ("not_http", 400)


@pytest.mark.parametrize("ending", [b"\r\n\r\n", b"\n\n", b"\r\n\n", b"\n\r\n"])
def test_the_end_is_found_however_it_arrives(ending: bytes) -> None:
    whole = b"\r\nGET / HTTP/1.1\r\nHost: a" + ending
    for cut in range(len(whole)):
        assert head_end(whole[:cut]) is None
        assert head_end(whole + b"\x81early", cut) == len(whole)


@given(st.binary() | st.binary().map(b"GET /ocpp/j/v16/CP001 HTTP/1.1\r\n".__add__))
def test_any_bytes_are_a_head_or_refused(raw: bytes) -> None:
    assert isinstance(read_head(raw), RequestHead | Refused)
    head_end(raw)
