"""Payloads to messages and back.

    payload --strict decoder--> message                                    the usual case, all in C
            --any JSON--> tolerant reader --> message, repairs             when that refuses something

The strict decoder knows the specification from the annotations of `messages` and `datatypes`. What it
refuses is read again, field by field, by readers made from the same annotations: they take what can be
understood, note which lenience it took, and raise a ProtocolViolation by OCPP-J table 7 for the rest.
So there is one description of each message, and a message that needs nothing pays for nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import msgspec
from msgspec import inspect

from solarocpp.errors import LocalProtocolError, ProtocolViolation
from solarocpp.ocpp.frames import NOT_DECODABLE
from solarocpp.ocpp.lenience import EARLIEST, LATEST, Repair, Repairs, finished
from solarocpp.ocpp.messages import ACTIONS, Action, OcppMessage, Sender
from solarocpp.ocpp.reading import ANY_JSON, Reader, reader_of

__all__ = ["Decoded", "Repair", "decode_confirmation", "decode_request", "encode_as_told", "encode_payload"]


class Decoded(msgspec.Struct, frozen=True):
    """A message, and what had to be forgiven to get it."""

    message: OcppMessage
    repairs: tuple[Repair, ...]


def decode_request(action: str, payload: bytes, *, sent_by: Sender) -> Decoded:
    """Reads the payload of a CALL that the named party sent.

    Raises:
        ProtocolViolation: by OCPP-J table 7, with the field in the details.
    """
    row = _row(action)
    if row.sent_by not in {sent_by, "either"}:
        raise ProtocolViolation("NotSupported", f"{action} is not for a {sent_by.replace('_', ' ')} to send.")
    return _decode(row.request, payload)


def decode_confirmation(action: str, payload: bytes) -> Decoded:
    """Reads the payload of a CALLRESULT to a CALL of the named action.

    Lists and flags an answer leaves out take their usual values (Q45); without a status there is no answer.

    Raises:
        ProtocolViolation: by OCPP-J table 7; an answer is never answered, so its code is for the log.
    """
    return _decode(_row(action).confirmation, payload)


def encode_payload(message: OcppMessage) -> bytes:
    """Writes a message as JSON; times as `YYYY-MM-DDTHH:MM:SS.mmmZ`, which every firmware reads (Q18).

    What we write is read again by the strict decoder, so that nothing that breaks the schema leaves (Q68).

    Raises:
        LocalProtocolError: the message is not what OCPP 1.6 allows; the text names the field.
    """
    if not message.__struct_fields__:
        return b"{}"  # the answer to most of what charge points send
    payload = encode_as_told(message)
    try:
        repairs = _decode(type(message), payload).repairs
    except ProtocolViolation as violation:
        raise LocalProtocolError(f"{type(message).__name__}: {violation}") from violation
    if repairs:
        flaws = ", ".join(f"{repair.name} ({repair.detail})" for repair in repairs)
        raise LocalProtocolError(f"{type(message).__name__}: {flaws}")
    return payload


def encode_as_told(message: OcppMessage) -> bytes:
    """Writes a message for our own records, as `encode_payload` does, but unchecked.

    What was received may be longer than OCPP 1.6 allows (Q46), and has to be kept all the same.
    """
    if _codec(type(message)).time_fields:
        return _encode(_with_texts_for_times(msgspec.to_builtins(message, builtin_types=(datetime,))))
    return _encode(message)


_encode = msgspec.json.Encoder().encode


def _with_texts_for_times(value: object) -> object:
    # By type, and texts first: a pattern match over the 60 values of a MeterValues costs three times as much.
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return {key: _with_texts_for_times(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_texts_for_times(item) for item in value]
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise LocalProtocolError(f"{value} has no zone; times are aware UTC")
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value


def _row(action: str) -> Action:
    row = ACTIONS.get(action)
    if row is None:
        raise ProtocolViolation("NotImplemented", f"{action[:50]} is not an action of OCPP 1.6.")
    return row


TimeFields = tuple[tuple[str, "TimeFields | None"], ...]
"""The fields of a struct that hold times, or structs that do: what to look at without looking at all."""


class _Codec(msgspec.Struct, frozen=True):
    """How one type of message is read."""

    strict: msgspec.json.Decoder[OcppMessage]
    tolerant: Reader
    time_fields: TimeFields


@cache
def _codec(kind: type[OcppMessage]) -> _Codec:
    return _Codec(msgspec.json.Decoder(kind), reader_of(kind), _time_fields(inspect.type_info(kind)) or ())


def _time_fields(info: inspect.Type) -> TimeFields | None:
    """Which fields hold times; None: there are none in this type; (): it is a time itself."""
    match _unwrapped(info):
        case inspect.DateTimeType():
            return ()
        case inspect.VarTupleType(item_type=item):
            return _time_fields(item)
        case inspect.StructType(fields=fields):
            found = [(field.name, _time_fields(field.type)) for field in fields]
            return tuple((name, inner or None) for name, inner in found if inner is not None) or None
        case _:
            return None


def _unwrapped(info: inspect.Type) -> inspect.Type:
    if isinstance(info, inspect.Metadata):
        return _unwrapped(info.type)
    if isinstance(info, inspect.UnionType):  # only ever `X | None`
        return _unwrapped(info.types[0])
    return info


def _decode(kind: type[OcppMessage], payload: bytes) -> Decoded:
    codec = _codec(kind)
    raw = bytes(payload)
    # The strict decoder takes null where an optional field may be None; the schemas do not.
    if b"null" not in raw:
        try:  # not `suppress`: it costs as much as decoding a short message
            message = codec.strict.decode(raw)
        except NOT_DECODABLE:
            return _decode_tolerantly(codec.tolerant, raw)
        if _times_are_plain(message, codec.time_fields):
            return Decoded(message, ())
    return _decode_tolerantly(codec.tolerant, raw)


def _times_are_plain(message: object, fields: TimeFields) -> bool:
    """Whether all times are in UTC and of this century; others are for the tolerant reader."""
    for name, inner in fields:
        value = getattr(message, name)
        if value is None:
            continue
        if inner is None:
            if value.tzinfo is not UTC or not EARLIEST <= value < LATEST:
                return False
        else:
            for item in value if isinstance(value, tuple) else (value,):
                if not _times_are_plain(item, inner):
                    return False
    return True


def _decode_tolerantly(read: Reader, raw: bytes) -> Decoded:
    repairs: Repairs = {}
    try:
        plain = ANY_JSON.decode(raw) if raw.strip() else None
        if plain is None:
            repairs["payload_missing"] = "null"
            plain = {}
        if not isinstance(plain, dict):
            raise ProtocolViolation("FormationViolation", "The payload is not an object.")
        message = read(plain, None, repairs)
    except NOT_DECODABLE as exc:
        raise ProtocolViolation("FormationViolation", "The payload is not JSON.") from exc
    assert isinstance(message, OcppMessage)  # noqa: S101 reader_of(kind) makes nothing else
    return Decoded(message, finished(repairs))
