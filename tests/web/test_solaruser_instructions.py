"""SolarNetwork's instructions, spec 7: how they are written, what they become, and who may take them back.

Nobody delivers here; what a charger makes of them is in tests/instructions/test_solarnetwork_instructions.py.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from served import NOW, Served
from signing import Snws2

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
        "Error decoding OCPP action message: Reset: type: 'Warm' is not one of its values.",
    ),
]

FOUND: list[tuple[str, list[int] | None]] = [
    ("/view?ids=1,3,99", [1, 3]),
    ("/view?ids=99", []),
    ("/viewPending?nodeId=1", [1]),
    ("/viewPending?nodeIds=1,2", [1, 2]),
    ("/viewActive?nodeId=1", []),
    ("/viewActive?nodeIds=1,2", []),
    ("", [1, 2, 3]),
    ("?nodeIds=2", [2]),
    ("?ids=1&instructionIds=3,9", [1, 3]),
    ("?state=Received", [1, 2]),
    ("?states=Declined,Executing", [3]),
    ("?state=Queued", None),
    ("?state=Completed&nodeId=1", None),
    ("?startDate=2026-03-01 12:00:00Z", [1, 2, 3]),
    ("?startDate=2026-03-01T12:00:01Z", None),
    ("?endDate=2026-03-01 12:00:00Z", None),
    ("?endDate=2026-03-01 12:00:01Z&nodeId=1", [1, 3]),
]

UNANSWERED = [
    ("/view", 422, "Illegal argument: The id parameter is required."),
    ("/view?id=one", 422, "Illegal argument: id is no number."),
    ("/viewPending", 422, "Illegal argument: The nodeId parameter is required."),
    ("/viewActive", 422, "Illegal argument: The nodeId parameter is required."),
    ("/viewPending?nodeId=99", 403, "ACCESS_DENIED"),
    ("?nodeIds=1,3", 403, "ACCESS_DENIED"),
    (
        "?state=Waiting",
        422,
        "Illegal argument: state is one of Unknown, Queuing, Queued, Received, Executing, Declined, Completed.",
    ),
]

TAKEN_BACK: list[tuple[dict[str, str], set[int]]] = [
    ({"ids": "1,2"}, {3}),
    ({"nodeId": "2"}, {1, 3}),
    ({"nodeIds": "1,2"}, set()),
    ({"states": "Received", "nodeId": "1"}, {2}),
    ({"states": "Executing"}, {1, 2, 3}),
    ({"ids": "1,2", "nodeId": "2"}, {1, 3}),
    ({"startDate": "2026-03-01T12:00:01Z"}, {1, 2, 3}),
    ({"endDate": "2026-03-01T12:00:01Z"}, set()),
]

NOT_TAKEN_BACK: list[tuple[dict[str, str], int, str]] = [
    ({"state": "Declined"}, 422, "Illegal argument: The id parameter is required, or ids, or a filter."),
    (
        {"id": "1"},
        422,
        "Illegal argument: state is one of Unknown, Queuing, Queued, Received, Executing, Declined, Completed.",
    ),
    (
        {"id": "1", "state": "Completed"},
        422,
        (
            "Illegal argument: state: what was not sent yet can be Declined; Completed it becomes by what its "
            "charger does."
        ),
    ),
    ({"ids": "1,99", "state": "Declined"}, 404, "The requested key was not found."),
    ({"nodeId": "3", "state": "Declined"}, 403, "ACCESS_DENIED"),
]


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


@pytest.fixture
async def user(api: Served) -> User:
    """With CP001 at node 1 and CP002 at node 2, and CP009 at node 3 of somebody else."""
    await api.registry.add_charger(NewCharger(identifier="CP001"), now=NOW)
    await api.registry.add_charger(NewCharger(identifier="CP002", node_id=2, create_node=True), now=NOW)
    await api.registry.add_account(NewAccount(name="mill"), now=NOW)
    await api.registry.add_charger(NewCharger(identifier="CP009"), now=NOW, account_id=2)
    _, text = await api.registry.add_token(NewToken(name="program"), now=NOW)
    return User(api, text)


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
        message = '{"key":"AuthorizationKey","value":"hunter2hunter2"}'
        data = await user.add({"action": "ChangeConfiguration", "chargerIdentifier": "CP001", "msg": message})
        assert data["parameters"][-1] == {"name": "msg", "value": '{"key":"AuthorizationKey","value":"[redacted]"}'}

    async def test_too_much_for_one_charger_is_refused(self, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("solarocpp.instructions.queue.MOST_WAITING", 1)
        await user.add(BY_ONE)
        status, told = await user("POST", "/add/OCPP_v16", json={"nodeId": 1, "params": BY_ONE})
        assert (status, told) == (
            422,
            {
                "success": False,
                "message": "1 instructions wait for CP001 already. See: solarocpp instructions list --charger CP001",
            },
        )


class TestLooking:
    """Spec 7.1: `view`, `viewActive`, `viewPending`, and the list."""

    @pytest.fixture
    async def three(self, user: User) -> User:
        """1 Received at node 1, 2 Received at node 2, 3 Declined at node 1."""
        await user.add(BY_ONE)
        await user.add({"action": "ClearCache", "chargerIdentifier": "CP002"}, nodeId=2)
        await user.add({"chargerIdentifier": "CP001"})
        return user

    async def test_a_question_finds(self, three: User) -> None:
        for query, numbers in FOUND:
            assert await three.seen(query) == numbers, query

    async def test_one_is_shown_and_not_in_a_list(self, three: User) -> None:
        assert await three("GET", "/view?id=1") == (200, {"success": True, "data": RECEIVED})
        status, told = await three("GET", "/view?id=99")
        assert (status, told["code"]) == (404, "DAO.00102")

    async def test_a_question_that_cannot_be_answered_is_refused(self, three: User) -> None:
        for query, status, message in UNANSWERED:
            assert await three("GET", query) == (status, {"success": False, "message": message}), query

    async def test_another_accounts_instructions_do_not_exist(self, three: User) -> None:
        _, text = await three.api.registry.add_token(NewToken(name="mill"), now=NOW, account_id=2)
        mill = User(three.api, text)
        assert await mill.seen("") is None
        assert await mill.seen("/view?ids=1,2,3") == []
        status, told = await mill("POST", "/updateState", data={"id": "1", "state": "Declined"})
        assert (status, told["code"]) == (404, "DAO.00102")
        status, told = await mill("POST", "/add/OCPP_v16", json={"nodeId": 1, "params": BY_ONE})
        assert (status, told["message"]) == (403, "ACCESS_DENIED")

    async def test_of_too_many_the_newest_are_listed(self, three: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("solarocpp.web.solaruser.orders.MAX_LIMIT", 2)
        assert await three.seen("") == [2, 3]


class TestTakingBack:
    """Spec 7.1: `updateState`, as far as a program can know the state of an instruction."""

    async def test_what_was_not_sent_is_declined(self, user: User) -> None:
        await user.add(BY_ONE)
        for _ in range(2):  # once more changes nothing
            assert await user("POST", "/updateState?id=1&state=Declined") == (200, {"success": True})
        _, told = await user("GET", "/view?id=1")
        assert (told["data"]["state"], told["data"]["resultParameters"]) == (
            "Declined",
            {"error": "cancelled by token 1 (program)"},
        )
        assert user.api.queue.chargers() == []

    async def test_many_are_declined_by_number_or_filter(self, user: User) -> None:
        """Each time three new ones: the first and third for node 1, the second for node 2."""
        made = 0
        for form, left in TAKEN_BACK:
            await user.add(BY_ONE)
            await user.add({"action": "ClearCache", "chargerIdentifier": "CP002"}, nodeId=2)
            await user.add(BY_ONE)
            numbers = (
                {"ids": ",".join(str(made + int(each)) for each in form["ids"].split(","))} if "ids" in form else {}
            )
            answer = await user("POST", "/updateState", data={"state": "Declined", **form, **numbers})
            assert answer == (200, {"success": True}), form
            assert await user.seen("/viewPending?nodeIds=1,2") == [made + number for number in sorted(left)], form
            await user("POST", "/updateState", data={"state": "Declined", "nodeIds": "1,2"})
            made += 3

    async def test_what_cannot_be_is_refused_and_changes_nothing(self, user: User) -> None:
        await user.add(BY_ONE)
        for form, status, message in NOT_TAKEN_BACK:
            answered, told = await user("POST", "/updateState", data=form)
            assert (answered, told["success"], told["message"]) == (status, False, message)
        assert await user.seen("/viewPending?nodeId=1") == [1]


class TestExecuting:
    """Spec 7.1: `exec`, where nobody answers; answers are in tests/instructions."""

    async def test_who_waits_in_vain_is_told_so(self, user: User) -> None:
        for number, wait in enumerate(("0", "50", "-1"), 1):
            body = {"nodeId": 1, "params": BY_ONE}
            status, told = await user("POST", f"/exec/OCPP_v16?resultMaxWait={wait}", json=body)
            message = {"message": "Timeout waiting for instruction result."}
            assert (status, told["data"]) == (200, RECEIVED | {"id": number, "resultParameters": message})
        # What is kept is not changed by that.
        assert await user("GET", "/view?id=1") == (200, {"success": True, "data": RECEIVED})

    async def test_of_several_nodes_each_is_told(self, user: User) -> None:
        path = "/exec/OCPP_v16?resultMaxWait=0&nodeIds=1,2&parameters[0].name=action&parameters[0].value=ClearCache"
        _, told = await user("POST", f"{path}&parameters[1].name=chargePointId&parameters[1].value=2")
        assert [(row["nodeId"], row["state"], row["resultParameters"]) for row in told["data"]] == [
            (1, "Declined", {"error": "ChargePoint not specified or not available. CP002 is at node 2."}),
            (2, "Received", {"message": "Timeout waiting for instruction result."}),
        ]


class TestPolicies:
    """What limits a token limits it here."""

    async def test_a_read_only_token_looks(self, user: User) -> None:
        await user.add(BY_ONE)
        _, text = await user.api.registry.add_token(NewToken(name="looks", read_only=True), now=NOW)
        looks = User(user.api, text)
        assert await looks.seen("") == [1]
        assert await looks.seen("/viewPending?nodeId=1") == [1]
        for path in ("/add", "/add/OCPP_v16", "/exec", "/exec/OCPP_v16", "/updateState"):
            status, told = await looks("POST", path, json={})
            assert (status, told["message"]) == (
                403,
                f"POST {BASE}{path} is closed to a token that is limited (readOnly). Use one that is not.",
            )

    async def test_a_token_of_a_node_tells_its_chargers_only(self, user: User) -> None:
        await user.add(BY_ONE)
        _, text = await user.api.registry.add_token(NewToken(name="node", nodes=[2]), now=NOW)
        node = User(user.api, text)
        assert await node.seen("") is None
        assert await node.seen("/view?ids=1") == []
        for path in ("/viewPending?nodeId=1", "?nodeId=1"):
            assert await node("GET", path) == (403, {"success": False, "message": "ACCESS_DENIED"})
        status, told = await node("POST", "/add/OCPP_v16", json={"nodeId": 1, "params": BY_ONE})
        assert (status, told["message"]) == (403, "ACCESS_DENIED")
        # A charger of another node is as if it were not there, by its identity and by its number.
        data = await node.add(BY_ONE, nodeId=2)
        assert data["resultParameters"] == {"error": "ChargePoint not specified or not available."}
        status, told = await node("POST", "/add/OCPP_v16", json={"nodeId": 2, "params": BY_ONE | {"chargePointId": 1}})
        assert (status, told["code"]) == (404, "DAO.00102")
        status, told = await node("POST", "/updateState", data={"id": "1", "state": "Declined"})
        assert (status, told["code"]) == (404, "DAO.00102")
        own = await node.add({"action": "ClearCache", "chargerIdentifier": "CP002"}, nodeId=2)
        assert (own["state"], await node.seen("")) == ("Received", [2, 3])
        assert await node("POST", "/updateState?id=3&state=Declined") == (200, {"success": True})

    async def test_a_token_of_sources_tells_nothing(self, user: User) -> None:
        _, text = await user.api.registry.add_token(NewToken(name="source", sources=["/ocpp/**"]), now=NOW)
        for method, path in (("GET", ""), ("POST", "/add")):
            assert (await User(user.api, text)(method, path))[0] == 403, path


async def test_changes_are_written_down(user: User) -> None:
    await user.add(BY_ONE)
    await user("POST", "/updateState?id=1&state=Declined")
    rows = await user.api.store.read(
        lambda con: con.execute("SELECT message FROM event WHERE name = 'change_made' ORDER BY ALL").fetchall()
    )
    assert rows == [
        ("Takes instructions back, by token 1 (program)",),
        ("Tells a charger something: instruction 1, by token 1 (program)",),
    ]
