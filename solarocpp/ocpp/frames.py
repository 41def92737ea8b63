"""CALL, CALLRESULT and CALLERROR to and from text (OCPP-J 1.6 §4.1).

A frame of the usual form is decoded in one pass, its payload left as it is. Only what does not fit is
looked at again, tolerantly. What then cannot be understood is a ProtocolViolation if a CALLERROR is
due, and `Unusable` if there is nobody to answer: an answer is never answered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw

from solarocpp.errors import ProtocolViolation
from solarocpp.ocpp.datatypes import UniqueId
from solarocpp.ocpp.lenience import Repair, Repairs, finished, repair_json

MAX_ID_LENGTH: Final = 36  # OCPP-J §4.1.4: room for a UUID

# Descriptions are at most 255 characters by OCPP-J §4.2.3; texts we make from what we received are cut there.
MAX_DESCRIPTION_LENGTH: Final = 255

NO_ID: Final = UniqueId("-1")
"""The id of a CALLERROR to something whose id cannot be found."""


class NumericId(str):
    """An id that came as a number and goes back as one; its text is the number's."""

    __slots__ = ()


class Call(msgspec.Struct, frozen=True, array_like=True, tag=2, forbid_unknown_fields=True, gc=False):
    """A request: `[2, unique_id, action, payload]`; the payload is a JSON object, not yet read."""

    unique_id: Annotated[UniqueId, Meta(max_length=MAX_ID_LENGTH)]
    action: str
    payload: Raw


class CallResult(msgspec.Struct, frozen=True, array_like=True, tag=3, forbid_unknown_fields=True, gc=False):
    """The answer to a request: `[3, unique_id, payload]`; whether the payload is any good shows when it is read."""

    unique_id: UniqueId
    payload: Raw


class CallError(msgspec.Struct, frozen=True, array_like=True, tag=4, forbid_unknown_fields=True, gc=False):
    """The answer to a request that failed: `[4, unique_id, code, description, details]`."""

    unique_id: UniqueId
    code: str
    """One of table 7 in its 1.6 spelling, or whatever the other end made up."""
    description: str
    details: Mapping[str, object]


class Unusable(msgspec.Struct, frozen=True):
    """Text that is no message and gets no answer."""

    reason: str


Frame = Call | CallResult | CallError | Unusable

# Later editions, and so some firmware, correct the typing errors of table 7 (Q41).
_SPELLINGS_OF_1_6: Mapping[str, str] = {
    "FormatViolation": "FormationViolation",
    "OccurrenceConstraintViolation": "OccurenceConstraintViolation",
}

# Everything msgspec raises for bytes that are not what the type says.
NOT_DECODABLE: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)

_FRAME = msgspec.json.Decoder(Call | CallResult | CallError)
_ELEMENTS = msgspec.json.Decoder(list[Raw])
_VALUE: msgspec.json.Decoder[object] = msgspec.json.Decoder(object)
_encode = msgspec.json.Encoder().encode

_MESSAGE_TYPE = re.compile(rb"-?\d+")
_NUMBER = re.compile(rb"-?\d[\d.eE+-]*")
_BROKEN_ANSWER = re.compile(rb"\s*\[\s*[34]\s*[,\]]")
_ID_OF_BROKEN_CALL = re.compile(rb'\s*\[\s*2\s*,\s*("[^"\\]{0,255}"|-?(?:0|[1-9]\d{0,35})(?=\s*,))')


def parse_frame(text: bytes | str) -> tuple[Frame, tuple[Repair, ...]]:
    """Reads one message of the WebSocket, and says what had to be repaired for it.

    Raises:
        ProtocolViolation: a CALL nobody can understand; `unique_id` is whatever id could be saved.
    """
    try:  # not `suppress`: it costs as much as decoding the frame
        frame = _FRAME.decode(text)
    except NOT_DECODABLE:
        return _parse_tolerantly(text)
    if type(frame) is CallError and frame.code in _SPELLINGS_OF_1_6:
        return msgspec.structs.replace(frame, code=_SPELLINGS_OF_1_6[frame.code]), ()
    if type(frame) is not Call or bytes(frame.payload).startswith(b"{"):
        return frame, ()
    return _parse_tolerantly(text)


def format_call(unique_id: str, action: str, payload: bytes) -> bytes:
    """Writes a CALL; `payload` is encoded JSON."""
    return b"[2,%b,%b,%b]" % (_format_id(unique_id), _encode(action), payload)


def format_result(unique_id: str, payload: bytes) -> bytes:
    """Writes a CALLRESULT; `payload` is encoded JSON."""
    return b"[3,%b,%b]" % (_format_id(unique_id), payload)


