"""Those who want in and should not, and those who should and want in meanwhile: the other client of siege.py.

    attack.py ADDRESS --ca F [--slow N] [--half-open N] [--guesses N] --username U --password P --sites N

    slow        that many connections send a request head, a byte a second (over TLS)
    half-open   that many connections send a TLS hello and nothing else
    guesses     that many wrong passwords a second: half from the address that the honest chargers have, half from
                anywhere; half for usernames that exist

Whoever is thrown out is back at once. And one honest newcomer a second connects, boots and leaves, by turns with the
generated password and with one that its site has chosen, so that it is seen whether the door still opens.

Prints {"ready": ...} when everybody has begun, and the report when standard input ends.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import ssl
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from dialing import BOOT, PASSWORD_AT_SITE, Dial, request

NEWCOMER = 0  # its number as a charger; the others' begin above
BYTE_S = 1.0
NEWCOMER_S = 1.0
PATIENCE_S = 30.0


class Siege:
    """Where, with what, and what came of it."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        host, _, port = arguments.address.rpartition(":")
        self.host, self.port = host, int(port)
        self.tls = ssl.create_default_context(cafile=arguments.ca)
        self.attackers = arguments.slow + arguments.half_open
        self.begun = 0
        self.everybody_began = asyncio.Event()
        self.cut = 0
        self.answers: Counter[str] = Counter()
        self.newcomers_ms: dict[str, list[float]] = {"generated": [], "chosen": []}
        self.newcomers_failed = 0

    def begin(self) -> None:
        """Counts one connection of an attacker."""
        self.begun += 1
        if self.begun >= self.attackers:
            self.everybody_began.set()

    async def connect(
        self, *, tls: bool, source: str | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Opens a connection, from another address of this machine where one is given."""
        local = (source, 0) if source else None
        return await asyncio.open_connection(self.host, self.port, ssl=self.tls if tls else None, local_addr=local)

    def report(self) -> dict[str, object]:
        """Tells what came of it."""
        slowest = {f"newcomer_{kind}_ms": round(max(times, default=0.0)) for kind, times in self.newcomers_ms.items()}
        return {
            "cut": self.cut,
            "guessed": sum(self.answers.values()),
            "answers": dict(sorted(self.answers.items())),
            "newcomers": sum(len(times) for times in self.newcomers_ms.values()),
            "newcomers_failed": self.newcomers_failed,
            **slowest,
        }


async def again(siege: Siege, attack: Callable[[Siege], Awaitable[None]]) -> None:
    """Attacks, and whenever the server has enough, attacks again."""
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await attack(siege)
        siege.cut += 1
        await asyncio.sleep(0.05)


async def send_slowly(siege: Siege) -> None:
    """Sends a request head that never ends."""
    _, writer = await siege.connect(tls=True)
    siege.begin()
    try:
        for letter in itertools.chain(b"GET /ocpp/j/v16/CP0001 HTTP/1.1\r\nX-Padding: ", itertools.repeat(ord("x"))):
            writer.write(bytes((letter,)))
            await writer.drain()
            await asyncio.sleep(BYTE_S)
    finally:
        writer.transport.abort()


async def stay_half_open(siege: Siege) -> None:
    """Sends a TLS hello, which costs the server a signature, and waits until it has enough."""
    reader, writer = await siege.connect(tls=False)
    try:
        outgoing = ssl.MemoryBIO()
        handshake = siege.tls.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=siege.host)
        with contextlib.suppress(ssl.SSLWantReadError):
            handshake.do_handshake()
        writer.write(outgoing.read())
        siege.begin()
        while await reader.read(65536):
            pass
    finally:
        writer.transport.abort()


async def guess(siege: Siege, number: int) -> None:
    """Tries one wrong password and notes the answer."""
    username = f"site{number // 2 % siege.arguments.sites:02}" if number // 2 % 2 else f"nobody{number}"
    source = f"127.1.{number // 250 % 250}.{number % 250 + 1}" if number % 2 else None
    answer = "none"
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await siege.connect(tls=True, source=source)
            try:
                writer.write(request(NEWCOMER, siege.host, username, f"wrong password {number}"))
                answer = (await reader.readuntil(b"\r\n")).split()[1].decode()
            finally:
                writer.transport.abort()
    siege.answers[answer] += 1


async def guess_on(siege: Siege) -> None:
    """Guesses at an even pace, however long the answers take."""
    async with asyncio.TaskGroup() as group:
        began = time.monotonic()
        for number in itertools.count():
            await asyncio.sleep(began + number / siege.arguments.guesses - time.monotonic())
            group.create_task(guess(siege, number))


async def come_in(siege: Siege, number: int) -> None:
    """Lets an honest charger connect, boot, and leave."""
    site = number // 2 % siege.arguments.sites
    kind, username, password = (
        ("chosen", f"site{site:02}", PASSWORD_AT_SITE.format(site))
        if number % 2
        else ("generated", siege.arguments.username, siege.arguments.password)
    )
    began = time.monotonic()
    dial: Dial | None = None
    with contextlib.suppress(OSError):
        async with asyncio.timeout(PATIENCE_S):
            head = request(NEWCOMER + number % siege.arguments.newcomers, siege.host, username, password)
            _, dial = await asyncio.get_running_loop().create_connection(
                lambda: Dial(head, (BOOT,), Dial.hang_up), siege.host, siege.port, ssl=siege.tls
            )
            await dial.ended
    if dial is not None and dial.welcome:
        siege.newcomers_ms[kind].append((time.monotonic() - began) * 1000)
    else:
        siege.newcomers_failed += 1


async def come_in_turn(siege: Siege) -> None:
    """Lets one newcomer after the other come."""
    async with asyncio.TaskGroup() as group:
        for number in itertools.count():
            group.create_task(come_in(siege, number))
            await asyncio.sleep(NEWCOMER_S)


async def main(arguments: argparse.Namespace) -> None:
    """Attacks until standard input ends."""
    siege = Siege(arguments)
    loop = asyncio.get_running_loop()
    attackers = [send_slowly] * arguments.slow + [stay_half_open] * arguments.half_open
    tasks = [loop.create_task(again(siege, attack)) for attack in attackers]
    if attackers:
        await siege.everybody_began.wait()
    if arguments.guesses:
        tasks.append(loop.create_task(guess_on(siege)))
    tasks.append(loop.create_task(come_in_turn(siege)))
    print(json.dumps({"ready": len(attackers)}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(json.dumps(siege.report()), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("--ca", required=True)
    parser.add_argument("--slow", type=int, default=0)
    parser.add_argument("--half-open", type=int, default=0)
    parser.add_argument("--guesses", type=float, default=0)
    parser.add_argument("--username", default="bench")
    parser.add_argument("--password", default="")
    parser.add_argument("--sites", type=int, default=1)
    parser.add_argument("--newcomers", type=int, default=20, help="chargers that take turns, CP0000 and on")

    async def run() -> None:
        await main(parser.parse_args())
        os._exit(0)  # thousands of connections are not closed one by one

    asyncio.run(run())
