"""What a program wants a charger to be told, in any of the forms SolarNetwork takes it (spec 7.1, 7.2).

    topic, nodeId or nodeIds, expirationDate     in the query, in a form, or in a JSON object
    parameters[0].name, parameters[0].value      in the query or a form: what SolarNetwork's own library writes
    "params": {NAME: VALUE}                      in JSON
    "parameters": [{"name": ..., "value": ...}]  in JSON

Several values under one name are one long value: SolarNetwork splits what is longer than 256 characters. Values
need not be texts here: a number stays a number, and `msg` may be the object itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from litestar.datastructures import MultiDict
from litestar.openapi.spec import OpenAPIMediaType, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType

from solarocpp.web.solaruser.faults import Refused, illegal, read_date, read_number

TOPIC: Final = "OCPP_v16"
"""The only topic that is for chargers; every other one is for a SolarNode."""

MOST_FIELDS: Final = 2_000
"""Of a form; 64 KB of payload in pieces of 256 characters are 500 fields."""

_NAMED: Final = ("action", "chargePointId", "chargerIdentifier", "msg")
_PARAMETER: Final = re.compile(r"parameters\[(\d{1,4})\]\.(name|value)", re.ASCII)


_TEXT: Final = Schema(type=OpenAPIType.STRING)
_NUMBER: Final = Schema(type=OpenAPIType.INTEGER)
BODY: Final = RequestBody(
    content={
        "application/json": OpenAPIMediaType(
            schema=Schema(
                type=OpenAPIType.OBJECT,
                properties={
                    "topic": _TEXT,
                    "nodeId": _NUMBER,
                    "nodeIds": _TEXT,
                    "params": Schema(type=OpenAPIType.OBJECT, additional_properties=_TEXT),
                    "parameters": Schema(
                        type=OpenAPIType.ARRAY,
                        items=Schema(type=OpenAPIType.OBJECT, properties={"name": _TEXT, "value": _TEXT}),
                    ),
                    "expirationDate": _TEXT,
                },
            )
        )
    },
    required=False,
)
"""How the schema shows what may be in a body; a form has the same names as the query."""


class Wanted(NamedTuple):
    """What is wanted, of which nodes."""

    nodes: Sequence[int]
    several: bool
    """Whether it was `nodeIds`, and so a list is expected in answer."""
    parameters: Mapping[str, Any]
    expires: datetime | None

    @property
    def action(self) -> str:
        """The OCPP action; empty: none is named."""
        return text_of(self.parameters.get("action", ""))

    @property
    def payload(self) -> bytes:
        """The OCPP request as JSON: `msg`, or all parameters that have no meaning of their own."""
        message = self.parameters.get("msg")
        if message is None:
            return msgspec.json.encode({name: value for name, value in self.parameters.items() if name not in _NAMED})
        text = text_of(message)
        return b"{}" if text.strip() == "null" else text.encode()


class _Parameter(msgspec.Struct):
    name: str | None = None
    value: Any = None


class _JsonOrder(msgspec.Struct, rename="camel"):
    topic: str | None = None
    node_id: int | str | None = None
    node_ids: list[int] | str | None = None
    params: dict[str, Any] | None = None
    parameters: list[_Parameter] | None = None
    expiration_date: str | None = None
    execution_date: Any = None


async def read_fields(request: Request[Any, Any, Any]) -> MultiDict[str]:
    """Reads the query and the form of a request, which SolarNetwork takes for the same.

    Raises:
        Refused: 422, there are too many fields.
    """
    body = (await request.body()).decode("utf-8", "replace")
    try:
        form = parse_qsl(body, max_num_fields=MOST_FIELDS) if _is_form(request) else []
    except ValueError:
        raise illegal(f"a form has at most {MOST_FIELDS} fields.") from None
    return MultiDict([*request.query_params.multi_items(), *form])


async def read_wanted(request: Request[Any, Any, Any], topic: str | None) -> Wanted:
    """Reads what is wanted; `topic` is the one in the path.

    Raises:
        Refused: 422, it is not said for whom, or is for nobody there is.
    """
    fields = await read_fields(request)
    order = _JsonOrder() if _is_form(request) else _read_json(await request.body())
    listed = fields.get("nodeIds") if order.node_ids is None else order.node_ids
    one = fields.get("nodeId") if order.node_id is None else str(order.node_id)
    nodes = _numbers(one if listed is None else listed)
    topic = topic or order.topic or fields.get("topic")
    if not nodes:
        raise illegal("The nodeId parameter is required.")
    if not topic:
        raise illegal("The topic parameter is required.")
    if topic != TOPIC:
        raise illegal(f"topic {topic[:50]!r} is for a SolarNode, and there is none: chargers are told with {TOPIC}.")
    parameters = _joined([*_written(fields), *_in_json(order)])
    if "executionDate" in parameters or order.execution_date or fields.get("executionDate"):
        raise illegal("executionDate is not heeded: send the instruction when it is due.")
    expires = order.expiration_date or fields.get("expirationDate")
    return Wanted(nodes, listed is not None or len(nodes) > 1, parameters, read_date(expires) if expires else None)


def text_of(value: Any) -> str:
    """Writes the value of a parameter as a form has it."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def identifier_of(parameters: Mapping[str, Any]) -> str:
    """Reads which charger is named, as far as any is called so."""
    return text_of(parameters.get("chargerIdentifier", ""))


def _is_form(request: Request[Any, Any, Any]) -> bool:
    return request.content_type[0] != "application/json"


def _read_json(body: bytes) -> _JsonOrder:
    try:
        return msgspec.json.decode(body or b"{}", type=_JsonOrder)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as exc:
        raise Refused(422, f"Malformed JSON: {exc}") from exc


def _numbers(given: object) -> list[int]:
    texts = given if isinstance(given, list) else str("" if given is None else given).split(",")
    return list(dict.fromkeys(read_number(text, "nodeId") for text in (str(each).strip() for each in texts) if text))


def _written(fields: MultiDict[str]) -> Iterable[tuple[str | None, Any]]:
    """Lists the numbered parameters of a query or form, in their order."""
    found: dict[int, dict[str, str]] = {}
    for key, value in fields.multi_items():
        part = _PARAMETER.fullmatch(key)
        if part:
            found.setdefault(int(part[1]), {})[part[2]] = value
    return [(part.get("name"), part.get("value")) for _, part in sorted(found.items())]


def _in_json(order: _JsonOrder) -> Iterable[tuple[str | None, Any]]:
    yield from (order.params or {}).items()
    yield from ((parameter.name, parameter.value) for parameter in order.parameters or ())


def _joined(parameters: Iterable[tuple[str | None, Any]]) -> dict[str, Any]:
    """Joins what has one name; without what has none, or no value."""
    joined: dict[str, Any] = {}
    for name, value in parameters:
        if name and value not in (None, ""):
            joined[name] = text_of(joined[name]) + text_of(value) if name in joined else value
    return joined
