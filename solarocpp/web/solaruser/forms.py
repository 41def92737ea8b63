"""The forms of a status list: JSON, or what the client likes better of CBOR and CSV (spec 2.6).

application/json    {"success": true, "data": [...]}; no `data` where there is nothing
application/cbor    the same
text/csv            the names of the fields, then a line each
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, Final

import cbor2
import msgspec
from litestar import Request, Response
from litestar.exceptions import ClientException
from litestar.openapi.spec import OpenAPIMediaType, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from msgspec import UNSET

from solarocpp.web.answers import Answer
from solarocpp.web.solaruser.entities import Answered

JSON: Final = "application/json"
CBOR: Final = "application/cbor"
CSV: Final = "text/csv"

OTHERS: Final = {
    CBOR: OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)),
    CSV: OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING)),
}
"""How the schema shows the forms besides JSON."""


def answer_in_form(request: Request[Any, Any, Any], kind: type[Answer], rows: Sequence[Answer]) -> Response[Any]:
    """Answers with a list of `kind` as the client likes it best; JSON, if it does not say.

    Raises:
        ClientException: 406, it takes nothing that we make.
    """
    form = request.accept.best_match([JSON, CBOR, CSV])
    whole = Answered(data=list(rows) or UNSET)
    match form:
        case "application/json":
            return Response(whole, media_type=JSON)
        case "application/cbor":
            return Response(cbor2.dumps(msgspec.to_builtins(whole)), media_type=CBOR)
        case "text/csv":
            return Response(_lines(kind, rows).encode(), media_type=CSV)
        case _:
            asked = request.headers.get("accept")
            raise ClientException(f"There is no {asked} here, only {JSON}, {CBOR} and {CSV}.", status_code=406)


def _lines(kind: type[Answer], rows: Sequence[Answer]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, kind.__struct_encode_fields__)
    writer.writeheader()
    writer.writerows(msgspec.to_builtins(row) for row in rows)
    return text.getvalue()
