"""`solarocpp send` and `instructions`, as their users run them, against a charger that answers by hand."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from websockets.sync.client import ClientConnection, connect

if TYPE_CHECKING:
    from conftest import Cli, Serve

pytestmark = pytest.mark.slow  # processes

PASSWORD = "sixteen letters or so"
Answers = Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]

ANSWERS: Answers = {
    "GetConfiguration": lambda _: {
        "configurationKey": [
            {"key": "NumberOfConnectors", "readonly": True, "value": "1"},
            {"key": "AuthorizationKey", "readonly": False, "value": "hunter2hunter2"},
        ],
        "unknownKey": ["Colour"],
    },
    "Reset": lambda _: {"status": "Rejected"},
}


@pytest.fixture
def data(tmp_path: Path, solarocpp_cli: Cli) -> Path:
    data = tmp_path / "data"
    solarocpp_cli(data, "charger", "add", "CP001")
    solarocpp_cli(data, "credential", "add", "depot", "--password-stdin", stdin=PASSWORD + "\n")
    return data


@contextmanager
def charger(url: str) -> Iterator[None]:
    """A charge point that boots and answers from the table, everything else with NotSupported."""
    basic = base64.b64encode(f"depot:{PASSWORD}".encode()).decode()
    with connect(
        f"{url}/CP001", subprotocols=["ocpp1.6"], additional_headers={"Authorization": f"Basic {basic}"}
    ) as ws:  # type: ignore[list-item]
        boot = {"chargePointVendor": "ACME", "chargePointModel": "One"}
        ws.send(json.dumps([2, "boot", "BootNotification", boot]))
        thread = threading.Thread(target=_answer, args=(ws,))
        thread.start()
        try:
            yield
        finally:
            ws.close()
            thread.join()


def _answer(ws: ClientConnection) -> None:
    for text in ws:
        kind, unique_id, *rest = json.loads(text)
        if kind == 2:
            answer = ANSWERS.get(rest[0])
            told = [4, unique_id, "NotSupported", "", {}] if answer is None else [3, unique_id, answer(rest[1])]
            ws.send(json.dumps(told))


def test_what_a_charger_answers_is_printed(data: Path, solarocpp_cli: Cli, running_server: Serve) -> None:
    with running_server(data) as server, charger(server.url()):
        answered = solarocpp_cli(data, "send", "CP001", "Reset", '{"type": "Soft"}')
        assert answered.stdout == "status\nRejected\n"
        listed = solarocpp_cli(data, "send", "CP001", "GetConfiguration")
        assert [line.split() for line in listed.stdout.splitlines()] == [
            ["key", "value", "readonly"],
            ["NumberOfConnectors", "1", "yes"],
            ["AuthorizationKey", "[redacted]", "no"],
        ]
        assert listed.stderr == "It does not know: Colour\n"
        refused = solarocpp_cli(data, "send", "CP001", "ClearCache", exits=1)
        assert refused.stdout == ""
        assert refused.stderr == (
            "solarocpp: Instruction 3 is declined: ClearCache to CP001: answered NotSupported: no description\n"
        )
        (whole,) = json.loads(
            solarocpp_cli(data, "send", "CP001", "Reset", '{"type":"Hard"}', "--format", "json").stdout
        )
        assert (whole["state"], whole["result"], whole["requestedBy"]) == (
            "completed",
            {"status": "Rejected"},
            "admin.token",
        )
        shown = solarocpp_cli(data, "instructions", "list", "--state", "declined")
        assert "ClearCache" in shown.stdout
        assert shown.stdout.count("\n") == 2
        assert "hunter2" not in server.log


def test_an_order_for_a_charger_that_is_away(data: Path, solarocpp_cli: Cli, running_server: Serve) -> None:
    with running_server(data):
        late = solarocpp_cli(data, "send", "CP001", "ClearCache", "--timeout", "0.2", "--expires", "2 hours", exits=1)
        assert late.stdout == ""
        assert late.stderr.startswith("solarocpp: CP001 was not there within 0.2 s; it is told when it comes, until 20")
        assert late.stderr.endswith(
            "see: solarocpp instructions show 1; take it back: solarocpp instructions cancel 1\n"
        )
        shown = solarocpp_cli(data, "instructions", "show", "1").stdout
        assert ["state", "waiting"] in [line.split() for line in shown.splitlines()]
        taken = solarocpp_cli(data, "instructions", "cancel", "1").stdout
        assert taken == "Instruction 1 is taken back: ClearCache is not sent to CP001.\n"


def test_without_a_server_an_order_is_queued_for_the_next_one(
    data: Path, solarocpp_cli: Cli, running_server: Serve
) -> None:
    nobody = solarocpp_cli(data, "send", "CP001", "Reset", '{"type": "Soft"}', exits=1)
    assert nobody.stderr == (
        "solarocpp: No server runs, so nothing reaches a charger now. Start one (solarocpp serve), or queue it for "
        "then: wait=0, solarocpp send --no-wait.\n"
    )
    queued = solarocpp_cli(data, "send", "CP001", "Reset", '{"type": "Soft"}', "--no-wait")
    assert queued.stderr == "Instruction 1 is queued. See: solarocpp instructions show 1\n"
    with running_server(data) as server, charger(server.url()):
        assert solarocpp_cli(data, "send", "CP001", "Reset", '{"type": "Hard"}').stdout == "status\nRejected\n"
    rows = json.loads(solarocpp_cli(data, "instructions", "list", "--format", "json").stdout)
    assert [(row["payload"], row["state"], row["requestedBy"]) for row in rows] == [
        ({"type": "Soft"}, "completed", "command line"),
        ({"type": "Hard"}, "completed", "admin.token"),
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["CP001", "Rest"], 1, "'Rest' is no action of OCPP 1.6. Did you mean Reset?"),
        (["CP001", "Reset", "{"], 2, "'{' is no JSON (Input data was truncated). Like this: '{\"type\": \"Soft\"}'"),
        (["CP001", "Reset", "[]"], 2, "'[]' is no JSON object. Like this: '{\"type\": \"Soft\"}'"),
        (
            ["CP001", "Reset", '{"type":"Soft"}', "--expires", "30 s"],
            2,
            "--expires is '30 s'; allowed: a time like 30d, 12 hours or 1 year, at least 1 minute.",
        ),
        (["CP001", "Reset", '{"type":"Soft"}', "--expires", ""], 2, "--expires is ''; allowed: a time like"),
        (["CP009", "ClearCache"], 1, "There is no charger 'CP009'."),
    ],
)
def test_a_mistake_is_said_in_one_line(
    data: Path, solarocpp_cli: Cli, arguments: list[str], code: int, text: str
) -> None:
    said = solarocpp_cli(data, "send", *arguments, exits=code)
    assert said.stderr.startswith(f"solarocpp: {text}")
    assert said.stderr.count("\n") == 1
