"""Every exception solarocpp raises on purpose, in one tree.

    SolarOcppError
    ├── ConfigError                    the operator: a file, key or flag has a value we cannot use; exit 2
    ├── WrongUsage                     the operator: a command cannot be used like this; exit 2
    ├── Unreachable                    the command line finds no server, and no store
    ├── RequestRefused                 the API answered the command line with an error; carries it
    ├── RegistryError                  the operator: an entity is missing, exists already, or breaks a rule
    ├── ProtocolViolation              the charge point broke OCPP-J; carries the CALLERROR to answer with
    ├── LocalProtocolError             we were about to break OCPP-J; a defect of ours
    ├── CallFailed                     a CALL we made has no good answer
    │   ├── NotConnected
    │   ├── CallExpired
    │   └── CallRefused                the charge point answered CALLERROR
    ├── FileRefused                    a charger sends or fetches a file it may not; carries the HTTP answer
    ├── DialFailed                     a simulated charge point was not let in, or found nobody
    ├── StoreError
    │   ├── StoreLocked                another process holds the store
    │   ├── SchemaTooNew               a later solarocpp wrote this store
    │   ├── StoreFull                  the disk (or a limit) refused a commit
    │   │   └── StoreStarved           questions have taken all memory; they are stopped, and it is tried again
    └── QueryError                     the analyst: the question cannot be answered as asked
        ├── UnknownProperty
        ├── BadTimeRange
        ├── BadSourcePattern
        ├── SqlRefused
        └── QueryInterrupted

A class exists only where some caller treats it differently; it carries fields, and its text is made
from them, so that a log line and a test can name what happened without reading prose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

# OCPP-J 1.6 table 7. The spelling of FormationViolation and OccurenceConstraintViolation is the
# specification's; corrected spellings make some firmware resend for ever (Q41).
CallErrorCode = Literal[
    "NotImplemented",
    "NotSupported",
    "InternalError",
    "ProtocolError",
    "SecurityError",
    "FormationViolation",
    "PropertyConstraintViolation",
    "OccurenceConstraintViolation",
    "TypeConstraintViolation",
    "GenericError",
]


class SolarOcppError(Exception):
    """Something solarocpp can name went wrong; the text says what, where and what to do."""


class ConfigError(SolarOcppError):
    """A setting has a value we cannot use."""

    def __init__(self, key: str, value: object, allowed: str, *, source: str = "") -> None:
        self.key, self.value, self.allowed, self.source = key, value, allowed, source
        where = f" in {source}" if source else ""
        super().__init__(f"{key}{where} is {value!r}; allowed: {allowed}.")


class WrongUsage(SolarOcppError):
    """A command cannot be used like this; the text says how instead."""


class Unreachable(SolarOcppError):
    """There is no server, or no store, where the command was told to look."""


class RequestRefused(SolarOcppError):
    """The API refused a request of ours; text, kind and status are the server's."""

    def __init__(self, text: str, kind: str, status: int) -> None:
        self.kind, self.status = kind, status
        super().__init__(text)


class RegistryError(SolarOcppError):
    """An order to the registry cannot be carried out: `kind` says which entity, `text` what to do."""

    def __init__(self, kind: str, key: object, text: str, *, status: Literal[404, 409, 422] = 422) -> None:
        self.kind, self.key, self.status = kind, key, status
        super().__init__(text)


class ProtocolViolation(SolarOcppError):
    """The charge point sent what cannot be understood; `code`, `description` and `details` answer it."""

    def __init__(
        self,
        code: CallErrorCode,
        description: str,
        details: Mapping[str, str] | None = None,
        *,
        unique_id: str = "-1",
    ) -> None:
        self.code: CallErrorCode = code
        self.description = description
        self.details: Mapping[str, str] = details or {}
        self.unique_id = unique_id
        super().__init__(f"{code}: {description}")


class LocalProtocolError(SolarOcppError):
    """We were about to send what OCPP-J forbids; nothing was sent."""


class CallFailed(SolarOcppError):
    """A CALL of ours ended without a good answer."""

    def __init__(self, identifier: str, action: str, text: str) -> None:
        self.identifier, self.action = identifier, action
        super().__init__(f"{action} to {identifier}: {text}")


