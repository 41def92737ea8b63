"""Tolerant readers, made from the annotations of the messages.

A reader takes decoded JSON, the place it stands at and the repairs so far; it gives the value of the
field, or raises a ProtocolViolation whose code is the one of OCPP-J table 7 for that kind of fault.
Each kind of annotation has one function that makes its reader (READER_MAKERS); the options that
`datatypes` puts beside an annotation reach it as `extra`. Nothing here follows a structure deeper than
the annotations go, and a message is noted once for each kind of repair, so that work and memory are
bounded by the length of the frame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import inspect

from solarocpp.errors import CallErrorCode, ProtocolViolation
from solarocpp.ocpp.datatypes import KEEP, MeterValue
from solarocpp.ocpp.lenience import EARLIEST, LATEST, Repairs, read_time

Place = tuple["Place", str] | None
"""Where a value stands: the way down from the payload; text is made of it only when it is told."""

Reader = Callable[[Any, Place, Repairs], Any]
"""What goes in is any JSON; what comes out is what the annotation says, which mypy cannot follow."""


def _exact_number(text: str) -> Decimal:
    """Keeps a JSON number as it was written; exponents beyond all measure are infinite."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("-Infinity" if text.startswith("-") else "Infinity")


ANY_JSON: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(float_hook=_exact_number)
_as_json = msgspec.json.Encoder(decimal_format="number").encode

_LONGEST_NUMBER = 40  # characters; what is longer is no count, register or limit of a charge point
_SHOWN = 60  # characters of a value in a repair's detail


def reader_of(kind: type) -> Reader:
    """Makes the reader of a struct."""
    return _reader(inspect.type_info(kind))


# -- telling ---------------------------------------------------------------------------------------------


def _path(place: Place) -> str:
    if place is None:
        return ""
    above, name = place
    return _path(above) + (name if above is None or name.startswith("[") else f".{name}")


def _note(repairs: Repairs, name: str, place: Place, value: object = None) -> None:
    if name not in repairs:
        repairs[name] = _path(place) if value is None else f"{_path(place)}: {str(value)[:_SHOWN]}"


def _violation(code: CallErrorCode, place: Place, text: str) -> ProtocolViolation:
    path = _path(place)
    return ProtocolViolation(code, f"{path}: {text}", {"field": path})


def _wrong_type(place: Place, expected: str, value: object) -> ProtocolViolation:
    return _violation("TypeConstraintViolation", place, f"expected {expected}, got {_JSON_NAMES[type(value)]}.")


_JSON_NAMES: Mapping[type, str] = {
    str: "text",
    int: "a number",
    Decimal: "a number",
    bool: "a boolean",
    type(None): "null",
    list: "a list",
    dict: "an object",
}


# -- one maker for each kind of annotation ---------------------------------------------------------------


class _Rules(NamedTuple):
    """What an annotation says."""

    type: Any
    """One of the types of `msgspec.inspect`; READER_MAKERS says which one a maker gets."""
    extra: Mapping[str, Any]
    optional: bool
    """None is a value too."""


def _text(rules: _Rules) -> Reader:
    longest, cap, as_json = rules.type.max_length, rules.extra.get("cap"), rules.extra.get("as_json", False)

    def read(value: Any, place: Place, repairs: Repairs) -> str:
        if isinstance(value, str):
            text = value
        elif isinstance(value, int | Decimal) and not isinstance(value, bool):
            _note(repairs, "number_for_text", place)
            text = str(value)
        elif as_json and value is not None:
            _note(repairs, "json_for_text", place)
            text = _as_json(value).decode()
        else:
            raise _wrong_type(place, "text", value)
        if longest is not None and len(text) > longest:
            if cap is not None and len(text) > cap:
                raise _violation("PropertyConstraintViolation", place, f"longer than {cap} characters.")
            _note(repairs, "text_too_long", place, f"{len(text)} characters")
        return text

    return read


def _number_from(value: Any, place: Place, repairs: Repairs) -> int | Decimal:
    """A JSON number, or the text of one."""
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER:
        number = _exact_number(value.strip()) if value.strip(" +-.0123456789") == "" else Decimal("NaN")
        if number.is_finite():
            _note(repairs, "text_for_number", place, value)
            return number
    if not isinstance(value, int | Decimal) or isinstance(value, bool):
        raise _wrong_type(place, "a number", value)
    return value


