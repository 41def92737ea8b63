"""Chargers that nobody registered: `unknownChargers`, and adoption."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import trio

from solarocpp.errors import RegistryError
from solarocpp.registry import ChargerChange, ChargerChanged, NewAccount, Registry, SettingsChange, UnknownChargers
from solarocpp.store import Store

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


async def allow(registry: Registry, policy: UnknownChargers | None, account_id: int = 1) -> None:
    await registry.set_settings(SettingsChange(unknown_chargers=policy), account_id=account_id)


@pytest.mark.parametrize("policy", [None, "refuse"])
async def test_an_unknown_charger_is_refused_unless_somebody_decided_otherwise(
    registry: Registry, policy: UnknownChargers | None
) -> None:
    await allow(registry, policy)
    with pytest.raises(RegistryError) as refused:
        await registry.meet_charger("CP001", 1, now=NOW)
    assert str(refused.value) == "There is no charger 'CP001', and unknownChargers is 'refuse'."
    assert registry.chargers() == []


@pytest.mark.parametrize(("policy", "status"), [("pending", "Pending"), ("accept", "Accepted")])
async def test_an_unknown_charger_is_registered_as_the_account_says(
    registry: Registry, store: Store, policy: UnknownChargers, status: str
) -> None:
    await registry.add_account(NewAccount(name="Depot"), now=NOW)
    await allow(registry, policy, account_id=2)
    heard: list[object] = []
    registry.watch(heard.append)
    made = await registry.meet_charger("Garo|7 %41", 2, now=NOW)
    assert (made.identifier, made.account_id, made.node_id) == ("Garo|7 %41", 2, 2)
    assert (made.registration_status, made.enabled, made.adopted) == (status, True, False)
    assert made.security_profile == 1
    assert registry.charger_by_identifier("GARO|7 %41", 2) == made
    assert heard == [ChargerChanged(made.charger_id)]
    rows = await store.read(lambda con: con.table("charger").project('identifier, adopted, "nodeId"').fetchall())
    assert rows == [("Garo|7 %41", False, 2)]
    with pytest.raises(RegistryError, match="unknownChargers is 'refuse'"):  # account 1 never said so
        await registry.meet_charger("CP002", 1, now=NOW)


async def test_a_status_given_by_an_operator_adopts_and_nothing_else_does(registry: Registry, store: Store) -> None:
    await allow(registry, "pending")
    await registry.meet_charger("CP001", 1, now=NOW)
    renamed = await registry.set_charger("CP001", ChargerChange(vendor="ACME"), now=NOW)
    assert (renamed.registration_status, renamed.adopted) == ("Pending", False)
    adopted = await registry.set_charger("CP001", ChargerChange(registration_status="Accepted"), now=NOW)
    assert (adopted.registration_status, adopted.adopted, adopted.vendor) == ("Accepted", True, "ACME")
    assert Registry.load(store).chargers() == [adopted]


async def test_at_most_a_hundred_wait_for_adoption(registry: Registry) -> None:
    """A template that gives each reconnect another identifier must not fill the table."""
    await allow(registry, "accept")
    for number in range(100):
        await registry.meet_charger(f"CP{number:03}", 1, now=NOW)
    with pytest.raises(RegistryError, match="100 chargers that nobody registered wait for adoption") as refused:
        await registry.meet_charger("CP100", 1, now=NOW)
    assert refused.value.status == 409
    await registry.set_charger("CP050", ChargerChange(registration_status="Accepted"), now=NOW)
    assert (await registry.meet_charger("CP100", 1, now=NOW)).identifier == "CP100"


async def test_a_charger_that_comes_twice_at_once_is_made_once(registry: Registry) -> None:
    await allow(registry, "pending")
    made: list[int] = []

    async def come(identifier: str) -> None:
        made.append((await registry.meet_charger(identifier, 1, now=NOW)).charger_id)

    async with trio.open_nursery() as nursery:
        for identifier in ("CP001", "cp001", "CP001"):
            nursery.start_soon(come, identifier)
    assert made == [1, 1, 1]
    assert len(registry.chargers()) == 1


@pytest.mark.parametrize("identifier", ["", "a\x00b", " CP001", "x" * 256])
async def test_what_cannot_be_an_identity_is_not_registered(registry: Registry, identifier: str) -> None:
    await allow(registry, "accept")
    with pytest.raises(RegistryError):
        await registry.meet_charger(identifier, 1, now=NOW)
    assert registry.chargers() == []
