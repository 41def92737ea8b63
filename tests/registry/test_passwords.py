"""Passwords: what is accepted, what it costs, and that nothing secret shows."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime

import pytest
import trio
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from solarocpp.registry import Credential, NewCredential, passwords
from solarocpp.registry.passwords import (
    CHECKS_AT_ONCE,
    KEPT_OUTCOMES,
    PasswordVerifier,
    generate_password,
    hash_generated,
    hash_password,
    matches_argon2,
    matches_generated,
    warnings_about_password,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
# Made with argon2-cffi 25.1 from the password "correct horse", so that a change of profile cannot
# lock out whoever has a hash of today.
STORED_ARGON2 = "$argon2id$v=19$m=19456,t=2,p=1$7E3XO2JUJfa2hN6+MVqj6Q$8D9F8RO0x4mNjkC8TK4zN8mYwRy13ZX1dosqPXZ9pQs"
# key 000102030405060708090a0b0c0d0e0f, password "swordfish"
STORED_BLAKE2B = (
    "blake2b$000102030405060708090a0b0c0d0e0f$d018a5f959ee14ce58dc62c710aacd070a2990c8057a2d921cb8783f868d1539"
)


class Checks(list[bytes]):
    """Argon2id, and what went through it."""

    def __call__(self, stored: str, candidate: bytes) -> bool:
        self.append(candidate)
        return matches_argon2(stored, candidate)


def generated(stored: str) -> Credential:
    return Credential(1, 1, "depot", (), "generated", stored, NOW)


def chosen(stored: str) -> Credential:
    return Credential(1, 1, "depot", (), "password", stored, NOW)


async def test_a_generated_password_is_accepted_and_no_other() -> None:
    password = generate_password()
    credential = generated(hash_generated(password))
    verifier = PasswordVerifier()
    assert await verifier.verify(credential, password.encode())
    assert not await verifier.verify(credential, password[:-1].encode())
    assert not await verifier.verify(credential, b"")


async def test_hashes_stored_by_earlier_versions_are_still_accepted() -> None:
    verifier = PasswordVerifier()
    assert await verifier.verify(generated(STORED_BLAKE2B), b"swordfish")
    assert not await verifier.verify(generated(STORED_BLAKE2B), b"swordfisH")
    assert await verifier.verify(chosen(STORED_ARGON2), b"correct horse")
    assert not await verifier.verify(chosen(STORED_ARGON2), b"correct horsE")


@pytest.mark.parametrize("written", ["4F43415F4F4354545F61646D696E5FFF", "4f43415f4f4354545F61646d696e5fff"])
async def test_a_hex_key_is_accepted_as_text_in_any_case_and_as_its_bytes(written: str) -> None:
    """Q110: some chargers are given hex text as AuthorizationKey and send the bytes it spells."""
    verifier = PasswordVerifier()
    credential = chosen(await hash_password(written))
    assert credential.hash.startswith("hex$argon2id$v=19$m=19456,t=2,p=1$")
    for presented in (written, written.upper(), written.lower()):
        assert await verifier.verify(credential, presented.encode())
    assert await verifier.verify(credential, b"OCA_OCTT_admin_\xff")
    assert not await verifier.verify(credential, b"OCA_OCTT_admin_\xfe")
    assert not await verifier.verify(credential, b"4F43415F4F4354545F61646D696E5FFE")


async def test_a_key_whose_bytes_are_text_is_accepted_as_that_text() -> None:
    """The key of OCA's own test tool is one."""
    credential = chosen(await hash_password("4F43415F4F4354545F61646D696E5F74657374"))
    assert await PasswordVerifier().verify(credential, b"OCA_OCTT_admin_test")


