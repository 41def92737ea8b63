"""What the delivery needs of the links; the gateway's roster has it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from solarocpp.ocpp.messages import OcppMessage
from solarocpp.store.effects import Effect


class Presence(Protocol):
    """A charger that is connected."""

    @property
    def link(self) -> object:
        """Stands for the link; another one for each."""

    @property
    def since(self) -> float:
        """When it was opened, on Trio's clock."""

    @property
    def ready(self) -> bool:
        """Whether it has booted on this link, or talks of other things than that."""

    @property
    def boots(self) -> int:
        """How often it has booted on this link."""


class Links(Protocol):
    """The links of all chargers."""

    on_presence: list[Callable[[int], None]]
    """Called with the charger when its link is opened, becomes ready, boots again, or is gone."""
    on_effects: list[Callable[[int, Sequence[Effect]], None]]
    """Called with the charger and what a message of it changed."""

    def presence(self, charger_id: int) -> Presence | None:
        """Tells whether a charger is connected, and how far it is."""

    async def call(self, charger_id: int, request: OcppMessage, deadline_s: float | None = None) -> OcppMessage:
        """Sends one OCPP message to a charger and returns its answer.

        Raises:
            CallFailed: it has no good answer.
        """
