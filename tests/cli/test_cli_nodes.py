"""Nodes and their clocks, and what is asked by them: literal commands and answers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from solarocpp.metering.datums import Datum
from solarocpp.ocpp.datatypes import SourceId
from solarocpp.store import open_store
from solarocpp.store.effects import DatumObserved

Run = Callable[..., tuple[int, str, str]]
NOON = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)


def test_a_node_gets_a_name_and_a_clock(run: Run) -> None:
    assert run("node", "set", "1", "--time-zone", "europe/berlin", "--name", "Harbour") == (
        0,
        "nodeId  name     timeZone       chargers\n1       Harbour  Europe/Berlin  0\n",
        "",
    )
    assert run("node", "list")[1] == "nodeId  name     timeZone       chargers\n1       Harbour  Europe/Berlin  0\n"
    assert run("node", "set", "1", "--time-zone", "Europe/Berln") == (
        1,
        "",
        "solarocpp: There is no time zone 'Europe/Berln'. Did you mean Europe/Berlin?\n",
    )
    assert run("node", "set", "7", "--name", "Mill") == (
        1,
        "",
        "solarocpp: There is no node 7; there is 1. See: solarocpp node list\n",
    )
    assert run("node", "set", "1") == (2, "", "solarocpp: Nothing to set. Add --time-zone or --name.\n")


def test_days_and_readings_of_a_node(run: Run, tmp_path: Path) -> None:
    """The 29th of March 2026 has 23 hours in Berlin, and begins at 23:00 UTC."""
    run("node", "set", "1", "--time-zone", "Europe/Berlin")
    with closing(open_store(tmp_path / "data", now=NOON)) as store:
        hours = [datetime(2026, 3, 28, 12, tzinfo=UTC) + timedelta(hours=n) for n in range(48)]
        datums = (Datum(1, SourceId("/a"), at, {"wattHours": 1000.0 * n}) for n, at in enumerate(hours))
        store.project_tail([(0, [DatumObserved(datum, NOON) for datum in datums])])
    day = ("--since", "2026-03-29", "--until", "2026-03-30", "--format", "csv")
    assert run("datums", "--aggregate", "day", "--properties", "wattHours", *day)[1] == (
        "created,nodeId,sourceId,wattHours\n2026-03-28T23:00:00Z,1,/a,23000.0\n"
    )
    assert run("readings", "--properties", "wattHours", *day)[1] == (
        "created,nodeId,sourceId,timeZone,endDate,wattHours,wattHours_start,wattHours_end\n"
        "2026-03-28T23:00:00Z,1,/a,Europe/Berlin,2026-03-29T22:00:00Z,23000.0,11000.0,34000.0\n"
    )
    assert run("readings", "--type", "CalculatedAt", "--since", "2026-03-29T12:30", "--source", "/b")[2] == (
        "No reading matches.\n"
    )
