"""How many may come: wrong passwords, made-up names, and more chargers than there are places for."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
import trio
from gateway_server import BASIC, PATIENCE_S, WRONG, Server, basic, handshake, status

from solarocpp.config import Config
from solarocpp.registry import (
    CredentialChange,
    NewCredential,
    Registry,
    SettingsChange,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def receive_path() -> str:
    return "lean"  # no frame matters in these tests


# -- wrong passwords, many of them -----------------------------------------------------------------------


class TestThrottle:
    @pytest.fixture
    def server_config(self, config: Config) -> Config:
        return msgspec.structs.replace(
            config, failures_before_delay=2, failures_before_refusal=4, failure_delay_s=0.01, failure_memory_s=30.0
        )

    async def test_failures_are_slowed_and_then_refused_for_a_while(self, server: Server) -> None:
        for expected in (401, 401, 401, 401, 429, 429):
            assert await status(server, authorization=WRONG) == expected
        answer = await server.answer(handshake(authorization=BASIC))
        assert answer.startswith(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 30\r\n")
        assert [row[3] for row in await server.events("kind")][-1] == "throttled"

    async def test_who_is_known_to_know_the_password_passes_always(self, server: Server, registry: Registry) -> None:
        """Chargers behind the same NAT are not locked out: not by the same username, not by others."""
        _, password = await registry.add_credential(NewCredential(username="site"), now=NOW)
        await registry.add_credential(NewCredential(username="cold", password="cold horse battery"), now=NOW)
        assert await status(server) == 101  # remembered from now on
        for _ in range(6):
            await status(server, authorization=WRONG)
        assert await status(server, authorization=WRONG) == 429
        assert await status(server) == 101
        assert await status(server, authorization=basic("site", password or "")) == 101
        assert await status(server, authorization=basic("cold", "cold horse battery")) == 101

    async def test_a_changed_password_is_not_paid_for(self, server: Server, registry: Registry) -> None:
        for _ in range(5):
            await status(server, authorization=WRONG)
        await registry.set_credential("depot", CredentialChange(password="wrong"))
        assert await status(server, authorization=WRONG) == 101

    async def test_a_burst_is_not_through_before_its_first_failure_counts(self, server: Server) -> None:
        statuses: list[int] = []

        async def guess() -> None:
            statuses.append(await status(server, authorization=WRONG))

        async with trio.open_nursery() as nursery:
            for _ in range(40):
                nursery.start_soon(guess)
        assert sorted(set(statuses)) == [401, 429]
        assert statuses.count(401) <= 12  # 4, and those that were being checked meanwhile


class TestManyNames:
    """A guesser that makes up usernames, behind the NAT of honest chargers."""

    @pytest.fixture
    def server_config(self, config: Config) -> Config:
        return msgspec.structs.replace(config, failure_delay_s=0.2)

    async def test_a_right_password_gets_in_among_many_made_up_names(self, server: Server) -> None:
        """The password is a chosen one, and not remembered: it has to be checked like theirs."""
        told: list[tuple[int, bytes]] = []

        async def guess(number: int) -> None:
            answer = await server.answer(handshake(authorization=basic(f"user{number}", "wrong")))
            told.append((int(answer.split(b" ", 2)[1]), answer))

        async with trio.open_nursery() as nursery:
            for number in range(70):
                nursery.start_soon(guess, number)
            while len(told) < 5:
                await trio.lowlevel.checkpoint()
            statuses = []
            with trio.fail_after(PATIENCE_S):
                while 101 not in statuses:
                    statuses.append(await status(server))
        assert set(statuses) <= {101, 429}
        assert len(told) == 70
        assert {code for code, _ in told} <= {401, 429}
        assert all(b"Retry-After: 1\r\n" in answer for code, answer in told if code == 429)


# -- how many --------------------------------------------------------------------------------------------


FULL = {
    "max_links": ("full", b"This server takes 1 chargers, and has them."),
    "max_links_per_address": ("full_for_address", b"1 chargers from 127.0.0.1 are connected, which is the limit."),
}


class TestFull:
    @pytest.fixture(params=sorted(FULL))
    def limit(self, request: pytest.FixtureRequest) -> str:
        return request.param

    @pytest.fixture
    def server_config(self, config: Config, limit: str) -> Config:
        return msgspec.structs.replace(config, **{limit: 1})

    async def test_one_too_many_is_told_so(self, server: Server, limit: str) -> None:
        kind, said = FULL[limit]
        async with server.connect("CP002"):
            answer = await server.answer(handshake())
        assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 60\r\n")
        assert said in answer
        assert [row[3] for row in await server.events("kind")] == [kind]

    async def test_nobody_is_registered_by_coming_to_a_full_server(self, server: Server, registry: Registry) -> None:
        await registry.set_settings(SettingsChange(unknown_chargers="accept"))
        async with server.connect("CP002"):
            assert await status(server, "/ocpp/j/v16/NEW1") == 503
        assert registry.charger_by_identifier("NEW1", 1) is None

    async def test_who_is_connected_may_come_again(self, server: Server) -> None:
        """Newest wins, on a full server too: its old link may be a dead socket."""
        async with server.connect("CP002"):
            assert await status(server, "/ocpp/j/v16/CP002") == 101

    async def test_a_place_is_free_again_when_its_link_has_ended(self, server: Server) -> None:
        for _ in range(3):
            async with server.connect("CP002"):
                pass
            with trio.fail_after(5):
                while server.gateway._links:
                    await trio.lowlevel.checkpoint()
        assert not server.gateway._room._links_from
