"""What chargers are told: `/instr`, SolarNetwork's instructions, on our queue (spec 7).

An instruction is for a charger here and for nobody else, so its topic is OCPP_v16, and its node is the charger's.
What cannot be told to a charger is an instruction, too: Declined, with the reason in its result, and kept as long as
any other. How a program writes one is in `wanted`, how it is taken in in `orders`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec
import trio
from litestar import Request, Router, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath
from msgspec import UNSET

from solarocpp.central_system.instructions import (
    CANCELLED,
    SOLARNETWORK_STATES,
    Instruction,
    State,
)
from solarocpp.web.access import ACTS_ON_NODES, LOOKS_AT_NODES
from solarocpp.web.instructions import MOST_WAIT_S
from solarocpp.web.solaruser.criteria import DATES, Criteria, either, filtered_by
from solarocpp.web.solaruser.entities import Answered, Done, Entity
from solarocpp.web.solaruser.faults import illegal, not_found, read_number
from solarocpp.web.solaruser.orders import REFUSED, Orders, provide_orders
from solarocpp.web.solaruser.views import written
from solarocpp.web.solaruser.wanted import BODY, TOPIC, Wanted, read_fields, read_wanted

TIMED_OUT: Final = {"message": "Timeout waiting for instruction result."}
EXPIRED: Final = {"message": "Expired"}

# Those that SolarNetwork has besides are of instructions for its nodes: nothing here is in them.
_STATES: Final = ("Unknown", "Queuing", "Queued", "Received", "Executing", "Declined", "Completed")
_PENDING: Final = ("Queued", "Received", "Executing")
_UNSENT: Final[Sequence[State]] = ("accepted", "waiting")
_PARAMETERS: Final = ("parameters[0].name", "parameters[0].value", "expirationDate")
_ADDED: Final = (*either("nodeId"), *_PARAMETERS)
_FILTERS: Final = (*either("id", "nodeId"), "states", *DATES)


class InstructionParameter(msgspec.Struct, frozen=True):
    """A part of what a charger is told."""

    name: str
    value: str


class InstructionEntity(Entity, frozen=True, kw_only=True):
    """An instruction."""

    id: int
    created: str
    node_id: int
    topic: str
    instruction_date: str
    state: str
    status_date: str
    expiration_date: str
    """Until when it may be sent; a day, if nobody said otherwise."""
    parameters: list[InstructionParameter]
    """`action`, `chargePointId`, `chargerIdentifier` and `msg`, however it was written; secrets are blanked."""
    result_parameters: dict[str, Any] | None = None
    """What the charger answered; of what is Declined why."""

    def about(self) -> str:
        """Names it."""
        return f"instruction {self.id}"


# -- telling ---------------------------------------------------------------------------------------------

Told = Answered[InstructionEntity | list[InstructionEntity]]


@post(
    ["/add", "/add/{topic:str}"],
    opt=ACTS_ON_NODES,
    summary="Tells a charger something",
    status_code=200,
    operation_class=filtered_by(*_ADDED, body=BODY),
)
async def add_instruction(
    request: Request[Any, Any, Any], orders: NamedDependency[Orders], topic: FromPath[str | None] = None
) -> Told:
    """Queues an instruction for the charger that its parameters name; with `nodeIds` one for each node, as a list.

    It comes as JSON, as a form, or in the query; `topic` is OCPP_v16. What is wrong with its parameters makes it
    Declined at once, and its result says why. Unlike SolarNetwork: a charger that is not of the node is told
    nothing; `msg` need not be a text, and parameters one by one reach the charger in the types of OCPP; it expires
    after a day, if no `expirationDate` says otherwise (30 days at most); every instruction ends, also if the charger
    goes away while it is executed; `executionDate` is refused, since nothing is deferred.
    """
    wanted = await read_wanted(request, topic)
    return _told(wanted, await orders.tell(wanted))


@post(
    ["/exec", "/exec/{topic:str}"],
    opt=ACTS_ON_NODES,
    summary="Tells a charger something, and waits for its answer",
    status_code=200,
    operation_class=filtered_by(*_ADDED, "resultMaxWait", body=BODY),
)
async def execute_instruction(
    request: Request[Any, Any, Any], orders: NamedDependency[Orders], topic: FromPath[str | None] = None
) -> Told:
    """Does as `add`, and answers when the instruction has ended, or after `resultMaxWait` milliseconds.

    That is a minute at most, and if it is left out. What has not ended by then is told as it stands, with a
    `message` about it as its result; it goes on. It is told at once when it ends, not by the half second.
    """
    wait = (await read_fields(request)).get("resultMaxWait")
    longest = MOST_WAIT_S if not wait else min(max(read_number(wait, "resultMaxWait"), 0) / 1000, MOST_WAIT_S)
    wanted = await read_wanted(request, topic)
    numbers = [instruction.instruction_id for instruction in await orders.tell(wanted)]
    with trio.move_on_after(longest):
        for number in numbers:
            await orders.queue.wait_ended(number, longest)
    return _told(wanted, await orders.find(numbers=numbers), waited=True)


# -- looking ---------------------------------------------------------------------------------------------


@get(
    "/view",
    opt=LOOKS_AT_NODES,
    summary="Shows instructions",
    operation_class=filtered_by(*either("id")),
)
async def view_instructions(request: Request[Any, Any, Any], orders: NamedDependency[Orders]) -> Told:
    """Shows the instruction of an `id`, or those of `ids`, as a list and without what there is not."""
    asked = Criteria(request)
    several, numbers = "ids" in request.query_params, asked.numbers("id")
    if numbers is None:
        raise illegal("The id parameter is required.")
    found = [instruction_entity(row) for row in await orders.find(numbers=numbers)]
    if several:
        return Answered(data=found)
    if not found:
        raise not_found()
    return Answered(data=found[0])


@get(
    ["/viewActive", "/viewPending"],
    opt=LOOKS_AT_NODES,
    summary="Lists instructions that have not ended",
    operation_class=filtered_by(*either("nodeId")),
)
async def view_pending_instructions(
    request: Request[Any, Any, Any], orders: NamedDependency[Orders]
) -> Answered[list[InstructionEntity]]:
    """Lists instructions of nodes: `viewPending` those that are Queued, Received or Executing, `viewActive` the Queued.

    Of these there are none, since what is for a charger is Received from the start.
    """
    nodes = Criteria(request).numbers("nodeId")
    if nodes is None:
        raise illegal("The nodeId parameter is required.")
    orders.check_nodes(nodes)
    words = ("Queued",) if request.url.path.endswith("/viewActive") else _PENDING
    return Answered(data=[instruction_entity(row) for row in await orders.find(nodes=nodes, states=_our_states(words))])


@get(
    "/",
    opt=LOOKS_AT_NODES,
    summary="Lists instructions",
    operation_class=filtered_by(*_FILTERS, "instructionIds", "state"),
)
async def list_instructions(
    request: Request[Any, Any, Any], orders: NamedDependency[Orders]
) -> Answered[list[InstructionEntity]]:
    """Lists instructions by number, of more than 2,000 the newest; no `data` where there is none.

    Dates are about when they were made. Answers are JSON only.
    """
    asked = Criteria(request)
    states = asked.texts("state")
    named = {} if states is None else {"states": _our_states(states)}
    rows = await orders.find(**_filters(asked, orders), **named)
    return Answered(data=[instruction_entity(row) for row in rows] or UNSET)


# -- taking back -----------------------------------------------------------------------------------------


@post(
    "/updateState",
    opt=ACTS_ON_NODES,
    summary="Takes instructions back",
    status_code=200,
    operation_class=filtered_by(*_FILTERS, "instructionIds", "state", required=("state",)),
)
async def update_state(request: Request[Any, Any, Any], orders: NamedDependency[Orders]) -> Done:
    """Declines instructions that were not sent yet: those of `id` or `ids`, or of a filter by node, states or dates.

    Of those that are named each must be such a one, or Declined already; otherwise none is changed. Of those that a
    filter finds, the others stay as they are. `state` is Declined: unlike SolarNetwork, where a program may call
    anything anything, only a charger's answer makes an instruction Completed.
    """
    fields = await read_fields(request)
    asked = Criteria(request, fields)
    state = fields.get("state")
    if state not in _STATES:
        raise illegal(f"state is one of {', '.join(_STATES)}.")
    if state != "Declined":
        raise illegal(f"state: what was not sent yet can be Declined; {state} it becomes by what its charger does.")
    filters, states = _filters(asked, orders), asked.texts("states")
    if "numbers" in filters and len(filters) == 1 and states is None:
        await orders.take_back(_named(await orders.find(**filters), filters["numbers"]))
        return Done()
    if not filters and states is None:
        raise illegal("The id parameter is required, or ids, or a filter.")
    unsent = _UNSENT if states is None else [word for word in _our_states(states) if word in _UNSENT]
    await orders.take_back(await orders.find(states=unsent, **filters))
    return Done()


router = Router(
    "/instr",
    route_handlers=[
        add_instruction,
        execute_instruction,
        view_instructions,
        view_pending_instructions,
        list_instructions,
        update_state,
    ],
    dependencies={"orders": Provide(provide_orders)},
)


def instruction_entity(row: Instruction, *, waited: bool = False) -> InstructionEntity:
    """Shows an instruction; `waited`: to somebody who has waited for its end."""
    made = written(row.created)
    named = {
        "action": row.action,
        "chargePointId": str(row.charger_id or ""),
        "chargerIdentifier": row.identifier,
        "msg": "" if (row.error or "").startswith(REFUSED) else row.payload,
    }
    return InstructionEntity(
        id=row.instruction_id,
        created=made,
        node_id=row.node_id,
        topic=TOPIC,
        instruction_date=made,
        state=SOLARNETWORK_STATES[row.state],
        status_date=written(row.status_date),
        expiration_date=written(row.expires),
        parameters=[InstructionParameter(name, value) for name, value in named.items() if value],
        result_parameters=_result(row, waited=waited) or None,
    )


def _result(row: Instruction, *, waited: bool) -> dict[str, Any] | None:
    match row.state:
        case "completed":
            result: dict[str, Any] = msgspec.json.decode(row.result or "{}")
            return result
        case "expired":
            return EXPIRED
        case "declined":
            error = row.error or ""
            told = error.startswith((*REFUSED, CANCELLED))
            return {"error": error if told else f"Error handling OCPP action {row.action}: {error}"}
        case _:
            return TIMED_OUT if waited else None


def _told(wanted: Wanted, rows: Sequence[Instruction], *, waited: bool = False) -> Told:
    shown = [instruction_entity(row, waited=waited) for row in rows]
    return Answered(data=shown if wanted.several else shown[0])


def _our_states(words: Sequence[str]) -> list[State]:
    unknown = set(words) - set(_STATES)
    if unknown:
        raise illegal(f"state is one of {', '.join(_STATES)}.")
    return [state for state, word in SOLARNETWORK_STATES.items() if word in words]


def _filters(asked: Criteria, orders: Orders) -> dict[str, Any]:
    """Reads what instructions are asked for by, but their states."""
    numbers, others, nodes = asked.numbers("id"), asked.numbers("instructionId"), asked.numbers("nodeId")
    orders.check_nodes(nodes or ())
    found = {
        "numbers": None if numbers is None and others is None else [*(numbers or ()), *(others or ())],
        "nodes": nodes,
        "since": asked.date("startDate"),
        "until": asked.date("endDate"),
    }
    return {name: value for name, value in found.items() if value is not None}


def _named(rows: Sequence[Instruction], numbers: Collection[int]) -> list[Instruction]:
    """Gives those that can be taken back of instructions that were named one by one.

    Raises:
        Refused: 404 one is not there, 422 one was sent already.
    """
    if {row.instruction_id for row in rows} != set(numbers):
        raise not_found()
    for row in rows:
        if row.state not in {*_UNSENT, "declined", "expired"}:
            word = SOLARNETWORK_STATES[row.state]
            raise illegal(f"Instruction {row.instruction_id} is {word}: what was not sent yet can be Declined.")
    return [row for row in rows if row.state in _UNSENT]
