"""What chargers say of files that will not come: which words end a transfer, and which transfers they mean.

A charger gives no number where OCPP 1.6 has none for it (diagnostics, firmware). It works on one file of a kind at a
time, and a newer order takes the place of an older one, so its word is about all of that kind that are under way;
that it has nothing to send, not about one that is coming.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from solarocpp.store.effects import Effect, EventHappened
from solarocpp.store.transfers import FileTransfer, Purpose

_DIAGNOSTICS: Final = frozenset[Purpose]({"diagnostics"})
_LOGS: Final = frozenset[Purpose]({"log", "securityLog"})
_FIRMWARE: Final = frozenset[Purpose]({"firmware"})

# By event and status (OCPP 1.6 §7.24 and §7.25; the security whitepaper has the others): the files it is about, and
# whether it is told of a file that was fetched.
_FAILURES: Final[dict[tuple[str, str], tuple[frozenset[Purpose], bool]]] = {
    ("diagnostics_status_told", "UploadFailed"): (_DIAGNOSTICS, False),
    ("log_status_told", "BadMessage"): (_LOGS, False),
    ("log_status_told", "NotSupportedOperation"): (_LOGS, False),
    ("log_status_told", "PermissionDenied"): (_LOGS, False),
    ("log_status_told", "UploadFailure"): (_LOGS, False),
    ("upload_answered", "Rejected"): (_LOGS, False),
    ("firmware_status_told", "DownloadFailed"): (_FIRMWARE, False),
    ("firmware_status_told", "InstallationFailed"): (_FIRMWARE, True),
    ("firmware_status_told", "InstallVerificationFailed"): (_FIRMWARE, True),
    ("firmware_status_told", "InvalidSignature"): (_FIRMWARE, True),
}


NOTHING_TO_SEND: Final = "the charger has nothing to send: it answered GetDiagnostics without a file name"
"""OCPP 1.6 §5.9 and §6.26: it leaves the name out where there is no diagnostic information, and uploads nothing."""


class Failure(NamedTuple):
    """What a charger said."""

    remark: str
    purposes: frozenset[Purpose]
    number: int | None
    """The transfer it names, which only GetLog and a log's status do (`requestId`); None: it names none."""
    fetched: bool
    """Whether it says so of a file that it has."""
    begun: bool = True
    """Whether it may be about a file that is coming already."""

    def meant(self, transfers: Iterable[FileTransfer]) -> list[FileTransfer]:
        """Picks what is meant, of the transfers of this charger that are not past their time."""
        rows = [row for row in transfers if row.purpose in self.purposes and self.number in {None, row.transfer_id}]
        under_way = [row for row in rows if row.state == "waiting" or (self.begun and row.state == "moving")]
        done = [row for row in rows if row.state == "done"]
        if self.fetched and done:
            return [max(done, key=lambda row: row.transfer_id)]
        return under_way


def failures(effects: Sequence[Effect]) -> Iterator[Failure]:
    """Finds in what a message changed what it says of files that will not come."""
    for effect in effects:
        if isinstance(effect, EventHappened):
            if _tells_of_nothing(effect):
                yield Failure(NOTHING_TO_SEND, _DIAGNOSTICS, None, fetched=False, begun=False)
                continue
            status = str(effect.data.get("status"))
            found = _FAILURES.get((effect.name, status))
            if found is not None:
                purposes, fetched = found
                number = effect.data.get("request_id") if purposes is _LOGS else None
                yield Failure(
                    f"the charger says {status}", purposes, number if isinstance(number, int) else None, fetched
                )


def _tells_of_nothing(event: EventHappened) -> bool:
    asked = event.name == "upload_answered" and event.data.get("action") == "GetDiagnostics"
    return asked and not event.data.get("file_name")
