"""Passwords: made, hashed, and checked, thousands at once after a power cut.

Two kinds, because they differ by four orders of magnitude in what a check must cost. A key we
generated has 116 random bits, nobody guesses it, and one keyed BLAKE2b of it is enough (2 us). A
password that a human chose needs argon2id (23 ms of CPU, 19 MiB), once: its outcome is then kept
under a digest keyed with a secret of this process, so that ten thousand chargers that come back
together cost a digest each and not four minutes of CPU.

Nothing here is ever written to a log, and no error carries a password or a hash.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

import trio
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from solarocpp.registry.entities import Credential

# No 0 O 1 I l: somebody reads it from a screen and types it into a charger with three keys.
_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
# 20 of 57 characters are 116 bits. More does not fit: chargers commonly take 20 (the AuthorizationKey
# of the security whitepaper is 16 to 40 bytes).
GENERATED_LENGTH: Final = 20
# The whitepaper's minimum; chargers in the field hold shorter ones (Q110), so it is a warning.
ADVISED_LENGTH: Final = 16
# argon2's own default takes 205 ms and 64 MiB a check; OWASP's smaller profile takes 23 ms.
_ARGON2: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# As many as the chargers of a large site, at about 150 bytes each.
KEPT_OUTCOMES: Final = 10_000
# Wrong passwords are kept too (a charger repeats its own every few seconds), apart from the right
# ones, so that a guesser cannot push those out.
KEPT_REFUSALS: Final = 1_000
# Two threads: a storm of first checks must leave the rest of the machine to the chargers already in.
CHECKS_AT_ONCE: Final = 2


def generate_password() -> str:
    """Makes a password of 116 random bits that survives being typed."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(GENERATED_LENGTH))


def hash_generated(password: str) -> str:
    """Hashes a password of `generate_password`: `blake2b$key$digest`, in microseconds."""
    key = secrets.token_bytes(16)
    return f"blake2b${key.hex()}${_keyed(key, password.encode())}"


async def hash_password(password: bytes) -> str:
    """Hashes a password somebody chose: argon2id, in a worker thread."""
    return await trio.to_thread.run_sync(_ARGON2.hash, password)


def warnings_about_password(password: str | None) -> list[str]:
    """Names what is weak about a password somebody chose; the text does not quote it."""
    if password is not None and len(password) < ADVISED_LENGTH:
        return [f"The password has {len(password)} characters; OCPP asks for {ADVISED_LENGTH} at least."]
    return []


class PasswordVerifier:
    """Checks what a charger presents, remembering the outcome of the costly checks.

    An outcome is kept under a digest of the stored hash and the presented bytes, so a changed
    password needs no invalidation: its hash is another, and the old entry is never asked for again.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._limiter = trio.CapacityLimiter(CHECKS_AT_ONCE)
        self._accepted: OrderedDict[str, None] = OrderedDict()
        self._refused: OrderedDict[str, None] = OrderedDict()

    async def verify(self, credential: Credential, presented: bytes) -> bool:
        """Tells whether `presented` is the password of `credential`.

        A charger may hold the key as hex text and send it decoded (Q110), so bytes that are no
        text are also tried as their hex spelling.
        """
        for candidate in _spellings(presented):
            if credential.kind == "generated":
                if _matches_generated(credential.hash, candidate):
                    return True
            elif await self._matches_password(credential.hash, candidate):
                return True
        return False

    async def _matches_password(self, stored: str, candidate: bytes) -> bool:
        digest = _keyed(self._key, stored.encode() + b"\0" + candidate)
        known = self._outcome(digest)
        if known is not None:
            return known
        async with self._limiter:
            # Asked again: whoever waited here behind a charger with the same password has its answer.
            known = self._outcome(digest)
            if known is None:
                known = await trio.to_thread.run_sync(_matches_argon2, stored, candidate)
                self._keep(digest, matches=known)
        return known

    def _outcome(self, digest: str) -> bool | None:
        if digest in self._accepted:
            self._accepted.move_to_end(digest)
            return True
        return False if digest in self._refused else None

    def _keep(self, digest: str, *, matches: bool) -> None:
        kept, limit = (self._accepted, KEPT_OUTCOMES) if matches else (self._refused, KEPT_REFUSALS)
        kept[digest] = None
        if len(kept) > limit:
            kept.popitem(last=False)


def _spellings(presented: bytes) -> tuple[bytes, ...]:
    try:
        presented.decode()
    except UnicodeDecodeError:
        return presented, presented.hex().upper().encode(), presented.hex().encode()
    return (presented,)


def _keyed(key: bytes, content: bytes) -> str:
    return blake2b(content, key=key, digest_size=32).hexdigest()


def _matches_generated(stored: str, candidate: bytes) -> bool:
    scheme, key, digest = stored.split("$")
    return scheme == "blake2b" and compare_digest(_keyed(bytes.fromhex(key), candidate), digest)


def _matches_argon2(stored: str, candidate: bytes) -> bool:
    try:
        return _ARGON2.verify(stored, candidate)
    except (VerificationError, InvalidHashError):
        return False
