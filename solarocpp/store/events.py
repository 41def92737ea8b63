"""Events: what happened that somebody may want to look up, appended with the projections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from solarocpp.store.database import Connection
from solarocpp.store.effects import EventHappened
from solarocpp.store.rows import Value, insert_rows

_FORBIDDEN = ("ocpp", "charger", "forbidden")
_CHARGER = ("ocpp", "charger")

EVENT_TAGS: Mapping[str, tuple[str, ...]] = {
    "handshake_refused": _FORBIDDEN,
    "tls_refused": _FORBIDDEN,
    "bytes_refused": _FORBIDDEN,
    "attempts_unrecorded": _FORBIDDEN,
    "handshake_repaired": _CHARGER,
    "link_opened": ("ocpp", "charger", "connected"),
    "link_closed": ("ocpp", "charger", "disconnected"),
    "links_unrecorded": ("ocpp", "charger", "connected"),
    "link_unprotected": _CHARGER,
    "link_unauthenticated": _CHARGER,
    "change_made": ("api", "change"),
    "call_refused": ("ocpp", "message", "sent", "error"),
    "instruction_queued": ("ocpp", "instruction", "queued"),
    "instruction_completed": ("ocpp", "instruction", "ack"),
    "instruction_declined": ("ocpp", "instruction", "error"),
    "instruction_cancelled": ("ocpp", "instruction", "error"),
}
"""What an event is about, in the words by which SolarNetwork's users filter theirs (spec 9.2)."""

OTHER_TAGS = ("ocpp",)
"""The tags of an event that has none of its own."""


def insert_events(con: Connection, effects: Sequence[EventHappened]) -> None:
    """Appends events in their order."""
    rows: list[dict[str, Value]] = [
        {
            "created": effect.created,
            "name": effect.name,
            "identifier": effect.identifier,
            "message": effect.message,
            "data": effect.data,
            "accountId": effect.account_id,
            "tags": EVENT_TAGS.get(effect.name, OTHER_TAGS),
        }
        for effect in effects
    ]
    insert_rows(con, "event", rows)
