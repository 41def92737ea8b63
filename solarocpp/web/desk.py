"""From where routes tell chargers something and wait a while for their answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import trio
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException

from solarocpp.central_system.instructions import Instruction, read_order
from solarocpp.errors import RegistryError
from solarocpp.registry import Charger, Registry
from solarocpp.store import Store
from solarocpp.store.instructions import select_instructions
from solarocpp.web.access import Caller
from solarocpp.web.instructions import Queue

_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


class Desk:
    """Everything a route needs to tell a charger something, on behalf of whoever asks."""

    def __init__(  # noqa: PLR0913 what it brings together
        self,
        *,
        store: Store,
        registry: Registry,
        queue: Queue,
        caller: Caller,
        clock: Callable[[], datetime],
        delivered: bool,
    ) -> None:
        self.store = store
        self.registry = registry
        self.caller = caller
        self.now = clock().astimezone(UTC)
        self._queue = queue
        self._delivered = delivered

    def charger(self, identifier: str) -> Charger:
        """Gives a charger of whoever asks.

        Raises:
            RegistryError: there is none.
        """
        return self.registry.require_charger(self.caller.managed, identifier)

    def zone(self, charger: Charger) -> str:
        """Names the time zone of the place where a charger is."""
        node = next((row for row in self.registry.nodes(charger.account_id) if row.node_id == charger.node_id), None)
        return (node and node.time_zone) or "UTC"

    def until(self, text: str, charger: Charger, longest: timedelta) -> datetime:
        """Reads until when something is to hold: a time, or what the clock at the charger's place shows next.

        Raises:
            RegistryError: it is no time to come, or too far away.
        """
        moment = read_until(text, self.zone(charger), self.now)
        if not self.now < moment <= self.now + longest:
            shown = moment.isoformat()
            raise RegistryError("time", text, f"{shown} is not within {longest.days} days from now.")
        return moment

    def require_delivery(self) -> None:
        """Makes sure that there is somebody to wait for.

        Raises:
            HTTPException: no server runs.
        """
        if not self._delivered:
            text = "No server runs, so nothing reaches a charger now. Start one: solarocpp serve"
            raise HTTPException(text, status_code=503)

    async def tell(
        self,
        charger: Charger,
        action: str,
        payload: Mapping[str, Any],
        *,
        wait_s: float,
        expires: datetime | None = None,
    ) -> Instruction:
        """Queues one message, waits for its end for a while, and gives what has become of it.

        Raises:
            RegistryError: it cannot be sent.
            HTTPException: there is nobody to wait for, since no server runs.
        """
        if wait_s:
            self.require_delivery()
        order = read_order(action, msgspec.json.encode(payload))
        made = await self._queue.submit(
            order, action=action, charger=charger, requested_by=self.caller.who, expires=expires
        )
        number = made.instruction_id
        if wait_s:
            await self._queue.wait_ended(number, wait_s)
        (found,) = await self.store.read(partial(select_instructions, kind=Instruction, number=number))
        return found


async def provide_desk(  # noqa: PLR0913, PLR0917 what it brings together
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    instructions: NamedDependency[Queue],
    caller: NamedDependency[Caller],
    clock: NamedDependency[Callable[[], datetime]],
    delivered: NamedDependency[bool],
) -> Desk:
    """Makes the desk of one request."""
    return Desk(store=store, registry=registry, queue=instructions, caller=caller, clock=clock, delivered=delivered)


class Patience:
    """Several answers may take so long together."""

    def __init__(self, seconds: float) -> None:
        self._end = trio.current_time() + seconds if seconds else None

    @property
    def left_s(self) -> float:
        """How long the next may take; 0: nobody waits."""
        return 0 if self._end is None else max(0.1, self._end - trio.current_time())


def status_of(instruction: Instruction) -> str | None:
    """Reads the status a charger answered; None: it has not, or not with one."""
    if instruction.result is None:
        return None
    status = msgspec.json.decode(instruction.result).get("status")
    return status if isinstance(status, str) else None


def said_of(instruction: Instruction) -> str:
    """Tells in words what has become of an instruction."""
    return status_of(instruction) or instruction.error or instruction.state


def read_until(text: str, zone: str, now: datetime) -> datetime:
    """Reads `18:00` as the next time a clock of `zone` shows it, else a time, of `zone` if it has none.

    Raises:
        RegistryError: it is no time.
    """
    clock = _CLOCK.fullmatch(text.strip())
    if clock is not None:
        here = now.astimezone(ZoneInfo(zone))
        moment = here.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
        return (moment if moment > here else moment + timedelta(days=1)).astimezone(UTC)
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except (ValueError, OverflowError):
        hint = f"{text[:50]!r} is no time; write it like 18:00 or 2026-01-31T18:00"
        raise RegistryError("time", text, hint) from None
