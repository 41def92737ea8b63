"""The local authorization list of a charge point (OCPP 1.6 §3.5.2): who may charge when nobody can be asked."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from solarocpp.ocpp.datatypes import IdTagInfo
from solarocpp.ocpp.messages import SendLocalListRequest


class LocalList:
    """The list, and the version the central system gave it."""

    def __init__(self) -> None:
        self.version = 0
        self._rows: dict[str, IdTagInfo] = {}

    def __len__(self) -> int:
        """How many id tags it has."""
        return len(self._rows)

    def update(
        self, request: SendLocalListRequest, *, send_limit: int, limit: int
    ) -> Literal["Accepted", "Failed", "VersionMismatch"]:
        """Takes a list, or changes to it, whole or not at all; id tags match without case (Q95)."""
        rows = request.local_authorization_list
        full = request.update_type == "Full"
        if (
            request.list_version < 1
            or len(rows) > send_limit
            or (full and any(row.id_tag_info is None for row in rows))
        ):
            return "Failed"
        if not full and request.list_version <= self.version:
            return "VersionMismatch"
        wanted = {} if full else dict(self._rows)
        for row in rows:
            if row.id_tag_info is None:
                wanted.pop(row.id_tag.casefold(), None)
            else:
                wanted[row.id_tag.casefold()] = row.id_tag_info
        if len(wanted) > limit:
            return "Failed"
        self._rows, self.version = wanted, request.list_version
        return "Accepted"

    def find(self, id_tag: str, now: datetime) -> IdTagInfo | None:
        """What the list says of an id tag; None: nothing. Past its date it is Expired."""
        info = self._rows.get(id_tag.casefold())
        if info is not None and info.status == "Accepted" and info.expiry_date is not None and info.expiry_date <= now:
            return IdTagInfo("Expired", info.parent_id_tag, info.expiry_date)
        return info
