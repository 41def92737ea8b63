"""What we tell a charger to do: an order, its states, and what each outcome makes of it. Pure; nothing here waits.

    accepted    in the queue, durable
    waiting     its charger is away, has not booted, or may not be told anything now
    executing   on its way: this is on disk before the CALL leaves
    completed   the charger answered; `Rejected` is an answer, too
    declined    it never will: refused with CALLERROR, no answer in time, cancelled, or nobody can know any more
    expired     nobody could be told in time

Every instruction ends in one of the last three, whatever happens to link or process (architecture Q20). What was
executing when the link or the process ended is sent again only if its action is in SAFE_TO_REPEAT.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

import msgspec

from solarocpp.errors import CallFailed, LocalProtocolError, NotConnected, ProtocolViolation, RegistryError
from solarocpp.ocpp.decoding import decode_request, encode_as_told, encode_payload
from solarocpp.ocpp.messages import (
    ACTIONS,
    ChangeConfigurationRequest,
    OcppMessage,
)
from solarocpp.ocpp.redaction import REDACTED, is_secret_key, secret_texts, without_secrets
from solarocpp.registry import RegistrationStatus

State = Literal["accepted", "waiting", "executing", "completed", "declined", "expired"]

TRANSITIONS: Final[Mapping[State, frozenset[State]]] = MappingProxyType(
    {
        "accepted": frozenset({"waiting", "executing", "declined", "expired"}),
        "waiting": frozenset({"executing", "declined", "expired"}),
        "executing": frozenset({"completed", "declined", "waiting"}),
        "completed": frozenset(),
        "declined": frozenset(),
        "expired": frozenset(),
    }
)
"""What may follow what; from a final state nothing does."""

FINAL: Final = frozenset(state for state, following in TRANSITIONS.items() if not following)

SOLARNETWORK_STATES: Final[Mapping[State, str]] = MappingProxyType(
    {
        "accepted": "Received",  # what is for OCPP is never Queued: it is received as it is stored (spec 7.3, step 1)
        "waiting": "Received",
        "executing": "Executing",
        "completed": "Completed",
        "declined": "Declined",
        "expired": "Declined",  # with the message "Expired" (spec 7.4)
    }
)
"""The states in the words of SolarNetwork's API (spec 7.3)."""

SAFE_TO_REPEAT: Final = frozenset(
    {
        # reads
        "GetConfiguration",
        "GetLocalListVersion",
        "GetCompositeSchedule",
        "GetInstalledCertificateIds",
        # asks for a message more
        "TriggerMessage",
        "ExtendedTriggerMessage",
        # says how something is to be, and twice the same is the same
        "ChangeAvailability",
        "ChangeConfiguration",
        "ClearCache",
        "SetChargingProfile",
    }
)
"""Actions that may be sent a second time when nobody knows whether the first one arrived.

Not ClearChargingProfile, CancelReservation, DeleteCertificate: the answer to a second one would say that there is
nothing to clear, and hide that it was done. Not SendLocalList: a differential one fails on its own version.
"""

DEADLINES_S: Final[Mapping[str, float]] = MappingProxyType(
    {
        # Chargers fetch or look for something before they answer, over the same slow link.
        "GetDiagnostics": 120.0,
        "GetLog": 120.0,
        "UpdateFirmware": 120.0,
        "SignedUpdateFirmware": 120.0,
        # Long to send on 2G, or long to check and to write to flash.
        "SendLocalList": 60.0,
        "CertificateSigned": 60.0,
        "InstallCertificate": 60.0,
        "GetConfiguration": 60.0,
    }
)
"""How long a charger may take to answer, where that is more than `call_deadline_s`."""

MOST_ATTEMPTS: Final = 3
"""How often one instruction is sent: what takes a charger down each time must not be sent to it all day."""

PAYLOAD_LIMIT: Final = 64_000
"""Bytes. A full local list of 500 tags is 40 KB; more than a charger's buffer helps nobody."""

_NOT_WHILE_PENDING: Final = frozenset({"RemoteStartTransaction", "RemoteStopTransaction"})

CANCELLED: Final = "cancelled by "
"""How the error of an instruction begins that somebody took back; who follows."""

