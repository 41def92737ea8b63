"""Source patterns, time ranges and names: what an analyst may write, and what is said about the rest."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solarocpp.errors import BadSourcePattern, BadTimeRange, UnknownProperty
from solarocpp.query.filters import (
    Sources,
    SourcesWithin,
    find_name,
    quote,
    read_time_range,
    source_conditions,
    time_conditions,
)

CP001 = "/ocpp/cp/CP001/1/Outlet"


def matching(pattern: Sources | None, sources: list[str]) -> list[str]:
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t AS SELECT unnest(?::VARCHAR[]) AS sourceId", [sources])
        rows = con.table("t")
        for condition in source_conditions(pattern):
            rows = rows.filter(condition)
        return [source for (source,) in rows.fetchall()]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (CP001, [CP001]),
        ("/ocpp/cp/*/1/Outlet", [CP001]),
        ("/ocpp/cp/CP*/*/status", ["/ocpp/cp/CP001/1/status", "/ocpp/cp/CP002/2/status"]),
        ("/ocpp/cp/*/status", []),
        ("/ocpp/**/status", ["/ocpp/cp/CP001/1/status", "/ocpp/cp/CP002/2/status"]),
        ("/ocpp/cp/CP001/**", [CP001, "/ocpp/cp/CP001/1/status", "/ocpp/cp/CP001"]),
        ("**/status", ["/ocpp/cp/CP001/1/status", "/ocpp/cp/CP002/2/status"]),
        ("**", [CP001, "/ocpp/cp/CP001/1/status", "/ocpp/cp/CP002/2/status", "/ocpp/cp/CP001", "meter"]),
        ("*", ["meter"]),
        ("/**", [CP001, "/ocpp/cp/CP001/1/status", "/ocpp/cp/CP002/2/status", "/ocpp/cp/CP001"]),
        ("**/**/1/**/**", [CP001, "/ocpp/cp/CP001/1/status"]),
        ("/ocpp/cp/cp001/1/Outlet", []),
    ],
)
def test_pattern_finds_sources(pattern: str, found: list[str]) -> None:
    sources = [CP001, "/ocpp/cp/CP001/1/status", "/ocpp/cp/CP002/2/status", "/ocpp/cp/CP001", "meter"]
    assert matching(pattern, sources) == found


def test_characters_that_mean_something_elsewhere_stand_for_themselves() -> None:
    sources = ["/a.b", "/axb", "/a?b", "/a%b", "/a_b", "/a[b]", "/a\\b", "/a b", "/a\nb", "/a'b", "/a{b}"]
    for source in sources:
        assert matching(source, sources) == [source]
        # The second form goes through the regular expression.
        assert matching(source + "*", sources) == [source]


def reference(pattern: list[str], source: list[str]) -> bool:
    """The rules of the module docstring, a segment at a time."""
    if not pattern:
        return not source
    first, rest = pattern[0], pattern[1:]
    if first == "**":
        return reference(rest, source) or bool(source and reference(pattern, source[1:]))
    return bool(source) and glob(first, source[0]) and reference(rest, source[1:])


def glob(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return glob(pattern[1:], text) or bool(text and glob(pattern, text[1:]))
    return bool(text) and pattern[0] == text[0] and glob(pattern[1:], text[1:])


segments = st.lists(st.sampled_from(["a", "b", "ab", "a.b", "*", "a*", "*b", "**"]), min_size=1, max_size=5)
names = st.lists(st.sampled_from(["a", "b", "ab", "axb", "a.b", "ba"]), min_size=1, max_size=5)


@settings(deadline=None)  # DuckDB answers, when the machine lets it
@given(segments, st.lists(names, min_size=1, max_size=8), st.sampled_from([[], [""]]))
def test_patterns_agree_with_the_rules_read_segment_by_segment(
    pattern: list[str], sources: list[list[str]], root: list[str]
) -> None:
    expected = [source for source in sources if reference([*root, *pattern], [*root, *source])]
    found = matching("/".join(root + pattern), ["/".join(root + source) for source in sources])
    assert found == ["/".join(root + source) for source in expected]


@pytest.mark.parametrize(
    ("pattern", "nearest"),
    [
        ("", "**"),
        ("/", "**"),
        ("/ocpp/cp/CP001/", "/ocpp/cp/CP001"),
        ("/ocpp//status", "/ocpp/status"),
        ("/ocpp/cp**", "/ocpp/cp*"),
        ("/ocpp/***", "/ocpp/*"),
        ("//ocpp/a**b/", "/ocpp/a*b"),
    ],
)
def test_bad_pattern_is_named_with_the_nearest_good_one(pattern: str, nearest: str) -> None:
    with pytest.raises(BadSourcePattern) as caught:
        source_conditions(pattern)
    assert caught.value.pattern == pattern
    assert caught.value.nearest == nearest
    assert repr(pattern) in str(caught.value)
    source_conditions(nearest)


JANUARY = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 1, 13, tzinfo=timezone(timedelta(hours=13))),
        date(2026, 1, 1),
        "2026-01-01",
        " 2026-01-01T00:00:00Z ",
        "2026-01-01T00:00",
        "2026-01-01 13:00:00+13:00",
    ],
)
def test_moments_are_read_as_utc(moment: datetime | date | str) -> None:
    assert read_time_range(moment, None).at("UTC") == (JANUARY, None)


@pytest.mark.parametrize("moment", [date(2026, 1, 1), "2026-01-01", "2026-01-01T00:00"])
def test_moments_without_zone_are_of_the_node(moment: date | str) -> None:
    span = read_time_range(moment, None)
    assert span.at("Europe/Berlin").since == datetime(2025, 12, 31, 23, tzinfo=UTC)
    assert span.at("America/New_York").since == datetime(2026, 1, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize("moment", ["2026-01-01T00:00Z", "2026-01-01T01:00+01:00", JANUARY])
def test_moments_with_a_zone_are_the_same_everywhere(moment: datetime | str) -> None:
    assert read_time_range(None, moment).at("Europe/Berlin") == (None, JANUARY)


def test_ends_of_the_calendar_have_no_clock_to_go_by() -> None:
    """What there is at year 1 or 9999 is nothing; it must not be an error either."""
    assert read_time_range("0001-01-01", "9999-12-31").at("Asia/Tokyo") == (
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 30, 15, tzinfo=UTC),
    )


def test_naive_datetime_is_refused_because_python_means_local_time_by_it() -> None:
    with pytest.raises(BadTimeRange, match=r"2026-01-01T00:00:00 has no time zone; write 2026-01-01T00:00:00\+00:00"):
        read_time_range(datetime(2026, 1, 1), None)  # noqa: DTZ001


@pytest.mark.parametrize("moment", ["yesterday", "2026-13-01", "", "0001-01-01T00:00:00+10:00", "99999-01-01"])
def test_unreadable_moment_is_named_with_the_right_spelling(moment: str) -> None:
    with pytest.raises(BadTimeRange, match="write it like 2026-01-31 or 2026-01-31T18:00:00Z") as caught:
        read_time_range(None, moment)
    assert repr(moment) in str(caught.value)


def test_reversed_range_is_named_with_the_range_that_was_meant() -> None:
    with pytest.raises(BadTimeRange) as caught:
        read_time_range("2026-02-01", "2026-01-01")
    assert str(caught.value) == (
        "Time range since=2026-02-01 until=2026-01-01: since must be before until; "
        "the other way round it is since=2026-01-01T00:00:00+00:00 until=2026-02-01T00:00:00+00:00."
    )


def test_empty_range_is_refused_because_until_is_not_part_of_it() -> None:
    with pytest.raises(BadTimeRange, match="since must be before until, which is not part of the range"):
        read_time_range("2026-01-01", "2026-01-01")


def test_range_includes_since_and_not_until() -> None:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute("CREATE TABLE t AS SELECT to_timestamp(unnest([0, 1, 2, 3])) AS created")
        rows = con.table("t")
        second = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
        for condition in time_conditions("created", read_time_range(second, second + timedelta(seconds=2))):
            rows = rows.filter(condition)
        assert [created.second for (created,) in rows.fetchall()] == [1, 2]


def test_names_are_found_in_any_case() -> None:
    assert find_name("WATTHOURS", ["watts", "wattHours"]) == "wattHours"


def test_unknown_name_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownProperty, match=r"There is no 'wathours'\. Did you mean 'wattHours'\?"):
        find_name("wathours", ["watts", "wattHours"])


def test_unknown_name_like_no_other_is_answered_with_all_there_are() -> None:
    with pytest.raises(UnknownProperty, match=r"There is no 'fortnight'\. Known: hour, day\."):
        find_name("fortnight", ["hour", "day"])


@settings(deadline=None)  # DuckDB answers, when the machine lets it
@given(st.text(min_size=1).filter(lambda name: "\0" not in name))
def test_any_column_name_can_be_quoted(name: str) -> None:
    """Vendors name columns, too, and no name may become SQL."""
    with duckdb.connect() as con:
        assert con.sql(f"SELECT 1 AS {quote(name)}").columns == [name]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ([CP001, "meter"], [CP001, "meter"]),
        (["/ocpp/cp/CP002/**", "meter"], ["/ocpp/cp/CP002/2/status", "meter"]),
        (["**", "meter"], [CP001, "/ocpp/cp/CP001/1/status", "/ocpp/cp/CP002/2/status", "meter"]),
        ([], []),
        (SourcesWithin(None, ["/ocpp/cp/CP001/**"]), [CP001, "/ocpp/cp/CP001/1/status"]),
        (SourcesWithin("**/status", ["/ocpp/cp/CP001/**"]), ["/ocpp/cp/CP001/1/status"]),
        (SourcesWithin(["meter", CP001], ["/ocpp/**", "*"]), [CP001, "meter"]),
        (SourcesWithin("meter", [CP001]), []),
        # Nothing of one pattern may leak into the next: each is of the whole source.
        (["/ocpp/cp/CP001/1/Out*", "met*"], [CP001, "meter"]),
        (["met*", "Outlet"], ["meter"]),
    ],
)
def test_several_patterns_find_what_fits_one_of_them(asked: Sources, found: list[str]) -> None:
    sources = [CP001, "/ocpp/cp/CP001/1/status", "/ocpp/cp/CP002/2/status", "meter"]
    assert matching(asked, sources) == found
