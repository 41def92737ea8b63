"""`python -m solarocpp` is the command line."""

from __future__ import annotations

import sys

from solarocpp.cli import main as run_command


def main() -> None:
    """Runs one command and exits with its code."""
    # DuckDB imports pandas, where it is installed, to see whether a parameter is its NaT: 67 MB of memory and 0.4 s of
    # CPU at each start, and no command makes a data frame. An entry of None is "not installed" (importlib's rule).
    sys.modules.setdefault("pandas", None)  # type: ignore[arg-type]
    sys.exit(run_command())


if __name__ == "__main__":
    main()
