"""`solarocpp charger rotate-key`: keys that are given, given up and forgotten, and what opens after each."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Cli, Done, RunningServer, Serve

GIVEN = "00112233445566778899aabbccddeeff"
PASSWORD = "correct horse battery"
WAITS = "CP001 is told a new key when it is connected; it and what it has now are right.\n"
OWN_NONE = "CP001 has no key of its own; the password of its user name opens.\n"
GIVEN_UP = "If CP001 has the key that was given up, it cannot connect any more.\n"
ADVICE = "How far it is: solarocpp charger rotate-key CP001 --show; give it up: --cancel\n"


@pytest.fixture
def rotate(run: Callable[..., Done], tmp_path: Path, solarocpp_cli: Cli) -> Callable[..., Done]:
    """Rotates the key of CP001, which has a user name to log in with; no server runs."""
    run("charger", "add", "CP001")
    solarocpp_cli(tmp_path / "data", "credential", "add", "depot", "--password-stdin", stdin=PASSWORD)
    return lambda *words: run("charger", "rotate-key", "CP001", *words)


@pytest.mark.slow(reason="starts a process")
def test_a_key_on_its_way_is_given_up_once(rotate: Callable[..., Done]) -> None:
    assert rotate("--wait", "0") == (0, WAITS, ADVICE)
    assert rotate("--show") == (0, WAITS, ADVICE)
    code, _, said = rotate("--wait", "0")
    assert (code, said.startswith("solarocpp: CP001 is told a new key already")) == (1, True), said
    assert rotate("--cancel") == (0, OWN_NONE, GIVEN_UP)
    assert rotate("--cancel") == (1, "", "solarocpp: CP001 is told no new key.\n")
    assert rotate("--show") == (0, OWN_NONE, "")


@pytest.mark.slow(reason="starts a process")
def test_what_is_not_there_is_not_forgotten(rotate: Callable[..., Done]) -> None:
    assert rotate("--forget") == (1, "", "solarocpp: CP001 has no key of its own.\n")
    assert rotate("--wait", "0").code == 0
    assert rotate("--forget") == (1, "", "solarocpp: CP001 has no key of its own.\n"), "one on its way is not its own"


@pytest.mark.slow(reason="starts a process")
def test_nobody_waits_where_no_server_runs(rotate: Callable[..., Done]) -> None:
    code, _, said = rotate()
    assert (code, said.startswith("solarocpp: No server runs, so nothing reaches a charger now.")) == (1, True)
    assert rotate("--show") == (0, OWN_NONE, "")


@pytest.mark.parametrize("words", [("--cancel", "--forget"), ("--key-stdin", "--show"), ("--show", "--cancel")])
def test_one_thing_at_a_time(run: Callable[..., Done], words: tuple[str, str]) -> None:
    said = "solarocpp: Only one of --key-stdin, --show, --cancel and --forget at a time.\n"
    assert run("charger", "rotate-key", "CP001", *words) == (2, "", said)


@pytest.mark.slow(reason="starts processes")
@pytest.mark.parametrize("key", ["hunter2", GIVEN[:-2], GIVEN[:-1] + "x", ""])
def test_what_is_no_key_is_refused_and_not_repeated(tmp_path: Path, solarocpp_cli: Cli, key: str) -> None:
    data = tmp_path / "data"
    solarocpp_cli(data, "charger", "add", "CP001")
    solarocpp_cli(data, "credential", "add", "depot", "--password-stdin", stdin=PASSWORD)
    refused = solarocpp_cli(
        data, "charger", "rotate-key", "CP001", "--key-stdin", "--wait", "0", exits=1, stdin=f"{key}\n"
    )
    assert (
        refused.stderr
        == "solarocpp: An AuthorizationKey is 32 to 40 hex digits, an even number of them (16 to 20 bytes).\n"
    )
    assert refused.stdout == ""


def is_let_in(server: RunningServer, key: str) -> bool:
    """Dials as a charger that shows this, and hangs up."""
    basic = base64.b64encode(f"depot:{key}".encode()).decode()
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": "ocpp1.6",
        "Authorization": f"Basic {basic}",
    }
    link = http.client.HTTPConnection(server.ocpp, timeout=30)
    try:
        link.request("GET", "/ocpp/j/v16/CP001", headers=headers)
        return link.getresponse().status == 101
    finally:
        link.close()


@pytest.mark.slow(reason="starts processes")
def test_a_given_key_opens_until_it_is_forgotten(tmp_path: Path, solarocpp_cli: Cli, running_server: Serve) -> None:
    """A fitter has set it at the charger already: it comes with it, and nothing else opens until it is forgotten."""
    data = tmp_path / "data"
    solarocpp_cli(data, "charger", "add", "CP001")
    solarocpp_cli(data, "credential", "add", "depot", "--password-stdin", stdin=PASSWORD)
    with running_server(data) as server:
        given = solarocpp_cli(data, "charger", "rotate-key", "CP001", "--key-stdin", "--wait", "0", stdin=f"{GIVEN}\n")
        assert (given.stdout, given.stderr) == (WAITS, ADVICE)
        assert is_let_in(server, PASSWORD)
        assert is_let_in(server, GIVEN)
        shown = solarocpp_cli(data, "charger", "rotate-key", "CP001", "--show").stdout
        assert shown.startswith("CP001 has come with a key of its own, since ")
        assert not is_let_in(server, PASSWORD)
        forgotten = solarocpp_cli(data, "charger", "rotate-key", "CP001", "--forget")
        assert (forgotten.stdout, forgotten.stderr) == (OWN_NONE, GIVEN_UP)
        assert not is_let_in(server, GIVEN)
        assert is_let_in(server, PASSWORD)
        assert GIVEN not in server.log
