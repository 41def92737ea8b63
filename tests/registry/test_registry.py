"""The registry: durable before it acts, at once afterwards, found in any case."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
import trio.testing

from solarocpp.errors import RegistryError
from solarocpp.registry import (
    AuthorizationChange,
    Charger,
    ChargerChange,
    ChargerChanged,
    CredentialChange,
    CredentialChanged,
    NewAuthorization,
    NewCharger,
    NewCredential,
    Node,
    Registry,
    Settings,
    SettingsChange,
)
from solarocpp.store import ChargerFacts, Store, open_store
from solarocpp.store.effects import ChargerDescribed, ConnectorsCounted

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def everything(registry: Registry) -> object:
    """All that is registered, to compare one memory with another."""
    return (
        registry.accounts(),
        registry.nodes(1),
        registry.chargers(),
        registry.credentials(1),
        registry.authorizations(1),
        registry.settings(1),
    )


async def fill(registry: Registry) -> None:
    await registry.add_charger(NewCharger(identifier="CP001", vendor="ACME"), now=NOW)
    await registry.add_charger(NewCharger(identifier="a|b %41/ü", node_id=7, create_node=True), now=NOW)
    await registry.set_charger("cp001", ChargerChange(source_id_template="/s/{connectorId}", publish=False), now=NOW)
    await registry.add_credential(NewCredential(username="depot"), now=NOW)
    await registry.add_credential(NewCredential(username="one", password="swordfish", allowed=["CP001"]), now=NOW)
    await registry.add_authorization(NewAuthorization(token="vid:*", parent="FLEET", max_active=2), now=NOW)
    order = NewAuthorization(token="04E91C5A", expires=NOW, enabled=False, chargers=["CP001", "a|b %41/ü"])
    await registry.add_authorization(order, now=NOW)
    await registry.set_charger("CP001", ChargerChange(security_profile=3), now=NOW)
    await registry.set_settings(SettingsChange(publish=True, unknown_chargers="pending"))


def test_a_fresh_store_has_account_1_and_node_1(tmp_path: Path) -> None:
    store = open_store(tmp_path, now=NOW)
    try:
        registry = Registry.load(store)
        assert [account.account_id for account in registry.accounts()] == [1]
        assert [node.node_id for node in registry.nodes(1)] == [1]
        assert registry.chargers() == []
    finally:
        store.close()


async def test_what_was_registered_is_there_after_a_restart(tmp_path: Path) -> None:
    store = open_store(tmp_path, now=NOW)
    registry = Registry.load(store)
    async with trio.open_nursery() as nursery:
        await nursery.start(store.run)
        await fill(registry)
        nursery.cancel_scope.cancel()
    store.close()
    again = open_store(tmp_path, now=NOW)
    try:
        assert everything(Registry.load(again)) == everything(registry)
    finally:
        again.close()


async def test_a_change_is_in_the_store_when_it_returns(registry: Registry, store: Store) -> None:
    await registry.add_charger(NewCharger(identifier="CP001"), now=NOW)
    rows = await store.read(lambda con: con.table("charger").project("identifier, enabled").fetchall())
    assert rows == [("CP001", True)]


async def test_changes_act_at_once(registry: Registry) -> None:
    await registry.add_charger(NewCharger(identifier="CP001"), now=NOW)
    await registry.set_charger("CP001", ChargerChange(enabled=False, registration_status="Rejected"), now=NOW)
    charger = registry.charger_by_identifier("CP001")
    assert charger is not None
    assert (charger.enabled, charger.registration_status) == (False, "Rejected")
    await registry.remove_charger("CP001")
    assert registry.charger_by_identifier("CP001") is None


async def test_names_are_found_in_any_case_and_keep_their_spelling(registry: Registry) -> None:
    """Q10, Q95: the case of an identity differs between URL, user name and registry."""
    await fill(registry)
    charger = registry.charger_by_identifier("cP001", 1)
    assert charger is not None
    assert charger.identifier == "CP001"
    credential = registry.credential("DEPOT")
    assert credential is not None
    assert credential.username == "depot"
    authorization = registry.authorization(1, "04e91c5a")
    assert authorization is not None
    assert authorization.token == "04E91C5A"


async def test_a_name_that_is_taken_is_refused_in_any_case(registry: Registry) -> None:
    await fill(registry)
    for order in (
        registry.add_charger(NewCharger(identifier="cp001"), now=NOW),
        registry.add_credential(NewCredential(username="Depot"), now=NOW),
        registry.add_authorization(NewAuthorization(token="04e91c5a"), now=NOW),
    ):
        with pytest.raises(RegistryError, match="already") as refused:
            await order
        assert refused.value.status == 409


async def test_two_orders_for_one_name_cannot_both_find_it_free(registry: Registry) -> None:
    outcomes: list[str] = []

    async def add() -> None:
        try:
            await registry.add_charger(NewCharger(identifier="CP001"), now=NOW)
            outcomes.append("added")
        except RegistryError:
            outcomes.append("refused")

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(add)
    assert sorted(outcomes) == ["added", "refused", "refused", "refused", "refused"]


async def test_an_unknown_name_is_answered_with_the_nearest(registry: Registry) -> None:
    await fill(registry)
    with pytest.raises(RegistryError) as refused:
        await registry.remove_charger("CP01")
    assert str(refused.value) == "There is no charger 'CP01'. Did you mean CP001?"
    assert refused.value.status == 404
    with pytest.raises(RegistryError, match=r"There is no credential 'zzz'\. See: solarocpp credential list"):
        await registry.remove_credential("zzz")


async def test_a_number_is_never_given_twice(registry: Registry) -> None:
    """Sessions and ledger name a charger by its number, after its removal too."""
    first = await registry.add_charger(NewCharger(identifier="CP001"), now=NOW)
    await registry.remove_charger("CP001")
    second = await registry.add_charger(NewCharger(identifier="CP001"), now=NOW)
    assert second.charger_id > first.charger_id


async def test_a_node_is_made_only_when_asked_for(registry: Registry) -> None:
    with pytest.raises(RegistryError) as refused:
        await registry.add_charger(NewCharger(identifier="CP001", node_id=7), now=NOW)
    assert str(refused.value) == "There is no node 7; there is 1. To make it, add --create-node."
    assert registry.charger_by_identifier("CP001") is None
    charger = await registry.add_charger(NewCharger(identifier="CP001", node_id=7, create_node=True), now=NOW)
    assert charger.node_id == 7
    assert registry.nodes(1)[1] == Node(7, 1, "Node 7", NOW)


@pytest.mark.parametrize(
    ("id_tag", "found"),
    [
        ("vid:ABC", "vid:*"),
        ("VID:abc", "vid:*"),
        ("vid:KNOWN", "vid:KNOWN"),
        ("xvid:ABC", None),
        ("ABC", None),
        ("vid:", "vid:*"),
        ("04E91C5A", "04e9*"),
        ("04E9", "04e9*"),
        ("04E", "04*"),
        ("04*", "04*"),
        ("0", None),
        ("", None),
        ("  ", None),
    ],
)
async def test_the_longest_prefix_decides_about_id_tags_without_a_row(
    registry: Registry, id_tag: str, found: str | None
) -> None:
    """Spec 4.1 step 3 and its vectors in 13.4; Q97 for prefixes of all kinds."""
    for token in ("vid:*", "vid:KNOWN", "other", "04*", "04e9*"):
        await registry.add_authorization(NewAuthorization(token=token), now=NOW)
    row = registry.authorization(1, id_tag)
    assert (None if row is None else row.token) == found
    assert registry.authorization(2, id_tag) is None


@pytest.mark.parametrize(("id_tag", "found"), [("anything", "*"), ("", None)])
async def test_a_star_alone_lets_every_id_tag_charge_but_the_empty_one(
    registry: Registry, id_tag: str, found: str | None
) -> None:
    """Q97: free vending. A charger without a reader sends an empty id tag, whoever stands there."""
    await registry.add_authorization(NewAuthorization(token="*"), now=NOW)
    row = registry.authorization(1, id_tag)
    assert (None if row is None else row.token) == found


async def test_chargers_of_an_id_tag_and_its_parent_can_be_changed(registry: Registry, store: Store) -> None:
    await registry.add_authorization(NewAuthorization(token="TAG", chargers=["CP001"]), now=NOW)
    changed = await registry.set_authorization("TAG", AuthorizationChange(chargers=["CP002", "CP003"], parent="P" * 20))
    assert (changed.chargers, changed.parent) == (("CP002", "CP003"), "P" * 20)
    assert [changed.allows("cp002"), changed.allows("CP001")] == [True, False]
    assert Registry.load(store).authorizations(1) == [changed]
    everywhere = await registry.set_authorization("TAG", AuthorizationChange(chargers=[], parent=None))
    assert (everywhere.chargers, everywhere.parent, everywhere.allows("CP001")) == ((), None, True)


async def test_a_parent_that_no_message_can_carry_is_refused(registry: Registry) -> None:
    """It goes out in each answer, as an IdToken of 20 characters (Q96)."""
    with pytest.raises(RegistryError, match=r"The parent has 21 characters; 20 fit\."):
        await registry.add_authorization(NewAuthorization(token="TAG", parent="P" * 21), now=NOW)
    await registry.add_authorization(NewAuthorization(token="TAG"), now=NOW)
    with pytest.raises(RegistryError, match=r"The parent has 21 characters; 20 fit\."):
        await registry.set_authorization("TAG", AuthorizationChange(parent="P" * 21))


async def test_settings_come_from_the_charger_then_the_account_then_the_program(registry: Registry) -> None:
    """Spec 3.3, and Q11: the account's publish flag counts."""

    def facts() -> ChargerFacts:
        charger = registry.charger_by_identifier("CP001")
        assert charger is not None
        return registry.facts(charger)

    made = await registry.add_charger(NewCharger(identifier="CP001"), now=NOW)
    built_in = "/ocpp/cp/{chargerIdentifier}/{connectorId}/{location}"
    assert facts() == ChargerFacts(made.charger_id, made.identifier, 1, 1, built_in, publish=True)
    await registry.set_settings(SettingsChange(source_id_template="/a/{chargerIdentifier}", publish=False))
    assert (facts().source_id_template, facts().publish) == ("/a/{chargerIdentifier}", False)
    await registry.set_charger("CP001", ChargerChange(source_id_template="/c/{connectorId}", publish=True), now=NOW)
    assert (facts().source_id_template, facts().publish) == ("/c/{connectorId}", True)
    await registry.set_charger("CP001", ChargerChange(source_id_template=None, publish=None), now=NOW)
    assert (facts().source_id_template, facts().publish) == ("/a/{chargerIdentifier}", False)


