"""A charge point made of `ocpp` and `websockets` that keeps what it is told: its key and its charging profiles.

    python ocpp_kept.py URL USERNAME PASSWORD

A new AuthorizationKey makes it drop its link and dial again with that (security whitepaper, A01); it dials again
whenever its link ends, until it is killed.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from typing import Any

import websockets
from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call, call_result


class Keeping(ChargePoint):
    """One link; what is kept outlives it."""

    password = ""
    profiles: dict[int, dict[str, Any]] = {}  # noqa: RUF012 of the charge point, not of the link

    @on("ChangeConfiguration")
    def set_key(self, key: str, value: str) -> Any:
        if key != "AuthorizationKey":
            return call_result.ChangeConfiguration("NotSupported")
        Keeping.password = value
        return call_result.ChangeConfiguration("Accepted")

    @after("ChangeConfiguration")
    async def dial_again(self, key: str, **_: Any) -> None:
        if key == "AuthorizationKey":
            await self._connection.close()

    @on("SetChargingProfile")
    def keep_profile(self, cs_charging_profiles: dict[str, Any], **_: Any) -> Any:
        Keeping.profiles[cs_charging_profiles["charging_profile_id"]] = cs_charging_profiles
        return call_result.SetChargingProfile("Accepted")

    @on("ClearChargingProfile")
    def clear_profile(self, id: int, **_: Any) -> Any:  # noqa: A002 the field is called so
        found = Keeping.profiles.pop(id, None)
        return call_result.ClearChargingProfile("Unknown" if found is None else "Accepted")

    @on("GetCompositeSchedule")
    def tell_schedule(self, connector_id: int, duration: int, charging_rate_unit: str, **_: Any) -> Any:
        """Knows flat profiles only, which is what limits are."""
        if not Keeping.profiles:
            return call_result.GetCompositeSchedule("Rejected")
        schedules = [profile["charging_schedule"] for profile in Keeping.profiles.values()]
        least = float(min(schedule["charging_schedule_period"][0]["limit"] for schedule in schedules))
        schedule = {
            "duration": duration,
            "charging_rate_unit": charging_rate_unit,
            "charging_schedule_period": [{"start_period": 0, "limit": least}],
        }
        return call_result.GetCompositeSchedule("Accepted", connector_id, charging_schedule=schedule)


async def main(url: str, username: str, password: str) -> None:
    Keeping.password = password
    while True:
        shown = base64.b64encode(f"{username}:{Keeping.password}".encode()).decode()
        headers = {"Authorization": f"Basic {shown}"}
        try:
            async with websockets.connect(url, subprotocols=["ocpp1.6"], additional_headers=headers) as ws:
                charge_point = Keeping("tested", ws)
                listening = asyncio.create_task(charge_point.start())
                await charge_point.call(call.BootNotification(charge_point_model="One", charge_point_vendor="ACME"))
                await listening
        except (OSError, websockets.exceptions.WebSocketException):
            await asyncio.sleep(0.2)


asyncio.run(main(*sys.argv[1:]))
