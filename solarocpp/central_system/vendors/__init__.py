"""What vendors say in DataTransfer, as datums: a row of VENDORS for each message that is understood (spec 6.4).

A decoder gets the text of `data` and gives a `VendorReading`, or a text that says why there is none. It
is a pure function: a message that came before its decoder was written is read when the tables are
derived again from the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence

from solarocpp.central_system.vendors.abb import decode_meter
from solarocpp.central_system.vendors.hiconics import decode_vehicle_id
from solarocpp.central_system.vendors.reading import VendorMessage, VendorReading
from solarocpp.central_system.vendors.zjbeny import decode_load_balancing

__all__ = ["VENDORS", "VendorMessage", "VendorReading", "vendor_messages"]

VENDORS: Sequence[VendorMessage] = (
    VendorMessage("com.zjbeny.dlb", "dlbMeter", "/dlb", decode_load_balancing),
    VendorMessage("ZJBENY", "dlbMeter", "/dlb", decode_load_balancing),
    VendorMessage("abc", "232", "/meter", decode_meter),  # ABB's chargers call themselves that
    VendorMessage("HKZN", "vehicleMAC", "/vid", decode_vehicle_id),  # Hiconics
)
"""Every message we can read; vendorId and messageId are compared without case, as OCPP's texts are."""


def vendor_messages(vendor_id: str) -> list[VendorMessage]:
    """Lists what we can read of a vendor; nothing: it is not known here."""
    return [row for row in VENDORS if row.vendor_id.casefold() == vendor_id.strip().casefold()]
