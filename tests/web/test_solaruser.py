"""SolarNetwork's management API: what spec 13.10 expects, and each entity through its whole life."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from served import NOW, FakeLink, Served

from solarocpp.registry import NewAccount, NewCharger, NewToken
from solarocpp.web.solaruser.faults import Refused, read_date
from solarocpp.web.solaruser.views import written

BASE = "/solaruser/api/v1/sec/user/ocpp"
CREATED = "2026-03-01 12:00:00Z"
NOT_FOUND = {"success": False, "code": "DAO.00102", "message": "The requested key was not found."}
INFO = {"id": "CP001", "chargePointVendor": "ACME", "chargePointModel": "One"}


class User:
    """Somebody with a token of account 1."""

    def __init__(self, api: Served, text: str) -> None:
        self.api = api
        self._text = text

    async def __call__(self, method: str, path: str, body: object = None, **options: Any) -> tuple[int, Any]:
        options |= {} if body is None else {"json": body}
        async with self.api.as_caller(self._text) as http:
            answer = await http.request(method, BASE + path, **options)
        assert answer.headers["vary"] == "Accept"
        return answer.status_code, answer.json()


@pytest.fixture
async def user(api: Served) -> User:
    _, text = await api.registry.add_token(NewToken(name="program"), now=NOW)
    return User(api, text)


class TestRest:
    """Spec 13.10, row by row."""

    async def test_an_id_tag_is_made(self, user: User) -> None:
        assert await user("POST", "/authorizations", {"userId": 1, "token": "ABC123"}) == (
            201,
            {
                "success": True,
                "data": {
                    "id": 1,
                    "created": CREATED,
                    "userId": 1,
                    "token": "ABC123",
                    "enabled": False,
                    "expired": False,
                },
            },
        )

    async def test_the_same_again_is_refused(self, user: User) -> None:
        await user("POST", "/authorizations", {"userId": 1, "token": "ABC123"})
        status, answer = await user("POST", "/authorizations", {"userId": 1, "token": "ABC123"})
        assert (status, answer["success"], answer["code"]) == (422, False, "DAO.00101")

    async def test_a_token_of_21_characters_is_too_long(self, user: User) -> None:
        assert await user("POST", "/authorizations", {"userId": 1, "token": "A" * 21}) == (
            422,
            {"success": False, "message": "token must have at most 20 characters."},
        )
        assert (await user("POST", "/authorizations", {"userId": 1, "token": f" {'A' * 20} "}))[0] == 201

    async def test_a_missing_user_is_malformed(self, user: User) -> None:
        assert await user("POST", "/authorizations", {"token": "ABC123"}) == (
            422,
            {"success": False, "message": "Malformed JSON: Object missing required field `userId`."},
        )

    async def test_an_unknown_charger_is_not_found(self, user: User) -> None:
        assert await user("GET", "/chargers/999999") == (404, NOT_FOUND)

    async def test_a_generated_password_is_shown_once(self, user: User) -> None:
        status, made = await user("POST", "/credentials", {"userId": 1, "username": "depot"})
        password = made["data"].pop("password")
        assert (status, len(password)) == (201, 22)
        assert made["data"] == {"id": 1, "created": CREATED, "userId": 1, "username": "depot"}
        for path in ("/credentials/1", "/credentials?username=DEPOT"):
            assert await user("GET", path) == (200, made)
        assert await user("GET", "/credentials") == (200, {"success": True, "data": [made["data"]]})
        registry = user.api.registry
        assert await registry.verify(registry.credential("depot"), password.encode())

    async def test_no_status_is_no_data(self, user: User) -> None:
        assert await user("GET", "/chargers/status") == (200, {"success": True})


async def test_an_id_tag_is_replaced_whole(user: User) -> None:
    form = {
        "userId": 1,
        "token": "ABC123",
        "enabled": True,
        "expiryDate": "2026-03-01 13:00:00.5Z",
        "parentId": "FLEET",
    }
    _, made = await user("POST", "/authorizations", form)
    assert made["data"]["expiryDate"] == "2026-03-01 13:00:00.5Z"
    assert made["data"]["parentId"] == "FLEET"
    # What was read can be sent back: fields that are only shown change nothing.
    assert await user("POST", "/authorizations", {**made["data"], "expired": True, "created": "x"}) == (200, made)
    status, changed = await user("POST", "/authorizations", {"id": 1, "userId": 1, "token": "abc123"})
    assert (status, changed["data"]) == (
        200,
        {"id": 1, "created": CREATED, "userId": 1, "token": "ABC123", "enabled": False, "expired": False},
    )
    _, past = await user("POST", "/authorizations", {**form, "token": "OLD", "expiryDate": "2026-03-01T11:59:59Z"})
    assert past["data"]["expired"] is True
    assert [row["token"] for row in (await user("GET", "/authorizations"))[1]["data"]] == ["ABC123", "OLD"]
    assert await user("DELETE", "/authorizations/1") == (200, {"success": True})
    assert await user("GET", "/authorizations/1") == (404, NOT_FOUND)
    assert await user("DELETE", "/authorizations/1") == (404, NOT_FOUND)


REFUSED = [
    ("/authorizations", {"userId": 2, "token": "A"}, 403, "ACCESS_DENIED"),
    ("/authorizations", {"userId": 1, "id": 9, "token": "A"}, 403, "UNKNOWN_OBJECT"),
    ("/authorizations", {"userId": 1}, 422, "token is required."),
    (
        "/authorizations",
        {"userId": 1, "token": "A" * 21, "parentId": "B" * 21},
        422,
        "token must have at most 20 characters. parentId must have at most 20 characters.",
    ),
    (
        "/authorizations",
        {"userId": 1, "token": "A", "expiryDate": "tomorrow"},
        422,
        "Malformed date string: 'tomorrow' is not like 2026-03-01 12:00:00Z.",
    ),
    (
        "/authorizations",
        {"userId": "one", "token": "A"},
        422,
        "Malformed JSON: userId: Expected `int`, got `str`.",
    ),
    ("/authorizations", [], 422, "Malformed JSON: Expected `object`, got `array`."),
    ("/chargers", {"userId": 1, "nodeId": 9, "info": INFO}, 403, "UNKNOWN_OBJECT"),
    ("/chargers", {"userId": 1, "info": INFO}, 422, "Malformed JSON: Object missing required field `nodeId`."),
    ("/chargers", {"userId": 1, "nodeId": 1}, 422, "info is required."),
    (
        "/chargers",
        {"userId": 1, "nodeId": 1, "info": {"id": "", "chargePointVendor": "A" * 21, "imsi": "1" * 21}},
        422,
        (
            "info.id is required. info.chargePointVendor must have at most 20 characters. "
            "info.chargePointModel is required. info.imsi must have at most 20 characters."
        ),
    ),
    (
        "/chargers",
        {"userId": 1, "nodeId": 1, "info": INFO, "registrationStatus": "Unknown"},
        422,
        "registrationStatus must be one of Pending, Accepted, Rejected.",
    ),
    (
        "/chargers",
        {"userId": 1, "nodeId": 1, "info": INFO, "connectorCount": -1},
        422,
        "connectorCount must be from 0 to 1000.",
    ),
    ("/chargers/settings", {"userId": 1, "chargePointId": 1}, 422, "sourceIdTemplate is required."),
    (
        "/chargers/settings",
        {"userId": 1, "chargePointId": 9, "sourceIdTemplate": "/x"},
        403,
        "UNKNOWN_OBJECT",
    ),
    ("/chargers/settings", {"userId": 1}, 422, "Malformed JSON: Object missing required field `chargePointId`."),
    (
        "/settings",
        {"userId": 1, "sourceIdTemplate": "x" * 256},
        422,
        "sourceIdTemplate must have at most 255 characters.",
    ),
    (
        "/settings",
        {"userId": 1, "sourceIdTemplate": "/{chargerIdentifer}"},
        422,
        "The template has an unknown {chargerIdentifer}. Did you mean {chargerIdentifier}?",
    ),
    (
        "/connectors",
        {"userId": 1, "chargePointId": 1},
        422,
        "Malformed JSON: Object missing required field `connectorId`.",
    ),
    (
        "/connectors",
        {"userId": 1, "chargePointId": 1, "connectorId": -1, "info": {}},
        422,
        "Illegal argument: connectorId is from 0 to 2147483647.",
    ),
    (
        "/connectors",
        {"userId": 1, "chargePointId": 9, "connectorId": 1, "info": {}},
        403,
        "UNKNOWN_OBJECT",
    ),
    ("/credentials", {"userId": 1, "username": "u" * 65}, 422, "username must have at most 64 characters."),
    (
        "/credentials",
        {"userId": 1, "username": "a:b"},
        422,
        "Username 'a:b' has a ':': HTTP Basic ends the username there. Choose another.",
    ),
]


@pytest.mark.parametrize(("path", "form", "status", "message"), REFUSED)
async def test_what_cannot_be_saved_is_refused(user: User, path: str, form: object, status: int, message: str) -> None:
    """None of a validator's answers has an `errors` array (spec 2.8)."""
    assert await user("POST", path, form) == (status, {"success": False, "message": message})


