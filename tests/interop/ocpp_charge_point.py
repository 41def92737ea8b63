"""A charge point made of `ocpp` and `websockets`: one whole session, then it prints what it was told.

    python ocpp_charge_point.py URL IDENTITY USERNAME PASSWORD CA_FILE

A process of its own, because it lives on asyncio.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import sys
from typing import Any

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint as OcppChargePoint
from ocpp.v16 import call, call_result
from ocpp.v16.datatypes import KeyValue, MeterValue, SampledValue
from ocpp.v16.enums import Action

DAY = "2026-03-01T"


class ChargePoint(OcppChargePoint):
    @on(Action.get_configuration)
    def on_get_configuration(self, **_: Any) -> call_result.GetConfiguration:
        number = KeyValue(key="NumberOfConnectors", readonly=True, value="1")
        return call_result.GetConfiguration(configuration_key=[number], unknown_key=[])


def sample(measurand: str, value: str, unit: str, phase: str | None = None, context: str | None = None) -> SampledValue:
    return SampledValue(value=value, context=context, measurand=measurand, phase=phase, unit=unit)


def readings(time: str, energy: str, watts: str, amperes: list[str], volts: list[str]) -> MeterValue:
    """Eight readings: energy and power without phase, current and voltage of each phase."""
    samples = [
        sample("Energy.Active.Import.Register", energy, "kWh"),
        sample("Power.Active.Import", watts, "W"),
        *(
            sample("Current.Import", value, "A", phase)
            for phase, value in zip(["L1", "L2", "L3"], amperes, strict=True)
        ),
        *(sample("Voltage", value, "V", phase) for phase, value in zip(["L1-N", "L2-N", "L3-N"], volts, strict=True)),
    ]
    return MeterValue(timestamp=DAY + time, sampled_value=samples)


def register(time: str, energy: str, context: str) -> MeterValue:
    samples = [sample("Energy.Active.Import.Register", energy, "Wh", context=context)]
    return MeterValue(timestamp=DAY + time, sampled_value=samples)


async def charge(charge_point: ChargePoint) -> dict[str, Any]:
    async def status(time: str, connector_id: int, state: str) -> None:
        await charge_point.call(
            call.StatusNotification(
                connector_id=connector_id, error_code="NoError", status=state, timestamp=DAY + time
            ),
            suppress=False,
        )

    boot = await charge_point.call(
        call.BootNotification(charge_point_vendor="ACME", charge_point_model="One"), suppress=False
    )
    await status("10:00:00Z", 0, "Available")
    await status("10:00:00Z", 1, "Available")
    authorize = await charge_point.call(call.Authorize(id_tag="TAG-A"), suppress=False)
    await status("10:00:05Z", 1, "Preparing")
    start = await charge_point.call(
        call.StartTransaction(connector_id=1, id_tag="TAG-A", meter_start=1000, timestamp=DAY + "10:00:10Z"),
        suppress=False,
    )
    number = start.transaction_id
    await status("10:00:11Z", 1, "Charging")
    for meter_value in (
        readings("10:01:10Z", "1.115", "6900", ["10", "10.1", "9.9"], ["230", "231.5", "229"]),
        readings("10:02:10Z", "1.2301", "6906.5", ["10.01", "10", "10"], ["230.1", "230.2", "230.3"]),
        readings("10:03:10Z", "1.345", "6900", ["10", "10", "10"], ["230", "230", "230"]),
    ):
        await charge_point.call(
            call.MeterValues(connector_id=1, transaction_id=number, meter_value=[meter_value]), suppress=False
        )
    await status("10:04:09Z", 1, "Finishing")
    stop = await charge_point.call(
        call.StopTransaction(
            transaction_id=number,
            id_tag="TAG-A",
            meter_stop=1460,
            timestamp=DAY + "10:04:10Z",
            reason="Local",
            transaction_data=[
                register("10:00:10Z", "1000", "Transaction.Begin"),
                register("10:03:40Z", "1403", "Sample.Periodic"),
                register("10:04:10Z", "1460", "Transaction.End"),
            ],
        ),
        suppress=False,
    )
    await status("10:04:12Z", 1, "Available")
    return {
        "boot": boot.status,
        "authorize": authorize.id_tag_info["status"],
        "start": start.id_tag_info["status"],
        "transactionId": number,
        "stop": stop.id_tag_info["status"],
    }


async def main(url: str, identity: str, username: str, password: str, ca_file: str) -> None:
    basic = base64.b64encode(f"{username}:{password}".encode()).decode()
    async with websockets.connect(
        f"{url}/{identity}",
        subprotocols=[websockets.Subprotocol("ocpp1.6")],
        additional_headers={"Authorization": f"Basic {basic}"},
        ssl=ssl.create_default_context(cafile=ca_file),
    ) as connection:
        charge_point = ChargePoint(identity, connection)
        listening = asyncio.create_task(charge_point.start())
        told = await charge(charge_point)
        listening.cancel()
    print(json.dumps({**told, "subprotocol": connection.subprotocol}))


asyncio.run(main(*sys.argv[1:]))
