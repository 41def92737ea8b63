"""PURE: chargers that connect again and again: the first links of a minute are told of, the others counted.

A firmware that falls off its network every second would else write a quarter of a million events a day, and
nobody reads the second hundred.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

LINKS_A_PAGE: Final = 10
"""A charger that dials every five seconds says no more in twelve links a minute than in ten."""


class Flapping:
    """Counts the links of each charger since the page was turned; whoever keeps it turns it once a minute."""

    def __init__(self) -> None:
        self._links: Counter[int] = Counter()

    def note_opened(self, charger_id: int) -> bool:
        """A link of this charger is open; tells whether it may be told of."""
        self._links[charger_id] += 1
        return self._links[charger_id] <= LINKS_A_PAGE

    def turn_page(self) -> Mapping[int, int]:
        """Begins a new page; gives how many links of which chargers were not told of on the old one."""
        links, self._links = self._links, Counter()
        return {charger_id: count - LINKS_A_PAGE for charger_id, count in links.items() if count > LINKS_A_PAGE}
