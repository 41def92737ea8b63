"""How often one may ask: a bucket of requests for each token, and one of refusals for each address.

A bucket fills steadily up to its size; a request takes one out, and waits outside when there is none. Who runs
the box (admin.token, the command line) is not limited. Memory is bounded: of too many buckets those not used
for longest are forgotten, which are full again by then.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple


class Pace(NamedTuple):
    """How fast a bucket fills, and how much it holds."""

    per_s: float
    most: float


# A dashboard asks ten things at once and again every few seconds. A plain request takes some 5 ms of a processor,
# so one program alone at this pace leaves chargers more than half of one.
OF_A_TOKEN: Final = Pace(per_s=50, most=200)
# A token has 128 random bits, so this is not against guessing: a program that was forgotten with an old token must
# not keep the server busy, nor fill its answers.
OF_REFUSALS: Final = Pace(per_s=5, most=50)
# 100 bytes each.
MOST_BUCKETS: Final = 10_000


class Buckets:
    """Buckets of one pace, by whose they are."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, whose: str, now: float) -> float:
        """Takes one out of a bucket at `now`, a monotonic time; else gives the seconds until there is one again."""
        level, before = self._levels.pop(whose, (self.pace.most, now))
        level = min(self.pace.most, level + (now - before) * self.pace.per_s)
        wait = 0.0 if level >= 1 else (1 - level) / self.pace.per_s
        self._levels[whose] = (level if wait else level - 1, now)
        if len(self._levels) > MOST_BUCKETS:
            self._levels.popitem(last=False)
        return wait
