"""What every link needs, in one value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from solarocpp.central_system import CentralSystem
from solarocpp.config import Config
from solarocpp.gateway.roster import Roster
from solarocpp.registry import Registry
from solarocpp.store import Store


class Services(msgspec.Struct, frozen=True):
    """What every link needs; made once by `app`."""

    config: Config
    store: Store
    registry: Registry
    central: CentralSystem
    roster: Roster
    clock: Callable[[], datetime]
    """Our time, aware UTC."""
