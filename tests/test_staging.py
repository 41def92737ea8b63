"""The past of a site as a data directory: what a server would have stored, and the same for the same seed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
import trio

import solarocpp.query as q
from solarocpp.errors import ConfigError
from solarocpp.simulator.site import SitePlan
from solarocpp.staging import staged_site
from solarocpp.store import open_store

pytestmark = pytest.mark.slow  # days of a site, in seconds

UNTIL = datetime(2026, 3, 29, 22, 0, tzinfo=UTC)  # midnight in Berlin, at the end of the day the clocks change
PLAN = SitePlan(
    chargers=8, sample_interval_s=900, seed=3, time_zone="Europe/Berlin", at_once=False, quirks=True
)  # fmt: skip


class Made(NamedTuple):
    """A site that was made: where, and what its meters counted, in Wh by charger."""

    directory: Path
    energy_wh: Mapping[str, float]
    sessions: int


def make(directory: Path, plan: SitePlan, days: float) -> Made:
    async def run() -> Made:
        async with staged_site(directory, plan, start=UNTIL - timedelta(days=days), now=UNTIL) as site:
            await site.run(until=UNTIL)
        statistics = site.statistics()
        energy_wh = {identity: each.energy_wh for identity, each in statistics.items()}
        return Made(directory, energy_wh, sum(each.sessions_ended for each in statistics.values()))

    return trio.run(run)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Twelve days of eight chargers; the last four restart, glitch, are slow and lose their link."""
    return make(tmp_path_factory.mktemp("staged") / "data", PLAN, 12)


def test_every_session_is_there_and_its_energy_is_the_meters(site: Made) -> None:
    """The first four chargers do what they should; what they counted is what the store adds up, to the Wh."""
    with q.open(site.directory) as con:
        assert con.sql("SELECT count(*), count(ended) FROM session").fetchall() == [(site.sessions, site.sessions)]
        stored = dict(
            con.sql("""SELECT identifier, sum(energy) FROM session JOIN charger USING ("chargerId") GROUP BY ALL""")
            .fetchall()
        )  # fmt: skip
    assert site.sessions > 60
    for identity in ("CP001", "CP002", "CP003", "CP004"):
        # A register is told in whole Wh, at the begin and at the end of each session.
        assert stored[identity] == pytest.approx(site.energy_wh[identity], abs=site.sessions)


def test_it_was_received_when_it_was_sent(site: Made) -> None:
    """Simulated time: a fraction of a second after it happened, by the charger's clock; and nothing after the end."""
    with q.open(site.directory) as con:
        live = dict(
            con.sql("""
            SELECT identifier, median(epoch(d.received) - epoch(d.created))
            FROM datum d JOIN "chargeSession" c USING ("sessionId") JOIN charger USING ("chargerId")
            WHERE d.created > c.started GROUP BY ALL""").fetchall()
        )
        ((last, created),) = con.sql("SELECT max(received), max(created) FROM ledger, charger").fetchall()
    assert all(0.05 <= live[identity] <= 0.4 for identity in ("CP001", "CP002", "CP003", "CP004"))
    assert live["CP006"] == pytest.approx(430.2, abs=0.2)  # its clock is 430 s slow
    assert last < UNTIL + timedelta(seconds=1)
    assert created == UNTIL - timedelta(days=12)


def test_what_was_said_without_a_link_came_later(site: Made) -> None:
    """Its readings are of the hours it was away, and all came within a second when it was back."""
    with q.open(site.directory) as con:
        late = con.sql("""
            SELECT identifier, count(*) AS readings FROM datum d JOIN "chargeSession" c USING ("sessionId")
            JOIN charger USING ("chargerId")
            WHERE d.created > c.started AND epoch(d.received) - epoch(d.created) > 1800 AND identifier = 'CP005'
            GROUP BY ALL""").fetchall()
        gaps = con.sql("""
            WITH gap AS (SELECT epoch(created) - epoch(lag(created) OVER (PARTITION BY "sessionId" ORDER BY created))
                AS s FROM datum WHERE "sourceId" LIKE '%CP005/1/Outlet')
            SELECT count(*) FROM gap WHERE s > 1000""").fetchall()
    assert late
    assert late[0][1] >= 4
    assert gaps == [(0,)]


def test_the_store_is_whole(site: Made) -> None:
    """A server may go on with it: nothing is left to replay, and the site has its own clock."""
    store = open_store(site.directory, now=UNTIL)
    try:
        assert list(store.tail()) == []
        assert store.transactions().open == []
    finally:
        store.close()
    with q.open(site.directory) as con:
        assert con.sql('SELECT "timeZone" FROM node').fetchall() == [("Europe/Berlin",)]
        assert con.sql('SELECT DISTINCT "connectorCount" FROM charger').fetchall() == [(1,)]
        faults = con.sql("SELECT count(*) FROM datum WHERE status = 'Faulted'").fetchall()
    assert faults[0][0] >= 1


def test_a_seed_gives_the_same_site_and_another_does_not(tmp_path: Path) -> None:
    def said(name: str, seed: int) -> list[tuple[object, ...]]:
        made = make(tmp_path / name, SitePlan(chargers=2, sample_interval_s=3600, seed=seed), 1)
        with q.open(made.directory) as con:
            return con.sql("SELECT action, request, answer FROM ledger ORDER BY ALL").fetchall()

    first = said("a", 1)
    assert said("b", 1) == first
    assert said("c", 2) != first


def test_a_store_in_use_is_not_added_to(site: Made) -> None:
    with pytest.raises(ConfigError, match="a new directory"):
        make(site.directory, PLAN, 1)
