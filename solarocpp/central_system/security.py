"""SecurityEventNotification and SignCertificate: what bears on a charger's security is an event, with its words.

Which certificate requests may be signed is not decided here: `Context.may_sign` says, and whoever signs
sends CertificateSigned afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence

from solarocpp.central_system.context import Context, Handler, Scene
from solarocpp.ocpp.messages import (
    SecurityEventNotificationConfirmation,
    SecurityEventNotificationRequest,
    SignCertificateConfirmation,
    SignCertificateRequest,
)
from solarocpp.store.effects import Effect

CRITICAL_SECURITY_EVENTS = frozenset(
    {
        "FirmwareUpdated",
        "SettingSystemTime",
        "StartupOfTheDevice",
        "ResetOrReboot",
        "SecurityLogWasCleared",
        "MemoryExhaustion",
        "TamperDetectionActivated",
    }
)
"""Those the security whitepaper's list calls critical; a vendor's own types are not on it."""

_CRITICAL = frozenset(name.casefold() for name in CRITICAL_SECURITY_EVENTS)

# Limits of the messages, which reception does not keep (Q46): an event is to be read by people.
_MOST_TYPE, _MOST_TECH_INFO, _MOST_CSR = 50, 255, 5500


def _decide_event(
    _request: SecurityEventNotificationRequest, _context: Context
) -> SecurityEventNotificationConfirmation:
    return SecurityEventNotificationConfirmation()


def _observe_event(
    request: SecurityEventNotificationRequest, _confirmation: SecurityEventNotificationConfirmation, scene: Scene
) -> Sequence[Effect]:
    """Keeps the charger's time beside ours: such events wait in the charger until there is a link."""
    kind = request.type[:_MOST_TYPE]
    return [
        scene.event(
            "security_event_told",
            kind.strip() or "a security event that does not say of what type it is",
            type=kind,
            critical=kind.strip().casefold() in _CRITICAL,
            timestamp=None if request.timestamp is None else request.timestamp.isoformat(),
            tech_info=None if request.tech_info is None else request.tech_info[:_MOST_TECH_INFO],
        )
    ]


def _decide_certificate(request: SignCertificateRequest, context: Context) -> SignCertificateConfirmation:
    return SignCertificateConfirmation("Accepted" if context.may_sign(context.charger, request.csr) else "Rejected")


def _observe_certificate(
    request: SignCertificateRequest, confirmation: SignCertificateConfirmation, scene: Scene
) -> Sequence[Effect]:
    """Keeps the request: it holds a public key and names, and is what a person signs by hand."""
    said = "will be looked at" if confirmation.status == "Accepted" else "not signed here"
    return [
        scene.event(
            "certificate_requested",
            f"the charger asks for a certificate: {said}",
            status=confirmation.status,
            csr=request.csr[:_MOST_CSR],
        )
    ]


SECURITY_EVENT_NOTIFICATION = Handler(_decide_event, _observe_event)
SIGN_CERTIFICATE = Handler(_decide_certificate, _observe_certificate)
