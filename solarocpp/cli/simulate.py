"""`solarocpp simulate`: charge points against any central system, or the past of a site as a data directory."""

from __future__ import annotations

import math
import os
import ssl
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

import trio
from cyclopts import Parameter, validators

from solarocpp.cli.output import remark as warn
from solarocpp.errors import ConfigError, DialFailed, SolarOcppError, WrongUsage

if TYPE_CHECKING:
    from solarocpp.simulator.link import Dial
    from solarocpp.simulator.site import SitePlan

AT_LEAST_ONE = validators.Number(gte=1)
ABOVE_ZERO = validators.Number(gt=0)

PASSWORD_VARIABLE = "SOLAROCPP_PASSWORD"  # noqa: S105 -- the name of a variable

# What to look at when a handshake is refused; by HTTP status, None where nobody answered.
HINTS: Mapping[int | None, str] = {
    None: "Is a central system running there, and is it ws:// or wss://?",
    400: "It does not speak OCPP 1.6 there, or the URL is not what it expects.",
    401: f"The user name or password is missing or wrong: see --username and {PASSWORD_VARIABLE}.",
    403: "The user may not connect as this charger, or the charger is disabled.",
    404: "The path or the charger is not known there: register it (solarocpp charger add), or see --prefix.",
}


class SimulationRefused(SolarOcppError):
    """The simulated charge points were not let in; says why and what to look at."""

    def __init__(self, failure: DialFailed) -> None:
        hint = HINTS.get(failure.status, "")
        super().__init__(f"{str(failure).rstrip('.')}. {hint}".strip())


@Parameter(name="*")
@dataclass(frozen=True)
class Chargers:
    """Which charge points are simulated, and who charges there."""

    chargers: Annotated[int, Parameter(validator=AT_LEAST_ONE, help="How many charge points.")] = 1
    connectors: Annotated[int, Parameter(validator=AT_LEAST_ONE, help="How many connectors each has.")] = 1
    prefix: Annotated[str, Parameter(help="Identities are this and a number: CP001, CP002, ...")] = "CP"
    tag: Annotated[
        tuple[str, ...],
        Parameter(
            negative="",
            show_default=False,
            help="An id tag that charges; repeatable. Default SIM0001 to SIM0012, or more: two for each connector.",
        ),
    ] = ()
    interval: Annotated[
        int | None,
        Parameter(
            validator=AT_LEAST_ONE,
            show_default=False,
            help="Simulated seconds between two readings of a session. Default 60; with --into 900.",
        ),
    ] = None
    seed: Annotated[int, Parameter(help="The same seed gives the same cars at the same hours.")] = 0


@Parameter(name="*")
@dataclass(frozen=True)
class Past:
    """A data directory with the past of a site, instead of chargers at a central system."""

    into: Annotated[
        Path | None,
        Parameter(help="Instead of a URL: make this data directory, as if a server had served the site for --days."),
    ] = None
    until: Annotated[
        datetime | None,
        Parameter(show_default=False, help="With --into: when the past ends (UTC). Default: last midnight."),
    ] = None
    time_zone: Annotated[str, Parameter(help="With --into: whose hours people keep, like Europe/Berlin.")] = "UTC"
    quirks: Annotated[
        bool, Parameter(help="With --into: some chargers are faulty, and links break, as in the field.")
    ] = True


@Parameter(name="*")
@dataclass(frozen=True)
class Tls:
    """Whom the charge points trust, and what they show, where the URL is wss://."""

    ca: Annotated[Path | None, Parameter(help="PEM file of the authority to trust for wss://.")] = None
    client_cert: Annotated[
        Path | None,
        Parameter(help="Certificate to show (PEM), or the folder chargers of `solarocpp tls init`: each has its own."),
    ] = None
    client_key: Annotated[
        Path | None, Parameter(help="Key of that certificate (PEM). Default: in the same file, or beside it as .key.")
    ] = None


ONE: Final = Chargers()
PUBLIC: Final = Tls()
PRESENT: Final = Past()

# Between two readings of a session: to look at while it runs, and to have a year of.
INTERVAL_S, PAST_INTERVAL_S = 60, 900
YEAR_DAYS = 365.0


