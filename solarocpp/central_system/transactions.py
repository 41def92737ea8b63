"""Which transactions are open, and which were: the memory that handlers ask.

The store has the same in `chargeSession`; this is what of it a message may need, without waiting for
a disk. It changes only by effects, so a replay of the ledger from a snapshot ends in the same state,
and an effect whose commit failed can be taken back.

Kept for each charger: every open session, and the newest ended or refused ones, so that a
StartTransaction sent again gets the same answer (W5, W14, Q66), a StopTransaction sent again changes
nothing (Q65), and readings that come after the stop find their session without reopening it (W7, Q72).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from solarocpp.metering.datums import may_stand_for
from solarocpp.ocpp.datatypes import AuthorizationStatus
from solarocpp.store.effects import Effect, SessionEnded, SessionRefused, SessionStarted
from solarocpp.store.sessions import REFUSED, SessionRecord, TransactionsSnapshot, session_id_for

# A charger repeats its last messages, not those of last week; 16 is more than any offline queue
# reported that was flushed twice, and 5 kB a charger.
RECENT_PER_CHARGER: Final = 16

# OCPP-J 1.6 transaction ids are 32-bit integers, and chargers store them as such (Q67).
LAST_TRANSACTION_ID: Final = 2**31 - 1

_REFUSALS: Final[Mapping[str | None, AuthorizationStatus | None]] = {
    "Blocked": "Blocked",
    "Expired": "Expired",
    "Invalid": "Invalid",
    "ConcurrentTx": "ConcurrentTx",
    REFUSED: None,  # what the table keeps: that it was refused, not with which status
}


def was_refused(session: SessionRecord) -> bool:
    """Tells whether a session never was one, because its start was not accepted."""
    return session.end_reason in _REFUSALS


def refusal_status(session: SessionRecord) -> AuthorizationStatus | None:
    """Gives what a refused start was answered, None if that is not known any more."""
    return _REFUSALS.get(session.end_reason)


class StartContent(NamedTuple):
    """What makes a StartTransaction the one it is (architecture section 4)."""

    charger_id: int
    connector_id: int
    token: str
    timestamp: datetime | None
    meter_start_wh: float | None


class _OfCharger:
    """The sessions of one charger by transactionId, oldest first."""

    __slots__ = ("open", "recent")

    def __init__(self) -> None:
        self.open: dict[int, SessionRecord] = {}
        self.recent: dict[int, SessionRecord] = {}


class Transactions:
    """Open sessions, the newest others, and the next transactionId.

    Ids come from one sequence of the whole store, and none is ever given twice (W16, Q67).
    """

    def __init__(self, snapshot: TransactionsSnapshot, store_id: UUID) -> None:
        self._store_id = store_id
        self._chargers: dict[int, _OfCharger] = {}
        self._owners: dict[int, int] = {}
        self._transaction_ids: dict[UUID, int] = {}
        self._open_by_token: dict[str, dict[int, SessionRecord]] = {}
        self.next_transaction_id = snapshot.next_transaction_id
        """Lowest transactionId never given."""
        for session in snapshot.recent:
            self._add_recent(session)
        for session in snapshot.open:
            self._add_open(session)

    # -- questions -----------------------------------------------------------------------------------------

    def session_id(self, transaction_id: int) -> UUID:
        """Makes the sessionId of a transaction; the same one whenever it is asked."""
        return session_id_for(self._store_id, transaction_id)

    def find(self, charger_id: int, transaction_id: int) -> SessionRecord | None:
        """Finds a transaction of this charger, open or not; other chargers' are none of its business (Q69)."""
        of_charger = self._chargers.get(charger_id)
        if of_charger is None:
            return None
        return of_charger.open.get(transaction_id) or of_charger.recent.get(transaction_id)

    def owner(self, transaction_id: int) -> int | None:
        """Tells which charger has or recently had this transaction."""
        return self._owners.get(transaction_id)

    def open_sessions(self, charger_id: int) -> list[SessionRecord]:
        """Lists the open sessions of a charger, oldest first."""
        of_charger = self._chargers.get(charger_id)
        return sorted(of_charger.open.values(), key=_age) if of_charger else []

    def all_open(self) -> list[SessionRecord]:
        """Lists the open sessions of all chargers, by transactionId."""
        found = [session for of_charger in self._chargers.values() for session in of_charger.open.values()]
        return sorted(found, key=lambda session: session.transaction_id)

    def ended_sessions(self, charger_id: int) -> list[SessionRecord]:
        """Lists the newest sessions of a charger that ended, refused ones left out, oldest first."""
        of_charger = self._chargers.get(charger_id)
        return [row for row in of_charger.recent.values() if not was_refused(row)] if of_charger else []

    def open_at(self, charger_id: int, connector_id: int, when: datetime) -> SessionRecord | None:
        """Finds the open session of a connector that had begun at `when`; the newest if an old one was never stopped.

        Connector 0 is the charger itself and has none (Q81, Q100).
        """
        of_charger = self._chargers.get(charger_id)
        if of_charger is None or connector_id <= 0:
            return None
        found: SessionRecord | None = None
        for session in of_charger.open.values():
            begun = session.connector_id == connector_id and session.started <= when
            if begun and (found is None or _age(session) > _age(found)):
                found = session
        return found

    def open_with_token(self, token: str) -> Iterable[SessionRecord]:
        """Lists open sessions that this id tag started, whatever its case (Q95), on all chargers."""
        return self._open_by_token.get(token.casefold(), {}).values()

    def like_start(self, content: StartContent, received: datetime) -> SessionRecord | None:
        """Finds the transaction that a StartTransaction with this content began before.

        Where its time cannot be compared, the one that is still open counts: a car that had charged since
        would have moved the register.
        """
        of_charger = self._chargers.get(content.charger_id)
        if of_charger is None:
            return None
        token = content.token.casefold()
        for session in (*of_charger.open.values(), *of_charger.recent.values()):
            if (
                session.connector_id == content.connector_id
                and session.meter_start_wh == content.meter_start_wh
                and session.token.casefold() == token
                and (session.started == content.timestamp or session.ended is None)
                and may_stand_for(session.started, content.timestamp, received)
            ):
                return session
        return None

    # -- changes -------------------------------------------------------------------------------------------

    def apply(self, effect: Effect) -> None:
        """Takes over what an effect changes; effects that concern no session change nothing here."""
        match effect:
            case SessionStarted():
                self._count(effect.transaction_id)
                self._add_open(_record_of(effect))
            case SessionRefused():
                self._count(effect.start.transaction_id)
                began = _record_of(effect.start)
                self._add_recent(msgspec.structs.replace(began, ended=began.started, end_reason=effect.status))
            case SessionEnded():
                session = self._take(effect.session_id)
                if session is not None:
                    ended = msgspec.structs.replace(
                        session,
                        ended=effect.ended,
                        end_reason=effect.end_reason,
                        end_token=effect.end_token,
                        meter_stop_wh=effect.meter_stop_wh,
                    )
                    self._add_recent(ended)

    def undo(self, effect: Effect) -> None:
        """Takes back an effect that was applied; a transactionId that was given stays used.

        Of several effects of one session the newest should come first; if not, the session is gone
        all the same once its start is taken back.
        """
        match effect:
            case SessionStarted():
                self._take(effect.session_id)
            case SessionRefused():
                self._take(effect.start.session_id)
            case SessionEnded():
                session = self._take(effect.session_id)
                if session is not None:
                    self._add_open(
                        msgspec.structs.replace(
                            session, ended=None, end_reason=None, end_token=None, meter_stop_wh=None
                        )
                    )

    def _count(self, transaction_id: int) -> None:
        self.next_transaction_id = max(self.next_transaction_id, transaction_id + 1)

    def _add_open(self, session: SessionRecord) -> None:
        self._of(session).open[session.transaction_id] = session
        self._open_by_token.setdefault(session.token.casefold(), {})[session.transaction_id] = session

    def _add_recent(self, session: SessionRecord) -> None:
        recent = self._of(session).recent
        recent[session.transaction_id] = session
        if len(recent) > RECENT_PER_CHARGER:
            self._take(next(iter(recent.values())).session_id)

    def _of(self, session: SessionRecord) -> _OfCharger:
        self._owners[session.transaction_id] = session.charger_id
        self._transaction_ids[session.session_id] = session.transaction_id
        return self._chargers.setdefault(session.charger_id, _OfCharger())

    def _take(self, session_id: UUID) -> SessionRecord | None:
        """Forgets a session, wherever it is kept, and gives it back."""
        transaction_id = self._transaction_ids.pop(session_id, None)
        if transaction_id is None:
            return None
        of_charger = self._chargers[self._owners.pop(transaction_id)]
        session = of_charger.open.pop(transaction_id, None)
        if session is None:
            return of_charger.recent.pop(transaction_id)
        of_token = self._open_by_token[session.token.casefold()]
        del of_token[transaction_id]
        if not of_token:
            del self._open_by_token[session.token.casefold()]
        return session


def _age(session: SessionRecord) -> tuple[datetime, int]:
    return session.started, session.transaction_id


def _record_of(start: SessionStarted) -> SessionRecord:
    return SessionRecord(
        session_id=start.session_id,
        node_id=start.node_id,
        source_id=start.source_id,
        charger_id=start.charger_id,
        connector_id=start.connector_id,
        transaction_id=start.transaction_id,
        token=start.token,
        started=start.started,
        ended=None,
        end_reason=None,
        end_token=None,
        meter_start_wh=start.meter_start_wh,
        meter_stop_wh=None,
    )
