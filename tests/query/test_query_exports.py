"""Parquet exports: one dataset for every engine, brought up to date by what changed, whatever happened meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset
import pyarrow.parquet
import pytest

import solarocpp.query as q
from solarocpp.errors import BadSourcePattern, BadTimeRange, QueryError, StoreError
from solarocpp.metering.datums import Datum, SessionProperties
from solarocpp.ocpp.datatypes import SourceId
from solarocpp.query.exports import plan_export, write_file
from solarocpp.store.effects import DatumObserved, Effect, SessionEnded, SessionStarted

pytestmark = pytest.mark.slow(reason="opens stores and writes files")

T = datetime(2026, 3, 1, 10, tzinfo=UTC)
SESSION = UUID("00000000-0000-8000-8000-000000000040")
Fill = Callable[..., duckdb.DuckDBPyConnection]
Counts = list[tuple[str, int, int, int, int]]


def observed(hours: float, *, node: int = 1, source: str = "/CP001/1", late: int = 0, **properties: float) -> Effect:
    """A datum `hours` after T of session 1, received at once, or `late` days after."""
    created = T + timedelta(hours=hours)
    session = SessionProperties(SESSION, 7, "TAG", int(hours * 3600))
    datum = Datum(node, SourceId(source), created, properties, None, session)
    return DatumObserved(datum, created + timedelta(days=late, seconds=1))


def started() -> Effect:
    return SessionStarted(SESSION, 1, SourceId("/CP001/1"), 1, 1, 7, "TAG", T, 0.0)


# Two days of node 1 and one of node 2; sources out of order.
DATUMS = [
    observed(0, source="/CP002/1", watts=2.0),
    observed(0, watts=1.0),
    observed(1, watts=11.0),
    observed(15, watts=15.0),
    observed(1, node=2, watts=22.0),
]


def counts(done: Sequence[q.Exported]) -> Counts:
    """Dataset, and how many files were written, left, removed; then the rows written."""
    return [(one.dataset, one.written, one.unchanged, one.removed, one.rows) for one in done]


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_files_lie_by_node_and_day(filled: Fill, tmp_path: Path) -> None:
    con = filled([started(), *DATUMS])
    assert counts(q.export(con, tmp_path / "out")) == [("datum", 3, 0, 0, 5), ("session", 1, 0, 0, 1)]
    assert files(tmp_path / "out") == [
        "datum/nodeId=1/date=2026-03-01/datum.parquet",
        "datum/nodeId=1/date=2026-03-02/datum.parquet",
        "datum/nodeId=2/date=2026-03-01/datum.parquet",
        "session/nodeId=1/month=2026-03/session.parquet",
    ]


def test_every_engine_reads_a_folder_as_one_dataset(filled: Fill, tmp_path: Path) -> None:
    """Sums, times and ids as they are in the store, and each row once; ids are text, times UTC."""
    q.export(filled([started(), *DATUMS]), tmp_path / "out")
    folder = tmp_path / "out" / "datum"
    expected = (5, 51.0, T, str(SESSION), 3)
    asked = 'count(*), sum(watts), min(created), min("sessionId"), count(DISTINCT (node_id, day))'.replace(
        "node_id, day", '"nodeId", date'
    )
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        row = con.execute(f"SELECT {asked} FROM '{folder}/**/*.parquet'").fetchone()
        assert row is not None
        assert (*row[:2], row[2].astimezone(UTC), *row[3:]) == expected
        kinds = dict(
            con.execute(f"SELECT column_name, column_type FROM (DESCRIBE FROM '{folder}/**/*.parquet')").fetchall()
        )
        assert (kinds["nodeId"], kinds["date"], kinds["created"]) == ("BIGINT", "DATE", "TIMESTAMP WITH TIME ZONE")

    by_pandas = pd.read_parquet(folder)
    assert (
        len(by_pandas),
        by_pandas["watts"].sum(),
        by_pandas["created"].min(),
        by_pandas["sessionId"].min(),
    ) == expected[:4]
    assert str(by_pandas["created"].dtype) == "datetime64[us, UTC]"
    assert set(zip(by_pandas["nodeId"], by_pandas["date"].astype(str), strict=True)) == {
        (1, "2026-03-01"),
        (1, "2026-03-02"),
        (2, "2026-03-01"),
    }

    by_polars = pl.scan_parquet(folder).select(
        pl.len(), pl.sum("watts"), pl.min("created"), pl.min("sessionId"), pl.struct("nodeId", "date").n_unique()
    )
    assert by_polars.collect().row(0) == expected

    by_arrow = pyarrow.dataset.dataset(folder, partitioning="hive")
    assert by_arrow.count_rows() == 5
    assert by_arrow.schema.field("created").type == pyarrow.timestamp("us", tz="UTC")


def test_rows_are_sorted_by_source_and_time_and_compressed(filled: Fill, tmp_path: Path) -> None:
    q.export(filled(DATUMS), tmp_path / "out")
    file = pyarrow.parquet.ParquetFile(tmp_path / "out/datum/nodeId=1/date=2026-03-01/datum.parquet")
    rows = file.read(["sourceId", "watts"]).to_pylist()
    assert [(row["sourceId"], row["watts"]) for row in rows] == [
        ("/CP001/1", 1.0),
        ("/CP001/1", 11.0),
        ("/CP002/1", 2.0),
    ]
    assert {file.metadata.row_group(0).column(at).compression for at in range(file.metadata.num_columns)} == {"ZSTD"}


def test_second_run_writes_only_what_changed(filled: Fill, tmp_path: Path) -> None:
    """A late datum changes its day only; one that merges into a row there is counts as a change, too."""
    out = tmp_path / "out"
    with filled([started(), *DATUMS]) as con:
        q.export(con, out)
    with filled() as con:
        assert counts(q.export(con, out)) == [("datum", 0, 3, 0, 0), ("session", 0, 1, 0, 0)]
    with filled([observed(1, late=9, voltage=230.0)]) as con:
        assert counts(q.export(con, out)) == [("datum", 1, 2, 0, 3), ("session", 0, 1, 0, 0)]
        assert con.sql(f"SELECT count(*), sum(voltage), sum(watts) FROM '{out}/datum/**/*.parquet'").fetchall() == [
            (5, 230.0, 51.0)
        ]
    with filled(
        [observed(2, node=2, late=9, watts=4.0), SessionEnded(SESSION, T + timedelta(hours=16), "Local", None, None)]
    ) as con:
        assert counts(q.export(con, out)) == [("datum", 1, 2, 0, 2), ("session", 1, 0, 0, 1)]


def test_new_column_has_all_files_written_again(filled: Fill, tmp_path: Path) -> None:
    """Pyarrow (as Spark does) takes the schema of one file for all: with files that lack a column it would be lost."""
    out = tmp_path / "out"
    with filled(DATUMS) as con:
        q.export(con, out)
    with filled([observed(16, current_a=16.0)]) as con:
        # Even where the choice of days leaves the others out.
        assert counts(q.export(con, out, since="2026-03-02"))[0] == ("datum", 3, 0, 0, 6)
    schemas = {str(pyarrow.parquet.read_schema(path).remove_metadata()) for path in out.glob("datum/*/*/*.parquet")}
    assert len(schemas) == 1
    assert pd.read_parquet(out / "datum")["current_a"].sum() == 16.0
    assert pl.scan_parquet(out / "datum").select(pl.sum("current_a")).collect().item() == 16.0


def test_what_retention_removed_stays_in_the_files(filled: Fill, tmp_path: Path) -> None:
    """An export is also the archive: its old days stay, and get the new columns of the newer ones."""
    out = tmp_path / "out"
    with filled(DATUMS) as con:
        q.export(con, out)
    removed = "DELETE FROM datum WHERE created < '2026-03-02'; UPDATE meta SET \"datumsFrom\" = '2026-03-02'"
    with filled([observed(2, watts=5.0, late=40)], sql=removed) as con:
        assert counts(q.export(con, out))[0] == ("datum", 0, 3, 0, 0)
    with filled([observed(16, current_a=16.0)]) as con:
        assert counts(q.export(con, out))[0] == ("datum", 3, 0, 0, 6)
    assert pd.read_parquet(out / "datum")[["watts", "current_a"]].sum().tolist() == [51.0, 16.0]
    assert (
        len({str(pyarrow.parquet.read_schema(path).remove_metadata()) for path in out.glob("datum/*/*/*.parquet")}) == 1
    )


def test_file_whose_rows_are_gone_is_removed(filled: Fill, tmp_path: Path) -> None:
    """A rebuild may find that a datum belongs to another day; the sum must not count it twice."""
    out = tmp_path / "out"
    with filled(DATUMS) as con:
        q.export(con, out)
    with filled(sql='DELETE FROM datum WHERE "nodeId" = 2') as con:
        assert counts(q.export(con, out, node=1))[0] == ("datum", 0, 3, 0, 0)
        assert counts(q.export(con, out))[0] == ("datum", 0, 2, 1, 0)
    assert not (out / "datum" / "nodeId=2").exists()


def test_rebuilt_rows_are_written_again(filled: Fill, tmp_path: Path) -> None:
    """They may say something else, though they were received when they were."""
    out = tmp_path / "out"
    with filled(DATUMS) as con:
        q.export(con, out)
    with filled(
        sql="UPDATE datum SET watts = 2 * watts; INSERT INTO event (created, name) VALUES (now(), 'tables_rebuilt')"
    ) as con:
        assert counts(q.export(con, out))[0] == ("datum", 3, 0, 0, 5)
        assert con.sql(f"SELECT sum(watts) FROM '{out}/datum/**/*.parquet'").fetchall() == [(102.0,)]


def test_filters_choose_files_and_source_chooses_rows(filled: Fill, tmp_path: Path) -> None:
    con = filled(DATUMS)
    out = tmp_path / "out"
    assert counts(q.export(con, out, node=2))[0] == ("datum", 1, 0, 0, 1)
    # From noon of a day on: the day is whole all the same.
    assert counts(q.export(con, out, node=1, until="2026-03-01T12:00"))[0] == ("datum", 1, 1, 0, 3)
    assert counts(q.export(con, out, since="2026-03-02"))[0] == ("datum", 1, 2, 0, 1)
    assert counts(q.export(con, tmp_path / "cp002", source="/CP002/**"))[0] == ("datum", 1, 0, 0, 1)


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [(None, "/CP002/**", "without --source"), ("/CP002/*", None, r"with --source /CP002/\*")],
)
def test_folder_keeps_to_its_sources(
    filled: Fill, tmp_path: Path, first: str | None, second: str | None, says: str
) -> None:
    """Else the second run would take the others' rows out of the files."""
    con = filled(DATUMS)
    q.export(con, tmp_path / "out", source=first)
    with pytest.raises(QueryError, match=rf"datum\.parquet was exported .*{says}.*--to"):
        q.export(con, tmp_path / "out", source=second)


