"""Opens whatever has the data: a directory, a file, a running server."""

from __future__ import annotations

import os
import re
from os import PathLike
from pathlib import Path
from typing import cast

import duckdb
import msgspec

from solarocpp.errors import StoreError, StoreLocked
from solarocpp.query.guard import OFFLINE
from solarocpp.store.schema import DATABASE

SERVER_FILE = "server.json"
"""What a running server leaves in its data directory: `{"pid": 812, "ocpp": "...", "web": "host:port"}`."""

TOKEN_FILE = "admin.token"  # noqa: S105 where it is, not what it is
TOKEN_VARIABLE = "SOLAROCPP_TOKEN"  # noqa: S105


class _Server(msgspec.Struct):
    web: str = ""


def open_data(place: str | PathLike[str], *, token: str | None = None) -> duckdb.DuckDBPyConnection:
    """Opens data for reading, wherever it is; times come in UTC.

    `place` is a data directory, the database file in it or a snapshot of one, or the address of a server:
    `http://HOST:PORT`, `quack:HOST:PORT`. A directory whose server runs is asked through its HTTP API, which
    is always there; so the same line works while the server runs and while it does not. `token` is for a
    server, else SOLAROCPP_TOKEN, else the file admin.token of the directory.

    Use it as a context manager, or close it: while a file is open, no server can start on the directory.
    What a server was told in the second before it was killed is seen only after its next start.

    Of a server it is a `solarocpp.query.remote.Remote`, which does what a connection does with questions.

    Raises:
        StoreLocked: another process holds the store, and is no server that would answer us.
        StoreError: there is no store or server at `place`, or it cannot be read.
    """
    text = os.fspath(place)
    if text.startswith(("http://", "https://", "quack:")):
        return _open_server(text, token or _token_from_environment() or _no_token(text))
    if "://" in text:
        raise StoreError(f"{text}: there is no such way to a server. Write http://HOST:PORT or quack:HOST:PORT.")
    file = Path(text)
    if file.is_dir():
        file /= DATABASE
    if not file.is_file():
        raise StoreError(f"There is no store at {file}. `solarocpp serve --data {file.parent}` makes one.")
    try:
        return _open_file(file)
    except StoreLocked as locked:
        shown = token or _token_from_environment() or _token_from(file.parent)
        if not locked.url or not shown:
            raise
        return _open_server(locked.url, shown)


def _open_file(file: Path) -> duckdb.DuckDBPyConnection:
    try:
        con = duckdb.connect(file, read_only=True, config=OFFLINE)
    except duckdb.IOException as exc:
        if "lock" not in str(exc):
            raise StoreError(f"{file} cannot be read: {exc}") from exc
        holder = re.search(r"PID (\d+)", str(exc))
        raise StoreLocked(str(file), int(holder[1]) if holder else None, _server_url(file.parent)) from exc
    except duckdb.Error as exc:
        raise StoreError(f"{file} cannot be read: {exc}") from exc
    con.execute("SET TimeZone = 'UTC'")
    return con


def _open_server(address: str, token: str) -> duckdb.DuckDBPyConnection:
    # Only who asks a server needs an HTTP client, which takes a tenth of a second to import.
    from solarocpp.query.links import HttpLink, QuackLink
    from solarocpp.query.remote import Remote

    scheme, _, rest = address.partition(":")
    link = QuackLink(rest.strip("/"), token) if scheme == "quack" else HttpLink(address, token)
    # The questions only use what both have.
    return cast("duckdb.DuckDBPyConnection", Remote(link))


def _server_url(directory: Path) -> str:
    try:
        server = msgspec.json.decode((directory / SERVER_FILE).read_bytes(), type=_Server)
    except (OSError, msgspec.MsgspecError):
        return ""
    host, _, port = server.web.rpartition(":")
    # Bound to all interfaces is reachable on this one, of the same family: a listener on `::` takes no IPv4.
    here = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 compared, not bound
    return f"http://{here}:{port}" if server.web else ""


def _token_from(directory: Path) -> str:
    try:
        return (directory / TOKEN_FILE).read_text().strip()
    except OSError:  # another user's; the error that follows names the server
        return ""


def _token_from_environment() -> str:
    return os.environ.get(TOKEN_VARIABLE, "")


def _no_token(address: str) -> str:
    raise StoreError(
        f"{address} wants a token: open(..., token=...), or {TOKEN_VARIABLE} in the environment. It is in {TOKEN_FILE} "
        "of the server's data directory, or make one with: solarocpp token add NAME --whole-box"
    )
