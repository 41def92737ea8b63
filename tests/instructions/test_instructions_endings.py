"""What must end well although something ends: the link, the process, a full disk; and what came of an order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio
from instructed import Told, telling
from trio.testing import MockClock

from solarocpp.store.instructions import select_instruction_secrets

KEY = {"key": "AuthorizationKey", "value": "hunter2hunter2"}
UNKNOWN = "unknown whether the charger did it: the server stopped while it was executing"


async def test_what_must_not_happen_twice_is_not_sent_after_a_restart(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with telling(data) as told:
        number = await told.order("Reset", {"type": "Soft"})
        await told.until(number, "waiting")
        await told.store.write(lambda con: con.execute("UPDATE instruction SET state = 'executing'"))
    async with telling(data) as told:
        stored = await told.stored(number)
        assert (stored.state, stored.error) == ("declined", UNKNOWN)
        assert await told.rows("SELECT name, message FROM event WHERE name = 'instruction_declined'") == [
            ("instruction_declined", UNKNOWN)
        ]
        async with told.booted() as charge_point:
            assert await charge_point.hears_nothing()


async def test_what_may_happen_twice_is_sent_after_a_restart(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with telling(data) as told:
        number = await told.order("ClearCache")
        await told.until(number, "waiting")
        await told.store.write(lambda con: con.execute("UPDATE instruction SET state = 'executing'"))
    async with telling(data) as told:
        assert (await told.stored(number)).state == "waiting"
        async with told.booted() as charge_point:
            await charge_point.answers("ClearCache", {"status": "Accepted"})
            assert (await told.ended(number)).state == "completed"


async def test_what_waits_is_sent_after_a_restart_in_order(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with telling(data) as told:
        numbers = [await told.order("UnlockConnector", {"connectorId": connector}) for connector in (1, 2)]
    async with telling(data) as told:
        numbers.append(await told.order("ClearCache"))
        async with told.booted() as charge_point:
            assert await charge_point.answers("UnlockConnector", {"status": "Unlocked"}) == {"connectorId": 1}
            assert await charge_point.answers("UnlockConnector", {"status": "Unlocked"}) == {"connectorId": 2}
            await charge_point.answers("ClearCache", {"status": "Accepted"})
            assert [(await told.ended(number)).state for number in numbers] == ["completed"] * 3
    assert numbers == [1, 2, 3]


async def test_a_secret_reaches_the_charger_and_nobody_else(tmp_path: Path) -> None:
    """Over a restart too; and it is forgotten when the instruction has ended, whatever the charger quotes."""
    data = tmp_path / "data"
    async with telling(data) as told:
        number = await told.order("ChangeConfiguration", KEY)
        assert told.store.secrets.read_now(select_instruction_secrets) == {
            number: '{"key":"AuthorizationKey","value":"hunter2hunter2"}'
        }
    async with telling(data) as told:
        async with told.booted() as charge_point:
            unique_id, _, payload = await charge_point.told()
            assert payload == KEY
            await charge_point.send([4, unique_id, "GenericError", "cannot take hunter2hunter2", {}])
            ended = await told.ended(number)
        assert ended.payload == '{"key":"AuthorizationKey","value":"[redacted]"}'
        assert ended.error == "ChangeConfiguration to CP001: answered GenericError: cannot take [redacted]"
        kept = await told.rows(
            "SELECT (SELECT list(e) FROM event e)::VARCHAR || (SELECT list(l) FROM ledger l)::VARCHAR"
        )
        assert "hunter2" not in kept[0][0]
        assert told.store.secrets.read_now(select_instruction_secrets) == {}


async def test_an_answer_that_is_longer_than_the_specification_allows_is_kept_as_it_is(told: Told) -> None:
    """ABB's values are longer than 500 characters (Q46); whoever asked wants them, and everybody else their server."""
    number = await told.order("GetConfiguration", {"key": ["SupportedFeatureProfiles"]})
    async with told.booted() as charge_point:
        value = "Core," * 200
        told_by_it = {"key": "SupportedFeatureProfiles", "readonly": True, "value": value}
        await charge_point.answers("GetConfiguration", {"configurationKey": [told_by_it], "unknownKey": ["k" * 60]})
        ended = await told.ended(number)
        assert (ended.state, json.loads(ended.result or "")) == (
            "completed",
            {"configurationKey": [told_by_it], "unknownKey": ["k" * 60]},
        )


async def test_a_long_answer_with_a_password_is_kept_without_it(told: Told) -> None:
    number = await told.order("GetConfiguration")
    async with told.booted() as charge_point:
        keys = [
            {"key": "AuthorizationKey", "readonly": False, "value": "hunter2hunter2"},
            {"key": "Vendor", "readonly": True, "value": "v" * 600},
        ]
        await charge_point.answers("GetConfiguration", {"configurationKey": keys})
        assert (await told.ended(number)).state == "completed"
        shown = {"configurationKey": [{**keys[0], "value": "[redacted]"}, keys[1]]}
        rows = await told.rows("SELECT answer FROM ledger WHERE direction = 'out'")
        assert [json.loads(answer)[2] for (answer,) in rows] == [shown]


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("ChangeConfiguration", KEY),
        ("GetDiagnostics", {"location": "ftp://depot:hunter2@files/in"}),
        ("GetDiagnostics", {"location": "https://files/in?token=hunter2"}),
        ("GetDiagnostics", {"location": "http://box/files/" + "x" * 43}),
    ],
)
async def test_what_lost_its_secret_is_not_sent(tmp_path: Path, action: str, payload: dict[str, str]) -> None:
    """The main database may come from a copy, without the secrets: a charger must not get `[redacted]` as its key."""
    data = tmp_path / "data"
    async with telling(data) as told:
        number = await told.order(action, payload)
        await told.store.secrets.write(lambda con: con.execute('DELETE FROM "instructionSecret"'))
    async with telling(data) as told, told.booted() as charge_point:
        assert await charge_point.hears_nothing()
        ended = await told.ended(number)
        assert (ended.state, ended.error) == ("declined", f"{action}: its secret is lost; order it again.")


