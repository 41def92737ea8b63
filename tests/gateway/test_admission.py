"""Who is let in, who is not, and what can be looked up afterwards; over real sockets, with a real registry."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import msgspec
import pytest
import trio
from gateway_server import BASIC, WRONG, Server, basic, exchange, handshake, status

from solarocpp.config import Config
from solarocpp.errors import ConfigError
from solarocpp.gateway import Gateway
from solarocpp.registry import (
    ChargerChange,
    CredentialChange,
    NewAccount,
    NewCharger,
    NewCredential,
    Registry,
    SettingsChange,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATH_CREDENTIALS = "depot/correct%20horse%20battery"


@pytest.fixture
def receive_path() -> str:
    return "lean"  # no frame matters in these tests


# -- who is let in ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "before", "authorization"),
    [
        ("v16", "", BASIC),
        ("v16", "", BASIC.replace("Basic ", "Basic: ")),
        ("v16h", "{hid}/", BASIC),
        ("v16u", f"{PATH_CREDENTIALS}/", ""),
        ("v16hu", f"{{hid}}/{PATH_CREDENTIALS}/", ""),
        ("v16hu", f"{{hid}}/{PATH_CREDENTIALS}/", WRONG),  # those in the path win
    ],
)
async def test_a_charger_gets_in_by_each_profile(
    server: Server, registry: Registry, profile: str, before: str, authorization: str
) -> None:
    account = registry.account(1)
    assert account is not None
    assert await status(server, f"/ocpp/j/{profile}/{before.format(hid=account.hid)}CP001", authorization) == 101
    [(identifier, data)] = await server.rows("SELECT identifier, data::VARCHAR FROM event WHERE name = 'link_opened'")
    said = json.loads(data)
    assert (identifier, said["profile"], said["username"]) == ("CP001", profile, "depot")
    assert "horse" not in data


@pytest.mark.parametrize("identifier", ["RDAM|123", "with space", "100%", "depot/CP7", "café", "x" * 48, "x" * 60])
async def test_identities_are_what_people_call_their_chargers(
    server: Server, registry: Registry, identifier: str
) -> None:
    """Q08, Q09."""
    await registry.add_charger(NewCharger(identifier=identifier), now=NOW)
    raw = identifier.encode().hex("%", 1)
    assert await status(server, f"/ocpp/j/v16/%{raw}") == 101


async def test_a_password_may_be_of_any_bytes(server: Server, registry: Registry) -> None:
    """Q110: the hex AuthorizationKey as text in any case, and decoded; a slash in a path; colons."""
    key = "00FF2F3A" * 5
    await registry.add_credential(NewCredential(username="key", password=key), now=NOW)
    await registry.add_credential(NewCredential(username="odd", password="a/b:c?d%"), now=NOW)
    encoded = base64.b64encode(b"key:" + bytes.fromhex(key)).decode()
    assert await status(server, authorization=basic("key", key.lower())) == 101
    assert await status(server, authorization=f"Basic {encoded}") == 101
    assert await status(server, f"/ocpp/j/v16u/key/{bytes.fromhex(key).hex('%', 1).join(['%', ''])}/CP001", "") == 101
    assert await status(server, "/ocpp/j/v16u/odd/a%2Fb%3Ac%3Fd%25/CP001", "") == 101
    assert await status(server, authorization=basic("odd", "a/b:c?d%")) == 101


async def test_case_does_not_matter_and_the_canonical_spelling_is_kept(server: Server) -> None:
    assert await status(server, "/ocpp/j/v16/cp001", basic("DEPOT", "correct horse battery")) == 101
    rows = await server.rows("SELECT identifier, data->>'repair' FROM event WHERE name = 'handshake_repaired'")
    assert rows == [("CP001", "identifier_case")]


async def test_nobody_knows_the_password_once_it_was_right(server: Server) -> None:
    async with server.connect():
        [link] = server.services.roster
        assert link._journal._admitted.claim.password == b""  # type: ignore[attr-defined]


# -- who is not ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "status_line", "body", "kind"),
    [
        (handshake("/nowhere"), b"HTTP/1.1 404 Not Found", b"No charger connects at /nowhere.", "bad_path"),
        (
            handshake(Sec_WebSocket_Protocol="ocpp2.0.1"),
            b"HTTP/1.1 400 Bad Request",
            b"The charger offers ocpp2.0.1; only ocpp1.6 is spoken here.\nSet the charger to OCPP 1.6 JSON.\n",
            "wrong_subprotocol",
        ),
        (handshake(Authorization=""), b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic", b"", "no_credentials"),
        (handshake(authorization=WRONG), b"HTTP/1.1 401 Unauthorized", b"password is wrong", "wrong_password"),
        (
            handshake(authorization=basic("nobody", "x")),
            b"HTTP/1.1 401 Unauthorized",
            b"password is wrong",
            "wrong_password",
        ),
        (handshake("/ocpp/j/v16/CP999"), b"HTTP/1.1 404 ", b"solarocpp charger add CP999\n", "unknown_charger"),
        (handshake("/ocpp/j/v16/CP001/CP001"), b"HTTP/1.1 404 ", b"the charger adds it itself", "doubled_identity"),
        (handshake("/ocpp/j/v16/OFF"), b"HTTP/1.1 403 ", b"solarocpp charger set OFF --enabled\n", "disabled"),
        (handshake("/ocpp/j/v16/TLS"), b"HTTP/1.1 403 ", b"set TLS --security-profile 1\n", "security_too_low"),
        (
            handshake("/ocpp/j/v16/CP002", basic("narrow", "correct horse battery")),
            b"HTTP/1.1 403 ",
            b"Credential narrow is not allowed for charger CP002.",
            "not_allowed",
        ),
    ],
)
async def test_a_refusal_is_answered_with_status_and_reason(
    server: Server, registry: Registry, raw: bytes, status_line: bytes, body: bytes, kind: str
) -> None:
    await registry.add_charger(NewCharger(identifier="OFF", enabled=False), now=NOW)
    await registry.add_charger(NewCharger(identifier="TLS", security_profile=2), now=NOW)
    narrow = NewCredential(username="narrow", password="correct horse battery", allowed=("CP001",))
    await registry.add_credential(narrow, now=NOW)
    answer = await server.answer(raw)
    assert answer.startswith(status_line)
    assert body in answer
    assert [(row[0], row[3]) for row in await server.events("kind")] == [("handshake_refused", kind)]


async def test_a_refusal_tells_all_that_helps_and_no_secret(server: Server) -> None:
    await server.answer(handshake("/ocpp/j/v16u/depot/secret/cp001?secret", User_Agent="Firmware/1.0", Cookie="secret"))
    [(created, name, identifier, account, message, tags, data)] = await server.rows(
        'SELECT created, name, identifier, "accountId", message, tags, data::VARCHAR FROM event'
    )
    assert (created, name, identifier, account) == (NOW, "handshake_refused", "CP001", 1)
    assert (message, tags) == ("The user name or the password is wrong.", ["ocpp", "charger", "forbidden"])
    said = json.loads(data)
    assert said.pop("peer").startswith("127.0.0.1:")
    assert "solarocpp credential add" in said.pop("hint")
    assert said == {
        "cp": "cp001",
        "username": "depot",
        "error": "The user name or the password is wrong.",
        "kind": "wrong_password",
        "status": 401,
        "profile": "v16u",
        "path": "/ocpp/j/v16u/depot/[redacted]/cp001",
        "subprotocols": "ocpp1.6",
        "userAgent": "Firmware/1.0",
        "headers": "host, upgrade, connection, sec-websocket-key, sec-websocket-version, sec-websocket-protocol, "
        "authorization, user-agent, cookie",
    }


async def test_with_the_right_password_an_unknown_charger_is_told_by_its_name(server: Server) -> None:
    """Then the parts of the path are not swapped; without, its identity might be somebody's password."""
    for password in ("correct%20horse%20battery", "wrong"):
        await server.answer(handshake(f"/ocpp/j/v16u/depot/{password}/CP999", ""))
    rows = await server.events("kind", "path")
    assert [(row[1], *row[3:]) for row in rows] == [
        ("CP999", "unknown_charger", "/ocpp/j/v16u/depot/[redacted]/CP999"),
        (None, "wrong_password", "/ocpp/j/v16u/depot/[redacted]/..."),
    ]