async def test_text_that_is_no_json_is_malformed(user: User) -> None:
    for content in (b"{", b"\xff", b"", b'{"userId":1,"token":"\xff"}', b"[" * 100_000):
        status, answer = await user("POST", "/authorizations", content=content)
        assert status == 422
        assert answer["message"].startswith("Malformed JSON: ")


async def test_a_charger_is_registered_found_replaced_and_removed(user: User) -> None:
    form = {"userId": 1, "nodeId": 1, "info": {**INFO, "chargePointSerialNumber": "S1", "iccid": "89"}}
    status, made = await user("POST", "/chargers", form)
    assert (status, made["data"]) == (
        201,
        {
            "id": 1,
            "created": CREATED,
            "userId": 1,
            "nodeId": 1,
            "enabled": False,
            "registrationStatus": "Pending",
            "connectorCount": 0,
            "info": {**INFO, "chargePointSerialNumber": "S1", "iccid": "89"},
        },
    )
    change = {**made["data"], "enabled": True, "registrationStatus": "Accepted", "connectorCount": 2, "info": INFO}
    status, changed = await user("POST", "/chargers", change)
    assert (status, changed["data"]) == (200, change)
    assert await user("POST", "/chargers", {**change, "info": {**INFO, "id": "CP002"}}) == (
        422,
        {
            "success": False,
            "message": "Illegal argument: info.id: CP001 cannot become another; register the other, and delete this.",
        },
    )
    await user("POST", "/chargers", {**form, "info": {**INFO, "id": "CP002"}})
    for query, ids in (("", [1, 2]), ("?max=1", [1]), ("?offset=1", [2]), ("?max=9&offset=2", [])):
        _, found = await user("GET", f"/chargers/find{query}")
        page = found["data"]
        assert ([row["id"] for row in page["results"]], page["totalResults"]) == (ids, 2), query
        assert page["returnedResultCount"] == len(ids)
    assert await user("DELETE", "/chargers/1") == (200, {"success": True})
    assert await user("GET", "/chargers/1") == (404, NOT_FOUND)
    assert [row["id"] for row in (await user("GET", "/chargers"))[1]["data"]] == [2]


