"""Judges a handshake: a request head in, a verdict out. Pure; knows no socket and no clock.

The order of the checks is the order of the answers (architecture section 8, Q14): what is no WebSocket
handshake is 426, what is wrong with the address is 404, with the protocol 400, with the credentials 401,
and only somebody who proved who they are learns that a charger is unknown (404) or not allowed (403).

    read_claim(head) -> Claim | Refused          who says they are whom, by which profile
    judge_claim(claim, credential, ...) -> Admitted | Refused     after the password was verified
    describe(head) -> what may be recorded of a head, whatever became of it

Handshakes of real chargers break rules; what we can live with is repaired and named (LENIENCES), unless
the server is strict about it.
"""

from __future__ import annotations

import re
from shlex import quote
from typing import Literal, Protocol
from urllib.parse import unquote

import msgspec

from solarocpp.config import Config
from solarocpp.errors import ConfigError
from solarocpp.gateway.basic import BasicCredentials, read_basic
from solarocpp.gateway.peers import Peer, PeerCertificate
from solarocpp.gateway.refusals import SUBPROTOCOL, Refused, refused
from solarocpp.gateway.request_head import RequestHead
from solarocpp.gateway.url_profiles import HIDDEN, NOTHING_KNOWN, Known, Target, read_target
from solarocpp.ocpp.lenience import HANDSHAKE_LENIENCES
from solarocpp.registry import Account, Charger, Credential

Described = dict[str, str | int | float | bool | None]
"""What an event says of a head."""

SECURITY_PROFILES = ("nothing", "a password", "a password over TLS", "a client certificate")
"""What a connection proves at each level of the OCPP 1.6 security whitepaper; 0 is its absence."""
_KEY = re.compile(r"[!-~]{1,64}")
_SHOWN_CHARACTERS = 255


class Rules(msgspec.Struct, frozen=True):
    """What this server is strict about, and what it wants to see of everybody."""

    strict: frozenset[str] = frozenset()
    client_auth: Literal["certificate", "both", "either"] = "either"


LENIENT = Rules()
"""Forgives everything that is in LENIENCES."""


def rules_of(config: Config) -> Rules:
    """Reads the rules of a configuration.

    Raises:
        ConfigError: `strict` names what is no handshake lenience.
    """
    for name in config.strict:
        if name not in HANDSHAKE_LENIENCES:
            raise ConfigError("strict", name, ", ".join(sorted(HANDSHAKE_LENIENCES)))
    wants_certificates = config.client_ca is not None or config.client_cert_header
    return Rules(frozenset(config.strict), config.client_auth if wants_certificates else "either")


class Claim(msgspec.Struct, frozen=True):
    """What the head claims; the password is not checked yet, and never shown by repr."""

    identifier: str
    username: str | None
    """None: no credentials were sent."""
    password: bytes
    """As sent: some chargers hold keys that are no text (Q110)."""
    subprotocol: str | None
    key: str
    profile: str = "v16"
    """Name of the URL profile that matched."""
    hid: str | None = None
    extensions: str = ""
    """`Sec-WebSocket-Extensions` as offered; taken up by websocket.py, if the configuration says so (Q19)."""
    shown: str = HIDDEN
    """The identifier as it may be told whoever sent the right password with it, if any was sent."""
    repairs: tuple[str, ...] = ()
    """Names of the leniences it took."""
    described: Described = {}
    """What may be recorded of the head: path, profile, username, offered subprotocols, ..."""

    def __repr__(self) -> str:
        return f"Claim(path={self.described.get('path')!r}, username={self.described.get('username')!r})"


class Admitted(msgspec.Struct, frozen=True):
    """The charger may connect."""

    charger: Charger
    credential: Credential | None
    """None: it came in by its certificate alone, or without any proof (security profile 0)."""
    claim: Claim
    security_profile: int = 1
    """What the connection proved: 0 nothing, 1 a password, 2 that under TLS, 3 a certificate that names the charger."""


