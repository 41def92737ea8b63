"""Templates become source ids: the vectors of spec 13.2, then the rules of 3.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solarocpp.metering.source_ids import DEFAULT_TEMPLATE, judge_template, source_id

FOO = "/foo/{chargerIdentifier}/{connectorId}/{something}/{else}"


@pytest.mark.parametrize(
    ("template", "connector_id", "location", "suffix", "expected"),
    [
        (DEFAULT_TEMPLATE, 1, "Outlet", "", "/ocpp/cp/CP001/1/Outlet"),
        (DEFAULT_TEMPLATE, 0, "Inlet", "", "/ocpp/cp/CP001/0/Inlet"),
        (DEFAULT_TEMPLATE, 1, None, "/status", "/ocpp/cp/CP001/1/status"),
        (DEFAULT_TEMPLATE, None, None, "/diagnostics-status", "/ocpp/cp/CP001/diagnostics-status"),
        (DEFAULT_TEMPLATE, None, None, "/firmware-status", "/ocpp/cp/CP001/firmware-status"),
        (FOO, 1, None, "/status", "/foo/CP001/1/status"),
        (FOO, 0, None, "/status", "/foo/CP001/0/status"),
        (FOO, None, None, "/dlb", "/foo/CP001/dlb"),
        (FOO, None, None, "/meter", "/foo/CP001/meter"),
        (FOO, None, None, "/diagnostics-status", "/foo/CP001/diagnostics-status"),
        (FOO, None, None, "/firmware-status", "/foo/CP001/firmware-status"),
        (FOO, 1, None, "/vid", "/foo/CP001/1/vid"),
        ("//a//b//", 1, "Outlet", "", "/a/b"),
        ("/x/{chargePointId}/{evseId}/{location:none}", 1, None, "", "/x/7/0/none"),
    ],
)
def test_vectors_13_2(
    template: str, connector_id: int | None, location: str | None, suffix: str, expected: str
) -> None:
    assert source_id(template, "CP001", 7, connector_id, location, suffix) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("/a/{evseId}/{connectorId}", "/a/0/2"),  # 0 is a value, not empty
        ("/plain", "/plain"),
        ("/{chargerIdentifier}-{nothing}", "/CP 1/x|%41-"),  # values go in raw; an unknown name gives nothing
        ("/{nothing:some}/{connectorId:9}", "/some/2"),
        ("/{connectorId:[0-9]{2}}", "/2"),
        ("/{}/{/}", "/{}/{/}"),  # a placeholder has a character and no slash
        ("a/b", "a/b"),
    ],
)
def test_rules_3_1(template: str, expected: str) -> None:
    assert source_id(template, "CP 1/x|%41", 7, 2, "Outlet") == expected


@given(st.text(alphabet="/a{}:", max_size=20), st.text(alphabet="/b", max_size=4))
def test_source_ids_have_no_double_and_no_trailing_slash(template: str, suffix: str) -> None:
    made = source_id(template, "CP//1/", 7, 1, "Outlet", suffix)
    assert "//" not in made
    assert not made.endswith("/")


def test_long_result_is_whole_q29() -> None:
    assert source_id("/ocpp/cp/{chargerIdentifier}", "C" * 80, 7) == "/ocpp/cp/" + "C" * 80


def test_template_is_refused_when_its_fixed_text_alone_is_too_long_q29() -> None:
    assert judge_template(DEFAULT_TEMPLATE) is None
    assert judge_template("/" + "a" * 63) is None
    assert judge_template("/" + "a" * 63 + "/{chargerIdentifier}") is not None
    assert judge_template("/" + "a" * 63 + "{chargerIdentifier}") is None
    assert judge_template("//") == "it names no stream"
