"""What a charge point answers to the calls of the central system: all of OCPP 1.6 and its security extension.

An answer is given at once; what it sets off (a reset, a session, an upload) begins when the answer is
on its way. A module for each feature profile, as in `ocpp.messages`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from solarocpp.errors import ProtocolViolation
from solarocpp.ocpp.messages import OcppMessage
from solarocpp.simulator.answers.answering import Answers
from solarocpp.simulator.answers.core import CORE
from solarocpp.simulator.answers.firmware import FIRMWARE
from solarocpp.simulator.answers.local_list import LOCAL_LIST
from solarocpp.simulator.answers.remote_trigger import REMOTE_TRIGGER
from solarocpp.simulator.answers.reservation import RESERVATION
from solarocpp.simulator.answers.security import SECURITY
from solarocpp.simulator.answers.smart_charging import SMART_CHARGING
from solarocpp.simulator.link import Reply

if TYPE_CHECKING:
    from solarocpp.simulator.charge_point import ChargePoint

__all__ = ["ANSWERS", "answer_call"]

ANSWERS: Answers = {
    **CORE,
    **FIRMWARE,
    **LOCAL_LIST,
    **REMOTE_TRIGGER,
    **RESERVATION,
    **SECURITY,
    **SMART_CHARGING,
}
"""By request: everything a central system may ask."""


def answer_call(charge_point: ChargePoint, request: OcppMessage) -> Reply:
    """The answer to one call of the central system.

    Raises:
        ProtocolViolation: an action this charge point knows but does not offer.
    """
    answer = ANSWERS.get(type(request))
    if answer is None:
        action = type(request).__name__.removesuffix("Request")
        raise ProtocolViolation("NotSupported", f"{action} is not supported.")
    return answer(charge_point, request)
