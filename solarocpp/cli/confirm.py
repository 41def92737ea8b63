"""Asks before something is removed."""

from __future__ import annotations

import sys

from solarocpp.errors import WrongUsage


def confirm_removal(what: str, consequence: str, *, yes: bool) -> bool:
    """Tells whether to remove `what`: `--yes` was given, or somebody at the terminal agrees.

    Raises:
        WrongUsage: nobody is there to be asked.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise WrongUsage(f"Nobody can be asked whether to remove {what}. Add --yes.")
    answer = input(f"Remove {what}? {consequence} [y/N] ")
    return answer.strip().lower() in {"y", "yes"}
