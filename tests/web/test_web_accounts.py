"""Nothing of one account is visible to another's token, on any route there is.

Account 1 has things called `quay-...` and node 4711, nobody has things called `jazz-...` or node 4712,
and the token of account 2 asks for both. The rule that every route is held to: what names account 1's
things is answered word for word as what names nobody's, and no answer mentions what was not asked for.
The routes, and the query parameters of each, are those of the app: one without a decision (decisions.py) fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
import trio
from decisions import (
    ALWAYS,
    DECISIONS,
    LISTING,
    NOBODYS,
    NOBODYS_NODE,
    PARAMETERS,
    THEIR_NODE,
    THEIRS,
    VALUES,
    WHOLE_BOX,
    Try,
)
from served import NOW, TOKEN, FakeLink, Served
from two_accounts import Box, two_accounts

from solarocpp.registry import NewToken


@pytest.fixture
async def box(api: Served) -> Box:
    return await two_accounts(api)


def routes(box: Box) -> Iterator[str]:
    for route in box.api.app.routes:
        for method in sorted(getattr(route, "methods", {type(route).__name__}) - {"OPTIONS"}):
            yield f"{method} {route.path_format}"


def decided(decision: list[Try]) -> list[str]:
    """The paths that are answered so."""
    return [route.removeprefix("GET ") for route, attempts in DECISIONS.items() if attempts is decision]


async def parameters(box: Box) -> dict[str, list[str]]:
    """The query parameters of each route, as the app describes itself."""
    paths = (await box.api.http.get("/schema/openapi.json")).json()["paths"]
    return {
        f"{method.upper()} {path}": [row["name"] for row in operation.get("parameters", []) if row["in"] == "query"]
        for path, operations in paths.items()
        for method, operation in operations.items()
    }


def written(content: Any, word: str, node: str) -> Any:
    """Fills in what is asked about."""
    text = msgspec.json.encode(content).decode().replace("{word}", word).replace('"{node}"', node)
    return msgspec.json.decode(text.replace("{node}", node))


# What differs from one new thing to the next, whoever has what.
COUNTED = re.compile(
    r'"(id|chargePointId|chargerId|credentialId|authorizationId|profileId|tokenId|password|secret)":("[^"]*"|\d+)'
)


class Walk:
    """Asks as account 2, once about account 1's things and once about nobody's, and compares."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def ask(self, route: str, attempt: Try, params: dict[str, str]) -> None:
        theirs, nobodys = [
            await self._answer(route, attempt, params, word, node)
            for word, node in ((THEIRS, THEIR_NODE), (NOBODYS, NOBODYS_NODE))
        ]
        place = (route, attempt, params, theirs.text)
        assert nobodys.status_code == attempt.status, (*place, nobodys.text)
        if attempt.kind:
            assert kind_of(nobodys) == attempt.kind, place
        if attempt.shared:
            assert kind_of(theirs) == attempt.shared, place
            assert theirs.text.count(THEIRS) <= 1, place
            return
        about_nobody = theirs.text.replace(THEIRS, NOBODYS).replace(THEIR_NODE, NOBODYS_NODE)
        assert COUNTED.sub("", about_nobody) == COUNTED.sub("", nobodys.text), place
        if not asks_about(attempt, params):
            assert THEIRS not in theirs.text, place
            assert THEIR_NODE not in theirs.text, place

    async def _answer(self, route: str, attempt: Try, params: dict[str, str], word: str, node: str) -> httpx.Response:
        method, path = route.split()
        path = re.sub(r"\{.*\}", str(written(attempt.words, word, node)), path)
        body = None if attempt.body is None else written(attempt.body, word, node)
        while True:
            answer = await self._http.request(method, path, params=written(params, word, node), json=body)
            if answer.status_code != 429:
                return answer
            # A token asks so many times a second, and a quick machine comes to that.
            await trio.sleep(float(answer.headers["retry-after"]))


def kind_of(answer: httpx.Response) -> object:
    """Why it was refused, in our word or in SolarNetwork's."""
    told = answer.json()
    return told.get("kind") or told.get("code") or told.get("message")


def asks_about(attempt: Try, params: dict[str, str]) -> bool:
    asked = f"{attempt.words} {attempt.body} {params}"
    return "{word}" in asked or "{node}" in asked


