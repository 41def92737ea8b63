"""What the pictures beside this file share: where the data is, the site's clock, and how a picture looks.

Run: python examples/pictures.py [PLACE]     # says which place the pictures would be of

PLACE is a data directory at rest or of a running server, a snapshot, or the URL of a server. Without one, four
weeks of a small site are made (`solarocpp simulate --into`), which takes some seconds. `--png FILE` says where a
picture goes; its default is a new file in the temporary directory.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl

if "ipykernel" not in sys.modules:  # in a notebook, figures are shown; a script has no screen to show them on
    mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

# Okabe and Ito's colours: told apart by colour-blind readers, and in grey by their brightness.
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW, GREY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442", "#999999",
)  # fmt: skip

# 1200 x 700 points: a page's width in print, and the whole of a small screen.
SIZE_IN, DPI = (12.0, 7.0), 100

MADE = ("--days", "28", "--chargers", "6", "--until", "2026-03-29", "--time-zone", "Europe/Berlin")


class Told(NamedTuple):
    """What the command line says."""

    place: str
    png: Path
    session: str | None


def told(name: str, arguments: Sequence[str] | None = None) -> Told:
    """Reads the command line of the example `name`; a notebook has none."""
    if arguments is None:
        arguments = [] if "ipykernel" in sys.modules else sys.argv[1:]
    parser = argparse.ArgumentParser(prog=f"examples/{name}.py")
    parser.add_argument("place", nargs="?", help="data directory, snapshot or URL; default: a small site is made")
    parser.add_argument("--png", type=Path, help="where the picture goes")
    parser.add_argument("--session", help="sessionId, for the picture of one session")
    given = parser.parse_args(arguments)
    scratch = Path(tempfile.gettempdir())
    return Told(given.place or str(make_site(scratch)), given.png or scratch / f"solarocpp-{name}.png", given.session)


def make_site(scratch: Path) -> Path:
    """Four weeks of six chargers in a new directory below `scratch`."""
    directory = Path(tempfile.mkdtemp(prefix="solarocpp-site-", dir=scratch)) / "data"
    command = [sys.executable, "-m", "solarocpp", "simulate", "--into", str(directory), *MADE]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 -- our own command line
    return directory


def rows(con: Any, question: str) -> list[tuple[Any, ...]]:
    """Asks, and gives plain rows."""
    answer: list[tuple[Any, ...]] = con.sql(question).fetchall()
    return answer


def zone_of(con: Any) -> str:
    """The time zone of the site; of several nodes, the first one's."""
    return str(rows(con, 'SELECT coalesce("timeZone", \'UTC\') FROM node ORDER BY "nodeId" LIMIT 1')[0][0])


def page(title: str, subtitle: str, layout: list[list[str]], **how: Any) -> tuple[Figure, dict[str, Any]]:
    """Begins a picture: its size, its title, under it what it is of, and its parts as they lie."""
    plt.rcParams.update(
        {
            "font.size": 11,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#dddddd",
            "grid.linewidth": 0.8,
            "legend.frameon": False,
        }
    )
    figure, parts = plt.subplot_mosaic(layout, figsize=SIZE_IN, dpi=DPI, layout="constrained", **how)
    figure.suptitle(f"{title}\n", x=0.01, ha="left", fontsize=17, fontweight="bold")
    figure.text(0.0105, 0.933, subtitle, ha="left", va="top", fontsize=11, color="#555555")
    return figure, parts


def publish(figure: Figure, png: Path, columns: Sequence[str], drawn: Iterable[Sequence[object]]) -> None:
    """Writes the picture, and the numbers that are drawn as CSV for whoever wants to calculate."""
    figure.savefig(png)
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(columns)
    table.writerows(drawn)
    print(f"The picture is in {png}", file=sys.stderr)


if __name__ == "__main__":
    print(told("pictures").place)
