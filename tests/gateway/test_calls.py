"""What chargers answer to our calls, in the ledger: both sides of each exchange, errors too, and no secrets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
import trio
from gateway_server import Server
from structlog.testing import capture_logs

from solarocpp.central_system.replay import replayed_effects
from solarocpp.errors import CallRefused
from solarocpp.ocpp.datatypes import ChargePointId
from solarocpp.ocpp.messages import (
    ChangeConfigurationRequest,
    GetConfigurationRequest,
    GetDiagnosticsRequest,
    OcppMessage,
    ResetRequest,
)
from solarocpp.store.effects import Effect
from solarocpp.store.ledger import ChargerFacts, Exchange, LedgerRow


async def refused(server: Server, request: OcppMessage, kind: int, *answer: Any) -> tuple[list[Any], list[Any]]:
    """Asks CP001, which answers so that nothing comes of it; gives the two frames of the ledger."""

    async def ask() -> None:
        with pytest.raises(CallRefused):
            await server.services.roster.call(1, request)

    async with server.connect() as ws, trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        with trio.fail_after(5):
            asked = json.loads(await ws.get_message())
        await ws.send_message(json.dumps([kind, asked[1], *answer]))
    ((direction, action, request_told, answer_told),) = await server.rows(
        "SELECT direction, action, request, answer FROM ledger"
    )
    assert (direction, action) == ("out", asked[2])
    assert json.loads(request_told)[1] == json.loads(answer_told)[1] == asked[1]
    return json.loads(request_told)[3], json.loads(answer_told)[2:]


async def test_an_error_is_in_the_ledger_as_it_came(server: Server) -> None:
    told = ["NotSupported", "no such luck", {"hint": ["firmware", 2]}]
    assert await refused(server, ResetRequest("Soft"), 4, *told) == ({"type": "Soft"}, told)


async def test_an_answer_nobody_can_read_is_in_the_ledger_as_it_came(server: Server) -> None:
    assert (await refused(server, ResetRequest("Soft"), 3, {"status": "Perhaps"}))[1] == [{"status": "Perhaps"}]


async def test_an_error_that_quotes_a_secret_is_kept_without_it(server: Server) -> None:
    """Chargers quote what they were sent; in the details it may stand in any form."""
    request = ChangeConfigurationRequest("WifiPassword", "hunter2")
    asked, answered = await refused(server, request, 4, "GenericError", "what is hunter2?", {"hunter2": ["hunter2"]})
    assert asked == {"key": "WifiPassword", "value": "[redacted]"}
    assert answered == ["GenericError", "what is [redacted]?", {}]


@pytest.mark.parametrize(
    ("request_", "payload"),
    [
        (GetConfigurationRequest(), {"configurationKey": [{"key": "WifiPassword", "value": "hunter2"}, 7]}),
        (GetDiagnosticsRequest("ftp://depot:hunter2@files/in"), {"fileName": ["hunter2"]}),
        (GetDiagnosticsRequest("ftp://files/in"), {"fileName": ["ftp://depot:hunter2@files/in"]}),
    ],
)
async def test_what_nobody_can_read_and_may_hold_a_secret_is_not_kept(
    server: Server, request_: OcppMessage, payload: dict[str, Any]
) -> None:
    assert (await refused(server, request_, 3, payload))[1] == [{"unreadable": "[redacted]"}]


@pytest.mark.parametrize("answer", ['[4,"1","GenericError","no",{}]', '[3,"1",{"status":"Perhaps"}]', '[3,"1",{}]'])
async def test_what_changed_nothing_changes_nothing_in_a_replay(server: Server, answer: str) -> None:
    """The ledger is run again after a crash, and for `rebuild`; these rows must not end either."""
    facts = ChargerFacts(1, ChargePointId("CP001"), 1, 1, "/x", publish=True)
    exchange = Exchange(server.services.clock(), facts, "out", "Reset", '[2,"1","Reset",{"type":"Soft"}]', answer)
    assert replayed_effects(LedgerRow(1, exchange), server.services.central) == ()


async def test_an_answer_that_cannot_be_recorded_is_told_to_nobody(server: Server) -> None:
    told: list[Sequence[Effect]] = []
    server.services.roster.on_effects.append(lambda _, effects: told.append(effects))
    await server.store.write(lambda con: con.execute("ALTER TABLE journal RENAME TO gone"))
    with capture_logs() as logs, trio.fail_after(10):
        async with server.connect() as ws, trio.open_nursery() as nursery:
            nursery.start_soon(server.services.roster.call, 1, ResetRequest("Soft"))
            asked = json.loads(await ws.get_message())
            await ws.send_message(json.dumps([3, asked[1], {"status": "Accepted"}]))
        while "answer_not_stored" not in [line["event"] for line in logs]:
            await trio.lowlevel.checkpoint()
    assert told == []
    await server.store.write(lambda con: con.execute("ALTER TABLE gone RENAME TO journal"))
