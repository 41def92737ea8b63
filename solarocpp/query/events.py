"""Events: what happened that somebody may want to look up, as who was refused at the door, and why.

An event has tags, the way SolarNetwork files them (spec 9.2): `ocpp,charger,forbidden` are the
refused connections, `ocpp,charger,connected` the links that opened. It belongs to an account, or to
nobody where the owner of a connection could not be known.
"""

from __future__ import annotations

from collections.abc import Iterable

from duckdb import DuckDBPyConnection, DuckDBPyRelation, FunctionExpression

from solarocpp.query.filters import Moment, column, lower, read_rows, read_time_range, time_conditions, value
from solarocpp.query.search_filters import read_search_filter
from solarocpp.store.schema import EVENT


def events(  # noqa: PLR0913 -- one argument a filter
    con: DuckDBPyConnection,
    *,
    tags: str | Iterable[str] = (),
    charger: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    account: int | None = None,
    search: str | None = None,
) -> DuckDBPyRelation:
    """Lists events, oldest first, with the columns of the table `event`.

    `tags` are those an event must have, all of them, in any case; one text may be a comma list.
    `charger` is a charge point identity, compared without case. `account` leaves only what is known
    to be that account's; without it, what belongs to nobody is listed too. `search` is a filter on their
    data in SolarNetwork's notation, like `(/cp=CP001)`.

    Raises:
        BadTimeRange: `since` is not before `until`, or one of them is no time.
        QueryError: `search` is no filter.
    """
    wanted = [tag.strip().lower() for tag in (tags.split(",") if isinstance(tags, str) else tags)]
    conditions = [
        *(FunctionExpression("list_contains", column("tags"), value(tag)) for tag in wanted if tag),
        *time_conditions("created", read_time_range(since, until)),
        *([] if charger is None else [lower("identifier") == value(charger.lower())]),
        *([] if account is None else [column("accountId") == value(account)]),
        *([] if search is None else [read_search_filter(search, "data")]),
    ]
    return read_rows(con, EVENT.name, conditions).order("created, name")
