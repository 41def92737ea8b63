"""Pages of other sites: none may ask, but those that are named (CORS)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import trio
from served import NOW, PATIENCE_S, TOKEN, Served

from solarocpp.web import make_app, serve

if TYPE_CHECKING:
    from conftest import Serve

LAB, ELSEWHERE = "https://lab.example", "https://elsewhere.example"
CHARGERS = "/solaruser/api/v1/sec/user/ocpp/chargers"


@pytest.fixture
async def opened(api: Served) -> AsyncIterator[httpx.AsyncClient]:
    """Another API on the same store, open to two origins; whoever asks shows no token of itself."""
    app = make_app(api.registry, api.store, clock=lambda: NOW, queue=api.queue)
    async with trio.open_nursery() as nursery:
        address = await nursery.start(serve, app, "127.0.0.1:0", TOKEN, (LAB, "http://localhost:3000"))
        async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False, timeout=PATIENCE_S) as http:
            yield http
        nursery.cancel_scope.cancel()


def preflight(origin: str, **more: str) -> dict[str, str]:
    """What a browser asks beforehand, for a page that signs its requests."""
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-sn-date"}
    return {"Origin": origin, **asked, **more}


def told(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control")}


async def test_a_browser_is_told_beforehand_what_a_page_may_send(opened: httpx.AsyncClient) -> None:
    """Without a token, which browsers do not send with that question."""
    for path in (CHARGERS, "/api/chargers"):
        answer = await opened.options(path, headers=preflight(LAB))
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["vary"] == "Origin"
        allowed = told(answer)
        names = {name.strip().lower() for name in allowed.pop("access-control-allow-headers").split(",")}
        assert names >= {"authorization", "content-type", "digest", "x-sn-date", "last-event-id", "solarocpp-account"}
        assert allowed == {
            "access-control-allow-origin": LAB,
            "access-control-allow-methods": "DELETE, GET, HEAD, PATCH, POST, PUT",
            "access-control-max-age": "600",
        }


async def test_a_page_that_is_named_reads_answers(opened: httpx.AsyncClient) -> None:
    """Also that its token was refused; and the answer of one origin is none for another from a cache."""
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    for path, headers, status in ((CHARGERS, bearer, 200), ("/api/chargers", bearer, 200), ("/api/chargers", {}, 401)):
        for origin in (LAB, "http://localhost:3000"):
            answer = await opened.get(path, headers={"Origin": origin, **headers})
            assert answer.status_code == status, path
            assert told(answer) == {
                "access-control-allow-origin": origin,
                "access-control-expose-headers": "Retry-After, WWW-Authenticate",
            }
            vary = {name.strip() for name in answer.headers["vary"].split(",")}
            assert vary == ({"Origin", "Accept"} if path == CHARGERS else {"Origin"})


async def test_pages_that_ask_the_same_at_once_are_told_of_their_own_origin(opened: httpx.AsyncClient) -> None:
    """They share one answer, and a browser gives its page nothing where two origins are named."""
    origins = [LAB, "http://localhost:3000", None] * 4
    answers: list[tuple[str | None, httpx.Response]] = []

    async def ask(origin: str | None) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}", **({} if origin is None else {"Origin": origin})}
        answers.append((origin, await opened.get("/api/chargers", headers=headers)))

    async with trio.open_nursery() as nursery:
        for origin in origins:
            nursery.start_soon(ask, origin)
    for origin, answer in answers:
        allowed = answer.headers.get_list("access-control-allow-origin")
        assert allowed == ([] if origin is None else [origin])


async def test_any_other_page_is_told_nothing(opened: httpx.AsyncClient) -> None:
    for origin in (ELSEWHERE, "null", "", f"{LAB}.evil.example", "https://labxexample", f"{LAB}:8443"):
        beforehand = await opened.options(CHARGERS, headers=preflight(origin))
        assert (beforehand.status_code, told(beforehand)) == (401, {}), origin
        answer = await opened.get(CHARGERS, headers={"Origin": origin, "Authorization": f"Bearer {TOKEN}"})
        assert (answer.status_code, told(answer)) == (200, {}), origin
        assert "Origin" in answer.headers["vary"], origin


async def test_programs_are_answered_as_before(opened: httpx.AsyncClient) -> None:
    """They send no origin. And OPTIONS without the question of a browser needs a token, as anything."""
    answer = await opened.get("/healthz")
    assert (answer.status_code, told(answer)) == (200, {})
    assert (await opened.options(CHARGERS, headers={"Origin": LAB})).status_code == 401


async def test_nobody_is_let_in_unless_named(api: Served) -> None:
    for origin in (LAB, ELSEWHERE):
        for path in (CHARGERS, "/api/chargers"):
            beforehand = await api.http.options(path, headers=preflight(origin))
            answer = await api.http.get(path, headers={"Origin": origin})
            assert (told(beforehand), told(answer), answer.status_code) == ({}, {}, 200)
    async with api.as_caller("no token") as stranger:
        assert (await stranger.options(CHARGERS, headers=preflight(LAB))).status_code == 401


@pytest.mark.slow  # a server process
def test_the_server_is_told_by_its_option(tmp_path: Path, running_server: Serve) -> None:
    with running_server(tmp_path / "data", "--web-origin", LAB, "--web-origin", "http://localhost:3000") as server:
        url = f"http://{server.web}{CHARGERS}"
        for origin, status in ((LAB, 204), ("http://localhost:3000", 204), (ELSEWHERE, 401)):
            answer = httpx.options(url, headers=preflight(origin), trust_env=False, timeout=PATIENCE_S)
            assert (answer.status_code, told(answer).get("access-control-allow-origin")) == (
                status,
                origin if status == 204 else None,
            )
