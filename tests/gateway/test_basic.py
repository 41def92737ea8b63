"""HTTP Basic as chargers send it (spec 1.2, 13.6)."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solarocpp.gateway.basic import BasicCredentials, read_basic


def basic(credentials: bytes, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(credentials).decode()}"


@pytest.mark.parametrize(
    ("header", "username", "password"),
    [
        (basic(b"foo:bar"), "foo", b"bar"),
        (basic(b"foo:bar", "BASIC"), "foo", b"bar"),
        (basic(b"foo:bar", "Basic  "), "foo", b"bar"),
        (basic(b"foo:b:a:r"), "foo", b"b:a:r"),
        (basic(b"foo:"), "foo", b""),
        (basic(b"foo:\xff\x00\x13"), "foo", b"\xff\x00\x13"),  # Q110: keys that are no text
        (basic("café:bär".encode()), "café", "bär".encode()),
        (basic("café:bär".encode("latin-1")), "café", b"b\xe4r"),
    ],
)
def test_credentials_are_read(header: str, username: str, password: bytes) -> None:
    assert read_basic(header) == BasicCredentials(username, password)


def test_a_colon_without_a_blank_ends_the_scheme_word() -> None:
    assert read_basic("Basic:Zm9vOmJhcg==") == BasicCredentials("foo", b"bar", ("scheme_word",))


@pytest.mark.parametrize("scheme", ["Basic:", "Diddly"])
def test_the_scheme_word_is_not_looked_at_but_noted(scheme: str) -> None:
    assert read_basic(basic(b"foo:bar", scheme)) == BasicCredentials("foo", b"bar", ("scheme_word",))


@pytest.mark.parametrize(
    "header", ["", "Basic", "Diddly Squat", "Basic Oh:no", basic(b"nocolon"), basic(b":bar"), "Basic é", "Basic a=b="]
)
def test_what_is_no_basic_is_none(header: str) -> None:
    assert read_basic(header) is None


def test_the_password_is_never_shown() -> None:
    assert "bar" not in repr(read_basic(basic(b"foo:bar")))


@given(st.text() | st.binary().map(basic))
def test_any_header_is_credentials_or_none(header: str) -> None:
    assert isinstance(read_basic(header), BasicCredentials | None)
