"""What may be registered, what is refused and with which words, what is only worth a warning."""

from __future__ import annotations

import pytest

from solarocpp.errors import RegistryError
from solarocpp.registry import rules


@pytest.mark.parametrize(
    "identifier", ["CP001", "GaroCS-4133AAAA46980", "RDAM|123", "50 % full", "a/b", "Zürich-ß", "x" * 255]
)
def test_printable_identifiers_are_accepted(identifier: str) -> None:
    """Q08, Q09: chargers exist with spaces, pipes and percent signs in their identity."""
    rules.check_identifier(identifier)


@pytest.mark.parametrize("identifier", ["", " CP001", "CP001 ", "CP\n001", "CP\x00", "/CP001", "CP001/", "x" * 256])
def test_identifiers_no_url_can_carry_are_refused(identifier: str) -> None:
    with pytest.raises(RegistryError):
        rules.check_identifier(identifier)


def test_an_identifier_longer_than_48_is_a_warning() -> None:
    assert rules.warnings_about_identifier("x" * 48) == []
    (warning,) = rules.warnings_about_identifier("x" * 49)
    assert warning.endswith("has 49 characters; other systems take 48 at most.")


def test_a_username_with_a_colon_is_refused() -> None:
    with pytest.raises(RegistryError, match="HTTP Basic ends the username there"):
        rules.check_username("depot:north")


@pytest.mark.parametrize(
    ("token", "warnings"),
    [
        ("04E91C5A", []),
        ("vid:*", []),
        ("*", ["Token '*' lets every id tag charge that has no row of its own."]),
        ("x" * 21, [f"Token '{'x' * 21}' has 21 characters; OCPP 1.6 allows 20."]),
    ],
)
def test_a_token_that_may_surprise_is_a_warning(token: str, warnings: list[str]) -> None:
    assert rules.warnings_about_token(token) == warnings


@pytest.mark.parametrize(
    "template",
    [
        "/ocpp/cp/{chargerIdentifier}/{connectorId}/{location}",
        "/x/{chargePointId}/{evseId}/{location:none}",
        "/depot",
    ],
)
def test_templates_of_known_parameters_are_accepted(template: str) -> None:
    rules.check_template(template)


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("", "gives no source ID"),
        ("///", "gives no source ID"),
        ("/cp/{chargerIdentifer}", "unknown {chargerIdentifer}. Did you mean {chargerIdentifier}?"),
        ("/cp/{colour}", "unknown {colour}. Known: chargerIdentifier, chargePointId, evseId, connectorId, location."),
        # 46 characters and the 19 of "/diagnostics-status" are 65.
        ("/" + "x" * 45 + "{chargerIdentifier}", "has 65 characters; a source ID has 64 at most"),
        ("/{location:" + "x" * 250 + "}", "The template has 262 characters; 255 fit."),
    ],
)
def test_a_template_that_cannot_work_is_refused_when_it_is_set(template: str, complaint: str) -> None:
    with pytest.raises(RegistryError) as refused:
        rules.check_template(template)
    assert complaint in str(refused.value)


def test_a_template_of_exactly_64_fixed_characters_is_accepted() -> None:
    rules.check_template("/" + "x" * 44 + "{chargerIdentifier}")


def test_templates_that_merge_streams_are_warned_about() -> None:
    both = ["Without {chargerIdentifier} all chargers of a node share one stream."]
    connectors = ["Without {connectorId} all connectors of a charger share one stream."]
    assert rules.warnings_about_template("/depot", whole_account=True) == both + connectors
    assert rules.warnings_about_template("/depot", whole_account=False) == connectors
    assert rules.warnings_about_template("/{chargePointId}/{connectorId}", whole_account=True) == []


def test_the_nearest_name_is_found_in_any_case() -> None:
    assert rules.nearest("cp01", ["CP001", "CP002", "depot"]) == "CP001"
    assert rules.nearest("zzz", ["CP001"]) is None
