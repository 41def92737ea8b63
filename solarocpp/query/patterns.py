"""What a search may cost: functions whose time grows faster than the text they look at.

DuckDB runs each on 2,048 rows before it looks for an interrupt. Measured on 1.5.5 in seconds from an interrupt
to the end, on texts of 500 characters: `LIKE '%a%b%'` 0.07, however many wildcards it has, `ILIKE '%a%q%'` 1.7
and with a third wildcard over 14; GLOB, LIKE with `_` and LIKE ... ESCAPE as ILIKE, since all of them try again at
each place. `contains` of 100 characters in 40,000: 11 s. A regular expression never tries again (RE2), but
`[ab]{1,900}` takes 900 steps for a character: over 14 s on 90,000. And regexp_replace with 'g' looks through the rest
of the text for each match: 1,000 characters of `a` took 0.9 s, of `a.*q|b` 4.3, of `q*` over 8.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from solarocpp.errors import SqlRefused
from solarocpp.query.functions import Call
from solarocpp.query.sizes import Size
from solarocpp.query.tree import written_text

# Steps for a value, each measured so that 2,048 values take 2 s.
_MOST_TRIES = 200_000
_MOST_COMPARED = 500_000
_MOST_STATES = 4_000_000
# Characters that may be looked for in what an aggregate has collected, or steps for a character.
_MOST_IN_COLLECTED = 100

_ADVICE = "regexp_matches (whose time does not grow like that), contains and starts_with do without"

_LIKE = frozenset({"~~", "!~~"})
_TRYING: Mapping[str, str] = {
    "~~": "LIKE",
    "!~~": "LIKE",
    "~~*": "ILIKE",
    "!~~*": "ILIKE",
    "~~~": "GLOB",
    "like_escape": "LIKE ... ESCAPE",
    "not_like_escape": "LIKE ... ESCAPE",
    "ilike_escape": "ILIKE ... ESCAPE",
    "not_ilike_escape": "ILIKE ... ESCAPE",
}
_COMPARING = frozenset(
    {"contains", "instr", "strpos", "position", "replace", "split", "str_split", "string_split", "string_to_array"}
    | {"translate", "trim", "ltrim", "rtrim"}
)
# Each element with each: 300 with 300 took 0.6 s, 1,900 with 1,900 more than 11.
_LISTS = frozenset(
    {"list_intersect", "array_intersect", "list_has_any", "array_has_any", "list_has_all", "array_has_all"}
    | {"&&", "@>", "<@"}
)
_MOST_PAIRS = 250_000

_MATCHING = frozenset(
    {"regexp_matches", "regexp_full_match", "regexp_replace", "regexp_extract", "regexp_extract_all"}
    | {"regexp_split_to_array", "str_split_regex", "string_split_regex", "~", "!~"}
)
_REPEATED = re.compile(r"\{\s*(\d*)\s*,?\s*(\d*)\s*\}")
# A run of wildcards; the last needs no trying, since nothing stands behind it.
_WILDCARDS = {"GLOB": re.compile(r"\*+(?!\**$)"), "LIKE": re.compile(r"%+(?!%*$)")}


def judge_search(call: Call) -> None:
    """Refuses a call that could take too long for one value.

    Raises:
        SqlRefused: it could; the text says what to write instead.
    """
    if len(call.sizes) < 2:
        return
    if call.name in _TRYING:
        _judge_like(call)
    elif call.name in _MATCHING:
        _judge_regex(call)
    elif call.name in _LISTS:
        _judge_lists(call)
    elif call.name in _COMPARING:
        found = max(s.peak for s in call.sizes[1:])
        if any(s.collected for s in call.sizes[1:]) or not _bearable(call.sizes[0], found, _MOST_COMPARED):
            raise SqlRefused(
                f"The function {call.name} may not look for a text that is as long as {found:.0f} here: its time "
                "grows with the product of both. Cut one of them: left(x, 100)."
            )


def _judge_lists(call: Call) -> None:
    # Of what was collected nobody knows how long it is; a hundred elements may be looked for in it.
    pairs = math.prod(
        _MOST_PAIRS / _MOST_IN_COLLECTED if s.collected else s.peak / max(8, s.element) for s in call.sizes[:2]
    )
    if pairs > _MOST_PAIRS:
        raise SqlRefused(
            f"{call.name} would compare too many pairs of elements here, {pairs:.0f} or more. Cut a list: "
            "(list(...))[1:100], or ask with unnest, and IN (SELECT ...)."
        )


def _again(pattern: str) -> float:
    """How long the search for the next match takes, to begin with it at each character: 'g' does that."""
    return (8 if "*" in pattern else 4 if re.search(r"\+|\{", pattern) else 1) / max(1, len(pattern))


def _bearable(text: Size, steps: float, most: float) -> bool:
    return text.peak * steps <= most and (not text.collected or steps <= _MOST_IN_COLLECTED)


def _judge_like(call: Call) -> None:
    word = _TRYING[call.name]
    pattern = written_text(call.nodes[1])
    if pattern is None:
        raise SqlRefused(f"The pattern of {word} must be written into the statement or be a parameter; {_ADVICE}.")
    if call.name in _LIKE and "_" not in pattern and not call.sizes[0].collected:
        return  # DuckDB looks for one part after the other then
    wildcards = len(_WILDCARDS["GLOB" if word == "GLOB" else "LIKE"].findall(pattern))
    try:
        tries = float(call.sizes[0].peak) ** wildcards / math.factorial(min(wildcards, 20))
    except OverflowError:
        tries = math.inf
    if tries > _MOST_TRIES or (call.sizes[0].collected and wildcards > 1):
        raise SqlRefused(
            f"{word} {pattern!r} has {wildcards} wildcards, more than a text as long as this may be compared with: "
            f"its time has their number as exponent, and no limit ends it; {_ADVICE}."
        )


def _count(digits: str) -> int:
    """Reads a number of repetitions; thousands of digits, which Python refuses to read, are many."""
    return int(digits.lstrip("0")[:9] or 0)


def _judge_regex(call: Call) -> None:
    pattern = written_text(call.nodes[1])
    if pattern is None:
        raise SqlRefused(
            f"The pattern of {call.name} must be written into the statement or be a parameter; contains and "
            "starts_with take any text."
        )
    steps = float(len(pattern))
    for low, high in _REPEATED.findall(pattern):
        steps *= max(_count(low), _count(high), 1)
    if call.name == "regexp_replace" and len(call.nodes) > 3:
        steps *= _again(pattern) * (math.inf if call.sizes[0].collected else call.sizes[0].peak)
    if not _bearable(call.sizes[0], steps, _MOST_STATES):
        raise SqlRefused(
            f"The pattern {pattern!r} takes {steps:.0f} steps for each character, too many for a text as long as this; "
            "lower what stands in braces, or cut the text: left(x, 1000)."
        )
