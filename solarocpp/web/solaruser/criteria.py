"""What a list is asked for: filters by one name or its plural, a range of dates, a page, an order (spec 2.6).

Filters are read from a table of names, and the schema is written from the same one, so neither has a
parameter that the other does not know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from litestar import Request
from litestar.datastructures import MultiDict
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, Parameter, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType

from solarocpp.registry import Registry
from solarocpp.web.access import Caller
from solarocpp.web.solaruser.faults import illegal, read_date, read_number

# SolarQuery's page (spec 10.4); whoever needs more asks for the next one.
MOST_RESULTS: Final = 1_000
# A list in a URL; a longer one does not fit into most proxies' request line.
MOST_VALUES: Final = 1_000
# Past this, DuckDB would sort rows for nobody.
MOST_OFFSET: Final = 10_000_000

_SORT_KEY = re.compile(r"sorts\[(\d{1,2})\]\.(sortKey|key|descending)", re.ASCII)
PAGE: Final = ("max", "offset")
DATES: Final = ("startDate", "endDate")
SORTS: Final = ("sorts[0].sortKey", "sorts[0].key", "sorts[0].descending")


class Criteria:
    """The query of a request; or its `fields`, where a form may have some of it."""

    def __init__(self, request: Request[Any, Any, Any], fields: MultiDict[str] | None = None) -> None:
        self._given = request.query_params if fields is None else fields

    def texts(self, name: str) -> list[str] | None:
        """Reads a filter by its name or its plural, each a comma list; None: it is not asked for.

        Raises:
            Refused: 422, there are too many values.
        """
        given = [*self._given.getall(name, []), *self._given.getall(f"{name}s", [])]
        values = [part.strip() for text in given for part in text.split(",") if part.strip()]
        if len(values) > MOST_VALUES:
            raise illegal(f"{name}s has more than {MOST_VALUES} values.")
        return values or None

    def numbers(self, name: str) -> list[int] | None:
        """Reads a filter of numbers."""
        values = self.texts(name)
        return None if values is None else [read_number(value, name) for value in values]

    def chargers(self, registry: Registry, caller: Caller) -> list[int] | None:
        """Reads which chargers are meant, by number or by identity; None: all."""
        numbers, identities = self.numbers("chargePointId"), self.texts("identifier")
        if identities is None:
            return numbers
        named = [registry.charger_by_identifier(identity, caller.managed) for identity in identities]
        found = [charger.charger_id for charger in named if charger is not None]
        return found if numbers is None else [number for number in found if number in numbers]

    def flag(self, name: str) -> bool | None:
        """Reads yes or no; None: it is not asked."""
        text: str | None = self._given.get(name)
        if text is None:
            return None
        if text.lower() not in {"true", "false"}:
            raise illegal(f"{name} is true or false.")
        return text.lower() == "true"

    def date(self, name: str, *, required: bool = False) -> datetime | None:
        """Reads a time."""
        text = self._given.get(name)
        if not text:
            if required:
                raise illegal(f"The {name} parameter is required.")
            return None
        return read_date(text)

    def page(self) -> tuple[int, int]:
        """Reads how many are asked for, and after how many."""
        most, offset = self._given.get("max"), self._given.get("offset")
        number = MOST_RESULTS if not most else read_number(most, "max")
        skipped = 0 if not offset else read_number(offset, "offset")
        if number < 1 or not 0 <= skipped <= MOST_OFFSET:
            raise illegal(f"max is 1 or more, offset from 0 to {MOST_OFFSET}.")
        return min(number, MOST_RESULTS), skipped

    def order(self, known: Sequence[str]) -> list[tuple[str, bool]]:
        """Reads what to sort by: keys in any case, and whether the largest comes first."""
        parts: dict[int, dict[str, str]] = {}
        for key in self._given:
            found = _SORT_KEY.fullmatch(key)
            if found:
                # SolarNetwork's wiki calls it `sortKey`, its JavaScript library `key`.
                name = "sortKey" if found[2] == "key" else found[2]
                parts.setdefault(int(found[1]), {})[name] = self._given[key]
        order = []
        for _, part in sorted(parts.items()):
            key = part.get("sortKey", "").lower()
            if not key:  # nothing to be descending
                continue
            if key not in known:
                raise illegal(f"sortKey is one of {', '.join(known)}.")
            order.append((key, part.get("descending", "").lower() == "true"))
        return order


def filtered_by(
    *names: str,
    required: Sequence[str] = (),
    body: RequestBody | None = None,
    forms: Mapping[str, OpenAPIMediaType] | None = None,
) -> type[Operation]:
    """Makes what describes a route in the schema, with these parameters besides those of its function.

    `body` is what its function does not declare, `forms` are those of its answer besides JSON.
    """

    @dataclass
    class Filtered(Operation):
        def __post_init__(self) -> None:
            text = Schema(type=OpenAPIType.STRING)
            told = [Parameter(name=name, param_in="query", schema=text, required=name in required) for name in names]
            self.parameters = [*(self.parameters or []), *told]
            self.request_body = body or self.request_body
            answer = (self.responses or {}).get("200")
            if forms and isinstance(answer, OpenAPIResponse):
                answer.content = {**(answer.content or {}), **forms}

    return Filtered


def either(*names: str) -> tuple[str, ...]:
    """Lists names with their plurals."""
    return tuple(name + suffix for name in names for suffix in ("", "s"))
