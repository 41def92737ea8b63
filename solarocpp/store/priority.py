"""Threads that give way: analysts share the processors with the chargers, and are the last to get one.

On Linux each thread has a niceness of its own, and passes it on to the threads it starts. So whatever
DuckDB starts by itself in an instance (its workers, the listener for its clients) gives way, if the instance is
opened by a thread that does; who writes does so in threads of the usual priority.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

# Of 19, the lowest. Where both want a processor, a thread at 0 gets some 30 times that of one at 15.
NICENESS = 15


def give_way() -> None:
    """Lowers the priority of the calling thread, for good; where threads have none of their own, nothing happens."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def giving_way(work: Callable[[], T]) -> T:
    """Runs `work` in a thread that gives way, and waits for it."""
    with ThreadPoolExecutor(1, "giving-way", give_way) as thread:
        return thread.submit(work).result()
