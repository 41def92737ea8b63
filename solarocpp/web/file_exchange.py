"""Where chargers put diagnostics and logs, and fetch firmware: one-time URLs on a listener of their own.

    PUT, POST   /files/SECRET/NAME    a file comes: raw, or as a form (multipart/form-data)
    GET, HEAD   /files/SECRET/NAME    a file goes; a part of it, if the charger lost its connection (Range)

The secret is 256 random bits, so this needs no login, which chargers could not give (Q109). It is good for one
charger and one purpose until it expires; of an upload, until the file is there. A file that broke off may be
sent again, the whole of it; the same file once more is answered as the first time. Nothing else is here to be
found, and no name that a charger gives becomes a path.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog
import trio
from litestar import Litestar, Request, Response, get, head, post, put
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.response import Stream
from multipart import (  # type: ignore[import-untyped]  # litestar reads forms with it
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from solarocpp.errors import FileRefused, SolarOcppError
from solarocpp.store.effects import Effect
from solarocpp.web.serving import serve_asgi
from solarocpp.web.transferring import Listening, Transferring

# A modem that stalls for longer has lost its connection and will begin again.
STALL_S: Final = 120.0
# What a charger fetches may stand still for so long; it holds our own end up meanwhile, and a charger can resume.
STUCK_S: Final = 60.0
_PIECE: Final = 65_536

_LENGTH: Final = re.compile(r"[0-9]{1,18}")

Listen = Callable[[int, Sequence[Effect]], None]

log = structlog.get_logger()


async def serve_files(  # noqa: PLR0913 one argument a thing it is told
    api: Litestar,
    bind: str,
    url: str,
    tls: tuple[Path, Path] | None,
    on_effects: list[Listen],
    *,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves the files of an API's transfers to chargers, until the caller is cancelled.

    `url` is what chargers are told instead of the address they reached us at; empty: that address. Whoever is in
    `on_effects` is told what chargers say.

    Raises:
        ConfigError: the address cannot be bound.
    """
    transferring: Transferring = api.state["transferring"]
    app = make_file_app(transferring)
    on_effects.append(transferring.note_effects)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(transferring.end_failed)
        address = await nursery.start(partial(serve_asgi, app, bind, "files", tls=tls, stuck_s=STUCK_S))
        scheme, port = "http" if tls is None else "https", int(address.rpartition(":")[2])
        transferring.listen(Listening(scheme, port, url))
        task_status.started(address)


def make_file_app(transferring: Transferring) -> Litestar:
    """Makes the app that chargers send files to and fetch them from."""

    async def provide() -> Transferring:
        return transferring

    return Litestar(
        [take_file, take_posted_file, give_file, tell_file],
        dependencies={"transferring": Provide(provide, sync_to_thread=None)},
        exception_handlers={Exception: _answer_failure, HTTPException: _answer_failure},
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,  # `Transferring` counts; it knows how much is allowed and says so
    )


_PATHS: Final = ["/files/{secret:str}", "/files/{secret:str}/{name:path}"]


@put(_PATHS, status_code=201)
async def take_file(
    request: Request[Any, Any, Any],
    secret: FromPath[str],
    transferring: NamedDependency[Transferring],
    name: FromPath[str] = "/file",
) -> Response[str]:
    """Takes a file a charger sends."""
    return await _take(request, transferring, secret, name)


@post(_PATHS, status_code=201)
async def take_posted_file(
    request: Request[Any, Any, Any],
    secret: FromPath[str],
    transferring: NamedDependency[Transferring],
    name: FromPath[str] = "/file",
) -> Response[str]:
    """Takes a file a charger sends by POST, be it as a form."""
    return await _take(request, transferring, secret, name)


async def _take(request: Request[Any, Any, Any], transferring: Transferring, secret: str, name: str) -> Response[str]:
    length = _length_of(request.headers.get("content-length"))
    form, options = parse_options_header(request.headers.get("content-type", ""))
    async with transferring.arriving(secret, name, length) as arrival:
        async with aclosing(_heeding_stalls(request)) as pieces:
            if form == "multipart/form-data":
                await _take_form(pieces, options.get("boundary", ""), arrival.write, arrival.rename)
            else:
                async for piece in pieces:
                    await arrival.write(piece)
        await arrival.finish()
    return Response("Thank you.\n", media_type="text/plain", status_code=201)


