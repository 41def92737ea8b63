"""SolarNetwork's search filters, over events with some data."""

from __future__ import annotations

import duckdb
import pytest

from solarocpp.errors import QueryError
from solarocpp.query.search_filters import read_search_filter

DATA = ['{"cp":"CP001","n":5,"a":{"b":"x"}}', '{"cp":"CP002","n":50}', '{"n":"zz"}', None]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("(/cp=CP001)", [0]),
        (" (/cp = CP001) ", [0]),
        ("(/cp!=CP001)", [1]),
        ("(!(/cp=CP001))", [1, 2, 3]),
        ("(&(/n>4)(/n<10))", [0]),
        ("(/n>=50)", [1]),
        ("(/n<=5)", [0]),
        ("(/n=5)", [0]),
        ("(/n=zz)", [2]),
        ("(|(/cp=CP001)(/cp=CP002))", [0, 1]),
        ("(/cp=*)", [0, 1]),
        ("(/cp!=*)", [2, 3]),
        ("(/a/b=x)", [0]),
        ("(/cp~=^CP..1$)", [0]),
        ("(/cp='; DROP TABLE event; --)", []),
    ],
)
def test_a_filter_finds_rows(text: str, found: list[int]) -> None:
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t AS SELECT unnest(?::JSON[]) AS data, unnest(range(4)) AS i", [DATA])
        rows = con.table("t").filter(read_search_filter(text, "data")).order("i").fetchall()
    assert [number for _, number in rows] == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "(",
        "()",
        "(/cp)",
        "cp=1",
        "(cp=1)",
        "(/cp=1))",
        "(/cp=1)(/n=1)",
        "(&)",
        "(!(/a=1)(/b=1))",
        "(/a~=[)",
        "(/a~=\\1)",
    ],
)
def test_what_is_no_filter_is_said_so(text: str) -> None:
    with pytest.raises(QueryError, match="search filter"):
        read_search_filter(text, "data")


def test_a_filter_has_an_end() -> None:
    with pytest.raises(QueryError, match="nested more than 20 deep"):
        read_search_filter("(!" * 21 + "(/a=1)" + ")" * 21, "data")
    read_search_filter("(!" * 20 + "(/a=1)" + ")" * 20, "data")
    with pytest.raises(QueryError, match="has 2001 characters; 2000 fit"):
        read_search_filter("(/a=" + "1" * 1996 + ")", "data")
