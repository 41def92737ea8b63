"""A ledger row goes through the handlers again: at start for the tail, and whenever tables are derived again."""

from __future__ import annotations

from typing import Literal

from solarocpp.central_system import CentralSystem
from solarocpp.errors import ProtocolViolation
from solarocpp.ocpp.decoding import decode_confirmation, decode_request
from solarocpp.ocpp.frames import Call, CallResult, parse_frame
from solarocpp.store.effects import Effect
from solarocpp.store.ledger import LedgerRow


def replayed_effects(row: LedgerRow, central: CentralSystem) -> tuple[Effect, ...]:
    """Derives again what one recorded exchange changes; the recorded answer stands."""
    exchange = row.exchange
    sent_by: Literal["charge_point", "central_system"] = (
        "charge_point" if exchange.direction == "in" else "central_system"
    )
    (call, _), (answer, _) = parse_frame(exchange.request), parse_frame(exchange.answer)
    if not isinstance(call, Call) or not isinstance(answer, CallResult):
        return ()
    request = decode_request(call.action, call.payload, sent_by=sent_by).message
    try:
        confirmation = decode_confirmation(call.action, answer.payload).message
    except ProtocolViolation:  # a charger's, to a call of ours: nobody could read it, so it changed nothing
        return ()
    derive = central.replay if sent_by == "charge_point" else central.learn
    return derive(exchange.charger, request, confirmation, exchange.received)
