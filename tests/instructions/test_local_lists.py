"""Local lists: sent when somebody wants one, after a boot that lost it, after changes; over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import trio
from instructed import ChargePoint, Told, telling
from structlog.testing import capture_logs
from test_limits import meanwhile

from solarocpp.instructions import LocalLists
from solarocpp.registry import NewAuthorization


async def cards(desk: httpx.AsyncClient) -> None:
    for order in (
        {"token": "A", "parent": "FLEET"},
        {"token": "B", "enabled": False},
        {"token": "C", "chargers": ["CP002"]},
        {"token": "vid:*"},
    ):
        assert (await desk.post("/authorizations", json=order)).status_code == 201


async def tells(charge_point: ChargePoint, version: int, **keys: str) -> None:
    """Answers the two questions that come before a list."""
    await charge_point.answers("GetLocalListVersion", {"listVersion": version})
    rows = [{"key": key, "readonly": True, "value": value} for key, value in keys.items()]
    told = await charge_point.answers("GetConfiguration", {"configurationKey": rows})
    assert told == {"key": ["LocalAuthListEnabled", "LocalAuthListMaxLength", "SendLocalListMaxLength"]}


async def turn(
    desk: httpx.AsyncClient, charge_point: ChargePoint, order: str, version: int, *statuses: str, **keys: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Gives what the API said and which lists the charger got."""
    got: list[dict[str, Any]] = []

    async def answers() -> None:
        await tells(charge_point, version, **keys)
        got.extend([await charge_point.answers("SendLocalList", {"status": status}) for status in statuses])

    said = await meanwhile(lambda: desk.post("/local-lists", json={"charger": "CP001", "order": order}), answers)
    return said, got


FULL = {
    "listVersion": 1,
    "updateType": "Full",
    "localAuthorizationList": [
        {"idTag": "A", "idTagInfo": {"status": "Accepted", "parentIdTag": "FLEET"}},
        {"idTag": "B", "idTagInfo": {"status": "Blocked"}},
    ],
}


async def test_a_list_that_is_wanted_is_sent_whole(desk: httpx.AsyncClient, told: Told) -> None:
    await cards(desk)
    async with told.booted() as charge_point:
        said, got = await turn(desk, charge_point, "on", 0, "Accepted")
        assert got == [FULL]
        assert (said["wanted"], said["version"], said["rows"], said["upToDate"], said["problem"]) == (
            True,
            1,
            2,
            True,
            None,
        )
        assert said["entries"][0] == {"token": "A", "status": "Accepted", "parent": "FLEET", "expires": None}
        assert [row["charger"] for row in (await desk.get("/local-lists")).json()] == ["CP001"]


async def test_nobody_gets_a_list_unasked(desk: httpx.AsyncClient, told: Told) -> None:
    """Q62: a list makes a charger decide by itself, and writes to its flash."""
    await cards(desk)
    async with told.booted() as charge_point:
        assert await charge_point.hears_nothing()
    assert (await desk.get("/local-lists")).json() == []


async def test_a_change_of_id_tags_is_sent_as_a_change(desk: httpx.AsyncClient, told: Told) -> None:
    await cards(desk)
    async with told.booted() as charge_point:
        await turn(desk, charge_point, "on", 0, "Accepted")
        await desk.delete("/authorizations/A")
        await tells(charge_point, 1)
        change = await charge_point.answers("SendLocalList", {"status": "Accepted"})
        assert change == {
            "listVersion": 2,
            "updateType": "Differential",
            "localAuthorizationList": [{"idTag": "A"}],
        }


async def test_after_a_boot_it_is_sent_to_a_charger_that_lost_it(desk: httpx.AsyncClient, told: Told) -> None:
    await cards(desk)
    async with told.booted() as charge_point:
        await turn(desk, charge_point, "on", 0, "Accepted")
    async with told.booted() as charge_point:
        await charge_point.answers("GetLocalListVersion", {"listVersion": 1})
        assert await charge_point.hears_nothing(), "it has it"
    async with told.booted() as charge_point:
        await tells(charge_point, 0)
        again = await charge_point.answers("SendLocalList", {"status": "Accepted"})
        assert again == {**FULL, "listVersion": 2}


async def test_a_version_mismatch_is_answered_with_the_whole_list(desk: httpx.AsyncClient, told: Told) -> None:
    await cards(desk)
    async with told.booted() as charge_point:
        await turn(desk, charge_point, "on", 0, "Accepted")
        await desk.delete("/authorizations/B")
        await tells(charge_point, 1)
        assert (await charge_point.answers("SendLocalList", {"status": "VersionMismatch"}))["updateType"] == (
            "Differential"
        )
        whole = await charge_point.answers("SendLocalList", {"status": "Accepted"})
        assert (whole["listVersion"], whole["updateType"]) == (3, "Full")
        assert [row["idTag"] for row in whole["localAuthorizationList"]] == ["A"]


async def test_what_a_charger_can_take_is_heeded(desk: httpx.AsyncClient, told: Told) -> None:
    for number in range(5):
        await desk.post("/authorizations", json={"token": f"T{number}"})
    async with told.booted() as charge_point:
        keys = {"LocalAuthListMaxLength": "3", "SendLocalListMaxLength": "2"}
        said, got = await turn(desk, charge_point, "on", 4, "Accepted", "Accepted", **keys)
    assert [(row["listVersion"], row["updateType"]) for row in got] == [(5, "Full"), (6, "Differential")]
    assert [[entry["idTag"] for entry in row["localAuthorizationList"]] for row in got] == [["T0", "T1"], ["T2"]]
    assert said["problem"] == "2 id tags do not fit into its list"


