"""How a register is followed: what it rose by from reading to reading, whatever it does in between.

This is the one place that says so. Totals of sessions, the view `energy` and the roll-ups of `query`
all ask it, so a session, an hour and a connector agree about the same readings. A register does not only rise:

* A fall that stays is a reset: it counts from zero again, so its new value is what it rose by (Q83).
* A fall that recovers is a glitch (Q86), or a charger that sends a register of its own for the session
  between lifetime readings at start and stop (Q84): what lies between fall and recovery counts nothing.
  It has recovered when one step rises by more than half of the fall, to the level before it or above;
  climbing back reading by reading is charging on after a reset.
* A session that begins or ends below is no glitch, however it goes on: some registers start anew with
  each transaction (Q83), and one large step of theirs may pass the level of the session before.
* Where a meter was changed, an operator says what the old one ended and the new one began with
  (`resetRecord`); from then on the readings are shifted, and nothing falls.

SQL text only, of window functions: linear in the readings, whatever they are (20,000 readings, every second of
them a glitch: 100 ms of CPU).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

STREAM = '"nodeId", "sourceId"'
"""What one register belongs to."""

SESSION = 'coalesce("transactionId", -1)'
"""The session of a reading as a number, which a store never gives twice; DuckDB reads it 40 times as fast as a UUID."""

# A fall within a fall is a register of the session's own (Q84) that was reset by a reboot (Q83). Nobody reported
# three deep; it would count as a reset.
_PASSES = 2

_SERIES = "PARTITION BY {partition} ORDER BY created"
_EARLIER = f"({_SERIES} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
_LATER = f"({_SERIES} ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)"

Stage = Mapping[str, str]

# What is worked out about each reading of a register {r}, one projection after another. A helper column is
# called like the register, a space, and its name here, so no property can be in its way.
_BEGIN: tuple[Stage, ...] = ({"kept": "{shifted}", "state": "NULL::VARCHAR", "bound": "false"},)
_BEGIN_BOUND: tuple[Stage, ...] = (
    # Readings only: a moment without the register has no part in this.
    {"kept": "{shifted}", "state": "NULL::VARCHAR", "whose": "CASE WHEN {r} IS NOT NULL THEN {session} END"},
    {
        "begins": f"lag({{whose}} IGNORE NULLS) OVER ({_SERIES}) IS DISTINCT FROM {{whose}}",
        "ends": f"lead({{whose}} IGNORE NULLS) OVER ({_SERIES}) IS DISTINCT FROM {{whose}}",
        "moved": f"lag({{shift}}) OVER ({_SERIES}) IS DISTINCT FROM {{shift}}",
    },
    {"bound": "{r} IS NOT NULL AND ({moved} OR {whose} >= 0 AND ({begins} OR {ends}))"},
)

# Each fall begins a new stretch of readings. `returned` is set on the one reading of a stretch, if any, that gets
# back in a jump to the level of before the fall, with no bound of a session in between.
_PASS: tuple[Stage, ...] = (
    {"before": f"lag({{kept}} IGNORE NULLS) OVER ({_SERIES})"},
    {
        # With count(*) FILTER in a window, 20,000 readings take 173 ms; so they take 7.
        "falls": f"sum(({{kept}} < {{before}})::INTEGER) OVER ({_SERIES})",
        "level": f"last_value(CASE WHEN {{kept}} < {{before}} THEN {{before}} END IGNORE NULLS) OVER {_EARLIER}",
        "fall": (
            f"last_value(CASE WHEN {{kept}} < {{before}} THEN {{before}} - {{kept}} END IGNORE NULLS) OVER {_EARLIER}"
        ),
        "open": (
            "last_value(CASE WHEN {bound} THEN false WHEN {kept} < {before} THEN true END IGNORE NULLS) "
            f"OVER {_EARLIER}"
        ),
    },
    {
        "returned": (
            "CASE WHEN {open} AND {before} < {level} AND {kept} >= {level} AND {kept} - {before} > {fall} / 2 "
            "THEN {falls} END"
        )
    },
    {"return": f"first_value({{returned}} IGNORE NULLS) OVER {_LATER}"},
)
_IGNORED = "{return} = {falls} AND {returned} IS NULL"
_AFTER_PASS: Stage = {
    "kept": f"CASE WHEN {_IGNORED} THEN NULL ELSE {{kept}} END",
    "state": (
        f"CASE WHEN {{kept}} IS NULL THEN {{state}} WHEN {_IGNORED} THEN 'ignored' "
        "WHEN {returned} IS NOT NULL THEN 'returned' ELSE {state} END"
    ),
}

_END: tuple[Stage, ...] = (
    {
        "before": f"lag({{kept}} IGNORE NULLS) OVER ({_SERIES})",
        "since": f"lag(CASE WHEN {{kept}} IS NOT NULL THEN created END IGNORE NULLS) OVER ({_SERIES})",
        "then": f"lag(CASE WHEN {{kept}} IS NOT NULL THEN {{shift}} END IGNORE NULLS) OVER ({_SERIES})",
    },
    {
        "rise": (
            "CASE WHEN {kept} < {before} THEN {r} WHEN {before} IS NULL AND {kept} IS NOT NULL THEN 0 "
            "ELSE {kept} - {before} END"
        ),
        "note": (
            "CASE WHEN {kept} < {before} THEN 'reset' WHEN {kept} IS NOT NULL AND {then} <> {shift} THEN 'recorded' "
            "ELSE {state} END"
        ),
    },
)
_RESULTS = ("since", "rise", "note")


def stitched_sql(
    rows: str,
    registers: Sequence[str],
    *,
    partition: str = STREAM,
    session: str | None = SESSION,
    shifted: bool = False,
) -> str:
    """Writes the SQL that follows registers: all columns of `rows`, and three more for each register `R`.

    * `"R rise"`: what it rose by since the reading before; 0 at the first, NULL where there is no reading or
      it counts nothing. It is never negative, and its sum is what the register went.
    * `"R since"`: when the reading before was; NULL at the first.
    * `"R note"`: `reset` where it counts from zero again, `ignored` where a reading counts nothing, `returned`
      at the reading that ended a glitch, `recorded` at the first after a `resetRecord`, else NULL.

    Args:
        rows: SQL of rows that have `created`, the registers, and what `partition` and `session` name.
        registers: names of columns, in the spelling of `rows`.
        partition: columns that one series has in common, as SQL.
        session: SQL of a number that readings of one session have in common, negative outside of any; None if
            each series is of one session, or sessions do not matter.
        shifted: `rows` come from `shifted_sql`.
    """
    for projection in stitching_projections(registers, partition=partition, session=session, shifted=shifted):
        rows = f"SELECT {projection} FROM ({rows})"
    return rows


def stitching_projections(
    registers: Sequence[str], *, partition: str = STREAM, session: str | None = SESSION, shifted: bool = False
) -> list[str]:
    """Writes `stitched_sql` as what each of its nested SELECTs selects, innermost first: for relations."""
    if not registers:
        return []
    begin = _BEGIN if session is None and not shifted else _BEGIN_BOUND
    names = [_names(r, partition, session or "-1", shifted=shifted) for r in registers]
    projections = [_added(names, stage) for stage in begin]
    for _ in range(_PASSES):
        projections += [_added(names, stage) for stage in _PASS]
        projections.append(f"* {_without(names, _PASS)} REPLACE ({_spelled(names, _AFTER_PASS)})")
    projections += [_added(names, stage) for stage in _END]
    helpers = [helper for stage in (*begin, *_END) for helper in stage if helper not in _RESULTS]
    projections.append(f"* {_without(names, [helpers, ['shift'] if shifted else []])}")
    return projections


def shifted_sql(rows: str, registers: Iterable[str]) -> str:
    """Writes the SQL of `rows` with, for each register `R`, `"R shift"`: what `resetRecord` says to add to it."""
    shifts = ", ".join(f"coalesce(s.shifts['{_text(r)}'], 0) AS {_quoted(f'{r} shift')}" for r in registers)
    return (
        f'SELECT d.*, {shifts} FROM ({rows}) d LEFT JOIN ({_SHIFTS}) s ON s."nodeId" = d."nodeId" '
        'AND s."sourceId" = d."sourceId" AND d.created >= s.since AND d.created < s.until'
    )


# From each record of a stream to the next: by how much each of its registers is to be shifted then.
_SHIFTS = """
SELECT "nodeId", "sourceId", since, until, map_from_entries(list((property, shift))) AS shifts
FROM (
    SELECT b."nodeId", b."sourceId", b.since, b.until, r.property, sum(r."final" - r."start") AS shift
    FROM (
        SELECT "nodeId", "sourceId", created AS since,
            lead(created, 1, 'infinity'::TIMESTAMPTZ) OVER (PARTITION BY "nodeId", "sourceId" ORDER BY created) AS until
        FROM (SELECT DISTINCT "nodeId", "sourceId", created FROM "resetRecord")
    ) b
    JOIN "resetRecord" r ON r."nodeId" = b."nodeId" AND r."sourceId" = b."sourceId" AND r.created <= b.since
    GROUP BY ALL
)
GROUP BY ALL"""


def _names(register: str, partition: str, session: str, *, shifted: bool) -> dict[str, str]:
    helpers = {helper for stage in (*_BEGIN_BOUND, *_PASS, *_END) for helper in stage}
    names = {helper: _quoted(f"{register} {helper}") for helper in helpers}
    shift = _quoted(f"{register} shift")
    r = _quoted(register)
    fixed = {"r": r, "partition": partition, "session": session}
    return {**names, **fixed, "shift": shift if shifted else "0", "shifted": f"{r} + {shift}" if shifted else r}


def _added(names: Sequence[Mapping[str, str]], stage: Stage) -> str:
    return f"*, {_spelled(names, stage)}"


def _spelled(names: Sequence[Mapping[str, str]], stage: Stage) -> str:
    return ", ".join(f"{text.format_map(name)} AS {name[helper]}" for name in names for helper, text in stage.items())


def _without(names: Sequence[Mapping[str, str]], helpers: Iterable[Iterable[str]]) -> str:
    return f"EXCLUDE ({', '.join(name[helper] for name in names for stage in helpers for helper in stage)})"


def _quoted(name: str) -> str:
    """Quotes a column name; vendors name columns, too."""
    return '"' + name.replace('"', '""') + '"'


def _text(name: str) -> str:
    return name.replace("'", "''")
