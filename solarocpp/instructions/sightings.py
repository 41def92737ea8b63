"""Whether something came of what a charger accepted: a session of RemoteStart, a new link or boot of Reset (Q75).

One looks from before the CALL leaves: some chargers begin before they answer.
"""

from __future__ import annotations

from collections.abc import Sequence

import trio

from solarocpp.central_system.instructions import RestartSought, Sought, StartSought, shows_start
from solarocpp.instructions.links import Links, Presence
from solarocpp.store.effects import Effect


class Sighting:
    """Something that is looked for at one charger."""

    __slots__ = ("before", "charger_id", "seen", "sought")

    def __init__(self, charger_id: int, sought: Sought, before: Presence | None) -> None:
        self.charger_id = charger_id
        self.sought = sought
        self.before = before
        self.seen = trio.Event()


class Sightings:
    """Everything that is looked for; told what chargers say and how their links come and go."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._sought: dict[int, list[Sighting]] = {}
        links.on_presence.append(self._note_presence)
        links.on_effects.append(self._note_effects)

    def begin(self, charger_id: int, sought: Sought) -> Sighting:
        """Looks from now on."""
        sighting = Sighting(charger_id, sought, self._links.presence(charger_id))
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
                if now is not None and not _same_run(now, sighting.before):
                    sighting.seen.set()

    def _note_effects(self, charger_id: int, effects: Sequence[Effect]) -> None:
        for sighting in self._sought.get(charger_id, ()):
            sought = sighting.sought
            if isinstance(sought, StartSought) and any(shows_start(sought, effect) for effect in effects):
                sighting.seen.set()


def _same_run(now: Presence, before: Presence | None) -> bool:
    return before is not None and (now.link, now.boots) == (before.link, before.boots)
