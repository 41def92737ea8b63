"""`solarocpp clocks`: whose clock is off, by how much, and what that looks like."""

from __future__ import annotations

from solarocpp.cli.client import reach_api
from solarocpp.cli.options import HERE, Format, Where
from solarocpp.cli.output import print_objects, remark

_COLUMNS = ("identifier", "offset", "spread", "messages", "newest", "verdict")


async def clocks(*, format: Format = "table", where: Where = HERE) -> None:  # noqa: A002 the option is called so
    """Shows how far the clock of each charger is off, the worst first."""
    async with reach_api(where) as api:
        answer = await api.get("clocks")
    rows = [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]
    print_objects(rows, format, columns=_COLUMNS)
    if format == "table" and not rows:
        remark("No charger has said a time yet.")
