"""One charge session at one connector, message by message, in simulated time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import trio

from solarocpp.ocpp import messages as ocpp
from solarocpp.ocpp.datatypes import MeterValue
from solarocpp.simulator.backlog import Delivery
from solarocpp.simulator.charging import ChargingCurve
from solarocpp.simulator.connector import Connector, Status, Transaction
from solarocpp.simulator.link import CALL_DEADLINE_S
from solarocpp.simulator.quirks import REGISTER
from solarocpp.simulator.sampling import sampled_values

if TYPE_CHECKING:
    from solarocpp.simulator.charge_point import ChargePoint


class Session:
    """Preparing, StartTransaction, Charging, MeterValues in periods, Finishing, StopTransaction, Available.

    Its messages to a transaction go through the backlog and keep their order and times; states are told
    only while there is a link, as the specification leaves it to the charge point.
    """

    def __init__(self, charge_point: ChargePoint, connector: Connector, id_tag: str, curve: ChargingCurve) -> None:
        self._charge_point, self._connector, self._curve = charge_point, connector, curve
        self._clock, self._configuration = charge_point.clock, charge_point.configuration
        self._transaction = Transaction(id_tag, self._clock.now())
        self._reservation = connector.reservation

    async def run(self, stays_s: float) -> Transaction:
        """Runs the session; it ends after `stays_s` simulated seconds, or when it is told to."""
        connector, transaction = self._connector, self._transaction
        connector.transaction, connector.reservation = transaction, None
        self._charge_point.share_limit()
        try:
            await self._show("Preparing")
            leaves = self._clock.now() + timedelta(seconds=stays_s)
            begin = self._meter_value("StopTxnSampledData", "Transaction.Begin")
            await self._delivered(self._start())
            if transaction.stop_reason is None:
                connector.begin(self._curve, self._clock.now())
                await self._sample_until(leaves)
                connector.end(self._clock.now())
            await self._show("Finishing")
            await self._delivered(self._stop(begin))
        finally:
            connector.transaction = None
            transaction.ended.set()
            self._charge_point.limits.end_transaction(connector.connector_id)
            self._charge_point.share_limit()
        connector.status = "Available"
        if connector.scheduled is None:
            await self._show("Available")
        else:
            self._charge_point.orders.apply_availability(connector)
        return transaction

    async def _show(self, status: Status) -> None:
        self._connector.status = status
        await self._charge_point.tell_status(self._connector)

    def _start(self) -> Delivery:
        now = self._clock.now()
        request = ocpp.StartTransactionRequest(
            connector_id=self._connector.connector_id,
            id_tag=self._transaction.id_tag,
            meter_start=self._register_wh(now),
            timestamp=now,
            reservation_id=None if self._reservation is None else self._reservation.reservation_id,
        )
        return self._charge_point.backlog.put(request, self._transaction)

    async def _delivered(self, delivery: Delivery) -> None:
        """Waits for the answer where one can come; without a link the session goes on by itself."""
        if not self._charge_point.online:
            return
        with trio.move_on_after(CALL_DEADLINE_S):
            await delivery.wait()

    async def _sample_until(self, leaves_at: datetime) -> None:
        clock, transaction, connector = self._clock, self._transaction, self._connector
        limits, number = self._charge_point.limits, connector.connector_id
        sample_at = began = clock.now()
        while transaction.stop_reason is None and (now := clock.now()) < leaves_at:
            interval_s = self._configuration.integer("MeterValueSampleInterval")
            connector.offer(limits.current_a(number, now, connector.phases), now)
            full_at = connector.full_at(now)
            await self._show_if_new(
                "SuspendedEVSE" if connector.paused else "Charging" if full_at != now else "SuspendedEV"
            )
            if now >= sample_at and interval_s:
                if sample_at > began:
                    self._put_sample()
                sample_at += timedelta(seconds=interval_s) * (1 + (now - sample_at) // timedelta(seconds=interval_s))
            events = [limits.next_change(number, now, leaves_at)]
            events += [at for at in (full_at, sample_at if interval_s else None) if at is not None and at > now]
            await transaction.pause(clock, (min(events) - now).total_seconds())

    async def _show_if_new(self, status: Status) -> None:
        if self._connector.status != status:
            await self._show(status)

    def _put_sample(self) -> None:
        meter_value = self._meter_value("MeterValuesSampledData", "Sample.Periodic")
        if not meter_value.sampled_value:
            return
        request = ocpp.MeterValuesRequest(
            connector_id=self._connector.connector_id,
            transaction_id=self._transaction.transaction_id,
            meter_value=(meter_value,),
        )
        self._charge_point.backlog.put(request, self._transaction)

    def _register_wh(self, now: datetime) -> int:
        """What the charge point says of its register at the begin and end of a transaction: a whole number."""
        true_wh, meter = self._connector.register_wh(now), self._charge_point.meter
        return round(true_wh if meter is None else float(meter(true_wh, now, False)))

    def _meter_value(self, key: str, context: str) -> MeterValue:
        return meter_value(self._charge_point, self._connector, key, context)

    def _stop(self, begin: MeterValue) -> Delivery:
        now = self._clock.now()
        transaction = self._transaction
        data = (begin, self._meter_value("StopTxnSampledData", "Transaction.End"))
        reason = transaction.stop_reason or "Local"
        request = ocpp.StopTransactionRequest(
            transaction_id=transaction.transaction_id or 0,  # 0 stands until the backlog knows better
            id_tag=transaction.id_tag if reason == "Local" else None,
            timestamp=now,
            meter_stop=self._register_wh(now),
            reason=reason,
            transaction_data=tuple(meter_value for meter_value in data if meter_value.sampled_value),
        )
        return self._charge_point.backlog.put(request, transaction)


def meter_value(charge_point: ChargePoint, connector: Connector, key: str, context: str) -> MeterValue:
    """What the charge point says of its meter now: the measurands that a configuration key lists."""
    now = charge_point.clock.now()
    samples = sampled_values(connector.reading(now), charge_point.configuration.measurands(key), context)
    if charge_point.meter is not None:
        text = charge_point.meter(connector.register_wh(now), now, context == "Sample.Periodic")
        samples = tuple(
            msgspec.structs.replace(sample, value=text) if sample.measurand == REGISTER else sample
            for sample in samples
        )
    return MeterValue(timestamp=now, sampled_value=samples)
