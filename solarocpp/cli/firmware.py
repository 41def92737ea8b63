"""`solarocpp firmware`: files that chargers can be told to fetch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import trio
from cyclopts import App, Parameter

from solarocpp.cli.client import reach_api
from solarocpp.cli.confirm import confirm_removal
from solarocpp.cli.options import HERE, Format, Where, Yes
from solarocpp.cli.output import print_objects, remark
from solarocpp.errors import WrongUsage

app = App("firmware", help_format="plaintext", help_epilogue="Example: solarocpp firmware list")

Name = Annotated[str, Parameter(name="NAME", help="Its file name.")]

_PIECE = 65_536


@app.command(help_epilogue="Example: solarocpp firmware add wallbox-2.1.bin")
async def add(
    file: Annotated[Path, Parameter(name="FILE", help="The image, as the vendor gives it.")],
    /,
    *,
    name: Annotated[str | None, Parameter(help="Another name for it.")] = None,
    where: Where = HERE,
) -> None:
    """Keeps a file for chargers to fetch."""
    if not file.is_file():
        raise WrongUsage(f"There is no file {file}.")
    async with reach_api(where, create=True) as api:
        kept = await api.upload("firmware", name or file.name, pieces=_pieces(file))
    print(f"Firmware {kept['name']}: {kept['size']} bytes, SHA-256 {kept['sha256']}")


@app.command(name="list", help_epilogue="Example: solarocpp firmware list")
async def list_firmware(*, format: Format = "table", where: Where = HERE) -> None:  # noqa: A002 the option is called so
    """Lists the files that chargers can be told to fetch."""
    async with reach_api(where) as api:
        files = await api.get("firmware")
    print_objects(files, format, columns=("name", "size", "sha256"))
    if format == "table" and not files:
        remark("There is no firmware yet. Add some with: solarocpp firmware add FILE")


@app.command(help_epilogue="Example: solarocpp firmware remove wallbox-2.1.bin")
async def remove(name: Name, /, *, yes: Yes = False, where: Where = HERE) -> None:
    """Removes a file; a charger that was told to fetch it is told that it is gone."""
    async with reach_api(where) as api:
        if confirm_removal(f"firmware {name}", "Chargers that were told to fetch it find nothing.", yes=yes):
            await api.delete("firmware", name)
            print(f"Firmware {name} is removed.")


async def _pieces(file: Path) -> AsyncIterator[bytes]:
    async with await trio.open_file(file, "rb") as opened:
        while piece := await opened.read(_PIECE):
            yield piece