async def simulate(  # noqa: PLR0913 one argument an option
    url: Annotated[
        str | None, Parameter(name="URL", help="The central system, without identity: ws://HOST:PORT/ocpp/j/v16")
    ] = None,
    /,
    *,
    site: Chargers = ONE,
    past: Past = PRESENT,
    username: Annotated[str | None, Parameter(help="HTTP Basic user name.")] = None,
    password: Annotated[
        str | None, Parameter(help=f"Better given as {PASSWORD_VARIABLE}, or typed when asked: others can see it here.")
    ] = None,
    tls: Tls = PUBLIC,
    speed: Annotated[
        float,
        Parameter(
            validator=ABOVE_ZERO, help="Simulated seconds a second; inf: as fast as the answers come, needs --days."
        ),
    ] = 1.0,
    seconds: Annotated[
        float | None, Parameter(validator=ABOVE_ZERO, help="Ends after so many real seconds. Default: Ctrl-C.")
    ] = None,
    days: Annotated[
        float | None,
        Parameter(validator=ABOVE_ZERO, help="Ends after so many simulated days, which then begin in the past."),
    ] = None,
) -> None:
    """Runs simulated chargers against any central system, or makes a data directory with their past.

    The chargers boot, send their state, and receive the cars of a small site, the first at once. They answer the calls
    of the Core profile. At the end they stop their sessions, send what is queued, and a summary is printed.
    With --into there is no server: a year of twenty chargers is made in about a minute.
    """
    from solarocpp.simulator.link import dial_url

    if past.into is not None:
        if url is not None:
            raise WrongUsage("URL and --into exclude each other: chargers at a central system, or a past without one.")
        if speed != 1.0 or seconds is not None or username is not None or tls != PUBLIC:
            raise WrongUsage("--into reaches no server: --speed, --seconds, --username and TLS options are for a URL.")
        from solarocpp.cli.past import make_past

        await make_past(past, _plan(site, past, PAST_INTERVAL_S), YEAR_DAYS if days is None else days)
        return
    if url is None:
        raise WrongUsage("Say where the central system is (URL), or which data directory to make (--into DIR).")
    if past != PRESENT:
        raise WrongUsage("--until, --time-zone and --no-quirks are for --into.")
    if math.isinf(speed) and days is None:
        raise ConfigError("--speed", speed, "inf only together with --days")
    checked, typed = _checked(url), await _password(username, password)

    def dial(identity: str) -> Dial:
        return dial_url(checked, identity, username=username, password=typed, ssl_context=_tls_context(tls, identity))

    await _run(dial, site, speed, seconds, days)


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"ws", "wss"} and parts.hostname and parts.port != 0
    except ValueError:  # a port that is none
        usable = False
    if not usable:
        raise ConfigError("URL", url, "ws://HOST:PORT/PATH or wss://HOST:PORT/PATH")
    return url


def _plan(chosen: Chargers, past: Past, interval_s: int) -> SitePlan:
    from solarocpp.simulator.site import SitePlan

    made = past.into is not None
    return SitePlan(
        chargers=chosen.chargers,
        connectors=chosen.connectors,
        prefix=chosen.prefix,
        id_tags=chosen.tag,
        seed=chosen.seed,
        sample_interval_s=interval_s if chosen.interval is None else chosen.interval,
        time_zone=past.time_zone,
        at_once=not made,
        quirks=made and past.quirks,
    )


async def _run(
    dial: Callable[[str], Dial], chosen: Chargers, speed: float, seconds: float | None, days: float | None
) -> None:
    from solarocpp.cli.site_view import run_shown, summary_lines
    from solarocpp.simulator.site import Site

    now = datetime.now(UTC)
    start = now if days is None else now - timedelta(days=days)
    site = Site(dial, _plan(chosen, PRESENT, INTERVAL_S), start=start, now=now, speed=speed)
    try:
        await run_shown(site, seconds=seconds, until=None if days is None else now)
    except DialFailed as exc:
        raise SimulationRefused(exc) from exc
    print("\n".join(summary_lines(site)))


def _tls_context(chosen: Tls, identity: str) -> ssl.SSLContext | None:
    """What one charge point needs for wss://; None: what any program of this machine has."""
    if chosen == PUBLIC:
        return None
    try:
        context = ssl.create_default_context(cafile=chosen.ca)
    except OSError as exc:  # no such file, or no certificate in it
        raise ConfigError("--ca", str(chosen.ca), f"a readable PEM file with certificates ({exc})") from exc
    if chosen.client_cert is not None:
        certificate, key = _shown_by(chosen.client_cert, chosen.client_key, identity)
        try:
            context.load_cert_chain(certificate, key, password="")  # none: OpenSSL would ask on the terminal
        except OSError as exc:
            raise ConfigError("--client-cert", str(certificate), f"a PEM file, and its key in {key} ({exc})") from exc
    return context


def _shown_by(certificate: Path, key: Path | None, identity: str) -> tuple[Path, Path]:
    from solarocpp.certificates.folder import charger_files

    if certificate.is_dir():
        return charger_files(certificate, identity)
    beside = certificate.with_suffix(".key")
    return certificate, key or (beside if beside.exists() else certificate)


async def _password(username: str | None, password: str | None) -> str | None:
    if username is None:
        return None
    if password is None:
        # A program that runs us has no terminal to type into: what it did not give is empty.
        return await trio.to_thread.run_sync(getpass, f"Password of {username}: ") if sys.stdin.isatty() else ""
    if os.environ.get(PASSWORD_VARIABLE) != password:
        warn(f"Warning: other users of this machine can see a password given as an option; use {PASSWORD_VARIABLE}.")
    return password
