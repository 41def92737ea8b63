"""Local lists: what a charger may accept by itself, and which messages bring it from one list to the next.

A charger uses its list while it cannot ask us, and with LocalPreAuthorize before it asks (OCPP 1.6 §3.5). So
who is in it charges at once and through an outage, and who is blocked must be taken out of it, not only here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from solarocpp.ocpp.datatypes import AuthorizationData, IdTagInfo
from solarocpp.ocpp.messages import GetConfigurationConfirmation, SendLocalListRequest
from solarocpp.registry.entities import Authorization
from solarocpp.store.effects import ListRow

ENABLED_KEY: Final = "LocalAuthListEnabled"
MOST_ROWS_KEY: Final = "LocalAuthListMaxLength"
MOST_SENT_KEY: Final = "SendLocalListMaxLength"
KEYS: Final = (ENABLED_KEY, MOST_ROWS_KEY, MOST_SENT_KEY)
"""What a charger says about its list (OCPP 1.6 §9.2)."""

# Where a charger does not say: 100 rows are 10 KB, which every firmware read that has lists at all.
USUAL_SENT: Final = 100

# OCPP 1.6 §7.28. Longer ones are real (Q96), but no list can have them.
_LONGEST_TOKEN: Final = 20


class Capacity(NamedTuple):
    """What a charger can take."""

    enabled: bool = True
    most_rows: int | None = None
    """In its list; None: it does not say."""
    most_sent: int = USUAL_SENT
    """In one message."""


class Wanted(NamedTuple):
    """The list a charger should have."""

    rows: tuple[ListRow, ...]
    left_out: int = 0
    """Id tags that may charge, but are too long for a list, or too many."""


def read_capacity(confirmation: GetConfigurationConfirmation) -> Capacity:
    """Reads what a charger says about its list; keys in any case, values quoted or padded (Q104)."""
    said = {row.key.strip().casefold(): (row.value or "").strip().strip('"') for row in confirmation.configuration_key}

    def number(key: str) -> int | None:
        text = said.get(key.casefold(), "")
        return int(text) if text.isdecimal() and len(text) < 10 and int(text) > 0 else None

    enabled = said.get(ENABLED_KEY.casefold(), "true").casefold() not in {"false", "0"}
    return Capacity(enabled, number(MOST_ROWS_KEY), number(MOST_SENT_KEY) or USUAL_SENT)


def wanted_list(
    authorizations: Iterable[Authorization], identifier: str, now: datetime, most_rows: int | None = None
) -> Wanted:
    """Makes the list of a charger: id tags that may charge there, until when, and those that somebody blocked.

    Not those that are over, or for other chargers only: what is not in the list, the charger asks us about. A
    prefix stands for no id tag in particular and has no place in it.
    """
    rows: list[ListRow] = []
    left_out = 0
    for row in sorted(authorizations, key=lambda row: (not row.enabled, row.token.casefold())):
        if row.token.endswith("*") or not row.allows(identifier) or (row.expires is not None and row.expires <= now):
            continue
        if len(row.token) > _LONGEST_TOKEN or (most_rows is not None and len(rows) >= most_rows):
            left_out += row.enabled
            continue
        parent = row.parent if row.parent and len(row.parent) <= _LONGEST_TOKEN else None
        rows.append(ListRow(row.token, "Accepted" if row.enabled else "Blocked", parent, row.expires))
    return Wanted(tuple(rows), left_out)


def updates(
    kept: Sequence[ListRow] | None, wanted: Sequence[ListRow], version: int, most_sent: int
) -> list[SendLocalListRequest]:
    """Makes the messages that bring a charger from the list it has to the one it should have; none if it has it.

    `kept` None: nobody knows what it has, so the list is sent whole. What is too long for one message is followed
    by changes to it. `version` is the last one that was used; each message has the next (§5.15).
    """
    if kept is None:
        first, rest = wanted[:most_sent], wanted[most_sent:]
        whole = SendLocalListRequest(version + 1, "Full", tuple(map(_as_data, first)))
        return [whole, *_differential(rest, version + 1, most_sent)]
    return _differential(list(_changes(kept, wanted)), version, most_sent)


def _differential(rows: Sequence[ListRow], version: int, most_sent: int) -> list[SendLocalListRequest]:
    return [
        SendLocalListRequest(version + number, "Differential", tuple(map(_as_data, rows[start : start + most_sent])))
        for number, start in enumerate(range(0, len(rows), most_sent), start=1)
    ]


def _changes(kept: Sequence[ListRow], wanted: Sequence[ListRow]) -> Iterator[ListRow]:
    before, after = _by_token(kept), _by_token(wanted)
    # What goes first: a list that is full takes nothing in.
    yield from (ListRow(row.token, None) for token, row in before.items() if token not in after)
    yield from (row for token, row in after.items() if not _same(before.get(token), row))


def _by_token(rows: Iterable[ListRow]) -> Mapping[str, ListRow]:
    return {row.token.casefold(): row for row in rows}


def _same(before: ListRow | None, after: ListRow) -> bool:
    # The case of an id tag says nothing (Q95).
    return before is not None and msgspec.structs.replace(before, token=after.token) == after


def _as_data(row: ListRow) -> AuthorizationData:
    if row.status is None:
        return AuthorizationData(row.token)
    return AuthorizationData(row.token, IdTagInfo(row.status, row.parent, row.expires))
