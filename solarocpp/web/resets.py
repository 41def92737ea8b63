"""Routes of meter changes: an operator says what the old meter ended with and the new one began with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from solarocpp.errors import RegistryError
from solarocpp.registry import Registry
from solarocpp.store import Store
from solarocpp.store.registry import Connection
from solarocpp.store.resets import ResetRecord, delete_reset, insert_reset, nodes_of, select_resets
from solarocpp.store.schema import PHASES, PROPERTIES
from solarocpp.web.access import LOOKS_AT_NODES, Caller
from solarocpp.web.answers import Answer
from solarocpp.web.management import Clock

_REGISTERS: Final = {
    row.name + phase for row in PROPERTIES if row.measurand.endswith("Register") for phase in ("", *PHASES)
}


class NewReset(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """A meter change to enter."""

    source_id: str
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    final: Annotated[float, msgspec.Meta(ge=0)]
    start: Annotated[float, msgspec.Meta(ge=0)]
    property: str = "wattHours"
    node_id: int | None = None
    """None: the only one that has the source."""
    note: Annotated[str, msgspec.Meta(max_length=1000)] = ""


class ResetView(Answer, frozen=True, kw_only=True):
    """A meter change that was entered."""

    reset_id: int
    created: datetime
    node_id: int
    source_id: str
    property: str
    final: float
    start: float
    note: str
    entered: datetime

    def about(self) -> str:
        """Names the meter."""
        return f"{self.source_id} {self.property}"


@get("/resets", opt=LOOKS_AT_NODES, summary="Lists the meter changes that were entered")
async def list_resets(
    store: NamedDependency[Store], registry: NamedDependency[Registry], caller: NamedDependency[Caller]
) -> list[ResetView]:
    """Lists meter changes, by time."""
    nodes = _nodes(caller, registry)
    return [_view(record) for record in await store.read(lambda con: select_resets(con, nodes))]


@post("/resets", summary="Enters a meter change")
async def add_reset(
    data: JSONBody[NewReset],
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    clock: NamedDependency[Clock],
) -> ResetView:
    """Enters a meter change; sessions around it get their energy again."""
    if data.property not in _REGISTERS:
        text = f"{data.property!r} is no register; the usual one is wattHours."
        raise RegistryError("reset", data.property, text)
    nodes, now = _nodes(caller, registry), clock()

    def change(con: Connection) -> ResetRecord:
        there = [node for node in nodes_of(con, data.source_id) if nodes is None or node in nodes]
        if data.node_id is not None:
            there = [node for node in there if node == data.node_id]
        if len(there) != 1:
            text = (
                f"Nodes {', '.join(map(str, there))} all have a source {data.source_id!r}: say which with --node."
                if there
                else f"There is no source {data.source_id!r}. See: solarocpp datums --latest"
            )
            raise RegistryError("reset", data.source_id, text, status=409 if there else 404)
        at = data.at.astimezone(UTC)
        return insert_reset(
            con,
            ResetRecord(0, at, there[0], data.source_id, data.property, data.final, data.start, data.note, now),
        )

    return _view(await store.write(change))


@delete("/resets/{number:int}", summary="Takes a meter change back", status_code=200)
async def remove_reset(
    number: FromPath[int],
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
) -> ResetView:
    """Takes a meter change back, and what it changed in energies."""
    nodes = _nodes(caller, registry)

    def change(con: Connection) -> ResetRecord:
        found = [record for record in select_resets(con, nodes) if record.reset_id == number]
        if not found:
            text = f"There is no meter change {number}. See: solarocpp reset list"
            raise RegistryError("reset", number, text, status=404)
        delete_reset(con, found[0])
        return found[0]

    return _view(await store.write(change))


router = Router("/api", route_handlers=[list_resets, add_reset, remove_reset], tags=["management"])


def _nodes(caller: Caller, registry: Registry) -> Sequence[int] | None:
    nodes = caller.nodes(registry, None)
    return [nodes] if isinstance(nodes, int) else nodes


def _view(record: ResetRecord) -> ResetView:
    return ResetView(**msgspec.structs.asdict(record))
