"""What chargers have accepted of ours, learned from their answers: profiles, reservations, local lists.

It does not matter who sent the message, and a replay of the ledger learns the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from solarocpp.central_system.context import Scene
from solarocpp.ocpp.datatypes import ChargingProfile
from solarocpp.ocpp.messages import (
    CancelReservationConfirmation,
    CancelReservationRequest,
    ClearChargingProfileConfirmation,
    ClearChargingProfileRequest,
    OcppMessage,
    RemoteStartTransactionConfirmation,
    RemoteStartTransactionRequest,
    ReserveNowConfirmation,
    ReserveNowRequest,
    SendLocalListConfirmation,
    SendLocalListRequest,
    SetChargingProfileConfirmation,
    SetChargingProfileRequest,
)
from solarocpp.store.effects import (
    Effect,
    ListRow,
    LocalListAccepted,
    LocalListDoubted,
    ProfileInstalled,
    ProfilesCleared,
    ReservationAnswered,
    ReservationCancelled,
)


def observe_profile_set(
    request: SetChargingProfileRequest, confirmation: SetChargingProfileConfirmation, scene: Scene
) -> Sequence[Effect]:
    """Learns that a charger keeps a profile (OCPP 1.6 §5.16)."""
    if confirmation.status != "Accepted":
        return ()
    return (_installed(request.connector_id, request.cs_charging_profiles, scene),)


def observe_remote_start(
    request: RemoteStartTransactionRequest, confirmation: RemoteStartTransactionConfirmation, scene: Scene
) -> Sequence[Effect]:
    """Learns of the profile that came with a start (§5.11); without a connector nobody knows where it went."""
    if confirmation.status != "Accepted" or request.charging_profile is None or request.connector_id is None:
        return ()
    return (_installed(request.connector_id, request.charging_profile, scene),)


def observe_profiles_cleared(
    request: ClearChargingProfileRequest, confirmation: ClearChargingProfileConfirmation, scene: Scene
) -> Sequence[Effect]:
    """Learns that a charger keeps profiles no more; Unknown says that it has none such, which is the same (§5.3)."""
    del confirmation
    return (
        ProfilesCleared(
            scene.charger.charger_id,
            request.id,
            request.connector_id,
            request.charging_profile_purpose,
            request.stack_level,
        ),
    )


def observe_reserved(
    request: ReserveNowRequest, confirmation: ReserveNowConfirmation, scene: Scene
) -> Sequence[Effect]:
    """Learns whether a connector waits for an id tag (§5.13)."""
    charger_id = scene.charger.charger_id
    return (ReservationAnswered(charger_id, request.reservation_id, confirmation.status, scene.received),)


def observe_reservation_cancelled(
    request: CancelReservationRequest, confirmation: CancelReservationConfirmation, scene: Scene
) -> Sequence[Effect]:
    """Learns that a connector waits no more; Rejected says that it did not wait, which is the same (§5.2)."""
    del confirmation
    return (ReservationCancelled(scene.charger.charger_id, request.reservation_id, scene.received),)


def observe_local_list(
    request: SendLocalListRequest, confirmation: SendLocalListConfirmation, scene: Scene
) -> Sequence[Effect]:
    """Learns what local list a charger has (§5.15); after anything but Accepted nobody knows, and the next is whole."""
    charger_id = scene.charger.charger_id
    if confirmation.status != "Accepted":
        problem = f"SendLocalList was answered {confirmation.status}"
        return (LocalListDoubted(charger_id, problem, request.list_version),)
    rows = tuple(
        ListRow(row.id_tag, row.id_tag_info.status, row.id_tag_info.parent_id_tag, row.id_tag_info.expiry_date)
        if row.id_tag_info
        else ListRow(row.id_tag, None)
        for row in request.local_authorization_list
    )
    full = request.update_type == "Full"
    return (LocalListAccepted(charger_id, request.list_version, full, rows, scene.received),)


def _installed(connector_id: int, profile: ChargingProfile, scene: Scene) -> ProfileInstalled:
    return ProfileInstalled(
        charger_id=scene.charger.charger_id,
        connector_id=connector_id,
        charging_profile_id=profile.charging_profile_id,
        purpose=profile.charging_profile_purpose,
        stack_level=profile.stack_level,
        transaction_id=profile.transaction_id,
        profile=msgspec.json.encode(profile).decode(),
        installed=scene.received,
    )


ACCEPTANCES: Mapping[type[OcppMessage], Callable[[Any, Any, Scene], Sequence[Effect]]] = {
    CancelReservationRequest: observe_reservation_cancelled,
    ClearChargingProfileRequest: observe_profiles_cleared,
    RemoteStartTransactionRequest: observe_remote_start,
    ReserveNowRequest: observe_reserved,
    SendLocalListRequest: observe_local_list,
    SetChargingProfileRequest: observe_profile_set,
}
"""How the answer to each of these is read."""
