"""The domain: a typed request in, a typed confirmation out, and what that changes as effects.

It knows no sockets, no JSON and no disk: nothing here waits. A message goes through two pure steps of
its handler (see `context`):

    request -> decide  -> confirmation            live only; may ask the registry
            -> observe -> effects                 live, and again in a replay of the ledger

Effects that change which sessions are open are applied to memory before `answer` returns, since the
next message may need them; `undo` takes them back when their commit fails. Everything else they say
is the store's to write down. So the tables are a pure function of the ledger.

    HANDLERS            a row for each message of a charger
    registration        BootNotification, Heartbeat       authorization   Authorize
    session_start       StartTransaction                  session_stop    StopTransaction
    meter_values        MeterValues                       status          StatusNotification
    maintenance         status of firmware, logs, ...     data_transfer   DataTransfer, by vendors/
    security            security events, certificates     confirmations   answers to calls of ours
    acceptances         what chargers accept of those     charging/       limits over time
    transactions        the memory of sessions            context         what handlers may look at
    configuration       keys, told and asked for
    replay              a ledger row, through the handlers again
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from solarocpp.central_system.acceptances import ACCEPTANCES
from solarocpp.central_system.authorization import AUTHORIZE
from solarocpp.central_system.confirmations import OBSERVERS
from solarocpp.central_system.context import Context, Handler, MaySign, Scene, nobody_signs
from solarocpp.central_system.data_transfer import DATA_TRANSFER
from solarocpp.central_system.maintenance import (
    DIAGNOSTICS_STATUS_NOTIFICATION,
    FIRMWARE_STATUS_NOTIFICATION,
    LOG_STATUS_NOTIFICATION,
    SIGNED_FIRMWARE_STATUS_NOTIFICATION,
)
from solarocpp.central_system.meter_values import METER_VALUES
from solarocpp.central_system.registration import (
    BOOT_NOTIFICATION,
    CONNECTOR_COUNT_KEY,
    HEARTBEAT,
    description_of,
)
from solarocpp.central_system.security import SECURITY_EVENT_NOTIFICATION, SIGN_CERTIFICATE
from solarocpp.central_system.session_start import START_TRANSACTION
from solarocpp.central_system.session_stop import STOP_TRANSACTION
from solarocpp.central_system.status import STATUS_NOTIFICATION
from solarocpp.central_system.transactions import Transactions
from solarocpp.errors import ProtocolViolation
from solarocpp.ocpp.messages import (
    AuthorizeRequest,
    BootNotificationRequest,
    DataTransferRequest,
    DiagnosticsStatusNotificationRequest,
    FirmwareStatusNotificationRequest,
    HeartbeatRequest,
    LogStatusNotificationRequest,
    MeterValuesRequest,
    OcppMessage,
    SecurityEventNotificationRequest,
    SignCertificateRequest,
    SignedFirmwareStatusNotificationRequest,
    StartTransactionRequest,
    StatusNotificationRequest,
    StopTransactionRequest,
)
from solarocpp.registry.memory import RegistryMemory
from solarocpp.store.effects import ChargerDescribed, ConnectorsCounted, DatumObserved, Effect, SessionEnded
from solarocpp.store.ledger import ChargerFacts

__all__ = ["CONNECTOR_COUNT_KEY", "HANDLERS", "Answer", "CentralSystem", "Context", "Handler", "Scene", "Transactions"]

HANDLERS: Mapping[type[OcppMessage], Handler[Any, Any]] = {
    AuthorizeRequest: AUTHORIZE,
    BootNotificationRequest: BOOT_NOTIFICATION,
    DataTransferRequest: DATA_TRANSFER,
    DiagnosticsStatusNotificationRequest: DIAGNOSTICS_STATUS_NOTIFICATION,
    FirmwareStatusNotificationRequest: FIRMWARE_STATUS_NOTIFICATION,
    HeartbeatRequest: HEARTBEAT,
    LogStatusNotificationRequest: LOG_STATUS_NOTIFICATION,
    MeterValuesRequest: METER_VALUES,
    SecurityEventNotificationRequest: SECURITY_EVENT_NOTIFICATION,
    SignCertificateRequest: SIGN_CERTIFICATE,
    SignedFirmwareStatusNotificationRequest: SIGNED_FIRMWARE_STATUS_NOTIFICATION,
    StartTransactionRequest: START_TRANSACTION,
    StatusNotificationRequest: STATUS_NOTIFICATION,
    StopTransactionRequest: STOP_TRANSACTION,
}
"""What a charger may send, and how it is answered."""


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What to send back, what to record, and whether to send it before it is recorded."""

    confirmation: OcppMessage
    effects: tuple[Effect, ...]
    from_memory: bool


