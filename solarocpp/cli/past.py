"""`solarocpp simulate --into DIR`: the past of a site, made while a bar shows how far it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import trio
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from solarocpp.cli.site_view import close_on_signal, summary_lines
from solarocpp.errors import ConfigError

if TYPE_CHECKING:
    from solarocpp.cli.simulate import Past
    from solarocpp.simulator.site import Site, SitePlan

BAR_EVERY_S = 0.2


async def make_past(past: Past, plan: SitePlan, days: float) -> None:
    """Makes the data directory, shows a bar on a terminal, and says what became of the site.

    Raises:
        ConfigError: there is a store already, or no such time zone.
    """
    from solarocpp.logs import configure_logs
    from solarocpp.process import tune_garbage_collector
    from solarocpp.simulator.quirks import SANE, quirk_of
    from solarocpp.staging import staged_site

    directory = past.into
    assert directory is not None  # noqa: S101 -- it is why we were called
    _check_time_zone(plan.time_zone)
    configure_logs(level="warning")
    tune_garbage_collector()
    until = _end_of(past, plan.time_zone)
    start = until - timedelta(days=days)
    async with staged_site(directory, plan, start=start, now=datetime.now(UTC)) as site, trio.open_nursery() as nursery:
        nursery.start_soon(close_on_signal, site)
        nursery.start_soon(_show, site, start, until)
        await site.run(until=until)
        nursery.cancel_scope.cancel()
    print("\n".join(summary_lines(site)))
    for index, identity in enumerate(plan.identities()):
        quirk = quirk_of(index, plan.chargers) if plan.quirks else SANE
        if quirk is not SANE:
            print(f"{identity} is not quite right: {quirk.told}")
    print(f"Everything is in {directory}: solarocpp sessions --by month --data {directory}")


def _check_time_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError) as exc:  # a folder, a path outside, an unknown name
        raise ConfigError("--time-zone", name, "the name of a time zone, like Europe/Berlin") from exc


def _end_of(past: Past, time_zone: str) -> datetime:
    """When the past ends: as told, in UTC unless it says otherwise, or at the last midnight of the site."""
    if past.until is not None:
        return past.until if past.until.tzinfo else past.until.replace(tzinfo=UTC)
    midnight = datetime.now(ZoneInfo(time_zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.astimezone(UTC)


async def _show(site: Site, start: datetime, until: datetime) -> None:
    console = Console(stderr=True)
    if not console.is_terminal:
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True, auto_refresh=False) as progress:
        whole_s = (until - start).total_seconds()
        task = progress.add_task("", total=whole_s)
        while True:
            now = site.clock.now()
            progress.update(task, completed=(now - start).total_seconds(), description=f"{now:%d %b %Y}", refresh=True)
            await trio.sleep(BAR_EVERY_S)
