"""Who may charge: the local list where that is enough or all there is, else the central system (OCPP 1.6 §3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from solarocpp.ocpp.datatypes import IdTagInfo
from solarocpp.ocpp.messages import AuthorizeConfirmation, AuthorizeRequest
from solarocpp.simulator.connector import Connector
from solarocpp.simulator.local_list import LocalList

if TYPE_CHECKING:
    from solarocpp.simulator.charge_point import ChargePoint


class CardReaders:
    """What a charge point does with an id tag that is held against it."""

    def __init__(self, charge_point: ChargePoint) -> None:
        self._charge_point = charge_point
        self.local_list = LocalList()

    @property
    def list_locally(self) -> bool:
        """Whether there is a local list."""
        return self._charge_point.configuration.boolean("LocalAuthListEnabled")

    async def authorize(self, id_tag: str) -> IdTagInfo:
        """Finds out what an id tag may."""
        charge_point = self._charge_point
        listed = self.local_list.find(id_tag, charge_point.clock.now()) if self.list_locally else None
        if (
            listed is not None
            and listed.status == "Accepted"
            and charge_point.configuration.boolean("LocalPreAuthorize")
        ):
            return listed
        if not charge_point.online:
            return listed or self._unasked("LocalAuthorizeOffline")
        confirmation = await charge_point.tell(AuthorizeRequest(id_tag=id_tag))
        if isinstance(confirmation, AuthorizeConfirmation):
            return confirmation.id_tag_info
        return self._unasked("AllowOfflineTxForUnknownId")  # the link broke over it

    async def is_of_the_group(self, connector: Connector, id_tag: str) -> bool:
        """Whether a connector is reserved for all id tags of a parent, and this is one of them (OCPP 1.6 §5.13)."""
        reservation = connector.reservation
        if reservation is None or reservation.parent_id_tag is None or not connector.operative:
            return False
        parent = (await self.authorize(id_tag)).parent_id_tag
        still = connector.reservation is reservation and connector.status == "Reserved"
        return still and parent is not None and parent.casefold() == reservation.parent_id_tag.casefold()

    def _unasked(self, key: str) -> IdTagInfo:
        return IdTagInfo("Accepted" if self._charge_point.configuration.boolean(key) else "Invalid")
