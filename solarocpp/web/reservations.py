"""Routes of reservations: a connector waits for an id tag (OCPP 1.6 §3.7, §5.13).

Whether it does, the charger says, and what becomes of it is learned from what it says later: a transaction uses it, a
fault or the charger ends it, or its time is over.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Final

import msgspec
from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from solarocpp.central_system.instructions import Instruction
from solarocpp.errors import RegistryError
from solarocpp.store.reservations import (
    OPEN_STATUSES,
    Reservation,
    insert_reservation,
    refuse_reservation,
    select_reservations,
)
from solarocpp.web.access import LOOKS
from solarocpp.web.answers import Answer
from solarocpp.web.desk import Desk, Patience, said_of
from solarocpp.web.instructions import MOST_WAIT_S, Wait

# Who comes in a month can reserve then; until that a connector would stand empty.
LONGEST: Final = timedelta(days=31)


class NewReservation(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Has a connector wait for an id tag."""

    charger: str
    connector: Annotated[int, msgspec.Meta(ge=0, le=998)]
    """0: any one of the charger's, where it supports that."""
    token: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    """Id tag; OCPP 1.6 has 20 characters for it."""
    until: str
    """`18:00` by the clock of the charger's node, or a time."""
    wait: Wait = 30


class ReservationView(Answer, frozen=True, kw_only=True):
    """A reservation."""

    reservation_id: int
    charger: str
    connector: int
    token: str
    parent: str | None
    created: datetime
    expires: datetime
    status: str
    """`requested`, `active`, `used`, `expired`, `cancelled`, `refused`, or `ended` before its time."""
    status_date: datetime
    reason: str | None
    """Why it was refused or has ended."""
    transaction_id: int | None
    """What used it."""
    requested_by: str


class ReservationReceipt(Answer, frozen=True, kw_only=True):
    """A reservation after something was asked of its charger."""

    reservation: ReservationView
    said: str
    """The charger's status, or why there is none yet."""
    instruction_id: int
    warnings: list[str]


@post("/reservations", summary="Has a connector wait for an id tag")
async def reserve(data: JSONBody[NewReservation], desk: NamedDependency[Desk]) -> ReservationReceipt:
    """Asks the charger to reserve; whoever has the same parent as the id tag may use it, too."""
    charger = desk.charger(data.charger)
    expires = desk.until(data.until, charger, LONGEST)
    known = desk.registry.authorization(charger.account_id, data.token)
    parent = known.parent if known is not None and known.parent and len(known.parent) <= 20 else None
    if data.wait:
        desk.require_delivery()
    order = Reservation(
        reservation_id=0,
        account_id=charger.account_id,
        charger_id=charger.charger_id,
        identifier=charger.identifier,
        connector_id=data.connector,
        token=data.token,
        parent=parent,
        created=desk.now,
        expires=expires,
        status_date=desk.now,
        requested_by=desk.caller.who,
    )
    made = await desk.store.write(lambda con: insert_reservation(con, order))
    number = made.reservation_id
    payload = {
        "connectorId": data.connector,
        "expiryDate": expires.isoformat(),
        "idTag": data.token,
        "reservationId": number,
        **({} if parent is None else {"parentIdTag": parent}),
    }
    try:
        told = await desk.tell(charger, "ReserveNow", payload, wait_s=Patience(data.wait).left_s, expires=expires)
    except RegistryError as exc:  # too many wait for this charger: what is in no queue is nobody's reservation
        why = str(exc)
        await desk.store.write(lambda con: refuse_reservation(con, number, why, desk.now))
        raise
    if told.final and told.result is None:
        reason = said_of(told)
        await desk.store.write(lambda con: refuse_reservation(con, number, reason, desk.now))
    warnings = [] if known is not None else [f"{data.token} is no id tag that may charge: solarocpp authorization add"]
    return await _receipt(desk, number, told, warnings)


@get("/reservations", opt=LOOKS, summary="Lists reservations")
async def list_reservations(
    desk: NamedDependency[Desk],
    charger: Annotated[str | None, QueryParameter()] = None,
    active: Annotated[bool, QueryParameter()] = False,  # noqa: FBT002 a query parameter
) -> list[ReservationView]:
    """Lists reservations by number; `active` leaves out those that are over."""
    rows = await desk.store.read(partial(select_reservations, account_id=desk.caller.account_id))
    return [
        _view(row)
        for row in (found.at(desk.now) for found in rows)
        if (charger is None or row.identifier.casefold() == charger.casefold())
        and (not active or row.status in OPEN_STATUSES)
    ]


@get("/reservations/{number:int}", opt=LOOKS, summary="Shows a reservation")
async def show_reservation(number: FromPath[int], desk: NamedDependency[Desk]) -> ReservationView:
    """Shows a reservation."""
    return _view(await _require(desk, number))


@delete("/reservations/{number:int}", summary="Cancels a reservation", status_code=200)
async def cancel_reservation(
    number: FromPath[int],
    desk: NamedDependency[Desk],
    wait: Annotated[float, QueryParameter(ge=0, le=MOST_WAIT_S)] = 30,
) -> ReservationReceipt:
    """Asks the charger to give the connector back to everybody."""
    found = await _require(desk, number)
    if found.status not in OPEN_STATUSES:
        text = f"Reservation {number} is over: {found.status}."
        raise RegistryError("reservation", number, text, status=409)
    charger = desk.charger(found.identifier)
    told = await desk.tell(charger, "CancelReservation", {"reservationId": number}, wait_s=Patience(wait).left_s)
    return await _receipt(desk, number, told, [])


router = Router(
    "/api",
    route_handlers=[reserve, list_reservations, show_reservation, cancel_reservation],
    tags=["reservations"],
)


async def _require(desk: Desk, number: int) -> Reservation:
    ask = partial(select_reservations, account_id=desk.caller.account_id, number=number)
    found = await desk.store.read(ask)
    if not found:
        text = f"There is no reservation {number}. See: solarocpp reservations list"
        raise RegistryError("reservation", number, text, status=404)
    return found[0].at(desk.now)


async def _receipt(desk: Desk, number: int, told: Instruction, warnings: list[str]) -> ReservationReceipt:
    return ReservationReceipt(
        reservation=_view(await _require(desk, number)),
        said=said_of(told),
        instruction_id=told.instruction_id,
        warnings=warnings,
    )


def _view(row: Reservation) -> ReservationView:
    fields = {
        name: getattr(row, name) for name in ReservationView.__struct_fields__ if name not in {"charger", "connector"}
    }
    return ReservationView(charger=row.identifier, connector=row.connector_id, **fields)