class Directory(Protocol):
    """What judging needs of the registry."""

    def charger_by_identifier(self, identifier: str, account_id: int | None = None) -> Charger | None:
        """Finds a charger by identifier, ignoring case (Q10); without account only if it is the only one."""

    def first_charger(self, identifier: str) -> Charger | None:
        """Finds, of all chargers on the box that are called so, the one registered first."""

    def account_by_hid(self, hid: str) -> Account | None:
        """Finds the account that a path names."""

    def credential(self, username: str) -> Credential | None:
        """Finds a credential, ignoring case."""


# -- what the head says ----------------------------------------------------------------------------------


def read_claim(
    head: RequestHead,
    rules: Rules = LENIENT,
    directory: Directory | None = None,
) -> Claim | Refused:
    """Reads who wants to connect, by WebSocket headers, URL profiles and HTTP Basic; `directory` as in `describe`."""
    problem = _websocket_problem(head)
    if problem is not None:
        return problem
    target = read_target(head.target)
    if target.problem is not None or target.identifier is None or target.profile is None:
        return refused(target.problem or "bad_path", path=target.shown())
    offered, (subprotocol, subprotocol_repairs) = _offered(head), _chosen_subprotocol(head)
    if offered and subprotocol is None:
        return refused("wrong_subprotocol", offered=offered)
    if target.username is None and "authorization" in head.repeated:
        return refused("repeated_header", header="Authorization")
    credentials = _credentials(head, target)
    if credentials is None:
        return refused("bad_authorization")
    repairs = (*head.repairs, *target.repairs, *_websocket_repairs(head), *subprotocol_repairs, *credentials.repairs)
    unforgiven = next((name for name in repairs if name in rules.strict), None)
    if unforgiven is not None:
        return refused(unforgiven, offered=offered)
    return Claim(
        identifier=target.identifier,
        username=credentials.username or None,
        password=credentials.password,
        subprotocol=subprotocol,
        key=head.headers["sec-websocket-key"],
        profile=target.profile,
        hid=target.hid,
        extensions=head.headers.get("sec-websocket-extensions", ""),
        shown=target.shown_identifier(_known(target, credentials, directory, proven=True)),
        repairs=repairs,
        described=describe(head, directory),
    )


def _websocket_problem(head: RequestHead) -> Refused | None:
    # An upgrade and a key are enough: some chargers leave `Connection: Upgrade` out (Q03).
    if "websocket" not in head.headers.get("upgrade", "").lower():
        return refused("no_upgrade")
    if head.method != "GET":
        return refused("not_get", method=_printable(head.method)[:20])
    if not _KEY.fullmatch(head.headers.get("sec-websocket-key", "")):
        return refused("no_key")
    version = head.headers.get("sec-websocket-version", "13")
    return None if version == "13" else refused("wrong_version", version=_printable(version)[:20])


def _websocket_repairs(head: RequestHead) -> tuple[str, ...]:
    missing = {
        "connection_upgrade_missing": "upgrade" not in head.headers.get("connection", "").lower(),
        "version_missing": "sec-websocket-version" not in head.headers,
    }
    return tuple(name for name, is_missing in missing.items() if is_missing)


def _offered(head: RequestHead) -> str:
    return _printable(", ".join(head.elements("sec-websocket-protocol")))


def _chosen_subprotocol(head: RequestHead) -> tuple[str | None, tuple[str, ...]]:
    """Finds the one we speak among those offered; it goes back as it was written."""
    names = head.elements("sec-websocket-protocol")
    if not names:
        return None, ("subprotocol_missing",)
    if SUBPROTOCOL in names:
        return SUBPROTOCOL, ()
    return next((name for name in names if name.lower() == SUBPROTOCOL), None), ("subprotocol_case",)


