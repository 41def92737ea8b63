"""SolarNetwork's instructions, spec 7, once they are kept: who sees them, waits for them, and may take them back."""

from __future__ import annotations

import pytest
from instructing import BASE, BY_ONE, RECEIVED, User, user_with_chargers
from served import NOW, Served

from solarocpp.registry import NewToken

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


@pytest.fixture
async def user(api: Served) -> User:
    return await user_with_chargers(api)


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
