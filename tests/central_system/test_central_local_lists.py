"""Which list a charger should have, and which messages bring it there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from solarocpp.central_system.local_lists import Capacity, Wanted, read_capacity, updates, wanted_list
from solarocpp.ocpp.datatypes import AuthorizationData, IdTagInfo, KeyValue
from solarocpp.ocpp.messages import GetConfigurationConfirmation, SendLocalListRequest
from solarocpp.registry.entities import Authorization
from solarocpp.store.effects import ListRow

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def tag(token: str, **changes: Any) -> Authorization:
    return Authorization(1, 1, token, NOW, **changes)


@pytest.mark.parametrize(
    ("row", "listed"),
    [
        (tag("A"), [ListRow("A", "Accepted")]),
        (tag("A", expires=LATER, parent="P"), [ListRow("A", "Accepted", "P", LATER)]),
        (tag("A", expires=NOW), []),
        (tag("A", enabled=False), [ListRow("A", "Blocked")]),
        (tag("A", chargers=("cp001",)), [ListRow("A", "Accepted")]),
        (tag("A", chargers=("CP002",)), []),
        (tag("A", chargers=("CP002",), enabled=False), []),
        (tag("vid:*"), []),
        (tag("A", parent="P" * 21), [ListRow("A", "Accepted")]),
    ],
    ids=[
        "may charge",
        "until when, and with whom",
        "over",
        "blocked by somebody",
        "here",
        "elsewhere",
        "blocked elsewhere",
        "a prefix",
        "a parent that is too long",
    ],
)
def test_who_is_in_the_list(row: Authorization, listed: list[ListRow]) -> None:
    assert wanted_list([row], "CP001", NOW) == Wanted(tuple(listed))


def test_what_does_not_fit_is_counted_and_who_may_charge_comes_first() -> None:
    rows = [tag("B"), tag("a"), tag("0", enabled=False), tag("C"), tag("L" * 21)]
    assert wanted_list(rows, "CP001", NOW, most_rows=2) == Wanted(
        (ListRow("a", "Accepted"), ListRow("B", "Accepted")), left_out=2
    )
    assert wanted_list(rows, "CP001", NOW) == Wanted(
        (ListRow("a", "Accepted"), ListRow("B", "Accepted"), ListRow("C", "Accepted"), ListRow("0", "Blocked")),
        left_out=1,
    )


@pytest.mark.parametrize(
    ("said", "capacity"),
    [
        ({}, Capacity(True, None, 100)),
        ({"LocalAuthListEnabled": "false"}, Capacity(False, None, 100)),
        ({"localauthlistenabled": ' "True" '}, Capacity(True, None, 100)),
        ({"LocalAuthListMaxLength": "500", "SendLocalListMaxLength": "20"}, Capacity(True, 500, 20)),
        ({"LocalAuthListMaxLength": "0", "SendLocalListMaxLength": "many"}, Capacity(True, None, 100)),
        ({"LocalAuthListMaxLength": None}, Capacity(True, None, 100)),
    ],
)
def test_what_a_charger_can_take(said: dict[str, str | None], capacity: Capacity) -> None:
    keys = tuple(KeyValue(key, True, value) for key, value in said.items())
    assert read_capacity(GetConfigurationConfirmation(keys)) == capacity


A, B, C = (ListRow(token, "Accepted") for token in "ABC")


def data(*tokens: str, status: Any = "Accepted") -> tuple[AuthorizationData, ...]:
    return tuple(AuthorizationData(token, IdTagInfo(status)) for token in tokens)


def test_nobody_knows_what_it_has_so_it_is_sent_whole() -> None:
    assert updates(None, [A, B], 4, 100) == [SendLocalListRequest(5, "Full", data("A", "B"))]


def test_a_long_list_goes_in_several_messages() -> None:
    assert updates(None, [A, B, C], 0, 2) == [
        SendLocalListRequest(1, "Full", data("A", "B")),
        SendLocalListRequest(2, "Differential", data("C")),
    ]


def test_an_empty_list_is_sent_to_clear_what_is_there() -> None:
    assert updates(None, [], 4, 100) == [SendLocalListRequest(5, "Full")]


def test_it_has_the_list() -> None:
    assert updates([A, B], [B, ListRow("a", "Accepted")], 4, 100) == []


def test_changes_alone_are_sent_what_goes_first() -> None:
    blocked, until = ListRow("B", "Blocked"), ListRow("C", "Accepted", None, LATER)
    assert updates([A, B, C], [blocked, until, ListRow("D", "Accepted", "P")], 4, 100) == [
        SendLocalListRequest(
            5,
            "Differential",
            (
                AuthorizationData("A"),
                AuthorizationData("B", IdTagInfo("Blocked")),
                AuthorizationData("C", IdTagInfo("Accepted", None, LATER)),
                AuthorizationData("D", IdTagInfo("Accepted", "P")),
            ),
        )
    ]


def test_many_changes_have_a_version_each() -> None:
    made = updates([A], [B, C], 4, 1)
    assert [(row.list_version, [entry.id_tag for entry in row.local_authorization_list]) for row in made] == [
        (5, ["A"]),
        (6, ["B"]),
        (7, ["C"]),
    ]
