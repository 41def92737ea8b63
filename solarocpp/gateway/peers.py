"""Who is at the other end of a connection: where it comes from, and how it is protected."""

from __future__ import annotations

from datetime import datetime
from ipaddress import ip_address

import msgspec


class PeerCertificate(msgspec.Struct, frozen=True):
    """A client certificate that was verified: by our TLS, or by a proxy we trust."""

    names: tuple[str, ...]
    """Its common name and its DNS names; one of them is the charge point identity."""
    serial: str
    not_after: datetime
    organization: str = ""
    """`O=` of its subject: an account's hid there makes it a certificate of that account's charger only."""


class Peer(msgspec.Struct, frozen=True):
    """The charge point's end of a connection, as far as it is known before anything is said."""

    host: str
    port: int = 0
    via: str | None = None
    """Address of the trusted proxy in between, which told us `host`."""
    tls: str | None = None
    """TLS version, like `TLSv1.3`; None: in the clear. Behind a proxy: what it says."""
    certificate: PeerCertificate | None = None
    reached: str = ""
    """The address of ours that it dialled; empty: a proxy did."""

    def __str__(self) -> str:
        """Writes `HOST:PORT`, without port where a proxy did not tell it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host

    @property
    def nearby(self) -> bool:
        """Whether it is on this machine or in a private network, where a password may travel in the clear."""
        try:
            address = ip_address(self.host.partition("%")[0])
        except ValueError:
            return False
        return address.is_loopback or address.is_private or address.is_link_local
