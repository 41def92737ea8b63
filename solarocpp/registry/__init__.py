"""The registry: accounts, nodes, chargers, credentials, id tags and settings.

Held in memory whole, because every handshake and every message asks it; written through, because a
change must be durable before it acts, and acts at once (architecture section 8, Q15). Changes wait
for each other, so two can never both find a name free. It refuses to know links and HTTP: who must
hear of a change asks with `watch`.

    entities    what is registered         rules       what may be registered
    memory      finding it                 passwords   making and checking them
    durable     keeping it                 orders      what may be asked of it
    access      who may come in            changes     everything else that changes
"""

from solarocpp.registry.changes import Registry
from solarocpp.registry.entities import (
    DEFAULT_ACCOUNT,
    DEFAULT_SOURCE_ID_TEMPLATE,
    Account,
    ApiToken,
    Authorization,
    Charger,
    ChargerChanged,
    ChargerKey,
    Credential,
    CredentialChanged,
    KeyStatus,
    Limit,
    Node,
    RegistrationStatus,
    SecurityProfile,
    Settings,
    UnknownChargers,
)
from solarocpp.registry.orders import (
    AuthorizationChange,
    ChargerChange,
    CredentialChange,
    NewAccount,
    NewAuthorization,
    NewCharger,
    NewCredential,
    NewToken,
    NodeChange,
    SettingsChange,
)

__all__ = [
    "DEFAULT_ACCOUNT",
    "DEFAULT_SOURCE_ID_TEMPLATE",
    "Account",
    "ApiToken",
    "Authorization",
    "AuthorizationChange",
    "Charger",
    "ChargerChange",
    "ChargerChanged",
    "ChargerKey",
    "Credential",
    "CredentialChange",
    "CredentialChanged",
    "KeyStatus",
    "Limit",
    "NewAccount",
    "NewAuthorization",
    "NewCharger",
    "NewCredential",
    "NewToken",
    "Node",
    "NodeChange",
    "RegistrationStatus",
    "Registry",
    "SecurityProfile",
    "Settings",
    "SettingsChange",
    "UnknownChargers",
]
