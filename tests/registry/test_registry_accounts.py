"""Several accounts on one box: what each has of its own, and the tokens their programs use."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from solarocpp.errors import RegistryError
from solarocpp.registry import (
    CredentialChange,
    NewAccount,
    NewAuthorization,
    NewCharger,
    NewCredential,
    NewToken,
    Node,
    NodeChange,
    Registry,
    SettingsChange,
)
from solarocpp.store import Store, open_store

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


async def test_a_new_account_has_a_node_and_a_hid_of_its_own(registry: Registry, store: Store) -> None:
    made = await registry.add_account(NewAccount(name="Depot North"), now=NOW)
    assert (made.account_id, made.name, made.created) == (2, "Depot North", NOW)
    assert registry.accounts()[1] == registry.account(2) == made
    assert registry.nodes(2) == [Node(2, 2, "node 2", NOW)]
    rows = await store.read(lambda con: con.table("account").project('"accountId", hid').fetchall())
    assert rows == [(1, registry.accounts()[0].hid), (2, made.hid)]


async def test_a_node_keeps_its_name_and_clock(registry: Registry, store: Store) -> None:
    await registry.add_account(NewAccount(name="Depot"), now=NOW)
    node = await registry.set_node(2, NodeChange(name="Mill", time_zone="ASIA/tokyo"), account_id=2)
    assert node == Node(2, 2, "Mill", NOW, "Asia/Tokyo")
    assert registry.nodes(2) == [node]
    rows = await store.read(lambda con: con.table("node").order('"nodeId"').project('name, "timeZone"').fetchall())
    assert rows == [("node 1", None), ("Mill", "Asia/Tokyo")]
    assert (await registry.set_node(2, NodeChange(name="Mill 2"), account_id=2)).time_zone == "Asia/Tokyo"
    assert (await registry.set_node(2, NodeChange(time_zone=None), account_id=2)).time_zone is None


@pytest.mark.parametrize(
    ("number", "change", "text", "status"),
    [
        (2, NodeChange(name="Mine"), "There is no node 2; there is 1. See: solarocpp node list", 404),
        (1, NodeChange(time_zone="Berlin"), "There is no time zone 'Berlin'. Did you mean", 422),
        (1, NodeChange(time_zone="CEST+2"), "There is no time zone 'CEST+2'.", 422),
        (1, NodeChange(time_zone="x" * 80), "Write it like Europe/Berlin.", 422),
        (1, NodeChange(name="a\nb"), "must have printable characters", 422),
    ],
)
async def test_what_a_node_cannot_be(
    registry: Registry, number: int, change: NodeChange, text: str, status: int
) -> None:
    await registry.add_account(NewAccount(name="Depot"), now=NOW)
    with pytest.raises(RegistryError, match=re.escape(text)) as refused:
        await registry.set_node(number, change)
    assert refused.value.status == status
    assert registry.nodes(1) == [Node(1, 1, "node 1", NOW)]


async def test_a_hid_can_be_typed_and_is_found_in_any_case(registry: Registry) -> None:
    """Spec 1.5: 8 letters and digits, none of / + 0 O I 1 l =."""
    for number in range(30):
        await registry.add_account(NewAccount(name=f"account {number + 2}"), now=NOW)
    hids = [account.hid for account in registry.accounts()]
    assert len({hid.lower() for hid in hids}) == 31
    assert all(re.fullmatch("[2-9A-HJ-NP-Za-km-z]{8}", hid) for hid in hids)
    assert registry.account_by_hid(hids[7].swapcase()) == registry.accounts()[7]
    assert registry.account_by_hid("nobody") is None


async def test_the_name_of_an_account_is_its_own(registry: Registry) -> None:
    await registry.add_account(NewAccount(name="Depot"), now=NOW)
    with pytest.raises(RegistryError, match="There is an account 'DEPOT' already") as refused:
        await registry.add_account(NewAccount(name="DEPOT"), now=NOW)
    assert refused.value.status == 409
    with pytest.raises(RegistryError, match="must have printable characters"):
        await registry.add_account(NewAccount(name=""), now=NOW)
    assert len(registry.accounts()) == 2


async def test_identifiers_and_id_tags_are_unique_within_an_account_only(registry: Registry) -> None:
    await registry.add_account(NewAccount(name="Depot"), now=NOW)
    for account_id in (1, 2):
        charger = await registry.add_charger(NewCharger(identifier="CP001"), now=NOW, account_id=account_id)
        assert (charger.account_id, charger.node_id) == (account_id, account_id)  # without a node: its first one
        await registry.add_authorization(NewAuthorization(token="TAG"), now=NOW, account_id=account_id)
    assert registry.charger_by_identifier("CP001") is None
    with pytest.raises(RegistryError, match="There is no node 1; there is 2"):
        await registry.add_charger(NewCharger(identifier="CP002", node_id=1), now=NOW, account_id=2)
    with pytest.raises(RegistryError, match="The number 1 is taken; choose another for the node"):
        await registry.add_charger(NewCharger(identifier="CP002", node_id=1, create_node=True), now=NOW, account_id=2)


async def test_usernames_are_unique_over_all_accounts(registry: Registry) -> None:
    """Profile v16 knows the account by the username alone."""
    await registry.add_account(NewAccount(name="Depot"), now=NOW)
    await registry.add_credential(NewCredential(username="depot"), now=NOW, account_id=2)
    with pytest.raises(RegistryError) as refused:
        await registry.add_credential(NewCredential(username="Depot"), now=NOW)
    assert str(refused.value) == "There is a credential 'Depot' already. Choose another."


async def test_what_is_another_accounts_is_not_there(registry: Registry) -> None:
    await registry.add_account(NewAccount(name="Depot"), now=NOW)
    await registry.add_charger(NewCharger(identifier="CP001"), now=NOW)
    await registry.add_credential(NewCredential(username="site"), now=NOW)
    await registry.add_authorization(NewAuthorization(token="TAG"), now=NOW)
    await registry.add_token(NewToken(name="reports"), now=NOW)
    for order in (
        registry.remove_charger("CP001", account_id=2),
        registry.set_credential("site", CredentialChange(password=None), account_id=2),
        registry.remove_credential("site", account_id=2),
        registry.remove_authorization("TAG", account_id=2),
        registry.remove_token("reports", account_id=2),
        registry.remove_token(1, account_id=2),
    ):
        with pytest.raises(RegistryError, match=r"There is no .* See: solarocpp ") as refused:
            await order
        assert refused.value.status == 404


async def test_an_account_that_is_not_there_is_said_so(registry: Registry) -> None:
    assert registry.account(9) is None
    with pytest.raises(RegistryError, match=r"There is no account 9\. See: solarocpp account list"):
        registry.require_account(9)
    with pytest.raises(RegistryError, match="There is no account 9"):
        await registry.add_charger(NewCharger(identifier="CP001"), now=NOW, account_id=9)
    with pytest.raises(RegistryError, match="There is no account 9"):
        await registry.set_settings(SettingsChange(publish=True), account_id=9)
    with pytest.raises(RegistryError, match="There is no account 9"):
        await registry.add_token(NewToken(name="x"), now=NOW, account_id=9)


async def test_a_token_is_shown_once_and_kept_as_a_hash(registry: Registry, store: Store) -> None:
    token, text = await registry.add_token(NewToken(name="reports"), now=NOW)
    assert re.fullmatch(r"1\.[2-9A-HJ-NP-Za-km-z]{22}", text)
    assert (token.account_id, token.whole_box) == (1, False)
    assert registry.token_by_text(text) == token
    secret = text.partition(".")[2]
    assert secret not in token.hash
    assert repr(token) == "ApiToken(token_id=1, account_id=1, name='reports')"
    assert secret.encode() not in (store.directory / "secrets.duckdb.wal").read_bytes()


@pytest.mark.parametrize("wrong", ["", ".", "1.", "1", "2.", "x.y", "-1.", "1" * 5000 + ".x", "²." + "x", "1.\ud800"])
async def test_what_is_no_token_is_none(registry: Registry, wrong: str) -> None:
    _, text = await registry.add_token(NewToken(name="reports"), now=NOW)
    assert registry.token_by_text(wrong) is None
    assert registry.token_by_text(text + wrong or "1") is None or wrong == ""
    assert registry.token_by_text("2" + text[1:]) is None


async def test_a_token_sees_its_account_or_the_whole_box(registry: Registry) -> None:
    await registry.add_account(NewAccount(name="Depot"), now=NOW)
    own, _ = await registry.add_token(NewToken(name="reports"), now=NOW, account_id=2)
    whole, _ = await registry.add_token(NewToken(name="reports", whole_box=True), now=NOW, account_id=2)
    assert (own.account_id, whole.account_id, whole.whole_box) == (2, None, True)
    assert registry.tokens() == [own, whole]
    assert registry.tokens(2) == [own]
    assert registry.tokens(1) == []


async def test_a_token_of_the_whole_box_is_there_after_a_start(registry: Registry, store: Store) -> None:
    whole, text = await registry.add_token(NewToken(name="box", whole_box=True), now=NOW)
    assert Registry.load(store).token_by_text(text) == whole


async def test_a_token_is_removed_by_name_or_number(registry: Registry) -> None:
    _, first = await registry.add_token(NewToken(name="reports"), now=NOW)
    _, second = await registry.add_token(NewToken(name="billing"), now=NOW)
    await registry.remove_token("REPORTS", account_id=1)
    assert registry.token_by_text(first) is None
    assert registry.token_by_text(second) is not None
    await registry.remove_token("2", account_id=None)
    assert registry.tokens() == []
    with pytest.raises(RegistryError, match="There is no token 'billing'"):
        await registry.remove_token("billing", account_id=None)


async def test_the_operator_of_the_box_names_a_token_of_several_accounts_by_number(registry: Registry) -> None:
    await registry.add_account(NewAccount(name="Depot"), now=NOW)
    for account_id in (1, 2):
        await registry.add_token(NewToken(name="reports"), now=NOW, account_id=account_id)
    with pytest.raises(RegistryError, match=r"Several tokens are called 'reports'\. Name it by its number: 1, 2\."):
        await registry.remove_token("reports", account_id=None)
    with pytest.raises(RegistryError, match="There is a token 'Reports' already"):
        await registry.add_token(NewToken(name="Reports"), now=NOW, account_id=2)


async def test_accounts_and_tokens_are_there_after_a_restart(registry: Registry, store: Store, tmp_path: Path) -> None:
    account = await registry.add_account(NewAccount(name="Depot"), now=NOW)
    token, text = await registry.add_token(NewToken(name="reports"), now=NOW, account_id=2)
    again = Registry.load(store)  # as a start does: from what is in the files
    assert again.account_by_hid(account.hid) == account
    assert again.token_by_text(text) == token
    assert again.nodes(2) == registry.nodes(2)
    other = open_store(tmp_path / "other", now=NOW)
    try:
        assert Registry.load(other).token_by_text(text) is None
    finally:
        other.close()