@pytest.mark.parametrize("password", ["0123456789abcdef0123456789abcde", "0123456789ABCDEF", "ABCDEF g"])
async def test_what_is_no_key_keeps_its_case(password: str) -> None:
    """An odd number of digits, or fewer than 32, is a password that looks like one."""
    credential = chosen(await hash_password(password))
    verifier = PasswordVerifier()
    assert await verifier.verify(credential, password.encode())
    assert not await verifier.verify(credential, password.swapcase().encode())


# Hashes as they were before: of the hex text as it was written.
OLD_UPPER = "$argon2id$v=19$m=19456,t=2,p=1$MIRyXjPY3byujXnufqZjWg$3u7MMN8HujuH9r5upw8SehKRH8ke8Vuli6QqGSvj3iM"
OLD_LOWER = "$argon2id$v=19$m=19456,t=2,p=1$Y+cB6YiqjGe4eoQFKOpxow$gt0jHSn/9lfwQP6zO0Elm7s3mzECzGK78SQa9EC7GLU"


@pytest.mark.parametrize(
    ("stored", "text"),
    [(OLD_UPPER, b"4F43415F4F4354545F61646D696E5FFF"), (OLD_LOWER, b"4f43415f4f4354545f61646d696e5fff")],
)
async def test_a_hex_key_hashed_by_an_earlier_version_is_still_accepted(stored: str, text: bytes) -> None:
    verifier = PasswordVerifier()
    assert await verifier.verify(chosen(stored), text)
    assert await verifier.verify(chosen(stored), b"OCA_OCTT_admin_\xff")


async def test_passwords_of_bytes_that_are_no_text_are_refused_without_an_error() -> None:
    assert not await PasswordVerifier().verify(chosen(STORED_ARGON2), b"\xff\xfe\x00")


async def test_a_stored_hash_that_is_damaged_lets_nobody_in() -> None:
    assert not await PasswordVerifier().verify(chosen("not a hash"), b"not a hash")


async def test_a_reconnect_storm_costs_one_check() -> None:
    """Ten thousand chargers with one human password: argon2 once, digests for the rest."""
    verifier = PasswordVerifier()
    credential = chosen(STORED_ARGON2)
    answers: list[bool] = []

    async def connect() -> None:
        answers.append(await verifier.verify(credential, b"correct horse"))

    started = time.process_time()
    async with trio.open_nursery() as nursery:
        for _ in range(200):
            nursery.start_soon(connect)
    # One check takes about 23 ms here; two hundred would take 4.6 s.
    assert time.process_time() - started < 1.0
    assert answers == [True] * 200


async def test_a_changed_password_is_refused_at_once_although_it_was_remembered() -> None:
    verifier = PasswordVerifier()
    assert await verifier.verify(chosen(STORED_ARGON2), b"correct horse")
    changed = chosen(await hash_password("battery staple"))
    assert not await verifier.verify(changed, b"correct horse")
    assert await verifier.verify(changed, b"battery staple")


async def test_what_is_wrong_costs_one_check_whoever_it_is_for() -> None:
    """Else the time of an answer would tell which usernames exist, and of which kind they are."""
    checks = Checks()
    verifier = PasswordVerifier(checks)
    for credential in (None, generated(STORED_BLAKE2B), chosen(STORED_ARGON2), chosen(await hash_password("AB" * 16))):
        for presented, cost in ((b"wrong", 1), (b"wrong", 1), (b"CD" * 16, 1), (b"\xff" * 16, 2)):
            checks.clear()
            assert not await verifier.verify(credential, presented)
            assert len(checks) == cost


async def test_what_stands_for_no_password_is_as_hard_as_a_real_one() -> None:
    assert passwords._NO_PASSWORD.rsplit("$", 2)[0] == STORED_ARGON2.rsplit("$", 2)[0]
    assert len(passwords._NO_PASSWORD) == len(STORED_ARGON2)
    with pytest.raises(VerifyMismatchError):  # and not an error of form, which would be quick
        PasswordHasher().verify(passwords._NO_PASSWORD, b"")


