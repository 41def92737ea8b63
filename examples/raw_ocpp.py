"""Sends OCPP by hand, with the `ocpp` package: what a charger says, and what it is told.

Run: solarocpp charger add CP001 && solarocpp credential add depot     # prints the password
     python examples/raw_ocpp.py ws://127.0.0.1:9000/ocpp/j/v16 CP001 depot PASSWORD

Needs `pip install ocpp websockets`. Every frame is printed; `solarocpp datums` shows what became of them.
"""

from __future__ import annotations

import asyncio
import base64
import sys

import websockets
from ocpp.v16 import ChargePoint, call

from solarocpp.app import utc_now


class PrintedLink:
    """A WebSocket that shows what passes."""

    def __init__(self, link: websockets.ClientConnection) -> None:
        self.link = link

    async def recv(self) -> str:
        """Waits for a frame, and shows it."""
        text = str(await self.link.recv())
        print("<", text)
        return text

    async def send(self, text: str) -> None:
        """Shows a frame, and sends it."""
        print(">", text)
        await self.link.send(text)


def now() -> str:
    """The time as OCPP wants it."""
    return utc_now().isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def main(url: str, identity: str, username: str, password: str) -> None:
    """Boots, tells a state, sends one reading and one mistake."""
    basic = base64.b64encode(f"{username}:{password}".encode()).decode()
    async with websockets.connect(
        f"{url}/{identity}",
        subprotocols=[websockets.Subprotocol("ocpp1.6")],
        additional_headers={"Authorization": f"Basic {basic}"},
    ) as link:
        charge_point = ChargePoint(identity, PrintedLink(link))
        listening = asyncio.create_task(charge_point.start())
        await charge_point.call(call.BootNotification(charge_point_vendor="Me", charge_point_model="By hand"))
        await charge_point.call(call.StatusNotification(connector_id=1, error_code="NoError", status="Available"))

        # A reading outside any transaction; measurand, unit and context are left to OCPP's defaults.
        sample = {"timestamp": now(), "sampledValue": [{"value": "1234"}]}
        await charge_point.call(call.MeterValues(connector_id=1, meter_value=[sample]))

        # And something no central system can understand: it says so, and what was wrong.
        await link.send('[2,"by-hand","MeterValues",{"connectorId":"one"}]')
        await asyncio.sleep(0.2)
        listening.cancel()


asyncio.run(main(*sys.argv[1:]))
