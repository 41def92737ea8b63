"""`solarocpp tls`: certificates for a lab or a site, and what a charger meets at a server."""

from __future__ import annotations

import socket
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import App, Parameter, validators

from solarocpp.cli.client import reach_api
from solarocpp.cli.options import HERE, Where
from solarocpp.cli.output import remark
from solarocpp.config import TLS_FOLDER, parse_address
from solarocpp.errors import Unreachable

if TYPE_CHECKING:
    from solarocpp.certificates.folder import TlsFolder
    from solarocpp.certificates.inspection import Sight
    from solarocpp.certificates.reading import Certificate

app = App("tls", help_format="plaintext", help_epilogue="Example: solarocpp tls init --charger CP001")

AT_LEAST_ONE = validators.Number(gte=1)
DAYS: Final = 825
"""The longest that strict clients accept of a server; a charger's has nobody who limits it."""


@app.command(help_epilogue="Example: solarocpp tls init --name ocpp.example.org --charger CP001")
async def init(
    *,
    name: Annotated[
        tuple[str, ...],
        Parameter(
            negative="",
            show_default=False,
            help="A host name or address in the chargers' URL; repeatable. Default: those of this machine.",
        ),
    ] = (),
    charger: Annotated[
        tuple[str, ...],
        Parameter(negative="", show_default=False, help="A charger that gets a certificate of its own; repeatable."),
    ] = (),
    days: Annotated[int, Parameter(validator=AT_LEAST_ONE, help="How long certificates are good for.")] = DAYS,
    renew: Annotated[
        bool, Parameter(negative="", help="Make the server's certificate anew, and those of the named chargers.")
    ] = False,
    where: Where = HERE,
) -> None:
    """Makes a private authority, a certificate for the server and some for chargers.

    The files are in the folder tls of the data directory. What is there is kept: an authority always, certificates
    unless --renew is given. A running server takes a new certificate within ten seconds, without dropping anybody.
    With --account, those of chargers are good for chargers of that account only; without, for the first so called.
    """
    from solarocpp.certificates.folder import TlsFolder

    hid = "" if where.account is None else await _hid_of(where)
    folder = TlsFolder(where.data / TLS_FOLDER)
    made = folder.init(
        names=name,
        fallback_names=_own_names(),
        chargers=charger,
        now=datetime.now(UTC),
        days=days,
        renew=renew,
        hid=hid,
    )
    for path in made.written:
        print(f"Made {path}")
    left_out = [host for host in name if not made.server.is_for(host)]
    if left_out:
        remark(f"Warning: {folder.server} is kept, and not for {', '.join(left_out)}; --renew makes it anew.")
    print(f"The server is {', '.join(made.server.hosts)}, until {made.server.not_after:%Y-%m-%d}.")
    print("\n".join(_next_steps(folder, made.server, where.data, {one: folder.charger(one, hid) for one in charger})))


async def _hid_of(where: Where) -> str:
    """Asks for what stands for an account in certificates, as in URLs."""
    async with reach_api(where) as api:
        return str((await api.get("settings"))["hid"])


def _next_steps(
    folder: TlsFolder, server: Certificate, data: Path, chargers: dict[str, tuple[Path, Path]]
) -> list[str]:
    host = server.hosts[0]
    client_ca = f" --client-ca {folder.authority}" if folder.chargers.exists() else ""
    steps = [
        "",
        f"Serve:     solarocpp serve --data {data} --tls-cert {folder.server} --tls-key {folder.server_key}{client_ca}",
        f"Chargers:  connect to wss://{host}:9000/ocpp/j/v16/, and trust {folder.authority}: upload it where the",
        "           charger asks for a CA or root certificate of the central system.",
    ]
    for identifier, (certificate, key) in chargers.items():
        steps.append(f"           {identifier} also gets {certificate} and {key}.")
    steps += [
        f"Check:     solarocpp tls check {host}:9000 --ca {folder.authority}",
        f"Keep safe: {folder.authority_key}; whoever has it is believed by every charger that trusts this authority.",
    ]
    return steps


def _own_names() -> tuple[str, ...]:
    """Names this machine as chargers may dial it: by name, and by its address in the local network."""
    names = [socket.gethostname(), "localhost", "127.0.0.1"]
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: only asks which address a packet would leave from
            names.append(probe.getsockname()[0])
        except OSError:
            pass  # no network: then nobody dials by address
    return tuple(dict.fromkeys(names))


@app.command(help_epilogue="Example: solarocpp tls check ocpp.example.org:9000")
def check(
    address: Annotated[str, Parameter(name="ADDRESS", help="The server, as chargers dial it: HOST:PORT.")],
    /,
    *,
    ca: Annotated[
        Path | None, Parameter(help="PEM file of the authority to trust. Default: those of this machine.")
    ] = None,
    pem: Annotated[
        bool, Parameter(negative="", help="Print only the certificate that a charger must trust, to put into it.")
    ] = False,
) -> int:
    """Shows what a charger meets at a server: certificates, names, dates, protocol, and what it must trust.

    Exit code 1 where something keeps chargers out.
    """
    from solarocpp.certificates.inspection import findings_of, look_at

    host, port = parse_address(address.removeprefix("wss://").rstrip("/"), "ADDRESS")
    sight = look_at(host, port, ca=ca)
    if pem:
        _print_pem(sight, address)
        return 0
    now = datetime.now(UTC)
    print(f"wss://{host}:{port}  {sight.protocol}, {sight.cipher}{' (TLS 1.2 too)' if sight.speaks_tls_1_2 else ''}")
    for number, found in enumerate(sight.chain, 1):
        print("\n".join(_described(number, found, now)))
    findings = findings_of(sight, now=now)
    for finding in findings:
        print(f"{finding.verdict.upper():5}{finding.text}")
    print(_what_to_trust(sight, address))
    return int(any(finding.verdict == "bad" for finding in findings))


def _described(number: int, found: Certificate, now: datetime) -> list[str]:
    days = (found.not_after - now).days
    when = f"in {days} days" if days >= 0 else f"{-days} days ago"
    lines = [
        f"  {number}. {found.subject}  ({found.key}, {found.digest})",
        f"     issued by   {'itself' if found.is_root else found.issuer}",
        f"     valid       {found.not_before:%Y-%m-%d} to {found.not_after:%Y-%m-%d}, {when}",
        f"     SHA-256     {found.fingerprint}",
    ]
    if found.hosts:
        lines.insert(1, f"     names       {', '.join(found.hosts)}")
    return lines


def _what_to_trust(sight: Sight, address: str) -> str:
    if sight.to_trust is None:
        issuer = sight.chain[-1].issuer if sight.chain else "its authority"
        return f"A charger must trust {issuer}; the server does not send it, so get it from whoever issued this one."
    found = sight.to_trust
    save = f"solarocpp tls check {address} --pem > ca.pem"
    return f"A charger must trust {found.subject}, until {found.not_after:%Y-%m-%d}. To get it for the charger: {save}"


def _print_pem(sight: Sight, address: str) -> None:
    if sight.to_trust is None:
        raise Unreachable(_what_to_trust(sight, address))
    print(sight.to_trust.pem, end="")
