"""Charge sessions: `/sessions` (spec 2.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import UNSET

import solarocpp.query as q
from solarocpp.registry import Registry
from solarocpp.store import Store
from solarocpp.store.effects import SessionEnded
from solarocpp.store.rebuild.endings import event_of_ending
from solarocpp.web.access import LOOKS, Caller
from solarocpp.web.happenings import Hub
from solarocpp.web.management import Clock
from solarocpp.web.solaruser.criteria import DATES, PAGE, SORTS, Criteria, either, filtered_by
from solarocpp.web.solaruser.entities import Answered, ChargeSessionEntity, Page
from solarocpp.web.solaruser.faults import illegal, own_charger, read_number, read_uuid
from solarocpp.web.solaruser.views import written, written_if
from solarocpp.web.solaruser.wanted import read_fields
from solarocpp.web.telling import told_of_session

# Of OCPP 1.6 (§7.36), what SolarNetwork has besides, and of OCPP 2.0.1; spec 2.3.
END_REASONS: Final = (
    "Unknown",
    "EmergencyStop",
    "EVDisconnected",
    "HardReset",
    "Local",
    "Other",
    "PowerLoss",
    "Reboot",
    "Remote",
    "SoftReset",
    "UnlockCommand",
    "DeAuthorized",
    "EnergyLimitReached",
    "GroundFault",
    "ImmediateReset",
    "LocalOutOfCredit",
    "MasterPass",
    "OvercurrentFault",
    "PowerQuality",
    "SOCLimitReached",
    "StoppedByEV",
    "TimeLimitReached",
    "Timeout",
)
MAX_TOKEN: Final = 20

EndSession = Callable[[SessionEnded], bool] | None
"""Ends a session in the memory of those who answer chargers, False if it has ended; None: nobody does here."""


@get(
    "/sessions",
    opt=LOOKS,
    summary="Lists charge sessions",
    operation_class=filtered_by(
        *either(
            "chargePointId", "identifier", "evseId", "connectorId", "chargeSessionId", "transactionId", "endReason"
        ),
        "active",
        *DATES,
        *PAGE,
        *SORTS,
    ),
)
async def list_sessions(
    request: Request[Any, Any, Any],
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
) -> Answered[Page[ChargeSessionEntity]]:
    """Lists sessions by charger and connector, oldest first; dates are about their start.

    Unlike SolarNetwork it tells how many there are, and the offset that was asked for. Starts that were refused
    are no sessions.
    """
    asked = Criteria(request)
    evses, (most, offset) = asked.numbers("evseId"), asked.page()
    ids = asked.texts("chargeSessionId")
    wanted = q.SessionFilter(
        nodes=caller.own_nodes(registry),
        chargers=asked.chargers(registry, caller) if evses is None or 0 in evses else [],
        connectors=asked.numbers("connectorId"),
        sessions=None if ids is None else [read_uuid(text) for text in ids],
        transactions=asked.numbers("transactionId"),
        reasons=asked.texts("endReason"),
        active=asked.flag("active"),
        since=asked.date("startDate"),
        until=asked.date("endDate"),
    )
    order = asked.order(q.SESSION_SORTS)
    total, rows = await store.read(lambda con: q.find_sessions(con, wanted, order, most, offset))
    results = [_entity(row) for row in rows]
    page = Page(total_results=total, starting_offset=offset, returned_result_count=len(results), results=results)
    return Answered(data=page)


@get("/sessions/{key:str}", opt=LOOKS, summary="Shows a charge session")
async def show_session(
    key: FromPath[str],
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
) -> Answered[ChargeSessionEntity]:
    """Shows a session; no `data` where there is none."""
    row = await _find(store, registry, caller, read_uuid(key))
    return Answered(data=UNSET if row is None else _entity(row))


@get("/sessions/incomplete/{charger:str}", opt=LOOKS, summary="Lists the running sessions of a charger")
async def list_incomplete_sessions(
    charger: FromPath[str],
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
) -> Answered[list[ChargeSessionEntity]]:
    """Lists the running sessions of a charger, oldest first by connector."""
    row = own_charger(registry, caller, read_number(charger, "chargePointId"))
    wanted = q.SessionFilter(nodes=caller.own_nodes(registry), chargers=[row.charger_id], active=True)
    _, rows = await store.read(lambda con: q.find_sessions(con, wanted, [], MOST_INCOMPLETE, 0))
    return Answered(data=[_entity(row) for row in rows])


# A session each for a connector, and some that were never stopped; beyond, something else is wrong.
MOST_INCOMPLETE: Final = 1_000


@post(
    "/sessions/end",
    summary="Ends a charge session that its charger will not end",
    status_code=200,
    operation_class=filtered_by("id", "endReason", "endAuthId", required=("id", "endReason")),
)
async def end_session(  # noqa: PLR0913 one argument a dependency
    request: Request[Any, Any, Any],
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    *,
    caller: NamedDependency[Caller],
    clock: NamedDependency[Clock],
    ending: NamedDependency[EndSession],
    hub: NamedDependency[Hub],
) -> Answered[bool]:
    """Ends a session now; true if it was running. The charger is not told, and no datum is made.

    Parameters come in the query or as a form. What its charger sends about it later counts as late, as after any
    other end.
    """
    given = await read_fields(request)
    key, reason, token = read_uuid(given.get("id", "")), given.get("endReason"), given.get("endAuthId") or None
    if reason not in END_REASONS:
        raise illegal(f"endReason is one of {', '.join(END_REASONS)}.")
    if token is not None and len(token) > MAX_TOKEN:
        raise illegal(f"endAuthId has at most {MAX_TOKEN} characters.")
    row = await _find(store, registry, caller, key)
    if row is None or row.ended is not None:
        return Answered(data=False)
    # A charger whose clock is ahead may have begun it later than now.
    ended = SessionEnded(key, max(clock(), row.started), reason, token, None)
    if ending is not None and not ending(ended):
        return Answered(data=False)
    chargers = registry.chargers(caller.managed)
    charger = next((each.identifier for each in chargers if each.charger_id == row.charger_id), None)  # None: removed
    store.record(None, [ended, event_of_ending(ended, clock(), charger, caller.managed, caller.who)])
    await store.settle()
    # What chargers do not say passes no link, so those who watch sessions would not hear of it.
    hub.publish("session", caller.managed, charger, told_of_session(charger, ended))
    return Answered(data=True)


ROUTES: Final[list[Any]] = [list_sessions, list_incomplete_sessions, show_session, end_session]


async def _find(store: Store, registry: Registry, caller: Caller, key: UUID) -> q.FoundSession | None:
    wanted = q.SessionFilter(nodes=caller.own_nodes(registry), sessions=[key])
    _, rows = await store.read(lambda con: q.find_sessions(con, wanted, [], 1, 0))
    return rows[0] if rows else None


def _entity(row: q.FoundSession) -> ChargeSessionEntity:
    return ChargeSessionEntity(
        id=row.session_id,
        created=written(row.started),
        auth_id=row.token,
        charge_point_id=row.charger_id,
        evse_id=0,
        connector_id=row.connector_id,
        transaction_id=str(row.transaction_id),
        ended=written_if(row.ended),
        end_reason=row.end_reason,
        end_auth_id=row.end_token,
    )
