"""Chargers: `/chargers`, what is decided for one of them, and how they are doing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody

import solarocpp.query as q
from solarocpp.registry import ChargerChange, NewCharger, Registry, Settings
from solarocpp.registry.entities import Charger
from solarocpp.store import Store
from solarocpp.web.access import LOOKS, Caller
from solarocpp.web.audit import AuditedResponse
from solarocpp.web.management import Clock
from solarocpp.web.questions import Links
from solarocpp.web.solaruser.criteria import DATES, PAGE, SORTS, Criteria, either, filtered_by
from solarocpp.web.solaruser.entities import (
    Answered,
    ChargePointActionStatus,
    ChargePointStatus,
    ChargerEntity,
    ChargerForm,
    ChargerInfo,
    ChargerSettingsEntity,
    ChargerSettingsForm,
    Done,
    Page,
)
from solarocpp.web.solaruser.faults import (
    Faults,
    check_owner,
    illegal,
    own_charger,
    read_number,
    trimmed,
    unknown_object,
)
from solarocpp.web.solaruser.forms import OTHERS, answer_in_form
from solarocpp.web.solaruser.views import charger_entity, charger_settings_entity, trimmed_details, written

# Spec 2.2, in characters; `/api` takes longer ones, since chargers send them.
_MOST: Final = {
    "id": 48,
    "charge_point_vendor": 20,
    "charge_point_model": 20,
    "charge_point_serial_number": 25,
    "charge_box_serial_number": 25,
    "firmware_version": 50,
    "iccid": 20,
    "imsi": 20,
    "meter_type": 25,
    "meter_serial_number": 25,
}
_REQUIRED: Final = ("id", "charge_point_vendor", "charge_point_model")
_STATUSES: Final = ("Pending", "Accepted", "Rejected")
MAX_TEMPLATE: Final = 255
MAX_CONNECTORS: Final = 1_000  # a row of `connector` each

# What a charger said last is rarely asked for once it is older; the ledger of a month takes its time to read.
RECENT: Final = timedelta(days=1)


@get("/chargers", opt=LOOKS, summary="Lists the chargers")
async def list_chargers(
    registry: NamedDependency[Registry], caller: NamedDependency[Caller]
) -> Answered[list[ChargerEntity]]:
    """Lists the chargers, by identity."""
    return Answered(data=[charger_entity(row) for row in registry.chargers(caller.managed)])


@get("/chargers/find", opt=LOOKS, summary="Lists the chargers page by page", operation_class=filtered_by(*PAGE))
async def find_chargers(
    request: Request[Any, Any, Any], registry: NamedDependency[Registry], caller: NamedDependency[Caller]
) -> Answered[Page[ChargerEntity]]:
    """Lists the chargers by identity, `max` from the `offset`th on."""
    most, offset = Criteria(request).page()
    rows = registry.chargers(caller.managed)
    results = [charger_entity(row) for row in rows[offset : offset + most]]
    page = Page(total_results=len(rows), starting_offset=offset, returned_result_count=len(results), results=results)
    return Answered(data=page)


@post("/chargers", summary="Registers a charger, or replaces one")
async def save_charger(
    data: JSONBody[ChargerForm],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    clock: NamedDependency[Clock],
) -> Response[Answered[ChargerEntity]]:
    """Registers a charger (201), or with its `id` replaces it (200); Pending and disabled unless it says otherwise.

    Its identity (`info.id`) stays as it is. `registrationStatus` is Pending, Accepted or Rejected.
    """
    account_id = check_owner(caller, data.user_id)
    info = data.info or ChargerInfo()
    _check(data, info)
    if data.node_id not in {node.node_id for node in registry.nodes(account_id)}:
        raise unknown_object()
    identity = trimmed(info.id) or ""
    status: Any = data.registration_status or "Pending"
    enabled, vendor, model = data.enabled is True, info.charge_point_vendor or "", info.charge_point_model or ""
    if data.id is None:
        order = NewCharger(
            identifier=identity,
            node_id=data.node_id,
            vendor=vendor.strip(),
            model=model.strip(),
            enabled=enabled,
            registration_status=status,
            connector_count=data.connector_count or 0,
            **trimmed_details(info),
        )
        row = await registry.add_charger(order, now=clock(), account_id=account_id)
    else:
        before = own_charger(registry, caller, data.id, missing=unknown_object())
        if before.identifier.casefold() != identity.casefold():
            raise illegal(f"info.id: {before.identifier} cannot become another; register the other, and delete this.")
        change = ChargerChange(
            node_id=data.node_id,
            vendor=vendor.strip(),
            model=model.strip(),
            enabled=enabled,
            registration_status=status,
            connector_count=data.connector_count or 0,
            **trimmed_details(info),
        )
        row = await registry.set_charger(before.identifier, change, now=clock(), account_id=account_id)
    return AuditedResponse(Answered(data=charger_entity(row)), status_code=201 if data.id is None else 200)


@get("/chargers/{key:str}", opt=LOOKS, summary="Shows a charger")
async def show_charger(
    key: FromPath[str], registry: NamedDependency[Registry], caller: NamedDependency[Caller]
) -> Answered[ChargerEntity]:
    """Shows a charger."""
    return Answered(data=charger_entity(_require(registry, caller, key)))


@delete("/chargers/{key:str}", summary="Removes a charger", status_code=200)
async def remove_charger(
    key: FromPath[str], registry: NamedDependency[Registry], caller: NamedDependency[Caller]
) -> Done:
    """Removes a charger and what is decided for it; its datums and sessions stay."""
    await registry.remove_charger(_require(registry, caller, key).identifier, account_id=caller.managed)
    return Done()


@get("/chargers/settings", opt=LOOKS, summary="Lists what is decided for single chargers")
async def list_charger_settings(
    registry: NamedDependency[Registry], caller: NamedDependency[Caller]
) -> Answered[list[ChargerSettingsEntity]]:
    """Lists the settings of chargers that have some of their own."""
    account = registry.settings(caller.managed)
    rows = [row for row in registry.chargers(caller.managed) if row.settings != Settings()]
    return Answered(data=[charger_settings_entity(row, account) for row in rows])


@post("/chargers/settings", summary="Decides for one charger", status_code=200)
async def save_charger_settings(
    data: JSONBody[ChargerSettingsForm],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    clock: NamedDependency[Clock],
) -> Answered[ChargerSettingsEntity]:
    """Decides whether and under which source IDs the datums of a charger are stored."""
    check_owner(caller, data.user_id)
    faults = Faults()
    faults.text("sourceIdTemplate", data.source_id_template, MAX_TEMPLATE, required=True)
    faults.refuse()
    before = own_charger(registry, caller, data.charge_point_id, missing=unknown_object())
    change = ChargerChange(
        source_id_template=trimmed(data.source_id_template), publish=data.publish_to_solar_in is not False
    )
    row = await registry.set_charger(before.identifier, change, now=clock(), account_id=caller.managed)
    return Answered(data=charger_settings_entity(row, registry.settings(caller.managed)))


@get("/chargers/{key:str}/settings", opt=LOOKS, summary="Shows what is decided for a charger")
async def show_charger_settings(
    key: FromPath[str], registry: NamedDependency[Registry], caller: NamedDependency[Caller]
) -> Answered[ChargerSettingsEntity]:
    """Shows the settings of a charger; no `data` where it has none of its own."""
    row = _require(registry, caller, key)
    if row.settings == Settings():
        return Answered()
    return Answered(data=charger_settings_entity(row, registry.settings(caller.managed)))


@delete("/chargers/{key:str}/settings", summary="Leaves decisions about a charger to the account", status_code=200)
async def remove_charger_settings(
    key: FromPath[str],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    clock: NamedDependency[Clock],
) -> Done:
    """Removes the settings of a charger: those of the account apply."""
    row = _require(registry, caller, key)
    change = ChargerChange(source_id_template=None, publish=None)
    await registry.set_charger(row.identifier, change, now=clock(), account_id=caller.managed)
    return Done()


_STATUS_SORTS: Final = ("user", "charger", "created", "time")


@get(
    "/chargers/status",
    opt=LOOKS,
    summary="Which chargers are connected",
    operation_class=filtered_by(*either("chargePointId", "identifier"), *DATES, *PAGE, *SORTS, forms=OTHERS),
    responses={200: ResponseSpec(Answered[list[ChargePointStatus]], generate_examples=False)},
)
async def list_statuses(
    request: Request[Any, Any, Any],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    links: NamedDependency[Links],
) -> Response[Any]:
    """Lists the chargers that are connected now; no `data` where none is. As JSON, CBOR or CSV, by `Accept`.

    `identifier` is the charger's identity, dates are about when it connected.
    """
    asked = Criteria(request)
    chargers, since, until = asked.chargers(registry, caller), asked.date("startDate"), asked.date("endDate")
    most, offset = asked.page()
    found: list[Any] = [
        link
        for link in (links() if links is not None else ())
        if link.account_id == caller.managed
        and (chargers is None or link.charger_id in chargers)
        and _within(_since(link), since, until)
    ]
    for key, descending in reversed(asked.order(_STATUS_SORTS) or [("charger", False)]):
        found.sort(key=_since if key in {"created", "time"} else lambda link: link.charger_id, reverse=descending)
    return answer_in_form(request, ChargePointStatus, [_status(link) for link in found[offset : offset + most]])


_ACTION_SORTS: Final = ("action", "connector", "charger", "created", "evse", "time", "user")


@get(
    "/chargers/action-status",
    opt=LOOKS,
    summary="What chargers said last",
    operation_class=filtered_by(
        *either("chargePointId", "identifier", "evseId", "connectorId", "action"), *DATES, *PAGE, *SORTS, forms=OTHERS
    ),
    responses={200: ResponseSpec(Answered[list[ChargePointActionStatus]], generate_examples=False)},
)
async def list_action_statuses(
    request: Request[Any, Any, Any],
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    clock: NamedDependency[Clock],
) -> Response[Any]:
    """Lists the last message of each kind that chargers sent about each connector; no `data` where there is none.

    Without `startDate` it is about the last day; what the ledger does not keep any more is not told. `evseId` is
    in every answer, and always 0. As JSON, CBOR or CSV, by `Accept`.
    """
    asked = Criteria(request)
    since = asked.date("startDate") or clock() - RECENT
    until, (most, offset) = asked.date("endDate"), asked.page()
    evses = asked.numbers("evseId")
    found = q.ActionFilter(
        account=caller.managed,
        chargers=asked.chargers(registry, caller) if evses is None or 0 in evses else [],
        connectors=asked.numbers("connectorId"),
        actions=asked.texts("action"),
        since=since,
        until=until,
    )
    order = asked.order(_ACTION_SORTS)
    rows = await store.read(lambda con: q.last_actions(con, found, order, most, offset))
    told = [
        ChargePointActionStatus(
            created=written(row.created),
            user_id=caller.managed,
            charge_point_id=row.charger_id,
            evse_id=0,
            connector_id=row.connector_id,
            action=row.action,
            message_id=row.message_id,
            ts=written(row.ts),
        )
        for row in rows
    ]
    return answer_in_form(request, ChargePointActionStatus, told)


ROUTES: Final[list[Any]] = [
    list_chargers,
    find_chargers,
    save_charger,
    show_charger,
    remove_charger,
    list_charger_settings,
    save_charger_settings,
    show_charger_settings,
    remove_charger_settings,
    list_statuses,
    list_action_statuses,
]


def _require(registry: Registry, caller: Caller, key: str) -> Charger:
    return own_charger(registry, caller, read_number(key, "id"))


def _check(data: ChargerForm, info: ChargerInfo) -> None:
    faults = Faults()
    faults.require(data.info is not None, "info is required.")
    if data.info is not None:
        for field, name in zip(info.__struct_fields__, info.__struct_encode_fields__, strict=True):
            faults.text(f"info.{name}", getattr(info, field), _MOST[field], required=field in _REQUIRED)
    faults.one_of("registrationStatus", data.registration_status, _STATUSES)
    count = data.connector_count or 0
    faults.require(0 <= count <= MAX_CONNECTORS, f"connectorCount must be from 0 to {MAX_CONNECTORS}.")
    faults.refuse()


def _since(link: Any) -> datetime:
    since: datetime = link.since
    return since


def _within(moment: datetime, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or since <= moment) and (until is None or moment < until)


def _status(link: Any) -> ChargePointStatus:
    connected = written(_since(link))
    return ChargePointStatus(
        created=connected,
        user_id=link.account_id,
        charge_point_id=link.charger_id,
        connected_to=link.peer,
        session_id=str(link.link_id),
        connected_date=connected,
    )
