"""What is wrong with a request, in SolarNetwork's statuses and codes (spec 2.8)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from litestar.exceptions import HTTPException

from solarocpp.registry import Registry
from solarocpp.registry.entities import Charger
from solarocpp.web.access import Caller

KEY_NOT_FOUND: Final = "DAO.00102"
DUPLICATE_KEY: Final = "DAO.00101"
_DATE = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?)?( ?(Z|[+-]\d\d(:?\d\d)?))?", re.ASCII)


class Refused(HTTPException):
    """A request that is refused, with SolarNetwork's `code` where it has one."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        self.code = code
        super().__init__(message, status_code=status)


def not_found() -> Refused:
    """There is nothing with this key."""
    return Refused(404, "The requested key was not found.", KEY_NOT_FOUND)


def illegal(text: str) -> Refused:
    """A parameter that cannot be read, or be meant."""
    return Refused(422, f"Illegal argument: {text}")


def check_owner(caller: Caller, user_id: int) -> int:
    """Gives the account that is meant.

    Raises:
        Refused: 403, it is not the caller's.
    """
    if user_id != caller.managed:
        raise Refused(403, "ACCESS_DENIED")
    return user_id


def own_charger(registry: Registry, caller: Caller, charger_id: int, *, missing: Refused | None = None) -> Charger:
    """Gives a charger of the caller's; somebody else's is as if it were not there.

    Raises:
        Refused: `missing`, or 404.
    """
    try:
        charger = registry.charger(charger_id)
    except KeyError:
        raise missing or not_found() from None
    if charger.account_id != caller.managed:
        raise missing or not_found()
    return charger


def unknown_object() -> Refused:
    """What an order is about is not there, or not the caller's."""
    return Refused(403, "UNKNOWN_OBJECT")


def read_number(text: str, name: str) -> int:
    """Reads a number that stands in a path or a parameter.

    Raises:
        Refused: 422, it is none.
    """
    if not re.fullmatch(r"-?[0-9]{1,18}", text, re.ASCII):
        raise illegal(f"{name} is no number.")
    return int(text)


def read_uuid(text: str) -> UUID:
    """Reads a session's id.

    Raises:
        Refused: 422, it is none.
    """
    try:
        return UUID(text)
    except ValueError:
        raise illegal("id is no UUID.") from None


def read_date(text: str) -> datetime:
    """Reads a time as SolarNetwork takes them: with a space or a T, with Z, an offset, or in UTC without.

    Raises:
        Refused: 422, it is none.
    """
    text = text.strip()
    malformed = Refused(422, f"Malformed date string: {text[:50]!r} is not like 2026-03-01 12:00:00Z.")
    if not _DATE.fullmatch(text):
        raise malformed
    try:
        moment = datetime.fromisoformat(text.replace(" Z", "Z").replace(",", "."))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise malformed from None


class Faults:
    """What a validator has against an entity: sentences, answered together."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def text(self, name: str, value: str | None, most: int, *, required: bool = False) -> None:
        """Looks at a text: whether it is there, and how long it is without the spaces at its ends."""
        length = len((value or "").strip())
        if required and not length:
            self._found.append(f"{name} is required.")
        elif length > most:
            self._found.append(f"{name} must have at most {most} characters.")

    def one_of(self, name: str, value: str | None, allowed: Sequence[str]) -> None:
        """Looks at a word out of a list."""
        if value is not None and value not in allowed:
            self._found.append(f"{name} must be one of {', '.join(allowed)}.")

    def require(self, met: object, text: str) -> None:
        """Looks at anything else."""
        if not met:
            self._found.append(text)

    def refuse(self) -> None:
        """Ends the look.

        Raises:
            Refused: 422, with all that was found.
        """
        if self._found:
            raise Refused(422, " ".join(self._found))


def trimmed(text: str | None) -> str | None:
    """Cuts spaces off, and takes what is empty then for nothing."""
    return (text or "").strip() or None
