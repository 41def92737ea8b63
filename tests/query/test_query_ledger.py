"""What was said, asked for by charger, action, direction and time."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
import trio

import solarocpp.query as q
from solarocpp.errors import BadTimeRange
from solarocpp.ocpp.datatypes import ChargePointId
from solarocpp.store import ChargerFacts, Exchange, open_store

T = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def exchange(
    minute: int, identifier: str, action: str, direction: Literal["in", "out"] = "in", account_id: int = 1
) -> Exchange:
    facts = ChargerFacts(1, ChargePointId(identifier), account_id, 1, "/t", publish=True)
    return Exchange(T + timedelta(minutes=minute), facts, direction, action, f"[{minute}]", "[3]")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which five things were said."""
    directory = tmp_path_factory.mktemp("ledger") / "data"
    store = open_store(directory, now=T)

    async def fill() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(store.run)
            for said in (
                exchange(0, "CP001", "StartTransaction"),
                exchange(1, "CP001", "MeterValues"),
                exchange(2, "CP002", "MeterValues", account_id=2),
                exchange(3, "CP001", "Reset", "out"),
                exchange(4, "cp001", "MeterValues"),
            ):
                store.record(said, ())
            await store.settle()
            nursery.cancel_scope.cancel()

    trio.run(fill)
    store.close()
    return directory


@pytest.mark.parametrize(
    ("asked", "minutes"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"charger": "cp001"}, [0, 1, 3, 4]),
        ({"charger": "CP00"}, []),
        ({"action": "metervalues"}, [1, 2, 4]),
        ({"charger": "CP001", "action": "MeterValues"}, [1, 4]),
        ({"direction": "out"}, [3]),
        ({"direction": "in", "account": 1}, [0, 1, 4]),
        ({"account": 2}, [2]),
        ({"since": T + timedelta(minutes=1), "until": T + timedelta(minutes=3)}, [1, 2]),
    ],
)
def test_the_ledger_is_narrowed(data: Path, asked: dict[str, Any], minutes: list[int]) -> None:
    with closing(q.open(data)) as con:
        found = q.ledger(con, **asked)
        assert found.columns[:2] == ["seq", "received"]
        assert [row[0] for row in found.project("request").fetchall()] == [f"[{minute}]" for minute in minutes]


def test_a_reversed_range_is_an_error(data: Path) -> None:
    with closing(q.open(data)) as con, pytest.raises(BadTimeRange):
        q.ledger(con, since="2026-03-02", until="2026-03-01")
