"""`solarocpp configuration`: what chargers are set to, what that was, and what it is to be."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from solarocpp.cli.client import reach_api
from solarocpp.cli.options import HERE, Format, Where
from solarocpp.cli.output import print_objects, remark
from solarocpp.cli.secret_input import read_secret
from solarocpp.errors import WrongUsage

app = App("configuration", help_format="plaintext", help_epilogue="Example: solarocpp configuration list CP001")

_COLUMNS = ("key", "value", "desired", "differs", "readonly", "rebootRequired", "since")

Identifier = Annotated[str, Parameter(name="IDENT", help="Charge point identity.")]
Key = Annotated[str, Parameter(name="KEY", help="Configuration key, in any case.")]


@app.command(name="list", help_epilogue="Example: solarocpp configuration list CP001")
async def list_configuration(
    identifier: Identifier,
    /,
    *,
    format: Format = "table",  # noqa: A002 the option is called so
    where: Where = HERE,
) -> None:
    """Lists the keys of a charger as it last told them, and what they are to be."""
    async with reach_api(where) as api:
        found = await api.get("configuration", identifier)
    shown = [{**row, "since": _minute(row["since"])} for row in found] if format == "table" else found
    print_objects(shown, format, columns=_COLUMNS)
    if format == "table" and not found:
        remark(f"{identifier} has told none yet. Ask it with: solarocpp send {identifier} GetConfiguration")


@app.command(help_epilogue="Example: solarocpp configuration history CP001 MeterValueSampleInterval")
async def history(
    identifier: Identifier,
    key: Key,
    /,
    *,
    format: Format = "table",  # noqa: A002 the option is called so
    where: Where = HERE,
) -> None:
    """Lists the values a key had, the newest last."""
    async with reach_api(where) as api:
        found = await api.get("configuration-history", identifier, key=key)
    print_objects(found, format, columns=("key", "value", "since", "seen", "until"))
    if format == "table" and not found:
        remark(f"{identifier} has never told {key}. See: solarocpp configuration list {identifier}")


@app.command(name="set", help_epilogue="Example: solarocpp configuration set CP001 MeterValueSampleInterval 60")
async def set_key(
    identifier: Identifier,
    key: Key,
    value: Annotated[
        str | None, Parameter(name="VALUE", help="What it is to be; not a secret.", allow_leading_hyphen=True)
    ] = None,
    /,
    *,
    value_stdin: Annotated[
        bool, Parameter(negative="", help="Read the value from standard input; secrets are taken only so.")
    ] = False,
    where: Where = HERE,
) -> None:
    """Says what a key is to be: the charger is told, and again after each boot where it is not."""
    value = _read_value(key, value, from_stdin=value_stdin)
    async with reach_api(where) as api:
        await api.patch("configuration", identifier, body={"desired": {key: value}})
    print(f"{key} of {identifier} is to be as given.")
    remark(f"Whether it is: solarocpp configuration list {identifier}")


@app.command(help_epilogue="Example: solarocpp configuration unset CP001 MeterValueSampleInterval")
async def unset(identifier: Identifier, key: Key, /, *, where: Where = HERE) -> None:
    """Says that a key may be anything; the charger keeps what it has."""
    async with reach_api(where) as api:
        await api.patch("configuration", identifier, body={"desired": {key: None}})
    print(f"{key} of {identifier} may be anything.")


def _read_value(key: str, value: str | None, *, from_stdin: bool) -> str:
    """Takes the value from where it is given.

    Raises:
        WrongUsage: it is given twice, or nowhere, or a secret where everybody on the machine sees it.
    """
    from solarocpp.central_system.configuration import is_secret_key, same_key  # no --help should wait for it

    if from_stdin:
        if value is not None:
            raise WrongUsage("Give VALUE or --value-stdin, not both.")
        return read_secret(f"{key}: ")
    if value is None:
        raise WrongUsage("What is it to be? Give VALUE, or --value-stdin.")
    # That one is refused with what to do instead, however it is given.
    if is_secret_key(key) and same_key(key) != "authorizationkey":
        raise WrongUsage(
            f"{key} is a secret: everybody on this machine sees arguments, and the shell keeps them. "
            f"Give it on standard input: solarocpp configuration set IDENT {key} --value-stdin"
        )
    return value


def _minute(time: str | None) -> str | None:
    return None if time is None else f"{time[:16]}Z"
