"""PURE: how many chargers are connected, in all and from each address, and whether one more may come.

What counts is chargers, not links: a charger that comes again has the place it had, while its old link,
often a dead socket, is still being closed.
"""

from __future__ import annotations

from collections import Counter

from solarocpp.config import Config
from solarocpp.gateway.refusals import Refused, refused
from solarocpp.gateway.throttle import address_key


class Room:
    """The places of this server."""

    def __init__(self, config: Config) -> None:
        self._limits = {"full": config.max_links, "full_for_address": config.max_links_per_address}
        self._links: Counter[int] = Counter()  # by charger; only those that have some
        self._links_from: dict[str, Counter[int]] = {}  # the same, by line

    def refusal(self, charger_id: int | None, host: str) -> Refused | None:
        """Says why a charger from this address cannot come; None as its number: it has none yet."""
        taken = {"full": self._links, "full_for_address": self._links_from.get(address_key(host), Counter())}
        if charger_id in self._links:
            return None
        for kind, limit in self._limits.items():
            if len(taken[kind]) >= limit:
                return refused(kind, limit=limit, address=host)
        return None

    def enter(self, charger_id: int, host: str) -> None:
        """Notes a new link; each is taken out again by `leave`."""
        for links in (self._links, self._links_from.setdefault(address_key(host), Counter())):
            links[charger_id] += 1

    def leave(self, charger_id: int, host: str) -> None:
        """Notes the end of a link."""
        line = address_key(host)
        for links in (self._links, self._links_from[line]):
            links[charger_id] -= 1
            if not links[charger_id]:
                del links[charger_id]
        if not self._links_from[line]:
            del self._links_from[line]
