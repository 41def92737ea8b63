"""The tables are a pure function of the ledger: any story, replayed, gives the same effects."""

from __future__ import annotations

import msgspec
import pytest
from charging_site import (
    SESSION_ID,
    STORE_ID,
    Site,
    after,
    at,
    events,
    make_registry,
    of,
    reading,
    session_record,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from solarocpp.central_system import CentralSystem, Transactions
from solarocpp.central_system.transactions import was_refused
from solarocpp.ocpp.messages import (
    AuthorizeRequest,
    BootNotificationRequest,
    DataTransferRequest,
    FirmwareStatusNotificationRequest,
    HeartbeatRequest,
    LogStatusNotificationRequest,
    MeterValuesRequest,
    OcppMessage,
    SecurityEventNotificationRequest,
    SignCertificateRequest,
    SignedFirmwareStatusNotificationRequest,
    StartTransactionRequest,
    StatusNotificationRequest,
    StopTransactionRequest,
)
from solarocpp.store.effects import Effect, SessionEnded, SessionRefused, SessionStarted
from solarocpp.store.sessions import SessionRecord, TransactionsSnapshot

# A hundred stories of up to 25 messages each.
pytestmark = pytest.mark.slow

# Small worlds collide: two chargers, two connectors, a minute of times, ids that exist and some that do not.
_times = st.none() | st.sampled_from([after(s) for s in (-86400 * 8000, 0, 10, 20, 30, 40, 50, 86400 * 3)])
_connectors = st.integers(0, 2)
_tokens = st.sampled_from(["tester", "TESTER", "expiring", "blocked", "nobody"])
_transactions = st.integers(-1, 12) | st.sampled_from([123, 2**63 - 1])
_meters = st.sampled_from([-1, 0, 1234, 2000, 54321])
_samples = st.builds(
    reading,
    st.sampled_from(["1", "2000", "x", ""]),
    st.sampled_from([None, "SoC", "Flux"]),
    context=st.sampled_from(["Sample.Periodic", "Trigger", "Bogus"]),
    format=st.sampled_from(["Raw", "SignedData"]),
)
_meter_values = st.lists(st.builds(at, _times, _samples, _samples), max_size=3).map(tuple)
_messages: st.SearchStrategy[OcppMessage] = st.one_of(
    st.builds(StartTransactionRequest, _connectors, _tokens, _meters, _times),
    st.builds(
        StopTransactionRequest,
        _meters,
        _times,
        _transactions,
        st.none() | _tokens,
        st.sampled_from([None, "Remote"]),
        _meter_values,
    ),
    st.builds(MeterValuesRequest, _connectors, _meter_values, st.none() | _transactions),
    st.builds(
        StatusNotificationRequest,
        _connectors,
        st.sampled_from(["NoError", "OtherError"]),
        st.sampled_from(["Available", "Charging"]),
        timestamp=_times,
    ),
    st.builds(BootNotificationRequest, st.sampled_from(["A", "B"]), st.just("M")),
    st.sampled_from(
        [
            HeartbeatRequest(),
            AuthorizeRequest("tester"),
            DataTransferRequest("x"),
            DataTransferRequest("ZJBENY", "dlbMeter", "DLBMode:Solar,Current.Grid.L1:1A"),
            DataTransferRequest(
                "HKZN", "vehicleMAC", '{"vehicleId":"A","connectorId":1,"timestamp":"1970-01-01T00:00Z"}'
            ),
            FirmwareStatusNotificationRequest("Idle"),
            LogStatusNotificationRequest("Uploaded", 1),
            SecurityEventNotificationRequest("TamperDetectionActivated", after(5), "door"),
            SignCertificateRequest("-----BEGIN CERTIFICATE REQUEST-----"),
            SignedFirmwareStatusNotificationRequest("Installed", 1),
        ]
    ),
)
# (who, what, when we heard it, whether the commit failed)
_stories = st.lists(st.tuples(st.sampled_from([7, 8]), _messages, st.integers(0, 60), st.booleans()), max_size=25)

BEGINNING = TransactionsSnapshot(
    open=[session_record()],
    recent=[
        session_record(
            session_id=Transactions(TransactionsSnapshot([], [], 1), STORE_ID).session_id(2),
            transaction_id=2,
            started=after(-90),
            ended=after(-30),
            end_reason="Local",
            end_token="tester",
            meter_stop_wh=1234.0,
        )
    ],
    next_transaction_id=124,
)


def tell(story: list[tuple[int, OcppMessage, int, bool]], *, limit: int | None) -> Site:
    """Lives through a story; a message whose commit failed is in no ledger."""
    site = Site(open_sessions=BEGINNING.open, recent=BEGINNING.recent, max_active=limit)
    for charger, message, second, failed in story:
        answer = site.say(message, received=after(second), charger=charger)
        if failed:
            site.central.undo(answer.effects)
            site.ledger.pop()
    return site


def memory_of(transactions: Transactions) -> list[SessionRecord]:
    return [
        record
        for charger in (7, 8)
        for record in [*transactions.open_sessions(charger), *transactions.ended_sessions(charger)]
    ]


@settings(max_examples=300)
@given(_stories, st.sampled_from([None, 1]))
def test_replay_gives_the_same_effects(story: list[tuple[int, OcppMessage, int, bool]], limit: int | None) -> None:
    site = tell(story, limit=limit)
    transactions = Transactions(BEGINNING, STORE_ID)
    central = CentralSystem(make_registry(), transactions)
    for said in site.ledger:
        replayed = central.replay(said.charger, said.request, said.confirmation, said.received)
        assert replayed == said.effects
    assert memory_of(transactions) == memory_of(site.transactions)


@given(_stories)
def test_undone_story_leaves_the_memory_as_it_was(story: list[tuple[int, OcppMessage, int, bool]]) -> None:
    site = tell([(charger, message, second, True) for charger, message, second, _ in story], limit=None)
    assert memory_of(site.transactions) == memory_of(Transactions(BEGINNING, STORE_ID))
    assert site.transactions.next_transaction_id >= BEGINNING.next_transaction_id


@given(_stories)
def test_every_session_begins_once_and_ends_once_at_most(story: list[tuple[int, OcppMessage, int, bool]]) -> None:
    site = tell([(charger, message, second, False) for charger, message, second, _ in story], limit=None)
    effects: list[Effect] = [effect for said in site.ledger for effect in said.effects]
    begun = [effect.session_id for effect in effects if isinstance(effect, SessionStarted)]
    begun += [effect.start.session_id for effect in effects if isinstance(effect, SessionRefused)]
    ended = [effect.session_id for effect in effects if isinstance(effect, SessionEnded)]
    assert len(set(begun)) == len(begun)
    assert len(set(ended)) == len(ended)
    assert set(ended) <= {*begun, SESSION_ID}


@given(_stories)
def test_said_twice_is_answered_the_same_and_begins_and_ends_nothing(
    story: list[tuple[int, OcppMessage, int, bool]],
) -> None:
    """A charger that repeats each message at once, having heard no answer."""
    site = tell([], limit=None)
    for charger, message, second, _ in story:
        first = site.say(message, received=after(second), charger=charger)
        again = site.say(message, received=after(second), charger=charger)
        if of(first, SessionRefused) and events(first) == ["time_replaced"]:
            continue  # without time, a refused start cannot be told from the driver's next try
        assert again.confirmation == first.confirmation
        assert not [
            effect for effect in again.effects if isinstance(effect, SessionStarted | SessionRefused | SessionEnded)
        ]


@given(_stories)
def test_effects_can_be_written_out_and_read_back(story: list[tuple[int, OcppMessage, int, bool]]) -> None:
    for said in tell(story, limit=None).ledger:
        text = msgspec.json.encode(said.effects)
        assert msgspec.json.decode(text, type=tuple[Effect, ...]) == said.effects


@given(_stories, st.integers(0, 25))
def test_restart_in_the_middle_of_a_story_changes_nothing(
    story: list[tuple[int, OcppMessage, int, bool]], restart_after: int
) -> None:
    """The store keeps of a refused start that it was refused, not with which status."""
    whole = tell(story, limit=None)
    site = tell(story[:restart_after], limit=None)
    kept = site.transactions._chargers.values()
    recent = [record for of_charger in kept for record in of_charger.recent.values()]
    snapshot = TransactionsSnapshot(
        open=[record for of_charger in kept for record in of_charger.open.values()],
        recent=[
            msgspec.structs.replace(record, end_reason="Refused") if was_refused(record) else record
            for record in recent
        ],
        next_transaction_id=site.transactions.next_transaction_id,
    )
    site.central = CentralSystem(site.registry, Transactions(snapshot, STORE_ID))
    for charger, message, second, failed in story[restart_after:]:
        answer = site.say(message, received=after(second), charger=charger)
        if failed:
            site.central.undo(answer.effects)
            site.ledger.pop()
    assert site.ledger == whole.ledger


def test_ledger_row_of_a_removed_charger_still_replays() -> None:
    site = Site(open_sessions=BEGINNING.open)
    site.say(BootNotificationRequest("A", "M"))
    (said,) = site.ledger
    registry = make_registry()
    registry._drop_charger(registry.charger(7))
    central = CentralSystem(registry, Transactions(BEGINNING, STORE_ID))
    effects = central.replay(said.charger, said.request, said.confirmation, said.received)
    assert [type(effect).__name__ for effect in effects] == ["EventHappened"]
