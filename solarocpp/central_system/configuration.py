"""Configuration keys (OCPP 1.6 §5.3, §5.8, §9): what chargers tell of theirs, and how one asks.

observe    answers to GetConfiguration and ChangeConfiguration become `ConfigurationTold`
ask        which keys, and how many at once
compare    whether a value is what somebody wants, however the charger writes it (Q104)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from solarocpp.central_system.context import Scene
from solarocpp.central_system.registration import count_connectors
from solarocpp.ocpp.messages import (
    ChangeConfigurationConfirmation,
    ChangeConfigurationRequest,
    GetConfigurationConfirmation,
    GetConfigurationRequest,
)
from solarocpp.ocpp.redaction import is_secret_key, without_secrets
from solarocpp.store.effects import ConfigurationKeyTold, ConfigurationTold, Effect

__all__ = [
    "MAX_KEYS_KEY",
    "STANDARD_KEYS",
    "batches",
    "is_secret_key",
    "max_keys_told",
    "observe_change",
    "observe_reading",
    "same_key",
    "same_value",
]

MAX_KEYS_KEY: Final = "GetConfigurationMaxKeys"
"""The key that says for how many keys one may ask at once (OCPP 1.6 §9.1.8)."""

CAUTIOUS_BATCH: Final = 4
"""Keys at once, of a charger that does not say how many: the least that was met in the field (Q106)."""

LARGEST_BATCH: Final = 50
"""Keys at once, of a charger that takes more: every standard key fits in one question so."""

# fmt: off
STANDARD_KEYS: Final = (
    # Core (§9.1)
    "AllowOfflineTxForUnknownId", "AuthorizationCacheEnabled", "AuthorizeRemoteTxRequests", "BlinkRepeat",
    "ClockAlignedDataInterval", "ConnectionTimeOut", "ConnectorPhaseRotation", "ConnectorPhaseRotationMaxLength",
    "GetConfigurationMaxKeys", "HeartbeatInterval", "LightIntensity", "LocalAuthorizeOffline", "LocalPreAuthorize",
    "MaxEnergyOnInvalidId", "MeterValuesAlignedData", "MeterValuesAlignedDataMaxLength", "MeterValuesSampledData",
    "MeterValuesSampledDataMaxLength", "MeterValueSampleInterval", "MinimumStatusDuration", "NumberOfConnectors",
    "ResetRetries", "StopTransactionOnEVSideDisconnect", "StopTransactionOnInvalidId", "StopTxnAlignedData",
    "StopTxnAlignedDataMaxLength", "StopTxnSampledData", "StopTxnSampledDataMaxLength", "SupportedFeatureProfiles",
    "SupportedFeatureProfilesMaxLength", "TransactionMessageAttempts", "TransactionMessageRetryInterval",
    "UnlockConnectorOnEVSideDisconnect", "WebSocketPingInterval",
    # Local Auth List Management (§9.2)
    "LocalAuthListEnabled", "LocalAuthListMaxLength", "SendLocalListMaxLength",
    # Reservation (§9.3)
    "ReserveConnectorZeroSupported",
    # Smart Charging (§9.4)
    "ChargeProfileMaxStackLevel", "ChargingScheduleAllowedChargingRateUnit", "ChargingScheduleMaxPeriods",
    "ConnectorSwitch3to1PhaseSupported", "MaxChargingProfilesInstalled",
    # Firmware Management (errata), security whitepaper
    "SupportedFileTransferProtocols", "AdditionalRootCertificateCheck", "CertificateSignedMaxChainSize",
    "CertificateStoreMaxLength", "CpoName", "SecurityProfile",
)
# fmt: on
"""The keys of the specification: what one asks for by name where a charger does not list its keys (Q106).

AuthorizationKey is not asked for: it can only be written (security whitepaper A00.FR.404).
"""


def observe_reading(
    _request: GetConfigurationRequest, confirmation: GetConfigurationConfirmation, scene: Scene
) -> Sequence[Effect]:
    """Learns the values of keys, and from one of them the number of connectors."""
    plain = without_secrets(confirmation)
    told = tuple(
        ConfigurationKeyTold(row.key, row.value, row.readonly) for row in plain.configuration_key if row.key.strip()
    )
    if not told and not plain.unknown_key:
        return ()
    return (_told(scene, told, plain.unknown_key), *count_connectors(confirmation, scene))


def observe_change(
    request: ChangeConfigurationRequest, confirmation: ChangeConfigurationConfirmation, scene: Scene
) -> Sequence[Effect]:
    """Learns the value of a key that was set, and notes for whoever looks later whether it was."""
    plain = without_secrets(request)
    answered = scene.event(
        "configuration_answered",
        f"the charger answered ChangeConfiguration: {confirmation.status}",
        action="ChangeConfiguration",
        key=plain.key,
        value=plain.value,
        status=confirmation.status,
    )
    if confirmation.status not in {"Accepted", "RebootRequired"}:
        return (answered,)
    reboot = confirmation.status == "RebootRequired"
    return (_told(scene, (ConfigurationKeyTold(plain.key, plain.value, reboot_required=reboot),)), answered)


def _told(scene: Scene, told: tuple[ConfigurationKeyTold, ...], unknown: Sequence[str] = ()) -> ConfigurationTold:
    charger = scene.charger
    return ConfigurationTold(
        charger.charger_id, charger.account_id, charger.identifier, scene.received, told, tuple(unknown)
    )


# -- asking ----------------------------------------------------------------------------------------------


def batches(keys: Iterable[str], max_keys: int | None) -> Iterator[tuple[str, ...]]:
    """Yields keys in questions that a charger takes: no more of them than it says, and no key twice."""
    size = max(1, min(CAUTIOUS_BATCH if max_keys is None else max_keys, LARGEST_BATCH))
    distinct = list({same_key(key): key for key in keys}.values())
    for start in range(0, len(distinct), size):
        yield tuple(distinct[start : start + size])


def max_keys_told(confirmation: GetConfigurationConfirmation) -> int | None:
    """Reads for how many keys one may ask; None: it does not say."""
    for row in confirmation.configuration_key:
        if same_key(row.key) == same_key(MAX_KEYS_KEY):
            text = _bare(row.value or "")
            # A number of more digits is garbled; 0 would forbid to ask at all.
            if text.isascii() and text.isdecimal() and len(text) <= 9 and int(text) > 0:
                return int(text)
    return None


# -- comparing -------------------------------------------------------------------------------------------


def same_key(key: str) -> str:
    """Spells a key so that equal ones are equal: case and padding say nothing."""
    return key.strip().casefold()


def same_value(one: str | None, other: str | None) -> bool:
    """Tells whether two values mean the same: chargers pad, quote, and write `True` or `a, b` (Q104)."""
    return _meaning(one) == _meaning(other)


def _meaning(value: str | None) -> tuple[str, ...]:
    bare = _bare(value or "")
    if bare.casefold() in {"true", "false"}:
        return (bare.casefold(),)
    return tuple(part.strip() for part in bare.split(","))


def _bare(value: str) -> str:
    text = value.strip()
    quoted = len(text) > 1 and text[0] == text[-1] == '"'
    return text[1:-1].strip() if quoted else text
