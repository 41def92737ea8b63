"""Makes a data directory with weeks of a small site, by running the server and simulated chargers in one program.

Run: python examples/make_site.py DIR [DAYS]

The chargers are real clients over real sockets; only their clock is not: it jumps to the next thing that
happens as soon as everything is answered, so that a month takes seconds. The other examples use this
where you give them no data directory of your own.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import trio

from solarocpp.app import serve, utc_now
from solarocpp.config import Config
from solarocpp.logs import configure_logs
from solarocpp.registry.orders import NewAuthorization, NewCharger, NewCredential
from solarocpp.simulator.link import dial_url
from solarocpp.simulator.site import Site, SitePlan

# Three weeks that end on a fixed day: the same store, whenever it is made.
UNTIL = datetime(2026, 3, 15, tzinfo=UTC)
DAYS = 21


async def make_site(directory: Path, days: float = DAYS, *, chargers: int = 2, interval_s: int = 1800) -> None:
    """Fills a new data directory with `days` of simulated sessions, up to UNTIL."""
    config = Config(data_dir=directory, ocpp="127.0.0.1:0", web="127.0.0.1:0", quack="off")
    plan = SitePlan(chargers=chargers, sample_interval_s=interval_s)
    now = utc_now()
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        running = await nursery.start(partial(serve, config, stop=stop))
        for identifier in plan.identities():
            await running.registry.add_charger(NewCharger(identifier=identifier), now=now)
        for token in plan.tags():
            await running.registry.add_authorization(NewAuthorization(token=token), now=now)
        _, password = await running.registry.add_credential(NewCredential(username="depot"), now=now)
        dial = partial(dial_url, f"ws://{running.ocpp}/ocpp/j/v16", username="depot", password=password)
        site = Site(dial, plan, start=UNTIL - timedelta(days=days), now=now, speed=float("inf"))
        await site.run(until=UNTIL)
        stop.set()


def data_directory(arguments: list[str], scratch: Path) -> Path:
    """The data directory named on the command line, or else a small one made in `scratch`."""
    if arguments:
        return Path(arguments[0])
    configure_logs(level="warning")
    trio.run(make_site, scratch / "data")
    return scratch / "data"


if __name__ == "__main__":
    configure_logs(level="warning")
    trio.run(make_site, Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else DAYS)
