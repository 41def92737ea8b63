"""Wrong passwords: slowed, then refused, without locking out whoever knows theirs."""

from __future__ import annotations

import pytest

from solarocpp.config import Config
from solarocpp.gateway.throttle import KEPT, Throttle, TooMany, Wait, address_key

FOO, BAR = ("foo", "hash"), ("bar", "hash")
HERE, THERE = "203.0.113.5", "203.0.113.6"


@pytest.fixture
def throttle() -> Throttle:
    """The configured numbers: a delay of 1 s after 5 failures, refused after 20, forgotten after 60 s."""
    return Throttle(Config())


def fail(throttle: Throttle, times: int, host: str = HERE, who: tuple[str, str] = FOO, now: float = 0.0) -> None:
    for _ in range(times):
        throttle.note_failure(host, who, now)


def test_who_mistypes_does_not_notice(throttle: Throttle) -> None:
    fail(throttle, 4)
    assert throttle.judge(HERE, FOO, 0.0) == Wait(0.0)


def test_a_guesser_gets_one_guess_a_second(throttle: Throttle) -> None:
    fail(throttle, 5)
    assert [throttle.judge(HERE, FOO, 0.5) for _ in range(3)] == [Wait(1.0), Wait(2.0), Wait(3.0)]
    assert throttle.judge(HERE, FOO, 30.0) == Wait(1.0)


def test_a_username_that_is_guessed_from_many_addresses_is_slowed_too(throttle: Throttle) -> None:
    for last in range(5):
        fail(throttle, 1, f"203.0.113.{last}")
    assert throttle.judge("198.51.100.1", FOO, 0.0) == Wait(1.0)
    assert throttle.judge("198.51.100.1", BAR, 0.0) == Wait(0.0)


def test_an_address_that_guesses_many_usernames_is_slowed_too(throttle: Throttle) -> None:
    for number in range(5):
        fail(throttle, 1, HERE, (f"user{number}", ""))
    assert throttle.judge(HERE, FOO, 0.0) == Wait(1.0)
    assert throttle.judge(THERE, FOO, 0.0) == Wait(0.0)


def test_past_the_second_limit_there_is_no_check_until_the_failures_are_forgotten(throttle: Throttle) -> None:
    fail(throttle, 20, now=10.0)
    assert throttle.judge(HERE, FOO, 25.5) == TooMany(45)
    assert throttle.judge(HERE, FOO, 69.9) == TooMany(1)
    assert throttle.judge(HERE, FOO, 70.0) == Wait(0.0)


def test_neighbours_of_a_guesser_pay_one_delay_at_most(throttle: Throttle) -> None:
    """Behind one NAT: the guesser's waiting line is not theirs."""
    fail(throttle, 19)
    for _ in range(40):
        throttle.judge(HERE, FOO, 0.0)
    assert throttle.judge(HERE, BAR, 0.0) == Wait(1.0)
    fail(throttle, 1)
    assert throttle.judge(HERE, FOO, 0.0) == TooMany(60)
    assert throttle.judge(HERE, BAR, 5.0) == Wait(1.0)


def test_neighbours_of_a_guesser_with_many_usernames_pay_one_delay_at_most(throttle: Throttle) -> None:
    """Each made-up name is a pair that never failed, as an honest charger's is; none waits for another."""
    fail(throttle, 25, who=("guessed", ""))
    made_up = [throttle.judge(HERE, (f"user{number}", ""), 0.0) for number in range(70)]
    assert made_up == [Wait(1.0)] * 70
    assert throttle.judge(HERE, FOO, 0.0) == Wait(1.0)
    assert throttle.judge(HERE, FOO, 1.0, waited=True) == Wait(0.0)


@pytest.mark.parametrize(("host", "who"), [(HERE, BAR), (THERE, FOO)])
def test_on_a_line_or_with_a_username_that_guesses_one_failure_is_enough(
    throttle: Throttle, host: str, who: tuple[str, str]
) -> None:
    """Else a guesser would have as many guesses a username, and a botnet as many an address."""
    fail(throttle, 20)
    assert throttle.judge(host, who, 5.0) == Wait(1.0)
    fail(throttle, 1, host, who, now=5.0)
    assert throttle.judge(host, who, 10.0) == TooMany(55)


def test_checks_may_pile_up_until_an_address_has_failed(throttle: Throttle) -> None:
    fail(throttle, 4)
    assert not throttle.slows(HERE, 0.0)
    fail(throttle, 1)
    assert throttle.slows(HERE, 59.0)
    assert not throttle.slows(THERE, 0.0)
    assert not throttle.slows(HERE, 61.0)


def test_a_waiting_line_has_an_end(throttle: Throttle) -> None:
    fail(throttle, 5)
    waits = [throttle.judge(HERE, FOO, 0.0) for _ in range(51)]
    assert waits[49:] == [Wait(50.0), TooMany(51)]


def test_a_slot_that_came_is_worth_a_check_unless_it_is_too_late(throttle: Throttle) -> None:
    """Others of the line have failed meanwhile."""
    fail(throttle, 5)
    assert throttle.judge(HERE, FOO, 0.0) == Wait(1.0)
    assert throttle.judge(HERE, FOO, 1.0, waited=True) == Wait(0.0)
    fail(throttle, 15, now=1.0)
    assert throttle.judge(HERE, FOO, 2.0, waited=True) == TooMany(59)


def test_a_new_password_does_not_pay_for_the_old_one(throttle: Throttle) -> None:
    fail(throttle, 20, who=("foo", "old hash"))
    assert throttle.judge(THERE, ("foo", "new hash"), 0.0) == Wait(0.0)
    assert throttle.judge(HERE, ("foo", "new hash"), 0.0) == Wait(1.0)


def test_memory_has_an_end(throttle: Throttle) -> None:
    """Whoever makes up usernames fills nothing, and does not push out the count of their address."""
    for number in range(KEPT + 500):
        throttle.note_failure(HERE, (f"user{number}", ""), float(number) / 1000)
    assert len(throttle) == KEPT * 2 + 1
    assert throttle.judge(HERE, FOO, 10.0) == Wait(1.0)


def test_an_ipv6_network_is_one_line() -> None:
    assert address_key("2001:db8:1:2::5") == address_key("2001:db8:1:2:ffff::6") == "2001:db8:1:2::/64"
    assert address_key("2001:db8:1:3::5") != address_key("2001:db8:1:2::5")
    assert address_key("::ffff:192.0.2.1") == "192.0.2.1"
    assert address_key("unknown") == "unknown"
