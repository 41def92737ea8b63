"""The files of a private authority: what `solarocpp tls init` makes, and what it leaves as it is.

    ca.pem      put into every charger; also given to `serve --client-ca`
    ca.key      makes certificates that those chargers believe: the file to keep safe
    server.pem, server.key          for `serve --tls-cert`, `--tls-key`
    chargers/IDENT.pem, IDENT.key   put into that charger; those of one account in a folder chargers/HID

An authority is never made anew where there is one: every charger would have to be visited. Keys are
written for the owner's eyes only (0600).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import msgspec

from solarocpp.certificates.authority import Authority, Issued
from solarocpp.certificates.reading import Certificate, read_certificates
from solarocpp.errors import ConfigError


class Made(msgspec.Struct, frozen=True):
    """What a folder holds after `init`."""

    written: tuple[Path, ...]
    """Files that were not there before, or were made anew."""
    server: Certificate


def charger_files(directory: Path, identifier: str) -> tuple[Path, Path]:
    """Names the files of a charger in a directory of such: certificate and key."""
    name = quote(identifier, safe="")  # an identifier may hold anything, a slash too
    return directory / f"{name}.pem", directory / f"{name}.key"


class TlsFolder:
    """The certificates of a site in one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.authority = directory / "ca.pem"
        self.authority_key = directory / "ca.key"
        self.server = directory / "server.pem"
        self.server_key = directory / "server.key"
        self.chargers = directory / "chargers"

    def charger(self, identifier: str, hid: str = "") -> tuple[Path, Path]:
        """Names the files of a charger, or of that which an account calls so: certificate and key."""
        return charger_files(self.chargers / hid, identifier)

    def init(  # noqa: PLR0913 what a site is made of
        self,
        *,
        names: Sequence[str],
        fallback_names: Sequence[str],
        chargers: Sequence[str],
        now: datetime,
        days: int,
        renew: bool = False,
        hid: str = "",
    ) -> Made:
        """Makes what is missing; with `renew` also the server's certificate anew, and those of `chargers`.

        The server's is for `names`; without any, for those it had before, else for `fallback_names`. Those of chargers
        are good for the account with this `hid` only, if one is given.

        Raises:
            ConfigError: the authority is only half there, or a name cannot be in a certificate.
        """
        written: list[Path] = []
        authority = self._authority(fallback_names[0], now, written)
        if renew or not self.server.exists() or not self.server_key.exists():
            chosen = tuple(names) or self._names_before() or tuple(fallback_names)
            written += _write(self.server, self.server_key, authority.issue_server(chosen, now=now, days=days))
        for identifier in chargers:
            certificate, key = self.charger(identifier, hid)
            if renew or not certificate.exists() or not key.exists():
                written += _write(certificate, key, authority.issue_charger(identifier, now=now, days=days, hid=hid))
        return Made(tuple(written), self._server())

    def _authority(self, name: str, now: datetime, written: list[Path]) -> Authority:
        there = [path for path in (self.authority, self.authority_key) if path.exists()]
        if len(there) == 1:
            missing = self.authority_key if self.authority in there else self.authority
            raise ConfigError(missing.name, str(missing), f"the file that belongs to {there[0]}; put it back")
        if there:
            return Authority.load(self.authority, self.authority_key)
        authority = Authority.found(f"solarocpp CA {name}", now=now)
        written += _write(self.authority, self.authority_key, authority.issued)
        return authority

    def _names_before(self) -> tuple[str, ...]:
        found = read_certificates(self.server.read_bytes()) if self.server.exists() else ()
        return found[0].hosts if found else ()

    def _server(self) -> Certificate:
        found = read_certificates(self.server.read_bytes())
        if not found:
            raise ConfigError("server.pem", str(self.server), "a certificate; make it anew with --renew")
        return found[0]


def _write(certificate: Path, key: Path, issued: Issued) -> tuple[Path, Path]:
    """Puts both in place at once or not at all, the key first: a server that looks in between keeps its old pair."""
    certificate.parent.mkdir(parents=True, exist_ok=True)
    for path, content, mode in ((key, issued.key, 0o600), (certificate, issued.certificate, 0o644)):
        beside = path.with_name(path.name + ".new")
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
        beside.replace(path)
    return certificate, key
