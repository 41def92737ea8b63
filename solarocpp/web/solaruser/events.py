"""What happened: `/events`, SolarNetwork's user events (spec 9)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from litestar import Request, get
from litestar.di import NamedDependency
from msgspec import UNSET

import solarocpp.query as q
from solarocpp.store import Store
from solarocpp.store.registry import Connection
from solarocpp.web.access import LOOKS, Caller
from solarocpp.web.solaruser.criteria import DATES, PAGE, Criteria, filtered_by
from solarocpp.web.solaruser.entities import Answered, Entity
from solarocpp.web.solaruser.views import written


class UserEvent(Entity, frozen=True, kw_only=True):
    """Something that happened."""

    user_id: int
    created: str
    event_id: UUID
    tags: list[str]
    message: str | None = None
    data: str | None = None
    """A JSON object, as text."""


@get(
    "/events",
    opt=LOOKS,
    summary="Lists what happened",
    operation_class=filtered_by(*DATES, "tags", "searchFilter", *PAGE, required=DATES),
)
async def list_events(
    request: Request[Any, Any, Any], store: NamedDependency[Store], caller: NamedDependency[Caller]
) -> Answered[list[UserEvent]]:
    """Lists events of a range of time, oldest first; no `data` where there is none.

    `tags` is a comma list of those an event must have, `searchFilter` a filter on its data like `(/cp=CP001)`. The
    `eventId` is made of the event's time and content: the same whenever it is asked.
    """
    asked = Criteria(request)
    since, until = asked.date("startDate", required=True), asked.date("endDate", required=True)
    most, offset = asked.page()
    given = request.query_params
    tags, search = given.get("tags", ""), given.get("searchFilter") or None

    def ask(con: Connection) -> list[tuple[Any, ...]]:
        found = q.events(con, tags=tags, since=since, until=until, account=caller.managed, search=search)
        rows: list[tuple[Any, ...]] = found.limit(most, offset).project(_COLUMNS).fetchall()
        return rows

    told = [_event(row, caller.managed) for row in await store.read(ask)]
    return Answered(data=told or UNSET)


ROUTES: Final[list[Any]] = [list_events]

_COLUMNS: Final = "created, tags, message, data, name, identifier"


def _event(row: Sequence[Any], user_id: int) -> UserEvent:
    created, tags, message, data, *_ = row
    return UserEvent(
        user_id=user_id,
        created=written(created),
        event_id=_event_id(created, row),
        tags=tags or [],
        message=message or None,
        data=data,
    )


def _event_id(created: datetime, row: Sequence[Any]) -> UUID:
    """Makes a UUIDv7 (RFC 9562): its time, and of what it says a digest where others have a random number."""
    content = int.from_bytes(sha256(repr(row[1:]).encode() + created.isoformat().encode()).digest()[:10])
    milliseconds = int(created.timestamp() * 1000) & (1 << 48) - 1
    low = content & (1 << 62) - 1
    return UUID(int=milliseconds << 80 | 7 << 76 | (content >> 62 & 0xFFF) << 64 | 0b10 << 62 | low)
