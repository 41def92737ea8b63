"""`solarocpp rebuild`: derives datums and sessions again from the ledger, beside the tables, and swaps them in."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from solarocpp.cli.confirm import confirm
from solarocpp.cli.options import HERE, Format, Where, Yes
from solarocpp.cli.output import print_rows, remark
from solarocpp.errors import StoreLocked, Unreachable, WrongUsage

if TYPE_CHECKING:
    from solarocpp.rebuilding import Rebuild
    from solarocpp.store import Store
    from solarocpp.store.rebuild import Changes

# A person looks at the first; who wants all takes `--sessions`.
SESSIONS_SHOWN = 10

_TABLE_COLUMNS = ("table", "before", "after", "added", "removed", "changed")
_SESSION_COLUMNS = ("transactionId", "sourceId", "token", "started", "energyBefore", "energyAfter")


def rebuild(  # noqa: PLR0913 one argument an option
    *,
    since: Annotated[str | None, Parameter(help="What was received from this time on is derived again (UTC).")] = None,
    dry_run: Annotated[bool, Parameter(negative="", help="Print what would change, and change nothing.")] = False,
    undo: Annotated[bool, Parameter(negative="", help="Put back what the last rebuild replaced.")] = False,
    sessions: Annotated[
        bool, Parameter(negative="", help="List the sessions whose energy changes, instead of the tables.")
    ] = False,
    yes: Yes = False,
    format: Format = "table",  # noqa: A002 the option is called so
    where: Where = HERE,
) -> None:
    """Derives datums and sessions again from the ledger, and puts them in the place of those that are there."""
    from solarocpp import rebuilding
    from solarocpp.query.filters import read_time_range

    begin = read_time_range(since, None).at("UTC").since
    if (begin is None) is not undo:
        raise WrongUsage("Say from when on: solarocpp rebuild --since 2026-01-31. Or --undo alone, to take it back.")
    with closing(_open(where)) as store:
        if begin is None:
            _undo(store, yes=yes)
            return
        with ExitStack() as bar:
            tell = bar.enter_context(_progress())
            with rebuilding.rebuilt(store, begin, now=datetime.now(UTC), tell=tell) as done:
                bar.close()  # what is printed next would be drawn over
                if done is not None:
                    _print_changes(done.changes, format, sessions=sessions)
                said = _judge(done, dry_run=dry_run, yes=yes)
    # Only now is it true.
    remark(said or f"Nothing was received since {begin:%Y-%m-%d %H:%M:%S}Z, so there is nothing to do.")


def _judge(done: Rebuild | None, *, dry_run: bool, yes: bool) -> str:
    """Decides whether it is kept, and gives what is to be said of it then."""
    if done is None:
        return ""
    if done.left_out:
        remark(f"Warning: {done.left_out} things they say cannot be stored, then as now.")
    again = f"{done.exchanges} exchanges since {done.since:%Y-%m-%d %H:%M:%S}Z were run again"
    if not done.changes.any:
        return f"{again}: every row is as it is. Nothing was written."
    if dry_run:
        return f"{again}. Nothing was written; without --dry-run this takes the place of what is there."
    question, consequence = "Put this in the place of what is there?", "--undo takes it back."
    if done.changes.removes and not _agree(question, consequence, yes=yes):
        return "Nothing was written."
    done.keep()
    return f"{again}, and what they make is in the tables. To take it back: solarocpp rebuild --undo"


def _undo(store: Store, *, yes: bool) -> None:
    from solarocpp import rebuilding

    if _agree("Undo the last rebuild?", "What it replaced is put back.", yes=yes):
        rebuilding.undo(store, now=datetime.now(UTC))
        remark("Everything is as it was before the rebuild.")


def _agree(question: str, consequence: str, *, yes: bool) -> bool:
    return confirm(question, consequence, "whether rows may change or go", yes=yes)


def _print_changes(changes: Changes, output_format: Format, *, sessions: bool) -> None:
    listed = [(*session[:3], session.started.isoformat(), *session[4:]) for session in changes.sessions]
    if sessions:
        print_rows(_SESSION_COLUMNS, listed, output_format)
        return
    print_rows(_TABLE_COLUMNS, changes.tables, output_format)
    if listed and output_format == "table":
        print("\nSessions whose energy (Wh) changes, the largest differences first:")
        print_rows(_SESSION_COLUMNS, listed[:SESSIONS_SHOWN], output_format)


def _open(where: Where) -> Store:
    """Opens the store for this process alone, its tables up to date.

    Raises:
        StoreLocked, Unreachable: it cannot be had alone; says what to do.
    """
    from solarocpp.app import replay_tail
    from solarocpp.central_system import CentralSystem, Transactions
    from solarocpp.registry import Registry
    from solarocpp.store import open_store
    from solarocpp.store.schema import DATABASE

    if where.url is not None:
        raise WrongUsage("A rebuild needs the store for itself: run it where the data is, with the server stopped.")
    if not (where.data / DATABASE).exists():
        raise Unreachable(f"There is no store in {str(where.data)!r}. Say where it is with --data DIR.")
    try:
        store = open_store(where.data, now=datetime.now(UTC))
    except StoreLocked as locked:
        raise Unreachable(
            f"{locked.path} is in use by {f'process {locked.pid}' if locked.pid else 'another process'}, and a rebuild "
            "needs it alone: the memory of a running server would not agree with the new tables. Stop the server, "
            "rebuild, start it again; chargers keep their messages meanwhile."
        ) from locked
    try:
        transactions = Transactions(store.transactions(), store.store_id)
        replay_tail(store, CentralSystem(Registry.load(store), transactions))
    except BaseException:
        store.close()
        raise
    return store


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Draws a bar on a terminal: ledger rows done, of how many, and how long the rest takes."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console, hidden = Console(stderr=True), not sys.stderr.isatty()
    with Progress(
        *columns, console=console, transient=True, disable=hidden, redirect_stdout=False, redirect_stderr=False
    ) as progress:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what)
            progress.update(tasks[what], completed=done, total=total or None)  # None: nobody can tell

        yield tell
