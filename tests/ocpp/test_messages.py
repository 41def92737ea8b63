"""Messages to payloads and back, and which action is whose."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from types import FrameType
from typing import Literal

import pytest

from solarocpp.errors import LocalProtocolError, ProtocolViolation
from solarocpp.ocpp import frames
from solarocpp.ocpp.datatypes import (
    ChargingProfile,
    ChargingSchedule,
    ChargingSchedulePeriod,
    IdTagInfo,
    MeterValue,
    SampledValue,
)
from solarocpp.ocpp.decoding import Decoded, decode_confirmation, decode_request, encode_payload
from solarocpp.ocpp.messages import (
    ACTIONS,
    AuthorizeConfirmation,
    AuthorizeRequest,
    DataTransferRequest,
    GetConfigurationRequest,
    HeartbeatConfirmation,
    HeartbeatRequest,
    MeterValuesRequest,
    OcppMessage,
    RemoteStartTransactionRequest,
    ResetRequest,
    StartTransactionConfirmation,
    StopTransactionConfirmation,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "time",
    [
        NOON,
        datetime(2026, 3, 1, 14, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 3, 1, 12, 0, 0, 999, tzinfo=UTC),
    ],
)
def test_times_are_written_in_utc_with_milliseconds(time: datetime) -> None:
    """The one form every firmware reads (Q18)."""
    assert encode_payload(HeartbeatConfirmation(time)) == b'{"currentTime":"2026-03-01T12:00:00.000Z"}'


@pytest.mark.parametrize("time", ["2026-03-01T14:00:00+02:00", "2026-03-01T12:00:00Z"])
def test_times_in_any_zone_are_read_as_utc(time: str) -> None:
    """Wherever they stand; a zone is nothing to forgive."""
    start = decode_confirmation(
        "StartTransaction", b'{"transactionId":7,"idTagInfo":{"status":"Accepted","expiryDate":"%b"}}' % time.encode()
    )
    assert start == Decoded(StartTransactionConfirmation(7, IdTagInfo("Accepted", None, NOON)), ())
    assert start.message.id_tag_info.expiry_date.tzinfo is UTC
    readings = decode_request(
        "MeterValues",
        b'{"connectorId":1,"meterValue":[{"timestamp":"%b","sampledValue":[{"value":"1"}]}]}' % time.encode(),
        sent_by="charge_point",
    )
    assert readings == Decoded(MeterValuesRequest(1, (MeterValue(NOON, (SampledValue("1"),)),)), ())
    assert readings.message.meter_value[0].timestamp.tzinfo is UTC


def test_an_expiry_may_be_any_time() -> None:
    """Only what a charge point measured must be of our time (Q51)."""
    for year, time in ((1970, datetime(1970, 1, 1, tzinfo=UTC)), (9999, datetime(9999, 1, 1, tzinfo=UTC))):
        payload = b'{"idTagInfo":{"status":"Expired","expiryDate":"%d-01-01T00:00:00Z"}}' % year
        decoded = decode_confirmation("Authorize", payload)
        assert decoded == Decoded(AuthorizeConfirmation(IdTagInfo("Expired", None, time)), ())


def test_a_message_is_written_in_the_words_of_the_specification() -> None:
    accepted = IdTagInfo("Accepted", "PARENT", datetime(2027, 1, 1, tzinfo=UTC))
    assert encode_payload(StartTransactionConfirmation(7, accepted)) == (
        b'{"transactionId":7,"idTagInfo":{"status":"Accepted","parentIdTag":"PARENT",'
        b'"expiryDate":"2027-01-01T00:00:00.000Z"}}'
    )
    assert encode_payload(StopTransactionConfirmation()) == b"{}"
    assert encode_payload(GetConfigurationRequest(("HeartbeatInterval",))) == b'{"key":["HeartbeatInterval"]}'


def test_a_charging_profile_is_written_whole() -> None:
    schedule = ChargingSchedule(
        "A", (ChargingSchedulePeriod(0, 16.0), ChargingSchedulePeriod(600, 8.5, 1)), 3600, NOON, 6.0
    )
    profile = ChargingProfile(1, 2, "TxProfile", "Absolute", schedule, valid_to=NOON)
    request = RemoteStartTransactionRequest("TAG", 1, profile)
    payload = encode_payload(request)
    assert payload == (
        b'{"idTag":"TAG","connectorId":1,"chargingProfile":{"chargingProfileId":1,"stackLevel":2,'
        b'"chargingProfilePurpose":"TxProfile","chargingProfileKind":"Absolute","chargingSchedule":'
        b'{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":16.0},'
        b'{"startPeriod":600,"limit":8.5,"numberPhases":1}],"duration":3600,'
        b'"startSchedule":"2026-03-01T12:00:00.000Z","minChargingRate":6.0},"validTo":"2026-03-01T12:00:00.000Z"}}'
    )
    assert decode_request("RemoteStartTransaction", payload, sent_by="central_system") == Decoded(request, ())


def test_a_limit_beyond_all_numbers_is_refused() -> None:
    payload = encode_payload(
        RemoteStartTransactionRequest(
            "TAG",
            None,
            ChargingProfile(1, 0, "TxProfile", "Relative", ChargingSchedule("W", (ChargingSchedulePeriod(0, 7.0),))),
        )
    ).replace(b"7.0", b"1e999")
    with pytest.raises(ProtocolViolation, match=r"PropertyConstraintViolation: .*\[0\].limit: not a finite number"):
        decode_request("RemoteStartTransaction", payload, sent_by="central_system")


UNSENDABLE = [
    (AuthorizeRequest("t" * 21), r"AuthorizeRequest: text_too_long \(idTag: 21 characters\)"),
    (AuthorizeRequest("t" * 256), "AuthorizeRequest: PropertyConstraintViolation: idTag: longer than 255 characters"),
    (
        ResetRequest("Gentle"),
        "ResetRequest: PropertyConstraintViolation: type: 'Gentle' is not one of its values: Hard, Soft",
    ),  # type: ignore[arg-type]
    (HeartbeatConfirmation(datetime(2026, 3, 1)), "2026-03-01 00:00:00 has no zone"),  # noqa: DTZ001 that is the point
    (MeterValuesRequest(1, ()), "OccurenceConstraintViolation"),
    (MeterValuesRequest(1, (MeterValue(None, (SampledValue("1"),)),)), "value_absent"),
    (MeterValuesRequest(1, (MeterValue(NOON, (SampledValue("1"),), ("x",)),)), "unknown_field"),
    (MeterValuesRequest(1, (MeterValue(NOON, (SampledValue("1", unit="Hz"),)),)), "enumeration_unlisted"),
]


@pytest.mark.parametrize(("message", "text"), UNSENDABLE, ids=[text for _, text in UNSENDABLE])
def test_what_the_schema_forbids_is_never_sent(message: OcppMessage, text: str) -> None:
    """Q68: a charger that is answered nonsense stops charging."""
    with pytest.raises(LocalProtocolError, match=text):
        encode_payload(message)


def test_a_text_with_the_word_null_is_sent() -> None:
    request = DataTransferRequest("v", data="null and void")
    assert encode_payload(request) == b'{"vendorId":"v","data":"null and void"}'


@pytest.mark.parametrize(
    ("action", "sent_by", "code"),
    [
        ("Teleport", "charge_point", "NotImplemented"),
        ("", "charge_point", "NotImplemented"),
        ("heartbeat", "charge_point", "NotImplemented"),
        ("SignCertificate", "central_system", "NotSupported"),
        ("UpdateFirmware", "charge_point", "NotSupported"),
        ("Reset", "charge_point", "NotSupported"),
        ("Heartbeat", "central_system", "NotSupported"),
    ],
)
def test_an_action_is_refused_by_table(
    action: str, sent_by: Literal["charge_point", "central_system"], code: str
) -> None:
    with pytest.raises(ProtocolViolation) as refused:
        decode_request(action, b"{}", sent_by=sent_by)
    assert refused.value.code == code


@pytest.mark.parametrize("sent_by", ["charge_point", "central_system"])
def test_data_transfer_goes_either_way(sent_by: Literal["charge_point", "central_system"]) -> None:
    decoded = decode_request("DataTransfer", b'{"vendorId":"v"}', sent_by=sent_by)
    assert decoded == Decoded(DataTransferRequest("v"), ())


def test_an_answer_to_what_nobody_can_ask_is_refused() -> None:
    with pytest.raises(ProtocolViolation) as refused:
        decode_confirmation("Teleport", b"{}")
    assert refused.value.code == "NotImplemented"


@pytest.mark.parametrize(
    "payload", [b"[]", b'"x"', b"7", b'{"a"}', b'{"a":"\xff"}', b'{"a":' * 5000, b'{"a":"\\ud800"}']
)
def test_a_payload_that_is_no_object_is_a_formation_violation(payload: bytes) -> None:
    with pytest.raises(ProtocolViolation) as refused:
        decode_request("Heartbeat", payload, sent_by="charge_point")
    assert refused.value.code == "FormationViolation"


@contextmanager
def functions_called() -> Iterator[set[str]]:
    """Gives the names of the functions that are called meanwhile."""
    called: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            called.add(frame.f_code.co_name)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield called
    finally:
        sys.setprofile(before)


def test_a_message_of_the_usual_form_takes_the_short_way() -> None:
    """The tolerant way gives the same, ten times slower: nothing else would tell."""
    tolerant = {"_parse_tolerantly", "_decode_tolerantly"}
    with functions_called() as called:
        call, _ = frames.parse_frame('[2,7,"Heartbeat",null]')
        assert isinstance(call, frames.Call)
        decode_request(call.action, call.payload, sent_by="charge_point")
        decode_request("Heartbeat", b"null", sent_by="charge_point")
    assert tolerant <= called
    with functions_called() as called:
        _take_the_short_way()
    assert not tolerant & called


def _take_the_short_way() -> None:
    for text in ('[3,"7",{}]', '[4,"7","GenericError","",{}]', f'[2,"{"i" * 36}","Heartbeat",{{}}]'):
        frames.parse_frame(text)
    for meter_value in ("", '{"timestamp":"2009-01-01T00:00:00Z","sampledValue":[{"value":"1","unit":"Wh"}]},'):
        reading = '{"timestamp":"2099-12-31T23:59:59.999Z","sampledValue":[{"value":"1"}]}'
        payload = f'{{"connectorId":1,"transactionId":1,"meterValue":[{meter_value}{reading}]}}'
        call, _ = frames.parse_frame(f'[2,"7","MeterValues",{payload}]')
        assert isinstance(call, frames.Call)
        assert decode_request(call.action, call.payload, sent_by="charge_point").repairs == ()


@pytest.mark.parametrize("payload", [b"", b" ", b"null"])
def test_no_payload_is_an_empty_one(payload: bytes) -> None:
    """Q31, Q42."""
    decoded = decode_request("Heartbeat", payload, sent_by="charge_point")
    assert decoded.message == HeartbeatRequest()
    assert [repair.name for repair in decoded.repairs] == ["payload_missing"]


def test_the_table_says_who_sends_what() -> None:
    theirs = {name for name, row in ACTIONS.items() if row.sent_by != "central_system"}
    assert theirs == {
        "Authorize",
        "BootNotification",
        "DataTransfer",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "SecurityEventNotification",
        "SignCertificate",
        "SignedFirmwareStatusNotification",
        "StartTransaction",
        "StatusNotification",
        "StopTransaction",
    }
    ours = {name for name, row in ACTIONS.items() if row.sent_by != "charge_point"}
    assert ours == {
        "CancelReservation",
        "CertificateSigned",
        "ChangeAvailability",
        "ChangeConfiguration",
        "ClearCache",
        "ClearChargingProfile",
        "DataTransfer",
        "DeleteCertificate",
        "ExtendedTriggerMessage",
        "GetCompositeSchedule",
        "GetConfiguration",
        "GetDiagnostics",
        "GetInstalledCertificateIds",
        "GetLocalListVersion",
        "GetLog",
        "InstallCertificate",
        "RemoteStartTransaction",
        "RemoteStopTransaction",
        "ReserveNow",
        "Reset",
        "SendLocalList",
        "SetChargingProfile",
        "SignedUpdateFirmware",
        "TriggerMessage",
        "UnlockConnector",
        "UpdateFirmware",
    }
    assert theirs | ours == set(ACTIONS)
