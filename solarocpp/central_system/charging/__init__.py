"""Smart charging, as a pure function: which limit holds when (OCPP 1.6 §3.13).

    supply       amperes and watts, with the phases and the voltage of a site
    calendar     one charging profile -> the steps of its schedule within a window of time
    composite    all profiles of a charger -> one schedule for a connector
    comparison   that schedule beside what the charge point says it keeps (GetCompositeSchedule)

Nothing here waits, sends, or keeps anything. Times are aware UTC datetimes, and every interval is
half-open: a limit holds from its first moment until the first moment of the next.
"""

from solarocpp.central_system.charging.composite import (
    LONGEST_WINDOW_S,
    CompositeSchedule,
    InstalledProfile,
    RunningTransaction,
    Step,
    composite_schedule,
)
from solarocpp.central_system.charging.supply import Supply

__all__ = [
    "LONGEST_WINDOW_S",
    "CompositeSchedule",
    "InstalledProfile",
    "RunningTransaction",
    "Step",
    "Supply",
    "composite_schedule",
]