async def test_a_secret_without_its_instruction_is_forgotten_at_the_next_start(tmp_path: Path) -> None:
    """A process that ended between its two files."""
    data = tmp_path / "data"
    async with telling(data) as told:
        await told.order("ChangeConfiguration", KEY)
        await told.store.write(lambda con: con.execute("DELETE FROM instruction"))
    async with telling(data) as told:
        assert told.store.secrets.read_now(select_instruction_secrets) == {}


async def test_a_stop_waits_for_what_is_executing_and_begins_nothing(told: Told) -> None:
    first, second = await told.order("Reset", {"type": "Soft"}), await told.order("ClearCache")
    async with told.booted() as charge_point, trio.open_nursery() as nursery:
        unique_id, *_ = await charge_point.told()
        nursery.start_soon(told.delivery.finish, 5.0)
        await charge_point.send([3, unique_id, {"status": "Accepted"}])
        assert (await told.ended(first)).state == "completed"
        assert await charge_point.hears_nothing()
        assert (await told.stored(second)).state == "accepted"


async def test_a_stop_does_not_wait_for_what_lost_its_link(told: Told) -> None:
    """What may be sent again is, after the next start; nothing is to be waited for."""
    number = await told.order("ClearCache")
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery, told.booted() as charge_point:
            await charge_point.told()
            nursery.start_soon(told.delivery.finish, 60.0)
    assert (await told.stored(number)).state == "waiting"


async def test_a_stop_does_not_wait_for_ever(told: Told) -> None:
    await told.order("Reset", {"type": "Soft"})
    async with told.booted() as charge_point:
        await charge_point.told()
        with trio.fail_after(3):
            await told.delivery.finish(0.05)


async def test_a_start_that_is_followed_by_something_is_seen(told: Told) -> None:
    async with told.booted() as charge_point:
        number = await told.order("RemoteStartTransaction", {"idTag": "TAG1", "connectorId": 2})
        await charge_point.answers("RemoteStartTransaction", {"status": "Accepted"})
        await told.ended(number)
        await charge_point.status(1, "Preparing")  # somebody else's
        assert (await told.stored(number)).effect is None
        await charge_point.status(2, "Preparing")
        with trio.fail_after(10):
            while (await told.stored(number)).effect is None:
                pass
        assert (await told.stored(number)).effect == "seen"


async def test_a_start_that_is_seen_before_it_is_answered_counts(told: Told) -> None:
    async with told.booted() as charge_point:
        number = await told.order("RemoteStartTransaction", {"idTag": "TAG1"})
        unique_id, *_ = await charge_point.told()
        await charge_point.status(1, "Preparing")
        await charge_point.send([3, unique_id, {"status": "Accepted"}])
        with trio.fail_after(10):
            while (await told.stored(number)).effect is None:
                pass
        assert (await told.stored(number)).effect == "seen"


async def test_a_reset_is_seen_by_the_next_link(told: Told) -> None:
    async with told.booted() as charge_point:
        number = await told.order("Reset", {"type": "Hard"})
        await charge_point.answers("Reset", {"status": "Accepted"})
        await told.ended(number)
    assert (await told.stored(number)).effect is None
    async with told.booted():
        with trio.fail_after(10):
            while (await told.stored(number)).effect is None:
                pass
        assert (await told.stored(number)).effect == "seen"


PATIENT = dict.fromkeys(("call_deadline_s", "pong_deadline_s", "send_deadline_s", "handshake_deadline_s"), 6000.0)


@pytest.fixture
def fast_clock() -> MockClock:
    """A hundred seconds a second: what takes minutes, without waiting for them."""
    return MockClock(rate=100)


async def test_what_is_accepted_and_not_done_is_said(tmp_path: Path, fast_clock: MockClock) -> None:
    """Q75: accepted, and no session ever begins. A refusal has no effect to wait for."""
    async with telling(tmp_path / "data", patience_s=6000.0, **PATIENT) as told, told.booted() as charge_point:
        number = await told.order("RemoteStartTransaction", {"idTag": "TAG1"}, within_s=86_000)
        refused = await told.order("RemoteStartTransaction", {"idTag": "TAG1"}, within_s=86_000)
        await charge_point.answers("RemoteStartTransaction", {"status": "Accepted"})
        await charge_point.answers("RemoteStartTransaction", {"status": "Rejected"})
        with trio.fail_after(6000):
            while (await told.stored(number)).effect is None:
                pass
        assert (await told.stored(number)).effect == "accepted, no effect after 90 s"
        assert (await told.stored(refused)).effect is None


async def test_a_charger_that_says_nothing_is_told_after_ten_seconds(tmp_path: Path, fast_clock: MockClock) -> None:
    async with telling(tmp_path / "data", patience_s=6000.0, **PATIENT) as told, told.connected() as charge_point:
        began = trio.current_time()
        await told.order("ClearCache", within_s=86_000)
        with trio.fail_after(6000):
            assert (await charge_point.told())[1] == "ClearCache"
        assert trio.current_time() - began > 9
