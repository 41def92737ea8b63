"""`solarocpp serve`: the server. Each of its options is a field of Config, or belongs to one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from cyclopts import Group, Parameter

from solarocpp.config import Config

_HELP_ORDER = ("TLS", "Who may come in, and how", "What is kept", "Limits")
TLS, DOOR, KEPT, LIMITS = (Group(name, sort_key=at) for at, name in enumerate(_HELP_ORDER, 1))


@Parameter(name="*", group=TLS)
@dataclass(frozen=True)
class Certificates:
    """What this server shows, and what it asks of chargers; `solarocpp tls init` makes the files."""

    tls_cert: Annotated[Path | None, Parameter(help="Certificate chain (PEM): chargers connect with wss://.")] = None
    tls_key: Annotated[Path | None, Parameter(help="Its key (PEM).")] = None
    client_ca: Annotated[Path | None, Parameter(help="CA (PEM) that signs the certificates of chargers.")] = None
    client_auth: Annotated[
        Literal["certificate", "both", "either"],
        Parameter(
            help="With --client-ca or --client-cert-header: a charger proves itself by certificate, also by password, "
            "or by one of both."
        ),
    ] = "certificate"
    sign_certificates: Annotated[
        bool, Parameter(negative="", help="Give chargers that ask for a certificate one of the CA of `tls init`.")
    ] = False


@Parameter(name="*", group=DOOR)
@dataclass(frozen=True)
class Door:
    """Who may say who is there, and what is forgiven."""

    trusted_proxies: Annotated[
        tuple[str, ...],
        Parameter(
            name="--trusted-proxy",
            negative="",
            show_default=False,
            help="Address or network that may say who is behind it (PROXY protocol, Forwarded, X-Forwarded-For and "
            "-Proto); it must overwrite these headers, whatever its clients send; repeatable.",
        ),
    ] = ()
    client_cert_header: Annotated[
        str,
        Parameter(
            show_default=False,
            help="Header in which it passes the client's certificate on, like X-SSL-Client-Cert; the proxy must "
            "overwrite it, too, where no certificate was shown.",
        ),
    ] = ""
    strict: Annotated[
        tuple[str, ...],
        Parameter(
            negative="",
            show_default=False,
            help="A handshake lenience that is not granted, like subprotocol_missing; repeatable.",
        ),
    ] = ()
    web_origins: Annotated[
        tuple[str, ...],
        Parameter(
            name="--web-origin",
            negative="",
            show_default=False,
            help="A site whose pages may ask the API from a browser, like https://lab.example; they need a token all "
            "the same; repeatable.",
        ),
    ] = ()
    permessage_deflate: Annotated[bool, Parameter(negative="", help="Accept compression where it is offered.")] = False


@Parameter(name="*", group=KEPT)
@dataclass(frozen=True)
class Kept:
    """How long rows are kept, and copies of the store; a time is like 30d, 12 hours or 1 year."""

    keep_ledger: Annotated[str, Parameter(help="What was said, word for word; rebuild goes back no further.")] = "30d"
    keep_datum: Annotated[str, Parameter(help="Readings; totals of sessions stay, and so does what was exported.")] = (
        "forever"
    )
    keep_event: Annotated[str, Parameter(help="What happened, and past values of configuration keys.")] = "1y"
    keep_instruction: Annotated[
        str, Parameter(help="What chargers were told, from its end; reservations, file transfers.")
    ] = "30d"
    snapshot_every: Annotated[str, Parameter(help="Between two copies of the store, or off.")] = "off"
    snapshot_keep: Annotated[int, Parameter(help="So many of these copies; the oldest goes.")] = 7


@Parameter(name="*", group=LIMITS)
@dataclass(frozen=True)
class Limits:
    """Intervals, deadlines and numbers; config.py has the reason of each default."""

    boot_interval_s: Annotated[int, Parameter(help="Heartbeat interval given at boot.")] = 300
    ping_interval_s: Annotated[float, Parameter(help="Between two pings.")] = 45.0
    pong_deadline_s: Annotated[float, Parameter(help="For the answer to a ping.")] = 30.0
    call_deadline_s: Annotated[float, Parameter(help="For a charger's answer to a CALL.")] = 30.0
    handshake_deadline_s: Annotated[float, Parameter(help="From TCP accept to a complete request head.")] = 10.0
    send_deadline_s: Annotated[float, Parameter(help="After which a link that takes nothing is cut.")] = 10.0
    drain_deadline_s: Annotated[float, Parameter(help="At a stop, for messages that were received.")] = 5.0
    sql_deadline_s: Annotated[float, Parameter(help="For a statement of SQL, after which it is interrupted.")] = 30.0
    memory_limit: Annotated[
        str, Parameter(show_default=False, help="What DuckDB may take, like 2GB. Default: half of the memory.")
    ] = ""
    max_links: Annotated[int, Parameter(help="Chargers at once.")] = 10_000
    max_links_per_address: Annotated[int, Parameter(help="Of these, from one address.")] = 10_000
    openings_at_once: Annotated[int, Parameter(help="Handshakes younger than a second.")] = 200
    failures_before_delay: Annotated[int, Parameter(help="Wrong passwords before each check is delayed.")] = 5
    failure_delay_s: Annotated[float, Parameter(help="That delay.")] = 1.0
    failures_before_refusal: Annotated[
        int, Parameter(help="Wrong passwords of one user name from one address before it is refused unchecked.")
    ] = 20
    failure_memory_s: Annotated[float, Parameter(help="How long a wrong password counts.")] = 60.0


NO_TLS: Final = Certificates()
OPEN: Final = Door()
USUAL: Final = Limits()
USUALLY_KEPT: Final = Kept()


async def serve(  # noqa: PLR0913 one argument an option
    *,
    data: Annotated[Path, Parameter(help="Data directory; made if it is missing.")] = Path("data"),
    ocpp: Annotated[
        str, Parameter(help="Where chargers connect, HOST:PORT; port 0 takes a free one.")
    ] = "0.0.0.0:9000",
    web: Annotated[str, Parameter(help="Where the API listens, HOST:PORT.")] = "127.0.0.1:8080",
    quack: Annotated[
        str, Parameter(help="Where DuckDB clients attach for live SQL, HOST:PORT, or `off`.")
    ] = "127.0.0.1:9494",
    files: Annotated[
        str, Parameter(help="Where chargers send diagnostics and fetch firmware, HOST:PORT like :9001, or `off`.")
    ] = "off",
    files_url: Annotated[
        str, Parameter(show_default=False, help="What chargers are told for it, if not the address they reached us at.")
    ] = "",
    log_format: Annotated[Literal["console", "json"], Parameter(help="How log lines look.")] = "console",
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Parameter(help="From which level on.")] = "info",
    ready_file: Annotated[Path | None, Parameter(help="Written as JSON with the addresses once all accept.")] = None,
    certificates: Certificates = NO_TLS,
    door: Door = OPEN,
    kept: Kept = USUALLY_KEPT,
    limits: Limits = USUAL,
) -> None:
    """Runs the server until SIGTERM or Ctrl-C; SIGHUP makes it read its certificates again."""
    config = Config(
        data_dir=data,
        ocpp=ocpp,
        web=web,
        quack=quack,
        files=files,
        files_url=files_url,
        log_format=log_format,
        log_level=log_level,
        ready_file=ready_file,
        **asdict(certificates),
        **asdict(door),
        **asdict(kept),
        **asdict(limits),
    )
    # Heavy imports wait until the options are known to be usable.
    from solarocpp.app import serve_until_signal
    from solarocpp.logs import configure_logs

    configure_logs(config.log_format, config.log_level)
    await serve_until_signal(config)
