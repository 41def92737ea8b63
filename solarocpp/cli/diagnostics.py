"""`solarocpp diagnostics`: has a charger send its diagnostics or a log, and brings the file here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from cyclopts import Parameter

from solarocpp.cli.client import Api, reach_api
from solarocpp.cli.options import HERE, Where
from solarocpp.cli.output import remark
from solarocpp.cli.progress import Show, progress_bar
from solarocpp.cli.times import moment
from solarocpp.cli.transfer import new_file
from solarocpp.errors import WrongUsage

# One question may take a minute (the API's own limit); shorter ones let Ctrl-C and a lost server be noticed.
_ONE_WAIT_S: Final = 20.0

Row = Mapping[str, Any]


async def diagnostics(  # noqa: PLR0913 one argument an option
    identifier: Annotated[str, Parameter(name="IDENT", help="Charge point identity.")],
    file: Annotated[Path | None, Parameter(name="FILE", help="Where to; without, under its own name.")] = None,
    /,
    *,
    log: Annotated[
        Literal["diagnostics", "security"] | None,
        Parameter(help="A log, by GetLog of the security whitepaper, instead of GetDiagnostics."),
    ] = None,
    since: Annotated[str | None, Parameter(help="From when on.")] = None,
    until: Annotated[str | None, Parameter(help="Until when.")] = None,
    wait: Annotated[bool, Parameter(negative="--no-wait", name="--wait", help="Wait for the file.")] = True,
    timeout: Annotated[float, Parameter(help="How many seconds to wait for it.")] = 600.0,  # noqa: ASYNC109 the option is called so
    where: Where = HERE,
) -> int:
    """Has a charger send its diagnostics, shows bytes while they arrive, and writes the file here."""
    if file is not None and file.exists():
        raise WrongUsage(f"{file} exists. Name another file.")
    order: dict[str, object] = {"charger": identifier, "since": moment(since), "until": moment(until)}
    if log is not None:
        order["type"] = "SecurityLog" if log == "security" else "DiagnosticsLog"
    async with reach_api(where) as api:
        told = await api.post("diagnostics" if log is None else "logs", body=order)
        number, instruction = told["transfer"]["transferId"], told["instruction"]["instructionId"]
        if not wait:
            remark(f"File transfer {number} is waited for. See: solarocpp transfer list")
            return 0
        with progress_bar() as show:
            row = await _arrived(api, number, instruction, timeout, show)
        if isinstance(row, str):
            remark(f"solarocpp: {row}")
            return 1
        place = file or Path(str(row["file"]).rsplit("/", 1)[-1])
        with new_file(place, number) as into:
            count = await api.download("transfer-files", str(number), into=into)
    print(f"{place}: {count} bytes")
    return 0


async def _arrived(api: Api, number: int, instruction: int, timeout_s: float, show: Show) -> Row | str:
    """Waits for a file, a while at a time; a text says why there will be none."""
    left_s = timeout_s
    while left_s > 0:
        said: Row = await api.get("instructions", str(instruction))
        trouble = _why_none(said)
        if trouble:
            await api.delete("transfers", str(number))
            return trouble
        wait_s = min(left_s, _ONE_WAIT_S if said["state"] == "completed" else 1.0)
        row: Row = await api.get("transfers", str(number), wait=wait_s)
        if row["state"] == "done":
            return row
        if row["state"] == "failed" and said["state"] == "completed":  # before, the answer may say more
            return f"{said['charger']} gave up: {row['remark']}. It may try again: solarocpp transfer list"
        show("bytes" if row["bytes"] else f"waiting for {said['charger']}", row["bytes"], row["size"] or row["bytes"])
        left_s -= wait_s
    return f"The file has not come within {timeout_s:g} s. It may still: solarocpp transfer list"


def _why_none(said: Row) -> str:
    if said["state"] in {"declined", "expired"}:
        return f"{said['charger']} was not told: {said['error']}"
    answer = said["result"]
    if answer is None:
        return ""
    if answer.get("status") == "Rejected":
        return f"{said['charger']} refuses."
    if said["action"] == "GetDiagnostics" and not answer.get("fileName"):
        return f"{said['charger']} has nothing to send."
    return ""
