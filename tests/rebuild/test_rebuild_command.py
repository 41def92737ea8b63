"""`solarocpp rebuild` as its users see it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from told import Told, after

from solarocpp.cli import main

Serve = Callable[..., AbstractContextManager[Any]]


class Done(NamedTuple):
    code: int
    out: str
    err: str


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def run(told: Told, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs `solarocpp rebuild ...` on the told store, which is closed meanwhile."""

    def run(*arguments: str) -> Done:
        told.store.close()
        code = main(["rebuild", *arguments, "--data", str(told.directory)])
        said = capsys.readouterr()
        told.reopen()
        return Done(code, said.out, said.err)

    return run


@pytest.fixture
def damaged(told: Told) -> Told:
    """A session of two readings, one of which is wrong."""
    told.start(1, after(hours=0), 1000)
    told.stop(1, 1, after(hours=1), 3000)
    told.sql('UPDATE datum SET "wattHours" = 2500 WHERE created = ?', after(hours=1))
    told.sql('UPDATE "sessionTotal" SET energy = 1500')
    return told


def registers(told: Told) -> list[float]:
    return [value for (value,) in told.sql('SELECT "wattHours" FROM datum ORDER BY created')]


TABLES = """\
table          before  after  added  removed  changed
datum          2       2      0      0        1
datumContext   2       2      0      0        0
chargeSession  1       1      0      0        0
sessionTotal   1       1      0      0        1
signedReading  0       0      0      0        0

Sessions whose energy (Wh) changes, the largest differences first:
transactionId  sourceId               token  started                    energyBefore  energyAfter
1              /ocpp/cp/CP1/1/Outlet  TAG    2026-03-01T10:00:00+00:00  1500          2000
"""

AGAIN = "2 exchanges since 2026-03-01 10:00:00Z were run again"
NOT_WRITTEN = f"{AGAIN}. Nothing was written; without --dry-run this takes the place of what is there.\n"
WRITTEN = f"{AGAIN}, and what they make is in the tables. To take it back: solarocpp rebuild --undo\n"


def test_dry_run_prints_what_would_change(damaged: Told, run: Callable[..., Done]) -> None:
    assert run("--since", "2026-03-01", "--dry-run") == (
        0,
        TABLES,
        NOT_WRITTEN,
    )
    assert registers(damaged) == [1000, 2500]


def test_formats_are_for_programs(damaged: Told, run: Callable[..., Done]) -> None:
    tables = json.loads(run("--since", "2026-03-01", "--dry-run", "--format", "json").out)
    assert tables[0] == {"table": "datum", "before": 2, "after": 2, "added": 0, "removed": 0, "changed": 1}
    assert run("--since", "2026-03-01", "--dry-run", "--format", "csv", "--sessions").out == (
        "transactionId,sourceId,token,started,energyBefore,energyAfter\n"
        "1,/ocpp/cp/CP1/1/Outlet,TAG,2026-03-01T10:00:00+00:00,1500.0,2000.0\n"
    )
    assert registers(damaged) == [1000, 2500]


def test_rebuild_and_undo(damaged: Told, run: Callable[..., Done]) -> None:
    assert run("--since", "2026-03-01", "--yes") == (
        0,
        TABLES,
        WRITTEN,
    )
    assert registers(damaged) == [1000, 3000]
    again = run("--since", "2026-03-01")
    assert again.err == (
        "2 exchanges since 2026-03-01 10:00:00Z were run again: every row is as it is. Nothing was written.\n"
    )
    assert run("--undo", "--yes") == (0, "", "Everything is as it was before the rebuild.\n")
    assert registers(damaged) == [1000, 2500]
    assert run("--undo", "--yes").code == 1


def test_rows_that_are_only_added_need_no_question(damaged: Told, run: Callable[..., Done]) -> None:
    for table in ("datum", "chargeSession", "sessionTotal"):
        damaged.sql(f'DELETE FROM "{table}"')
    assert run("--since", "2026-03-01").code == 0
    assert registers(damaged) == [1000, 3000]


def test_nobody_to_ask_is_no_yes(damaged: Told, run: Callable[..., Done]) -> None:
    code, _, err = run("--since", "2026-03-01")
    assert (code, err) == (2, "solarocpp: Nobody can be asked whether rows may change or go. Add --yes.\n")
    assert registers(damaged) == [1000, 2500]


@pytest.mark.parametrize(("answer", "stored"), [("y", 3000), ("n", 2500), ("", 2500)])
def test_question_is_answered_at_the_terminal(
    damaged: Told, run: Callable[..., Done], monkeypatch: pytest.MonkeyPatch, answer: str, stored: float
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer + "\n"))
    done = run("--since", "2026-03-01")
    assert "Put this in the place of what is there? --undo takes it back. [y/N]" in done.out
    assert (done.code, registers(damaged)) == (0, [1000, stored])


def test_bar_is_drawn_on_a_terminal_and_gone_before_the_answer(
    damaged: Told, run: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    assert run("--since", "2026-03-01", "--dry-run").out == TABLES
    assert "Deriving" in screen.getvalue()
    assert "2/2" in screen.getvalue()


def test_since_that_is_no_time_or_too_early_says_what_to_do(damaged: Told, run: Callable[..., Done]) -> None:
    assert run("--since", "yesterday").err.startswith(
        "solarocpp: Time range since=yesterday until=None: 'yesterday' is"
    )
    damaged.sql("DELETE FROM ledger WHERE seq = 1")
    code, _, err = run("--since", "2026-03-01")
    assert (code, err.endswith("The earliest possible is --since 2026-03-02T11:00:00.000000Z.\n")) == (1, True)
    assert run("--since", "2026-03-02T11:00:00.000000Z").err.startswith("Nothing was received since 2026-03-02 11:00")


@pytest.mark.parametrize("arguments", [(), ("--undo", "--since", "2026-01-01")])
def test_since_or_undo(run: Callable[..., Done], arguments: tuple[str, ...]) -> None:
    code, _, err = run(*arguments)
    assert (code, err) == (
        2,
        "solarocpp: Say from when on: solarocpp rebuild --since 2026-01-31. Or --undo alone, to take it back.\n",
    )


def test_server_elsewhere_is_not_rebuilt(run: Callable[..., Done]) -> None:
    code, _, err = run("--since", "2026-03-01", "--url", "http://127.0.0.1:1")
    assert (code, err) == (
        2,
        "solarocpp: A rebuild needs the store for itself: run it where the data is, with the server stopped.\n",
    )


def test_no_store_is_no_rebuild(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rebuild", "--since", "2026-03-01", "--data", str(tmp_path)]) == 1
    assert "There is no store in" in capsys.readouterr().err


@pytest.mark.slow(reason="starts a server")
def test_running_server_keeps_its_store(told: Told, running_server: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    told.store.close()
    with running_server(told.directory) as server:
        assert main(["rebuild", "--since", "2026-03-01", "--data", str(told.directory)]) == 1
        assert capsys.readouterr().err == (
            f"solarocpp: {told.directory / 'solarocpp.duckdb'} is in use by process {server.process.pid}, and a "
            "rebuild needs it alone: the memory of a running server would not agree with the new tables. Stop the "
            "server, rebuild, start it again; chargers keep their messages meanwhile.\n"
        )
    told.reopen()
