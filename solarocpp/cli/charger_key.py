"""`solarocpp charger rotate-key`: another key to log in with, and no moment at which nothing opens.

A key is never an argument: arguments are seen by everybody on the machine and kept by the shell.
"""

from __future__ import annotations

import shlex
from typing import Annotated, Any

from cyclopts import Parameter

from solarocpp.cli.client import reach_api
from solarocpp.cli.options import HERE, Where
from solarocpp.cli.output import remark
from solarocpp.cli.secret_input import read_secret
from solarocpp.errors import RequestRefused, WrongUsage

_STATES = {
    "none": "{charger} has no key of its own; the password of its user name opens.",
    "waiting": "{charger} is told a new key when it is connected; it and what it has now are right.",
    "executing": "{charger} is being told a new key; it and what it has now are right.",
    "accepted": "{charger} accepted its new key and has not come with it yet; it and the one before are right.",
    "rebootRequired": "{charger} takes its new key up when it is reset; it and the one before are right.",
    "unknown": "Nobody knows whether {charger} has its new key ({said}); it and the one before are right.",
    "refused": "{charger} does not take a new key; what it has now stays right.",
    "own": "{charger} has come with a key of its own, since {ownSince}; nothing else opens for it.",
}


async def rotate_key(  # noqa: PLR0913 one argument an option
    identifier: Annotated[str, Parameter(name="IDENT", help="Charge point identity.")],
    /,
    *,
    key_stdin: Annotated[
        bool, Parameter(negative="", help="Read the key, 32 to 40 hex digits, from standard input; else one is made.")
    ] = False,
    show: Annotated[bool, Parameter(negative="", help="Only show how far it is.")] = False,
    cancel: Annotated[bool, Parameter(negative="", help="Give up the key that is on its way.")] = False,
    forget: Annotated[
        bool, Parameter(negative="", help="Give up the key it has: the password of its user name opens again.")
    ] = False,
    wait: Annotated[float, Parameter(help="Seconds it may take to answer and to come again; 0: do not wait.")] = 60.0,
    where: Where = HERE,
) -> None:
    """Gives a charger a new AuthorizationKey; the old one is right until it has come with the new one."""
    if sum((key_stdin, show, cancel, forget)) > 1:
        raise WrongUsage("Only one of --key-stdin, --show, --cancel and --forget at a time.")
    async with reach_api(where) as api:
        if show:
            found = await api.get("charger-keys", identifier)
        elif cancel or forget:
            found = await api.delete("charger-keys", identifier, own=forget)
            remark(f"If {identifier} has the key that was given up, it cannot connect any more.")
        else:
            body = {"charger": identifier, "key": read_secret("Key: ") if key_stdin else None, "wait": wait}
            found = await api.post("charger-keys", body=body, timeout_s=wait)
    if found["state"] == "refused":
        raise RequestRefused(_STATES["refused"].format(**found), "key_refused", 409)
    print(_STATES[found["state"]].format(**found))
    _advise(found)


def _advise(found: dict[str, Any]) -> None:
    """Says what can be done about a key that is not used yet."""
    name = shlex.quote(found["charger"])
    if found["effect"]:
        remark(f"{found['effect']}.")
    if found["state"] == "rebootRequired" or found["effect"]:
        remark(f'Reset it: solarocpp send {name} Reset \'{{"type": "Soft"}}\'')
    if found["state"] in {"waiting", "accepted", "rebootRequired", "unknown"}:
        remark(f"How far it is: solarocpp charger rotate-key {name} --show; give it up: --cancel")
