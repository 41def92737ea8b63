"""Passwords: made, hashed, and checked, thousands at once after a power cut.

Two kinds, because they differ by four orders of magnitude in what a check must cost. A key we
generated has 128 random bits, nobody guesses it, and one keyed BLAKE2b of it is enough (2 us). A
password that a human chose needs argon2id (23 ms of CPU, 19 MiB), once: that it was right is then kept
under a digest keyed with a secret of this process, so that ten thousand chargers that come back
together cost a digest each and not four minutes of CPU.

What is wrong costs the same for everybody, one argon2id, also where there is no such username and
where the password is of the cheap kind: else the time would tell who exists. So only what was right is
remembered; wrong ones are slowed down at the door.

Nothing here is ever written to a log, and no error carries a password or a hash.
"""

from __future__ import annotations

import os
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

import trio
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from solarocpp.registry.entities import Credential
from solarocpp.store.registry import UNAMBIGUOUS

# 22 of 57 characters are 128.3 bits. Chargers take 16 to 40 bytes as AuthorizationKey (security whitepaper).
GENERATED_LENGTH: Final = 22
# The whitepaper's minimum; chargers in the field hold shorter ones (Q110), so it is a warning.
ADVISED_LENGTH: Final = 16
# The whitepaper's maximum for an AuthorizationKey, whose value is at most 40 hex digits.
KEY_BYTES: Final = 20
# argon2's own default takes 205 ms and 64 MiB a check; OWASP's smaller profile takes 23 ms.
_ARGON2: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# As many as the chargers of a large site, at about 150 bytes each.
KEPT_OUTCOMES: Final = 10_000
# One core stays with the chargers that are in already, however many come.
CHECKS_AT_ONCE: Final = max(1, (os.cpu_count() or 1) - 1)

# An AuthorizationKey: at least 16 bytes (security whitepaper), written as hex. Chargers send it as this
# text, in either case, or as the bytes it spells (Q110); so its bytes are what is hashed, marked by a word.
_HEX_KEY: Final = re.compile(rb"(?:[0-9A-Fa-f]{2}){16,}")
_OF_BYTES: Final = "hex"

# Hashes that nobody knows a password of, with the parameters of the others: what to check against where
# there is nothing.
_NO_PASSWORD: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$d42CfhA8QAWvCyFIp8FonA$bQm3jO5fkCCHyIHd4+o+iywX5BKvqzk5HFb66Lvs4W4"  # noqa: S105
)
_NO_KEY: Final = f"blake2b${'00' * 16}${'00' * 32}"


def generate_password() -> str:
    """Makes a password of 128 random bits that survives being typed."""
    return "".join(secrets.choice(UNAMBIGUOUS) for _ in range(GENERATED_LENGTH))


def generate_key() -> str:
    """Makes an AuthorizationKey: 20 random bytes, the most there may be, as 40 hex digits (security whitepaper)."""
    return secrets.token_hex(KEY_BYTES)


def is_key(text: str) -> bool:
    """Tells whether a text can be an AuthorizationKey: 16 to 20 bytes, as hex digits (security whitepaper)."""
    return _HEX_KEY.fullmatch(text.encode()) is not None and len(text) <= 2 * KEY_BYTES


def hash_key(key: str) -> str:
    """Hashes a key of `generate_key`, by its bytes: `hexblake2b$key$digest`, in microseconds."""
    salt = secrets.token_bytes(16)
    return f"{_OF_BYTES}blake2b${salt.hex()}${_keyed(salt, bytes.fromhex(key))}"


def hash_generated(password: str) -> str:
    """Hashes a password of `generate_password`: `blake2b$key$digest`, in microseconds."""
    key = secrets.token_bytes(16)
    return f"blake2b${key.hex()}${_keyed(key, password.encode())}"


def matches_generated(stored: str | None, candidate: bytes) -> bool:
    """Tells whether `candidate` is what was hashed; nothing stored takes as long as something else."""
    stored = stored or _NO_KEY
    if stored.startswith(_OF_BYTES):
        candidate = _bytes_of_key(candidate)
    scheme, key, digest = stored.removeprefix(_OF_BYTES).split("$")
    return compare_digest(_keyed(bytes.fromhex(key), candidate), digest) and scheme == "blake2b"


