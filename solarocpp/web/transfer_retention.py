"""How long it is known which files chargers sent and fetched: as long as what they were told, from the end of each.

It is here and not among the rules of `store.retention`, since transfers are in memory, and their secrets in another
file. A file that came is nobody's to remove but a person's (`solarocpp transfer remove`), and is listed for as long as
it is there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
import trio
from litestar import Litestar

from solarocpp.errors import StoreError
from solarocpp.store.retention import RETENTION_EVERY_S
from solarocpp.web.transferring import Transferring

log = structlog.get_logger()


async def run_transfer_retention(api: Litestar, keep: timedelta, clock: Callable[[], datetime]) -> None:
    """Forgets transfers that ended longer ago than they are kept, now and every hour."""
    transferring: Transferring = api.state["transferring"]
    while True:
        try:
            removed = await transferring.forget_ended(clock() - keep)
        except StoreError as exc:
            log.warning("retention_failed", reason=str(exc))
        else:
            if removed:
                log.info("retention_applied", removed={"fileTransfer": removed})
        await trio.sleep(RETENTION_EVERY_S)
