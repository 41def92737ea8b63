"""The questions that data/README.md works out: each runs as it stands, and says something about a site that works."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import duckdb
import pytest
import trio

import solarocpp.query as q
from solarocpp.query.worked import WORKED, Worked
from solarocpp.simulator.site import SitePlan
from solarocpp.staging import staged_site

pytestmark = pytest.mark.slow  # two months of a small site are simulated first


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Two months of eight chargers, faulty ones among them, until this midnight: so there is a last month."""
    data = tmp_path_factory.mktemp("site") / "data"
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)  # noqa: TID251 the queries ask it, too
    plan = SitePlan(chargers=8, sample_interval_s=900, quirks=True, at_once=False)
    trio.run(partial(run_site, data, plan, midnight - timedelta(days=62), midnight))
    with q.open(data) as con:
        yield con


async def run_site(data: Path, plan: SitePlan, start: datetime, until: datetime) -> None:
    async with staged_site(data, plan, start=start, now=until) as site:
        await site.run(until=until)


@pytest.mark.parametrize("worked", WORKED, ids=lambda worked: worked.title)
def test_it_answers(con: duckdb.DuckDBPyConnection, worked: Worked) -> None:
    answer = q.answer_sql(con.cursor(), worked.sql)  # as a stranger, too
    if "right now" not in worked.title:  # where nobody may be charging
        assert answer.rows


def test_there_are_ten_and_the_handbook_shows_them() -> None:
    handbook = (Path(__file__).parents[2] / "data" / "README.md").read_text()
    assert len(WORKED) == 10
    assert all(f"```sql\n{worked.sql}\n```" in handbook for worked in WORKED)


def test_sessions_and_idle_are_the_whole(con: duckdb.DuckDBPyConnection) -> None:
    """What the seventh says in words."""
    sums = con.sql("SELECT energy, sessionEnergy, idleEnergy FROM connectorEnergy").fetchall()
    assert sums
    assert all(abs(energy - sessions - idle) < 0.001 for energy, sessions, idle in sums)
