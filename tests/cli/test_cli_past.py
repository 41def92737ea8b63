"""`solarocpp simulate --into`: a data directory with a past, and what it is not to be mixed with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Done

    Run = Callable[..., Done]

INTO = ("simulate", "--into", "past", "--days", "1", "--chargers", "2", "--until", "2026-03-03T00:00Z")


@pytest.mark.slow  # a day of two chargers
def test_a_day_is_made_and_can_be_asked(run: Run) -> None:
    code, out, err = run(*INTO, "--time-zone", "Europe/Berlin")
    assert (code, err) == (0, "")
    assert "simulated hours." in out
    assert "CP002 is not quite right: Its register begins at 0 again, a few times a year (Q83)." in out
    assert out.endswith("Everything is in past: solarocpp sessions --by month --data past\n")
    days = run("sessions", "--by", "node", "--data", "past", "--format", "csv").out.splitlines()
    assert days[0].startswith("nodeId,sessions,energy,")
    assert int(days[1].split(",")[1]) >= 2
    code, _, err = run(*INTO)
    assert code == 2
    assert "a new directory: simulated chargers do not belong into a store" in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("ws://127.0.0.1:1/x", "--into", "past"), "URL and --into exclude each other"),
        ((), "Say where the central system is (URL), or which data directory to make (--into DIR)."),
        (("--into", "past", "--speed", "60"), "--into reaches no server"),
        (("--into", "past", "--ca", "ca.pem"), "--into reaches no server"),
        (("ws://127.0.0.1:1/x", "--time-zone", "Europe/Berlin"), "are for --into"),
        (("--into", "past", "--time-zone", "Europe/Nowhere"), "the name of a time zone, like Europe/Berlin"),
    ],
)
def test_what_does_not_go_together_is_said(run: Run, words: tuple[str, ...], says: str) -> None:
    code, out, err = run("simulate", *words)
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1
