"""Every file in examples/ runs as its first lines say; a new one without a row here fails."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

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
    """Two days of a small site, made by the example that makes one."""
    data = tmp_path_factory.mktemp("site") / "data"
    done = run_example("examples/make_site.py", data, 2)
    assert done.stderr == ""
    return data


def test_every_example_is_tested_and_says_what_it_shows() -> None:
    here = Path(__file__).read_text()
    for path in EXAMPLES.glob("*.py"):
        assert f"examples/{path.name}" in here, f"{path.name} has no test"
        text = path.read_text()
        assert re.match(r'"""[A-Z][^\n]+\.\n', text), f"{path.name} does not begin by saying what it shows"
        assert re.search(rf"^Run: .*\n?.*examples/{path.name}", text, re.MULTILINE), (
            f"{path.name} does not say how to run it"
        )


def test_sessions_by_month(site: Path) -> None:
    lines = run_example("examples/sessions_by_month.py", site).stdout.splitlines()
    assert lines[0].split() == ["sourceId", "month", "sessions", "kWh", "hours", "kW"]
    assert [line.split()[:2] for line in lines[1:]] == [
        ["/ocpp/cp/CP001/1/Outlet", "2026-03"],
        ["/ocpp/cp/CP002/1/Outlet", "2026-03"],
    ]
    assert all(float(line.split()[3]) > 10 for line in lines[1:])


def test_load_profile(site: Path) -> None:
    done = run_example("examples/load_profile.py", site)
    rows = [line.split(",") for line in done.stdout.splitlines()]
    assert rows[0] == ["hour", "watts"]
    assert [row[0] for row in rows[1:]] == [str(hour) for hour in range(24)]
    assert max(int(row[1]) for row in rows[1:]) > 2_000
    assert re.search(r"0 h \|[ ▁▂▃▄▅▆▇█]{24}\| 24 h, at most \d+\.\d kW", done.stderr)


def test_notebook(site: Path) -> None:
    pytest.importorskip("pandas")
    done = run_example("examples/notebook.py", site)
    assert done.stderr == ""
    assert "Correlation of hours plugged in and energy: 0." in done.stdout


def test_an_example_without_a_data_directory_makes_its_own() -> None:
    """The only one that is run so: it takes a few seconds, and all of them do it through the same function."""
    lines = run_example("examples/sessions_by_month.py").stdout.splitlines()
    assert [line.split()[1] for line in lines[1:]] == ["2026-02", "2026-03", "2026-02", "2026-03"]


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
