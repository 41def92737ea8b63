"""A charge point that behaves as OCPP 1.6 says one should.

    run()       keeps a link: dials, boots, tells its state, delivers its backlog; and again when it is lost
    charge()    one session at one connector, from the card to the cable's release; goes on without a link

The two meet in three places only: the connectors' state, the backlog of transaction-related messages,
and the link that is open and registered just now, if one is.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial

import msgspec
import trio

from solarocpp.errors import CallExpired, CallRefused, DialFailed, NotConnected
from solarocpp.ocpp import messages as ocpp
from solarocpp.ocpp.messages import ChargePointErrorCode, OcppMessage
from solarocpp.simulator.answers import answer_call
from solarocpp.simulator.backlog import Backlog
from solarocpp.simulator.card_readers import CardReaders
from solarocpp.simulator.charging import ChargingCurve
from solarocpp.simulator.clock import Clock, ShiftedClock
from solarocpp.simulator.configuration import Configuration
from solarocpp.simulator.connector import Connector, Transaction
from solarocpp.simulator.files import Files
from solarocpp.simulator.keyring import Keyring
from solarocpp.simulator.limits import Limits
from solarocpp.simulator.link import Dial, OpenLink, link_over
from solarocpp.simulator.orders import Orders
from solarocpp.simulator.quirks import SANE, Quirk
from solarocpp.simulator.session import Session

# Asked again after so many simulated seconds where the central system names no interval (OCPP 1.6 §6.6).
BOOT_RETRY_S = 60.0

# Real seconds before dialling again: doubled each time, with a spread so that a restarted server is not
# met by all its chargers at once.
REDIAL_S = (0.5, 30.0)


class ChargePointStatistics(msgspec.Struct, frozen=True):
    """What a charge point has done so far."""

    sent: int
    answered: int
    refused: int
    """Answered with a CALLERROR."""
    retried: int
    dropped: int
    """Transaction-related messages that were never confirmed."""
    queued: int
    links: int
    sessions_started: int
    sessions_ended: int
    tags_refused: int
    energy_wh: float


class ChargePoint:
    """One simulated charge point with connectors 1 to `connectors`, each keeping a register of its own."""

    def __init__(  # noqa: PLR0913 -- each is a trait of the charge point
        self,
        identity: str,
        dial: Dial,
        *,
        clock: Clock,
        connectors: int = 1,
        seed: int = 0,
        configuration: Mapping[str, str] | None = None,
        heartbeats: bool = True,
        quirk: Quirk = SANE,
    ) -> None:
        self.identity = identity
        self.clock = ShiftedClock(clock, quirk.clock_s) if quirk.clock_s else clock
        self._dial, self._heartbeats = dial, heartbeats
        self._chance = random.Random(f"{seed}/{identity}")  # noqa: S311 -- a register and a spread, no secret
        registers_wh = [float(self._chance.randrange(100_000, 10_000_000)) for _ in range(connectors + 1)]
        self.connectors = [
            Connector(number, seed=f"{seed}/{identity}/{number}", register_wh=register_wh)
            for number, register_wh in enumerate(registers_wh)
        ]
        self._registers_at_begin_wh = self._registers_wh()
        self.meter = quirk.meter(self._chance) if quirk.meter else None
        """What it says of its register where that is not the truth."""
        sampled = {"MeterValuesSampledData": quirk.measurands} if quirk.measurands else {}
        self.configuration = Configuration({"NumberOfConnectors": str(connectors), **sampled, **(configuration or {})})
        self.backlog = Backlog(self.clock, limit=quirk.keeps)
        self.orders = Orders(self)
        self.files = Files(self)
        self.keyring = Keyring(identity, room=self.configuration.integer("CertificateStoreMaxLength"))
        self.readers = CardReaders(self)
        self.limits = Limits(self.clock.now, began=self._transaction_began, sharing=self._charging)
        self._link: OpenLink | None = None
        self._booted = self._accepted = self._leaving = False
        self._away: trio.Event | None = None
        self._registered = trio.Event()
        self._sent = self._answered = self._refused = self._links = 0
        self._sessions_started = self._sessions_ended = self._tags_refused = 0

    @property
    def online(self) -> bool:
        """Whether the central system has accepted it and the link is open."""
        return self._link is not None

    @property
    def power_w(self) -> float:
        """What all its cars draw at this moment."""
        now = self.clock.now()
        return sum(connector.power_w(now) for connector in self.connectors)

    def statistics(self) -> ChargePointStatistics:
        """What it has done so far."""
        return ChargePointStatistics(
            sent=self._sent,
            answered=self._answered,
            refused=self._refused,
            retried=self.backlog.retried,
            dropped=self.backlog.dropped,
            queued=len(self.backlog),
            links=self._links,
            sessions_started=self._sessions_started,
            sessions_ended=self._sessions_ended,
            tags_refused=self._tags_refused,
            energy_wh=self._registers_wh() - self._registers_at_begin_wh,
        )

    def _registers_wh(self) -> float:
        now = self.clock.now()
        return sum(connector.register_wh(now) for connector in self.connectors)

    # -- the link ------------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keeps a link until `aclose`; has started when the central system has accepted it.

        Raises:
            DialFailed: the first dial was refused or found nobody. Later ones are repeated for ever.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.orders.obey)
            failures = 0
            while True:
                try:
                    async with self._dial(self.configuration.authorization_key) as connection:
                        self._links += 1
                        failures = 0
                        link = link_over(connection, self.identity, partial(answer_call, self), self._links)
                        await self._use(link, task_status)
                except DialFailed:
                    if self._links == 0:
                        raise
                if self._leaving:
                    nursery.cancel_scope.cancel()
                    return
                if self._away is not None:
                    await self._away.wait()
                    continue
                failures += 1
                await trio.sleep(min(REDIAL_S[0] * 2**failures, REDIAL_S[1]) * self._chance.uniform(0.5, 1.0))

    async def aclose(self) -> None:
        """Closes the link for good, as the protocol wants it; `run` returns."""
        self._leaving = True
        if self._link is not None:
            await self._link.aclose()

    async def stay_away(self, seconds: float) -> None:
        """Has no link for so many simulated seconds, then dials again and says what it could not say.

        Whoever calls this with a stepped clock holds it; it goes on once the link is there again.
        """
        if self._link is None or self._leaving:
            return
        self._away, self._registered = trio.Event(), trio.Event()
        self.backlog.rest()
        link, self._link = self._link, None  # at once: nobody may wait for an answer over it any more
        await link.aclose()
        await self.clock.sleep(seconds)
        self.backlog.resume()
        self._away.set()
        self._away = None
        await self._registered.wait()

    async def _use(self, link: OpenLink, task_status: trio.TaskStatus[None]) -> None:
        async def speak() -> None:
            await self._register(link)
            self._link = link
            self._registered.set()
            if not self._accepted:
                self._accepted = True
                task_status.started()
            for connector in self.connectors:
                await self.tell_status(connector)
            for task in (self._beat, partial(self._deliver, link)):
                nursery.start_soon(self._until_it_fails, link, task)

        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._until_it_fails, link, speak)
                await link.run()
                nursery.cancel_scope.cancel()
        finally:
            self._link = None

    async def _until_it_fails(self, link: OpenLink, task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except NotConnected:
            pass  # `Link.run` has returned, or is about to
        except CallExpired:
            await link.aclose()  # a central system that does not answer is dialled anew (Q17)

    async def _exchange(self, link: OpenLink, request: OcppMessage) -> OcppMessage:
        self._sent += 1
        try:
            confirmation = await link.exchange(request)
        except CallRefused:
            self._refused += 1
            raise
        self._answered += 1
        return confirmation

    async def _register(self, link: OpenLink) -> None:
        """Boots until Accepted (OCPP 1.6 §4.2): Pending and Rejected alike are asked again after the interval."""
        with self.busy():
            while not self._booted:
                confirmation = await self._boot(link)
                self._booted = confirmation is not None and confirmation.status == "Accepted"
                interval_s = 0 if confirmation is None else confirmation.interval
                if not self._booted:
                    await self.clock.sleep(interval_s or BOOT_RETRY_S)
                elif interval_s:
                    self.configuration.change("HeartbeatInterval", str(interval_s))

    async def _boot(self, link: OpenLink) -> ocpp.BootNotificationConfirmation | None:
        try:
            confirmation = await self._exchange(link, self.introduction())
        except CallRefused:
            return None
        return confirmation if isinstance(confirmation, ocpp.BootNotificationConfirmation) else None

    def introduction(self) -> ocpp.BootNotificationRequest:
        """What it says of itself."""
        return ocpp.BootNotificationRequest(
            charge_point_vendor="solarocpp",
            charge_point_model="Simulator",
            charge_point_serial_number=self.identity[:25],  # CiString25Type
            firmware_version=self.files.firmware_version,
        )

    async def _beat(self) -> None:
        with self.busy():
            while self._heartbeats:
                # Read each time: BootNotification and ChangeConfiguration set it. 0 means none; it is looked at again.
                await self.clock.sleep(float(self.configuration.integer("HeartbeatInterval") or 300))
                await self.tell(ocpp.HeartbeatRequest())

    async def _deliver(self, link: OpenLink) -> None:
        await self.backlog.deliver(
            partial(self._exchange, link),
            attempts=lambda: self.configuration.integer("TransactionMessageAttempts"),
            retry_interval_s=lambda: self.configuration.integer("TransactionMessageRetryInterval"),
        )

    async def tell(self, request: OcppMessage) -> OcppMessage | None:
        """Sends what is not worth a queue; None without a link, without an answer, or for a CALLERROR."""
        link = self._link
        if link is None:
            return None
        try:
            return await self._exchange(link, request)
        except (NotConnected, CallRefused):
            return None
        except CallExpired:
            await link.aclose()
            return None

    async def restart(self) -> None:
        """Drops the link and boots again; returns once the central system has accepted that."""
        self._booted, self._registered = False, trio.Event()
        if self._link is not None:
            await self._link.aclose()
        await self._registered.wait()

    async def dial_again(self) -> None:
        """Drops the link, and dials as soon as after any loss."""
        if self._link is not None:
            await self._link.aclose()

    async def tell_status(self, connector: Connector) -> None:
        """Sends a connector's state as it is now."""
        await self.tell(
            ocpp.StatusNotificationRequest(
                connector_id=connector.connector_id,
                error_code=connector.error_code,
                status=connector.status,
                timestamp=self.clock.now(),
            )
        )

    async def break_down(self, connector_id: int, error_code: ChargePointErrorCode, seconds: float) -> None:
        """Is out of order for so many simulated seconds; a session there ends.

        Whoever calls this with a stepped clock holds it.
        """
        connector = self.connectors[connector_id]
        connector.operative = False
        if connector.transaction is not None:
            connector.transaction.stop("Other")
            await connector.transaction.ended.wait()
        connector.status, connector.error_code = "Faulted", error_code
        await self.tell_status(connector)
        await self.clock.sleep(seconds)
        connector.status, connector.error_code, connector.operative = "Available", "NoError", True
        await self.tell_status(connector)

    # -- a session ---------------------------------------------------------------------------------

    async def charge(
        self, connector_id: int, id_tag: str, curve: ChargingCurve, *, stays_s: float, authorize: bool = True
    ) -> Transaction | None:
        """Charges one car, from the card to the cable's release; goes on whether or not there is a link.

        Returns None where nothing began: the connector is taken or out of order, or the tag is refused.
        Whoever calls this with a stepped clock holds it (see `clock`).
        """
        connector = self.connectors[connector_id]
        if not connector.free_for(id_tag) and not await self.readers.is_of_the_group(connector, id_tag):
            return None
        before, connector.status = connector.status, "Preparing"
        authorized = not authorize or (await self.readers.authorize(id_tag)).status == "Accepted"
        if not (authorized and connector.operative):
            self._tags_refused += not authorized
            connector.status = before
            self.orders.apply_availability(connector)
            return None
        self._sessions_started += 1
        transaction = await Session(self, connector, id_tag, curve).run(stays_s)
        self._sessions_ended += 1
        return transaction

    # -- limits ------------------------------------------------------------------------------------

    def share_limit(self) -> None:
        """Lets all sessions look at their limit again, where there is one: there is another number of them."""
        if len(self.limits):
            self.wake_sessions()

    def wake_sessions(self) -> None:
        """Lets all sessions look at their limit again."""
        for connector in self.connectors:
            if connector.transaction is not None:
                connector.transaction.wake()

    def _transaction_began(self, connector_id: int) -> datetime | None:
        transaction = self.connectors[connector_id].transaction
        return None if transaction is None else transaction.began

    def _charging(self) -> int:
        return sum(connector.transaction is not None for connector in self.connectors)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Keeps a stepped clock from passing over what is being done."""
        self.clock.hold()
        try:
            yield
        finally:
            self.clock.release()
