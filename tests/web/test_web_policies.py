"""What a limited token may do: only what a route says it heeds, on every route there is."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from served import NOW, Served

from solarocpp.metering.datums import Datum, SessionProperties
from solarocpp.ocpp.datatypes import SourceId
from solarocpp.registry import NewAccount, NewCharger, NewToken
from solarocpp.store.effects import DatumObserved, SessionStarted
from solarocpp.web.access import HEEDS

LIMITS = {
    "readOnly": NewToken(name="looks", read_only=True),
    "nodes": NewToken(name="node", nodes=[1]),
    "sources": NewToken(name="source", sources=["/ocpp/cp/CP001/**"]),
}

# Which limits each route heeds; what is not here is closed to limited tokens.
OPEN = {
    "GET /api/accounts": "readOnly",
    "GET /api/authorizations": "readOnly",
    "GET /api/chargers": "readOnly",
    "GET /api/chargers/{identifier}": "readOnly",
    "GET /api/charger-keys/{identifier}": "readOnly",
    "GET /api/charger-settings/{identifier}": "readOnly",
    "GET /api/check": "readOnly",
    "GET /api/clocks": "nodes readOnly",
    "GET /api/credentials": "readOnly",
    "GET /api/datums": "nodes readOnly sources",
    "GET /api/events": "readOnly",
    "GET /api/events/stream": "readOnly",
    "GET /api/charging-profiles": "readOnly",
    "GET /api/charging-profiles/{name}": "readOnly",
    "GET /api/configuration-history/{identifier}": "readOnly",
    "GET /api/configuration/{identifier}": "readOnly",
    "GET /api/installed-profiles": "readOnly",
    "GET /api/instructions": "readOnly",
    "GET /api/instructions/{number}": "readOnly",
    "GET /api/ledger": "readOnly",
    "GET /api/links": "readOnly",
    "GET /api/local-lists": "readOnly",
    "GET /api/local-lists/{identifier}": "readOnly",
    "GET /api/nodes": "nodes readOnly sources",
    "GET /api/readings": "nodes readOnly sources",
    "GET /api/reservations": "readOnly",
    "GET /api/reservations/{number}": "readOnly",
    "GET /api/resets": "nodes readOnly",
    "GET /api/sessions": "nodes readOnly sources",
    "GET /api/settings": "readOnly",
    "GET /api/snapshots": "readOnly",
    "GET /api/firmware": "readOnly",
    "GET /api/status": "readOnly",
    "GET /api/transfer-files/{number}": "readOnly",
    "GET /api/transfers": "readOnly",
    "GET /api/transfers/{number}": "readOnly",
    "GET /api/tokens": "readOnly",
    "GET /metrics": "readOnly",
    "GET /healthz": "nodes readOnly sources",
    "GET /schema": "nodes readOnly sources",
    "GET /schema/openapi.json": "nodes readOnly sources",
    "GET /schema/{path}": "nodes readOnly sources",
    "POST /api/sql": "readOnly",
    **{
        f"GET /solaruser/api/v1/sec/user/{path}": "readOnly"
        for path in (
            "events",
            "ocpp/authorizations",
            "ocpp/authorizations/{key}",
            "ocpp/chargers",
            "ocpp/chargers/action-status",
            "ocpp/chargers/find",
            "ocpp/chargers/settings",
            "ocpp/chargers/status",
            "ocpp/chargers/{key}",
            "ocpp/chargers/{key}/settings",
            "ocpp/connectors",
            "ocpp/connectors/{charger}",
            "ocpp/connectors/{charger}/{connector}",
            "ocpp/connectors/{charger}/{evse}/{connector}",
            "ocpp/credentials",
            "ocpp/credentials/{key}",
            "ocpp/sessions",
            "ocpp/sessions/incomplete/{charger}",
            "ocpp/sessions/{key}",
            "ocpp/settings",
        )
    },
    **{
        f"GET /solaruser/api/v1/sec/instr{path}": "nodes readOnly"
        for path in ("", "/view", "/viewActive", "/viewPending")
    },
    **{
        f"POST /solaruser/api/v1/sec/instr/{path}": "nodes"
        for path in ("add", "add/{topic}", "exec", "exec/{topic}", "updateState")
    },
    **{
        f"GET /solarquery/api/v1/sec/{path}": "nodes readOnly sources"
        for path in ("datum/list", "datum/reading", "nodes", "nodes/sources")
    },
}


async def test_each_route_says_what_it_heeds(api: Served) -> None:
    """A route is added here when it is decided that a limited token may use it; default is no."""
    heeded = {}
    for route in api.app.routes:
        for handler in getattr(route, "route_handlers", ()):
            for method in sorted(handler.http_methods - {"OPTIONS"}):
                heeds = " ".join(sorted(handler.opt.get(HEEDS, ())))
                heeded[f"{method} {route.path_format}"] = heeds
    assert {route: heeds for route, heeds in heeded.items() if heeds} == OPEN


@pytest.mark.slow  # every route for each limit
@pytest.mark.parametrize("limit", LIMITS)
async def test_a_limited_token_is_kept_out_of_every_other_route(api: Served, limit: str) -> None:
    _, text = await api.registry.add_token(LIMITS[limit], now=NOW)
    tried = 0
    async with api.as_caller(text) as http:
        for route in api.app.routes:
            path = route.path_format.replace("{number}", "1").replace("{", "").replace("}", "")
            for method in sorted(getattr(route, "methods", set()) - {"OPTIONS"}):
                if limit in OPEN.get(f"{method} {route.path_format}", ""):
                    continue
                answer = await http.request(method, path, json={})
                told = answer.json()
                assert (answer.status_code, told.get("error", told.get("message"))) == (
                    403,
                    f"{method} {path} is closed to a token that is limited ({limit}). Use one that is not.",
                )
                tried += 1
    assert tried >= 17


async def test_a_read_only_token_looks(api: Served) -> None:
    _, text = await api.registry.add_token(LIMITS["readOnly"], now=NOW)
    async with api.as_caller(text) as http:
        for route in ("chargers", "tokens", "events", "status", "settings"):
            assert (await http.get(f"/api/{route}")).status_code == 200, route
    _, whole = await api.registry.add_token(NewToken(name="box", whole_box=True, read_only=True), now=NOW)
    async with api.as_caller(whole) as http:
        answer = await http.post("/api/sql", json={"query": "SELECT 1 AS one"})
        assert (answer.status_code, answer.json()["rows"]) == (200, [[1]])
        assert (await http.post("/api/accounts", json={"name": "mill"})).status_code == 403


@pytest.fixture
async def site(api: Served) -> Served:
    """Two nodes with two chargers each, a datum and a session of each."""
    await api.registry.add_charger(NewCharger(identifier="CP000", node_id=2, create_node=True), now=NOW)
    effects = []
    for node in (1, 2):
        for number in (1, 2):
            source = SourceId(f"/ocpp/cp/CP00{number}/1")
            session = UUID(int=10 * node + number)
            facts = SessionProperties(session, node, "TAG", 0)
            effects.append(SessionStarted(session, node, source, number, 1, number, "TAG", NOW, 0.0))
            effects.append(DatumObserved(Datum(node, source, NOW, {"wattHours": 5.0}, session=facts), NOW))
    api.store.record(None, effects)
    return api


LIMITED = [
    (NewToken(name="a", nodes=[2]), {(2, 1), (2, 2)}),
    (NewToken(name="b", sources=["/ocpp/cp/CP001/**"]), {(1, 1), (2, 1)}),
    (NewToken(name="c", sources=["/ocpp/cp/CP001/**", "/ocpp/*/CP002/1"], nodes=[1]), {(1, 1), (1, 2)}),
    (NewToken(name="d", sources=["/ocpp/cp/CP002/1"], nodes=[2], read_only=True), {(2, 2)}),
]


@pytest.mark.parametrize(("order", "seen"), LIMITED, ids=lambda value: getattr(value, "name", ""))
async def test_a_token_sees_its_nodes_and_sources_only(
    site: Served, order: NewToken, seen: set[tuple[int, int]]
) -> None:
    _, text = await site.registry.add_token(order, now=NOW)
    streams = {(node, f"/ocpp/cp/CP00{number}/1") for node, number in seen}
    async with site.as_caller(text) as http:
        for path in (
            "/api/datums",
            "/api/datums?latest=true",
            "/api/datums?aggregate=hour",
            "/api/readings",
            "/api/sessions",
        ):
            table = (await http.get(path)).json()
            node, source = table["columns"].index("nodeId"), table["columns"].index("sourceId")
            assert {(row[node], row[source]) for row in table["rows"]} == streams, path
        for asked in ("**", "/ocpp/cp/CP001/1", "/ocpp/cp/CP002/*"):
            table = (await http.get("/api/datums", params={"source": asked, "node": 2})).json()
            found = {(row[1], row[2]) for row in table["rows"]}
            assert found <= streams, asked
        assert {row["nodeId"] for row in (await http.get("/api/nodes")).json()} <= {1, 2} & set(order.nodes or [1, 2])


async def test_a_pattern_that_is_asked_is_within_what_may_be_seen(site: Served) -> None:
    _, text = await site.registry.add_token(LIMITED[1][0], now=NOW)
    async with site.as_caller(text) as http:
        table = (await http.get("/api/datums", params={"source": "/ocpp/cp/CP002/1"})).json()
        assert table["rows"] == []
        table = (await http.get("/api/datums", params={"source": "/ocpp/cp/*/1", "node": 1})).json()
        assert [row[2] for row in table["rows"]] == ["/ocpp/cp/CP001/1"]


async def test_an_expired_token_is_refused(api: Served) -> None:
    """The tests' clock stands at NOW: what expires then has expired."""
    token, text = await api.registry.add_token(NewToken(name="soon", expires=NOW), now=NOW - timedelta(days=1))
    assert (token.has_expired(NOW), token.has_expired(NOW - timedelta(seconds=1))) == (True, False)
    async with api.as_caller(text) as http:
        answer = await http.get("/api/chargers")
    assert (answer.status_code, answer.json()) == (
        401,
        {
            "error": "The token soon has expired. Make another with: solarocpp token add NAME",
            "kind": "unauthorized",
        },
    )


