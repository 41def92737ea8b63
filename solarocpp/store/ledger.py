"""The ledger: what was said and what was answered, in order of arrival.

It comes first: an answer leaves once its row is durable, and the other tables are a pure function of
these rows. So a row carries all a replay needs, the charger's facts of that moment included.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from solarocpp.ocpp.datatypes import ChargePointId


class ChargerFacts(msgspec.Struct, frozen=True):
    """What is true of a charger while one message is handled; recorded with it, so that a replay agrees."""

    charger_id: int
    identifier: ChargePointId
    account_id: int
    node_id: int
    source_id_template: str
    """Resolved: the charger's, else the account's, else the built-in one."""
    publish: bool
    """Whether its datums are handed to publishers; they are stored either way."""


class Exchange(msgspec.Struct, frozen=True):
    """One CALL and its answer, both as whole frames; secrets are blanked by whoever makes it."""

    received: datetime
    """When we got the CALL (direction in) or its answer (out); aware UTC."""
    charger: ChargerFacts
    direction: Literal["in", "out"]
    action: str
    request: str
    answer: str


class LedgerRow(msgspec.Struct, frozen=True):
    """An exchange at its place in the ledger."""

    seq: int
    exchange: Exchange
