"""`python -m solarocpp` is the command line."""

from __future__ import annotations

import sys

from solarocpp.cli import main as run_command


def main() -> None:
    """Runs one command and exits with its code."""
    sys.exit(run_command())


if __name__ == "__main__":
    main()