async def test_a_token_that_ends_makes_none_that_outlives_it(api: Served) -> None:
    ends = NOW + timedelta(days=30)
    _, text = await api.registry.add_token(NewToken(name="soon", expires=ends), now=NOW)
    async with api.as_caller(text) as http:
        for expires in ({}, {"expires": "2026-03-31T12:00:01Z"}):
            answer = await http.post("/api/tokens", json={"name": "x", **expires})
            assert (answer.status_code, answer.json()["error"]) == (
                403,
                "A token that ends makes none that outlives it. Give expires, 2026-03-31T12:00:00Z at most.",
            )
        answer = await http.post("/api/tokens", json={"name": "x", "expires": "2026-03-31T12:00:00Z"})
        assert answer.status_code == 201


@pytest.mark.parametrize(
    ("body", "status", "kind", "error"),
    [
        (
            {"name": "x", "wholeBox": True, "nodes": [1]},
            422,
            "token_refused",
            "A token of the whole box has no nodes and sources. Leave them out, or make it for an account.",
        ),
        ({"name": "x", "nodes": [9]}, 404, "node_unknown", "There is no node 9; there is 1. See: solarocpp node list"),
        (
            {"name": "x", "sources": ["/ocpp/cp**"]},
            422,
            "bad_source_pattern",
            "Source pattern '/ocpp/cp**': `**` stands for whole segments only. Nearest source: /ocpp/cp*.",
        ),
        (
            {"name": "x", "expires": "2026-03-01T12:00:00Z"},
            422,
            "token_refused",
            "A token that expires at 2026-03-01T12:00:00+00:00 is of no use.",
        ),
        ({"name": "x", "sources": ["**"] * 101}, 400, "bad_request", None),
        ({"name": "x", "nodes": [1] * 1001}, 400, "bad_request", None),
    ],
)
async def test_a_policy_that_cannot_be_is_refused(
    api: Served, body: dict[str, object], status: int, kind: str, error: str | None
) -> None:
    answer = await api.http.post("/api/tokens", json=body)
    assert (answer.status_code, answer.json()["kind"]) == (status, kind)
    assert error in (None, answer.json()["error"])
    assert api.registry.tokens() == []


async def test_the_node_of_another_account_is_none_for_a_policy(api: Served) -> None:
    await api.registry.add_account(NewAccount(name="mill"), now=NOW)
    answer = await api.http.post("/api/tokens", json={"name": "x", "nodes": [2]})
    assert answer.status_code == 404


async def test_a_policy_is_there_after_a_restart(api: Served) -> None:
    order = {
        "name": "x",
        "readOnly": True,
        "nodes": [1],
        "sources": ["/ocpp/**"],
        "expires": "2026-04-01T02:00:00+02:00",
        "snws2": True,
    }
    made = (await api.http.post("/api/tokens", json=order)).json()
    again = type(api.registry).load(api.store).token_by_text(made["secret"])
    assert again is not None
    assert made["token"] == {
        "name": "x",
        "accountId": 1,
        "tokenId": 1,
        "created": "2026-03-01T12:00:00Z",
        "readOnly": True,
        "nodes": [1],
        "sources": ["/ocpp/**"],
        "expires": "2026-04-01T00:00:00Z",
        "snws2": True,
    }
    assert again == api.registry.token_by_text(made["secret"])
