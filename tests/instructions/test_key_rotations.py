"""A charger gets another key to log in with, over real sockets, and is never left with nothing that opens."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from instructed import BASIC, ChargePoint, Told, telling

from solarocpp.central_system.instructions import read_order
from solarocpp.errors import RegistryError
from solarocpp.registry import ChargerChange, NewCharger, NewCredential
from solarocpp.store.instructions import select_instruction_secrets

GIVEN = "00112233445566778899AABBCCDDEEFF"


def basic(key: str | bytes) -> bytes:
    """What a charger shows whose key this is."""
    return b"Basic " + base64.b64encode(b"depot:" + (key.encode() if isinstance(key, str) else key))


async def opens(told: Told, shown: bytes, identifier: str = "CP001") -> bool:
    """Whether a charger that shows this is let in; it hangs up at once."""
    return await told.status_of_handshake(identifier, basic=shown) == 101


async def begin(told: Told, key: str | None = None) -> int:
    made = await told.queue.keys.begin(told.charger(), key=key, requested_by="a test")
    return made.instruction_id


async def answer_key(charge_point: ChargePoint, status: str) -> str:
    """Answers what a new key is told by, and gives the key."""
    payload = await charge_point.answers("ChangeConfiguration", {"status": status})
    assert payload["key"] == "AuthorizationKey"
    return str(payload["value"])


async def names_of_events(told: Told) -> list[str]:
    await told.store.settle()
    rows = await told.rows("SELECT name FROM event WHERE name LIKE 'charger_key%' ORDER BY created, name")
    return [name for (name,) in rows]


async def everything(told: Told) -> str:
    """All that analysts may read, as one text."""
    await told.store.settle()
    found: list[Any] = []
    for table in ("ledger", "event", "instruction", "configuration", "journal"):
        found += await told.rows(f"FROM {table}")
    return str(found)


async def test_both_are_right_until_the_charger_comes_with_the_new_one(told: Told) -> None:
    async with told.booted() as charge_point:
        number = await begin(told)
        key = await answer_key(charge_point, "Accepted")
        await told.ended(number)
        assert len(bytes.fromhex(key)) == 20
        state = await told.queue.keys.state(told.charger())
        assert state.coming is not None
        assert state.coming.status == "accepted"
    assert await opens(told, BASIC)
    assert await opens(told, basic(key))
    state = await told.queue.keys.state(told.charger())
    assert (state.coming, state.own is not None) == (None, True)
    assert not await opens(told, BASIC)
    assert await opens(told, basic(key))
    assert await opens(told, BASIC, "CP002"), "the user name is another charger's, too"
    assert not await opens(told, basic(key), "CP002")
    assert await names_of_events(told) == ["charger_key_ordered", "charger_key_told", "charger_key_adopted"]


@pytest.mark.parametrize("spelled", [str.upper, str.lower, bytes.fromhex])
async def test_a_key_is_right_as_text_of_either_case_and_as_its_bytes(told: Told, spelled: Any) -> None:
    """Q110: chargers differ in what they make of the hex digits they are told."""
    async with told.booted() as charge_point:
        await begin(told)
        key = await answer_key(charge_point, "Accepted")
    assert await opens(told, basic(spelled(key)))
    assert told.services.registry.charger_key(told.charger().charger_id, "own") is not None


async def test_the_key_is_nowhere_but_with_the_secrets_until_it_is_told(told: Told) -> None:
    number = await begin(told)
    kept = told.store.secrets.read_now(select_instruction_secrets)
    async with told.booted() as charge_point:
        key = await answer_key(charge_point, "Accepted")
        await told.ended(number)
    assert key in kept[number]
    assert told.store.secrets.read_now(select_instruction_secrets) == {}
    assert key not in await everything(told)
    hashes = told.store.secrets.read_now(lambda con: con.execute('SELECT "hash" FROM "chargerKey"').fetchall())
    assert len(hashes) == 1
    assert key not in hashes[0][0]


@pytest.mark.parametrize("status", ["Rejected", "NotSupported"])
async def test_a_refused_key_is_dropped(told: Told, status: str) -> None:
    async with told.booted() as charge_point:
        number = await begin(told)
        key = await answer_key(charge_point, status)
        assert (await told.ended(number)).state == "completed"
    assert told.services.registry.charger_key(told.charger().charger_id, "coming") is None
    assert not await opens(told, basic(key))
    assert await opens(told, BASIC)
    assert "charger_key_refused" in await names_of_events(told)


async def test_silence_leaves_both_right(told: Told) -> None:
    """Nobody knows whether a charger that does not answer has taken the key."""
    async with told.booted() as charge_point:
        number = await begin(told)
        _, _, payload = await charge_point.told()
        assert (await told.ended(number)).state == "declined"
        state = await told.queue.keys.state(told.charger())
        assert state.coming is not None
        assert state.coming.status == "unknown"
    assert await opens(told, BASIC)
    assert await opens(told, basic(payload["value"]))
    assert not await opens(told, BASIC)


async def test_a_charger_may_come_with_the_key_before_it_answers(told: Told) -> None:
    """The link it answers on is gone then; it is not told the same again, which would make it dial once more."""
    async with told.booted() as charge_point:
        number = await begin(told)
        _, _, payload = await charge_point.told()
        async with told.connected(basic=basic(payload["value"])) as again:
            await again.boot()
            ended = await told.ended(number)
            assert await again.hears_nothing()
    assert (ended.state, ended.error) == ("declined", "the charger has come with the key already")
    assert not await opens(told, BASIC)


async def test_a_key_that_is_not_used_is_told_of(told: Told) -> None:
    """180 s after the charger accepted it, and both still open."""
    async with told.booted() as charge_point:
        number = await begin(told)
        await answer_key(charge_point, "Accepted")
        await told.ended(number)
    state = await told.queue.keys.state(told.charger())
    assert state.idle_s is not None
    effects = [msgspec.structs.replace(state, idle_s=idle_s).effect for idle_s in (0.0, 179.9, 180.0, 4000.0)]
    assert effects == [None, None, *["accepted, no effect after 180 s"] * 2]
    assert await opens(told, BASIC)


async def test_a_key_that_was_given_up_does_not_open(told: Told) -> None:
    async with told.booted() as charge_point:
        number = await begin(told)
        key = await answer_key(charge_point, "RebootRequired")
        await told.ended(number)
    with pytest.raises(RegistryError, match="CP001 is told a new key already"):
        await begin(told)
    await told.queue.keys.give_up(told.charger(), "coming", requested_by="a test")
    assert not await opens(told, basic(key))
    assert await opens(told, BASIC)
    with pytest.raises(RegistryError, match="CP001 is told no new key"):
        await told.queue.keys.give_up(told.charger(), "coming", requested_by="a test")


async def test_a_key_that_is_given_up_before_it_is_told_is_not_told(told: Told) -> None:
    number = await begin(told)
    await told.queue.keys.give_up(told.charger(), "coming", requested_by="a test")
    assert (await told.ended(number)).error == "cancelled by a test"
    assert told.store.secrets.read_now(select_instruction_secrets) == {}
    async with told.booted() as charge_point:
        assert await charge_point.hears_nothing()
    assert await names_of_events(told) == ["charger_key_ordered", "charger_key_dropped"]


async def test_a_key_is_not_given_up_while_it_is_told(told: Told) -> None:
    async with told.booted() as charge_point:
        number = await begin(told)
        unique_id, _, _ = await charge_point.told()
        with pytest.raises(RegistryError, match="CP001 is told the key now"):
            await told.queue.keys.give_up(told.charger(), "coming", requested_by="a test")
        await charge_point.send([3, unique_id, {"status": "Rejected"}])
        await told.ended(number)


async def test_the_password_opens_again_when_the_own_key_is_given_up(told: Told) -> None:
    async with told.booted() as charge_point:
        await begin(told)
        key = await answer_key(charge_point, "Accepted")
    assert await opens(told, basic(key))
    await told.queue.keys.give_up(told.charger(), "own", requested_by="a test")
    assert await opens(told, BASIC)
    assert not await opens(told, basic(key))


async def test_a_given_key_follows_another(told: Told) -> None:
    async with told.booted() as charge_point:
        await begin(told)
        first = await answer_key(charge_point, "Accepted")
    async with told.connected(basic=basic(first)) as charge_point:
        await charge_point.boot()
        number = await begin(told, GIVEN)
        assert await answer_key(charge_point, "Accepted") == GIVEN
        await told.ended(number)
    assert await opens(told, basic(first))
    assert await opens(told, basic(GIVEN))
    assert not await opens(told, basic(first))
    assert await opens(told, basic(GIVEN.lower()))


@pytest.mark.parametrize("key", ["hunter2", "0011", GIVEN + "0", GIVEN + "0011223344", "x" * 32])
async def test_what_is_no_key_is_not_told(told: Told, key: str) -> None:
    with pytest.raises(RegistryError, match="32 to 40 hex digits") as refused:
        await begin(told, key)
    assert key not in str(refused.value)
    assert told.queue.chargers() == []


async def test_a_charger_without_user_name_is_given_one_first(tmp_path: Path) -> None:
    async with telling(tmp_path / "data") as told:
        registry = told.services.registry
        await registry.remove_credential("depot")
        with pytest.raises(RegistryError, match="solarocpp credential add CP001 --allow CP001"):
            await begin(told)


async def test_a_removed_charger_leaves_no_key(told: Told) -> None:
    await begin(told)
    await told.services.registry.remove_charger("CP001")
    assert told.store.secrets.read_now(lambda con: con.execute('FROM "chargerKey"').fetchall()) == []
    made = await told.services.registry.add_charger(NewCharger(identifier="CP001"), now=told.services.clock())
    assert told.services.registry.charger_key(made.charger_id, "coming") is None


async def test_a_charger_that_was_removed_meanwhile_gets_no_key(told: Told) -> None:
    """What ends for a charger that is not there would end the whole server."""
    charger = told.charger()
    await told.services.registry.remove_charger("CP001")
    with pytest.raises(RegistryError, match="There is no charger 'CP001'"):
        await told.queue.keys.begin(charger, requested_by="a test")
    await told.services.registry.add_charger(NewCharger(identifier="CP001"), now=told.services.clock())
    with pytest.raises(RegistryError, match="CP001 was removed, and registered again"):
        await told.queue.keys.begin(charger, requested_by="a test")
    assert told.services.registry.coming_keys() == []


async def test_only_the_key_that_a_charger_came_with_becomes_its_own(told: Told) -> None:
    """It was given up, and another ordered, while the charger waited at the door: that one it does not have."""
    registry = told.services.registry
    await begin(told)
    (came_with,) = registry.coming_keys()
    await told.queue.keys.give_up(told.charger(), "coming", requested_by="a test")
    await begin(told)
    assert await registry.adopt_key(came_with, now=told.services.clock()) is None
    assert await opens(told, BASIC)


async def test_a_user_name_that_may_not_is_not_helped_by_a_key(told: Told) -> None:
    await told.services.registry.add_credential(
        NewCredential(username="other", password="correct horse battery", allowed=["CP002"]), now=told.services.clock()
    )
    async with told.booted() as charge_point:
        await begin(told)
        key = await answer_key(charge_point, "Accepted")
    shown = b"Basic " + base64.b64encode(f"other:{key}".encode())
    assert not await opens(told, shown)
    assert told.services.registry.charger_key(told.charger().charger_id, "own") is None


# -- the process ends in between -----------------------------------------------------------------------


async def test_a_key_survives_a_restart_before_it_is_told(tmp_path: Path) -> None:
    async with telling(tmp_path / "data") as told:
        await begin(told)
    async with telling(tmp_path / "data") as told:
        assert await opens(told, BASIC)
        async with told.booted() as charge_point:
            key = await answer_key(charge_point, "Accepted")
        assert await opens(told, basic(key))
    async with telling(tmp_path / "data") as told:
        assert not await opens(told, BASIC)
        assert await opens(told, basic(key))


async def test_both_are_right_after_a_restart_in_the_middle(tmp_path: Path) -> None:
    """The charger was told, and nobody heard its answer: it is told again, the same key."""
    async with telling(tmp_path / "data") as told, told.booted() as charge_point:
        number = await begin(told)
        _, _, payload = await charge_point.told()
        await told.until(number, "executing")
    async with telling(tmp_path / "data") as told:
        assert await opens(told, BASIC)
        async with told.booted() as charge_point:
            assert await answer_key(charge_point, "Accepted") == payload["value"]
            await told.ended(number)
        assert await opens(told, basic(payload["value"]))


async def test_who_came_with_the_key_is_not_told_it_after_a_restart(tmp_path: Path) -> None:
    async with telling(tmp_path / "data") as told:
        async with told.booted() as charge_point:
            number = await begin(told)
            _, _, payload = await charge_point.told()
            registry = told.services.registry
            coming = registry.charger_key(told.charger().charger_id, "coming")
            assert coming is not None
            await registry.adopt_key(coming, now=told.services.clock())
        await told.until(number, "waiting")
    async with telling(tmp_path / "data") as told, told.connected(basic=basic(payload["value"])) as charge_point:
        await charge_point.boot()
        assert (await told.ended(number)).error == "the charger has come with the key already"
        assert await charge_point.hears_nothing()


async def test_numbers_that_come_again_are_other_instructions(told: Told) -> None:
    """A copy of the store that took its place counts on from where it was made; the secrets beside it are of today."""
    registry, now = told.services.registry, told.services.clock()
    for identifier, number in (("CP001", 77), ("CP002", 78)):
        await registry.begin_key(told.charger(identifier), None, instruction_id=number, requested_by="a test", now=now)
    own, coming = registry.coming_keys()
    await registry.adopt_key(own, now=now)
    order = read_order("Reset", b'{"type": "Soft"}')
    for identifier, number in (("CP003", 77), ("CP002", 78)):
        charger = told.charger(identifier)
        await told.queue.submit(order, action="Reset", charger=charger, requested_by="a test", number=number)
    await registry.set_charger("CP001", ChargerChange(connector_count=3), now=now)
    async with told.booted("CP003") as charge_point:
        await charge_point.answers("Reset", {"status": "Rejected"})
        assert (await told.ended(77)).state == "completed"
    async with told.booted("CP002") as charge_point:
        await charge_point.answers("Reset", {"status": "Rejected"})
        await told.ended(78)
    assert registry.coming_keys() == [coming]


async def test_a_key_whose_instruction_was_never_written_is_dropped(tmp_path: Path) -> None:
    async with telling(tmp_path / "data") as told:
        registry = told.services.registry
        key = await registry.begin_key(
            told.charger(), None, instruction_id=77, requested_by="a test", now=told.services.clock()
        )
    async with telling(tmp_path / "data") as told:
        assert (await told.queue.keys.state(told.charger())).coming is None
        assert not await opens(told, basic(key))
        assert await opens(told, BASIC)


async def test_who_asks_at_once_after_a_restart_settles_once(tmp_path: Path) -> None:
    async with telling(tmp_path / "data") as told:
        registry, now = told.services.registry, told.services.clock()
        for identifier in ("CP001", "CP002"):
            charger = told.charger(identifier)
            await registry.begin_key(charger, None, instruction_id=77, requested_by="a test", now=now)
    async with telling(tmp_path / "data") as told:
        async with trio.open_nursery() as nursery:
            for identifier in ("CP001", "CP002", "CP003"):
                nursery.start_soon(told.queue.keys.state, told.charger(identifier))
        assert told.services.registry.coming_keys() == []


async def test_a_charger_whose_removal_was_cut_short_has_no_key_after_the_next_start(tmp_path: Path) -> None:
    """The process ended between its two files: the charger is gone, its key is not, and its instruction waits."""
    async with telling(tmp_path / "data") as told:
        number, charger_id = await begin(told), told.charger().charger_id
        await told.store.write(lambda con: con.execute('DELETE FROM charger WHERE "chargerId" = ?', [charger_id]))
    async with telling(tmp_path / "data") as told:
        assert (await told.ended(number)).error == "the charger was removed"
        assert (await told.queue.keys.state(told.charger("CP002"))).coming is None
        assert told.store.secrets.read_now(lambda con: con.execute('FROM "chargerKey"').fetchall()) == []


@pytest.mark.parametrize(("status", "coming"), [("Rejected", None), ("Accepted", "accepted")])
async def test_an_answer_that_was_not_noted_is_noted_at_the_next_start(
    tmp_path: Path, status: str, coming: str | None
) -> None:
    async with telling(tmp_path / "data") as told:
        told.queue.on_ended.clear()  # as if the process had ended between the two files
        async with told.booted() as charge_point:
            number = await begin(told)
            await answer_key(charge_point, status)
            await told.ended(number)
    async with telling(tmp_path / "data") as told:
        key = (await told.queue.keys.state(told.charger())).coming
        assert (None if key is None else key.status) == coming
        assert await opens(told, BASIC)


async def test_waiting_ends_when_the_charger_has_come(told: Told) -> None:
    async with told.booted() as charge_point:
        await begin(told)
        key = await answer_key(charge_point, "Accepted")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(told.queue.keys.wait_adopted, told.charger().charger_id, 10.0)
            await trio.testing.wait_all_tasks_blocked()
            assert await opens(told, basic(key))
    assert told.services.registry.charger_key(told.charger().charger_id, "own") is not None
