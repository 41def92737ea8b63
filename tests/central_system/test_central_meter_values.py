"""MeterValues: vectors M4, M9 to M12, M22, and which session a reading belongs to."""

from __future__ import annotations

import pytest
from charging_site import (
    OUTLET,
    SESSION_ID,
    Site,
    T,
    after,
    at,
    datum,
    datums,
    events,
    of,
    one,
    reading,
    session_record,
)

from solarocpp.metering.datums import SessionProperties
from solarocpp.ocpp.datatypes import MeterValue
from solarocpp.ocpp.messages import MeterValuesConfirmation, MeterValuesRequest
from solarocpp.store.effects import EventHappened, SignedReadingKept

POWER = "Power.Active.Import"


@pytest.fixture
def site() -> Site:
    return Site(open_sessions=[session_record()])


def in_session(seconds: int) -> SessionProperties:
    return SessionProperties(SESSION_ID, 123, "tester", seconds)


def test_readings_of_a_session_m4(site: Site) -> None:
    answer = site.read(
        at(
            T,
            reading("1234", unit="Wh", context="Transaction.Begin"),
            reading("500", POWER, context="Transaction.Begin"),
        ),
        at(after(60), reading("2345", unit="Wh"), reading("400", POWER), reading("59.89", "Frequency")),
        at(after(90), reading("3456", context="Transaction.End")),
        transaction=123,
    )
    assert answer.confirmation == MeterValuesConfirmation()
    assert [(row.source_id, row.created, row.properties, row.session) for row in datums(answer)] == [
        (OUTLET, T, {"wattHours": 1234.0, "watts": 500.0}, in_session(0)),
        (OUTLET, after(60), {"wattHours": 2345.0, "watts": 400.0, "frequency": 59.89}, in_session(60)),
        (OUTLET, after(90), {"wattHours": 3456.0}, in_session(90)),
    ]
    assert events(answer) == []
    assert not answer.from_memory


def test_nothing_is_published_when_the_owner_does_not_want_it_m9(site: Site) -> None:
    site.settings(publish=False)
    assert site.read(at(T, reading("1234")), transaction=123).effects == ()


@pytest.mark.parametrize(("connector", "source"), [(0, "/ocpp/cp/CP001/0/Inlet"), (3, "/ocpp/cp/CP001/3/Inlet")])
def test_readings_outside_of_a_session_m10_m12(connector: int, source: str) -> None:
    samples = [reading("1234", location="Inlet", context="Trigger"), reading("500", POWER, location="Inlet")]
    row = datum(Site().read(at(T, *samples), connector=connector))
    assert (row.source_id, row.properties, row.session) == (source, {"wattHours": 1234.0, "watts": 500.0}, None)


def test_two_locations_are_two_datums_m11() -> None:
    samples = [reading("1234", location="Inlet"), reading("500", POWER, location="Outlet")]
    found = [(row.source_id, row.properties) for row in datums(Site().read(at(T, *samples), connector=0))]
    assert found == [
        ("/ocpp/cp/CP001/0/Outlet", {"watts": 500.0}),
        ("/ocpp/cp/CP001/0/Inlet", {"wattHours": 1234.0}),
    ]


def test_message_sent_again_makes_the_same_datum_m22(site: Site) -> None:
    """Changed by architecture section 4: a reading is known by source, time and property; storing it again is safe."""
    message = at(after(10), reading("2000"))
    assert site.read(message, transaction=123).effects == site.read(message, transaction=123).effects


def test_connector_is_the_sessions_spec_4_3(site: Site) -> None:
    assert datum(site.read(at(after(5), reading("1")), transaction=123, connector=0)).source_id == OUTLET


@pytest.mark.parametrize("transaction", [None, 0, -1, 2**63 - 1])
def test_reading_without_transaction_joins_the_connectors_session_q79_q80(site: Site, transaction: int | None) -> None:
    answer = site.say(MeterValuesRequest(1, (at(after(30), reading("2000")),), transaction))
    assert datum(answer).session == in_session(30)


def test_reading_from_before_the_session_does_not_join_it_q79(site: Site) -> None:
    answer = site.read(at(after(-1), reading("1000")), at(T, reading("1234")))
    assert [row.session for row in datums(answer)] == [None, in_session(0)]


def test_reading_that_names_its_transaction_belongs_to_it_even_a_second_early_q55(site: Site) -> None:
    assert datum(site.read(at(after(-1), reading("1000")), transaction=123)).session == in_session(0)


@pytest.mark.parametrize("connector", [0, 2])
def test_other_connectors_and_the_charger_itself_have_no_session_q81_q100(site: Site, connector: int) -> None:
    assert datum(site.read(at(after(30), reading("2000")), connector=connector)).session is None


