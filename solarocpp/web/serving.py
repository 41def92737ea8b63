"""Serves the app on a socket: hypercorn's Trio worker, inside our nursery.

Hypercorn neither writes logs of its own here nor handles signals: the log is structlog's, and when to
stop is decided by whoever started this.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

import trio
from hypercorn.config import Config, Sockets
from hypercorn.trio.run import worker_serve
from hypercorn.utils import wrap_app
from litestar import Litestar
from litestar.types import ASGIApp

from solarocpp.config import Address, parse_address
from solarocpp.errors import ConfigError
from solarocpp.web.gate import Gate
from solarocpp.web.origins import Origins
from solarocpp.web.sharing import Sharing

# A request may still be answered at a graceful stop; the longest question may take 30 s, but a
# restart must not wait for it.
GRACEFUL_TIMEOUT_S = 2.0

# How long a reader may take nothing of its answer. Hypercorn waits for it without end and cannot be cancelled
# meanwhile, so one reader that is stopped would hold its place, and our own end, for ever. Of what is alive, only a
# pager at rest takes nothing for so long.
STUCK_S = 30.0


async def serve(  # noqa: PLR0913 one argument a thing it is told
    app: Litestar,
    bind: str,
    token: str,
    origins: Sequence[str] = (),
    *,
    stuck_s: float = STUCK_S,
    shutdown: trio.Event | None = None,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves `app` until `shutdown` is set or the caller is cancelled.

    Whoever shows `token` has the whole box; the registry of the app knows further tokens. Pages of `origins` may ask
    from a browser.
    Reports the bound `HOST:PORT` once it accepts; port 0 takes a free one.

    Raises:
        ConfigError: the address cannot be bound.
    """
    gate = Gate(Sharing(app).app, token, app.state["registry"], app.state["clock"])
    outermost = Origins(gate.app, origins).app if origins else gate.app
    await serve_asgi(outermost, bind, "web", stuck_s=stuck_s, shutdown=shutdown, task_status=task_status)


async def serve_asgi(  # noqa: PLR0913 one argument a thing it is told
    app: ASGIApp,
    bind: str,
    key: str,
    *,
    tls: tuple[Path, Path] | None = None,
    stuck_s: float = STUCK_S,
    shutdown: trio.Event | None = None,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves any ASGI app as `serve` does; `key` is the setting that gave the address.

    `tls` is a certificate chain and its key, as PEM files, read once. `stuck_s`: how long a reader may take nothing.

    Raises:
        ConfigError: the address cannot be bound.
    """
    config = Config()
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.graceful_timeout = GRACEFUL_TIMEOUT_S
    if tls is not None:
        config.certfile, config.keyfile = map(str, tls)
        config.alpn_protocols = ["http/1.1"]  # what a charger speaks, and all that an upload needs
    listener = _listen(bind, key, config.backlog, stuck_s)
    host, port = listener.getsockname()[:2]
    gated = wrap_app(app, config.wsgi_max_body_size, "asgi")  # type: ignore[arg-type]  # two spellings of ASGI
    trigger = (trio.Event() if shutdown is None else shutdown).wait
    reporting = _Reporting(str(Address(host, port)), task_status)
    with listener:
        plain, secure = ([listener], []) if tls is None else ([], [listener])
        sockets = Sockets(secure_sockets=secure, insecure_sockets=plain, quic_sockets=[])
        await worker_serve(gated, config, sockets=sockets, shutdown_trigger=trigger, task_status=reporting)


def _listen(bind: str, key: str, backlog: int, stuck_s: float) -> socket.socket:
    address = parse_address(bind, key)
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        listener = socket.create_server(address, family=family, backlog=backlog)
    except OSError as exc:
        reason = os.strerror(exc.errno) if exc.errno and exc.errno > 0 else str(exc.strerror)  # below 0: name look-up
        allowed = f"an address of this machine and a free port, like 127.0.0.1:0 ({reason})"
        raise ConfigError(key, bind, allowed) from exc
    listener.setblocking(False)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; every connection has it from its listener
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * stuck_s))
    return listener


class _Reporting(trio.TaskStatus[list[str]]):
    """Reports one address where hypercorn reports a list of URLs."""

    def __init__(self, address: str, task_status: trio.TaskStatus[str]) -> None:
        self._address = address
        self._task_status = task_status

    def started(self, value: list[str] | None = None) -> None:
        """Hypercorn accepts."""
        del value
        self._task_status.started(self._address)
