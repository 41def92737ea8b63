"""Energy by month, and who charged it: a bar for each month, a colour for each of the busiest id tags.

Run: python examples/energy_by_token.py [PLACE] [--png FILE]
"""

# %% Open the data; see pictures.py for what a place can be.
from __future__ import annotations

from collections import defaultdict

from pictures import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, YELLOW, page, publish, told, zone_of

import solarocpp.query as q

place, png, _ = told("energy_by_token")
con = q.open(place)
zone = zone_of(con)

# %% Sessions added up: one row for each month and token. A session belongs to the month it started in.
sums = q.sessions(con, by=["month", "token"]).project("strftime(month, '%Y-%m'), token, energy, sessions").fetchall()

by_token: defaultdict[str, float] = defaultdict(float)
by_month: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
for _, token, energy, _ in sums:
    by_token[token] += energy or 0.0
busiest = sorted(by_token, key=lambda token: -by_token[token])[:7]
others = len(by_token) - len(busiest)
rest = f"{others} others"
for month, token, energy, _ in sums:
    by_month[month][token if token in busiest else rest] += energy or 0.0

# %% Stacked, the busiest at the bottom; what all others charged is one colour.
months = sorted(by_month)
total = sum(by_token.values()) / 1e6
figure, parts = page(
    "Energy by month and id tag",
    f"{sum(row[3] for row in sums):,} sessions, {total:,.1f} MWh, {months[0]} to {months[-1]}, months of {zone}",
    [["bars"]],
)
axes = parts["bars"]
stands = dict.fromkeys(months, 0.0)
names = busiest + ([rest] if others else [])
colours = [*[BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW][: len(busiest)], GREY]
for name, colour in zip(names, colours, strict=False):
    heights = [by_month[month][name] / 1000 for month in months]
    axes.bar(months, heights, bottom=list(stands.values()), label=name, color=colour, width=0.75, edgecolor="white")
    stands = {month: stands[month] + height for month, height in zip(months, heights, strict=True)}
for month, height in stands.items():
    axes.annotate(f"{height:,.0f}", (month, height), (0, 4), textcoords="offset points", ha="center", fontsize=10)
axes.set_xlabel("month")
axes.set_ylabel("energy in kWh")
axes.yaxis.set_major_formatter("{x:,.0f}")
axes.grid(visible=False, axis="x")
if len(months) > 8:
    axes.tick_params("x", rotation=30)
handles, labels = axes.get_legend_handles_labels()
axes.legend(handles[::-1], labels[::-1], title="id tag", loc="upper left", bbox_to_anchor=(1.0, 1.0))

# %% The numbers, and the picture as a file.
drawn = [(month, name, round(by_month[month][name], 3)) for month in months for name in names]
publish(figure, png, ["month", "token", "energy"], drawn)
con.close()
