"""One charger's link: OCPP over one WebSocket, a reader and a timer around one RpcPeer.

The reader hands every message to `hear`, which is synchronous: decode, ask the central system, queue
the exchange at the store. So reading never waits for a handler or a commit, and pings are answered
whatever the disk does. The answer leaves when the store says that the exchange is durable. Up to
`MAX_UNANSWERED` exchanges wait; then the reader stops and TCP pushes back: a charger that flushes a
week of backlog is slowed down, never answered with an error (W13, Q24).

Frames, pings and closing handshakes are websocket.py's. What is recorded of a link outside the ledger
(opened, closed, refused, repaired) are events (journal.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import partial

import trio

from solarocpp.central_system import CONNECTOR_COUNT_KEY
from solarocpp.errors import CallFailed, NotConnected, ProtocolViolation
from solarocpp.gateway.calls import Alarm, OutgoingCalls, action_of
from solarocpp.gateway.handshake import Admitted
from solarocpp.gateway.journal import LinkJournal
from solarocpp.gateway.peers import Peer
from solarocpp.gateway.roster import LinkInfo
from solarocpp.gateway.services import Services
from solarocpp.gateway.tally import OTHER
from solarocpp.gateway.websocket import WebSocket
from solarocpp.ocpp.decoding import decode_request, encode_payload
from solarocpp.ocpp.frames import Call, format_result
from solarocpp.ocpp.messages import BootNotificationConfirmation, GetConfigurationRequest, OcppMessage
from solarocpp.ocpp.rpc import (
    AnswerReceived,
    CallReceived,
    FrameIgnored,
    FrameRefused,
    LateAnswer,
    Repeated,
    RepeatPending,
    RpcPeer,
)
from solarocpp.store.effects import Effect
from solarocpp.store.ledger import Exchange

MAX_UNANSWERED = 64
"""A charger keeps one CALL open by the specification, the worst flush a few dozen; 64 KiB at 1 KiB each."""
SILENCE_OF_THE_DEAF_S = 3.0
"""Chargers that never answer pings are given this many heartbeat intervals of silence (Q16)."""


class Link:
    """The link of one admitted charger, from the WebSocket accept to its end.

    Args:
        early: bytes that came behind the request head; some chargers do not wait for our answer to it.
    """

    __slots__ = (
        "_alarm",
        "_calls",
        "_claim",
        "_close_wanted",
        "_discovering",
        "_journal",
        "_peer",
        "_reached",
        "_services",
        "_stopped_reading",
        "_tally",
        "_websocket",
        "boots",
        "charger_id",
        "credential_id",
        "identifier",
        "opened_at",
        "ready",
        "unanswered",
    )

    def __init__(
        self,
        services: Services,
        admitted: Admitted,
        transport: trio.abc.Stream,
        peer: Peer,
        early: bytes = b"",
    ) -> None:
        self._services = services
        self._claim = admitted.claim
        self._reached = admitted.security_profile
        self.charger_id = admitted.charger.charger_id
        self.credential_id = None if admitted.credential is None else admitted.credential.credential_id
        self.identifier = admitted.charger.identifier
        self._journal = LinkJournal(services, admitted, peer)
        self._tally = services.roster.tally
        self._peer = RpcPeer(id_prefix=secrets.token_hex(4) + "-")
        if self.charger_id in services.roster.last_exchanges:
            request, answer = services.roster.last_exchanges[self.charger_id]
            self._peer.recall(request, answer.encode())
        self._websocket = WebSocket(transport, self, services.config, early)
        self._alarm = Alarm()
        self._calls = OutgoingCalls(
            self._peer, services, admitted.charger, send=self._websocket.send_text, alarm=self._alarm
        )
        self._close_wanted: tuple[int, str] | None = None
        self._stopped_reading = False
        self._discovering = False
        self.unanswered = 0
        self.opened_at = trio.current_time()
        self.ready = False
        self.boots = 0

    # -- life ---------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Runs the link to its end. Any defect of ours ends this link only (promise 4)."""
        claim = self._claim
        try:
            await self._websocket.run(claim.key, claim.subprotocol, claim.extensions)
        except* Exception:
            # Catch point 1 of 4 (style part 4): one defect, one link.
            self._journal.log.exception("link_failed")
        finally:
            self._closed()
            await self._websocket.finish()

    def opened(self) -> None:
        """The WebSocket is open: from here on the charger is connected."""
        self.opened_at = trio.current_time()
        self._journal.opened(replaced=self._services.roster.join(self))
        self._websocket.start_soon(self._keep_time)

    def _closed(self) -> None:
        self._note_pings()
        self._services.roster.leave(self)
        self._calls.abandon()
        if self._websocket.slow:
            self._journal.log.warning("link_slow", reason=self._websocket.end_reason)
        self._journal.closed(self._websocket.end_reason)

    def info(self) -> LinkInfo:
        """Tells what is known of this link."""
        return self._journal.info(self._websocket, self.unanswered)

    def close(self, code: int, reason: str) -> None:
        """Asks the link to close; returns at once."""
        if self._close_wanted is None:
            self._close_wanted = (code, reason)
            self._websocket.begin_close(reason)
            self._alarm.ring()

    def heed_change(self) -> None:
        """Looks at the charger again; closes if it may not be connected any more (Q15)."""
        try:
            charger = self._services.registry.charger(self.charger_id)
        except KeyError:
            self.close(1008, "the charger was removed")
            return
        if not charger.enabled:
            self.close(1008, "the charger was disabled")
        elif charger.security_profile > self._reached:
            self.close(1008, f"the charger must now come with security profile {charger.security_profile}")

    def stop_reading(self) -> None:
        """Takes no more messages; what was received is still answered (graceful stop)."""
        self._stopped_reading = True
        self._websocket.pause()

    # -- theirs: CALLs from the charge point ---------------------------------------------------------------

    def hear(self, text: str) -> None:
        """Takes one message; never waits."""
        if self._close_wanted:
            return  # not confirmed, so the charge point keeps it and tries again
        self._journal.messages += 1
        now = trio.current_time()
        heard = self._peer.receive(text, now)
        match heard:
            case CallReceived():
                self._answer(heard.call, text, now)
                if heard.repairs:
                    self._journal.repaired(heard.repairs, heard.call.action)
            case Repeated():
                self._tally.heard(OTHER, "repeated")
                self._websocket.send_text(heard.frame)
            case RepeatPending():
                pass  # the first one's answer is sent as often as it was asked for
            case AnswerReceived():
                self._calls.answered(heard.ticket, heard.result, text)
            case LateAnswer():
                self._journal.log.warning("answer_late", unique_id=heard.unique_id)
            case FrameRefused():
                self._journal.refused += 1
                self._tally.heard(OTHER, "refused")
                self._journal.refuse("unreadable", heard.violation, text)
                self._websocket.send_text(heard.frame)
            case FrameIgnored():
                self._journal.log.debug("frame_ignored", reason=heard.reason)

    def hear_bytes(self, data: bytes) -> None:
        """Takes a binary message: OCPP-J has none."""
        self._journal.log.debug("frame_ignored", reason="binary message", size=len(data))

    def _answer(self, call: Call, text: str, now: float) -> None:
        services = self._services
        received = services.clock()
        facts = services.registry.facts(services.registry.charger(self.charger_id))
        try:
            decoded = decode_request(call.action, call.payload, sent_by="charge_point")
            answer = services.central.answer(facts, decoded.message, received)
            payload = encode_payload(answer.confirmation)
        except ProtocolViolation as violation:
            self._refuse(call, violation, text)
            return
        except Exception:
            # Catch point 2 of 4: one defect, one message. The text sent says nothing of our insides.
            self._journal.log.exception("call_failed", action=call.action, unique_id=call.unique_id)
            self._refuse(call, _internal_error(), text)
            return
        if decoded.repairs:
            self._journal.repaired(decoded.repairs, call.action)
        exchange = Exchange(
            received=received,
            charger=facts,
            direction="in",
            action=call.action,
            request=text,
            answer=format_result(call.unique_id, payload).decode(),
        )
        if answer.from_memory:
            # Boot and Heartbeat never wait for the disk (Q61); what is worth keeping goes with the next commit.
            # Not kept for repeats: a charger with one id for all its heartbeats must not get an old time.
            self._websocket.send_text(self._peer.answer(call, payload, keep=False))
            self._tally.heard(call.action, "answered")
            if answer.effects:
                services.store.record(exchange, answer.effects, partial(self._forget_if_lost, answer.effects))
            else:
                services.store.show(exchange)
            self._note_progress(answer.confirmation)
            self._after_boot(answer.confirmation)
            return
        self.unanswered += 1
        if self.unanswered >= MAX_UNANSWERED:
            self._websocket.pause()
        outcome = partial(self._outcome, call, payload, answer.effects, text, now)
        services.store.record(exchange, answer.effects, outcome)

    def _forget_if_lost(self, effects: Sequence[Effect], committed: bool) -> None:  # noqa: FBT001 the store's callback
        """What a boot said and could not be recorded is news again at the next one."""
        if not committed:
            self._services.central.undo(effects)

    def _outcome(  # noqa: PLR0913, PLR0917 what is kept until the store calls back
        self,
        call: Call,
        payload: bytes,
        effects: Sequence[Effect],
        text: str,
        received_at: float,
        committed: bool,  # noqa: FBT001 the store's callback
    ) -> None:
        """Answers what the store has committed, or could not."""
        self.unanswered -= 1
        if self.unanswered < MAX_UNANSWERED and not self._stopped_reading:
            self._websocket.resume()
        if not self.unanswered:
            self._services.roster.note_change()
        if committed:
            copies = self._peer.copies(call)
            frame = self._peer.answer(call, payload)
            self._services.roster.last_exchanges[self.charger_id] = (text, frame.decode())
            for _ in range(copies):
                self._websocket.send_text(frame)
            self._services.roster.note_effects(self.charger_id, effects)
            self._note_ready()
            self._tally.heard(call.action, "answered")
            self._tally.acknowledgements.observe(trio.current_time() - received_at)
            return
        self._services.central.undo(effects)
        self._journal.log.error("call_not_stored", action=call.action, unique_id=call.unique_id)
        self._refuse(call, _internal_error(), text)

    def _refuse(self, call: Call, violation: ProtocolViolation, text: str) -> None:
        self._journal.refused += 1
        self._tally.heard(call.action, "failed" if violation.code == "InternalError" else "refused")
        if violation.code != "InternalError":
            self._journal.refuse(call.action, violation, text)
        copies = self._peer.copies(call)
        frame = self._peer.refuse(call, violation)
        for _ in range(copies):
            self._websocket.send_text(frame)

    # -- ours: CALLs to the charge point --------------------------------------------------------------------

    async def call(self, request: OcppMessage, deadline_s: float | None = None) -> OcppMessage:
        """Sends one CALL and returns the confirmation; see `Roster.call`."""
        if not self._websocket.open:
            raise NotConnected(self.identifier, action_of(request))
        return await self._calls.call(request, deadline_s or self._services.config.call_deadline_s)

    def _note_progress(self, confirmation: OcppMessage) -> None:
        """Notes a boot that was not rejected, or that the charger talks of other things than its boot."""
        if not isinstance(confirmation, BootNotificationConfirmation):
            self._note_ready()
        elif confirmation.status != "Rejected":
            self.boots += 1
            self.ready = True
            self._services.roster.note_presence(self)

    def _note_ready(self) -> None:
        if not self.ready:
            self.ready = True
            self._services.roster.note_presence(self)

    def _after_boot(self, confirmation: OcppMessage) -> None:
        """Asks a charger that was accepted how many connectors it has, once (spec 6.3); before that nothing (Q56)."""
        if not isinstance(confirmation, BootNotificationConfirmation) or confirmation.status != "Accepted":
            return
        known = self._services.registry.charger(self.charger_id).connector_count
        if known < 1 and not self._discovering:
            self._discovering = True
            self._websocket.start_soon(self._discover_connectors)

    async def _discover_connectors(self) -> None:
        try:
            await self.call(GetConfigurationRequest(key=(CONNECTOR_COUNT_KEY,)))
        except CallFailed as failed:
            self._journal.log.info("connectors_unknown", reason=str(failed))  # asked again at the next boot
        finally:
            self._discovering = False

    # -- time ------------------------------------------------------------------------------------------------

    async def _keep_time(self) -> None:
        """Expires our CALLs, pings, and cuts a link on which nothing is heard any more (Q14, Q17)."""
        config, websocket = self._services.config, self._websocket
        next_ping = trio.current_time() + config.ping_interval_s
        pinged: float | None = None  # when the ping went out since which nothing was heard
        while self._close_wanted is None:
            deadlines = (next_ping, self._calls.next_deadline(), pinged and self._silence_deadline(pinged))
            with trio.move_on_at(min(deadline for deadline in deadlines if deadline)):
                await self._alarm.wait()
            now = trio.current_time()
            self._calls.expire(now)
            if pinged is not None and (websocket.last_heard >= pinged or websocket.paused):
                pinged = None
            if pinged is not None and now >= self._silence_deadline(pinged):
                self._journal.log.warning("link_silent", seconds=round(now - websocket.last_heard))
                websocket.end(f"nothing was heard for {now - websocket.last_heard:.0f} s")
                return
            if now >= next_ping:
                websocket.ping()
                pinged = now if pinged is None else pinged
                next_ping = now + config.ping_interval_s
        await websocket.close(*self._close_wanted)

    def _silence_deadline(self, pinged: float) -> float:
        """When silence since a ping means that nobody is there.

        Who has answered pings answers the next one. Who talks and never has is given time for some heartbeats
        (Q16); who does neither, not.
        """
        config, websocket = self._services.config, self._websocket
        answers = websocket.round_trip_s is not None or self._services.roster.answers_pings.get(self.charger_id)
        if answers or (answers is None and not self._journal.messages):
            return pinged + config.pong_deadline_s
        return websocket.last_heard + SILENCE_OF_THE_DEAF_S * config.boot_interval_s

    def _note_pings(self) -> None:
        """Remembers for the charger's next link whether it answers pings; only a link that was pinged can tell."""
        if self._websocket.round_trip_s is not None:
            self._services.roster.answers_pings[self.charger_id] = True
        elif self._websocket.pings_unanswered and self._journal.messages:
            self._services.roster.answers_pings[self.charger_id] = False


def _internal_error() -> ProtocolViolation:
    return ProtocolViolation("InternalError", "The message could not be stored; send it again.")
