"""What an order may be, what follows from each outcome, and what is kept of a secret: all without a socket."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec
import pytest

from solarocpp.central_system.instructions import (
    DEADLINES_S,
    FINAL,
    SAFE_TO_REPEAT,
    SOLARNETWORK_STATES,
    TRANSITIONS,
    Instruction,
    State,
    accepts,
    may_send,
    moved,
    outcome_of_answer,
    outcome_of_failure,
    outcome_of_restart,
    read_order,
)
from solarocpp.central_system.signs import RestartSought, StartSought, shows_start, sought_effect
from solarocpp.errors import CallExpired, CallFailed, CallRefused, NotConnected, RegistryError
from solarocpp.ocpp.datatypes import ChargePointId, KeyValue
from solarocpp.ocpp.messages import (
    ACTIONS,
    ChangeConfigurationRequest,
    ClearCacheRequest,
    GetConfigurationConfirmation,
    OcppMessage,
    RemoteStartTransactionRequest,
    ResetConfirmation,
    ResetRequest,
)
from solarocpp.ocpp.redaction import secret_texts, without_secrets
from solarocpp.store.effects import ConnectorStatusChanged, SessionStarted
from solarocpp.store.ledger import ChargerFacts

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RESET = ResetRequest(type="Soft")
FACTS = ChargerFacts(1, ChargePointId("CP001"), 1, 1, "/ocpp/cp/{chargerIdentifier}/{connectorId}/{location}", True)


def instruction(state: State, action: str = "Reset") -> Instruction:
    return Instruction(
        instruction_id=1,
        account_id=1,
        node_id=1,
        charger_id=1,
        identifier="CP001",
        action=action,
        payload="{}",
        state=state,
        created=NOW,
        expires=NOW + timedelta(days=1),
        status_date=NOW,
        requested_by="a test",
    )


def test_every_state_leads_to_an_end_and_an_end_to_nothing() -> None:
    assert set(TRANSITIONS) == set(get_args(State)) == set(SOLARNETWORK_STATES)
    assert {"completed", "declined", "expired"} == FINAL
    for state in TRANSITIONS.keys() - FINAL:
        assert TRANSITIONS[state] & FINAL


@pytest.mark.parametrize(("before", "after"), [*itertools.product(get_args(State), repeat=2)])
def test_only_what_the_table_says_follows(before: State, after: State) -> None:
    later = NOW + timedelta(seconds=1)
    if after in TRANSITIONS[before]:
        changed = moved(instruction(before), after, later, error="why")
        assert (changed.state, changed.status_date, changed.error) == (after, later, "why")
    else:
        with pytest.raises(ValueError, match=f"cannot go from {before} to {after}"):
            moved(instruction(before), after, later)


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("accepted", "Received"),
        ("waiting", "Received"),
        ("executing", "Executing"),
        ("completed", "Completed"),
        ("declined", "Declined"),
        ("expired", "Declined"),
    ],
)
def test_solarnetwork_has_a_word_for_each_state(state: State, word: str) -> None:
    """Spec 7.3."""
    assert SOLARNETWORK_STATES[state] == word


def test_the_tables_name_actions_that_we_send() -> None:
    ours = {row.name for row in ACTIONS.values() if row.sent_by != "charge_point"}
    assert ours >= SAFE_TO_REPEAT
    assert ours >= set(DEADLINES_S)
    # These must never be done twice.
    assert not SAFE_TO_REPEAT & {"Reset", "RemoteStartTransaction", "RemoteStopTransaction", "UnlockConnector"}
    assert not SAFE_TO_REPEAT & {"UpdateFirmware", "SignedUpdateFirmware", "ReserveNow", "DataTransfer"}


@pytest.mark.parametrize(
    ("payload", "sent"),
    [
        # spec 13.8: from parameters every value is text, in `msg` it is not; what is sent is the same
        ({"connectorId": "1", "type": "Inoperative"}, {"connectorId": 1, "type": "Inoperative"}),
        ({"connectorId": 1, "type": "Inoperative"}, {"connectorId": 1, "type": "Inoperative"}),
    ],
)
def test_what_is_sent_has_the_types_of_the_specification(payload: dict[str, Any], sent: dict[str, Any]) -> None:
    order = read_order("ChangeAvailability", json.dumps(payload).encode())
    assert json.loads(order.payload) == json.loads(order.shown) == sent
    assert not order.secret


def test_a_request_without_fields_is_an_empty_object() -> None:
    assert read_order("ClearCache", b"{}").payload == b"{}"


@pytest.mark.parametrize(
    "payload",
    [
        {"key": "k", "value": None},
        {"key": "k"},
        {"value": "v"},
        {"key": 1.5, "value": []},
        {"key": "k", "value": "v", "Value": "v"},
    ],
)
def test_what_breaks_the_schema_is_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(RegistryError) as refused:
        read_order("ChangeConfiguration", json.dumps(payload).encode())
    assert refused.value.status == 422


@pytest.mark.parametrize(
    ("action", "payload", "shown", "secrets"),
    [
        (
            "ChangeConfiguration",
            {"key": "AuthorizationKey", "value": "hunter2"},
            {"key": "AuthorizationKey", "value": "[redacted]"},
            {"hunter2"},
        ),
        (
            "ChangeConfiguration",
            {"key": "LogServer", "value": "ftp://me:pa/ss@host/path"},
            {"key": "LogServer", "value": "ftp://*@host/path"},
            {"ftp://me:pa/ss@host/path"},
        ),
        (
            "GetDiagnostics",
            {"location": "ftp://me:p@ss@host/path"},
            {"location": "ftp://*@host/path"},
            {"ftp://me:p@ss@host/path"},
        ),
        (
            "UpdateFirmware",
            {"location": "https://host/f.bin?part=1&token=abc", "retrieveDate": "2026-03-01T12:00:00.000Z"},
            {"location": "https://host/f.bin?part=1&token=*", "retrieveDate": "2026-03-01T12:00:00.000Z"},
            {"https://host/f.bin?part=1&token=abc"},
        ),
        (
            "GetLog",
            {"logType": "DiagnosticsLog", "requestId": 1, "log": {"remoteLocation": "sftp://me@host"}},
            {"logType": "DiagnosticsLog", "requestId": 1, "log": {"remoteLocation": "sftp://*@host"}},
            {"sftp://me@host"},
        ),
    ],
)
def test_secrets_are_not_shown(action: str, payload: dict[str, Any], shown: dict[str, Any], secrets: set[str]) -> None:
    order = read_order(action, json.dumps(payload).encode())
    assert order.secret
    assert json.loads(order.payload) == payload
    assert json.loads(order.shown) == shown
    assert secret_texts(order.message) == secrets


def test_what_holds_no_secret_is_the_same_message() -> None:
    message = ChangeConfigurationRequest(key="HeartbeatInterval", value="http://host:8080/path")
    assert without_secrets(message) is message


def test_passwords_in_an_answer_are_not_kept() -> None:
    keys = (
        KeyValue(key="WifiPassword", readonly=False, value="hunter2"),
        KeyValue(key="HeartbeatInterval", readonly=False, value="60"),
    )
    outcome = outcome_of_answer(GetConfigurationConfirmation(configuration_key=keys))
    assert outcome.state == "completed"
    assert outcome.result is not None
    assert [row["value"] for row in json.loads(outcome.result)["configurationKey"]] == ["[redacted]", "60"]


def test_an_empty_answer_completes_it_too() -> None:
    """Spec 13.8."""
    assert outcome_of_answer(ResetConfirmation(status="Rejected")).result == '{"status":"Rejected"}'
    assert outcome_of_answer(GetConfigurationConfirmation()).state == "completed"


LOST = NotConnected("CP001", "Reset", sent=True)


@pytest.mark.parametrize(
    ("failed", "request_", "attempts", "state"),
    [
        (NotConnected("CP001", "Reset"), RESET, 1, "waiting"),  # it never left
        (NotConnected("CP001", "Reset"), RESET, 9, "waiting"),
        (LOST, RESET, 1, "declined"),
        (LOST, ClearCacheRequest(), 1, "waiting"),
        (LOST, ClearCacheRequest(), 2, "waiting"),
        (LOST, ClearCacheRequest(), 3, "declined"),
        (CallExpired("CP001", "Reset", 30), RESET, 1, "declined"),
        (CallExpired("CP001", "ClearCache", 30), ClearCacheRequest(), 1, "declined"),
        (CallRefused("CP001", "Reset", "NotSupported", ""), RESET, 1, "declined"),
    ],
)
def test_each_failure_has_its_outcome(failed: CallFailed, request_: OcppMessage, attempts: int, state: State) -> None:
    outcome = outcome_of_failure(failed, request_, attempts)
    assert outcome.state == state
    assert (outcome.error is None) == (state == "waiting")
    assert outcome.state in TRANSITIONS["executing"]


@pytest.mark.parametrize(("action", "state"), [("Reset", "declined"), ("GetConfiguration", "waiting")])
def test_a_restart_in_the_middle_has_its_outcome(action: str, state: State) -> None:
    assert outcome_of_restart(instruction("executing", action)).state == state


@pytest.mark.parametrize(
    ("status", "action", "may"),
    [
        ("Accepted", "RemoteStartTransaction", True),
        ("Pending", "ChangeConfiguration", True),
        ("Pending", "RemoteStartTransaction", False),
        ("Pending", "RemoteStopTransaction", False),
        ("Rejected", "GetConfiguration", False),
    ],
)
def test_a_charger_is_told_what_its_registration_allows(status: Any, action: str, *, may: bool) -> None:
    """OCPP 1.6 §4.2."""
    assert may_send(action, status) is may


def test_what_is_looked_for_follows_from_the_request() -> None:
    assert sought_effect(RESET, FACTS, 2) == RestartSought()
    assert sought_effect(RemoteStartTransactionRequest(id_tag="TAG1", connector_id=2), FACTS, 2) == StartSought(2)
    assert sought_effect(ClearCacheRequest(), FACTS, 2) is None
    assert accepts(ResetConfirmation(status="Accepted"))
    assert not accepts(ResetConfirmation(status="Rejected"))
    assert not accepts(GetConfigurationConfirmation())


@pytest.mark.parametrize(
    ("connector", "said", "status", "shows"),
    [
        (None, 1, "Preparing", True),
        (1, 1, "Charging", True),
        (1, 1, "Available", False),
        (1, 2, "Preparing", False),
        (1, 1, "Faulted", False),
    ],
)
def test_a_start_shows_in_the_status_of_its_connector(
    connector: int | None, said: int, status: str, *, shows: bool
) -> None:
    effect = ConnectorStatusChanged(1, said, NOW, NOW, status, "NoError")
    assert shows_start(StartSought(connector), effect) is shows


def test_a_start_shows_in_a_session() -> None:
    session = SessionStarted(msgspec.UNSET, 1, "/s", 1, 2, 7, "TAG1", NOW, 0.0)  # type: ignore[arg-type]
    assert shows_start(StartSought(2), session)
    assert not shows_start(StartSought(1), session)
