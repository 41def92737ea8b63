"""Clocks: how far each charger's is off, by what it said and when we got it."""

from __future__ import annotations

from duckdb import DuckDBPyConnection, DuckDBPyRelation

from solarocpp.query.filters import Nodes, node_conditions, read_rows
from solarocpp.store.schema import CLOCK_VIEW


def clocks(con: DuckDBPyConnection, *, node: Nodes | None = None) -> DuckDBPyRelation:
    """Lists the clocks of chargers with the columns of the view `clock`, the worst first."""
    return read_rows(con, CLOCK_VIEW.name, node_conditions(node)).order('abs("offset") DESC, "chargerId"')
