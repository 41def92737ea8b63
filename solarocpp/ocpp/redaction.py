"""Messages without their secrets: what may be kept of a message where many can read it.

A password goes to a charger in two ways: as the value of a configuration key whose name says so, and inside a URL it
is to upload to or download from. What is left is still a message of its type.
"""

from __future__ import annotations

import re
from typing import Final, TypeVar

import msgspec

from solarocpp.ocpp.datatypes import KeyValue
from solarocpp.ocpp.messages import ChangeConfigurationRequest, OcppMessage

M = TypeVar("M", bound=OcppMessage)

REDACTED: Final = "[redacted]"

# AuthorizationKey is OCPP's, the others are vendors' names for the passwords of Wi-Fi, APN and web page.
_SECRET_KEYS: Final = re.compile("authori[sz]ation_?key|passw|passphrase|pwd|secret|private_?key", re.IGNORECASE)

# `ftp://user:pass@host`; people forget to encode what stands in a password, so with a colon all up to the last @ goes.
# One sign stands for what goes, so that the text never grows past the length the field may have.
_USER_INFO: Final = re.compile(r"(?<=://)(?:[^\s@/]*:.*|[^\s@/]+)@")
# `?token=...`: what signs a URL for one upload is good for whoever reads it.
_SIGNATURE: Final = re.compile(r"([?&][^=&#\s]*(?:token|sig|secret|passw|key)[^=&#\s]*=)[^&#\s]+", re.IGNORECASE)
# Our own one-time URLs (`web.file_exchange`): whoever has what stands there may send or fetch the file.
_ONE_TIME: Final = re.compile(r"(?<=/files/)[\w-]{43}(?=/|$)")

# What is left where one of the three stood.
_BLANK: Final = re.compile(r"://\*@|[?&][^=&#\s]*=\*(?=[&#\s]|$)|/files/\*(?=/|$)")


def is_secret_key(key: str) -> bool:
    """Tells by its name whether the value of a configuration key is a secret."""
    return _SECRET_KEYS.search(key) is not None


def without_secrets(message: M) -> M:
    """Blanks the secrets in a message; the same object if there are none."""
    plain = _scrubbed(message)
    assert isinstance(plain, type(message))  # noqa: S101 a struct stays what it is
    return plain


def _scrubbed(value: object) -> object:
    if isinstance(value, str):
        if "://" not in value:
            return value
        plain = _SIGNATURE.sub(r"\1*", _USER_INFO.sub("*@", value))
        plain = _ONE_TIME.sub("*", plain)
        return value if plain == value else plain
    if isinstance(value, tuple):
        items = tuple(map(_scrubbed, value))
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if isinstance(value, KeyValue | ChangeConfigurationRequest) and value.value and is_secret_key(value.key):
        return msgspec.structs.replace(value, value=REDACTED)
    if isinstance(value, msgspec.Struct):
        changed = {
            name: new for name in value.__struct_fields__ if (new := _scrubbed(old := getattr(value, name))) is not old
        }
        return msgspec.structs.replace(value, **changed) if changed else value
    return value


def shown_frame(text: str) -> str:
    """Gives as much of a frame that cannot be read as may be shown: nobody can tell which of its texts is a secret."""
    if not is_secret_key(text) and _scrubbed(text) is text:
        return text
    begin, brace, _ = text.partition("{")
    return begin + REDACTED if brace else REDACTED


def is_blanked(message: object) -> bool:
    """Tells whether a message is without secrets that it had: a charger must not be sent what stands in their place."""
    match message:
        case str():
            return message == REDACTED or ("://" in message and _BLANK.search(message) is not None)
        case tuple():
            return any(map(is_blanked, message))
        case msgspec.Struct():
            return any(is_blanked(getattr(message, name)) for name in message.__struct_fields__)
        case _:
            return False


def secret_texts(message: OcppMessage) -> frozenset[str]:
    """Gives the texts that must not be told on: a charger may quote in an error what it was sent."""
    found: set[str] = set()
    _collect(message, without_secrets(message), found)
    return frozenset(found)


def _collect(told: object, plain: object, found: set[str]) -> None:
    if told is plain:
        return
    if isinstance(told, str):
        found.add(told)
    elif isinstance(told, tuple) and isinstance(plain, tuple):
        for one, other in zip(told, plain, strict=True):
            _collect(one, other, found)
    elif isinstance(told, msgspec.Struct):
        for name in told.__struct_fields__:
            _collect(getattr(told, name), getattr(plain, name), found)
