"""What we forgive on reception, why, and how text is repaired.

Real chargers send JSON that is not JSON, numbers as text and times without a zone. What can be
understood is taken, and each kind of repair is named: LENIENCES says what is done and which field
report asks for it (Q..), `Repair` says where it was done. Repairs of text live here, those of fields in
`decoding`, those of frames in `frames`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType

import msgspec


class Lenience(msgspec.Struct, frozen=True):
    """One thing we forgive."""

    name: str
    repair: str
    """What is done."""
    reason: str
    """Why, with the field reports (Q..) or the rule that ask for it."""
    at_handshake: bool = False
    """Needed before there is a link; such a one can be switched off (`strict` in the configuration)."""


# fmt: off
_ROWS = (
    # the text of a frame
    Lenience("stray_comma", "commas without a value are dropped", "ZJ Beny sends [,{...}] (Q28)"),
    Lenience("value_left_out", "a name without a value reads as null", 'AEFA sends "transactionId":, (Q29)'),
    Lenience("bare_not_a_number", "NaN and Infinity without quotes read as text", "readings of dead sensors (Q32)"),
    # the frame
    Lenience("payload_missing", "a payload that is null or missing reads as {}", "bare Heartbeats (Q31, Q42)"),
    Lenience("numeric_id", "an id that is a number goes back as a number", "the answer must match (Q43, Q44)"),
    Lenience("long_id", "an id over 36 characters goes back as it came", "the answer must match (Q43, Q44)"),
    Lenience("extra_elements", "elements after the last one are ignored", "the message before them is whole"),
    # fields
    Lenience("number_for_text", "a number becomes its text", "OpenEVSE, MicroOcpp and others send numbers (Q32)"),
    Lenience("json_for_text", "data that is no text is kept as its JSON text", "vendors send objects"),
    Lenience("text_for_number", "the text of a number is read", "the mirror image of Q32"),
    Lenience("text_for_boolean", "the text true or false is read", "the mirror image of Q32"),
    Lenience("fraction_for_integer", "1.0 is 1; a register is rounded to Wh", "no stop may be lost (Q64, Q85)"),
    Lenience("text_too_long", "text over its length is taken, an idTag up to 255", "ABB, long tags (Q37, Q46, Q96)"),
    Lenience("enumeration_case", "enumerations match without case", '"Current.import" (Q38)'),
    Lenience("enumeration_unlisted", "a sample keeps the text; an error code becomes OtherError, a stop reason Other",
             "Hz, Alfen's contexts, Legrand's Error (Q33 to Q36)"),
    Lenience("time_without_zone", "a time without zone is UTC", "Growatt THOR (Q49)"),
    Lenience("time_loosely_written", "other ways to write ISO 8601 are read", "+02 for a zone (Q39)"),
    Lenience("time_unusable", "a time nobody can mean is none: reception counts", "1970, 0001, garbage (Q39, Q51)"),
    Lenience("null_as_absent", "null for an optional field is its absence", "null sent for nothing (Q42, Q79)"),
    Lenience("empty_as_absent", 'an optional enumeration that is "" is absent, and so is an optional list that is []',
             "empty means missing (Q32, Q45)"),
    Lenience("value_absent", "a missing time or value is none", "its neighbours are good (Q32, Q51)"),
    Lenience("no_transaction", "0, negative, null and 2^63-1 are no transaction", "idle Alfen and others (Q79, Q80)"),
    Lenience("assumed_in_answer", "what an answer leaves out takes its usual value", "incomplete answers (Q45)"),
    Lenience("unknown_field", "fields nobody knows are ignored", "vendors add their own"),
    Lenience("no_samples", "a meter value without samples is an empty one", "its neighbours are good (W19)"),
    Lenience("sample_unreadable", "what is no sample is kept as JSON text", "one bad sample costs itself (W19, Q33)"),
    # the handshake
    Lenience("head_loosely_written", "bare newlines end lines, lines that are no header are ignored",
             "home-made HTTP clients (Q02, Q04)", at_handshake=True),
    Lenience("target_unencoded", "spaces and other bytes in the path need no percent-encoding",
             "identities are typed by people (Q08)", at_handshake=True),
    Lenience("absolute_target", "of a whole URL in the request line, the path counts", "MicroOcpp (Q06)",
             at_handshake=True),
    Lenience("pasted_url", "of a URL pasted inside the path, its own path counts", "NewMotion and others (Q07)",
             at_handshake=True),
    Lenience("extra_slashes", "double and trailing slashes are one, and none", "URLs are pasted together",
             at_handshake=True),
    Lenience("identifier_long", "an identity over 48 characters is taken", "serial numbers with a prefix (Q09)",
             at_handshake=True),
    Lenience("identifier_case", "an identity matches without case, and is spelled as registered", "typed by hand (Q10)",
             at_handshake=True),
    Lenience("hid_unknown", "a hid of nobody, or of another, is ignored", "it proves nothing (spec 1.5)",
             at_handshake=True),
    Lenience("scheme_word", "the scheme word of Authorization is not looked at", "some send `Basic:` (spec 1.2)",
             at_handshake=True),
    Lenience("username_encoded", "a percent-encoded username is decoded", "the identity sent as username (Q08)",
             at_handshake=True),
    Lenience("connection_upgrade_missing", "an Upgrade header and a key are enough", "no `Connection: Upgrade` (Q03)",
             at_handshake=True),
    Lenience("version_missing", "a handshake without WebSocket version means 13", "there is no other in use",
             at_handshake=True),
    Lenience("subprotocol_missing", "a handshake without subprotocol means ocpp1.6", "Grizzl-E and others (Q01)",
             at_handshake=True),
    Lenience("subprotocol_case", "the subprotocol matches without case", "OCPP1.6", at_handshake=True),
)
# fmt: on

LENIENCES: Mapping[str, Lenience] = MappingProxyType({row.name: row for row in _ROWS})
"""By name, which is also the name of its counter."""
HANDSHAKE_LENIENCES = frozenset(row.name for row in _ROWS if row.at_handshake)
"""Names of those that can be switched off."""


class Repair(msgspec.Struct, frozen=True):
    """A lenience that was needed for a message, once for each name however often it was."""

    name: str
    """A row of LENIENCES."""
    detail: str
    """The first place and, where it tells something, what stood there."""


Repairs = dict[str, str]
"""Repairs in the making: detail by name, so that a message of a thousand bad samples is noted once."""


def finished(repairs: Repairs) -> tuple[Repair, ...]:
    """The repairs as values."""
    return tuple(Repair(LENIENCES[name].name, detail) for name, detail in repairs.items())


# -- JSON text -------------------------------------------------------------------------------------------

# Each alternative is linear: a string ends at its quote or at the end of the text, so that no input
# makes the search start over. Strings come first and stay as they are.
_FLAW = re.compile(
    rb"""
      "[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)                            # a string
    | (?P<open>[\[{])(?:\s*,)+                                      # [,{...}]
    | (?P<comma>,)(?=\s*[,\]}])                                     # {...},]  or  {...},,{...}
    | (?P<colon>:)(?=\s*[,}])                                       # "transactionId":,
    | (?P<number>-?\b(?:NaN|nan|NAN|Infinity|infinity|Inf|inf)\b)
    """,
    re.VERBOSE | re.DOTALL,
)
# What each flaw is called, and what is written for it.
_FLAWS = {
    "open": ("stray_comma", b"%b"),
    "comma": ("stray_comma", b"%.0b"),  # nothing of it
    "colon": ("value_left_out", b"%bnull"),
    "number": ("bare_not_a_number", b'"%b"'),
}


def repair_json(text: bytes, repairs: Repairs) -> bytes:
    """Gives JSON text without the known flaws of chargers, and notes those it met (Q28, Q29)."""

    def mend(match: re.Match[bytes]) -> bytes:
        kind = match.lastgroup
        if kind is None:  # a string
            return match[0]
        name, around = _FLAWS[kind]
        if name not in repairs:
            repairs[name] = f"at byte {match.start()}"
        return around % match[kind]

    return _FLAW.sub(mend, text)


# -- times -----------------------------------------------------------------------------------------------

# OCPP began in 2009, no reading is older; a clock that was never set says 0001, 1970 or the year 2000 of
# its chip (Q51). From 2100 on it is a number that was never a time.
EARLIEST = datetime(2009, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T\s]\s*(\d\d):(\d\d)(?::([0-5]\d|60)(?:[.,](\d{1,9})\d*)?)?"
    r"\s*(?:(?P<utc>Z|UTC|GMT)|(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)


def read_time(text: str) -> tuple[datetime | None, str]:
    """Reads a time as charge points write it: the UTC time, and the name of the lenience it took.

    The name is empty for a time as RFC 3339 wants it, and the time None for one that cannot be read.
    """
    try:
        exact = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        return _read_loose_time(text)
    if exact.tzinfo is None:
        return exact.replace(tzinfo=UTC), "time_without_zone"
    try:
        return exact.astimezone(UTC), ""
    except OverflowError:  # the first or last day there is, in another zone
        return None, "time_unusable"


def _read_loose_time(text: str) -> tuple[datetime | None, str]:
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None, "time_unusable"
    *date_and_minute, second, fraction = match.groups()[:7]
    year, month, day, hour, minute = map(int, date_and_minute)
    zone = timedelta(hours=int(match["hours"] or 0), minutes=int(match["minutes"] or 0))
    try:
        local = datetime(
            year, month, day, hour, minute, tzinfo=timezone(-zone if match["sign"] == "-" else zone)
        ) + timedelta(seconds=int(second or 0), microseconds=int((fraction or "0").ljust(6, "0")[:6]))
        utc = local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None, "time_unusable"
    zoned = match["utc"] or match["sign"]
    return utc, "time_loosely_written" if zoned else "time_without_zone"
