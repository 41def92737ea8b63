"""What the calls of the central system set off: begun once the answer is on its way, each in a task of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Literal

import trio

from solarocpp.ocpp.datatypes import ChargingProfile
from solarocpp.simulator.charging import CARS, ChargingCurve
from solarocpp.simulator.connector import Connector, Reservation

if TYPE_CHECKING:
    from solarocpp.simulator.charge_point import ChargePoint

# Real seconds a reset waits for the sessions it ends.
RESET_PATIENCE_S = 5.0

# A session that was started from afar: a car of the middle of the table, for an hour at most.
REMOTE_CAR, REMOTE_SOC, REMOTE_STAY_S = CARS[2], 35.0, 3_600.0

ORDERS_LIMIT = 64
Order = Callable[[], Awaitable[object]]


class Orders:
    """The orders of one charge point; `obey` them while it runs."""

    def __init__(self, charge_point: ChargePoint) -> None:
        self._charge_point = charge_point
        # A central system that orders more than this at once finds the rest undone.
        self._given, self._taken = trio.open_memory_channel[Order](ORDERS_LIMIT)

    def give(self, order: Order) -> None:
        """Has something done soon; while it lasts it holds a stepped clock."""
        with suppress(trio.WouldBlock):
            self._given.send_nowait(order)

    async def obey(self) -> None:
        """Does what is ordered, for ever."""
        async with trio.open_nursery() as nursery:
            async for order in self._taken:
                nursery.start_soon(self._do, order)

    async def _do(self, order: Order) -> None:
        with self._charge_point.busy():
            await order()

    # -- sessions ------------------------------------------------------------------------------------

    def start_remotely(self, connector_id: int, id_tag: str, profile: ChargingProfile | None) -> None:
        """Starts a session asked for by RemoteStartTransaction; a car happens to be there."""
        self.give(partial(self._charge_remotely, connector_id, id_tag, profile))

    async def _charge_remotely(self, connector_id: int, id_tag: str, profile: ChargingProfile | None) -> None:
        charge_point = self._charge_point
        if profile is not None:
            charge_point.limits.keep(connector_id, profile)
        authorize = charge_point.configuration.boolean("AuthorizeRemoteTxRequests")
        curve = ChargingCurve(REMOTE_CAR, REMOTE_SOC)
        await charge_point.charge(connector_id, id_tag, curve, stays_s=REMOTE_STAY_S, authorize=authorize)
        charge_point.limits.end_transaction(connector_id)

    # -- states --------------------------------------------------------------------------------------

    def apply_availability(self, connector: Connector) -> None:
        """Does what ChangeAvailability asked of an idle connector, and tells the new state."""
        if connector.scheduled is None:
            return
        connector.operative, connector.scheduled = connector.scheduled, None
        connector.status = "Available" if connector.operative else "Unavailable"
        self.tell_status(connector)

    def tell_status(self, connector: Connector) -> None:
        """Tells a connector's state."""
        self.give(partial(self._charge_point.tell_status, connector))

    def await_expiry(self, connector: Connector, reservation: Reservation) -> None:
        """Tells of a reservation, and ends it when it expires, unless it was used or cancelled before."""
        self.give(partial(self._reserved, connector, reservation))

    async def _reserved(self, connector: Connector, reservation: Reservation) -> None:
        charge_point = self._charge_point
        await charge_point.tell_status(connector)
        await charge_point.clock.sleep((reservation.expires - charge_point.clock.now()).total_seconds())
        if connector.reservation is reservation:
            self.release(connector)

    def release(self, connector: Connector) -> None:
        """Gives a reserved connector back to everybody."""
        connector.reservation = None
        if connector.status == "Reserved":
            connector.status = "Available"
            self.tell_status(connector)

    def reset(self, kind: Literal["Hard", "Soft"]) -> None:
        """Ends what runs, drops the link and boots again (OCPP 1.6 §5.14)."""
        for connector in self._charge_point.connectors:
            if connector.transaction is not None:
                connector.transaction.stop("HardReset" if kind == "Hard" else "SoftReset")
        self.give(self.reboot)

    async def reboot(self) -> None:
        """Waits for the sessions that were told to end, and starts anew."""
        with trio.move_on_after(RESET_PATIENCE_S):
            for connector in self._charge_point.connectors:
                if connector.transaction is not None:
                    await connector.transaction.ended.wait()
        await self._charge_point.restart()
