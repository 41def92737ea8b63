"""One charger's link: a nursery with reader, sender and timer around one RpcPeer.

The reader hands every message to `hear`, which is synchronous: decode, ask the central system, queue
the exchange at the store. So reading never waits for a handler or a commit, and pings are answered
whatever the disk does. The answer leaves when the store says that the exchange is durable. Up to
`MAX_UNANSWERED` exchanges wait; then the reader stops and TCP pushes back: a charger that flushes a
week of backlog is slowed down, never answered with an error (W13, Q24).

What is recorded of a link outside the ledger (opened, closed, refused, repaired) are events.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import partial

import trio
import trio_websocket

from solarocpp.central_system import CONNECTOR_COUNT_KEY
from solarocpp.errors import CallFailed, NotConnected, ProtocolViolation
from solarocpp.gateway.calls import OutgoingCalls, action_of
from solarocpp.gateway.framing import PING_FRAME, FrameTap, close_frame, text_frame
from solarocpp.gateway.handshake import Admitted, canonical_head
from solarocpp.gateway.journal import LinkJournal
from solarocpp.gateway.peers import Peer
from solarocpp.gateway.roster import LinkInfo
from solarocpp.gateway.services import Services
from solarocpp.gateway.streams import LinkStream
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
BROKEN_FRAME_CODES = (1002, 1007)
"""Close codes of RFC 6455 §7.4.1 for broken frames and for text that is no UTF-8."""
DEFECT = "a defect of ours"
CLOSE_DEADLINE_S = 2.0
"""How long a peer may take for the closing handshake before its socket is simply closed."""
SILENCE_OF_THE_DEAF_S = 3.0
"""Chargers that never answer pings are given this many heartbeat intervals of silence (Q16)."""


class Link:
    """The link of one admitted charger, from the WebSocket accept to its end.

    Args:
        early: bytes that came behind the request head; some chargers do not wait for our answer to it.
    """

    __slots__ = (
        "_calls",
        "_claim",
        "_close_wanted",
        "_discovering",
        "_end_reason",
        "_gate",
        "_journal",
        "_nursery",
        "_peer",
        "_services",
        "_stopped_reading",
        "_stream",
        "_tap",
        "_timer_wake",
        "_ws",
        "charger_id",
        "credential_id",
        "identifier",
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
        self.charger_id = admitted.charger.charger_id
        self.credential_id = admitted.credential.credential_id
        self.identifier = admitted.charger.identifier
        self._journal = LinkJournal(services, admitted.charger, str(peer))
        self._peer = RpcPeer(id_prefix=secrets.token_hex(4) + "-")
        if self.charger_id in services.roster.last_exchanges:
            request, answer = services.roster.last_exchanges[self.charger_id]
            self._peer.recall(request, answer.encode())
        self._tap = FrameTap(lean=services.config.receive_path == "lean")
        self._tap.feed(early)
        self._stream = LinkStream(transport, canonical_head(admitted.claim), self._tap, self)
        self._ws: trio_websocket.WebSocketConnection | None = None
        self._nursery: trio.Nursery | None = None
        self._gate: trio.Event | None = None
        self._timer_wake = trio.Event()
        self._calls = OutgoingCalls(
            self._peer, services, admitted.charger, send=self._send, wake_timer=self._wake_timer
        )
        self._close_wanted: tuple[int, str] | None = None
        self._stopped_reading = True  # until our side of the handshake is out: an answer before it has nowhere to go
        self._end_reason = "the charge point closed it"
        self._discovering = False
        self.unanswered = 0

    # -- life ---------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Runs the link to its end. Any defect of ours ends this link only (promise 4)."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                request = await trio_websocket.wrap_server_stream(nursery, self._stream)
                self._ws = await request.accept(subprotocol=self._claim.subprotocol)
                replaced = self._services.roster.join(self)
                self._journal.opened(self._claim.repairs, replaced=replaced)
                self._stopped_reading = False
                self._open_gate()
                nursery.start_soon(self._keep_time)
                await self._hear_assembled(self._ws)
                nursery.cancel_scope.cancel()
        except* trio_websocket.ConnectionClosed:
            pass  # between the accept and the first read
        except* Exception:
            # Catch point 1 of 4 (style part 4): one defect, one link.
            self._end_reason = DEFECT
            self._journal.log.exception("link_failed")
        finally:
            self._nursery = None
            self._closed()
            with trio.move_on_after(CLOSE_DEADLINE_S, shield=True):
                await self._stream.aclose()

    async def _hear_assembled(self, ws: trio_websocket.WebSocketConnection) -> None:
        """Takes the messages that trio-websocket put together: fragments, or all on the stock path."""
        try:
            while True:
                while (gate := self.reading_gate()) is not None:
                    await gate.wait()
                message = await ws.get_message()
                if isinstance(message, str):
                    self.hear(message)
                else:
                    self._journal.log.debug("frame_ignored", reason="binary message", size=len(message))
        except trio_websocket.ConnectionClosed as closed:
            if closed.reason is not None and not self._close_wanted:
                self._end_reason = f"closed with {closed.reason.code} {closed.reason.reason or ''}".rstrip()

    def _closed(self) -> None:
        self._services.roster.leave(self)
        self._calls.abandon()
        if self._ws is not None:
            self._journal.closed(self._end_reason)

    def info(self) -> LinkInfo:
        """Tells what is known of this link."""
        return self._journal.info(self.unanswered)

    def close(self, code: int, reason: str) -> None:
        """Asks the link to close; returns at once."""
        if self._close_wanted is None:
            self._close_wanted = (code, reason)
            self._end_reason = reason
            self._wake_timer()
            self._open_gate()  # the closing handshake has to be read

    def heed_change(self) -> None:
        """Looks at the charger again; closes if it may not be connected any more (Q15)."""
        try:
            allowed = self._services.registry.charger(self.charger_id).enabled
        except KeyError:
            allowed = False
        if not allowed:
            self.close(1008, "the charger was disabled or removed")

    def stop_reading(self) -> None:
        """Takes no more messages; what was received is still answered (graceful stop)."""
        self._stopped_reading = True

    def _open_gate(self) -> None:
        if self._gate is not None:
            self._gate.set()
            self._gate = None

    def start_sender(self) -> None:
        """Has a task empty the stream's backlog."""
        if self._nursery is not None:
            self._nursery.start_soon(self._stream.run_sender, self._services.config.send_deadline_s)

    def stream_broke(self, reason: str) -> None:
        """Ends the link: nothing can be sent any more."""
        if self._close_wanted is None:
            self._end_reason = reason
            self._journal.log.warning("link_slow", reason=reason)
        self._cancel()

    def _wake_timer(self) -> None:
        self._timer_wake.set()

    def farewell(self) -> bytes:
        """Gives the close frame for a link that ends because a frame broke the rules; else nothing."""
        if self._end_reason == DEFECT:
            return close_frame(1011, DEFECT)
        closed = self._ws.closed if self._ws is not None else None
        if closed is None or closed.code not in BROKEN_FRAME_CODES:
            return b""
        return close_frame(closed.code, closed.reason or "")

    def _cancel(self) -> None:
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()

    # -- theirs: CALLs from the charge point ---------------------------------------------------------------

    def reading_gate(self) -> trio.Event | None:
        """Gives something to wait for before reading on, while too much is unanswered."""
        if self._close_wanted or (self.unanswered < MAX_UNANSWERED and not self._stopped_reading):
            return None
        if self._gate is None:
            self._gate = trio.Event()
        return self._gate

    def hear(self, text: str) -> None:
        """Takes one message; never waits."""
        if self._close_wanted:
            return  # not confirmed, so the charge point keeps it and tries again
        self._journal.messages += 1
        heard = self._peer.receive(text, trio.current_time())
        match heard:
            case CallReceived():
                self._answer(heard.call, text)
                if heard.repairs:
                    self._journal.repaired(heard.repairs, heard.call.action)
            case Repeated():
                self._send(heard.frame)
            case RepeatPending():
                pass  # the first one's answer is sent as often as it was asked for
            case AnswerReceived():
                self._calls.answered(heard.ticket, heard.result, text)
            case LateAnswer():
                self._journal.log.warning("answer_late", unique_id=heard.unique_id)
            case FrameRefused():
                self._journal.refused += 1
                self._journal.refuse("unreadable", heard.violation, text)
                self._send(heard.frame)
            case FrameIgnored():
                self._journal.log.debug("frame_ignored", reason=heard.reason)

    def _answer(self, call: Call, text: str) -> None:
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
            self._send(self._peer.answer(call, payload, keep=False))
            if answer.effects:
                services.store.record(exchange, answer.effects, partial(self._forget_if_lost, answer.effects))
            self._after_boot(answer.confirmation)
            return
        self.unanswered += 1
        services.store.record(exchange, answer.effects, partial(self._outcome, call, payload, answer.effects, text))

    def _forget_if_lost(self, effects: Sequence[Effect], committed: bool) -> None:  # noqa: FBT001 the store's callback
        """What a boot said and could not be recorded is news again at the next one."""
        if not committed:
            self._services.central.undo(effects)

    def _outcome(self, call: Call, payload: bytes, effects: Sequence[Effect], text: str, committed: bool) -> None:  # noqa: FBT001 the store's callback
        """Answers what the store has committed, or could not."""
        self.unanswered -= 1
        if self.unanswered < MAX_UNANSWERED and not self._stopped_reading:
            self._open_gate()
        if not self.unanswered:
            self._services.roster.note_change()
        if committed:
            copies = self._peer.copies(call)
            frame = self._peer.answer(call, payload)
            self._services.roster.last_exchanges[self.charger_id] = (text, frame.decode())
            for _ in range(copies):
                self._send(frame)
            return
        self._services.central.undo(effects)
        self._journal.log.error("call_not_stored", action=call.action, unique_id=call.unique_id)
        self._refuse(call, _internal_error(), text)

    def _refuse(self, call: Call, violation: ProtocolViolation, text: str) -> None:
        self._journal.refused += 1
        if violation.code != "InternalError":
            self._journal.refuse(call.action, violation, text)
        copies = self._peer.copies(call)
        frame = self._peer.refuse(call, violation)
        for _ in range(copies):
            self._send(frame)

    def _send(self, frame: bytes) -> None:
        if self._ws is not None and self._ws.closed is None:
            self._stream.send_nowait(text_frame(frame))

    # -- ours: CALLs to the charge point --------------------------------------------------------------------

    async def call(self, request: OcppMessage, deadline_s: float | None = None) -> OcppMessage:
        """Sends one CALL and returns the confirmation; see `Roster.call`."""
        if self._ws is None or self._ws.closed is not None:
            raise NotConnected(self.identifier, action_of(request))
        return await self._calls.call(request, deadline_s or self._services.config.call_deadline_s)

    def _after_boot(self, confirmation: OcppMessage) -> None:
        """Asks a charger that was accepted how many connectors it has, once (spec 6.3); before that nothing (Q56)."""
        if not isinstance(confirmation, BootNotificationConfirmation) or confirmation.status != "Accepted":
            return
        known = self._services.registry.charger(self.charger_id).connector_count
        if known < 1 and not self._discovering and self._nursery is not None:
            self._discovering = True
            self._nursery.start_soon(self._discover_connectors)

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
        config = self._services.config
        next_ping = trio.current_time() + config.ping_interval_s
        pinged: float | None = None
        while self._close_wanted is None:
            deadlines = [next_ping, self._calls.next_deadline(), pinged and pinged + self._patience()]
            with trio.move_on_at(min(deadline for deadline in deadlines if deadline)):
                await self._timer_wake.wait()
            self._timer_wake = trio.Event()
            now = trio.current_time()
            self._calls.expire(now)
            if pinged is not None and self._stream.last_heard >= pinged:
                pinged = None
            if pinged is not None and now >= pinged + self._patience() and self._gate is None:
                self._cut_silent(now - pinged)
                return
            if now >= next_ping:
                self._stream.send_nowait(PING_FRAME)
                pinged = now if pinged is None else pinged
                next_ping = now + config.ping_interval_s
        assert self._ws is not None  # noqa: S101 the timer starts after the accept
        with trio.move_on_after(CLOSE_DEADLINE_S):
            await self._ws.aclose(*self._close_wanted)
        self._cancel()

    def _patience(self) -> float:
        if self._services.roster.is_deaf_to_pings(self.charger_id):
            return SILENCE_OF_THE_DEAF_S * self._services.config.boot_interval_s
        return self._services.config.pong_deadline_s

    def _cut_silent(self, seconds: float) -> None:
        """Ends a link whose other end is gone: no closing handshake, nobody would answer it."""
        if self._journal.messages and not self._tap.pongs:
            self._services.roster.note_deaf_to_pings(self.charger_id)
        self._end_reason = f"nothing was heard for {seconds:.0f} s after a ping"
        self._journal.log.warning("link_silent", seconds=round(seconds))
        self._cancel()


def _internal_error() -> ProtocolViolation:
    return ProtocolViolation("InternalError", "The message could not be stored; send it again.")
