"""Source ids: the name of a stream within a node, made from a template (spec 3.1, 3.2)."""

from __future__ import annotations

import re
from functools import lru_cache

from solarocpp.ocpp.datatypes import SourceId

DEFAULT_TEMPLATE = "/ocpp/cp/{chargerIdentifier}/{connectorId}/{location}"
"""SolarNetwork's, so that data moves between the two without renaming a stream."""

PARAMETERS = ("chargerIdentifier", "chargePointId", "evseId", "connectorId", "location")
"""Names a template may use; `chargePointId` is our number of the charger, `evseId` is always 0 in OCPP 1.6."""

STATUS = "/status"
DIAGNOSTICS_STATUS = "/diagnostics-status"
FIRMWARE_STATUS = "/firmware-status"
LOG_STATUS = "/log-status"

MAX_LENGTH = 64
"""Longest source id SolarNetwork stores; we warn of longer ones before they exist and store them whole (spec Q29)."""

_NESTED_BRACES = re.compile(r"(\{[^{}]*)\{[^{}]*\}")
_PLACEHOLDER = re.compile(r"\{([^/{}]+)\}")
_SLASHES = re.compile(r"/{2,}")


def _without_nested_braces(template: str) -> str:
    """Strips what stands in braces within braces, like the pattern in `{name:[0-9]{4}}` (spec 3.1 rule 1)."""
    flat = _NESTED_BRACES.sub(r"\1", template)
    return flat if flat == template else _without_nested_braces(flat)


# Twenty streams a charger and a thousand chargers; a miss costs some 5 µs, a hit 0.1.
@lru_cache(maxsize=20_000)
def source_id(  # noqa: PLR0913, PLR0917 -- keywords would make the cache's look-up three times dearer
    template: str,
    identifier: str,
    charger_id: int,
    connector_id: int | None = None,
    location: str | None = None,
    suffix: str = "",
) -> SourceId:
    """Expands a template into the source id of one stream.

    Values go in as they are; a name without value takes its default (`{location:none}`) or nothing.
    Streams of the whole charger have neither connector nor evse; status streams have no location. The
    suffix joins the template before it is expanded, so an empty last segment leaves no gap.
    """
    values = {
        "chargerIdentifier": identifier,
        "chargePointId": str(charger_id),
        "evseId": None if connector_id is None else "0",
        "connectorId": None if connector_id is None else str(connector_id),
        "location": location,
    }

    def value_of(placeholder: re.Match[str]) -> str:
        name, _, default = placeholder[1].partition(":")
        value = values.get(name)
        return default if value is None else value

    expanded = _PLACEHOLDER.sub(value_of, _without_nested_braces(template + suffix))
    return SourceId(_SLASHES.sub("/", expanded).rstrip("/"))


def judge_template(template: str) -> str | None:
    """Says why a template must not be stored, or None if it may.

    Every placeholder may turn out short, and a long source id is stored whole, so only a template whose
    fixed text alone is longer than SolarNetwork takes is refused (architecture section 8, Q29).
    """
    fixed = len(_SLASHES.sub("/", _PLACEHOLDER.sub("", _without_nested_braces(template))))
    if fixed > MAX_LENGTH:
        return f"its fixed text alone has {fixed} characters, a source id {MAX_LENGTH} at most"
    if not template.strip("/ "):
        return "it names no stream"
    return None
