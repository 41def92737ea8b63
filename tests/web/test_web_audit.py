"""Every change leaves an event that says who made it; looking leaves none."""

from __future__ import annotations

from typing import Any

import httpx
from served import NOW, TOKEN, Served

from solarocpp.registry import NewToken
from solarocpp.web import open_to_this_process


async def changes(api: Served) -> list[tuple[int | None, str, dict[str, Any]]]:
    """Account, message and data of each event of a change."""
    table = (await api.http.get("/api/events", params={"tags": "api,change"})).json()
    assert len(table["rows"]) < 1000
    at = [table["columns"].index(name) for name in ("accountId", "message", "data")]
    return [tuple(row[index] for index in at) for row in table["rows"]]  # type: ignore[misc]


CHANGES = [
    ("POST", "/api/chargers", {"identifier": "CP001"}, "Registers a charger: CP001"),
    ("PATCH", "/api/chargers/CP001", {"enabled": False}, "Changes a charger or its settings: CP001"),
    ("POST", "/api/credentials", {"username": "depot", "password": "hunter2-hunter2-"}, "Makes a username: depot"),
    ("PATCH", "/api/credentials/depot", {"password": "another-password-"}, None),
    ("DELETE", "/api/credentials/depot", None, "Removes a username: depot"),
    ("POST", "/api/authorizations", {"token": "TAG"}, "Lets an id tag charge: TAG"),
    ("DELETE", "/api/authorizations/TAG", None, "Removes an id tag: TAG"),
    ("PATCH", "/api/settings", {"publish": False}, None),
    ("PATCH", "/api/nodes/1", {"name": "quay"}, None),
    ("POST", "/api/tokens", {"name": "program"}, "Makes a token for this API: program"),
    ("DELETE", "/api/chargers/CP001", None, None),
]


async def test_each_change_says_who_made_it(api: Served) -> None:
    _, text = await api.registry.add_token(NewToken(name="dashboard"), now=NOW)
    async with api.as_caller(text) as http:
        for method, path, body, _ in CHANGES:
            answer = await http.request(method, path, json=body)
            assert answer.is_success, (path, answer.text)
    found = await changes(api)
    # The tests' clock stands still, so their order is not told.
    assert sorted((data["method"], data["path"], data["who"]) for _, _, data in found) == sorted(
        (method, path, "token 1 (dashboard)") for method, path, _, _ in CHANGES
    )
    assert {account for account, _, _ in found} == {1}
    messages = {message for _, message, _ in found}
    assert {f"{words}, by token 1 (dashboard)" for _, _, _, words in CHANGES if words} <= messages
    assert "hunter2" not in str(found)
    assert "another-password" not in str(found)


async def test_looking_and_what_is_refused_leave_nothing(api: Served) -> None:
    await api.http.get("/api/chargers")
    await api.http.post("/api/sql", json={"query": "SELECT 1"})
    await api.http.patch("/api/chargers/CP404", json={"enabled": False})
    await api.http.post("/api/chargers", json={"identifier": ""})
    assert await changes(api) == []


async def test_a_change_is_the_accounts_that_is_meant(api: Served) -> None:
    """What belongs to no account is nobody's event: only the whole box sees it."""
    await api.http.post("/api/accounts", json={"name": "mill"})
    async with api.as_caller(TOKEN, **{"Solarocpp-Account": "2"}) as http:
        await http.post("/api/authorizations", json={"token": "TAG"})
    found = sorted(await changes(api), key=str)
    assert found == [
        (
            2,
            "Lets an id tag charge: TAG, by admin.token",
            {"who": "admin.token", "method": "POST", "path": "/api/authorizations", "about": "TAG"},
        ),
        (
            None,
            "Makes an account: mill, by admin.token",
            {"who": "admin.token", "method": "POST", "path": "/api/accounts", "about": "mill"},
        ),
    ]


async def test_the_command_line_is_named_too(api: Served) -> None:
    """Without a server it calls the app in its own process, where nobody shows a token."""
    transport = httpx.ASGITransport(app=open_to_this_process(api.app))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as http:
        assert (await http.post("/api/authorizations", json={"token": "TAG"})).status_code == 201
    ((account, message, _),) = await changes(api)
    assert (account, message) == (1, "Lets an id tag charge: TAG, by command line")
