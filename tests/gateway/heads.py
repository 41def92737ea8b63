"""Request heads, and a directory of chargers, credentials and accounts to judge them by."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import msgspec

from solarocpp.gateway.handshake import (
    LENIENT,
    Admitted,
    Claim,
    Rules,
    judge_claim,
    read_claim,
)
from solarocpp.gateway.peers import Peer, PeerCertificate
from solarocpp.gateway.refusals import Refused
from solarocpp.gateway.request_head import RequestHead
from solarocpp.ocpp.datatypes import ChargePointId
from solarocpp.registry import Account, Charger, Credential

THEN = datetime(2026, 1, 1, tzinfo=UTC)


def charger(identifier: str, charger_id: int, account_id: int = 1, security_profile: int = 1) -> Charger:
    return Charger(
        charger_id=charger_id,
        account_id=account_id,
        node_id=1,
        identifier=ChargePointId(identifier),
        created=THEN,
        security_profile=security_profile,
    )


CHARGERS = [
    charger("CP001", 1),
    msgspec.structs.replace(charger("CP002", 2), enabled=False),
    charger("OPEN", 3, security_profile=0),
    charger("TLS", 4, security_profile=2),
    charger("CERT", 5, security_profile=3),
    charger("depot/CP7", 6),
    charger("TWICE", 7, account_id=1, security_profile=0),
    charger("TWICE", 8, account_id=2, security_profile=0),
    charger("THEIRS", 9, account_id=2),
    charger("SAME", 10, account_id=1),
    charger("SAME", 11, account_id=2),
]
FOO = Credential(1, 1, "foo", (), "generated", "secret", THEN)
ACCOUNTS = {"hid11111": Account(1, "ours", THEN, "hid11111"), "hid22222": Account(2, "theirs", THEN, "hid22222")}


class Directory:
    """Two accounts, found as the registry does."""

    def charger_by_identifier(self, identifier: str, account_id: int | None = None) -> Charger | None:
        named = [row for row in CHARGERS if row.identifier.casefold() == identifier.casefold()]
        if account_id is None:
            return named[0] if len(named) == 1 else None
        return next((row for row in named if row.account_id == account_id), None)

    def first_charger(self, identifier: str) -> Charger | None:
        return next((row for row in CHARGERS if row.identifier.casefold() == identifier.casefold()), None)

    def account_by_hid(self, hid: str) -> Account | None:
        return ACCOUNTS.get(hid.casefold())

    def credential(self, username: str) -> Credential | None:
        return FOO if username.casefold() == "foo" else None


DIRECTORY = Directory()
PLAIN = Peer("192.168.1.7", 1000)
TLS = Peer("192.168.1.7", 1000, tls="TLSv1.3")


def shows(*names: str, organization: str = "") -> Peer:
    certificate = PeerCertificate(names, "01", datetime(2036, 1, 1, tzinfo=UTC), organization)
    return Peer("192.168.1.7", 1000, tls="TLSv1.3", certificate=certificate)


def basic(credentials: bytes = b"foo:bar:baz", scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(credentials).decode()}"


def head(target: str = "/ocpp/j/v16/CP001", *, without: str = "", method: str = "GET", **changed: str) -> RequestHead:
    headers = {
        "host": "depot:9000",
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-version": "13",
        "sec-websocket-protocol": "ocpp1.6",
        "authorization": basic(),
    } | {name.replace("_", "-"): value for name, value in changed.items()}
    headers.pop(without, None)
    return RequestHead(method, target, headers)


def claim(target: str = "/ocpp/j/v16/CP001", **changed: str) -> Claim:
    found = read_claim(head(target, **changed))
    assert isinstance(found, Claim)
    return found


def judge(
    target: str, credential: Credential | None = FOO, peer: Peer = PLAIN, rules: Rules = LENIENT, **changed: str
) -> Admitted | Refused:
    return judge_claim(claim(target, **changed), credential, peer, DIRECTORY, rules)


def kind_of(verdict: object) -> str:
    assert isinstance(verdict, Refused)
    return verdict.kind
