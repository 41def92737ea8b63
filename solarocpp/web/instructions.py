"""Routes of instructions: what chargers are told to do, and what came of it (spec 7).

An order is checked before it is taken in: the action, and each field of its payload. From then on it ends by itself,
whatever happens; `wait` holds the answer back until then, for a while. Where nothing listens for chargers it is only
queued, for the server that comes next.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol, runtime_checkable

import msgspec
from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import FromPath, JSONBody, QueryParameter

from solarocpp.central_system.charger_keys import refuse_own_key
from solarocpp.central_system.instructions import Instruction, Order, State, read_order
from solarocpp.errors import RegistryError
from solarocpp.query.filters import read_time_range
from solarocpp.registry import Charger, Registry
from solarocpp.store import Store
from solarocpp.store.instructions import select_instructions
from solarocpp.web.access import LOOKS, Caller
from solarocpp.web.answers import Answer

if TYPE_CHECKING:  # its routes use this module
    from solarocpp.web.charger_keys import Keys

# As SolarNetwork's resultMaxWait (spec 7.1): proxies in between give up on what is silent for longer.
MOST_WAIT_S: Final = 60.0
# As SolarNetwork's listing (spec 7.1).
MAX_LIMIT: Final = 2000
DEFAULT_LIMIT: Final = 100

Wait = Annotated[float, msgspec.Meta(ge=0, le=MOST_WAIT_S)]


@runtime_checkable  # litestar asks of each dependency whether it is what it says
class Queue(Protocol):
    """What takes orders in, and delivers them where something listens for chargers."""

    @property
    def keys(self) -> Keys:
        """Follows those that tell chargers their keys."""

    @property
    def unfinished(self) -> int:
        """How many have not ended."""

    async def submit(
        self, order: Order, *, action: str, charger: Charger, requested_by: str, expires: datetime | None = None
    ) -> Instruction:
        """Takes an order in; durable when it returns."""

    async def refuse(self, instruction: Instruction) -> Instruction:
        """Writes down what was ordered and cannot be told to anybody."""

    async def cancel(self, number: int, *, requested_by: str) -> Instruction:
        """Takes back what was not sent yet."""

    async def wait_ended(self, number: int, seconds: float) -> None:
        """Waits until an instruction has ended, or for some seconds."""


class NewInstruction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """Tells a charger something."""

    charger: str
    """Its identifier."""
    action: str
    payload: dict[str, Any] = {}
    """The request, in the words of OCPP 1.6."""
    wait: Wait = 0
    """How many seconds the answer may wait for the charger's."""
    expires: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    """Until when it may be sent; None: for a day."""


class InstructionView(Answer, frozen=True, kw_only=True):
    """An instruction."""

    instruction_id: int
    account_id: int
    node_id: int
    charger: str
    action: str
    payload: dict[str, Any]
    """Secrets in it are blanked."""
    state: State
    created: datetime
    expires: datetime
    status_date: datetime
    result: dict[str, Any] | None
    """What the charger answered; `Rejected` is an answer, too."""
    error: str | None
    requested_by: str
    effect: str | None


Numbered = FromPath[int]


@post("/instructions", summary="Tells a charger something")
async def send_instruction(  # noqa: PLR0913, PLR0917 one argument a thing it is handed
    data: JSONBody[NewInstruction],
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    instructions: NamedDependency[Queue],
    delivered: NamedDependency[bool],
) -> InstructionView:
    """Queues one OCPP message for a charger; it is sent when the charger is there, in order, and once."""
    charger = registry.require_charger(caller.managed, data.charger)
    order = read_order(data.action, msgspec.json.encode(data.payload))
    refuse_own_key(order, charger.identifier)
    if data.wait and not delivered:
        text = (
            "No server runs, so nothing reaches a charger now. Start one (solarocpp serve), "
            "or queue it for then: wait=0, solarocpp send --no-wait."
        )
        raise HTTPException(text, status_code=503)
    made = await instructions.submit(
        order,
        action=data.action,
        charger=charger,
        requested_by=caller.who,
        expires=None if data.expires is None else data.expires.astimezone(UTC),
    )
    if data.wait:
        await instructions.wait_ended(made.instruction_id, data.wait)
    return await _shown(store, caller, made.instruction_id)


@get("/instructions", opt=LOOKS, summary="Lists instructions")
async def list_instructions(  # noqa: PLR0913, PLR0917 one argument a parameter
    store: NamedDependency[Store],
    caller: NamedDependency[Caller],
    charger: Annotated[str | None, QueryParameter()] = None,
    in_state: Annotated[State | None, QueryParameter(name="state")] = None,
    since: Annotated[str | None, QueryParameter()] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> list[InstructionView]:
    """Lists instructions by number; of more than `limit` the newest."""
    start, _ = read_time_range(since, None).at("UTC")
    ask = partial(
        select_instructions,
        kind=Instruction,
        states=() if in_state is None else (in_state,),
        account_id=caller.account_id,
        charger=charger,
        since=start,
        limit=limit,
    )
    return [instruction_view(instruction) for instruction in await store.read(ask)]


@get("/instructions/{number:int}", opt=LOOKS, summary="Shows an instruction")
async def show_instruction(
    number: Numbered,
    store: NamedDependency[Store],
    caller: NamedDependency[Caller],
    instructions: NamedDependency[Queue],
    wait: Annotated[float, QueryParameter(ge=0, le=MOST_WAIT_S)] = 0,
) -> InstructionView:
    """Shows an instruction; `wait` is how many seconds it may take to end first."""
    shown = await _shown(store, caller, number)
    if not wait:
        return shown
    await instructions.wait_ended(number, wait)
    return await _shown(store, caller, number)


@delete("/instructions/{number:int}", summary="Takes an instruction back", status_code=200)
async def cancel_instruction(
    number: Numbered,
    store: NamedDependency[Store],
    caller: NamedDependency[Caller],
    instructions: NamedDependency[Queue],
) -> InstructionView:
    """Takes back an instruction that was not sent yet: it is declined."""
    await _shown(store, caller, number)
    return instruction_view(await instructions.cancel(number, requested_by=caller.who))


router = Router(
    "/api",
    route_handlers=[send_instruction, list_instructions, show_instruction, cancel_instruction],
    tags=["instructions"],
)


async def _shown(store: Store, caller: Caller, number: int) -> InstructionView:
    ask = partial(select_instructions, kind=Instruction, number=number, account_id=caller.account_id)
    found = await store.read(ask)
    if not found:
        text = f"There is no instruction {number}. See: solarocpp instructions list"
        raise RegistryError("instruction", number, text, status=404)
    return instruction_view(found[0])


def instruction_view(instruction: Instruction) -> InstructionView:
    """Shows an instruction."""
    fields = {
        name: getattr(instruction, name)
        for name in InstructionView.__struct_fields__
        if name not in {"charger", "payload", "result"}
    }
    return InstructionView(
        charger=instruction.identifier,
        payload=msgspec.json.decode(instruction.payload),
        result=None if instruction.result is None else msgspec.json.decode(instruction.result),
        **fields,
    )
