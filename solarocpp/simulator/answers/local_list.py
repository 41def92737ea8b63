"""Answers to the calls of the Local Auth List Management profile (OCPP 1.6 §5.10, §5.15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from solarocpp.ocpp import messages as ocpp
from solarocpp.simulator.answers.answering import Answers
from solarocpp.simulator.link import Reply

if TYPE_CHECKING:
    from solarocpp.simulator.charge_point import ChargePoint


def _get_version(charge_point: ChargePoint, _: ocpp.GetLocalListVersionRequest) -> Reply:
    version = charge_point.readers.local_list.version if charge_point.readers.list_locally else -1
    return Reply(ocpp.GetLocalListVersionConfirmation(list_version=version))


def _send(charge_point: ChargePoint, request: ocpp.SendLocalListRequest) -> Reply:
    if not charge_point.readers.list_locally:
        return Reply(ocpp.SendLocalListConfirmation(status="NotSupported"))
    status = charge_point.readers.local_list.update(
        request,
        send_limit=charge_point.configuration.integer("SendLocalListMaxLength"),
        limit=charge_point.configuration.integer("LocalAuthListMaxLength"),
    )
    return Reply(ocpp.SendLocalListConfirmation(status=status))


LOCAL_LIST: Answers = {
    ocpp.GetLocalListVersionRequest: _get_version,
    ocpp.SendLocalListRequest: _send,
}
