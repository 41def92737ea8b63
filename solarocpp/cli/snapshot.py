"""`solarocpp snapshot`: copies of the store, made while it is used."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from solarocpp.cli.client import reach_api
from solarocpp.cli.options import HERE, Format, Where
from solarocpp.cli.output import print_objects
from solarocpp.cli.progress import progress_bar
from solarocpp.errors import StoreError, WrongUsage

app = App("snapshot", help_format="plaintext", help_epilogue="Example: solarocpp snapshot")


@app.default
async def snapshot(
    *,
    to: Annotated[
        Path | None, Parameter(help="File it is moved to when it is complete. Default: a name by the time.")
    ] = None,
    format: Format = "table",  # noqa: A002 the option is called so
    where: Where = HERE,
) -> None:
    """Copies the store as it is now, checks the copy, and says where it is; chargers notice nothing."""
    if to is not None:
        _check_target(to, where)
    async with reach_api(where) as api:
        with progress_bar() as show:
            made = await api.follow("snapshots", body={}, show=show)
    if to is not None:
        _move(Path(made["file"]), to)
        made = {**made, "name": to.stem, "file": str(to)}
    print_objects([made], format)


@app.command(name="list", help_epilogue="Example: solarocpp snapshot list")
async def list_copies(*, format: Format = "table", where: Where = HERE) -> None:  # noqa: A002 the option is called so
    """Lists the complete snapshots in the data directory, oldest first."""
    async with reach_api(where) as api:
        print_objects(await api.get("snapshots"), format)


def _check_target(to: Path, where: Where) -> None:
    """Refuses, before anything is copied, what could not be moved there.

    Raises:
        WrongUsage: it is on another machine, is no file in a folder, or is the store itself.
    """
    if where.url is not None:
        raise WrongUsage("--to is for a server on this machine; elsewhere the snapshot stays in its data directory.")
    if to.is_dir() or not to.parent.is_dir():
        raise WrongUsage(f"--to {to}: that is to be a file, in a folder that exists.")
    if to.resolve().parent == where.data.resolve():
        raise WrongUsage(f"--to {to}: a file in the data directory could be the store itself. Put it elsewhere.")


def _move(made: Path, to: Path) -> None:
    """Moves a snapshot so that `to` is the old file or the new one, and nothing in between."""
    partial = to.with_name(f".{to.name}.partial")
    try:
        try:
            made.replace(to)
        except OSError:  # another file system
            with made.open("rb") as reading, partial.open("wb") as writing:
                shutil.copyfileobj(reading, writing)
                writing.flush()
                os.fsync(writing.fileno())
            partial.replace(to)
            made.unlink()
    except OSError as exc:
        raise StoreError(f"{to} cannot be written ({exc.strerror}). The snapshot stays at {made}.") from exc
    finally:
        partial.unlink(missing_ok=True)
