"""How a simulated site looks in a terminal: a live table, a line now and then, a summary at the end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import trio
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from solarocpp.cli.sparklines import sparkline
from solarocpp.errors import DialFailed

if TYPE_CHECKING:
    from solarocpp.simulator.charge_point import ChargePoint
    from solarocpp.simulator.site import Site

BAR_WIDTH = 30

# A table longer than a screen shows nothing; the rest is in the totals.
ROWS_SHOWN = 20

LIVE_EVERY_S = 0.25
LINE_EVERY_S = 5.0

Remark = Callable[[], str]
"""What else there is to say at the moment, like the datums stored."""


class Totals(NamedTuple):
    """A site's counters added up."""

    links: int
    charging: int
    sessions: int
    energy_wh: float
    power_w: float
    queued: int
    dropped: int
    tags_refused: int


def totals(site: Site) -> Totals:
    """Adds up what all charge points have done so far."""
    statistics = site.statistics().values()
    return Totals(
        links=sum(charge_point.online for charge_point in site.charge_points),
        charging=sum(each.sessions_started - each.sessions_ended for each in statistics),
        sessions=sum(each.sessions_ended for each in statistics),
        energy_wh=sum(each.energy_wh for each in statistics),
        power_w=sum(charge_point.power_w for charge_point in site.charge_points),
        queued=sum(each.queued for each in statistics),
        dropped=sum(each.dropped for each in statistics),
        tags_refused=sum(each.tags_refused for each in statistics),
    )


def bar(value: float, highest: float, width: int = BAR_WIDTH) -> str:
    """Draws a value as a bar whose length is its share of the highest."""
    eighths = round(value / highest * width * 8) if highest > 0 else 0
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


def status_line(site: Site, remark: Remark | None = None) -> str:
    """The site at this moment, in one line."""
    now = totals(site)
    parts = [
        f"{site.clock.now():%a %d %b %H:%M}",
        f"{now.links}/{len(site.charge_points)} links",
        f"{now.charging} charging at {now.power_w / 1000:.1f} kW",
        f"{now.sessions} sessions ended",
        f"{now.energy_wh / 1000:.1f} kWh",
    ]
    if now.queued:
        parts.append(f"{now.queued} messages queued")
    if remark is not None:
        parts.append(remark())
    return "  ".join(parts)


def live_table(site: Site, remark: Remark | None = None) -> RenderableType:
    """The site at this moment, a row for each charge point."""
    table = Table(box=None, pad_edge=False)
    for name, justify in (("charger", "left"), ("link", "left"), ("state", "left"), ("SoC", "right"), ("kW", "right")):
        table.add_column(name, justify="right" if justify == "right" else "left", no_wrap=True)
    for name in ("sessions", "kWh"):
        table.add_column(name, justify="right", no_wrap=True)
    for charge_point in site.charge_points[:ROWS_SHOWN]:
        table.add_row(*_cells(charge_point))
    power = [watts for _, watts in site.power]
    lines: list[RenderableType] = [table]
    if len(site.charge_points) > ROWS_SHOWN:
        lines.append(Text(f"and {len(site.charge_points) - ROWS_SHOWN} more"))
    lines += [Text(sparkline(power), style="green"), Text(status_line(site, remark))]
    return Group(*lines)


def _cells(charge_point: ChargePoint) -> tuple[Text, ...]:
    now = charge_point.clock.now()
    readings = [connector.reading(now) for connector in charge_point.connectors[1:]]
    states = [connector.status for connector in charge_point.connectors[1:]]
    socs = [f"{reading.soc:.0f} %" for reading in readings if reading.soc is not None]
    statistics = charge_point.statistics()
    return (
        Text(charge_point.identity),
        Text("up", style="green") if charge_point.online else Text("down", style="red"),
        Text(", ".join(states), style="bold" if "Charging" in states else "dim"),
        Text(", ".join(socs)),
        Text(f"{sum(reading.power_w for reading in readings) / 1000:.1f}"),
        Text(str(statistics.sessions_ended)),
        Text(f"{statistics.energy_wh / 1000:.1f}"),
    )


def summary_lines(site: Site) -> list[str]:
    """What became of a site that has ended: sessions and energy of each charge point, and the power over time."""
    statistics = site.statistics()
    highest = max((each.energy_wh for each in statistics.values()), default=0.0)
    width = max(map(len, statistics), default=0)
    lines = [
        f"{identity:{width}}  {each.sessions_ended:4d} sessions  {each.energy_wh / 1000:8.1f} kWh  "
        f"{bar(each.energy_wh, highest)}".rstrip()
        for identity, each in list(statistics.items())[:ROWS_SHOWN]
    ]
    if len(statistics) > ROWS_SHOWN:
        lines.append(f"and {len(statistics) - ROWS_SHOWN} more chargers")
    now = totals(site)
    hours = (site.clock.now() - site.start).total_seconds() / 3600
    lines.append(f"{now.sessions} sessions, {now.energy_wh / 1000:.1f} kWh in {hours:.1f} simulated hours.")
    if power := [watts for _, watts in site.power]:
        noted = (site.clock.now() - site.power[0][0]).total_seconds() / 3600
        # A site notes the last two days only; the highest of them need not be the highest of a longer run.
        when = f" of the last {noted:.0f} hours" if noted < hours - 1 else ""
        lines.append(f"Site power{when}, at most {max(power) / 1000:.1f} kW:  {sparkline(power)}")
    if now.tags_refused:
        lines.append(
            f"Cars sent away: {now.tags_refused}. The central system does not accept the id tags "
            f"{', '.join(site.plan.tags()[:3])}, ... (allow them there, or name others with --tag)."
        )
    if now.dropped:
        lines.append(f"{now.dropped} messages were refused or not answered, and given up.")
    return lines


async def run_shown(
    site: Site,
    *,
    seconds: float | None,
    until: datetime | None,
    remark: Remark | None = None,
    first: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Runs a site and shows it: live on a terminal, else a line every few seconds; after `first`, if there is one.

    Ctrl-C and SIGTERM end it as the time does: cars leave, and what is queued is sent.

    Raises:
        DialFailed: the central system cannot be reached, or refuses a charge point.
    """
    failure: DialFailed | None = None

    async def view() -> None:
        if first is not None:
            await first()
        await (_live if sys.stdout.isatty() else _lines)(site, remark)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(close_on_signal, site)
        nursery.start_soon(view)
        try:
            await site.run(seconds=seconds, until=until)
        except DialFailed as exc:  # carried out by hand: a nursery would wrap it in a group
            failure = exc
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def close_on_signal(site: Site) -> None:
    """Ends a site as its time does, at Ctrl-C and SIGTERM."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            site.close()


async def _live(site: Site, remark: Remark | None) -> None:
    with Live(auto_refresh=False, transient=True) as live:
        while True:
            live.update(live_table(site, remark), refresh=True)
            await trio.sleep(LIVE_EVERY_S)


async def _lines(site: Site, remark: Remark | None) -> None:
    while True:
        await trio.sleep(LINE_EVERY_S)
        print(status_line(site, remark), flush=True)
