"""One charge session: its power and its state of charge, and the current of each phase.

Run: python examples/session_curve.py [PLACE] [--session SESSION_ID] [--png FILE]
"""

# %% Open the data; see pictures.py for what a place can be.
from __future__ import annotations

from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.lines import Line2D
from pictures import BLUE, GREEN, GREY, ORANGE, VERMILION, page, publish, rows, told, zone_of

import solarocpp.query as q

place, png, chosen = told("session_curve")
con = q.open(place)
zone = zone_of(con)
there = {name.lower() for name in con.sql("SELECT * FROM datum LIMIT 0").columns}

# %% The session asked for; else the one that charged most among those that say how full the car is.
MOST = """
SELECT "sessionId" FROM session WHERE ended IS NOT NULL AND "sessionId" IN
    (SELECT "sessionId" FROM datum WHERE soc IS NOT NULL GROUP BY ALL HAVING max(soc) >= 99 AND min(soc) < 40)
ORDER BY energy DESC LIMIT 1
"""
found = [(chosen,)] if chosen else rows(con, MOST) or rows(con, 'SELECT "sessionId" FROM session LIMIT 1')
session = UUID(str(found[0][0]))
((source, token, energy, peak, started, ended, charged),) = rows(
    con,
    f"""
    SELECT "sourceId", token, energy, "peakPower", started, ended,
        (SELECT max(created) FROM datum WHERE "sessionId" = '{session}' AND watts > 0)
    FROM session WHERE "sessionId" = '{session}'
    """,
)

# %% Its readings: the one at its begin says the register only, so power starts with the first sample.
phases = [name for name in ("current_a", "current_b", "current_c") if name in there]
columns = ", ".join(f'"{name}"' for name in ("watts", "soc", *phases))
readings = rows(
    con,
    f"""
    SELECT epoch(created), {columns} FROM datum WHERE "sessionId" = '{session}' AND status IS NULL ORDER BY created
    """,
)
table = np.array(readings, dtype=float)  # what was not sent is NaN, and not drawn
offset_s = started.astimezone(ZoneInfo(zone)).utcoffset().total_seconds()
local = (table[:, 0] + offset_s).astype("datetime64[s]")


def line(axes: Axes, values: np.ndarray, **how: str) -> list[Line2D]:
    """Draws the readings that have this value."""
    said = ~np.isnan(values)
    return axes.plot(local[said], values[said], marker="o", markersize=3.5, linewidth=1.8, **how)


# %% Power above, with the state of charge on its own axis; currents below.
begins, ends = (moment.astimezone(ZoneInfo(zone)) for moment in (started, ended or charged))
until = f"{ends:%H:%M}" if ends.date() == begins.date() else f"{ends:%d %b %H:%M}"
figure, parts = page(
    f"A charge session at {source}",
    f"id tag {token}, {begins:%A %d %b %Y %H:%M} to {until} ({zone}), "
    f"{(energy or 0) / 1000:,.1f} kWh, at most {(peak or 0) / 1000:,.1f} kW",
    [["power"], ["current"]] if phases else [["power"]],
    sharex=True,
    height_ratios=[1.6, 1] if phases else [1],
)
power = parts["power"]
(watts,) = line(power, table[:, 1] / 1000, color=BLUE, label="power")
power.fill_between(local, table[:, 1] / 1000, color=BLUE, alpha=0.15, linewidth=0)
power.set(ylabel="power in kW", ylim=(0, np.nanmax(table[:, 1] / 1000, initial=1.0) * 1.25))
handles = [watts]
if not np.isnan(table[:, 2]).all():
    charge = power.twinx()
    charge.spines["right"].set_visible(True)
    charge.grid(visible=False)
    (soc,) = line(charge, table[:, 2], color=ORANGE, label="state of charge")
    charge.set(ylabel="state of charge in %", ylim=(0, 125), yticks=range(0, 101, 20))
    handles.append(soc)
full = None
if charged is not None and ended is not None and (ended - charged).total_seconds() > 1800:
    full = [np.datetime64(int(moment.timestamp() + offset_s), "s") for moment in (charged, ended)]
    for axes in parts.values():
        handle = axes.axvspan(*full, color=GREY, alpha=0.18, linewidth=0, label="plugged in, no power")
    handles.append(handle)
power.legend(handles=handles, loc="upper center", ncols=3)
if phases:
    current = parts["current"]
    styles = ((BLUE, "-"), (GREEN, "--"), (VERMILION, ":"))
    currents = []
    for at, (colour, style) in zip(range(len(phases)), styles, strict=False):
        currents += line(current, table[:, 3 + at], color=colour, linestyle=style, label=f"L{at + 1}")
    current.set(ylabel="current in A", ylim=(0, np.nanmax(table[:, 3:], initial=1.0) * 1.4))
    current.legend(handles=currents, loc="upper center", ncols=3)
bottom = list(parts.values())[-1]
locator = AutoDateLocator(minticks=6, maxticks=14)
bottom.xaxis.set_major_locator(locator)
bottom.xaxis.set_major_formatter(ConciseDateFormatter(locator))
bottom.set_xlabel(f"time ({zone})")
bottom.margins(x=0.01)

# %% The numbers, and the picture as a file.
names = ["created", "watts", "soc", *phases]
drawn = [["" if value is None else value for value in row] for row in readings]
publish(figure, png, names, drawn)
con.close()
