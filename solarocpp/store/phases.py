"""What the phases of a datum are together, as SQL: a measurand's whole, and power where nobody measured it."""

from __future__ import annotations

from collections.abc import Collection

_LINES = ("_a", "_b", "_c")


def whole_sql(name: str, columns: Collection[str]) -> str:
    """Writes the SQL of a property over all phases: unphased, else the sum of those that were sent (Q89).

    Args:
        name: the property.
        columns: the property columns that `datum`, here called `d`, has.
    """
    return _first([f'd."{name}"', *_sum([f'd."{name}{line}"' for line in _LINES if f"{name}{line}" in columns])])


def derived_power_sql(columns: Collection[str]) -> str:
    """Writes the SQL of power in W from current, voltage and power factor, for where no power was sent (Q93).

    Of each phase by itself where there is its current, with its own voltage and factor, else the common ones,
    else another phase's; a current without phase is one phase's. What is between two phases is none of either
    (Q90), and a factor that was not sent is 1.
    """

    def of(name: str, line: str) -> list[str]:
        there = [name + suffix for suffix in (line, "", *_LINES) if not suffix or name + suffix in columns]
        return [f'd."{known}"' for known in dict.fromkeys(there)]

    def product(line: str) -> str:
        return f'd."current{line}" * {_first(of("voltage", line))} * {_first([*of("powerFactor", line), "1"])}'

    phases = [product(line) for line in _LINES if f"current{line}" in columns]
    return _first([*_sum(phases), product("")])


def _first(terms: list[str]) -> str:
    return terms[0] if len(terms) == 1 else f"coalesce({', '.join(terms)})"


def _sum(terms: list[str]) -> list[str]:
    """Writes the SQL of what is there of some terms, added up; NULL if nothing is. Of no terms, nothing."""
    missing = " AND ".join(f"({term}) IS NULL" for term in terms)
    added = " + ".join(f"coalesce({term}, 0)" for term in terms)
    return [f"CASE WHEN {missing} THEN NULL ELSE {added} END"] if terms else []
