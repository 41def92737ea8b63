"""Spec 13.8 and 7.3 through SolarNetwork's own API: a charger on a real socket, and what is told of its answers."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import trio
from instructed import Told

BASE = "/solaruser/api/v1/sec/instr"
BY_ONE = {
    "action": "ChangeAvailability",
    "chargerIdentifier": "CP001",
    "connectorId": "1",
    "type": "Inoperative",
}


class Program:
    """A program that tells chargers things as it would tell SolarNetwork."""

    def __init__(self, desk: httpx.AsyncClient) -> None:
        self._desk = desk

    async def __call__(self, method: str, path: str, **options: Any) -> Any:
        answer = await self._desk.request(method, self._desk.base_url.copy_with(path=BASE + path), **options)
        assert (answer.status_code, answer.json()["success"]) == (200, True), answer.text
        return answer.json().get("data")

    async def tell(self, verb: str, params: dict[str, str]) -> Any:
        """Adds or executes an instruction for node 1."""
        return await self("POST", f"/{verb}/OCPP_v16", json={"nodeId": 1, "params": params})

    async def view(self, number: int) -> Any:
        """Views an instruction."""
        return await self("GET", "/view", params={"id": number})


@pytest.fixture
def program(desk: httpx.AsyncClient) -> Program:
    return Program(desk)


@pytest.mark.slow  # a server with a charger
async def test_an_instruction_goes_its_way(told: Told, program: Program) -> None:
    """Received, Executing, Completed; and a charger gets numbers where SolarNetwork passes texts on (Q21)."""
    async with told.booted() as charge_point:
        made = await program.tell("add", BY_ONE)
        assert made["state"] == "Received"
        unique_id, action, payload = await charge_point.told()
        assert (action, payload) == ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
        executing = await program.view(made["id"])
        assert (executing["state"], "resultParameters" in executing) == ("Executing", False)
        assert [row["id"] for row in await program("GET", "/viewPending", params={"nodeId": 1})] == [made["id"]]
        await charge_point.send([3, unique_id, {"status": "Accepted"}])
        await told.ended(made["id"])
        ended = await program.view(made["id"])
    assert (ended["state"], ended["resultParameters"]) == ("Completed", {"status": "Accepted"})
    assert await program("GET", "/viewPending", params={"nodeId": 1}) == []


@pytest.mark.slow  # a server with a charger
async def test_who_executes_is_told_the_answer(told: Told, program: Program) -> None:
    """As soon as it is there; a `Rejected` is one (7.3), and an empty object is no result (13.8)."""
    results: list[Any] = []

    async def execute(params: dict[str, str]) -> None:
        results.append(await program.tell("exec", params))

    answers: list[tuple[str, dict[str, str], dict[str, Any]]] = [
        ("Reset", {"type": "Soft"}, {"status": "Rejected"}),
        ("GetConfiguration", {}, {}),
        ("ClearCache", {}, {"status": "Accepted"}),
    ]
    async with told.booted() as charge_point:
        for action, params, answer in answers:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(execute, {"action": action, "chargePointId": "1", **params})
                await charge_point.answers(action, answer)
    shown = [(row["state"], row.get("resultParameters")) for row in results]
    assert shown == [
        ("Completed", {"status": "Rejected"}),
        ("Completed", None),
        ("Completed", {"status": "Accepted"}),
    ]


@pytest.mark.slow  # a server with a charger
async def test_an_error_of_the_charger_declines(told: Told, program: Program) -> None:
    async with told.booted() as charge_point:
        made = await program.tell("add", {"action": "ClearCache", "chargerIdentifier": "CP001"})
        unique_id, *_ = await charge_point.told()
        await charge_point.send([4, unique_id, "NotSupported", "no cache", {}])
        await told.ended(made["id"])
    ended = await program.view(made["id"])
    assert ended["state"] == "Declined"
    assert ended["resultParameters"] == {
        "error": "Error handling OCPP action ClearCache: ClearCache to CP001: answered NotSupported: no cache"
    }


@pytest.mark.slow  # a server with a charger
async def test_a_link_that_ends_in_the_middle_ends_the_instruction(told: Told, program: Program) -> None:
    """SolarNetwork's stays Executing for ever (Q20)."""
    made = await program.tell("add", {"action": "Reset", "chargerIdentifier": "CP001", "type": "Soft"})
    async with told.booted() as charge_point:
        await charge_point.told()
        with pytest.raises(AssertionError, match="Instruction 1 is Executing: what was not sent yet can be Declined"):
            await program("POST", "/updateState", data={"id": made["id"], "state": "Declined"})
    await told.ended(made["id"])
    ended = await program.view(made["id"])
    assert (ended["state"], ended["resultParameters"]) == (
        "Declined",
        {
            "error": "Error handling OCPP action Reset: unknown whether the charger did it: the link ended while it "
            "was executing"
        },
    )


@pytest.mark.slow  # a server with a charger
async def test_what_is_told_nobody_in_time_has_expired(told: Told, program: Program) -> None:
    """Spec 7.4; an instruction for a charger that is away is Received until then (7.5)."""
    number = await told.order("ClearCache", within_s=0.3)
    assert (await program.view(number))["state"] == "Received"
    await told.ended(number)
    ended = await program.view(number)
    assert (ended["state"], ended["resultParameters"]) == ("Declined", {"message": "Expired"})


@pytest.mark.slow  # a server with a charger
async def test_what_was_taken_back_is_not_sent(told: Told, program: Program) -> None:
    first, second = [await program.tell("add", BY_ONE | {"connectorId": number}) for number in ("1", "2")]
    await program("POST", "/updateState", data={"ids": str(first["id"]), "state": "Declined"})
    async with told.booted() as charge_point:
        assert await charge_point.answers("ChangeAvailability", {"status": "Accepted"}) == {
            "connectorId": 2,
            "type": "Inoperative",
        }
        await told.ended(second["id"])
    states = [row["state"] for row in await program("GET", "", params={"nodeId": 1})]
    assert states == ["Declined", "Completed"]
