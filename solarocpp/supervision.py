"""Whether the one thread that serves everybody still turns, and telling whoever supervises the process.

systemd (`Type=notify`) is told when everything accepts, when the end begins, and, as often as it asks for it, that
we are alive: said from a task of the loop itself, so a loop that hangs says nothing and is started again. The
protocol is one datagram of lines; libraries for it bring more than these few.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Mapping
from typing import Final

import trio

from solarocpp.store.histogram import Histogram

# As often as one wants to know of a stall: 0.2 ms of CPU a second.
LOOK_EVERY_S: Final = 0.5


class Supervisor:
    """Whoever started us and wants to hear of us; nobody, where `environment` names none.

    Args:
        environment: where systemd leaves its address and its deadline.
        pid: ours; the deadline may be meant for another process.
    """

    def __init__(self, environment: Mapping[str, str], pid: int) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        micros = environment.get("WATCHDOG_USEC", "") if environment.get("WATCHDOG_PID", str(pid)) == str(pid) else ""
        self.alive_every_s: float | None = int(micros) / 2e6 if micros.isdecimal() and int(micros) else None
        """Half of the deadline, as systemd advises; None: it does not want to know."""

    def tell(self, **said: str) -> None:
        """Tells it, `READY="1"` for one; whether it listens is no concern of ours."""
        if not self._address:
            return
        text = "\n".join(f"{name}={value}" for name, value in said.items())
        # A name that begins with @ is one without a file, which the system writes with a zero byte.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(text.encode(), address)


def supervisor_of_this_process() -> Supervisor:
    """Finds out who supervises us."""
    return Supervisor(os.environ, os.getpid())


async def watch_loop(lag: Histogram, supervisor: Supervisor, describe: Callable[[], str]) -> None:
    """Measures by how much the loop is late, and tells the supervisor that it turns; `describe` says what it does."""
    next_word = trio.current_time()
    while True:
        due = trio.current_time() + LOOK_EVERY_S
        if supervisor.alive_every_s is not None:
            due = min(due, next_word)
        await trio.sleep_until(due)
        now = trio.current_time()
        lag.observe(now - due)
        if supervisor.alive_every_s is not None and now >= next_word:
            supervisor.tell(WATCHDOG="1", STATUS=describe())
            next_word = now + supervisor.alive_every_s
