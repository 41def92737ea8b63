"""When which connector is taken: its share of every hour of the week, and below it that of the whole site.

Run: python examples/heatmap.py [PLACE] [--png FILE]
"""

# %% Open the data; see pictures.py for what a place can be.
from __future__ import annotations

import numpy as np
from pictures import BLUE, page, publish, rows, told, zone_of

import solarocpp.query as q

place, png, _ = told("heatmap")
con = q.open(place)
zone = zone_of(con)

# %% Each session cut at the hours of the site's clock: how many seconds of each hour a connector was taken. Sessions
# that still run are taken until the newest thing the store knows.
TAKEN = f"""
WITH now AS (SELECT max(created) AS newest FROM datum), stay AS (
    SELECT "chargerId", "connectorId", epoch((started AT TIME ZONE '{zone}')) AS begins,
        epoch((coalesce(ended, (SELECT newest FROM now)) AT TIME ZONE '{zone}')) AS ends
    FROM session
), cut AS (
    -- No stay is longer than 1,500 hours, two months; a server wants a bound on lists.
    SELECT *, floor(begins / 3600)::BIGINT
        + unnest(range(least(ceil(ends / 3600)::BIGINT - floor(begins / 3600)::BIGINT, 1500))) AS hour FROM stay
)
SELECT identifier || ' ' || "connectorId" AS connector, (hour + 72) % 168 AS hourOfWeek,  -- 1970 began on a Thursday
    sum(least(ends, hour * 3600 + 3600) - greatest(begins, hour * 3600)) AS seconds
FROM cut JOIN charger USING ("chargerId") GROUP BY ALL ORDER BY ALL
"""
taken = rows(con, TAKEN)

# %% How often each hour of the week came by between the first session and the newest datum.
SPAN = f"""
SELECT floor(epoch(min(started) AT TIME ZONE '{zone}') / 3600)::BIGINT,
    ceil(epoch((SELECT max(created) FROM datum) AT TIME ZONE '{zone}') / 3600)::BIGINT,
    strftime(min(started) AT TIME ZONE '{zone}', '%d %b %Y'),
    strftime((SELECT max(created) FROM datum) AT TIME ZONE '{zone}', '%d %b %Y')
FROM session
"""
first, last, begins, ends = rows(con, SPAN)[0]
came = np.bincount((np.arange(first, last) + 72) % 168, minlength=168)

connectors = sorted({connector for connector, _, _ in taken})
share = np.zeros((len(connectors), 168))
for connector, hour, seconds in taken:
    share[connectors.index(connector), hour] = seconds / 36 / max(1, came[hour])
share = np.minimum(share, 100.0)  # twice in an hour that the clocks were put back to

# %% A row for each connector, a column for each hour; darker is busier, in print as on a screen.
figure, parts = page(
    "Utilisation of the connectors by hour of the week",
    f"Share of the time a car was plugged in, {begins} to {ends}, {len(connectors)} connectors, hours of {zone}",
    [["map"], ["site"]],
    height_ratios=[3.2, 1],
    sharex=True,
)
chart = parts["map"]
image = chart.imshow(share, aspect="auto", cmap="Blues", vmin=0, vmax=100, extent=(0, 168, len(connectors), 0))
chart.set_yticks(np.arange(len(connectors)) + 0.5, connectors, fontsize=9 if len(connectors) > 12 else 11)
chart.set_ylabel("charger and connector")
chart.grid(visible=False)
chart.vlines(np.arange(24, 168, 24), 0, len(connectors), color="#777777", linewidth=0.8)
figure.colorbar(image, ax=chart, label="taken in % of the time", pad=0.01)

site = parts["site"]
mean = share.mean(axis=0)
site.fill_between(np.arange(169), np.append(mean, mean[-1]), step="post", color=BLUE, alpha=0.85, linewidth=0)
site.set(ylabel="mean in %", ylim=(0, None), xlim=(0, 168))
site.set_xticks(np.arange(0, 169, 24), minor=False, labels=[])
site.set_xticks(np.arange(0, 168, 6), minor=True, labels=[f"{hour % 24}" for hour in range(0, 168, 6)], fontsize=8)
for day, name in enumerate(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")):
    site.text(day * 24 + 12, -0.26, name, ha="center", va="top", transform=site.get_xaxis_transform())
site.set_xlabel("hour of the week", labelpad=24)

# %% The numbers, and the picture as a file.
drawn = [(name, hour, round(share[at, hour], 3)) for at, name in enumerate(connectors) for hour in range(168)]
publish(figure, png, ["connector", "hourOfWeek", "percent"], drawn)
con.close()