class CentralSystem:
    """Answers chargers. Everything here takes microseconds and none of it waits."""

    def __init__(
        self,
        registry: RegistryMemory,
        transactions: Transactions,
        *,
        boot_interval_s: int = 300,
        may_sign: MaySign = nobody_signs,
    ) -> None:
        self._registry = registry
        self._may_sign = may_sign
        self._transactions = transactions
        self._boot_interval_s = boot_interval_s
        self._described_before: dict[int, ChargerDescribed] = {}

    def answer(self, charger: ChargerFacts, request: OcppMessage, received: datetime) -> Answer:
        """Answers one message of a charger; what it changes is in memory when this returns.

        Raises:
            ProtocolViolation: SecurityError for a charger that is Rejected or gone (architecture section
                8, Q18), NotSupported for a message without handler.
        """
        handler = HANDLERS.get(type(request))
        if handler is None:
            action = type(request).__name__.removesuffix("Request")
            raise ProtocolViolation("NotSupported", f"{action} is not supported here.")
        self._check_registration(charger, request)
        context = Context(charger, received, self._transactions, self._registry, self._boot_interval_s, self._may_sign)
        confirmation = handler.decide(request, context)
        effects = self._apply(handler.observe(request, confirmation, context))
        return Answer(confirmation, effects, handler.from_memory)

    def replay(
        self, charger: ChargerFacts, request: OcppMessage, confirmation: OcppMessage, received: datetime
    ) -> tuple[Effect, ...]:
        """Derives again what a message of a charger changed; nothing is decided, the recorded answer stands."""
        handler = HANDLERS.get(type(request))
        if handler is None:
            return ()
        return self._apply(handler.observe(request, confirmation, Scene(charger, received, self._transactions)))

    def learn(
        self, charger: ChargerFacts, request: OcppMessage, confirmation: OcppMessage, received: datetime
    ) -> tuple[Effect, ...]:
        """Tells what a charger's answer to a call of ours changes: live, and again in a replay.

        DataTransfer goes both ways, so the type of a request does not say who sent it.
        """
        scene = Scene(charger, received, self._transactions)
        observers = [table[type(request)] for table in (ACCEPTANCES, OBSERVERS) if type(request) in table]
        return self._apply([effect for observe in observers for effect in observe(request, confirmation, scene)])

    def end_session(self, end: SessionEnded) -> bool:
        """Ends a session for an operator, whose charger will not; False if it is not open (spec 2.5)."""
        if all(session.session_id != end.session_id for session in self._transactions.all_open()):
            return False
        self._transactions.apply(end)
        return True

    def undo(self, effects: Sequence[Effect]) -> None:
        """Takes back what one exchange changed in memory, because it could not be recorded."""
        for effect in reversed(effects):
            if isinstance(effect, ChargerDescribed):
                before = self._described_before.get(effect.charger_id)
                if before is not None:
                    self._registry.describe(before)
            else:
                self._transactions.undo(effect)

    def _check_registration(self, charger: ChargerFacts, request: OcppMessage) -> None:
        try:
            status = self._registry.charger(charger.charger_id).registration_status
        except KeyError:
            raise ProtocolViolation("SecurityError", f"{charger.identifier} is not registered here.") from None
        if status == "Rejected" and type(request) is not BootNotificationRequest:
            raise ProtocolViolation("SecurityError", f"{charger.identifier} is registered as Rejected.")

    def _apply(self, effects: Sequence[Effect]) -> tuple[Effect, ...]:
        """Takes effects over into memory, and drops descriptions that say nothing new."""
        return tuple(effect for effect in effects if type(effect) is DatumObserved or self._takes_over(effect))

    def _takes_over(self, effect: Effect) -> bool:
        if isinstance(effect, ChargerDescribed):
            return self._describe(effect)
        if isinstance(effect, ConnectorsCounted):
            self._registry.count_connectors(effect)
        else:
            self._transactions.apply(effect)
        return True

    def _describe(self, effect: ChargerDescribed) -> bool:
        """Tells whether a boot says something new about an enabled charger (spec 6.3)."""
        try:
            charger = self._registry.charger(effect.charger_id)
        except KeyError:  # removed since; only a replay gets here
            return False
        before = description_of(charger)
        if not charger.enabled or before == effect:
            return False
        self._described_before[effect.charger_id] = before
        self._registry.describe(effect)
        return True
