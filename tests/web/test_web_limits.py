"""How much and how often: bodies, requests of a token, refusals of an address; and no door for other sites' scripts."""

from __future__ import annotations

import httpx
from served import NOW, TOKEN, Served

from solarocpp.registry import NewToken
from solarocpp.web.gate import Gate
from solarocpp.web.pace import MOST_BUCKETS, OF_A_TOKEN, OF_REFUSALS, Buckets, Pace


def test_a_bucket_lets_so_many_through_and_fills_again() -> None:
    buckets = Buckets(Pace(per_s=2, most=3))
    assert [buckets.take("a", 100.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("b", 100.0) == 0  # somebody else's is its own
    assert buckets.take("a", 100.25) == 0.25
    assert buckets.take("a", 100.5) == 0
    assert buckets.take("a", 100.5) == 0.5
    assert [buckets.take("a", 1000.0) for _ in range(4)] == [0, 0, 0, 0.5]  # never more than it holds


def test_buckets_nobody_uses_are_forgotten() -> None:
    buckets = Buckets(Pace(per_s=0.001, most=1))
    assert [buckets.take("first", 0.0), buckets.take("first", 0.0)] == [0, 1000]
    for number in range(MOST_BUCKETS):
        buckets.take(str(number), 0.0)
    assert buckets.take("first", 0.0) == 0


def behind_a_gate(api: Served, token: str, **paces: Pace) -> httpx.AsyncClient:
    """The API behind a gate of its own, whose buckets hardly fill: however slow the machine, they run dry."""
    gate = Gate(api.app, TOKEN, api.registry, lambda: NOW, **paces)
    transport = httpx.ASGITransport(app=gate.app, client=("192.0.2.7", 50000))  # type: ignore[arg-type]
    return httpx.AsyncClient(
        transport=transport, base_url="http://here", headers={"Authorization": f"Bearer {token}"}, timeout=60
    )


async def test_a_token_that_asks_too_often_waits(api: Served) -> None:
    """Who runs the box is not limited."""
    _, text = await api.registry.add_token(NewToken(name="hasty"), now=NOW)
    pace = Pace(per_s=0.01, most=3)
    async with behind_a_gate(api, text, of_a_token=pace) as http:
        assert [(await http.get("/api/nothing")).status_code for _ in range(4)] == [404, 404, 404, 429]
        ours = await http.get("/api/chargers")
        theirs = await http.get("/solaruser/api/v1/sec/user/ocpp/chargers")
    told = "This token asks more than 0.01 times a second. Wait 100 s."
    assert (ours.status_code, ours.json()) == (429, {"error": told, "kind": "too_many_requests"})
    assert (theirs.status_code, theirs.json()) == (429, {"success": False, "message": told, "code": "WEB.10000"})
    assert 99 <= int(ours.headers["retry-after"]) <= 100
    async with behind_a_gate(api, TOKEN, of_a_token=pace) as http:
        assert {(await http.get("/api/nothing")).status_code for _ in range(9)} == {404}


async def test_an_address_that_shows_no_right_token_waits(api: Served) -> None:
    async with behind_a_gate(api, "1.wrong", of_refusals=Pace(per_s=0.01, most=2)) as http:
        assert [(await http.get("/api/chargers")).status_code for _ in range(3)] == [401, 401, 429]
        answer = await http.get("/api/chargers")
        assert answer.json()["error"].startswith("Too many requests without a right token came from 192.0.2.7. Wait ")
        # From the same address, with a right one: at once.
        right = {"Authorization": f"Bearer {TOKEN}"}
        assert (await http.get("/api/chargers", headers=right)).status_code == 200


def test_the_paces_leave_room_for_a_dashboard() -> None:
    assert (Pace(per_s=50, most=200), Pace(per_s=5, most=50)) == (OF_A_TOKEN, OF_REFUSALS)


async def test_a_body_has_an_end(api: Served) -> None:
    """1 MB: the largest order is a template, and SQL of a dashboard rarely passes a few KB."""
    long = b'{"identifier":"' + b"x" * 1_000_000 + b'"}'
    for path in ("/api/chargers", "/solaruser/api/v1/sec/user/ocpp/chargers"):
        async with behind_a_gate(api, TOKEN) as http:
            answer = await http.post(path, content=long, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413, path


async def test_other_sites_scripts_are_let_nowhere(api: Served) -> None:
    """No answer allows an origin, so a browser keeps it from whoever is not served from here."""
    origin = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "GET"}
    for method in ("GET", "OPTIONS"):
        answer = await api.http.request(method, "/api/chargers", headers=origin)
        assert not [name for name in answer.headers if name.startswith("access-control")], method
