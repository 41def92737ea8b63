"""The load curve of a site: its power every quarter of an hour, what a usual day looks like, and how often how much.

Run: python examples/load_curve.py [PLACE] [--png FILE]
"""

# %% Open the data; see pictures.py for what a place can be.
from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from pictures import BLUE, ORANGE, VERMILION, page, publish, rows, told, zone_of

import solarocpp.query as q

place, png, _ = told("load_curve")
con = q.open(place)
zone = zone_of(con)

# %% The energy of each session, spread over its quarters of an hour as its readings tell: by power where it was
# sent, else by the steps of the register. So the area under the curve is what `q.sessions` adds up, whatever a
# register did meanwhile. The first and last reading of a session often have no power: it is that of their neighbour.
QUARTERS = """
WITH reading AS (
    SELECT "sessionId", created, lag(created) OVER life AS since,
        (coalesce(watts, lag(watts) OVER life) + coalesce(lag(watts) OVER life, watts)) / 2
            * (epoch(created) - epoch(lag(created) OVER life)) AS byPower,
        greatest(0, "wattHours" - lag("wattHours") OVER life) AS byRegister
    FROM datum WHERE "sessionId" IS NOT NULL AND status IS NULL
    WINDOW life AS (PARTITION BY "sessionId" ORDER BY created)
), step AS (
    SELECT "sessionId", since, created AS until,
        CASE
            WHEN sum(byPower) OVER whole > 0 THEN coalesce(byPower, 0) / sum(byPower) OVER whole
            WHEN sum(byRegister) OVER whole > 0 THEN coalesce(byRegister, 0) / sum(byRegister) OVER whole
            ELSE (epoch(created) - epoch(since)) / sum(epoch(created) - epoch(since)) OVER whole
        END AS share
    FROM reading WHERE since IS NOT NULL AND created > since
    WINDOW whole AS (PARTITION BY "sessionId")
), part AS (
    SELECT s.energy * coalesce(t.share, 1) AS energy,
        epoch(coalesce(t.since, s.started)) AS begins,
        greatest(epoch(coalesce(t.until, s.ended)), epoch(coalesce(t.since, s.started)) + 1) AS ends
    FROM session s LEFT JOIN step t ON t."sessionId" = s."sessionId"
    WHERE s.energy > 0
), cut AS (
    -- No gap between readings is longer than 1,500 quarters, two weeks; a server wants a bound on lists.
    SELECT *, floor(begins / 900)::BIGINT
        + unnest(range(least(ceil(ends / 900)::BIGINT - floor(begins / 900)::BIGINT, 1500))) AS quarter FROM part
)
SELECT quarter * 900 AS began,
    sum(energy * (least(ends, quarter * 900 + 900) - greatest(begins, quarter * 900)) / (ends - begins)) AS energy
FROM cut GROUP BY ALL ORDER BY began
"""
quarters = rows(con, QUARTERS)
first, last = int(quarters[0][0]), int(quarters[-1][0])
began = np.arange(first, last + 900, 900)
power_kw = np.zeros(len(began))  # quarters without a session are zero, not missing
for at, energy in quarters:
    power_kw[(int(at) - first) // 900] = energy * 4 / 1000

# %% On the site's clock: the last two weeks, the day as it usually is, and the quarters sorted by their power.
utc = np.array(began, dtype="datetime64[s]")
offsets = {day: ZoneInfo(zone).utcoffset(day.item()) for day in np.unique(utc.astype("datetime64[h]"))}
local = utc + np.array([int(offsets[hour].total_seconds()) for hour in utc.astype("datetime64[h]")], "timedelta64[s]")
hour = (local - local.astype("datetime64[D]")).astype(int) // 900 / 4
weekday = (local.astype("datetime64[D]").astype(int) + 3) % 7  # 1970 began on a Thursday
total_mwh = power_kw.sum() / 4 / 1000
days = len(power_kw) / 96
figure, parts = page(
    "Load curve of the site",
    f"Mean power of quarters of an hour, {local[0].item():%d %b %Y} to {local[-1].item():%d %b %Y} ({days:.0f} days), "
    f"{total_mwh:,.1f} MWh, highest {power_kw.max():,.0f} kW, times of {zone}",
    [["curve", "curve"], ["day", "duration"]],
    height_ratios=[1.1, 1],
)
recent = local >= local[-1].astype("datetime64[D]") - np.timedelta64(13, "D")
curve = parts["curve"]
curve.fill_between(local[recent], power_kw[recent], step="post", color=BLUE, alpha=0.35, linewidth=0)
curve.step(local[recent], power_kw[recent], where="post", color=BLUE, linewidth=1.2)
locator = AutoDateLocator(minticks=8, maxticks=16)
curve.xaxis.set_major_locator(locator)
curve.xaxis.set_major_formatter(ConciseDateFormatter(locator))
curve.set(title="The last two weeks", ylabel="power in kW", ylim=(0, None))
curve.margins(x=0)

day = parts["day"]
slots = np.arange(0, 24, 0.25)
for name, chosen, colour in (("Monday to Friday", weekday < 5, BLUE), ("weekend", weekday >= 5, ORANGE)):
    of_slot = [power_kw[chosen & (hour == slot)] for slot in slots]
    if any(len(values) == 0 for values in of_slot):
        continue  # less than a week of data
    low, mean, high = (
        [f(values) for values in of_slot]
        for f in (lambda v: np.quantile(v, 0.1), np.mean, lambda v: np.quantile(v, 0.9))
    )
    day.fill_between(slots, low, high, step="post", color=colour, alpha=0.2, linewidth=0)
    day.step(slots, mean, where="post", color=colour, label=name, linewidth=2)
day.set(title="A usual day: mean, and where 8 of 10 days are", xlabel="hour of the day", ylabel="power in kW")
day.set(xlim=(0, 24), ylim=(0, None), xticks=range(0, 25, 3))
day.set_ylim(0, day.get_ylim()[1] * 1.22)  # room for the legend above all curves
day.legend(loc="upper right", ncols=2)

duration = parts["duration"]
share = np.arange(len(power_kw)) / len(power_kw) * 100
duration.plot(share, np.sort(power_kw)[::-1], color=VERMILION, linewidth=2)
duration.set(title="Duration curve", xlabel="share of the time in %", ylabel="at least so many kW")
duration.set(xlim=(0, 100), ylim=(0, None))

# %% The numbers, and the picture as a file. Watt hours of a quarter; an hour of them is their mean power in W.
drawn = [(np.datetime_as_string(at, timezone="UTC"), round(kw * 250, 3)) for at, kw in zip(utc, power_kw, strict=True)]
publish(figure, png, ["began", "energy"], drawn)
con.close()
