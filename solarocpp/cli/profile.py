"""`solarocpp profile`: charging profiles, kept under a name and set on connectors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from solarocpp.cli.client import reach_api
from solarocpp.cli.confirm import confirm_removal
from solarocpp.cli.options import HERE, Format, Where, Yes
from solarocpp.cli.output import print_objects, print_rows, remark
from solarocpp.errors import RequestRefused, WrongUsage

app = App("profile", help_format="plaintext", help_epilogue="Example: solarocpp profile list")

Name = Annotated[str, Parameter(name="NAME", help="Name of the profile.")]
Charger = Annotated[str, Parameter(name="CHARGER", help="Identifier of the charger.")]
Wait = Annotated[float, Parameter(help="Seconds the charger may take; 0: do not wait.")]


@app.command(name="list", help_epilogue="Example: solarocpp profile list")
async def list_profiles(*, format: Format = "table", where: Where = HERE) -> None:  # noqa: A002 the option is called so
    """Lists the profiles that are kept under a name."""
    async with reach_api(where) as api:
        profiles = await api.get("charging-profiles")
    if format != "table":
        print_objects(profiles, format)
        return
    rows = [
        [
            row["name"],
            row["profile"]["chargingProfilePurpose"],
            row["profile"]["stackLevel"],
            row["profile"]["chargingProfileKind"],
            _limits(row["profile"]),
            row["profileId"],
        ]
        for row in profiles
    ]
    print_rows(["name", "purpose", "level", "kind", "limits", "profileId"], rows, format)
    if not rows:
        remark("No profile is kept. Add one with: solarocpp profile add NAME FILE")


@app.command(help_epilogue="Example: solarocpp profile add night night.json")
async def add(
    name: Name,
    file: Annotated[Path, Parameter(name="FILE", help="A ChargingProfile of OCPP 1.6 as JSON; - reads it from stdin.")],
    /,
    *,
    where: Where = HERE,
) -> None:
    """Keeps a profile under a name; it gets its chargingProfileId here."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
        profile = msgspec.json.decode(text, type=dict[str, Any])
    except (OSError, UnicodeDecodeError) as exc:
        raise WrongUsage(f"{file} cannot be read: {exc}") from exc
    except msgspec.DecodeError as exc:
        raise WrongUsage(f"{file} is no JSON object: {exc}") from exc
    async with reach_api(where) as api:
        made = await api.post("charging-profiles", body={"name": name, "profile": profile})
    print(f"Profile {made['name']} is kept, with chargingProfileId {made['profileId']}.")


@app.command(help_epilogue="Example: solarocpp profile show night")
async def show(name: Name, /, *, where: Where = HERE) -> None:
    """Prints a profile as JSON, as `add` takes it."""
    async with reach_api(where) as api:
        found = await api.get("charging-profiles", name)
    print(msgspec.json.format(msgspec.json.encode(found["profile"])).decode())


@app.command(help_epilogue="Example: solarocpp profile remove night")
async def remove(name: Name, /, *, yes: Yes = False, where: Where = HERE) -> None:
    """Forgets a profile; chargers that have it keep it."""
    async with reach_api(where) as api:
        if confirm_removal(f"profile {name}", "Chargers that have it keep it.", yes=yes):
            await api.delete("charging-profiles", name)
            print(f"Profile {name} is removed.")


@app.command(help_epilogue="Example: solarocpp profile apply night CP001 --connector 1")
async def apply(
    name: Name,
    charger: Charger,
    /,
    *,
    connector: Annotated[int, Parameter(help="Connector; 0 is the charger as a whole.")] = 0,
    wait: Wait = 30.0,
    where: Where = HERE,
) -> None:
    """Sets a profile on a connector; a TxProfile goes to the transaction that runs there."""
    order = {"name": name, "charger": charger, "connector": connector, "wait": wait}
    async with reach_api(where) as api:
        _tell(await api.post("installed-profiles", body=order, timeout_s=wait), f"has {name}")