def format_error(unique_id: str, code: str, description: str = "", details: Mapping[str, str] | None = None) -> bytes:
    """Writes a CALLERROR; the details are always an object (Q40)."""
    cut = {key: value[:MAX_DESCRIPTION_LENGTH] for key, value in (details or {}).items()}
    return b"[4,%b,%b,%b,%b]" % (
        _format_id(unique_id),
        _encode(code),
        _encode(description[:MAX_DESCRIPTION_LENGTH]),
        _encode(cut),
    )


def _format_id(unique_id: str) -> bytes:
    return unique_id.encode() if isinstance(unique_id, NumericId) else _encode(unique_id)


# -- the tolerant way ------------------------------------------------------------------------------------


def _parse_tolerantly(text: bytes | str) -> tuple[Frame, tuple[Repair, ...]]:
    raw = text.encode(errors="replace") if isinstance(text, str) else bytes(text)
    if not raw.strip():
        return Unusable("an empty frame"), ()  # Q30
    repairs: Repairs = {}
    elements = _elements(raw, repairs)
    if elements is None:
        if _BROKEN_ANSWER.match(raw):
            return Unusable("an answer that is not JSON"), ()
        raise ProtocolViolation("FormationViolation", "Not a JSON array.", unique_id=_salvaged_id(raw))
    if not elements or not _MESSAGE_TYPE.fullmatch(elements[0]):
        raise ProtocolViolation("FormationViolation", "The array does not begin with a message type.")
    match bytes(elements[0]):
        case b"2":
            return _call(elements, repairs), finished(repairs)
        case b"3":
            return _call_result(elements, repairs), finished(repairs)
        case b"4":
            return _call_error(elements, repairs), finished(repairs)
        case _:  # OCPP-J §4.1.3: unknown message types are ignored
            return Unusable("an unknown message type"), ()


def _elements(raw: bytes, repairs: Repairs) -> list[bytes] | None:
    """The elements of the array, each as JSON text; None if the text is beyond repair."""
    with suppress(*NOT_DECODABLE):
        return [bytes(element) for element in _ELEMENTS.decode(raw)]
    with suppress(*NOT_DECODABLE):
        return [bytes(element) for element in _ELEMENTS.decode(repair_json(raw, repairs))]
    return None


def _call(elements: list[bytes], repairs: Repairs) -> Call:
    unique_id = _unique_id(elements, repairs)
    if unique_id is None:
        raise ProtocolViolation("FormationViolation", "The message has no id.")
    action = _text(elements, 2)
    if not action:
        raise ProtocolViolation("FormationViolation", "The message has no action.", unique_id=unique_id)
    payload = _payload(elements, 3, repairs)
    if not payload.startswith(b"{"):
        raise ProtocolViolation("FormationViolation", "The payload is not an object.", unique_id=unique_id)
    return Call(unique_id, action, Raw(payload))


def _call_result(elements: list[bytes], repairs: Repairs) -> CallResult | Unusable:
    unique_id = _unique_id(elements, repairs)
    if unique_id is None:
        return Unusable("a CALLRESULT without id")
    return CallResult(unique_id, Raw(_payload(elements, 2, repairs)))


def _call_error(elements: list[bytes], repairs: Repairs) -> CallError | Unusable:
    """Whatever is missing or odd, the CALL has failed."""
    unique_id = _unique_id(elements, repairs)
    if unique_id is None:
        return Unusable("a CALLERROR without id")
    code = _text(elements, 2) or "GenericError"
    details = _value(elements, 4)
    return CallError(
        unique_id,
        _SPELLINGS_OF_1_6.get(code, code),
        _text(elements, 3),
        details if isinstance(details, dict) else {},
    )


def _unique_id(elements: list[bytes], repairs: Repairs) -> UniqueId | None:
    if len(elements) > 1 and _NUMBER.fullmatch(elements[1]):
        repairs["numeric_id"] = "the id is a number"
        return UniqueId(NumericId(elements[1].decode()))
    value = _value(elements, 1)
    if not isinstance(value, str):
        return None
    if len(value) > MAX_ID_LENGTH:
        repairs["long_id"] = f"{len(value)} characters"
    return UniqueId(value)


def _payload(elements: list[bytes], index: int, repairs: Repairs) -> bytes:
    if len(elements) > index + 1:
        repairs["extra_elements"] = f"{len(elements)} elements"
    payload = elements[index] if len(elements) > index else b"null"
    if payload != b"null":
        return payload
    repairs["payload_missing"] = "null" if len(elements) > index else "missing"
    return b"{}"


def _text(elements: list[bytes], index: int) -> str:
    value = _value(elements, index)
    return value if isinstance(value, str) else ""


def _value(elements: list[bytes], index: int) -> object:
    """The decoded element; None if it is missing or cannot be decoded."""
    try:
        return _VALUE.decode(elements[index])
    except (IndexError, *NOT_DECODABLE):
        return None


def _salvaged_id(raw: bytes) -> UniqueId:
    match = _ID_OF_BROKEN_CALL.match(raw)
    if match is None:
        return NO_ID
    return _unique_id([b"2", match[1]], {}) or NO_ID
