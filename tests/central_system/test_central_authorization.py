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
