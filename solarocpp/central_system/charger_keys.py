"""What becomes of a charger's new key, by what was said when it was told (security whitepaper, A01). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from solarocpp.central_system.instructions import Instruction, Order
from solarocpp.errors import RegistryError
from solarocpp.ocpp.messages import ChangeConfigurationRequest
from solarocpp.registry import KeyStatus

KEY: Final = "AuthorizationKey"


def refuse_own_key(order: Order, identifier: str) -> None:
    """Refuses what would lock a charger out: to set the key that it logs in with, past what knows it here.

    Raises:
        RegistryError: it would; its text has no secret.
    """
    told = order.message
    if isinstance(told, ChangeConfigurationRequest) and told.key.strip().casefold() == KEY.casefold():
        text = (
            f"{KEY} is what {identifier} logs in with; it gets another, and is not locked out, with: "
            f"solarocpp charger rotate-key {identifier}"
        )
        raise RegistryError("instruction", KEY, text)


NO_EFFECT_S: Final = 180.0
"""A charger that takes a key drops its link and dials again with it (A01); one with a Linux inside that restarts for
that needs two minutes."""

REFUSED: Final = "refused"

_VERDICTS: Final[Mapping[str, KeyStatus | Literal["refused"]]] = MappingProxyType(
    {
        "Accepted": "accepted",
        "RebootRequired": "rebootRequired",
        "Rejected": REFUSED,
        "NotSupported": REFUSED,
    }
)


def verdict_on_key(instruction: Instruction) -> KeyStatus | Literal["refused"]:
    """Tells what an instruction that has ended means for the key that it told.

    Only a charger's own `Rejected` or `NotSupported` says that it does not have the key. A CALLERROR, silence, a link
    that ended, an order that expired after it was perhaps sent: it may come with either, so both stay right.
    """
    if instruction.state != "completed" or instruction.result is None:
        return "unknown"
    return _VERDICTS.get(str(msgspec.json.decode(instruction.result).get("status")), "unknown")
