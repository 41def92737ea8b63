"""OCPP-J 1.6 §4.1: the three kinds of frames, and what is none."""

from __future__ import annotations

import pytest
from msgspec import Raw

from solarocpp.errors import ProtocolViolation
from solarocpp.ocpp.frames import (
    NO_ID,
    Call,
    CallError,
    CallResult,
    NumericId,
    Unusable,
    format_call,
    format_error,
    format_result,
    parse_frame,
)


def test_the_three_kinds_of_frames_are_read() -> None:
    assert parse_frame('[2,"19223201","Heartbeat",{"a": 1}]') == (Call("19223201", "Heartbeat", Raw(b'{"a": 1}')), ())
    assert parse_frame(b'[3,"19223201",{}]') == (CallResult("19223201", Raw(b"{}")), ())
    assert parse_frame('[4,"1","NotSupported","no",{"a":1}]') == (CallError("1", "NotSupported", "no", {"a": 1}), ())


def test_what_is_written_is_read_back() -> None:
    assert format_call("a", "Reset", b'{"type":"Soft"}') == b'[2,"a","Reset",{"type":"Soft"}]'
    assert format_result("a", b"{}") == b'[3,"a",{}]'
    assert format_error("a", "NotSupported", "no", {"field": "b"}) == b'[4,"a","NotSupported","no",{"field":"b"}]'


def test_the_details_of_an_error_are_always_an_object() -> None:
    """Q40: an object even if there is nothing to say, and never longer than the specification allows."""
    assert format_error(NO_ID, "GenericError") == b'[4,"-1","GenericError","",{}]'
    assert format_error("a", "GenericError", "d" * 300, {"b": "c" * 300}) == (
        b'[4,"a","GenericError","%b",{"b":"%b"}]' % (b"d" * 255, b"c" * 255)
    )


@pytest.mark.parametrize("number", ["17", "-1", "1.50", "123456789012345678901234567890"])
def test_an_id_that_is_a_number_goes_back_as_it_came(number: str) -> None:
    frame, repairs = parse_frame(f'[2,{number},"Heartbeat",{{}}]')
    assert isinstance(frame, Call)
    assert isinstance(frame.unique_id, NumericId)
    assert [repair.name for repair in repairs] == ["numeric_id"]
    assert format_result(frame.unique_id, b"{}") == f"[3,{number},{{}}]".encode()


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        ("FormatViolation", "FormationViolation"),
        ("OccurrenceConstraintViolation", "OccurenceConstraintViolation"),
        ("FormationViolation", "FormationViolation"),
        ("MadeUpHere", "MadeUpHere"),
    ],
)
@pytest.mark.parametrize("end", [',"",{}]', "]"])
def test_both_spellings_of_error_codes_are_understood(wire: str, code: str, end: str) -> None:
    """Q41; the second form takes the tolerant way."""
    assert parse_frame(f'[4,"1","{wire}"{end}') == (CallError("1", code, "", {}), ())


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('[4,"1"]', CallError("1", "GenericError", "", {})),
        ('[4,"1",7,null,"text"]', CallError("1", "GenericError", "", {})),
        ('[4,"1","X","d","SQL"]', CallError("1", "X", "d", {})),
        ('[4,1,"X","d",{"a":1},2]', CallError(NumericId("1"), "X", "d", {"a": 1})),
    ],
)
def test_an_odd_error_still_ends_its_call(text: str, error: CallError) -> None:
    assert parse_frame(text)[0] == error


def test_a_result_without_payload_is_an_empty_one() -> None:
    frame, repairs = parse_frame('[3,"1",null]')
    assert frame == CallResult("1", Raw(b"null"))
    frame, repairs = parse_frame('[3,"1"]')
    assert frame == CallResult("1", Raw(b"{}"))
    assert [(repair.name, repair.detail) for repair in repairs] == [("payload_missing", "missing")]
    assert parse_frame('[3,1,{"a":1}]')[0] == CallResult(NumericId("1"), Raw(b'{"a":1}'))