def _length_of(told: str | None) -> int | None:
    """Reads how many bytes are announced; RFC 9110 §8.6 has digits and nothing else, and so many no file has."""
    if told is None:
        return None
    if _LENGTH.fullmatch(told) is None:
        raise FileRefused(
            400, f"Content-Length {told[:40]!r} is no number of bytes. Send it as digits, or leave it out."
        )
    return int(told)


async def _heeding_stalls(request: Request[Any, Any, Any]) -> AsyncGenerator[bytes]:
    async with aclosing(request.stream()) as stream:
        while True:
            with trio.move_on_after(STALL_S) as patience:
                piece = await anext(stream, None)
            if patience.cancelled_caught:
                raise FileRefused(408, f"Nothing came for {STALL_S:g} s. Send the file again.")
            if piece is None:
                return
            yield piece


async def _take_form(
    pieces: AsyncIterator[bytes],
    boundary: str,
    write: Callable[[bytes], Awaitable[None]],
    rename: Callable[[str], None],
) -> None:
    """Takes the first file of a form; fields without a file name are not asked for."""
    wanted: MultipartSegment | None = None
    found = False
    try:
        with PushMultipartParser(boundary or "missing", max_segment_count=20) as parser:
            async for piece in pieces:
                for part in parser.parse(piece):
                    if isinstance(part, MultipartSegment):
                        wanted = part if part.filename and not found else None
                        if wanted is not None:
                            found = True
                            rename(part.filename)
                    elif part and wanted is not None:
                        await write(bytes(part))
    except MultipartError as exc:
        raise FileRefused(400, f"This is no multipart/form-data ({exc}). Send the file as the body.") from exc
    if not found:
        raise FileRefused(400, "There is no file in this form. Send the file as the body.")


_RANGE: Final = re.compile(r"bytes=(\d{1,15})-(\d{0,15})", re.ASCII)


@get(_PATHS)
async def give_file(
    request: Request[Any, Any, Any],
    secret: FromPath[str],
    transferring: NamedDependency[Transferring],
    name: FromPath[str] = "/file",
) -> Stream:
    """Gives a charger the file it was told to fetch, or the rest of it."""
    del name
    departure = transferring.departing(secret)
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    first = int(asked[1]) if asked else 0
    last = min(int(asked[2]), departure.size - 1) if asked and asked[2] else departure.size - 1
    if asked and not first <= last:
        text = f"There are {departure.size} bytes; {request.headers['range']} asks for others."
        raise FileRefused(416, text, {"content-range": f"bytes */{departure.size}"})
    headers = {"accept-ranges": "bytes", "content-length": str(last - first + 1), "etag": f'"{departure.sha256}"'}
    if asked:
        headers["content-range"] = f"bytes {first}-{last}/{departure.size}"
    return Stream(
        departure.read(first, last, _PIECE),
        headers=headers,
        media_type="application/octet-stream",
        status_code=206 if asked else 200,
    )


@head(_PATHS)
async def tell_file(
    secret: FromPath[str], transferring: NamedDependency[Transferring], name: FromPath[str] = "/file"
) -> Response[None]:
    """Says how large the file is."""
    del name
    departure = transferring.departing(secret)
    headers = {"accept-ranges": "bytes", "content-length": str(departure.size), "etag": f'"{departure.sha256}"'}
    return Response(None, headers=headers, media_type="text/plain")  # litestar writes no other kind of None


def _answer_failure(request: Request[Any, Any, Any], error: Exception) -> Response[str]:
    """Says in words what is wrong; the URL is a secret, so no line of the log has it."""
    match error:
        case FileRefused():
            return Response(f"{error}\n", media_type="text/plain", status_code=error.status, headers=error.headers)
        case HTTPException():
            return Response(f"{error.detail}\n", media_type="text/plain", status_code=error.status_code)
        case SolarOcppError():
            return Response(f"{error}\n", media_type="text/plain", status_code=503)
        case _:
            log.error("request_failed", method=request.method, path="/files", exc_info=error)
            return Response(
                "The server failed on this file; its log says why.\n", media_type="text/plain", status_code=500
            )