class NotConnected(CallFailed):
    """The charge point has no link, or lost it before it answered."""

    def __init__(self, identifier: str, action: str, *, sent: bool = False) -> None:
        self.sent = sent
        """Whether the CALL may have reached it."""
        super().__init__(identifier, action, "the link ended before it answered." if sent else "not connected.")


class CallExpired(CallFailed):
    """The charge point did not answer in time."""

    def __init__(self, identifier: str, action: str, deadline_s: float) -> None:
        self.deadline_s = deadline_s
        super().__init__(identifier, action, f"no answer within {deadline_s:g} s.")


class CallRefused(CallFailed):
    """The charge point answered with a CALLERROR, or with something we cannot read."""

    def __init__(self, identifier: str, action: str, code: str, description: str, details: object = None) -> None:
        self.code, self.description, self.details = code, description, details
        super().__init__(identifier, action, f"answered {code}: {description or 'no description'}")


class DialFailed(SolarOcppError):
    """A simulated charge point found no central system at `url`, or was refused with HTTP `status`."""

    def __init__(self, url: str, status: int | None, reason: str) -> None:
        self.url, self.status, self.reason = url, status, reason
        answered = f"answered HTTP {status}" if status else "cannot be reached"
        super().__init__(f"{url} {answered}: {reason or 'no reason given'}")


class FileRefused(SolarOcppError):
    """A file cannot be taken or given; text and status are for the charger, and for whoever reads its log."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.headers = status, dict(headers or {})
        super().__init__(text)


class StoreError(SolarOcppError):
    """The store cannot do what was asked; nothing of the request was kept."""


class StoreLocked(StoreError):
    """Another process has the store open; exactly one may."""

    def __init__(self, path: str, pid: int | None, url: str = "") -> None:
        self.path, self.pid, self.url = path, pid, url
        holder = f"process {pid}" if pid else "another process"
        instead = f" Query the running server at {url}, or stop it." if url else " Stop it, or ask it instead."
        super().__init__(f"{path} is held by {holder}.{instead}")


class SchemaTooNew(StoreError):
    """A later version of solarocpp wrote this store."""

    def __init__(self, path: str, found: int, known: int) -> None:
        self.path, self.found, self.known = path, found, known
        super().__init__(
            f"{path} has schema {found}, this solarocpp knows up to {known}. "
            "Use the version that wrote it, or a newer one."
        )


class StoreFull(StoreError):
    """The disk refused a commit; it is tried again with the next message."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path} cannot be written: {reason}. Free some space; nothing that was confirmed is lost.")


class StoreStarved(StoreFull):
    """Questions left no memory for a commit; nothing of it was kept."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.args = (
            f"{path} cannot be written, for questions took all memory: {reason}. Give it more: --memory-limit.",
        )


class QueryError(SolarOcppError):
    """A question that cannot be answered as asked."""


class UnknownProperty(QueryError):
    """A property, column or grouping that does not exist here; `nearest` is what may have been meant."""

    def __init__(self, name: str, nearest: str | None, known: str = "") -> None:
        self.name, self.nearest = name, nearest
        hint = f" Did you mean {nearest!r}?" if nearest else (f" Known: {known}." if known else "")
        super().__init__(f"There is no {name!r}.{hint}")


class BadTimeRange(QueryError):
    """`since` is not before `until`, or a bound cannot be read as a time."""

    def __init__(self, since: object, until: object, reason: str = "since must be before until") -> None:
        self.since, self.until = since, until
        super().__init__(f"Time range since={since} until={until}: {reason}.")


class BadSourcePattern(QueryError):
    """A source pattern that can match nothing."""

    def __init__(self, pattern: str, reason: str, nearest: str | None = None) -> None:
        self.pattern, self.nearest = pattern, nearest
        hint = f" Nearest source: {nearest}." if nearest else ""
        super().__init__(f"Source pattern {pattern!r}: {reason}.{hint}")


class SqlRefused(QueryError):
    """SQL that is not one read-only statement, or that DuckDB cannot run; says where, if that is known."""

    def __init__(self, text: str, *, line: int | None = None, column: int | None = None, excerpt: str = "") -> None:
        self.line, self.column, self.excerpt = line, column, excerpt
        super().__init__(text)


class QueryInterrupted(QueryError):
    """A query took longer than it may."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        super().__init__(f"The query was stopped after {limit_s:g} s. Narrow the time range or aggregate.")
