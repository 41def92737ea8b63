"""A rebuild: datums and sessions are derived again beside the tables, then swapped in, in one transaction.

    endings   what no charger said: sessions that people ended
    span      which rows of the ledger are run again, and what chargers were doing when they begin
    staging   the tables they make, in a file of their own, written by the code that writes the live ones
    swap      what takes whose place, in one transaction; what that changes; and the way back

Who runs the rows through the handlers is not known here (`solarocpp.rebuilding`). It is for a store that
nobody serves: the memory of a running server would still say what the old tables said.

What is replaced: rows of `datum` and `signedReading` that something received since the cut has made or
merged into; sessions that began since, or ran at the cut; totals of sessions whose rows or datums
changed. What is not: `event`, which tells what was noticed at the time; `charger` and `connector`, which
show the newest and are corrected by the next message; the ledger and the registry.
"""

from solarocpp.store.rebuild.endings import Ending, read_endings
from solarocpp.store.rebuild.span import (
    LEARNING,
    PAGE_ROWS,
    Span,
    find_span,
    first_received,
    read_ledger,
    remembered_at,
)
from solarocpp.store.rebuild.staging import BEFORE, Staging, attached, attempt, kept_file
from solarocpp.store.rebuild.swap import Changes, SessionChange, TableChange, keep_before, swapped, undo_swap

__all__ = [
    "BEFORE",
    "LEARNING",
    "PAGE_ROWS",
    "Changes",
    "Ending",
    "SessionChange",
    "Span",
    "Staging",
    "TableChange",
    "attached",
    "attempt",
    "find_span",
    "first_received",
    "keep_before",
    "kept_file",
    "read_endings",
    "read_ledger",
    "remembered_at",
    "swapped",
    "undo_swap",
]
