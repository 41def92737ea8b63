"""A link without a socket: to a central system that runs in the same process.

Frames are the same text as over a WebSocket. Only what carries them is left out, which is most of the
cost where a year is to pass in a minute (measured: 5.4 ms of CPU a message over sockets with stepped time).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import trio

from solarocpp.errors import CallRefused, NotConnected, ProtocolViolation
from solarocpp.ocpp.decoding import decode_confirmation, decode_request, encode_payload
from solarocpp.ocpp.frames import Call, CallError, CallResult, format_call, format_error, format_result, parse_frame
from solarocpp.ocpp.messages import OcppMessage
from solarocpp.simulator.link import Answering, Dial, action_of

# What `encode_payload` does besides, reading again what it wrote, is most of a simulated charge point's work; a
# message that breaks the schema is refused by the other side just as well. Times are whole seconds, so spelled alike.
_encode = msgspec.json.Encoder().encode

Ask = Callable[[bytes], bytes]
"""Takes a CALL of the central system to the charge point, and gives its answer."""

Hear = Callable[[bytes, Ask], Awaitable[bytes]]
"""The central system: takes a CALL of the charge point, and gives its answer; may ask something back meanwhile."""


class DirectConnection:
    """What a direct dial opens: whom to talk to, until one of the two ends it."""

    def __init__(self, hear: Hear) -> None:
        self.hear = hear
        self.ended = trio.Event()

    def link(self, identity: str, answer: Answering, number: int) -> DirectLink:
        """Makes the link of a charge point over this connection."""
        return DirectLink(self, identity, answer, number)


def dial_directly(hear: Hear) -> Dial:
    """How to reach a central system of this process."""

    @asynccontextmanager
    async def dial(key: bytes | None = None) -> AsyncGenerator[DirectConnection]:  # noqa: ARG001 nobody asks for one
        connection = DirectConnection(hear)
        try:
            yield connection
        finally:
            connection.ended.set()

    return dial


class DirectLink:
    """One open link, as `link.Link`; an answer is there when `exchange` returns, so nothing is ever late."""

    def __init__(self, connection: DirectConnection, identity: str, answer: Answering, number: int) -> None:
        self._connection = connection
        self._identity, self._answer, self._number = identity, answer, number
        self._calls = 0

    async def run(self) -> None:
        """Waits for the end of the link."""
        await self._connection.ended.wait()

    async def aclose(self) -> None:
        """Ends the link; `run` returns."""
        self._connection.ended.set()

    async def exchange(self, request: OcppMessage) -> OcppMessage:
        """Sends a request and gives its confirmation.

        Raises:
            NotConnected: the link has ended.
            CallRefused: the answer is a CALLERROR.
        """
        action = action_of(request)
        if self._connection.ended.is_set():
            raise NotConnected(self._identity, action)
        self._calls += 1
        text = format_call(f"{self._number}-{self._calls}", action, _encode(request))
        match parse_frame(await self._connection.hear(text, self._called))[0]:
            case CallResult(payload=payload):
                return decode_confirmation(action, payload).message
            case CallError() as error:
                raise CallRefused(self._identity, action, error.code, error.description, error.details)
            case _:
                raise NotConnected(self._identity, action)  # what arrives as no answer is none

    def _called(self, text: bytes) -> bytes:
        call, _ = parse_frame(text)
        assert isinstance(call, Call)  # noqa: S101 -- it comes from this very process
        try:
            reply = self._answer(decode_request(call.action, call.payload, sent_by="central_system").message)
        except ProtocolViolation as violation:
            return format_error(call.unique_id, violation.code, violation.description, violation.details)
        if reply.then is not None:
            reply.then()
        return format_result(call.unique_id, encode_payload(reply.confirmation))
