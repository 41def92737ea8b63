"""`solarocpp transfer`: files that chargers sent or were told to fetch, and how far they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

from cyclopts import App, Parameter

from solarocpp.cli.client import reach_api
from solarocpp.cli.confirm import confirm_removal
from solarocpp.cli.options import HERE, Format, Where, Yes
from solarocpp.cli.output import print_objects, remark
from solarocpp.errors import WrongUsage

app = App("transfer", help_format="plaintext", help_epilogue="Example: solarocpp transfer list")

Number = Annotated[int, Parameter(name="NUMBER", help="Its transferId.")]

_COLUMNS = ("transferId", "identifier", "purpose", "state", "bytes", "size", "created", "expires", "file", "remark")


@app.command(name="list", help_epilogue="Example: solarocpp transfer list --charger CP001")
async def list_transfers(
    *,
    charger: Annotated[str | None, Parameter(help="Of this charger only.")] = None,
    format: Format = "table",  # noqa: A002 the option is called so
    where: Where = HERE,
) -> None:
    """Lists files that chargers sent or fetch, newest first."""
    async with reach_api(where) as api:
        rows = await api.get("transfers", charger=charger)
    print_objects(rows, format, columns=_COLUMNS)
    if format == "table" and not rows:
        remark("No charger was told to send or to fetch a file.")


@app.command(help_epilogue="Example: solarocpp transfer fetch 3 diagnostics.zip")
async def fetch(
    number: Number,
    file: Annotated[Path | None, Parameter(name="FILE", help="Where to; without, under its own name.")] = None,
    /,
    *,
    where: Where = HERE,
) -> None:
    """Fetches the file a charger sent; nothing that is there is overwritten."""
    async with reach_api(where) as api:
        row = await api.get("transfers", str(number))
        place = file or Path(str(row["file"]).rsplit("/", 1)[-1])
        with new_file(place, number) as into:
            count = await api.download("transfer-files", str(number), into=into)
    print(f"{place}: {count} bytes")


@contextmanager
def new_file(place: Path, number: int) -> Iterator[BinaryIO]:
    """Opens a new file for what came with a transfer; it stays if the block ends well.

    Raises:
        WrongUsage: no new file can be written there.
    """
    try:
        into = place.open("xb")
    except OSError as exc:
        text = f"{place} cannot be written ({exc.strerror}). Name another: solarocpp transfer fetch {number} FILE"
        raise WrongUsage(text) from exc
    try:
        with into:
            yield into
    except BaseException:
        place.unlink()
        raise


@app.command(help_epilogue="Example: solarocpp transfer remove 3")
async def remove(number: Number, /, *, yes: Yes = False, where: Where = HERE) -> None:
    """Forgets a transfer: its URL is worthless from now on, and the file that came with it goes."""
    async with reach_api(where) as api:
        if confirm_removal(f"file transfer {number}", "The file a charger sent is removed, too.", yes=yes):
            await api.delete("transfers", str(number))
            print(f"File transfer {number} is removed.")
