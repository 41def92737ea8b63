"""What chargers have accepted, as rows: charging profiles, reservations, local lists.

Effects of a batch are applied one by one in their order, since each may concern what the one before it
made; they come by hand or at a boot, seldom by the second. Only statuses and starts come often,
and they are looked at only while a reservation is active.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import msgspec

from solarocpp.store.database import Connection
from solarocpp.store.effects import (
    ConnectorStatusChanged,
    LocalListAccepted,
    LocalListDoubted,
    ProfileInstalled,
    ProfilesCleared,
    ReservationAnswered,
    ReservationCancelled,
    ReservationUsed,
    SessionStarted,
)
from solarocpp.store.rows import insert_rows
from solarocpp.store.schema.accepted import INSTALLED_PROFILE, LOCAL_LIST, LOCAL_LIST_ENTRY

ChargingEffect = ProfileInstalled | ProfilesCleared
ReservationEffect = ReservationAnswered | ReservationCancelled | ReservationUsed
ListEffect = LocalListAccepted | LocalListDoubted
AcceptedEffect = ChargingEffect | ReservationEffect | ListEffect

_ACTIVE: Final = "('requested', 'active')"


def apply_accepted_effects(con: Connection, effects: Sequence[AcceptedEffect]) -> None:
    """Writes what chargers accepted, in order."""
    for effect in effects:
        match effect:
            case ProfileInstalled():
                _install(con, effect)
            case ProfilesCleared():
                _clear(con, effect)
            case LocalListAccepted():
                _accept_list(con, effect)
            case LocalListDoubted():
                con.execute(
                    'UPDATE "localList" SET doubted = true, problem = ?, '
                    'version = greatest(version, ?) WHERE "chargerId" = ?',
                    [effect.problem, effect.version, effect.charger_id],
                )
            case _:
                _apply_to_reservation(con, effect)


def end_profiles_of_transactions(con: Connection, ended: Iterable[UUID]) -> None:
    """Takes away the TxProfiles of transactions that are over (OCPP 1.6 §3.13.1).

    Of the connector's those that name no transaction, too; one that names the next must stay: a stop may come late.
    """
    if _is_empty(con, '"installedProfile"'):
        return
    con.execute(
        'DELETE FROM "installedProfile" USING "chargeSession" AS s WHERE purpose = \'TxProfile\' '
        'AND "installedProfile"."chargerId" = s."chargerId" AND "installedProfile"."connectorId" = s."connectorId" '
        'AND ("installedProfile"."transactionId" IS NULL OR "installedProfile"."transactionId" IN '
        '(0, s."transactionId")) AND list_contains(?::UUID[], s."sessionId")',
        [list(ended)],
    )


def follow_reservations(con: Connection, effects: Iterable[ConnectorStatusChanged | SessionStarted]) -> None:
    """Follows active reservations through what their connectors say, in order."""
    if _is_empty(con, "reservation WHERE status = 'active'"):
        return
    for effect in effects:
        match effect:
            case SessionStarted():
                _use_without_number(con, effect)
            case ConnectorStatusChanged(status="Reserved"):
                con.execute(
                    "UPDATE reservation SET seen = coalesce(seen, ?) "
                    'WHERE status = \'active\' AND "chargerId" = ? AND "connectorId" IN (0, ?) AND "statusDate" <= ?',
                    [effect.received, effect.charger_id, effect.connector_id, effect.received],
                )
            case ConnectorStatusChanged(status="Available"):
                # Only one that was seen to begin has ended: what is said between our question and its answer is old.
                _end(con, effect, "the connector is Available again", "AND seen IS NOT NULL")
            case ConnectorStatusChanged(status="Faulted" | "Unavailable"):
                _end(con, effect, f"the connector is {effect.status}")  # OCPP 1.6 §5.13


def forget_charger(con: Connection, charger_id: int) -> None:
    """Takes away what a charger has that is removed; what it had reserved stays, as what has ended."""
    for table in (INSTALLED_PROFILE, LOCAL_LIST_ENTRY, LOCAL_LIST):
        con.execute(f'DELETE FROM "{table.name}" WHERE "chargerId" = ?', [charger_id])
    con.execute(
        "UPDATE reservation SET status = 'ended', reason = 'the charger was removed' "
        f'WHERE "chargerId" = ? AND status IN {_ACTIVE}',
        [charger_id],
    )


def _install(con: Connection, effect: ProfileInstalled) -> None:
    # §3.13.2: one profile a connector, purpose and level; §7.8: and one an id.
    con.execute(
        'DELETE FROM "installedProfile" WHERE "chargerId" = ? AND ("chargingProfileId" = ? '
        'OR ("connectorId" = ? AND purpose = ? AND "stackLevel" = ?))',
        [effect.charger_id, effect.charging_profile_id, effect.connector_id, effect.purpose, effect.stack_level],
    )
    insert_rows(
        con,
        INSTALLED_PROFILE.name,
        [
            {
                "chargerId": effect.charger_id,
                "connectorId": effect.connector_id,
                "chargingProfileId": effect.charging_profile_id,
                "purpose": effect.purpose,
                "stackLevel": effect.stack_level,
                "transactionId": effect.transaction_id,
                "profile": msgspec.Raw(effect.profile.encode()),
                "installed": effect.installed,
            }
        ],
    )


def _clear(con: Connection, effect: ProfilesCleared) -> None:
    bounds = {
        "chargingProfileId": effect.charging_profile_id,
        "connectorId": effect.connector_id,
        "purpose": effect.purpose,
        "stackLevel": effect.stack_level,
    }
    if effect.charging_profile_id is not None:  # OCPP 1.6 §5.3: an id says it all
        bounds = {"chargingProfileId": effect.charging_profile_id}
    named = {column: value for column, value in bounds.items() if value is not None}
    where = "".join(f' AND "{column}" = ?' for column in named)
    con.execute(f'DELETE FROM "installedProfile" WHERE "chargerId" = ?{where}', [effect.charger_id, *named.values()])


def _accept_list(con: Connection, effect: LocalListAccepted) -> None:
    if effect.full:
        con.execute('DELETE FROM "localListEntry" WHERE "chargerId" = ?', [effect.charger_id])
    else:
        con.execute(
            'DELETE FROM "localListEntry" WHERE "chargerId" = ? AND list_contains(?::VARCHAR[], lower(token))',
            [effect.charger_id, [row.token.lower() for row in effect.rows]],
        )
    insert_rows(
        con,
        LOCAL_LIST_ENTRY.name,
        [
            {"chargerId": effect.charger_id, **msgspec.structs.asdict(row)}
            for row in effect.rows
            if row.status is not None
        ],
    )
    con.execute(
        'INSERT INTO "localList" ("chargerId", wanted, version, doubted, sent) VALUES (?, false, ?, false, ?) '
        "ON CONFLICT DO UPDATE SET version = excluded.version, doubted = false, sent = excluded.sent, problem = NULL",
        [effect.charger_id, effect.version, effect.received],
    )


def _apply_to_reservation(con: Connection, effect: ReservationEffect) -> None:
    status, reason, transaction_id = "cancelled", None, None
    match effect:
        case ReservationAnswered():
            accepted = effect.status == "Accepted"
            status = "active" if accepted else "refused"
            reason = None if accepted else f"the charger says {effect.status}"
        case ReservationUsed():
            status, transaction_id = "used", effect.transaction_id
    con.execute(
        'UPDATE reservation SET status = ?, "statusDate" = ?, reason = ?, "transactionId" = ? '
        f'WHERE "reservationId" = ? AND "chargerId" = ? AND status IN {_ACTIVE}',
        [status, effect.received, reason, transaction_id, effect.reservation_id, effect.charger_id],
    )


def _use_without_number(con: Connection, effect: SessionStarted) -> None:
    """Many chargers leave reservationId out of StartTransaction; whom the connector waited for, used it.

    Judged when it comes: our clock says from when until when the connector waits, and a charger's may be hours off.
    """
    received = effect.received or effect.started
    con.execute(
        'UPDATE reservation SET status = \'used\', "statusDate" = $received, "transactionId" = $transaction '
        'WHERE status = \'active\' AND "chargerId" = $charger AND "connectorId" IN (0, $connector) '
        "AND lower(token) = lower($token) AND created <= $received AND expires > $received",
        {
            "received": received,
            "transaction": effect.transaction_id,
            "charger": effect.charger_id,
            "connector": effect.connector_id,
            "token": effect.token,
        },
    )


def _end(con: Connection, effect: ConnectorStatusChanged, reason: str, also: str = "") -> None:
    con.execute(
        "UPDATE reservation SET status = CASE WHEN expires <= ? THEN 'expired' ELSE 'ended' END, "
        '"statusDate" = ?, reason = CASE WHEN expires <= ? THEN NULL ELSE ? END '
        'WHERE status = \'active\' AND "chargerId" = ? AND "statusDate" <= ? '
        f"AND (\"connectorId\" = ? OR (? = 0 AND ? <> 'Available')) {also}",
        [
            effect.received,
            effect.received,
            effect.received,
            reason,
            effect.charger_id,
            effect.received,
            effect.connector_id,
            effect.connector_id,
            effect.status,
        ],
    )


def _is_empty(con: Connection, relation: str) -> bool:
    return con.execute(f"SELECT 1 FROM {relation} LIMIT 1").fetchone() is None
