"""The registry's tables: loaded whole at start, written through one entity at a time.

The registry owns the entities; here is only how a frozen struct becomes a row. A struct's fields are
columns by name, `charger_id` being `chargerId`; fields that the table does not have are left out, and
a column without field takes its default. All functions take the connection of a running
`Store.write`, `Store.read`, or their `_now` twins.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias, TypeVar

import duckdb
import msgspec

Connection: TypeAlias = duckdb.DuckDBPyConnection
"""What a change is given; for annotations of those who only pass it on."""

T = TypeVar("T", bound=msgspec.Struct)


class EntityTable(NamedTuple):
    """A table of entities: its name and the struct fields that identify a row."""

    name: str
    key: tuple[str, ...]


ACCOUNT = EntityTable("account", ("account_id",))
NODE = EntityTable("node", ("node_id",))
CHARGER = EntityTable("charger", ("charger_id",))
AUTHORIZATION = EntityTable("authorization", ("authorization_id",))
ACCOUNT_SETTINGS = EntityTable("accountSettings", ("account_id",))
CHARGER_SETTINGS = EntityTable("chargerSettings", ("charger_id",))
CONNECTOR = EntityTable("connector", ("charger_id", "connector_id"))
# In secrets.duckdb: use these with `Store.secrets`.
CREDENTIAL = EntityTable("credential", ("credential_id",))


def next_id(con: duckdb.DuckDBPyConnection, table: EntityTable) -> int:
    """Gives a number for a new entity; never the same one twice, even after a removal."""
    raise NotImplementedError


def select_all(con: duckdb.DuckDBPyConnection, table: EntityTable, kind: type[T]) -> list[T]:
    """Reads every row of `table` as a `kind`, in the order of its key."""
    raise NotImplementedError


def insert_entities(con: duckdb.DuckDBPyConnection, table: EntityTable, entities: list[T]) -> None:
    """Inserts entities that are not there yet."""
    raise NotImplementedError


def replace_entity(con: duckdb.DuckDBPyConnection, table: EntityTable, entity: T) -> None:
    """Writes all fields of an entity, whether it is there or not."""
    raise NotImplementedError


def delete_entity(con: duckdb.DuckDBPyConnection, table: EntityTable, **key: int) -> bool:
    """Deletes the entity with this key, `charger_id=7`; False if there was none."""
    raise NotImplementedError
