"""Whatever arrives is read, or refused with a CALLERROR; no other exception, ever."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from solarocpp.errors import ProtocolViolation
from solarocpp.ocpp.decoding import Decoded, decode_confirmation, decode_request
from solarocpp.ocpp.lenience import LENIENCES
from solarocpp.ocpp.messages import ACTIONS, OcppMessage
from solarocpp.ocpp.rpc import AnswerReceived, CallReceived, FrameIgnored, FrameRefused, LateAnswer, RpcPeer

# Slow: only many examples find the odd exception.
pytestmark = pytest.mark.slow

METER_VALUES = (
    '[2,"1","MeterValues",{"connectorId":1,"transactionId":7,"meterValue":[{"timestamp":"2026-03-01T12:00:00Z",'
    '"sampledValue":[{"value":"230.1","context":"Sample.Periodic","format":"Raw","measurand":"Voltage",'
    '"phase":"L1-N","location":"Outlet","unit":"V"},{"value":1.5e3,"unit":null}]}]}]'
)
STOP = (
    '[2,"1","StopTransaction",{"transactionId":7,"meterStop":1.0,"timestamp":"2026-03-01T12:00:00","idTag":"abc",'
    '"reason":"Local","transactionData":[{"timestamp":"2026-03-01T12:00+02","sampledValue":[{"value":"1"}]}]}]'
)
ANSWER = '[3,"1",{"configurationKey":[{"key":"k","readonly":true,"value":"v"}],"unknownKey":["u"]}]'

WORDS = st.sampled_from(
    [
        *ACTIONS,
        "connectorId",
        "meterValue",
        "sampledValue",
        "value",
        "timestamp",
        "idTag",
        "status",
        "Accepted",
        "2026-03-01T12:00:00Z",
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59-01:00",
        "",
        "NaN",
        "-1",
    ]
)
NUMBERS = st.one_of(st.integers(), st.floats(), st.sampled_from([2**31, 2**63, 2**64, 10**4000, -(2**63)]))
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=5),
    max_leaves=20,
)


def check(text: str | bytes) -> None:
    """What gets an answer gets one that can be read, and all that is noted is in the table."""
    peer = RpcPeer(id_prefix="")
    peer.call("GetConfiguration", b"{}", 30.0)
    peer.to_send(0.0)
    match peer.receive(text, 0.0):
        case CallReceived(call=call, repairs=repairs):
            assert {repair.name for repair in repairs} <= set(LENIENCES)
            check_request(call.action, call.payload)
            refused = peer.refuse(call, ProtocolViolation("InternalError", "no"))
            assert json.loads(refused)[0] == 4
        case FrameRefused(frame=frame):
            assert json.loads(frame)[0] == 4
        case AnswerReceived(result=result):
            if hasattr(result, "payload"):
                check_confirmation("GetConfiguration", result.payload)
        case received:
            assert isinstance(received, FrameIgnored | LateAnswer)


def check_request(action: str, payload: bytes) -> None:
    sent_by = ACTIONS[action].sent_by if action in ACTIONS else "charge_point"
    try:
        decoded = decode_request(action, payload, sent_by="charge_point" if sent_by == "either" else sent_by)
    except ProtocolViolation as violation:
        check_violation(violation)
    else:
        check_decoded(decoded)


def check_confirmation(action: str, payload: bytes) -> None:
    try:
        check_decoded(decode_confirmation(action, payload))
    except ProtocolViolation as violation:
        check_violation(violation)


def check_decoded(decoded: Decoded) -> None:
    assert isinstance(decoded.message, OcppMessage)
    assert {repair.name for repair in decoded.repairs} <= set(LENIENCES)
    msgspec.json.encode(decoded.message)


def check_violation(violation: ProtocolViolation) -> None:
    assert violation.code in {
        "NotImplemented",
        "NotSupported",
        "ProtocolError",
        "FormationViolation",
        "PropertyConstraintViolation",
        "OccurenceConstraintViolation",
        "TypeConstraintViolation",
    }


@settings(deadline=None)
@given(st.text() | st.binary())
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    check(text)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([METER_VALUES, STOP, ANSWER]), st.data())
def test_any_damage_to_a_frame_is_read_or_refused(frame: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(frame)))
        cut = data.draw(st.integers(0, 3))
        put = data.draw(
            st.sampled_from(["", ",", ":", '"', "{", "}", "[", "]", "0", "e9", "\\", "null", "\ud800", "é"])
        )
        frame = frame[:at] + put + frame[at + cut :]
    check(frame)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(ACTIONS)), VALUES)
@example("MeterValues", {"connectorId": 1, "meterValue": [[]] * 2, "transactionId": 10**4000})
def test_any_payload_is_read_or_refused(action: str, payload: object) -> None:
    """`json` writes NaN and Infinity as chargers do."""
    check(json.dumps([2, "1", action, payload]))
    text = json.dumps(payload).encode()
    check_request(action, text)
    check_confirmation(action, text)


@settings(deadline=None)
@given(st.lists(VALUES, max_size=6), st.sampled_from([2, 3, 4, 5, "2"]))
def test_any_array_is_read_or_refused(elements: list[object], message_type: object) -> None:
    check(json.dumps([message_type, *elements]))


def test_deep_nesting_is_read_or_refused() -> None:
    """At every depth around the limit of the interpreter, inside what we look at and beside it."""
    for depth in (10, 200, 400, 600, 800, 900, 950, 990, 1000, 2000, 100_000):
        deep = "[" * depth + "]" * depth
        for payload in (
            f'{{"vendorId":"v","data":{deep}}}',
            f'{{"vendorId":{deep}}}',
            f'{{"vendorId":"v","vendorThing":{deep}}}',
        ):
            check(f'[2,"1","DataTransfer",{payload}]')
        check(
            f'[2,"1","MeterValues",{{"connectorId":1,"meterValue":[{deep},{{"timestamp":1,"sampledValue":[{deep}]}}]}}]'
        )
        check(f"[2,{deep}]")
        check(f'[4,"1","X","",{deep}]')