SECRETS = ("horse", "Zm9yLW5vYm9keQ", "for-nobody", "hunter2")


@pytest.mark.parametrize(
    "raw",
    [
        handshake("/ocpp/j/v16/CP999"),
        handshake("/ocpp/j/v16u/depot/hunter2/CP001"),
        handshake("/ocpp/j/v16u/depot/hunter2"),
        handshake("/ocpp/j/v16/depot/hunter2/CP001"),
        handshake("/ocpp/j/v16/depot/correct%20horse%20battery/CP001"),
        handshake("/ocpp/j/v16/depot:hunter2"),
        handshake("/ocpp/j/v16/depot%3Ahunter2%40CP001"),
        handshake("/ocpp/j/v16/depot%2Fhunter2"),
        handshake("/ocpp/j/v16h/hunter2/CP999"),
        handshake("/ocpp/j/v16h/depot/hunter2"),
        handshake("/ocpp/j/v16u/hunter2/depot/CP001"),
        handshake("/ocpp/j/v16u/depot/CP001/hunter2"),
        handshake("/ocpp/j/v16hu/depot/hunter2/CP001/CP001"),
        handshake("/steve/depot/hunter2/CP001"),
        handshake("ws://depot:hunter2@host/ocpp/j/v16/CP999?key=hunter2"),
        handshake("/ocpp/j/v16/CP999?key=hunter2", authorization="Basic Zm9yLW5vYm9keQ"),
        handshake(authorization="hunter2"),
        handshake(authorization=basic("depot", "hunter2")),
        b"GET /ocpp/j/v16u/depot/hunter2/CP001 HTTP/1.1\r\nAuthorization: Basic hunter2",
        b"GET /ocpp/j/v16u/depot/hunter2/CP001 hunter2\r\nAuthorization: Basic hunter2\r\n\r\n",
        b"\x00GET /ocpp/j/v16u/depot/hunter2/CP001",
    ],
)
async def test_nothing_leaks(server: Server, capsys: pytest.CaptureFixture[str], raw: bytes) -> None:
    """Not in an answer, a row, or a line of the log."""
    answer = await server.answer(raw, ends=True)
    rows = await server.rows("SELECT name, identifier, message, data::VARCHAR FROM event")
    assert len(rows) == 1
    told = answer.decode() + str(rows) + "".join(capsys.readouterr())
    assert not [secret for secret in SECRETS if secret in told]
    assert bytes("hunter", "ascii").hex() not in told


