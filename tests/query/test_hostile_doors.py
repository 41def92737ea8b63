"""The hostile list through two of the doors: a server's HTTP API, and the command line on files at rest.

The third, quack, is tried in `test_hostile_quack`. Through each, what is refused is refused before it runs,
what is bounded ends, and the store has what it had.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from hostile import BOUNDED, REFUSED, Hostile

from solarocpp.cli.client import reach_api
from solarocpp.cli.options import Where
from solarocpp.errors import RequestRefused

if TYPE_CHECKING:
    from conftest import Cli, Serve

pytestmark = pytest.mark.slow  # each bounded statement runs to its limit

LIMIT_S = 0.5
"""Enough for any of the bounded ones to show what it does."""

JUDGED_S = 20.0
"""For those that nothing is run of: a busy machine may let the thread that judges wait for more than half a second."""

# Half of the machine's memory is the store's; these need far less until they are stopped.
MOST_MEMORY_MB = 3_000

FORMS = ("application/json", "text/csv", "application/vnd.apache.arrow.stream")

Ask = Callable[[str, str, float], Awaitable[str]]
"""Asks one statement in a form with a time limit, and tells the kind of the error; empty: it was answered."""


def kind_of(answer: httpx.Response) -> str:
    return "" if answer.is_success else str(answer.json()["kind"])


@asynccontextmanager
async def over_http(server_web: str, token: str) -> AsyncIterator[Ask]:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=f"http://{server_web}", headers=headers, trust_env=False, timeout=60) as http:

        async def ask(sql: str, form: str, limit_s: float) -> str:
            body = {"query": sql, "timeout": limit_s, "limit": 10}
            return kind_of(await http.post("/api/sql", json=body, headers={"Accept": form}))

        yield ask


@asynccontextmanager
async def in_terminal(data: Path) -> AsyncIterator[Ask]:
    async with reach_api(Where(data=data)) as api:

        async def ask(sql: str, form: str, limit_s: float) -> str:
            body: dict[str, object] = {"query": sql, "timeout": limit_s, "limit": 10}
            try:
                if form == "application/json":
                    await api.post("sql", body=body)
                else:
                    async with api.stream("sql", body=body, accept=form) as pieces:
                        async for _ in pieces:
                            pass
            except RequestRefused as exc:
                return exc.kind
            return ""

        yield ask


async def try_all(ask: Ask) -> None:
    for form in FORMS[:2]:
        passed = [hostile for hostile in REFUSED if await ask(hostile.sql, form, JUDGED_S) != "sql_refused"]
        assert passed == []
    for at, hostile in enumerate(BOUNDED):
        assert await ended(ask, hostile, FORMS[at % 3]), hostile
    for form in FORMS:
        assert await ask("SELECT count(*) FROM node", form, JUDGED_S) == ""


async def ended(ask: Ask, hostile: Hostile, form: str) -> bool:
    return await ask(hostile.sql, form, LIMIT_S) in {"", "sql_refused", "query_interrupted"}


async def test_over_http(tmp_path: Path, running_server: Serve, solarocpp_cli: Cli) -> None:
    data = tmp_path / "data"
    solarocpp_cli(data, "charger", "add", "CP001")
    with running_server(data) as server:
        async with over_http(server.web, server.token) as ask:
            await try_all(ask)
        assert peak_memory_mb(server.process.pid) < MOST_MEMORY_MB
        assert "identifier\nCP001\n" in solarocpp_cli(data, "sql", "FROM charger SELECT identifier").stdout
    assert sorted(path.name for path in data.iterdir()) == UNTOUCHED


async def test_in_the_terminal(tmp_path: Path, solarocpp_cli: Cli) -> None:
    data = tmp_path / "data"
    solarocpp_cli(data, "charger", "add", "CP001")
    async with in_terminal(data) as ask:
        await try_all(ask)
    for hostile in REFUSED[::40]:  # starting the program for each would take minutes
        done = solarocpp_cli(data, "sql", "-", stdin=hostile.sql, exits=1)
        assert (done.stdout, done.stderr[:11]) == ("", "solarocpp: ")
    assert "identifier\nCP001\n" in solarocpp_cli(data, "sql", "FROM charger SELECT identifier").stdout


def peak_memory_mb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status")  # Linux has it
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) // 1024 if status.exists() else 0


# Nothing was written beside the store.
UNTOUCHED = ["admin.token", "exports", "secrets.duckdb", "snapshots", "solarocpp.duckdb"]
