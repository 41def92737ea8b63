"""Passwords: what is accepted, what it costs, and that nothing secret shows."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
import trio

from solarocpp.registry import Credential, NewCredential
from solarocpp.registry.passwords import (
    GENERATED_LENGTH,
    KEPT_OUTCOMES,
    KEPT_REFUSALS,
    PasswordVerifier,
    generate_password,
    hash_generated,
    hash_password,
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


async def test_a_key_sent_decoded_matches_the_hex_text_that_was_registered() -> None:
    """Q110: some chargers are given hex text as AuthorizationKey and send the bytes it spells."""
    verifier = PasswordVerifier()
    for spelling in ("4F43415F4F4354545F61646D696E5FFF", "4f43415f4f4354545f61646d696e5fff"):
        credential = generated(hash_generated(spelling))
        assert await verifier.verify(credential, b"OCA_OCTT_admin_\xff")
        assert await verifier.verify(credential, spelling.encode())


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
    changed = chosen(await hash_password(b"battery staple"))
    assert not await verifier.verify(changed, b"correct horse")
    assert await verifier.verify(changed, b"battery staple")


async def test_what_is_remembered_is_bounded_and_guesses_push_nobody_out() -> None:
    verifier = PasswordVerifier()
    assert await verifier.verify(chosen(STORED_ARGON2), b"correct horse")
    for number in range(KEPT_OUTCOMES + 10):
        verifier._keep(f"guess {number}", matches=False)
    assert len(verifier._refused) == KEPT_REFUSALS
    assert len(verifier._accepted) == 1
    for number in range(KEPT_OUTCOMES + 10):
        verifier._keep(f"charger {number}", matches=True)
    assert len(verifier._accepted) == KEPT_OUTCOMES


def test_generated_passwords_can_be_typed_into_a_charger() -> None:
    made = {generate_password() for _ in range(200)}
    assert len(made) == 200
    assert {len(password) for password in made} == {GENERATED_LENGTH} == {20}
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
