"""`--help`: an example for each command that works as it stands, and no waiting for it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from cyclopts import App

from solarocpp.cli import COMMANDS, make_cli

# They run until somebody stops them; their own tests start them.
ENDLESS = frozenset({"serve", "demo", "simulate", "tail"})
# They name a server, a charger, a stream or a profile that is not there; their own tests run them.
AWAY = frozenset(
    {
        ("charger", "rotate-key"),
        ("instructions", "cancel"),
        ("instructions", "show"),
        ("limit",),
        ("locallist", "off"),
        ("locallist", "on"),
        ("locallist", "send"),
        ("profile", "add"),
        ("profile", "apply"),
        ("profile", "clear"),
        ("profile", "installed"),
        ("profile", "remove"),
        ("profile", "schedule"),
        ("profile", "show"),
        ("reservations", "cancel"),
        ("reserve",),
        ("reset", "add"),
        ("reset", "remove"),
        ("send",),
        ("tls", "check"),
        ("firmware", "add"),
        ("firmware", "remove"),
        ("firmware", "update"),
        ("diagnostics",),
        ("transfer", "fetch"),
        ("transfer", "remove"),
    }
)


def verbs(app: App, *path: str) -> Iterator[tuple[str, ...]]:
    """Every command that does something, as its words."""
    for name in app:
        if name.startswith("-"):
            continue
        command = app[name]
        nested = [found for found in command if not found.startswith("-")]
        if nested:
            yield from verbs(command, *path, name)
        if not nested or command.default_command is not None:
            yield (*path, name)


ALL_VERBS = sorted(verbs(make_cli()))


def example_of(text: str) -> list[str]:
    """Reads the line `Example: solarocpp ...`, which a narrow terminal may wrap."""
    _, found, example = text.partition("Example: solarocpp ")
    assert found, text
    return shlex.split(" ".join(example.split()))


def test_every_command_of_the_contract_is_there() -> None:
    assert ALL_VERBS == [
        ("account", "add"),
        ("account", "list"),
        ("authorization", "add"),
        ("authorization", "list"),
        ("authorization", "remove"),
        ("authorization", "set"),
        ("charger", "add"),
        ("charger", "adopt"),
        ("charger", "list"),
        ("charger", "remove"),
        ("charger", "rotate-key"),
        ("charger", "set"),
        ("charger", "show"),
        ("check",),
        ("clocks",),
        ("configuration", "history"),
        ("configuration", "list"),
        ("configuration", "set"),
        ("configuration", "unset"),
        ("credential", "add"),
        ("credential", "list"),
        ("credential", "remove"),
        ("credential", "rotate"),
        ("datums",),
        ("demo",),
        ("diagnostics",),
        ("events",),
        ("export",),
        ("firmware", "add"),
        ("firmware", "list"),
        ("firmware", "remove"),
        ("firmware", "update"),
        ("instructions", "cancel"),
        ("instructions", "list"),
        ("instructions", "show"),
        ("ledger",),
        ("limit",),
        ("links",),
        ("locallist", "off"),
        ("locallist", "on"),
        ("locallist", "send"),
        ("locallist", "show"),
        ("node", "list"),
        ("node", "set"),
        ("profile", "add"),
        ("profile", "apply"),
        ("profile", "clear"),
        ("profile", "installed"),
        ("profile", "list"),
        ("profile", "remove"),
        ("profile", "schedule"),
        ("profile", "show"),
        ("readings",),
        ("rebuild",),
        ("reservations", "cancel"),
        ("reservations", "list"),
        ("reserve",),
        ("reset", "add"),
        ("reset", "list"),
        ("reset", "remove"),
        ("send",),
        ("serve",),
        ("sessions",),
        ("settings", "set"),
        ("settings", "show"),
        ("simulate",),
        ("snapshot",),
        ("snapshot", "list"),
        ("sql",),
        ("tail",),
        ("tls", "check"),
        ("tls", "init"),
        ("token", "add"),
        ("token", "list"),
        ("token", "remove"),
        ("transfer", "fetch"),
        ("transfer", "list"),
        ("transfer", "remove"),
    ]


@pytest.mark.parametrize("command", ALL_VERBS, ids=" ".join)
def test_help_shows_an_example_of_that_command(run: Callable[..., object], command: tuple[str, ...]) -> None:
    code, out, err = run(*command, "--help")  # type: ignore[misc]
    assert (code, err) == (0, "")
    assert example_of(out)[: len(command)] == list(command)


def test_every_example_works(run: Callable[..., object]) -> None:
    """In an order in which each finds what it names."""
    examples = {command: example_of(run(*command, "--help")[1]) for command in ALL_VERBS}  # type: ignore[index]
    order = [
        "add",
        "list",
        "show",
        "set",
        "history",
        "unset",
        "adopt",
        "rotate",
        "check",
        "sessions",
        "datums",
        "sql",
        "remove",
    ]
    for command in sorted(examples, key=lambda words: order.index(words[-1]) if words[-1] in order else 99):
        if command[0] in ENDLESS or command in AWAY:
            continue
        yes = ["--yes"] if command[-1] == "remove" else []
        code, _, err = run(*examples[command], *yes)  # type: ignore[misc]
        assert code == 0, f"{examples[command]}: {err}"


def test_help_of_the_program_lists_the_commands(run: Callable[..., object]) -> None:
    code, out, _ = run("--help")  # type: ignore[misc]
    assert code == 0
    assert all(f" {name} " in out and command.help in out for name, command in COMMANDS.items())


def test_help_loads_nothing_heavy() -> None:
    """It is what a newcomer types first; litestar, duckdb and rich's tables take most of a second."""
    program = (
        "import sys; from solarocpp.cli import main; main(['--help']); "
        "print([name for name in ('litestar', 'duckdb', 'trio_websocket', 'httpx', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"
