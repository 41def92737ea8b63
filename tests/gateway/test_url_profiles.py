"""The four paths, the odd ways chargers write them, and what may be shown of them afterwards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solarocpp.gateway.url_profiles import NOTHING_KNOWN, URL_PROFILES, Known, Target, read_target


def test_the_four_profiles_are_those_of_the_reference_system() -> None:
    assert [profile.template for profile in URL_PROFILES.values()] == [
        "/ocpp/j/v16/IDENTITY",
        "/ocpp/j/v16h/HID/IDENTITY",
        "/ocpp/j/v16u/USERNAME/PASSWORD/IDENTITY",
        "/ocpp/j/v16hu/HID/USERNAME/PASSWORD/IDENTITY",
    ]


def test_a_path_can_be_written_for_whoever_types_it_into_a_charger() -> None:
    path = URL_PROFILES["v16hu"].path("CP 1", hid="abcdefgh", username="d/p", password="a/b?c%")
    assert path == "/ocpp/j/v16hu/abcdefgh/d%2Fp/a%2Fb%3Fc%25/CP%201"


@pytest.mark.parametrize(
    ("target", "read"),
    [
        ("/ocpp/j/v16/CP001", Target("v16", identifier="CP001")),
        ("/ocpp/j/v16h/H1/CP001", Target("v16h", hid="H1", identifier="CP001")),
        ("/ocpp/j/v16u/foo/bar/CP001", Target("v16u", username="foo", password=b"bar", identifier="CP001")),
        (
            "/ocpp/j/v16hu/H1/foo/bar/CP001",
            Target("v16hu", hid="H1", username="foo", password=b"bar", identifier="CP001"),
        ),
        # The reference system decodes first and cannot take a slash in a password (spec 1.1).
        ("/ocpp/j/v16u/f%2Fo/b%2Fr/C%2FP", Target("v16u", username="f/o", password=b"b/r", identifier="C/P")),
        ("/ocpp/j/v16u/foo/%ff%00/CP001", Target("v16u", username="foo", password=b"\xff\0", identifier="CP001")),
        ("/ocpp/j/v16/RDAM%7C123", Target("v16", identifier="RDAM|123")),  # Q08
        ("/ocpp/j/v16/with%20space", Target("v16", identifier="with space")),  # Q08
        ("/ocpp/j/v16/GaroCS-4133AAAA46980", Target("v16", identifier="GaroCS-4133AAAA46980")),  # Q09
        ("/ocpp/j/v16/100%25", Target("v16", identifier="100%")),  # Q09
        ("/ocpp/j/v16/caf%C3%A9", Target("v16", identifier="café")),
        ("/ocpp/j/v16/a/b", Target("v16", identifier="a/b")),
        ("/ocpp/j/v16/CP001?token=x#y", Target("v16", identifier="CP001")),
        ("/ocpp/j/v16/" + "x" * 48, Target("v16", identifier="x" * 48)),
    ],
)
def test_a_path_is_read_by_its_profile(target: str, read: Target) -> None:
    assert read_target(target) == read


@pytest.mark.parametrize(
    ("target", "identifier", "repairs"),
    [
        ("/ocpp/j/v16/CP001/", "CP001", ("extra_slashes",)),
        ("//ocpp//j/v16///CP001", "CP001", ("extra_slashes",)),
        ("/ocpp/j/v16/a//b", "a/b", ("extra_slashes",)),
        ("ws://depot:9000/ocpp/j/v16/CP001", "CP001", ("absolute_target",)),  # Q06
        ("http://foo:bar@[::1]/ocpp/j/v16/CP001?x", "CP001", ("absolute_target",)),
        ("/ws://192.168.1.5:9000/ocpp/j/v16/CP_1", "CP_1", ("pasted_url",)),  # Q07
        ("/ocpp/j/v16/ws://depot//ocpp/j/v16u/foo/bar/CP_1", "CP_1", ("pasted_url",)),
        ("wss://depot/steve/ocpp/j/v16/CP001", "CP001", ("absolute_target", "pasted_url")),
        ("/ocpp/j/v16/" + "x" * 49, "x" * 49, ("identifier_long",)),  # Q09
    ],
)
def test_odd_paths_are_taken_and_named(target: str, identifier: str, repairs: tuple[str, ...]) -> None:
    read = read_target(target)
    assert (read.identifier, read.repairs) == (identifier, repairs)


@pytest.mark.parametrize(
    ("target", "problem", "shown"),
    [
        ("/", "bad_path", "/"),
        ("*", "bad_path", "/..."),
        ("ws://depot", "bad_path", "/"),
        ("/CP001", "bad_path", "/CP001"),
        ("/steve/foo/secret", "bad_path", "/steve/..."),
        ("/foo:secret@depot/CP001", "bad_path", "/..."),
        ("/ocpp/j/v201/CP001", "bad_path", "/ocpp/..."),
        ("/ocpp/j/v16", "bad_path", "/ocpp/j/v16/..."),
        ("/ocpp/j/v16/", "bad_path", "/ocpp/j/v16/..."),
        ("/ocpp/j/v16u/foo/secret", "bad_path", "/ocpp/j/v16u/..."),
        ("/ocpp/j/v16u/foo//CP001", "bad_path", "/ocpp/j/v16u/..."),
        ("/ocpp/j/v16/%zz", "bad_encoding", "/ocpp/j/v16/..."),
        ("/ocpp/j/v16/100%", "bad_encoding", "/ocpp/j/v16/..."),
        ("/ocpp/j/v16/%ff", "bad_encoding", "/ocpp/j/v16/..."),
        ("/ocpp/j/v16u/foo/%2/CP001", "bad_encoding", "/ocpp/j/v16u/..."),
        ("/ocpp/j/v16/a%0Ab", "bad_identifier", "/ocpp/j/v16/..."),
        ("/ocpp/j/v16/CP001%20", "bad_identifier", "/ocpp/j/v16/..."),
        ("/ocpp/j/v16/" + "x" * 256, "bad_identifier", "/ocpp/j/v16/..."),
    ],
)
def test_a_path_that_cannot_be_read_shows_nothing_that_may_be_secret(target: str, problem: str, shown: str) -> None:
    read = read_target(target)
    assert (read.problem, read.shown()) == (problem, shown)


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/ocpp/j/v16/CP001?password=secret", "/ocpp/j/v16/CP001"),
        ("ws://foo:secret@depot/ocpp/j/v16/CP001", "/ocpp/j/v16/CP001"),
        # Pasted under the profile that takes none, in every spelling.
        ("/ocpp/j/v16/foo/secret/CP001", "/ocpp/j/v16/..."),
        ("/ocpp/j/v16/foo/secret", "/ocpp/j/v16/..."),
        ("/ocpp/j/v16/foo:secret", "/ocpp/j/v16/..."),
        ("/ocpp/j/v16/foo%3Asecret%40CP001", "/ocpp/j/v16/..."),
        ("/ocpp/j/v16/foo%253Asecret", "/ocpp/j/v16/..."),
        ("/ocpp/j/v16/foo%2Fsecret", "/ocpp/j/v16/..."),
        # Parts that nothing is known of may have been swapped.
        ("/ocpp/j/v16h/secret/CP001", "/ocpp/j/v16h/.../..."),
        ("/ocpp/j/v16h/foo/secret", "/ocpp/j/v16h/.../..."),
        ("/ocpp/j/v16u/secret/foo/CP001", "/ocpp/j/v16u/.../[redacted]/..."),
        ("/ocpp/j/v16hu/foo/secret/CP001/CP001", "/ocpp/j/v16hu/.../.../[redacted]/..."),
    ],
)
def test_a_path_is_shown_without_passwords(target: str, shown: str) -> None:
    read = read_target(target)
    assert read.shown() == shown
    assert "secret" not in repr(read)


@pytest.mark.parametrize(
    ("target", "known", "shown"),
    [
        ("/ocpp/j/v16/depot/CP001", Known(identifier=True), "/ocpp/j/v16/depot/CP001"),
        ("/ocpp/j/v16h/H1/CP001", Known(hid=True), "/ocpp/j/v16h/H1/CP001"),
        ("/ocpp/j/v16h/H1/CP001", Known(identifier=True), "/ocpp/j/v16h/.../CP001"),
        ("/ocpp/j/v16h/H1/foo:secret", Known(hid=True, password=True), "/ocpp/j/v16h/H1/..."),
        ("/ocpp/j/v16u/foo/CP001/secret", Known(username=True), "/ocpp/j/v16u/foo/[redacted]/..."),
        ("/ocpp/j/v16u/foo/pass/CP001", Known(username=True, identifier=True), "/ocpp/j/v16u/foo/[redacted]/CP001"),
        # The password was right: nothing is swapped, and who is unknown should be told.
        ("/ocpp/j/v16u/foo/pass/CP9", Known(username=True, password=True), "/ocpp/j/v16u/foo/[redacted]/CP9"),
        ("/ocpp/j/v16hu/x/foo/pass/CP9", Known(password=True), "/ocpp/j/v16hu/.../foo/[redacted]/CP9"),
    ],
)
def test_what_is_known_is_shown(target: str, known: Known, shown: str) -> None:
    assert read_target(target).shown(known) == shown


def test_what_a_path_does_not_have_is_not_shown() -> None:
    read = read_target("/ocpp/j/v16/CP001")
    assert (read.shown_hid(NOTHING_KNOWN), read.shown_username(NOTHING_KNOWN)) == ("", "")
    assert read_target("/x").shown_identifier(NOTHING_KNOWN) == ""


def segments(read: Target) -> set[str]:
    return {read.hid or "", read.username or "", (read.password or b"").decode(), read.identifier or ""}


@given(
    st.sampled_from(sorted(URL_PROFILES)),
    *[st.text(min_size=1).filter(lambda text: max(text) < "\ud800")] * 3,
    st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=40),
)
def test_what_is_written_is_what_is_read(name: str, hid: str, username: str, password: str, identifier: str) -> None:
    """Whatever the characters: that is what cutting before decoding is for."""
    profile = URL_PROFILES[name]
    parts = {"hid": hid, "username": username, "password": password}
    read = read_target(profile.path(identifier, **parts))
    assert read.problem is None
    assert segments(read) - {""} == {*(parts[part] for part in profile.parts), identifier}


@given(st.text() | st.text("/ocpjv16hu%~.:#?@ ").map("/ocpp/j/v16u/".__add__))
def test_any_target_is_read(target: str) -> None:
    read = read_target(target)
    assert (read.problem is None) == (read.identifier is not None)
    assert read.shown().startswith("/")


def test_an_identity_that_is_a_mac_address_is_shown() -> None:
    """Many chargers come with one; nobody could register it if it were hidden like `user:password`."""
    assert read_target("/ocpp/j/v16/AA:BB:0c:DD:EE:FF").shown() == "/ocpp/j/v16/AA:BB:0c:DD:EE:FF"
    assert read_target("/ocpp/j/v16/AA:BB:0c:DD:EE:secret").shown() == "/ocpp/j/v16/..."
