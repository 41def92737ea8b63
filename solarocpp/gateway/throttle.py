"""PURE: repeated wrong passwords are slowed, and then refused for a while. Told the time; waits for nobody.

Failures are counted by address, by credential, and by both together. A credential is its username and what is
stored for it, so whoever has a new password does not pay for failures of the old one. Past the first limit
a pair that has failed waits for its slot, one a `failure_delay_s` and address; past the second it is refused
unchecked. A pair that never failed is delayed once and has no slot to wait for, so a guesser behind the same NAT,
with one username or with thousands, costs its neighbours one delay. What is known to be right is not asked about here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import Final, Generic, TypeVar

import msgspec

from solarocpp.config import Config
from solarocpp.gateway.proxies import plain_address

KEPT: Final = 10_000
"""Entries of each count; the one that failed longest ago goes first. About 2 MB when full."""
MOST_WAITING: Final = 50
"""Of one address that has failed: slots given out ahead, and checks that wait to be made.

The slots are nearly a minute; chargers hang up and come again long before. The checks are about a second.
"""

K = TypeVar("K", bound=Hashable)


Who = tuple[str, str]
"""A username, and the hash that its password must match; empty where there is no such username."""


class Wait(msgspec.Struct, frozen=True):
    """The check may be made after so long."""

    seconds: float


class TooMany(msgspec.Struct, frozen=True):
    """No check; it is worth trying again after so long."""

    seconds: int


class _Failures(Generic[K]):
    """How often each key failed; forgotten `memory_s` after the last time."""

    def __init__(self, memory_s: float) -> None:
        self._memory_s = memory_s
        self._kept: OrderedDict[K, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def count(self, key: K, now: float) -> int:
        count, until = self._kept.get(key, (0, 0.0))
        return count if now < until else 0

    def seconds_left(self, key: K, now: float) -> int:
        return max(1, ceil(self._kept[key][1] - now))

    def add(self, key: K, now: float) -> None:
        self._kept[key] = (self.count(key, now) + 1, now + self._memory_s)
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)


class Throttle:
    """Says how long a check of a password has to wait, and remembers how it went."""

    def __init__(self, config: Config) -> None:
        self._config = config
        memory_s = config.failure_memory_s
        self._addresses: _Failures[str] = _Failures(memory_s)
        self._credentials: _Failures[Who] = _Failures(memory_s)
        self._pairs: _Failures[tuple[str, Who]] = _Failures(memory_s)
        self._next_slots: OrderedDict[str, float] = OrderedDict()

    def judge(self, host: str, who: Who, now: float, *, waited: bool = False) -> Wait | TooMany:
        """Says when the password of `who`, sent from `host`, may be checked. `waited`: as long as was said."""
        address = address_key(host)
        pair = (address, who)
        failed = self._pairs.count(pair, now)
        most = max(failed, self._addresses.count(address, now), self._credentials.count(who, now))
        # Only who has failed pays for what others did.
        if failed and most >= self._config.failures_before_refusal:
            return TooMany(self._pairs.seconds_left(pair, now))
        if waited or most < self._config.failures_before_delay:
            return Wait(0.0)
        return self._take_slot(address, now) if failed else Wait(self._config.failure_delay_s)

    def slows(self, host: str, now: float) -> bool:
        """Tells whether so much from this address was wrong that its checks may not pile up."""
        return self._addresses.count(address_key(host), now) >= self._config.failures_before_delay

    def _take_slot(self, address: str, now: float) -> Wait | TooMany:
        delay_s = self._config.failure_delay_s
        slot = max(now, self._next_slots.get(address, now)) + delay_s
        if slot - now > MOST_WAITING * delay_s:
            return TooMany(max(1, ceil(slot - now)))
        self._next_slots[address] = slot
        self._next_slots.move_to_end(address)
        if len(self._next_slots) > KEPT:
            self._next_slots.popitem(last=False)
        return Wait(slot - now)

    def note_failure(self, host: str, who: Who, now: float) -> None:
        """A password was wrong, or there is no such username: the two count the same."""
        address = address_key(host)
        self._addresses.add(address, now)
        self._credentials.add(who, now)
        self._pairs.add((address, who), now)

    def __len__(self) -> int:
        """How much is remembered."""
        return len(self._addresses) + len(self._credentials) + len(self._pairs) + len(self._next_slots)


def address_key(host: str) -> str:
    """Names the line somebody is on: an IPv6 network of 64 bits is one customer."""
    plain = plain_address(host)
    try:
        address = ip_address(plain)
    except ValueError:
        return plain
    return str(ip_network((plain, 64), strict=False)) if isinstance(address, IPv6Address) else plain
