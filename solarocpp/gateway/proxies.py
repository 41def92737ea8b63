"""PURE: what a proxy in front of us says about who is behind it; believed of listed addresses only.

Two ways, and a proxy uses one: a PROXY header before everything else (haproxy's PROXY protocol, versions 1
and 2), or headers of the request (`Forwarded`, RFC 7239, or `X-Forwarded-For` with `X-Forwarded-Proto`). Where
they come from anybody else, the first is refused and the second ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

import msgspec

from solarocpp.errors import ConfigError
from solarocpp.gateway.peers import Peer
from solarocpp.gateway.refusals import Refused, refused
from solarocpp.gateway.request_head import RequestHead

V1_START: Final = b"PROXY "
V1_LONGEST: Final = 107
"""With its line end, by the specification."""
V2_START: Final = b"\r\n\r\n\x00\r\nQUIT\n"
V2_FIXED: Final = 16
"""Bytes that tell how many more there are."""
_V2_LOCAL, _V2_PROXY = 0x20, 0x21
_V2_UNSPECIFIED: Final = 0x0
_V2_ADDRESSES: Final = {0x1: 4, 0x2: 16}  # bytes of one address, by family
_TLV_SSL, _TLV_SSL_VERSION, _CLIENT_SSL = 0x20, 0x21, 0x01


class TrustedProxies:
    """The addresses that may say who is behind them.

    Raises:
        ConfigError: one is no address and no network.
    """

    def __init__(self, listed: Iterable[str]) -> None:
        self._networks = tuple(_network(text) for text in listed)

    def trusts(self, host: str) -> bool:
        """Tells whether what comes from here is believed."""
        if not self._networks:
            return False
        try:
            address = ip_address(plain_address(host))
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError as exc:
        raise ConfigError("trusted_proxies", text, "addresses or networks, like 10.0.0.7 or 10.0.0.0/24") from exc


def plain_address(host: str) -> str:
    """Writes an address without its zone, and an IPv4 one as such where the socket is an IPv6 one."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


# -- the PROXY protocol ----------------------------------------------------------------------------------


class Forwarded(msgspec.Struct, frozen=True):
    """Who is behind a proxy, as it says; `host` None: it speaks for itself (a health check)."""

    host: str | None = None
    port: int = 0
    tls: str | None = None


def begins_proxy_header(seen: bytes) -> bool | None:
    """Tells from the first bytes of a connection whether a PROXY header comes; None: more of them must be seen."""
    if any(seen.startswith(start) for start in (V1_START, V2_START)):
        return True
    return None if any(start.startswith(seen) for start in (V1_START, V2_START)) else False


def read_v1(line: bytes) -> Forwarded | None:
    """Reads a PROXY line of version 1, with its line end; None: it is none."""
    words = line.removesuffix(b"\r\n").decode("ascii", "replace").split(" ")
    if words[:2] == ["PROXY", "UNKNOWN"]:
        return Forwarded()
    if len(words) != 6 or words[0] != "PROXY" or words[1] not in {"TCP4", "TCP6"}:
        return None
    return _forwarded(words[2], words[4])


def v2_length(fixed: bytes) -> int:
    """Tells from the first `V2_FIXED` bytes of a version 2 header how many follow."""
    return int.from_bytes(fixed[14:16])


def read_v2(header: bytes) -> Forwarded | None:
    """Reads a whole PROXY header of version 2; None: it is none."""
    if not header.startswith(V2_START) or len(header) < V2_FIXED or len(header) != V2_FIXED + v2_length(header):
        return None
    command, family, body = header[12], header[13] >> 4, header[V2_FIXED:]
    if command == _V2_LOCAL or (command == _V2_PROXY and family == _V2_UNSPECIFIED):
        return Forwarded()
    size = _V2_ADDRESSES.get(family)
    if command != _V2_PROXY or size is None or len(body) < 2 * size + 4:
        return None
    host = str(ip_address(body[:size]))
    port = int.from_bytes(body[2 * size : 2 * size + 2])
    return Forwarded(plain_address(host), port, _v2_tls(body[2 * size + 4 :]))


