"""A defect of ours: it ends the instruction it shows itself in, and neither its neighbours nor the server."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.lowlevel
from instructed import Told, telling
from structlog.testing import capture_logs
from structlog.typing import EventDict

from solarocpp.central_system.instructions import Instruction, Outcome
from solarocpp.configuring import Configuring
from solarocpp.gateway import Roster
from solarocpp.instructions import LocalLists, Presence
from solarocpp.instructions.delivery import DEFECT
from solarocpp.ocpp.messages import GetConfigurationRequest, OcppMessage, ResetRequest


class DefectiveRoster(Roster):
    """Links over which nobody can be told to reset, or be asked for keys, for a reason that nobody thought of."""

    async def call(self, charger_id: int, request: OcppMessage, deadline_s: float | None = None) -> OcppMessage:
        """Sends what is neither."""
        if isinstance(request, ResetRequest | GetConfigurationRequest):
            raise ZeroDivisionError("nobody thought of this")
        return await super().call(charger_id, request, deadline_s)


async def test_a_defect_ends_its_instruction_and_the_next_is_sent(tmp_path: Path) -> None:
    async with telling(tmp_path / "data", roster=DefectiveRoster()) as told:
        numbers = [await told.order("Reset", {"type": "Soft"}), await told.order("ClearCache")]
        with capture_logs() as logs:
            async with told.booted() as charge_point:
                await charge_point.answers("ClearCache", {"status": "Accepted"})
                ended = [await told.ended(number) for number in numbers]
        assert [(row.state, row.error) for row in ended] == [("declined", DEFECT), ("completed", None)]
        assert await told.rows("SELECT message FROM event WHERE name = 'instruction_declined'") == [(DEFECT,)]
    (line,) = [line for line in logs if line["event"] == "instruction_failed"]
    assert (line["instruction"], line["action"]) == (numbers[0], "Reset")
    assert line["exc_info"]


async def test_a_defect_is_not_met_again_after_a_restart(tmp_path: Path) -> None:
    """What it ended has ended on disk, too."""
    async with telling(tmp_path / "data", roster=DefectiveRoster()) as told:
        number = await told.order("Reset", {"type": "Soft"})
        async with told.booted():
            await told.ended(number)
    async with telling(tmp_path / "data") as told, told.booted() as charge_point:
        assert await charge_point.hears_nothing()


async def test_whoever_waits_is_told_of_an_end_that_somebody_failed_to_heed(told: Told) -> None:
    async def fails(_: Instruction) -> None:
        raise ZeroDivisionError("nobody thought of this")

    told.queue.on_ended.append(fails)
    numbers = [await told.order("Reset", {"type": "Soft"}), await told.order("ClearCache")]
    async with told.booted() as charge_point:
        await charge_point.answers("Reset", {"status": "Accepted"})
        await charge_point.answers("ClearCache", {"status": "Accepted"})
        with trio.fail_after(5):
            assert [(await told.ended(number)).state for number in numbers] == ["completed", "completed"]


async def test_a_change_that_cannot_be_written_is_none_for_all_who_wrote_with_it(told: Told) -> None:
    """What many tasks change is one transaction: who shares it must not believe that it is on disk."""
    numbers = [await told.order("ClearCache"), await told.order("ClearCache", to="CP002")]
    for number in numbers:
        await told.until(number, "waiting")
    failed: list[int] = []

    async def change(number: int, error: str) -> None:
        waiting = told.queue.get(number)
        assert waiting is not None
        with pytest.raises(UnicodeEncodeError):
            await told.queue.change(waiting, Outcome("declined", error=error))
        failed.append(number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(change, numbers[0], "half a character: \ud800")
        nursery.start_soon(change, numbers[1], "nothing is wrong with this")
    assert sorted(failed) == numbers
    assert [told.queue.get(number) for number in numbers] == [await told.stored(number) for number in numbers]


async def wait_for_line(logs: list[EventDict], event: str) -> EventDict:
    with trio.fail_after(30):
        while not (lines := [line for line in logs if line["event"] == event]):
            await trio.lowlevel.checkpoint()
    (line,) = lines
    return line


async def test_a_defect_in_reading_a_configuration_ends_nothing_else(tmp_path: Path) -> None:
    async with telling(tmp_path / "data", roster=DefectiveRoster()) as told, trio.open_nursery() as nursery:
        services = told.services
        works = Configuring(services.roster, services.registry, services.store, told.queue, services.clock, quiet_s=0.0)
        await nursery.start(works.run)
        with capture_logs() as logs:
            async with told.booted() as charge_point:
                line = await wait_for_line(logs, "configuration_failed")
                number = await told.order("ClearCache")
                await charge_point.answers("ClearCache", {"status": "Accepted"})
                assert (await told.ended(number)).state == "completed"
        assert (line["charger"], bool(line["exc_info"])) == (told.charger().charger_id, True)
        nursery.cancel_scope.cancel()


class BlindRoster(Roster):
    """Links of which nobody can say how they are, for a reason that nobody thought of."""

    def presence(self, charger_id: int) -> Presence | None:  # noqa: ARG002 of none of them
        """Says nothing."""
        raise ZeroDivisionError("nobody thought of this")


async def test_a_defect_in_keeping_a_local_list_ends_nothing_else(told: Told, nursery: trio.Nursery) -> None:
    services = told.services
    lists = LocalLists(services.store, services.registry, told.queue, BlindRoster(), services.clock, settle_s=0.0)
    await nursery.start(lists.run)
    with capture_logs() as logs:
        await lists.want(told.charger().charger_id, wanted=True)
        await lists.send(told.charger().charger_id, 30.0)
        line = await wait_for_line(logs, "local_list_failed")
        assert (line["identifier"], bool(line["exc_info"])) == ("CP001", True)
    nursery.cancel_scope.cancel()
