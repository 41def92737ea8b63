"""Questions: beside the writing, interruptible, and kept from everything but the tables."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
import trio
from stored import T, ended, exchange, observed, record_all, rows, started

from solarocpp.errors import QueryInterrupted, StoreError
from solarocpp.store import Store, open_store
from solarocpp.store.health import Finding, inspect_store

ENDLESS = "SELECT count(*) FROM range(10_000_000_000) a, range(10_000_000_000) b"


async def test_question_sees_what_was_recorded_before_it(store: Store) -> None:
    await record_all(store, [(exchange(1), [observed(0, watts=1.0)])])
    assert await store.read(lambda con: con.execute("SELECT watts FROM datum").fetchall()) == [(1.0,)]


async def test_long_question_is_interrupted(store: Store) -> None:
    with pytest.raises(QueryInterrupted, match=r"stopped after 0\.05 s"):
        await store.read(lambda con: con.execute(ENDLESS).fetchall(), limit_s=0.05)
    assert await store.read(lambda con: con.execute("SELECT 1").fetchall()) == [(1,)]


async def test_question_nobody_waits_for_ends(store: Store) -> None:
    """An analyst who closes the page must not leave a core busy for half a minute."""
    with trio.move_on_after(0.05) as scope:
        await store.read(lambda con: con.execute(ENDLESS).fetchall())
    assert scope.cancelled_caught


async def test_statement_that_nobody_interrupted_tells_what_is_wrong_with_it(store: Store) -> None:
    """DuckDB calls a statement interrupted, now and then, that fails in two of its threads at once."""
    asked: list[str] = []

    def question(con: duckdb.DuckDBPyConnection) -> None:
        asked.append("")
        if len(asked) == 1:
            raise duckdb.InterruptException("INTERRUPT Error: Interrupted!")
        con.execute("SELECT 'x'::BIGINT")

    with pytest.raises(StoreError, match="Could not convert string 'x' to INT64"):
        await store.read(question)
    assert len(asked) == 2


async def test_statement_is_not_asked_for_ever(store: Store) -> None:
    asked: list[str] = []

    def question(_: duckdb.DuckDBPyConnection) -> None:
        asked.append("")
        raise duckdb.InterruptException("INTERRUPT Error: Interrupted!")

    with pytest.raises(StoreError, match="Interrupted!"):
        await store.read(question)
    assert len(asked) == 3


async def test_messages_are_written_while_a_question_runs(store: Store) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: store.read(lambda con: con.execute(ENDLESS).fetchall()))
        await trio.testing.wait_all_tasks_blocked()
        assert await record_all(store, [(exchange(1), [observed(0, watts=1.0)])]) == [True]
        await store.settle()
        nursery.cancel_scope.cancel()


async def test_wrong_question_is_a_store_error(store: Store) -> None:
    with pytest.raises(StoreError, match="no_such_column"):
        await store.read(lambda con: con.execute("SELECT no_such_column FROM datum").fetchall())


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "COPY node TO 'solarocpp_node.csv'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "LOAD httpfs",
    ],
)
def test_sql_reaches_no_other_file_and_no_setting(resting: Store, sql: str) -> None:
    """Our own guard stands before this; DuckDB's own refusal is the wall behind it."""
    with pytest.raises(StoreError, match=r"disabled (by|through) configuration|locked"):
        rows(resting, sql)


def test_sql_may_write_into_exports_and_snapshots(resting: Store) -> None:
    folder = resting.directory / "exports"
    rows(resting, f"COPY node TO '{folder.resolve()}/node.csv'")
    assert (folder / "node.csv").read_text().startswith("nodeId,accountId,name,created,timeZone\n1,1,node 1,")


def test_closed_store_stays_closed(tmp_path: Path) -> None:
    store = open_store(tmp_path, now=T)
    store.close()
    with pytest.raises(StoreError, match="is closed"):
        rows(store, "SELECT 1")


class TestHealth:
    """inspect_store."""

    def findings(self, store: Store) -> dict[str, Finding]:
        """All findings by name."""
        return {finding.check: finding for finding in store.read_now(lambda con: inspect_store(con, store.directory))}

    def test_sound_store_is_found_so(self, resting: Store) -> None:
        resting.project_tail([(0, [started(0), observed(0, session=True, wattHours=0.0), ended(60)])])
        found = self.findings(resting)
        assert {finding.result for finding in found.values()} == {"ok"}
        assert found["datum"].detail == "1 rows, newest 2026-03-01T10:00:00Z"
        assert found["ledger"].detail == "empty"
        assert found["schema"].detail == "version 5, this solarocpp has 5"

    @pytest.mark.parametrize(
        ("damage", "check", "result"),
        [
            ('DELETE FROM "chargeSession"', "orphaned_datums", "error"),
            ('DELETE FROM "sessionTotal"', "missing_totals", "error"),
            ("INSERT INTO datum FROM datum", "repeated_datums", "error"),
            ('INSERT INTO "chargeSession" FROM "chargeSession"', "repeated_sessions", "error"),
            ("INSERT INTO ledger (seq) VALUES (1), (3)", "ledger_gaps", "error"),
            ("INSERT INTO journal VALUES (1, 1, '[]')", "ledger_tail", "warning"),
            ('UPDATE "chargeSession" SET ended = started - INTERVAL 1 DAY', "reversed_sessions", "warning"),
            ('UPDATE meta SET "nextTransactionId" = 1', "reused_transactions", "error"),
            ("DELETE FROM migration", "schema", "error"),
        ],
    )
    def test_damage_is_found(self, resting: Store, damage: str, check: str, result: str) -> None:
        resting.project_tail([(0, [started(0), observed(0, session=True, wattHours=0.0), ended(60)])])
        resting.write_now(lambda con: con.execute(damage))
        assert self.findings(resting)[check].result == result
