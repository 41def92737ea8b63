"""What becomes of a charger's new key, by what was said when it was told (security whitepaper, A01). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from solarocpp.central_system.instructions import Instruction
from solarocpp.registry import KeyStatus

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
