"""DataTransfer: vectors of spec 13.7, then what is refused, and how it is told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from charging_site import Site, T, after, datum, datums, events, of, one

from solarocpp.central_system.data_transfer import DATA_TRANSFER
from solarocpp.central_system.replay import replayed_effects
from solarocpp.central_system.vendors import VENDORS, VendorReading
from solarocpp.metering.datums import StatusProperties
from solarocpp.ocpp.messages import DataTransferConfirmation, DataTransferRequest
from solarocpp.store.effects import EventHappened
from solarocpp.store.ledger import Exchange, LedgerRow

ACCEPTED = DataTransferConfirmation("Accepted")
DLB, METER, VID = "/ocpp/cp/CP001/dlb", "/ocpp/cp/CP001/meter", "/ocpp/cp/CP001/1/vid"

THREE_PHASES = ",".join(
    ["DLBMode:Solar"]
    + [f"Current.HomeLoad.L{phase}:1.{phase}A" for phase in (1, 2, 3)]
    + [f"Current.Solar.L{phase}:2.{phase}A" for phase in (1, 2, 3)]
)
THREE_PHASE_POWER = (
    '{"Power.HomeLoad.L1":"6.11kW","Power.HomeLoad.L2":"2.61kW","Power.HomeLoad.L3":"2.63kW",'
    '"Power.Solar.L1":"-0.43kW","Power.Solar.L2":"0.43kW","Power.Solar.L3":"0.44kW",'
    '"Power.EVSE.L1":"0.10kW","Power.EVSE.L2":"0.20kW","Power.EVSE.L3":"0.30kW",'
    '"Power.Grid.L1":"2.17kW","Power.Grid.L2":"2.18kW","Power.Grid.L3":"2.19kW"}'
)
ABB = (
    '{"type":"MeterTransfer","timestamp":"2023-06-16T19:05:46.000Z","sampledValue":['
    '{"measurand":"Voltage.L1","accuracy":"1","unit":"V","value":2351},'
    '{"measurand":"Current.L1","accuracy":"2","unit":"A","value":7},'
    '{"measurand":"Active.Power.ALL","accuracy":"2","unit":"W","value":464}]}'
)

VECTORS: list[tuple[str, str, str, str, datetime, dict[str, float], StatusProperties | None]] = [
    (
        "com.zjbeny.dlb",
        "dlbMeter",
        "DLBMode:Solar,Current.HomeLoad:1A,Current.Solar:2A",
        DLB,
        T,
        {"load": 1.0, "solar": 2.0},
        StatusProperties(mode="Solar"),
    ),
    (
        "ZJBENY",
        "dlbMeter",
        '{"DLBMode":"Solar","Current.HomeLoad":"1A","Current.Solar":"2A"}',
        DLB,
        T,
        {"load": 1.0, "solar": 2.0},
        StatusProperties(mode="Solar"),
    ),
    (
        "ZJBENY",
        "dlbMeter",
        (
            '{"DLBMode":"Solar","DLBStatus":"Normal","Power.HomeLoad":"1.74kW","Power.Solar":"-0.44kW",'
            '"Power.EVSE":"0.22kW","Power.Grid":"2.18kW"}'
        ),
        DLB,
        T,
        {"load": 1740.0, "solar": -440.0, "evse": 220.0, "grid": 2180.0},
        StatusProperties("Normal", mode="Solar"),
    ),
    (
        "com.zjbeny.dlb",
        "dlbMeter",
        THREE_PHASES,
        DLB,
        T,
        {"load_a": 1.1, "load_b": 1.2, "load_c": 1.3, "solar_a": 2.1, "solar_b": 2.2, "solar_c": 2.3},
        StatusProperties(mode="Solar"),
    ),
    (
        "ZJBENY",
        "dlbMeter",
        THREE_PHASE_POWER,
        DLB,
        T,
        {
            "load_a": 6110.0,
            "load_b": 2610.0,
            "load_c": 2630.0,
            "solar_a": -430.0,
            "solar_b": 430.0,
            "solar_c": 440.0,
            "evse_a": 100.0,
            "evse_b": 200.0,
            "evse_c": 300.0,
            "grid_a": 2170.0,
            "grid_b": 2180.0,
            "grid_c": 2190.0,
        },
        None,
    ),
    (
        "abc",
        "232",
        ABB,
        METER,
        datetime(2023, 6, 16, 19, 5, 46, tzinfo=UTC),
        {"voltage_a": 235.1, "current_a": 0.07, "watts": 4.64},
        None,
    ),
    (
        "HKZN",
        "vehicleMAC",
        '{"vehicleId":"141FBA1035F2","connectorId":1,"timestamp":"2023-10-13T03:07:43Z"}',
        VID,
        datetime(2023, 10, 13, 3, 7, 43, tzinfo=UTC),
        {},
        StatusProperties(vid="141FBA1035F2"),
    ),
    (
        "HKZN",
        "vehicleMAC",
        '{"vehicleId":"9CF6DD918B5C","connectorId":1,"timestamp":"2023-11-20T03:17:09Z"}',
        VID,
        datetime(2023, 11, 20, 3, 17, 9, tzinfo=UTC),
        {},
        StatusProperties(vid="9CF6DD918B5C"),
    ),
]

# The vectors that carry a time are of 2023, when nobody was ahead of it.
LATER = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("vendor_id", "message_id", "data", "source", "created", "properties", "status"),
    VECTORS,
    ids=[f"{vector[0]}-{number}" for number, vector in enumerate(VECTORS)],
)
def test_a_vendors_message_is_a_datum(
    vendor_id: str,
    message_id: str,
    data: str,
    source: str,
    created: datetime,
    properties: dict[str, float],
    status: StatusProperties | None,
) -> None:
    received = T if created == T else LATER
    answer = Site().say(DataTransferRequest(vendor_id, message_id, data), received=received)
    assert answer.confirmation == ACCEPTED
    row = datum(answer)
    assert (row.source_id, row.created, row.properties, row.status) == (source, created, properties, status)
    assert events(answer) == []


def test_names_are_compared_without_case() -> None:
    """OCPP's texts are CiStrings (Q95)."""
    assert Site().say(DataTransferRequest(" zjbeny", "DLBMETER", "DLBMode:Eco")).confirmation == ACCEPTED


