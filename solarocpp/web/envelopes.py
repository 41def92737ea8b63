"""The two forms of an answer: ours below `/api`, SolarNetwork's below its own paths (spec 2.7).

    ours          {"error": TEXT, "kind": KIND}              and of a success the thing itself
    SolarNetwork  {"success": false, "code"?, "message"}     and {"success": true, "data"?}

Nulls are left out of SolarNetwork's.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar.types import Message, Scope

VARY: Final = (b"vary", b"Accept")
SOLARNETWORK_PATHS: Final = ("/solaruser/", "/solarquery/")


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every answer that is not a success."""

    error: str
    kind: str
    line: int | None = None
    column: int | None = None
    excerpt: str = ""


class FieldFault(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What is wrong with one field of a request."""

    location: str
    message: str
    code: str | None = None
    rejected_value: Any = None


class SolarNetworkFailure(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of SolarNetwork's answers that are not a success."""

    success: bool
    message: str
    code: str | None = None
    errors: list[FieldFault] | None = None


def is_solarnetwork_path(path: str) -> bool:
    """Tells whether what is answered there has SolarNetwork's form."""
    return path.startswith(SOLARNETWORK_PATHS)


async def vary_by_accept(message: Message, scope: Scope) -> None:
    """Is called by Litestar before anything is sent; adds the header that all answers of SolarNetwork's have."""
    if message["type"] == "http.response.start" and is_solarnetwork_path(scope["path"]):
        message["headers"] = [*message["headers"], VARY]


def failure_body(text: str, kind: str, *, solarnetwork: bool, code: str | None = None) -> Failure | SolarNetworkFailure:
    """Makes the body of a refusal that comes before any route."""
    return SolarNetworkFailure(success=False, message=text, code=code) if solarnetwork else Failure(text, kind)
