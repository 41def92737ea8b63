"""One end of one OCPP-J link, without the link.

A RpcPeer is told what arrived and what time it is, and says what to send and when to ask again. It
never waits, logs or looks at a clock, so that a whole day of a flaky modem is a loop in a test. Central
system and charge point are the same class.

Rule 1: at most one CALL of ours is unanswered (OCPP-J §4.1.1); later ones queue here, not in callers.
        Theirs may cross ours, and no answer of ours waits for one of theirs.
Rule 2: an answer is matched by its id alone (Q44). One that matches nothing is reported and given to
        nobody: a guess would let a late Accepted start the wrong car.
Rule 3: a CALL with the id and the content of an earlier one is the same CALL (Q43): it gets the same
        answer and is not processed again. The same id with other content is another CALL.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import msgspec

from solarocpp.errors import LocalProtocolError, ProtocolViolation
from solarocpp.ocpp.datatypes import UniqueId
from solarocpp.ocpp.frames import (
    MAX_ID_LENGTH,
    Call,
    CallError,
    CallResult,
    Unusable,
    format_call,
    format_error,
    format_result,
    parse_frame,
)
from solarocpp.ocpp.lenience import Repair

# A charge point repeats its last message or two. Sixteen answers are about 3 KB of memory a link.
REPEATS_KEPT: Final = 16

# A long answer is not kept: sixteen over-long ids (we echo them) must not fill the memory.
LONGEST_ANSWER_KEPT: Final = 2048

# Orders wait here for seconds; a longer queue means that nobody listens at the other end.
QUEUE_LIMIT: Final = 64

# Digits the counter of ids may take without exceeding 36 characters.
_COUNTER_LENGTH: Final = 12


class Ticket(msgspec.Struct, eq=False):
    """A CALL of ours, from the order to its end; compared by identity, good as a key."""

    unique_id: UniqueId
    action: str
    payload: bytes
    deadline_s: float
    """How long the answer may take once the CALL is sent."""
    deadline: float | None = None
    """When it is overdue, on the caller's clock; None while it is queued."""


class CallReceived(msgspec.Struct, frozen=True):
    """A CALL to process, and to answer with `answer` or `refuse`."""

    call: Call
    repairs: tuple[Repair, ...]


class Repeated(msgspec.Struct, frozen=True):
    """A CALL that was answered before: send its answer again, do nothing else."""

    frame: bytes


class RepeatPending(msgspec.Struct, frozen=True):
    """A CALL that is being processed came again: nothing to do but to send its answer `copies(call)` times."""

    call: Call


class AnswerReceived(msgspec.Struct, frozen=True):
    """The CALL of this ticket has its answer; `to_send` may have the next one."""

    ticket: Ticket
    result: CallResult | CallError


class LateAnswer(msgspec.Struct, frozen=True):
    """An answer to no CALL that waits: it is late, or was never asked for."""

    unique_id: str


class FrameRefused(msgspec.Struct, frozen=True):
    """A message nobody can understand: send the CALLERROR in `frame`."""

    frame: bytes
    violation: ProtocolViolation


class FrameIgnored(msgspec.Struct, frozen=True):
    """Text that gets no answer, and why."""

    reason: str


Received = CallReceived | Repeated | RepeatPending | AnswerReceived | LateAnswer | FrameRefused | FrameIgnored


