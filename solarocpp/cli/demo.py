"""`solarocpp demo`: the real server with a small simulated site, on a store that is thrown away."""

from __future__ import annotations

import errno
import math
import shlex
import socket
import sys
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import trio
from cyclopts import Parameter

from solarocpp.cli.output import print_rows
from solarocpp.cli.simulate import ABOVE_ZERO, AT_LEAST_ONE
from solarocpp.config import Config, parse_address
from solarocpp.errors import ConfigError

if TYPE_CHECKING:
    from solarocpp.app import Running
    from solarocpp.simulator.site import SitePlan
    from solarocpp.store import Store

# The simulated day begins before people come to work, so far back that a demo can run for hours before
# its time has caught up with ours (it then goes on at real speed).
BEGINS = timedelta(hours=6, minutes=30)
DAYS_BACK = 30

# A default port that is taken is no reason to fail: the next ones are tried.
PORTS_TRIED = 20

FIRST_ANSWER_SQL = """\
SELECT sourceId, token, strftime(started, '%H:%M') AS began, duration // 60 AS minutes,
       round(energy / 1000, 2) AS kWh, round(peakPower / 1000, 1) AS kW
FROM session ORDER BY started"""

SUMMARY_SQL = """\
SELECT sourceId, count(*) AS sessions, round(sum(energy) / 1000, 1) AS kWh,
       round(avg(duration) / 60) AS minutes, round(max(peakPower) / 1000, 1) AS kW
FROM session GROUP BY sourceId ORDER BY sourceId"""

# The first answer waits for this many datums a charger, so that there is energy in it.
DATUMS_A_CHARGER = 4

ROWS_PRINTED = 20


async def demo(  # noqa: PLR0913 one argument an option
    *,
    chargers: Annotated[int, Parameter(validator=AT_LEAST_ONE, help="How many simulated charge points.")] = 6,
    speed: Annotated[
        float,
        Parameter(validator=ABOVE_ZERO, help="Simulated seconds a second: 240 shows a day in 6 minutes, 60 in 24."),
    ] = 240.0,
    seconds: Annotated[
        float | None,
        Parameter(
            validator=ABOVE_ZERO,
            help="Ends after so many real seconds. Default: Ctrl-C; without a terminal, one simulated day.",
        ),
    ] = None,
    data: Annotated[Path | None, Parameter(help="Keep the store in this new directory.")] = None,
    ocpp: Annotated[
        str | None, Parameter(help="Address for chargers. Default 127.0.0.1:9000, or the next free port.")
    ] = None,
    web: Annotated[
        str | None, Parameter(help="Address of API and dashboard. Default 127.0.0.1:8080, or the next.")
    ] = None,
    seed: Annotated[int, Parameter(help="The same seed gives the same cars at the same hours.")] = 0,
) -> None:
    """Runs a server with simulated chargers on a throw-away store, faster than real time.

    Cars come and go as on a day of a small site: every charger has its first within seconds, most come in the morning,
    some stay the night. You see the server's addresses, a first answer from SQL, the site as it charges, and at
    the end what was stored. Other commands work meanwhile: give them the data directory that is printed.
    """
    from solarocpp.logs import configure_logs
    from solarocpp.simulator.site import SitePlan

    if math.isinf(speed):
        raise ConfigError("--speed", speed, "a finite number; `simulate --days` goes as fast as the answers come")
    configure_logs(level="warning")
    with _directory(data) as directory:
        config = Config(
            data_dir=directory,
            ocpp=ocpp or _free_address("127.0.0.1:9000"),
            web=web or _free_address("127.0.0.1:8080"),
            quack=_free_address("127.0.0.1:9494"),
        )
        await _run(config, SitePlan(chargers=chargers, seed=seed), speed, seconds)
    kept = shlex.quote(str(data)) if data else ""
    print(
        f"Everything is in {kept}: solarocpp sessions --data {kept}"
        if data
        else "The store was thrown away; --data DIR keeps it."
    )


