"""From where instructions go out: what is wanted is taken in, and what was not sent yet is taken back (spec 7.2).

What cannot be told to a charger is an instruction, too: Declined, with the reason as its error, and kept as long as
any other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from litestar.di import NamedDependency

from solarocpp.central_system.charger_keys import refuse_own_key
from solarocpp.central_system.instructions import Instruction, Order, flaw_of, read_order, sendable_actions
from solarocpp.errors import RegistryError
from solarocpp.registry import Charger, Registry
from solarocpp.store import Store
from solarocpp.store.instructions import select_instructions
from solarocpp.web.access import Caller
from solarocpp.web.instructions import MAX_LIMIT, Queue
from solarocpp.web.management import Clock
from solarocpp.web.solaruser.faults import Refused, illegal, not_found, own_charger, read_number
from solarocpp.web.solaruser.wanted import Wanted, identifier_of, text_of

# Spec 7.2, word for word: programs look for them.
NO_CHARGER: Final = "ChargePoint not specified or not available."
NO_ACTION: Final = "OCPP action parameter missing."
UNREADABLE: Final = "Error decoding OCPP action message: "
REFUSED: Final = (NO_CHARGER, NO_ACTION, UNREADABLE)
"""How the error of an instruction begins that was Declined as it came."""

# Of what was refused, how much of a name is kept that nothing has.
_SHOWN: Final = 50


class Orders:
    """From where instructions go out, on behalf of whoever asks."""

    def __init__(self, store: Store, registry: Registry, queue: Queue, caller: Caller, clock: Clock) -> None:
        self.nodes = caller.own_nodes(registry)
        self.queue = queue
        self._store = store
        self._registry = registry
        self._caller = caller
        self._clock = clock

    def check_nodes(self, nodes: Collection[int]) -> None:
        """Makes sure that nodes are the caller's.

        Raises:
            Refused: 403, one is not.
        """
        if not set(nodes) <= set(self.nodes):
            raise Refused(403, "ACCESS_DENIED")

    async def find(self, **filters: Any) -> list[Instruction]:
        """Reads instructions of the caller's nodes, by number; of too many the newest."""
        filters = {"nodes": self.nodes, "limit": MAX_LIMIT, **filters}
        if not filters.get("states", True):  # for the store, no states are all of them
            return []
        account_id = self._caller.managed
        return await self._store.read(
            lambda con: select_instructions(con, Instruction, account_id=account_id, **filters)
        )

    async def tell(self, wanted: Wanted) -> list[Instruction]:
        """Takes in what is wanted, an instruction for each node.

        Raises:
            Refused: a node or a charger is not there, or the charger has too much to be told already.
        """
        self.check_nodes(wanted.nodes)
        charger = self._charger(wanted)
        try:
            return [await self._tell(wanted, node, charger) for node in wanted.nodes]
        except RegistryError as refused:
            raise Refused(422, str(refused)) from refused

    async def take_back(self, instructions: Sequence[Instruction]) -> None:
        """Declines what was not sent yet.

        Raises:
            Refused: 422, one is being executed by now, or has ended.
        """
        try:
            for instruction in instructions:
                await self.queue.cancel(instruction.instruction_id, requested_by=self._caller.who)
        except RegistryError as refused:
            raise illegal(f"{refused} What was not sent yet can be Declined.") from refused

    def _charger(self, wanted: Wanted) -> Charger | None:
        """Finds the charger that is named, if it is at one of the caller's nodes."""
        number = text_of(wanted.parameters.get("chargePointId", ""))
        if number.isascii() and number.isdecimal():
            charger = own_charger(self._registry, self._caller, read_number(number, "chargePointId"))
            if charger.node_id not in self.nodes:
                raise not_found()
            return charger
        named = self._registry.charger_by_identifier(identifier_of(wanted.parameters), self._caller.managed)
        return named if named is not None and named.node_id in self.nodes else None

    async def _tell(self, wanted: Wanted, node: int, charger: Charger | None) -> Instruction:
        verdict = _judge(wanted, node, charger)
        if charger is not None and isinstance(verdict, Order):
            return await self.queue.submit(
                verdict, action=wanted.action, charger=charger, requested_by=self._caller.who, expires=wanted.expires
            )
        now = self._clock()
        refused = Instruction(
            instruction_id=0,
            account_id=self._caller.managed,
            node_id=node,
            charger_id=0 if charger is None else charger.charger_id,
            identifier=identifier_of(wanted.parameters)[:_SHOWN] if charger is None else charger.identifier,
            action=wanted.action[:_SHOWN],
            payload="{}",  # nobody can tell which part of it is a secret
            state="declined",
            created=now,
            expires=now,
            status_date=now,
            error=str(verdict),
            requested_by=self._caller.who,
        )
        return await self.queue.refuse(refused)


async def provide_orders(
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    instructions: NamedDependency[Queue],
    caller: NamedDependency[Caller],
    clock: NamedDependency[Clock],
) -> Orders:
    """Makes that of one request."""
    return Orders(store, registry, instructions, caller, clock)


def _judge(wanted: Wanted, node: int, charger: Charger | None) -> Order | str:
    """Reads what a charger is to be told at a node, or says why it cannot be."""
    if charger is None:
        return NO_CHARGER
    if charger.node_id != node:
        return f"{NO_CHARGER} {charger.identifier} is at node {charger.node_id}."
    if not wanted.action:
        return NO_ACTION
    try:
        order = read_order(wanted.action, wanted.payload)
    except RegistryError as refused:
        if wanted.action not in sendable_actions():
            return f"{NO_ACTION} {refused}"
        return UNREADABLE + flaw_of(refused, wanted.payload)
    try:
        refuse_own_key(order, charger.identifier)
    except RegistryError as refused:
        return f"{UNREADABLE}{refused}"
    return order
