"""Routes that have chargers send and fetch files: an instruction, with a one-time URL made for it.

    POST /api/diagnostics         GetDiagnostics
    POST /api/logs                GetLog (security whitepaper)
    POST /api/firmware-updates    UpdateFirmware, of a file of ours or from any URL

The URL begins with what chargers are told (`serve --files-url`), else with the address of ours that this charger
reached us at, which is why it must be connected then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import msgspec
import trio
from litestar import Router, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from solarocpp.central_system.instructions import read_order
from solarocpp.errors import RegistryError
from solarocpp.registry import Charger, Registry
from solarocpp.store.transfers import FileTransfer
from solarocpp.web.access import Caller
from solarocpp.web.answers import Answer
from solarocpp.web.instructions import InstructionView, Queue, instruction_view
from solarocpp.web.management import Clock
from solarocpp.web.questions import Links
from solarocpp.web.transferring import Transferring
from solarocpp.web.transfers import TransferView, require_firmware, transfer_view

When = Annotated[datetime, msgspec.Meta(tz=True)]
Tries = Annotated[int, msgspec.Meta(ge=0, le=20)]
USUAL_TRIES: Final = 3
"""Modems lose one upload in a few; a charger that fails four times needs a look, not a fifth try."""


class _Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    charger: str
    """Its identifier."""
    retries: Tries = USUAL_TRIES


class NewDiagnostics(_Order, frozen=True, kw_only=True):
    """Has a charger send its diagnostics, of a time if that is given."""

    since: When | None = None
    until: When | None = None


class NewLog(NewDiagnostics, frozen=True, kw_only=True):
    """Has a charger send a log."""

    type: Literal["DiagnosticsLog", "SecurityLog"] = "DiagnosticsLog"


class NewFirmwareUpdate(_Order, frozen=True, kw_only=True):
    """Has a charger fetch and install firmware; one of `firmware` and `url`."""

    firmware: str | None = None
    """A file of ours, by its name."""
    url: str | None = None
    """Where else it is."""
    at: When | None = None
    """Not before; None: at once."""


class FileOrder(Answer, frozen=True, kw_only=True):
    """What a charger was told, and the file that is to come of it."""

    instruction: InstructionView
    transfer: TransferView | None
    """None: it fetches the file from elsewhere."""


@post("/diagnostics", summary="Has a charger send its diagnostics")
async def order_diagnostics(  # noqa: PLR0913, PLR0917 one argument a thing it is handed
    data: JSONBody[NewDiagnostics],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    transferring: NamedDependency[Transferring],
    instructions: NamedDependency[Queue],
    links: NamedDependency[Links],
) -> FileOrder:
    """Queues GetDiagnostics with a one-time URL; the file is there when the transfer is `done`."""
    charger = registry.require_charger(caller.managed, data.charger)
    base = transferring.base_url(charger, links)
    row, path = await transferring.offer_upload(charger, "diagnostics")
    payload = {
        "location": f"{base}{path}/",  # a directory (OCPP 1.6 §6.25): some chargers append the name as it is
        "retries": data.retries,
        "startTime": _utc(data.since),
        "stopTime": _utc(data.until),
    }
    async with _withdrawn_unless_told(transferring, row):
        instruction = await _submit("GetDiagnostics", payload, charger, caller, instructions)
    return FileOrder(instruction=instruction, transfer=transfer_view(row))


@post("/logs", summary="Has a charger send a log")
async def order_log(  # noqa: PLR0913, PLR0917 one argument a thing it is handed
    data: JSONBody[NewLog],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    transferring: NamedDependency[Transferring],
    instructions: NamedDependency[Queue],
    links: NamedDependency[Links],
) -> FileOrder:
    """Queues GetLog with a one-time URL; its requestId is the number of the transfer."""
    charger = registry.require_charger(caller.managed, data.charger)
    base = transferring.base_url(charger, links)
    row, path = await transferring.offer_upload(charger, "log" if data.type == "DiagnosticsLog" else "securityLog")
    log = {
        "remoteLocation": f"{base}{path}/",
        "oldestTimestamp": _utc(data.since),
        "latestTimestamp": _utc(data.until),
    }
    payload = {"logType": data.type, "requestId": row.transfer_id, "retries": data.retries, "log": _said(log)}
    async with _withdrawn_unless_told(transferring, row):
        instruction = await _submit("GetLog", payload, charger, caller, instructions)
    return FileOrder(instruction=instruction, transfer=transfer_view(row))


@post("/firmware-updates", summary="Has a charger fetch and install firmware")
async def order_firmware(  # noqa: PLR0913, PLR0917 one argument a thing it is handed
    data: JSONBody[NewFirmwareUpdate],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    transferring: NamedDependency[Transferring],
    instructions: NamedDependency[Queue],
    links: NamedDependency[Links],
    clock: NamedDependency[Clock],
) -> FileOrder:
    """Queues UpdateFirmware; what comes of it is told by the charger's firmware status."""
    charger = registry.require_charger(caller.managed, data.charger)
    row, url = None, data.url
    if (data.firmware is None) == (url is None):
        raise RegistryError("firmware", data.charger, "Name a firmware of `solarocpp firmware list`, or a URL.")
    if data.firmware is not None:
        firmware = await trio.to_thread.run_sync(require_firmware, transferring.folder, data.firmware)
        base = transferring.base_url(charger, links)
        row, path = await transferring.offer_download(charger, firmware)
        url = base + path
    payload = {"location": url, "retries": data.retries, "retrieveDate": _utc(data.at or clock())}
    async with _withdrawn_unless_told(transferring, row):
        instruction = await _submit("UpdateFirmware", payload, charger, caller, instructions)
    return FileOrder(instruction=instruction, transfer=None if row is None else transfer_view(row))


@asynccontextmanager
async def _withdrawn_unless_told(transferring: Transferring, row: FileTransfer | None) -> AsyncIterator[None]:
    """Makes the URL worthless if the order is not taken in: nobody will use it."""
    try:
        yield
    except RegistryError as exc:  # too many wait for this charger
        if row is not None:
            await transferring.cancel(row.transfer_id, str(exc))
        raise


async def _submit(
    action: str, payload: dict[str, Any], charger: Charger, caller: Caller, instructions: Queue
) -> InstructionView:
    order = read_order(action, msgspec.json.encode(_said(payload)))
    made = await instructions.submit(order, action=action, charger=charger, requested_by=caller.who)
    return instruction_view(made)


def _said(payload: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if value is not None}


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)


router = Router("/api", route_handlers=[order_diagnostics, order_log, order_firmware], tags=["files"])
