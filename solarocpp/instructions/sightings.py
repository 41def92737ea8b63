"""Whether something came of what a charger accepted: a session of RemoteStart, a new link or boot of Reset (Q75),
readings that keep to a limit or do not.

One looks from before the CALL leaves: some chargers begin before they answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import trio

from solarocpp.central_system.signs import (
    GRACE_S,
    LimitSought,
    RestartSought,
    Sought,
    StartSought,
    shows_start,
    sign_of_limit,
)
from solarocpp.instructions.links import Links, Presence
from solarocpp.store.effects import ConnectorStatusChanged, Effect


class Sighting:
    """Something that is looked for at one charger."""

    __slots__ = ("before", "charger_id", "contradiction", "resumed", "seen", "sought", "trusted_from")

    def __init__(self, charger_id: int, sought: Sought, before: Presence | None, *, resumed: bool) -> None:
        self.charger_id = charger_id
        self.sought = sought
        self.before = before
        self.resumed = resumed
        """Whether it was looked for before a restart of this server: every charger has a new link then."""
        self.seen = trio.Event()
        self.contradiction = ""
        """What the last reading said against it."""
        self.trusted_from: float | None = trio.current_time() if resumed else None
        """On Trio's clock: from when on readings say something; None: it is not accepted yet."""

    def accept(self) -> None:
        """Notes that the charger has just accepted it."""
        self.trusted_from = trio.current_time() + GRACE_S


class Sightings:
    """Everything that is looked for; told what chargers say and how their links come and go."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._sought: dict[int, list[Sighting]] = {}
        self._statuses: dict[tuple[int, int], str] = {}
        """By charger and connector, what it last said it is."""
        links.on_presence.append(self._note_presence)
        links.on_effects.append(self._note_effects)

    def learn(self, statuses: Mapping[tuple[int, int], str]) -> None:
        """Is told what connectors were before this server was started."""
        self._statuses = {**statuses, **self._statuses}

    def begin(self, charger_id: int, sought: Sought, *, resumed: bool = False) -> Sighting:
        """Looks from now on."""
        sighting = Sighting(charger_id, sought, self._links.presence(charger_id), resumed=resumed)
        self._sought.setdefault(charger_id, []).append(sighting)
        return sighting

    def end(self, sighting: Sighting) -> None:
        """Looks no more."""
        looking = self._sought[sighting.charger_id]
        looking.remove(sighting)
        if not looking:
            del self._sought[sighting.charger_id]

    def _note_presence(self, charger_id: int) -> None:
        for sighting in self._sought.get(charger_id, ()):
            if isinstance(sighting.sought, RestartSought):
                now = self._links.presence(charger_id)
                if now is not None and _is_restart(now, sighting):
                    sighting.seen.set()

    def _note_effects(self, charger_id: int, effects: Sequence[Effect]) -> None:
        sought = self._sought.get(charger_id, ())
        for sighting in sought:
            if isinstance(sighting.sought, LimitSought):
                _note_readings(sighting, sighting.sought, effects)
        for effect in effects:
            before = None
            if isinstance(effect, ConnectorStatusChanged):
                connector = (charger_id, effect.connector_id)
                before = self._statuses.get(connector)
                self._statuses[connector] = effect.status
            for sighting in sought:
                if isinstance(sighting.sought, StartSought) and shows_start(sighting.sought, effect, before):
                    sighting.seen.set()


def _note_readings(sighting: Sighting, sought: LimitSought, effects: Sequence[Effect]) -> None:
    if sighting.trusted_from is None or trio.current_time() < sighting.trusted_from:
        return
    signs = [sign for effect in effects if (sign := sign_of_limit(sought, effect)) is not None]
    against = next((sign.text for sign in signs if sign.verdict == "exceeded"), "")
    if against:
        sighting.contradiction = against
    elif signs:
        sighting.seen.set()


def _is_restart(now: Presence, sighting: Sighting) -> bool:
    if sighting.resumed:
        return now.boots > 0
    before = sighting.before
    return before is None or (now.link, now.boots) != (before.link, before.boots)