def test_values_of_a_load_balancer_need_a_unit_and_a_known_name() -> None:
    data = "DLBMode:Solar,Current.HomeLoad:1,Current.Moon:2A,Current.Solar:1e3A,Current.EVSE:0.5 a,Power.Grid:2KW"
    assert datum(Site().say(DataTransferRequest("ZJBENY", "dlbMeter", data))).properties == {
        "evse": 0.5,
        "grid": 2000.0,
    }


def test_a_unit_of_abb_with_a_kilo_in_front_counts_a_thousand() -> None:
    data = (
        '{"type":"MeterTransfer","timestamp":"2020-04-01T12:00:00Z","sampledValue":['
        '{"measurand":"Active.Power.L2","accuracy":2,"unit":"kW","value":"464"},'
        '{"measurand":"Voltage.L2","unit":"V","value":230},'
        '{"measurand":"Current.L2","accuracy":"-1","unit":"A","value":7},'
        '{"measurand":"Frequency.ALL","accuracy":"1","unit":"Hz","value":500}]}'
    )
    row = datum(Site().say(DataTransferRequest("abc", "232", data)))
    assert row.properties == {"watts_b": 4640.0, "voltage_b": 230.0}


def test_a_time_that_cannot_be_right_gives_way_to_ours_q51() -> None:
    data = '{"vehicleId":"141FBA1035F2","connectorId":2,"timestamp":"1970-01-01T00:00:00Z"}'
    answer = Site().say(DataTransferRequest("HKZN", "vehicleMAC", data), received=after(9))
    assert (datum(answer).source_id, datum(answer).created) == ("/ocpp/cp/CP001/2/vid", after(9))
    assert events(answer) == ["time_replaced"]


REFUSED: list[tuple[str, str | None, str | None, str, str]] = [
    ("ACME", "anything", "x", "UnknownVendorId", "no decoder for this vendor"),
    ("", None, None, "UnknownVendorId", "no decoder for this vendor"),
    ("ZJBENY", "other", "x", "UnknownMessageId", "no decoder for this message of the vendor"),
    ("abc", None, ABB, "UnknownMessageId", "no decoder for this message of the vendor"),
    ("ZJBENY", "dlbMeter", None, "Rejected", "no data"),
    ("ZJBENY", "dlbMeter", "  ", "Rejected", "no data"),
    ("ZJBENY", "dlbMeter", "Current.HomeLoad:lots", "Rejected", "no known value"),
    ("ZJBENY", "dlbMeter", "{broken", "Rejected", "data is no JSON object"),
    ("ZJBENY", "dlbMeter", '{"DLBMode":7}', "Rejected", "no known value"),
    ("abc", "232", "not JSON", "Rejected", "data is not what ABB sends: type, timestamp, sampledValue"),
    ("abc", "232", ABB.replace("MeterTransfer", "Other"), "Rejected", "its type is not MeterTransfer"),
    ("abc", "232", ABB.replace("2023-06-16T19:05:46.000Z", "yesterday"), "Rejected", "its timestamp is no time"),
    ("abc", "232", ABB.replace(".L1", ".L9").replace(".ALL", ".L9"), "Rejected", "no known value"),
    (
        "abc",
        "232",
        '{"type":"MeterTransfer","sampledValue":[]}',
        "Rejected",
        "data is not what ABB sends: type, timestamp, sampledValue",
    ),
    (
        "HKZN",
        "vehicleMAC",
        '{"vehicleId":"141FBA1035F2","connectorId":0,"timestamp":"2020-04-01T12:00:00Z"}',
        "Rejected",
        "data is not what Hiconics sends: vehicleId, connectorId from 1, timestamp",
    ),
    (
        "HKZN",
        "vehicleMAC",
        '{"vehicleId":"141FBA1035F2","connectorId":1,"timestamp":"soon"}',
        "Rejected",
        "its timestamp is no time",
    ),
]


