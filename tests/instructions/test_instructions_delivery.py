"""Every way an instruction can go, over real sockets and a real store."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from instructed import Told, telling

from solarocpp.errors import RegistryError
from solarocpp.instructions.queue import MOST_WAITING
from solarocpp.registry import ChargerChange

INOPERATIVE = {"connectorId": 1, "type": "Inoperative"}


async def test_a_charger_that_is_there_is_told_at_once(told: Told) -> None:
    """That it is executing is on disk before the charger hears of it: a crash in between is not a second Reset."""
    async with told.booted() as charge_point:
        number = await told.order("ChangeAvailability", {"connectorId": "1", "type": "Inoperative"})
        unique_id, action, payload = await charge_point.told()
        assert (action, payload) == ("ChangeAvailability", INOPERATIVE)  # spec 13.8: a number, not its text
        assert (await told.stored(number)).state == "executing"
        await charge_point.send([3, unique_id, {"status": "Accepted"}])
        ended = await told.ended(number)
    assert (ended.state, ended.result, ended.error) == ("completed", '{"status":"Accepted"}', None)
    events = await told.rows("SELECT name, message, data ->> 'by', data ->> 'action' FROM event WHERE name LIKE 'ins%'")
    assert events == [
        ("instruction_queued", "ChangeAvailability was ordered by a test", "a test", "ChangeAvailability"),
        (
            "instruction_completed",
            "the charger answered ChangeAvailability: Accepted",
            "a test",
            "ChangeAvailability",
        ),
    ]


async def test_a_charger_that_is_away_is_told_after_it_has_booted(told: Told) -> None:
    number = await told.order("ClearCache")
    await told.until(number, "waiting")
    async with told.connected() as charge_point:
        await trio.testing.wait_all_tasks_blocked(0.05)
        await charge_point.boot()  # nothing came before its answer
        assert await charge_point.answers("ClearCache", {"status": "Accepted"}) == {}
        assert (await told.ended(number)).state == "completed"


async def test_a_charger_that_talks_without_having_booted_is_told(told: Told) -> None:
    """After a short loss of the link it need not boot (OCPP 1.6 §4.2)."""
    number = await told.order("ClearCache")
    async with told.connected() as charge_point:
        await charge_point.status(0, "Available")
        await charge_point.answers("ClearCache", {"status": "Accepted"})
        assert (await told.ended(number)).state == "completed"


async def test_one_is_in_flight_and_the_order_is_kept(told: Told) -> None:
    async with told.booted() as first, told.booted("CP002") as second:
        numbers = [await told.order("UnlockConnector", {"connectorId": connector}) for connector in (1, 2)]
        other = await told.order("ClearCache", to="CP002")
        unique_id, _, payload = await first.told()
        assert payload == {"connectorId": 1}
        await second.answers("ClearCache", {"status": "Rejected"})  # one charger waits for no other
        assert (await told.ended(other)).result == '{"status":"Rejected"}'
        assert await first.hears_nothing()
        await first.send([3, unique_id, {"status": "Unlocked"}])
        assert await first.answers("UnlockConnector", {"status": "UnlockFailed"}) == {"connectorId": 2}
        assert [(await told.ended(number)).result for number in numbers] == [
            '{"status":"Unlocked"}',
            '{"status":"UnlockFailed"}',
        ]


async def test_a_charger_that_is_rejected_is_told_nothing_until_it_is_accepted(told: Told) -> None:
    """OCPP 1.6 §4.2: to a Rejected one nothing, to a Pending one anything but to start and stop."""
    registry = told.services.registry
    await registry.set_charger("CP001", ChargerChange(registration_status="Rejected"), now=told.services.clock())
    asked, start = [
        await told.order(action, payload)
        for action, payload in (("GetConfiguration", {}), ("RemoteStartTransaction", {"idTag": "TAG1"}))
    ]
    async with told.booted() as charge_point:
        await told.until(asked, "waiting")
        assert await charge_point.hears_nothing()
        await registry.set_charger("CP001", ChargerChange(registration_status="Pending"), now=told.services.clock())
        await charge_point.boot()
        await charge_point.answers("GetConfiguration", {})
        await told.until(start, "waiting")
        assert await charge_point.hears_nothing()
        await registry.set_charger("CP001", ChargerChange(registration_status="Accepted"), now=told.services.clock())
        await charge_point.answers("RemoteStartTransaction", {"status": "Rejected"})
        assert (await told.ended(start)).state == "completed"


async def test_an_error_declines_it_with_its_code(told: Told) -> None:
    async with told.booted() as charge_point:
        number = await told.order("Reset", {"type": "Soft"})
        unique_id, *_ = await charge_point.told()
        await charge_point.send([4, unique_id, "NotSupported", "not today", {}])
        ended = await told.ended(number)
        following = await told.order("ClearCache")
        await charge_point.answers("ClearCache", {"status": "Accepted"})
        assert (await told.ended(following)).state == "completed"
    assert (ended.state, ended.result) == ("declined", None)
    assert ended.error == "Reset to CP001: answered NotSupported: not today"
    assert await told.rows("SELECT message FROM event WHERE name = 'instruction_declined'") == [(ended.error,)]


async def test_an_answer_nobody_can_read_declines_it(told: Told) -> None:
    async with told.booted() as charge_point:
        number = await told.order("Reset", {"type": "Soft"})
        await charge_point.answers("Reset", {"status": "Perhaps"})
        assert (await told.ended(number)).state == "declined"


async def test_no_answer_in_time_declines_it_and_a_late_one_changes_nothing(tmp_path: Path) -> None:
    async with telling(tmp_path / "data", call_deadline_s=0.1) as told, told.booted() as charge_point:
        number = await told.order("Reset", {"type": "Hard"})
        unique_id, *_ = await charge_point.told()
        ended = await told.ended(number)
        await charge_point.send([3, unique_id, {"status": "Accepted"}])
        assert await charge_point.hears_nothing()
        assert await told.stored(number) == ended
        following = await told.order("ClearCache")
        await charge_point.answers("ClearCache", {"status": "Accepted"})
        assert (await told.ended(following)).state == "completed"
    assert (ended.state, ended.error) == ("declined", "Reset to CP001: no answer within 0.1 s.")


async def test_what_must_not_happen_twice_ends_with_the_link(told: Told) -> None:
    async with told.booted() as charge_point:
        number = await told.order("RemoteStartTransaction", {"idTag": "TAG1"})
        await charge_point.told()
    ended = await told.ended(number)
    assert ended.state == "declined"
    assert ended.error == "unknown whether the charger did it: the link ended while it was executing"
    async with told.booted() as charge_point:
        assert await charge_point.hears_nothing()


async def test_what_may_happen_twice_is_sent_again_three_times_at_most(told: Told) -> None:
    """A read that takes the charger down each time must not do so all day."""
    number = await told.order("GetConfiguration", {"key": ["HeartbeatInterval"]})
    for _ in range(3):
        async with told.booted() as charge_point:
            assert (await charge_point.told())[1:] == ("GetConfiguration", {"key": ["HeartbeatInterval"]})
    ended = await told.ended(number)
    assert (ended.state, ended.error) == ("declined", "the link ended 3 times while it was executing")


async def test_what_was_lost_with_the_link_comes_before_what_was_ordered_after(told: Told) -> None:
    first, second = await told.order("GetConfiguration"), await told.order("ClearCache")
    async with told.booted() as charge_point:
        await charge_point.told()
    async with told.booted() as charge_point:
        await charge_point.answers("GetConfiguration", {})
        await charge_point.answers("ClearCache", {"status": "Accepted"})
        assert [(await told.ended(number)).state for number in (first, second)] == ["completed", "completed"]


async def test_what_cannot_be_delivered_in_time_expires(told: Told) -> None:
    number = await told.order("Reset", {"type": "Soft"}, within_s=0.05)
    ended = await told.ended(number)
    assert (ended.state, ended.error) == ("expired", f"not delivered before {ended.expires:%Y-%m-%dT%H:%M:%SZ}")
    async with told.booted() as charge_point:
        assert await charge_point.hears_nothing()


async def test_what_waits_can_be_taken_back_and_what_is_on_its_way_cannot(told: Told) -> None:
    first, second = await told.order("Reset", {"type": "Soft"}), await told.order("ClearCache")
    async with told.booted() as charge_point:
        unique_id, *_ = await charge_point.told()
        assert (await told.queue.cancel(second, requested_by="somebody else")).state == "declined"
        with pytest.raises(RegistryError, match=f"Instruction {first} is being executed"):
            await told.queue.cancel(first, requested_by="somebody else")
        await charge_point.send([3, unique_id, {"status": "Accepted"}])
        assert (await told.ended(first)).state == "completed"
        assert await charge_point.hears_nothing()
        with pytest.raises(RegistryError, match=f"Instruction {second} has ended"):
            await told.queue.cancel(second, requested_by="somebody else")
    assert (await told.stored(second)).error == "cancelled by somebody else"
    assert await told.rows("SELECT data ->> 'by' FROM event WHERE name = 'instruction_cancelled'") == [
        ("somebody else",)
    ]


async def test_the_instructions_of_a_charger_that_is_removed_end(told: Told) -> None:
    number = await told.order("ClearCache")
    await told.until(number, "waiting")
    await told.services.registry.remove_charger("CP001")
    ended = await told.ended(number)
    assert (ended.state, ended.error) == ("declined", "the charger was removed")


@pytest.mark.slow(reason="200 rows, one by one")
async def test_a_charger_takes_only_so_many(told: Told) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(MOST_WAITING):
            nursery.start_soon(told.order, "ClearCache")
    with pytest.raises(RegistryError, match="200 instructions wait for CP001 already") as refused:
        await told.order("ClearCache")
    assert refused.value.status == 409
    await told.order("ClearCache", to="CP002")
