"""`solarocpp token`: what programs show to use the API. The local command line has admin.token and needs none."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from solarocpp.cli.authorization import read_expiry
from solarocpp.cli.client import reach_api
from solarocpp.cli.confirm import confirm_removal
from solarocpp.cli.options import HERE, TOKEN_VARIABLE, Format, Where, Yes
from solarocpp.cli.output import print_objects, remark

app = App("token", help_format="plaintext", help_epilogue="Example: solarocpp token list")

Name = Annotated[str, Parameter(name="NAME", help="What uses it.")]
ReadOnly = Annotated[bool, Parameter(negative="", help="It may only look.")]
Nodes = Annotated[tuple[int, ...], Parameter(name="--node", negative="", help="Only this node's datums; repeatable.")]
Sources = Annotated[
    tuple[str, ...], Parameter(name="--source", negative="", help="Only sources of this pattern; repeatable.")
]
Expires = Annotated[str | None, Parameter(help="Refused from then on, like 2027-01-31T00:00:00Z.")]
Snws2 = Annotated[
    bool, Parameter(negative="", help="Requests may be signed with it (SNWS2); its secret is kept in secrets.duckdb.")
]
WholeBox = Annotated[bool, Parameter(negative="", help="For every account, and SQL; otherwise for one account.")]


@app.command(help_epilogue="Example: solarocpp token add dashboard --read-only --node 1 --source '/ocpp/cp/CP001/**'")
async def add(  # noqa: PLR0913 one argument an option
    name: Name,
    /,
    *,
    whole_box: WholeBox = False,
    read_only: ReadOnly = False,
    node: Nodes = (),
    source: Sources = (),
    expires: Expires = None,
    snws2: Snws2 = False,
    where: Where = HERE,
) -> None:
    """Makes a token, and prints it once."""
    order = {
        "name": name,
        "wholeBox": whole_box,
        "readOnly": read_only,
        "nodes": node,
        "sources": source,
        "expires": None if expires is None else read_expiry(expires),
        "snws2": snws2,
    }
    async with reach_api(where, create=True) as api:
        receipt = await api.post("tokens", body=order)
    token = receipt["token"]
    remark(f"Token {token['name']} is for {_scope(token)}.")
    remark(f"Programs send it as `Authorization: Bearer TOKEN`, this command line takes it from {TOKEN_VARIABLE}.")
    if snws2:
        remark(
            "To sign requests, SolarNetwork's way: the token ID is the number before the dot, the secret what follows."
        )
    remark("The token, shown only now:")
    print(receipt["secret"])


@app.command(name="list", help_epilogue="Example: solarocpp token list")
async def list_tokens(*, format: Format = "table", where: Where = HERE) -> None:  # noqa: A002 the option is called so
    """Lists the tokens; what programs show cannot be shown again."""
    async with reach_api(where) as api:
        tokens = await api.get("tokens")
    if format == "table":
        tokens = [{**token, "for": _scope(token)} for token in tokens]
    print_objects(tokens, format, columns=("tokenId", "name", "for", "created"))
    if not tokens and format == "table":
        remark(
            "No token yet: this command line uses admin.token. Make one for a program with: solarocpp token add NAME"
        )


@app.command(help_epilogue="Example: solarocpp token remove dashboard")
async def remove(name: Name, /, *, yes: Yes = False, where: Where = HERE) -> None:
    """Removes a token, by name or number: who shows it is refused from now on."""
    async with reach_api(where) as api:
        if confirm_removal(f"token {name}", "Programs that use it are refused.", yes=yes):
            token = (await api.delete("tokens", name))["token"]
            print(f"Token {token['name']} for {_scope(token)} is removed.")


def _scope(token: dict[str, Any]) -> str:
    whose = "the whole box" if token["accountId"] is None else f"account {token['accountId']}"
    limits = [
        "read-only" if token["readOnly"] else "",
        f"node {', '.join(map(str, token['nodes']))}" if token["nodes"] else "",
        ", ".join(token["sources"]),
        f"until {token['expires']}" if token["expires"] else "",
    ]
    return "; ".join([whose, *filter(None, limits)])