_UNKNOWN_OUTCOME: Final = "unknown whether the charger did it: {what} while it was executing"


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `instruction`; payload, result and error are without secrets."""

    instruction_id: int
    account_id: int
    node_id: int
    charger_id: int
    identifier: str
    action: str
    payload: str
    """JSON text."""
    state: State
    created: datetime
    expires: datetime
    status_date: datetime
    """When it came into its state."""
    result: str | None = None
    """What the charger answered, JSON text; None until it is completed."""
    error: str | None = None
    """Why it is declined or expired."""
    requested_by: str
    effect: str | None = None
    """Whether something came of it, where that can be seen; None: nobody looked, or not yet."""

    @property
    def final(self) -> bool:
        """Whether it has ended."""
        return self.state in FINAL


def moved(
    instruction: Instruction, state: State, now: datetime, *, result: str | None = None, error: str | None = None
) -> Instruction:
    """Gives the instruction in its next state.

    Raises:
        ValueError: that state cannot follow; a defect of ours.
    """
    if state not in TRANSITIONS[instruction.state]:
        raise ValueError(f"instruction {instruction.instruction_id} cannot go from {instruction.state} to {state}")
    return msgspec.structs.replace(instruction, state=state, status_date=now, result=result, error=error)


# -- orders ----------------------------------------------------------------------------------------------


class Order(NamedTuple):
    """A request that may be sent: as a message, as JSON, and as JSON without its secrets."""

    message: OcppMessage
    payload: bytes
    shown: str

    @property
    def secret(self) -> bool:
        """Whether the payload must not be where many can read it."""
        return self.shown.encode() != self.payload


def read_order(action: str, payload: bytes) -> Order:
    """Reads what somebody wants to have sent; numbers and flags written as text are taken, as forms send them.

    What is sent is what the message encodes to, so a charger gets the types of the specification (spec 7.2).

    Raises:
        RegistryError: it cannot be sent; says what is wrong and where.
    """
    row = ACTIONS.get(action)
    if row is None or row.sent_by == "charge_point":
        raise _refused(action, _why_not(action))
    if row.request is None:
        raise _refused(action, f"NotSupported: {action} cannot be sent by this version.")
    if len(payload) > PAYLOAD_LIMIT:
        raise _refused(action, f"{action}: the payload has {len(payload)} bytes; at most {PAYLOAD_LIMIT} are sent.")
    try:
        decoded = decode_request(action, payload, sent_by="central_system")
        for repair in decoded.repairs:
            if repair.name not in _TAKEN:
                what = _FLAWS.get(repair.name, repair.name.replace("_", " "))
                raise _refused(action, f"{action}: {what}: {repair.detail}")
        encoded = encode_payload(decoded.message)
        plain = without_secrets(decoded.message)
        shown = encoded if plain is decoded.message else encode_payload(plain)
    except ProtocolViolation as violation:
        raise _refused(action, f"{action}: {violation.description}") from violation
    except LocalProtocolError as exc:
        raise _refused(action, f"{action}: {exc}") from exc
    return Order(decoded.message, encoded, shown.decode())


OWN_KEY: Final = "AuthorizationKey"


def refuse_own_key(order: Order, identifier: str) -> None:
    """Refuses what would lock a charger out: to set the key that it logs in with, past what knows it here.

    Raises:
        RegistryError: it would; its text has no secret.
    """
    told = order.message
    if isinstance(told, ChangeConfigurationRequest) and told.key.strip().casefold() == OWN_KEY.casefold():
        text = (
            f"{OWN_KEY} is what {identifier} logs in with; it gets another, and is not locked out, with: "
            f"solarocpp charger rotate-key {identifier}"
        )
        raise RegistryError("instruction", OWN_KEY, text)


def flaw_of(refused: RegistryError, payload: bytes) -> str:
    """Says what is wrong with an order that was refused, for where many can read it.

    The reason may quote the payload, and what is no message yet has no field that is known to be a password.
    """
    text = payload.decode("utf-8", "replace")
    if is_secret_key(text) or "://" in text:
        return "what is wrong is not kept, since there may be a password in it; /api/instructions answers it"
    return str(refused)


# Repairs that are the sender's convenience; any other is a mistake that whoever orders should see.
_TAKEN: Final = frozenset(
    {"text_for_number", "number_for_text", "text_for_boolean", "json_for_text", "time_without_zone", "null_as_absent"}
)
_FLAWS: Final = {"unknown_field": "there is no such field", "text_too_long": "the text is too long"}


def sendable_actions() -> list[str]:
    """Lists the actions that can be sent to a charger."""
    return [row.name for row in ACTIONS.values() if row.sent_by != "charge_point" and row.request is not None]


def _why_not(action: str) -> str:
    if action in ACTIONS:
        return f"{action} is sent by chargers, not to them."
    known = sendable_actions()
    by_folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(action.casefold(), by_folded, n=1)
    hint = f"Did you mean {by_folded[near[0]]}?" if near else f"Known: {', '.join(sorted(known))}."
    return f"{action[:50]!r} is no action of OCPP 1.6. {hint}"


def _refused(action: str, text: str) -> RegistryError:
    return RegistryError("instruction", action, text)


# -- outcomes --------------------------------------------------------------------------------------------


def may_send(action: str, registration_status: RegistrationStatus) -> bool:
    """Tells whether a charger of this standing may be told this (OCPP 1.6 §4.2): Rejected nothing, Pending no start."""
    match registration_status:
        case "Accepted":
            return True
        case "Pending":
            return action not in _NOT_WHILE_PENDING
        case _:
            return False


class Outcome(NamedTuple):
    """What becomes of an instruction."""

    state: State
    result: str | None = None
    error: str | None = None


def outcome_of_answer(confirmation: OcppMessage) -> Outcome:
    """An answer completes it, whatever its status says."""
    return Outcome("completed", result=encode_as_told(without_secrets(confirmation)).decode())


def outcome_of_failure(failed: CallFailed, request: OcppMessage, attempts: int) -> Outcome:
    """What becomes of an instruction whose CALL has no good answer, sent for the `attempts`-th time."""
    action = type(request).__name__.removesuffix("Request")
    if isinstance(failed, NotConnected):
        if not failed.sent:
            return Outcome("waiting")
        if action not in SAFE_TO_REPEAT:
            return Outcome("declined", error=_UNKNOWN_OUTCOME.format(what="the link ended"))
        if attempts >= MOST_ATTEMPTS:
            return Outcome("declined", error=f"the link ended {attempts} times while it was executing")
        return Outcome("waiting")
    error = str(failed)
    for secret in secret_texts(request):
        error = error.replace(secret, REDACTED)
    return Outcome("declined", error=error)


def outcome_of_restart(instruction: Instruction) -> Outcome:
    """What becomes of an instruction that was executing when the server stopped."""
    if instruction.action in SAFE_TO_REPEAT:
        return Outcome("waiting")
    return Outcome("declined", error=_UNKNOWN_OUTCOME.format(what="the server stopped"))


def accepts(confirmation: OcppMessage) -> bool:
    """Tells whether a charger says that it will do it."""
    return getattr(confirmation, "status", None) == "Accepted"
