"""What a handler is: two pure steps, and what each of them may look at.

`decide` finds the answer; it runs once, when the message arrives, and may ask the registry. `observe`
tells what the message and its answer change, as effects; it runs again when the ledger is replayed,
so it sees only what the ledger row says and the sessions as they were. The types say so: a `Scene`
has no registry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

import msgspec

from solarocpp.central_system.transactions import Transactions
from solarocpp.ocpp.messages import OcppMessage
from solarocpp.registry.memory import RegistryMemory
from solarocpp.store.effects import Effect, EventHappened
from solarocpp.store.ledger import ChargerFacts

Request = TypeVar("Request", bound=OcppMessage)
Confirmation = TypeVar("Confirmation", bound=OcppMessage)


class Scene(msgspec.Struct, frozen=True, gc=False):
    """What is known while a message is observed, live or in a replay."""

    charger: ChargerFacts
    received: datetime
    transactions: Transactions

    def event(self, name: str, message: str, **data: str | float | bool | None) -> EventHappened:
        """Makes an event about this charger, to be looked up later."""
        charger = self.charger
        return EventHappened(self.received, name, charger.identifier, message, data, charger.account_id)


MaySign = Callable[[ChargerFacts, str], bool]
"""Says whether a charger's certificate request (PEM) will be signed; it is asked in the reader, so it never waits."""


def nobody_signs(_charger: ChargerFacts, _csr: str) -> bool:
    """Refuses every certificate request: no signing is set up."""
    return False


class Context(Scene, frozen=True, gc=False):
    """What is known while an answer is decided."""

    registry: RegistryMemory
    boot_interval_s: int
    may_sign: MaySign = nobody_signs


class Handler(NamedTuple, Generic[Request, Confirmation]):
    """How one kind of message is answered, and what it changes."""

    decide: Callable[[Request, Context], Confirmation]
    observe: Callable[[Request, Confirmation, Scene], Sequence[Effect]]
    from_memory: bool = False
    """Answered at once, without waiting for the disk: nothing is lost if it is never recorded."""


def nothing_observed(_request: OcppMessage, _confirmation: OcppMessage, _scene: Scene) -> Sequence[Effect]:
    """Observes messages that change no table; the ledger has them."""
    return ()
