"""How what is registered is shown to SolarNetwork's programs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from solarocpp.registry import Account, Authorization, Charger, Credential, Settings
from solarocpp.registry.entities import CHARGER_DETAILS, DEFAULT_SOURCE_ID_TEMPLATE
from solarocpp.web.solaruser.entities import (
    AccountSettingsEntity,
    AuthorizationEntity,
    ChargerEntity,
    ChargerInfo,
    ChargerSettingsEntity,
    CredentialEntity,
)


def written(moment: datetime) -> str:
    """Writes a time as SolarNetwork does; as many digits of a second as it has."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
    return f"{text.rstrip('0') if '.' in text else text}Z"


def written_if(moment: datetime | None) -> str | None:
    """Writes a time, if there is one."""
    return None if moment is None else written(moment)


def authorization_entity(row: Authorization, now: datetime) -> AuthorizationEntity:
    """Shows an id tag as it stands at `now`."""
    return AuthorizationEntity(
        id=row.authorization_id,
        created=written(row.created),
        user_id=row.account_id,
        token=row.token,
        enabled=row.enabled,
        expiry_date=written_if(row.expires),
        parent_id=row.parent,
        expired=row.expires is not None and row.expires < now,
    )


def trimmed_details(info: ChargerInfo) -> dict[str, Any]:
    """Takes what a charger is, beside vendor and model, from a form; what is not sent is empty afterwards."""
    return {name: (getattr(info, name) or "").strip() or None for name in CHARGER_DETAILS}


def charger_entity(row: Charger) -> ChargerEntity:
    """Shows a charger."""
    return ChargerEntity(
        id=row.charger_id,
        created=written(row.created),
        user_id=row.account_id,
        node_id=row.node_id,
        enabled=row.enabled,
        registration_status=row.registration_status,
        connector_count=row.connector_count,
        info=ChargerInfo(
            id=row.identifier,
            charge_point_vendor=row.vendor or None,
            charge_point_model=row.model or None,
            **{name: getattr(row, name) for name in CHARGER_DETAILS},
        ),
    )


def charger_settings_entity(row: Charger, account: Settings) -> ChargerSettingsEntity:
    """Shows what is decided for a charger; what it leaves open is the account's."""
    applying = _applying(row.settings, account)
    return ChargerSettingsEntity(
        charge_point_id=row.charger_id,
        user_id=row.account_id,
        created=written(row.created),
        publish_to_solar_in=applying.publish is not False,
        publish_to_solar_flux=False,
        source_id_template=applying.source_id_template or DEFAULT_SOURCE_ID_TEMPLATE,
    )


def account_settings_entity(account: Account, settings: Settings) -> AccountSettingsEntity:
    """Shows what an account decides, be it by never having said anything."""
    return AccountSettingsEntity(
        user_id=account.account_id,
        created=written(account.created),
        hid=account.hid,
        publish_to_solar_in=settings.publish is not False,
        publish_to_solar_flux=False,
        source_id_template=settings.source_id_template or DEFAULT_SOURCE_ID_TEMPLATE,
    )


def credential_entity(row: Credential, generated: str | None = None) -> CredentialEntity:
    """Shows a username, and a password that was generated just now."""
    return CredentialEntity(
        id=row.credential_id,
        created=written(row.created),
        user_id=row.account_id,
        username=row.username,
        password=generated,
        allowed_charge_points=list(row.allowed) or None,
    )


def _applying(own: Settings, account: Settings) -> Settings:
    publish = account.publish if own.publish is None else own.publish
    return Settings(own.source_id_template or account.source_id_template, publish)
