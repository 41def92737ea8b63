"""Reaches the API, wherever it is: one way for a running server and for files at rest.

    --url given                       that server, over the network
    nobody holds the store            we open it ourselves and call the same app in this process
    a server holds the store          its address is in server.json, its token in admin.token

So the API is the single place of logic, and no command has to know which of the three it got.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NoReturn, cast
from urllib.parse import quote

import httpx
import msgspec
import trio

from solarocpp.cli.options import TOKEN_VARIABLE, Where
from solarocpp.cli.output import remark
from solarocpp.cli.progress import Show
from solarocpp.errors import RequestRefused, StoreLocked, Unreachable

if TYPE_CHECKING:
    from solarocpp.store import Store

# A command that holds the store is done in well under a second; a server says where it is as soon as
# it accepts, after replaying what was left over.
HOLDER_PATIENCE_S: Final = 20.0
# How long to wait before looking again, growing: each look opens a database, and takes the processor
# from the command that is waited for.
_FIRST_LOOK_S: Final = 0.05
_LAST_LOOK_S: Final = 0.8
# Longer than the longest question the server allows.
_ANSWER_TIMEOUT_S: Final = 60.0
_SILENCE_S: Final = 45.0
# Bound to all interfaces is reachable on this one, of the same family: a listener on `::` takes no IPv4.
_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 compared, not bound
# What a server answers that is there and has no room for one more who follows.
_FULL: Final = 503


class _Place:
    """Where somebody is who follows what happens."""

    last_id: str | None = None
    """Of the last event that was told."""
    opened = False
    """Whether a server has told anything yet."""
    pause_s = 0.0
    """How long was waited before the last look for a server that had ended; 0: it has told something since."""


class Api:
    """The routes of the API as calls that give decoded JSON.

    Raises:
        RequestRefused: the server says no, and why.
        Unreachable: the server does not answer.
    """

    def __init__(self, http: httpx.AsyncClient, where: Where) -> None:
        self._http = http
        self.where = where

    async def get(self, *route: str, **query: object) -> Any:
        """Asks; query parameters that are None are left out."""
        named = {key: _query_text(value) for key, value in query.items() if value is not None}
        return await self._ask("GET", route, params=named)

    async def post(self, *route: str, body: Mapping[str, object], timeout_s: float | None = None) -> Any:
        """Adds or runs something; `timeout_s` is what it may take, if that is not the usual."""
        patience = {} if timeout_s is None else {"timeout": timeout_s + _ANSWER_TIMEOUT_S}
        return await self._ask("POST", route, content=msgspec.json.encode(body), **patience)

    @asynccontextmanager
    async def stream(
        self, route: str, *, body: Mapping[str, object], accept: str
    ) -> AsyncIterator[AsyncGenerator[bytes]]:
        """Asks for a long answer in the form `accept`, which comes in pieces; the server limits its time."""
        request = self._http.build_request(
            "POST",
            _path([route]),
            content=msgspec.json.encode(body),
            headers={"Accept": accept},
            timeout=httpx.Timeout(_ANSWER_TIMEOUT_S, read=None),
        )
        with self._explained():
            answer = await self._http.send(request, stream=True)
            try:
                if not answer.is_success:
                    await answer.aread()
                    self._decode(answer)
                # httpx has it return an iterator; it is a generator, and wants to be closed
                async with aclosing(cast("AsyncGenerator[bytes]", answer.aiter_bytes())) as pieces:
                    yield pieces
            finally:
                await answer.aclose()

    async def download(self, *route: str, into: BinaryIO) -> int:
        """Writes the bytes of an answer; returns how many."""
        count = 0
        with self._explained():
            async with self._http.stream("GET", _path(route), timeout=httpx.Timeout(_ANSWER_TIMEOUT_S)) as answer:
                if not answer.is_success:
                    await answer.aread()
                    self._decode(answer)
                async for piece in answer.aiter_bytes():
                    count += into.write(piece)
        return count

    async def upload(self, *route: str, pieces: AsyncIterator[bytes]) -> Any:
        """Sends bytes as the body of a PUT."""
        return await self._ask("PUT", route, content=pieces, headers={"content-type": "application/octet-stream"})

    async def patch(self, *route: str, body: Mapping[str, object]) -> Any:
        """Changes something."""
        return await self._ask("PATCH", route, content=msgspec.json.encode(body))

    async def delete(self, *route: str, wait: float | None = None, **query: object) -> Any:
        """Removes something; `wait` is how many seconds a charger may take to say something to that."""
        named = {key: _query_text(value) for key, value in query.items()}
        if wait is None:
            return await self._ask("DELETE", route, params=named)
        named["wait"] = str(wait)
        return await self._ask("DELETE", route, params=named, timeout=wait + _ANSWER_TIMEOUT_S)

    async def follow(self, route: str, *, body: Mapping[str, object], show: Show) -> Any:
        """Has long work done, shows how far it is, and gives its result."""
        said: dict[str, Any] = {"step": ""}
        waiting = b""
        async with self.stream(route, body=body, accept="application/x-ndjson") as pieces:
            async for piece in pieces:
                *lines, waiting = (waiting + piece).split(b"\n")
                for said in map(msgspec.json.decode, lines):
                    if "step" in said:
                        show(said["step"], said["done"], said["total"])
        if "step" in said:
            raise Unreachable(f"{route} ended before it was done. What is there is whole; run it again.")
        if "error" in said:
            raise RequestRefused(said["error"], said["kind"], 500)
        return said["result"]

    async def listen(
        self,
        *route: str,
        show: Callable[[dict[str, Any]], None],
        once_open: Callable[[], Awaitable[None]] | None = None,
        **query: object,
    ) -> NoReturn:
        """Shows what happens as it happens, each with its `kind`, until the caller is cancelled.

        `once_open` is run when nothing can be missed any more, before the first is shown. A server that ends is waited
        for, and asked to go on where it was; what it does not have any more is shown as the kind `lost`.

        Raises:
            Unreachable: there is no server to begin with.
            RequestRefused: it says no, be it when it is back: this token was removed, for one.
        """
        named = {key: _query_text(value) for key, value in query.items() if value is not None}
        place = _Place()
        while True:
            try:
                await self._hear(route, named, place, show, once_open)
            except Unreachable:
                if not place.opened:
                    raise
            except RequestRefused as refused:
                if not place.opened or refused.status != _FULL:
                    raise
            if not place.pause_s:
                remark("The server has ended this; it is waited for, until Ctrl-C.")
            place.pause_s = min(2 * place.pause_s or _FIRST_LOOK_S, _LAST_LOOK_S)
            await trio.sleep(place.pause_s)
            server = None if self.where.url is not None else running_server(self.where.data)
            if server is not None:  # it may have another port now
                self._http.base_url = httpx.URL(url_of(server))

    async def _hear(
        self,
        route: Sequence[str],
        query: Mapping[str, str],
        place: _Place,
        show: Callable[[dict[str, Any]], None],
        once_open: Callable[[], Awaitable[None]] | None,
    ) -> None:
        """Shows what happens from a place on, until the connection ends."""
        from httpx_sse import aconnect_sse

        # The server says something every 15 s, be it that all is quiet.
        patience = httpx.Timeout(_ANSWER_TIMEOUT_S, read=_SILENCE_S)
        after = {} if place.last_id is None else {"Last-Event-ID": place.last_id}
        with self._explained():
            async with aconnect_sse(
                self._http, "GET", _path(route), params=query, headers=after, timeout=patience
            ) as source:
                if not source.response.is_success:
                    await source.response.aread()
                    self._decode(source.response)
                if once_open is not None and not place.opened:
                    await once_open()
                place.opened = True
                async with aclosing(source.aiter_sse()) as told:
                    async for each in told:
                        place.pause_s = 0.0
                        place.last_id = each.id or place.last_id
                        if each.data:
                            show({"kind": each.event, **msgspec.json.decode(each.data)})

    async def _ask(self, method: str, route: Sequence[str], **request: Any) -> Any:
        with self._explained():
            return self._decode(await self._http.request(method, _path(route), **request))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        base = str(self._http.base_url).rstrip("/")
        try:
            yield
        except httpx.RemoteProtocolError as exc:
            raise Unreachable(f"The answer of {base} broke off, what came is not all ({exc}).") from exc
        except httpx.HTTPError as exc:
            raise Unreachable(f"No server answers at {base} ({str(exc) or type(exc).__name__}).") from exc

    @staticmethod
    def _decode(answer: httpx.Response) -> Any:
        try:
            content = msgspec.json.decode(answer.content)
        except msgspec.DecodeError:
            raise Unreachable(f"{answer.url} is no solarocpp API: it answered {answer.status_code}.") from None
        if answer.is_success:
            return content
        raise RequestRefused(str(content.get("error")), str(content.get("kind")), answer.status_code)


@asynccontextmanager
async def reach_api(where: Where, *, create: bool = False) -> AsyncIterator[Api]:
    """Opens the API of a server or of a data directory; `create` makes the directory if it is missing."""
    if where.url is not None:
        async with _client(where.url, where) as http:
            yield Api(http, where)
        return
    if not create and not (where.data / "solarocpp.duckdb").exists():
        raise Unreachable(
            f"There is no store in {str(where.data)!r}. Begin with: solarocpp serve, or say where with --data DIR."
        )
    found = await _open_or_find(where)
    if isinstance(found, str):
        async with _client(found, where) as http:
            yield Api(http, where)
    else:
        async with _in_process(found, where) as http:
            yield Api(http, where)


async def _open_or_find(where: Where) -> Store | str:
    """Opens the store, or finds the URL of the server that holds it; waits for one that starts or ends."""
    # Everything that is needed later is loaded now: not while others wait for the store.
    from solarocpp import app, web
    from solarocpp.cli import in_process
    from solarocpp.logs import configure_logs
    from solarocpp.store import open_store

    del app, in_process, web
    configure_logs(level="warning")  # structlog's own default writes to stdout, where the answer goes
    deadline = trio.current_time() + HOLDER_PATIENCE_S
    pause_s = _FIRST_LOOK_S
    while True:
        try:
            return open_store(where.data, now=datetime.now(UTC))
        except StoreLocked as locked:
            server = running_server(where.data)
            # A server that was killed leaves server.json behind; then another command holds the store.
            if server is not None and locked.pid in (None, server.get("pid")):
                return url_of(server)
            if trio.current_time() > deadline:
                raise
        await trio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 apart from each other, not secret
        pause_s = min(2 * pause_s, _LAST_LOOK_S)


@asynccontextmanager
async def _in_process(store: Store, where: Where) -> AsyncIterator[httpx.AsyncClient]:
    from solarocpp.app import replay_tail, utc_now
    from solarocpp.central_system import CentralSystem, Transactions
    from solarocpp.cli.in_process import AppTransport
    from solarocpp.config import Config
    from solarocpp.instructions import InstructionQueue
    from solarocpp.logs import configure_logs
    from solarocpp.registry import Registry
    from solarocpp.web import make_app, open_to_this_process

    configure_logs(level="error")  # what failed is this command's to say; and not on stdout
    try:
        registry = Registry.load(store)
        transactions = Transactions(store.transactions(), store.store_id)
        interval_s = Config(data_dir=store.directory).boot_interval_s
        replay_tail(store, CentralSystem(registry, transactions, boot_interval_s=interval_s))
        queue = InstructionQueue(store, registry, utc_now)
        async with trio.open_nursery() as nursery:
            await nursery.start(store.run)
            app = open_to_this_process(make_app(registry, store, clock=utc_now, queue=queue))
            transport = AppTransport(app, nursery)
            headers = _account_header(where)
            try:
                async with httpx.AsyncClient(
                    transport=transport, base_url="http://in-process", headers=headers
                ) as http:
                    yield http
            finally:
                nursery.cancel_scope.cancel()
    finally:
        store.close()


def _client(url: str, where: Where) -> httpx.AsyncClient:
    base = url if "://" in url else f"http://{url}"
    headers = {"Authorization": f"Bearer {_token(where)}", **_account_header(where)}
    # Whom to trust takes 50 ms to read, and is asked over TLS only.
    verify = not base.lower().startswith("http:")
    return httpx.AsyncClient(base_url=base, headers=headers, timeout=_ANSWER_TIMEOUT_S, trust_env=False, verify=verify)


def _path(route: Sequence[str]) -> str:
    return "/api/" + "/".join(quote(part, safe="") for part in route)


def _account_header(where: Where) -> dict[str, str]:
    return {} if where.account is None else {"Solarocpp-Account": str(where.account)}


def running_server(data: Path) -> Mapping[str, Any] | None:
    """Reads what the server of a data directory says about itself: pid and addresses."""
    try:
        found: Mapping[str, Any] = json.loads((data / "server.json").read_text())
    except (OSError, ValueError):
        return None
    return found


def url_of(server: Mapping[str, Any]) -> str:
    """Gives the URL of a server's API on this machine."""
    host, _, port = str(server["web"]).removeprefix("http://").rpartition(":")
    return f"http://{_LOOPBACK.get(host, host)}:{port}"


def _token(where: Where) -> str:
    token = os.environ.get(TOKEN_VARIABLE)
    if token:
        return token
    try:
        return (where.data / "admin.token").read_text().strip()
    except OSError as exc:
        raise Unreachable(
            f"{where.data / 'admin.token'} cannot be read ({exc.strerror}). Run as the server's user, or set "
            f"{TOKEN_VARIABLE}."
        ) from exc


def _query_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
