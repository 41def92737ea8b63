"""The analysts of readers.py: a process of its own that asks a running server without pause.

    asking.py http WEB_ADDRESS TOKEN STATEMENT [--analysts 4]
    asking.py quack QUACK_ADDRESS TOKEN STATEMENT [--analysts 1]

Prints {"ready": N}, asks until its standard input ends, then prints how many questions were answered and how
many stopped or refused, with one reason. Each statement gives one number, which must not go back (a count of
rows does not); `fell` says how often it did.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Callable

import duckdb
import httpx

from solarocpp.query.quack import load_extensions

Ask = Callable[[], int]

ATTEMPTS = 5


class Account:
    """What became of the questions of all analysts."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.answered = 0
        self.failed = 0
        self.fell = 0
        self.reason = ""
        self.last = 0

    def book(self, number: int, before: int) -> None:
        """Books an answer."""
        with self.lock:
            self.answered += 1
            self.fell += number < before
            self.last = max(self.last, number)

    def book_failure(self, reason: str) -> None:
        """Books a question that was stopped or refused."""
        with self.lock:
            self.failed += 1
            self.reason = reason.partition("\n")[0]


def asking_http(address: str, token: str, statement: str) -> Ask:
    """Asks over HTTP, each time anew."""
    http = httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=120, trust_env=False)

    def ask() -> int:
        answer = http.post(f"http://{address}/api/sql", json={"query": statement})
        if not answer.is_success:
            raise RuntimeError(answer.json()["error"])
        return int(answer.json()["rows"][0][0])

    return ask


def attach(con: duckdb.DuckDBPyConnection, statement: str) -> None:
    """Attaches as people do: what a busy server stopped at its deadline is tried again."""
    for _ in range(ATTEMPTS - 1):
        try:
            con.execute(statement)
        except duckdb.InvalidInputException:
            continue
        return
    con.execute(statement)


def asking_quack(address: str, token: str, statement: str) -> Ask:
    """Asks as any DuckDB client that is attached; `solar` is the server."""
    con = duckdb.connect()
    load_extensions(con)
    attach(con, f"ATTACH 'quack:{address}' AS solar (TOKEN '{token}')")

    def ask() -> int:
        row = con.execute(statement).fetchone()
        return int(row[0]) if row else 0

    return ask


def analyse(ask: Ask, account: Account, stop: threading.Event) -> None:
    """Asks until told to stop."""
    before = 0
    while not stop.is_set():
        try:
            number = ask()
        except (RuntimeError, duckdb.Error, httpx.HTTPError) as exc:
            account.book_failure(str(exc))
            time.sleep(0.01)
        else:
            account.book(number, before)
            before = number


def main() -> None:
    """Asks, and accounts for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("door", choices=["http", "quack"])
    parser.add_argument("address")
    parser.add_argument("token")
    parser.add_argument("statement")
    parser.add_argument("--analysts", type=int, default=1)
    given = parser.parse_args()
    make = {"http": asking_http, "quack": asking_quack}[given.door]
    account, stop = Account(), threading.Event()
    asks = [make(given.address, given.token, given.statement) for _ in range(given.analysts)]
    threads = [threading.Thread(target=analyse, args=(ask, account, stop)) for ask in asks]
    for thread in threads:
        thread.start()
    print(json.dumps({"ready": len(threads)}), flush=True)
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join(1.0)
    counts = {"answered": account.answered, "stopped_or_refused": account.failed, "fell": account.fell}
    print(json.dumps({**counts, "reason": account.reason, "last": account.last}), flush=True)
    os._exit(0)  # what still waits for an answer when the time is over is not waited for


if __name__ == "__main__":
    main()
