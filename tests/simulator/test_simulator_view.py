"""What the terminal shows of a site."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rich.console import Console

from solarocpp.cli.site_view import bar, live_table, status_line, summary_lines
from solarocpp.cli.sparklines import sparkline
from solarocpp.simulator.site import Site, SitePlan

if TYPE_CHECKING:
    from conftest import PlayedCentralSystem

START = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)


def test_a_sparkline_stands_on_zero_and_averages_what_is_too_wide() -> None:
    assert sparkline([]) == ""
    assert sparkline([0.0, 1.0, 4.0, 8.0]) == " ▁▄█"
    assert sparkline([0.0, 0.0]) == "  "
    assert sparkline([8.0, 8.0, 4.0, 4.0, 0.0, 0.0], width=3) == "█▄ "


def test_a_bar_is_as_long_as_its_share() -> None:
    assert bar(8.0, 8.0, width=4) == "████"
    assert bar(3.0, 8.0, width=4) == "█▌"
    assert bar(0.0, 0.0, width=4) == ""


async def test_a_day_is_shown_and_summed_up(central: PlayedCentralSystem) -> None:
    plan = SitePlan(chargers=25, prefix="LOT", sample_interval_s=3_600)
    site = Site(lambda _: central.dial, plan, start=START, now=START + timedelta(days=9), speed=float("inf"))
    await site.run(until=START + timedelta(hours=3))
    assert status_line(site, lambda: "7 datums stored").startswith(
        "Sun 01 Mar 09:30  0/25 links  0 charging at 0.0 kW  "
    )
    assert status_line(site, lambda: "7 datums stored").endswith("  7 datums stored")

    screen = io.StringIO()
    Console(file=screen, width=100).print(live_table(site))
    rows = screen.getvalue().splitlines()
    assert rows[0].split() == ["charger", "link", "state", "SoC", "kW", "sessions", "kWh"]
    assert rows[1].split()[:3] == ["LOT001", "down", "Available"]
    assert "and 5 more" in screen.getvalue()

    lines = summary_lines(site)
    assert lines[0].startswith("LOT001  ")
    assert lines[20] == "and 5 more chargers"
    total = sum(statistics.energy_wh for statistics in site.statistics().values()) / 1000
    assert lines[21].endswith(f" sessions, {total:.1f} kWh in 3.0 simulated hours.")
    assert lines[22].startswith("Site power, at most ")


async def test_the_highest_power_is_that_of_the_days_that_are_noted(central: PlayedCentralSystem) -> None:
    """Three days were played, and of the first nobody knows any more what it took."""
    site = Site(
        lambda _: central.dial, SitePlan(chargers=1), start=START, now=START + timedelta(days=9), speed=float("inf")
    )
    await site.run(until=START + timedelta(days=3))
    assert summary_lines(site)[-1].startswith("Site power of the last 48 hours, at most ")
