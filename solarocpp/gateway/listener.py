"""Binds and accepts: as many connections at a time as can be opened well, each in a task of its own.

What is accepted is opened (`opening`: PROXY header, TLS, request head) and handed on; it knows nothing of OCPP.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import structlog
import trio

from solarocpp.config import Config
from solarocpp.errors import ConfigError
from solarocpp.gateway.door import DoorBook
from solarocpp.gateway.opening import Arrival, Opening
from solarocpp.gateway.proxies import TrustedProxies
from solarocpp.gateway.tls import TlsKeeper

ACCEPT_BACKLOG: Final = 4096
"""What Linux allows. A depot dials in within a second of a power cut; who does not fit comes 20 s later."""
YOUNG_S: Final = 1.0
"""An opening that takes longer waits for the other end, not for us, and holds nobody up."""

log = structlog.get_logger()


class Pace:
    """Counts the openings that are under way and young; while there are enough, the next connection waits.

    In the kernel's queue, that is. A storm that is let in all at once makes every handshake so slow that all
    of them miss their deadline, and come again.
    """

    def __init__(self, openings_at_once: int) -> None:
        self._limit = openings_at_once
        self._since: dict[trio.SocketStream, float] = {}  # oldest first
        self._waiting = trio.lowlevel.ParkingLot()

    async def wait_room(self) -> None:
        """Waits until there are fewer young openings than the limit."""
        while True:
            grown_up = trio.current_time() - YOUNG_S
            for tcp in [tcp for tcp, since in self._since.items() if since <= grown_up]:
                del self._since[tcp]
            if len(self._since) < self._limit:
                return
            with trio.move_on_at(next(iter(self._since.values())) + YOUNG_S):
                await self._waiting.park()

    def begin(self, tcp: trio.SocketStream) -> None:
        """A connection was accepted."""
        self._since[tcp] = trio.current_time()

    def end(self, tcp: trio.SocketStream) -> None:
        """It is open, or gone."""
        if self._since.pop(tcp, None) is not None:
            self._waiting.unpark()


class _PacedListener(trio.abc.Listener[trio.SocketStream]):
    """Accepts when there is room."""

    def __init__(self, listener: trio.SocketListener, pace: Pace) -> None:
        self._listener, self._pace = listener, pace

    async def accept(self) -> trio.SocketStream:
        await self._pace.wait_room()
        tcp = await self._listener.accept()
        self._pace.begin(tcp)
        return tcp

    async def aclose(self) -> None:
        await self._listener.aclose()


class Listener:
    """Accepts on the configured address and hands on what arrives.

    Args:
        config: where, and how long.
        tls: the context that new connections take.
        book: where it is noted what came to nothing.
        receive: takes an arrival and keeps its connection as long as it likes; it is closed afterwards.
    """

    def __init__(
        self, config: Config, tls: TlsKeeper, book: DoorBook, receive: Callable[[Arrival], Awaitable[None]]
    ) -> None:
        self._config = config
        self._tls = tls
        self._book = book
        self._receive = receive
        self._trusted = TrustedProxies(config.trusted_proxies)
        self._pace = Pace(config.openings_at_once)

    async def serve(
        self,
        links: trio.Nursery,
        *,
        task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Accepts until cancelled; connections live in `links`, so that they outlast the listener (graceful stop).

        Reports the bound address through `task_status`.

        Raises:
            ConfigError: the address cannot be bound.
        """
        address = self._config.ocpp_address
        try:
            sockets = await trio.open_tcp_listeners(address.port, host=address.host, backlog=ACCEPT_BACKLOG)
        except OSError as exc:
            raise ConfigError("ocpp", str(address), f"a free address of this machine ({exc.strerror})") from exc
        port = sockets[0].socket.getsockname()[1]
        listeners = [_PacedListener(listener, self._pace) for listener in sockets]
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(trio.serve_listeners, self._handle, listeners, handler_nursery=links))
            task_status.started(str(address._replace(port=port)))

    async def _handle(self, tcp: trio.SocketStream) -> None:
        try:
            async with tcp:
                arrival = await self._open(tcp)
                if arrival is not None:
                    received = self._receive(arrival)
                    del arrival  # a link may last for months; the request head it began with need not
                    await received
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError):
            return  # the peer left meanwhile: a port probe, or a charger that lost its network
        except Exception:
            # Catch point 1 of 4 reaches here too: a defect in opening or judging ends this connection only.
            log.exception("link_failed")

    async def _open(self, tcp: trio.SocketStream) -> Arrival | None:
        try:
            return await Opening(tcp, self._tls.context, self._trusted, self._book).open(
                self._config.handshake_deadline_s
            )
        finally:
            self._pace.end(tcp)
