"""The official JSON schemas of OCPP 1.6, as the `ocpp` package carries them, and payloads made from them.

Only what the schemas use is understood: objects, lists, text, integers, numbers, booleans. Where the
specification is narrower than its own schema, PARTICULAR says so; those payloads are valid by both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from typing import Any, NamedTuple

from hypothesis import strategies as st
from jsonschema import Draft4Validator

from solarocpp.ocpp.messages import ACTIONS

FOLDER = files("ocpp") / "v16" / "schemas"

MESSAGES = [f"{name}{kind}" for name in ACTIONS for kind in ("", "Response")]
"""Every message, by the name of its schema file."""


def schema_of(message: str) -> dict[str, Any]:
    """The schema with what it refers to (`$ref`, in those of the security extension) put in its place."""
    whole = json.loads((FOLDER / f"{message}.json").read_text("utf-8-sig"))
    return _resolved(whole, whole.pop("definitions", {}))  # type: ignore[no-any-return]


def _resolved(part: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(part, dict):
        if "$ref" in part:
            return _resolved(definitions[part["$ref"].removeprefix("#/definitions/")], definitions)
        return {name: _resolved(inner, definitions) for name, inner in part.items()}
    return part


def validator_of(message: str) -> Draft4Validator:
    """Knows what a date-time is, which needs a package more in jsonschema itself."""
    checker = Draft4Validator.FORMAT_CHECKER
    checker.checks("date-time", raises=ValueError)(lambda text: not isinstance(text, str) or bool(_aware(text)))
    return Draft4Validator(schema_of(message), format_checker=checker)


def _aware(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(text)
    return time


INT32 = st.integers(-(2**31), 2**31 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(-timedelta(hours=9, minutes=30))])


@st.composite
def times(draw: st.DrawFn) -> str:
    """RFC 3339 in milliseconds, of the years charge points report from."""
    seconds = draw(st.integers(1_231_000_000, 4_102_000_000))
    time = datetime.fromtimestamp(seconds, draw(ZONES)) + timedelta(milliseconds=draw(st.integers(0, 999)))
    return time.isoformat(timespec=draw(st.sampled_from(["auto", "milliseconds"]))).replace("+00:00", "Z")


PARTICULAR = {
    # 0, negative and 2^63-1 are schema-valid and mean "no transaction" (Q79, Q80): a lenience, tested as one.
    ("MeterValues", "transactionId"): st.integers(1, 2**63 - 2),
    # Larger than 32 bits in the field; everything else is a count or a connector.
    ("StopTransaction", "transactionId"): INT64,
    ("StopTransaction", "meterStop"): INT64,
    ("StartTransaction", "meterStart"): INT64,
}
# Limits of charging; the schema wants tenths, which binary numbers cannot hold: these can.
TENTHS = st.sampled_from([0, 16, 32.0, 6.5, 11000])

# OCPP 1.6 §7.31 wants at least one sample; the schema of StopTransaction forgot to.
AT_LEAST_ONE = {"sampledValue"}


def payloads_of(message: str) -> st.SearchStrategy[Any]:
    return _strategy(message, "", schema_of(message))


def _strategy(message: str, name: str, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if (message, name) in PARTICULAR:
        return PARTICULAR[message, name]
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("format") == "date-time":
        return times()
    match schema["type"]:
        case "object":
            fields = schema.get("properties", {})
            made = {key: _strategy(message, key, field) for key, field in fields.items()}
            required = schema.get("required", [])
            return st.fixed_dictionaries(
                {key: made[key] for key in required}, optional={key: made[key] for key in made if key not in required}
            )
        case "array":
            fewest = max(schema.get("minItems", 0), int(name in AT_LEAST_ONE))
            return st.lists(_strategy(message, name, schema["items"]), min_size=fewest, max_size=3)
        case "string":
            return st.text(max_size=min(schema.get("maxLength", 60), 60)) | st.just("null")
        case "integer":
            return INT32
        case "number":
            return TENTHS
        case "boolean":
            return st.booleans()
    raise AssertionError(schema)


# -- violations ------------------------------------------------------------------------------------------


class Violation(NamedTuple):
    """A payload that is right but for one fault."""

    place: str
    """`MeterValues meterValue[].sampledValue[].unit`, lists without index."""
    expected: str
    """What should be there: a JSON type, `enumeration` or `time`."""
    fault: str
    payload: Any


MISSING = object()

OF_OTHER_TYPES = {
    "text": "something else",
    "digits": "7",
    "integer": 12,
    "fraction": 12.5,
    "boolean": True,
    "null": None,
    "list": [],
    "object": {},
}
FITTING = {
    "string": {"text", "digits"},
    "enumeration": {"text", "digits"},
    "time": {"text", "digits"},
    "integer": {"integer"},
    "number": {"integer", "fraction"},
    "boolean": {"boolean"},
    "array": {"list"},
    "object": {"object"},
}


def violations_of(message: str) -> Iterator[Violation]:
    """Each field missing, of each wrong type, unlisted, too long; each object with a field more; empty lists."""
    schema = schema_of(message)
    whole = full_payload(schema)
    yield Violation(f"{message} ", "object", "additional", {**whole, "vendorThing": 1})
    for path, field, required in _fields(schema, ()):
        place = "".join("[]" if part == 0 else f".{part}" for part in path).lstrip(".")
        expected = _expected(field)
        for fault, wrong in _faults(field, expected, required=required):
            yield Violation(f"{message} {place}", expected, fault, _with(whole, path, wrong))


def full_payload(schema: dict[str, Any]) -> Any:
    """A valid payload with every field there is."""
    match _expected(schema):
        case "enumeration":
            return schema["enum"][0]
        case "object":
            return {name: full_payload(field) for name, field in schema.get("properties", {}).items()}
        case "array":
            return [full_payload(schema["items"])]
        case kind:
            simple = {"time": "2026-03-01T10:00:00.000Z", "string": "abc", "integer": 5, "number": 16, "boolean": False}
            return simple[kind]


def _expected(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return "enumeration"
    return "time" if schema.get("format") == "date-time" else str(schema["type"])


def _fields(schema: dict[str, Any], path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], bool]]:
    """Every place of a payload, whether an object or a list holds it, and whether the object needs it."""
    if schema["type"] == "object":
        inner = [
            (name, field, name in schema.get("required", [])) for name, field in schema.get("properties", {}).items()
        ]
    else:
        inner = [(0, schema["items"], False)] if schema["type"] == "array" else []
    for part, field, required in inner:
        yield (*path, part), field, required
        yield from _fields(field, (*path, part))


def _faults(field: dict[str, Any], expected: str, *, required: bool) -> Iterator[tuple[str, Any]]:
    if required:
        yield "missing", MISSING
    for kind, wrong in OF_OTHER_TYPES.items():
        if kind not in FITTING[expected]:
            yield ("required null" if required and wrong is None else kind), wrong
    match expected:
        case "object":
            yield "additional", {**full_payload(field), "vendorThing": 1}
        case "array" if field.get("minItems"):
            yield "empty", []
        case "enumeration":
            yield "unlisted", "something else"
        case "time":
            yield "no time", "something else"
        case "string" if "maxLength" in field:
            yield "too long", "x" * (field["maxLength"] + 1)


def _with(whole: Any, path: tuple[Any, ...], wrong: Any) -> Any:
    first, *rest = path
    inner = _with(whole[first], tuple(rest), wrong) if rest else wrong
    if isinstance(whole, list):
        return [inner]
    return {name: value for name, value in {**whole, first: inner}.items() if value is not MISSING}
