"""The load client of the benchmarks: many links, each with one MeterValues of 8 readings outstanding.

It is a process of its own (picows, a WebSocket client in C), so that it neither shares the server's
interpreter nor becomes what is measured; ingest.py reports its share of a core to show that.

    load.py URL --links N --seconds T [--username U --password P] [--ca F]

Each link boots, starts a transaction, and waits. The client prints {"ready": N} and reads one line from
standard input: "go" starts the load, and the report of it is the last line printed. Every message carries
a new time and a higher register, so nothing is a repeat. `--seconds 0` keeps the links idle instead, until
standard input ends.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gc
import json
import math
import resource
import ssl
import sys
import time
from datetime import UTC, datetime, timedelta

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

FIRST_READING = datetime(2026, 3, 1, tzinfo=UTC)
START_ID = 2  # the opening's second CALL; MeterValues count on from it
STEP_S = 5  # a quick but real MeterValueSampleInterval
TOKEN = "BENCHMARK"

# A three-phase wallbox's usual eight; 980 bytes with ids, time and values filled in. All of one location, so one datum.
METER_VALUES = (
    b'[2,"%d","MeterValues",{"connectorId":1,"transactionId":%d,"meterValue":[{"timestamp":"%b","sampledValue":['
    b'{"value":"%d","context":"Sample.Periodic","measurand":"Energy.Active.Import.Register","location":"Outlet","unit":"Wh"},'
    b'{"value":"%d.5","context":"Sample.Periodic","measurand":"Power.Active.Import","location":"Outlet","unit":"W"},'
    b'{"value":"15.%d","context":"Sample.Periodic","measurand":"Current.Import","location":"Outlet","phase":"L1","unit":"A"},'
    b'{"value":"15.2","context":"Sample.Periodic","measurand":"Current.Import","location":"Outlet","phase":"L2","unit":"A"},'
    b'{"value":"15.3","context":"Sample.Periodic","measurand":"Current.Import","location":"Outlet","phase":"L3","unit":"A"},'
    b'{"value":"230.%d","context":"Sample.Periodic","measurand":"Voltage","phase":"L1-N","unit":"V"},'
    b'{"value":"31.4","context":"Sample.Periodic","measurand":"Temperature","unit":"Celsius"},'
    b'{"value":"%d","context":"Sample.Periodic","measurand":"SoC","unit":"Percent"}]}]}]'
)


def meter_values(unique_id: int, transaction_id: int, step: int) -> bytes:
    """Gives the MeterValues CALL of one step: 8 readings, the register 10 Wh up each time."""
    timestamp = (FIRST_READING + timedelta(seconds=(step + 1) * STEP_S)).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    tenth = step % 10
    return METER_VALUES % (
        unique_id,
        transaction_id,
        timestamp,
        100_000 + 10 * step,
        7_000 + step % 200,
        tenth,
        tenth,
        step % 100,
    )


class Run:
    """One client's figures; the links write into it."""

    def __init__(self, links: int) -> None:
        self.links = links
        self.latencies_s: list[float] = []
        self.refused: list[str] = []
        self.until = math.inf
        self.ready = asyncio.Event()
        self.drained = asyncio.Event()
        self.waiting = links
        self.running = 0

    def link_ready(self) -> None:
        """Counts one link that has its transaction; the last one opens the gate."""
        self.waiting -= 1
        if self.waiting == 0:
            self.ready.set()

    def link_done(self) -> None:
        """Counts one link that has its last answer."""
        self.running -= 1
        if self.running == 0:
            self.drained.set()


