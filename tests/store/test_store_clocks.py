"""The clocks of chargers, from what they said and when we got it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from stored import CP001, at, rows

from solarocpp.store import Store
from solarocpp.store.rows import insert_rows

Heard = tuple[float, float]
"""Seconds after T when we got a message, and those that it says."""


def hear(store: Store, heard: Sequence[Heard], *, action: str = "StatusNotification") -> None:
    """Puts messages into the ledger."""

    def request(says: float) -> str:
        time = f'"timestamp":"{at(says).isoformat()}"'
        payload = f'{{"meterValue":[{{"timestamp":"2026-01-01T00:00:00Z"}},{{{time}}}]}}'
        return f'[2,"1","{action}",{payload if action == "MeterValues" else f"{{{time}}}"}]'

    table = [
        {
            "seq": round(received * 100),
            "received": at(received),
            "chargerId": CP001.charger_id,
            "direction": "in",
            "action": action,
            "request": request(says),
        }
        for received, says in heard
    ]
    store.write_now(lambda con: insert_rows(con, "ledger", table))


def clock(store: Store) -> list[tuple[object, ...]]:
    return rows(store, 'SELECT "offset", messages, verdict FROM clock')


LIVE = range(0, 600, 60)
HOUR = 3600
YEARS = 56 * 365 * 24 * HOUR

CLOCKS: dict[str, tuple[list[Heard], tuple[float, int, str]]] = {
    "right": ([(t, t) for t in LIVE], (0.0, 10, "right")),
    "a minute ahead": ([(t, t + 60) for t in LIVE], (60.0, 10, "right")),
    "more than a minute ahead": ([(t, t + 61) for t in LIVE], (61.0, 10, "ahead")),
    "behind": ([(t, t - 500) for t in LIVE], (-500.0, 10, "behind")),
    # Q50
    "two hours ahead": ([(t, t + 2 * HOUR) for t in LIVE], (7200.0, 10, "local time sent as UTC")),
    "in Kathmandu": ([(t, t + 5.75 * HOUR - 20) for t in LIVE], (20680.0, 10, "local time sent as UTC")),
    "a quarter of an hour ahead, which is no zone": ([(t, t + 900) for t in LIVE], (900.0, 10, "ahead")),
    "on a day of its own": ([(t, t - 15 * HOUR) for t in LIVE], (-54_000.0, 10, "behind")),
    # Q51
    "in 1970": ([(t, t - YEARS) for t in LIVE], (float(-YEARS), 10, "never set")),
    # Queued offline, a reading a minute, sent within a second: they do not agree, and three live ones do.
    "right, after a replay": (
        [*((7200 + n / 100, n * 60) for n in range(100)), (7300, 7299), (7400, 7398), (7500, 7499)],
        (-1.0, 3, "right"),
    ),
    "in a replay only, where the least late is nearest": (
        [(7200 + n / 100, n * 60) for n in range(100)],
        (-1260.99, 1, "behind"),
    ),
}


@pytest.mark.parametrize("action", ["StatusNotification", "MeterValues"])
@pytest.mark.parametrize(("heard", "expected"), CLOCKS.values(), ids=CLOCKS.keys())
def test_clock_that_is(resting: Store, heard: list[Heard], expected: tuple[float, int, str], action: str) -> None:
    hear(resting, heard, action=action)
    ((offset, messages, verdict),) = clock(resting)
    assert (offset, messages, verdict) == (pytest.approx(expected[0]), *expected[1:])


def test_only_the_last_day_and_200_messages_count(resting: Store) -> None:
    """A clock that was set shows soon."""
    hear(resting, [*((t, t + HOUR) for t in range(0, 4000, 10)), *((100_000 + t, 100_000 + t) for t in range(3))])
    assert clock(resting) == [(0.0, 3, "right")]
    hear(resting, [(100_100 + t, 100_200 + t) for t in range(300)])
    assert clock(resting) == [(100.0, 200, "ahead")]


def test_message_without_a_time_or_with_none_that_can_be_read_is_passed_over(resting: Store) -> None:
    for request in ('[2,"1","StatusNotification",{}]', '[2,"1","StatusNotification",{"timestamp":"soon"}]', "no JSON"):
        row = {"seq": 1, "received": at(0), "chargerId": 1, "direction": "in", "request": request}
        resting.write_now(lambda con, row=row: insert_rows(con, "ledger", [{**row, "action": "StatusNotification"}]))
    assert clock(resting) == []
