"""What the API answers about what is registered, as structs; camelCase in JSON, as the tables are.

A view is what may be seen of an entity: a credential without its hash. A receipt is a view after a
change, with warnings for the person who made it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from solarocpp.registry import (
    DEFAULT_SOURCE_ID_TEMPLATE,
    Account,
    ApiToken,
    Authorization,
    Charger,
    Credential,
    Node,
    RegistrationStatus,
    SecurityProfile,
    Settings,
    UnknownChargers,
)


class Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of all answers."""

    def about(self) -> str:
        """Names what was changed, for the event that is left of it; empty: the path of the request does."""
        return ""


class ChargerView(Answer, frozen=True, kw_only=True):
    """A charger."""

    identifier: str
    node_id: int
    enabled: bool
    registration_status: RegistrationStatus
    adopted: bool
    """False: `unknownChargers` let it in, and no operator has judged it since."""
    security_profile: SecurityProfile
    """The least its links must prove: 0 nothing, 1 a password, 2 TLS too, 3 a certificate."""
    connected: bool | None
    """None: nothing listens for chargers in this process."""
    connector_count: int
    vendor: str
    model: str
    charge_point_serial_number: str | None
    charge_box_serial_number: str | None
    firmware_version: str | None
    iccid: str | None
    imsi: str | None
    meter_type: str | None
    meter_serial_number: str | None
    source_id_template: str | None
    """Its own; None: the account's."""
    publish: bool | None
    """Its own; None: the account's."""
    charger_id: int
    created: datetime


class ChargerReceipt(Answer, frozen=True, kw_only=True):
    """A charger after a change."""

    charger: ChargerView
    warnings: list[str]

    def about(self) -> str:
        """Names it."""
        return self.charger.identifier


class CredentialView(Answer, frozen=True, kw_only=True):
    """A credential, without anything secret."""

    username: str
    kind: str
    """`generated`: we made the password; `password`: somebody chose it."""
    allowed: list[str]
    """Identifiers it may connect as; empty: every enabled charger of the account."""
    credential_id: int
    created: datetime


class CredentialReceipt(Answer, frozen=True, kw_only=True):
    """A credential after a change."""

    credential: CredentialView
    password: str | None
    """The password, if it was generated just now: this answer is the only one that ever has it."""
    warnings: list[str]

    def about(self) -> str:
        """Names it."""
        return self.credential.username


class AuthorizationView(Answer, frozen=True, kw_only=True):
    """An id tag."""

    token: str
    enabled: bool
    expires: datetime | None
    expired: bool
    parent: str | None
    max_active: int | None
    chargers: list[str]
    """Where it may charge; empty: at every charger of the account."""
    authorization_id: int
    created: datetime


class AuthorizationReceipt(Answer, frozen=True, kw_only=True):
    """An id tag after a change."""

    authorization: AuthorizationView
    warnings: list[str]

    def about(self) -> str:
        """Names it."""
        return self.authorization.token


class SettingsView(Answer, frozen=True, kw_only=True):
    """What applies to chargers that have no setting of their own, and where it comes from."""

    source_id_template: str
    source_id_template_from: str
    publish: bool
    publish_from: str
    """`default` or `account`; for one charger also `charger`."""


class AccountSettingsView(SettingsView, frozen=True, kw_only=True):
    """What applies to a whole account."""

    unknown_chargers: UnknownChargers
    unknown_chargers_from: str
    hid: str
    """Stands for the account in the URLs of its chargers; nobody can change it."""


class SettingsReceipt(Answer, frozen=True, kw_only=True):
    """Settings after a change."""

    settings: AccountSettingsView
    warnings: list[str]


class AccountView(Answer, frozen=True, kw_only=True):
    """An account."""

    account_id: int
    name: str
    hid: str
    nodes: list[int]
    chargers: int
    """How many."""
    created: datetime


class AccountReceipt(Answer, frozen=True, kw_only=True):
    """An account that was made."""

    account: AccountView

    def about(self) -> str:
        """Names it."""
        return self.account.name


class NodeView(Answer, frozen=True, kw_only=True):
    """A node: a site."""

    node_id: int
    name: str
    time_zone: str | None
    """By which its days begin; None: UTC."""
    chargers: int
    created: datetime


class NodeReceipt(Answer, frozen=True, kw_only=True):
    """A node after a change."""

    node: NodeView

    def about(self) -> str:
        """Names it."""
        return str(self.node.node_id)


