"""The socket that DuckDB clients attach to: judges what they ask, has it answered, and passes the answers on.

    POST /quack   CONNECT   the token must open the whole box; the extension is told its own instead
                  PREPARE   the statement is judged and answered by a reader of the store; the extension is
                            sent a SELECT of that answer (see `query.quack`)
                  FETCH     passed on

What a connection may is asked again with each message: a token that was removed or has expired acts no more (Q15).

Every message is one request and one answer, both of bytes. What goes wrong is an answer of the protocol,
which the client shows as its error, so an analyst reads the same texts here as over HTTP.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import OrderedDict
from collections.abc import Callable

import httpx
import trio
from litestar.types import Receive, Scope, Send

from solarocpp.errors import SolarOcppError, SqlRefused
from solarocpp.query import quack
from solarocpp.query.guard import judge_sql
from solarocpp.query.quack import Kind, Message, QuackServer
from solarocpp.store import Store
from solarocpp.store.database import Connection
from solarocpp.web.failures import text_of_defect
from solarocpp.web.serving import serve_asgi

OpensWholeBox = Callable[[str], bool]
"""Whether a token may see everything; one account's sees its own through the API."""

# The extension is in this process and only hands over what is there; past this it hangs.
_ANSWER_DEADLINE_S = 60.0

# Clients fetch one answer by several connections at once, and there may be dozens of them.
_LIMITS = httpx.Limits(max_connections=200, max_keepalive_connections=20)

# A hundred bytes each. Clients have dozens; whose is forgotten connects again.
_MOST_CONNECTIONS = 10_000

_GREETING = b"Live SQL of solarocpp, for DuckDB clients: ATTACH 'quack:HOST:PORT' AS solar (TOKEN '...')\n"


async def serve_quack(  # noqa: PLR0913 what it stands between
    store: Store,
    server: QuackServer,
    bind: str,
    opens_whole_box: OpensWholeBox,
    limit_s: float,
    *,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves DuckDB clients until the caller is cancelled; reports the bound `HOST:PORT` once it accepts.

    A statement may run for `limit_s` seconds.

    Raises:
        ConfigError: the address cannot be bound.
    """
    async with httpx.AsyncClient(timeout=_ANSWER_DEADLINE_S, limits=_LIMITS, trust_env=False, verify=False) as http:  # noqa: S501 loopback, without TLS
        door = QuackDoor(store, server, http, opens_whole_box, limit_s)
        await serve_asgi(door.app, bind, "quack", task_status=task_status)


class QuackDoor:
    """What stands in front of the extension; `app` is the ASGI app."""

    def __init__(
        self,
        store: Store,
        server: QuackServer,
        http: httpx.AsyncClient,
        opens_whole_box: OpensWholeBox,
        limit_s: float,
    ) -> None:
        self._store = store
        self._server = server
        self._http = http
        self._opens_whole_box = opens_whole_box
        self._limit_s = limit_s
        self._numbers = itertools.count(1)
        self._shown: OrderedDict[str, str] = OrderedDict()
        """The token each connection was opened with."""

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        kind: str = scope["type"]
        if kind != "http":
            # So an ASGI app says that it has no use for it (lifespan, websocket).
            raise ValueError(f"{kind} is not served here")
        if scope.get("method") != "POST":
            await _send(send, 200, b"text/plain", _GREETING)
            return
        body = await _read_body(receive)
        if body is None:
            await _send(send, 413, b"text/plain", b"The message is too long.\n")
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_when_gone, receive, nursery.cancel_scope)
            answer = await self._answer(body)
            await _send(send, 200, b"application/vnd.duckdb", answer)
            nursery.cancel_scope.cancel()

    async def _answer(self, body: bytes) -> bytes:
        try:
            message = quack.read_message(body)
            match message.kind:
                case Kind.CONNECT:
                    return await self._connect(message)
                case Kind.PREPARE:
                    self._check_token(self._shown.get(message.connection_id, ""))
                    return await self._prepare(message, body)
                case Kind.FETCH:
                    self._check_token(self._shown.get(message.connection_id, ""))
                    return await self._pass_on(body)
                case _:  # an append, or a change of the catalogue
                    return quack.error_message("Nothing can be written here: the store is open for questions only.")
        except SolarOcppError as exc:
            return quack.error_message(str(exc))
        except Exception as exc:  # noqa: BLE001 catch point 3 of 4 again, in the form of this protocol
            return quack.error_message(text_of_defect(exc, "POST", "quack"))

    def _check_token(self, shown: str) -> None:
        if not self._opens_whole_box(shown):
            raise SqlRefused(
                "This token does not open live SQL. Use that of admin.token in the data directory, or make one with: "
                "solarocpp token add NAME --whole-box"
            )

    async def _connect(self, message: Message) -> bytes:
        self._check_token(message.text)
        answer = await self._pass_on(quack.with_text(message, self._server.token))
        connected = quack.read_message(answer)
        if connected.kind == Kind.CONNECTED:
            # A statement without database names means the store, not the empty one the instance was opened with.
            await self._pass_on(quack.statement_message(connected.connection_id, "USE solarocpp"))
            self._shown[connected.connection_id] = message.text
            if len(self._shown) > _MOST_CONNECTIONS:
                self._shown.popitem(last=False)
        return answer

    async def _prepare(self, message: Message, body: bytes) -> bytes:
        if quack.reads_one_table(message.text):
            await self._store.settle_soon()
            return await self._pass_on(body)
        name = f"q{next(self._numbers)}"

        def answer(con: Connection) -> str:
            # Judged in the reader's thread, too: a long text takes its time.
            return quack.keep_answer(con, name, quack.catalog_question(message.text) or judge_sql(message.text))

        try:
            reads_answer = await self._store.read(answer, limit_s=self._limit_s)
            return await self._pass_on(quack.with_text(message, reads_answer))
        finally:
            with trio.CancelScope(shield=True):
                await self._store.read(lambda con: quack.drop_answer(con, name))

    async def _pass_on(self, body: bytes) -> bytes:
        answer = await self._http.post(f"http://{self._server.address}/quack", content=body)
        if not answer.is_success:
            raise SqlRefused(f"DuckDB answered {answer.status_code}: {answer.headers.get('exception_what', '')}")
        return answer.content


async def _read_body(receive: Receive) -> bytes | None:
    """Reads a request's body; None: it is longer than a message may be."""
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        event = await receive()
        if event["type"] != "http.request":
            return None
        parts.append(event["body"])
        size += len(event["body"])
        more = event["more_body"]
        if size > quack.MAX_MESSAGE_BYTES:
            return None
    return b"".join(parts)


async def _cancel_when_gone(receive: Receive, scope: trio.CancelScope) -> None:
    """Lets a question end whose client has gone; the extension alone would work on for nobody."""
    with contextlib.suppress(RuntimeError):
        while (await receive())["type"] != "http.disconnect":
            pass
        scope.cancel()


async def _send(send: Send, status: int, media_type: bytes, body: bytes) -> None:
    headers = [(b"content-type", media_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
