"""Logs: structlog set up once, a catalogue of every event name, and what never reaches a line.

No line per message at info level: a typical line costs a tenth of handling a message. Ids of links
and chargers are in every line that concerns one; id tags only at debug level, secrets never.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Literal, NamedTuple, TextIO, cast

import structlog

Level = Literal["debug", "info", "warning", "error"]
_LEVELS: Mapping[str, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class EventName(NamedTuple):
    """A row of the catalogue."""

    level: Level
    meaning: str


EVENTS: Mapping[str, EventName] = {
    # the process
    "starting": EventName("info", "the server begins to open its store"),
    "ledger_replayed": EventName("info", "ledger rows past the watermark went through the handlers again"),
    "listening": EventName("info", "everything accepts; carries the bound addresses"),
    "unprotected_listener": EventName("warning", "passwords of chargers travel in the clear, maybe over the internet"),
    "quack_unavailable": EventName("warning", "DuckDB clients cannot attach; carries why, and what to do"),
    "few_files": EventName("warning", "the system allows fewer open files than max_links asks for"),
    "stopping": EventName("info", "a signal or the end of the run asked for a graceful stop"),
    "stopped": EventName("info", "everything is closed; nothing that was confirmed is missing"),
    "next_steps": EventName("info", "what to do on a fresh data directory"),
    # handshakes
    "handshake_refused": EventName("warning", "a connection was answered with an HTTP error; carries the reason"),
    "handshake_repaired": EventName("info", "a handshake broke a rule we can live with; carries which"),
    "bytes_refused": EventName("warning", "what arrived on the port is no request head; carries the first bytes"),
    "attempts_unrecorded": EventName("warning", "refusals of the last minute that were only counted; carries how many"),
    "tls_refused": EventName("warning", "the TLS handshake failed; carries the reason"),
    "tls_reloaded": EventName("info", "certificate and key were read again; links that are open stay"),
    "tls_reload_failed": EventName("error", "changed certificate files cannot be used; those before them stay"),
    # links
    "link_opened": EventName("info", "a charge point is connected"),
    "link_closed": EventName("info", "a link ended; carries the reason and what passed over it"),
    "links_unrecorded": EventName(
        "warning", "a charger connects again and again; carries how many links were not told of"
    ),
    "link_replaced": EventName("info", "a newer link of the same charger took over"),
    "link_unprotected": EventName("warning", "a password came in the clear, and not from this network"),
    "link_unauthenticated": EventName("warning", "a charge point came in without proof; error: from elsewhere"),
    "link_silent": EventName("warning", "nothing was heard within the pong deadline"),
    "link_slow": EventName("warning", "a link did not take what we sent"),
    "link_failed": EventName("error", "a defect of ours ended one link; carries the traceback"),
    # the store
    "commit_failed": EventName("error", "the ledger could not be written; messages are refused until it can"),
    "commit_recovered": EventName("warning", "the ledger is written again; carries how many were refused"),
    "exchange_unstorable": EventName("error", "a message cannot be written as JSON and was refused"),
    "projection_failed": EventName("error", "the tables could not be written; tried again every second"),
    "projection_recovered": EventName("warning", "the tables are written again"),
    "effects_left_out": EventName("error", "DuckDB cannot take what a message changes; the ledger has the message"),
    "checkpoint_failed": EventName("warning", "the log could not be moved into the file; it stays as it is"),
    "retention_applied": EventName("info", "rows older than they are kept were removed; carries how many"),
    "retention_failed": EventName("warning", "old rows could not be removed; tried again in an hour"),
    "snapshot_made": EventName("info", "a copy of the store is complete; carries where it is"),
    "snapshot_failed": EventName("warning", "no copy of the store was made; carries the reason"),
    "totals_computed": EventName("info", "an upgrade had totals of ended sessions computed again; carries how long"),
    "outcome_failed": EventName("error", "a defect of ours while an answer was released; with traceback"),
    "tables_rebuilt": EventName("info", "datums and sessions were derived again from the ledger; carries what changed"),
    "rebuild_undone": EventName("info", "what a rebuild replaced was put back"),
    # questions
    "answer_cut": EventName("warning", "a query failed after its first rows were sent, so the connection was cut"),
    # files
    "file_transfer_ended": EventName(
        "info", "a file of or for a charger is through, its URL was cancelled, or the charger says it failed"
    ),
    "file_transfer_not_stored": EventName("warning", "the disk refused that a charger gave a file up"),
    # certificates
    "certificate_issued": EventName("info", "a charger asked for a certificate and gets one; carries until when"),
    "certificate_refused": EventName("info", "a charger asked for a certificate and gets none; carries why"),
    "certificate_ending": EventName("info", "a charger's certificate ends soon; it is asked to request another"),
    "certificate_failed": EventName("error", "a defect of ours kept one request from being signed; with traceback"),
    # configuration
    "charger_key_not_stored": EventName(
        "warning", "the disk refused what became of a charger's key; the one before and the new one are both right"
    ),
    "configuration_unread": EventName("info", "a charger did not tell its configuration; asked after its next boot"),
    "configuration_failed": EventName(
        "error", "a defect of ours kept one configuration from being seen to; with traceback"
    ),
    "configuration_not_kept": EventName("warning", "a charger loses a desired value again and again; it is left alone"),
    "configuration_desired": EventName("debug", "somebody said what a key is to be, or no longer; carries who"),
    # keys that chargers log in with; events in the store, not lines in the log
    "charger_key_ordered": EventName("debug", "a charger is to have a key of its own, or another; carries who"),
    "charger_key_told": EventName("debug", "a charger was told its new key, and may use it; carries what it said"),
    "charger_key_refused": EventName("debug", "a charger does not take a new key; the one before is right"),
    "charger_key_adopted": EventName("debug", "a charger has come with its new key; the one before is refused"),
    "charger_key_dropped": EventName("debug", "somebody gave up a key of a charger; carries who"),
    # messages
    "call_refused": EventName("warning", "a message was answered with a CALLERROR"),
    "call_failed": EventName("error", "a handler raised and the message was answered InternalError; with traceback"),
    "call_not_stored": EventName("error", "a commit failed: the message was answered InternalError"),
    "answer_not_stored": EventName("error", "a commit failed: what a charger answered us changed nothing here"),
    "call_expired": EventName("warning", "a charge point did not answer a CALL of ours in time"),
    "connectors_unknown": EventName("info", "a charger did not say how many connectors it has; asked at its next boot"),
    "answer_late": EventName("warning", "an answer came after its deadline, or to nothing we asked"),
    "frame_ignored": EventName("debug", "a frame that asks for no answer and carries nothing"),
    "message_repaired": EventName("debug", "a lenience was needed to read a message; carries which"),
    "local_list_failed": EventName("error", "a defect of ours kept one local list from being seen to; with traceback"),
    "local_list_not_stored": EventName(
        "warning", "the disk refused what became of a charger's local list; looked at again within the hour"
    ),
    "instruction_not_stored": EventName(
        "warning", "the disk refused a state of an instruction; tried again each second"
    ),
    "instruction_failed": EventName("error", "a defect of ours ended one instruction; with traceback"),
    # instructions; events in the store, not lines in the log
    "instruction_queued": EventName("debug", "somebody ordered that a charger be told something; carries who"),
    "instruction_completed": EventName("debug", "a charger answered what it was told"),
    "instruction_declined": EventName("debug", "a charger was not told in time, or has no good answer; carries why"),
    "instruction_cancelled": EventName("debug", "somebody took an instruction back; carries who"),
    # what messages said; events in the store, not lines in the log
    "sample_unreadable": EventName("debug", "a sample that gives no number; kept raw, the rest is stored"),
    "sample_odd": EventName("debug", "a sample with an unlisted context or location; stored"),
    "time_replaced": EventName("debug", "a charger's clock cannot be right; the time of reception stands for it"),
    "session_suspect": EventName("debug", "a session stays open though its charger started again or began another"),
    "meter_start_implausible": EventName("debug", "a meterStart that cannot be right; the session has none"),
    "meter_stop_implausible": EventName("debug", "a meterStop that cannot be right; the session has none"),
    "session_ended": EventName("debug", "somebody ended a session by the API; carries who, and all of its end"),
    "stop_unmatched": EventName("debug", "a stop of a transaction we do not know; its readings are stored"),
    "stop_foreign": EventName("debug", "a charger stopped another one's transaction; nothing was changed"),
    "stop_contradicted": EventName("debug", "a second, different stop of a session; the first stands"),
    "data_transfer_unread": EventName("debug", "a vendor's message that makes no datum; carries why"),
    "security_event_told": EventName("debug", "a charger's SecurityEventNotification; carries whether it is critical"),
    "certificate_requested": EventName("debug", "a charger asks for a certificate; carries the request"),
    "firmware_status_told": EventName("debug", "how far a firmware update is"),
    "diagnostics_status_told": EventName("debug", "how far an upload of diagnostics is"),
    "log_status_told": EventName("debug", "how far an upload of a log is"),
    # what chargers answered to calls of ours; events in the store, each with the action and the status
    "availability_answered": EventName("debug", "ChangeAvailability; Scheduled: once the transaction has ended"),
    "configuration_answered": EventName("debug", "ChangeConfiguration; carries key and value, secrets blanked"),
    "reset_answered": EventName("debug", "Reset"),
    "reservation_answered": EventName("debug", "ReserveNow, CancelReservation"),
    "local_list_answered": EventName("debug", "SendLocalList, GetLocalListVersion"),
    "charging_profile_answered": EventName("debug", "SetChargingProfile, ClearChargingProfile"),
    "firmware_answered": EventName("debug", "UpdateFirmware, SignedUpdateFirmware"),
    "upload_answered": EventName("debug", "GetDiagnostics, GetLog; carries the name of the file that will come"),
    "certificate_answered": EventName("debug", "CertificateSigned, InstallCertificate, DeleteCertificate"),
    # the web API
    "change_made": EventName("debug", "something was changed by the API or the command line; carries who asked"),
    "change_unrecorded": EventName("error", "the event of a change could not be written; the change is made"),
    "request_failed": EventName("error", "a defect of ours while a request was answered; with traceback"),
}
"""Name, level and meaning of every event. Names are past tense or a state, snake_case."""

_SECRET_KEYS = frozenset({"password", "authorization", "secret", "admin_token", "api_key", "authorization_key"})
_ID_TAG_KEYS = frozenset({"id_tag", "idTag", "token", "parent_id_tag", "end_token"})


def _redact(_logger: object, level: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blanks what must not be written: secrets always, id tags from info level on."""
    hidden = _SECRET_KEYS if level == "debug" else _SECRET_KEYS | _ID_TAG_KEYS
    for key in hidden.intersection(line):
        line[key] = "[redacted]"
    return line


class _Unfailing:
    """Standard error, without its errors: on a full disk a log line is lost, and never what it tells about."""

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.flush()


def configure_logs(log_format: Literal["console", "json"] = "console", level: Level = "info") -> None:
    """Sets structlog up for the process: lines go to stderr, times are UTC."""
    tty = sys.stderr.isatty()
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=tty, exception_formatter=structlog.dev.plain_traceback)
    )
    exceptions = [structlog.processors.format_exc_info] if log_format == "json" else []
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _redact,
            *exceptions,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Unfailing())),
        cache_logger_on_first_use=False,
    )


@contextlib.contextmanager
def defect_kept_to(event: str, **whom: object) -> Iterator[None]:
    """Has a defect of ours end one piece of work for one charger, with a line and its traceback, and nothing else.

    For tasks beside those that answer chargers: out of one of them it would end the server, and each one after that,
    since the work is still there.
    """
    try:
        yield
    except Exception:  # noqa: BLE001 whatever it is, it concerns this charger; see above
        structlog.get_logger().exception(event, **whom)
