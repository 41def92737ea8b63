"""Two accounts that have everything there is: whether one sees something of the other, tests ask."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from served import NOW, FakeLink, Served

from solarocpp.central_system.instructions import read_order
from solarocpp.metering.datums import Datum, SessionProperties
from solarocpp.ocpp.datatypes import SourceId
from solarocpp.registry import (
    NewAccount,
    NewAuthorization,
    NewCharger,
    NewCredential,
    NewToken,
    NodeChange,
    SettingsChange,
)
from solarocpp.store import ChargerFacts, Exchange
from solarocpp.store.effects import (
    DatumObserved,
    EventHappened,
    ListRow,
    LocalListAccepted,
    ProfileInstalled,
    SessionEnded,
    SessionStarted,
)
from solarocpp.store.profiles import NamedProfile, insert_named_profile
from solarocpp.store.reservations import Reservation, insert_reservation
from solarocpp.store.resets import ResetRecord, insert_reset


class Box(NamedTuple):
    """Two accounts that have everything there is, and a token of each."""

    api: Served
    tokens: dict[str, str]


async def two_accounts(api: Served) -> Box:
    """Fills account 1, which is `quay`, and account 2, which is `mill`."""
    await api.registry.add_account(NewAccount(name="mill"), now=NOW)
    (own,) = api.registry.nodes(2)
    return Box(api, {"quay": await fill(api, 1, "quay", 4711), "mill": await fill(api, 2, "mill", own.node_id)})


async def fill(api: Served, account_id: int, word: str, node: int) -> str:
    """Gives an account one thing of each kind, and returns its token."""
    registry = api.registry
    order = NewCharger(identifier=f"{word}-cp", vendor=f"{word}-vendor", node_id=node, create_node=node == 4711)
    charger = await registry.add_charger(order, now=NOW, account_id=account_id)
    await registry.set_node(node, NodeChange(name=f"{word}-site"), account_id=account_id)
    credential = NewCredential(username=f"{word}-user", password=f"{word}-password-of-16", allowed=[f"{word}-cp"])
    await registry.add_credential(credential, now=NOW, account_id=account_id)
    authorization = NewAuthorization(token=f"{word}-tag", parent=f"{word}-parent", chargers=[f"{word}-cp"])
    await registry.add_authorization(authorization, now=NOW, account_id=account_id)
    template = f"/{word}/{{chargerIdentifier}}/{{connectorId}}"
    await registry.set_settings(SettingsChange(source_id_template=template), account_id=account_id)
    _, text = await registry.add_token(NewToken(name=f"{word}-program"), now=NOW, account_id=account_id)
    api.links.append(FakeLink(charger.charger_id, f"{word}-cp", account_id))
    session, running, source = UUID(int=account_id), UUID(int=10 + account_id), f"/{word}/{word}-cp/1"
    facts = SessionProperties(session, account_id, f"{word}-tag", 0)
    said = f'[2,"1","StatusNotification",{{"timestamp":"{NOW.isoformat()}"}}]'
    spoke = ChargerFacts(charger.charger_id, charger.identifier, account_id, node, template, publish=True)
    api.store.record(
        Exchange(NOW, spoke, "in", "StatusNotification", said, '[3,"1",{}]'),
        [
            SessionStarted(session, node, source, charger.charger_id, 1, account_id, f"{word}-tag", NOW, 0.0),
            DatumObserved(
                Datum(node, SourceId(source), NOW, {"watts": 7.0, "wattHours": 5.0, f"{word}Mode": 1.0}, session=facts),
                NOW,
            ),
            SessionEnded(session, NOW + timedelta(hours=1), "Local", f"{word}-tag", 5.0),
            SessionStarted(running, node, source, charger.charger_id, 2, 9, f"{word}-tag", NOW, 0.0),
            EventHappened(NOW, "link_opened", f"{word}-cp", f"{word} came", {"cp": f"{word}-cp"}, account_id),
            LocalListAccepted(charger.charger_id, 1, True, (ListRow(f"{word}-tag", "Accepted"),), NOW),
            ProfileInstalled(charger.charger_id, 1, 1, "TxDefaultProfile", 0, None, "{}", NOW),
            EventHappened(NOW, "bytes_refused", "quay-cp", "nobody knows whose quay this is", {"cp": "quay-cp"}, None),
        ],
    )
    reset = ResetRecord(0, NOW, node, source, "wattHours", 1.0, 0.0, f"{word} meter", NOW)
    await api.store.write(lambda con: insert_reset(con, reset))
    await api.app.state["transferring"].offer_upload(charger, "diagnostics")
    transfer = read_order("DataTransfer", b'{"vendorId":"%s"}' % word.encode())
    await api.queue.submit(transfer, action="DataTransfer", charger=charger, requested_by=f"{word}-program")
    waits = Reservation(
        reservation_id=0,
        account_id=account_id,
        charger_id=charger.charger_id,
        identifier=charger.identifier,
        connector_id=1,
        token=f"{word}-tag",
        created=NOW,
        expires=NOW + timedelta(hours=1),
        status_date=NOW,
        requested_by=f"{word}-program",
    )
    await api.store.write(lambda con: insert_reservation(con, waits))
    profile = NamedProfile(0, account_id, f"{word}-profile", "{}", NOW)
    await api.store.write(lambda con: insert_named_profile(con, profile))
    return text
