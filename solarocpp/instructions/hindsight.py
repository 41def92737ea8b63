"""What the store tells of chargers where it is judged whether something came of what they accepted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from solarocpp.central_system.instructions import Instruction
from solarocpp.central_system.signs import WATCHED
from solarocpp.ocpp.datatypes import ChargingProfile
from solarocpp.store import Store
from solarocpp.store.instructions import select_began_since, select_unwatched
from solarocpp.store.profiles import select_installed_profiles
from solarocpp.store.registry import Connection, select_connector_statuses

LOOKED_BACK: Final = timedelta(days=1)
"""What was accepted before, and was looked for when the server ended, is of no interest to anybody any more."""


async def unwatched(store: Store, now: datetime) -> list[tuple[Instruction, bool]]:
    """Lists what was accepted not long ago and nobody saw the end of, and whether a session began since."""

    def ask(con: Connection) -> list[tuple[Instruction, bool]]:
        rows = select_unwatched(con, Instruction, WATCHED, now - LOOKED_BACK)
        return [
            (row, row.action == "RemoteStartTransaction" and select_began_since(con, row.instruction_id))
            for row in rows
        ]

    return await store.read(ask)


async def installed_profiles(store: Store, charger_id: int) -> list[ChargingProfile]:
    """Lists the charging profiles that a charger has."""
    rows = await store.read(lambda con: select_installed_profiles(con, [charger_id]))
    return [msgspec.json.decode(row.profile, type=ChargingProfile) for row in rows]


async def last_statuses(store: Store) -> dict[tuple[int, int], str]:
    """Gives what connectors said last, by the number of their charger and their own."""
    return await store.read(select_connector_statuses)
