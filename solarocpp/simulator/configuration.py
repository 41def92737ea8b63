"""The configuration keys of a simulated charge point: those of OCPP 1.6 §9, held in one table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from solarocpp.simulator.sampling import SAMPLES

_Kind = Literal["boolean", "integer", "measurands", "text", "key"]

# 16 to 20 bytes as hex digits, and nothing that could be something else (security whitepaper, 5.1 and A01).
_HEX_KEY = re.compile(r"([0-9a-fA-F]{2}){16,20}")


class Key(msgspec.Struct, frozen=True):
    """One configuration key as the charge point answers it."""

    name: str
    value: str
    kind: _Kind = "text"
    readonly: bool = False

    @property
    def shown(self) -> str | None:
        """What is told of its value; of what it logs in with, nothing."""
        return None if self.kind == "key" else self.value


# Several keys exist because the Core profile requires them and change nothing here: this charge point has
# no aligned data. Those that do something are read by the accessors of `Configuration`.
KEYS: tuple[Key, ...] = (
    Key("AllowOfflineTxForUnknownId", "true", "boolean"),
    Key("AuthorizationKey", "", "key"),
    Key("AuthorizeRemoteTxRequests", "false", "boolean"),
    Key("CertificateStoreMaxLength", "8", "integer", readonly=True),
    Key("ChargeProfileMaxStackLevel", "9", "integer", readonly=True),
    Key("ChargingScheduleAllowedChargingRateUnit", "Current,Power", "text", readonly=True),
    Key("ChargingScheduleMaxPeriods", "48", "integer", readonly=True),
    Key("ClockAlignedDataInterval", "0", "integer"),
    Key("ConnectionTimeOut", "60", "integer"),
    Key("ConnectorPhaseRotation", "0.RST", "text"),
    Key("GetConfigurationMaxKeys", "64", "integer", readonly=True),
    Key("HeartbeatInterval", "300", "integer"),
    Key("LocalAuthListEnabled", "true", "boolean"),
    Key("LocalAuthListMaxLength", "1000", "integer", readonly=True),
    Key("LocalAuthorizeOffline", "true", "boolean"),
    Key("LocalPreAuthorize", "false", "boolean"),
    Key("MaxChargingProfilesInstalled", "20", "integer", readonly=True),
    Key("MeterValuesAlignedData", "", "measurands"),
    Key("MeterValuesSampledData", ",".join(SAMPLES), "measurands"),
    Key("MeterValueSampleInterval", "60", "integer"),
    Key("NumberOfConnectors", "1", "integer", readonly=True),
    Key("ReserveConnectorZeroSupported", "false", "boolean", readonly=True),
    Key("ResetRetries", "1", "integer"),
    Key("SendLocalListMaxLength", "200", "integer", readonly=True),
    Key("StopTransactionOnEVSideDisconnect", "true", "boolean"),
    Key("StopTransactionOnInvalidId", "true", "boolean"),
    Key("StopTxnAlignedData", "", "measurands"),
    Key("StopTxnSampledData", "Energy.Active.Import.Register", "measurands"),
    Key(
        "SupportedFeatureProfiles",
        "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger",
        readonly=True,
    ),
    Key("SupportedFileTransferProtocols", "HTTP,HTTPS", readonly=True),
    Key("TransactionMessageAttempts", "3", "integer"),
    Key("TransactionMessageRetryInterval", "60", "integer"),
    Key("UnlockConnectorOnEVSideDisconnect", "true", "boolean"),
    Key("WebSocketPingInterval", "0", "integer"),
)


class Configuration:
    """The keys of one charge point, matched whatever their case (CiString50Type)."""

    def __init__(self, overrides: Mapping[str, str]) -> None:
        self._keys = {key.name.lower(): key for key in KEYS}
        for name, value in overrides.items():
            key = self._keys[name.lower()]
            self._keys[name.lower()] = msgspec.structs.replace(key, value=value)

    def select(self, names: Sequence[str] | None) -> tuple[list[Key], list[str]]:
        """The keys asked for (all of them for None or nothing) and the names that are unknown."""
        if not names:
            return list(self._keys.values()), []
        known = [self._keys[name.lower()] for name in names if name.lower() in self._keys]
        return known, [name for name in names if name.lower() not in self._keys]

    def change(self, name: str, value: str) -> Literal["Accepted", "Rejected", "NotSupported"]:
        """Sets a key if it exists, may be set and the value is of its kind."""
        key = self._keys.get(name.lower())
        if key is None:
            return "NotSupported"
        if key.readonly or not _fits(key.kind, value):
            return "Rejected"
        self._keys[name.lower()] = msgspec.structs.replace(key, value=value)
        return "Accepted"

    @property
    def authorization_key(self) -> bytes | None:
        """What the central system has told it to log in with; None: it has not."""
        return bytes.fromhex(self._keys["authorizationkey"].value) or None

    def integer(self, name: str) -> int:
        """A key's value as a number; seconds where it is an interval."""
        return int(self._keys[name.lower()].value)

    def boolean(self, name: str) -> bool:
        """A key's value as true or false."""
        return self._keys[name.lower()].value.lower() == "true"

    def measurands(self, name: str) -> list[str]:
        """A key's value as the measurands it lists."""
        return [measurand.strip() for measurand in self._keys[name.lower()].value.split(",") if measurand.strip()]


def _fits(kind: _Kind, value: str) -> bool:
    match kind:
        case "boolean":
            return value.lower() in {"true", "false"}
        case "integer":
            return value.isascii() and value.isdigit()
        case "measurands":
            return all(part.strip() in SAMPLES for part in value.split(",") if part.strip())
        case "key":
            return _HEX_KEY.fullmatch(value) is not None
        case "text":
            return len(value) <= 500  # CiString500Type
