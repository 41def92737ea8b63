"""What every charger delivered each month: sessions, energy, hours, power.

Run: python examples/sessions_by_month.py [DATA_DIR]
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from make_site import data_directory

import solarocpp.query as q

with TemporaryDirectory() as scratch, q.open(data_directory(sys.argv[1:], Path(scratch))) as con:
    months = q.sessions(con, by=["source", "month"])

    # A relation: it takes more SQL, and runs when it is fetched.
    listing = months.order("sourceId, month").project(
        "sourceId, strftime(month, '%Y-%m') AS month, sessions,"
        " round(energy / 1000, 1) AS kWh, round(duration / 3600, 1) AS hours, round(peakPower / 1000, 1) AS kW"
    )
    for row in [listing.columns, *listing.fetchall()]:
        print(f"{row[0]:<26}", *(f"{cell:>9}" for cell in row[1:]))
