"""The site's power over an average day: a line of blocks to look at, and CSV for whoever wants to calculate.

Run: python examples/load_profile.py [DATA_DIR] > profile.csv
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from make_site import data_directory

import solarocpp.query as q

# Energy is what the register gained between two datums of a session. It belongs to the hour it ended in.
# Hours are UTC; `AT TIME ZONE 'Europe/Berlin'` after `created` makes them yours.
PROFILE = """
WITH gained AS (
    SELECT created, wattHours - lag(wattHours) OVER (PARTITION BY sessionId ORDER BY created) AS energy
    FROM datum
    WHERE sessionId IS NOT NULL
), days AS (
    SELECT count(DISTINCT created::DATE) AS days FROM gained
)
SELECT h.hour, coalesce(sum(energy), 0) / any_value(days) AS watts  -- Wh in an hour are W on average
FROM range(24) AS h(hour) CROSS JOIN days LEFT JOIN gained ON hour(created) = h.hour
GROUP BY h.hour
ORDER BY h.hour
"""
BLOCKS = " ▁▂▃▄▅▆▇█"

with TemporaryDirectory() as scratch, q.open(data_directory(sys.argv[1:], Path(scratch))) as con:
    profile = con.sql(PROFILE).fetchall()

highest = max(watts for _, watts in profile) or 1.0
line = "".join(BLOCKS[round(watts / highest * 8)] for _, watts in profile)
print(f"0 h |{line}| 24 h, at most {highest / 1000:.1f} kW", file=sys.stderr)

table = csv.writer(sys.stdout)
table.writerow(["hour", "watts"])
table.writerows((hour, round(watts)) for hour, watts in profile)
