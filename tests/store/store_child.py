"""A process with a running store, for tests that starve or kill it; told what to do on stdin, a JSON line each.

{"record": 10}       records ten exchanges with a datum each; answers with how many were accepted
{"flood": true}      records for ever, one after another; prints each number once it is acknowledged
{"checkpoint": true} asks for a checkpoint, which answers nothing but true
{"write": true}      changes the registry; answers true or the error
{"settle": true}     answers true or the error
{"statistics": true} answers with `failing`
"""

from __future__ import annotations

import json
import sys
from itertools import count
from pathlib import Path

import trio
from stored import exchange, observed, record_all, running

from solarocpp.errors import StoreError
from solarocpp.logs import configure_logs
from solarocpp.store import Store

NUMBERS = count(1)


async def answer(store: Store, order: dict[str, int]) -> object:
    """Carries out one order."""
    match order:
        case {"record": amount}:
            records = [
                (exchange(n, size=1000), [observed(n, watts=float(n))]) for n in (next(NUMBERS) for _ in range(amount))
            ]
            return sum(await record_all(store, records))
        case {"flood": _}:
            while True:
                number = next(NUMBERS)
                if all(await record_all(store, [(exchange(number), [observed(number, watts=float(number))])])):
                    print(number, flush=True)
        case {"checkpoint": _}:
            store._projector.checkpoint(always=True)
        case {"write": _}:
            return await attempt(store.write, lambda con: con.execute("UPDATE node SET name = name || '!'"))
        case {"settle": _}:
            return await attempt(store.settle)
        case {"statistics": _}:
            return store.statistics().failing
    return True


async def attempt(what: object, *arguments: object) -> object:
    """Says whether it worked, or why not."""
    try:
        await what(*arguments)  # type: ignore[operator]
    except StoreError as exc:
        return type(exc).__name__
    return True


async def main() -> None:
    """Obeys until stdin ends."""
    configure_logs()  # to stderr: stdout is for answers
    async with running(Path(sys.argv[1])) as store:
        print(json.dumps("ready"), flush=True)
        while line := await trio.to_thread.run_sync(sys.stdin.readline):
            print(json.dumps(await answer(store, json.loads(line))), flush=True)


if __name__ == "__main__":
    trio.run(main)
