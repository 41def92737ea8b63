"""Our CALLs over one link: one in flight, each with a deadline, each ending with an answer or a reason.

They take the same way out as the answers to theirs and wait for nobody's answer but their own. What a
charge point answers is recorded like what it says, errors too, and may change what we know of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import structlog
import trio

from solarocpp.errors import CallExpired, CallFailed, CallRefused, NotConnected, ProtocolViolation
from solarocpp.gateway.services import Services
from solarocpp.ocpp.decoding import decode_confirmation, encode_as_told, encode_payload
from solarocpp.ocpp.frames import CallError, CallResult, format_call, format_error, format_result
from solarocpp.ocpp.messages import OcppMessage
from solarocpp.ocpp.redaction import REDACTED, is_secret_key, secret_texts, without_secrets
from solarocpp.ocpp.rpc import RpcPeer, Ticket
from solarocpp.registry import Charger
from solarocpp.store.effects import Effect
from solarocpp.store.ledger import Exchange

log = structlog.get_logger()


class _Waiting:
    """Somebody waits for the answer to a CALL."""

    __slots__ = ("done", "outcome", "request")

    def __init__(self, request: OcppMessage) -> None:
        self.request = request
        self.done = trio.Event()
        self.outcome: OcppMessage | CallFailed | None = None

    def resolve(self, outcome: OcppMessage | CallFailed) -> None:
        self.outcome = outcome
        self.done.set()


class Alarm:
    """Wakes the timer of a link: something is due earlier than it expects."""

    __slots__ = ("_rung",)

    def __init__(self) -> None:
        self._rung = trio.Event()

    def ring(self) -> None:
        """Wakes whoever waits, or will."""
        self._rung.set()

    async def wait(self) -> None:
        """Waits for the next ring."""
        await self._rung.wait()
        self._rung = trio.Event()


class OutgoingCalls:
    """The waiting callers of one link; RpcPeer keeps the order and the ids."""

    __slots__ = ("_alarm", "_charger_id", "_identifier", "_peer", "_send", "_services", "_tally", "_waiting")

    def __init__(
        self,
        peer: RpcPeer,
        services: Services,
        charger: Charger,
        *,
        send: Callable[[bytes], None],
        alarm: Alarm,
    ) -> None:
        self._peer = peer
        self._services = services
        self._tally = services.roster.tally
        self._charger_id = charger.charger_id
        self._identifier = charger.identifier
        self._send = send
        self._alarm = alarm
        self._waiting: dict[str, _Waiting] = {}

    async def call(self, request: OcppMessage, deadline_s: float) -> OcppMessage:
        """Sends one CALL when its turn comes and returns the confirmation.

        Raises:
            CallFailed: the link ended, the deadline passed, or the answer is an error.
        """
        ticket = self._peer.call(action_of(request), encode_payload(request), deadline_s)
        waiting = self._waiting[ticket.unique_id] = _Waiting(request)
        self._pump()
        try:
            await waiting.done.wait()
        finally:
            if self._waiting.pop(ticket.unique_id, None) is not None:
                self._peer.cancel(ticket)  # whoever asked does not wait any more (Q77)
                self._pump()
        if isinstance(waiting.outcome, CallFailed):
            raise waiting.outcome
        assert waiting.outcome is not None  # noqa: S101 resolve() sets it before the event
        return waiting.outcome

    def answered(self, ticket: Ticket, result: CallResult | CallError, text: str) -> None:
        """Gives the answer to whoever waits for it; `text` is the frame as it came, for the ledger."""
        outcome = self._outcome(ticket, self._waiting[ticket.unique_id].request, result, text)
        self._tally.asked(ticket.action, "refused" if isinstance(outcome, CallFailed) else "answered")
        self._waiting.pop(ticket.unique_id).resolve(outcome)
        self._pump()

    def next_deadline(self) -> float | None:
        """When `expire` has something to do."""
        return self._peer.next_deadline()

    def expire(self, now: float) -> None:
        """Ends the calls whose deadline has passed, and sends the next one."""
        for ticket in self._peer.expire(now):
            log.warning("call_expired", identifier=self._identifier, action=ticket.action, unique_id=ticket.unique_id)
            self._tally.asked(ticket.action, "expired")
            expired = CallExpired(self._identifier, ticket.action, ticket.deadline_s)
            self._waiting.pop(ticket.unique_id).resolve(expired)
        self._pump()

    def abandon(self) -> None:
        """Ends all calls: the link is gone."""
        for ticket in self._peer.abandon():
            self._tally.asked(ticket.action, "lost")
            lost = NotConnected(self._identifier, ticket.action, sent=ticket.deadline is not None)
            self._waiting.pop(ticket.unique_id).resolve(lost)
        # An answer that ended the link, by a defect of ours: whoever waits for it must not wait for ever (Q77).
        for waiting in self._waiting.values():
            waiting.resolve(NotConnected(self._identifier, action_of(waiting.request), sent=True))
        self._waiting.clear()

    def _pump(self) -> None:
        frame = self._peer.to_send(trio.current_time())
        if frame is not None:
            self._send(frame)
            self._alarm.ring()

    def _outcome(
        self, ticket: Ticket, request: OcppMessage, result: CallResult | CallError, text: str
    ) -> OcppMessage | CallFailed:
        if isinstance(result, CallError):
            self._record(ticket, request, _refusal_told(ticket, request, result, text))
            return CallRefused(self._identifier, ticket.action, result.code, result.description, result.details)
        try:
            confirmation = decode_confirmation(ticket.action, result.payload).message
        except ProtocolViolation as violation:
            self._record(ticket, request, _unreadable_told(ticket, request, text))
            return CallRefused(self._identifier, ticket.action, violation.code, violation.description)
        self._record(ticket, request, _told(ticket, confirmation, text), confirmation)
        return confirmation

    def _record(
        self, ticket: Ticket, request: OcppMessage, answer: str, confirmation: OcppMessage | None = None
    ) -> None:
        """Writes down what was asked and answered, and what that changes; without `confirmation`, nothing."""
        services = self._services
        received = services.clock()
        try:
            facts = services.registry.facts(services.registry.charger(self._charger_id))
        except KeyError:
            return  # removed while it answered
        shown = without_secrets(request)  # what a replay will see, so it gives the same effects
        effects = () if confirmation is None else services.central.learn(facts, shown, confirmation, received)
        exchange = Exchange(
            received=received,
            charger=facts,
            direction="out",
            action=ticket.action,
            request=format_call(ticket.unique_id, ticket.action, encode_payload(shown)).decode(),
            answer=answer,
        )
        services.store.record(exchange, effects, partial(self._note_recorded, ticket, effects))

    def _note_recorded(self, ticket: Ticket, effects: Sequence[Effect], committed: bool) -> None:  # noqa: FBT001 the store's callback
        """Tells what an answer changed once that is durable; what could not be recorded changes nothing."""
        if committed:
            self._services.roster.note_effects(self._charger_id, effects)
            return
        self._services.central.undo(effects)
        log.error("answer_not_stored", identifier=self._identifier, action=ticket.action, unique_id=ticket.unique_id)


def action_of(request: OcppMessage) -> str:
    """Names the action of a request."""
    return type(request).__name__.removesuffix("Request")


def _told(ticket: Ticket, confirmation: OcppMessage, text: str) -> str:
    """Gives an answer as it came, but for secrets: some chargers tell their whole configuration, passwords included."""
    plain = without_secrets(confirmation)
    return text if plain is confirmation else format_result(ticket.unique_id, encode_as_told(plain)).decode()


def _refusal_told(ticket: Ticket, request: OcppMessage, refusal: CallError, text: str) -> str:
    """Gives a CALLERROR as it came, unless it may quote a secret of what it answers: then without, and no details."""
    secrets = secret_texts(request)
    if not secrets:
        return text
    code, description = refusal.code, refusal.description
    for secret in secrets:
        code, description = code.replace(secret, REDACTED), description.replace(secret, REDACTED)
    return format_error(ticket.unique_id, code, description).decode()


def _unreadable_told(ticket: Ticket, request: OcppMessage, text: str) -> str:
    """Gives an answer that cannot be read as it came, unless there may be a secret in it: nobody can tell where."""
    if secret_texts(request) or is_secret_key(text) or "://" in text:
        return format_result(ticket.unique_id, b'{"unreadable":"%b"}' % REDACTED.encode()).decode()
    return text