async def test_the_settings_of_a_charger_go_over_those_of_the_account(user: User) -> None:
    await user.api.registry.add_charger(NewCharger(identifier="CP001"), now=NOW)
    default = "/ocpp/cp/{chargerIdentifier}/{connectorId}/{location}"
    account = {"userId": 1, "created": CREATED, "publishToSolarIn": True, "publishToSolarFlux": False}
    _, shown = await user("GET", "/settings")
    hid = shown["data"].pop("hid")
    assert re.fullmatch("[2-9A-HJ-NP-Za-km-z]{8}", hid)
    assert shown["data"] == {**account, "sourceIdTemplate": default}
    assert (await user("POST", "/settings", {"userId": 1, "hid": "other", "sourceIdTemplate": "/a/{connectorId}"}))[1][
        "data"
    ] == {**account, "hid": hid, "sourceIdTemplate": "/a/{connectorId}"}

    assert await user("GET", "/chargers/settings") == (200, {"success": True, "data": []})
    assert await user("GET", "/chargers/1/settings") == (200, {"success": True})
    own = {"chargePointId": 1, "userId": 1, "publishToSolarIn": False, "sourceIdTemplate": "/b/{connectorId}"}
    expected = {**own, "created": CREATED, "publishToSolarFlux": False}
    assert await user("POST", "/chargers/settings", own) == (200, {"success": True, "data": expected})
    assert await user("GET", "/chargers/1/settings") == (200, {"success": True, "data": expected})
    assert await user("GET", "/chargers/settings") == (200, {"success": True, "data": [expected]})
    facts = user.api.registry.facts(user.api.registry.charger(1))
    assert (facts.source_id_template, facts.publish) == ("/b/{connectorId}", False)
    assert await user("DELETE", "/chargers/1/settings") == (200, {"success": True})
    assert await user("GET", "/chargers/1/settings") == (200, {"success": True})
    assert await user("DELETE", "/settings") == (200, {"success": True})
    assert (await user("GET", "/settings"))[1]["data"]["sourceIdTemplate"] == default
    assert (await user("GET", "/chargers/9/settings"))[0] == 404


