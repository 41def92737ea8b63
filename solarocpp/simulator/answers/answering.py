"""What the answers of all profiles are made of: a table of functions, by the request they answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from solarocpp.simulator.link import Reply

if TYPE_CHECKING:
    from solarocpp.simulator.charge_point import ChargePoint

Answers = Mapping[type, Callable[["ChargePoint", Any], Reply]]
"""Each row's function takes the request type it stands beside; the table is what pairs them."""
