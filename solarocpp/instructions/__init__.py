"""Instructions on their way: the durable queue, and what delivers it to chargers.

    queue       unfinished instructions in memory, every change written through before anybody acts on it
    delivery    a task for each charger with work: one CALL in flight, in order, when the charger can be told
    sightings   whether something came of what was accepted
    hindsight   what the store tells for that
    key_rotations  keys that chargers log in with: both are right until one is used
    local_lists who is told by itself: chargers that keep a list of id tags

What the states are and what follows from an outcome is `central_system.instructions`, which is pure. This package waits
and writes; it refuses to know sockets: it is handed the links (`Links`).
"""

from solarocpp.instructions.delivery import Delivery, Links, Presence
from solarocpp.instructions.key_rotations import KeyRotations
from solarocpp.instructions.local_lists import LocalLists
from solarocpp.instructions.queue import InstructionQueue

__all__ = ["Delivery", "InstructionQueue", "KeyRotations", "Links", "LocalLists", "Presence"]
