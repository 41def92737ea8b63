"""How far the clock of each charger is off, from messages that carry a time of their own; nothing raw is changed.

The offset of a message is its time less ours when we got it. Live messages of a charger agree within seconds,
whatever the offset is. What was queued offline comes late, each message by another span, so those do not agree
with each other: the largest crowd of offsets is the clock (Q50 to Q55), the least late one where crowds are equal.
"""

from __future__ import annotations

from typing import Final

from solarocpp.store.database import Connection

# Ten seconds hold the way and the queue of a slow modem; queued readings are a minute apart, or more.
_CROWD_S: Final = 10

# A day, so that a clock that was set shows soon; 200 messages, so that a talkative charger costs no more than others.
_SPAN: Final = "INTERVAL 1 DAY"
_MESSAGES: Final = 200

RIGHT_S: Final = 60
"""An offset up to this is right: OCPP sets clocks once a day, and a quartz drifts some seconds (OCPP 1.6 §4.6)."""

# Zones are whole quarters of an hour from UTC, an hour at least and 14 at most.
_QUARTER_S: Final = 900

# OCPP was first drafted in 2009; before it, a clock that nobody set (Q51).
_EARLIEST: Final = "TIMESTAMPTZ '2009-01-01 00:00:00Z'"

_CLOCK: Final = f"""
CREATE OR REPLACE VIEW clock AS
WITH newest AS (
    SELECT "chargerId", max(received) AS newest FROM ledger WHERE direction = 'in' GROUP BY "chargerId"
),
said AS (
    SELECT l."chargerId", l.received, l.seq, try_cast(try(coalesce(
        l.request ->> '$[3].timestamp', l.request ->> '$[3].meterValue[#-1].timestamp')) AS TIMESTAMPTZ) AS theirs
    FROM ledger l JOIN newest n ON n."chargerId" = l."chargerId" AND l.received > n.newest - {_SPAN}
    WHERE l.direction = 'in'
        AND l.action IN ('StatusNotification', 'StartTransaction', 'StopTransaction', 'MeterValues')
),
message AS (
    SELECT "chargerId", received, theirs, (epoch_us(theirs) - epoch_us(received)) / 1e6 AS off
    FROM said WHERE theirs IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY "chargerId" ORDER BY seq DESC) <= {_MESSAGES}
),
bucket AS (
    SELECT "chargerId", floor(off / {_CROWD_S}) AS bucket, count(*) AS messages FROM message GROUP BY ALL
),
crowd AS (
    SELECT b."chargerId", b.bucket, sum(o.messages) AS messages
    FROM bucket b JOIN bucket o ON o."chargerId" = b."chargerId" AND o.bucket BETWEEN b.bucket - 1 AND b.bucket + 1
    GROUP BY ALL
),
largest AS (
    SELECT "chargerId", bucket FROM crowd
    QUALIFY row_number() OVER (PARTITION BY "chargerId" ORDER BY messages DESC, bucket DESC) = 1
),
estimate AS (
    SELECT m."chargerId", median(off) AS "offset", max(off) - min(off) AS spread, count(*) AS messages,
        max(received) AS newest, max(theirs) AS theirs
    FROM message m JOIN largest l
        ON l."chargerId" = m."chargerId" AND floor(m.off / {_CROWD_S}) BETWEEN l.bucket - 1 AND l.bucket + 1
    GROUP BY m."chargerId"
)
SELECT e."chargerId", c.identifier, c."nodeId", e."offset", e.spread, e.messages, e.newest,
    CASE WHEN abs(e."offset") <= {RIGHT_S} THEN 'right' WHEN e.theirs < {_EARLIEST} THEN 'never set'
        WHEN abs(e."offset") BETWEEN 3600 - {RIGHT_S} AND 14 * 3600 + {RIGHT_S}
            AND abs(e."offset" - {_QUARTER_S} * round(e."offset" / {_QUARTER_S})) <= {RIGHT_S}
            THEN 'local time sent as UTC'
        WHEN e."offset" > 0 THEN 'ahead' ELSE 'behind' END AS verdict
FROM estimate e LEFT JOIN charger c ON c."chargerId" = e."chargerId\""""

WRONG_CLOCKS: Final = "SELECT count(*) FROM clock WHERE verdict <> 'right'"
"""Counts the chargers whose clock is off by more than it may."""


def create_clock_view(con: Connection) -> None:
    """Makes the view `clock`."""
    con.execute(_CLOCK)
