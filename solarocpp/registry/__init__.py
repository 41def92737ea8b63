"""To be written."""

from solarocpp.registry.entities import (
    DEFAULT_SOURCE_ID_TEMPLATE,
    Authorization,
    Charger,
    Credential,
    RegistrationStatus,
    Settings,
)

__all__ = [
    "DEFAULT_SOURCE_ID_TEMPLATE",
    "Authorization",
    "Charger",
    "Credential",
    "RegistrationStatus",
    "Settings",
]
