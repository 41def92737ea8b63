"""`solarocpp links`: who is connected, since when, from where, and how well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from solarocpp.cli.client import reach_api
from solarocpp.cli.options import HERE, Format, Where
from solarocpp.cli.output import print_objects, remark


async def links(*, format: Format = "table", where: Where = HERE) -> None:  # noqa: A002 the option is called so
    """Shows who is connected; a table for people leaves out what is 0 for everybody."""
    async with reach_api(where) as api:
        connected = await api.get("links")
    several = len({link["accountId"] for link in connected or ()}) > 1
    print_objects([_line(link, several) for link in connected or ()] if format == "table" else connected or [], format)
    if format != "table":
        return
    if connected is None:
        remark(f"No server runs on {str(where.data)!r}, so nobody is connected. Start it with: solarocpp serve")
    elif not connected:
        remark("Nobody is connected. Who was refused, and why: solarocpp events --tags forbidden")


def _line(link: Mapping[str, Any], several_accounts: bool) -> dict[str, Any]:  # noqa: FBT001 of this file only
    """Picks what a person looks for first."""
    ping = link["roundTripMs"]
    return {
        "charger": link["identifier"],
        "account": link["accountId"] if several_accounts else None,
        "since": f"{link['since'][:19]}Z",
        "from": link["peer"],
        "via": link["via"],
        "tls": link["tls"] or "no",
        "proof": _proof(link),
        "messages": link["messages"],
        "ping": None if ping is None else f"{ping:.0f} ms",
        "waiting": link["unanswered"] or None,
        "refused": link["refused"] or None,
        "repairs": ", ".join(f"{name} {count}" for name, count in link["repairs"].items()),
    }


def _proof(link: Mapping[str, Any]) -> str:
    """Says what showed that it is this charger."""
    shown = [
        f"certificate {link['certificate']}" if link["certificate"] else "",
        f"user {link['username']}" if link["username"] else "",
    ]
    return " and ".join(filter(None, shown)) or "none"
