"""The door book: everybody can be looked up, and nobody can fill it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import trio

from solarocpp.gateway.door import DoorBook
from solarocpp.gateway.peers import Peer, PeerCertificate
from solarocpp.gateway.refusals import REFUSALS, refusal_response, refused
from solarocpp.ocpp.lenience import HANDSHAKE_LENIENCES
from solarocpp.store.effects import EventHappened

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PEER = Peer("203.0.113.5", 1000)
NO_HTTP, BAD_PATH, WRONG = refused("no_http"), refused("bad_path", path="/x"), refused("wrong_password")


class Door:
    """A book, what was recorded in it, and a clock of its own."""

    def __init__(self) -> None:
        self.rows: list[EventHappened] = []
        self.now = 1000.0
        self.book = DoorBook(self.rows.append, lambda: NOON, lambda: self.now)

    def refuse(self, times: int = 1, *, host: str = "203.0.113.5", identifier: str | None = "CP001") -> None:
        for _ in range(times):
            self.book.note_refusal(WRONG, Peer(host, 1), {}, identifier=identifier)

    def noise(self, times: int = 1) -> None:
        for _ in range(times):
            self.book.note_noise("bytes_refused", NO_HTTP, PEER, firstBytes="00")

    @property
    def names(self) -> list[str]:
        return [row.name for row in self.rows]


@pytest.fixture
def door() -> Door:
    return Door()


def test_a_refusal_is_written_with_all_that_is_known(door: Door) -> None:
    certificate = PeerCertificate(("CP001", "cp.example"), "01", NOON)
    peer = Peer("2001:db8::1", 7, via="10.0.0.1", tls="TLSv1.3", certificate=certificate)
    door.book.note_refusal(WRONG, peer, {"cp": "CP001", "username": "foo"}, identifier="CP001", account_id=2)
    assert door.rows == [
        EventHappened(
            created=NOON,
            name="handshake_refused",
            identifier="CP001",
            message="The user name or the password is wrong.",
            data={
                "cp": "CP001",
                "username": "foo",
                "kind": "wrong_password",
                "error": "The user name or the password is wrong.",
                "hint": "Set user name and password in the charger; "
                "make new ones with: solarocpp credential add USERNAME. "
                "Or the charger has lost a key of its own; see: solarocpp charger rotate-key IDENTITY --show",
                "status": 401,
                "peer": "[2001:db8::1]:7",
                "via": "10.0.0.1",
                "tls": "TLSv1.3",
                "certificate": "CP001, cp.example",
            },
            account_id=2,
        )
    ]


def test_a_port_scan_adds_a_handful_of_rows(door: Door) -> None:
    door.noise(10_000)
    for _ in range(10_000):
        door.book.note_probe()
    door.now += 60.0
    door.book.turn_page()
    assert door.names == ["bytes_refused"] * 5 + ["attempts_unrecorded"]
    assert door.rows[-1].message == "9995 more connections were refused within a minute"
    assert door.rows[-1].data == {"no_http": 9995}
    assert door.book.counts == {"no_http": 10_000, "probe": 10_000}


def test_a_charger_that_tries_for_ever_is_told_ten_times_a_minute(door: Door) -> None:
    door.refuse(100)
    door.refuse(identifier="CP002")
    door.refuse(host="203.0.113.6")
    assert len(door.rows) == 12


def test_who_floods_hides_nobody_else(door: Door) -> None:
    for number in range(1000):
        door.refuse(identifier=f"CP{number}")
    assert len(door.rows) == 60
    door.refuse(host="203.0.113.6")
    assert len(door.rows) == 61
    door.now += 60.0
    door.refuse()
    assert door.names[61:] == ["attempts_unrecorded", "handshake_refused"]
    assert door.rows[61].data == {"wrong_password": 940}


def test_the_addresses_of_one_customer_share_what_one_address_has(door: Door) -> None:
    for number in range(1000):
        door.refuse(host=f"2001:db8::{number:x}", identifier=f"CP{number}")
    assert len(door.rows) == 60


def test_a_flood_from_everywhere_ends_at_six_hundred_rows(door: Door) -> None:
    for number in range(1000):
        door.refuse(host=f"10.0.{number // 200}.{number % 200}")
    assert len(door.rows) == 600


def test_noise_does_not_keep_refusals_from_being_written(door: Door) -> None:
    door.noise(100)
    door.refuse()
    assert door.names == ["bytes_refused"] * 5 + ["handshake_refused"]


def test_a_quiet_minute_is_not_told(door: Door) -> None:
    door.refuse()
    door.now += 60.0
    door.book.turn_page()
    door.book.turn_page()
    assert door.names == ["handshake_refused"]


async def test_the_end_of_a_flood_is_told_without_another_one(autojump_clock: object) -> None:

    rows: list[EventHappened] = []
    book = DoorBook(rows.append, lambda: NOON)
    for _ in range(7):
        book.note_noise("bytes_refused", NO_HTTP, PEER)
    with trio.move_on_after(61):
        await book.keep()
    assert [row.name for row in rows] == ["bytes_refused"] * 5 + ["attempts_unrecorded"]


async def test_what_was_not_told_yet_is_told_at_the_end(autojump_clock: object) -> None:

    rows: list[EventHappened] = []
    book = DoorBook(rows.append, lambda: NOON)
    for _ in range(7):
        book.note_noise("bytes_refused", NO_HTTP, PEER)
    with trio.move_on_after(1):
        await book.keep()
    assert rows[-1].data == {"no_http": 2}


# -- the words -------------------------------------------------------------------------------------------


def test_every_lenience_can_be_refused_in_words() -> None:
    assert HANDSHAKE_LENIENCES - REFUSALS.keys() == set()


@pytest.mark.parametrize("kind", [kind for kind, row in REFUSALS.items() if row.status])
def test_every_reason_has_an_answer_and_says_what_to_change(kind: str) -> None:
    words = (
        "address fault header identifier limit method names offered path profile quoted reached reason registered "
        "username version wait wanted"
    )
    said = dict.fromkeys(words.split(), "x")
    refusal = refused(kind, **said)
    assert refusal_response(refusal).startswith(f"HTTP/1.1 {refusal.status} ".encode())
    assert refusal.reason.endswith(".") or kind == "too_many_unknown"
    assert refusal.hint


def test_a_refusal_says_why_and_what_to_do() -> None:
    response = refusal_response(refused("disabled", identifier="CP 1", quoted="'CP 1'"))
    assert response == (
        b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 81\r\n"
        b"Connection: close\r\n\r\nCharger CP 1 is disabled.\n"
        b"Enable it with: solarocpp charger set 'CP 1' --enabled\n"
    )


def test_what_a_stranger_wrote_is_not_taken_for_a_template() -> None:
    assert refused("bad_path", path="/{kind.__class__}{0}").reason == "No charger connects at /{kind.__class__}{0}."


def test_a_header_of_the_moment_comes_besides_those_of_the_row() -> None:
    refusal = refused("throttled", (("Retry-After", "7"),), address="x", wait=7)
    assert b"\r\nRetry-After: 7\r\n" in refusal_response(refusal)
