"""`/schema`: the API described for programs, as OpenAPI 3.1.

Litestar describes each route and what it answers when all is well. What it cannot know is added here when the
schema is asked for: the two forms of an answer that is no success, and how to show who one is.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Request
from litestar.openapi.plugins import JsonRenderPlugin

from solarocpp.web.envelopes import Failure, SolarNetworkFailure, is_solarnetwork_path

_METHODS: Final = frozenset({"get", "post", "patch", "put", "delete"})
_SECURITY: Final = {
    "token": {"type": "http", "scheme": "bearer", "description": "The token in admin.token, or one of `token add`."},
    "snws2": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "SolarNetwork's signatures (SNWS2), with a token of `token add --snws2`.",
    },
}


class ToldSchema(JsonRenderPlugin):
    """Serves the schema as JSON, completed."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Is called by Litestar for each look at the schema."""
        return super().render(request, _completed(openapi_schema))


def _completed(schema: dict[str, Any]) -> dict[str, Any]:
    _, failures = msgspec.json.schema_components(
        [Failure, SolarNetworkFailure], ref_template="#/components/schemas/{name}"
    )
    components = dict(schema.get("components", {}))
    components["schemas"] = {**components.get("schemas", {}), **failures}
    components["securitySchemes"] = _SECURITY
    paths = {path: _with_failures(path, operations) for path, operations in schema["paths"].items()}
    return {**schema, "paths": paths, "components": components, "security": [{"token": []}, {"snws2": []}]}


def _with_failures(path: str, operations: dict[str, Any]) -> dict[str, Any]:
    kind = SolarNetworkFailure if is_solarnetwork_path(path) else Failure
    refused = {
        "description": "It is refused, or failed; the answer says why.",
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}},
    }
    told = {}
    for method, operation in operations.items():
        if method in _METHODS:
            # 400 is Litestar's own form, which nothing here is answered in.
            responses = {status: answer for status, answer in operation["responses"].items() if status != "400"}
            told[method] = {**operation, "responses": {**responses, "default": refused}}
        else:
            told[method] = operation
    return told
