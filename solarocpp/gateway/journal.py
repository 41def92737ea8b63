"""What is told of one link: lines in the log, events in the store, and its counters.

The ledger holds what was said; this holds what happened to the link: opened, closed, refused, repaired.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from solarocpp.errors import ProtocolViolation
from solarocpp.gateway.roster import LinkInfo
from solarocpp.gateway.services import Services
from solarocpp.ocpp.decoding import Repair
from solarocpp.registry import Charger
from solarocpp.store.effects import EventHappened

FRAME_KEPT = 1000
"""Characters of a refused frame that its event keeps: enough to see what is wrong, not to fill the store."""

EventData = dict[str, str | int | float | bool | None]


class LinkJournal:
    """Tells of one link, and counts."""

    __slots__ = ("_charger", "_peer", "_services", "_since", "messages", "refused", "repairs")

    def __init__(self, services: Services, charger: Charger, peer: str) -> None:
        self._services = services
        self._charger = charger
        self._peer = peer
        self._since = services.clock()
        self.messages = 0
        self.refused = 0
        self.repairs: dict[str, int] = {}

    @property
    def log(self) -> structlog.typing.FilteringBoundLogger:
        """A logger that names the charger; made when needed, a thousand idle links write nothing."""
        logger: structlog.typing.FilteringBoundLogger = structlog.get_logger().bind(identifier=self._charger.identifier)
        return logger

    def info(self, unanswered: int) -> LinkInfo:
        """Tells what is known of the link."""
        return LinkInfo(
            identifier=self._charger.identifier,
            charger_id=self._charger.charger_id,
            peer=self._peer,
            since=self._since,
            messages=self.messages,
            unanswered=unanswered,
            refused=self.refused,
            repairs=dict(self.repairs),
        )

    def opened(self, handshake_repairs: Sequence[str], *, replaced: bool) -> None:
        """The link is open; `replaced`: it took over from an older one."""
        self.log.info("link_opened", peer=self._peer)
        if replaced:
            self.log.info("link_replaced")
        self._event("link_opened", "connected", {"peer": self._peer})
        for repair in handshake_repairs:
            self.log.info("handshake_repaired", repair=repair)
            self._event("handshake_repaired", repair, {"peer": self._peer})

    def closed(self, reason: str) -> None:
        """The link is closed."""
        summary: EventData = {
            "reason": reason,
            "seconds": round((self._services.clock() - self._since).total_seconds(), 1),
            "messages": self.messages,
            "refused": self.refused,
            **{f"repaired {name}": count for name, count in self.repairs.items()},
        }
        self.log.info("link_closed", **summary)
        self._event("link_closed", reason, summary)

    def refuse(self, action: str, violation: ProtocolViolation, text: str) -> None:
        """A message is answered with CALLERROR for a fault of the charge point (spec Q23)."""
        self.log.warning("call_refused", action=action, code=violation.code, description=violation.description)
        self._event(
            "call_refused",
            f"{action}: {violation}",
            {
                "action": action,
                "code": violation.code,
                "description": violation.description,
                "frame": text[:FRAME_KEPT],
            },
        )

    def repaired(self, repairs: Sequence[Repair], action: str) -> None:
        """A lenience was needed; the first of its kind on a link becomes an event with the details."""
        for repair in repairs:
            self.repairs[repair.name] = self.repairs.get(repair.name, 0) + 1
            if self.repairs[repair.name] == 1:
                self.log.debug("message_repaired", repair=repair.name, action=action)
                self._event(
                    "message_repaired",
                    f"{action}: {repair.name}",
                    {"action": action, "repair": repair.name, "detail": repair.detail},
                )

    def _event(self, name: str, message: str, data: EventData) -> None:
        happened = EventHappened(
            created=self._services.clock(),
            name=name,
            identifier=self._charger.identifier,
            message=message,
            data=data,
        )
        self._services.store.record(None, (happened,))
