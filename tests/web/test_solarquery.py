"""SolarNetwork's query API: rows and pages of a site with two nodes, one of them not in UTC."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from served import NOW, Served

from solarocpp.metering.datums import Datum, SessionProperties
from solarocpp.ocpp.datatypes import SourceId
from solarocpp.registry import NewAccount, NewCharger, NewToken, NodeChange
from solarocpp.store.effects import DatumObserved

BASE = "/solarquery/api/v1/sec"
A, B = "/ocpp/cp/CP001/1", "/ocpp/cp/CP002/1"


def datum(node: int, source: str, at: datetime, **values: float) -> DatumObserved:
    facts = SessionProperties(UUID(int=7), 5, "TAG", 60) if source == B else None
    return DatumObserved(Datum(node, SourceId(source), at, values, session=facts), at)


@pytest.fixture
async def site(api: Served) -> Served:
    """Node 1 in Berlin with two sources, node 2 with one; a reading each quarter of an hour before noon."""
    await api.registry.add_charger(NewCharger(identifier="X", node_id=2, create_node=True), now=NOW)
    await api.registry.set_node(1, NodeChange(time_zone="Europe/Berlin"))
    effects = [
        datum(node, source, NOW + timedelta(minutes=15 * number - 60), wattHours=1000.0 + 100 * number, watts=400.5)
        for node, source in ((1, A), (1, B), (2, A))
        for number in range(5)
    ]
    api.store.record(None, effects)
    await api.store.settle()
    return api


async def got(site: Served, path: str, **params: str) -> Any:
    answer = await site.http.get(BASE + path, params=params)
    assert answer.status_code == 200, answer.text
    assert answer.json()["success"] is True
    return answer.json()["data"]


async def test_a_datum_has_solarnetworks_fields(site: Served) -> None:
    found = await got(
        site, "/datum/list", nodeId="1", sourceId=B, startDate="2026-03-01T11:00", endDate="2026-03-01T11:15"
    )
    assert found == {
        "totalResults": 1,
        "startingOffset": 0,
        "returnedResultCount": 1,
        "results": [
            {
                "created": "2026-03-01 11:00:00Z",
                "nodeId": 1,
                "sourceId": B,
                "localDate": "2026-03-01",
                "localTime": "12:00",
                "sessionId": "00000000-0000-0000-0000-000000000007",
                "transactionId": 5,
                "token": "TAG",
                "duration": 60,
                "wattHours": 1000,
                "watts": 400.5,
            }
        ],
    }


RANGE = {"startDate": "2026-03-01", "endDate": "2026-03-02"}


@pytest.mark.parametrize(
    ("params", "streams", "rows"),
    [
        ({}, {(1, A), (1, B), (2, A)}, 15),
        ({"nodeId": "2"}, {(2, A)}, 5),
        ({"nodeIds": "1,2", "sourceId": A}, {(1, A), (2, A)}, 10),
        ({"sourceIds": f"{A},/ocpp/cp/CP002/**"}, {(1, A), (1, B), (2, A)}, 15),
        ({"sourceIds": "/ocpp/*/CP002/*"}, {(1, B)}, 5),
        ({"startDate": "2026-03-01 11:45:00Z"}, {(1, A), (1, B), (2, A)}, 6),
        ({"mostRecent": "true"}, {(1, A), (1, B), (2, A)}, 3),
        ({"aggregation": "Hour"}, {(1, A), (1, B), (2, A)}, 6),
        ({"aggregation": "h", "nodeId": "1", "sourceId": A}, {(1, A)}, 2),
        # By the clock of the node: noon in Berlin is 11 in UTC.
        (
            {"startDate": "", "endDate": "", "localStartDate": "2026-03-01T12:00", "localEndDate": "2026-03-01T12:01"},
            {(1, A), (1, B), (2, A)},
            3,
        ),
    ],
)
async def test_datums_are_filtered(
    site: Served, params: dict[str, str], streams: set[tuple[int, str]], rows: int
) -> None:
    found = await got(site, "/datum/list", **(RANGE | params))
    assert {(row["nodeId"], row["sourceId"]) for row in found["results"]} == streams
    assert (found["totalResults"], found["returnedResultCount"]) == (rows, rows)


async def test_a_page_says_where_it_is(site: Served) -> None:
    found = await got(site, "/datum/list", **RANGE, nodeId="2", max="2", offset="3")
    assert [row["created"] for row in found.pop("results")] == ["2026-03-01 11:45:00Z", "2026-03-01 12:00:00Z"]
    assert found == {"totalResults": 5, "startingOffset": 3, "returnedResultCount": 2}
    found = await got(
        site,
        "/datum/list",
        **RANGE,
        nodeId="2",
        withoutTotalResultsCount="true",
        **{"sorts[0].key": "created", "sorts[0].descending": "true"},
    )
    assert "totalResults" not in found
    assert found["results"][0]["created"] == "2026-03-01 12:00:00Z"


@pytest.mark.parametrize(
    ("since", "until", "period"),
    [
        ("2026-02-22 12:00:00Z", "2026-03-01 12:00:00Z", "raw"),  # 7 days
        ("2026-02-22 11:59:00Z", "2026-03-01 12:00:00Z", "hour"),
        ("2026-01-28 12:00:00Z", "2026-03-01 12:00:00Z", "hour"),  # 32 days
        ("2026-01-28 11:59:00Z", "2026-03-01 12:00:00Z", "day"),
        ("2024-02-29 12:00:00Z", "2026-03-01 12:00:00Z", "day"),  # 731 days
        ("2024-02-29 11:59:00Z", "2026-03-01 12:00:00Z", "month"),
        ("", "", "day"),
        ("2026-02-22 12:00:00Z", "", "raw"),  # up to now
    ],
)
async def test_a_long_range_is_told_in_longer_periods(site: Served, since: str, until: str, period: str) -> None:
    """Spec 10.4."""
    begins = {
        "raw": "2026-03-01 11:00:00Z",
        "hour": "2026-03-01 11:00:00Z",
        "day": "2026-03-01 00:00:00Z",
        "month": "2026-03-01 00:00:00Z",
    }
    found = await got(site, "/datum/list", nodeId="2", startDate=since, endDate=until, aggregation="None")
    first = found["results"][0]
    assert (first["created"], "watts_min" in first) == (begins[period], period != "raw")
    if period != "raw":
        assert found["totalResults"] == (2 if period == "hour" and until != "2026-03-01 12:00:00Z" else 1)


async def test_an_hour_tells_clock_value_and_mean(site: Served) -> None:
    found = await got(site, "/datum/list", **RANGE, nodeId="1", sourceId=A, aggregation="Hour", max="1")
    assert found["results"] == [
        {
            "created": "2026-03-01 11:00:00Z",
            "nodeId": 1,
            "sourceId": A,
            "localDate": "2026-03-01",
            "localTime": "12:00",
            "wattHours": 400,
            "watts": 400.5,
            "watts_min": 400.5,
            "watts_max": 400.5,
        }
    ]


async def test_a_reading_tells_both_ends(site: Served) -> None:
    found = await got(site, "/datum/reading", readingType="Difference", **RANGE, nodeId="1", sourceId=A)
    assert found["results"] == [
        {
            "created": "2026-03-01 11:00:00Z",
            "nodeId": 1,
            "sourceId": A,
            "localDate": "2026-03-01",
            "localTime": "12:00",
            "timeZone": "Europe/Berlin",
            "endDate": "2026-03-01 12:00:00Z",
            "localEndDate": "2026-03-01",
            "localEndTime": "13:00",
            "wattHours": 400,
            "wattHours_start": 1000,
            "wattHours_end": 1400,
        }
    ]
    for kind, energy in (("CalculatedAtDifference", 50), ("atd", 50), ("NearestDifference", 0), ("change", 0)):
        span = {"startDate": "2026-03-01 11:02:30Z", "endDate": "2026-03-01 11:10:00Z"}
        results = (await got(site, "/datum/reading", readingType=kind, **span, nodeId="2"))["results"]
        assert [row["wattHours"] for row in results] == ([energy] if energy or kind == "NearestDifference" else []), (
            kind
        )
    at = await got(site, "/datum/reading", readingType="CalculatedAt", startDate="2026-03-01 11:07:30Z", nodeId="2")
    assert at["results"][0]["wattHours"] == 1050
    hourly = await got(site, "/datum/reading", readingType="Difference", aggregation="Hour", **RANGE, nodeId="2")
    assert [(row["wattHours"], row["localEndTime"]) for row in hourly["results"]] == [(400, "12:00"), (0, "13:00")]


async def test_nodes_and_sources_are_listed(site: Served) -> None:
    assert await got(site, "/nodes") == [1, 2]
    assert await got(site, "/nodes/sources") == [A, B]
    assert await got(site, "/nodes/sources", nodeId="2") == [A]
    assert await got(site, "/nodes/sources", sourceIds="**/CP002/*") == [B]
    assert await got(site, "/nodes/sources", startDate="2026-03-02") == []
    assert await got(site, "/nodes/sources", withNodeIds="true", sourceId=A) == [
        {"nodeId": 1, "sourceId": A},
        {"nodeId": 2, "sourceId": A},
    ]


@pytest.mark.parametrize(
    ("path", "params", "message"),
    [
        (
            "/datum/list",
            {"aggregation": "Week"},
            "Illegal argument: aggregation is one of None, FifteenMinute, Hour, Day, Month.",
        ),
        (
            "/datum/list",
            {"mostRecent": "true", "aggregation": "Day"},
            "Illegal argument: mostRecent has no aggregation.",
        ),
        ("/datum/list", {"sourceId": "/ocpp/cp**"}, "Illegal argument: Source pattern '/ocpp/cp**': "),
        ("/datum/list", {"localStartDate": "2026-03-01 12:00Z"}, "Malformed date string: '2026-03-01 12:00Z'"),
        ("/datum/list", {"localStartDate": "2026-13-01"}, "Malformed date string: '2026-13-01'"),
        ("/datum/reading", {}, "Illegal argument: The readingType parameter is required."),
        ("/datum/reading", {"readingType": "Odd"}, "Illegal argument: There is no 'Odd'."),
        ("/datum/reading", {"readingType": "at"}, "Illegal argument: Time range"),
        ("/datum/reading", {"readingType": "diff", "tolerance": "P1D"}, "Illegal argument: tolerance cannot be set."),
        (
            "/datum/reading",
            {"readingType": "diff", "aggregation": "Day", "startDate": "2026-03-01"},
            "Illegal argument: NearestDifference has no aggregate.",
        ),
    ],
)
async def test_a_question_that_cannot_be_answered(
    site: Served, path: str, params: dict[str, str], message: str
) -> None:
    answer = await site.http.get(BASE + path, params=params)
    assert (answer.status_code, answer.json()["success"]) == (422, False)
    assert answer.json()["message"].startswith(message)


async def test_another_accounts_node_is_as_none(site: Served) -> None:
    await site.registry.add_account(NewAccount(name="mill"), now=NOW)
    for node in ("3", "99"):
        answer = await site.http.get(f"{BASE}/datum/list", params={"nodeId": node})
        assert (answer.status_code, answer.json()) == (403, {"success": False, "message": "ACCESS_DENIED"})


async def test_a_limited_token_sees_its_streams(site: Served) -> None:
    _, text = await site.registry.add_token(NewToken(name="x", nodes=[1], sources=["**/CP001/*"]), now=NOW)
    async with site.as_caller(text) as http:
        assert (await http.get(f"{BASE}/nodes")).json()["data"] == [1]
        assert (await http.get(f"{BASE}/nodes/sources")).json()["data"] == [A]
        for query in ("datum/list?mostRecent=true", "datum/list", "datum/reading?readingType=delta"):
            rows = (await http.get(f"{BASE}/{query}", params=None if "?" in query else RANGE)).json()["data"]["results"]
            assert {(row["nodeId"], row["sourceId"]) for row in rows} == {(1, A)}, query
        assert (await http.get(f"{BASE}/datum/list?nodeId=2")).status_code == 403
