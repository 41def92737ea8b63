"""`/api/instructions`: orders are checked, kept, shown to whom they concern, and taken back."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from served import NOW, Served

from solarocpp.registry import NewAccount, NewCharger, NewToken


@pytest.fixture
async def served(api: Served) -> Served:
    """With charger CP001 in account 1; nobody delivers."""
    await api.registry.add_charger(NewCharger(identifier="CP001"), now=NOW)
    return api


async def order(http: httpx.AsyncClient, action: str, payload: dict[str, Any], **more: Any) -> httpx.Response:
    return await http.post("/api/instructions", json={"charger": "CP001", "action": action, "payload": payload, **more})


async def test_an_order_is_kept_and_shown(served: Served) -> None:
    answer = await order(served.http, "ChangeAvailability", {"connectorId": "1", "type": "Inoperative"})
    assert answer.status_code == 201
    assert answer.json() == {
        "instructionId": 1,
        "accountId": 1,
        "nodeId": 1,
        "charger": "CP001",
        "action": "ChangeAvailability",
        "payload": {"connectorId": 1, "type": "Inoperative"},
        "state": "accepted",
        "created": "2026-03-01T12:00:00Z",
        "expires": "2026-03-02T12:00:00Z",
        "statusDate": "2026-03-01T12:00:00Z",
        "result": None,
        "error": None,
        "requestedBy": "admin.token",
        "effect": None,
    }
    assert (await served.http.get("/api/instructions/1")).json() == answer.json()
    assert (await served.http.get("/api/instructions")).json() == [answer.json()]


@pytest.mark.parametrize(
    ("action", "payload", "text"),
    [
        ("Resett", {}, "'Resett' is no action of OCPP 1.6. Did you mean Reset?"),
        ("reset", {"type": "Soft"}, "'reset' is no action of OCPP 1.6. Did you mean Reset?"),
        ("Heartbeat", {}, "Heartbeat is sent by chargers, not to them."),
        ("Reset", {}, "Reset: type: missing."),
        ("Reset", {"type": "Warm"}, "Reset: type: 'Warm' is not one of its values: Hard, Soft."),
        ("Reset", {"type": "Soft", "delay": 5}, "Reset: there is no such field: delay"),
        (
            "UnlockConnector",
            {"connectorId": [1]},
            "UnlockConnector: connectorId: expected a number, got a list.",
        ),
        ("ChangeConfiguration", {"key": "k" * 51, "value": ""}, "ChangeConfiguration: the text is too long: key"),
        ("DataTransfer", {"vendorId": "v", "data": "d" * 64_001}, "DataTransfer: the payload has 64027 bytes;"),
    ],
)
async def test_what_cannot_be_sent_is_refused_and_said_why(
    served: Served, action: str, payload: dict[str, Any], text: str
) -> None:
    answer = await order(served.http, action, payload)
    assert (answer.status_code, answer.json()["kind"]) == (422, "instruction_refused")
    assert answer.json()["error"].startswith(text)
    assert (await served.http.get("/api/instructions")).json() == []


async def test_a_charger_that_is_not_there_cannot_be_told(served: Served) -> None:
    answer = await served.http.post("/api/instructions", json={"charger": "CP01", "action": "ClearCache"})
    assert (answer.status_code, answer.json()["kind"]) == (404, "charger_unknown")


@pytest.mark.parametrize("expires", ["2026-03-01T12:00:00Z", "2026-03-31T12:00:01Z"])
async def test_an_order_expires_within_a_month(served: Served, expires: str) -> None:
    answer = await order(served.http, "ClearCache", {}, expires=expires)
    assert answer.status_code == 422
    assert answer.json()["error"] == (
        f"ClearCache: an instruction expires within 30 days from now, and {expires} is not."
    )
    assert (await order(served.http, "ClearCache", {}, expires="2026-03-31T14:00:00+02:00")).status_code == 201


async def test_listings_are_narrowed(served: Served) -> None:
    await served.registry.add_charger(NewCharger(identifier="CP002"), now=NOW)
    await order(served.http, "ClearCache", {})
    await served.http.post("/api/instructions", json={"charger": "CP002", "action": "ClearCache"})
    await order(served.http, "GetConfiguration", {})
    await served.http.delete("/api/instructions/3")

    async def listed(**query: str | int) -> list[int]:
        return [row["instructionId"] for row in (await served.http.get("/api/instructions", params=query)).json()]

    assert await listed() == [1, 2, 3]
    assert await listed(limit=2) == [2, 3]
    assert await listed(charger="CP001") == [1, 3]
    assert await listed(state="declined") == [3]
    assert await listed(since="2026-03-01T12:00") == [1, 2, 3]
    assert await listed(since="2026-03-01T12:01") == []
    assert (await served.http.get("/api/instructions", params={"state": "lost"})).status_code == 400


async def test_what_was_not_sent_is_taken_back_once(served: Served) -> None:
    await order(served.http, "Reset", {"type": "Hard"})
    taken = await served.http.delete("/api/instructions/1")
    assert (taken.status_code, taken.json()["state"]) == (200, "declined")
    assert taken.json()["error"] == "cancelled by admin.token"
    again = await served.http.delete("/api/instructions/1")
    assert (again.status_code, again.json()["kind"]) == (409, "instruction_taken")
    assert again.json()["error"] == "Instruction 1 has ended."


async def test_secrets_are_blanked_in_answers(served: Served) -> None:
    answer = await order(served.http, "ChangeConfiguration", {"key": "WifiPassword", "value": "hunter2hunter2"})
    assert answer.json()["payload"] == {"key": "WifiPassword", "value": "[redacted]"}


@pytest.mark.parametrize("key", ["AuthorizationKey", " authorizationkey "])
async def test_the_key_a_charger_logs_in_with_is_not_set_past_us(served: Served, key: str) -> None:
    """It would be taken, and the next link refused: whoever sends this by hand has to drive there."""
    answer = await order(served.http, "ChangeConfiguration", {"key": key, "value": "hunter2hunter2"})
    assert answer.status_code == 422
    assert answer.json()["error"].endswith("is not locked out, with: solarocpp charger rotate-key CP001")
    assert "hunter2" not in answer.text
    assert (await served.http.get("/api/instructions")).json() == []


async def test_another_accounts_instructions_do_not_exist(served: Served) -> None:
    await served.registry.add_account(NewAccount(name="mill"), now=NOW)
    await served.registry.add_charger(NewCharger(identifier="CP001"), now=NOW, account_id=2)
    _, token = await served.registry.add_token(NewToken(name="a program"), now=NOW, account_id=2)
    await order(served.http, "ClearCache", {})
    async with served.as_caller(token) as http:
        assert (await http.get("/api/instructions")).json() == []
        for answer in (await http.get("/api/instructions/1"), await http.delete("/api/instructions/1")):
            assert (answer.status_code, answer.json()["kind"]) == (404, "instruction_unknown")
        own = (await order(http, "ClearCache", {})).json()
        assert (own["instructionId"], own["accountId"], own["requestedBy"]) == (2, 2, "token 1 (a program)")
        assert [row["instructionId"] for row in (await http.get("/api/instructions")).json()] == [2]


async def test_who_waits_is_answered_when_the_time_is_over(served: Served) -> None:
    answer = await order(served.http, "ClearCache", {}, wait=0.05)
    assert (answer.status_code, answer.json()["state"]) == (201, "accepted")
    assert (await served.http.get("/api/instructions/1", params={"wait": 0.05})).json()["state"] == "accepted"
    assert (await order(served.http, "ClearCache", {}, wait=61)).status_code == 400
