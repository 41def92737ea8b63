"""Boots a charge point made of `ocpp` and `websockets` at each URL, and prints what it was told.

python ocpp_boots.py '[["ws://.../IDENTITY", "USERNAME or null", "PASSWORD or null"], ...]'
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys

import websockets
from ocpp.v16 import ChargePoint, call


async def boot(url: str, username: str | None, password: str | None) -> list[str]:
    headers = {}
    if username is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
    async with websockets.connect(url, subprotocols=["ocpp1.6"], additional_headers=headers) as ws:
        charge_point = ChargePoint("tested", ws)
        listening = asyncio.create_task(charge_point.start())
        told = await charge_point.call(call.BootNotification(charge_point_model="One", charge_point_vendor="ACME"))
        listening.cancel()
        return [str(ws.subprotocol), str(told.status.value if hasattr(told.status, "value") else told.status)]


async def main() -> None:
    print(json.dumps([await boot(*way) for way in json.loads(sys.argv[1])]))


asyncio.run(main())