def _v2_tls(tlvs: bytes) -> str | None:
    """Finds the TLS version between client and proxy in the extension fields."""
    found = _tlv(tlvs, _TLV_SSL)
    if not found or not found[0] & _CLIENT_SSL:
        return None
    version = _tlv(found[5:], _TLV_SSL_VERSION) or b"TLS"
    return version.decode("ascii", "replace")


def _tlv(fields: bytes, wanted: int) -> bytes | None:
    while len(fields) >= 3:
        kind, size = fields[0], int.from_bytes(fields[1:3])
        if kind == wanted:
            return fields[3 : 3 + size]
        fields = fields[3 + size :]
    return None


def _forwarded(host: str, port: str) -> Forwarded | None:
    if not (port.isascii() and port.isdecimal() and len(port) <= 5):
        return None
    try:
        return Forwarded(plain_address(str(ip_address(host))), int(port))
    except ValueError:
        return None


# -- headers of the request ------------------------------------------------------------------------------

_FORWARDED_PAIR = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"([^"]*)"|([^\s;,"]*))\s*')


def read_forwarding(peer: Peer, head: RequestHead, trusted: TrustedProxies) -> Peer | Refused:
    """Tells who is behind the connection, where it comes from a trusted proxy and carries such headers.

    From the right, because only what our own proxies appended is true: the first address that is not one
    of them. A proxy sets one kind of header and passes the other on as a stranger may have written it; so
    two kinds that disagree are refused.
    """
    if not trusted.trusts(peer.host):
        return peer
    chains = {"Forwarded": _forwarded_chain(head), "X-Forwarded-For": _x_forwarded_chain(head)}
    clients = {header: _client_of(chain, trusted) for header, chain in chains.items() if chain}
    for header, client in clients.items():
        if client.host is None:
            return refused("unreadable_forwarding", header=header)
    if not clients:
        return peer
    if len({client.host for client in clients.values()}) > 1:
        return refused("bad_forwarding")
    client = next(iter(clients.values()))
    # Between the proxy and us there may be TLS, too; it says nothing about the charger.
    return Peer(host=client.host or "", port=client.port, via=peer.via or peer.host, tls=client.tls)


_NO_CERTIFICATE: Final = frozenset({"", "-", "(null)"})
"""What proxies write into the header where no client certificate was shown (nginx, haproxy, Apache)."""


def passed_certificate(head: RequestHead, header: str) -> str | Refused:
    """Finds what a trusted proxy passed on as client certificate; empty: none was shown to it.

    A proxy that adds its header behind the one that a stranger sent would have us choose between the two.
    """
    name = header.lower()
    if name in head.repeated:
        return refused("repeated_header", header=header)
    value = head.headers.get(name, "").strip()
    return "" if value in _NO_CERTIFICATE else value


def _client_of(chain: list[Forwarded], trusted: TrustedProxies) -> Forwarded:
    for hop in reversed(chain):
        if hop.host is None or not trusted.trusts(hop.host):
            return hop
    return chain[0]


def _forwarded_chain(head: RequestHead) -> list[Forwarded]:
    chain = []
    for element in head.elements("forwarded"):
        pairs = {
            match[1].lower(): match[2] if match[2] is not None else match[3]
            for match in map(_FORWARDED_PAIR.fullmatch, element.split(";"))
            if match
        }
        chain.append(_hop(pairs.get("for", ""), pairs.get("proto", "")))
    return chain


def _x_forwarded_chain(head: RequestHead) -> list[Forwarded]:
    proto = (*head.elements("x-forwarded-proto"), "")
    secure = proto[-2] if len(proto) > 1 else ""
    return [_hop(element, secure) for element in head.elements("x-forwarded-for")]


def _hop(node: str, proto: str) -> Forwarded:
    """Reads `192.0.2.43`, `192.0.2.43:47011`, `[2001:db8::17]:4711` or `2001:db8::17`; else host is None."""
    tls = "TLS" if proto.lower() in {"https", "wss"} else None
    host, port = node.strip('"'), "0"
    if host.startswith("["):
        host, _, rest = host[1:].partition("]")
        port = rest.removeprefix(":") or "0"
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    found = _forwarded(host, port) or _forwarded(host, "0")
    return Forwarded(tls=tls) if found is None else msgspec.structs.replace(found, tls=tls)
