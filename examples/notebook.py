"""Charge sessions in pandas, in cells: open it in an editor that knows `# %%`, or run it as it is.

Run: python examples/notebook.py [DATA_DIR]
"""

# %% Open the store. It is read-only here, and the server must be stopped; of one that runs, ask its API.
from __future__ import annotations

import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

from make_site import data_directory

import solarocpp.query as q

# duckdb 1.5 hands frames over in a way that pandas 3 is about to drop.
warnings.filterwarnings("ignore", message="The inplace keyword")

scratch = TemporaryDirectory()
con = q.open(data_directory(sys.argv[1:], Path(scratch.name)))

# %% All sessions as a frame: energy in Wh, power in W, duration in seconds, times in UTC.
sessions = q.sessions(con).df()
print(sessions[["started", "sourceId", "token", "energy", "duration", "peakPower"]].head())

# %% Who charges how much?
by_token = sessions.groupby("token")["energy"].agg(["count", "sum", "mean"]).sort_values("sum", ascending=False)
print(
    (by_token[["sum", "mean"]] / 1000)
    .round(1)
    .join(by_token["count"])
    .rename(columns={"sum": "kWh", "mean": "kWh each"})
)

# %% Does a long stay mean much energy?
hours = sessions["duration"] / 3600
print(f"Correlation of hours plugged in and energy: {hours.corr(sessions['energy']):.2f}")

# %% The readings of the longest session: how charge and power go along.
longest = sessions.loc[sessions["duration"].idxmax()]
curve = con.sql(
    "SELECT created, watts, soc FROM datum WHERE sessionId = ? ORDER BY created", params=[longest["sessionId"]]
)
print(curve.df().set_index("created").resample("1h").mean().round(1))

# %% Energy by day and charger, as a table of its own.
days = q.sessions(con, by=["source", "day"]).df()
print((days.pivot_table(index="day", columns="sourceId", values="energy", aggfunc="sum") / 1000).round(1).tail())

# %%
con.close()
scratch.cleanup()
