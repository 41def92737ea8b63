"""Asks before something is removed."""

from __future__ import annotations

import sys

from solarocpp.errors import WrongUsage


def confirm_removal(what: str, consequence: str, *, yes: bool) -> bool:
    """Tells whether to remove `what`: `--yes` was given, or somebody at the terminal agrees.

    Raises:
        WrongUsage: nobody is there to be asked.
    """
    return confirm(f"Remove {what}?", consequence, f"whether to remove {what}", yes=yes)


def confirm(question: str, consequence: str, about: str, *, yes: bool) -> bool:
    """Tells whether somebody agrees: by `--yes`, or at the terminal.

    Raises:
        WrongUsage: nobody is there to be asked `about` it.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise WrongUsage(f"Nobody can be asked {about}. Add --yes.")
    answer = input(f"{question} {consequence} [y/N] ")
    return answer.strip().lower() in {"y", "yes"}
