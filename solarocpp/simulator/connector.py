"""What one connector of a charge point knows: its state, its meter, the transaction that runs there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import msgspec
import trio

from solarocpp.ocpp.messages import ChargePointErrorCode, StartTransactionConfirmation
from solarocpp.simulator.charging import ChargingCurve, Reading, air_c, voltage_v
from solarocpp.simulator.clock import Clock

Status = Literal[
    "Available",
    "Preparing",
    "Charging",
    "SuspendedEV",
    "SuspendedEVSE",
    "Finishing",
    "Reserved",
    "Faulted",
    "Unavailable",
]
StopReason = Literal["Local", "Remote", "SoftReset", "HardReset", "UnlockCommand", "DeAuthorized", "Other"]

# Below it a charger may not offer anything (IEC 61851-1), so it pauses.
LEAST_CURRENT_A = 6.0


class Reservation(NamedTuple):
    """Whom a connector waits for, and how long."""

    reservation_id: int
    id_tag: str
    parent_id_tag: str | None
    expires: datetime


class Transaction:
    """One transaction: shared by the session that makes its messages, and the backlog that delivers them."""

    def __init__(self, id_tag: str, began: datetime) -> None:
        self.id_tag, self.began = id_tag, began
        self.transaction_id: int | None = None
        self.stop_reason: StopReason | None = None
        self.ended = trio.Event()
        self._pause: trio.CancelScope | None = None

    def settle(self, confirmation: StartTransactionConfirmation) -> None:
        """Takes the answer to the start; a refusal ends the transaction (StopTransactionOnInvalidId)."""
        self.transaction_id = confirmation.transaction_id
        if confirmation.id_tag_info.status != "Accepted":
            self.stop("DeAuthorized")

    def give_up(self) -> None:
        """Takes that the start found no good answer: what follows is sent with -1, as chargers do (Q64)."""
        self.transaction_id = -1

    def stop(self, reason: StopReason) -> None:
        """Asks the session to end; the first reason counts."""
        if self.stop_reason is None:
            self.stop_reason = reason
        self.wake()

    def wake(self) -> None:
        """Lets the session look again at what it does."""
        if self._pause is not None:
            self._pause.cancel()

    async def pause(self, clock: Clock, seconds: float) -> None:
        """Waits so many simulated seconds, or until somebody wakes it: at its end, or for another limit."""
        with trio.CancelScope() as self._pause:
            if self.stop_reason is None:
                await clock.sleep(seconds)
        self._pause = None


class Connector:
    """One connector, or the charge point itself as connector 0 (OCPP 1.6 §4.9)."""

    def __init__(self, connector_id: int, *, seed: str, register_wh: float) -> None:
        self.connector_id = connector_id
        self.status: Status = "Available"
        self.error_code: ChargePointErrorCode = "NoError"
        self.operative = True
        self.scheduled: bool | None = None
        """What ChangeAvailability asked for while a transaction ran; done when it ends."""
        self.transaction: Transaction | None = None
        self.reservation: Reservation | None = None
        self._seed = seed
        self._register_wh = register_wh
        self._curve: ChargingCurve | None = None
        self._began: datetime | None = None
        self._most_a = 0.0
        self._paused_soc: float | None = None
        """The car's charge while nothing is offered to it; None: no car, or it is offered something."""

    @property
    def free(self) -> bool:
        """Whether anybody's car can begin to charge here."""
        return self.operative and self.status == "Available"

    def free_for(self, id_tag: str) -> bool:
        """Whether somebody's car can begin to charge here: nobody else has reserved it."""
        reserved = self.reservation is not None and self.reservation.id_tag.casefold() == id_tag.casefold()
        return self.free or (self.operative and self.status == "Reserved" and reserved)

    def begin(self, curve: ChargingCurve, now: datetime) -> None:
        """Lets the car draw."""
        self._curve, self._began, self._most_a = curve, now, curve.offered_a

    def end(self, now: datetime) -> None:
        """Opens the contactor; the register keeps what it has."""
        self._register_wh = self.register_wh(now)
        self._curve = self._began = self._paused_soc = None

    def offer(self, current_a: float, now: datetime) -> None:
        """Offers the car so many amperes a phase from now on; too few are none."""
        curve, began = self._curve, self._began
        current_a = min(current_a, self._most_a)
        paused = current_a < LEAST_CURRENT_A
        if curve is None or began is None or self.full_at(now) == now:
            return
        if paused == self.paused and (paused or current_a == curve.offered_a):
            return
        soc = curve.soc((now - began).total_seconds()) if self._paused_soc is None else self._paused_soc
        self._register_wh = self.register_wh(now)
        self._paused_soc = soc if paused else None
        if not paused:
            curve = msgspec.structs.replace(curve, soc_start=min(soc, 99.0), offered_a=current_a)
        self._curve, self._began = curve, now

    @property
    def phases(self) -> int:
        """How many phases the car here uses; those of the charger, where there is none."""
        return 3 if self._curve is None else self._curve.car.phases

    @property
    def paused(self) -> bool:
        """Whether a car is there that is offered nothing."""
        return self._paused_soc is not None

    def full_at(self, now: datetime) -> datetime | None:
        """When the car will be full, or now if it is; None: not as things stand."""
        if self._curve is None or self._began is None or self.paused:
            return None
        return max(now, self._began + timedelta(seconds=self._curve.full_after_s))

    def power_w(self, now: datetime) -> float:
        """What the car draws; a hundredth of the cost of a whole reading."""
        if self._curve is None or self._began is None or self.paused:
            return 0.0
        return self._curve.power_w((now - self._began).total_seconds())

    def register_wh(self, now: datetime) -> float:
        """What the meter has counted."""
        if self._curve is None or self._began is None or self.paused:
            return self._register_wh
        return self._register_wh + self._curve.energy_wh((now - self._began).total_seconds())

    def reading(self, now: datetime) -> Reading:
        """What meter and car say; without a car there is voltage and the register, and no state of charge."""
        if self._curve is None or self._began is None or self.paused:
            volts = [voltage_v(now.timestamp(), phase, 0.0, seed=self._seed) for phase in range(3)]
            return Reading(
                self._register_wh,
                0.0,
                (0.0, 0.0, 0.0),
                (volts[0], volts[1], volts[2]),
                0.0,
                self._paused_soc,
                air_c(now),
            )
        seconds = (now - self._began).total_seconds()
        return self._curve.reading(seconds, register_start_wh=self._register_wh, seed=self._seed, air_c=air_c(now))
