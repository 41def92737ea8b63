"""Values as a line of blocks, for listings on a terminal; programs get numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

BLOCKS = " ▁▂▃▄▅▆▇█"
SPARKLINE_WIDTH = 72


def sparkline(values: Sequence[float], width: int = SPARKLINE_WIDTH) -> str:
    """Draws values as a line of blocks, 0 at the bottom; more values than `width` are averaged."""
    if not values:
        return ""
    groups = min(width, len(values))
    edges = [round(i * len(values) / groups) for i in range(groups + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    highest = max(means) or 1.0
    return "".join(BLOCKS[round(max(0.0, mean) / highest * (len(BLOCKS) - 1))] for mean in means)


def filled(values: Sequence[float | None]) -> list[float]:
    """Puts the value before it into each gap, and the first one before them all; nothing of nothing."""
    known = [value for value in values if value is not None]
    if not known:
        return []
    last, whole = known[0], []
    for value in values:
        last = last if value is None else value
        whole.append(last)
    return whole
