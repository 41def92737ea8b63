"""`solarocpp authorization`: which id tags may charge."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from solarocpp.cli.client import reach_api
from solarocpp.cli.confirm import confirm_removal
from solarocpp.cli.options import HERE, Format, Where, Yes
from solarocpp.cli.output import print_objects, print_warnings, remark
from solarocpp.errors import ConfigError

app = App("authorization", help_format="plaintext", help_epilogue="Example: solarocpp authorization list")

Token = Annotated[str, Parameter(name="TOKEN", help="Id tag as the reader gives it; `vid:*` for every vid:...")]
Expires = Annotated[str | None, Parameter(help="When it expires, ISO 8601, UTC without a zone; `never`.")]
Parent = Annotated[str | None, Parameter(help="parentIdTag; an empty text removes it.")]
MaxActive = Annotated[
    int | Literal["any"] | None, Parameter(help="Most sessions at once; more are answered ConcurrentTx.")
]
Enabled = Annotated[bool | None, Parameter(negative="--disabled", help="Whether it may charge.")]

Charger = Annotated[
    list[str] | None,
    Parameter(name="--charger", negative="", help="A charger where it may charge (repeatable); without: at every one."),
]

_COLUMNS = ("token", "enabled", "expires", "expired", "parent", "maxActive", "chargers")


@app.command(help_epilogue="Example: solarocpp authorization add 04E91C5A --expires 2030-01-01")
async def add(  # noqa: PLR0913 one argument an option
    token: Token,
    /,
    *,
    expires: Expires = None,
    enabled: Enabled = True,
    parent: Parent = None,
    max_active: MaxActive = None,
    charger: Charger = None,
    where: Where = HERE,
) -> None:
    """Lets an id tag charge."""
    order = {"token": token, "chargers": charger or [], **_fields(expires, parent, max_active, enabled=enabled)}
    async with reach_api(where, create=True) as api:
        receipt = await api.post("authorizations", body=order)
    print_objects([receipt["authorization"]], "table", columns=_COLUMNS)
    print_warnings(receipt["warnings"])


@app.command(name="list", help_epilogue="Example: solarocpp authorization list --format csv")
async def list_authorizations(*, format: Format = "table", where: Where = HERE) -> None:  # noqa: A002 the option is called so
    """Lists the id tags."""
    async with reach_api(where) as api:
        authorizations = await api.get("authorizations")
    print_objects(authorizations, format, columns=_COLUMNS)
    if not authorizations and format == "table":
        remark("No id tag yet: every one is answered Invalid. Add one with: solarocpp authorization add TOKEN")


@app.command(name="set", help_epilogue="Example: solarocpp authorization set 04E91C5A --disabled")
async def set_authorization(  # noqa: PLR0913 one argument an option
    token: Token,
    /,
    *,
    expires: Expires = None,
    enabled: Enabled = None,
    parent: Parent = None,
    max_active: MaxActive = None,
    charger: Charger = None,
    any_charger: Annotated[bool, Parameter(negative="", help="Let it charge at every charger again.")] = False,
    where: Where = HERE,
) -> None:
    """Changes what an id tag may do; running sessions go on."""
    change = _fields(expires, parent, max_active, enabled=enabled)
    if charger or any_charger:
        change["chargers"] = charger or []
    async with reach_api(where) as api:
        receipt = await api.patch("authorizations", token, body=change)
    print_objects([receipt["authorization"]], "table", columns=_COLUMNS)
    print_warnings(receipt["warnings"])


@app.command(help_epilogue="Example: solarocpp authorization remove 04E91C5A")
async def remove(token: Token, /, *, yes: Yes = False, where: Where = HERE) -> None:
    """Removes an id tag: it is answered Invalid from now on; its sessions stay."""
    async with reach_api(where) as api:
        if confirm_removal(f"authorization {token}", "Its sessions stay.", yes=yes):
            receipt = await api.delete("authorizations", token)
            print(f"Authorization {receipt['authorization']['token']} is removed. Its sessions stay.")


def _fields(
    expires: str | None, parent: str | None, max_active: int | Literal["any"] | None, *, enabled: bool | None
) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if enabled is not None:
        fields["enabled"] = enabled
    if expires is not None:
        fields["expires"] = None if expires == "never" else read_expiry(expires)
    if parent is not None:
        fields["parent"] = parent or None
    if max_active is not None:
        fields["maxActive"] = None if max_active == "any" else max_active
    return fields


def read_expiry(text: str) -> datetime:
    """Reads when something expires; UTC without a zone.

    Raises:
        ConfigError: it is no time.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError("--expires", text, "a time like 2030-01-31 or 2030-01-31T18:00:00Z, or never") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