@pytest.mark.slow  # the app describes itself
async def test_every_route_has_a_decision(box: Box) -> None:
    """A new route says here what another account's token may see of it; and a new parameter what it may ask."""
    assert sorted(routes(box)) == sorted(DECISIONS)
    asked = {name for names in (await parameters(box)).values() for name in names}
    assert asked == set(PARAMETERS)


@pytest.mark.slow  # some 150 requests
async def test_no_route_shows_or_changes_what_is_anothers(box: Box) -> None:
    before, secrets = await everything_of(box, 1), await secrets_of_account_1(box)
    known = await parameters(box)
    async with box.api.as_caller(box.tokens["mill"]) as http:
        walk = Walk(http)
        for route, attempts in DECISIONS.items():
            for attempt in attempts:
                await walk.ask(route, attempt, ALWAYS.get(route, {}))
            for name in known.get(route, []) if attempts else ():
                for value in VALUES.get((route, name), PARAMETERS[name]):
                    await walk.ask(route, attempts[0], ALWAYS.get(route, {}) | {name: value})
    assert await everything_of(box, 1) == before
    assert await secrets_of_account_1(box) == secrets == (True, True)


async def everything_of(box: Box, account_id: int) -> dict[str, Any]:
    """What an account has, as the whole box sees it; of the status what can stand still."""
    async with box.api.as_caller(TOKEN, **{"Solarocpp-Account": str(account_id)}) as http:
        found = {path: (await http.get(path)).json() for path in decided(LISTING)}
    del found["/api/status"]["store"]
    return found


async def secrets_of_account_1(box: Box) -> tuple[bool, bool]:
    """Whether its password and its token still open."""
    registry = box.api.registry
    right = await registry.verify(registry.credential("quay-user"), b"quay-password-of-16")
    return right, registry.token_by_text(box.tokens["quay"]) is not None


@pytest.mark.slow  # every listing twice
async def test_the_walk_could_find_something(box: Box) -> None:
    """Account 1's own token sees all that the walk looks for, and account 2's sees its own."""
    for word, node in (("quay", "4711"), ("mill", "2")):
        async with box.api.as_caller(box.tokens[word]) as http:
            for path in decided(LISTING):
                assert word in (await http.get(path)).text, path
            for params in ({"node": node}, {"source": f"/{word}/**"}):
                assert len((await http.get("/api/sessions", params=params)).json()["rows"]) == 2, params
                assert len((await http.get("/api/datums", params=params)).json()["rows"]) == 1, params
            table = (await http.get("/api/datums")).json()
            assert f"{word}Mode" in table["columns"]
            assert len(table["rows"][0]) == len(table["columns"])


async def test_the_node_of_another_has_no_rows(box: Box) -> None:
    async with box.api.as_caller(box.tokens["mill"]) as http:
        for path in ("/api/sessions", "/api/datums", "/api/datums?latest=true"):
            assert (await http.get(path, params={"node": 4711})).json()["rows"] == [], path


async def test_a_property_of_anothers_charger_is_unknown(box: Box) -> None:
    """Whether somebody's charger sends a thing of its own is theirs; the whole box may ask for it."""
    for path in ("/api/datums", "/api/readings"):
        async with box.api.as_caller(box.tokens["mill"]) as http:
            theirs, nobodys = [
                await http.get(path, params={"properties": f"wattHours,{word}Mode"}) for word in ("quay", "jazz")
            ]
        assert (theirs.status_code, theirs.json()["kind"]) == (422, "unknown_property")
        assert theirs.text.replace("quay", "jazz") == nobodys.text
    table = (await box.api.http.get("/api/datums", params={"properties": "QUAYMODE"})).json()
    assert table["columns"] == ["created", "nodeId", "sourceId", "quayMode"]


async def test_the_status_of_an_account_is_about_it_alone(box: Box) -> None:
    async with box.api.as_caller(box.tokens["mill"]) as http:
        status = (await http.get("/api/status")).json()
    assert status == {
        "chargers": 1,
        "links": [msgspec.to_builtins(FakeLink(2, "mill-cp", 2))],
        "openSessions": 1,
        "data": None,
        "storeId": None,
        "store": None,
    }


