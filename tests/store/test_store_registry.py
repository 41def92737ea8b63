"""Entities of the registry as rows, the secrets beside them, and what chargers say about themselves."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import duckdb
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored import RECEIVED, T, at, rows

from solarocpp.errors import StoreError
from solarocpp.store import Store
from solarocpp.store.effects import ChargerDescribed, ConnectorsCounted, ConnectorStatusChanged
from solarocpp.store.migrations import migrate
from solarocpp.store.registry import (
    AUTHORIZATION,
    CHARGER,
    CHARGER_SETTINGS,
    CREDENTIAL,
    NODE,
    apply_charger_effects,
    delete_entity,
    insert_entities,
    next_id,
    replace_entity,
    select_all,
    unused_hid,
)


class Charger(msgspec.Struct, frozen=True):
    charger_id: int
    identifier: str
    created: datetime
    registration_status: str = "Accepted"
    vendor: str = ""
    settings: str = "not a column of this table"


class Node(msgspec.Struct, frozen=True):
    node_id: int
    account_id: int
    name: str
    created: datetime


class Credential(msgspec.Struct, frozen=True):
    credential_id: int
    username: str
    allowed: tuple[str, ...]
    hash: str


class Settings(msgspec.Struct, frozen=True):
    charger_id: int
    source_id_template: str | None = None
    publish: bool | None = None


class TestEntities:
    """Structs in, structs out."""

    def test_entity_comes_back_as_it_went(self, resting: Store) -> None:
        charger = Charger(7, "CP'007", T, "Pending", "ACME", "gone")
        resting.write_now(lambda con: insert_entities(con, CHARGER, [charger]))
        assert resting.read_now(lambda con: select_all(con, CHARGER, Charger)) == [
            Charger(7, "CP'007", datetime(2026, 3, 1, 10, tzinfo=UTC), "Pending", "ACME")
        ]

    def test_null_takes_the_default_of_the_field(self, resting: Store) -> None:
        resting.write_now(
            lambda con: con.execute("INSERT INTO charger (\"chargerId\", identifier, created) VALUES (1, 'A', ?)", [T])
        )
        assert resting.read_now(lambda con: select_all(con, CHARGER, Charger)) == [Charger(1, "A", T)]

    def test_replace_writes_over_or_adds(self, resting: Store) -> None:
        def change(con: object) -> None:
            replace_entity(con, CHARGER_SETTINGS, Settings(1, "/a/{connectorId}", True))  # type: ignore[arg-type]
            replace_entity(con, CHARGER_SETTINGS, Settings(2, None, False))  # type: ignore[arg-type]
            replace_entity(con, CHARGER_SETTINGS, Settings(1, None, None))  # type: ignore[arg-type]

        resting.write_now(change)
        assert resting.read_now(lambda con: select_all(con, CHARGER_SETTINGS, Settings)) == [
            Settings(1),
            Settings(2, None, publish=False),
        ]

    def test_replace_leaves_columns_the_struct_does_not_have(self, resting: Store) -> None:
        resting.write_now(lambda con: con.execute("INSERT INTO charger (\"chargerId\", model) VALUES (1, 'Super')"))
        resting.write_now(lambda con: replace_entity(con, CHARGER, Charger(1, "A", T)))
        assert rows(resting, "SELECT identifier, model FROM charger") == [("A", "Super")]

    def test_delete_says_whether_there_was_one(self, resting: Store) -> None:
        resting.write_now(lambda con: insert_entities(con, CHARGER, [Charger(7, "A", T)]))
        assert resting.write_now(lambda con: delete_entity(con, CHARGER, charger_id=7)) is True
        assert resting.write_now(lambda con: delete_entity(con, CHARGER, charger_id=7)) is False

    def test_number_is_never_given_again(self, resting: Store) -> None:
        """A charger's number is in its sessions for ever; another charger must not inherit them."""
        assert resting.write_now(lambda con: next_id(con, CHARGER)) == 1
        resting.write_now(lambda con: insert_entities(con, CHARGER, [Charger(1, "A", T)]))
        resting.write_now(lambda con: delete_entity(con, CHARGER, charger_id=1))
        assert resting.write_now(lambda con: next_id(con, CHARGER)) == 2
        assert resting.write_now(lambda con: next_id(con, AUTHORIZATION)) == 1

    def test_number_that_an_operator_chose_is_stepped_over(self, resting: Store) -> None:
        resting.write_now(lambda con: insert_entities(con, NODE, [Node(2, 1, "chosen", T), Node(3, 1, "chosen", T)]))
        assert resting.write_now(lambda con: next_id(con, NODE)) == 4

    def test_hid_differs_from_all_others_in_any_case(self, resting: Store) -> None:
        """It is compared without case, as everything that somebody types into a charger."""
        resting.write_now(lambda con: con.execute("UPDATE account SET hid = 'aBcDeFgH'"))
        drawn = iter("AbCdEfGhXbCdEfGh")
        assert resting.read_now(lambda con: unused_hid(con, lambda _alphabet: next(drawn))) == "XbCdEfGh"

    async def test_change_that_fails_leaves_nothing(self, store: Store) -> None:
        def change(con: object) -> None:
            insert_entities(con, CHARGER, [Charger(1, "A", T)])  # type: ignore[arg-type]
            raise KeyError("a defect")

        with pytest.raises(KeyError, match="a defect"):
            await store.write(change)
        with pytest.raises(StoreError, match="no_such_table"):
            await store.write(lambda con: con.execute("DELETE FROM no_such_table"))
        assert rows(store, "FROM charger") == []

    async def test_change_sees_what_was_recorded_before_it(self, store: Store) -> None:
        """A charger removed by an operator must not be described again by a boot that came before."""
        await store.write(lambda con: insert_entities(con, CHARGER, [Charger(1, "A", T)]))
        store.record(None, [ChargerDescribed(1, "ACME", "Super")])
        assert await store.write(lambda con: con.execute("SELECT vendor FROM charger").fetchall()) == [("ACME",)]


