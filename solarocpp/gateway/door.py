"""The door book: what is told of connections that were not let in, without letting strangers fill the store.

Everybody is answered; who is written down is limited by the minute. What is no handshake at all (port
scanners, TLS to the wrong port) gets a few rows, refused handshakes get more, and of the same charger with
the same fault only the first ones of a minute. The rest is counted and told in one row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import structlog
import trio

from solarocpp.gateway.peers import Peer
from solarocpp.gateway.refusals import Refused
from solarocpp.gateway.throttle import address_key
from solarocpp.store.effects import EventHappened

PAGE_S: Final = 60.0
NOISE_A_PAGE: Final = 5
"""Enough to see that a charger speaks TLS on the wrong port; a scan of every port of a network is no more."""
REFUSALS_OF_A_LINE: Final = 60
"""Of one address. A site of a few hundred chargers that are all set up wrong still shows every one within minutes."""
REFUSALS_A_PAGE: Final = 600
"""Of all: one who floods takes its own share, and ten of them do not fill the store."""
SAME_A_PAGE: Final = 10
"""A charger that dials every five seconds says no more in the twelve rows a minute than in ten."""
PROBE: Final = "probe"
"""What a connection is counted as that was closed without a word."""

log = structlog.get_logger()

EventData = Mapping[str, str | int | float | bool | None]


class DoorBook:
    """Records who was not let in.

    Args:
        record: takes the events; must not wait.
        clock: our time, aware UTC.
        seconds: the time that limits are measured by.
    """

    def __init__(
        self,
        record: Callable[[EventHappened], None],
        clock: Callable[[], datetime],
        seconds: Callable[[], float] = trio.current_time,
    ) -> None:
        self._record = record
        self._clock = clock
        self._seconds = seconds
        self.counts: Counter[str] = Counter()
        """Connections that were not let in, by the kind of refusal; since the start."""
        self._page_ends = float("-inf")
        self._noise = 0
        self._refusals = 0
        self._of_line: Counter[str] = Counter()
        self._same: Counter[tuple[str, str | None, str]] = Counter()
        self._unrecorded: Counter[str] = Counter()

    def note_probe(self) -> None:
        """A connection said nothing and went: a port probe, or a health check. Leaves no trace but a count."""
        self.counts[PROBE] += 1

    def note_noise(self, name: str, refusal: Refused, peer: Peer, **data: str | int) -> None:
        """What arrived was no request head; `name` is the event's."""
        self.counts[refusal.kind] += 1
        self._turn_page_if_due()
        if self._noise >= NOISE_A_PAGE:
            self._unrecorded[refusal.kind] += 1
            return
        self._noise += 1
        self._write(name, refusal, peer, data)

    def note_refusal(
        self,
        refusal: Refused,
        peer: Peer,
        said: EventData,
        *,
        identifier: str | None = None,
        account_id: int | None = None,
    ) -> None:
        """A request head was refused; `said` is what may be recorded of it, `account_id` whose event it is."""
        self.counts[refusal.kind] += 1
        self._turn_page_if_due()
        line = address_key(peer.host)
        same = (line, identifier, refusal.kind)
        if (
            self._refusals >= REFUSALS_A_PAGE
            or self._of_line[line] >= REFUSALS_OF_A_LINE
            or self._same[same] >= SAME_A_PAGE
        ):
            self._unrecorded[refusal.kind] += 1
            return
        self._refusals += 1
        self._of_line[line] += 1
        self._same[same] += 1
        self._write("handshake_refused", refusal, peer, said, identifier, account_id)

    def turn_page(self) -> None:
        """Begins a new page; tells first what did not fit on the old one."""
        missed, self._unrecorded = self._unrecorded, Counter()
        self._page_ends = self._seconds() + PAGE_S
        self._noise = self._refusals = 0
        self._of_line.clear()
        self._same.clear()
        if missed:
            log.warning("attempts_unrecorded", count=missed.total(), **missed)
            message = f"{missed.total()} more connections were refused within a minute"
            self._record(EventHappened(self._clock(), "attempts_unrecorded", None, message, dict(missed)))

    async def keep(self) -> None:
        """Turns the pages until cancelled, so that the end of a flood is told too."""
        try:
            while True:
                await trio.sleep(PAGE_S)
                self._turn_page_if_due()
        finally:
            self.turn_page()

    def _turn_page_if_due(self) -> None:
        if self._seconds() >= self._page_ends:
            self.turn_page()

    def _write(  # noqa: PLR0913, PLR0917 one argument a column
        self,
        name: str,
        refusal: Refused,
        peer: Peer,
        said: EventData,
        identifier: str | None = None,
        account_id: int | None = None,
    ) -> None:
        data: dict[str, str | int | float | bool | None] = {
            **said,
            "kind": refusal.kind,
            "error": refusal.reason,
            "hint": refusal.hint or None,
            "status": refusal.status or None,
            "peer": str(peer),
            "via": peer.via,
            "tls": peer.tls,
            "certificate": None if peer.certificate is None else ", ".join(peer.certificate.names),
        }
        kept = {key: value for key, value in data.items() if value is not None}
        log.warning(name, identifier=identifier, **kept)
        self._record(EventHappened(self._clock(), name, identifier, refusal.reason, {**kept}, account_id))
