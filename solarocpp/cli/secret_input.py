"""Secrets typed in or piped in: never an argument, which everybody on the machine sees and the shell keeps."""

from __future__ import annotations

import sys
from getpass import getpass

from solarocpp.errors import WrongUsage


def read_secret(prompt: str) -> str:
    """Reads one line from standard input, unseen if somebody types it.

    Raises:
        WrongUsage: there is none; the program that should have written it failed.
    """
    if sys.stdin.isatty():
        return getpass(prompt)
    line = sys.stdin.readline()
    if not line:
        raise WrongUsage("Standard input ended without a line; nothing was changed.")
    return line.rstrip("\r\n")