@pytest.mark.parametrize(("vendor_id", "message_id", "data", "status", "reason"), REFUSED)
def test_what_makes_no_datum_is_an_event_q23_q24(
    vendor_id: str, message_id: str | None, data: str | None, status: Any, reason: str
) -> None:
    answer = Site().say(DataTransferRequest(vendor_id, message_id, data))
    assert answer.confirmation == DataTransferConfirmation(status)
    event = one(answer, EventHappened)
    assert (event.name, event.message) == ("data_transfer_unread", reason)
    assert event.data == {"vendor_id": vendor_id, "message_id": message_id, "status": status}
    assert len(answer.effects) == 1


def test_nothing_is_published_where_the_operator_said_so() -> None:
    site = Site()
    site.settings(publish=False)
    answer = site.say(DataTransferRequest("ZJBENY", "dlbMeter", "DLBMode:Solar"))
    assert (answer.confirmation, answer.effects) == (ACCEPTED, ())


def test_a_message_from_before_its_decoder_becomes_a_datum_when_it_is_read_again() -> None:
    """What was answered then does not matter: the ledger has the message."""
    site = Site()
    said = site.say(DataTransferRequest("ZJBENY", "dlbMeter", "Current.Grid:1A"))
    facts = site.ledger[0].charger
    unknown_then = DataTransferConfirmation("UnknownVendorId")
    again = site.central.replay(facts, site.ledger[0].request, unknown_then, T)
    assert again == said.effects
    assert len(datums(said)) == 1


def test_what_we_send_is_not_taken_for_what_a_charger_sends() -> None:
    """DataTransfer goes both ways, and its request looks the same."""
    site = Site()
    site.say(DataTransferRequest("ZJBENY", "dlbMeter", "Current.Grid:1A"))
    assert site.central.learn(site.ledger[0].charger, site.ledger[0].request, ACCEPTED, T) == ()


@pytest.mark.parametrize(("direction", "count"), [("in", 1), ("out", 0)])
def test_the_ledger_tells_who_sent_it(direction: Any, count: int) -> None:
    """The same frames both ways: only what a charger sent is read again as a vendor's message."""
    site = Site()
    request = '[2,"1","DataTransfer",{"vendorId":"ZJBENY","messageId":"dlbMeter","data":"Current.Grid:1A"}]'
    facts = site.registry.facts(site.registry.charger(7))
    exchange = Exchange(T, facts, direction, "DataTransfer", request, '[3,"1",{"status":"Accepted"}]')
    assert len(replayed_effects(LedgerRow(1, exchange), site.central)) == count


@pytest.mark.parametrize("row", VENDORS, ids=lambda row: row.vendor_id)
@pytest.mark.parametrize(
    "data",
    [
        "",
        "{}",
        "[]",
        "null",
        "{" * 5000,
        '"\\ud800"',
        '{"timestamp":1}',
        "NaN",
        ":,:,",
        "Current.Grid:" + "9" * 5000 + "A",
    ],
)
def test_no_data_makes_a_decoder_fail(row: Any, data: str) -> None:
    """What a stranger sends is read, or refused with a reason."""
    found = row.decode(data)
    assert isinstance(found, str | VendorReading)


def test_numbers_no_column_can_hold_are_passed_over() -> None:
    data = (
        '{"type":"MeterTransfer","timestamp":"2020-04-01T12:00:00Z","sampledValue":['
        '{"measurand":"Voltage.L1","unit":"V","value":"1e999"},{"measurand":"Voltage.L2","unit":"V","value":"NaN"},'
        '{"measurand":"Voltage.L3","unit":"V","value":1.5}]}'
    )
    assert datum(Site().say(DataTransferRequest("abc", "232", data))).properties == {"voltage_c": 1.5}


def test_a_long_name_is_cut_in_the_event_only() -> None:
    answer = Site().say(DataTransferRequest("v" * 1000, "m" * 1000))
    (event,) = of(answer, EventHappened)
    assert event.data == {"vendor_id": "v" * 255, "message_id": "m" * 255, "status": "UnknownVendorId"}
    assert DATA_TRANSFER.from_memory is False
