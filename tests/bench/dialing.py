"""The dialling client of the benchmarks: chargers that connect, boot, and stay, or leave and come again.

It is a process of its own and lean (asyncio protocols; handshake and frames written by hand, over TLS with a
whole handshake each time), so that the figures are the server's: it takes 0.4 ms of CPU for a plain link.

    dialing.py ADDRESS --chargers N [--ca F]                 they stay; whoever loses the link dials again
    dialing.py ADDRESS --chargers N --connects M [--ca F]    M times one of them connects, boots, and leaves

Staying chargers back off as real ones do: the first try comes within a second, each further one about
twice as late, at most some 8 seconds, all at random moments. Each time everybody has booted, one JSON line
says what it took. The line "again" on standard input makes everybody hang up and dial; its end ends the client.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import functools
import json
import os
import random
import resource
import ssl
import sys
import time
from collections import Counter
from collections.abc import Callable

FIRST_TRY_S = 1.0
LONGEST_PAUSE_S = 8.0
DIAL_DEADLINE_S = 30.0  # a charger with a modem waits so long for the handshakes of TCP and TLS
PASSWORD_AT_SITE = "what site {:02} has chosen"

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
REQUEST = (
    "GET /ocpp/j/v16/CP{number:04} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: ocpp1.6\r\nAuthorization: Basic {basic}\r\n\r\n"
)


def frame(opcode: int, payload: bytes) -> bytes:
    """Writes a client's whole frame; a mask of zeros is a mask and costs nothing."""
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2)
    return bytes((0x80 | opcode,)) + length + b"\0\0\0\0" + payload


BOOT = frame(TEXT, b'[2,"1","BootNotification",{"chargePointVendor":"Bench","chargePointModel":"One"}]')
HEARTBEAT = frame(TEXT, b'[2,"2","Heartbeat",{}]')
GOODBYE = frame(CLOSE, (1000).to_bytes(2))


def request(number: int, host: str, username: str, password: str) -> bytes:
    """Writes the request head of charger CP<number>."""
    basic = base64.b64encode(f"{username}:{password}".encode()).decode()
    return REQUEST.format(number=number, host=host, basic=basic).encode()


def answer(call: bytes) -> bytes:
    """Writes the answer to a CALL of the server: two connectors, and nothing else is known here."""
    _, unique_id, action, _ = json.loads(call)
    if action == "GetConfiguration":
        key = {"key": "NumberOfConnectors", "readonly": True, "value": "2"}
        return frame(TEXT, json.dumps([3, unique_id, {"configurationKey": [key], "unknownKey": []}]).encode())
    return frame(TEXT, json.dumps([4, unique_id, "NotSupported", "", {}]).encode())


class Dial(asyncio.Protocol):
    """One connection of one charger: sends the head, then each greeting after the answer to the one before.

    Args:
        head: the request head.
        greetings: CALLs as frames.
        greeted: is told when the last one was answered.
    """

    __slots__ = ("_answered", "_buffer", "_greeted", "_greetings", "_head", "_open", "ended", "status", "transport")

    def __init__(self, head: bytes, greetings: tuple[bytes, ...], greeted: Callable[[Dial], None]) -> None:
        self._head = head
        self._greetings = greetings
        self._greeted = greeted
        self._buffer = b""
        self._open = False
        self._answered = 0
        self.status = ""
        """The status line of an answer that is no 101, or a CALL that was not answered well."""
        self.ended = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None

    @property
    def welcome(self) -> bool:
        """Tells whether every greeting was answered."""
        return self._answered == len(self._greetings)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._head)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._open and not self._read_status():
            return
        while (taken := self._take()) is not None:
            self._hear(*taken)

    def connection_lost(self, _reason: Exception | None) -> None:
        self.transport = None
        if not self.ended.done():
            self.ended.set_result(None)

    def send(self, data: bytes) -> None:
        """Sends a frame, while there is a connection."""
        if self.transport is not None:
            self.transport.write(data)

    def hang_up(self) -> None:
        """Ends the connection without a word."""
        if self.transport is not None:
            self.transport.abort()

    def _read_status(self) -> bool:
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return False
        if not head.startswith(b"HTTP/1.1 101 "):
            self._fail(head.partition(b"\r\n")[0] + b" " + rest)
            return False
        self._open, self._buffer = True, rest
        self.send(self._greetings[0])
        return True

    def _take(self) -> tuple[int, bytes] | None:
        """Takes a whole frame; the server's are not masked and small."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        size, at = (int.from_bytes(buffer[2:4]), 4) if buffer[1] == 126 else (buffer[1], 2)
        if len(buffer) < at + size:
            return None
        self._buffer = buffer[at + size :]
        return buffer[0] & 0x0F, buffer[at : at + size]

    def _hear(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT and payload.startswith(b"[2"):
            self.send(answer(payload))
        elif opcode == TEXT:
            self._hear_answer(payload)
        elif opcode == PING:
            self.send(frame(PONG, payload))
        elif opcode == CLOSE and self.transport is not None:
            self.transport.write(frame(CLOSE, payload[:2]))
            self.transport.close()

    def _hear_answer(self, payload: bytes) -> None:
        if not payload.startswith(b"[3") or (self._answered == 0 and b'"Accepted"' not in payload):
            self._fail(payload)
            return
        self._answered += 1
        if self.welcome:
            self._greeted(self)
        else:
            self.send(self._greetings[self._answered])

    def _fail(self, what: bytes) -> None:
        self.status = what[:300].decode("utf-8", "replace")
        if self.transport is not None:
            self.transport.close()


class Fleet:
    """The chargers of one client, where they dial, and what happens to them."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        host, _, port = arguments.address.rpartition(":")
        self.host, self.port = host, int(port)
        self.chargers: int = arguments.chargers
        self.heads = [
            request(number, host, *credentials(arguments, number))
            for number in range(arguments.first, arguments.first + arguments.chargers)
        ]
        self.tls = ssl.create_default_context(cafile=arguments.ca) if arguments.ca else None
        self.booted: set[Dial] = set()
        self.outcomes: Counter[str] = Counter()
        self.first_refusal: str | None = None

    async def dial(self, number: int, greetings: tuple[bytes, ...], greeted: Callable[[Dial], None]) -> Dial | None:
        """Connects charger `number`; None: it came to nothing."""
        protocol = functools.partial(Dial, self.heads[number], greetings, greeted)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DIAL_DEADLINE_S):
                _, dial = await loop.create_connection(protocol, self.host, self.port, ssl=self.tls)
        except ConnectionRefusedError:
            self.outcomes["nobody_there"] += 1
            return None
        except OSError:  # a TimeoutError and an SSLError are one, too
            self.outcomes["broken"] += 1
            return None
        return dial

    def count(self, dial: Dial) -> None:
        """Books how a connection that is over went: refused in words, or broken before everything was answered."""
        if dial.status:
            self.outcomes["refused"] += 1
            self.first_refusal = self.first_refusal or dial.status
        elif not dial.welcome:
            self.outcomes["broken"] += 1

    def report(self, **more: float) -> None:
        """Prints one line of what happened since the last one."""
        outcomes = {name: self.outcomes[name] for name in ("refused", "broken", "nobody_there")}
        used = resource.getrusage(resource.RUSAGE_SELF)
        client = {"client_cpu_s": round(used.ru_utime + used.ru_stime, 2)}
        print(json.dumps({**more, **outcomes, "first_refusal": self.first_refusal, **client}), flush=True)
        self.outcomes.clear()
        self.first_refusal = None


