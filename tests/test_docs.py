"""What is written for people agrees with what is there: README, CHANGELOG, --help, the tables, the log catalogue."""

from __future__ import annotations

import ast
import os
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import solarocpp
from solarocpp.cli import make_cli
from solarocpp.logs import EVENTS
from solarocpp.query.reference import reference
from solarocpp.store import open_store

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SOURCES = sorted((ROOT / "solarocpp").rglob("*.py"))

LOGGER = re.compile(r"\b_?log(ger)?(\(\))?$")
LOG_METHODS = frozenset({"debug", "info", "warning", "error", "critical", "exception", "log"})


BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
"""The README's code blocks in order: language and text."""


def blocks(language: str) -> list[str]:
    return [text for named, text in BLOCKS if named == language]


def test_readme_begins_with_two_commands_that_need_only_python() -> None:
    """A clean machine, a clone, one line: so each does its own set-up."""
    first, second = (text for _, text in BLOCKS[:2])
    assert first.count("\n") == second.count("\n") == 1
    assert first.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert first.endswith(" && .venv/bin/solarocpp demo\n")
    assert second.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert second.endswith(" && .venv/bin/python -m pytest\n")


def test_ci_runs_the_line_that_readme_shows() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    commands = [line for line in script.splitlines() if line and not line.startswith(("#", "set ", "cd "))]
    assert commands == [blocks("sh")[1].strip()]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_readme_links_lead_somewhere() -> None:
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", README) if "://" not in target]
    assert targets
    assert [target for target in targets if not (ROOT / target.partition("#")[0]).exists()] == []


def readme_commands() -> list[str]:
    lines = [line.removeprefix("$ ") for text in blocks("console") for line in text.splitlines()]
    return [line.partition("  #")[0].partition(" < ")[0].strip() for line in lines]


@pytest.mark.parametrize("command", readme_commands())
def test_readme_shows_commands_that_exist(command: str) -> None:
    """Parsed, not run; tests/cli does the same for the examples that --help shows."""
    program, *arguments = shlex.split(command)
    assert program == "solarocpp"
    function, _, ignored = make_cli().parse_args(arguments, exit_on_error=False, print_error=False)
    assert function.__module__.startswith("solarocpp.cli.")
    assert not ignored


@pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")  # duckdb's own use of pandas
def test_readme_program_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a store in which nothing happened yet: every name and argument must be right."""
    open_store(tmp_path / "data", now=datetime(2026, 3, 1, tzinfo=UTC)).close()
    monkeypatch.chdir(tmp_path)
    (program,) = blocks("python")
    names: dict[str, Any] = {}
    exec(program, names)  # noqa: S102 (our own README)
    names["con"].close()


def test_data_readme_is_made_from_the_tables() -> None:
    """`python -m solarocpp.query.reference > data/README.md` when this fails."""
    assert (ROOT / "data" / "README.md").read_text() == reference()


def test_readme_names_the_packages_there_are() -> None:
    names = [line.partition("  ")[0] for line in blocks("text")[0].splitlines()]
    shown = {name for line in names for name in re.findall(r"(\w+)/(?=,|$)", line)}
    there = {path.parent.name for path in (ROOT / "solarocpp").glob("*/__init__.py")} | {"examples"}
    assert shown == there


def test_changelog_tells_of_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.findall(r"^## \[([\d.]+)\]", changelog, re.MULTILINE)[0] == solarocpp.__version__


def logged() -> Iterator[tuple[str, str]]:
    """Every event name that is logged or recorded in the package, with its place."""
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call):
                name = event_name(node)
                if name is not None:
                    yield f"{source.relative_to(ROOT)}:{node.lineno}", name


def event_name(call: ast.Call) -> str | None:
    """Reads the name from `log.info("name", ...)` and from `EventHappened(created, "name", ...)`."""
    function = ast.unparse(call.func)
    owner, _, method = function.rpartition(".")
    if method in LOG_METHODS and LOGGER.search(owner):
        named = call.args[:1]
    elif method == "EventHappened":
        named = call.args[1:2] + [keyword.value for keyword in call.keywords if keyword.arg == "name"]
    else:
        return None
    constant = named[0] if named else None
    return constant.value if isinstance(constant, ast.Constant) and isinstance(constant.value, str) else None


def test_every_logged_event_is_in_the_catalogue() -> None:
    used = list(logged())
    assert len(used) > 10
    assert [f"{place}: {name}" for place, name in used if name not in EVENTS] == []


def test_every_event_in_the_catalogue_is_used() -> None:
    """Some names travel as values before they are logged, so any mention outside the catalogue counts."""
    constants = {
        node.value
        for source in SOURCES
        if source.name != "logs.py"
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Constant)
    }
    assert [name for name in EVENTS if name not in constants] == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("log.info('link_opened', a=1)", "link_opened"),
        ("self._log.exception('x')", "x"),
        ("EventHappened(now, 'y', None, '', {})", "y"),
        ("EventHappened(created=now, name='z')", "z"),
        ("catalog.info('no')", None),
        ("log.info(name)", None),
        ("math.log('no')", None),
    ],
)
def test_event_names_are_read_from_calls(text: str, name: str | None) -> None:
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)
    assert event_name(call) == name
