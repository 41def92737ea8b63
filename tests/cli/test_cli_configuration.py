"""`solarocpp configuration`, with no server running."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from solarocpp.store import open_store
from solarocpp.store.configuration import select_desired_secrets

if TYPE_CHECKING:
    from conftest import Cli, Done


def test_keys_are_wanted_listed_and_let_go(run: Callable[..., Done]) -> None:
    run("charger", "add", "CP001")
    nothing = run("configuration", "list", "CP001")
    assert (nothing.out, nothing.err) == (
        "",
        "CP001 has told none yet. Ask it with: solarocpp send CP001 GetConfiguration\n",
    )
    told = run("configuration", "set", "CP001", "HeartbeatInterval", "60")
    assert (told.code, told.out) == (0, "HeartbeatInterval of CP001 is to be as given.\n")
    assert run("configuration", "set", "CP001", "LightIntensity", "-1").code == 0
    listed = run("configuration", "list", "CP001")
    assert [line.split() for line in listed.out.splitlines()] == [
        ["key", "desired", "differs", "rebootRequired"],
        ["HeartbeatInterval", "60", "yes", "no"],
        ["LightIntensity", "-1", "yes", "no"],
    ]
    assert run("instructions", "list").out.count("ChangeConfiguration") == 2
    let_go = run("configuration", "unset", "CP001", "heartbeatinterval")
    assert let_go.out == "heartbeatinterval of CP001 may be anything.\n"
    assert "HeartbeatInterval" not in run("configuration", "list", "CP001").out
    never = run("configuration", "history", "CP001", "HeartbeatInterval")
    assert never.err == ("CP001 has never told HeartbeatInterval. See: solarocpp configuration list CP001\n")


def test_a_secret_is_not_printed(run: Callable[..., Done], solarocpp_cli: Cli) -> None:
    run("charger", "add", "CP001")
    order = ("configuration", "set", "CP001", "WifiPassword", "--value-stdin")
    typed = solarocpp_cli(Path("data").absolute(), *order, stdin="hunter2hunter2\n")
    assert "hunter2" not in typed.stdout + typed.stderr
    done = [
        run("configuration", "list", "CP001", "--format", "json"),
        run("instructions", "list", "--format", "json"),
        run("events", "--format", "json"),
    ]
    assert [each.code for each in done] == [0, 0, 0]
    assert not any("hunter2" in each.out + each.err for each in done)
    store = open_store(Path("data"), now=datetime(2026, 3, 1, tzinfo=UTC))
    assert store.secrets.read_now(lambda con: select_desired_secrets(con, 1)) == {"wifipassword": "hunter2hunter2"}
    store.close()


def test_a_secret_is_no_argument(run: Callable[..., Done]) -> None:
    """Whoever lists processes, or reads the shell's history, would have it."""
    run("charger", "add", "CP001")
    refused = run("configuration", "set", "CP001", "WifiPassword", "hunter2hunter2")
    assert refused.code == 2
    assert refused.err.startswith("solarocpp: WifiPassword is a secret")
    assert "--value-stdin" in refused.err
    assert "hunter2" not in refused.err
    assert run("instructions", "list").out == ""


def test_a_pipe_that_brings_nothing_sets_nothing(run: Callable[..., Done], solarocpp_cli: Cli) -> None:
    """What should have written the secret failed, and an empty one would be told to the charger."""
    run("charger", "add", "CP001")
    for order in (
        ("configuration", "set", "CP001", "WifiPassword", "--value-stdin"),
        ("charger", "rotate-key", "CP001", "--key-stdin"),
    ):
        done = solarocpp_cli(Path("data").absolute(), *order, stdin="", exits=2)
        assert done.stderr == "solarocpp: Standard input ended without a line; nothing was changed.\n"
    assert run("configuration", "list", "CP001").out == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["60", "--value-stdin"], "solarocpp: Give VALUE or --value-stdin, not both.\n"),
        ([], "solarocpp: What is it to be? Give VALUE, or --value-stdin.\n"),
    ],
)
def test_a_value_is_given_once(run: Callable[..., Done], words: list[str], said: str) -> None:
    run("charger", "add", "CP001")
    done = run("configuration", "set", "CP001", "HeartbeatInterval", *words)
    assert (done.code, done.err) == (2, said)


def test_the_key_a_charger_logs_in_with_is_refused(run: Callable[..., Done]) -> None:
    run("charger", "add", "CP001")
    refused = run("configuration", "set", "CP001", "AuthorizationKey", "0123456789abcdef")
    assert refused.code == 1
    sent = run("send", "CP001", "ChangeConfiguration", '{"key": "AuthorizationKey", "value": "0123456789abcdef"}')
    assert sent.code == 1
    assert (
        refused.err
        == sent.err
        == (
            "solarocpp: AuthorizationKey is what CP001 logs in with; it gets another, and is not locked out, with: "
            "solarocpp charger rotate-key CP001\n"
        )
    )
