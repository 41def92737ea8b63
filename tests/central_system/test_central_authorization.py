"""Authorize: the vectors of spec 13.4."""

from __future__ import annotations

from datetime import timedelta

import pytest
from charging_site import Site, T, session_record

from solarocpp.ocpp.datatypes import IdTagInfo
from solarocpp.ocpp.messages import AuthorizeConfirmation, AuthorizeRequest
from solarocpp.registry.entities import Authorization

TOMORROW, YESTERDAY = T + timedelta(days=1), T - timedelta(days=1)


@pytest.mark.parametrize(
    ("id_tag", "info"),
    [
        ("expiring", IdTagInfo("Accepted", "P", TOMORROW)),
        ("expired", IdTagInfo("Expired", "P", YESTERDAY)),
        ("blocked", IdTagInfo("Blocked", "P", TOMORROW)),
        ("nobody", IdTagInfo("Invalid")),
        ("vid:ABC", IdTagInfo("Invalid")),
        ("TESTER", IdTagInfo("Accepted")),  # Q95
    ],
)
def test_vectors_13_4(id_tag: str, info: IdTagInfo) -> None:
    answer = Site().say(AuthorizeRequest(id_tag))
    assert answer.confirmation == AuthorizeConfirmation(info)
    assert (answer.effects, answer.from_memory) == ((), False)


@pytest.mark.parametrize("id_tag", ["vid:ABC", "VID:ABC"])
def test_wildcard_lets_vehicles_in_13_4_q97(id_tag: str) -> None:
    site = Site()
    site.registry._put_authorization(Authorization(9, 1, "vid:*", T))
    assert site.say(AuthorizeRequest(id_tag)).confirmation == AuthorizeConfirmation(IdTagInfo("Accepted"))


@pytest.mark.parametrize(
    ("id_tag", "status"), [("04E91C5A", "Blocked"), ("04FF", "Accepted"), ("05", "Invalid"), ("", "Invalid")]
)
def test_prefix_decides_where_there_is_nothing_longer_q97(id_tag: str, status: str) -> None:
    site = Site()
    site.registry._put_authorization(Authorization(8, 1, "04*", T))
    site.registry._put_authorization(Authorization(9, 1, "04e9*", T, enabled=False))
    assert site.say(AuthorizeRequest(id_tag)).confirmation == AuthorizeConfirmation(IdTagInfo(status))  # type: ignore[arg-type]


def test_empty_token_is_invalid_even_where_everybody_may_charge_q97() -> None:
    site = Site()
    site.registry._put_authorization(Authorization(9, 1, "*", T))
    assert site.say(AuthorizeRequest("")).confirmation == AuthorizeConfirmation(IdTagInfo("Invalid"))
    assert site.say(AuthorizeRequest("anybody")).confirmation == AuthorizeConfirmation(IdTagInfo("Accepted"))


@pytest.mark.parametrize(("charger", "status"), [(7, "Accepted"), (8, "Blocked")])
def test_token_of_some_chargers_is_blocked_at_the_others_q98(charger: int, status: str) -> None:
    site = Site()
    site.registry._put_authorization(Authorization(9, 1, "visitor", T, parent="P", chargers=("cp001", "CP003")))
    authorized = site.say(AuthorizeRequest("visitor"), charger=charger).confirmation
    assert authorized == AuthorizeConfirmation(IdTagInfo(status, "P"))  # type: ignore[arg-type]
    confirmation, _ = site.start(token="visitor", charger=charger)
    assert confirmation.id_tag_info.status == status


def test_blocked_elsewhere_wins_over_expired() -> None:
    site = Site()
    site.registry._put_authorization(Authorization(9, 1, "visitor", T, expires=YESTERDAY, chargers=("CP002",)))
    answer = site.say(AuthorizeRequest("visitor"))
    assert answer.confirmation == AuthorizeConfirmation(IdTagInfo("Blocked", None, YESTERDAY))


def test_token_expires_at_its_moment() -> None:
    site = Site()
    site.registry._put_authorization(Authorization(9, 1, "now", T, expires=T))
    assert site.say(AuthorizeRequest("now")).confirmation == AuthorizeConfirmation(IdTagInfo("Expired", None, T))


def test_token_of_another_account_is_invalid() -> None:
    answer = Site().say(AuthorizeRequest("expiring"), charger=9)
    assert answer.confirmation == AuthorizeConfirmation(IdTagInfo("Invalid"))


def test_authorize_is_never_concurrent_w11() -> None:
    """The driver presents the same card to stop."""
    site = Site(open_sessions=[session_record()], max_active=1)
    assert site.say(AuthorizeRequest("tester")).confirmation == AuthorizeConfirmation(IdTagInfo("Accepted"))
