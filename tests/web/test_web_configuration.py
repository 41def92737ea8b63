"""`/api/configuration`: what a charger says, what somebody wants, who wanted it; and no secret anywhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from served import NOW, Served

from solarocpp.registry import NewCharger
from solarocpp.store.configuration import select_desired_secrets
from solarocpp.store.effects import ConfigurationKeyTold, ConfigurationTold


@pytest.fixture
async def served(api: Served) -> Served:
    """With charger CP001, which has told some keys."""
    charger = await api.registry.add_charger(NewCharger(identifier="CP001"), now=NOW)

    def told(minutes: int, *keys: ConfigurationKeyTold) -> ConfigurationTold:
        return ConfigurationTold(charger.charger_id, 1, "CP001", NOW + timedelta(minutes=minutes), keys)

    api.store.record(
        None,
        [
            told(0, ConfigurationKeyTold("HeartbeatInterval", "300", readonly=False)),
            told(0, ConfigurationKeyTold("NumberOfConnectors", "2", readonly=True)),
            told(5, ConfigurationKeyTold("HeartbeatInterval", "60", reboot_required=True)),
        ],
    )
    await api.store.settle()
    return api


async def wish(http: httpx.AsyncClient, desired: dict[str, str | None]) -> httpx.Response:
    return await http.patch("/api/configuration/CP001", json={"desired": desired})


async def shown(http: httpx.AsyncClient, key: str) -> Any:
    return next(row for row in (await http.get("/api/configuration/CP001")).json() if row["key"] == key)


async def test_what_a_charger_told_is_shown(served: Served) -> None:
    assert (await served.http.get("/api/configuration/CP001")).json() == [
        {
            "key": "HeartbeatInterval",
            "value": "60",
            "desired": None,
            "differs": None,
            "readonly": False,
            "rebootRequired": True,
            "since": "2026-03-01T12:05:00Z",
            "seen": "2026-03-01T12:05:00Z",
        },
        {
            "key": "NumberOfConnectors",
            "value": "2",
            "desired": None,
            "differs": None,
            "readonly": True,
            "rebootRequired": False,
            "since": "2026-03-01T12:00:00Z",
            "seen": "2026-03-01T12:00:00Z",
        },
    ]


async def test_the_past_of_a_key_is_shown(served: Served) -> None:
    found = await served.http.get("/api/configuration-history/CP001", params={"key": "heartbeatinterval"})
    assert [(row["value"], row["since"], row["until"]) for row in found.json()] == [
        ("300", "2026-03-01T12:00:00Z", "2026-03-01T12:05:00Z"),
        ("60", "2026-03-01T12:05:00Z", None),
    ]


async def test_a_desired_value_is_kept_ordered_and_audited(served: Served) -> None:
    answer = await wish(served.http, {"HeartbeatInterval": "30", "CpoName": "ACME"})
    assert answer.status_code == 200
    assert [(row["key"], row["value"], row["desired"], row["differs"]) for row in answer.json()] == [
        ("CpoName", None, "ACME", True),
        ("HeartbeatInterval", "60", "30", True),
        ("NumberOfConnectors", "2", None, None),
    ]
    orders = (await served.http.get("/api/instructions")).json()
    assert [(row["action"], row["payload"], row["requestedBy"]) for row in orders] == [
        ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "30"}, "admin.token"),
        ("ChangeConfiguration", {"key": "CpoName", "value": "ACME"}, "admin.token"),
    ]
    events = await served.store.read(
        lambda con: con.execute(
            "SELECT message, data ->> 'by', identifier, \"accountId\" FROM event WHERE name = 'configuration_desired'"
        ).fetchall()
    )
    assert events == [
        ("HeartbeatInterval is to be 30", "admin.token", "CP001", 1),
        ("CpoName is to be ACME", "admin.token", "CP001", 1),
    ]
    assert (await wish(served.http, {"heartbeatinterval": " 60 "})).status_code == 200
    assert (await shown(served.http, "HeartbeatInterval"))["differs"] is False


async def test_null_takes_it_back_and_orders_nothing(served: Served) -> None:
    await wish(served.http, {"HeartbeatInterval": "30"})
    answer = await wish(served.http, {"HEARTBEATINTERVAL": None, "NeverWanted": None})
    assert [(row["key"], row["desired"]) for row in answer.json()] == [
        ("HeartbeatInterval", None),
        ("NumberOfConnectors", None),
    ]
    assert len((await served.http.get("/api/instructions")).json()) == 1


async def test_a_secret_is_kept_apart_and_shown_to_nobody(served: Served) -> None:
    answer = await wish(served.http, {"WifiPassword": "hunter2hunter2"})
    assert answer.json()[-1]["desired"] == "[redacted]"
    assert answer.json()[-1]["differs"] is None
    number = served.registry.require_charger(1, "CP001").charger_id
    assert served.store.secrets.read_now(lambda con: select_desired_secrets(con, number)) == {
        "wifipassword": "hunter2hunter2"
    }
    for table in ('"desiredConfiguration"', "instruction", "event"):
        found = await served.store.read(
            lambda con, table=table: con.execute(
                f"SELECT count(*) FROM {table} AS t WHERE t::VARCHAR LIKE '%hunter2%'"
            ).fetchone()
        )
        assert found == (0,), table
    await wish(served.http, {"wifipassword": None})
    assert served.store.secrets.read_now(lambda con: select_desired_secrets(con, number)) == {}


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("AuthorizationKey", "0123456789abcdef", "AuthorizationKey is what CP001 logs in with"),
        (" authorizationkey", "0123456789abcdef", "AuthorizationKey is what CP001 logs in with"),
        (" ", "1", "A configuration key has a name."),
        ("k" * 51, "1", "ChangeConfiguration: the text is too long: key"),
        ("CpoName", "v" * 501, "ChangeConfiguration: the text is too long: value"),
    ],
)
async def test_what_no_charger_can_have_is_refused(served: Served, key: str, value: str, text: str) -> None:
    answer = await wish(served.http, {"HeartbeatInterval": "30", key: value})
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(text)
    assert (await shown(served.http, "HeartbeatInterval"))["desired"] is None
    assert (await served.http.get("/api/instructions")).json() == []


async def test_the_number_of_desired_values_has_a_limit(served: Served) -> None:
    assert (await wish(served.http, {f"Key{n}": "1" for n in range(100)})).status_code == 200
    answer = await wish(served.http, {"Key100": "1"})
    assert (answer.status_code, answer.json()["error"]) == (
        409,
        "At most 100 keys of CP001 can have a desired value.",
    )
    assert (await wish(served.http, {"key99": "2"})).status_code == 200


async def test_what_is_wanted_goes_with_its_charger(served: Served) -> None:
    await wish(served.http, {"WifiPassword": "hunter2hunter2"})
    number = served.registry.require_charger(1, "CP001").charger_id
    await served.http.delete("/api/chargers/CP001")
    assert served.store.secrets.read_now(lambda con: select_desired_secrets(con, number)) == {}
    await served.http.post("/api/chargers", json={"identifier": "CP001"})
    assert (await served.http.get("/api/configuration/CP001")).json() == []
