"""Handshakes: what is refused with which status and why, and what real chargers get away with."""

from __future__ import annotations

import msgspec
import pytest
from heads import (
    DIRECTORY,
    FOO,
    PLAIN,
    TLS,
    basic,
    claim,
    head,
    judge,
    shows,
)
from hypothesis import given
from hypothesis import strategies as st

from solarocpp.config import Config
from solarocpp.errors import ConfigError
from solarocpp.gateway.handshake import (
    LENIENT,
    Admitted,
    Claim,
    Rules,
    describe,
    find_credential,
    judge_claim,
    read_claim,
    rules_of,
)
from solarocpp.gateway.refusals import Refused, refusal_response, refused
from solarocpp.gateway.request_head import RequestHead, read_head
from solarocpp.ocpp.lenience import HANDSHAKE_LENIENCES
from solarocpp.registry import Credential

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
