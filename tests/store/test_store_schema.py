"""What is described is what is there, and older stores become newer ones."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from stored import T, rows

from solarocpp.errors import SchemaTooNew, StoreError, StoreLocked
from solarocpp.store import Store, open_store
from solarocpp.store.database import Database
from solarocpp.store.migrations import MIGRATIONS, SECRET_MIGRATIONS, migrate, schema_version
from solarocpp.store.schema import PHASES, SECRET_TABLES, TABLES, VIEWS, Table, property_column

OLDER = sorted(Path(__file__).parent.glob("version_*.sql"))


def columns_of(con: duckdb.DuckDBPyConnection, name: str) -> list[tuple[str, str]]:
    """Names and types of a table or view, in order."""
    found = con.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index", [name]
    )
    return [(str(column), str(kind)) for column, kind in found.fetchall()]


@pytest.mark.parametrize("table", [*TABLES, *VIEWS], ids=lambda table: table.name)
def test_description_matches_a_fresh_store(resting: Store, table: Table) -> None:
    """data/README.md is made from the description; it must not lie."""
    found = resting.read_now(lambda con: columns_of(con, table.name))
    assert found == [(column.name, column.type) for column in table.columns]
    assert all(column.meaning for column in table.columns)


def test_every_table_is_described(resting: Store) -> None:
    named = {name for (name,) in rows(resting, "SELECT table_name FROM duckdb_tables()")}
    assert named == {table.name for table in TABLES}


@pytest.mark.parametrize("table", SECRET_TABLES, ids=lambda table: table.name)
def test_description_matches_the_secrets(resting: Store, table: Table) -> None:
    found = resting.secrets.read_now(lambda con: columns_of(con, table.name))
    assert found == [(column.name, column.type) for column in table.columns]


@pytest.mark.parametrize(
    ("name", "unit", "meaning"),
    [
        ("current_ab", "A", "`Current.Import`, between L1 and L2"),
        ("wattHours_c", "Wh", "`Energy.Active.Import.Register`, phase L3 or L3-N"),
        ("WATTS", "W", "`Power.Active.Import`"),
        ("load_a", "", "sent by a vendor's own message"),
    ],
)
def test_column_of_a_property_is_described(name: str, unit: str, meaning: str) -> None:
    column = property_column(name)
    assert (column.type, column.unit, column.meaning) == ("DOUBLE", unit, meaning)
    assert set(PHASES) == {"_a", "_b", "_c", "_ab", "_bc", "_ca", "_n"}


class TestMigration:
    """Numbered steps, each applied once."""

    def test_steps_are_applied_once_and_in_order(self, tmp_path: Path) -> None:
        con = duckdb.connect()
        later = (*MIGRATIONS, "ALTER TABLE node ADD COLUMN city VARCHAR", "UPDATE meta SET watermark = watermark + 1")
        migrate(con, tmp_path, T)
        con.execute(
            "INSERT INTO meta BY NAME "
            "SELECT uuid() AS storeId, now() AS created, 7 AS watermark, 1 AS nextTransactionId"
        )
        assert migrate(con, tmp_path, T, later) == len(MIGRATIONS)
        assert migrate(con, tmp_path, T, later) == len(later)
        assert con.execute("SELECT watermark FROM meta").fetchall() == [(8,)]
        assert ("city", "VARCHAR") in columns_of(con, "node")

    def test_step_that_fails_leaves_nothing(self, tmp_path: Path) -> None:
        con = duckdb.connect()
        migrate(con, tmp_path, T)
        broken = (*MIGRATIONS, "ALTER TABLE node ADD COLUMN city VARCHAR; SELECT no_such_column FROM node")
        with pytest.raises(duckdb.Error, match="no_such_column"):
            migrate(con, tmp_path, T, broken)
        assert schema_version(con) == len(MIGRATIONS)
        assert ("city", "VARCHAR") not in columns_of(con, "node")

    @pytest.mark.parametrize("dump", OLDER, ids=lambda path: path.stem)
    def test_store_of_an_earlier_version_opens(self, tmp_path: Path, dump: Path) -> None:
        """The dump was made by that version, with a session and a phase column in it; its data must be all there."""
        database = Database(tmp_path / "solarocpp.duckdb")
        with database.writing() as con:
            con.execute(dump.read_text())
        database.close()
        store = open_store(tmp_path, now=T)
        try:
            for table in (*TABLES, *VIEWS):
                names = [name for name, _ in store.read_now(lambda con, table=table: columns_of(con, table.name))]
                assert set(names) >= {column.name for column in table.columns}
            assert rows(store, "SELECT energy, duration, readings FROM session") == [(200.0, 120, 3)]
            # Their totals knew no quality; they were computed again at the first start.
            assert rows(store, 'SELECT quality, "energySource" FROM session') == [
                ("measured", "/ocpp/cp/CP001/1/Outlet")
            ]
            assert rows(store, 'SELECT count(*) FROM "sessionTotal"') == [(1,)]
            assert rows(store, "SELECT current_a FROM datum WHERE current_a IS NOT NULL") == [(16.0,)]
            assert rows(store, "SELECT count(*) FROM ledger") == [(8,)]
            assert store.transactions().next_transaction_id == 2
            assert str(store.store_id) == "0f0e0d0c-0b0a-4908-8706-050403020100"
        finally:
            store.close()

    def test_version_1_gets_what_accounts_and_the_door_need(self, tmp_path: Path) -> None:
        """Its chargers must come in as before, its events be found by tag, its account have a hid for URLs."""
        database = Database(tmp_path / "solarocpp.duckdb")
        with database.writing() as con:
            con.execute(OLDER[0].read_text())
        database.close()
        store = open_store(tmp_path, now=T)
        try:
            assert rows(store, 'SELECT "securityProfile", adopted FROM charger') == [(1, True)]
            assert rows(store, "SELECT tags FROM event") == [(["ocpp"],)]
            assert re.fullmatch("[2-9A-HJ-NP-Za-km-z]{8}", str(rows(store, "SELECT hid FROM account")[0][0]))
        finally:
            store.close()

    def test_version_2_is_kept_as_it_is(self, tmp_path: Path) -> None:
        database = Database(tmp_path / "solarocpp.duckdb")
        with database.writing() as con:
            con.execute(OLDER[1].read_text())
        database.close()
        store = open_store(tmp_path, now=T)
        try:
            assert rows(store, 'SELECT "accountId", hid FROM account ORDER BY 1') == [(1, "aB3dE5fG"), (2, "Hj4kL6mN")]
            assert rows(store, "SELECT identifier FROM charger WHERE NOT adopted") == [("CP002",)]
            assert rows(store, 'SELECT token, chargers FROM "authorization"') == [("vid:*", ["CP002"])]
            assert rows(store, 'SELECT tags FROM event WHERE "accountId" = 2') == [(["ocpp", "charger", "connected"],)]
        finally:
            store.close()

    def test_version_3_keeps_zones_meter_changes_and_qualities(self, tmp_path: Path) -> None:
        database = Database(tmp_path / "solarocpp.duckdb")
        with database.writing() as con:
            con.execute(OLDER[2].read_text())
        database.close()
        store = open_store(tmp_path, now=T)
        try:
            assert rows(store, 'SELECT "timeZone" FROM node ORDER BY "nodeId"') == [("Europe/Berlin",), (None,)]
            assert rows(store, 'SELECT "final", "start", note FROM "resetRecord"') == [(1200.0, 5.0, "new meter")]
            assert rows(store, "SELECT nextval('resetNumber')") == [(2,)]
            assert rows(store, "SELECT quality, doubt FROM session") == [("measured", None)]
        finally:
            store.close()

    def test_version_4_has_what_chargers_were_told(self, tmp_path: Path) -> None:
        database = Database(tmp_path / "solarocpp.duckdb")
        with database.writing() as con:
            con.execute(OLDER[3].read_text())
        database.close()
        store = open_store(tmp_path, now=T)
        try:
            assert rows(store, 'SELECT identifier, state, bytes FROM "fileTransfer"') == [("CP001", "done", 7)]
            assert rows(store, "SELECT nextval('fileTransferNumber'), nextval('instructionNumber')") == [(2, 2)]
            assert rows(store, "SELECT action, state, effect FROM instruction") == [("Reset", "completed", "seen")]
            assert rows(store, 'SELECT identifier, "key" FROM certificate') == [("CP001", "EC P-256")]
            assert rows(store, 'SELECT count(*) FROM charger WHERE "supplyPhases" IS NOT NULL') == [(0,)]
        finally:
            store.close()

    def test_secrets_of_an_earlier_version_open(self, tmp_path: Path) -> None:
        database = Database(tmp_path / "secrets.duckdb", directories=(), private=True)
        with database.writing() as con:
            migrate(con, database.path, T, SECRET_MIGRATIONS[:1])
            con.execute("INSERT INTO credential VALUES (1, 1, 'depot', ['CP001'], 'generated', 'blake2b$', ?)", [T])
        database.close()
        store = open_store(tmp_path, now=T)
        try:
            assert store.secrets.read_now(lambda con: con.execute("SELECT username FROM credential").fetchall()) == [
                ("depot",)
            ]
            assert store.secrets.read_now(lambda con: con.execute('FROM "apiToken"').fetchall()) == []
        finally:
            store.close()

    def test_there_is_a_dump_of_every_version(self) -> None:
        """Of the newest only when it is released: until then it grows."""
        names = [path.name for path in OLDER]
        assert names == [f"version_{number}.sql" for number in range(1, len(names) + 1)]
        assert len(names) in {len(MIGRATIONS) - 1, len(MIGRATIONS)}

    def test_store_of_a_later_version_is_left_alone(self, resting: Store) -> None:
        resting.write_now(lambda con: con.execute("INSERT INTO migration VALUES (99, now())"))
        directory = resting.directory
        resting.close()
        with pytest.raises(
            SchemaTooNew, match=r"schema 99, this solarocpp knows up to \d+\. Use the version that wrote it"
        ):
            open_store(directory, now=T)


def test_fresh_store_has_an_account_a_node_and_an_identity(tmp_path: Path) -> None:
    first, second = open_store(tmp_path / "a", now=T), open_store(tmp_path / "b", now=T)
    columns = '"nodeId", "accountId", node.name, node.created, account.name, account.created'
    assert rows(first, f'SELECT {columns} FROM node JOIN account USING ("accountId")') == [
        (1, 1, "node 1", T, "account 1", T)
    ]
    (hid,) = rows(first, "SELECT hid FROM account")
    assert first.store_id != second.store_id
    again, _ = first.store_id, first.close()
    second.close()
    first = open_store(tmp_path / "a", now=T)
    assert first.store_id == again
    assert rows(first, "SELECT hid FROM account") == [hid]
    first.close()


def test_file_that_is_no_store_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "solarocpp.duckdb").write_text("hello " * 1000)
    with pytest.raises(StoreError, match="cannot be opened"):
        open_store(tmp_path, now=T)


@pytest.mark.slow  # starts a process that imports DuckDB
@pytest.mark.parametrize(
    ("server", "url"),
    [(None, ""), ('{"pid": 1, "ocpp": "0.0.0.0:9000", "web": "127.0.0.1:8080"}', "http://127.0.0.1:8080")],
)
def test_second_process_is_told_who_holds_the_store(resting: Store, server: str | None, url: str) -> None:
    """Two writers on one file would destroy it; the second must learn where to go instead."""
    if server:
        (resting.directory / "server.json").write_text(server)
    program = (
        "import sys, datetime, pathlib\n"
        "from solarocpp.store import open_store\n"
        "from solarocpp.errors import StoreLocked\n"
        "try: open_store(pathlib.Path(sys.argv[1]), now=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))\n"
        "except StoreLocked as exc: print(exc.pid, exc.url, sep='|')"
    )
    root = Path(__file__).parent.parent.parent
    done = subprocess.run(
        [sys.executable, "-c", program, str(resting.directory)],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(root)},
    )
    assert done.stdout.strip() == f"{os.getpid()}|{url}"
    assert "Query the running server at http://h" in str(StoreLocked("x", 5, "http://h"))
