"""`solarocpp credential`: the user names chargers connect with.

A password is never an argument: arguments are seen by everybody on the machine and kept by the shell.
"""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from solarocpp.cli.client import reach_api
from solarocpp.cli.confirm import confirm_removal
from solarocpp.cli.options import HERE, Format, Where, Yes
from solarocpp.cli.output import print_objects, print_warnings, remark
from solarocpp.cli.secret_input import read_secret

app = App("credential", help_format="plaintext", help_epilogue="Example: solarocpp credential list")

Username = Annotated[str, Parameter(name="USERNAME", help="User name; the same for all chargers of a site is usual.")]
Allow = Annotated[
    list[str] | None,
    Parameter(name="--allow", negative="", help="A charger that may use it (repeatable); without: every charger."),
]
PasswordStdin = Annotated[
    bool, Parameter(negative="", help="Read the password from standard input instead of generating one.")
]


@app.command(help_epilogue="Example: solarocpp credential add depot --allow CP001 --allow CP002")
async def add(
    username: Username,
    /,
    *,
    allow: Allow = None,
    password_stdin: PasswordStdin = False,
    where: Where = HERE,
) -> None:
    """Makes a user name, and prints a generated password once."""
    order = {"username": username, "allowed": allow or [], "password": _read_password(from_stdin=password_stdin)}
    async with reach_api(where, create=True) as api:
        receipt = await api.post("credentials", body=order)
    allowed = receipt["credential"]["allowed"]
    remark(f"Credential {receipt['credential']['username']} is for {', '.join(allowed) or 'every charger'}.")
    _print_password(receipt)


@app.command(name="list", help_epilogue="Example: solarocpp credential list --format json")
async def list_credentials(*, format: Format = "table", where: Where = HERE) -> None:  # noqa: A002 the option is called so
    """Lists the user names; passwords cannot be shown."""
    async with reach_api(where) as api:
        credentials = await api.get("credentials")
    if format == "table":
        credentials = [{**row, "allowed": row["allowed"] or "every charger"} for row in credentials]
    print_objects(credentials, format, columns=("username", "kind", "allowed"))
    if not credentials and format == "table":
        remark("No credential yet. Make one with: solarocpp credential add depot")


@app.command(help_epilogue="Example: solarocpp credential rotate depot")
async def rotate(username: Username, /, *, password_stdin: PasswordStdin = False, where: Where = HERE) -> None:
    """Replaces a password; the old one is refused from now on."""
    change = {"password": _read_password(from_stdin=password_stdin)}
    async with reach_api(where) as api:
        receipt = await api.patch("credentials", username, body=change)
    remark(f"Credential {receipt['credential']['username']} has a new password; the old one is refused from now on.")
    _print_password(receipt)


@app.command(help_epilogue="Example: solarocpp credential remove depot")
async def remove(username: Username, /, *, yes: Yes = False, where: Where = HERE) -> None:
    """Removes a user name; chargers that use it cannot connect any more."""
    async with reach_api(where) as api:
        if confirm_removal(f"credential {username}", "Chargers that use it cannot connect any more.", yes=yes):
            receipt = await api.delete("credentials", username)
            print(f"Credential {receipt['credential']['username']} is removed.")


def _read_password(*, from_stdin: bool) -> str | None:
    return read_secret("Password: ") if from_stdin else None


def _print_password(receipt: dict[str, Any]) -> None:
    """Prints a generated password alone on stdout, so that a script can take it."""
    if receipt["password"] is not None:
        remark("Its password, shown only now:")
        print(receipt["password"])
    print_warnings(receipt["warnings"])