class TestSecrets:
    """The other database."""

    async def test_credentials_are_kept_apart_and_for_us_alone(self, store: Store) -> None:
        await store.secrets.write(
            lambda con: insert_entities(con, CREDENTIAL, [Credential(1, "depot", ("CP001", "CP002"), "argon2id$...")])
        )
        assert store.secrets.read_now(lambda con: select_all(con, CREDENTIAL, Credential)) == [
            Credential(1, "depot", ("CP001", "CP002"), "argon2id$...")
        ]
        files = sorted(store.directory.glob("secrets.duckdb*"))
        assert [file.name for file in files] == ["secrets.duckdb", "secrets.duckdb.wal"]
        assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]
        with pytest.raises(StoreError, match="Cannot attach"):
            await store.read(lambda con: con.execute(f"ATTACH '{files[0]}' AS s").fetchall())

    async def test_credential_can_be_changed_and_removed(self, store: Store) -> None:
        await store.secrets.write(lambda con: insert_entities(con, CREDENTIAL, [Credential(1, "depot", ("A",), "x")]))
        await store.secrets.write(lambda con: replace_entity(con, CREDENTIAL, Credential(1, "depot", (), "y")))
        assert store.secrets.read_now(lambda con: select_all(con, CREDENTIAL, Credential)) == [
            Credential(1, "depot", (), "y")
        ]
        assert await store.secrets.write(lambda con: delete_entity(con, CREDENTIAL, credential_id=1)) is True


class TestReported:
    """What chargers say about themselves."""

    @pytest.fixture(autouse=True)
    def _charger(self, resting: Store) -> None:
        resting.write_now(lambda con: insert_entities(con, CHARGER, [Charger(1, "CP001", T, vendor="Old")]))

    def test_boot_describes_the_charger_and_empties_what_it_does_not_say(self, resting: Store) -> None:
        resting.project_tail([(0, [ChargerDescribed(1, "ACME", "Super", firmware_version="1.2.3", iccid="89")])])
        resting.project_tail([(0, [ChargerDescribed(1, "ACME", "Super", firmware_version="1.2.4")])])
        assert rows(resting, 'SELECT vendor, model, "firmwareVersion", iccid, identifier FROM charger') == [
            ("ACME", "Super", "1.2.4", None, "CP001")
        ]

    def test_last_status_to_arrive_is_the_one_shown(self, resting: Store) -> None:
        statuses = [
            ConnectorStatusChanged(1, 1, at(60), RECEIVED, "Charging", "NoError", "busy"),
            ConnectorStatusChanged(1, 0, at(0), RECEIVED, "Available", "NoError"),
            ConnectorStatusChanged(1, 1, at(30), RECEIVED, "Faulted", "GroundFailure", None, "ACME", "E7"),
        ]
        resting.project_tail([(0, statuses[:1])])
        resting.project_tail([(0, statuses[1:])])
        assert rows(resting, 'FROM connector ORDER BY "connectorId"') == [
            (1, 0, "Available", "NoError", None, None, None, at(0), RECEIVED),
            (1, 1, "Faulted", "GroundFailure", None, "ACME", "E7", at(30), RECEIVED),
        ]

    def test_counted_connectors_exist_and_others_go(self, resting: Store) -> None:
        """Q100: 0 is the charger itself and stays."""
        said = [ConnectorStatusChanged(1, number, T, RECEIVED, "Available", "NoError") for number in (0, 1, 3)]
        resting.project_tail([(0, [*said, ConnectorsCounted(1, 2)])])
        assert rows(resting, 'SELECT "connectorId", status FROM connector ORDER BY 1') == [
            (0, "Available"),
            (1, "Available"),
            (2, None),
        ]
        assert rows(resting, 'SELECT "connectorCount" FROM charger') == [(2,)]

    def test_connector_that_speaks_after_the_count_is_shown(self, resting: Store) -> None:
        late = ConnectorStatusChanged(1, 3, T, RECEIVED, "Available", "NoError")
        resting.project_tail([(0, [ConnectorsCounted(1, 1), late])])
        assert rows(resting, 'SELECT "connectorId" FROM connector ORDER BY 1') == [(1,), (3,)]

    def test_higher_count_does_not_bring_back_what_a_lower_one_took_away(self, resting: Store) -> None:
        said = [ConnectorStatusChanged(1, number, T, RECEIVED, "Available", "NoError") for number in (1, 2)]
        resting.project_tail([(0, said[1:])])
        resting.project_tail([(0, [*said, ConnectorsCounted(1, 1), ConnectorsCounted(1, 3)])])
        assert rows(resting, 'SELECT "connectorId", status FROM connector ORDER BY 1') == [
            (1, "Available"),
            (2, None),
            (3, None),
        ]

    def test_each_charger_is_described_in_its_own_words(self, resting: Store) -> None:
        resting.write_now(lambda con: insert_entities(con, CHARGER, [Charger(2, "CP002", T), Charger(3, "CP003", T)]))
        said = [
            ChargerDescribed(2, "first", "boot", iccid="89"),
            ChargerDescribed(1, "O'Neill", '\0"', imsi="26201"),
            ChargerDescribed(2, "ACME", "Super"),
            ChargerDescribed(9, "of a removed", "charger"),
        ]
        resting.project_tail([(0, said)])
        assert rows(resting, 'SELECT "chargerId", vendor, model, iccid, imsi FROM charger ORDER BY 1') == [
            (1, "O'Neill", '\0"', None, "26201"),
            (2, "ACME", "Super", None, None),
            (3, "", None, None, None),
        ]