def _credentials(head: RequestHead, target: Target) -> BasicCredentials | None:
    """Finds user name and password; those in the path win. Without a name: none were sent; None: unreadable."""
    if target.username is not None and target.password is not None:
        return BasicCredentials(target.username, target.password)
    header = head.headers.get("authorization")
    return BasicCredentials("", b"") if header is None else read_basic(header)


def describe(head: RequestHead, directory: Directory | None = None, *, proven: bool = False) -> Described:
    """Tells what may be recorded of a head: no password, nor what may be one.

    Args:
        head: what was sent.
        directory: tells which parts of the path are names of ours.
        proven: whether user name and password turned out to be right.
    """
    target = read_target(head.target)
    credentials = _credentials(head, target)
    known = _known(target, credentials, directory, proven=proven)
    said: dict[str, str | None] = {
        "cp": target.shown_identifier(known),
        "profile": target.profile,
        "path": target.shown(known),
        "hid": target.shown_hid(known),
        "username": target.shown_username(known) or (None if credentials is None else credentials.username),
        "subprotocols": _offered(head),
        "extensions": head.headers.get("sec-websocket-extensions"),
        "userAgent": head.headers.get("user-agent"),
    }
    return {name: _printable(text) for name, text in said.items() if text}


def _known(target: Target, credentials: BasicCredentials | None, directory: Directory | None, *, proven: bool) -> Known:
    if directory is None:
        return msgspec.structs.replace(NOTHING_KNOWN, password=proven)
    username = "" if credentials is None else credentials.username
    credential = directory.credential(username) or directory.credential(unquote(username))
    account = directory.account_by_hid(target.hid or "")
    owner = credential or account
    identifier = target.identifier or ""
    return Known(
        hid=account is not None,
        username=credential is not None,
        password=proven,
        identifier=(
            directory.first_charger(identifier)
            if owner is None
            else directory.charger_by_identifier(identifier, owner.account_id)
        )
        is not None,
    )


def header_names(head: RequestHead) -> str:
    """Lists what else a head said, by name only: who asks why a charger is refused may miss one (Q02, Q11)."""
    return _printable(", ".join(head.headers))