async def test_no_token_of_an_account_speaks_for_another(box: Box) -> None:
    """Not even to learn which accounts there are: 1 is answered as 99."""
    for number in ("1", "99"):
        async with box.api.as_caller(box.tokens["mill"], **{"Solarocpp-Account": number}) as http:
            for path in decided(LISTING):
                answer = await http.get(path)
                assert (answer.status_code, kind_of(answer) in {"account_unknown", "DAO.00102"}) == (404, True), path
            for path in decided(WHOLE_BOX):
                assert (await http.get(path)).status_code == 403, path
    async with box.api.as_caller(box.tokens["mill"], **{"Solarocpp-Account": "2"}) as http:
        assert [row["identifier"] for row in (await http.get("/api/chargers")).json()] == ["mill-cp"]


async def test_options_tell_methods_only(box: Box) -> None:
    async with box.api.as_caller(box.tokens["mill"]) as http:
        for route in box.api.app.routes:
            answer = await http.options(
                re.sub(r"\{[^}]*\}", "1", route.path_format),
            )
            assert (answer.status_code, answer.text) == (204, ""), route.path_format


@pytest.mark.slow  # every listing twice
async def test_whoever_has_the_whole_box_may_speak_for_an_account(box: Box) -> None:
    _, text = await box.api.registry.add_token(NewToken(name="fleet", whole_box=True), now=NOW)
    for token in (TOKEN, text):
        async with box.api.as_caller(token) as http:
            assert {row["identifier"] for row in (await http.get("/api/links")).json()} == {"quay-cp", "mill-cp"}
            assert len((await http.get("/api/events")).json()["rows"]) == 6
            # What is changed without an account is account 1's, which a box with one never names.
            assert [row["identifier"] for row in (await http.get("/api/chargers")).json()] == ["quay-cp"]
            assert len((await http.get("/api/accounts")).json()) == 2
        async with box.api.as_caller(token, **{"Solarocpp-Account": "2"}) as http:
            for path in decided(LISTING):
                answer = await http.get(path)
                assert "mill" in answer.text, path
                # Only the status goes on telling where the store is: somewhere below a directory called like this test.
                assert THEIRS not in answer.text.replace(str(box.api.store.directory), ""), path
        async with box.api.as_caller(token, **{"Solarocpp-Account": "99"}) as http:
            answer = await http.get("/api/chargers")
            assert (answer.status_code, answer.json()) == (
                404,
                {"error": "There is no account 99. See: solarocpp account list", "kind": "account_unknown"},
            )
        for odd in ("mill", "-1", "9" * 5000):
            async with box.api.as_caller(token, **{"Solarocpp-Account": odd}) as http:
                answer = await http.get("/api/chargers")
                assert (answer.status_code, answer.json()["kind"]) == (400, "bad_request")


async def test_what_an_account_makes_is_its_own(box: Box) -> None:
    async with box.api.as_caller(box.tokens["mill"]) as http:
        charger = (await http.post("/api/chargers", json={"identifier": "quay-cp"})).json()["charger"]
        receipt = (await http.post("/api/tokens", json={"name": "meters"})).json()
    (own,) = box.api.registry.nodes(2)
    assert charger["nodeId"] == own.node_id
    assert [row.identifier for row in box.api.registry.chargers(2)] == ["mill-cp", "quay-cp"]
    assert [row.identifier for row in box.api.registry.chargers(1)] == ["quay-cp"]
    assert receipt["token"]["accountId"] == 2
    async with box.api.as_caller(receipt["secret"]) as http:
        assert [row["name"] for row in (await http.get("/api/tokens")).json()] == ["mill-program", "meters"]
        assert (await http.delete("/api/tokens/meters")).json()["token"]["name"] == "meters"
        refused = await http.get("/api/tokens")
        assert (refused.status_code, refused.json()["kind"]) == (401, "unauthorized")


async def test_a_refusal_says_what_an_account_token_is_not_for(box: Box) -> None:
    async with box.api.as_caller(box.tokens["mill"]) as http:
        refused = await http.get("/api/check")
    assert refused.json()["error"] == (
        "/api/check is about the whole box, and this token is for account 2 only. "
        "Use admin.token of the data directory, or a token made with: solarocpp token add NAME --whole-box"
    )


async def test_a_way_around_the_gate_is_no_way_in(api: Served) -> None:
    transport = httpx.ASGITransport(app=api.app, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as http:
        assert (await http.get("/api/chargers")).status_code == 500
