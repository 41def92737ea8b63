"""A charge point made of `ocpp` and `websockets` that answers everything a central system may ask.

python ocpp_answers.py ws://HOST:PORT/ocpp/j/v16/IDENTITY USERNAME PASSWORD

Both directions are checked by the schemas that come with `ocpp`: what breaks one is answered CALLERROR. It
ends with the connection, and prints how often it was asked what.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import sys
from collections import Counter
from typing import Any

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint as OcppChargePoint
from ocpp.v16 import call, call_result

ACCEPTED = {"status": "Accepted"}
SCHEDULE = {"charging_rate_unit": "A", "charging_schedule_period": [{"start_period": 0, "limit": 16}]}
HASHES = {"hash_algorithm": "SHA256", "issuer_name_hash": "aa", "issuer_key_hash": "bb", "serial_number": "1f"}

ANSWERS: dict[str, dict[str, Any]] = {
    "CancelReservation": ACCEPTED,
    "CertificateSigned": ACCEPTED,
    "ChangeAvailability": {"status": "Scheduled"},
    "ChangeConfiguration": {"status": "RebootRequired"},
    "ClearCache": ACCEPTED,
    "ClearChargingProfile": {"status": "Unknown"},
    "DataTransfer": {"status": "Accepted", "data": "done"},
    "DeleteCertificate": {"status": "NotFound"},
    "ExtendedTriggerMessage": {"status": "NotImplemented"},
    "GetCompositeSchedule": {**ACCEPTED, "connector_id": 1, "charging_schedule": SCHEDULE},
    "GetConfiguration": {"configuration_key": [{"key": "k", "readonly": True}], "unknown_key": ["u"]},
    "GetDiagnostics": {"file_name": "diagnostics.zip"},
    "GetInstalledCertificateIds": {**ACCEPTED, "certificate_hash_data": [HASHES]},
    "GetLocalListVersion": {"list_version": 4},
    "GetLog": {"status": "AcceptedCanceled", "filename": "log.zip"},
    "InstallCertificate": {"status": "Failed"},
    "RemoteStartTransaction": {"status": "Rejected"},
    "RemoteStopTransaction": ACCEPTED,
    "ReserveNow": {"status": "Occupied"},
    "Reset": ACCEPTED,
    "SendLocalList": {"status": "VersionMismatch"},
    "SetChargingProfile": {"status": "NotSupported"},
    "SignedUpdateFirmware": {"status": "InvalidCertificate"},
    "TriggerMessage": ACCEPTED,
    "UnlockConnector": {"status": "Unlocked"},
    "UpdateFirmware": {},
}

asked: Counter[str] = Counter()


def answering(action: str) -> Any:
    def answer(self: object, **_: Any) -> Any:
        asked[action] += 1
        return getattr(call_result, action)(**ANSWERS[action])

    answer.__name__ = f"on_{action}"  # the library finds handlers by their names
    return on(action)(answer)


ChargePoint = type("ChargePoint", (OcppChargePoint,), {f"on_{action}": answering(action) for action in ANSWERS})


async def main(url: str, username: str, password: str) -> None:
    basic = base64.b64encode(f"{username}:{password}".encode()).decode()
    async with websockets.connect(
        url,
        subprotocols=[websockets.Subprotocol("ocpp1.6")],
        additional_headers={"Authorization": f"Basic {basic}"},
    ) as connection:
        charge_point = ChargePoint("CP001", connection)
        listening = asyncio.create_task(charge_point.start())
        await charge_point.call(
            call.BootNotification(charge_point_model="One", charge_point_vendor="ACME"), suppress=False
        )
        with contextlib.suppress(websockets.ConnectionClosed):
            await listening
    print(json.dumps(asked))


asyncio.run(main(*sys.argv[1:]))
