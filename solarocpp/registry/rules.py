"""What may be registered: the rules for names and templates, and what is allowed but worth a warning.

`check_` raises RegistryError with what to do instead; `warnings_about_` returns sentences for whoever
made the change. Pure: nothing here knows what is registered already.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Final
from zoneinfo import available_timezones

from solarocpp.errors import RegistryError
from solarocpp.registry.entities import DEFAULT_SOURCE_ID_TEMPLATE

# OCPP 1.6 allows CiString25 serials, SolarNetwork 48 (spec 2.2); longer ones exist (Q09).
ADVISED_IDENTIFIER_LENGTH: Final = 48
MAX_NAME_LENGTH: Final = 255
# idToken is CiString20 (OCPP 1.6 §7.25); chargers send longer ones (Q96).
ADVISED_TOKEN_LENGTH: Final = 20
# parentIdTag is an IdToken, CiString20 (OCPP 1.6 §7.8, §7.25).
MAX_PARENT_LENGTH: Final = 20
MAX_USERNAME_LENGTH: Final = 64
# Datum streams of SolarNetwork hold source IDs of 64 characters, settings templates of 255 (spec 2.2, 3.1).
MAX_SOURCE_ID_LENGTH: Final = 64
MAX_TEMPLATE_LENGTH: Final = 255
# Spec 3.1. A name outside of these expands to nothing, so a misspelt one would merge streams in silence.
TEMPLATE_PARAMETERS: Final = ("chargerIdentifier", "chargePointId", "evseId", "connectorId", "location")
# Spec 3.2: the longest text a stream appends to its template.
_LONGEST_SUFFIX: Final = "/diagnostics-status"
_PLACEHOLDER: Final = re.compile(r"\{([^{}/:]*)(?::([^{}/]*))?\}")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Finds the known name that `name` was probably meant to be, compared without case."""
    spellings = {candidate.casefold(): candidate for candidate in known}
    found = difflib.get_close_matches(name.casefold(), spellings, n=1, cutoff=0.6)
    return spellings[found[0]] if found else None


def check_identifier(identifier: str) -> None:
    """Refuses what cannot be a charge point identity: empty, unprintable, or ending in a slash.

    Everything else is somebody's firmware (Q09): spaces, pipes, slashes and percent signs are welcome.
    """
    _check_name("charger", "identifier", identifier, MAX_NAME_LENGTH)
    if identifier != identifier.strip("/"):
        raise RegistryError(
            "charger", identifier, f"Identifier {identifier!r} has a '/' at an end, where URLs lose it. Leave it out."
        )


def warnings_about_identifier(identifier: str) -> list[str]:
    """Names what may trouble other software about an identifier."""
    if len(identifier) > ADVISED_IDENTIFIER_LENGTH:
        return [
            (
                f"Identifier {identifier!r} has {len(identifier)} characters; other systems take "
                f"{ADVISED_IDENTIFIER_LENGTH} at most."
            )
        ]
    return []


def check_username(username: str) -> None:
    """Refuses usernames that HTTP Basic cannot carry."""
    _check_name("credential", "username", username, MAX_USERNAME_LENGTH)
    if ":" in username:
        raise RegistryError(
            "credential",
            username,
            f"Username {username!r} has a ':': HTTP Basic ends the username there. Choose another.",
        )


def check_token(token: str) -> None:
    """Refuses tokens that no reader can give."""
    _check_name("authorization", "token", token, MAX_NAME_LENGTH)


def warnings_about_token(token: str) -> list[str]:
    """Names what OCPP 1.6 does not foresee about a token, and what lets more in than may be meant."""
    if token == "*":  # noqa: S105 an id tag
        return ["Token '*' lets every id tag charge that has no row of its own."]
    if len(token) > ADVISED_TOKEN_LENGTH:
        return [f"Token {token!r} has {len(token)} characters; OCPP 1.6 allows {ADVISED_TOKEN_LENGTH}."]
    return []


def check_parent(parent: str) -> None:
    """Refuses a parent that OCPP 1.6 cannot carry: it goes out in every answer about the id tag (Q96)."""
    _check_name("authorization", "parent", parent, MAX_PARENT_LENGTH)


def check_label(kind: str, name: str) -> None:
    """Refuses names of accounts and API tokens that a listing could not show."""
    _check_name(kind, "name", name, MAX_NAME_LENGTH)


def read_time_zone(name: str) -> str:
    """Finds a time zone by its IANA name in any case, and gives its proper spelling."""
    known = {zone.casefold(): zone for zone in available_timezones()}
    found = known.get(name.casefold())
    if found is None:
        meant = nearest(name, known.values())
        hint = f"Did you mean {meant}?" if meant else "Write it like Europe/Berlin."
        raise RegistryError("node", name, f"There is no time zone {name!r}. {hint}")
    return found


def check_template(template: str) -> None:
    """Refuses a source ID template that names unknown parameters or cannot stay within 64 characters."""
    if not template.strip("/ ") or not template.isprintable():
        raise RegistryError(
            "settings",
            template,
            f"Template {template!r} gives no source ID. The default is {DEFAULT_SOURCE_ID_TEMPLATE}",
        )
    if len(template) > MAX_TEMPLATE_LENGTH:
        raise RegistryError(
            "settings", template, f"The template has {len(template)} characters; {MAX_TEMPLATE_LENGTH} fit."
        )
    for name, _ in _PLACEHOLDER.findall(template):
        if name not in TEMPLATE_PARAMETERS:
            meant = nearest(name, TEMPLATE_PARAMETERS)
            hint = f"Did you mean {{{meant}}}?" if meant else f"Known: {', '.join(TEMPLATE_PARAMETERS)}."
            raise RegistryError("settings", template, f"The template has an unknown {{{name}}}. {hint}")
    # Every placeholder may turn out empty or very short, so only the fixed text is certain (spec 3.1, Q29).
    fixed = len(_PLACEHOLDER.sub("", template)) + len(_LONGEST_SUFFIX)
    if fixed > MAX_SOURCE_ID_LENGTH:
        raise RegistryError(
            "settings",
            template,
            f"The template's fixed text with {_LONGEST_SUFFIX!r} has {fixed} characters; "
            f"a source ID has {MAX_SOURCE_ID_LENGTH} at most. Shorten it.",
        )


def warnings_about_template(template: str, *, whole_account: bool) -> list[str]:
    """Names what a template would merge into one stream."""
    names = {name for name, _ in _PLACEHOLDER.findall(template)}
    warnings = []
    if whole_account and not names & {"chargerIdentifier", "chargePointId"}:
        warnings.append("Without {chargerIdentifier} all chargers of a node share one stream.")
    if "connectorId" not in names:
        warnings.append("Without {connectorId} all connectors of a charger share one stream.")
    return warnings


def _check_name(kind: str, field: str, name: str, longest: int) -> None:
    if not name or name != name.strip() or not name.isprintable():
        raise RegistryError(
            kind, name, f"The {field} {name!r} must have printable characters, and no space at its ends."
        )
    if len(name) > longest:
        raise RegistryError(kind, name, f"The {field} has {len(name)} characters; {longest} fit.")
