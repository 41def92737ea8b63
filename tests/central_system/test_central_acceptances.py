"""What is learned from the answers of chargers to profiles, reservations and local lists."""

from __future__ import annotations

import pytest
from charging_site import Site, T, after, of

from solarocpp.ocpp.datatypes import (
    AuthorizationData,
    ChargingProfile,
    ChargingSchedule,
    ChargingSchedulePeriod,
    IdTagInfo,
)
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
    StartTransactionRequest,
)
from solarocpp.store.effects import (
    Effect,
    EventHappened,
    ListRow,
    LocalListAccepted,
    LocalListDoubted,
    ProfileInstalled,
    ProfilesCleared,
    ReservationAnswered,
    ReservationCancelled,
    ReservationUsed,
)

LIMIT = ChargingProfile(
    3, 2, "TxProfile", "Absolute", ChargingSchedule("A", (ChargingSchedulePeriod(0, 16.0),)), transaction_id=7
)
TEXT = (
    '{"chargingProfileId":3,"stackLevel":2,"chargingProfilePurpose":"TxProfile","chargingProfileKind":"Absolute",'
    '"chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":16.0}]},'
    '"transactionId":7}'
)
INSTALLED = ProfileInstalled(7, 1, 3, "TxProfile", 2, 7, TEXT, after(5))
ROWS = (AuthorizationData("A", IdTagInfo("Accepted", "P", T)), AuthorizationData("B"))

CASES: dict[str, tuple[OcppMessage, OcppMessage, list[Effect]]] = {
    "a profile": (SetChargingProfileRequest(1, LIMIT), SetChargingProfileConfirmation("Accepted"), [INSTALLED]),
    "a profile that is not taken": (
        SetChargingProfileRequest(1, LIMIT),
        SetChargingProfileConfirmation("Rejected"),
        [],
    ),
    "a profile with a start": (
        RemoteStartTransactionRequest("TAG", 1, LIMIT),
        RemoteStartTransactionConfirmation("Accepted"),
        [INSTALLED],
    ),
    "a start without profile": (
        RemoteStartTransactionRequest("TAG", 1),
        RemoteStartTransactionConfirmation("Accepted"),
        [],
    ),
    "a start nobody knows where": (
        RemoteStartTransactionRequest("TAG", None, LIMIT),
        RemoteStartTransactionConfirmation("Accepted"),
        [],
    ),
    "cleared": (
        ClearChargingProfileRequest(None, 1, "TxProfile", 2),
        ClearChargingProfileConfirmation("Accepted"),
        [ProfilesCleared(7, None, 1, "TxProfile", 2)],
    ),
    "nothing to clear, so nothing is there": (
        ClearChargingProfileRequest(3),
        ClearChargingProfileConfirmation("Unknown"),
        [ProfilesCleared(7, 3)],
    ),
    "reserved, or not": (
        ReserveNowRequest(1, T, "TAG", 4),
        ReserveNowConfirmation("Occupied"),
        [ReservationAnswered(7, 4, "Occupied", after(5))],
    ),
    "a reservation cancelled that is not there": (
        CancelReservationRequest(4),
        CancelReservationConfirmation("Rejected"),
        [ReservationCancelled(7, 4, after(5))],
    ),
    "a whole list": (
        SendLocalListRequest(5, "Full", ROWS),
        SendLocalListConfirmation("Accepted"),
        [LocalListAccepted(7, 5, True, (ListRow("A", "Accepted", "P", T), ListRow("B", None)), after(5))],
    ),
    "changes": (
        SendLocalListRequest(5, "Differential"),
        SendLocalListConfirmation("Accepted"),
        [LocalListAccepted(7, 5, False, (), after(5))],
    ),
    "changes to another version": (
        SendLocalListRequest(5, "Differential", ROWS),
        SendLocalListConfirmation("VersionMismatch"),
        [LocalListDoubted(7, "SendLocalList was answered VersionMismatch", 5)],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_learned(case: str) -> None:
    request, confirmation, effects = CASES[case]
    site = Site()
    facts = site.registry.facts(site.registry.charger(7))
    learned = site.central.learn(facts, request, confirmation, after(5))
    assert [effect for effect in learned if not isinstance(effect, EventHappened)] == effects


def test_a_start_names_its_reservation() -> None:
    site = Site()
    answer = site.say(StartTransactionRequest(1, "tester", 10, T, 4), received=after(5))
    assert of(answer, ReservationUsed) == [ReservationUsed(7, 4, 1, after(5))]
    refused = site.say(StartTransactionRequest(2, "blocked", 10, T, 5), received=after(6))
    assert of(refused, ReservationUsed) == []
