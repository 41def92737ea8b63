"""`solarocpp firmware`: files that chargers can be told to fetch, and telling them to."""

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
from solarocpp.cli.times import moment
from solarocpp.errors import WrongUsage

app = App("firmware", help_format="plaintext", help_epilogue="Example: solarocpp firmware list")

Name = Annotated[str, Parameter(name="NAME", help="Its file name.")]

_PIECE = 65_536
_WAIT_S = 60.0


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


@app.command(help_epilogue="Example: solarocpp firmware update CP001 wallbox-2.1.bin --at 2026-03-02T03:00Z")
async def update(
    identifier: Annotated[str, Parameter(name="IDENT", help="Charge point identity.")],
    firmware: Annotated[str, Parameter(name="NAME", help="A file of `firmware list`, or a URL.")],
    /,
    *,
    at: Annotated[str | None, Parameter(help="Not before; without zone it is UTC.")] = None,
    where: Where = HERE,
) -> int:
    """Has a charger fetch and install firmware; exit code 1 if it has not taken the order within a minute."""
    place = {"url": firmware} if "://" in firmware else {"firmware": firmware}
    async with reach_api(where) as api:
        told = await api.post("firmware-updates", body={"charger": identifier, "at": moment(at), **place})
        said = await api.get("instructions", str(told["instruction"]["instructionId"]), wait=_WAIT_S)
    if said["state"] == "completed":
        print(f"{identifier} will fetch {firmware}.")
        remark("How far it is: solarocpp datums --latest --source '**/firmware-status', and solarocpp transfer list")
        return 0
    trouble = said["error"] or f"{identifier} has not answered yet"
    remark(f"solarocpp: {trouble}. See: solarocpp instructions show {said['instructionId']}")
    return 1


async def _pieces(file: Path) -> AsyncIterator[bytes]:
    async with await trio.open_file(file, "rb") as opened:
        while piece := await opened.read(_PIECE):
            yield piece
