"""What is told of an instruction as an event: that it was ordered, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from solarocpp.central_system.instructions import Instruction
from solarocpp.store.effects import EventHappened


def events_of(instruction: Instruction, now: datetime, requested_by: str | None) -> Sequence[EventHappened]:
    """Tells how an instruction ended, if it has; `requested_by` is who took it back, if somebody did."""
    match instruction.state:
        case "completed":
            return [event_of("instruction_completed", instruction, now)]
        case "declined" if requested_by is not None:
            return [event_of("instruction_cancelled", instruction, now, requested_by)]
        case "declined" | "expired":
            return [event_of("instruction_declined", instruction, now)]
        case _:
            return []


def event_of(name: str, instruction: Instruction, now: datetime, requested_by: str | None = None) -> EventHappened:
    """Makes an event with the keys of spec 9.2, and who wanted it."""
    data: dict[str, str | int | float | bool | None] = {
        "cp": instruction.identifier,
        "action": instruction.action,
        "instruction": instruction.instruction_id,
        "by": requested_by or instruction.requested_by,
        "message": instruction.payload if instruction.state == "accepted" else instruction.result,
        "error": instruction.error,
    }
    for key in [key for key, value in data.items() if value is None]:
        del data[key]
    identifier, account_id = instruction.identifier or None, instruction.account_id
    return EventHappened(now, name, identifier, _said(instruction), data, account_id)


def _said(instruction: Instruction) -> str:
    """Says in a sentence what became of an instruction."""
    if instruction.error:
        return instruction.error
    if instruction.state == "accepted":
        return f"{instruction.action} was ordered by {instruction.requested_by}"
    if instruction.result is None:
        return f"{instruction.action} is {instruction.state}"
    status = msgspec.json.decode(instruction.result).get("status")
    return f"the charger answered {instruction.action}{'' if status is None else f': {status}'}"