def _integer(rules: _Rules) -> Reader:
    lowest, highest = rules.type.ge, rules.type.le  # every integer of ours has both
    rounds, may_be_no_id = rules.extra.get("round", False), rules.extra.get("no_id", False)

    def read(value: Any, place: Place, repairs: Repairs) -> int | None:
        if may_be_no_id and value == "":
            _note(repairs, "no_transaction", place)
            return None
        number = _number_from(value, place, repairs)
        if may_be_no_id and not lowest <= number <= highest:
            _note(repairs, "no_transaction", place, value)
            return None
        if not lowest <= number <= highest:
            raise _violation("PropertyConstraintViolation", place, f"not between {lowest} and {highest}.")
        if isinstance(number, int):
            return number
        whole = round(number)
        if whole != number and not rounds:
            raise _violation("TypeConstraintViolation", place, "expected an integer, got a fraction.")
        if not isinstance(value, str) or whole != number:
            _note(repairs, "fraction_for_integer", place, value)
        return whole

    return read


def _float(_rules: _Rules) -> Reader:
    def read(value: Any, place: Place, repairs: Repairs) -> float:
        number = float(_number_from(value, place, repairs))
        if not isfinite(number):
            raise _violation("PropertyConstraintViolation", place, "not a finite number.")
        return number

    return read


def _boolean(_rules: _Rules) -> Reader:
    def read(value: Any, place: Place, repairs: Repairs) -> bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
            _note(repairs, "text_for_boolean", place, value)
            return value.strip().lower() == "true"
        raise _wrong_type(place, "a boolean", value)

    return read


def _enumeration(rules: _Rules) -> Reader:
    listed: Mapping[str, str] = {name.lower(): name for name in rules.type.values}
    allowed = ", ".join(listed.values())
    unlisted, optional = rules.extra.get("unlisted"), rules.optional

    def read(value: Any, place: Place, repairs: Repairs) -> str | None:
        if not isinstance(value, str):
            raise _wrong_type(place, "text", value)
        name = listed.get(value.strip().lower())
        if name is not None:
            if name != value:
                _note(repairs, "enumeration_case", place, value)
            return name
        if optional and not value.strip():
            _note(repairs, "empty_as_absent", place)
            return None
        if unlisted is None:
            text = f"{value[:_SHOWN]!r} is not one of its values: {allowed}."
            raise _violation("PropertyConstraintViolation", place, text)
        _note(repairs, "enumeration_unlisted", place, value)
        return value if unlisted == KEEP else str(unlisted)

    return read


def _time(rules: _Rules) -> Reader:
    reported, optional = rules.extra.get("reported", False), rules.optional

    def read(value: Any, place: Place, repairs: Repairs) -> object:
        time, lenience = read_time(value) if isinstance(value, str) else (None, "time_unusable")
        if time is not None and reported and not EARLIEST <= time < LATEST:
            time, lenience = None, "time_unusable"
        if time is None and not optional:
            if isinstance(value, str):
                raise _violation("PropertyConstraintViolation", place, "not a time.")
            raise _wrong_type(place, "a time", value)
        if lenience:
            _note(repairs, lenience, place, value)
        return time

    return read


def _list(rules: _Rules) -> Reader:
    read_item, fewest = _reader(rules.type.item_type), rules.type.min_length or 0
    salvages, may_be_empty = "salvage" in rules.extra, rules.extra.get("may_be_empty", False)

    def read(value: Any, place: Place, repairs: Repairs) -> tuple[object, ...]:
        if not isinstance(value, list):
            raise _wrong_type(place, "a list", value)
        if may_be_empty and not value:
            _note(repairs, "empty_as_absent", place)
            return ()
        if len(value) < fewest and not salvages:
            raise _violation("OccurenceConstraintViolation", place, f"expected at least {fewest}.")
        if not value and fewest:
            _note(repairs, "no_samples", place)
        items: list[object] = []
        for index, item in enumerate(value):
            here = (place, f"[{index}]")
            try:
                items.append(read_item(item, here, repairs))
            except ProtocolViolation as violation:
                if not salvages:
                    raise
                _note(repairs, "sample_unreadable", here, violation.description)
                items.append(_Unreadable(item))
        return tuple(items)

    return read


class _Unreadable:
    """What stands in a list for an element that cannot be read, until the struct around it takes it out."""

    __slots__ = ("text",)

    def __init__(self, value: object) -> None:
        self.text = _as_json(value).decode()


class _Field(msgspec.Struct, frozen=True):
    """What the reader of a struct knows of one field."""

    name: str
    wire_name: str
    required: bool
    optional: bool
    """It may be None."""
    read: Reader
    extra: Mapping[str, Any]


