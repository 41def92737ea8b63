"""What one connector of a charge point knows: its state, its meter, the transaction that runs there."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import trio

from solarocpp.ocpp.messages import ChargePointErrorCode, StartTransactionConfirmation
from solarocpp.simulator.charging import ChargingCurve, Reading, air_c, voltage_v
from solarocpp.simulator.clock import Clock

Status = Literal["Available", "Preparing", "Charging", "SuspendedEV", "Finishing", "Faulted", "Unavailable"]
StopReason = Literal["Local", "Remote", "SoftReset", "HardReset", "UnlockCommand", "DeAuthorized", "Other"]


class Transaction:
    """One transaction: shared by the session that makes its messages, and the backlog that delivers them."""

    def __init__(self, id_tag: str) -> None:
        self.id_tag = id_tag
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
        if self._pause is not None:
            self._pause.cancel()

    async def pause(self, clock: Clock, seconds: float) -> None:
        """Waits so many simulated seconds, or until the transaction is to end."""
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
        self._seed = seed
        self._register_wh = register_wh
        self._curve: ChargingCurve | None = None
        self._began: datetime | None = None

    @property
    def free(self) -> bool:
        """Whether a car can begin to charge here."""
        return self.operative and self.status == "Available"

    def begin(self, curve: ChargingCurve, now: datetime) -> None:
        """Lets the car draw."""
        self._curve, self._began = curve, now

    def end(self, now: datetime) -> None:
        """Opens the contactor; the register keeps what it has."""
        self._register_wh = self.register_wh(now)
        self._curve = self._began = None

    def power_w(self, now: datetime) -> float:
        """What the car draws; a hundredth of the cost of a whole reading."""
        if self._curve is None or self._began is None:
            return 0.0
        return self._curve.power_w((now - self._began).total_seconds())

    def register_wh(self, now: datetime) -> float:
        """What the meter has counted."""
        if self._curve is None or self._began is None:
            return self._register_wh
        return self._register_wh + self._curve.energy_wh((now - self._began).total_seconds())

    def reading(self, now: datetime) -> Reading:
        """What meter and car say; without a car there is voltage and the register, and no state of charge."""
        if self._curve is None or self._began is None:
            volts = [voltage_v(now.timestamp(), phase, 0.0, seed=self._seed) for phase in range(3)]
            return Reading(
                self._register_wh, 0.0, (0.0, 0.0, 0.0), (volts[0], volts[1], volts[2]), 0.0, None, air_c(now)
            )
        seconds = (now - self._began).total_seconds()
        return self._curve.reading(seconds, register_start_wh=self._register_wh, seed=self._seed, air_c=air_c(now))
