"""Makes a data directory with the past of a simulated site, as a server would have left it.

The charge points speak OCPP to the real handlers, and the real store records what they say: only the
sockets between them are left out, and `received` is simulated time. So a year takes about a minute, and
everything else, from the ledger to the sessions' totals, is what a year of serving would have made.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

import msgspec
import trio

from solarocpp.central_system import CONNECTOR_COUNT_KEY, CentralSystem, Transactions
from solarocpp.config import Config
from solarocpp.errors import ConfigError, ProtocolViolation, StoreError
from solarocpp.ocpp.decoding import decode_confirmation, decode_request, encode_payload
from solarocpp.ocpp.frames import Call, CallResult, format_call, format_error, format_result, parse_frame
from solarocpp.ocpp.messages import BootNotificationConfirmation, GetConfigurationRequest
from solarocpp.registry import Registry
from solarocpp.registry.entities import Charger, Node
from solarocpp.registry.orders import NewAuthorization, NewCharger
from solarocpp.simulator.direct import Ask, dial_directly
from solarocpp.simulator.link import Dial
from solarocpp.simulator.site import Site, SitePlan
from solarocpp.store import Exchange, Store, open_store
from solarocpp.store import registry as tables
from solarocpp.store.database import single_threaded
from solarocpp.store.effects import Effect
from solarocpp.store.registry import Connection
from solarocpp.store.schema import DATABASE

# Handed to the store together: one at a time, the writer's thread would wake for each of them.
_BATCH = 500

# Nobody asks the tables before the end, and a projection of 20,000 effects costs a third of ten of 2,000 (a batch
# has some 0.1 s of its own, most of it the totals of the sessions that ended in it).
_BULK = 20_000

# The simulation pauses when the store is so far behind, which bounds the memory: some 60 MB.
_MOST_WAITING = 3 * _BULK

# How long a message is under way, in seconds: a fixed line at best, a mobile network at worst.
_UNDER_WAY_S = (0.05, 0.4)


class Staging:
    """The central system of a staged site: the handlers, the store, and simulated time."""

    def __init__(self, store: Store, registry: Registry, central: CentralSystem, seed: int) -> None:
        self._store, self._registry, self._central = store, registry, central
        self._seed = seed
        self._held: list[tuple[Exchange, tuple[Effect, ...]]] = []
        self._refused = False
        self.clock: Callable[[], datetime]
        """Simulated time; set once the site is laid out."""

    def dial(self, identity: str) -> Dial:
        """How the charge point of that identity reaches this central system."""
        charger = self._registry.charger_by_identifier(identity)
        if charger is None:
            raise AssertionError(f"{identity} was not registered")
        charger_id = charger.charger_id
        # One for each: which of two chargers speaks first at the same moment is Trio's choice.
        under_way = Random(f"{self._seed}/{identity}/under way")  # noqa: S311 -- a delay, not a secret

        async def hear(text: bytes, ask: Ask) -> bytes:
            received = self.clock() + timedelta(seconds=under_way.uniform(*_UNDER_WAY_S))
            answer = self._hear(self._registry.charger(charger_id), text, ask, received)
            if len(self._held) >= _BATCH:
                await self._hand_over()
            return answer

        return dial_directly(hear)

    def _hear(self, charger: Charger, text: bytes, ask: Ask, received: datetime) -> bytes:
        """Answers one CALL as `gateway.connection` does, and keeps what is to be recorded."""
        call, _ = parse_frame(text)
        assert isinstance(call, Call)  # noqa: S101 -- it is our own simulator's
        facts = self._registry.facts(charger)
        try:
            request = decode_request(call.action, call.payload, sent_by="charge_point").message
            answer = self._central.answer(facts, request, received)
        except ProtocolViolation as violation:
            return format_error(call.unique_id, violation.code, violation.description, violation.details)
        frame = format_result(call.unique_id, encode_payload(answer.confirmation))
        if answer.effects or not answer.from_memory:
            exchange = Exchange(received, facts, "in", call.action, text.decode(), frame.decode())
            self._held.append((exchange, answer.effects))
        if isinstance(answer.confirmation, BootNotificationConfirmation) and charger.connector_count < 1:
            self._count_connectors(charger, ask, received)
        return frame

    def _count_connectors(self, charger: Charger, ask: Ask, received: datetime) -> None:
        """Asks what a server asks a charger it meets for the first time (spec 6.3)."""
        request = GetConfigurationRequest(key=(CONNECTOR_COUNT_KEY,))
        text = format_call("connectors", "GetConfiguration", encode_payload(request))
        frame = ask(text)
        answer, _ = parse_frame(frame)
        if isinstance(answer, CallResult):
            facts = self._registry.facts(charger)
            confirmation = decode_confirmation("GetConfiguration", answer.payload).message
            effects = self._central.learn(facts, request, confirmation, received)
            exchange = Exchange(received, facts, "out", "GetConfiguration", text.decode(), frame.decode())
            self._held.append((exchange, effects))

    async def _hand_over(self) -> None:
        for exchange, effects in self._held:
            self._store.record(exchange, effects, self._note_outcome)
        self._held.clear()
        statistics = self._store.statistics()
        if statistics.waiting + statistics.unprojected > _MOST_WAITING:
            await self._store.settle()
        if self._refused:
            raise StoreError(f"{self._store.directory} cannot be written: {self._store.statistics().failing}")

    def _note_outcome(self, committed: bool) -> None:  # noqa: FBT001 the store's callback
        self._refused = self._refused or not committed

    async def finish(self) -> None:
        """Waits until all is stored and in the tables."""
        await self._hand_over()
        await self._store.settle()
        await self._hand_over()


@asynccontextmanager
async def staged_site(directory: Path, plan: SitePlan, *, start: datetime, now: datetime) -> AsyncGenerator[Site]:
    """Lays out a site whose messages go into a new data directory; run it, then leave.

    When the context is left, all that was said is stored. Chargers and id tags are registered at `start`.

    Raises:
        ConfigError: there is a store already.
        StoreError: it cannot be written.
    """
    if (directory / DATABASE).exists():
        raise ConfigError("--into", str(directory), "a new directory: simulated chargers do not belong into a store")
    store = open_store(directory, now=start, prepare=single_threaded, bulk=_BULK)
    try:
        store.write_now(partial(_set_time_zone, time_zone=plan.time_zone))
        registry = Registry.load(store)
        transactions = Transactions(store.transactions(), store.store_id)
        central = CentralSystem(registry, transactions, boot_interval_s=Config().boot_interval_s)
        async with trio.open_nursery() as nursery:
            await nursery.start(store.run)
            try:
                for identifier in plan.identities():
                    await registry.add_charger(NewCharger(identifier=identifier), now=start)
                for token in plan.tags():
                    await registry.add_authorization(NewAuthorization(token=token), now=start)
                staging = Staging(store, registry, central, plan.seed)
                site = Site(staging.dial, plan, start=start, now=now, speed=float("inf"))
                staging.clock = site.clock.now
                yield site
                await staging.finish()
            finally:
                nursery.cancel_scope.cancel()
    finally:
        store.close()


def _set_time_zone(con: Connection, time_zone: str) -> None:
    for node in tables.select_all(con, tables.NODE, Node):
        tables.replace_entity(con, tables.NODE, msgspec.structs.replace(node, time_zone=time_zone))
