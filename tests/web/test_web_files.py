"""Exports over HTTP: lines of progress, one at a time, ended with whoever asked, written nowhere else."""

from __future__ import annotations

import json
from functools import partial

import httpx
import pytest
import trio
from served import TOKEN, Served

from solarocpp.web.files import FILE_LIMIT_S

pytestmark = pytest.mark.slow(reason="writes files")

# Forty days of one stream: a few seconds of files.
DAYS = """
INSERT INTO datum (created, "nodeId", "sourceId", received, watts)
SELECT t, 1, '/CP001/1', t, 1.0 FROM generate_series(TIMESTAMPTZ '2026-01-01', TIMESTAMPTZ '2026-02-09 23:00',
    INTERVAL 1 HOUR) r(t)
"""


async def fill(api: Served) -> None:
    await api.store.write(lambda con: con.execute(DAYS))


def written(api: Served) -> int:
    return len(list((api.store.directory / "exports" / "datum").glob("*/*/*.parquet")))


async def test_answer_tells_how_far_it_is_and_what_became_of_it(api: Served) -> None:
    await fill(api)
    answer = await api.http.post("/api/exports", json={"until": "2026-01-11"}, timeout=FILE_LIMIT_S)
    assert answer.headers["content-type"] == "application/x-ndjson"
    *steps, last = map(json.loads, answer.text.splitlines())
    assert steps[0] == {"step": "datum", "done": 0, "total": 10}
    assert steps[-2:] == [{"step": "datum", "done": 10, "total": 10}, {"step": "session", "done": 0, "total": 0}]
    folder = str(api.store.directory / "exports")
    assert last == {
        "result": [
            {"dataset": "datum", "folder": f"{folder}/datum", "written": 10, "unchanged": 0, "removed": 0, "rows": 240},
            {
                "dataset": "session",
                "folder": f"{folder}/session",
                "written": 0,
                "unchanged": 0,
                "removed": 0,
                "rows": 0,
            },
        ]
    }
    assert written(api) == 10


async def test_one_export_at_a_time_and_one_whose_client_left_ends(api: Served) -> None:
    """Two would write the same name; one that nobody waits for must not keep the turn."""
    await fill(api)
    host, port = api.http.base_url.host, api.http.base_url.port
    assert port is not None
    async with await trio.open_tcp_stream(host, port) as first:
        head = (
            "POST /api/exports HTTP/1.1",
            f"Host: {host}",
            f"Authorization: Bearer {TOKEN}",
            "Content-Length: 2",
            "",
        )
        await first.send_all("\r\n".join((*head, "{}")).encode())
        said = b""
        while b'{"step":"datum","done":0,"total":40}' not in said:
            said += await first.receive_some() or pytest.fail(repr(said))
        refused = await api.http.post("/api/exports", json={})
        assert (refused.status_code, refused.json()["kind"]) == (409, "busy")
        assert refused.json()["error"] == "An export is under way. Try again when it is done."
    with trio.fail_after(30):
        while (again := await api.http.post("/api/exports", json={"until": "2026-01-02"})).status_code == 409:
            await trio.testing.wait_all_tasks_blocked()
    assert again.status_code == 200
    assert written(api) < 40
    finished = await api.http.post("/api/exports", json={}, timeout=FILE_LIMIT_S)
    assert json.loads(finished.text.splitlines()[-1])["result"][0]["written"] > 0
    assert written(api) == 40


@pytest.mark.parametrize(
    "to", ["..", "../x", "/srv/x", ".hidden", "_temporary", "a//b", "a/", "a/../..", "datum", "a/session", "a\x00", "é"]
)
async def test_nothing_is_written_elsewhere(api: Served, to: str) -> None:
    answer = await api.http.post("/api/exports", json={"to": to})
    assert (answer.status_code, answer.json()["kind"]) == (400, "bad_request")
    assert "is no folder below exports" in answer.json()["error"]


async def test_refusal_before_the_first_line_has_its_status(api: Served) -> None:
    answer = await api.http.post("/api/exports", json={"since": "soon"})
    assert (answer.status_code, answer.json()["kind"]) == (422, "bad_time_range")


async def test_failure_in_the_middle_is_the_last_line(api: Served) -> None:
    """The status is out by then; what was written is whole."""
    await fill(api)
    blocked = api.store.directory / "exports" / "datum" / "nodeId=1" / "date=2026-01-03"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("a file where a folder should be")
    answer = await api.http.post("/api/exports", json={}, timeout=FILE_LIMIT_S)
    last = json.loads(answer.text.splitlines()[-1])
    assert (answer.status_code, last["kind"]) == (200, "store_unavailable")
    assert "cannot be written: File exists. What is there is whole." in last["error"]
    assert written(api) == 2


async def test_account_exports_its_own_nodes(api: Served) -> None:
    """Whoever has the whole box and speaks for an account gets that account's files."""
    await fill(api)
    account = (await api.http.post("/api/accounts", json={"name": "harbour"})).json()["account"]
    as_harbour = partial(api.http.post, "/api/exports", headers={"Solarocpp-Account": str(account["accountId"])})
    answer: httpx.Response = await as_harbour(json={"to": "harbour"})
    assert [part["written"] for part in json.loads(answer.text.splitlines()[-1])["result"]] == [0, 0]
