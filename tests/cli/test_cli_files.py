"""`solarocpp export` and `snapshot` as their users meet them: with a server, without one, and killed in between."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

import solarocpp.query as q
from solarocpp.store import open_store

pytestmark = pytest.mark.slow(reason="writes files, and starts processes to kill them")

Run = Callable[..., tuple[int, str, str]]
Serve = Callable[..., AbstractContextManager[Any]]

DAYS = 15
DATUMS = f"""
INSERT INTO datum (created, "nodeId", "sourceId", received, watts)
SELECT t, n, '/CP' || n || '/1', t, 1.0
FROM range(1, 3) nodes(n), generate_series(TIMESTAMPTZ '2026-01-01', TIMESTAMPTZ '2026-01-01' + INTERVAL {DAYS} DAY
    - INTERVAL 1 MINUTE, INTERVAL 1 MINUTE) r(t)
"""
ROWS = 2 * DAYS * 1440


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A store with fifteen days of two nodes."""
    directory = tmp_path / "data"
    with closing(open_store(directory, now=datetime(2026, 3, 1, tzinfo=UTC))) as store:
        store.write_now(lambda con: con.execute(DATUMS))
    return directory


def exported(data: Path) -> tuple[int, int, float]:
    """Files, rows and sum of an export, as any DuckDB reads it."""
    files = list((data / "exports" / "datum").rglob("*.parquet"))
    with duckdb.connect() as con:
        count, watts = con.execute(
            "SELECT count(*), sum(watts) FROM read_parquet(?)", [list(map(str, files))]
        ).fetchall()[0]
    return len(files), count, watts


def test_export_is_the_same_with_a_server_and_without(run: Run, running_server: Serve, data: Path) -> None:
    code, out, err = run("export", "--until", "2026-01-03")
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()] == [
        ["dataset", "folder", "written", "unchanged", "removed", "rows"],
        ["datum", f"{data}/exports/datum", "4", "0", "0", "5760"],
        ["session", f"{data}/exports/session", "0", "0", "0", "0"],
    ]
    with running_server(data):
        datum, session = json.loads(run("export", "--until", "2026-01-05", "--format", "json")[1])
        assert (datum["written"], datum["unchanged"], datum["rows"], session["written"]) == (4, 4, 5760, 0)
        # By a path below exports, too.
        assert run("export", "--until", "2026-01-02", "--to", "data/exports/named")[0] == 0
    assert run("export", "--until", "2026-01-02", "--to", "named")[1].split()[8:10] == ["0", "2"]
    assert exported(data) == (8, 11520, 11520.0)


def test_export_elsewhere_says_how(run: Run, data: Path) -> None:
    code, _, err = run("export", "--to", "/srv/files")
    assert code == 2
    assert f"exports are written below {data}/exports only. Give a name, like --to harbour;" in err


def test_exports_may_be_a_link_to_another_disk(run: Run, data: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (data / "exports").rmdir()
    (data / "exports").symlink_to(tmp_path / "disk")
    assert run("export", "--until", "2026-01-02")[0] == 0
    assert exported(data)[0] == 2


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_export_that_was_killed_is_taken_up(run: Run, data: Path, blow: signal.Signals) -> None:
    """Whatever is there is whole at any moment, and the next run makes the rest."""
    command = [sys.executable, "-m", "solarocpp", "export", "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        folder = data / "exports" / "datum"
        while len(list(folder.glob("*/*/*.parquet"))) < 5:
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(blow)
        _, err = process.communicate()
    assert process.returncode == (-9 if blow == signal.SIGKILL else 130), err
    files, rows, watts = exported(data)
    assert 5 <= files < 2 * DAYS
    assert rows == watts == files * 1440
    if blow == signal.SIGINT:
        assert not (data / "exports" / ".partial.parquet").exists()
    written, unchanged = run("export")[1].splitlines()[1].split()[2:4]
    assert int(written) == 2 * DAYS - int(unchanged) > 0
    assert exported(data) == (2 * DAYS, ROWS, float(ROWS))
    assert [path for path in (data / "exports").rglob("*") if path.is_file() and path.suffix != ".parquet"] == []


def test_terminal_shows_a_bar(data: Path) -> None:
    """And a pipe does not: `test_export_is_the_same_with_a_server_and_without` has an empty stderr."""
    terminal, end = pty.openpty()
    command = [sys.executable, "-m", "solarocpp", "export", "--data", str(data), "--until", "2026-01-06"]
    done = subprocess.run(
        command, check=True, stderr=end, stdout=subprocess.DEVNULL, env={**os.environ, "TERM": "xterm"}
    )
    os.close(end)
    shown = os.read(terminal, 100_000).decode()
    os.close(terminal)
    assert done.returncode == 0
    assert "datum" in shown
    assert "/10" in shown


def test_snapshot_is_taken_with_a_server_and_without(
    run: Run, running_server: Serve, data: Path, tmp_path: Path
) -> None:
    code, out, err = run("snapshot", "--format", "json")
    assert (code, err) == (0, "")
    (resting,) = json.loads(out)
    assert resting["file"] == f"data/snapshots/{resting['name']}.duckdb"
    (tmp_path / "backup").mkdir()
    target = tmp_path / "backup" / "store.duckdb"
    target.write_text("the one of yesterday")
    with running_server(data):
        (running,) = json.loads(run("snapshot", "--to", str(target), "--format", "json")[1])
        assert (running["name"], running["file"]) == ("store", str(target))
        listed = json.loads(run("snapshot", "list", "--format", "json")[1])
        assert [copy["name"] for copy in listed] == [resting["name"]]
    for file in (resting["file"], target):
        with q.open(file) as con:
            assert con.execute("SELECT count(*) FROM datum").fetchall() == [(ROWS,)]
    assert [path.name for path in target.parent.iterdir()] == ["store.duckdb"]


@pytest.mark.parametrize(
    ("to", "says"),
    [
        (".", "that is to be a file, in a folder that exists"),
        ("nowhere/x.duckdb", "that is to be a file, in a folder that exists"),
        ("data/solarocpp.duckdb", "a file in the data directory could be the store itself"),
    ],
)
def test_snapshot_is_not_put_where_it_would_harm(run: Run, data: Path, to: str, says: str) -> None:
    code, _, err = run("snapshot", "--to", to)
    assert (code, says in err) == (2, True)
    assert list((data / "snapshots").iterdir()) == []


def test_a_server_takes_snapshots_and_lets_old_rows_go_by_itself(
    run: Run, running_server: Serve, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soon as it runs; by flag and by environment alike."""
    monkeypatch.setenv("SOLAROCPP_KEEP_DATUM", "30 days")
    with running_server(data, "--snapshot-every", "1d", "--snapshot-keep", "1") as server:
        deadline = time.monotonic() + 60
        while not ("snapshot_made" in server.log and "retention_applied" in server.log):
            assert time.monotonic() < deadline, server.log
            time.sleep(0.05)
    lines = [json.loads(line) for line in server.log.splitlines()]
    (made,) = [line for line in lines if line["event"] == "snapshot_made"]
    assert Path(made["file"]).name.startswith("auto-2")
    (applied,) = [line for line in lines if line["event"] == "retention_applied"]
    assert applied["removed"] == {"datum": ROWS}  # they are of January 2026
    assert json.loads(run("sql", "SELECT count(*) AS n FROM datum", "--format", "json")[1]) == [{"n": 0}]
