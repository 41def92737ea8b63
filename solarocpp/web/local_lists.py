"""Routes of local lists: whom a charger lets charge by itself, and whether it has the list it should have."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Literal, Protocol, runtime_checkable

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import FromPath, JSONBody

from solarocpp.central_system.local_lists import updates, wanted_list
from solarocpp.registry import Charger
from solarocpp.store.local_lists import LocalList, select_local_lists
from solarocpp.web.access import LOOKS
from solarocpp.web.answers import Answer
from solarocpp.web.desk import Desk
from solarocpp.web.instructions import Wait


@runtime_checkable  # a route is handed one, and Litestar looks
class Lists(Protocol):
    """What keeps local lists as they should be, where something listens for chargers."""

    async def want(self, charger_id: int, *, wanted: bool) -> None:
        """Decides whether a charger has a list."""

    async def send(self, charger_id: int, seconds: float) -> None:
        """Looks what a charger has, and sends what it should have; waits for that some seconds."""


class NobodyKeepsLists:
    """Stands in where nothing listens for chargers."""

    async def want(self, charger_id: int, *, wanted: bool) -> None:
        """Refuses: who keeps the list must know of it."""
        await self.send(charger_id, float(wanted))

    async def send(self, charger_id: int, seconds: float) -> None:
        """Refuses."""
        del charger_id, seconds
        raise HTTPException("No server runs, so no charger gets a list. Start one: solarocpp serve", status_code=503)


class ListOrder(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Decides about the local list of a charger, or has it sent now."""

    charger: str
    order: Literal["on", "off", "send"]
    """`on` keeps one from now on; `off` empties it and keeps none; `send` looks at once."""
    wait: Wait = 30


class ListEntryView(Answer, frozen=True, kw_only=True):
    """What the list of a charger says of an id tag."""

    token: str
    status: str
    parent: str | None
    expires: datetime | None


class LocalListView(Answer, frozen=True, kw_only=True):
    """The local list of a charger, as it accepted it."""

    charger: str
    wanted: bool
    version: int | None
    """Null: it has none of ours."""
    rows: int
    up_to_date: bool
    """Whether it has what the id tags of the account say now."""
    sent: datetime | None
    problem: str | None


class WholeListView(LocalListView, frozen=True, kw_only=True):
    """The same, with everything in it."""

    entries: list[ListEntryView]


@get("/local-lists", opt=LOOKS, summary="Lists which chargers have a local list")
async def list_local_lists(desk: NamedDependency[Desk]) -> list[LocalListView]:
    """Lists the chargers that have or should have a local list, by identifier."""
    found = {row.charger_id: row for row in await desk.store.read(select_local_lists)}
    chargers = desk.registry.chargers(desk.caller.managed)
    return [_view(desk, row, found[row.charger_id]) for row in chargers if row.charger_id in found]


@get("/local-lists/{identifier:path}", opt=LOOKS, summary="Shows the local list of a charger")
async def show_local_list(identifier: FromPath[str], desk: NamedDependency[Desk]) -> WholeListView:
    """Shows what is in the local list of a charger."""
    return await _whole(desk, desk.charger(identifier[1:]))


@post("/local-lists", summary="Keeps a local list in a charger, or none, or sends it now", status_code=200)
async def order_local_list(
    data: JSONBody[ListOrder], desk: NamedDependency[Desk], lists: NamedDependency[Lists]
) -> WholeListView:
    """Decides about the local list of a charger, and waits for it to have it."""
    charger = desk.charger(data.charger)
    if data.order != "send":
        await lists.want(charger.charger_id, wanted=data.order == "on")
    await lists.send(charger.charger_id, data.wait)
    return await _whole(desk, charger)


router = Router("/api", route_handlers=[list_local_lists, show_local_list, order_local_list], tags=["local lists"])


def _fields(desk: Desk, charger: Charger, kept: LocalList) -> dict[str, object]:
    authorizations = desk.registry.authorizations(charger.account_id) if kept.wanted else ()
    should = wanted_list(authorizations, charger.identifier, desk.now)
    same = not updates(kept.rows, should.rows, 0, 1)
    return {
        "charger": charger.identifier,
        "wanted": kept.wanted,
        "version": kept.version,
        "rows": len(kept.rows),
        "up_to_date": same and not kept.doubted and (kept.version is not None or not kept.wanted),
        "sent": kept.sent,
        "problem": kept.problem,
    }


def _view(desk: Desk, charger: Charger, kept: LocalList) -> LocalListView:
    return LocalListView(**_fields(desk, charger, kept))  # type: ignore[arg-type] # by name, above


async def _whole(desk: Desk, charger: Charger) -> WholeListView:
    found = await desk.store.read(partial(select_local_lists, charger_id=charger.charger_id))
    kept = found[0] if found else LocalList(charger.charger_id)
    fields = _fields(desk, charger, kept)
    entries = [
        ListEntryView(token=row.token, status=row.status or "", parent=row.parent, expires=row.expires)
        for row in kept.rows
    ]
    return WholeListView(**fields, entries=entries)  # type: ignore[arg-type] # by name, above