async def test_a_connector_is_told_shown_and_forgotten(user: User) -> None:
    await user.api.registry.add_charger(NewCharger(identifier="CP001"), now=NOW)
    info = {
        "timestamp": "2026-03-01 11:00:00Z",
        "status": "Charging",
        "errorCode": "NoError",
        "info": "all well",
        "vendorId": "ACME",
        "vendorErrorCode": "0",
    }
    status, told = await user("POST", "/connectors", {"userId": 1, "chargePointId": 1, "connectorId": 2, "info": info})
    assert (status, told["data"]) == (
        200,
        {
            "userId": 1,
            "chargePointId": 1,
            "evseId": 0,
            "connectorId": 2,
            "created": CREATED,
            "info": {"evseId": 0, "connectorId": 2, **info},
        },
    )
    for path in ("/connectors/1/2", "/connectors/1/0/2"):
        assert await user("GET", path) == (200, told)
    for path in ("/connectors", "/connectors/1"):
        assert await user("GET", path) == (200, {"success": True, "data": [told["data"]]})
    for path in ("/connectors/1/1", "/connectors/1/1/2", "/connectors/9/2", "/connectors/1/-2"):
        assert await user("GET", path) == (404, NOT_FOUND), path
    assert await user("DELETE", "/connectors/1/0/2") == (200, {"success": True})
    assert await user("DELETE", "/connectors/1/2") == (404, NOT_FOUND)


async def test_a_password_that_is_not_sent_stays(user: User) -> None:
    registry = user.api.registry
    form = {"userId": 1, "username": "depot", "password": "first-password-16", "allowedChargePoints": ["CP001"]}
    status, made = await user("POST", "/credentials", form)
    assert (status, made["data"]) == (
        201,
        {"id": 1, "created": CREATED, "userId": 1, "username": "depot", "allowedChargePoints": ["CP001"]},
    )
    await user("POST", "/credentials", {**made["data"], "allowedChargePoints": ["CP002"]})
    assert await registry.verify(registry.credential("depot"), b"first-password-16")
    await user("POST", "/credentials", {**made["data"], "password": "second-password-1"})
    assert await registry.verify(registry.credential("depot"), b"second-password-1")
    assert (await user("GET", "/credentials?username=nobody")) == (404, NOT_FOUND)
    assert await user("DELETE", "/credentials/1") == (200, {"success": True})
    assert await user("GET", "/credentials/1") == (404, NOT_FOUND)


