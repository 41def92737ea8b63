"""Events as rows: whose they are, and what they are about in SolarNetwork's words."""

from __future__ import annotations

import pytest
from stored import RECEIVED, rows

from solarocpp.logs import EVENTS
from solarocpp.store import Store
from solarocpp.store.effects import EventHappened
from solarocpp.store.events import EVENT_TAGS


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("handshake_refused", ["ocpp", "charger", "forbidden"]),
        ("link_opened", ["ocpp", "charger", "connected"]),
        ("link_closed", ["ocpp", "charger", "disconnected"]),
        ("handshake_repaired", ["ocpp", "charger"]),
        ("call_refused", ["ocpp", "message", "sent", "error"]),
        ("sample_unreadable", ["ocpp"]),
    ],
)
async def test_an_event_carries_its_account_and_the_tags_of_its_name(store: Store, name: str, tags: list[str]) -> None:
    """Spec 9.2: by these tags users of SolarNetwork look for theirs."""
    store.record(None, [EventHappened(RECEIVED, name, "CP001", "in words", {"cp": "CP001"}, account_id=7)])
    await store.settle()
    assert rows(store, 'SELECT name, "accountId", tags FROM event') == [(name, 7, tags)]


async def test_an_event_of_nobody_we_know_has_no_account(store: Store) -> None:
    store.record(None, [EventHappened(RECEIVED, "bytes_refused", None, "rubbish", {})])
    await store.settle()
    assert rows(store, 'SELECT "accountId", tags FROM event') == [(None, ["ocpp", "charger", "forbidden"])]


def test_only_events_of_the_catalogue_have_tags() -> None:
    """A misspelt name would leave its events without them."""
    assert set(EVENT_TAGS) <= set(EVENTS)