async def test_a_field_left_out_stays_and_none_empties_it(registry: Registry) -> None:
    await registry.add_authorization(NewAuthorization(token="TAG", expires=NOW, parent="P", max_active=1), now=NOW)
    changed = await registry.set_authorization("tag", AuthorizationChange(expires=None, enabled=False))
    assert (changed.expires, changed.parent, changed.max_active, changed.enabled) == (None, "P", 1, False)
    assert registry.authorization(1, "TAG") == changed


async def test_a_boot_describes_the_charger_and_an_order_keeps_it(registry: Registry) -> None:
    """Spec 6.3: what the boot left out becomes empty; an operator's order changes only what it names."""
    charger = await registry.add_charger(NewCharger(identifier="CP001", vendor="ACME", model="old"), now=NOW)
    registry.describe(ChargerDescribed(charger.charger_id, "ACME", "X1", firmware_version="1.2"))
    registry.count_connectors(ConnectorsCounted(charger.charger_id, 2))
    after = await registry.set_charger("CP001", ChargerChange(enabled=False), now=NOW)
    assert (after.model, after.firmware_version, after.connector_count, after.enabled) == ("X1", "1.2", 2, False)
    registry.describe(ChargerDescribed(charger.charger_id, "ACME", "X2"))
    described = registry.charger(charger.charger_id)
    assert (described.model, described.firmware_version, described.connector_count) == ("X2", None, 2)