def _struct(rules: _Rules) -> Reader:
    fields = [_field(field) for field in rules.type.fields]
    beside = {field.extra["salvage"] for field in fields if "salvage" in field.extra}
    fields = [field for field in fields if field.name not in beside]
    kind, known = rules.type.cls, {field.wire_name for field in fields}
    finishers = [finish for field in fields for finish in _finishers(field)]

    def read(value: Any, place: Place, repairs: Repairs) -> object:
        if not isinstance(value, dict):
            raise _wrong_type(place, "an object", value)
        values: dict[str, Any] = {}
        for field in fields:
            found = value.get(field.wire_name)
            here = (place, field.wire_name)
            if found is not None:
                values[field.name] = field.read(found, here, repairs)
            else:
                _read_nothing(field, field.wire_name in value, here, values, repairs)
        for finish in finishers:
            finish(value, values)
        if not value.keys() <= known:
            unknown = next(name for name in value if name not in known)
            _note(repairs, "unknown_field", (place, unknown[:_SHOWN]))
        return kind(**values)

    return _never_failing(read) if kind is MeterValue else read


def _field(field: inspect.Field) -> _Field:
    optional = isinstance(field.type, inspect.UnionType)
    inner = field.type.types[0] if isinstance(field.type, inspect.UnionType) else field.type
    extra = (inner.extra or {}) if isinstance(inner, inspect.Metadata) else {}
    return _Field(field.name, field.encode_name, field.required, optional, _reader(inner, optional=optional), extra)


def _read_nothing(field: _Field, is_null: bool, place: Place, values: dict[str, Any], repairs: Repairs) -> None:  # noqa: FBT001
    """Decides what null, or nothing at all, means for a field."""
    if not field.required:
        if is_null:
            _note(repairs, "null_as_absent", place)
    elif field.optional:
        _note(repairs, "value_absent", place)
        values[field.name] = None
    elif "assumed" in field.extra:
        _note(repairs, "assumed_in_answer", place)
        values[field.name] = field.extra["assumed"]
    elif is_null:  # Q48: nothing is made up for a mandatory value
        raise _violation("TypeConstraintViolation", place, "null where a value is required.")
    else:
        raise _violation("ProtocolError", place, "missing.")


def _finishers(field: _Field) -> list[Callable[[Mapping[str, Any], dict[str, Any]], None]]:
    """What is left to do for a field when all fields are read."""
    if "salvage" in field.extra:
        return [lambda _, values: _set_aside(field.name, field.extra["salvage"], values)]
    if "note" in field.extra:
        return [lambda value, values: _keep_replaced(field, value, values)]
    return []


def _set_aside(name: str, beside: str, values: dict[str, Any]) -> None:
    """Moves what could not be read out of a list."""
    items = values[name]
    values[name] = tuple(item for item in items if not isinstance(item, _Unreadable))
    values[beside] = tuple(item.text for item in items if isinstance(item, _Unreadable))


def _keep_replaced(field: _Field, value: Mapping[str, Any], values: dict[str, Any]) -> None:
    """Keeps the text of an enumeration that was replaced, where nothing else is said (Q36)."""
    sent, taken = value[field.wire_name], values[field.name]
    if sent.strip().lower() != taken.lower() and not values.get(field.extra["note"]):
        values[field.extra["note"]] = sent


def _never_failing(read: Reader) -> Reader:
    """A meter value that cannot be read is kept as text: it must not cost its neighbours (W19)."""

    def read_or_keep(value: Any, place: Place, repairs: Repairs) -> object:
        try:
            return read(value, place, repairs)
        except ProtocolViolation as violation:
            _note(repairs, "sample_unreadable", place, violation.description)
            return MeterValue(None, (), (_Unreadable(value).text,))

    return read_or_keep


READER_MAKERS: Mapping[type[inspect.Type], Callable[[_Rules], Reader]] = {
    inspect.StrType: _text,
    inspect.IntType: _integer,
    inspect.FloatType: _float,
    inspect.BoolType: _boolean,
    inspect.LiteralType: _enumeration,
    inspect.DateTimeType: _time,
    inspect.VarTupleType: _list,
    inspect.StructType: _struct,
}
"""Every kind of annotation the messages use."""


def _reader(info: inspect.Type, *, optional: bool = False) -> Reader:
    if isinstance(info, inspect.Metadata):
        return READER_MAKERS[type(info.type)](_Rules(info.type, info.extra or {}, optional))
    return READER_MAKERS[type(info)](_Rules(info, {}, optional))
