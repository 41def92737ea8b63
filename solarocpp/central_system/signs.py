"""Whether something came of what a charger accepted: what would show it, and what that says (Q75, Q78, Q105). Pure.

    RemoteStart   a session, or a connector that begins to prepare for one
    Reset         a new link, or a boot
    a limit       readings: what the charger offers the car, or what the car takes

`accepted, no effect` is said where nothing came that must have come, or where a reading contradicts. Where a limit is
above what the car takes anyway, or another profile may hold, nobody can see whether it is kept, and that is said then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, Literal, NamedTuple

from solarocpp.central_system.charging.calendar import Window, pieces
from solarocpp.central_system.charging.comparison import TOLERANCES
from solarocpp.central_system.charging.supply import ASSUMED_PHASES
from solarocpp.metering.source_ids import source_id
from solarocpp.ocpp.datatypes import ChargingProfile
from solarocpp.ocpp.messages import (
    OcppMessage,
    RemoteStartTransactionRequest,
    ResetRequest,
    SetChargingProfileRequest,
)
from solarocpp.store.effects import ConnectorStatusChanged, DatumObserved, Effect, SessionStarted
from solarocpp.store.ledger import ChargerFacts

SEEN: Final = "seen"

WATCHED: Final = frozenset({"RemoteStartTransaction", "Reset", "SetChargingProfile"})
"""Actions of which something should be seen, if they are accepted."""

GRACE_S: Final = 30.0
"""A car has 5 s to heed a lower current (IEC 61851-1), chargers change the pilot signal some seconds late, and a
reading that is sent then may have been taken before."""

_BACKLOG: Final = timedelta(minutes=5)
"""A reading this old when it comes was taken before, and kept while the charger was offline."""

_LOCATIONS: Final = ("Body", "Cable", "EV", "Inlet", "Outlet")
_IN_SESSION: Final = frozenset({"Charging", "SuspendedEV", "SuspendedEVSE"})
_PHASES: Final = ("_a", "_b", "_c")


class StartSought(NamedTuple):
    """A session, or a connector that prepares for one."""

    connector_id: int | None
    within_s: float = 90.0
    """ConnectionTimeOut, after which chargers give up on a plug, is 60 s in most (OCPP 1.6 §9.1.8)."""


class RestartSought(NamedTuple):
    """A new link, or a boot on the same one."""

    within_s: float = 180.0
    """A charger with a Linux inside and a modem needs two minutes."""


class LimitSought(NamedTuple):
    """Readings that keep to a charging profile, or do not."""

    profile: ChargingProfile
    sources: frozenset[str]
    """The streams of the connectors it limits."""
    shared: bool
    """Whether it is for all of several connectors together: one of them below it proves nothing."""
    within_s: float = 300.0
    """Readings come every minute as chargers are set up by most, and every five by some."""


Sought = StartSought | RestartSought | LimitSought


def sought_effect(request: OcppMessage, charger: ChargerFacts, connector_count: int) -> Sought | None:
    """Tells what should be seen soon if the charger accepts and does this; None: nothing that can be seen."""
    match request:
        case RemoteStartTransactionRequest():
            return StartSought(request.connector_id)
        case ResetRequest():
            return RestartSought()
        case SetChargingProfileRequest(connector_id=connector_id, cs_charging_profiles=profile):
            if (
                profile.charging_profile_kind == "Relative"
                and len(profile.charging_schedule.charging_schedule_period) > 1
            ):
                return None  # which period holds, the charger knows alone
            # As the composite schedule has it, connector 0 stands for each; ids begin at 1 (OCPP 1.6 §2.2).
            numbers = (connector_id,) if connector_id else range(connector_count + 1)
            sources = {
                source_id(charger.source_id_template, charger.identifier, charger.charger_id, number, location)
                for number in numbers
                for location in _LOCATIONS
            }
            shared = profile.charging_profile_purpose == "ChargePointMaxProfile" and connector_count > 1
            return LimitSought(profile, frozenset(sources), shared)
        case _:
            return None


def shows_start(sought: StartSought, effect: Effect, before: str | None = None) -> bool:
    """Tells whether what a charger said is the start that was sought; `before` is what its connector was until then.

    A status says so only where it is another: chargers repeat theirs, after a boot all of them, and a car that was
    plugged in all the time, or somebody else's session that pauses, is no effect of ours.
    """
    match effect:
        case SessionStarted():
            return sought.connector_id in {None, effect.connector_id}
        case ConnectorStatusChanged() if sought.connector_id in {None, effect.connector_id}:
            if effect.status == "Preparing":
                return before != "Preparing"
            return effect.status in _IN_SESSION and before not in _IN_SESSION
        case _:
            return False


class LimitSign(NamedTuple):
    """What a reading says of a limit."""

    verdict: Literal["kept", "exceeded"]
    text: str


def sign_of_limit(sought: LimitSought, effect: Effect) -> LimitSign | None:
    """Tells what a reading says of the limit that holds when it comes; None: nothing.

    Only readings in the unit of the limit are compared, since phases and voltage are somebody's word. Exceeded: more is
    offered or taken than the limit and a tolerance. Kept: no more is offered, or what is taken is as much as the limit.
    What is taken below it says nothing. A current without phase may be the sum of three, so it exceeds a limit only
    above that.
    """
    if not isinstance(effect, DatumObserved) or effect.datum.source_id not in sought.sources:
        return None
    now = effect.received
    if now - effect.datum.created > _BACKLOG:
        return None
    holding = pieces(sought.profile, Window(now, now + timedelta(seconds=1)), anchor=now)
    if not holding:
        return None
    period, unit = holding[0].period, sought.profile.charging_schedule.charging_rate_unit
    tolerance, limit = TOLERANCES[unit], period.limit
    offered, taken, most = _read(effect.datum.properties, unit, limit, period.number_phases or ASSUMED_PHASES)
    for value, bound in ((taken, most), (offered, limit)):
        if value is not None and value > bound + tolerance:
            return LimitSign("exceeded", f"{value:g} {unit} measured, {limit:g} {unit} allowed")
    if sought.shared:
        return None
    if offered is not None or (taken is not None and abs(taken - limit) <= tolerance):
        return LimitSign("kept", "")
    return None


def _read(
    properties: Mapping[str, float], unit: str, limit: float, phases: int
) -> tuple[float | None, float | None, float]:
    """Reads what is offered, what is taken, and what of that the limit allows at most."""
    name = "current" if unit == "A" else "watts"
    of_phases = [properties[name + phase] for phase in _PHASES if name + phase in properties]
    offered = [value for each in ("", *_PHASES) if (value := properties.get(f"{name}Offered{each}")) is not None]
    if unit == "A":
        most_offered = max(offered, default=None)
        if of_phases:
            return most_offered, max(of_phases), limit
        return most_offered, properties.get(name), limit * phases
    total = sum(of_phases) if of_phases else None
    return properties.get("wattsOffered"), properties.get(name, total), limit


def surely_holds(profile: ChargingProfile, installed: Sequence[ChargingProfile]) -> bool:
    """Tells whether a profile prevails whichever connector is meant, by all that the charger has (OCPP 1.6 §3.13.2).

    Not if it was replaced or cleared; of two of one level one is of connector 0, and chargers differ in which holds.
    """
    purpose, level = profile.charging_profile_purpose, profile.stack_level
    others = [each for each in installed if each.charging_profile_id != profile.charging_profile_id]
    return profile in installed and not any(
        (each.charging_profile_purpose == purpose and each.stack_level >= level)
        or (each.charging_profile_purpose == "TxProfile" and purpose == "TxDefaultProfile")
        for each in others
    )


def missing_effect(
    sought: Sought, contradiction: str = "", *, interrupted: bool = False, outranked: bool = False
) -> str:
    """Says that nothing came of it, or that nobody can tell.

    Args:
        sought: what was looked for.
        contradiction: what the last reading said against it.
        outranked: whether another profile may hold in place of a limit.
        interrupted: whether the server was down in between, so that it may have come unseen.
    """
    if contradiction and outranked:
        return f"accepted; {contradiction}, but another profile may hold by now"
    if contradiction:
        return f"accepted, no effect after {sought.within_s:g} s: {contradiction}"
    if isinstance(sought, LimitSought):
        return f"accepted; no reading within {sought.within_s:g} s shows whether it is kept"
    if interrupted:
        return f"accepted; not seen within {sought.within_s:g} s, of which the server was down for some"
    return f"accepted, no effect after {sought.within_s:g} s"
