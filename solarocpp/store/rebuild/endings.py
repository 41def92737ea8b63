"""Sessions that people ended: what the ledger cannot tell, since no charger said it.

Whoever ends a session by the API leaves an event, in the same transaction; a rebuild reads it beside the ledger. It is
kept as long as events are (`keep_event`), which is longer than the ledger unless somebody wants it otherwise.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

from solarocpp.ocpp.datatypes import ChargePointId
from solarocpp.store.database import Connection
from solarocpp.store.effects import EventHappened, SessionEnded

_EVENT: Final = "session_ended"

_SELECT: Final = f"""
SELECT created, CAST(data->>'sessionId' AS UUID), CAST(data->>'ended' AS TIMESTAMPTZ), data->>'reason', data->>'token'
FROM event WHERE name = '{_EVENT}' ORDER BY created, rowid
"""


class Ending(NamedTuple):
    """A session that somebody ended."""

    created: datetime
    """When it was ordered."""
    effect: SessionEnded


def event_of_ending(
    end: SessionEnded, now: datetime, identifier: ChargePointId | None, account_id: int, who: str
) -> EventHappened:
    """Makes the event that keeps an ending; it is to be recorded with it."""
    data: dict[str, str | int | float | bool | None] = {
        "cp": identifier,
        "sessionId": str(end.session_id),
        "ended": end.ended.isoformat(),
        "reason": end.end_reason,
        "token": end.end_token,
        "by": who,
    }
    text = f"the session {end.session_id} was ended by {who}: {end.end_reason}"
    return EventHappened(now, _EVENT, identifier, text, data, account_id)


def read_endings(con: Connection) -> list[Ending]:
    """Lists the sessions that somebody ended, by when."""
    return [
        Ending(created.astimezone(UTC), SessionEnded(UUID(str(key)), ended.astimezone(UTC), reason, token, None))
        for created, key, ended, reason, token in con.execute(_SELECT).fetchall()
    ]
