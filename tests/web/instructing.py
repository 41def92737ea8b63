"""Somebody who tells chargers things through SolarNetwork's API of instructions, for the tests of it."""

from __future__ import annotations

from typing import Any

from served import NOW, Served

from solarocpp.registry import NewAccount, NewCharger, NewToken

BASE = "/solaruser/api/v1/sec/instr"
MADE = "2026-03-01 12:00:00Z"
TOMORROW = "2026-03-02 12:00:00Z"
INOPERATIVE = {"action": "ChangeAvailability", "chargerIdentifier": "CP001"}
BY_ONE = INOPERATIVE | {"connectorId": "1", "type": "Inoperative"}
BY_MSG = INOPERATIVE | {"msg": '{"connectorId":1,"type":"Inoperative"}'}
RECEIVED = {
    "id": 1,
    "created": MADE,
    "nodeId": 1,
    "topic": "OCPP_v16",
    "instructionDate": MADE,
    "state": "Received",
    "statusDate": MADE,
    "expirationDate": TOMORROW,
    "parameters": [
        {"name": "action", "value": "ChangeAvailability"},
        {"name": "chargePointId", "value": "1"},
        {"name": "chargerIdentifier", "value": "CP001"},
        {"name": "msg", "value": '{"connectorId":1,"type":"Inoperative"}'},
    ],
}


class User:
    """Somebody with a token of account 1."""

    def __init__(self, api: Served, text: str) -> None:
        self.api = api
        self._text = text

    async def __call__(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        async with self.api.as_caller(self._text) as http:
            answer = await http.request(method, BASE + path, **options)
        assert answer.headers["vary"] == "Accept"
        return answer.status_code, answer.json()

    async def add(self, params: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Adds an instruction that is taken in, as JSON."""
        status, told = await self("POST", "/add", json={"topic": "OCPP_v16", "nodeId": 1, "params": params, **more})
        assert (status, told["success"]) == (200, True), told
        data: dict[str, Any] = told["data"]
        return data

    async def seen(self, query: str) -> list[int] | None:
        """Lists the numbers of what is listed; None: there is no `data`."""
        status, told = await self("GET", query)
        assert (status, told["success"]) == (200, True), told
        return [row["id"] for row in told["data"]] if "data" in told else None


async def user_with_chargers(api: Served) -> User:
    """With CP001 at node 1 and CP002 at node 2, and CP009 at node 3 of somebody else."""
    await api.registry.add_charger(NewCharger(identifier="CP001"), now=NOW)
    await api.registry.add_charger(NewCharger(identifier="CP002", node_id=2, create_node=True), now=NOW)
    await api.registry.add_account(NewAccount(name="mill"), now=NOW)
    await api.registry.add_charger(NewCharger(identifier="CP009"), now=NOW, account_id=2)
    _, text = await api.registry.add_token(NewToken(name="program"), now=NOW)
    return User(api, text)
