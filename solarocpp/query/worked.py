"""Worked questions in SQL: what an analyst asks first, and what to mind. `data/README.md` shows, the tests run them.

Each runs as it stands through every door (`con.sql`, `solarocpp sql`, `POST /api/sql`, `solar.query('...')`).
"""

from __future__ import annotations

from typing import NamedTuple


class Worked(NamedTuple):
    """One question: what it asks, the SQL, and what to mind."""

    title: str
    sql: str
    mind: str


WORKED: tuple[Worked, ...] = (
    Worked(
        "Who charged how much last month?",
        """\
SELECT token, count(*) AS sessions, round(sum(energy) / 1000, 1) AS kWh
FROM session
WHERE started >= date_trunc('month', now()) - INTERVAL 1 MONTH AND started < date_trunc('month', now())
GROUP BY token ORDER BY kWh DESC""",
        "A session belongs to the moment it started. Refused starts are in `chargeSession`, not here.",
    ),
    Worked(
        "Energy of each connector by month",
        """\
SELECT sourceId, date_trunc('month', started) AS month, count(*) AS sessions,
    round(sum(energy) / 1000, 1) AS kWh, round(sum(duration) / 3600) AS hours
FROM session GROUP BY ALL ORDER BY ALL""",
        'Months are UTC\'s here; `q.sessions(con, by=["source", "month"])` has those of the node\'s time zone.',
    ),
    Worked(
        "Load curve of the site, in quarters of an hour",
        """\
WITH slot AS (
    SELECT sourceId, time_bucket(INTERVAL 15 MINUTE, created) AS began, avg(power) AS watts
    FROM power
    WHERE created >= (SELECT max(created) FROM datum) - INTERVAL 2 DAY AND power IS NOT NULL
    GROUP BY ALL
)
SELECT began, round(sum(watts) / 1000, 1) AS kW FROM slot GROUP BY began ORDER BY began""",
        "First the mean of each stream, then the sum over streams: one that reports more often must not count more.",
    ),
    Worked(
        "One session: power and state of charge",
        """\
SELECT created, watts, soc, round(wattHours - first_value(wattHours) OVER (ORDER BY created)) AS Wh
FROM datum
WHERE sessionId = (SELECT sessionId FROM session WHERE readings > 3 ORDER BY energy DESC LIMIT 1)
ORDER BY created""",
        "A session's datums carry its `sessionId`; other locations (inlet, cable) are streams of their own.",
    ),
    Worked(
        "What is charging right now, and since when?",
        """\
SELECT identifier, s.connectorId, s.token, s.started, round(s.energy / 1000, 2) AS kWh, l.watts
FROM session s JOIN charger USING (chargerId) LEFT JOIN latest l ON l.sessionId = s.sessionId AND l.status IS NULL
WHERE s.ended IS NULL ORDER BY s.started""",
        "`latest` is the newest datum of each stream. A charger that lost its power stays here until it is back.",
    ),
    Worked(
        "Which energies are to be doubted, and why?",
        """\
SELECT identifier, quality, count(*) AS sessions, round(sum(energy) / 1000, 1) AS kWh, any_value(doubt) AS "for example"
FROM session JOIN charger USING (chargerId)
WHERE quality <> 'measured' GROUP BY ALL ORDER BY ALL""",
        "`stitched` is right as far as a rule can tell, `suspect` contradicts itself: look at that charger.",
    ),
    Worked(
        "Where did the energy go: sessions, or in between?",
        """\
SELECT sourceId, round(energy / 1000, 1) AS kWh, round(sessionEnergy / 1000, 1) AS sessions,
    round(idleEnergy / 1000, 3) AS idle, resets, ignored
FROM connectorEnergy ORDER BY energy DESC""",
        "The two add up to what the register gained. Of a large store ask for one `sourceId`.",
    ),
    Worked(
        "When are the connectors in use?",
        """\
WITH span AS (SELECT date_trunc('hour', min(started)) AS first, max(started) AS last FROM session),
slot AS (SELECT first + to_hours(n) AS began FROM span, range(100000) t(n) WHERE first + to_hours(n) < last),
used AS (
    SELECT began, count(DISTINCT (chargerId, connectorId)) FILTER (sessionId IS NOT NULL) AS connectors
    FROM slot LEFT JOIN session ON started < began + INTERVAL 1 HOUR AND coalesce(ended, now()) > began
    GROUP BY began
)
SELECT isodow(began) AS weekday, hour(began) AS hour, round(avg(connectors), 2) AS connectors
FROM used GROUP BY ALL ORDER BY ALL""",
        "Monday is 1, hours are UTC: `began AT TIME ZONE 'Europe/Berlin'` for yours. `examples/heatmap.py` draws it.",
    ),
    Worked(
        "What goes wrong, at which charger?",
        """\
SELECT identifier, name, count(*) AS times, max(created) AS newest, arg_max(message, created) AS "last message"
FROM event
WHERE created > (SELECT max(created) FROM event) - INTERVAL 7 DAY
GROUP BY ALL ORDER BY times DESC LIMIT 20""",
        "Refused handshakes, unreadable samples, clocks that cannot be: what was repaired or refused is an event.",
    ),
    Worked(
        "What did the charger really say?",
        """\
SELECT received, action, request, answer
FROM ledger
WHERE identifier = (SELECT identifier FROM charger ORDER BY identifier LIMIT 1) AND action <> 'MeterValues'
ORDER BY seq DESC LIMIT 10""",
        "Word for word, for 30 days unless `--keep-ledger` says otherwise; all tables can be made again from it.",
    ),
)
