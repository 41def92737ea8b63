"""What is wrong with some chargers of a generated site, so that a report on data quality has something to show.

Each is a report from the field (Q numbers: field reports), kept by one charger for all its life; the
same seed gives the same faults at the same hours. The last chargers of a site have them, at most half.
What happens to every charger now and then, a spell without a link or a fault, is at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Literal, NamedTuple

import msgspec

from solarocpp.ocpp.messages import ChargePointErrorCode
from solarocpp.simulator.backlog import BACKLOG_LIMIT

Meter = Callable[[float, datetime, bool], str]
"""What a charger says of its register: of the true one in Wh, at a time; True in a periodic sample, False at the
begin and end of a transaction."""


class Quirk(msgspec.Struct, frozen=True):
    """One thing that is wrong with a charger."""

    name: str
    told: str
    clock_s: float = 0.0
    """How far its clock is ahead."""
    measurands: str | None = None
    """MeterValuesSampledData, where it is not everything."""
    meter: Callable[[Random], Meter] | None = None
    keeps: int = BACKLOG_LIMIT
    """How many messages it remembers while it has no link."""
    offline_every_days: float = 45.0
    offline_h: tuple[float, float] = (1.0, 9.0)


def _restarts(chance: Random) -> Meter:
    """Begins at 0 again, three to six times a year (Q83)."""
    base_wh, due = 0.0, None

    def meter(wh: float, when: datetime, _periodic: bool) -> str:  # noqa: FBT001 -- the signature of all meters
        nonlocal base_wh, due
        due = due or when + timedelta(days=chance.uniform(5, 60))
        if when >= due:
            base_wh, due = wh, when + timedelta(days=chance.uniform(60, 110))
        return f"{wh - base_wh:.0f}"

    return meter


def _glitches(chance: Random) -> Meter:
    """Says 0 in one reading of 150, and goes on as if nothing had been (Q86)."""
    return lambda wh, _when, periodic: "0" if periodic and chance.random() < 1 / 150 else f"{wh:.0f}"


def _kilo(_chance: Random) -> Meter:
    """Says kWh, and labels them Wh (Q87)."""
    return lambda wh, _when, _periodic: f"{wh / 1000:.3f}"


def _relative(_chance: Random) -> Meter:
    """Counts from 0 in the readings of a session, and over its life at begin and end (Q84)."""
    began_wh = 0.0

    def meter(wh: float, _when: datetime, periodic: bool) -> str:  # noqa: FBT001 -- the signature of all meters
        nonlocal began_wh
        if not periodic:
            began_wh = wh
            return f"{wh:.0f}"
        return f"{wh - began_wh:.0f}"

    return meter


def _unreadable(chance: Random) -> Meter:
    """Says something that is no number in one reading of 100."""
    return lambda wh, _when, periodic: "--" if periodic and chance.random() < 1 / 100 else f"{wh:.0f}"


REGISTER = "Energy.Active.Import.Register"

QUIRKS: tuple[Quirk, ...] = (
    Quirk("register restarts", "Its register begins at 0 again, a few times a year (Q83).", meter=_restarts),
    Quirk("register glitches", "One reading in 150 says 0 Wh (Q86).", meter=_glitches),
    Quirk("slow clock", "Its clock is 7 minutes 10 seconds slow (Q49).", clock_s=-430.0),
    Quirk("no link", "A spell without a link every three days, up to 30 hours (Q74).", offline_every_days=3.0,
          offline_h=(2.0, 30.0)),
    Quirk("no memory", "Without a link it forgets its readings, every six days.", keeps=2, offline_every_days=6.0),
    Quirk("kWh as Wh", "Its register counts kWh and says Wh (Q87).", meter=_kilo),
    Quirk("no state of charge", "The car is not asked.", measurands=
          "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,Current.Offered,Temperature"),
    Quirk("register only", "It sends its register and nothing else (Q93).", measurands=REGISTER),
    Quirk("register of the session", "Readings count from its begin, its ends do not (Q84).", meter=_relative),
    Quirk("unreadable readings", "One register in 100 is no number.", meter=_unreadable),
)  # fmt: skip

SANE = Quirk("none", "It does what the specification says.")


def quirk_of(index: int, chargers: int) -> Quirk:
    """What is wrong with a site's charger, counted from 0."""
    place = chargers - 1 - index
    return QUIRKS[place] if place < min(len(QUIRKS), chargers // 2) else SANE


class Mishap(NamedTuple):
    """Something that happens to a charger, in simulated time."""

    at: datetime
    seconds: float
    kind: Literal["offline", "fault"]
    error_code: ChargePointErrorCode = "NoError"


# Mean days between two faults of a charger, and how long one lasts.
FAULT_EVERY_DAYS, FAULT_H = 50.0, (0.3, 14.0)
ERROR_CODES: tuple[ChargePointErrorCode, ...] = (
    "GroundFailure",
    "OverVoltage",
    "ConnectorLockFailure",
    "HighTemperature",
    "EVCommunicationError",
)


def mishaps(seed: int, index: int, quirk: Quirk, begins: datetime, until: datetime) -> Iterator[Mishap]:
    """What happens to one charger, in order, never two things at once; the last is over by `until`."""
    chance = Random(f"{seed}/{index}/mishaps")  # noqa: S311 -- a pattern, not a secret
    rates = {"offline": 1 / quirk.offline_every_days, "fault": 1 / FAULT_EVERY_DAYS}
    at = begins
    while True:
        at += timedelta(seconds=round(chance.expovariate(sum(rates.values())) * 86_400))
        offline = chance.random() < rates["offline"] / sum(rates.values())
        seconds = float(round(chance.uniform(*(quirk.offline_h if offline else FAULT_H)) * 3600))
        if at + timedelta(seconds=seconds) >= until:
            return
        yield Mishap(at, seconds, "offline") if offline else Mishap(at, seconds, "fault", chance.choice(ERROR_CODES))
        at += timedelta(seconds=seconds)
