"""What is after the server must be stopped by the guard alone; the walls behind it are for what nobody foresaw."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import duckdb
import pytest
from hostile import BOUNDED, REFUSED, Hostile

from solarocpp.errors import SqlRefused
from solarocpp.query import Parameters, judge_sql
from solarocpp.query.growth import MOST_BYTES
from solarocpp.query.guard import REFUSED_TABLES


@pytest.mark.parametrize("hostile", REFUSED, ids=lambda hostile: hostile.sql[:60])
def test_the_guard_refuses(hostile: Hostile) -> None:
    with pytest.raises(SqlRefused):
        judge_sql(hostile.sql)


@pytest.mark.parametrize("hostile", BOUNDED, ids=lambda hostile: hostile.sql[:60])
def test_questions_without_end_are_left_to_the_limits(hostile: Hostile) -> None:
    judge_sql(hostile.sql)


def test_there_are_enough_of_them_and_none_twice() -> None:
    texts = [hostile.sql for hostile in (*REFUSED, *BOUNDED)]
    assert len(set(texts)) == len(texts) > 100


# Views of DuckDB's own that any analyst may read: names of tables, columns and types.
HARMLESS_VIEWS = set(
    re.findall(
        r"\w+",
        """character_sets check_constraints columns constraint_column_usage constraint_table_usage duckdb_columns
        duckdb_constraints duckdb_indexes duckdb_schemas duckdb_tables duckdb_types duckdb_views key_column_usage pg_am
        pg_attrdef pg_attribute pg_class pg_collation pg_constraint pg_depend pg_description pg_enum pg_index pg_indexes
        pg_namespace pg_proc pg_sequence pg_sequences pg_tables pg_tablespace pg_type pg_views referential_constraints
        schemata sqlite_master sqlite_schema sqlite_temp_master sqlite_temp_schema table_constraints tables views""",
    )
)


def test_every_view_of_duckdb_was_looked_at() -> None:
    """A new version of DuckDB brings views nobody here has judged; then this test asks for it."""
    with duckdb.connect() as con:
        views = con.sql("SELECT view_name FROM duckdb_views() WHERE internal").fetchall()
    names = {name for (name,) in views}
    assert names >= HARMLESS_VIEWS
    assert names - HARMLESS_VIEWS <= REFUSED_TABLES.keys()


LISTS = "SELECT nodeId, list(watts) AS w FROM datum GROUP BY ALL"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT repeat('=', 80), rpad(token, 20, ' '), lpad(token, least(n, 100), '0') FROM datum",
        "SELECT repeat('x', 16000)",
        "SELECT [x * 2 FOR x IN range(10) IF x > 3]",
        "SELECT range(2020, 2027), generate_series(-5, 5), range(NULL)",
        "FROM range(100000000000)",
        "FROM session, generate_series(started, ended, INTERVAL 1 HOUR) hours(hour)",
        "SELECT replace(sourceId, '/ocpp/cp/', 'charger '), regexp_replace(token, '(\\w)', '\\1 ', 'g') FROM datum",
        "SELECT string_split(sourceId, '/')[3], hex(token), jaccard(token, 'A') FROM datum",
        "SELECT printf('%8.2f %s', watts, status), format('{:>20} {}', token, 1) FROM datum",
        "SELECT replace(token, 'x', sourceId), sourceId || '/' || token || ' ' || status FROM datum",
        "FROM ledger WHERE request LIKE '%Meter%Values%' AND answer ILIKE '%error%' AND action NOT LIKE 'Boot%'",
        "FROM datum WHERE sourceId LIKE '/ocpp/cp/CP_01/%' AND sourceId GLOB '/ocpp/*/1/*' AND token ILIKE '%a%b'",
        "FROM event WHERE message SIMILAR TO '.*(fail|refus)ed.*' AND regexp_matches(message, '(?i)cp[0-9]{3}.*boot')",
        "SELECT regexp_replace(request, '[0-9]+', '#', 'g'), regexp_replace(token, '\\s*', '', 'g') FROM ledger",
        "SELECT approx_top_k(token, 9), list_aggregate(list(soc), 'sum'), quantile_cont(watts, [0.1, 0.9]) FROM datum",
        "FROM event WHERE contains(lower(message), lower($1)) AND starts_with(identifier, $1)",
        "SELECT string_agg(DISTINCT token, ', ' ORDER BY token), list(watts ORDER BY created)[1:10] FROM datum",
        "SELECT sourceId, '[' || string_agg(watts::VARCHAR, ', ') || ']' FROM datum GROUP BY ALL",
        "SELECT list_transform(list(watts), lambda w: round(w / 1000, 1)), list_filter(list(soc), lambda s: s > 80)",
        "SELECT nodeId, list_max(w), len(w), list_sort(w), [x * 2 FOR x IN w] FROM ("
        + LISTS
        + ") ORDER BY list_sum(w)",
        "SELECT * FROM (SELECT nodeId, list_sum(w) FROM (" + LISTS + ")) JOIN node USING (nodeId)",
        "SELECT (SELECT left(string_agg(token, ' '), 1000) FROM session WHERE nodeId = c.nodeId) FROM charger c",
        "SELECT unnest(list(watts)) FROM datum",
        "SELECT list(watts) OVER (ORDER BY created ROWS BETWEEN 10 PRECEDING AND CURRENT ROW) FROM datum",
        "SELECT avg(watts) OVER (ORDER BY created RANGE BETWEEN INTERVAL 1 HOUR PRECEDING AND CURRENT ROW) FROM datum",
        "SELECT lag(watts, 2) OVER w, sum(watts) OVER w FROM datum WINDOW w AS (PARTITION BY token ORDER BY created)",
        "SELECT list_has_any(list(token), ['A', 'B']) FROM datum",
        "FROM event WHERE list_has_any(tags, ['ocpp', 'charger']) AND tags @> ['forbidden'] AND 'ocpp' IN tags",
        "SELECT [[x * y FOR x IN range(10)] FOR y IN range(10)]",
        "SELECT list_transform(string_split(sourceId, '/'), lambda p, i: i || ': ' || upper(p)) FROM datum",
        "WITH RECURSIVE d(day, n) AS (SELECT DATE '2026-01-01', 1 UNION ALL SELECT day + 1, n + 1 FROM d) FROM d",
        "WITH RECURSIVE p(path, n) AS (SELECT 'a', 1 UNION ALL SELECT path || '/' || n, n + 1 FROM p) FROM p",
        "SELECT request::JSON ->> '$[2]', json_extract_string(request, '$[3].idTag') FROM ledger",
    ],
)
def test_ordinary_uses_of_what_can_grow_pass(text: str) -> None:
    judge_sql(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SELECT repeat('x', 16001)", rf"repeat could make more than {MOST_BYTES} bytes of one value"),
        ("SELECT lpad(repeat('x', 400), 16001)", "lpad could make more than 16000 bytes"),
        ("SELECT a || a FROM (SELECT repeat('x', 8001) a)", r"The function \|\| could make more than 16000 bytes"),
        ("SELECT unnest(range(0, 200000))", r"Series of rows come from FROM range\(\.\.\.\)"),
        ("SELECT repeat('x', ?)", r"no written number, as in least\(n, 100\)"),
        ("SELECT unnest(generate_series(started, ended, INTERVAL 1 HOUR)) FROM session", "may stand beside a table"),
        ("SELECT answer LIKE '" + "%_" * 300 + "' FROM ledger", "has 300 wildcards"),
        ("SELECT answer ~ 'a{" + "9" * 400 + "}' FROM ledger", "steps for each character, too many"),
        ("SELECT answer ~ 'a{" + "9" * 5000 + "}' FROM ledger", "steps for each character, too many"),
        ("SELECT answer ~ 'a{" + "0" * 5000 + "1000}{1000}{1000}' FROM ledger", "steps for each character, too many"),
        ("FROM datum WHERE watts < 1e400", "A number in this statement is larger than DOUBLE can hold"),
        ("SELECT hex(repeat('x', 8001))", "hex could make more than 16000 bytes"),
        ("SELECT replace(rpad('', 8000), ' ', 'blanks')", "replace could make more than 16000 bytes"),
        ("SELECT answer ILIKE '%a%b%' FROM ledger", r"ILIKE '%a%b%' has 2 wildcards, .* regexp_matches"),
        (
            "SELECT token LIKE $1 FROM datum",
            "The pattern of LIKE must be written into the statement or be a parameter; .* contains",
        ),
        ("SELECT token ~ status FROM datum", "The pattern of .* must be written into the statement or be a parameter"),
        ("SELECT contains(repeat('x', 9000), answer) FROM ledger", r"as long as 1000 here: .* Cut one of them: left"),
        ("SELECT string_agg(token, ',') OVER (ORDER BY created) FROM datum", "ROWS BETWEEN 100 PRECEDING"),
        (
            "SELECT w FROM (" + LISTS + ") JOIN node USING (nodeId)",
            r"has collected \(w\) .* Join first and collect then, or cut it where it is collected",
        ),
        ("SELECT " + "+".join(["1"] * 900), "nests too deep"),
        ("SELECT " + "abs(" * 300 + "1" + ")" * 300, "nests deeper than 220 levels"),
        ("SELECT levenshtein(token, 'A') FROM datum", "its time grows with the square of the texts"),
        ("SELECT format(token, 1) FROM datum", "The function format takes a written format here"),
    ],
)
def test_what_could_grow_too_large_says_what_to_write(text: str, reason: str) -> None:
    with pytest.raises(SqlRefused, match=reason):
        judge_sql(text)


def test_parameters_count_as_long_as_they_are() -> None:
    judge_sql("SELECT repeat($1, 100), contains(token, $1) FROM datum", ["a card"])
    with pytest.raises(SqlRefused, match="repeat could make more than 16000 bytes"):
        judge_sql("SELECT repeat($1, 100), contains(token, $1) FROM datum", ["a" * 200])
    with pytest.raises(SqlRefused, match="contains may not look for a text that is as long as 6000"):
        judge_sql("SELECT contains(token, $part) FROM datum", {"part": "a" * 6000})


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("SELECT token LIKE ? FROM datum", ["ABC%"]),
        ('SELECT count(*) FROM datum WHERE watts > ? AND "sourceId" ILIKE $2', [10.5, "/ocpp/cp/%"]),
        ("SELECT regexp_matches(token, $pattern) FROM datum", {"pattern": "^A+$"}),
        ("SELECT repeat('x', ?), token LIKE ?, ? FROM datum", [10, None, datetime(2026, 1, 1, tzinfo=UTC)]),
    ],
)
def test_a_parameter_is_judged_like_what_is_written(text: str, parameters: Parameters) -> None:
    judge_sql(text, parameters)


@pytest.mark.parametrize(
    ("text", "parameters", "reason"),
    [
        ("SELECT to_json(d) ILIKE ? FROM datum d", ["%a%b%c%"], "has 3 wildcards"),
        ("SELECT token ~ $pattern FROM datum", {"pattern": "([ab]{1,900}){1,900}"}, "takes .* steps"),
        ("SELECT token ~ $pattern FROM datum", {"other": "a"}, "must be written into the statement"),
        ("SELECT answer LIKE ? FROM ledger", ["%_" * 300], "has 300 wildcards"),
        ("SELECT repeat('x', ?) FROM datum", [100_000], "repeat could make more than 16000 bytes"),
        ("SELECT token LIKE ? FROM datum; DROP TABLE datum", ["a"], "There are 2 statements"),
    ],
)
def test_a_parameter_is_refused_like_what_is_written(text: str, parameters: Parameters, reason: str) -> None:
    with pytest.raises(SqlRefused, match=reason):
        judge_sql(text, parameters)
