"""One WebSocket link of a charge point: RpcPeer in the other role, over trio-websocket.

A reader takes what arrives, a timer expires what stays unanswered. Whoever wants an answer waits in
`exchange`; RpcPeer keeps the calls in order with one in flight (OCPP-J §4.1.1). Calls of the central
system are answered at once, in the reader: a charge point decides in no time.
"""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection, wrap_client_stream

from solarocpp.errors import CallExpired, CallFailed, CallRefused, DialFailed, NotConnected, ProtocolViolation
from solarocpp.ocpp.decoding import decode_confirmation, decode_request, encode_payload
from solarocpp.ocpp.frames import Call, CallError, CallResult
from solarocpp.ocpp.messages import OcppMessage
from solarocpp.ocpp.rpc import AnswerReceived, CallReceived, FrameRefused, Repeated, RpcPeer, Ticket

if TYPE_CHECKING:
    from solarocpp.simulator.direct import DirectConnection

# Where the URL has credentials in its path: how far behind the name of the profile the password is.
_PASSWORD_BEHIND: Final = {"v16u": 2, "v16hu": 3}

# In TLS 1.3 a certificate is refused when everything seems to be fine already; the library keeps the alert to itself.
_NO_ANSWER: Final = (
    "no answer to the WebSocket handshake",
    "no answer to the WebSocket handshake; maybe it refuses our certificate, or wants one (--client-cert)",
)

# How long the central system may take to answer, in real seconds.
CALL_DEADLINE_S = 30.0

# The same for TCP, TLS and the WebSocket handshake, each; a password is checked meanwhile. And for a goodbye.
CONNECT_DEADLINE_S = 15.0
CLOSE_DEADLINE_S = 3.0

Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]


class Dial(Protocol):
    """Opens a new connection each time it is called."""

    def __call__(self, key: bytes | None = None) -> AbstractAsyncContextManager[WebSocketConnection | DirectConnection]:
        """Dials; shows this key instead of the password that it was made with."""


class Reply(NamedTuple):
    """What a charge point answers to a CALL, and what it does once the answer is on its way."""

    confirmation: OcppMessage
    then: Callable[[], None] | None = None


Answering = Callable[[OcppMessage], Reply]
"""How a charge point answers the calls of the central system."""


class OpenLink(Protocol):
    """What a charge point needs of a link: `run` it, then `exchange` messages over it until it ends."""

    async def run(self) -> None: ...  # noqa: D102
    async def aclose(self) -> None: ...  # noqa: D102
    async def exchange(self, request: OcppMessage) -> OcppMessage: ...  # noqa: D102


def link_over(
    connection: WebSocketConnection | DirectConnection, identity: str, answer: Answering, number: int
) -> OpenLink:
    """Makes the link of a charge point, its `number`th, over a connection that was dialled."""
    if isinstance(connection, WebSocketConnection):
        return Link(connection, identity, answer, number)
    return connection.link(identity, answer, number)


def dial_url(
    url: str,
    identity: str,
    *,
    username: str | None = None,
    password: str | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> Dial:
    """How to reach a central system: `url` is the part before the identity, with HTTP Basic if a username is given.

    Credentials may also be in the path, percent-encoded: `ws://HOST:9000/ocpp/j/v16u/USERNAME/PASSWORD`.

    Each dial raises:
        DialFailed: nobody listens, the certificate is not trusted, or the handshake is refused.
    """
    whole = f"{url.rstrip('/')}/{quote(identity, safe='')}"
    parts, shown = urlsplit(whole), _without_password(whole)

    @asynccontextmanager
    async def dial(key: bytes | None = None) -> AsyncGenerator[WebSocketConnection]:
        failure: DialFailed | None = None
        shown_password = key or (password or "").encode()
        headers = [] if username is None and key is None else [_basic(username or identity, shown_password)]
        stream = await _connect(parts, shown, ssl_context)
        try:
            async with trio.open_nursery() as nursery:
                try:
                    with trio.fail_after(CONNECT_DEADLINE_S):
                        connection = await wrap_client_stream(
                            nursery,
                            stream,
                            parts.netloc.rpartition("@")[2],
                            parts.path,
                            subprotocols=["ocpp1.6"],
                            extra_headers=headers,
                        )
                except trio.TooSlowError:  # also what trio-websocket makes of a connection that is closed in its face
                    failure = DialFailed(shown, None, _NO_ANSWER[parts.scheme == "wss"])
                else:
                    yield connection
                    with trio.move_on_after(CLOSE_DEADLINE_S):
                        await connection.aclose()
                nursery.cancel_scope.cancel()
        except* ConnectionRejected as group:  # raised by the reader, which is a task of the nursery
            failure = _refusal(shown, group)
        finally:
            # trio-websocket 0.12 leaves a client's stream open when the server closes first.
            await trio.aclose_forcefully(stream)
        if failure is not None:  # raised out here: the nursery would wrap it in a group
            raise failure

    return dial


def _basic(username: str, password: bytes) -> tuple[bytes, bytes]:
    return b"Authorization", b"Basic " + b64encode(username.encode() + b":" + password)


def _refusal(url: str, group: BaseExceptionGroup[ConnectionRejected]) -> DialFailed:
    rejected = group.exceptions[0]
    if isinstance(rejected, BaseExceptionGroup):
        return _refusal(url, rejected)
    return DialFailed(url, rejected.status_code, (rejected.body or b"").decode(errors="replace").strip())


def _without_password(url: str) -> str:
    """The URL as it may be shown."""
    parts = urlsplit(url)
    segments = parts.path.split("/")
    for profile in _PASSWORD_BEHIND.keys() & set(segments):
        at = segments.index(profile) + _PASSWORD_BEHIND[profile]
        segments[at : at + 1] = ["[redacted]"]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], "/".join(segments), "", ""))


