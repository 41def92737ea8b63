"""Secrets typed in or piped in: never an argument, which everybody on the machine sees and the shell keeps."""

from __future__ import annotations

import sys
from getpass import getpass


def read_secret(prompt: str) -> str:
    """Reads one line from standard input, unseen if somebody types it."""
    if sys.stdin.isatty():
        return getpass(prompt)
    return sys.stdin.readline().rstrip("\r\n")
