"""Programs that poll the API over HTTP, each on a connection of its own; a process beside the server.

    polling.py ADDRESS TOKEN --clients N --every S PATH [PATH ...]

Each client asks for the paths in turn, one every S seconds (0: as soon as it is answered). Prints {"ready": N} once
each has had an answer, then asks until standard input ends, and prints how many were answered, how many were not, and
how long they took.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import cycle

import httpx
import trio


class Account:
    """What became of the requests of all clients."""

    def __init__(self) -> None:
        self.took_s: list[float] = []
        self.newest_bytes = 0
        self.failed = 0
        self.reason = ""

    def book(self, answer: httpx.Response, took_s: float) -> None:
        """Books one answer."""
        if answer.is_success:
            self.took_s.append(took_s)
            self.newest_bytes = len(answer.content)
        else:
            self.failed += 1
            self.reason = f"{answer.status_code} {answer.text[:200]}"

    def report(self) -> dict[str, object]:
        """Sums up."""
        ordered = sorted(self.took_s)
        at = {share: ordered[int(len(ordered) * share)] if ordered else 0.0 for share in (0.5, 0.99)}
        return {
            "requests": len(ordered),
            "newest_bytes": self.newest_bytes,
            "requests_failed": self.failed,
            "requests_reason": self.reason,
            "requests_p50_ms": round(at[0.5] * 1000, 1),
            "requests_p99_ms": round(at[0.99] * 1000, 1),
        }


async def poll(given: argparse.Namespace, number: int, account: Account, *, task_status: trio.TaskStatus[None]) -> None:
    """Is one client; the clients begin at different moments, as programs do."""
    headers = {"Authorization": f"Bearer {given.token}"}
    paths = cycle([*given.paths[number % len(given.paths) :], *given.paths[: number % len(given.paths)]])
    async with httpx.AsyncClient(
        base_url=f"http://{given.address}", headers=headers, timeout=60, trust_env=False
    ) as http:
        (await http.get(next(paths))).raise_for_status()
        task_status.started()
        await trio.sleep(given.every * number / given.clients)
        while True:
            began = time.perf_counter()
            account.book(await http.get(next(paths)), time.perf_counter() - began)
            await trio.sleep(max(0.0, given.every - (time.perf_counter() - began)))


async def main(given: argparse.Namespace) -> None:
    """Polls, and accounts for it."""
    account = Account()
    async with trio.open_nursery() as nursery:
        for number in range(given.clients):
            await nursery.start(poll, given, number, account)
        account.took_s.clear()
        print(json.dumps({"ready": given.clients}), flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)
        nursery.cancel_scope.cancel()
    print(json.dumps(account.report()), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("token")
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--every", type=float, default=1.0)
    trio.run(main, parser.parse_args())
