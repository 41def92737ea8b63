"""What a rebuild since a moment replaces, and what it leaves: told by hand, expected by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest
from told import NOW, OTHER_TABLES, TABLES, Told, after, counts, text

from solarocpp.errors import StoreError
from solarocpp.rebuilding import undo
from solarocpp.store.rebuild import kept_file

OUTLET = "/ocpp/cp/CP1/1/Outlet"
REGISTERS = 'SELECT created, "wattHours" FROM datum WHERE "sourceId" = ? ORDER BY created'


def two_sessions(told: Told) -> None:
    """One from 10:00 to 10:30, one from 11:00 that runs over noon to 13:00, both on CP1; 1 kWh each half hour."""
    first = told.start(1, after(minutes=0), 1000)
    told.read(1, first, after(minutes=15), wh="1500", w="2000")
    told.stop(1, first, after(minutes=30), 2000)
    second = told.start(1, after(hours=1), 2000)
    for hours in (1.5, 2.0, 2.5):
        told.read(1, second, after(hours=hours), wh=str(int(2000 * hours)))
    told.stop(1, second, after(hours=3), 6000)


def test_rows_that_were_deleted_come_back(told: Told) -> None:
    two_sessions(told)
    before = told.rows(*TABLES, *OTHER_TABLES)
    told.sql("DELETE FROM datum WHERE created BETWEEN ? AND ?", after(hours=1.6), after(hours=2.6))
    told.sql('DELETE FROM "chargeSession" WHERE "transactionId" = 2')
    told.sql('DELETE FROM "sessionTotal"')
    # The stop of the first session is before it, so its totals stay lost.
    changes = told.rebuild(after(minutes=40))
    assert counts(changes) == {"datum": (2, 0, 0), "chargeSession": (1, 0, 0), "sessionTotal": (1, 0, 0)}
    assert counts(told.rebuild(after(minutes=0))) == {"sessionTotal": (1, 0, 0)}
    assert told.rows(*TABLES, *OTHER_TABLES) == before


def test_since_in_the_middle_of_a_session_leaves_what_came_before(told: Told) -> None:
    two_sessions(told)
    told.sql('UPDATE datum SET "wattHours" = "wattHours" + 1')
    assert counts(told.rebuild(after(hours=2))) == {"datum": (0, 0, 3), "sessionTotal": (0, 0, 1)}
    assert told.sql(REGISTERS, OUTLET) == [
        (after(minutes=0), 1001),
        (after(minutes=15), 1501),
        (after(minutes=30), 2001),
        (after(hours=1), 2001),
        (after(hours=1.5), 3001),
        (after(hours=2), 4000),
        (after(hours=2.5), 5000),
        (after(hours=3), 6000),
    ]
    assert told.sql('SELECT energy, readings FROM "sessionTotal" ORDER BY energy') == [(1000, 3), (3999, 5)]


def test_session_that_ran_at_the_cut_is_ended_as_the_ledger_says(told: Told) -> None:
    two_sessions(told)
    before = told.rows()
    told.sql('UPDATE "chargeSession" SET ended = NULL, "endReason" = \'Refused\', started = now()')
    assert counts(told.rebuild(after(hours=2))) == {"chargeSession": (0, 0, 1)}
    assert told.sql('FROM "chargeSession" WHERE "transactionId" = 2') == [before["chargeSession"][1]]


def test_session_that_still_runs_is_open_after_a_rebuild(told: Told) -> None:
    told.start(1, after(hours=0), 1000)
    told.read(1, 1, after(hours=1), wh="2000")
    told.sql('UPDATE "chargeSession" SET ended = started')
    told.rebuild(after(minutes=30))
    assert told.sql('SELECT "transactionId", ended FROM "chargeSession"') == [(1, None)]
    assert told.sql("SELECT energy, readings FROM session") == [(1000, 2)]


def test_row_to_which_messages_before_and_after_contributed_keeps_both(told: Told) -> None:
    told.start(1, after(hours=0), 1000)
    told.read(1, 1, after(hours=1), wh="2000", received=after(hours=1, seconds=1))
    told.read(1, 1, after(hours=1), w="3000", received=after(hours=3))
    before = told.rows()
    told.sql('UPDATE datum SET "wattHours" = NULL, watts = 0 WHERE created = ?', after(hours=1))
    assert counts(told.rebuild(after(hours=2))) == {"datum": (0, 0, 1)}
    assert told.rows() == before
    assert told.sql('SELECT "wattHours", watts FROM datum WHERE created = ?', after(hours=1)) == [(2000, 3000)]


def test_readings_that_came_days_late_are_replaced_by_when_they_came(told: Told) -> None:
    told.start(1, after(hours=0), 1000)
    told.stop(1, 1, after(hours=2), 3000)
    told.read(1, 1, after(hours=1), wh="2000", received=after(days=5))
    before = told.rows()
    told.sql("UPDATE datum SET watts = 1 WHERE created = ?", after(hours=1))
    told.sql("UPDATE datum SET info = 'mine' WHERE created = ?", after(hours=2))
    assert counts(told.rebuild(after(days=4))) == {"datum": (0, 0, 1)}
    assert told.sql("SELECT created FROM datum WHERE info = 'mine'") == [(after(hours=2),)]
    told.sql("UPDATE datum SET info = NULL")
    assert told.rows() == before


def test_reading_dated_ahead_belongs_to_when_it_was_received(told: Told) -> None:
    told.read(1, None, after(hours=5), wh="2000", received=after(hours=1))
    told.read(1, None, after(hours=2), wh="1000", received=after(hours=2))
    told.sql("DELETE FROM datum")
    assert counts(told.rebuild(after(hours=1.5))) == {"datum": (1, 0, 0)}
    assert told.sql(REGISTERS, OUTLET) == [(after(hours=2), 1000)]


def test_row_begun_by_a_clock_that_was_ahead_keeps_its_part(told: Told) -> None:
    """Dated 20 hours after it was received, and completed when that time had come."""
    told.read(1, None, after(hours=30), wh="2000", received=after(hours=10))
    told.read(1, None, after(hours=30), w="3000", received=after(hours=30))
    before = told.rows()
    assert counts(told.rebuild(after(hours=29))) == {}
    assert told.rows() == before


def test_reading_context_decides_again_who_wins(told: Told) -> None:
    """The register of the stop stands against a periodic reading of the same moment that comes later."""
    told.start(1, after(hours=0), 1000)
    told.stop(1, 1, after(hours=1), 2000)
    told.read(1, 1, after(hours=1), wh="1999", received=after(hours=2))
    before = told.rows()
    told.sql('UPDATE datum SET "wattHours" = 1999')
    told.sql('DELETE FROM "datumContext"')
    told.rebuild(after(hours=1.5))
    assert told.sql('SELECT "wattHours" FROM datum WHERE created = ?', after(hours=1)) == [(2000,)]
    told.rebuild(after(hours=0))
    assert told.rows() == before


def test_other_source_ids_take_the_place_of_those_before(told: Told) -> None:
    """What a ledger row says of its charger counts, not what the registry says today."""
    two_sessions(told)
    told.sql("UPDATE ledger SET \"sourceIdTemplate\" = '/site/{chargerIdentifier}/{connectorId}' WHERE seq > 3")
    assert counts(told.rebuild(after(hours=2))) == {
        "datum": (3, 3, 0),
        "datumContext": (1, 1, 0),
        "chargeSession": (0, 0, 1),
        "sessionTotal": (0, 0, 1),
    }
    assert told.sql('SELECT "sourceId", count(*) FROM datum GROUP BY ALL ORDER BY ALL') == [
        (OUTLET, 5),
        ("/site/CP1/1", 3),
    ]
    assert told.sql('SELECT "sourceId" FROM "chargeSession" ORDER BY "transactionId"') == [(OUTLET,), ("/site/CP1/1",)]


def test_charger_that_is_not_to_be_published_then_has_no_datums(told: Told) -> None:
    two_sessions(told)
    told.sql("UPDATE ledger SET publish = false WHERE seq > 3")
    changes = counts(told.rebuild(after(minutes=40)))
    assert changes == {"datum": (0, 5, 0), "datumContext": (0, 2, 0), "sessionTotal": (0, 0, 1)}


def test_new_property_gets_its_column_and_the_views_use_it(told: Told) -> None:
    """A normalizer that reads what the one before could not: here, a phase that nobody had sent."""
    told.start(1, after(hours=0), 1000)
    told.read(1, 1, after(hours=1), w="2000")
    told.stop(1, 1, after(hours=2), 2000)
    power = 'Power.Active.Import"'
    told.sql("UPDATE ledger SET request = replace(request, ?, ?)", power, power + ', "phase": "L1"')
    with told.rebuilt(after(hours=0)) as done:
        assert done is not None
    columns = "SELECT count(*) FROM duckdb_columns() WHERE column_name = 'watts_a'"
    assert told.sql(columns) == [(0,)]
    told.rebuild(after(hours=0))
    assert told.sql("SELECT watts, watts_a FROM datum WHERE created = ?", after(hours=1)) == [(None, 2000)]
    assert told.sql("SELECT watts_a FROM latest") == [(None,)]
    assert told.sql('SELECT "peakPower" FROM session') == [(2000,)]
    told.reopen()
    told.read(1, None, after(hours=3), wh="1", w="5")
    assert told.sql("SELECT watts FROM latest") == [(5,)]


def test_odd_messages_of_real_chargers_become_what_they_were(told: Told) -> None:
    """Units as words, commas, a signed value, an unknown measurand, a time without zone, a start that was refused."""
    told.start(2, after(hours=0), 5, tag="BLOCKED")
    odd = (
        '[2,"1","MeterValues",{"connectorId":1,"transactionId":-1,"meterValue":[{"timestamp":"2026-03-01T10:00:00",'
        '"sampledValue":[{"value":"12,5","unit":"kWh"},{"value":"null","measurand":"Voltage"},{"value":"oops"},'
        '{"value":"1","measurand":"Flux"},{"value":"QUJD","format":"SignedData"}]}]}]'
    )
    told.frame(2, odd, after(hours=1))
    told.frame(
        2, '[2,"2","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Charging"}]', after(hours=2)
    )
    told.stop(2, 99, after(hours=3), 700)
    before = told.rows(*TABLES, *OTHER_TABLES, "event")
    assert [len(before[table]) for table in TABLES] == [3, 1, 1, 0, 1]
    for table in TABLES:
        told.sql(f'DELETE FROM "{table}"')
    assert counts(told.rebuild(after(hours=0))) == {
        "datum": (3, 0, 0),
        "datumContext": (1, 0, 0),
        "chargeSession": (1, 0, 0),
        "signedReading": (1, 0, 0),
    }
    after_rebuild = told.rows(*TABLES, *OTHER_TABLES, "event")
    # It is noted; what messages had said of themselves is neither said again nor forgotten.
    (noted,) = [row for row in after_rebuild["event"] if row not in before["event"]]
    assert noted[1] == "tables_rebuilt"
    assert {**after_rebuild, "event": before["event"]} == before


def test_clock_of_ours_that_was_set_back_takes_no_row_from_before_it(told: Told) -> None:
    """Rows received 'at noon' twice: by order of arrival some are before the cut, by time they are not."""
    for number, hours in enumerate((0, 1.2, 2, 1, 3)):  # after the third, our clock was set back
        told.read(1, None, after(hours=hours), wh=str(number), received=after(hours=hours))
    before = told.rows()
    told.sql("DELETE FROM datum WHERE received >= ?", after(hours=1))
    with told.rebuilt(after(hours=1.5)) as done:
        assert done is not None
        assert (done.since, done.exchanges) == (after(hours=1), 4)
        done.keep()
    assert told.rows() == before


def test_row_that_is_gone_comes_back_with_what_was_said_days_before(told: Told) -> None:
    """That it concerns a moment so long ago is known only when all is derived."""
    told.read(1, None, after(hours=0), wh="1000")
    told.read(1, None, after(days=3), wh="2000")
    told.read(1, None, after(hours=0), w="7", received=after(days=5))
    told.sql("DELETE FROM datum")
    assert counts(told.rebuild(after(days=4))) == {"datum": (1, 0, 0)}
    assert told.sql('SELECT created, "wattHours", watts FROM datum') == [(after(hours=0), 1000, 7)]


def test_dry_run_changes_nothing(told: Told) -> None:
    two_sessions(told)
    told.sql("DELETE FROM datum")
    before = told.rows(*TABLES, *OTHER_TABLES, "event")
    assert counts(told.rebuild(after(hours=0), keep=False))["datum"] == (8, 0, 0)
    assert told.rows(*TABLES, *OTHER_TABLES, "event") == before
    assert not list((told.directory / "rebuild").iterdir())


def test_sessions_whose_energy_changes_are_named_largest_first(told: Told) -> None:
    two_sessions(told)
    told.sql('UPDATE "sessionTotal" SET energy = energy + 500 WHERE energy = 1000')
    told.sql('DELETE FROM "sessionTotal" WHERE energy = 4000')
    with told.rebuilt(after(hours=0)) as done:
        assert done is not None
        assert [session[:1] + session[3:] for session in done.changes.sessions] == [
            (2, after(hours=1), None, 4000),
            (1, after(hours=0), 1500, 1000),
        ]


def test_nothing_received_since_is_nothing_to_do(told: Told) -> None:
    with told.rebuilt(after(hours=0)) as done:
        assert done is None
    two_sessions(told)
    with told.rebuilt(after(hours=4)) as done:
        assert done is None


# -- a ledger that does not go back so far ---------------------------------------------------------------------------


def test_since_before_the_ledger_is_refused_and_says_from_when(told: Told) -> None:
    two_sessions(told)
    told.sql("DELETE FROM ledger WHERE seq <= 2")
    before = told.rows()
    with pytest.raises(StoreError) as refused, told.rebuilt(after(hours=0)):
        pass
    assert str(refused.value) == (
        "The ledger is whole only from 2026-03-01T10:30:00.000000Z on, and its first day is needed to learn which "
        "sessions ran. The earliest possible is --since 2026-03-02T10:30:00.000000Z."
    )
    assert told.rows() == before


def test_ledger_with_a_gap_begins_behind_it(told: Told) -> None:
    two_sessions(told)
    told.sql("DELETE FROM ledger WHERE seq = 5")
    with (
        pytest.raises(StoreError, match=r"whole only from 2026-03-01T12:00:00.000000Z on"),
        told.rebuilt(after(hours=2)),
    ):
        pass


def test_ledger_without_its_newest_rows_derives_nothing(told: Told) -> None:
    two_sessions(told)
    told.sql("DELETE FROM ledger WHERE seq = 8")
    with pytest.raises(StoreError, match=r"it ends at 7, the tables show 8"), told.rebuilt(after(hours=0)):
        pass


def test_session_from_before_a_shortened_ledger_goes_on(told: Told) -> None:
    """It began before the ledger does; the tables know it, and what the ledger has of it is derived."""
    told.start(1, after(hours=0), 1000)
    told.start(2, after(hours=0), 1000)
    for hours in range(1, 60):
        told.read(1, 1, after(hours=hours), wh=str(1000 + hours))
    told.stop(1, 1, after(hours=60), 1060)
    told.sql("DELETE FROM ledger WHERE seq <= 10")
    before = told.rows()
    told.sql("DELETE FROM datum WHERE received >= ?", after(hours=40))
    told.sql('UPDATE "chargeSession" SET "endReason" = \'Other\'')
    told.sql('UPDATE "chargeSession" SET ended = NULL, "endReason" = NULL WHERE "transactionId" = 2')
    told.rebuild(after(hours=40))
    assert told.rows() == before


def test_datum_that_the_ledger_derives_only_in_part_keeps_the_rest(told: Told) -> None:
    """A late message about a moment whose first message is not in the ledger any more."""
    told.read(1, None, after(hours=0), wh="1000")
    told.read(1, None, after(days=2), wh="2000")
    told.read(1, None, after(days=4), wh="3000")
    told.read(1, None, after(hours=0), w="7", received=after(days=5))
    told.sql("DELETE FROM ledger WHERE seq = 1")
    before = told.rows()
    told.sql("UPDATE datum SET watts = 8 WHERE watts = 7")
    assert counts(told.rebuild(after(days=4))) == {"datum": (0, 0, 1)}
    assert told.rows() == before


def test_exchange_that_cannot_be_read_any_more_stops_the_rebuild(told: Told) -> None:
    two_sessions(told)
    told.sql('UPDATE ledger SET request = \'[2,"9","MeterValues",{"connectorId":"x"}]\' WHERE seq = 5')
    before = told.rows()
    with pytest.raises(StoreError, match=r"Exchange 5 of the ledger, MeterValues of CP1, cannot be read"):
        told.rebuild(after(hours=0))
    assert told.rows() == before


def test_thing_that_cannot_be_stored_is_left_out_alone(told: Told) -> None:
    """As the live tables do; here a transactionId after which there is none, which no start of ours ever had."""
    two_sessions(told)
    told.sql(
        "UPDATE ledger SET answer = replace(answer, '\"transactionId\":2', '\"transactionId\":9223372036854775807') "
        "WHERE seq = 4"
    )
    with told.rebuilt(after(hours=0)) as done:
        assert done is not None
        assert done.left_out == 1
        assert {row.table: row.after for row in done.changes.tables}["datum"] == 8


# -- the way back ----------------------------------------------------------------------------------------------------


def test_undo_puts_back_every_row(told: Told) -> None:
    two_sessions(told)
    told.sql('UPDATE datum SET "wattHours" = 7 WHERE created > ?', after(hours=1))
    told.sql('DELETE FROM "chargeSession" WHERE "transactionId" = 2')
    told.sql('UPDATE "sessionTotal" SET energy = 7')
    before = told.rows()
    told.rebuild(after(hours=0))
    assert told.rows() != before
    undo(told.store, now=NOW + timedelta(seconds=1))
    assert told.rows() == before
    with pytest.raises(StoreError, match=r"There is no rebuild to undo"):
        undo(told.store, now=NOW)


def test_undo_is_refused_once_something_was_written(told: Told) -> None:
    two_sessions(told)
    told.sql("DELETE FROM datum")
    told.rebuild(after(hours=0))
    told.read(1, None, after(hours=5), wh="1")
    before = told.rows()
    with pytest.raises(StoreError) as refused:
        undo(told.store, now=NOW)
    assert str(refused.value) == (
        "1 exchanges came in since the rebuild, and what they made would be lost. "
        "To go back, run: solarocpp rebuild --since 2026-03-01T10:00:00Z, with the version you had before."
    )
    assert told.rows() == before
    assert kept_file(told.directory).exists()


def test_rebuild_that_is_not_kept_leaves_the_way_back_from_the_one_before(told: Told) -> None:
    two_sessions(told)
    told.sql("DELETE FROM datum")
    told.rebuild(after(hours=0))
    told.rebuild(after(hours=2), keep=False)
    undo(told.store, now=NOW + timedelta(seconds=1))
    assert told.sql("SELECT count(*) FROM datum") == [(0,)]


def test_files_of_a_rebuild_that_was_killed_are_removed_at_the_next_start(told: Told) -> None:
    folder = told.directory / "rebuild"
    folder.mkdir()
    for name in ("staged.duckdb", "staged.duckdb.wal", "before.new.duckdb", "before.duckdb"):
        (folder / name).write_text(text(NOW) or "")
    told.reopen()
    assert [file.name for file in folder.iterdir()] == ["before.duckdb"]
