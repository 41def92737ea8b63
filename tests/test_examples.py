"""Every file in examples/ runs as its first lines say; a new one without a row here fails."""

from __future__ import annotations

import csv
import io
import itertools
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

import solarocpp.query as q

if TYPE_CHECKING:
    from conftest import Cli, Serve

pytestmark = pytest.mark.slow  # programs of their own, some with a server in them

EXAMPLES = Path(__file__).parents[1] / "examples"


def run_example(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs Python as a user would: warnings are shown, not raised."""
    command = [sys.executable, *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=EXAMPLES.parent, env=environment, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four weeks of a small site, made by the command the examples make theirs with."""
    from pictures import make_site

    return make_site(tmp_path_factory.mktemp("site"))


class Picture(NamedTuple):
    """What an example made: the numbers it drew, and the picture itself as points of red, green, blue."""

    numbers: list[dict[str, str]]
    points: Any


@pytest.fixture
def picture(site: Path, tmp_path: Path) -> Callable[..., Picture]:
    """Runs an example of a picture, and looks at what came out."""
    image = pytest.importorskip("matplotlib.image")

    def draw(name: str, *arguments: object, place: object = site) -> Picture:
        png = tmp_path / f"{name}.png"
        done = run_example(f"examples/{name}.py", place, "--png", png, *arguments)
        assert done.stderr == f"The picture is in {png}\n"  # and no warning
        points = image.imread(png)[:, :, :3]
        assert points.shape == (700, 1200, 3)
        return Picture(list(csv.DictReader(io.StringIO(done.stdout))), points)

    return draw


def share_of(points: Any, colour: str) -> float:
    """How much of a picture has a colour, in percent."""
    wanted = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return float((abs(points - wanted).max(axis=2) < 0.02).mean() * 100)


def ask(site: Path, question: str) -> list[tuple[Any, ...]]:
    with q.open(site) as con:
        return con.sql(question).fetchall()


def test_every_example_is_tested_and_says_what_it_shows() -> None:
    here = Path(__file__).read_text()
    for path in EXAMPLES.glob("*.py"):
        drawn = f'picture("{path.stem}"' in here
        assert drawn or f"examples/{path.name}" in here, f"{path.name} has no test"
        text = path.read_text()
        assert re.match(r'"""[A-Z][^\n]+\.\n', text), f"{path.name} does not begin by saying what it shows"
        assert re.search(rf"^Run: .*\n?.*examples/{path.name}", text, re.MULTILINE), (
            f"{path.name} does not say how to run it"
        )


def test_load_curve(site: Path, picture: Callable[..., Picture]) -> None:
    """The area under the curve is the energy of all sessions, and of each day what began and ended in it."""
    numbers, points = picture("load_curve")
    ((energy,),) = ask(site, "SELECT sum(energy) FROM session")
    assert energy > 1_000_000
    assert sum(float(row["energy"]) for row in numbers) == pytest.approx(energy, abs=1)
    ((alone, began),) = ask(
        site,
        """
        SELECT energy, strftime(started, '%Y-%m-%dT%H') FROM session s WHERE energy > 500 AND NOT EXISTS (
            FROM session o WHERE o."sessionId" <> s."sessionId"
            AND o.started < s.ended + INTERVAL 1 HOUR AND coalesce(o.ended, o.started) > s.started - INTERVAL 1 HOUR)
        ORDER BY started LIMIT 1""",
    )
    # A session that had the site for itself: its hump in the curve is its energy.
    first = next(at for at, row in enumerate(numbers) if row["began"].startswith(began) and float(row["energy"]) > 0)
    hump = list(itertools.takewhile(lambda row: float(row["energy"]) > 0, numbers[first:]))
    assert sum(float(row["energy"]) for row in hump) == pytest.approx(alone, abs=1)
    # No quarter takes more than the sessions in it ever took; who tells no power takes 22.08 kW, as the others.
    sessions = ask(
        site,
        """
        SELECT epoch(started), epoch(coalesce(ended, started)), coalesce(max(watts), 22080) / 4
        FROM session JOIN datum USING ("sessionId") GROUP BY "sessionId", started, ended""",
    )
    for row in numbers:
        at = datetime.fromisoformat(row["began"]).timestamp()
        most = sum(wh for began, ended, wh in sessions if began < at + 900 and ended > at)
        assert float(row["energy"]) <= most * 1.02 + 10, row["began"]
    assert share_of(points, "#0072B2") > 0.3  # the lines
    assert share_of(points, "#ffffff") > 40


def test_session_curve(site: Path, picture: Callable[..., Picture]) -> None:
    """One that is asked for by its id, and one that the example chooses."""
    ((session, readings, highest),) = ask(
        site,
        """
        SELECT s."sessionId", count(*), max(watts) FROM session s JOIN datum d ON d."sessionId" = s."sessionId"
        WHERE soc > 90 AND status IS NULL GROUP BY ALL ORDER BY s."sessionId" LIMIT 1""",
    )
    ((stored, soc),) = ask(
        site, f"SELECT count(*), max(soc) FROM datum WHERE \"sessionId\" = '{session}' AND status IS NULL"
    )
    numbers, points = picture("session_curve", "--session", session)
    assert stored > readings  # the first say less than 90 %
    assert len(numbers) == stored
    assert max(float(row["soc"] or 0) for row in numbers) == soc > 90
    assert max(float(row["watts"] or 0) for row in numbers) >= highest
    assert share_of(points, "#0072B2") > 0.1
    assert share_of(points, "#E69F00") > 0.1
    assert len(picture("session_curve").numbers) > 4


def test_heatmap(site: Path, picture: Callable[..., Picture]) -> None:
    """Every connector has each hour of the week; hours times days add up to the time all sessions took."""
    numbers, points = picture("heatmap")
    assert len(numbers) == 6 * 168
    assert all(0 <= float(row["percent"]) <= 100 for row in numbers)
    ((taken_h,),) = ask(site, "SELECT sum(epoch(ended) - epoch(started)) / 3600 FROM session")
    # Four weeks, but for the hours before the first session and the hour that the clocks skip.
    assert sum(float(row["percent"]) for row in numbers) / 100 * 4 == pytest.approx(taken_h, rel=0.02)
    assert len(np.unique((points * 255).astype(int).reshape(-1, 3), axis=0)) > 100  # shades


def test_energy_by_token(site: Path, picture: Callable[..., Picture]) -> None:
    """Each month is the sum of its sessions, whoever charged."""
    numbers, points = picture("energy_by_token")
    months: defaultdict[str, float] = defaultdict(float)
    for row in numbers:
        months[row["month"]] += float(row["energy"])
    with q.open(site) as con:
        stored = q.sessions(con, by="month").project("strftime(month, '%Y-%m'), energy").fetchall()
    assert months == {month: pytest.approx(energy, abs=1) for month, energy in stored}
    assert {row["token"] for row in numbers} >= {"5 others"}
    assert all(share_of(points, colour) > 0.2 for colour in ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#999999"))


def test_data_quality(site: Path, picture: Callable[..., Picture]) -> None:
    """The chargers that were made faulty are found, by what is wrong with them; the others are not."""
    numbers, points = picture("data_quality")
    found = {(row["charger"], row["check"]): float(row["number"]) for row in numbers}
    assert len(found) == 6 * 8
    assert found["CP006", "register resets"] >= 1
    assert found["CP005", "readings that count nothing"] >= 1
    assert found["CP004", "clock off in s"] == pytest.approx(-430.2, abs=0.3)  # theirs less ours
    for charger in ("CP001", "CP002", "CP003"):
        wrong = {check: number for (name, check), number in found.items() if name == charger}
        del wrong["came late in %"]  # all lose their link now and then
        assert abs(wrong.pop("clock off in s")) < 1
        assert wrong.pop("without SoC in %") < 10
        assert set(wrong.values()) == {0.0}
    assert share_of(points, "#A63C00") > 0.3  # a serious cell


def test_a_running_server_gives_the_same_picture(
    site: Path, tmp_path: Path, picture: Callable[..., Picture], running_server: Serve
) -> None:
    at_rest = [picture(name).numbers for name in ("energy_by_token", "heatmap")]
    data = shutil.copytree(site, tmp_path / "data")
    with running_server(data):
        live = [picture(name, place=data).numbers for name in ("energy_by_token", "heatmap")]
    assert live == at_rest


def test_the_pictures_make_a_site_where_none_is_named() -> None:
    """The only one that is run so: it takes some seconds, and all of them do it through the same function."""
    done = run_example("examples/pictures.py")
    with q.open(done.stdout.strip()) as con:
        ((sessions,),) = con.sql("SELECT count(*) FROM session").fetchall()
    assert sessions > 100


def test_my_charger() -> None:
    done = run_example("-m", "pytest", "-p", "no:cacheprovider", "examples/test_my_charger.py")
    assert done.stdout.startswith("..  ")  # two tests, both passed


def test_raw_ocpp(tmp_path: Path, solarocpp_cli: Cli, running_server: Serve) -> None:
    data = tmp_path / "data"
    solarocpp_cli(data, "charger", "add", "CP001")
    solarocpp_cli(data, "credential", "add", "depot", "--password-stdin", stdin="a person's password\n")
    with running_server(data) as server:
        done = run_example("examples/raw_ocpp.py", server.url(), "CP001", "depot", "a person's password")
        latest = solarocpp_cli(data, "sql", "SELECT sourceId, wattHours FROM latest ORDER BY 1", "--format", "csv")
    assert '"status":"Accepted"' in done.stdout
    assert '< [4,"by-hand","TypeConstraintViolation",' in done.stdout
    assert "/ocpp/cp/CP001/1/Outlet,1234.0" in latest.stdout.splitlines()