def _printable(text: str) -> str:
    """Makes text of a stranger fit for a log line: one line of it, and no control characters for terminals."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text[:_SHOWN_CHARACTERS])


# -- whether it may -------------------------------------------------------------------------------------


def find_credential(claim: Claim, directory: Directory) -> tuple[Credential | None, Claim]:
    """Finds the credential of a claim; a username that is percent-encoded is decoded where that helps (Q08)."""
    if claim.username is None:
        return None, claim
    found = directory.credential(claim.username)
    if found is None and "%" in claim.username:
        found = directory.credential(unquote(claim.username))
        if found is not None:
            return found, _repaired(claim, "username_encoded")
    return found, claim


def account_of(claim: Claim, credential: Credential | None, peer: Peer, directory: Directory) -> int | None:
    """Tells whose charger this may be: of the credential, the hid, the certificate; else of the first so called."""
    if credential is not None:
        return credential.account_id
    hids = (claim.hid, peer.certificate and peer.certificate.organization)
    account = next((found for hid in hids if hid and (found := directory.account_by_hid(hid)) is not None), None)
    if account is not None:
        return account.account_id
    charger = directory.first_charger(claim.identifier)
    return None if charger is None else charger.account_id


def judge_claim(
    claim: Claim,
    credential: Credential | None,
    peer: Peer,
    directory: Directory,
    rules: Rules = LENIENT,
) -> Admitted | Refused:
    """Decides about a claim whose password was verified; `credential` is None where it was not right, or not sent."""
    if claim.username is not None and credential is None:
        return refused("wrong_password")
    account_id = account_of(claim, credential, peer, directory)
    certified = _is_certified(claim, peer, account_id, directory)
    wanting = _missing_proof(claim, peer, certified=certified, rules=rules)
    if wanting is not None:
        return wanting
    reached = 3 if certified else 0 if credential is None else 2 if peer.tls else 1
    charger = None if account_id is None else directory.charger_by_identifier(claim.identifier, account_id)
    if reached == 0 and (charger is None or charger.security_profile > 0):
        # A stranger does not learn who is registered.
        return refused("no_credentials") if peer.certificate is None else _wrong_certificate(claim, peer.certificate)
    if charger is None:
        return _unknown(claim)
    return _judge_charger(charger, credential, _note_repairs(claim, charger, directory), reached, rules)


def _is_certified(claim: Claim, peer: Peer, account_id: int | None, directory: Directory) -> bool:
    """Whether a verified certificate proves to be this charger of this account.

    Two accounts may have chargers of the same name. A certificate with an account's hid as organization is of that
    account's; any other is of the one registered first, so that nobody takes it over by registering the name again.
    """
    if peer.certificate is None or not _names_it(claim, peer.certificate):
        return False
    owner = directory.account_by_hid(peer.certificate.organization)
    if owner is not None:
        return owner.account_id == account_id
    first = directory.first_charger(claim.identifier)
    return first is None or first.account_id == account_id


def _names_it(claim: Claim, certificate: PeerCertificate) -> bool:
    """Compares without case, as host names are."""
    return claim.identifier.casefold() in {name.casefold() for name in certificate.names}


def _missing_proof(claim: Claim, peer: Peer, *, certified: bool, rules: Rules) -> Refused | None:
    """Says what is missing of the proof that this server wants of everybody."""
    if rules.client_auth != "either" and not certified:
        if peer.certificate is None:
            return refused("no_certificate", identifier=quote(claim.shown))
        return _wrong_certificate(claim, peer.certificate)
    if rules.client_auth == "both" and claim.username is None:
        return refused("no_credentials")
    return None


def _wrong_certificate(claim: Claim, certificate: PeerCertificate) -> Refused:
    identifier = quote(claim.shown)
    if _names_it(claim, certificate):
        return refused("foreign_certificate", identifier=identifier)
    names = _printable(" or ".join(certificate.names)) or "nobody"
    return refused("wrong_certificate", names=names, identifier=identifier)


def _unknown(claim: Claim) -> Refused:
    first, _, second = claim.identifier.partition("/")
    if first.casefold() == second.casefold():
        return refused("doubled_identity")
    if claim.shown == HIDDEN:
        return refused("unknown_charger", identifier="of this identity", quoted="IDENTITY")
    return refused("unknown_charger", identifier=claim.shown, quoted=quote(claim.shown))


def _note_repairs(claim: Claim, charger: Charger, directory: Directory) -> Claim:
    if claim.identifier != charger.identifier:
        claim = _repaired(claim, "identifier_case")
    if claim.hid is not None:
        named = directory.account_by_hid(claim.hid)
        if named is None or named.account_id != charger.account_id:
            claim = _repaired(claim, "hid_unknown")
    return claim


def _repaired(claim: Claim, name: str) -> Claim:
    return msgspec.structs.replace(claim, repairs=(*claim.repairs, name))


def _judge_charger(
    charger: Charger, credential: Credential | None, claim: Claim, reached: int, rules: Rules
) -> Admitted | Refused:
    said = {"identifier": charger.identifier, "quoted": quote(charger.identifier)}
    if not charger.enabled:
        return refused("disabled", **said)
    if credential is not None and not credential.allows(charger.identifier):
        return refused("not_allowed", username=credential.username, **said)
    if reached < charger.security_profile:
        wanted, came = SECURITY_PROFILES[charger.security_profile], SECURITY_PROFILES[reached]
        return refused("security_too_low", wanted=wanted, reached=came, profile=reached, **said)
    unforgiven = next((name for name in claim.repairs if name in rules.strict), None)
    if unforgiven is not None:
        return refused(unforgiven, registered=charger.identifier, identifier=claim.identifier)
    return Admitted(charger, credential, claim, reached)
