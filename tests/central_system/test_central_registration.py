"""BootNotification, Heartbeat, and what Pending and Rejected mean (spec 6.3, architecture section 8 Q18)."""

from __future__ import annotations

from datetime import datetime

import msgspec
import pytest
from charging_site import Site, T, after, at, events, of, one, reading, session_record

from solarocpp.central_system import CentralSystem
from solarocpp.errors import ProtocolViolation
from solarocpp.ocpp.datatypes import KeyValue
from solarocpp.ocpp.messages import (
    AuthorizeRequest,
    BootNotificationConfirmation,
    BootNotificationRequest,
    GetConfigurationConfirmation,
    GetConfigurationRequest,
    HeartbeatConfirmation,
    HeartbeatRequest,
    OcppMessage,
    UnlockConnectorRequest,
)
from solarocpp.store.effects import ChargerDescribed, ConnectorsCounted

BOOT = BootNotificationRequest(
    charge_point_vendor="ACME",
    charge_point_model="Super Duper",
    charge_point_serial_number="1234567890",
    charge_box_serial_number="0987654321",
    firmware_version="1.2.3",
    iccid="ABC-123-456",
    imsi="DEF-321-654",
    meter_type="Good One",
    meter_serial_number="ABCDEFGHIJKL",
)


@pytest.fixture
def site() -> Site:
    return Site()


def set_charger(site: Site, **changes: object) -> None:
    site.registry._put_charger(msgspec.structs.replace(site.registry.charger(7), **changes))


@pytest.mark.parametrize("status", ["Accepted", "Pending", "Rejected"])
def test_boot_is_answered_as_registered(site: Site, status: str) -> None:
    set_charger(site, registration_status=status)
    answer = site.say(BOOT, received=after(5))
    assert answer.confirmation == BootNotificationConfirmation(status, after(5), 300)  # type: ignore[arg-type]
    assert answer.from_memory


def test_boot_interval_is_a_setting(site: Site) -> None:
    central = CentralSystem(site.registry, site.transactions, boot_interval_s=60)
    answer = central.answer(site.registry.facts(site.registry.charger(7)), BOOT, T)
    assert answer.confirmation == BootNotificationConfirmation("Accepted", T, 60)


def test_boot_describes_the_charger_once(site: Site) -> None:
    described = one(site.say(BOOT), ChargerDescribed)
    assert described == ChargerDescribed(
        charger_id=7,
        vendor="ACME",
        model="Super Duper",
        charge_point_serial_number="1234567890",
        charge_box_serial_number="0987654321",
        firmware_version="1.2.3",
        iccid="ABC-123-456",
        imsi="DEF-321-654",
        meter_type="Good One",
        meter_serial_number="ABCDEFGHIJKL",
    )
    assert site.registry.charger(7).firmware_version == "1.2.3"
    assert site.say(BOOT).effects == ()


def test_field_left_out_of_a_later_boot_becomes_empty(site: Site) -> None:
    site.say(BOOT)
    site.say(BootNotificationRequest("ACME", "Super Duper"))
    assert site.registry.charger(7).firmware_version is None


def test_disabled_charger_is_not_described(site: Site) -> None:
    set_charger(site, enabled=False)
    assert site.say(BOOT).effects == ()
    assert site.registry.charger(7).vendor == ""


def test_boot_that_was_not_recorded_is_described_again(site: Site) -> None:
    site.central.undo(site.say(BOOT).effects)
    assert site.registry.charger(7).vendor == ""
    assert len(of(site.say(BOOT), ChargerDescribed)) == 1


def test_boot_with_an_open_session_makes_it_suspect_q60() -> None:
    answer = Site(open_sessions=[session_record()]).say(BOOT)
    assert events(answer) == ["session_suspect"]


def test_heartbeat_is_answered_from_memory(site: Site) -> None:
    answer = site.say(HeartbeatRequest(), received=after(9))
    assert answer.confirmation == HeartbeatConfirmation(after(9))
    assert (answer.effects, answer.from_memory) == ((), True)


@pytest.mark.parametrize("request_", [HeartbeatRequest(), AuthorizeRequest("tester")])
def test_rejected_charger_gets_security_errors_q18(site: Site, request_: OcppMessage) -> None:
    set_charger(site, registration_status="Rejected")
    with pytest.raises(ProtocolViolation) as refused:
        site.say(request_)
    assert refused.value.code == "SecurityError"


def test_pending_charger_is_stored_q18(site: Site) -> None:
    set_charger(site, registration_status="Pending")
    assert len(site.read(at(T, reading("1"))).effects) == 1


def test_removed_charger_gets_a_security_error_n6(site: Site) -> None:
    facts = site.registry.facts(site.registry.charger(7))
    site.registry._drop_charger(site.registry.charger(7))
    with pytest.raises(ProtocolViolation) as refused:
        site.central.answer(facts, HeartbeatRequest(), T)
    assert refused.value.code == "SecurityError"


def test_message_without_handler_is_not_supported(site: Site) -> None:
    with pytest.raises(ProtocolViolation) as refused:
        site.say(UnlockConnectorRequest(1))
    assert refused.value.code == "NotSupported"


@pytest.mark.parametrize(
    ("key", "value", "count"),
    [
        ("NumberOfConnectors", "2", 2),
        ("numberofconnectors", ' "4" ', 4),  # Q104
        ("NumberOfConnectors", None, None),
        ("NumberOfConnectors", "many", None),
        ("NumberOfConnectors", "0", None),
        ("NumberOfConnectors", "1000000", None),
        ("HeartbeatInterval", "2", None),
    ],
)
def test_connectors_are_counted_from_the_configuration(
    site: Site, key: str, value: str | None, count: int | None
) -> None:
    facts = site.registry.facts(site.registry.charger(7))
    confirmation = GetConfigurationConfirmation((KeyValue(key=key, readonly=True, value=value),))
    effects = site.central.learn(facts, GetConfigurationRequest(("NumberOfConnectors",)), confirmation, T)
    counted = [effect for effect in effects if isinstance(effect, ConnectorsCounted)]
    assert counted == ([] if count is None else [ConnectorsCounted(7, count)])
    assert site.registry.charger(7).connector_count == (count or 0)


def test_configuration_answer_may_be_empty_q45(site: Site) -> None:
    facts = site.registry.facts(site.registry.charger(7))
    assert site.central.learn(facts, GetConfigurationRequest(), GetConfigurationConfirmation(), T) == ()


def test_session_opened_at_boot_time_is_kept(site: Site) -> None:
    confirmation, _ = site.start()
    site.say(BOOT, received=after(30))
    later: datetime = after(60)
    assert site.transactions.open_at(7, 1, later) is not None
    assert confirmation.transaction_id == 1
