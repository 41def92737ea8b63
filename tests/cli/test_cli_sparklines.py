"""Lines of blocks in listings: on a terminal, and nowhere else."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from solarocpp.cli.output import fitting
from solarocpp.cli.questions import stream_lines
from solarocpp.cli.sparklines import filled

SOLAROCPP = (sys.executable, "-m", "solarocpp")
BLOCKS = set("▁▂▃▄▅▆▇█")


def test_a_gap_takes_the_value_before_it() -> None:
    assert filled([None, 3.0, None, 1.0]) == [3.0, 3.0, 3.0, 1.0]
    assert filled([None, None]) == []
    assert filled([]) == []


def test_a_stream_is_drawn_by_its_power_or_else_by_its_energy() -> None:
    """Too few periods make no line, and a period without a value stands at the bottom."""
    columns = ["created", "nodeId", "sourceId", "watts", "wattHours"]
    rows = [
        ("10", 1, "/a", 0.0, 1.0), ("11", 1, "/a", 500.0, 2.0), ("12", 1, "/a", 1000.0, 3.0),
        ("10", 1, "/b", None, 80.0), ("11", 1, "/b", None, None), ("12", 1, "/b", None, 40.0),
        ("13", 1, "/b", None, 10.0),
        ("10", 1, "/c", 5.0, 1.0), ("11", 1, "/c", 5.0, 1.0),
    ]  # fmt: skip
    assert stream_lines(columns, rows) == ["/a   ▄█  watts to 1,000 W", "/b  █ ▄▁  wattHours to 80 Wh"]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day of two chargers."""
    data = tmp_path_factory.mktemp("past") / "data"
    command = (*SOLAROCPP, "simulate", "--into", str(data), "--days", "1", "--chargers", "2", "--no-quirks")
    subprocess.run((*command, "--until", "2026-03-04T00:00Z"), check=True, capture_output=True, timeout=120)
    return data


def on_a_terminal(*words: str, columns: int = 220) -> list[str]:
    """Runs a command whose standard output is a terminal, and gives the lines it shows."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "NO_COLOR": "1", "TERM": "xterm"}
    with subprocess.Popen((*SOLAROCPP, *words), stdout=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                some = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not some:
                break
            shown += some
    os.close(ours)
    assert process.returncode == 0
    return re.sub(r"\x1b\[\d*m", "", shown.decode()).splitlines()


@pytest.mark.slow  # programs of their own
@pytest.mark.skipif(sys.platform == "win32", reason="has no pty")
def test_sessions_show_their_power_on_a_terminal_only(past: Path) -> None:
    words = ("sessions", "--data", str(past))
    lines = on_a_terminal(*words)
    drawn = [line for line in lines if BLOCKS & set(line)]
    plain = subprocess.run((*SOLAROCPP, *words), check=True, capture_output=True, text=True, timeout=60).stdout
    assert "power" in next(line for line in lines if "sourceId" in line)
    assert len(drawn) == len(plain.splitlines()) - 1 >= 2
    assert not BLOCKS & set(plain)
    assert "curve" not in plain
    assert "power" not in plain.splitlines()[0].split()
    table = subprocess.run((*SOLAROCPP, *words, "--format", "json"), check=True, capture_output=True, timeout=60)
    assert b"curve" not in table.stdout


@pytest.mark.slow  # programs of their own
@pytest.mark.skipif(sys.platform == "win32", reason="has no pty")
def test_a_roll_up_ends_with_a_line_for_each_stream(past: Path) -> None:
    words = ("datums", "--data", str(past), "--source", "/ocpp/cp/*/1/Outlet", "--aggregate", "hour")
    last = [line for line in on_a_terminal(*words) if line.startswith("/ocpp/")]
    assert [line.split()[0] for line in last] == ["/ocpp/cp/CP001/1/Outlet", "/ocpp/cp/CP002/1/Outlet"]
    assert all(BLOCKS & set(line) and " watts to " in line for line in last)


@pytest.mark.slow  # programs of their own
@pytest.mark.skipif(sys.platform == "win32", reason="has no pty")
@pytest.mark.parametrize("words", [("sessions",), ("datums", "--aggregate", "hour"), ("charger", "list"), ("check",)])
def test_a_narrow_terminal_shows_whole_columns(past: Path, words: tuple[str, ...]) -> None:
    lines = on_a_terminal(*words, "--data", str(past), columns=80)
    assert not [line for line in lines if "…" in line or (len(line) > 80 and not line.startswith("/ocpp/"))]


@pytest.mark.slow  # programs of their own
@pytest.mark.skipif(sys.platform == "win32", reason="has no pty")
def test_a_narrow_terminal_shows_what_matters_first(past: Path) -> None:
    heads = [on_a_terminal(word, "--data", str(past), columns=80)[0].split() for word in ("sessions", "datums")]
    assert heads[0][:4] == ["started", "sourceId", "energy", "power"]
    assert heads[1][:4] == ["created", "sourceId", "watts", "wattHours"]


@pytest.mark.parametrize(
    ("widths", "room", "shown"),
    [([10, 10], 22, 2), ([10, 10], 21, 1), ([100], 20, 1), ([], 20, 0), ([5, 30, 5], 20, 1)],
)
def test_columns_have_room_or_are_left_out(widths: list[int], room: int, shown: int) -> None:
    """Two spaces between them; the first is shown whatever it takes."""
    assert fitting(widths, room) == shown
