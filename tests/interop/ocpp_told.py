"""A charge point made of `ocpp` and `websockets` that answers every action as orders.json says, until it is killed.

    python ocpp_told.py URL USERNAME PASSWORD

Both what it hears and what it answers is checked against the official schemas.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import websockets
from ocpp.charge_point import camel_to_snake_case
from ocpp.routing import on
from ocpp.v16 import ChargePoint as OcppChargePoint
from ocpp.v16 import call, call_result

ORDERS = json.loads((Path(__file__).parent / "orders.json").read_text())


def answering(action: str) -> Callable[..., Any]:
    answer = getattr(call_result, action)(**camel_to_snake_case(ORDERS[action][1]))

    def answer_order(_self: OcppChargePoint, **_: Any) -> Any:
        return answer

    answer_order.__name__ = f"on_{action}"  # by which `on` remembers it
    return on(action)(answer_order)


ChargePoint = type("ChargePoint", (OcppChargePoint,), {f"on_{action}": answering(action) for action in ORDERS})


async def main(url: str, username: str, password: str) -> None:
    headers = {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}
    async with websockets.connect(url, subprotocols=["ocpp1.6"], additional_headers=headers) as ws:
        charge_point = ChargePoint("tested", ws)
        listening = asyncio.create_task(charge_point.start())
        await charge_point.call(call.BootNotification(charge_point_model="One", charge_point_vendor="ACME"))
        await listening


asyncio.run(main(*sys.argv[1:]))
