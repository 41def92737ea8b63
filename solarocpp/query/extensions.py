"""DuckDB's extensions: never fetched from the internet, loaded from what is installed beside us."""

from __future__ import annotations

from importlib import resources
from importlib.util import find_spec
from pathlib import Path

import duckdb

OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
"""For `duckdb.connect`: a name DuckDB does not know would send it to the internet, for seconds."""


def extension_file(name: str) -> Path | None:
    """Finds an extension that a Python package (`duckdb-extension-NAME`) brought, of this version of DuckDB."""
    package = f"duckdb_extension_{name}"
    if find_spec(package) is None:
        return None
    file = resources.files(package) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    return Path(str(file)) if file.is_file() else None