async def test_effects_of_a_removed_charger_change_nothing(registry: Registry) -> None:
    charger = await registry.add_charger(NewCharger(identifier="CP001"), now=NOW)
    await registry.remove_charger("CP001")
    registry.describe(ChargerDescribed(charger.charger_id, "ACME", "X1"))
    registry.count_connectors(ConnectorsCounted(charger.charger_id, 2))
    assert registry.chargers() == []


async def test_passwords_are_given_once_and_replaced_at_once(registry: Registry) -> None:
    credential, first = await registry.add_credential(NewCredential(username="depot"), now=NOW)
    assert first is not None
    assert await registry.verify(credential, first.encode())
    rotated, second = await registry.set_credential("depot", CredentialChange(password=None))
    assert second is not None
    assert not await registry.verify(rotated, first.encode())
    assert await registry.verify(rotated, second.encode())
    chosen, nothing = await registry.set_credential("depot", CredentialChange(password="my own words"))
    assert nothing is None
    assert await registry.verify(chosen, b"my own words")
    assert registry.credential("depot") == chosen


async def test_a_password_that_changes_is_not_remembered(registry: Registry) -> None:
    """Not for a moment: it was changed because somebody knows it who should not."""
    chosen, _ = await registry.add_credential(NewCredential(username="depot", password="my own words"), now=NOW)
    assert await registry.verify(chosen, b"my own words")
    assert registry.recall(chosen, b"my own words") is True
    await registry.set_credential("depot", CredentialChange(password="other words"))
    assert registry.recall(chosen, b"my own words") is None
    again, _ = await registry.set_credential("depot", CredentialChange(password="my own words"))
    assert await registry.verify(again, b"my own words")
    await registry.remove_credential("depot")
    assert registry.recall(again, b"my own words") is None


