"""How a register is followed: what it rose by from reading to reading, whatever it does in between.

This is the one place that says so. Totals of sessions, the view `energy` and the roll-ups of `query`
all ask it, so a session, an hour and a connector agree about the same readings. A register does not only rise:

* A fall that stays is a reset: it counts from zero again, so its new value is what it rose by (Q83).
* A fall that recovers is a glitch (Q86), or a charger that sends a register of its own for the session
  between lifetime readings at start and stop (Q84): what lies between fall and recovery counts nothing.
  It has recovered when one step rises by more than half of the fall, to the level before it or above;
  climbing back reading by reading is charging on after a reset.
* A fall of less than 1 Wh is rounding, and nothing.
* A session that begins or ends below is no glitch, however it goes on: some registers start anew with
  each transaction (Q83), and one large step of theirs may pass the level of the session before.
* Where a meter was changed, an operator says what the old one ended and the new one began with
  (`resetRecord`); from then on the readings are shifted, and nothing falls.

SQL text only, of window functions. Following a fall costs ten times what a rise does, so it is done where something
falls: in stretches that begin and end where nothing before them can change anything after them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

STREAM = '"nodeId", "sourceId"'
"""What one register belongs to."""

SESSION = 'coalesce("transactionId", -1)'
"""The session of a reading as a number, which a store never gives twice; DuckDB reads it 40 times as fast as a UUID."""

# A fall within a fall is a register of the session's own (Q84) that was reset by a reboot (Q83). Nobody reported
# three deep; it would count as a reset.
_PASSES = 2

# Readings among themselves, and moments without the register apart. IGNORE NULLS would say it more plainly, and look
# through all of a long gap for each row of it: 30 s for a year of one stream, where this takes one.
_SERIES = "PARTITION BY {partition}, ({kept} IS NULL) ORDER BY created"
_STRETCH = "PARTITION BY {partition}, ({kept} IS NULL), {falls} ORDER BY created"
_UP_TO_IT = "ROWS UNBOUNDED PRECEDING"
_WHOLE = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"

Stage = Mapping[str, str]

# What is worked out about each reading of a register {r}, one projection after another. A helper column is
# called like the register, a space, and its name here, so no property can be in its way.
_KEPT: Stage = {"kept": "{shifted}"}
_BEFORE: Stage = {
    "before": f"lag({{kept}}) OVER ({_SERIES})",
    "since": f"lag(created) OVER ({_SERIES})",
    "then": f"lag({{shift}}) OVER ({_SERIES})",
}
_UNBOUND: tuple[Stage, ...] = ({"bound": "false"},)
_BOUND: tuple[Stage, ...] = (
    {
        "begins": f"lag({{session}}) OVER ({_SERIES}) IS DISTINCT FROM {{session}}",
        "ends": f"lead({{session}}) OVER ({_SERIES}) IS DISTINCT FROM {{session}}",
        "moved": f"lag({{shift}}) OVER ({_SERIES}) IS DISTINCT FROM {{shift}}",
    },
    {"bound": "{moved} OR {session} >= 0 AND ({begins} OR {ends})"},
)

# Behind a bound of a session, and behind a reading that is not below any before it, no earlier fall can recover; such
# a reading is never ignored itself. There a series can be cut into parts that are followed each by itself.
_FIRM: Stage = {
    "firm": f"{{kept}} IS NOT NULL AND ({{bound}} OR {{kept}} >= max({{kept}}) OVER ({_SERIES} {_UP_TO_IT}))",
    "ahead": f"coalesce(lead({{kept}}) OVER ({_SERIES}) < {{kept}}, false)",
}

# What the first reading of a part follows on: the last one of the part before.
_ENTRY: Stage = {
    helper: f"first_value({{{column}}}) OVER ({_SERIES})"
    for helper, column in (("entry", "before"), ("entered", "since"), ("entry shift", "then"))
} | {"state": "NULL::VARCHAR"}
_BEFORE_IN_PART: Stage = {
    "before": f"lag({{kept}}, 1, {{entry}}) OVER ({_SERIES})",
    "since": f"lag(created, 1, {{entered}}) OVER ({_SERIES})",
    "then": f"lag({{shift}}, 1, {{entry shift}}) OVER ({_SERIES})",
}

# Each fall begins a new stretch of readings. `returned` is the one reading of a stretch, if any, that gets back in a
# jump to the level of before the fall, with no bound of a session in between: then those below count nothing.
_PASS: tuple[Stage, ...] = (
    {"before": _BEFORE_IN_PART["before"]},
    {"falls": f"sum(coalesce({{kept}} < {{before}}, false)::INTEGER) OVER ({_SERIES} {_UP_TO_IT})"},
    {
        "level": f"first_value({{before}}) OVER ({_STRETCH})",
        "fall": f"first_value({{before}} - {{kept}}) OVER ({_STRETCH})",
        "bounds": f"sum({{bound}}::INTEGER) OVER ({_STRETCH} {_UP_TO_IT}) - {{bound}}::INTEGER",
    },
    {
        "returned": (
            "coalesce({bounds} = 0 AND {before} < {level} AND {kept} >= {level} "
            "AND {kept} - {before} > {fall} / 2, false)"
        )
    },
    {"ignored": f"{{kept}} < {{level}} AND bool_or({{returned}}) OVER ({_STRETCH} {_WHOLE})"},
)
_AFTER_PASS: Stage = {
    "kept": "CASE WHEN {ignored} THEN NULL ELSE {kept} END",
    "state": "CASE WHEN {ignored} THEN 'ignored' WHEN {returned} THEN 'returned' ELSE {state} END",
}
# meterStart and meterStop are whole Wh (OCPP 1.6 §6.45, §6.49), readings are not: 5, then 4.512, is the same register.
_ROUNDED = "({before} - {kept} > 0 AND {before} - {kept} < 1)"

_END: Stage = {
    "rise": (
        f"CASE WHEN {_ROUNDED} THEN 0 WHEN {{kept}} < {{before}} THEN greatest({{r}}, 0) "
        "WHEN {before} IS NULL THEN {kept} - {kept} ELSE {kept} - {before} END"
    ),
    "note": (
        f"CASE WHEN {{kept}} < {{before}} AND NOT {_ROUNDED} THEN 'reset' "
        "WHEN {kept} IS NOT NULL AND {then} <> {shift} THEN 'recorded' "
        "ELSE {state} END"
    ),
}
# Columns about all registers together.
_FALLING, _FIRM_ALL, _CUT, _PART = (f'"stitching {name}"' for name in ("falls", "firm", "cut", "part"))


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
    if not registers:
        return rows
    names = [_names(r, partition, session or "-1", shifted=shifted) for r in registers]
    in_part = [_names(r, f"{partition}, {_PART}", session or "-1", shifted=shifted) for r in registers]
    rows = f"SELECT {_added(names, _KEPT)} FROM ({rows})"
    rows = f"SELECT {_added(names, _BEFORE)} FROM ({rows})"
    bounds = _BOUND if shifted or session is not None else _UNBOUND
    rising = f"SELECT {_added([{**name, 'state': 'NULL'} for name in names], _END)}"
    falling = f"SELECT * FROM part WHERE {_FALLING}"
    for projection in _passes(in_part):
        falling = f"SELECT {projection} FROM ({falling})"
    helpers = [_KEPT, ["before", "then"], ["shift"] if shifted else []]
    apart = _without(names, [*bounds, _FIRM]).removesuffix(")") + f", {_FIRM_ALL}, {_CUT}, {_PART}, {_FALLING})"
    return f"""
        WITH stitching AS (SELECT *, {_falls_within(names, partition)} AS {_FALLING} FROM ({rows})),
        part AS (
            SELECT * REPLACE ({_falls_within(names, f"{partition}, {_PART}")} AS {_FALLING})
            FROM ({_parted(f"SELECT * FROM stitching WHERE {_FALLING}", names, partition, bounds)})
        ),
        followed AS (
            SELECT * EXCLUDE ({_FALLING}) FROM ({rising} FROM stitching WHERE NOT {_FALLING})
            UNION ALL BY NAME SELECT * {apart} FROM ({rising} FROM part WHERE NOT {_FALLING})
            UNION ALL BY NAME SELECT * {apart} FROM ({falling})
        )
        SELECT * {_without(names, helpers)} FROM followed"""


def _falls_within(names: Sequence[Mapping[str, str]], partition: str) -> str:
    falls = " OR ".join(f"{name['kept']} < {name['before']}" for name in names)
    return f"coalesce(bool_or({falls}) OVER (PARTITION BY {partition}), false)"


def _parted(rows: str, names: Sequence[Mapping[str, str]], partition: str, bounds: Sequence[Stage]) -> str:
    """Numbers the parts of each series: one ends before a fall, and where no fall before it can recover any more."""
    series = f"PARTITION BY {partition} ORDER BY created"
    for stage in (*bounds, _FIRM):
        rows = f"SELECT {_added(names, stage)} FROM ({rows})"
    firm = " AND ".join(name["firm"] for name in names)
    falls = " OR ".join(name["ahead"] for name in names)
    cut = f"{_FIRM_ALL} AND ({falls} OR lag({falls}) OVER ({series}) OR NOT lag({_FIRM_ALL}, 1, false) OVER ({series}))"
    return f"""
        SELECT *, sum({_CUT}::INTEGER) OVER ({series} {_UP_TO_IT}) - {_CUT}::INTEGER AS {_PART}
        FROM (SELECT *, {cut} AS {_CUT} FROM (SELECT *, {firm} AS {_FIRM_ALL} FROM ({rows})))"""


def _passes(names: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Writes what each of the nested SELECTs selects that follow what falls, innermost first."""
    yield _added(names, _ENTRY)
    yield f"* {_without(names, [_BEFORE])}"
    for _ in range(_PASSES):
        yield from (_added(names, stage) for stage in _PASS)
        yield f"* {_without(names, _PASS)} REPLACE ({_spelled(names, _AFTER_PASS)})"
    yield _added(names, _BEFORE_IN_PART)
    yield _added(names, _END)
    yield f"* {_without(names, [_ENTRY])}"


def shifted_sql(rows: str, registers: Iterable[str]) -> str:
    """Writes the SQL of `rows` with, for each register `R`, `"R shift"`: what `resetRecord` says to add to it."""
    shifts = ", ".join(f"coalesce(s.shifts['{_text(r)}'], 0) AS {_quoted(f'{r} shift')}" for r in registers)
    return (
        f'SELECT d.*, {shifts} FROM ({rows}) d LEFT JOIN ({_SHIFTS}) s ON s."nodeId" = d."nodeId" '
        'AND s."sourceId" = d."sourceId" AND d.created > s.since AND d.created <= s.until'
    )


# After each record of a stream and up to the next: by how much each of its registers is to be shifted then. A reading
# at the moment of a record is the old meter's: spec 10.2 puts it before the record's final.
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


def _names(register: str, partition: str, session: str, *, shifted: bool) -> Mapping[str, str]:
    helpers = {helper for stage in (_KEPT, _BEFORE, *_BOUND, _FIRM, _ENTRY, *_PASS, _END) for helper in stage}
    names = {helper: _quoted(f"{register} {helper}") for helper in helpers}
    r, shift = _quoted(register), _quoted(f"{register} shift")
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
