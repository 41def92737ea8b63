"""A week of a real site, rebuilt: simulated chargers over real sockets made it, in the site's own time."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import trio
from told import NOW, TABLES, Rows, unchanged

from solarocpp.app import serve
from solarocpp.config import Config
from solarocpp.rebuilding import rebuilt
from solarocpp.registry.orders import NewAuthorization, NewCharger, NewCredential
from solarocpp.simulator.link import dial_url
from solarocpp.simulator.site import Site, SitePlan
from solarocpp.store import Store, open_store

pytestmark = pytest.mark.slow  # a week of a site, and processes that are killed

START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 7
KILLS = 6
SEED = int(os.environ.get("SOLAROCPP_CRASH_SEED") or random.SystemRandom().randrange(1_000_000))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory in which everything was received when the chargers say it happened."""
    directory = tmp_path_factory.mktemp("site") / "data"
    trio.run(make_site, directory)
    return directory


async def make_site(directory: Path) -> None:
    plan = SitePlan(chargers=3, sample_interval_s=900)
    sites: list[Site] = []
    stop = trio.Event()
    config = Config(data_dir=directory, ocpp="127.0.0.1:0", web="127.0.0.1:0")

    def clock() -> datetime:
        return sites[0].clock.now() if sites else START

    async with trio.open_nursery() as nursery:
        running = await nursery.start(partial(serve, config, stop=stop, clock=clock))
        for identifier in plan.identities():
            await running.registry.add_charger(NewCharger(identifier=identifier), now=START)
        for token in plan.tags():
            await running.registry.add_authorization(NewAuthorization(token=token), now=START)
        _, password = await running.registry.add_credential(NewCredential(username="depot"), now=START)
        dial = partial(dial_url, f"ws://{running.ocpp}/ocpp/j/v16", username="depot", password=password)
        sites.append(Site(dial, plan, start=START, now=START, speed=float("inf")))
        await sites[0].run(until=START + timedelta(days=DAYS))
        stop.set()


@pytest.fixture
def copied(site: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(site, tmp_path / "data"))


@contextlib.contextmanager
def opened(directory: Path) -> Iterator[Store]:
    store = open_store(directory, now=NOW)
    try:
        yield store
    finally:
        store.close()


def rows(store: Store) -> Rows:
    with store.alone() as con:
        return {table: con.execute(f'FROM "{table}" ORDER BY ALL').fetchall() for table in TABLES}


def damage(directory: Path) -> None:
    with opened(directory) as store, store.alone() as con:
        con.execute("DELETE FROM datum WHERE hash(created) % 5 = 0")
        con.execute('UPDATE datum SET "wattHours" = "wattHours" * 2 WHERE hash(created) % 7 = 0')
        con.execute('DELETE FROM "chargeSession" WHERE "transactionId" % 3 = 0')
        con.execute('UPDATE "sessionTotal" SET energy = 1')


@pytest.mark.parametrize("day", [0, 3, 6.5])
def test_site_is_identical_however_often_it_is_rebuilt(copied: Path, day: float) -> None:
    since = START + timedelta(days=day)
    with opened(copied) as store:
        before = rows(store)
        assert all(before[table] for table in ("datum", "datumContext", "chargeSession", "sessionTotal"))
        for _ in range(2):
            with rebuilt(store, since, now=NOW, tell=lambda *_: None) as done:
                assert done is not None
                assert done.changes.tables[0].after > 0
                assert all(unchanged(change) for change in done.changes.tables)
                done.keep()
            assert rows(store) == before


def test_damaged_site_is_as_it_was(copied: Path) -> None:
    with opened(copied) as store:
        before = rows(store)
    damage(copied)
    rebuild(copied).check_returncode()
    with opened(copied) as store:
        assert rows(store) == before


def rebuild(directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(directory), check=False, capture_output=True, text=True, timeout=60)


def command(directory: Path) -> list[str]:
    return [sys.executable, "-m", "solarocpp", "rebuild", "--since", "2026-03-01", "--yes", "--data", str(directory)]


def test_full_disk_changes_nothing(copied: Path) -> None:
    """No file may grow beyond 600 KB: there is no room for what would be replaced."""
    damage(copied)
    with opened(copied) as store:
        before = rows(store)
    limited = ["bash", "-c", 'ulimit -f 600 && exec "$@"', "rebuild", *command(copied)]
    done = subprocess.run(limited, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "File too large. Free some space; nothing that was confirmed is lost." in done.stderr
    with opened(copied) as store:
        assert rows(store) == before
    assert list((copied / "rebuild").iterdir()) == []


def test_killed_rebuild_leaves_the_old_or_the_new(copied: Path, tmp_path: Path) -> None:
    """SIGKILL at any moment; the next start removes what it left, and the next rebuild goes through."""
    with opened(copied) as store:
        new = rows(store)
    damage(copied)
    with opened(copied) as store:
        old = rows(store)
    print(f"SOLAROCPP_CRASH_SEED={SEED}")
    choice = random.Random(SEED)  # noqa: S311 no secret
    whole_s = timed(Path(shutil.copytree(copied, tmp_path / "timed")))
    seen = []
    for number in range(KILLS):
        directory = Path(shutil.copytree(copied, tmp_path / f"killed{number}"))
        # The last ones aim at the end, where the swap is.
        moment_s = choice.uniform(0, whole_s) if number < KILLS // 2 else choice.uniform(0.7, 1.0) * whole_s
        kill_after(directory, moment_s)
        with opened(directory) as store:
            found = rows(store)
            assert [file.name for file in (directory / "rebuild").iterdir()] in ([], ["before.duckdb"])
        assert found in (old, new)
        seen.append("new" if found == new else "old")
        rebuild(directory).check_returncode()
        with opened(directory) as store:
            assert rows(store) == new
    print(f"{seen} of {whole_s:.2f} s")


def timed(directory: Path) -> float:
    """How long a rebuild takes from where it has its files to its end."""
    with subprocess.Popen(command(directory), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        began = wait_begun(process, directory)
        assert process.wait(60) == 0
    return time.perf_counter() - began


def kill_after(directory: Path, moment_s: float) -> None:
    with subprocess.Popen(command(directory), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_begun(process, directory)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moment_s)
        process.send_signal(signal.SIGKILL)


def wait_begun(process: subprocess.Popen[bytes], directory: Path) -> float:
    while not (directory / "rebuild" / "staged.duckdb").exists() and process.poll() is None:
        time.sleep(0.001)
    return time.perf_counter()
