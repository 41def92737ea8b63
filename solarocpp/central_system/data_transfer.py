"""DataTransfer: vendors' own messages; no vendor is known yet (spec 6.4).

What came is in the ledger, so a decoder written later can read it from there.
"""

from __future__ import annotations

from solarocpp.central_system.context import Context, Handler, nothing_observed
from solarocpp.ocpp.messages import DataTransferConfirmation, DataTransferRequest


def _decide(_request: DataTransferRequest, _context: Context) -> DataTransferConfirmation:
    return DataTransferConfirmation("UnknownVendorId")  # and not Rejected: the charger may stop asking (spec Q24)


DATA_TRANSFER = Handler(_decide, nothing_observed)
