"""An ordinary OCPP 1.6 central system of `ocpp`, `websockets` and sqlite3: what ingest.py compares us with.

It is what a careful person writes from the libraries' own documentation: `@on` handlers, schema validation
left on, one row a reading, one commit a message, and a confirmation only after the commit. SQLite runs in
WAL mode with synchronous=FULL, so a commit reaches the disk before it returns, as ours does.

    baseline.py DATABASE READY_FILE        writes {"ocpp": "127.0.0.1:PORT"} once it listens; SIGTERM ends it
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from ocpp.v16.datatypes import IdTagInfo
from ocpp.v16.enums import Action, AuthorizationStatus, RegistrationStatus
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

SCHEMA = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS message (
        id INTEGER PRIMARY KEY, charger TEXT, connector INTEGER, transaction_id INTEGER
    );
    CREATE TABLE IF NOT EXISTS reading (
        message INTEGER, timestamp TEXT, measurand TEXT, phase TEXT, unit TEXT, context TEXT, value REAL
    );
    CREATE TABLE IF NOT EXISTS session (
        id INTEGER PRIMARY KEY, charger TEXT, connector INTEGER, id_tag TEXT, started TEXT, meter_start REAL
    );
"""

Json = dict[str, Any]


class Charger(ChargePoint):
    """One link: `ocpp` decodes, validates and routes; the handlers write to the shared database."""

    def __init__(self, identifier: str, connection: ServerConnection, database: sqlite3.Connection) -> None:
        super().__init__(identifier, connection)
        self.database = database

    @on(Action.boot_notification)
    def on_boot_notification(self, **_: str) -> call_result.BootNotification:
        return call_result.BootNotification(
            current_time=datetime.now(UTC).isoformat(),  # noqa: TID251 (a server's clock, in a program of its own)
            interval=300,
            status=RegistrationStatus.accepted,
        )

    @on(Action.start_transaction)
    def on_start_transaction(
        self, connector_id: int, id_tag: str, meter_start: int, timestamp: str, **_: int
    ) -> call_result.StartTransaction:
        with self.database as database:
            cursor = database.execute(
                "INSERT INTO session (charger, connector, id_tag, started, meter_start) VALUES (?, ?, ?, ?, ?)",
                (self.id, connector_id, id_tag, timestamp, meter_start),
            )
        accepted = IdTagInfo(status=AuthorizationStatus.accepted)
        return call_result.StartTransaction(transaction_id=cursor.lastrowid or 0, id_tag_info=accepted)

    @on(Action.meter_values)
    def on_meter_values(
        self, connector_id: int, meter_value: list[Json], transaction_id: int | None = None
    ) -> call_result.MeterValues:
        with self.database as database:
            message = database.execute(
                "INSERT INTO message (charger, connector, transaction_id) VALUES (?, ?, ?)",
                (self.id, connector_id, transaction_id),
            ).lastrowid
            database.executemany(
                "INSERT INTO reading VALUES (?, ?, ?, ?, ?, ?, ?)", readings_of(message or 0, meter_value)
            )
        return call_result.MeterValues()


def readings_of(message: int, meter_values: list[Json]) -> Iterator[tuple[object, ...]]:
    """Gives one row for each sampled value."""
    for meter_value in meter_values:
        for sample in meter_value["sampled_value"]:
            yield (
                message,
                meter_value["timestamp"],
                sample.get("measurand"),
                sample.get("phase"),
                sample.get("unit"),
                sample.get("context"),
                float(sample["value"]),
            )


def tell_address(server: Server, ready_file: Path) -> None:
    """Writes the ready file, as `solarocpp serve` does."""
    host, port = server.sockets[0].getsockname()[:2]
    ready_file.write_text(json.dumps({"ocpp": f"{host}:{port}"}))


async def main(database_file: str, ready_file: Path) -> None:
    """Serves until SIGTERM."""
    database = sqlite3.connect(database_file)
    database.executescript(SCHEMA)

    async def link(connection: ServerConnection) -> None:
        identifier = connection.request.path.rpartition("/")[2] if connection.request else ""
        with contextlib.suppress(ConnectionClosed):
            await Charger(identifier, connection, database).start()

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with serve(link, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:  # type: ignore[list-item]
        tell_address(server, ready_file)
        await stop.wait()
    database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