async def test_unknown_user_and_wrong_password_are_told_apart_by_nobody(server: Server) -> None:
    answers = [await server.answer(handshake(authorization=basic(user, "wrong"))) for user in ("depot", "nobody")]
    assert answers[0] == answers[1]


class TestStrict:
    @pytest.fixture
    def server_config(self, config: Config) -> Config:
        return msgspec.structs.replace(config, strict=("subprotocol_missing", "extra_slashes"))

    async def test_a_strict_server_refuses_with_the_reason(self, server: Server) -> None:
        answer = await server.answer(handshake(Sec_WebSocket_Protocol=""))
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"The charger offers no subprotocol; only ocpp1.6 is spoken here.\n" in answer
        assert b"take subprotocol_missing out of `strict`" in answer
        assert await status(server, "/ocpp/j/v16/CP001/") == 404
        assert await status(server, Connection="") == 101  # of this nothing was said

    async def test_it_must_know_what_it_is_strict_about(self, server: Server) -> None:
        config = msgspec.structs.replace(server.services.config, strict=("everything",))
        with pytest.raises(ConfigError, match="strict"):
            Gateway(msgspec.structs.replace(server.services, config=config))


# -- whose it is -----------------------------------------------------------------------------------------


class TestAccounts:
    @pytest.fixture
    async def their_hid(self, registry: Registry) -> str:
        """A second account with a charger CP001 of its own, and one whose name is only theirs."""
        account = await registry.add_account(NewAccount(name="theirs"), now=NOW)
        for identifier in ("CP001", "THEIRS"):
            order = NewCharger(identifier=identifier)
            await registry.add_charger(order, now=NOW, account_id=account.account_id)
        order = NewCredential(username="theirs", password="another horse battery")
        await registry.add_credential(order, now=NOW, account_id=account.account_id)
        assert account.account_id == 2
        return account.hid

    @pytest.mark.parametrize(("username", "password", "account"), [("depot", "correct", 1), ("theirs", "another", 2)])
    async def test_the_credential_says_whose_charger_it_is(
        self, server: Server, their_hid: str, username: str, password: str, account: int
    ) -> None:
        authorization = basic(username, f"{password} horse battery")
        assert await status(server, f"/ocpp/j/v16h/{their_hid}/CP001", authorization) == 101
        assert await server.rows("SELECT \"accountId\" FROM event WHERE name = 'link_opened'") == [(account,)]

    async def test_another_accounts_charger_is_unknown(self, server: Server, their_hid: str) -> None:
        assert await status(server, f"/ocpp/j/v16h/{their_hid}/THEIRS") == 404
        assert await server.events("kind") == [("handshake_refused", "THEIRS", 1, "unknown_charger")]

    @pytest.mark.parametrize(
        ("profile", "username", "account"),
        [("v16", "depot", 1), ("v16", "nobody", None), ("v16h", "nobody", 2), ("v16h", "depot", 1)],
    )
    async def test_a_refusal_is_the_event_of_whoever_owns_it(
        self, server: Server, their_hid: str, profile: str, username: str, account: int | None
    ) -> None:
        """Spec 1.6: of the credential's owner, else through the hid; with neither, of whoever runs the box."""
        hid = f"{their_hid}/" if profile == "v16h" else ""
        await status(server, f"/ocpp/j/{profile}/{hid}CP001", basic(username, "wrong"))
        assert [row[2] for row in await server.events()] == [account]

    async def test_a_charger_without_any_proof_is_found_by_its_hid(
        self, server: Server, registry: Registry, their_hid: str
    ) -> None:
        """Security profile 0, where it was opted into."""
        change = ChargerChange(security_profile=0)
        await registry.set_charger("CP001", change, now=NOW, account_id=2)
        assert await status(server, "/ocpp/j/v16/CP001", "") == 401  # two have that name
        assert await status(server, f"/ocpp/j/v16h/{their_hid}/CP001", "") == 101
        assert await status(server, f"/ocpp/j/v16h/{their_hid}/CP001", basic("theirs", "wrong")) == 401
        assert await status(server, "/ocpp/j/v16/THEIRS", "") == 401


