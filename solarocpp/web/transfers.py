"""Routes of files: what chargers sent or were told to fetch, and the firmware they can be told to fetch."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import trio
from litestar import Request, Router, delete, get, put
from litestar.di import NamedDependency
from litestar.exceptions import ClientException, ValidationException
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream

from solarocpp.errors import RegistryError
from solarocpp.store.transfers import FileTransfer, Purpose, TransferState
from solarocpp.web.access import LOOKS, Caller, needs_whole_box
from solarocpp.web.answers import Answer
from solarocpp.web.file_moves import UPLOADS
from solarocpp.web.instructions import MOST_WAIT_S
from solarocpp.web.transferring import FIRMWARE, Firmware, Transferring

MOST_FIRMWARE_BYTES: Final = 1_000_000_000
"""Of one file: images of chargers with a Linux in them reach some hundred MB."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}", re.ASCII)
_PIECE: Final = 65_536


class TransferView(Answer, frozen=True, kw_only=True):
    """A file on its way to or from a charger."""

    transfer_id: int
    identifier: str
    purpose: Purpose
    state: TransferState
    created: datetime
    expires: datetime
    file: str | None
    bytes: int
    size: int | None
    sha256: str | None
    finished: datetime | None
    remark: str | None


class FirmwareView(Answer, frozen=True, kw_only=True):
    """A file that chargers can be told to fetch."""

    name: str
    size: int
    sha256: str


def transfer_view(row: FileTransfer) -> TransferView:
    """Shows a transfer; its URL is shown to nobody but the charger."""
    shown = msgspec.structs.asdict(row)
    return TransferView(**{name: shown[name] for name in TransferView.__struct_fields__})


@get("/transfers", opt=LOOKS, summary="Lists files that chargers sent or fetch")
async def list_transfers(
    transferring: NamedDependency[Transferring],
    caller: NamedDependency[Caller],
    charger: FromQuery[str | None] = None,
) -> list[TransferView]:
    """Lists transfers, newest first; of one charger, or all."""
    rows = transferring.transfers(caller.account_id)
    return [transfer_view(row) for row in rows if charger in {None, row.identifier}]


@get("/transfers/{number:int}", opt=LOOKS, summary="Shows how far a file is")
async def show_transfer(
    number: FromPath[int],
    transferring: NamedDependency[Transferring],
    caller: NamedDependency[Caller],
    wait: Annotated[float, QueryParameter(ge=0, le=MOST_WAIT_S)] = 0,
) -> TransferView:
    """Shows one transfer; with `wait` as soon as anything moves, or after so many seconds."""
    shown = transferring.transfer(number, caller.account_id)
    with trio.move_on_after(wait):
        while wait and transferring.transfer(number, caller.account_id) == shown:
            await transferring.wait_change()
    return transfer_view(transferring.transfer(number, caller.account_id))


@get(
    "/transfer-files/{number:int}",
    opt=LOOKS,
    summary="Gives the file a charger sent",
    media_type="application/octet-stream",
)
async def give_content(
    number: FromPath[int], transferring: NamedDependency[Transferring], caller: NamedDependency[Caller]
) -> Stream:
    """Gives what a charger sent, byte for byte."""
    path = transferring.path_of(transferring.transfer(number, caller.account_id))
    headers = {
        "content-length": str(path.stat().st_size),
        "content-disposition": f'attachment; filename="{path.name}"',
    }
    return Stream(partial(_read, path), headers=headers, media_type="application/octet-stream")


@delete("/transfers/{number:int}", summary="Forgets a transfer, and removes the file that came", status_code=200)
async def remove_transfer(
    number: FromPath[int], transferring: NamedDependency[Transferring], caller: NamedDependency[Caller]
) -> TransferView:
    """Forgets a transfer, and removes the file that came with it."""
    return transfer_view(await transferring.forget(number, caller.account_id))


@get("/firmware", opt=LOOKS, summary="Lists the files that chargers can be told to fetch", guards=[needs_whole_box])
async def list_firmware(transferring: NamedDependency[Transferring]) -> list[FirmwareView]:
    """Lists firmware files, by name."""
    found = await trio.to_thread.run_sync(firmware_files, transferring.folder)
    return [FirmwareView(**firmware._asdict()) for firmware in found]


@put(
    "/firmware/{name:path}",
    summary="Keeps a file for chargers to fetch",
    request_max_body_size=MOST_FIRMWARE_BYTES,
    guards=[needs_whole_box],
    status_code=201,
)
async def add_firmware(
    request: Request[Any, Any, Any], name: FromPath[str], transferring: NamedDependency[Transferring]
) -> FirmwareView:
    """Keeps the body of this request as a file for chargers to fetch; one of that name must be removed first."""
    name = name[1:]
    if not _NAME.fullmatch(name):
        raise ValidationException(f"name: {name!r} is no file name of up to 100 letters, digits and . _ + -")
    folder = transferring.folder / UPLOADS / FIRMWARE
    folder.mkdir(parents=True, exist_ok=True)
    place, part = folder / name, folder / f".{secrets.token_hex(8)}.part"
    if place.exists():
        raise ClientException(
            f"There is a firmware {name} already. Remove it first, or choose another name.", status_code=409
        )
    digest = hashlib.sha256()
    try:
        async with await trio.open_file(part, "xb") as file, aclosing(request.stream()) as pieces:
            async for piece in pieces:
                digest.update(piece)
                await file.write(piece)
            await file.flush()
            await trio.to_thread.run_sync(os.fsync, file.fileno())
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)
    return FirmwareView(name=name, size=place.stat().st_size, sha256=digest.hexdigest())


@delete("/firmware/{name:path}", summary="Removes a firmware file", guards=[needs_whole_box], status_code=200)
async def remove_firmware(name: FromPath[str], transferring: NamedDependency[Transferring]) -> FirmwareView:
    """Removes a firmware file; a charger that was told to fetch it is told that it is gone."""
    found = await trio.to_thread.run_sync(require_firmware, transferring.folder, name[1:])
    (transferring.folder / UPLOADS / FIRMWARE / found.name).unlink()
    return FirmwareView(**found._asdict())


def firmware_files(folder: Path) -> Sequence[Firmware]:
    """Lists what is in the firmware folder of a data directory; hashes it, which takes a second a GB."""
    place = folder / UPLOADS / FIRMWARE
    paths = sorted(path for path in place.glob("*") if path.is_file() and _NAME.fullmatch(path.name))
    return [_firmware(path) for path in paths]


def require_firmware(folder: Path, name: str) -> Firmware:
    """Finds a firmware file by its name.

    Raises:
        RegistryError: there is none.
    """
    path = folder / UPLOADS / FIRMWARE / name
    if not _NAME.fullmatch(name) or not path.is_file():
        text = f"There is no firmware {name}. See: solarocpp firmware list"
        raise RegistryError("firmware", name, text, status=404)
    return _firmware(path)


def _firmware(path: Path) -> Firmware:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Firmware(path.name, path.stat().st_size, digest)


async def _read(path: Path) -> AsyncIterator[bytes]:
    async with await trio.open_file(path, "rb") as file:
        while data := await file.read(_PIECE):
            yield data


router = Router(
    "/api",
    route_handlers=[
        list_transfers,
        show_transfer,
        give_content,
        remove_transfer,
        list_firmware,
        add_firmware,
        remove_firmware,
    ],
    tags=["files"],
)
