"""What is in the store, as data: every table, view and column an analyst can meet, with unit and meaning.

`data/README.md` is made from this package, the query module checks names against it, and a test
compares it with a real store, so it cannot drift. How a store comes to look like this is in
`migrations`. Column names are SolarNetwork's spelling of datum properties; DuckDB matches them in
any case. All times are TIMESTAMPTZ, energy Wh, power W, current A, voltage V, temperature Celsius.
"""

from __future__ import annotations

from solarocpp.store.schema.accepted import ACCEPTED_TABLES
from solarocpp.store.schema.columns import PHASES, PROPERTIES, Column, Property, Table, property_column
from solarocpp.store.schema.internal import FILE_TRANSFER_SECRET, INTERNAL, SECRET_TABLES
from solarocpp.store.schema.measured import (
    CHARGE_SESSION,
    CLOCK_VIEW,
    CONNECTOR_ENERGY_VIEW,
    DAILY_ENERGY_VIEW,
    DATUM,
    ENERGY_VIEW,
    EVENT,
    LATEST_VIEW,
    LEDGER,
    POWER_VIEW,
    SESSION_KEY,
    SESSION_VIEW,
    SIGNED_READING,
    TOTAL_COLUMNS,
)
from solarocpp.store.schema.operated import (
    CERTIFICATE,
    CONFIGURATION,
    CONFIGURATION_READING,
    DESIRED_CONFIGURATION,
    FILE_TRANSFER,
)
from solarocpp.store.schema.registered import CHARGER, CONNECTOR, INSTRUCTION, REGISTRY_TABLES, RESET_RECORD

__all__ = [
    "CERTIFICATE",
    "CHARGE_SESSION",
    "CLOCK_VIEW",
    "CONFIGURATION",
    "CONFIGURATION_READING",
    "CONNECTOR",
    "DATABASE",
    "DATUM",
    "DESIRED_CONFIGURATION",
    "EVENT",
    "FILE_TRANSFER",
    "FILE_TRANSFER_SECRET",
    "INSTRUCTION",
    "LATEST_VIEW",
    "LEDGER",
    "PHASES",
    "PROPERTIES",
    "RESET_RECORD",
    "SECRETS",
    "SECRET_TABLES",
    "SESSION_KEY",
    "SESSION_VIEW",
    "TABLES",
    "TOTAL_COLUMNS",
    "VIEWS",
    "Column",
    "Property",
    "Table",
    "property_column",
]

TABLES: tuple[Table, ...] = (
    DATUM,
    CHARGE_SESSION,
    CHARGER,
    CONNECTOR,
    EVENT,
    LEDGER,
    SIGNED_READING,
    FILE_TRANSFER,
    CERTIFICATE,
    INSTRUCTION,
    *ACCEPTED_TABLES,
    CONFIGURATION,
    CONFIGURATION_READING,
    DESIRED_CONFIGURATION,
    *REGISTRY_TABLES,
    *INTERNAL,
)
"""Every table of `solarocpp.duckdb`, those for analysts first."""

VIEWS: tuple[Table, ...] = (
    SESSION_VIEW,
    LATEST_VIEW,
    ENERGY_VIEW,
    CONNECTOR_ENERGY_VIEW,
    DAILY_ENERGY_VIEW,
    POWER_VIEW,
    CLOCK_VIEW,
)
"""Every view of `solarocpp.duckdb`."""

DATABASE = "solarocpp.duckdb"
"""File name of the main database within the data directory."""

SECRETS = "secrets.duckdb"
"""File name of the secrets database: another instance, so that no SQL of an analyst can reach it."""