def test_repairs_say_what_stood_there() -> None:
    _, repairs = parse_frame(f'[2,"{"i" * 37}","Heartbeat",null,1]')
    assert [(repair.name, repair.detail) for repair in repairs] == [
        ("long_id", "37 characters"),
        ("extra_elements", "5 elements"),
        ("payload_missing", "null"),
    ]
    _, repairs = parse_frame(f'[2,"{"i" * 36}","Heartbeat"]')
    assert [repair.name for repair in repairs] == ["payload_missing"]
    _, repairs = parse_frame('[2,"1","Heartbeat",{"a":[,1,],"b":,"c":[,NaN]}]')
    assert [(repair.name, repair.detail) for repair in repairs] == [
        ("stray_comma", "at byte 24"),
        ("value_left_out", "at byte 33"),
        ("bare_not_a_number", "at byte 41"),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "an empty frame"),
        (" \n", "an empty frame"),
        ("[3,", "an answer that is not JSON"),
        ('[ 4 ,"1', "an answer that is not JSON"),
        ("[3]", "a CALLRESULT without id"),
        ("[3,{},{}]", "a CALLRESULT without id"),
        ('[4,null,"X"]', "a CALLERROR without id"),
        ('[5,"1","SomethingNew",{}]', "an unknown message type"),
        ("[-1]", "an unknown message type"),
    ],
)
def test_what_cannot_be_answered_is_unusable(text: str, reason: str) -> None:
    """An answer is never answered, and OCPP-J §4.1.3 wants unknown message types ignored."""
    assert parse_frame(text) == (Unusable(reason), ())


@pytest.mark.parametrize(
    ("text", "unique_id"),
    [
        ("hello", "-1"),
        ("{}", "-1"),
        ("null", "-1"),
        ("[]", "-1"),
        ('["2","1","Heartbeat",{}]', "-1"),
        ("[2]", "-1"),
        ('[2,null,"Heartbeat",{}]', "-1"),
        ('[2,"\\ud800","Heartbeat",{}]', "-1"),
        ('[2,"abc"]', "abc"),
        ('[2,"abc",7,{}]', "abc"),
        ('[2,"abc","",[]]', "abc"),
        ('[2,"abc","Heartbeat",[]]', "abc"),
        ('[2,"abc","Heartbeat","text"]', "abc"),
        ('[2,"abc","Heartbeat",{"a":"', "abc"),
        (' [ 2 , "abc" , "Heartbeat" , {"a" 1}]', "abc"),
        ('[2,17,"Heartbeat",{"a":"', "17"),
        ('[2,0,"Heartbeat",{', "0"),
        ('[2,00,"Heartbeat",{}]', "-1"),  # no number by JSON: it must not go back
        ('[2,"a\\qc","Heartbeat",{', "-1"),
        ('[2,"abc","Heartbeat",{"a":"\\', "abc"),
        ('[2,"abc","Heartbeat",' + '{"a":' * 5000, "abc"),
        ('[2,"abc","Heartbeat",{"a":1e}]', "abc"),
        ("[2,\"abc\",'Heartbeat',{}]", "abc"),
        ("\ud800", "-1"),
        (b'[2,"abc","\xff",{}]', "abc"),
        (b"\xff", "-1"),
    ],
)
def test_a_call_beyond_understanding_is_a_formation_violation(text: str | bytes, unique_id: str) -> None:
    with pytest.raises(ProtocolViolation) as refused:
        parse_frame(text)
    assert (refused.value.code, refused.value.unique_id) == ("FormationViolation", unique_id)


def test_noise_is_judged_in_linear_time() -> None:
    """The search for flaws must not start over at every quote: this takes milliseconds, or hours."""
    for noise in ('"\\"', "[ ", ", ", ":", '"', "[,", "-NaN"):
        with pytest.raises(ProtocolViolation):
            parse_frame('[2,"1","X",{' + noise * (50_000 // len(noise)))
