"""Handshakes: what is refused with which status and why, and what real chargers get away with."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solarocpp.config import Config
from solarocpp.errors import ConfigError
from solarocpp.gateway.handshake import (
    LENIENT,
    Admitted,
    Claim,
    Rules,
    account_of,
    describe,
    find_credential,
    judge_claim,
    read_claim,
    rules_of,
)
from solarocpp.gateway.peers import Peer, PeerCertificate
from solarocpp.gateway.refusals import Refused, refusal_response, refused
from solarocpp.gateway.request_head import RequestHead, read_head
from solarocpp.ocpp.datatypes import ChargePointId
from solarocpp.ocpp.lenience import HANDSHAKE_LENIENCES
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


# -- what is claimed -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "authorization", "said"),
    [
        ("/ocpp/j/v16/CP001", basic(), ("v16", None, "foo", b"bar:baz")),
        ("/ocpp/j/v16h/H1/CP001", basic(), ("v16h", "H1", "foo", b"bar:baz")),
        ("/ocpp/j/v16u/foo/b%2Fr/CP001", "", ("v16u", None, "foo", b"b/r")),
        ("/ocpp/j/v16u/foo/bar/CP001", basic(b"other:one"), ("v16u", None, "foo", b"bar")),  # the path wins
        ("/ocpp/j/v16hu/H1/foo/bar/CP001", "", ("v16hu", "H1", "foo", b"bar")),
    ],
)
def test_a_claim_is_read_by_each_profile(target: str, authorization: str, said: tuple[object, ...]) -> None:
    without = "" if authorization else "authorization"
    found = claim(target, without=without, **({"authorization": authorization} if authorization else {}))
    assert (found.profile, found.hid, found.username, found.password) == said
    assert (found.identifier, found.subprotocol, found.repairs) == ("CP001", "ocpp1.6", ())


def test_a_claim_without_credentials_has_no_username() -> None:
    assert claim(without="authorization").username is None


@pytest.mark.parametrize(
    ("request_head", "status", "kind"),
    [
        (head(without="upgrade"), 426, "no_upgrade"),
        (head("/", without="upgrade"), 426, "no_upgrade"),
        (head(method="POST"), 405, "not_get"),
        (head(without="sec-websocket-key"), 400, "no_key"),
        (head(sec_websocket_key="two words"), 400, "no_key"),
        (head(sec_websocket_key="\r\n"), 400, "no_key"),
        (head(sec_websocket_version="8"), 426, "wrong_version"),
        (head("/"), 404, "bad_path"),
        (head("/ocpp/j/v16u/foo/CP001"), 404, "bad_path"),
        (head("/ocpp/j/v16/%ff"), 404, "bad_encoding"),
        (head("/ocpp/j/v16/" + "x" * 256), 404, "bad_identifier"),
        (head(sec_websocket_protocol="ocpp2.0.1, ocpp1.5"), 400, "wrong_subprotocol"),
        (head(authorization="Diddly Squat"), 401, "bad_authorization"),
        (head(authorization="Basic Oh:no"), 401, "bad_authorization"),
    ],
)
def test_what_cannot_be_is_refused_with_its_status(request_head: RequestHead, status: int, kind: str) -> None:
    verdict = read_claim(request_head)
    assert isinstance(verdict, Refused)
    assert (verdict.status, verdict.kind) == (status, kind)


def test_among_several_subprotocols_ours_is_chosen() -> None:
    assert claim(sec_websocket_protocol="ocpp2.0.1, ocpp1.6").subprotocol == "ocpp1.6"
    assert claim(sec_websocket_protocol="OCPP1.6").subprotocol == "OCPP1.6"  # goes back as it came


# -- what is forgiven ------------------------------------------------------------------------------------

ODD = {
    "head_loosely_written": head(),  # given its repair by read_head; see test_request_head
    "target_unencoded": head(),
    "absolute_target": head("http://x/ocpp/j/v16/CP001"),
    "pasted_url": head("/ws://depot/ocpp/j/v16/CP001"),
    "extra_slashes": head("/ocpp/j/v16/CP001/"),
    "identifier_long": head("/ocpp/j/v16/" + "x" * 49),
    "identifier_case": head("/ocpp/j/v16/cp001"),
    "hid_unknown": head("/ocpp/j/v16h/nobody/CP001"),
    "scheme_word": head(authorization=basic(scheme="Basic:")),
    "username_encoded": head(authorization=basic(b"f%6Fo:bar")),
    "connection_upgrade_missing": head(without="connection"),
    "version_missing": head(without="sec-websocket-version"),
    "subprotocol_missing": head(without="sec-websocket-protocol"),
    "subprotocol_case": head(sec_websocket_protocol="Ocpp1.6"),
}
LATE = {"identifier_case", "hid_unknown", "username_encoded"}  # noticed when the charger is known


def repaired(name: str) -> RequestHead:
    odd = ODD[name]
    of_the_head = name in {"head_loosely_written", "target_unencoded"}
    return msgspec.structs.replace(odd, repairs=(name,)) if of_the_head else odd


def judged(request_head: RequestHead, rules: Rules) -> Admitted | Refused:
    found = read_claim(request_head, rules)
    if isinstance(found, Refused):
        return found
    credential, found = find_credential(found, DIRECTORY)
    return judge_claim(found, credential, PLAIN, DIRECTORY, rules)


def test_every_lenience_is_shown_here() -> None:
    assert ODD.keys() == HANDSHAKE_LENIENCES


@pytest.mark.parametrize("name", sorted(ODD.keys() - LATE))
def test_odd_handshakes_are_taken_and_named(name: str) -> None:
    found = read_claim(repaired(name))
    assert isinstance(found, Claim)
    assert found.repairs == (name,)


@pytest.mark.parametrize("name", sorted(LATE))
def test_odd_names_are_taken_and_named(name: str) -> None:
    verdict = judged(ODD[name], LENIENT)
    assert isinstance(verdict, Admitted)
    assert (verdict.charger.identifier, verdict.claim.repairs) == ("CP001", (name,))


@pytest.mark.parametrize("name", sorted(ODD))
def test_a_strict_server_does_not_forgive(name: str) -> None:
    verdict = judged(repaired(name), Rules(strict=frozenset({name})))
    assert isinstance(verdict, Refused)
    assert verdict.kind == name
    assert "{" not in verdict.reason + verdict.hint


def test_strict_about_one_thing_is_not_strict_about_another() -> None:
    assert isinstance(judged(ODD["subprotocol_missing"], Rules(strict=frozenset({"version_missing"}))), Admitted)


def test_a_hid_of_another_account_is_forgiven_where_the_password_is_right() -> None:
    verdict = judge("/ocpp/j/v16h/hid22222/CP001")
    assert isinstance(verdict, Admitted)
    assert verdict.claim.repairs == ("hid_unknown",)
    own = judge("/ocpp/j/v16h/hid11111/CP001")
    assert isinstance(own, Admitted)
    assert own.claim.repairs == ()


def test_a_lenience_that_does_not_exist_cannot_be_switched_off() -> None:
    with pytest.raises(ConfigError, match=r"strict is 'subprotocol'; allowed: .*subprotocol_missing"):
        rules_of(Config(strict=("subprotocol",)))
    assert rules_of(Config(strict=("extra_slashes",))).strict == {"extra_slashes"}


# -- who may ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "credential", "status", "kind"),
    [
        ("/ocpp/j/v16/CP001", None, 401, "wrong_password"),
        ("/ocpp/j/v16/CP999", None, 401, "wrong_password"),  # who knows no password learns nothing more
        ("/ocpp/j/v16/CP999", FOO, 404, "unknown_charger"),
        ("/ocpp/j/v16/CP001/CP001", FOO, 404, "doubled_identity"),
        ("/ocpp/j/v16/THEIRS", FOO, 404, "unknown_charger"),
        ("/ocpp/j/v16/CP002", FOO, 403, "disabled"),
        ("/ocpp/j/v16/CP001", msgspec.structs.replace(FOO, allowed=("CP009",)), 403, "not_allowed"),
        ("/ocpp/j/v16/TLS", FOO, 403, "security_too_low"),
        ("/ocpp/j/v16/CERT", FOO, 403, "security_too_low"),
    ],
)
def test_who_may_not_is_told_why(target: str, credential: Credential | None, status: int, kind: str) -> None:
    verdict = judge(target, credential)
    assert isinstance(verdict, Refused)
    assert (verdict.status, verdict.kind) == (status, kind)


@pytest.mark.parametrize("allowed", [(), ("cp001",), ("CP009", "CP001")])
def test_case_does_not_keep_a_charger_out(allowed: tuple[str, ...]) -> None:
    verdict = judge("/ocpp/j/v16/cp001", msgspec.structs.replace(FOO, allowed=allowed))
    assert isinstance(verdict, Admitted)
    assert verdict.charger.identifier == "CP001"


@pytest.mark.parametrize(
    ("target", "credential", "peer", "reached"),
    [
        ("/ocpp/j/v16/CP001", FOO, PLAIN, 1),
        ("/ocpp/j/v16/TLS", FOO, TLS, 2),
        ("/ocpp/j/v16/CERT", FOO, shows("cert"), 3),
        ("/ocpp/j/v16/CERT", FOO, shows("other", "CERT"), 3),
        ("/ocpp/j/v16/CP001", FOO, shows("other"), 2),  # the password is right, and enough here
    ],
)
def test_what_a_connection_proves_is_told(target: str, credential: Credential, peer: Peer, reached: int) -> None:
    verdict = judge(target, credential, peer)
    assert isinstance(verdict, Admitted)
    assert verdict.security_profile == reached


@pytest.mark.parametrize(
    ("target", "peer", "verdict"),
    [
        ("/ocpp/j/v16/OPEN", PLAIN, 0),
        ("/ocpp/j/v16/CP001", PLAIN, "no_credentials"),
        ("/ocpp/j/v16/CP999", PLAIN, "no_credentials"),  # a stranger does not learn who is registered
        ("/ocpp/j/v16/CP002", PLAIN, "no_credentials"),
        ("/ocpp/j/v16/CP001", shows("CP001"), 3),
        ("/ocpp/j/v16/CP001", shows("CP002"), "wrong_certificate"),
        ("/ocpp/j/v16/CP999", shows("CP999"), "unknown_charger"),
        ("/ocpp/j/v16/CP002", shows("CP002"), "disabled"),
        ("/ocpp/j/v16/TWICE", PLAIN, 0),  # of the one registered first
        ("/ocpp/j/v16h/hid22222/TWICE", PLAIN, 0),
        ("/ocpp/j/v16h/hid11111/THEIRS", shows("THEIRS"), "foreign_certificate"),
        ("/ocpp/j/v16h/nobody/THEIRS", shows("THEIRS"), 3),
    ],
)
def test_without_a_password_a_certificate_or_the_charger_decides(target: str, peer: Peer, verdict: int | str) -> None:
    found = judge(target, None, peer, without="authorization")
    assert (found.security_profile if isinstance(found, Admitted) else found.kind) == verdict


@pytest.mark.parametrize(
    ("client_auth", "peer", "credential", "verdict"),
    [
        ("certificate", TLS, FOO, "no_certificate"),
        ("certificate", shows("CP002"), FOO, "wrong_certificate"),
        ("certificate", shows("CP001"), None, 3),
        ("certificate", shows("CP001"), FOO, 3),
        ("both", TLS, FOO, "no_certificate"),
        ("both", shows("CP001"), None, "no_credentials"),
        ("both", shows("CP001"), FOO, 3),
        ("either", TLS, FOO, 2),
        ("either", shows("CP001"), None, 3),
        ("either", TLS, None, "no_credentials"),
    ],
)
def test_a_server_may_want_certificates_of_everybody(
    client_auth: str, peer: Peer, credential: Credential | None, verdict: int | str
) -> None:
    rules = Rules(client_auth=client_auth)  # type: ignore[arg-type]
    found = judge("/ocpp/j/v16/CP001", credential, peer, rules, without="" if credential else "authorization")
    assert (found.security_profile if isinstance(found, Admitted) else found.kind) == verdict


def test_a_wrong_password_is_not_made_good_by_a_certificate() -> None:
    assert kind_of(judge("/ocpp/j/v16/CP001", None, shows("CP001"))) == "wrong_password"


def test_a_charger_that_opted_out_of_passwords_cannot_opt_out_of_certificates() -> None:
    verdict = judge("/ocpp/j/v16/OPEN", None, TLS, Rules(client_auth="certificate"), without="authorization")
    assert kind_of(verdict) == "no_certificate"


def test_whose_charger_it_is() -> None:
    theirs = shows("TWICE", organization="hid22222")
    assert account_of(claim("/ocpp/j/v16h/hid22222/CP001"), FOO, PLAIN, DIRECTORY) == 1
    assert account_of(claim("/ocpp/j/v16h/hid22222/CP001"), None, PLAIN, DIRECTORY) == 2
    assert account_of(claim("/ocpp/j/v16/THEIRS"), None, PLAIN, DIRECTORY) == 2
    assert account_of(claim("/ocpp/j/v16/TWICE"), None, PLAIN, DIRECTORY) == 1
    assert account_of(claim("/ocpp/j/v16/TWICE"), None, theirs, DIRECTORY) == 2
    assert account_of(claim("/ocpp/j/v16h/hid11111/TWICE"), None, theirs, DIRECTORY) == 1
    assert account_of(claim("/ocpp/j/v16/NOBODY"), None, PLAIN, DIRECTORY) is None


THEIR_FOO = Credential(2, 2, "foo", (), "generated", "secret", THEN)


@pytest.mark.parametrize(
    ("target", "credential", "organization", "verdict"),
    [
        # Of no account: that of the charger registered first, whoever else has one of the name.
        ("/ocpp/j/v16/SAME", None, "", (10, 3)),
        ("/ocpp/j/v16/SAME", None, "ACME", (10, 3)),
        ("/ocpp/j/v16h/hid22222/SAME", None, "", "foreign_certificate"),
        ("/ocpp/j/v16/SAME", THEIR_FOO, "", (11, 2)),
        # Of an account: that of its charger only.
        ("/ocpp/j/v16/SAME", None, "HID22222", (11, 3)),
        ("/ocpp/j/v16h/hid22222/SAME", None, "hid22222", (11, 3)),
        ("/ocpp/j/v16h/hid22222/SAME", None, "hid11111", "foreign_certificate"),
        ("/ocpp/j/v16h/hid11111/SAME", None, "hid22222", "foreign_certificate"),
        ("/ocpp/j/v16/SAME", THEIR_FOO, "hid11111", (11, 2)),
        ("/ocpp/j/v16/SAME", THEIR_FOO, "hid22222", (11, 3)),
        ("/ocpp/j/v16/THEIRS", None, "hid11111", "unknown_charger"),
        # Without any proof the hid chooses, else the first has it.
        ("/ocpp/j/v16h/hid22222/TWICE", None, "hid11111", (8, 0)),
    ],
)
def test_a_certificate_is_of_one_account(
    target: str, credential: Credential | None, organization: str, verdict: tuple[int, int] | str
) -> None:
    peer = shows(target.rpartition("/")[2], organization=organization)
    found = judge(target, credential, peer, without="" if credential else "authorization")
    said = (found.charger.charger_id, found.security_profile) if isinstance(found, Admitted) else found.kind
    assert said == verdict


def test_a_server_that_wants_certificates_wants_those_of_the_account() -> None:
    peer = shows("SAME", organization="hid11111")
    verdict = judge("/ocpp/j/v16/SAME", THEIR_FOO, peer, Rules(client_auth="both"))
    assert kind_of(verdict) == "foreign_certificate"


# -- what is told ----------------------------------------------------------------------------------------


def test_a_head_is_described_without_secrets() -> None:
    odd = head(
        "ws://foo:secret@depot/ocpp/j/v16hu/hid11111/foo/secret/CP001?secret",
        sec_websocket_protocol="ocpp1.6,\x1b[31mred",
        user_agent="Firmware/1.0",
        cookie="secret",
    )
    assert describe(odd, DIRECTORY) == {
        "cp": "CP001",
        "profile": "v16hu",
        "path": "/ocpp/j/v16hu/hid11111/foo/[redacted]/CP001",
        "hid": "hid11111",
        "username": "foo",
        "subprotocols": "ocpp1.6, \ufffd[31mred",
        "userAgent": "Firmware/1.0",
    }


def test_segments_before_an_unknown_identity_are_nobodys_business() -> None:
    assert describe(head("/ocpp/j/v16/foo/secret/CP001"), DIRECTORY)["cp"] == "..."
    assert describe(head("/ocpp/j/v16/depot/CP7"), DIRECTORY)["cp"] == "depot/CP7"
    verdict = judge("/ocpp/j/v16/foo/secret/CP001")
    assert isinstance(verdict, Refused)
    assert (verdict.reason, verdict.hint) == (
        "There is no charger of this identity.",
        "Register it with: solarocpp charger add IDENTITY",
    )


@pytest.mark.parametrize(
    "target",
    [
        "/ocpp/j/v16/foo:secret",
        "/ocpp/j/v16/foo%3Asecret%40CP001",
        "/ocpp/j/v16/foo%2Fsecret",
        "/ocpp/j/v16h/secret/CP001",
        "/ocpp/j/v16h/foo/secret",
        "/ocpp/j/v16u/secret/foo/CP001",
        "/ocpp/j/v16u/foo/CP001/secret",
        "/ocpp/j/v16hu/foo/secret/CP001/CP001",
    ],
)
@pytest.mark.parametrize("credential", [FOO, None])
@pytest.mark.parametrize("rules", [LENIENT, Rules(client_auth="certificate")])
def test_a_password_at_the_wrong_place_is_not_told(target: str, credential: Credential | None, rules: Rules) -> None:
    """Whatever becomes of it: the event, the reason, the hint and the claim itself."""
    found = claim(target)
    assert "secret" not in str(describe(head(target), DIRECTORY)) + repr(found) + str(found.described)
    if "v16u/" in target and credential is not None:
        return  # there, with the right password, the parts are what they stand for
    for peer in (PLAIN, TLS, shows("CP001")):
        verdict = judge_claim(found, credential, peer, DIRECTORY, rules)
        assert isinstance(verdict, Refused | Admitted)
        if isinstance(verdict, Refused):
            assert "secret" not in verdict.reason + verdict.hint


def test_who_is_unknown_is_told_who_proved_himself() -> None:
    told = describe(head("/ocpp/j/v16u/foo/bar/CP999"), DIRECTORY, proven=True)
    assert (told["cp"], told["path"]) == ("CP999", "/ocpp/j/v16u/foo/[redacted]/CP999")
    verdict = judge("/ocpp/j/v16u/foo/bar/CP999")
    assert isinstance(verdict, Refused)
    assert verdict.reason == "There is no charger CP999."


def test_credentials_that_came_twice_are_refused() -> None:
    raw = b"GET /ocpp/j/v16/CP001 HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n"
    request_head = read_head(raw + f"Authorization: {basic()}\r\nAuthorization: {basic(b'a:b')}\r\n\r\n".encode())
    assert isinstance(request_head, RequestHead)
    verdict = read_claim(request_head)
    assert isinstance(verdict, Refused)
    assert (verdict.kind, verdict.status) == ("repeated_header", 400)


def test_a_claim_never_shows_its_password() -> None:
    assert "bar" not in repr(claim())
    assert "secret" not in repr(claim("/ocpp/j/v16/foo/secret/CP001"))


def test_missing_credentials_are_challenged() -> None:
    """A charger that waits for the challenge could never connect to the reference system (spec Q14)."""
    assert b'\r\nWWW-Authenticate: Basic realm="solarocpp"' in refusal_response(refused("no_credentials"))


texts = st.text() | st.text("/ocpjv16hu%:@,; \x00é", max_size=40)


@given(
    texts | texts.map("/ocpp/j/v16hu/".__add__),
    st.dictionaries(
        st.sampled_from(
            ["authorization", "sec-websocket-protocol", "sec-websocket-key", "connection", "x-forwarded-for"]
        ),
        texts | st.binary().map(basic),
    ),
    st.sampled_from([FOO, None]),
)
def test_any_head_is_a_claim_or_refused(target: str, headers: dict[str, str], credential: Credential | None) -> None:
    request_head = RequestHead("GET", target, {"upgrade": "websocket", "sec-websocket-key": "x", **headers})
    describe(request_head)
    found = read_claim(request_head)
    if isinstance(found, Claim):
        _, found = find_credential(found, DIRECTORY)
        verdict = judge_claim(found, credential, PLAIN, DIRECTORY)
        assert isinstance(verdict, Admitted | Refused)


@given(st.binary() | st.binary().map(b"GET /ocpp/j/v16/CP001 HTTP/1.1\r\nUpgrade: websocket\r\n".__add__))
def test_any_bytes_are_a_claim_or_refused(raw: bytes) -> None:
    """No request head, however odd, raises anything."""
    request_head = read_head(raw)
    verdict = read_claim(request_head) if isinstance(request_head, RequestHead) else request_head
    assert isinstance(verdict, Claim | Refused)
    if isinstance(verdict, Refused):
        assert refusal_response(verdict).startswith(b"HTTP/1.1 ")
