"""Connectors of chargers: `/connectors`. OCPP 1.6 knows no EVSE, so its number is 0 in every answer."""

from __future__ import annotations

from typing import Any, Final

from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

import solarocpp.query as q
from solarocpp.registry import Registry
from solarocpp.store import Store
from solarocpp.store.effects import ConnectorStatusChanged
from solarocpp.store.registry import CONNECTOR, Connection, delete_entity
from solarocpp.web.access import LOOKS, Caller
from solarocpp.web.management import Clock
from solarocpp.web.solaruser.entities import (
    Answered,
    ConnectorEntity,
    ConnectorForm,
    ConnectorInfo,
    Done,
)
from solarocpp.web.solaruser.faults import (
    Faults,
    check_owner,
    illegal,
    not_found,
    own_charger,
    read_date,
    read_number,
    trimmed,
    unknown_object,
)
from solarocpp.web.solaruser.views import written_if

STATUSES: Final = (
    "Unknown",
    "Available",
    "Occupied",
    "Faulted",
    "Unavailable",
    "Reserved",
    "Preparing",
    "Charging",
    "SuspendedEV",
    "SuspendedEVSE",
    "Finishing",
)
ERROR_CODES: Final = (
    "Unknown",
    "ConnectorLockFailure",
    "HighTemperature",
    "Mode3Error",
    "NoError",
    "PowerMeterFailure",
    "PowerSwitchFailure",
    "ReaderFailure",
    "ResetFailure",
    "GroundFailure",
    "OverCurrentFailure",
    "UnderVoltage",
    "WeakSignal",
    "OtherError",
    "EVCommunicationError",
    "InternalError",
    "LocalListConflict",
    "OverVoltage",
)
# Spec 2.2.
_MOST: Final = {"info": 50, "vendorId": 255, "vendorErrorCode": 50}
MAX_CONNECTOR: Final = 2**31 - 1  # the column is an INTEGER, as the number in OCPP is


@get("/connectors", opt=LOOKS, summary="Lists the connectors")
async def list_connectors(
    store: NamedDependency[Store], registry: NamedDependency[Registry], caller: NamedDependency[Caller]
) -> Answered[list[ConnectorEntity]]:
    """Lists what is known of the connectors of all chargers, by charger."""
    numbers = [row.charger_id for row in registry.chargers(caller.managed)]
    return Answered(data=await _find(store, caller, numbers))


@post("/connectors", summary="Tells the status of a connector", status_code=200)
async def save_connector(
    data: JSONBody[ConnectorForm],
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    clock: NamedDependency[Clock],
) -> Answered[ConnectorEntity]:
    """Puts a status in place of what is known of a connector, until its charger says another; makes no datum."""
    check_owner(caller, data.user_id)
    if not 0 <= data.connector_id <= MAX_CONNECTOR:
        raise illegal(f"connectorId is from 0 to {MAX_CONNECTOR}.")
    if data.evse_id:
        raise illegal("evseId is 0: OCPP 1.6 has no other.")
    own_charger(registry, caller, data.charge_point_id, missing=unknown_object())
    info, now = data.info or ConnectorInfo(), clock()
    faults = Faults()
    faults.require(data.info is not None, "info is required.")
    faults.text("info.info", info.info, _MOST["info"])
    faults.text("info.vendorId", info.vendor_id, _MOST["vendorId"])
    faults.text("info.vendorErrorCode", info.vendor_error_code, _MOST["vendorErrorCode"])
    faults.one_of("info.status", info.status, STATUSES)
    faults.one_of("info.errorCode", info.error_code, ERROR_CODES)
    faults.refuse()
    said = ConnectorStatusChanged(
        charger_id=data.charge_point_id,
        connector_id=data.connector_id,
        timestamp=now if trimmed(info.timestamp) is None else read_date(info.timestamp or ""),
        received=now,
        status=info.status or "Unknown",
        error_code=info.error_code or "Unknown",
        info=trimmed(info.info),
        vendor_id=trimmed(info.vendor_id),
        vendor_error_code=trimmed(info.vendor_error_code),
    )
    store.record(None, [said])
    await store.settle()
    (entity,) = await _find(store, caller, [data.charge_point_id], data.connector_id)
    return Answered(data=entity)


@get("/connectors/{charger:str}", opt=LOOKS, summary="Lists the connectors of a charger")
async def list_connectors_of_charger(
    charger: FromPath[str],
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
) -> Answered[list[ConnectorEntity]]:
    """Lists what is known of the connectors of a charger."""
    row = own_charger(registry, caller, read_number(charger, "chargePointId"))
    return Answered(data=await _find(store, caller, [row.charger_id]))


@get(
    ["/connectors/{charger:str}/{connector:str}", "/connectors/{charger:str}/{evse:str}/{connector:str}"],
    opt=LOOKS,
    summary="Shows a connector",
)
async def show_connector(  # noqa: PLR0913 one argument a part of the path
    charger: FromPath[str],
    connector: FromPath[str],
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    *,
    caller: NamedDependency[Caller],
    evse: FromPath[str] = "0",
) -> Answered[ConnectorEntity]:
    """Shows a connector."""
    key = _key(registry, caller, charger, evse, connector)
    found = await _find(store, caller, [key[0]], key[1])
    if not found:
        raise not_found()
    return Answered(data=found[0])


@delete(
    ["/connectors/{charger:str}/{connector:str}", "/connectors/{charger:str}/{evse:str}/{connector:str}"],
    summary="Forgets a connector",
    status_code=200,
)
async def remove_connector(  # noqa: PLR0913 one argument a part of the path
    charger: FromPath[str],
    connector: FromPath[str],
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    *,
    caller: NamedDependency[Caller],
    evse: FromPath[str] = "0",
) -> Done:
    """Forgets what is known of a connector, until its charger tells of it again."""
    charger_id, connector_id = _key(registry, caller, charger, evse, connector)

    def change(con: Connection) -> bool:
        return delete_entity(con, CONNECTOR, charger_id=charger_id, connector_id=connector_id)

    if not await store.write(change):
        raise not_found()
    return Done()


ROUTES: Final[list[Any]] = [
    list_connectors,
    save_connector,
    list_connectors_of_charger,
    show_connector,
    remove_connector,
]


def _key(registry: Registry, caller: Caller, charger: str, evse: str, connector: str) -> tuple[int, int]:
    row = own_charger(registry, caller, read_number(charger, "chargePointId"))
    connector_id = read_number(connector, "connectorId")
    if read_number(evse, "evseId") != 0 or not 0 <= connector_id <= MAX_CONNECTOR:
        raise not_found()
    return row.charger_id, connector_id


async def _find(
    store: Store, caller: Caller, chargers: list[int], connector: int | None = None
) -> list[ConnectorEntity]:
    rows = await store.read(lambda con: q.find_connectors(con, chargers, connector))
    return [_entity(row, caller.managed) for row in rows]


def _entity(row: q.FoundConnector, user_id: int) -> ConnectorEntity:
    return ConnectorEntity(
        user_id=user_id,
        charge_point_id=row.charger_id,
        evse_id=0,
        connector_id=row.connector_id,
        created=written_if(row.received),
        info=ConnectorInfo(
            evse_id=0,
            connector_id=row.connector_id,
            timestamp=written_if(row.timestamp),
            status=row.status or "Unknown",
            error_code=row.error_code or ("NoError" if row.status else "Unknown"),
            info=row.info,
            vendor_id=row.vendor_id,
            vendor_error_code=row.vendor_error_code,
        ),
    )
