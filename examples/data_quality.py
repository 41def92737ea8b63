"""How far the data of each charger can be trusted: what is missing, what was reset, what cannot be right.

Run: python examples/data_quality.py [PLACE] [--png FILE]
"""

# %% Open the data; see pictures.py for what a place can be.
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from pictures import page, publish, rows, told, zone_of

import solarocpp.query as q

place, png, _ = told("data_quality")
con = q.open(place)
zone = zone_of(con)


class Check(NamedTuple):
    """A column of the report: SQL of `identifier` and a number, and from which number on it is worth a look."""

    title: str
    question: str
    look: float
    serious: float
    form: str = "{:,.0f}"


# %% The checks. Each says a number for each charger; what it does not name has none.
OWN = 'JOIN "chargeSession" c USING ("sessionId") JOIN charger USING ("chargerId")'

# A session's readings come at a steady pace; where one is twice as late as usual, one is missing.
MISSING = f"""
WITH gap AS (
    SELECT identifier, epoch(d.created) - epoch(lag(d.created) OVER (PARTITION BY "sessionId" ORDER BY d.created)) AS s
    FROM datum d {OWN} WHERE d.status IS NULL
), pace AS (SELECT identifier, median(s) AS usual FROM gap GROUP BY ALL)
SELECT identifier, sum(greatest(0, round(s / usual) - 1)) FROM gap JOIN pace USING (identifier)
WHERE usual > 0 AND s > 1.6 * usual GROUP BY ALL
"""
UNREADABLE = "SELECT identifier, count(*) FROM event WHERE name = 'sample_unreadable' GROUP BY ALL"

# What the views made of registers that fall (Q83, Q86), of sessions that contradict themselves (Q82, Q87), and of the
# times that live messages carry. The offset is theirs less ours.
OF_REGISTERS = 'SELECT identifier, sum({}) FROM "connectorEnergy" JOIN charger USING ("chargerId") GROUP BY ALL'
SUSPECT = """
SELECT identifier, count(*) FROM session JOIN charger USING ("chargerId") WHERE quality = 'suspect' GROUP BY ALL
"""
CLOCK = 'SELECT identifier, "offset" FROM clock WHERE identifier IS NOT NULL'
LATE = f"""
WITH way AS (
    SELECT identifier, epoch(d.received) - epoch(d.created) AS s FROM datum d {OWN}
    WHERE d.status IS NULL AND d.created > c.started  -- what belongs to the begin is told again at the end
), usual AS (SELECT identifier, median(s) AS usual FROM way GROUP BY ALL)
SELECT identifier, 100.0 * count(*) FILTER (s > usual + 600) / count(*) FROM way JOIN usual USING (identifier)
GROUP BY ALL
"""
NO_SOC = f"""
SELECT identifier, 100.0 * count(*) FILTER (soc IS NULL) / count(*) FROM datum d {OWN}
WHERE d.status IS NULL AND d.created > c.started AND d.created < c.ended GROUP BY ALL
"""

CHECKS = (
    Check("readings\nmissing", MISSING, 1, 50),
    Check("unreadable\nsamples", UNREADABLE, 1, 50),
    Check("register\nresets", OF_REGISTERS.format("resets"), 1, 10),
    Check("readings that\ncount nothing", OF_REGISTERS.format("ignored"), 1, 10),
    Check("suspect\nenergies", SUSPECT, 1, 20),
    Check("clock off\nin s", CLOCK, 5, 300),
    Check("came late\nin %", LATE, 2, 10, "{:.1f}"),
    Check("without\nSoC in %", NO_SOC, 50, 200, "{:.0f}"),
)

# %% A row for each charger, a column for each check; what is fine stays white.
((begins, ends, readings, sessions),) = rows(
    con,
    f"""
    SELECT strftime(min(created) AT TIME ZONE '{zone}', '%d %b %Y'),
        strftime(max(created) AT TIME ZONE '{zone}', '%d %b %Y'), count(*), (SELECT count(*) FROM session) FROM datum
    """,
)
chargers = [name for (name,) in rows(con, "SELECT identifier FROM charger ORDER BY identifier")]
numbers = np.zeros((len(chargers), len(CHECKS)))
for column, check in enumerate(CHECKS):
    for name, number in rows(con, check.question):
        if name in chargers:
            numbers[chargers.index(name), column] = number or 0.0

# From 0 (fine) over 0.25 (worth a look) to 1 (serious), by orders of magnitude between.
look, serious = np.array([check.look for check in CHECKS]), np.array([check.serious for check in CHECKS])
found = np.abs(numbers)
grade = np.where(found < look, 0.0, 0.25 + 0.75 * np.log(np.maximum(found, look) / look) / np.log(serious / look))
figure, parts = page(
    "Data quality by charger",
    f"{readings:,} datums and {sessions:,} sessions, {begins} to {ends} ({zone}). "
    "White: nothing to look at. The darker, the more urgent.",
    [["report"]],
)
report = parts["report"]
colours = LinearSegmentedColormap.from_list("attention", ["white", "#FDE7C4", "#E69F00", "#A63C00"])
report.imshow(np.clip(grade, 0, 1), aspect="auto", cmap=colours, vmin=0, vmax=1)
for row, column in np.ndindex(numbers.shape):
    if grade[row, column] > 0:
        text = CHECKS[column].form.format(numbers[row, column])
        dark = grade[row, column] > 0.75
        report.text(column, row, text, ha="center", va="center", color="white" if dark else "black", fontsize=11)
report.set_xticks(range(len(CHECKS)), [check.title for check in CHECKS])
report.set_yticks(range(len(chargers)), chargers)
report.xaxis.tick_top()
report.tick_params(length=0)
report.grid(visible=False)
report.set_xticks(np.arange(len(CHECKS) + 1) - 0.5, minor=True)
report.set_yticks(np.arange(len(chargers) + 1) - 0.5, minor=True)
report.grid(which="minor", color="#cccccc", linewidth=0.8)
report.tick_params(which="minor", length=0)
report.spines[:].set_visible(False)
report.set_ylabel("charger")

# %% The numbers, and the picture as a file.
titles = [check.title.replace("\n", " ") for check in CHECKS]
drawn = [
    (charger, title, round(numbers[row, column], 3))
    for row, charger in enumerate(chargers)
    for column, title in enumerate(titles)
]
publish(figure, png, ["charger", "check", "number"], drawn)
con.close()
