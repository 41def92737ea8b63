"""One frozen Config: every default with its reason.

The command line fills it from `solarocpp.toml`, `SOLAROCPP_*` and flags, in that order of growing
weight; tests and programs make one directly. A value that cannot be used is refused here, once, with
its name, so that nothing later has to doubt it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from solarocpp.errors import ConfigError

TLS_FOLDER = "tls"
"""Folder of the data directory that `solarocpp tls init` makes certificates in."""


class Address(NamedTuple):
    """Where a listener binds."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str, key: str) -> Address:
    """Reads `HOST:PORT`, `[V6]:PORT` or `:PORT` (all interfaces).

    Raises:
        ConfigError: names `key`.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(key, text, "HOST:PORT with a port of 0 to 65535, like 127.0.0.1:8080")
    return Address(host or "0.0.0.0", int(port))  # noqa: S104 chargers come from outside; that is the job


_UNITS: Mapping[str, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "year": timedelta(days=365),
}
# There are no times before year 1: `forever` says what is meant.
_LONGEST = 1000 * _UNITS["year"]
_DURATION = re.compile(r"(\d{1,6}) ?([a-z]+)")


def parse_duration(text: str, key: str, without: str, *, least: timedelta) -> timedelta | None:
    """Reads `30d`, `30 days`, `12 hours`, `1y`; None for the word `without`, if there is one.

    Raises:
        ConfigError: names `key`.
    """
    if without and text.strip().lower() == without:
        return None
    found = _DURATION.fullmatch(text.strip().lower())
    number, unit = (int(found[1]), found[2]) if found else (0, "")
    length = next((each for name, each in _UNITS.items() if unit in {name[0], name, f"{name}s"}), None)
    if length is None or not least <= number * length <= _LONGEST:
        allowed = f"a time like 30d, 12 hours or 1 year, at least {_spelled(least)}"
        raise ConfigError(key, text, f"{allowed}, or {without}" if without else allowed)
    return number * length


def _spelled(length: timedelta) -> str:
    unit = "hour" if length >= _UNITS["hour"] else "minute"
    number = length / _UNITS[unit]
    return f"{number:g} {unit}" if number == 1 else f"{number:g} {unit}s"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a server is told before it starts."""

    data_dir: Path = Path("data")
    ocpp: str = "0.0.0.0:9000"
    """Chargers are on the network, so all interfaces."""
    web: str = "127.0.0.1:8080"
    """Management is for this box until somebody decides otherwise."""
    web_origins: tuple[str, ...] = ()
    """Sites whose pages may ask the API from a browser, like `https://lab.example`; none: a page that somebody opens by
    chance must not be able to try tokens from inside the network.
    """
    quack: str = "127.0.0.1:9494"
    """Live SQL for other processes of this box; `off` for none. DuckDB's own default port."""
    files: str = "off"
    """Where chargers send diagnostics and fetch firmware; `off`: nobody can be told to. Off, so that no port is open
    that nobody asked for.
    """
    files_url: str = ""
    """What chargers are told instead of the address they reached us at, like `https://files.example.org`: behind a
    proxy, or where only the server knows better.
    """
    sql_deadline_s: float = 30.0
    """How long a stranger's statement may run: longer than people wait, and a runaway one holds a reader no longer."""
    memory_limit: str = ""
    """What DuckDB may take, like `2GB`; empty: half of the machine's memory: links and the system need some, too."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    client_ca: Path | None = None
    """CA that signs the certificates of chargers: security profile 3 of the OCPP 1.6 security whitepaper.

    Behind a proxy that ends the TLS, what `client_cert_header` passes on is checked against it, too.
    """
    client_auth: Literal["certificate", "both", "either"] = "certificate"
    """With `client_ca` or `client_cert_header`: chargers need a certificate, that and a password, or one of the two."""
    sign_certificates: bool = False
    """Whether chargers that ask for a certificate get one of the authority of `tls init`. Off: it lets a charger in for
    a year, whatever becomes of its password.
    """
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks that may say who is behind them: PROXY protocol, `Forwarded`, `X-Forwarded-For`."""
    client_cert_header: str = ""
    """Header in which a trusted proxy passes the client's certificate on, like `X-SSL-Client-Cert`; empty: none."""
    strict: tuple[str, ...] = ()
    """Names of handshake leniences that are not granted here; what they forgive is then refused with its reason."""
    permessage_deflate: bool = False
    """True accepts compression where it is offered: some 40 KiB more a link, broken in some firmware (Q19)."""
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    ready_file: Path | None = None

    keep_ledger: str = "30d"
    """What was said, word for word: for disputes over a bill, and to derive rows again; by far the largest table."""
    keep_datum: str = "forever"
    """The reason to have all this: 25 bytes a reading."""
    keep_event: str = "1y"
    """Who was refused and what was odd, and past values of configuration keys; attackers write some, too."""
    keep_instruction: str = "30d"
    """What chargers were told, from its end, as the reference system does (spec 7.4); and reservations."""
    snapshot_every: str = "off"
    """A copy takes as much disk as the store, so somebody should want it."""
    snapshot_keep: int = 7
    """A week of daily ones; the oldest goes when a new one is complete."""

    boot_interval_s: int = 300
    """Heartbeat interval given at boot: the reference system's (spec 6.3)."""
    ping_interval_s: float = 45.0
    """Under the 60 to 90 s after which home routers and mobile networks forget an idle flow (Q17)."""
    pong_deadline_s: float = 30.0
    """2G links answer within seconds; with the interval a dead link is known after 75 s (Q14)."""
    call_deadline_s: float = 30.0
    """How long a charge point may take to answer a CALL; shorter only repeats a Reset that already happens."""
    handshake_deadline_s: float = 10.0
    """From TCP accept to a complete request head, TLS included."""
    send_deadline_s: float = 10.0
    """A link that takes nothing for so long is cut (architecture section 3, step 8)."""
    drain_deadline_s: float = 5.0
    """At a graceful stop: how long received messages may still be answered."""
    max_links: int = 10_000
    """200 to 400 MB at 20 to 40 KiB a link; beyond that a box of this kind should be two."""
    max_links_per_address: int = 10_000
    """Behind NAT or an unlisted proxy a whole site shares one address; lower it where chargers come one by one."""
    openings_at_once: int = 200
    """Handshakes younger than a second; the next ones wait in the kernel, so that those under way finish in time."""
    failures_before_delay: int = 5
    """Wrong passwords from one address, or for one username, before each further check is delayed."""
    failure_delay_s: float = 1.0
    """A person who mistypes does not notice; a guesser gets one guess a second."""
    failures_before_refusal: int = 20
    """Wrong passwords of one username from one address before it is refused unchecked (429)."""
    failure_memory_s: float = 60.0
    """How long failures count; also how long a refused one waits. A charger that was put right is back in a minute."""
    receive_path: Literal["lean", "stock"] = "lean"
    """`stock` takes every message through trio-websocket's own queue: slower, for when in doubt."""

    def __post_init__(self) -> None:
        self._check_addresses()
        if self.memory_limit and not _MEMORY.fullmatch(self.memory_limit):
            raise ConfigError("memory_limit", self.memory_limit, "a number and MB, GB, MiB or GiB, like 500MB or 2GB")
        for key, (without, least) in _DURATIONS.items():
            parse_duration(getattr(self, key), key, without, least=least)
        for key in _POSITIVE:
            if not getattr(self, key) > 0:
                raise ConfigError(key, getattr(self, key), "a number above 0")
        if (self.tls_cert is None) != (self.tls_key is None):
            missing = "tls_key" if self.tls_key is None else "tls_cert"
            raise ConfigError(missing, None, "both --tls-cert and --tls-key, or neither")
        self._check_client_certificates()
        for key in ("tls_cert", "tls_key", "client_ca"):
            path: Path | None = getattr(self, key)
            if path is not None and not path.is_file():
                raise ConfigError(key, str(path), "a readable PEM file")

    def _check_addresses(self) -> None:
        for key in ("ocpp", "web", "quack", "files"):
            if getattr(self, key) != "off" or key in {"ocpp", "web"}:
                parse_address(getattr(self, key), key)
        if self.files_url and not _URL.fullmatch(self.files_url):
            raise ConfigError("files_url", self.files_url, "a URL like http://192.168.1.5:9001, without path")
        for origin in self.web_origins:
            if not _ORIGIN.fullmatch(origin) or _USUAL_PORT.fullmatch(origin):
                allowed = "origins as browsers send them, in lower case and without path, like https://lab.example"
                raise ConfigError("web_origins", origin, allowed)

    def _check_client_certificates(self) -> None:
        """What would ask nobody for a certificate must not look as if it did."""
        if self.client_cert_header and not self.trusted_proxies:
            raise ConfigError("client_cert_header", self.client_cert_header, "only together with --trusted-proxy")
        if self.client_ca is not None and self.tls_cert is None and not self.client_cert_header:
            allowed = "only together with --tls-cert and --tls-key, or with --client-cert-header"
            raise ConfigError("client_ca", str(self.client_ca), allowed)
        if self.client_auth != "certificate" and self.client_ca is None and not self.client_cert_header:
            allowed = "only together with --client-ca or --client-cert-header"
            raise ConfigError("client_auth", self.client_auth, allowed)

    def duration(self, key: str) -> timedelta | None:
        """Gives a setting that is a time; None: none."""
        without, least = _DURATIONS[key]
        return parse_duration(getattr(self, key), key, without, least=least)

    @property
    def ocpp_address(self) -> Address:
        """Where chargers connect."""
        return parse_address(self.ocpp, "ocpp")

    @property
    def web_address(self) -> Address:
        """Where the API listens."""
        return parse_address(self.web, "web")

    @property
    def quack_address(self) -> Address | None:
        """Where DuckDB clients attach; None: nowhere."""
        return None if self.quack == "off" else parse_address(self.quack, "quack")

    @property
    def tls_files(self) -> tuple[Path, Path] | None:
        """Certificate chain and key; None: in the clear."""
        return None if self.tls_cert is None or self.tls_key is None else (self.tls_cert, self.tls_key)

    @property
    def files_address(self) -> Address | None:
        """Where chargers send and fetch files; None: nowhere."""
        return None if self.files == "off" else parse_address(self.files, "files")


