"""Who gets in: everything but /healthz needs the token, unknown routes and the schema included."""

from __future__ import annotations

import httpx
import pytest
import trio
from served import NOW, Served

from solarocpp.errors import ConfigError
from solarocpp.web import make_app, serve

REFUSAL = {
    "error": "This needs the header `Authorization: Bearer TOKEN`, with a token that is right and was not removed: "
    "that in admin.token of the data directory, or make one with: solarocpp token add NAME",
    "kind": "unauthorized",
}


SHOWN = [None, "", "Bearer", "Bearer a token", "a token for tests", "Basic a token for tests", "Bearer é"]
SHOWN += ["Bearer 1.", "Bearer 1.x", "Bearer .", "Bearer 9999999999999999999.x", "Bearer \N{SUPERSCRIPT TWO}.x"]
PATHS = ["/api/chargers", "/api/nothing", "/schema", "/", "/healthz/"]


@pytest.mark.parametrize("path", PATHS)
async def test_nothing_is_told_without_the_token(api: Served, path: str) -> None:
    """A server for each path, as all together are more wrong tokens than one address may show in a short time."""
    for shown in SHOWN:
        headers = {} if shown is None else {"Authorization": shown.encode()}
        async with httpx.AsyncClient(base_url=api.http.base_url, headers=headers, trust_env=False) as stranger:
            answer = await stranger.get(path)
        assert (answer.status_code, answer.json()) == (401, REFUSAL), (path, shown)
        assert answer.headers["www-authenticate"] == "Bearer, SNWS2"


async def test_a_load_balancer_needs_no_token(api: Served) -> None:
    async with httpx.AsyncClient(base_url=api.http.base_url, trust_env=False) as stranger:
        answer = await stranger.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


async def test_the_schema_lists_the_routes(api: Served) -> None:
    answer = await api.http.get("/schema/openapi.json")
    assert answer.status_code == 200
    assert sorted(answer.json()["paths"]) == sorted(
        [
            "/api/accounts",
            "/api/authorizations",
            "/api/authorizations/{token}",
            "/api/charger-keys",
            "/api/charger-keys/{identifier}",
            "/api/charger-settings/{identifier}",
            "/api/chargers",
            "/api/chargers/{identifier}",
            "/api/check",
            "/api/clocks",
            "/api/credentials",
            "/api/credentials/{username}",
            "/api/datums",
            "/api/events",
            "/api/events/stream",
            "/api/exports",
            "/api/instructions",
            "/api/instructions/{number}",
            "/api/ledger",
            "/api/charging-profiles",
            "/api/charging-profiles/{name}",
            "/api/composite-schedules",
            "/api/configuration-history/{identifier}",
            "/api/configuration/{identifier}",
            "/api/diagnostics",
            "/api/firmware-updates",
            "/api/installed-profiles",
            "/api/installed-profiles/clear",
            "/api/limits",
            "/api/local-lists",
            "/api/local-lists/{identifier}",
            "/api/logs",
            "/api/reservations",
            "/api/reservations/{number}",
            "/metrics",
            "/api/links",
            "/api/nodes",
            "/api/nodes/{number}",
            "/api/readings",
            "/api/resets",
            "/api/resets/{number}",
            "/api/sessions",
            "/api/settings",
            "/api/snapshots",
            "/api/sql",
            "/api/status",
            "/api/tokens",
            "/api/tokens/{name}",
            "/api/firmware",
            "/api/firmware/{name}",
            "/api/transfer-files/{number}",
            "/api/transfers",
            "/api/transfers/{number}",
            "/healthz",
            *(f"/solarquery/api/v1/sec/{path}" for path in ("datum/list", "datum/reading", "nodes", "nodes/sources")),
            "/solaruser/api/v1/sec/instr",
            *(
                f"/solaruser/api/v1/sec/instr/{path}"
                for path in (
                    "add",
                    "add/{topic}",
                    "exec",
                    "exec/{topic}",
                    "updateState",
                    "view",
                    "viewActive",
                    "viewPending",
                )
            ),
            "/solaruser/api/v1/sec/user/events",
            *(
                f"/solaruser/api/v1/sec/user/ocpp/{path}"
                for path in (
                    "authorizations",
                    "authorizations/{key}",
                    "chargers",
                    "chargers/action-status",
                    "chargers/find",
                    "chargers/settings",
                    "chargers/status",
                    "chargers/{key}",
                    "chargers/{key}/settings",
                    "connectors",
                    "connectors/{charger}",
                    "connectors/{charger}/{connector}",
                    "connectors/{charger}/{evse}/{connector}",
                    "credentials",
                    "credentials/{key}",
                    "sessions",
                    "sessions/end",
                    "sessions/incomplete/{charger}",
                    "sessions/{key}",
                    "settings",
                )
            ),
        ]
    )


async def test_the_port_is_free_again_after_a_graceful_stop(api: Served) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(2):
            stop = trio.Event()
            async with trio.open_nursery() as nursery:
                address = await nursery.start(lambda task_status, stop=stop: _serve(api, stop, task_status))
                answer = await client.get(f"http://{address}/healthz")
                assert answer.status_code == 200
                stop.set()


async def _serve(api: Served, stop: trio.Event, task_status: trio.TaskStatus[str]) -> None:
    app = make_app(api.registry, api.store, clock=lambda: NOW, queue=api.queue)
    await serve(app, "127.0.0.1:0", "token", shutdown=stop, task_status=task_status)


async def test_an_address_that_is_taken_is_an_error_that_names_it(api: Served) -> None:
    taken = f"{api.http.base_url.host}:{api.http.base_url.port}"
    with pytest.raises(ConfigError) as refused:
        await _serve_at(api, taken)
    assert str(refused.value) == (
        f"web is '{taken}'; allowed: an address of this machine and a free port, like 127.0.0.1:0"
        " (Address already in use)."
    )


async def _serve_at(api: Served, bind: str) -> None:
    await serve(make_app(api.registry, api.store, clock=lambda: NOW, queue=api.queue), bind, "token")