@app.command(help_epilogue="Example: solarocpp profile clear CP001 --name night")
async def clear(
    charger: Charger,
    /,
    *,
    connector: Annotated[int | None, Parameter(help="Only of this connector.")] = None,
    name: Annotated[str | None, Parameter(help="Only this profile.")] = None,
    wait: Wait = 30.0,
    where: Where = HERE,
) -> None:
    """Takes profiles away from a charger: all, or those of a connector or a name."""
    order = {"charger": charger, "connector": connector, "name": name, "wait": wait}
    async with reach_api(where) as api:
        _tell(await api.post("installed-profiles", "clear", body=order, timeout_s=wait), "has them no more")


@app.command(help_epilogue="Example: solarocpp profile installed CP001")
async def installed(
    charger: Annotated[str | None, Parameter(name="CHARGER", help="Only this charger.")] = None,
    /,
    *,
    format: Format = "table",  # noqa: A002 the option is called so
    where: Where = HERE,
) -> None:
    """Lists the profiles that chargers have accepted, limits included."""
    async with reach_api(where) as api:
        rows = await api.get("installed-profiles", charger=charger)
    shown = rows if format != "table" else [{**row, "limits": _limits(row["profile"])} for row in rows]
    columns = ("charger", "connector", "purpose", "stackLevel", "limits", "name", "chargingProfileId", "transactionId")
    print_objects(shown, format, columns=columns)
    if format == "table" and not rows:
        remark("No charger has a profile, as far as we were told.")


@app.command(help_epilogue="Example: solarocpp profile schedule CP001 --connector 1 --ask")
async def schedule(  # noqa: PLR0913 one argument an option
    charger: Charger,
    /,
    *,
    connector: Annotated[int, Parameter(help="Connector; 0 is the charger as a whole.")] = 1,
    hours: Annotated[float, Parameter(help="How far to look.")] = 24.0,
    unit: Annotated[str, Parameter(help="A (for each phase) or W.")] = "A",
    ask: Annotated[bool, Parameter(negative="", help="Ask the charger for its own, and compare.")] = False,
    phases: Annotated[int | None, Parameter(help="Phases connected, between A and W. Default: the charger's.")] = None,
    voltage: Annotated[float | None, Parameter(help="Of a phase against neutral, for the same.")] = None,
    wait: Wait = 30.0,
    format: Format = "table",  # noqa: A002 the option is called so
    where: Where = HERE,
) -> None:
    """Tells what a connector may take by all its profiles, and where the charger keeps to something else."""
    question = {
        "charger": charger,
        "connector": connector,
        "seconds": max(1, round(hours * 3600)),
        "unit": unit,
        "phases": phases,
        "voltage": voltage,
        "wait": wait if ask else 0,
    }
    async with reach_api(where) as api:
        found = await api.post("composite-schedules", body=question, timeout_s=wait)
    print_objects(found["steps"], format)
    if not ask or format != "table":
        return
    if found["differences"] is None:
        remark(f"The charger does not tell its own: {found['asked']}.")
    elif found["differences"]:
        remark("The charger keeps to something else (theirs):")
        print_objects(found["differences"], format)
    else:
        remark("The charger says the same.")


def _tell(said: dict[str, Any], done: str) -> None:
    if said["accepted"] is None:
        print(f"Not answered yet; see: solarocpp instructions show {said['instructionId']}")
    elif said["accepted"]:
        print(f"{said['charger']} {done} ({said['said']}).")
    else:
        raise RequestRefused(f"{said['charger']} does not: {said['said']}.", "profile_refused", 409)


def _limits(profile: dict[str, Any]) -> str:
    schedule = profile["chargingSchedule"]
    unit = schedule["chargingRateUnit"]
    limits = [f"{period['limit']:g} {unit}" for period in schedule["chargingSchedulePeriod"]]
    return ", ".join(limits[:4]) + (f" and {len(limits) - 4} more" if len(limits) > 4 else "")
