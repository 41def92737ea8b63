"""`solarocpp send`: tells a charger something, and prints what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from cyclopts import Parameter

from solarocpp.cli.client import Api, reach_api
from solarocpp.cli.options import HERE, Format, Where
from solarocpp.cli.output import print_objects, remark
from solarocpp.config import parse_duration
from solarocpp.errors import WrongUsage

# One question may take a minute (the API's own limit); shorter ones let Ctrl-C and a lost server be noticed.
_ONE_WAIT_S: Final = 30.0

Row = Mapping[str, Any]


async def send(  # noqa: PLR0913 one argument an option
    identifier: Annotated[str, Parameter(name="IDENT", help="Charge point identity.")],
    action: Annotated[str, Parameter(name="ACTION", help="OCPP action, like Reset.")],
    payload: Annotated[str, Parameter(name="JSON", help="The request, as OCPP 1.6 writes it.")] = "{}",
    /,
    *,
    wait: Annotated[bool, Parameter(negative="--no-wait", name="--wait", help="Wait for the answer.")] = True,
    timeout: Annotated[float, Parameter(help="How many seconds to wait for it.")] = 60.0,  # noqa: ASYNC109 the option is called so
    expires: Annotated[
        str | None, Parameter(help="How long it may be sent, like 10 minutes, 2h, 7d. Default: a day.")
    ] = None,
    format: Format = "table",  # noqa: A002 the option is called so
    where: Where = HERE,
) -> int:
    """Tells a charger something and prints its answer; exit code 1 if it has given none."""
    order = {
        "charger": identifier,
        "action": action,
        "payload": _object(payload),
        "expires": None if expires is None else _moment(expires),
    }
    async with reach_api(where) as api:
        said = await _sent(api, order, timeout if wait else 0)
    if format != "table":
        print_objects([said], format)
    elif said["result"] is not None:
        _print_answer(said["result"])
    if wait:
        return _explain(said, timeout)
    remark(f"Instruction {said['instructionId']} is queued. See: solarocpp instructions show {said['instructionId']}")
    return 0


async def _sent(api: Api, order: Mapping[str, object], timeout_s: float) -> Row:
    """Orders it and waits, a while at a time."""
    wait_s = min(timeout_s, _ONE_WAIT_S)
    said: Row = await api.post("instructions", body={**order, "wait": wait_s})
    left_s = timeout_s - wait_s
    while said["state"] in {"accepted", "waiting", "executing"} and left_s > 0:
        wait_s = min(left_s, _ONE_WAIT_S)
        said = await api.get("instructions", str(said["instructionId"]), wait=wait_s)
        left_s -= wait_s
    return said


def _print_answer(answer: Row) -> None:
    """Prints a plain answer as a row, a configuration as a row a key, and what is more involved as JSON."""
    keys = answer.get("configurationKey")
    if keys is not None or "unknownKey" in answer:
        print_objects([{"value": None, **row} for row in keys or []], "table", columns=("key", "value", "readonly"))
        if answer.get("unknownKey"):
            remark(f"It does not know: {', '.join(answer['unknownKey'])}")
    elif answer and not any(isinstance(value, list | dict) for value in answer.values()):
        print_objects([answer], "table")
    else:
        print(msgspec.json.format(msgspec.json.encode(answer)).decode())


def _explain(said: Row, timeout_s: float) -> int:
    """Says what the answer does not say; gives the exit code."""
    number, state = said["instructionId"], said["state"]
    if state == "completed":
        return 0
    if said["error"] is not None:
        remark(f"solarocpp: Instruction {number} is {state}: {said['error']}")
    elif state == "executing":
        remark(f"solarocpp: {said['charger']} has not answered within {timeout_s:g} s; {_later(number)}")
    else:
        remark(
            f"solarocpp: {said['charger']} was not there within {timeout_s:g} s; it is told when it comes, "
            f"until {said['expires'][:16]}Z. {_later(number)}; take it back: solarocpp instructions cancel {number}"
        )
    return 1


def _later(number: int) -> str:
    return f"see: solarocpp instructions show {number}"


def _object(text: str) -> Row:
    try:
        content = msgspec.json.decode(text)
    except msgspec.DecodeError as exc:
        raise WrongUsage(f'{text!r} is no JSON ({exc}). Like this: \'{{"type": "Soft"}}\'') from exc
    if not isinstance(content, dict):
        raise WrongUsage(f'{text!r} is no JSON object. Like this: \'{{"type": "Soft"}}\'')
    return content


def _moment(text: str) -> str:
    length = parse_duration(text, "--expires", "", least=timedelta(minutes=1))
    assert length is not None  # noqa: S101 there is no word for none
    return (datetime.now(UTC) + length).isoformat()
