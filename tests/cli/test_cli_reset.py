"""`solarocpp reset` and `clocks` as a person types them, on files at rest."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from solarocpp.metering.datums import Datum
from solarocpp.ocpp.datatypes import SourceId
from solarocpp.store import open_store
from solarocpp.store.effects import DatumObserved
from solarocpp.store.rows import insert_rows

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
Cli = Callable[..., Any]


@pytest.mark.slow  # processes
def test_meter_change_is_entered_listed_and_removed(tmp_path: Path, solarocpp_cli: Cli) -> None:
    with closing(open_store(tmp_path, now=NOW)) as store:
        store.project_tail([(0, [DatumObserved(Datum(1, SourceId("/a"), NOW, {"wattHours": 5.0}), NOW)])])
    options = ("--at", "2026-03-01T10:00", "--final", "520", "--start", "1.5", "--note", "new meter")
    added = solarocpp_cli(tmp_path, "reset", "add", "/a", *options)
    assert added.stdout.splitlines()[1].split() == [
        *("1", "2026-03-01T10:00:00Z", "1", "/a", "wattHours", "520", "1.5", "new", "meter")
    ]
    listed = solarocpp_cli(tmp_path, "reset", "list", "--format", "csv").stdout.splitlines()
    assert listed[1].startswith("1,2026-03-01T10:00:00Z,1,/a,wattHours,520.0,1.5,new meter,")
    assert solarocpp_cli(tmp_path, "reset", "remove", "1", "--yes").stdout == "Meter change 1 is removed.\n"
    assert solarocpp_cli(tmp_path, "reset", "list").stderr == "No meter change was entered.\n"
    refused = solarocpp_cli(tmp_path, "reset", "add", "/b", *options, exits=1)
    assert refused.stderr == "solarocpp: There is no source '/b'. See: solarocpp datums --latest\n"


@pytest.mark.slow  # processes
def test_clocks_are_shown_and_checked(tmp_path: Path, solarocpp_cli: Cli) -> None:
    with closing(open_store(tmp_path, now=NOW)) as store:
        charger = {"chargerId": 1, "accountId": 1, "nodeId": 1, "identifier": "CP001", "created": NOW, "enabled": True}
        request = '[2,"1","StatusNotification",{"timestamp":"2026-03-01T12:00:00Z"}]'
        row = {"seq": 1, "received": NOW, "chargerId": 1, "direction": "in", "action": "StatusNotification"}
        store.write_now(lambda con: insert_rows(con, "ledger", [{**row, "request": request}]))
        store.write_now(lambda con: insert_rows(con, "charger", [charger]))
    shown = solarocpp_cli(tmp_path, "clocks").stdout.splitlines()[1]
    assert shown.split() == ["CP001", "7200", "0", "1", "2026-03-01T10:00:00Z", "local", "time", "sent", "as", "UTC"]
    found = solarocpp_cli(tmp_path, "sql", "SELECT verdict FROM clock", "--format", "csv").stdout
    assert found == "verdict\nlocal time sent as UTC\n"
