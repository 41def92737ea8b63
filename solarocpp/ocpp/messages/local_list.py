"""The Local Auth List Management profile: id tags a charge point may accept by itself."""

from __future__ import annotations

from typing import Literal

from solarocpp.ocpp.datatypes import AuthorizationData, Integer, OcppMessage


class GetLocalListVersionRequest(OcppMessage, frozen=True):
    """Asks which list the charge point has (OCPP 1.6 §6.27)."""


class GetLocalListVersionConfirmation(OcppMessage, frozen=True):
    """The version; 0 for an empty list, -1 where the charge point keeps none (OCPP 1.6 §5.10)."""

    list_version: Integer


class SendLocalListRequest(OcppMessage, frozen=True):
    """Replaces the list, or changes the rows it names (OCPP 1.6 §6.41)."""

    list_version: Integer
    update_type: Literal["Differential", "Full"]
    local_authorization_list: tuple[AuthorizationData, ...] = ()


class SendLocalListConfirmation(OcppMessage, frozen=True):
    """Whether the charge point has the list now."""

    status: Literal["Accepted", "Failed", "NotSupported", "VersionMismatch"]
