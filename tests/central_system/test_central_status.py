"""StatusNotification: vectors of spec 13.3; then firmware and diagnostics status."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from charging_site import SESSION_ID, Site, T, after, datum, datums, events, one, session_record

from solarocpp.metering.datums import StatusProperties
from solarocpp.ocpp.messages import (
    DiagnosticsStatusNotificationConfirmation,
    DiagnosticsStatusNotificationRequest,
    FirmwareStatusNotificationConfirmation,
    FirmwareStatusNotificationRequest,
    StatusNotificationConfirmation,
)
from solarocpp.store.effects import ConnectorStatusChanged

ACME = {"info": "Hello.", "vendor_id": "ACME", "vendor_error_code": "Sweet as."}


def test_status_is_a_row_and_a_datum_n1() -> None:
    answer = Site().status(error_code="GroundFailure", received=after(2), **ACME)
    assert answer.confirmation == StatusNotificationConfirmation()
    assert one(answer, ConnectorStatusChanged) == ConnectorStatusChanged(
        charger_id=7,
        connector_id=1,
        timestamp=T,
        received=after(2),
        status="Charging",
        error_code="GroundFailure",
        info="Hello.",
        vendor_id="ACME",
        vendor_error_code="Sweet as.",
    )
    row = datum(answer)
    assert (row.source_id, row.created, row.properties) == ("/ocpp/cp/CP001/1/status", T, {})
    assert row.status == StatusProperties("Charging", "GroundFailure", "Hello.", "Sweet as.", "ACME")


def test_status_names_the_open_session_n2_n4() -> None:
    site = Site(open_sessions=[session_record(started=after(-60), transaction_id=1)])
    assert datum(site.status()).status == StatusProperties("Charging", session_id=SESSION_ID, transaction_id=1)


def test_status_of_the_charger_itself_n3_q100() -> None:
    site = Site(open_sessions=[session_record(connector_id=0)])
    row = datum(site.status("Available", connector=0))
    assert (row.source_id, row.status) == ("/ocpp/cp/CP001/0/status", StatusProperties("Available"))


def test_status_from_before_the_session_does_not_name_it_n5() -> None:
    site = Site(open_sessions=[session_record(started=after(1))])
    assert datum(site.status()).status == StatusProperties("Charging")


def test_status_names_the_newest_session_of_the_connector() -> None:
    site = Site(open_sessions=[session_record(started=after(-9))])
    started, _ = site.start(timestamp=after(-5))
    status = datum(site.status()).status
    assert status is not None
    assert status.transaction_id == started.transaction_id


@pytest.mark.parametrize("timestamp", [None, datetime(1970, 1, 1, tzinfo=UTC), after(90_000)])
def test_time_of_reception_stands_in_for_a_missing_or_wrong_one_q50_q51(timestamp: datetime | None) -> None:
    answer = Site().status(timestamp=timestamp)
    assert one(answer, ConnectorStatusChanged).timestamp == datum(answer).created == T
    assert events(answer) == ([] if timestamp is None else ["time_replaced"])


def test_available_with_an_open_session_makes_it_suspect_q60() -> None:
    site = Site(open_sessions=[session_record()])
    assert events(site.status("Available")) == ["session_suspect"]
    assert len(site.transactions.open_sessions(7)) == 1


def test_row_is_kept_when_datums_are_not_published() -> None:
    site = Site()
    site.settings(publish=False)
    assert [type(effect) for effect in site.status().effects] == [ConnectorStatusChanged]


def test_firmware_status_is_a_stream_of_the_charger_q25() -> None:
    answer = Site().say(FirmwareStatusNotificationRequest("InstallationFailed"), received=after(3))
    assert answer.confirmation == FirmwareStatusNotificationConfirmation()
    row = datum(answer)
    assert (row.source_id, row.created) == ("/ocpp/cp/CP001/firmware-status", after(3))
    assert row.status == StatusProperties("InstallationFailed")


def test_diagnostics_status_is_a_stream_of_the_charger_q25() -> None:
    answer = Site().say(DiagnosticsStatusNotificationRequest("Uploaded"), received=after(3))
    assert answer.confirmation == DiagnosticsStatusNotificationConfirmation()
    row = datum(answer)
    assert (row.source_id, row.created) == ("/ocpp/cp/CP001/diagnostics-status", after(3))
    assert row.status == StatusProperties("Uploaded")


def test_maintenance_streams_follow_the_publish_setting() -> None:
    site = Site()
    site.settings(publish=False)
    assert datums(site.say(FirmwareStatusNotificationRequest("Idle"))) == []
    assert datums(site.say(DiagnosticsStatusNotificationRequest("Idle"))) == []