def test_reading_joins_the_newest_session_that_had_begun(site: Site) -> None:
    started, _ = site.start(timestamp=after(3600), meter=5000, received=after(3600))
    answer = site.read(at(after(1800), reading("4000")), at(after(3700), reading("6000")), received=after(3800))
    assert [row.session and row.session.transaction_id for row in datums(answer)] == [123, started.transaction_id]


@pytest.mark.parametrize("transaction", [999, 2**50])
def test_unknown_transaction_has_no_session_q30_q73(site: Site, transaction: int) -> None:
    row = datum(site.read(at(after(30), reading("2000")), transaction=transaction))
    assert (row.source_id, row.session) == (OUTLET, None)


def test_another_chargers_transaction_is_not_joined_q69(site: Site) -> None:
    row = datum(site.read(at(after(30), reading("2000")), transaction=123, charger=8))
    assert (row.source_id, row.session) == ("/ocpp/cp/CP002/1/Outlet", None)


def test_late_reading_is_linked_and_does_not_reopen_w7_q72(site: Site) -> None:
    site.stop()
    answer = site.read(at(after(30), reading("2000")), at(after(61), reading("54321")), transaction=123)
    assert [row.session for row in datums(answer)] == [in_session(30), in_session(61)]
    assert site.transactions.open_sessions(7) == []
    assert datum(site.read(at(after(70), reading("54322")))).session is None


def test_late_reading_is_linked_after_a_restart() -> None:
    ended = session_record(ended=after(60), end_reason="Local", end_token="tester", meter_stop_wh=54321.0)
    assert datum(Site(recent=[ended]).read(at(after(30), reading("2000")), transaction=123)).session == in_session(30)


def test_readings_of_a_refused_start_have_no_session_q1() -> None:
    site = Site()
    started, _ = site.start(token="nobody")
    row = datum(site.read(at(after(30), reading("2000")), transaction=started.transaction_id))
    assert (row.source_id, row.session) == (OUTLET, None)


def test_bad_sample_costs_itself_and_is_kept_raw_w19(site: Site) -> None:
    answer = site.read(
        MeterValue(after(30), (reading("2000"), reading("5", "Voltage", unit="mV")), ("[1]",)), transaction=123
    )
    assert datum(answer).properties == {"wattHours": 2000.0}
    lost = of(answer, EventHappened)
    assert [(event.name, event.identifier, event.created) for event in lost] == [
        ("sample_unreadable", "CP001", after(100))
    ] * 2
    assert [(event.message, event.data["sample"]) for event in lost] == [
        ("not a SampledValue", "[1]"),
        ("unit 'mV' is not in OCPP 1.6", '{"value":"5","measurand":"Voltage","unit":"mV"}'),
    ]


def test_odd_words_are_noted_once_a_message_q35(site: Site) -> None:
    answer = site.read(
        at(after(30), reading("1", context="Bogus", location="Roof"), reading("2", POWER, context="Bogus")),
        transaction=123,
    )
    assert datum(answer).properties == {"wattHours": 1.0, "watts": 2.0}
    assert events(answer) == ["sample_odd"]
    assert one(answer, EventHappened).account_id == 1  # whose charger it is
    assert one(answer, EventHappened).message == "stored all the same: location 'Roof', context 'Bogus'"


def test_wrong_clock_is_noted_once_a_message_q51(site: Site) -> None:
    answer = site.read(at(None, reading("1")), at(None, reading("2", POWER)), transaction=123)
    assert (datum(answer).created, events(answer)) == (after(100), ["time_replaced"])


def test_signed_data_are_kept_whole_beside_the_session_q10(site: Site) -> None:
    blob = "OCMF|" + "x" * 5000
    answer = site.read(at(after(30), reading(blob, format="SignedData", context="Transaction.End")))
    assert datums(answer) == []
    assert one(answer, SignedReadingKept) == SignedReadingKept(
        node_id=1,
        source_id=OUTLET,
        created=after(30),
        received=after(100),
        session_id=SESSION_ID,
        measurand="Energy.Active.Import.Register",
        context="Transaction.End",
        value=blob,
    )


def test_template_of_the_settings_names_the_stream(site: Site) -> None:
    site.settings(source_id_template="/{chargePointId}/{connectorId}/{location}")
    assert datum(site.read(at(T, reading("1")), transaction=123)).source_id == "/7/1/Outlet"


def test_empty_message_changes_nothing(site: Site) -> None:
    assert site.read(at(T), transaction=123).effects == ()
