"""SolarNetwork's instructions, spec 7: how they are written, and what they become.

Nobody delivers here; what a charger makes of them is in tests/instructions/test_solarnetwork_instructions.py, how they
are looked at and taken back in test_solaruser_instructions_kept.py.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
import trio
from instructing import BASE, BY_MSG, BY_ONE, INOPERATIVE, RECEIVED, User, user_with_chargers
from served import NOW, Served
from signing import Snws2

from solarocpp.central_system.instructions import read_order
from solarocpp.registry import NewToken

# A Reset that was meant for the night must not be sent by day, however a program spells when it is due.
NOT_DEFERRED = "Illegal argument: executionDate is not heeded: send the instruction when it is due."
NO_INSTRUCTIONS: list[tuple[str, object, str]] = [
    ("/add", {"topic": "OCPP_v16"}, "Illegal argument: The nodeId parameter is required."),
    ("/add", {"nodeId": 1}, "Illegal argument: The topic parameter is required."),
    ("/exec", {}, "Illegal argument: The nodeId parameter is required."),
    ("/add/OCPP_v16", {"nodeIds": ""}, "Illegal argument: The nodeId parameter is required."),
    ("/add/OCPP_v16", {"nodeId": "one"}, "Illegal argument: nodeId is no number."),
    (
        "/add/SetControlParameter",
        {"nodeId": 1, "params": {"/switch/1": "1"}},
        (
            "Illegal argument: topic 'SetControlParameter' is for a SolarNode, and there is none: chargers are told "
            "with OCPP_v16."
        ),
    ),
    (
        "/add/OCPP_v16",
        {"nodeId": 1, "params": BY_MSG | {"executionDate": "2026-03-01T18:00:00Z"}},
        NOT_DEFERRED,
    ),
    ("/add/OCPP_v16", {"nodeId": 1, "params": BY_MSG, "executionDate": "2026-03-01T18:00:00Z"}, NOT_DEFERRED),
    ("/add/OCPP_v16?executionDate=2026-03-01T18:00:00Z", {"nodeId": 1, "params": BY_MSG}, NOT_DEFERRED),
    ("/exec?resultMaxWait=soon", {}, "Illegal argument: resultMaxWait is no number."),
    ("/add", [], "Malformed JSON: Expected `object`, got `array`"),
    (
        "/add/OCPP_v16",
        {"nodeId": 1, "params": BY_ONE, "expirationDate": "soon"},
        "Malformed date string: 'soon' is not like 2026-03-01 12:00:00Z.",
    ),
]

DECLINED: list[tuple[dict[str, str], str]] = [
    ({"action": "ClearCache"}, "ChargePoint not specified or not available."),
    (
        {"action": "ClearCache", "chargerIdentifier": "CP404"},
        "ChargePoint not specified or not available.",
    ),
    (
        {"action": "ClearCache", "chargerIdentifier": "CP009"},
        "ChargePoint not specified or not available.",
    ),
    ({"chargerIdentifier": "CP001"}, "OCPP action parameter missing."),
    (
        {"chargerIdentifier": "CP001", "action": "clearcache"},
        "OCPP action parameter missing. 'clearcache' is no action of OCPP 1.6. Did you mean ClearCache?",
    ),
    (
        {"chargerIdentifier": "CP001", "action": "Heartbeat"},
        "OCPP action parameter missing. Heartbeat is sent by chargers, not to them.",
    ),
    (
        {"chargerIdentifier": "CP001", "action": "Reset", "msg": "[]"},
        "Error decoding OCPP action message: Reset: The payload is not an object.",
    ),
    (
        {"chargerIdentifier": "CP001", "action": "Reset", "msg": "{"},
        "Error decoding OCPP action message: Reset: The payload is not JSON.",
    ),
    (
        {"chargerIdentifier": "CP001", "action": "Reset", "type": "Warm"},
        "Error decoding OCPP action message: Reset: type: 'Warm' is not one of its values: Hard, Soft.",
    ),
]


@pytest.fixture
async def user(api: Served) -> User:
    return await user_with_chargers(api)


class TestWriting:
    """Spec 7.1: one instruction in every form it may come in."""

    async def test_parameters_make_the_payload(self, user: User) -> None:
        """Spec 13.8, its first two rows; and `chargePointId` goes before `chargerIdentifier`."""
        by_number = BY_ONE | {"chargePointId": "1", "chargerIdentifier": "x"}
        for number, params in enumerate((BY_ONE, BY_MSG, by_number), 1):
            assert await user.add(params) == RECEIVED | {"id": number}

    async def test_a_message_may_be_the_object_itself(self, user: User) -> None:
        for number, msg in enumerate(
            (
                {"connectorId": 1, "type": "Inoperative"},
                {"connectorId": "1", "type": "Inoperative"},
                '{"connectorId":"1","type":"Inoperative"}',
            ),
            1,
        ):
            assert await user.add(INOPERATIVE | {"msg": msg, "chargePointId": 1}) == RECEIVED | {"id": number}

    async def test_parameters_may_be_a_list(self, user: User) -> None:
        pairs = [{"name": name, "value": value} for name, value in BY_ONE.items()]
        status, told = await user("POST", "/add/OCPP_v16", json={"nodeId": 1, "parameters": pairs})
        assert (status, told["data"]) == (200, RECEIVED)

    async def test_they_may_be_a_form(self, user: User) -> None:
        form = {"topic": "OCPP_v16", "nodeId": "1"}
        for number, (name, value) in enumerate(BY_ONE.items()):
            form |= {f"parameters[{number}].name": name, f"parameters[{number}].value": value}
        assert (await user("POST", "/add", data=form))[1]["data"] == RECEIVED
        # What SolarNetwork's own library makes of it: all in the query, and no body.
        del form["topic"]
        assert (await user("POST", "/add/OCPP_v16", params=form))[1]["data"] == RECEIVED | {"id": 2}

    async def test_values_of_one_name_are_one_value(self, user: User) -> None:
        """Spec 7.1: what is longer than 256 characters comes in pieces; what has no name or no value is nothing."""
        pieces = ['{"connectorId":1,', '"type":"Inop', "", 'erative"}']
        pairs: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in INOPERATIVE.items()]
        pairs += [{"name": "msg", "value": piece} for piece in pieces]
        pairs += [{"value": "nameless"}, {"name": "", "value": "x"}, {"name": "connectorId", "value": None}]
        status, told = await user("POST", "/add", json={"topic": "OCPP_v16", "nodeId": 1, "parameters": pairs})
        assert (status, told["data"]) == (200, RECEIVED)

    async def test_null_is_no_payload(self, user: User) -> None:
        for params in ({"msg": "null"}, {}):
            data = await user.add({"action": "ClearCache", "chargerIdentifier": "CP001"} | params)
            assert (data["state"], data["parameters"][-1]) == ("Received", {"name": "msg", "value": "{}"})

    async def test_it_may_expire_earlier(self, user: User) -> None:
        told = await user.add(BY_ONE, expirationDate="2026-03-01 13:30:00.5Z")
        assert told["expirationDate"] == "2026-03-01 13:30:00.5Z"
        status, refused = await user(
            "POST",
            "/add/OCPP_v16",
            json={"nodeId": 1, "params": BY_ONE, "expirationDate": "2026-03-31 12:00:01Z"},
        )
        assert (status, refused["message"]) == (
            422,
            "ChangeAvailability: an instruction expires within 30 days from now, and 2026-03-31T12:00:01Z is not.",
        )

    async def test_node_ids_are_an_instruction_each(self, user: User) -> None:
        """And the charger is told by the one of its own node; SolarNetwork tells it twice."""
        status, told = await user("POST", "/add/OCPP_v16", json={"nodeIds": [2, 1], "params": BY_ONE})
        assert (status, [(row["nodeId"], row["state"]) for row in told["data"]]) == (
            200,
            [(2, "Declined"), (1, "Received")],
        )
        assert told["data"][0]["resultParameters"] == {
            "error": "ChargePoint not specified or not available. CP001 is at node 1."
        }
        for nodes in ("1", "1,1"):
            _, told = await user("POST", f"/add/OCPP_v16?nodeIds={nodes}", data={"nodeId": "2"})
            assert [row["nodeId"] for row in told["data"]] == [1]

    async def test_what_is_no_instruction_is_refused(self, user: User) -> None:
        for path, body, message in NO_INSTRUCTIONS:
            assert await user("POST", path, json=body) == (422, {"success": False, "message": message}), path
        assert await user.seen("") is None

    async def test_json_has_a_bottom(self, user: User) -> None:
        deep = b'{"nodeId":1,"params":{"msg":' + b"[" * 5000 + b"]" * 5000 + b"}}"
        status, told = await user("POST", "/add/OCPP_v16", content=deep, headers={"Content-Type": "application/json"})
        assert (status, told["success"], told["message"].split(":")[0]) == (422, False, "Malformed JSON")

    async def test_a_form_has_an_end(self, user: User) -> None:
        status, told = await user("POST", "/add", data={str(number): "x" for number in range(2001)})
        assert (status, told["message"]) == (422, "Illegal argument: a form has at most 2000 fields.")

    async def test_requests_are_signed_forms_too(self, user: User) -> None:
        _, text = await user.api.registry.add_token(NewToken(name="signer", snws2=True), now=NOW)
        async with user.api.as_caller("x") as http:
            del http.headers["Authorization"]
            http.auth = Snws2(text, NOW)
            answer = await http.post(f"{BASE}/updateState", data={"id": "7", "state": "Declined"})
        assert (answer.status_code, answer.json()["code"]) == (404, "DAO.00102")


class TestDeclined:
    """Spec 7.2: what is Declined as it is queued, and can be looked at like any other."""

    async def test_the_result_says_why(self, user: User) -> None:
        for params, error in DECLINED:
            data = await user.add(params)
            assert (data["state"], data["resultParameters"]) == ("Declined", {"error": error})
            told = {row["name"]: row["value"] for row in data["parameters"]}
            number = {"chargePointId": "1"} if params.get("chargerIdentifier") == "CP001" else {}
            named = {name: params[name] for name in ("action", "chargerIdentifier") if name in params}
            assert told == named | number  # without `msg`: nobody can tell what in it is a secret
            assert await user("GET", f"/view?id={data['id']}") == (200, {"success": True, "data": data})
            # It has ended: whoever executes it is answered at once.
            _, told = await user("POST", "/exec/OCPP_v16", json={"nodeId": 1, "params": params})
            assert told["data"]["resultParameters"] == {"error": error}
        assert user.api.queue.chargers() == []  # nothing waits

    async def test_a_charger_that_is_not_there_by_number_is_not_found(self, user: User) -> None:
        """3 is somebody else's."""
        for number in ("99", "3"):
            params = {"action": "ClearCache", "chargePointId": number, "chargerIdentifier": "CP001"}
            status, told = await user("POST", "/add/OCPP_v16", json={"nodeId": 1, "params": params})
            assert (status, told["code"]) == (404, "DAO.00102")
        assert await user.seen("") is None

    async def test_its_event_says_who_and_why(self, user: User) -> None:
        await user.add({"action": "ClearCache", "chargerIdentifier": "CP404"})
        rows = await user.api.store.read(
            lambda con: con.execute(
                "SELECT identifier, message, data ->> 'by' FROM event WHERE name = 'instruction_declined'"
            ).fetchall()
        )
        assert rows == [("CP404", "ChargePoint not specified or not available.", "token 1 (program)")]

    async def test_a_password_in_what_is_refused_is_kept_nowhere(self, user: User) -> None:
        for message in (
            json.dumps({"key": "AuthorizationKey", "value": "hunter2" * 100}),
            json.dumps({"key": "AuthorizationKey", "value": "hunter2", "hunter2": "x"}),
            '{"key": "AuthorizationKey", "value": "hunter2"',
        ):
            data = await user.add({"action": "ChangeConfiguration", "chargerIdentifier": "CP001", "msg": message})
            assert data["resultParameters"] == {
                "error": "Error decoding OCPP action message: what is wrong is not kept, since there may be a password "
                "in it; /api/instructions answers it"
            }
        async with user.api.as_caller(user._text) as http:
            for path in (f"{BASE}", "/api/instructions", "/api/events"):
                assert "hunter2" not in (await http.get(path)).text, path

    async def test_a_password_in_what_is_taken_in_is_blanked(self, user: User) -> None:
        message = '{"key":"WifiPassword","value":"hunter2hunter2"}'
        data = await user.add({"action": "ChangeConfiguration", "chargerIdentifier": "CP001", "msg": message})
        assert data["parameters"][-1] == {"name": "msg", "value": '{"key":"WifiPassword","value":"[redacted]"}'}

    async def test_the_key_a_charger_logs_in_with_is_not_set_past_us(self, user: User) -> None:
        message = '{"key":"AuthorizationKey","value":"hunter2hunter2"}'
        data = await user.add({"action": "ChangeConfiguration", "chargerIdentifier": "CP001", "msg": message})
        assert data["resultParameters"] == {
            "error": "Error decoding OCPP action message: AuthorizationKey is what CP001 logs in with; it gets "
            "another, and is not locked out, with: solarocpp charger rotate-key CP001"
        }

    async def test_too_much_for_one_charger_is_refused(self, user: User) -> None:
        charger = user.api.registry.charger(1)
        clear = read_order("ClearCache", b"{}")
        async with trio.open_nursery() as orders:
            for _ in range(200):
                orders.start_soon(
                    partial(user.api.queue.submit, clear, action="ClearCache", charger=charger, requested_by="a test")
                )
        status, told = await user("POST", "/add/OCPP_v16", json={"nodeId": 1, "params": BY_ONE})
        assert (status, told) == (
            422,
            {
                "success": False,
                "message": "200 instructions wait for CP001 already. See: solarocpp instructions list --charger CP001",
            },
        )