def test_folder_of_another_store_or_of_others_is_left_alone(filled: Fill, tmp_path: Path) -> None:
    with filled(DATUMS) as con:
        q.export(con, tmp_path / "out")
    with (
        filled(sql='UPDATE meta SET "storeId" = uuid()') as other,
        pytest.raises(QueryError, match="from another store"),
    ):
        q.export(other, tmp_path / "out")
    con = filled()
    foreign = tmp_path / "foreign" / "datum" / "nodeId=1" / "date=2026-03-01" / "datum.parquet"
    foreign.parent.mkdir(parents=True)
    con.execute(f"COPY (SELECT 1 AS a) TO '{foreign}' (FORMAT parquet)")
    with pytest.raises(QueryError, match="is not an export of solarocpp"):
        q.export(con, tmp_path / "foreign")
    foreign.write_bytes(b"no parquet")
    with pytest.raises(QueryError, match=r"cannot be read .*Remove it"):
        q.export(con, tmp_path / "foreign")


@pytest.mark.parametrize(
    ("wrong", "error"), [({"since": "soon"}, BadTimeRange), ({"source": "/a//b"}, BadSourcePattern)]
)
def test_wrong_filter_writes_nothing(
    filled: Fill, tmp_path: Path, wrong: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        q.export(filled(DATUMS), tmp_path / "out", **wrong)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_run_that_stopped_midway_is_taken_up(filled: Fill, tmp_path: Path) -> None:
    """What a killed run leaves: some files, and one that is not finished; that one is nobody's data."""
    con = filled(DATUMS)
    out = tmp_path / "out"
    (datum, _) = plan_export(con, out)
    write_file(con, datum.write[0])
    (out / ".partial.parquet").write_bytes(b"half a file")
    assert counts(q.export(con, out))[0] == ("datum", 2, 1, 0, 2)
    assert files(out)[0] == "datum/nodeId=1/date=2026-03-01/datum.parquet"
    assert con.sql(f"SELECT count(*), sum(watts) FROM '{out}/datum/**/*.parquet'").fetchall() == [(5, 51.0)]


def test_folder_that_cannot_be_written_is_named(filled: Fill, tmp_path: Path) -> None:
    con = filled(DATUMS)
    out = tmp_path / "out"
    out.mkdir()
    (out / "datum").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match=r"datum.*cannot be written: Not a directory"):
        q.export(con, out)
    assert [path.name for path in out.iterdir()] == ["datum"]