def credentials(arguments: argparse.Namespace, number: int) -> tuple[str, str]:
    """Gives the user name and password of a charger: everybody's, or those of its site."""
    if arguments.sites:
        site = number % arguments.sites
        return f"site{site:02}", PASSWORD_AT_SITE.format(site)
    return arguments.username, arguments.password


# -- who stays ------------------------------------------------------------------------------------------


async def live(fleet: Fleet, number: int) -> None:
    """Keeps one charger connected."""
    misses = 0

    def greeted(dial: Dial) -> None:
        nonlocal misses
        misses = 0
        fleet.booted.add(dial)
        if len(fleet.booted) == fleet.chargers:
            # The clock of this machine's processes: what starts and stops the server asks the same one.
            fleet.report(booted=fleet.chargers, at=time.monotonic())

    while True:
        await asyncio.sleep(pause_s(misses))
        misses += 1
        dial = await fleet.dial(number, (BOOT,), greeted)
        if dial is not None:
            await dial.ended
            fleet.booted.discard(dial)
            fleet.count(dial)


def pause_s(misses: int) -> float:
    """Gives how long a charger waits before it dials again."""
    if misses == 0:
        return random.uniform(0, FIRST_TRY_S)  # noqa: S311 (spreads, hides nothing)
    return min(LONGEST_PAUSE_S, 2.0 ** (misses - 1)) * random.uniform(0.5, 1.5)  # noqa: S311


async def stay(fleet: Fleet) -> None:
    """Lets everybody live until standard input ends."""
    async with asyncio.TaskGroup() as group:
        chargers = [group.create_task(live(fleet, number)) for number in range(fleet.chargers)]
        while await asyncio.to_thread(sys.stdin.readline):
            for dial in list(fleet.booted):
                dial.hang_up()
        for charger in chargers:
            charger.cancel()


# -- who comes and goes ---------------------------------------------------------------------------------


def part_politely(dial: Dial) -> None:
    """Leaves with a closing handshake."""
    dial.send(GOODBYE)


def part_silently(dial: Dial) -> None:
    """Leaves by closing the connection, as most firmware does."""
    if dial.transport is not None:
        dial.transport.close()


def part_rudely(dial: Dial) -> None:
    """Leaves in the middle of a question; the answer meets a closed door."""
    dial.send(HEARTBEAT)
    dial.hang_up()


PARTINGS = (part_politely, part_silently, part_rudely)


async def come_and_go(fleet: Fleet, connects: int, at_once: int) -> None:
    """Connects, boots and leaves `connects` times, some `at_once`; each charger leaves in another way each time."""
    turns = iter(range(connects))

    async def visit() -> None:
        for turn in turns:
            part = PARTINGS[turn % len(PARTINGS)]
            # The heartbeat's answer comes behind the question that the server asks a charger it has not known.
            dial = await fleet.dial(turn % fleet.chargers, (BOOT, HEARTBEAT), part)
            if dial is not None:
                await dial.ended
                fleet.count(dial)

    await asyncio.gather(*(visit() for _ in range(at_once)))
    fleet.report(connects=connects)


async def main(arguments: argparse.Namespace) -> None:
    """Does what the flags say."""
    fleet = Fleet(arguments)
    if arguments.connects:
        await come_and_go(fleet, arguments.connects, arguments.at_once)
    else:
        await stay(fleet)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("--chargers", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="number of the first charger")
    parser.add_argument("--connects", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=20)
    parser.add_argument("--ca")
    parser.add_argument("--username", default="bench")
    parser.add_argument("--password", default="")
    parser.add_argument("--sites", type=int, default=0, help="that many sites, each with a password of its own")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(parser.parse_args()))
    os._exit(0)  # thousands of TLS links are not closed one by one
