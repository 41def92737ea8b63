"""Handshakes: who may connect as whom, by password and by certificate."""

from __future__ import annotations

import msgspec
import pytest
from heads import (
    DIRECTORY,
    FOO,
    PLAIN,
    THEN,
    TLS,
    claim,
    judge,
    kind_of,
    shows,
)

from solarocpp.gateway.handshake import (
    Admitted,
    Rules,
    account_of,
)
from solarocpp.gateway.peers import Peer
from solarocpp.gateway.refusals import Refused
from solarocpp.registry import Credential


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