async def hash_password(password: str) -> str:
    """Hashes a password somebody chose: argon2id, in a worker thread."""
    text = password.encode()
    key = _HEX_KEY.fullmatch(text)
    stored = await trio.to_thread.run_sync(_ARGON2.hash, _bytes_of_key(text))
    return f"{_OF_BYTES}{stored}" if key else stored


def warnings_about_password(password: str | None) -> list[str]:
    """Names what is weak about a password somebody chose; the text does not quote it."""
    if password is not None and len(password) < ADVISED_LENGTH:
        return [f"The password has {len(password)} characters; OCPP asks for {ADVISED_LENGTH} at least."]
    return []


class PasswordVerifier:
    """Checks what a charger presents, remembering what was right.

    It is kept under a digest of the stored hash and the presented bytes, so a changed password is
    never mistaken for the old one; `forget` is for what need not be kept any longer.

    `matches` is the costly check, in a worker thread: whether a stored hash is of these bytes.
    """

    def __init__(self, matches: Callable[[str, bytes], bool] | None = None) -> None:
        self._matches = matches_argon2 if matches is None else matches
        self._key = secrets.token_bytes(32)
        self._limiter = trio.CapacityLimiter(CHECKS_AT_ONCE)
        self._accepted: OrderedDict[str, int] = OrderedDict()

    def recall(self, credential: Credential | None, presented: bytes) -> bool | None:
        """Tells that a password is right where that is cheap or remembered; None: `verify` must tell."""
        if credential is None:
            return None
        if credential.kind == "generated":
            return matches_generated(credential.hash, presented) or None
        return any(self._remembers(credential, spelling) for spelling in _spellings(credential, presented)) or None

    async def verify(self, credential: Credential | None, presented: bytes) -> bool:
        """Tells whether `presented` is the password of `credential`; what is wrong costs the same for everybody."""
        if self.recall(credential, presented):
            return True
        for spelling in _spellings(credential, presented):
            async with self._limiter:
                # Asked again: whoever waited here behind a charger with the same password has its answer.
                if credential is not None and self._remembers(credential, spelling):
                    return True
                stored = credential.hash if credential and credential.kind == "password" else _NO_PASSWORD
                matches = await trio.to_thread.run_sync(self._matches, stored, spelling)
                if matches and credential is not None:
                    self._remember(credential, spelling)
                    return True
        return False

    def forget(self, credential: Credential) -> None:
        """Drops what is remembered about a credential that changed or is gone."""
        number = credential.credential_id
        self._accepted = OrderedDict((digest, owner) for digest, owner in self._accepted.items() if owner != number)

    def _remembers(self, credential: Credential, spelling: bytes) -> bool:
        digest = self._digest(credential, spelling)
        if digest not in self._accepted:
            return False
        self._accepted.move_to_end(digest)
        return True

    def _remember(self, credential: Credential, spelling: bytes) -> None:
        self._accepted[self._digest(credential, spelling)] = credential.credential_id
        if len(self._accepted) > KEPT_OUTCOMES:
            self._accepted.popitem(last=False)

    def _digest(self, credential: Credential, spelling: bytes) -> str:
        return _keyed(self._key, credential.hash.encode() + b"\0" + spelling)


def _spellings(credential: Credential | None, presented: bytes) -> tuple[bytes, ...]:
    """Lists what to compare with the stored hash; as many for every credential, and for none.

    Older hashes of hex keys are of the text as it was written, so bytes that are no text are tried as
    both of its usual spellings.
    """
    if credential is not None and credential.hash.startswith(_OF_BYTES):
        key = _bytes_of_key(presented)
        return (key,) if _is_text(presented) else (key, key)
    return (presented,) if _is_text(presented) else (presented.hex().upper().encode(), presented.hex().encode())


def _is_text(presented: bytes) -> bool:
    try:
        presented.decode()
    except UnicodeDecodeError:
        return False
    return True


def _bytes_of_key(text: bytes) -> bytes:
    return bytes.fromhex(text.decode()) if _HEX_KEY.fullmatch(text) else text


def _keyed(key: bytes, content: bytes) -> str:
    return blake2b(content, key=key, digest_size=32).hexdigest()


def matches_argon2(stored: str, candidate: bytes) -> bool:
    """Tells whether `candidate` is what `hash_password` hashed."""
    try:
        return _ARGON2.verify(stored.removeprefix(_OF_BYTES), candidate)
    except (VerificationError, InvalidHashError):
        return False
