"""What no charger said, and a rebuild must not undo: sessions people ended, what is ordered and issued here."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import pytest
from told import NOW, T, Told, after, counts

from solarocpp.central_system.instructions import Instruction
from solarocpp.ocpp.datatypes import ChargePointId
from solarocpp.store.certificates import IssuedCertificate, insert_certificate
from solarocpp.store.effects import SessionEnded
from solarocpp.store.instructions import insert_instructions
from solarocpp.store.rebuild.endings import event_of_ending
from solarocpp.store.reservations import Reservation, insert_reservation

SESSIONS = 'SELECT "transactionId", ended, "endReason", "endToken", "meterStop" FROM "chargeSession" ORDER BY 1'


def end(told: Told, number: int, at: datetime, *, token: str | None = None) -> None:
    """Does what the API does, live: memory, table and event."""
    [(key,)] = told.sql('SELECT "sessionId" FROM "chargeSession" WHERE "transactionId" = ?', number)
    ended = SessionEnded(UUID(str(key)), at, "Other", token, None)
    assert told.central.end_session(ended)
    event = event_of_ending(ended, at, ChargePointId("CP1"), 1, "admin.token")
    with told.store.alone() as con:
        told.store._tables.project(con, [ended, event], told.seq)


@pytest.mark.parametrize("since", [0.0, 0.5, 1.5, 2.5])
def test_session_that_somebody_ended_stays_ended(told: Told, since: float) -> None:
    """Wherever the rebuild begins: before the start, between start and end, after the end."""
    told.start(1, after(minutes=10), 1000)
    told.read(1, 1, after(hours=1), wh="2000")
    end(told, 1, after(hours=2), token="BOSS")
    told.read(2, None, after(hours=3), wh="10")
    before = told.rows()
    assert counts(told.rebuild(after(hours=since))) == {}
    assert told.rows() == before
    assert told.sql(SESSIONS) == [(1, after(hours=2), "Other", "BOSS", None)]


def test_session_that_somebody_ended_last_of_all_stays_ended(told: Told) -> None:
    """Nothing was said since."""
    told.start(1, after(hours=0), 1000)
    end(told, 1, after(hours=2))
    assert counts(told.rebuild(T)) == {}
    assert told.sql(SESSIONS) == [(1, after(hours=2), "Other", None, None)]


def test_stop_that_came_after_somebody_ended_the_session_comes_after_it_again(told: Told) -> None:
    """The order decides who is right: the stop was late then, and is late now."""
    told.start(1, after(hours=0), 1000)
    end(told, 1, after(hours=1))
    told.stop(1, 1, after(hours=2), 3000)
    before = told.rows()
    assert told.sql(SESSIONS) == [(1, after(hours=1), "Other", None, None)]
    told.sql('UPDATE "chargeSession" SET ended = NULL, "endReason" = NULL')
    assert counts(told.rebuild(T)) == {"chargeSession": (0, 0, 1)}
    assert told.rows() == before


def test_what_is_ordered_and_issued_here_is_left_alone(told: Told) -> None:
    told.start(1, after(hours=0), 1000)
    instruction = Instruction(
        instruction_id=1,
        account_id=1,
        node_id=1,
        charger_id=1,
        identifier="CP1",
        action="ClearCache",
        payload="{}",
        state="completed",
        created=T,
        expires=NOW,
        status_date=after(hours=1),
        requested_by="a test",
    )
    reservation = Reservation(
        reservation_id=0,
        account_id=1,
        charger_id=1,
        identifier="CP1",
        connector_id=1,
        token="TAG",
        created=T,
        expires=NOW,
        status="active",
        status_date=after(hours=1),
        requested_by="a test",
    )
    certificate = IssuedCertificate("2a", 1, 1, "CP1", "hid", "EC P-256", T, NOW, "AA:BB")
    with told.store.alone() as con:
        insert_instructions(con, [instruction])
        insert_reservation(con, reservation)
        insert_certificate(con, certificate)
    tables = ("instruction", "reservation", "certificate")
    before = told.rows(*tables)
    assert [len(rows) for rows in before.values()] == [1, 1, 1]
    told.sql('DELETE FROM "chargeSession"')
    assert counts(told.rebuild(T))["chargeSession"] == (1, 0, 0)
    assert told.rows(*tables) == before