async def _run(config: Config, plan: SitePlan, speed: float, seconds: float | None) -> None:
    from solarocpp.app import serve
    from solarocpp.cli.site_view import run_shown, summary_lines
    from solarocpp.simulator.link import dial_url
    from solarocpp.simulator.site import Site

    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    start = midnight - timedelta(days=DAYS_BACK) + BEGINS
    one_day = seconds is None and not sys.stdout.isatty()
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        running: Running = await nursery.start(partial(serve, config, stop=stop))
        password = await _register(running, plan, now)
        _print_addresses(running, config.data_dir, plan, speed)
        dial = partial(dial_url, f"ws://{running.ocpp}/ocpp/j/v16", username="demo", password=password)
        site = Site(dial, plan, start=start, now=now, speed=speed)
        await run_shown(
            site,
            seconds=seconds,
            until=start + timedelta(days=1) if one_day else None,
            remark=StoredDatums(running.store).remark,
            first=partial(_answer_first, running.store, plan.chargers),
        )
        print("\n".join(["", *summary_lines(site), "", "What the store knows of it:"]))
        await _print_answer(running.store, SUMMARY_SQL)
        stop.set()


async def _register(running: Running, plan: SitePlan, now: datetime) -> str:
    from solarocpp.registry.orders import NewAuthorization, NewCharger, NewCredential

    for identifier in plan.identities():
        await running.registry.add_charger(NewCharger(identifier=identifier), now=now)
    for token in plan.tags():
        await running.registry.add_authorization(NewAuthorization(token=token), now=now)
    _, password = await running.registry.add_credential(NewCredential(username="demo"), now=now)
    return password or ""


def _print_addresses(running: Running, directory: Path, plan: SitePlan, speed: float) -> None:
    first, last = plan.identities()[0], plan.identities()[-1]
    print(f"Chargers   ws://{running.ocpp}/ocpp/j/v16/{first} to {last}, simulated at {speed:g} times real time")
    print(f"Web        http://{running.web}/   API at /api, its description at /schema")
    if running.quack:
        print(f"Live SQL   {_attach_statement(running.quack, directory)}")
    print(f"Data       {directory}")
    print(f'Try        solarocpp sql "FROM session" --data {shlex.quote(str(directory))}')
    print(flush=True)


def _attach_statement(address: str, directory: Path) -> str:
    """What an analyst types into any DuckDB client; the store is thrown away, so its token may be shown."""
    token = (directory / "admin.token").read_text().strip()
    return f"duckdb> ATTACH 'quack:{address}' AS solar (TOKEN '{token}'); FROM solar.session;"


async def _answer_first(store: Store, chargers: int) -> None:
    """Prints a first answer from SQL, as soon as there is something to tell."""
    while store.statistics().datums < DATUMS_A_CHARGER * chargers:  # noqa: ASYNC110 -- it counts and tells nobody
        await trio.sleep(0.1)
    await _print_answer(store, FIRST_ANSWER_SQL)
    print(flush=True)


async def _print_answer(store: Store, sql: str) -> None:
    from solarocpp.query import answer_sql

    print(f"> {sql}\n".replace("\n", "\n  ").rstrip())
    answer = await store.read(lambda con: answer_sql(con, sql, limit=ROWS_PRINTED))
    print_rows(answer.columns, answer.rows, "table")


class StoredDatums:
    """Says how many datums are stored, and how many a second over the last few seconds."""

    WINDOW_S = 5.0

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: deque[tuple[float, int]] = deque()

    def remark(self) -> str:
        """The two numbers at this moment."""
        now, datums = trio.current_time(), self._store.statistics().datums
        self._seen.append((now, datums))
        while len(self._seen) > 2 and now - self._seen[1][0] > self.WINDOW_S:
            self._seen.popleft()
        began, before = self._seen[0]
        rate = (datums - before) / (now - began) if now > began else 0.0
        return f"{datums} datums stored, {rate:.0f} a second"


@contextmanager
def _directory(keep: Path | None) -> Generator[Path]:
    from solarocpp.store.schema import DATABASE

    if keep is None:
        with TemporaryDirectory(prefix="solarocpp-demo-") as temporary:
            yield Path(temporary)
        return
    if (keep / DATABASE).exists():
        raise ConfigError("--data", str(keep), "a new directory: simulated chargers do not belong into a store in use")
    yield keep


def _free_address(wanted: str) -> str:
    """The address, or the same with the next port that nobody listens on."""
    host, port = parse_address(wanted, "demo")
    for candidate in range(port, port + PORTS_TRIED):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except OSError as exc:
                if exc.errno != errno.EADDRINUSE:
                    raise
                continue
            return f"{host}:{candidate}"
    return f"{host}:0"
