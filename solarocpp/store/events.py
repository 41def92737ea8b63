"""Events: what happened that somebody may want to look up, appended with the projections."""

from __future__ import annotations

from collections.abc import Sequence

from solarocpp.store.database import Connection
from solarocpp.store.effects import EventHappened
from solarocpp.store.rows import Value, insert_rows


def insert_events(con: Connection, effects: Sequence[EventHappened]) -> None:
    """Appends events in their order."""
    rows: list[dict[str, Value]] = [
        {
            "created": effect.created,
            "name": effect.name,
            "identifier": effect.identifier,
            "message": effect.message,
            "data": effect.data,
        }
        for effect in effects
    ]
    insert_rows(con, "event", rows)
