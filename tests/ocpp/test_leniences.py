"""What real chargers send, byte for byte where a report shows it, and what we make of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from solarocpp.errors import ProtocolViolation
from solarocpp.ocpp.datatypes import MeterValue, SampledValue
from solarocpp.ocpp.decoding import Decoded, decode_confirmation, decode_request
from solarocpp.ocpp.frames import Call, parse_frame
from solarocpp.ocpp.lenience import HANDSHAKE_LENIENCES, LENIENCES, read_time
from solarocpp.ocpp.messages import (
    BootNotificationRequest,
    DataTransferRequest,
    GetConfigurationConfirmation,
    HeartbeatRequest,
    MeterValuesRequest,
    OcppMessage,
    StartTransactionRequest,
    StatusNotificationRequest,
    StopTransactionRequest,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def read(frame: str) -> tuple[OcppMessage, set[str]]:
    """The message of a frame from a charge point, and the leniences it took."""
    call, repairs = parse_frame(frame)
    assert isinstance(call, Call)
    decoded = decode_request(call.action, call.payload, sent_by="charge_point")
    return decoded.message, {repair.name for repair in (*repairs, *decoded.repairs)}


def sample(text: str) -> str:
    head = '[2,"1","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"2026-03-01T12:00:00Z","sampledValue":['
    return f"{head}{text}]}}]}}]"


def samples(*values: SampledValue, unreadable: tuple[str, ...] = ()) -> MeterValuesRequest:
    return MeterValuesRequest(1, (MeterValue(NOON, values, unreadable),))


def status(error_code: str, info: str = "") -> str:
    extra = f',"info":"{info}"' if info else ""
    return f'[2,"1","StatusNotification",{{"connectorId":1,"status":"Faulted","errorCode":"{error_code}"{extra}}}]'


def start(**fields: Any) -> str:
    payload = {"connectorId": 1, "idTag": "abc", "meterStart": 5, "timestamp": "2026-03-01T12:00:00Z", **fields}
    return json.dumps([2, "1", "StartTransaction", payload])


def stop(**fields: Any) -> str:
    payload = {"transactionId": 7, "meterStop": 9, "timestamp": "2026-03-01T12:00:00Z", **fields}
    return json.dumps([2, "1", "StopTransaction", payload])


def meter_values(**fields: Any) -> str:
    meter_value = {"timestamp": "2026-03-01T12:00:00Z", "sampledValue": [{"value": "1"}]}
    return json.dumps([2, "1", "MeterValues", {"connectorId": 1, "meterValue": [meter_value], **fields}])


class Case(NamedTuple):
    """A frame, what it means, and the leniences it takes."""

    frame: str
    message: OcppMessage
    leniences: set[str]


LONG_ID = "i" * 37
LONG_MODEL = "m" * 21
ONE = SampledValue("1")
STARTED = StartTransactionRequest(1, "abc", 5, NOON)
STOPPED = StopTransactionRequest(9, NOON, 7)

CASES = {
    "Q28": Case(sample(',{"value":"1"}'), samples(ONE), {"stray_comma"}),
    "Q28 two": Case(sample(' , ,{"value":"1"},,{"value":"1"},'), samples(ONE, ONE), {"stray_comma"}),
    "Q28 in text": Case(sample(',{"value":"[,\\",],"}'), samples(SampledValue('[,",],')), {"stray_comma"}),
    "Q29": Case(
        '[2,"1","MeterValues",{"connectorId":1,"transactionId":,"meterValue":'
        '[{"timestamp":"2026-03-01T12:00:00","sampledValue":[{"value":"1"}]}]}]',
        samples(ONE),
        {"value_left_out", "null_as_absent", "time_without_zone"},
    ),
    "Q31 null": Case('[2,"1","Heartbeat",null]', HeartbeatRequest(), {"payload_missing"}),
    "Q31 missing": Case('[2,"1","Heartbeat"]', HeartbeatRequest(), {"payload_missing"}),
    "Q31 comma": Case('[2,"1","Heartbeat",]', HeartbeatRequest(), {"payload_missing", "stray_comma"}),
    "Q32": Case(sample('{"value":604.213}'), samples(SampledValue("604.213")), {"number_for_text"}),
    "Q32 exponent": Case(sample('{"value":1e400}'), samples(SampledValue("1E+400")), {"number_for_text"}),
    "Q32 immense": Case(
        sample('{"value":-1e9999999999999999999}'), samples(SampledValue("-Infinity")), {"number_for_text"}
    ),
    "Q32 immeasurable": Case(
        sample('{"value":1e9999999999999999999}'), samples(SampledValue("Infinity")), {"number_for_text"}
    ),
    "Q32 NaN": Case(sample('{"value":NaN}'), samples(SampledValue("NaN")), {"bare_not_a_number"}),
    "Q32 text": Case(
        sample('{"value":"NaN"},{"value":" 1,5 "},{"value":""}'),
        samples(SampledValue("NaN"), SampledValue(" 1,5 "), SampledValue("")),
        set(),
    ),
    "Q32 null": Case(
        sample('{"value":null,"unit":""}'), samples(SampledValue(None)), {"value_absent", "empty_as_absent"}
    ),
    "Q33": Case(sample('{"value":"1","unit":"Hz"}'), samples(SampledValue("1", unit="Hz")), {"enumeration_unlisted"}),
    "Q34": Case(
        sample('{"value":"1","unit":"Celcius"},{"value":"1","unit":"Celsius"}'),
        samples(SampledValue("1", unit="Celcius"), SampledValue("1", unit="Celsius")),
        set(),
    ),
    "Q35": Case(
        sample('{"value":"1","context":"Sample"}'),
        samples(SampledValue("1", context="Sample")),
        {"enumeration_unlisted"},
    ),
    "Q36": Case(
        status("Error"), StatusNotificationRequest(1, "OtherError", "Faulted", "Error"), {"enumeration_unlisted"}
    ),
    "Q36 info": Case(
        status("Error", "E7"), StatusNotificationRequest(1, "OtherError", "Faulted", "E7"), {"enumeration_unlisted"}
    ),
    "Q36 case": Case(status("otherError"), StatusNotificationRequest(1, "OtherError", "Faulted"), {"enumeration_case"}),
    "Q37": Case(
        f'[2,"1","BootNotification",{{"chargePointVendor":"","chargePointModel":"{LONG_MODEL}"}}]',
        BootNotificationRequest("", LONG_MODEL),
        {"text_too_long"},
    ),
    "Q38": Case(
        sample('{"value":"1","measurand":"Current.import"}'),
        samples(SampledValue("1", measurand="Current.Import")),
        {"enumeration_case"},
    ),
    "Q39": Case(start(timestamp="2026-03-01T14:00:00+02"), STARTED, {"time_loosely_written"}),
    "Q39 garbage": Case(start(timestamp="soon"), StartTransactionRequest(1, "abc", 5, None), {"time_unusable"}),
    "Q42": Case(start(reservationId=None), STARTED, {"null_as_absent"}),
    "Q43 number": Case('[2,17,"Heartbeat",{}]', HeartbeatRequest(), {"numeric_id"}),
    "Q43 long": Case(f'[2,"{LONG_ID}","Heartbeat",{{}}]', HeartbeatRequest(), {"long_id"}),
    "vendor field": Case('[2,"1","Heartbeat",{"vendorThing":1}]', HeartbeatRequest(), {"unknown_field"}),
    "extra element": Case('[2,"1","Heartbeat",{},{}]', HeartbeatRequest(), {"extra_elements"}),
    "Q47": Case('[\n 2,\n "1",\n "Heartbeat",\n {\n }\n]', HeartbeatRequest(), set()),
    "Q49": Case(start(timestamp="2026-03-01T12:00:00"), STARTED, {"time_without_zone"}),
    "Q51 1970": Case(
        start(timestamp="1970-01-01T00:00:12Z"), StartTransactionRequest(1, "abc", 5, None), {"time_unusable"}
    ),
    "Q51 0001": Case(
        start(timestamp="0001-01-01T00:00:00Z"), StartTransactionRequest(1, "abc", 5, None), {"time_unusable"}
    ),
    "Q64": Case(stop(transactionId=-1), StopTransactionRequest(9, NOON, -1), set()),
    "Q64 reason": Case(
        stop(reason="PowerFail"), StopTransactionRequest(9, NOON, 7, reason="Other"), {"enumeration_unlisted"}
    ),
    "Q70": Case(stop(), STOPPED, set()),
    "Q79 zero": Case(meter_values(transactionId=0), samples(ONE), {"no_transaction"}),
    "Q79 minus": Case(meter_values(transactionId=-1), samples(ONE), {"no_transaction"}),
    "Q79 null": Case(meter_values(transactionId=None), samples(ONE), {"null_as_absent"}),
    "Q79 empty": Case(meter_values(transactionId=""), samples(ONE), {"no_transaction"}),
    "Q80": Case(meter_values(transactionId=9223372036854775807), samples(ONE), {"no_transaction"}),
    "Q80 largest": Case(
        meter_values(transactionId="9223372036854775806"),
        MeterValuesRequest(1, samples(ONE).meter_value, 2**63 - 2),
        {"text_for_number"},
    ),
    "Q80 real": Case(meter_values(transactionId=2**31), MeterValuesRequest(1, samples(ONE).meter_value, 2**31), set()),
    "Q82": Case(stop(meterStop=-1), StopTransactionRequest(-1, NOON, 7), set()),
    "Q85": Case(stop(meterStop=2259992.6), StopTransactionRequest(2259993, NOON, 7), {"fraction_for_integer"}),
    "Q96": Case(stop(idTag="t" * 21), StopTransactionRequest(9, NOON, 7, "t" * 21), {"text_too_long"}),
    "Q96 longest": Case(stop(idTag="t" * 255), StopTransactionRequest(9, NOON, 7, "t" * 255), {"text_too_long"}),
    "W19": Case(
        sample('{"value":"1"},[{"value":1.50}],{"value":"2","unit":5},"x"'),
        samples(ONE, unreadable=('[{"value":1.50}]', '{"value":"2","unit":5}', '"x"')),
        {"sample_unreadable"},
    ),
    "W19 whole": Case(
        meter_values(meterValue=[7, {"timestamp": "2026-03-01T12:00:00Z"}]),
        MeterValuesRequest(
            1, (MeterValue(None, (), ("7",)), MeterValue(None, (), ('{"timestamp":"2026-03-01T12:00:00Z"}',)))
        ),
        {"sample_unreadable"},
    ),
    "W19 none": Case(sample(""), samples(), {"no_samples"}),
    "W19 forged": Case(
        meter_values(
            meterValue=[{"timestamp": "2026-03-01T12:00:00Z", "sampledValue": [{"value": "1"}], "unreadable": ["x"]}]
        ),
        samples(ONE),
        {"unknown_field"},
    ),
    "time missing": Case(stop(timestamp=None), StopTransactionRequest(9, None, 7), {"value_absent"}),
    "text for number": Case(start(connectorId="1", meterStart=" 5.0 "), STARTED, {"text_for_number"}),
    "1.0": Case(start(connectorId=1.0), STARTED, {"fraction_for_integer"}),
    "object for text": Case(
        '[2,"1","DataTransfer",{"vendorId":"v","data":{"a":[1.50]}}]',
        DataTransferRequest("v", data='{"a":[1.50]}'),
        {"json_for_text"},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_frame_from_the_field_is_understood(case: Case) -> None:
    assert read(case.frame) == (case.message, case.leniences)


def test_an_incomplete_configuration_is_read() -> None:
    """Evnex and others leave out `unknownKey`, or everything (Q45)."""
    assert decode_confirmation("GetConfiguration", b"{}") == Decoded(GetConfigurationConfirmation(), ())
    answer = decode_confirmation(
        "GetConfiguration", b'{"configurationKey":[{"key":"k","readonly":"False"},{"key":"l"}]}'
    )
    assert [(key.key, key.readonly, key.value) for key in answer.message.configuration_key] == [
        ("k", False, None),
        ("l", False, None),
    ]
    assert {repair.name for repair in answer.repairs} == {"text_for_boolean", "assumed_in_answer"}


def test_every_lenience_is_shown_by_a_frame() -> None:
    shown = set().union(*(case.leniences for case in CASES.values())) | {"text_for_boolean", "assumed_in_answer"}
    assert shown == set(LENIENCES) - HANDSHAKE_LENIENCES  # those are shown in tests/gateway/test_handshake.py


REFUSED = {
    "Q48": (stop(transactionId=None), "TypeConstraintViolation", "transactionId"),
    "too long for anything": (start(idTag="t" * 256), "PropertyConstraintViolation", "idTag"),
    "no number": (start(meterStart="five"), "TypeConstraintViolation", "meterStart"),
    "a long number": (start(meterStart="1" * 50), "TypeConstraintViolation", "meterStart"),
    "two points": (start(meterStart="1.2.3"), "TypeConstraintViolation", "meterStart"),
    "no boolean": (start(meterStart=True), "TypeConstraintViolation", "meterStart"),
    "past 64 bits": (start(meterStart=2**63), "PropertyConstraintViolation", "meterStart"),
    "immeasurable": (
        start(meterStart=1).replace('"meterStart": 1', '"meterStart":1e99999'),
        "PropertyConstraintViolation",
        "meterStart",
    ),
    "past 32 bits": (start(connectorId=2**31), "PropertyConstraintViolation", "connectorId"),
    "half a connector": (start(connectorId=1.5), "TypeConstraintViolation", "connectorId"),
    "an unknown status": (status("NoError").replace("Faulted", "Occupied"), "PropertyConstraintViolation", "status"),
    "no meter values": (meter_values(meterValue=[]), "OccurenceConstraintViolation", "meterValue"),
    "no connector": ('[2,"1","MeterValues",{}]', "ProtocolError", "connectorId"),
}


@pytest.mark.parametrize(("frame", "code", "field"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_understood_is_refused_with_the_field(frame: str, code: str, field: str) -> None:
    with pytest.raises(ProtocolViolation) as refused:
        read(frame)
    assert (refused.value.code, refused.value.details) == (code, {"field": field})


TIMES = {
    "2026-03-01T12:00:00Z": (NOON, ""),
    "2026-03-01T12:00:00.000+00:00": (NOON, ""),
    "2026-03-01T14:00:00+02:00": (NOON, ""),
    "2026-03-01T14:00:00+0200": (NOON, ""),
    "2026-03-01 12:00:00Z": (NOON, ""),
    "2026-03-01T12:00:00": (NOON, "time_without_zone"),
    "2026-03-01 12:00": (NOON, "time_without_zone"),
    "2026-03-01T14:00:00+02": (NOON, "time_loosely_written"),
    "2026-03-01T02:30:00-0930": (NOON, ""),
    "2026-03-01T02:30-09:30": (NOON, "time_loosely_written"),
    " 2026-03-01t12:00:00.000000000z ": (NOON, "time_loosely_written"),
    "2026-03-01T12:00:00,25 UTC": (NOON.replace(microsecond=250_000), "time_loosely_written"),
    "2026-03-01T12:00:00.1234561891 UTC": (NOON.replace(microsecond=123456), "time_loosely_written"),
    "2026-03-01T11:59:60Z": (NOON, "time_loosely_written"),
    "2026-02-30T12:00:00": (None, "time_unusable"),
    "2026-03-01T12:00:61Z": (None, "time_unusable"),
    "2026-03-01": (None, "time_unusable"),
    "": (None, "time_unusable"),
    "0001-01-01T00:00:00+05:00": (None, "time_unusable"),
    "9999-12-31T23:59:60Z": (None, "time_unusable"),
    "2026-03-01T12:00:00+99": (None, "time_unusable"),
}


@pytest.mark.parametrize("text", TIMES)
def test_times_are_read_as_chargers_write_them(text: str) -> None:
    """Q39: one parser with a verdict for each text."""
    assert read_time(text) == TIMES[text]


def test_a_reading_is_of_our_time() -> None:
    """Q51: the bounds, to the millisecond."""
    for text, usable in (
        ("2008-12-31T23:59:59.999Z", False),
        ("2009-01-01T00:00:00Z", True),
        ("2009-01-01T01:00:00+01:00", True),
        ("2099-12-31T23:59:59.999Z", True),
        ("2100-01-01T00:00:00Z", False),
        ("2100-01-01T01:00:00+01:00", False),
    ):
        message, leniences = read(start(timestamp=text))
        assert isinstance(message, StartTransactionRequest)
        assert (message.timestamp is not None, not leniences) == (usable, usable)


def test_a_repair_is_noted_once_with_its_first_place() -> None:
    """A thousand bad samples must not make a thousand notes."""
    call, _ = parse_frame(sample('{"value":1},{"value":2},{"value":"3","unit":"' + "u" * 100 + '"}'))
    assert isinstance(call, Call)
    repairs = decode_request("MeterValues", call.payload, sent_by="charge_point").repairs
    assert [(repair.name, repair.detail) for repair in repairs] == [
        ("number_for_text", "meterValue[0].sampledValue[0].value"),
        ("enumeration_unlisted", f"meterValue[0].sampledValue[2].unit: {'u' * 60}"),
    ]
