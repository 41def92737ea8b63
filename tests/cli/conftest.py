"""Runs commands in this process, in a directory of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import trio

from solarocpp.cli import main


class Done(NamedTuple):
    """A finished command."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs one command line, given as words, and returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Done:
        code = main(arguments)
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return run


Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def solarocpp_cli(solarocpp_cli: Cli, run: Callable[..., Done]) -> Cli:
    """What it is everywhere, in this process where it can: an interpreter takes a second to start.

    It cannot where something is typed, or where the test itself is a task, as one of its commands would be.
    """

    def here(data: Path, *arguments: str, exits: int = 0, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        if stdin is not None or trio.lowlevel.in_trio_run():
            return solarocpp_cli(data, *arguments, exits=exits, stdin=stdin or "")
        done = run(*arguments, "--data", str(data))
        assert done.code == exits, f"{arguments}\n{done.out}{done.err}"
        return subprocess.CompletedProcess(arguments, *done)

    return here