async def test_nonsense_about_what_a_charger_can_take_ends_nothing(desk: httpx.AsyncClient, told: Told) -> None:
    """Values can be longer than the specification allows (Q46)."""
    await cards(desk)
    async with told.booted() as charge_point:
        _, got = await turn(desk, charge_point, "on", 0, "Accepted", LocalAuthListMaxLength="9" * 600)
    assert got == [FULL]


async def test_a_store_that_cannot_be_asked_ends_nothing(desk: httpx.AsyncClient, told: Told) -> None:
    await cards(desk)
    async with told.booted() as charge_point:
        await turn(desk, charge_point, "on", 0, "Accepted")
        await told.store.write(lambda con: con.execute('ALTER TABLE "localListEntry" RENAME TO gone'))
        with capture_logs() as logs, trio.fail_after(30):
            await desk.delete("/authorizations/B")
            while "local_list_not_stored" not in [entry["event"] for entry in logs]:
                await trio.lowlevel.checkpoint()
        await told.store.write(lambda con: con.execute('ALTER TABLE gone RENAME TO "localListEntry"'))
        await desk.delete("/authorizations/A")
        await tells(charge_point, 1)
        change = await charge_point.answers("SendLocalList", {"status": "Accepted"})
        assert [row["idTag"] for row in change["localAuthorizationList"]] == ["A", "B"]


async def test_a_charger_whose_list_is_switched_off_says_so(desk: httpx.AsyncClient, told: Told) -> None:
    await cards(desk)
    async with told.booted() as charge_point:
        said, got = await turn(desk, charge_point, "on", 0, LocalAuthListEnabled="false")
    assert got == []
    assert said["problem"].startswith("LocalAuthListEnabled is false. Set it: solarocpp send CP001 ChangeConfiguration")
    assert (said["wanted"], said["upToDate"]) == (True, False)


async def test_a_charger_that_keeps_no_lists(desk: httpx.AsyncClient, told: Told) -> None:
    async with told.booted() as charge_point:

        async def answers() -> None:
            await charge_point.answers("GetLocalListVersion", {"listVersion": -1})

        order = {"charger": "CP001", "order": "on"}
        said = await meanwhile(lambda: desk.post("/local-lists", json=order), answers)
    assert said["problem"] == "the charger keeps no local list (GetLocalListVersion was answered -1)"


async def test_a_list_that_is_not_wanted_any_more_is_emptied(desk: httpx.AsyncClient, told: Told) -> None:
    """Left alone, it would let blocked cards charge for ever."""
    await cards(desk)
    async with told.booted() as charge_point:
        await turn(desk, charge_point, "on", 0, "Accepted")
        said, got = await turn(desk, charge_point, "off", 1, "Accepted")
        assert got == [
            {
                "listVersion": 2,
                "updateType": "Differential",
                "localAuthorizationList": [{"idTag": "A"}, {"idTag": "B"}],
            }
        ]
        assert (said["wanted"], said["rows"], said["upToDate"]) == (False, 0, True)
        await desk.post("/authorizations", json={"token": "D"})
        assert await charge_point.hears_nothing()


async def test_a_charger_that_is_away_gets_it_when_it_is_back(desk: httpx.AsyncClient, told: Told) -> None:
    await cards(desk)
    with trio.fail_after(5):
        said = (await desk.post("/local-lists", json={"charger": "CP001", "order": "on"})).json()
    assert (said["wanted"], said["version"], said["upToDate"]) == (True, None, False)
    async with told.booted() as charge_point:
        await tells(charge_point, 0)
        assert await charge_point.answers("SendLocalList", {"status": "Accepted"}) == FULL


@asynccontextmanager
async def keeping(data: Path) -> AsyncIterator[tuple[Told, LocalLists]]:
    """A server that keeps lists, and ends."""
    async with telling(data) as told, trio.open_nursery() as nursery:
        services = told.services
        lists = LocalLists(services.store, services.registry, told.queue, services.roster, services.clock)
        await nursery.start(lists.run)
        yield told, lists
        nursery.cancel_scope.cancel()


async def test_a_list_is_emptied_although_the_server_has_ended_meanwhile(tmp_path: Path) -> None:
    """The charger is away for both: it must not let people charge for ever who lost their card months ago."""
    async with keeping(tmp_path / "data") as (told, lists):
        now = told.services.clock()
        await told.services.registry.add_authorization(NewAuthorization(token="A"), now=now)
        number = told.charger().charger_id
        await lists.want(number, wanted=True)
        async with told.booted() as charge_point:
            await tells(charge_point, 0)
            await charge_point.answers("SendLocalList", {"status": "Accepted"})
        await lists.want(number, wanted=False)
    async with keeping(tmp_path / "data") as (told, lists):
        async with told.booted() as charge_point:
            await tells(charge_point, 1)
            emptied = await charge_point.answers("SendLocalList", {"status": "Accepted"})
            assert emptied["localAuthorizationList"] == [{"idTag": "A"}]
            await lists.send(number, 5.0)
        assert await told.rows('SELECT leaving FROM "localList"') == [(False,)]
    async with keeping(tmp_path / "data") as (told, lists), told.booted() as charge_point:
        assert await charge_point.hears_nothing(), "once is enough"


async def test_a_list_that_was_sent_by_hand_is_left_alone(tmp_path: Path) -> None:
    """Nobody wanted one kept, and nobody wants it gone."""
    async with keeping(tmp_path / "data") as (told, _), told.booted() as charge_point:
        row = {"idTag": "A", "idTagInfo": {"status": "Accepted"}}
        number = await told.order(
            "SendLocalList", {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [row]}
        )
        await charge_point.answers("SendLocalList", {"status": "Accepted"})
        await told.ended(number)
    async with keeping(tmp_path / "data") as (told, _), told.booted() as charge_point:
        assert await charge_point.hears_nothing()
