"""Counts of what passes over all links, since the start: what `/metrics` shows.

Only counts: what happened to one charger is in events and ledger. A name that a charger chose is never a
label as it is, or one charger with a random generator would fill the memory of whoever collects them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from solarocpp.ocpp.decoding import Repair
from solarocpp.ocpp.messages import ACTIONS
from solarocpp.store.histogram import Histogram

Heard = Literal["answered", "repeated", "refused", "failed"]
"""What became of a CALL of theirs. refused: CALLERROR for their fault; failed: InternalError, which is ours."""
Asked = Literal["answered", "refused", "expired", "lost"]
"""What became of a CALL of ours. lost: the link ended first."""

OTHER: Final = "other"
"""Stands for every action that OCPP 1.6 does not know, and for frames whose action is not looked at."""


class Tally:
    """The counts of one process; for the Trio thread."""

    __slots__ = ("acknowledgements", "messages", "repairs")

    def __init__(self) -> None:
        self.messages: dict[tuple[str, str, str], int] = {}
        """By direction (in, out), action and outcome."""
        self.repairs: dict[str, int] = {}
        """By the name of the lenience."""
        self.acknowledgements = Histogram()
        """From a message's reception to its answer, for those that wait for the disk."""

    def heard(self, action: str, outcome: Heard) -> None:
        """Counts a message of a charger that was dealt with."""
        key = ("in", action if action in ACTIONS else OTHER, outcome)
        self.messages[key] = self.messages.get(key, 0) + 1

    def asked(self, action: str, outcome: Asked) -> None:
        """Counts a message of ours that has its end."""
        key = ("out", action, outcome)
        self.messages[key] = self.messages.get(key, 0) + 1

    def repaired(self, repairs: Sequence[Repair]) -> None:
        """Counts what had to be overlooked in one message."""
        for repair in repairs:
            self.repairs[repair.name] = self.repairs.get(repair.name, 0) + 1
