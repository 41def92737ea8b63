"""Routes of the keys that chargers log in with: another one, so that the charger is never locked out.

A key is in no answer, no event and no log line: the charger is to know it, and nobody else has to.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Protocol

import msgspec
from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import FromPath, JSONBody, QueryParameter

from solarocpp.central_system.instructions import Instruction
from solarocpp.registry import Charger, ChargerKey, Registry
from solarocpp.web.access import LOOKS, Caller
from solarocpp.web.answers import Answer
from solarocpp.web.desk import Patience
from solarocpp.web.instructions import Queue, Wait


class KeyState(Protocol):
    """How far the key of a charger is."""

    @property
    def own(self) -> ChargerKey | None:
        """The one it has come with."""

    @property
    def coming(self) -> ChargerKey | None:
        """The one on its way."""

    @property
    def telling(self) -> Instruction | None:
        """What tells, or told, the coming one."""

    @property
    def effect(self) -> str | None:
        """Says that nothing came of a key that was accepted; None: something may come yet."""


class Keys(Protocol):
    """Whoever makes, follows and gives up the keys of single chargers."""

    async def begin(
        self, charger: Charger, *, key: str | None = None, requested_by: str, expires: datetime | None = None
    ) -> Instruction:
        """Has a charger told a new key; from now on the old one and the new one are right."""

    async def give_up(self, charger: Charger, state: Literal["coming", "own"], *, requested_by: str) -> None:
        """Drops a key."""

    async def state(self, charger: Charger) -> KeyState:
        """Tells how far the key of a charger is."""

    async def wait_adopted(self, charger_id: int, seconds: float) -> None:
        """Waits until no key is coming to a charger, or for some seconds."""


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """Gives a charger another key to log in with."""

    charger: str
    """Its identifier."""
    key: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    """32 to 40 hex digits; null: one is made, and shown to nobody but the charger."""
    wait: Wait = 0
    """How many seconds the charger may take to answer, and to come with the key."""

    def __repr__(self) -> str:
        """Shows everything but the key."""
        return f"NewKey(charger={self.charger!r})"


class ChargerKeyView(Answer, frozen=True, kw_only=True):
    """How far the key of a charger is."""

    charger: str
    state: Literal["none", "waiting", "executing", "accepted", "rebootRequired", "unknown", "refused", "own"]
    """`own`: it has come with a key of its own, and nothing else opens. From `waiting` to `unknown` a new key is on its
    way, and is right beside what was right before. `refused`, to an order: it does not take one. `none`: the password
    of its user name opens."""
    since: datetime | None
    own_since: datetime | None
    """When it first came with the key of its own that is right now; null: it has none."""
    effect: str | None
    """Says that it accepted a key and has not come with it."""
    said: str | None
    """What it answered, or why it did not."""
    requested_by: str | None
    instruction_id: int | None
    """What tells, or told, the key."""

    def about(self) -> str:
        """Names the charger."""
        return self.charger


@get("/charger-keys/{identifier:path}", opt=LOOKS, summary="Shows how far the key of a charger is")
async def show_key(
    identifier: FromPath[str],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    instructions: NamedDependency[Queue],
) -> ChargerKeyView:
    """Shows whether a charger has a key of its own, and whether another is on its way."""
    charger = registry.require_charger(caller.managed, identifier[1:])
    return _view(charger, await instructions.keys.state(charger))


@post("/charger-keys", summary="Gives a charger another key to log in with", status_code=200)
async def rotate_key(
    data: JSONBody[NewKey],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    instructions: NamedDependency[Queue],
    delivered: NamedDependency[bool],
) -> ChargerKeyView:
    """Tells a charger a new AuthorizationKey; it and what was right before open until the charger comes with it."""
    charger = registry.require_charger(caller.managed, data.charger)
    if data.wait and not delivered:
        text = "No server runs, so nothing reaches a charger now. Start one (solarocpp serve), or queue it: wait=0"
        raise HTTPException(text, status_code=503)
    patience = Patience(data.wait)
    telling = await instructions.keys.begin(charger, key=data.key, requested_by=caller.who)
    if data.wait:
        await instructions.wait_ended(telling.instruction_id, patience.left_s)
        if (await instructions.keys.state(charger)).coming is not None:
            await instructions.keys.wait_adopted(charger.charger_id, patience.left_s)
    return _view(charger, await instructions.keys.state(charger), ordered=telling.instruction_id)


@delete("/charger-keys/{identifier:path}", summary="Gives up a key of a charger", status_code=200)
async def give_up_key(
    identifier: FromPath[str],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    instructions: NamedDependency[Queue],
    own: Annotated[bool, QueryParameter()] = False,  # noqa: FBT002 a query parameter
) -> ChargerKeyView:
    """Gives up the key that is on its way; with `own` the one it has, so that its user name's password opens again."""
    charger = registry.require_charger(caller.managed, identifier[1:])
    await instructions.keys.give_up(charger, "own" if own else "coming", requested_by=caller.who)
    return _view(charger, await instructions.keys.state(charger))


router = Router("/api", route_handlers=[show_key, rotate_key, give_up_key], tags=["keys of chargers"])


def _view(charger: Charger, found: KeyState, *, ordered: int | None = None) -> ChargerKeyView:
    coming, own, telling = found.coming, found.own, found.telling
    key = coming or own
    state: str = "none" if own is None else "own"
    if coming is not None:
        state = coming.status or ("executing" if telling and telling.state == "executing" else "waiting")
    elif ordered is not None and (own is None or own.instruction_id != ordered):
        state = "refused"
    said = None if telling is None else telling.error
    if telling is not None and telling.result is not None:
        said = msgspec.json.decode(telling.result).get("status")
    return msgspec.convert(
        {
            "charger": charger.identifier,
            "state": state,
            "since": None if key is None else key.status_date or key.created,
            "ownSince": None if own is None else own.status_date,
            "effect": found.effect,
            "said": said,
            "requestedBy": None if key is None else key.requested_by,
            "instructionId": ordered if key is None else key.instruction_id,
        },
        ChargerKeyView,
    )