async def test_what_is_cheap_or_was_right_before_is_recalled_at_once() -> None:
    checks = Checks()
    verifier = PasswordVerifier(checks)
    assert verifier.recall(generated(STORED_BLAKE2B), b"swordfish") is True
    assert verifier.recall(chosen(STORED_ARGON2), b"correct horse") is None
    assert await verifier.verify(chosen(STORED_ARGON2), b"correct horse")
    assert verifier.recall(chosen(STORED_ARGON2), b"correct horse") is True
    assert len(checks) == 1


async def test_a_wrong_password_is_never_recalled() -> None:
    checks = Checks()
    verifier = PasswordVerifier(checks)
    for credential in (None, generated(STORED_BLAKE2B), chosen(STORED_ARGON2)):
        assert not await verifier.verify(credential, b"wrong")
        assert verifier.recall(credential, b"wrong") is None


async def test_what_is_forgotten_must_be_checked_again() -> None:
    verifier = PasswordVerifier()
    other = Credential(2, 1, "other", (), "password", STORED_ARGON2, NOW)
    assert await verifier.verify(chosen(STORED_ARGON2), b"correct horse")
    verifier.forget(other)
    assert verifier.recall(chosen(STORED_ARGON2), b"correct horse") is True
    verifier.forget(chosen(STORED_ARGON2))
    assert verifier.recall(chosen(STORED_ARGON2), b"correct horse") is None


async def test_what_is_remembered_is_bounded_and_the_oldest_goes_first() -> None:
    verifier = PasswordVerifier()
    assert await verifier.verify(chosen(STORED_ARGON2), b"correct horse")
    for number in range(KEPT_OUTCOMES - 1):
        verifier._remember(generated("x"), str(number).encode())
    assert verifier.recall(chosen(STORED_ARGON2), b"correct horse") is True  # and thereby the newest
    verifier._remember(generated("x"), b"one more")
    assert len(verifier._accepted) == KEPT_OUTCOMES == 10_000
    assert verifier.recall(chosen(STORED_ARGON2), b"correct horse") is True


async def test_checks_leave_a_core_to_the_others() -> None:
    """A guesser may have all cores but one, however many sockets he opens."""
    running, most = 0, 0
    lock = threading.Lock()

    def watched(stored: str, candidate: bytes) -> bool:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        outcome = matches_argon2(stored, candidate)
        with lock:
            running -= 1
        return outcome

    verifier = PasswordVerifier(watched)
    async with trio.open_nursery() as nursery:
        for number in range(4 * CHECKS_AT_ONCE + 4):
            nursery.start_soon(verifier.verify, None, str(number).encode())
    assert most == CHECKS_AT_ONCE == max(1, (os.cpu_count() or 1) - 1)


def test_nothing_stored_matches_nothing() -> None:
    """What stands in for a token that is not there must not be a token."""
    assert not matches_generated(None, b"")
    assert matches_generated(hash_generated("x"), b"x")


def test_generated_passwords_can_be_typed_into_a_charger() -> None:
    made = {generate_password() for _ in range(200)}
    assert len(made) == 200
    assert {len(password) for password in made} == {22}  # 57 ** 22 is more than 2 ** 128
    assert not set("".join(made)) & set("0O1Il-_+/= ")


@pytest.mark.parametrize(
    ("password", "warnings"),
    [
        (None, []),
        ("sixteen letters!", []),
        ("short", ["The password has 5 characters; OCPP asks for 16 at least."]),
    ],
)
def test_a_short_password_is_a_warning(password: str | None, warnings: list[str]) -> None:
    assert warnings_about_password(password) == warnings


def test_no_repr_shows_a_secret() -> None:
    assert repr(generated(STORED_BLAKE2B)) == "Credential(credential_id=1, username='depot', kind='generated')"
    order = NewCredential(username="depot", password="swordfish")
    assert repr(order) == "NewCredential(username='depot', allowed=[])"
