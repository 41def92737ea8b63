"""Snapshots: copies that can be opened and served, with all that was acknowledged, made while others write."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import duckdb
import pytest
import trio
from stored import SESSION, T, at, ended, exchange, observed, record_all, rows, running, started

import solarocpp.query as q
from solarocpp.errors import StoreError
from solarocpp.store import Store, copying, open_store, snapshots
from solarocpp.store.schema import DATABASE, TABLES
from solarocpp.store.snapshots import list_snapshots, run_snapshots, take_snapshot

pytestmark = pytest.mark.slow(reason="each snapshot is made by a process that imports DuckDB")


async def unheard(_step: str, _done: int, _total: int) -> None:
    """A report that nobody reads."""


def content(con: duckdb.DuckDBPyConnection, name: str) -> list[tuple[object, ...]]:
    return sorted(con.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)


async def test_snapshot_has_what_the_store_has(tmp_path: Path) -> None:
    """Every table and view, as `q.open` gives them; nobody else has written."""
    effects = [started(0.0), *(observed(n, session=True, wattHours=float(n), current_a=1.0) for n in range(50))]
    async with running(tmp_path) as store:
        assert await record_all(store, [(exchange(1), effects), (exchange(2), [ended(60, 49.0)])]) == [True, True]
        said: list[tuple[str, int, int]] = []

        async def report(step: str, done: int, total: int) -> None:
            said.append((step, done, total))

        made = await take_snapshot(store, "first", report, now=T)
        assert made.file == str(tmp_path / "snapshots" / "first.duckdb")
        assert list_snapshots(tmp_path) == [made]
        names = [*(table.name for table in TABLES), "session", "latest"]
        with q.open(made.file) as con:
            assert con.execute("SELECT energy FROM session").fetchall() == [(49.0,)]
            for name in names:
                expected = store.read_now(lambda live, name=name: content(live, name))
                assert content(con, name) == expected, name
    assert [step for step, *_ in said] == ["copy"] * (len(said) - len(TABLES)) + ["check"] * len(TABLES)
    assert said[-len(TABLES) - 1][1] == said[-len(TABLES) - 1][2] > 0
    assert [path.name for path in (tmp_path / "snapshots").iterdir()] == ["first.duckdb"]


async def test_snapshot_serves_in_the_place_of_the_store(tmp_path: Path) -> None:
    """Numbers go on where they were, keys are kept, and what is read and written is what was."""
    add = 'INSERT INTO node ("nodeId", "accountId") VALUES (nextval(\'nodeNumber\'), 1) RETURNING "nodeId"'
    async with running(tmp_path / "live") as store:
        assert await record_all(store, [(exchange(1), [started(0.0)])]) == [True]
        assert await store.write(lambda con: con.execute(add).fetchall()) == [(2,)]
        made = await take_snapshot(store, None, unheard, now=T)
        assert made.name == "snapshot-20260301T100000Z"
        # After the snapshot, so not in it.
        assert await record_all(store, [(exchange(2), [])]) == [True]
    (tmp_path / "again").mkdir()
    shutil.copy(made.file, tmp_path / "again" / DATABASE)
    async with running(tmp_path / "again") as store:
        assert store.transactions().open[0].session_id == SESSION
        assert await store.write(lambda con: con.execute(add).fetchall()) == [(3,)]
        with pytest.raises(StoreError, match="Duplicate key"):
            await store.write(lambda con: con.execute('INSERT INTO node ("nodeId") VALUES (3)'))
        assert await record_all(store, [(exchange(2), [ended(60, 10.0)])]) == [True]
        await store.settle()
        assert rows(store, "SELECT seq FROM ledger ORDER BY seq") == [(1,), (2,)]
        assert rows(store, """SELECT energy, "endReason" FROM session""") == [(10.0, "Local")]
        (tags,) = rows(store, "SELECT tags FROM duckdb_databases() WHERE database_name = 'solarocpp'")[0]
        assert "v1.2.0" in str(tags)


async def test_snapshots_while_others_write(tmp_path: Path) -> None:
    """With checkpoints in between: each has all that was acknowledged before it, whole and once."""
    acknowledged = 0

    async def write(store: Store) -> None:
        nonlocal acknowledged
        for number in range(1, 100_000):
            assert await record_all(store, [(exchange(number), [observed(number, watts=float(number))])]) == [True]
            acknowledged = number
            if number % 50 == 0:
                await trio.to_thread.run_sync(lambda: store._projector.checkpoint(always=True))

    least: list[int] = []
    async with running(tmp_path / "live") as store, trio.open_nursery() as nursery:
        nursery.start_soon(write, store)
        for number in range(3):
            least.append(acknowledged)
            await take_snapshot(store, f"s{number}", unheard, now=T)
        nursery.cancel_scope.cancel()
    assert least[-1] > 0
    for number in range(3):
        directory = tmp_path / f"restored{number}"
        directory.mkdir()
        shutil.move(tmp_path / "live" / "snapshots" / f"s{number}.duckdb", directory / DATABASE)
        with closing(open_store(directory, now=T)) as restored:
            tail = list(restored.tail())
            restored.project_tail(
                [(row.seq, [observed(row.seq, watts=float(row.seq))]) for row in tail],
            )
            ids = [value for (value,) in rows(restored, "SELECT (request->>1)::INT FROM ledger ORDER BY seq")]
            assert ids == list(range(1, len(ids) + 1))
            assert len(ids) >= least[number]
            assert [value for (value,) in rows(restored, "SELECT watts FROM datum ORDER BY created")] == ids


async def test_the_server_still_holds_its_store_afterwards(tmp_path: Path) -> None:
    """A process that closes a file loses its locks on it: had the server itself read it, another could write it now."""
    async with running(tmp_path) as store:
        await take_snapshot(store, "one", unheard, now=T)
        open_it = f"import duckdb; duckdb.connect({str(tmp_path / DATABASE)!r})"
        second = await trio.run_process(
            [sys.executable, "-c", open_it], check=False, capture_stderr=True, stdin=subprocess.DEVNULL
        )
    assert b"Conflicting lock" in second.stderr


@pytest.mark.parametrize("times", [1, 99])
def test_copy_that_meets_a_checkpoint_is_made_again(tmp_path: Path, times: int) -> None:
    """The old log with the new file would be a store in which messages are twice, or not at all."""
    left = times
    with closing(open_store(tmp_path / "live", now=T)) as store:
        (tmp_path / "copy").mkdir()

        def checkpoint(**_line: object) -> None:
            nonlocal left
            if left:
                left -= 1
                store.write_now(lambda con: con.execute("UPDATE node SET name = name || '!'"))
                store._projector.checkpoint(always=True)

        copy = partial(copying.copy, tmp_path / "live" / DATABASE, tmp_path / "copy", checkpoint, pause_s=0)
        if times > copying.TRIES:
            with pytest.raises(StoreError, match="was checkpointed during each of 5 copies"):
                copy()
            return
        copy()
        with closing(open_store(tmp_path / "copy", now=T)) as copied:
            assert rows(copied, "SELECT name FROM node") == rows(store, "SELECT name FROM node") == [("node 1!",)]


async def test_failed_snapshot_leaves_an_event_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as store:
        with monkeypatch.context() as patch:
            patch.setattr(snapshots, "ROOM_BYTES", 10**18)
            with pytest.raises(
                StoreError, match=r"no room for a snapshot in .*snapshots: 1000000000.0 GB must be free"
            ):
                await take_snapshot(store, "large", unheard, now=T)
        with monkeypatch.context() as patch:
            patch.setattr(Store, "acknowledged", 5)
            with pytest.raises(StoreError, match="ends at message 0, and 5 was acknowledged before it began"):
                await take_snapshot(store, "short", unheard, now=at(1))
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", "/bin/false")
            with pytest.raises(StoreError, match="did not begin"):
                await take_snapshot(store, "none", unheard, now=at(2))
        await store.settle()
        events = rows(store, "SELECT name, data->>'name' FROM event ORDER BY created")
        assert events == [("snapshot_failed", name) for name in ("large", "short", "none")]
    assert list((tmp_path / "snapshots").iterdir()) == []


async def test_the_newest_are_kept_and_those_somebody_asked_for(tmp_path: Path) -> None:
    calls = 0
    enough = trio.Event()

    def clock() -> object:
        nonlocal calls
        calls += 1
        if len(list((tmp_path / "snapshots").glob("auto-2*.duckdb"))) == 2 and calls > 8:
            enough.set()
        return T + timedelta(days=calls)

    async with running(tmp_path) as store, trio.open_nursery() as nursery:
        await take_snapshot(store, "mine", unheard, now=T)
        (tmp_path / "snapshots" / ".partial-killed").mkdir()
        (tmp_path / "snapshots" / "auto-of-somebody.duckdb").write_bytes(b"")
        nursery.start_soon(run_snapshots, store, timedelta(days=1), 2, clock)
        await enough.wait()
        nursery.cancel_scope.cancel()
    names = sorted(path.name for path in (tmp_path / "snapshots").iterdir() if not path.name.startswith(".partial"))
    assert names[-2:] == ["auto-of-somebody.duckdb", "mine.duckdb"]
    assert len(names) == 4
    assert not (tmp_path / "snapshots" / ".partial-killed").exists()


def test_killed_snapshot_is_no_snapshot(tmp_path: Path) -> None:
    """Whoever is killed in the middle leaves nothing that a listing shows, and the next one clears up."""
    data = tmp_path / "data"
    many = """INSERT INTO datum (created, "nodeId", "sourceId", received, watts)
        SELECT make_timestamptz(i * 1000000), 1, '/CP001/1', now(), random() FROM range(600000) r(i)"""
    with closing(open_store(data, now=T)) as store:
        store.write_now(lambda con: con.execute(many))
    command = [sys.executable, "-m", "solarocpp", "snapshot", "--data", str(data), "--format", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        while not list((data / "snapshots").glob(".partial-*/solarocpp.duckdb")):
            assert process.poll() is None, process.communicate()
        process.kill()
        process.communicate()
    listing = subprocess.run([*command[:4], "list", *command[4:]], check=True, capture_output=True, text=True)
    assert json.loads(listing.stdout) == []
    made = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert [path.name for path in (data / "snapshots").iterdir()] == [f"{made[0]['name']}.duckdb"]
    with q.open(made[0]["file"]) as con:
        assert con.execute("SELECT count(*) FROM datum").fetchall() == [(600_000,)]
