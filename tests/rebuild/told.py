"""A store that is told a story, message by message, as a server would: frames in, ledger and tables out.

Nothing runs beside the test, so a story of thousands of messages at chosen times takes seconds. The handlers, the
ledger and the projection are the real ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from solarocpp.central_system import CentralSystem, Transactions
from solarocpp.ocpp.datatypes import ChargePointId
from solarocpp.ocpp.decoding import decode_request, encode_payload
from solarocpp.ocpp.frames import Call, format_result, parse_frame
from solarocpp.rebuilding import Rebuild, rebuilt
from solarocpp.registry.entities import Authorization, Charger
from solarocpp.registry.memory import RegistryMemory
from solarocpp.store import Exchange, Store, open_store
from solarocpp.store.effects import Effect
from solarocpp.store.ledger import append_exchanges
from solarocpp.store.rebuild import TableChange

T = datetime(2026, 3, 1, 10, tzinfo=UTC)
NOW = datetime(2026, 4, 1, tzinfo=UTC)
TABLES = ("datum", "datumContext", "chargeSession", "sessionTotal", "signedReading")
OTHER_TABLES = ("ledger", "connector", "charger", "meta")

Rows = dict[str, list[tuple[Any, ...]]]


def after(**span: float) -> datetime:
    return T + timedelta(**span)


def text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat().replace("+00:00", "Z")


class Told:
    """A store and who talks to it: chargers CP1 to CP3, tags TAG (allowed) and BLOCKED."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.store: Store = open_store(directory, now=T)
        registry = RegistryMemory()
        for number in (1, 2, 3):
            registry._put_charger(Charger(number, 1, 1, ChargePointId(f"CP{number}"), T))
        registry._put_authorization(Authorization(1, 1, "TAG", T))
        registry._put_authorization(Authorization(2, 1, "BLOCKED", T, enabled=False))
        self.registry = registry
        self.central = CentralSystem(registry, Transactions(self.store.transactions(), self.store.store_id))
        self.seq = 0
        self._exchanges: list[Exchange] = []
        self._effects: list[Effect] = []

    def say(self, charger: int, action: str, received: datetime, *, flush: bool = True, **payload: object) -> Any:
        """One message and its answer; without `flush` it shares the next projection."""
        payload = {key: text(value) if isinstance(value, datetime) else value for key, value in payload.items()}
        return self.frame(charger, json.dumps([2, str(self.seq), action, payload]), received, flush=flush)

    def frame(self, charger: int, frame: str, received: datetime, *, flush: bool = True) -> Any:
        """The same from the frame as it was sent."""
        call, _ = parse_frame(frame)
        assert isinstance(call, Call)
        facts = self.registry.facts(self.registry.charger(charger))
        answer = self.central.answer(
            facts, decode_request(call.action, call.payload, sent_by="charge_point").message, received
        )
        reply = format_result(call.unique_id, encode_payload(answer.confirmation)).decode()
        self._exchanges.append(Exchange(received, facts, "in", call.action, frame, reply))
        self._effects += answer.effects
        if flush:
            self.flush()
        return json.loads(reply)[2]

    def flush(self) -> None:
        """Commits and projects what was said."""
        if self._exchanges:
            with self.store.alone() as con:
                append_exchanges(con, self.seq + 1, self._exchanges)
                self.seq += len(self._exchanges)
                self.store._tables.project(con, self._effects, self.seq)
            self._exchanges, self._effects = [], []

    def start(
        self, charger: int, at: datetime, meter: int, *, received: datetime | None = None, tag: str = "TAG"
    ) -> int:
        """Begins a session on connector 1, and returns its transactionId."""
        said = self.say(
            charger,
            "StartTransaction",
            received or at,
            connectorId=1,
            idTag=tag,
            meterStart=meter,
            timestamp=at,
        )
        number: int = said["transactionId"]
        return number

    def stop(self, charger: int, number: int, at: datetime, meter: int, *, received: datetime | None = None) -> None:
        """Ends one."""
        self.say(
            charger, "StopTransaction", received or at, transactionId=number, meterStop=meter, timestamp=at, idTag="TAG"
        )

    def read(
        self, charger: int, number: int | None, at: datetime, *, received: datetime | None = None, **values: str
    ) -> None:
        """Sends readings of one moment: `wh`, `w`, each as text."""
        names = {"wh": "Energy.Active.Import.Register", "w": "Power.Active.Import"}
        sampled = [{"value": value, "measurand": names[name]} for name, value in values.items()]
        meter_value = [{"timestamp": text(at), "sampledValue": sampled}]
        payload = {"connectorId": 1, "meterValue": meter_value}
        if number is not None:
            payload["transactionId"] = number
        self.say(charger, "MeterValues", received or at, **payload)

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Asks, or damages."""
        with self.store.alone() as con:
            return con.execute(statement, parameters).fetchall()

    def rows(self, *tables: str) -> Rows:
        """Everything in the tables, in an order that does not depend on when it was written."""
        return {table: self.sql(f'FROM "{table}" ORDER BY ALL') for table in tables or TABLES}

    def rebuild(self, since: datetime, *, keep: bool = True) -> dict[str, TableChange]:
        """Rebuilds, and swaps even if nothing changes."""
        with self.rebuilt(since) as done:
            assert done is not None
            if keep:
                done.keep()
            return {change.table: change for change in done.changes.tables}

    @contextmanager
    def rebuilt(self, since: datetime) -> Iterator[Rebuild | None]:
        with rebuilt(self.store, since, now=NOW, tell=lambda *_: None) as done:
            yield done

    def reopen(self) -> None:
        """Closes the store and opens it again."""
        self.store.close()
        self.store = open_store(self.directory, now=NOW)


def unchanged(change: TableChange) -> bool:
    return (change.added, change.removed, change.changed) == (0, 0, 0)


def counts(changes: dict[str, TableChange]) -> dict[str, tuple[int, int, int]]:
    """Rows added, removed and changed of the tables in which there are any."""
    return {name: (row.added, row.removed, row.changed) for name, row in changes.items() if not unchanged(row)}