_URL = re.compile(r"https?://[^/?#@\s]+/?", re.IGNORECASE)

# As browsers write it, letter for letter (RFC 6454, 6.2), or it would never be the same; no pattern, so that whoever
# opens the API says to whom.
_ORIGIN = re.compile(r"https?://([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?")
_USUAL_PORT = re.compile(r"http://.*:80|https://.*:443")

# In whole hundreds of MB at least: with less, DuckDB cannot even keep the journal of a busy second.
_MEMORY = re.compile(r"(\d{3,}\s*Mi?B|\d+(\.\d+)?\s*Gi?B)", re.IGNORECASE)

_DURATIONS: Mapping[str, tuple[str, timedelta]] = {
    # A charger may repeat a message for a day (app.REPEAT_WINDOW), and is known by its ledger row.
    "keep_ledger": ("forever", timedelta(days=2)),
    "keep_datum": ("forever", timedelta(days=2)),
    "keep_event": ("forever", timedelta(days=1)),
    "keep_instruction": ("forever", timedelta(days=1)),
    # Of a store of 100M datums, a copy takes a minute or two.
    "snapshot_every": ("off", timedelta(minutes=10)),
}
"""Settings that are times: the word for none, and the shortest."""

_POSITIVE = (
    "snapshot_keep",
    "boot_interval_s",
    "ping_interval_s",
    "pong_deadline_s",
    "call_deadline_s",
    "handshake_deadline_s",
    "send_deadline_s",
    "drain_deadline_s",
    "sql_deadline_s",
    "max_links",
    "max_links_per_address",
    "openings_at_once",
    "failures_before_delay",
    "failure_delay_s",
    "failures_before_refusal",
    "failure_memory_s",
)
