"""The ledger: what was said to whom, word for word, and what was answered.

Frames are text as they came, secrets blanked. Heartbeats are not in it, and messages that were refused are events.
"""

from __future__ import annotations

from typing import Literal

from duckdb import DuckDBPyConnection, DuckDBPyRelation

from solarocpp.query.filters import Moment, column, lower, read_rows, read_time_range, time_conditions, value
from solarocpp.store.schema import LEDGER


def ledger(  # noqa: PLR0913 -- one argument a filter
    con: DuckDBPyConnection,
    *,
    charger: str | None = None,
    action: str | None = None,
    direction: Literal["in", "out"] | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    account: int | None = None,
) -> DuckDBPyRelation:
    """Lists exchanges in the order they were committed, with the columns of the table `ledger`.

    `charger` is a charge point identity, `action` one of OCPP's, both compared without case. Times are those of
    reception. `account` leaves only that account's.

    Raises:
        BadTimeRange: `since` is not before `until`, or one of them is no time.
    """
    conditions = [
        *time_conditions("received", read_time_range(since, until)),
        *([] if charger is None else [lower("identifier") == value(charger.lower())]),
        *([] if action is None else [lower("action") == value(action.lower())]),
        *([] if direction is None else [column("direction") == value(direction)]),
        *([] if account is None else [column("accountId") == value(account)]),
    ]
    return read_rows(con, LEDGER.name, conditions).order("seq")