async def _connect(parts: SplitResult, url: str, ssl_context: ssl.SSLContext | None) -> Stream:
    """The stream to a central system, with TLS for wss; a certificate is checked before anything is said."""
    host, secure = parts.hostname or "", parts.scheme == "wss"
    try:
        with trio.fail_after(CONNECT_DEADLINE_S):
            tcp = await trio.open_tcp_stream(host, parts.port or (443 if secure else 80))
            if not secure:
                return tcp
            context = ssl_context or ssl.create_default_context()
            tls = trio.SSLStream(tcp, context, server_hostname=host, https_compatible=True)
            try:
                await tls.do_handshake()
            except BaseException:
                await trio.aclose_forcefully(tls)
                raise
            return tls
    except trio.TooSlowError as exc:
        raise DialFailed(url, None, "no connection in time") from exc
    except (OSError, trio.BrokenResourceError) as exc:
        raise DialFailed(url, None, _why(exc)) from exc


def _why(exc: BaseException) -> str:
    cause: BaseException = exc
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, BaseExceptionGroup):  # one for each address of a name that was tried
        cause = cause.exceptions[0]
    return str(cause) or type(cause).__name__


class Link:
    """One open link; `run` it, then `exchange` messages over it until it ends."""

    def __init__(self, connection: WebSocketConnection, identity: str, answer: Answering, number: int) -> None:
        self._connection = connection
        self._identity = identity
        self._answer = answer
        self._peer = RpcPeer(id_prefix=f"{number}-")  # no id comes twice, whichever link it goes over
        self._waiting: dict[Ticket, _Answer] = {}
        self._called = trio.Event()
        self._ended = False

    async def run(self) -> None:
        """Reads until the link ends, whoever ends it; then nobody waits in `exchange` any more."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._expire)
                await self._read()
                nursery.cancel_scope.cancel()
        finally:
            self._ended = True
            for ticket in self._peer.abandon():
                self._resolve(ticket, NotConnected(self._identity, ticket.action))

    async def aclose(self) -> None:
        """Closes the link; `run` returns."""
        await self._connection.aclose()

    async def exchange(self, request: OcppMessage) -> OcppMessage:
        """Sends a request and waits for its confirmation.

        Raises:
            NotConnected: the link ended before the answer came.
            CallExpired: no answer within CALL_DEADLINE_S.
            CallRefused: the answer is a CALLERROR, or cannot be read.
        """
        action = action_of(request)
        if self._ended:
            raise NotConnected(self._identity, action)
        ticket = self._peer.call(action, encode_payload(request), CALL_DEADLINE_S)
        answer = self._waiting[ticket] = _Answer()
        try:
            await self._send_next()
            await answer.here.wait()
        finally:
            self._waiting.pop(ticket, None)
            self._peer.cancel(ticket)
        match answer.outcome:
            case CallResult(payload=payload):
                return self._decode(action, payload)
            case CallError() as error:
                raise CallRefused(self._identity, action, error.code, error.description, error.details)
            case CallFailed() as failure:
                raise failure
            case None:
                raise NotConnected(self._identity, action)

    def _decode(self, action: str, payload: bytes) -> OcppMessage:
        try:
            return decode_confirmation(action, payload).message
        except ProtocolViolation as exc:
            raise CallRefused(self._identity, action, exc.code, exc.description, exc.details) from exc

    async def _send_next(self) -> None:
        frame = self._peer.to_send(trio.current_time())
        if frame is None:
            return
        self._called.set()
        await self._send(frame)

    async def _send(self, frame: bytes) -> None:
        try:
            await self._connection.send_message(frame.decode())
        except ConnectionClosed:
            return  # the reader meets the same end and tells everybody who waits

    async def _read(self) -> None:
        while True:
            try:
                text = await self._connection.get_message()
            except ConnectionClosed:
                return
            match self._peer.receive(text, trio.current_time()):
                case AnswerReceived(ticket=ticket, result=result):
                    self._resolve(ticket, result)
                    await self._send_next()
                case CallReceived(call=call):
                    await self._answer_call(call)
                case Repeated(frame=frame) | FrameRefused(frame=frame):
                    await self._send(frame)
                case _:
                    pass  # late answers and noise: a charge point has no log to put them in

    async def _answer_call(self, call: Call) -> None:
        try:
            request = decode_request(call.action, call.payload, sent_by="central_system").message
            reply = self._answer(request)
        except ProtocolViolation as violation:
            await self._send(self._peer.refuse(call, violation))
            return
        await self._send(self._peer.answer(call, encode_payload(reply.confirmation)))
        if reply.then is not None:
            reply.then()

    async def _expire(self) -> None:
        while True:
            deadline = self._peer.next_deadline()
            self._called = trio.Event()
            with trio.move_on_at(float("inf") if deadline is None else deadline):
                await self._called.wait()
            for ticket in self._peer.expire(trio.current_time()):
                self._resolve(ticket, CallExpired(self._identity, ticket.action, CALL_DEADLINE_S))

    def _resolve(self, ticket: Ticket, outcome: CallResult | CallError | CallFailed) -> None:
        waiting = self._waiting.get(ticket)
        if waiting is not None:
            waiting.outcome = outcome
            waiting.here.set()


class _Answer:
    """Where one `exchange` waits."""

    def __init__(self) -> None:
        self.here = trio.Event()
        self.outcome: CallResult | CallError | CallFailed | None = None


def action_of(request: OcppMessage) -> str:
    """The action a request belongs to: `Heartbeat` for a HeartbeatRequest."""
    return type(request).__name__.removesuffix("Request")
