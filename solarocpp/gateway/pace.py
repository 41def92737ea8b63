"""How many are opened at a time: turns for TLS handshakes, and an end to those who say nothing.

Everybody is accepted at once: whoever only connects must not keep the next one in the kernel's queue. What costs
us is the TLS handshake. A storm whose handshakes are all begun at once makes every one of them so slow that all
miss their deadline, and come again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import trio

YOUNG_S: Final = 1.0
"""A handshake that takes longer waits for the other end, not for us, and holds nobody up."""
SILENT_S: Final = 5.0
"""Who says nothing for so long has nothing to say: a first packet that is lost comes again after 1 s, and after 3."""
MOST_SILENT: Final = 500
"""Connections of one address that have said nothing for `SILENT_S`; a site has as many chargers, a server has files."""


class Pace:
    """Gives out turns, first come, first served, and counts who is silent.

    Args:
        openings_at_once: turns that are out at a time; one is over after `young_s`, at the latest.
    """

    def __init__(
        self,
        openings_at_once: int,
        *,
        young_s: float = YOUNG_S,
        silent_s: float = SILENT_S,
        most_silent: int = MOST_SILENT,
    ) -> None:
        self._limit = openings_at_once
        self._young_s = young_s
        self.silent_s = silent_s
        self._most_silent = most_silent
        self._since: dict[object, float] = {}  # oldest first
        self._line = trio.StrictFIFOLock()
        self._first = trio.lowlevel.ParkingLot()  # of the line; the others wait for the lock
        self._silent: dict[str, dict[trio.CancelScope, None]] = {}  # by line; only those that have some; longest first

    async def take_turn(self, taker: object) -> None:
        """Waits until it is the turn of `taker`."""
        async with self._line:
            await self._wait_room()
            self._since[taker] = trio.current_time()

    def give_back(self, taker: object) -> None:
        """The handshake is done, or failed."""
        if self._since.pop(taker, None) is not None:
            self._first.unpark()

    async def _wait_room(self) -> None:
        while True:
            grown_up = trio.current_time() - self._young_s
            for taker in [taker for taker, since in self._since.items() if since <= grown_up]:
                del self._since[taker]
            if len(self._since) < self._limit:
                return
            with trio.move_on_at(next(iter(self._since.values())) + self._young_s):
                await self._first.park()

    @contextmanager
    def silent(self, line: str) -> Iterator[trio.CancelScope]:
        """Gives the scope to be silent in; it is cancelled when too many of the line came after it."""
        scope = trio.CancelScope()
        silent = self._silent.setdefault(line, {})
        silent[scope] = None
        if len(silent) > self._most_silent:
            longest = next(iter(silent))
            del silent[longest]
            longest.cancel()
        try:
            yield scope
        finally:
            # Looked up again: the last of a line takes it away, and who was cancelled is no more in it.
            left = self._silent.get(line, {})
            left.pop(scope, None)
            if not left:
                self._silent.pop(line, None)
