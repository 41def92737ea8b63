"""What is told of one link: lines in the log, events in the store, and its counters.

The ledger holds what was said; this holds what happened to the link: opened, closed, refused, repaired,
and how it was protected. `sessionId` and `cp` in the data are the names SolarNetwork's users know (spec 9.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

import structlog
import trio

from solarocpp.errors import ProtocolViolation
from solarocpp.gateway.handshake import Admitted
from solarocpp.gateway.peers import Peer
from solarocpp.gateway.roster import LinkInfo
from solarocpp.gateway.services import Services
from solarocpp.gateway.websocket import WebSocket
from solarocpp.ocpp.decoding import Repair
from solarocpp.ocpp.lenience import LENIENCES
from solarocpp.ocpp.redaction import shown_frame
from solarocpp.store.effects import EventHappened

FRAME_KEPT = 1000
"""Characters of a refused frame that its event keeps: enough to see what is wrong, not to fill the store."""

EventData = dict[str, str | int | float | bool | None]


class LinkJournal:
    """Tells of one link, and counts."""

    __slots__ = ("_admitted", "_peer", "_services", "_since", "_told", "link_id", "messages", "refused", "repairs")

    def __init__(self, services: Services, admitted: Admitted, peer: Peer) -> None:
        self._services = services
        self._admitted = admitted
        self._peer = peer
        self._since = services.clock()
        self._told = True
        self.link_id = uuid4()
        self.messages = 0
        self.refused = 0
        self.repairs: dict[str, int] = {}

    @property
    def log(self) -> structlog.typing.FilteringBoundLogger:
        """A logger that names the charger; made when needed, a thousand idle links write nothing."""
        identifier = self._admitted.charger.identifier
        logger: structlog.typing.FilteringBoundLogger = structlog.get_logger().bind(identifier=identifier)
        return logger

    @property
    def _username(self) -> str | None:
        credential = self._admitted.credential
        return None if credential is None else credential.username

    @property
    def _certificate(self) -> str | None:
        certificate = self._peer.certificate
        return next(iter(certificate.names), certificate.serial) if certificate is not None else None

    def info(self, websocket: WebSocket, unanswered: int) -> LinkInfo:
        """Tells what is known of the link."""
        charger, now = self._admitted.charger, self._services.clock()
        trip = websocket.round_trip_s
        return LinkInfo(
            identifier=charger.identifier,
            charger_id=charger.charger_id,
            account_id=charger.account_id,
            link_id=self.link_id,
            peer=str(self._peer),
            via=self._peer.via,
            reached=self._peer.reached,
            tls=self._peer.tls,
            certificate=self._certificate,
            profile=self._admitted.claim.profile,
            security_profile=self._admitted.security_profile,
            username=self._username,
            since=self._since,
            last_heard=now - timedelta(seconds=trio.current_time() - websocket.last_heard),
            round_trip_ms=None if trip is None else round(trip * 1000, 1),
            messages=self.messages,
            unanswered=unanswered,
            refused=self.refused,
            repairs=dict(self.repairs),
        )

    def opened(self, *, replaced: bool) -> None:
        """The link is open; `replaced`: it took over from an older one."""
        charger, claim = self._admitted.charger, self._admitted.claim
        self._told = self._services.roster.flapping.note_opened(charger.charger_id)
        if not self._told:
            return
        origin: EventData = {
            **claim.described,
            "peer": self._peer.host,
            "via": self._peer.via,
            "tls": self._peer.tls,
            "certificate": self._certificate,
            "profile": claim.profile,
            "securityProfile": self._admitted.security_profile,
            "username": self._username,
        }
        said: EventData = {key: value for key, value in origin.items() if value is not None and key != "cp"}
        self.log.info("link_opened", **{**said, "peer": str(self._peer)})
        if replaced:
            self.log.info("link_replaced")
        # Two rows for each reconnect, for ever: they say each thing once, and no number that is new every time.
        self._event("link_opened", "connected", said)
        for repair in claim.repairs:
            self.log.info("handshake_repaired", repair=repair)
            done = f"{repair}: {LENIENCES[repair].repair}"
            self._event("handshake_repaired", done, {"peer": self._peer.host, "repair": repair})
        self._warn_of_the_unprotected()

    def _warn_of_the_unprotected(self) -> None:
        """Says, once a link, what a stranger could do (security profiles 0 and 1 of the whitepaper)."""
        reached, nearby = self._admitted.security_profile, self._peer.nearby
        if reached == 0:
            warn = self.log.warning if nearby else self.log.error
            warn("link_unauthenticated", peer=str(self._peer), nearby=nearby)
            self._event("link_unauthenticated", "whoever knows its identifier can connect as it", {"nearby": nearby})
        elif reached == 1 and not nearby:
            self.log.warning("link_unprotected", peer=str(self._peer))
            self._event("link_unprotected", "its password travels in the clear: use wss://", {"peer": str(self._peer)})

    def closed(self, reason: str) -> None:
        """The link is closed."""
        if not self._told:
            return
        reason = reason or "it did not end in time, and was cut"
        summary: EventData = {
            "seconds": round((self._services.clock() - self._since).total_seconds(), 1),
            "messages": self.messages,
            **({"refused": self.refused} if self.refused else {}),
            **{f"repaired {name}": count for name, count in self.repairs.items()},
        }
        self.log.info("link_closed", reason=reason, **summary)
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
                "frame": shown_frame(text)[:FRAME_KEPT],
            },
        )

    def repaired(self, repairs: Sequence[Repair], action: str) -> None:
        """A lenience was needed; the first of its kind on a link becomes an event with the details."""
        self._services.roster.tally.repaired(repairs)
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
        if not self._told:
            return
        charger = self._admitted.charger
        happened = EventHappened(
            created=self._services.clock(),
            name=name,
            identifier=charger.identifier,
            message=message,
            data={"cp": charger.identifier, "sessionId": str(self.link_id), **data},
            account_id=charger.account_id,
        )
        self._services.store.record(None, (happened,))
