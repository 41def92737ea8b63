"""Times as people write them on a command line."""

from __future__ import annotations

from datetime import datetime


def moment(text: str | None) -> str | None:
    """Gives a time its zone, UTC if it has none; what is no time at all the API refuses, saying so."""
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if read.tzinfo else f"{read.isoformat()}Z"
