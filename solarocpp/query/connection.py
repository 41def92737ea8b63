"""Opens a data directory for reading."""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path

import duckdb
import msgspec

from solarocpp.errors import StoreError, StoreLocked
from solarocpp.query.extensions import OFFLINE
from solarocpp.store.schema import DATABASE

SERVER_FILE = "server.json"
"""What a running server leaves in its data directory: `{"pid": 812, "ocpp": "...", "web": "host:port"}`."""


class _Server(msgspec.Struct):
    web: str = ""


def open_data(path: str | PathLike[str]) -> duckdb.DuckDBPyConnection:
    """Opens a data directory, or the database file in it, read-only; times come in UTC.

    Use it as a context manager, or close it: while it is open, no server can start on the directory.
    What a server was told in the second before it was killed is seen only after its next start.

    Raises:
        StoreLocked: a server holds the store; the text says where to ask it.
        StoreError: there is no store at `path`, or it cannot be read.
    """
    if "://" in str(path):
        raise StoreError(f"{path}: a running server is asked with `solarocpp sql` or its web API.")
    file = Path(path)
    if file.is_dir():
        file /= DATABASE
    if not file.is_file():
        raise StoreError(f"There is no store at {file}. `solarocpp serve --data {file.parent}` makes one.")
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


def _server_url(directory: Path) -> str:
    try:
        server = msgspec.json.decode((directory / SERVER_FILE).read_bytes(), type=_Server)
    except (OSError, msgspec.MsgspecError):
        return ""
    return f"http://{server.web}" if server.web else ""
