"""Binds and accepts, each connection in a task of its own.

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
from solarocpp.gateway.pace import Pace
from solarocpp.gateway.proxies import TrustedProxies
from solarocpp.gateway.tls import TlsKeeper

ACCEPT_BACKLOG: Final = 4096
"""What Linux allows. A depot dials in within a second of a power cut; who does not fit comes 20 s later."""

log = structlog.get_logger()


class Listener:
    """Accepts on the configured address and hands on what arrives.

    Args:
        config: where, and how long.
        tls: the context that new connections take.
        book: where it is noted what came to nothing.
        receive: takes an arrival and keeps its connection as long as it likes; it is closed afterwards.
        pace: how many are opened at a time; None: as the configuration says.
    """

    def __init__(
        self,
        config: Config,
        tls: TlsKeeper,
        book: DoorBook,
        receive: Callable[[Arrival], Awaitable[None]],
        pace: Pace | None = None,
    ) -> None:
        self._config = config
        self._tls = tls
        self._book = book
        self._receive = receive
        self._trusted = TrustedProxies(config.trusted_proxies)
        self._pace = pace or Pace(config.openings_at_once)

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
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(trio.serve_listeners, self._handle, sockets, handler_nursery=links))
            task_status.started(str(address._replace(port=port)))

    async def _handle(self, tcp: trio.SocketStream) -> None:
        try:
            async with tcp:
                arrival = await Opening(tcp, self._tls.context, self._trusted, self._book, self._pace).open(
                    self._config.handshake_deadline_s
                )
                if arrival is not None:
                    received = self._receive(arrival)
                    del arrival  # a link may last for months; the request head it began with need not
                    await received
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError):
            return  # the peer left meanwhile: a port probe, or a charger that lost its network
        except Exception:
            # Catch point 1 of 4 reaches here too: a defect in opening or judging ends this connection only.
            log.exception("link_failed")