async def test_a_password_that_changes_while_it_is_checked_is_refused(registry: Registry) -> None:
    chosen, _ = await registry.add_credential(NewCredential(username="depot", password="my own words"), now=NOW)
    outcomes: list[bool] = []

    async def check() -> None:
        outcomes.append(await registry.verify(chosen, b"my own words"))

    limiter = registry._passwords._limiter
    others = range(int(limiter.total_tokens))
    async with trio.open_nursery() as nursery:
        for other in others:
            await limiter.acquire_on_behalf_of(other)
        nursery.start_soon(check)
        await trio.testing.wait_all_tasks_blocked()  # the check has begun, and waits behind others
        await registry.set_credential("depot", CredentialChange(password=None))
        for other in others:
            limiter.release_on_behalf_of(other)
    assert outcomes == [False]
    assert registry.recall(chosen, b"my own words") is None


async def test_nobody_has_any_password(registry: Registry) -> None:
    assert not await registry.verify(None, b"")
    assert registry.recall(None, b"") is None


async def test_a_credential_allows_its_list_in_any_case_or_everybody(registry: Registry) -> None:
    some, _ = await registry.add_credential(NewCredential(username="some", allowed=["CP001"]), now=NOW)
    every, _ = await registry.add_credential(NewCredential(username="every"), now=NOW)
    assert [some.allows("cp001"), some.allows("CP002"), every.allows("CP002")] == [True, False, True]


async def test_whoever_holds_a_link_hears_of_changes(registry: Registry) -> None:
    heard: list[ChargerChanged | CredentialChanged] = []
    charger = await registry.add_charger(NewCharger(identifier="CP001"), now=NOW)
    credential, _ = await registry.add_credential(NewCredential(username="depot"), now=NOW)
    registry.watch(heard.append)
    await registry.set_settings(SettingsChange(publish=False))
    await registry.set_credential("depot", CredentialChange(password=None))
    await registry.remove_credential("depot")
    await registry.remove_charger("CP001")
    changed, other = ChargerChanged(charger.charger_id), CredentialChanged(credential.credential_id)
    assert heard == [changed, other, other, changed]


async def test_a_template_is_checked_before_anything_is_written(registry: Registry) -> None:
    with pytest.raises(RegistryError, match=r"Did you mean \{chargerIdentifier\}"):
        await registry.set_settings(SettingsChange(source_id_template="/x/{chargerIdentifer}"))
    assert registry.settings(1) == Settings()


async def test_an_identifier_of_two_accounts_needs_the_account(registry: Registry) -> None:
    """Identifiers are unique within an account; profile v16 knows the account from the credential."""
    registry._put_charger(Charger(900, 1, 1, "SAME", NOW))  # type: ignore[arg-type]
    registry._put_charger(Charger(901, 2, 2, "SAME", NOW))  # type: ignore[arg-type]
    assert registry.charger_by_identifier("same") is None
    found = registry.charger_by_identifier("same", 2)
    assert found is not None
    assert found.charger_id == 901


async def test_an_order_whose_caller_leaves_changes_store_and_memory_alike(registry: Registry, store: Store) -> None:
    """A client that hangs up while its order is written: what the store has must act."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: registry.add_charger(NewCharger(identifier="CP001"), now=NOW))
        for _ in range(3):
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    rows = await store.read(lambda con: con.table("charger").project("identifier").fetchall())
    assert rows == [(charger.identifier,) for charger in registry.chargers()] == [("CP001",)]
