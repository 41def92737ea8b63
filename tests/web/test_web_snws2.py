"""Requests that are signed SolarNetwork's way; the vectors were made with solarnetwork-api-core 3.0.0 from npm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from served import NOW, TOKEN, Served
from signing import Snws2

from solarocpp.registry import NewToken
from solarocpp.web.gate import Gate
from solarocpp.web.snws2 import SignedRequest, _canonical_requests, judge_request, matches_signature, read_credentials

SECRET = "test-token-secret"
DAY = "Tue, 25 Apr 2017 14:30:00 GMT"
THEN = datetime(2017, 4, 25, 14, 30, tzinfo=UTC)
SIMPLE = SignedRequest("GET", "/api/test", "", {"host": "localhost", "date": DAY}, b"")
JSON = SignedRequest(
    "POST",
    "/solaruser/api/v1/sec/user/ocpp/authorizations",
    "",
    {
        "host": "localhost",
        "x-sn-date": DAY,
        "content-type": "application/json; charset=utf-8",
        "digest": "sha-256=Iob6qB/a9AIwUZYPlqVC9x91vO8ehDZbsUz/pfhfdHA=",
    },
    b'{"token":"ABC123"}',
)
QUERY = SignedRequest(
    "GET",
    "/solarquery/api/v1/sec/datum/list",
    "nodeId=1&sourceIds=%2Focpp%2Fcp%2F**,a%20b%2Bc&startDate=2026-03-01T00:00&x=%C3%A9!*()'",
    {"host": "127.0.0.1:8080", "x-sn-date": DAY},
    b"",
)


def signed(names: str, signature: str) -> Any:
    found = read_credentials(f"Credential=test-token-id,SignedHeaders={names},Signature={signature}")
    assert found is not None
    return found


BY_JAVASCRIPT = [
    (SIMPLE, "date;host", "4739139d3d370f147b6585795c309b1c6d7d7f59943081f7dd943f689cfa59a3"),
    (QUERY, "host;x-sn-date", "9ad91f2e5f7ee239787591414aa2f09235e25d99c8a3cbcee48a28063493de3e"),
    (
        JSON,
        "content-type;digest;host;x-sn-date",
        "54db47992c4c5ef9bccaed2bb97fdeecd0e160fa4c2cb900134500cc921a1230",
    ),
    # With the key of five days before.
    (SIMPLE, "date;host", "1b531914d8faf774d206f6daea36ec28bffb111b02901847340761ac024e7a66"),
]
EIGHTH_DAY = "413c5b7c1ec72ee49676bb7e522e41bc7fd496879990c1d91b7c819177d53e35"


@pytest.mark.parametrize(("request_", "names", "signature"), BY_JAVASCRIPT)
def test_a_signature_of_the_javascript_library_is_right(request_: SignedRequest, names: str, signature: str) -> None:
    credentials = signed(names, signature)
    assert judge_request(request_, credentials, THEN) == ""
    assert matches_signature(request_, credentials, SECRET)
    assert not matches_signature(request_, credentials, "another secret")
    assert not matches_signature(request_, credentials, "")


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"path": "/solaruser/api/v1/sec/user/ocpp/chargers"},
        {"query": "id=1"},
        {"body": b'{"token":"ABC124"}'},
        {"body": b""},
        {"headers": {**JSON.headers, "host": "elsewhere"}},
        {"headers": {**JSON.headers, "content-type": "text/plain"}},
        {"headers": {**JSON.headers, "x-sn-date": "Tue, 25 Apr 2017 14:30:01 GMT"}},
    ],
)
def test_nothing_that_was_signed_can_be_changed(change: dict[str, Any]) -> None:
    _, names, signature = BY_JAVASCRIPT[2]
    assert not matches_signature(JSON._replace(**change), signed(names, signature), SECRET)


def test_the_key_of_a_day_is_good_for_a_week() -> None:
    assert not matches_signature(SIMPLE, signed("date;host", EIGHTH_DAY), SECRET)


@pytest.mark.parametrize(
    ("names", "headers", "reason"),
    [
        ("date", {}, "The header Host must be signed."),
        ("host", {}, "One of the headers X-SN-Date and Date must be signed."),
        ("date;host", {"content-type": "text/plain"}, "The header content-type must be signed."),
        ("date;host", {"digest": "sha-256=x"}, "The header digest must be signed."),
        ("date;host", {"x-sn-date": DAY}, "The header x-sn-date must be signed."),
        ("date;host", {"solarocpp-account": "2"}, "The header solarocpp-account must be signed."),
        (
            "date;host",
            {"date": "yesterday"},
            "The header X-SN-Date or Date must be like: Sun, 01 Mar 2026 12:00:00 GMT.",
        ),
        (
            "date;host",
            {"date": "Tue, 25 Apr 2017 14:14:59 GMT"},
            "The date of the request is more than 15 minutes from ours, Tue, 25 Apr 2017 14:30:00 GMT.",
        ),
        (
            "date;host",
            {"date": "Tue, 25 Apr 2017 14:45:01 GMT"},
            "The date of the request is more than 15 minutes from ours, Tue, 25 Apr 2017 14:30:00 GMT.",
        ),
        ("date;host", {"date": "Tue, 25 Apr 2017 14:45:00 GMT"}, ""),
        ("date;host", {"date": "Tue, 25 Apr 2017 16:20:00 +0200"}, ""),
    ],
)
def test_what_could_be_changed_or_sent_again_is_refused(names: str, headers: dict[str, str], reason: str) -> None:
    request = SIMPLE._replace(headers={**SIMPLE.headers, **headers})
    assert judge_request(request, signed(names, "0" * 64), THEN) == reason


@pytest.mark.parametrize(
    "request_",
    [
        SIMPLE._replace(query="&" * 10_000 + "nodeId=2"),
        SIMPLE._replace(
            method="POST",
            headers={**SIMPLE.headers, "content-type": "application/x-www-form-urlencoded"},
            body=b"&" * 10_000 + b"nodeId=2",
        ),
    ],
)
def test_parameters_that_are_too_many_to_be_looked_at_are_refused(request_: SignedRequest) -> None:
    """What was left unread would not be part of what was signed: anybody could add it to a request he overheard."""
    credentials = signed(";".join(sorted(request_.headers)), "0" * 64)
    assert judge_request(request_, credentials, THEN) == "A signed request may have 10000 parameters."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "Credential=1",
        "Credential=1,SignedHeaders=date;host",
        "Credential=1,Signature=12",
        "Signature=" + "0" * 64,
    ],
)
def test_what_is_no_signature_is_none(text: str) -> None:
    assert read_credentials(text) is None


def test_fields_of_a_form_may_be_signed_as_parameters() -> None:
    """As servlets see them; the body cannot be another then either."""
    plain = SignedRequest("POST", "/a", "x=1&y=2%203", {"host": "h", "date": DAY}, b"")
    text = "Credential=1,SignedHeaders=date;host,Signature="
    (as_query,) = _canonical_requests(plain, ("date", "host"))
    form = SignedRequest(
        "POST", "/a", "x=1", {**plain.headers, "content-type": "application/x-www-form-urlencoded"}, b"y=2+3"
    )
    assert read_credentials(text + "0" * 64) is not None
    assert as_query in _canonical_requests(form, ("date", "host"))
    assert as_query not in _canonical_requests(form._replace(body=b"y=2+4"), ("date", "host"))
    assert as_query not in _canonical_requests(form._replace(headers=plain.headers), ("date", "host"))


def signing_client(api: Served, auth: Snws2) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=api.http.base_url, auth=auth, trust_env=False, timeout=60)


async def test_a_signed_request_is_its_tokens(api: Served) -> None:
    _, text = await api.registry.add_token(NewToken(name="reports", snws2=True), now=NOW)
    async with signing_client(api, Snws2(text, NOW)) as http:
        answer = await http.get("/api/tokens")
        assert [row["name"] for row in answer.json()] == ["reports"]
        made = await http.post("/api/authorizations", json={"token": "ABC123"})
        assert (made.status_code, made.json()["authorization"]["token"]) == (201, "ABC123")
    async with api.as_caller(text) as http:  # the same token goes as a bearer's, too
        assert (await http.get("/api/tokens")).status_code == 200


@pytest.mark.parametrize(
    ("order", "auth", "reason"),
    [
        (
            NewToken(name="plain"),
            {},
            "The signature is not right, or the token was not made for signing: solarocpp token add NAME --snws2",
        ),
        (
            NewToken(name="late", snws2=True),
            {"now": NOW - timedelta(minutes=16)},
            "The date of the request is more than 15 minutes from ours, Sun, 01 Mar 2026 12:00:00 GMT.",
        ),
        (NewToken(name="short", snws2=True), {"signed": "x-sn-date"}, "The header Host must be signed."),
    ],
)
async def test_what_is_wrong_with_a_signature_is_said(
    api: Served, order: NewToken, auth: dict[str, Any], reason: str
) -> None:
    _, text = await api.registry.add_token(order, now=NOW)
    async with signing_client(api, Snws2(text, **{"now": NOW, **auth})) as http:
        answer = await http.get("/api/tokens")
    assert (answer.status_code, answer.json()) == (401, {"error": reason, "kind": "unauthorized"})


async def test_a_wrong_secret_and_no_token_are_told_the_same(api: Served) -> None:
    await api.registry.add_token(NewToken(name="reports", snws2=True), now=NOW)
    told = []
    for token in ("1.wrong", "99.wrong", "x.wrong"):
        async with signing_client(api, Snws2(token, NOW)) as http:
            answer = await http.get("/api/tokens")
        told.append((answer.status_code, answer.content))
    assert len(set(told)) == 1
    assert told[0][0] == 401


async def test_a_body_that_is_too_long_is_not_read_to_its_end(api: Served) -> None:
    """It must be read before it is known who asks, so nobody may have us hold more than 1 MB."""
    asked, sent = [], []

    async def receive() -> Any:
        asked.append(1)
        return {"type": "http.request", "body": b" " * 600_000, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Any = {
        "type": "http",
        "method": "POST",
        "path": "/api/chargers",
        "query_string": b"",
        "headers": [(b"authorization", b"SNWS2 Credential=1,SignedHeaders=date;host,Signature=" + b"0" * 64)],
    }
    await Gate(api.app, TOKEN, api.registry, lambda: NOW).app(scope, receive, send)
    assert len(asked) == 2
    assert sent[0]["status"] == 413
    assert msgspec.json.decode(sent[1]["body"]) == {"error": "The body is too long.", "kind": "too_large"}


async def test_only_a_token_made_for_it_has_its_secret_kept(api: Served) -> None:
    _, plain = await api.registry.add_token(NewToken(name="plain"), now=NOW)
    signer, text = await api.registry.add_token(NewToken(name="signer", snws2=True), now=NOW)
    secrets = api.store.secrets.read_now(
        lambda con: con.execute('SELECT name, "signingSecret" FROM "apiToken" ORDER BY name').fetchall()
    )
    assert secrets == [("plain", None), ("signer", text.partition(".")[2])]
    assert (api.store.directory / "secrets.duckdb").stat().st_mode & 0o777 == 0o600
    assert text.partition(".")[2] not in repr(signer)
    listed = (await api.http.get("/api/tokens")).content
    for secret in (plain, text):
        assert secret.partition(".")[2].encode() not in listed
    assert [row["snws2"] for row in msgspec.json.decode(listed)] == [False, True]
