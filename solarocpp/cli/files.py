"""`solarocpp export`: files of the store, made where the store is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from solarocpp.cli.client import reach_api
from solarocpp.cli.options import HERE, Format, Node, Where
from solarocpp.cli.output import print_objects
from solarocpp.cli.progress import progress_bar
from solarocpp.errors import WrongUsage


async def export(  # noqa: PLR0913 one argument an option
    *,
    node: Node = None,
    source: Annotated[
        str | None, Parameter(help="Source pattern: only these rows; such an export needs a folder of its own (--to).")
    ] = None,
    since: Annotated[str | None, Parameter(help="From this day on (UTC); a file is always a whole day.")] = None,
    until: Annotated[str | None, Parameter(help="Up to this day, exclusive.")] = None,
    to: Annotated[
        Path | None, Parameter(help="Folder below exports of the data directory. Default: that one itself.")
    ] = None,
    format: Format = "table",  # noqa: A002 the option is called so
    where: Where = HERE,
) -> None:
    """Writes Parquet files of what is new or changed: datum by node and day, session by node and month."""
    order = {"node": node, "source": source, "since": since, "until": until, "to": _below_exports(to, where)}
    async with reach_api(where) as api:
        with progress_bar() as show:
            done = await api.follow("exports", body=order, show=show)
    print_objects(done, format)


def _below_exports(to: Path | None, where: Where) -> str:
    """Names a folder as the API does, relative to `exports`; it may be written with the data directory before it.

    Raises:
        WrongUsage: it is elsewhere; the server writes nowhere else.
    """
    if to is None:
        return ""
    exports = (where.data / "exports").resolve()
    # `harbour` means one below exports; only what says where it is (`./x`, `/x`, `data/exports/x`) is a path here.
    given = to if to.is_absolute() else exports / to if len(to.parts) == 1 else Path.cwd() / to
    folder = given.resolve()
    if not folder.is_relative_to(exports):
        raise WrongUsage(
            f"--to {to}: exports are written below {exports} only. Give a name, like --to harbour; to have them "
            f"elsewhere, make {exports} a link to a folder there, or copy them."
        )
    return "" if folder == exports else folder.relative_to(exports).as_posix()
