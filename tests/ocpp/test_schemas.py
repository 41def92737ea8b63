"""Our messages against the official schemas: what they allow we read and write, what they forbid is judged by table."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from official_schemas import FOLDER, MESSAGES, Violation, payloads_of, validator_of, violations_of

from solarocpp.errors import ProtocolViolation
from solarocpp.ocpp.decoding import Decoded, decode_confirmation, decode_request, encode_payload
from solarocpp.ocpp.messages import ACTIONS

VALIDATORS = {message: validator_of(message) for message in MESSAGES}


def decode(message: str, payload: bytes) -> Decoded:
    action = message.removesuffix("Response")
    if message != action:
        return decode_confirmation(action, payload)
    sent_by = "central_system" if ACTIONS[action].sent_by == "central_system" else "charge_point"
    return decode_request(action, payload, sent_by=sent_by)


def as_meant(value: Any) -> Any:
    """The payload with times as instants, and without empty lists, which say the same as their absence."""
    if isinstance(value, dict):
        return {key: as_meant(item) for key, item in value.items() if item != []}
    if isinstance(value, list):
        return [as_meant(item) for item in value]
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT.*", value):
        return datetime.fromisoformat(value).astimezone(UTC)
    return value


@pytest.mark.parametrize("message", MESSAGES)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_what_the_schema_allows_is_read_without_repair_and_written_back(message: str, data: st.DataObject) -> None:
    payload = data.draw(payloads_of(message))
    VALIDATORS[message].validate(payload)
    decoded = decode(message, json.dumps(payload).encode())
    assert decoded.repairs == ()
    written = json.loads(encode_payload(decoded.message))
    VALIDATORS[message].validate(written)
    assert as_meant(written) == as_meant(payload)


METER_VALUE = r"(MeterValues meterValue|StopTransaction transactionData)\[\]"
SAMPLE = rf"{METER_VALUE}\.sampledValue\[\]"
OTHER_TYPE = "text|digits|integer|fraction|boolean|null|list|object"
OUR_TIMES = (
    r".*Response currentTime|ReserveNow expiryDate|UpdateFirmware retrieveDate"
    r"|SignedUpdateFirmware firmware\.retrieveDateTime"
)

JUDGEMENTS = (
    # A bad sample costs itself, a bad meter value itself; they are kept as text (W19).
    (rf"{SAMPLE}\.value", ".*", "missing|required null", "value_absent"),
    (rf"{SAMPLE}\.value", ".*", "integer|fraction", "number_for_text"),
    (rf"{SAMPLE}\.\w+", ".*", "unlisted", "enumeration_unlisted"),
    (rf"{SAMPLE}\.\w+", ".*", "null", "null_as_absent"),
    (rf"{SAMPLE}\.\w+", ".*", OTHER_TYPE, "sample_unreadable"),
    (SAMPLE, ".*", OTHER_TYPE, "sample_unreadable"),
    (rf"{METER_VALUE}\.sampledValue", ".*", "empty", "no_samples"),
    (rf"{METER_VALUE}\.sampledValue", ".*", f"missing|required null|{OTHER_TYPE}", "sample_unreadable"),
    (METER_VALUE, ".*", OTHER_TYPE, "sample_unreadable"),
    # A time nobody can use is none; where it is ours to tell, it is a fault.
    (OUR_TIMES, "time", "missing", "ProtocolError"),
    (OUR_TIMES, "time", "no time", "PropertyConstraintViolation"),
    (OUR_TIMES, "time", f"required null|{OTHER_TYPE}", "TypeConstraintViolation"),
    (r".*", "time", "missing|required null", "value_absent"),
    (r".*", "time", "null", "null_as_absent"),
    (r".*", "time", f"no time|{OTHER_TYPE}", "time_unusable"),
    # Codes and reasons that are not on the list must not cost the message (Q36).
    (r"StatusNotification errorCode", "enumeration", "unlisted", "enumeration_unlisted"),
    (r"StopTransaction reason", "enumeration", "unlisted", "enumeration_unlisted"),
    # What is left out of an answer (Q45).
    (r"GetConfigurationResponse configurationKey\[\]\.readonly", ".*", "missing|required null", "assumed_in_answer"),
    (r"GetInstalledCertificateIdsResponse certificateHashData", ".*", "empty", "empty_as_absent"),
    # An element of a list cannot be absent; any other field can, if nothing need be there (Q42, Q48).
    (r".*\[\]", ".*", "null", "TypeConstraintViolation"),
    (r".*", ".*", "null", "null_as_absent"),
    (r".*", ".*", "required null", "TypeConstraintViolation"),
    # Numbers and texts stand in for each other (Q32), and vendors' data for text.
    (r".*", "string", "integer|fraction", "number_for_text"),
    (r".*", "integer|number", "digits", "text_for_number"),
    (r"StartTransaction meterStart|StopTransaction meterStop", ".*", "fraction", "fraction_for_integer"),
    (r"DataTransfer(Response)? data", "string", "boolean|list|object", "json_for_text"),
    # The rest is OCPP-J 1.6 table 7.
    (r".*", ".*", "missing", "ProtocolError"),
    (r".*", ".*", "empty", "OccurenceConstraintViolation"),
    (r".*", ".*", "unlisted", "PropertyConstraintViolation"),
    (r".*", ".*", "too long", "text_too_long"),
    (r".*", ".*", "additional", "unknown_field"),
    (r".*", ".*", OTHER_TYPE, "TypeConstraintViolation"),
)
"""Place, what is expected there, the fault, and what becomes of it: a lenience, or the code of the CALLERROR.

The first row that matches counts.
"""


def judgement(violation: Violation) -> str:
    for place, expected, fault, outcome in JUDGEMENTS:
        found = (violation.place, violation.expected, violation.fault)
        if all(re.fullmatch(*pair) for pair in zip((place, expected, fault), found, strict=True)):
            return outcome
    raise AssertionError(violation)


def outcome(message: str, payload: object) -> set[str]:
    try:
        return {repair.name for repair in decode(message, json.dumps(payload).encode()).repairs}
    except ProtocolViolation as violation:
        return {violation.code}


@pytest.mark.parametrize("message", MESSAGES)
def test_what_the_schema_forbids_is_judged_by_table(message: str) -> None:
    for violation in violations_of(message):
        assert not VALIDATORS[message].is_valid(violation.payload), violation
        assert outcome(message, violation.payload) == {judgement(violation)}, violation


def test_every_official_message_has_a_row() -> None:
    names = {file.name.removesuffix(".json").removesuffix("Response") for file in FOLDER.iterdir()}
    assert names - {"__init__.py", "__pycache__"} == set(ACTIONS)