class TokenView(Answer, frozen=True, kw_only=True):
    """A token for the API, without anything secret."""

    name: str
    account_id: int | None
    """The account it sees; None: the whole box."""
    token_id: int
    created: datetime
    read_only: bool
    """Whether it may only look."""
    nodes: list[int]
    """Whose datums it sees; empty: all of the account."""
    sources: list[str]
    """Patterns of what it sees; empty: every source."""
    expires: datetime | None
    """It is refused from then on."""
    snws2: bool
    """Whether requests may be signed with its secret."""


class TokenReceipt(Answer, frozen=True, kw_only=True):
    """A token that was made or removed."""

    token: TokenView
    secret: str | None
    """What a program shows, if it was made just now: this answer is the only one that ever has it."""

    def about(self) -> str:
        """Names it."""
        return self.token.name


def charger_view(charger: Charger, connected: frozenset[int] | None) -> ChargerView:
    """Shows a charger; `connected` are the numbers of those that have a link."""
    # Field by field, in a third of the time that it takes by their names: dashboards ask for thousands again and again.
    return ChargerView(
        identifier=charger.identifier,
        node_id=charger.node_id,
        enabled=charger.enabled,
        registration_status=charger.registration_status,
        adopted=charger.adopted,
        security_profile=charger.security_profile,
        connected=None if connected is None else charger.charger_id in connected,
        connector_count=charger.connector_count,
        vendor=charger.vendor,
        model=charger.model,
        charge_point_serial_number=charger.charge_point_serial_number,
        charge_box_serial_number=charger.charge_box_serial_number,
        firmware_version=charger.firmware_version,
        iccid=charger.iccid,
        imsi=charger.imsi,
        meter_type=charger.meter_type,
        meter_serial_number=charger.meter_serial_number,
        source_id_template=charger.settings.source_id_template,
        publish=charger.settings.publish,
        charger_id=charger.charger_id,
        created=charger.created,
    )


def credential_view(credential: Credential) -> CredentialView:
    """Shows a credential."""
    return CredentialView(
        username=credential.username,
        kind=credential.kind,
        allowed=list(credential.allowed),
        credential_id=credential.credential_id,
        created=credential.created,
    )


def authorization_view(authorization: Authorization, now: datetime) -> AuthorizationView:
    """Shows an id tag as it stands at `now`."""
    return AuthorizationView(
        token=authorization.token,
        enabled=authorization.enabled,
        expires=authorization.expires,
        expired=authorization.expires is not None and authorization.expires <= now,
        parent=authorization.parent,
        max_active=authorization.max_active,
        chargers=list(authorization.chargers),
        authorization_id=authorization.authorization_id,
        created=authorization.created,
    )


def account_view(account: Account, nodes: Sequence[Node], chargers: int) -> AccountView:
    """Shows an account."""
    return AccountView(
        account_id=account.account_id,
        name=account.name,
        hid=account.hid,
        nodes=[node.node_id for node in nodes],
        chargers=chargers,
        created=account.created,
    )


def node_view(node: Node, chargers: int) -> NodeView:
    """Shows a node."""
    return NodeView(
        node_id=node.node_id, name=node.name, time_zone=node.time_zone, chargers=chargers, created=node.created
    )


def token_view(token: ApiToken) -> TokenView:
    """Shows a token."""
    return TokenView(
        name=token.name,
        account_id=token.account_id,
        token_id=token.token_id,
        created=token.created,
        read_only=token.read_only,
        nodes=list(token.nodes),
        sources=list(token.sources),
        expires=token.expires,
        snws2=token.signing_secret is not None,
    )


def settings_view(account: Settings, own: Settings | None = None) -> SettingsView:
    """Shows what applies, by the order of spec 3.3: charger, account, built-in."""
    return SettingsView(**_applying(("source_id_template", "publish"), account, own))


def account_settings_view(account: Account, settings: Settings) -> AccountSettingsView:
    """Shows what applies to the chargers of an account that have no setting of their own, or no row yet."""
    applying = _applying(("source_id_template", "publish", "unknown_chargers"), settings)
    return AccountSettingsView(hid=account.hid, **applying)


_BUILT_IN = Settings(DEFAULT_SOURCE_ID_TEMPLATE, publish=True, unknown_chargers="refuse")


def _applying(fields: Sequence[str], account: Settings, own: Settings | None = None) -> dict[str, Any]:
    levels = [("charger", own or Settings()), ("account", account), ("default", _BUILT_IN)]
    applying: dict[str, Any] = {}
    for field in fields:
        applying[field], applying[f"{field}_from"] = next(
            (value, name) for name, level in levels if (value := getattr(level, field)) is not None
        )
    return applying
