"""Who is connected. The newest authenticated link of a charger wins; presence belongs to the link.

Everybody else in the process reaches a charge point through here: `roster.call(charger_id, request)`, and hears here
when one comes, is ready, says something or goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

import msgspec
import trio

from solarocpp.errors import NotConnected
from solarocpp.gateway.flapping import Flapping
from solarocpp.gateway.tally import Tally
from solarocpp.ocpp.datatypes import ChargePointId
from solarocpp.ocpp.messages import OcppMessage
from solarocpp.store.effects import Effect


class LinkInfo(msgspec.Struct, frozen=True, rename="camel"):
    """What is known of one link, for whoever watches."""

    identifier: ChargePointId
    charger_id: int
    account_id: int
    link_id: UUID
    """Stands in the events of this link as `sessionId`."""
    peer: str
    """Where the charger connects from, `HOST:PORT`."""
    via: str | None
    """The trusted proxy in between."""
    reached: str
    """The address of ours that the charger dialled; empty: a proxy did."""
    tls: str | None
    """TLS version; None: in the clear."""
    certificate: str | None
    """The first name in the client certificate."""
    profile: str
    """Name of the URL profile it came by."""
    security_profile: int
    """What it proved: 0 nothing, 1 a password, 2 that under TLS, 3 a certificate that names it."""
    username: str | None
    since: datetime
    last_heard: datetime
    round_trip_ms: float | None
    """How long the last pong took; None: none has come."""
    messages: int
    unanswered: int
    """Exchanges received and not answered yet."""
    refused: int
    """Messages answered with CALLERROR."""
    repairs: Mapping[str, int]
    """How often each lenience was needed, by its name."""


class Presence(NamedTuple):
    """A charger that is connected, for whoever wants to tell it something."""

    link: object
    """Stands for the link; another one for each."""
    since: float
    """When it was opened, on Trio's clock."""
    ready: bool
    """Whether it has booted on this link, or talks of other things than that."""
    boots: int
    """How often it has booted on this link."""


class RosterLink(Protocol):
    """What the roster needs of a link."""

    charger_id: int
    credential_id: int | None
    identifier: ChargePointId
    opened_at: float
    """On Trio's clock."""
    ready: bool
    """Whether it has booted on this link, or talks of other things than that."""
    boots: int
    """How often it has booted on this link."""

    @property
    def unanswered(self) -> int:
        """Exchanges received and not answered yet."""

    def info(self) -> LinkInfo:
        """Tells what is known of this link."""

    def close(self, code: int, reason: str) -> None:
        """Asks the link to close; returns at once."""

    def heed_change(self) -> None:
        """Looks at the charger again; closes if it may not be connected any more."""

    def stop_reading(self) -> None:
        """Takes no more messages; what was received is still answered."""

    async def call(self, request: OcppMessage, deadline_s: float | None = None) -> OcppMessage:
        """Sends one CALL and waits for its answer."""


class Roster:
    """The links of all chargers, one each."""

    def __init__(self) -> None:
        self._links: dict[int, RosterLink] = {}
        self._changed = trio.Event()
        self.flapping = Flapping()
        """Chargers that connect again and again."""
        self.last_exchanges: dict[int, tuple[str, str]] = {}
        """The last stored exchange of each charger, CALL and answer as frames: it may come again on a new link."""
        self.on_presence: list[Callable[[int], None]] = []
        """Called with the charger when its link is opened, becomes ready, boots again, or is gone; must not wait."""
        self.on_effects: list[Callable[[int, Sequence[Effect]], None]] = []
        """Called with the charger and what a message of it changed, once that is durable; must not wait."""
        self.answers_pings: dict[int, bool] = {}
        """By charger, whether its last link answered pings; chargers without pongs live by what they say (Q16)."""
        self.tally = Tally()
        """What passed over all links."""

    def __len__(self) -> int:
        return len(self._links)

    def __iter__(self) -> Iterator[RosterLink]:
        return iter(list(self._links.values()))

    @property
    def unanswered(self) -> int:
        """Exchanges of all links that are received and not answered yet."""
        return sum(link.unanswered for link in self._links.values())

    def describe(self) -> str:
        """Says in a few words how busy we are, for a supervisor's status line."""
        return f"chargers connected: {len(self._links)}"

    def join(self, link: RosterLink) -> bool:
        """Takes a link in; an older one of the same charger is closed (Q12, Q13). True: there was one."""
        older = self._links.get(link.charger_id)
        self._links[link.charger_id] = link
        if older is not None:
            older.close(1000, "a newer link of this charger took over")
        self.note_presence(link)
        return older is not None

    def leave(self, link: RosterLink) -> None:
        """Lets a link go; the close of an older link does not touch the newer one's presence (Q12)."""
        if self._links.get(link.charger_id) is link:
            del self._links[link.charger_id]
        self.note_change()
        for listen in self.on_presence:
            listen(link.charger_id)

    def presence(self, charger_id: int) -> Presence | None:
        """Tells whether a charger is connected, and how far it is."""
        link = self._links.get(charger_id)
        return None if link is None else Presence(link, link.opened_at, link.ready, link.boots)

    def note_presence(self, link: RosterLink) -> None:
        """Tells of a link that is opened, ready, or booted again; not of one that a newer one replaced."""
        if self._links.get(link.charger_id) is link:
            for listen in self.on_presence:
                listen(link.charger_id)

    def note_effects(self, charger_id: int, effects: Sequence[Effect]) -> None:
        """Tells what a message changed."""
        for listen in self.on_effects:
            listen(charger_id, effects)

    def note_change(self) -> None:
        """Wakes whoever waits for links to become idle or to go."""
        self._changed.set()
        self._changed = trio.Event()

    def links(self) -> list[LinkInfo]:
        """Lists the links, by identifier."""
        return sorted((link.info() for link in self._links.values()), key=lambda info: info.identifier)

    def connected(self) -> frozenset[int]:
        """Gives the numbers of the chargers that have a link: all that most who ask want to know of links."""
        return frozenset(self._links)

    async def call(self, charger_id: int, request: OcppMessage, deadline_s: float | None = None) -> OcppMessage:
        """Sends one OCPP message to a charger and returns its answer.

        Raises:
            NotConnected: the charger has no link, or lost it before it answered.
            CallExpired: no answer within the deadline.
            CallRefused: the charge point answered CALLERROR, or what cannot be read.
        """
        link = self._links.get(charger_id)
        if link is None:
            raise NotConnected(str(charger_id), type(request).__name__.removesuffix("Request"))
        return await link.call(request, deadline_s)

    async def drain(self, deadline_s: float) -> bool:
        """Takes no more messages and waits until every received one is answered; False: the deadline came first."""
        for link in self:
            link.stop_reading()
        with trio.move_on_after(deadline_s):
            while any(link.unanswered for link in self._links.values()):
                await self._changed.wait()
            return True
        return False

    async def close_all(self, code: int, reason: str, deadline_s: float) -> None:
        """Closes every link and waits until they are gone, or the deadline."""
        for link in self:
            link.close(code, reason)
        with trio.move_on_after(deadline_s):
            while self._links:
                await self._changed.wait()