class Link(WSListener):
    """One charge point: boot, start, then MeterValues one after another."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run
        self.transport: WSTransport | None = None
        self.transaction_id = 0
        self.unique_id = START_ID
        self.step = 0
        self.sent_s = 0.0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self.send(b'[2,"1","BootNotification",{"chargePointVendor":"Bench","chargePointModel":"One"}]')

    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            return
        text = frame.get_payload_as_bytes()
        if text.startswith(b"[2"):
            self.send(json.dumps([4, json.loads(text)[1], "NotSupported", "", {}]).encode())
        elif self.unique_id > START_ID:
            self.measured_answer(text)
        else:
            self.opening_answer(text)

    def opening_answer(self, text: bytes) -> None:
        """Walks the opening: boot answered, start answered, ready."""
        message = json.loads(text)
        if message[:2] == [3, "1"]:
            start = FIRST_READING.strftime("%Y-%m-%dT%H:%M:%SZ")
            payload = {"connectorId": 1, "idTag": TOKEN, "meterStart": 100_000, "timestamp": start}
            self.send(json.dumps([2, "2", "StartTransaction", payload]).encode())
        elif message[:2] == [3, "2"] and message[2]["idTagInfo"]["status"] == "Accepted":
            self.transaction_id = message[2]["transactionId"]
            self.run.link_ready()
        else:
            self.run.refused.append(text.decode())
            self.run.ready.set()

    def measured_answer(self, text: bytes) -> None:
        """Books one answer and sends the next message while there is time."""
        now = time.perf_counter()
        if text.startswith((b'[3,"%d"' % self.unique_id, b'[3, "%d"' % self.unique_id)):
            self.run.latencies_s.append(now - self.sent_s)
        else:
            self.run.refused.append(text.decode())
        if now < self.run.until:
            self.send_next()
        else:
            self.run.link_done()

    def send_next(self) -> None:
        """Sends the next MeterValues and notes when."""
        self.unique_id += 1
        text = meter_values(self.unique_id, self.transaction_id, self.step)
        self.step += 1
        self.sent_s = time.perf_counter()
        self.send(text)

    def send(self, text: bytes) -> None:
        """Sends one text frame."""
        if self.transport is not None:
            self.transport.send(WSMsgType.TEXT, text)


async def connect(run: Run, url: str, headers: dict[str, str], tls: ssl.SSLContext | None) -> Link:
    """Opens one link; returns once the handshake is done."""
    _, link = await ws_connect(
        lambda: Link(run), url, ssl_context=tls, extra_headers=headers, websocket_handshake_timeout=30
    )
    return link


async def connect_all(run: Run, arguments: argparse.Namespace) -> list[Link]:
    """Opens all links, 20 at a time, so that the handshakes do not run into each other's deadlines."""
    basic = base64.b64encode(f"{arguments.username}:{arguments.password}".encode()).decode()
    headers = {"Sec-WebSocket-Protocol": "ocpp1.6", "Authorization": f"Basic {basic}"}
    tls = ssl.create_default_context(cafile=arguments.ca) if arguments.ca else None
    links: list[Link] = []
    everybody = range(arguments.first, arguments.first + run.links)
    for start in range(0, run.links, 20):
        numbers = everybody[start : start + 20]
        links += await asyncio.gather(*(connect(run, f"{arguments.url}/CP{n:04}", headers, tls) for n in numbers))
    await asyncio.wait_for(run.ready.wait(), timeout=60)
    return links


def cpu_s() -> float:
    """Gives the CPU seconds this process has used so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def percentile(ordered: list[float], share: float) -> float:
    """Gives the value below which `share` of the ordered values lie; 0 without values."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


async def load(run: Run, links: list[Link], seconds: float) -> dict[str, object]:
    """Keeps every link busy for `seconds`, waits for the last answers, and reports."""
    gc.freeze()
    started, cpu = time.perf_counter(), cpu_s()
    run.until, run.running = started + seconds, len(links)
    for link in links:
        link.send_next()
    await asyncio.wait_for(run.drained.wait(), timeout=seconds + 60)
    elapsed, cpu = time.perf_counter() - started, cpu_s() - cpu
    ordered = sorted(run.latencies_s)
    return {
        "acknowledged": len(ordered),
        "refused": len(run.refused),
        "first_refusal": run.refused[0] if run.refused else None,
        "seconds": round(elapsed, 3),
        "p50_ms": round(percentile(ordered, 0.50) * 1000, 2),
        "p99_ms": round(percentile(ordered, 0.99) * 1000, 2),
        "max_ms": round(ordered[-1] * 1000, 2) if ordered else 0.0,
        "client_cpu_share": round(cpu / elapsed, 3),
        "client_us_per_message": round(cpu / max(1, len(ordered)) * 1e6, 1),
    }


async def main(arguments: argparse.Namespace) -> None:
    """Connects, waits for the word, loads, reports."""
    run = Run(arguments.links)
    links = await connect_all(run, arguments)
    if run.refused:
        sys.exit(f"the server refused the opening: {run.refused[0]}")
    print(json.dumps({"ready": len(links)}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    if arguments.seconds:  # else the links were idle until now, and end here
        print(json.dumps(await load(run, links, arguments.seconds)), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Load a central system with MeterValues.")
    parser.add_argument("url")
    parser.add_argument("--links", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="number of the first charger")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--ca", help="for wss: who signed the server's certificate")
    parser.add_argument("--username", default="bench")
    parser.add_argument("--password", default="")
    asyncio.run(main(parser.parse_args()))
