"""A store whose disk is full, or that is killed: what was acknowledged is there, once; what was refused is not."""

from __future__ import annotations

import json
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from stored import T, observed, rows

from solarocpp.store import open_store

pytestmark = pytest.mark.slow  # each starts a process that imports DuckDB

CHILD = Path(__file__).with_name("store_child.py")
SEED = random.SystemRandom().randrange(1_000_000)


class Child:
    """A process with a running store."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        root = Path(__file__).parent.parent.parent
        self.process = subprocess.Popen(
            [sys.executable, str(CHILD), str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={"PYTHONPATH": str(root)},
        )
        assert self._read() == "ready"

    def order(self, **order: object) -> object:
        """Has one order carried out, and returns the answer."""
        self.send(**order)
        return self._read()

    def send(self, **order: object) -> None:
        """Gives an order and does not wait."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def limit_files(self, size: int | None) -> None:
        """Lets no file grow beyond `size`, as a full disk would; Python ignores the signal, DuckDB gets EFBIG."""
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (hard if size is None else size, hard))

    def log_size(self) -> int:
        return (self.directory / "solarocpp.duckdb.wal").stat().st_size

    def end(self) -> int:
        """Ends it as a server ends, and returns the exit code."""
        self.process.communicate(timeout=30)
        return self.process.returncode

    def _read(self) -> object:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    process = Child(tmp_path)
    yield process
    process.process.kill()
    process.process.communicate()


def stored(directory: Path) -> tuple[list[object], list[object]]:
    """The unique ids in the ledger and the values of the datums, by another process: this one."""
    store = open_store(directory, now=T)
    try:
        tail = list(store.tail())
        # The child numbers messages and their datums alike.
        numbers = [int(json.loads(row.exchange.request)[1]) for row in tail]
        store.project_tail([(row.seq, [observed(n, watts=float(n))]) for row, n in zip(tail, numbers, strict=True)])
        ids = [number for (number,) in rows(store, "SELECT (request->>1)::INT FROM ledger ORDER BY seq")]
        watts = [value for (value,) in rows(store, "SELECT watts FROM datum ORDER BY created")]
        assert [value for (value,) in rows(store, "SELECT watts FROM latest")] == watts[-1:]
        return ids, watts
    finally:
        store.close()


def test_full_disk_refuses_and_recovers(child: Child, tmp_path: Path) -> None:
    """InternalError while there is no space, and no restart when there is again."""
    assert child.order(record=10) == 10
    assert child.order(settle=True) is True
    child.limit_files(child.log_size() + 10)
    assert child.order(record=5) == 0
    assert child.order(record=5) == 0
    assert "too large" in str(child.order(statistics=True))
    assert child.order(write=True) == "StoreFull"
    child.limit_files(None)
    assert child.order(record=5) == 5
    assert child.order(settle=True) is True
    assert child.order(statistics=True) == ""
    assert child.end() == 0
    accepted = [*range(1, 11), *range(21, 26)]
    assert stored(tmp_path) == (accepted, [float(number) for number in accepted])


def test_instance_that_died_of_a_full_disk_is_opened_again(child: Child, tmp_path: Path) -> None:
    """DuckDB gives up for good when a checkpoint finds no space; the server must not."""
    assert child.order(record=10) == 10
    assert child.order(settle=True) is True
    child.limit_files(1000)
    assert child.order(checkpoint=True) is True
    assert child.order(record=5) == 0
    assert child.order(write=True) == "StoreFull"
    child.limit_files(None)
    assert child.order(record=5) == 5
    assert child.order(settle=True) is True
    assert child.order(statistics=True) == ""
    assert child.order(checkpoint=True) is True
    assert child.order(record=5) == 5
    assert child.end() == 0
    accepted = [*range(1, 11), *range(16, 26)]
    assert stored(tmp_path) == (accepted, [float(number) for number in accepted])


def test_projection_waits_for_space_and_loses_nothing(child: Child, tmp_path: Path) -> None:
    """Room for the ledger's row and not for the tables': acknowledged, so it must be shown later."""
    assert child.order(record=1) == 1
    assert child.order(settle=True) is True
    child.limit_files(child.log_size() + 40_000)
    accepted = child.order(record=20)
    assert accepted == 20
    assert child.order(settle=True) == "StoreFull"
    child.limit_files(None)
    assert child.order(record=1) == 1
    assert child.order(settle=True) is True
    assert child.end() == 0
    assert stored(tmp_path) == (list(range(1, 23)), [float(number) for number in range(1, 23)])


@pytest.mark.parametrize("kill", range(5))
def test_killed_store_has_everything_it_acknowledged_once(tmp_path: Path, kill: int) -> None:
    """SIGKILL at a random moment: between commit and projection, within either, or before the first."""
    moment = random.Random(SEED + kill).randrange(1, 400)  # noqa: S311 no secret
    child = Child(tmp_path)
    child.send(flood=True)
    assert child.process.stdout is not None
    acknowledged = [int(child.process.stdout.readline()) for _ in range(moment)]
    child.process.send_signal(signal.SIGKILL)
    # Not communicate(): it would miss the lines that readline has taken from the pipe already.
    rest = child.process.stdout.read()
    child.process.communicate()
    acknowledged += [int(line) for line in rest.splitlines() if line.strip()]
    ids, watts = stored(tmp_path)
    assert ids[: len(acknowledged)] == acknowledged, f"seed {SEED}"
    # One more may be stored than was acknowledged: killed in between.
    assert ids == list(range(1, len(ids) + 1))
    assert len(ids) <= len(acknowledged) + 1
    assert watts == [float(number) for number in ids]