# The tables of one connection serve all examples.
CON = duckdb.connect()
migrate(CON, Path("memory"), T)

CHARGER_IDS, NUMBERS, WORDS = st.integers(1, 2), st.integers(0, 4), st.sampled_from(["A", "B", "C"])
REPORTED = st.one_of(
    st.builds(ChargerDescribed, CHARGER_IDS, WORDS, WORDS, st.none() | WORDS),
    st.builds(ConnectorsCounted, CHARGER_IDS, NUMBERS),
    st.builds(
        ConnectorStatusChanged, CHARGER_IDS, NUMBERS, st.just(T), st.just(RECEIVED), WORDS, WORDS, st.none() | WORDS
    ),
)


@pytest.mark.slow  # a hundred examples against a real database
@given(effects=st.lists(REPORTED, max_size=14), cuts=st.sets(st.integers(1, 13)))
def test_what_chargers_report_does_not_depend_on_how_it_is_split(
    effects: list[ChargerDescribed | ConnectorsCounted | ConnectorStatusChanged], cuts: set[int]
) -> None:
    """The rules said again, effect by effect, against every way to write the same effects together."""
    CON.execute('DELETE FROM connector; DELETE FROM charger; INSERT INTO charger ("chargerId") VALUES (1), (2)')
    bounds = [0, *sorted(cut for cut in cuts if cut < len(effects)), len(effects)]
    for begin, end in pairwise(bounds):
        CON.begin()
        apply_charger_effects(CON, effects[begin:end])
        CON.commit()

    chargers: dict[int, list[object]] = {1: [0, None, None, None], 2: [0, None, None, None]}
    connectors: dict[tuple[int, int], tuple[str | None, str | None, str | None]] = {}
    for effect in effects:
        charger = effect.charger_id
        match effect:
            case ChargerDescribed():
                chargers[charger][1:] = [effect.vendor, effect.model, effect.charge_point_serial_number]
            case ConnectorsCounted(connector_count=count):
                chargers[charger][0] = count
                for gone in [key for key in connectors if key[0] == charger and key[1] > count]:
                    del connectors[gone]
                for number in range(1, count + 1):
                    connectors.setdefault((charger, number), (None, None, None))
            case ConnectorStatusChanged():
                connectors[charger, effect.connector_id] = (effect.status, effect.error_code, effect.info)
    found = 'SELECT "chargerId", "connectorCount", vendor, model, "chargePointSerialNumber" FROM charger'
    assert {row[0]: [*row[1:]] for row in CON.execute(found).fetchall()} == chargers
    found = 'SELECT "chargerId", "connectorId", status, "errorCode", info FROM connector'
    assert {(row[0], row[1]): row[2:] for row in CON.execute(found).fetchall()} == connectors
