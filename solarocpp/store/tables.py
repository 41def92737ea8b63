"""Everything that follows from the ledger: effects become rows, many at a time, in one transaction.

The transaction also moves the journal into the ledger and sets the watermark, so each exchange shows in
the tables once, whenever the process dies. What is remembered between transactions (the newest datum
of each stream, the open sessions) is taken note of after the commit.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import duckdb
import structlog

from solarocpp.store.accepted import (
    AcceptedEffect,
    apply_accepted_effects,
    end_profiles_of_transactions,
    follow_reservations,
)
from solarocpp.store.clocks import create_clock_view
from solarocpp.store.configuration import apply_configuration_effects
from solarocpp.store.database import Connection, in_transaction
from solarocpp.store.datums import (
    DatumTable,
    Stream,
    create_latest_view,
    insert_signed_readings,
    sessions_of,
)
from solarocpp.store.effects import (
    ChargerDescribed,
    ConfigurationTold,
    ConnectorsCounted,
    ConnectorStatusChanged,
    DatumObserved,
    Effect,
    EventHappened,
    SessionEnded,
    SessionRefused,
    SessionStarted,
    SignedReadingKept,
)
from solarocpp.store.energy import create_energy_views
from solarocpp.store.events import insert_events
from solarocpp.store.ledger import move_journal
from solarocpp.store.registry import apply_charger_effects
from solarocpp.store.sessions import (
    apply_session_effects,
    create_session_view,
    store_missing_totals,
    store_totals,
)

log = structlog.get_logger()


class _Sorted:
    """The effects of one batch by the tables they concern, each in their order."""

    def __init__(self, effects: Iterable[Effect]) -> None:
        self.datums: list[DatumObserved] = []
        self.sessions: list[SessionStarted | SessionRefused | SessionEnded] = []
        self.chargers: list[ConnectorStatusChanged | ChargerDescribed | ConnectorsCounted] = []
        self.configuration: list[ConfigurationTold] = []
        self.signed: list[SignedReadingKept] = []
        self.events: list[EventHappened] = []
        self.accepted: list[AcceptedEffect] = []
        self.at_connectors: list[ConnectorStatusChanged | SessionStarted] = []
        for effect in effects:
            match effect:
                case DatumObserved():
                    self.datums.append(effect)
                case SessionStarted() | SessionRefused() | SessionEnded():
                    self.sessions.append(effect)
                case ConnectorStatusChanged() | ChargerDescribed() | ConnectorsCounted():
                    self.chargers.append(effect)
                case ConfigurationTold():
                    self.configuration.append(effect)
                case SignedReadingKept():
                    self.signed.append(effect)
                case EventHappened():
                    self.events.append(effect)
                case _:
                    self.accepted.append(effect)
            if isinstance(effect, ConnectorStatusChanged | SessionStarted):
                self.at_connectors.append(effect)


class _Outcome(NamedTuple):
    """What to remember once the transaction is committed."""

    newest: Mapping[Stream, datetime]
    open: frozenset[UUID]


class Tables:
    """The tables of one open store; one thread at a time."""

    def __init__(self, con: Connection) -> None:
        """Reads what must be remembered, and makes the views of this version."""
        self._datums = DatumTable(con)
        rows = con.execute('SELECT "sessionId" FROM "chargeSession" WHERE ended IS NULL').fetchall()
        self._open = frozenset(session_id for (session_id,) in rows)
        self._store_missing_totals(con)
        in_transaction(con, lambda con: _create_views(con, self._datums.properties))

    def project(self, con: Connection, effects: Sequence[Effect], last: int | None) -> int:
        """Writes effects, and the ledger up to `last`, in one transaction; returns the number of datums.

        Raises:
            duckdb.Error, ValueError: nothing was written.
        """
        batch = _Sorted(effects)
        self._add_columns(con, batch)

        def change(con: Connection) -> _Outcome:
            outcome = self._apply(con, batch)
            if last is not None:
                move_journal(con, last)
            return outcome

        outcome = in_transaction(con, change)
        self._datums.accept(outcome.newest)
        self._open = outcome.open
        return len(batch.datums)

    def can_project(self, con: Connection, effects: Sequence[Effect]) -> bool:
        """Says whether these effects can be written, by writing them and taking it back."""
        batch = _Sorted(effects)
        try:
            self._add_columns(con, batch)
            con.begin()
            try:
                self._apply(con, batch)
            finally:
                con.rollback()
        except (duckdb.FatalException, duckdb.IOException, duckdb.TransactionException):
            raise  # the disk, not the effects
        except Exception:  # noqa: BLE001 whatever it is, it is these effects'
            return False
        return True

    def _store_missing_totals(self, con: Connection) -> None:
        began = time.perf_counter()
        done = store_missing_totals(con, self._datums.properties)
        if done:
            log.info("totals_computed", sessions=done, seconds=round(time.perf_counter() - began, 1))

    def _apply(self, con: Connection, batch: _Sorted) -> _Outcome:
        applied = self._datums.apply(con, batch.datums)
        apply_session_effects(con, batch.sessions)
        apply_charger_effects(con, batch.chargers)
        apply_configuration_effects(con, batch.configuration)
        insert_signed_readings(con, batch.signed)
        insert_events(con, batch.events)
        apply_accepted_effects(con, batch.accepted)
        if batch.at_connectors:
            follow_reservations(con, batch.at_connectors)
        started = {effect.session_id for effect in batch.sessions if isinstance(effect, SessionStarted)}
        ended = {effect.session_id for effect in batch.sessions if isinstance(effect, SessionEnded)}
        still_open = (self._open | started) - ended
        if ended:
            end_profiles_of_transactions(con, ended)
        # Late datums change the totals of a session that ended long ago, too, and of the one they take a row from.
        touched = sessions_of(batch.datums) | applied.changed
        store_totals(con, ended | (touched - still_open), self._datums.properties)
        return _Outcome(applied.newest, still_open)

    def _add_columns(self, con: Connection, batch: _Sorted) -> None:
        """Makes missing columns, in a transaction of its own: they do no harm if the rest fails."""
        missing = self._datums.missing(batch.datums)
        if missing:

            def change(con: Connection) -> Mapping[str, str]:
                added = self._datums.add_columns(con, missing)
                # The totals of sessions use phases where there are any.
                _create_views(con, self._datums.properties.union(added.values()))
                return added

            self._datums.accept_columns(in_transaction(con, change))


def _create_views(con: Connection, properties: frozenset[str]) -> None:
    create_session_view(con, properties)
    create_latest_view(con)
    create_energy_views(con, properties)
    create_clock_view(con)
