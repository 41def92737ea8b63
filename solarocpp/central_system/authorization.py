"""Authorize, and the judgement of an id tag that StartTransaction shares (spec 4.1)."""

from __future__ import annotations

from solarocpp.central_system.context import Context, Handler, nothing_observed
from solarocpp.ocpp.datatypes import IdTagInfo
from solarocpp.ocpp.messages import AuthorizeConfirmation, AuthorizeRequest


def judge_token(id_tag: str, context: Context) -> IdTagInfo:
    """Says what we think of an id tag: Accepted, Invalid, Blocked or Expired, in this order of finding out.

    Compared without case (Q95); `vid:*` stands for every `vid:...` without row of its own (Q97). Blocked
    wins over Expired (spec 4.1 step 4), and is also what OCPP 1.6 has for an id tag that may charge
    at other chargers only (Q98).
    """
    row = context.registry.authorization(context.charger.account_id, id_tag)
    if row is None:
        return IdTagInfo("Invalid")
    if not row.enabled or not row.allows(context.charger.identifier):
        return IdTagInfo("Blocked", row.parent, row.expires)
    if row.expires is not None and row.expires <= context.received:
        return IdTagInfo("Expired", row.parent, row.expires)
    return IdTagInfo("Accepted", row.parent, row.expires)


def _decide(request: AuthorizeRequest, context: Context) -> AuthorizeConfirmation:
    # Never ConcurrentTx here: a driver who presents the card to stop would be refused (W11).
    return AuthorizeConfirmation(judge_token(request.id_tag, context))


AUTHORIZE = Handler(_decide, nothing_observed)
