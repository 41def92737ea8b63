"""Where the time of one MeterValues of 8 readings goes: the server's own functions, in process, a stage a line.

Microseconds of CPU (all threads) for each message. The ledger's stage is what a committed batch of 100
costs, divided; the projection's is what the same batch costs more when its datums are written too.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trio
from load import FIRST_READING, meter_values
from servers import TOKEN, prepare

from solarocpp.central_system import CentralSystem, Transactions
from solarocpp.gateway.framing import FrameTap, text_frame
from solarocpp.ocpp.decoding import Decoded, decode_request, encode_payload
from solarocpp.ocpp.frames import Call, format_result
from solarocpp.ocpp.messages import StartTransactionRequest
from solarocpp.ocpp.rpc import CallReceived, RpcPeer
from solarocpp.registry import Registry
from solarocpp.store import ChargerFacts, Exchange, Store, open_store
from solarocpp.store.effects import Effect

CHARGERS = 200
MESSAGES = 20_000
BATCH = 100  # what a commit carries under the load of ingest.py
NOW = datetime(2026, 3, 2, tzinfo=UTC)
MASK = b"\x12\x34\x56\x78"

Work = tuple[Exchange, Sequence[Effect]]


def masked_frame(payload: bytes) -> bytes:
    """Writes a client's text frame of 126 bytes and more."""
    pattern = (MASK * (len(payload) // 4 + 1))[: len(payload)]
    covered = (int.from_bytes(payload) ^ int.from_bytes(pattern)).to_bytes(len(payload))
    return b"\x81\xfe" + len(payload).to_bytes(2) + MASK + covered


def timed(stage: Callable[[int], object]) -> float:
    """Gives the CPU microseconds of one call, over all messages."""
    before = time.process_time()
    for number in range(MESSAGES):
        stage(number)
    return (time.process_time() - before) / MESSAGES * 1e6


class Stages:
    """The stages in the order a frame passes them; each keeps its results for the next."""

    def __init__(self, central: CentralSystem, facts: list[ChargerFacts]) -> None:
        self.central, self.facts = central, facts
        self.peers = [RpcPeer() for _ in facts]
        self.tap = FrameTap()
        transactions = [self._start(fact) for fact in facts]
        self.frames = [
            masked_frame(meter_values(3 + n, transactions[n % CHARGERS], n // CHARGERS)) for n in range(MESSAGES)
        ]
        self.texts: list[str] = []
        self.calls: list[Call] = []
        self.decoded: list[Decoded] = []
        self.answers: list[tuple[bytes, Sequence[Effect]]] = []
        self.work: list[Work] = []

    def _start(self, facts: ChargerFacts) -> int:
        request = StartTransactionRequest(connector_id=1, id_tag=TOKEN, meter_start=100_000, timestamp=FIRST_READING)
        return self.central.answer(facts, request, FIRST_READING).confirmation.transaction_id

    def frame(self, number: int) -> None:
        self.tap.feed(self.frames[number])
        self.texts.append(self.tap.take())

    def envelope(self, number: int) -> None:
        received = self.peers[number % CHARGERS].receive(self.texts[number], 0.0)
        assert isinstance(received, CallReceived)
        self.calls.append(received.call)

    def decode(self, number: int) -> None:
        call = self.calls[number]
        self.decoded.append(decode_request(call.action, call.payload, sent_by="charge_point"))

    def handler(self, number: int) -> None:
        answer = self.central.answer(self.facts[number % CHARGERS], self.decoded[number].message, NOW)
        self.answers.append((encode_payload(answer.confirmation), answer.effects))

    def answer(self, number: int) -> None:
        payload, effects = self.answers[number]
        call = self.calls[number]
        exchange = Exchange(
            received=NOW + timedelta(microseconds=number),
            charger=self.facts[number % CHARGERS],
            direction="in",
            action=call.action,
            request=self.texts[number],
            answer=format_result(call.unique_id, payload).decode(),
        )
        text_frame(self.peers[number % CHARGERS].answer(call, payload))
        self.work.append((exchange, effects))


async def stored(directory: Path, work: Sequence[Work], *, project: bool) -> float:
    """Gives the CPU microseconds of storing one message, commits of 100, with or without its datums."""
    store = open_store(directory, now=NOW)
    async with trio.open_nursery() as nursery:
        await nursery.start(store.run)
        before = time.process_time()
        for first in range(0, len(work), BATCH):
            await committed(store, work[first : first + BATCH], project=project)
        await store.settle()
        used = time.process_time() - before
        nursery.cancel_scope.cancel()
    store.close()
    return used / len(work) * 1e6


async def committed(store: Store, work: Sequence[Work], *, project: bool) -> None:
    """Records a batch and waits until it is durable."""
    outcomes: list[bool] = []
    done = trio.Event()

    def heard(outcome: bool) -> None:  # noqa: FBT001 (the store's callback)
        outcomes.append(outcome)
        if len(outcomes) == len(work):
            done.set()

    for exchange, effects in work:
        store.record(exchange, effects if project else (), heard)
    await done.wait()
    assert all(outcomes)


def report_stages() -> None:
    """Prints one JSON line."""
    with tempfile.TemporaryDirectory(prefix="solarocpp-bench-") as scratch:
        trio.run(prepare, Path(scratch) / "data", CHARGERS)
        store = open_store(Path(scratch) / "data", now=NOW)
        registry = Registry.load(store)
        central = CentralSystem(registry, Transactions(store.transactions(), store.store_id))
        stages = Stages(central, [registry.facts(charger) for charger in registry.chargers()])
        store.close()
        figures = {name: timed(getattr(stages, name)) for name in ("frame", "envelope", "decode", "handler", "answer")}
        figures["ledger"] = trio.run(lambda: stored(Path(scratch) / "ledger", stages.work, project=False))
        both = trio.run(lambda: stored(Path(scratch) / "both", stages.work, project=True))
        figures["projection"] = both - figures["ledger"]
    line = {f"{name}_us": round(figure, 1) for name, figure in figures.items()}
    print(json.dumps({"bench": "stages", **line, "sum_us": round(sum(figures.values()), 1)}))
