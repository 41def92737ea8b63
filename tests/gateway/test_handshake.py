"""Handshakes: what is refused with which status and why, and what real chargers get away with."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from solarocpp.gateway.handshake import (
    Admitted,
    Claim,
    Refused,
    RequestHead,
    canonical_head,
    judge_claim,
    read_claim,
    read_head,
    refusal_response,
)
from solarocpp.ocpp.datatypes import ChargePointId
from solarocpp.registry import Charger, Credential

THEN = datetime(2026, 1, 1, tzinfo=UTC)
CP001 = Charger(charger_id=1, account_id=1, node_id=1, identifier=ChargePointId("CP001"), created=THEN)
DISABLED = Charger(
    charger_id=2, account_id=1, node_id=1, identifier=ChargePointId("CP002"), created=THEN, enabled=False
)
FOO = Credential(
    credential_id=1, account_id=1, username="foo", allowed=(), kind="generated", hash="secret", created=THEN
)


class Directory:
    """Two chargers, found ignoring case."""

    def charger_by_identifier(self, identifier: str, account_id: int | None = None) -> Charger | None:
        return {"cp001": CP001, "cp002": DISABLED}.get(identifier.casefold()) if account_id == 1 else None


def head(target: str = "/ocpp/j/v16/CP001", *, without: str = "", method: str = "GET", **changed: str) -> RequestHead:
    headers = {
        "host": "depot:9000",
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-version": "13",
        "sec-websocket-protocol": "ocpp1.6",
        "authorization": "Basic " + base64.b64encode(b"foo:bar:baz").decode(),
    } | {name.replace("_", "-"): value for name, value in changed.items()}
    headers.pop(without, None)
    return RequestHead(method, target, headers)


def claim(**changed: str) -> Claim:
    found = read_claim(head(**changed))
    assert isinstance(found, Claim)
    return found


def test_a_claim_is_read_and_a_password_may_hold_colons() -> None:
    found = claim()
    assert (found.identifier, found.username, found.password) == ("CP001", "foo", b"bar:baz")
    assert (found.subprotocol, found.repairs) == ("ocpp1.6", ())


@pytest.mark.parametrize(
    ("target", "identifier"),
    [
        ("/ocpp/j/v16/CP001/", "CP001"),
        ("/ocpp/j/v16/CP001?x=1", "CP001"),
        ("ws://depot:9000/ocpp/j/v16/CP001", "CP001"),  # Q06
        ("/ocpp/j/v16/RDAM%7C123", "RDAM|123"),  # Q08
        ("/ocpp/j/v16/with%20space", "with space"),  # Q08
        ("/ocpp/j/v16/GaroCS-4133AAAA46980", "GaroCS-4133AAAA46980"),  # Q09
        ("/ocpp/j/v16/a/b", "a/b"),
        ("/ocpp/j/v16/100%25", "100%"),  # Q09
    ],
)
def test_identifiers_are_read_from_the_path(target: str, identifier: str) -> None:
    assert claim(target=target).identifier == identifier


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (head("/"), 404),
        (head("/ocpp/j/v16/"), 404),
        (head("/ocpp/j/v16/%zz"), 404),
        (head("/ocpp/j/v16/%ff"), 404),
        (head("/ocpp/j/v16/" + "x" * 256), 404),
        (head("/ocpp/j/v16/a%0Ab"), 404),
        (head(without="upgrade"), 426),
        (head(without="sec-websocket-key"), 426),
        (head(method="POST"), 426),
        (head(sec_websocket_version="8"), 426),
        (head(sec_websocket_protocol="ocpp2.0.1"), 400),
        (head(without="authorization"), 401),
        (head(authorization="Diddly Squat"), 401),
        (head(authorization="Basic Oh:no"), 401),
        (head(authorization="Basic " + base64.b64encode(b"nocolon").decode()), 401),
    ],
)
def test_what_cannot_be_is_refused_with_its_status(request_head: RequestHead, status: int) -> None:
    refused = read_claim(request_head)
    assert isinstance(refused, Refused)
    assert refused.status == status


def test_missing_credentials_are_challenged() -> None:
    """A charger that waits for the challenge could never connect to the reference system (spec Q14)."""
    refused = read_claim(head(without="authorization"))
    assert isinstance(refused, Refused)
    assert b'\r\nWWW-Authenticate: Basic realm="solarocpp"' in refusal_response(refused)


@pytest.mark.parametrize(
    ("changes", "repair"),
    [
        ({"without": "sec-websocket-protocol"}, "no `Sec-WebSocket-Protocol` (Q01)"),
        ({"without": "connection"}, "no `Connection: Upgrade` (Q03)"),
        ({"without": "sec-websocket-version"}, "no `Sec-WebSocket-Version`"),
        ({"target": "http://x/ocpp/j/v16/CP001"}, "absolute request target (Q06)"),
    ],
)
def test_odd_handshakes_are_taken_and_named(changes: dict[str, str], repair: str) -> None:
    assert claim(**changes).repairs == (repair,)


def test_a_strict_server_wants_the_subprotocol() -> None:
    refused = read_claim(head(without="sec-websocket-protocol"), strict_subprotocol=True)
    assert isinstance(refused, Refused)
    assert (refused.status, refused.reason) == (400, "The charger offers no subprotocol; only ocpp1.6 is spoken here.")


def test_the_scheme_word_of_authorization_is_not_looked_at() -> None:
    assert claim(authorization="Basic: " + base64.b64encode(b"foo:bar").decode()).password == b"bar"


@pytest.mark.parametrize(
    ("identifier", "credential", "status"),
    [
        ("CP001", None, 401),
        ("CP999", FOO, 404),
        ("CP002", FOO, 403),
        ("CP001", Credential(1, 1, "foo", ("CP009",), "generated", "h", THEN), 403),
        ("CP001", Credential(1, 2, "foo", (), "generated", "h", THEN), 404),  # another account's charger
    ],
)
def test_who_may_not_is_told_why(identifier: str, credential: Credential | None, status: int) -> None:
    verdict = judge_claim(claim(target=f"/ocpp/j/v16/{identifier}"), credential, Directory())
    assert isinstance(verdict, Refused)
    assert verdict.status == status


@pytest.mark.parametrize("allowed", [(), ("cp001",), ("CP009", "CP001")])
def test_case_does_not_keep_a_charger_out(allowed: tuple[str, ...]) -> None:
    credential = Credential(1, 1, "foo", allowed, "generated", "h", THEN)
    verdict = judge_claim(claim(target="/ocpp/j/v16/cp001"), credential, Directory())
    assert isinstance(verdict, Admitted)
    assert verdict.charger.identifier == "CP001"


def test_head_survives_bare_newlines_and_lines_without_colon() -> None:
    found = read_head(b"GET /x HTTP/1.1\nHost: a\nnonsense\nHOST: second")
    assert found == RequestHead("GET", "/x", {"host": "a"})


@pytest.mark.parametrize("raw", [b"", b"hello", b"GET /x", b"GET /a b HTTP/1.1", b"GET /x HTPP/1.1"])
def test_what_is_no_request_line_is_400(raw: bytes) -> None:
    refused = read_head(raw)
    assert isinstance(refused, Refused)
    assert refused.status == 400


def test_the_library_sees_only_a_canonical_head() -> None:
    found = claim(target="http://x/ocpp/j/v16/CP001?y", without="connection", sec_websocket_extensions="x")
    assert canonical_head(found) == (
        b"GET /ocpp/j/v16/CP001 HTTP/1.1\r\nHost: depot:9000\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
    )


def test_a_refusal_says_why_and_what_to_do() -> None:
    response = refusal_response(Refused(404, "There is no charger X.", "Register it."))
    assert response == (
        b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 36\r\n"
        b"Connection: close\r\n\r\nThere is no charger X.\nRegister it.\n"
    )


def test_a_claim_never_shows_its_password() -> None:
    assert "bar" not in repr(claim())