# -- unknown chargers ------------------------------------------------------------------------------------


class TestUnknownChargers:
    @pytest.mark.parametrize(("policy", "registration"), [("pending", "Pending"), ("accept", "Accepted")])
    async def test_a_setting_lets_them_in(
        self, server: Server, registry: Registry, policy: str, registration: str
    ) -> None:
        await registry.set_settings(SettingsChange(unknown_chargers=policy))  # type: ignore[arg-type]
        async with server.connect("NEW1") as ws:
            boot = {"chargePointVendor": "v", "chargePointModel": "m"}
            assert (await exchange(ws, [2, "b", "BootNotification", boot]))[2]["status"] == registration
            found = registry.charger_by_identifier("NEW1", 1)
            assert found is not None
            assert (found.registration_status, found.node_id) == (registration, 1)

    @pytest.mark.parametrize(
        ("target", "authorization", "expected"),
        [
            ("/ocpp/j/v16/NEW1", WRONG, 401),
            ("/ocpp/j/v16/NEW1", "", 401),
            ("/ocpp/j/v16/NEW1", basic("narrow", "correct horse battery"), 404),
            ("/ocpp/j/v16/depot/hunter2/NEW1", BASIC, 404),  # a pasted password must not become a name
            ("/ocpp/j/v16/depot%3Ahunter2", BASIC, 404),
            ("/ocpp/j/v16h/depot/hunter2", BASIC, 404),
        ],
    )
    async def test_only_with_a_credential_that_is_right_and_allows_it(
        self, server: Server, registry: Registry, target: str, authorization: str, expected: int
    ) -> None:
        await registry.set_settings(SettingsChange(unknown_chargers="accept"))
        order = NewCredential(username="narrow", password="correct horse battery", allowed=("CP001",))
        await registry.add_credential(order, now=NOW)
        assert await status(server, target, authorization) == expected
        assert [row.identifier for row in registry.chargers()] == ["CP001", "CP002"]

    async def test_there_is_an_end_to_it(self, server: Server, registry: Registry) -> None:
        """A mistake in a template must not fill the table."""
        await registry.set_settings(SettingsChange(unknown_chargers="accept"))
        for number in range(100):
            await registry.meet_charger(f"NEW{number}", 1, now=NOW)
        answer = await server.answer(handshake("/ocpp/j/v16/NEW100"))
        assert answer.startswith(b"HTTP/1.1 404 ")
        assert b"100 chargers that nobody registered wait for adoption already." in answer
        assert [row[3] for row in await server.events("kind")] == ["too_many_unknown"]
        assert await status(server, "/ocpp/j/v16/NEW7") == 101


# -- what changes ----------------------------------------------------------------------------------------


async def test_a_changed_credential_ends_its_links(server: Server, registry: Registry) -> None:
    """Q15: changes act at once."""
    async with server.connect() as ws:
        await registry.set_credential("depot", CredentialChange(password="a new horse battery"))
        with trio.fail_after(5), pytest.raises(Exception, match="its credential was changed"):
            await ws.get_message()


async def test_a_password_that_was_changed_during_its_check_is_wrong(server: Server, registry: Registry) -> None:
    limiter = registry._passwords._limiter
    for borrower in range(int(limiter.total_tokens)):
        await limiter.acquire_on_behalf_of(borrower)
    statuses: list[int] = []

    async def come() -> None:
        statuses.append(await status(server))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(come)
        with trio.fail_after(5):
            while not limiter.statistics().tasks_waiting:
                await trio.lowlevel.checkpoint()
        await registry.remove_credential("depot")
        for borrower in range(int(limiter.total_tokens)):
            limiter.release_on_behalf_of(borrower)
    assert statuses == [401]


async def test_without_tls_there_is_nothing_to_reload(server: Server) -> None:
    assert server.gateway.reload_tls()