class RpcPeer:
    """Keeps what one end must remember of a link; see the rules at the top of this file.

    `id_prefix` goes before the numbers of our CALLs. Give each link another one: some chargers send an
    answer on the next link (Q44), where the bare number may belong to another CALL.
    """

    __slots__ = ("_answers", "_counter", "_id_prefix", "_in_flight", "_open", "_queue", "_repeats_kept")

    def __init__(self, *, id_prefix: str = "", repeats_kept: int = REPEATS_KEPT) -> None:
        if len(id_prefix) > MAX_ID_LENGTH - _COUNTER_LENGTH:
            raise LocalProtocolError(f"{id_prefix!r} leaves no room for a number in {MAX_ID_LENGTH} characters")
        self._id_prefix = id_prefix
        self._repeats_kept = repeats_kept
        self._counter = 0
        self._in_flight: Ticket | None = None
        self._queue: list[Ticket] = []
        self._open: dict[int, int] = {}
        """How often each CALL came that is not answered yet, by identity; whoever reads the link bounds it."""
        self._answers: dict[int, bytes] = {}
        """The newest answers, oldest first, by the identity of the CALL."""

    # -- theirs

    def receive(self, text: bytes | str, now: float) -> Received:  # noqa: ARG002 the sans-IO contract: always told
        """Takes one message of the link and says what it means."""
        try:
            frame, repairs = parse_frame(text)
        except ProtocolViolation as violation:
            return FrameRefused(_format_violation(violation.unique_id, violation), violation)
        if type(frame) is Call:
            return self._receive_call(frame, repairs)
        if type(frame) is Unusable:
            return FrameIgnored(frame.reason)
        assert isinstance(frame, CallResult | CallError)  # noqa: S101 what else is left
        return self._receive_answer(frame)

    def _receive_call(self, call: Call, repairs: tuple[Repair, ...]) -> Received:
        identity = _identity(call)
        if identity in self._answers:
            return Repeated(self._answers[identity])
        copies = self._open.get(identity, 0)
        self._open[identity] = copies + 1
        return RepeatPending(call) if copies else CallReceived(call, repairs)

    def copies(self, call: Call) -> int:
        """Tells how often a CALL came that is not answered yet; ask before `answer` or `refuse`.

        Nearly always once; each time it came, the other end waits for an answer.
        """
        return self._open.get(_identity(call), 1)

    def answer(self, call: Call, payload: bytes, *, keep: bool = True) -> bytes:
        """Gives the CALLRESULT to send, and keeps it for repeats; to be called when it may leave.

        With `keep` false a repeat is processed again: for answers that are true only now, like a time.
        """
        frame = format_result(call.unique_id, payload)
        identity = _identity(call)
        self._open.pop(identity, None)
        if keep and self._repeats_kept and len(frame) <= LONGEST_ANSWER_KEPT:
            if len(self._answers) >= self._repeats_kept:
                del self._answers[next(iter(self._answers))]
            self._answers[identity] = frame
        return frame

    def refuse(self, call: Call, violation: ProtocolViolation) -> bytes:
        """Gives the CALLERROR to send. It is not kept: a repeat is tried again, and may have more luck."""
        self._open.pop(_identity(call), None)
        return _format_violation(call.unique_id, violation)

    def recall(self, text: str, frame: bytes) -> None:
        """Takes over the last exchange of an earlier link, so that its repeat on this one gets the same answer.

        Only the last: a charge point has one CALL unanswered (OCPP-J §4.1.1), and older ids may be new
        messages after a restart of its counter (W9).
        """
        with suppress(ProtocolViolation):
            call, _ = parse_frame(text)
            if type(call) is Call:
                self._answers[_identity(call)] = frame

    # -- ours

    def call(self, action: str, payload: bytes, deadline_s: float) -> Ticket:
        """Queues a CALL; `to_send` gives its frame when its turn comes.

        Raises:
            LocalProtocolError: the queue is full.
        """
        if len(self._queue) >= QUEUE_LIMIT:
            raise LocalProtocolError(f"{action} not queued: {QUEUE_LIMIT} CALLs wait already")
        self._counter += 1
        ticket = Ticket(UniqueId(f"{self._id_prefix}{self._counter}"), action, payload, deadline_s)
        self._queue.append(ticket)
        return ticket

    def to_send(self, now: float) -> bytes | None:
        """Gives the frame of the next CALL of ours, or None if one is unanswered or none waits."""
        if self._in_flight is not None or not self._queue:
            return None
        ticket = self._in_flight = self._queue.pop(0)
        ticket.deadline = now + ticket.deadline_s
        return format_call(ticket.unique_id, ticket.action, ticket.payload)

    def next_deadline(self) -> float | None:
        """Tells when to call `expire`."""
        return self._in_flight.deadline if self._in_flight is not None else None

    def expire(self, now: float) -> list[Ticket]:
        """Gives up what is overdue; `to_send` may have the next CALL."""
        ticket = self._in_flight
        if ticket is None or ticket.deadline is None or now < ticket.deadline:
            return []
        self._in_flight = None
        return [ticket]

    def cancel(self, ticket: Ticket) -> None:
        """Forgets a CALL nobody waits for any more; if it was sent, its answer will be late (Q77)."""
        if ticket is self._in_flight:
            self._in_flight = None
        elif ticket in self._queue:
            self._queue.remove(ticket)

    def abandon(self) -> list[Ticket]:
        """Gives up all CALLs of ours, the unanswered one first: the link is gone."""
        tickets = [self._in_flight] if self._in_flight is not None else []
        tickets += self._queue
        self._in_flight, self._queue = None, []
        return tickets

    def _receive_answer(self, result: CallResult | CallError) -> Received:
        ticket = self._in_flight
        if ticket is None or ticket.unique_id != result.unique_id:
            return LateAnswer(result.unique_id)
        self._in_flight = None
        return AnswerReceived(ticket, result)


def _identity(call: Call) -> int:
    """What makes a CALL the same: 64 bits keyed by the process, so that nobody can make two collide."""
    return hash((call.unique_id, call.action, bytes(call.payload)))


def _format_violation(unique_id: str, violation: ProtocolViolation) -> bytes:
    return format_error(unique_id, violation.code, violation.description, violation.details)
