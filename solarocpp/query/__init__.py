"""What analysts ask: sessions by node and source, datums and readings by stream and time, events, and SQL.

    import solarocpp.query as q

    con = q.open("data")
    q.sessions(con, source="/ocpp/cp/**", since="2026-01-01", by=["source", "month"]).df()

Every answer is a DuckDB relation, or of a server what behaves like one: nothing runs before it is
fetched but a look at the time zones of nodes, and it takes further SQL (`.filter("energy > 1000")`,
`.df()`, `.fetchall()`). This package only reads. It knows the tables of `store.schema`, so it works in a
notebook on a data directory as well as on a cursor of the live store:

    connection  opens a directory, a file, a server     guard    judges the SQL of strangers
    filters     what was asked, as expressions          growth   ... and how much it may blow up
    sessions, datums, readings, events: the questions   places   where in it something is wrong
    answers     SQL, all at once or piece by piece      quack    DuckDB's protocol, on the server's side
    remote      a server as a connection                links    the two ways to it
    search_filters  SolarNetwork's filters on JSON
    solarnetwork  what SolarNetwork's management API lists
    exports     Parquet files of all that

    streams     which rows a roll-up or a reading is of
    registers   how far a register went in a period     zones    where a period begins, at which node
    rollups     quarters and hours, days, months        properties what there is, and how it is rolled up
    curves      power over a session, for a sparkline   clocks   whose clock is off
"""

from solarocpp.query.answers import Columns, Piece, SqlAnswer, answer_sql, stream_arrow, stream_csv
from solarocpp.query.clocks import clocks
from solarocpp.query.connection import open_data as open  # noqa: A004 -- read as q.open
from solarocpp.query.datums import Aggregate, datums, latest
from solarocpp.query.events import events
from solarocpp.query.exports import Exported, export
from solarocpp.query.filters import Moment, Nodes, Sources, SourcesWithin, check_source_pattern
from solarocpp.query.guard import Parameters, judge_sql
from solarocpp.query.ledger import ledger
from solarocpp.query.properties import OCPP_PROPERTIES, choose_properties
from solarocpp.query.readings import ReadingType, readings
from solarocpp.query.sessions import SessionKey, sessions
from solarocpp.query.solarnetwork import (
    SESSION_SORTS,
    ActionFilter,
    FoundConnector,
    FoundSession,
    LastAction,
    SessionFilter,
    find_connectors,
    find_sessions,
    find_sources,
    last_actions,
)

__all__ = [
    "OCPP_PROPERTIES",
    "SESSION_SORTS",
    "ActionFilter",
    "Aggregate",
    "Columns",
    "Exported",
    "FoundConnector",
    "FoundSession",
    "LastAction",
    "Moment",
    "Nodes",
    "Parameters",
    "Piece",
    "ReadingType",
    "SessionFilter",
    "SessionKey",
    "Sources",
    "SourcesWithin",
    "SqlAnswer",
    "answer_sql",
    "check_source_pattern",
    "choose_properties",
    "clocks",
    "datums",
    "events",
    "export",
    "find_connectors",
    "find_sessions",
    "find_sources",
    "judge_sql",
    "last_actions",
    "latest",
    "ledger",
    "open",
    "readings",
    "sessions",
    "stream_arrow",
    "stream_csv",
]
