"""`solarocpp account`: several owners on one box. Who has but one never needs it."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from solarocpp.cli.client import reach_api
from solarocpp.cli.options import HERE, Format, Where
from solarocpp.cli.output import print_objects, remark

app = App("account", help_format="plaintext", help_epilogue="Example: solarocpp account list")

_COLUMNS = ("accountId", "name", "hid", "nodes", "chargers")


@app.command(help_epilogue="Example: solarocpp account add harbour")
async def add(name: Annotated[str, Parameter(name="NAME", help="What to call it.")], /, *, where: Where = HERE) -> None:
    """Makes an account, with a node of its own."""
    async with reach_api(where, create=True) as api:
        account = (await api.post("accounts", body={"name": name}))["account"]
    print_objects([account], "table", columns=_COLUMNS)
    number = account["accountId"]
    remark(f"Work for it with --account {number}: solarocpp charger add CP001 --account {number}")
    remark(f"Let others work for it with a token: solarocpp token add NAME --account {number}")


@app.command(name="list", help_epilogue="Example: solarocpp account list")
async def list_accounts(*, format: Format = "table", where: Where = HERE) -> None:  # noqa: A002 the option is called so
    """Lists the accounts; `hid` stands for one in the URLs of its chargers."""
    async with reach_api(where) as api:
        print_objects(await api.get("accounts"), format, columns=_COLUMNS)