async def test_the_status_of_chargers_is_filtered_by_their_identity(user: User) -> None:
    """Not by the id of their session, as in SolarNetwork (spec Q27)."""
    for number in (1, 2):
        await user.api.registry.add_charger(NewCharger(identifier=f"CP00{number}"), now=NOW)
        since = NOW + timedelta(minutes=number)
        user.api.links.append(FakeLink(number, f"CP00{number}", since=since))
    await user.api.registry.add_account(NewAccount(name="mill"), now=NOW)
    user.api.links.append(FakeLink(3, "CP003", 2))
    _, answer = await user("GET", "/chargers/status?identifier=cp001")
    assert answer["data"] == [
        {
            "created": "2026-03-01 12:01:00Z",
            "userId": 1,
            "chargePointId": 1,
            "connectedTo": "192.0.2.7:50000",
            "sessionId": "00000000-0000-0000-0000-000000000007",
            "connectedDate": "2026-03-01 12:01:00Z",
        }
    ]
    for query, ids in (
        ("", [1, 2]),
        ("?chargePointIds=2,3", [2]),
        ("?identifiers=CP001,CP002&chargePointId=2", [2]),
        ("?identifier=CP003", []),
        ("?startDate=2026-03-01 12:02:00Z", [2]),
        ("?endDate=2026-03-01T12:02:00Z", [1]),
        ("?sorts[0].sortKey=time&sorts[0].descending=true", [2, 1]),
        ("?max=1&offset=1", [2]),
    ):
        _, answer = await user("GET", f"/chargers/status{query}")
        assert [row["chargePointId"] for row in answer.get("data", [])] == ids, query


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/chargers/x", "Illegal argument: id is no number."),
        ("/chargers/status?chargePointId=x", "Illegal argument: chargePointId is no number."),
        ("/chargers/find?max=0", "Illegal argument: max is 1 or more, offset from 0 to 10000000."),
        ("/chargers/find?offset=-1", "Illegal argument: max is 1 or more, offset from 0 to 10000000."),
        ("/sessions?active=maybe", "Illegal argument: active is true or false."),
        ("/sessions/7", "Illegal argument: id is no UUID."),
        (
            "/sessions?sorts[0].sortKey=size",
            "Illegal argument: sortKey is one of charger, evse, connector, date, created, id.",
        ),
        ("/sessions?startDate=1.3.2026", "Malformed date string: '1.3.2026' is not like 2026-03-01 12:00:00Z."),
        ("/sessions?connectorIds=" + "1," * 1001, "Illegal argument: connectorIds has more than 1000 values."),
    ],
)
async def test_a_parameter_that_cannot_be_meant_is_said_so(user: User, path: str, message: str) -> None:
    assert await user("GET", path) == (422, {"success": False, "message": message})


async def test_what_is_not_there_has_solarnetworks_form(user: User) -> None:
    assert await user("GET", "/nothing") == (
        404,
        {"success": False, "code": "404", "message": "There is nothing at this path."},
    )
    assert (await user("PUT", "/settings"))[0] == 405
    async with user.api.as_caller("wrong") as http:
        answer = await http.get(f"{BASE}/chargers")
    assert (answer.status_code, answer.json()["success"]) == (401, False)
    assert "code" not in answer.json()


async def test_what_is_saved_leaves_its_event(user: User) -> None:
    await user("POST", "/authorizations", {"userId": 1, "token": "ABC123"})
    await user("DELETE", "/authorizations/1")
    table = (await user.api.http.get("/api/events", params={"tags": "api,change"})).json()
    at = table["columns"].index("message")
    assert sorted(row[at] for row in table["rows"]) == [
        "Makes an id tag, or replaces one: ABC123, by token 1 (program)",
        "Removes an id tag, by token 1 (program)",
    ]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026-03-01 12:00:00Z", "2026-03-01 12:00:00Z"),
        ("2026-03-01 12:00:00.123456Z", "2026-03-01 12:00:00.123456Z"),
        ("2026-03-01T12:00:00.500Z", "2026-03-01 12:00:00.5Z"),
        ("2026-03-01T14:00:00+02:00", "2026-03-01 12:00:00Z"),
        ("2026-03-01T12:00", "2026-03-01 12:00:00Z"),
        ("2026-03-01", "2026-03-01 00:00:00Z"),
        ("0001-01-01T00:00:00+01:00", None),
        ("2026-02-30", None),
        ("20260301", None),
        ("2026-W09-7", None),
        ("", None),
    ],
)
def test_dates_are_taken_in_three_forms_and_given_in_one(text: str, read: str | None) -> None:
    if read is None:
        with pytest.raises(Refused, match="Malformed date string"):
            read_date(text)
    else:
        assert written(read_date(text)) == read
        assert isinstance(read_date(text), datetime)
