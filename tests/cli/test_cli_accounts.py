"""Several accounts on one box, their tokens, and chargers that nobody registered: literal commands and answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio

from solarocpp.registry import Registry
from solarocpp.store import open_store
from solarocpp.store.effects import EventHappened

Run = Callable[..., tuple[int, str, str]]
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_an_account_from_its_first_day_on(run: Run) -> None:
    code, out, err = run("account", "add", "harbour")
    head, line = out.splitlines()
    hid = line.split()[2]
    assert (code, head) == (0, "accountId  name     hid       nodes  chargers")
    assert line == f"2          harbour  {hid}  2      0"
    assert err == (
        "Work for it with --account 2: solarocpp charger add CP001 --account 2\n"
        "Let others work for it with a token: solarocpp token add NAME --account 2\n"
    )
    run("charger", "add", "CP001")
    assert run("charger", "add", "CP001", "--account", "2") == (
        0,
        "Charger CP001 is registered on node 2.\nURL to type into it: ws://THIS-MACHINE:9000/ocpp/j/v16/CP001\n",
        "It needs a user name and password: solarocpp credential add depot --account 2\n",
    )
    shown = dict(line.split(maxsplit=1) for line in run("charger", "show", "CP001", "--account", "2")[1].splitlines())
    assert {field: value for field, value in shown.items() if field.startswith("url")} == {
        "urlV16": "ws://THIS-MACHINE:9000/ocpp/j/v16/CP001",
        "urlV16h": f"ws://THIS-MACHINE:9000/ocpp/j/v16h/{hid}/CP001",
        "urlV16u": "ws://THIS-MACHINE:9000/ocpp/j/v16u/USERNAME/PASSWORD/CP001",
        "urlV16hu": f"ws://THIS-MACHINE:9000/ocpp/j/v16hu/{hid}/USERNAME/PASSWORD/CP001",
    }
    rows = json.loads(run("account", "list", "--format", "json")[1])
    assert [(row["accountId"], row["nodes"], row["chargers"]) for row in rows] == [(1, [1], 1), (2, [2], 1)]
    assert run("charger", "list", "--account", "3") == (
        1,
        "",
        "solarocpp: There is no account 3. See: solarocpp account list\n",
    )


def test_the_account_may_come_from_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("account", "add", "harbour")
    monkeypatch.setenv("SOLAROCPP_ACCOUNT", "2")
    assert run("charger", "add", "CP001")[1].startswith("Charger CP001 is registered on node 2.\n")
    monkeypatch.delenv("SOLAROCPP_ACCOUNT")
    assert json.loads(run("charger", "list", "--format", "json")[1]) == []


def test_a_token_is_alone_on_stdout(run: Run) -> None:
    run("account", "add", "harbour")
    code, out, err = run("token", "add", "dashboard", "--account", "2")
    assert code == 0
    assert out.startswith("1.")
    assert len(out) == 2 + 22 + 1
    assert err == (
        "Token dashboard is for account 2.\n"
        "Programs send it as `Authorization: Bearer TOKEN`, this command line takes it from SOLAROCPP_TOKEN.\n"
        "The token, shown only now:\n"
    )
    assert run("token", "add", "fleet", "--whole-box")[2].startswith("Token fleet is for the whole box.\n")
    lines = [line[: line.index(" 2")].rstrip() for line in run("token", "list")[1].splitlines()[1:]]
    assert lines == ["1        dashboard  account", "2        fleet      the whole box"]
    assert run("token", "list", "--account", "2")[1].count("\n") == 2
    assert run("token", "remove", "fleet", "--yes") == (0, "Token fleet for the whole box is removed.\n", "")
    assert run("token", "remove", "1", "--yes") == (0, "Token dashboard for account 2 is removed.\n", "")
    assert run("token", "list") == (
        0,
        "",
        "No token yet: this command line uses admin.token. Make one for a program with: solarocpp token add NAME\n",
    )


def test_a_token_with_a_policy_is_told_by_it(run: Run) -> None:
    limited = ("--read-only", "--node", "1", "--source", "/ocpp/cp/CP001/**", "--expires", "2099-01-01", "--snws2")
    code, _, err = run("token", "add", "display", *limited)
    assert code == 0
    assert err == (
        "Token display is for account 1; read-only; node 1; /ocpp/cp/CP001/**; until 2099-01-01T00:00:00Z.\n"
        "Programs send it as `Authorization: Bearer TOKEN`, this command line takes it from SOLAROCPP_TOKEN.\n"
        "To sign requests, SolarNetwork's way: the token ID is the number before the dot, the secret what follows.\n"
        "The token, shown only now:\n"
    )
    assert run("token", "add", "other", "--source", "/ocpp/cp**") == (
        1,
        "",
        "solarocpp: Source pattern '/ocpp/cp**': `**` stands for whole segments only. Nearest source: /ocpp/cp*.\n",
    )
    code, _, err = run("token", "add", "other", "--expires", "soon")
    assert (code, err) == (
        2,
        "solarocpp: --expires is 'soon'; allowed: a time like 2030-01-31 or 2030-01-31T18:00:00Z, or never.\n",
    )


def test_what_a_charger_must_prove_is_said_where_it_is_not_the_usual(run: Run) -> None:
    assert run("charger", "add", "CP 1", "--security-profile", "3")[2] == (
        "It needs a certificate of its own: solarocpp tls init --charger 'CP 1'\n"
    )
    assert run("charger", "add", "CP2", "--security-profile", "0")[2] == (
        "Warning: CP2 needs no password: whoever knows its identifier can connect as it.\n"
    )
    assert run("charger", "list")[1] == (
        "identifier  nodeId  enabled  registrationStatus  securityProfile  connectorCount\n"
        "CP 1        1       yes      Accepted            3                0\n"
        "CP2         1       yes      Accepted            0                0\n"
    )
    assert run("charger", "set", "CP2", "--security-profile", "1") == (
        0,
        (
            "identifier  nodeId  enabled  registrationStatus  connectorCount\n"
            "CP2         1       yes      Accepted            0\n"
        ),
        "",
    )


def came_unregistered(data: Path, *identifiers: str) -> None:
    """Has chargers come that nobody registered, while a server ran."""

    async def meet() -> None:
        with closing(open_store(data, now=NOON)) as store:
            registry = Registry.load(store)
            async with trio.open_nursery() as nursery:
                await nursery.start(store.run)
                for identifier in identifiers:
                    await registry.meet_charger(identifier, 1, now=NOON)
                nursery.cancel_scope.cancel()

    trio.run(meet)


def test_a_charger_that_nobody_registered_is_adopted(run: Run, tmp_path: Path) -> None:
    run("settings", "set", "--unknown-chargers", "pending")
    came_unregistered(tmp_path / "data", "CP 7", "CP8")
    assert run("charger", "list") == (
        0,
        (
            "identifier  nodeId  enabled  registrationStatus  adopted  connectorCount\n"
            "CP 7        1       yes      Pending             not yet  0\n"
            "CP8         1       yes      Pending             not yet  0\n"
        ),
        "2 came without being registered. Accept one with: solarocpp charger adopt 'CP 7'\n",
    )
    assert (
        'adoption,warning,"nobody has judged CP 7, CP8 yet; see: solarocpp charger list"\n'
        in (run("check", "--format", "csv")[1])
    )
    assert run("charger", "adopt", "cp 7", "--node", "5", "--create-node") == (
        0,
        "Charger CP 7 is adopted, on node 5: its next boot is answered Accepted.\n",
        "",
    )
    assert run("charger", "list")[1] == (
        "identifier  nodeId  enabled  registrationStatus  adopted  connectorCount\n"
        "CP 7        5       yes      Accepted                     0\n"
        "CP8         1       yes      Pending             not yet  0\n"
    )


def test_an_id_tag_for_some_chargers(run: Run) -> None:
    run("charger", "add", "CP001")
    assert run("authorization", "add", "TAG", "--charger", "CP001", "--charger", "CP002", "--max-active", "1") == (
        0,
        "token  enabled  expired  maxActive  chargers\nTAG    yes      no       1          CP001, CP002\n",
        "Warning: There is no charger 'CP002' yet; add it with: solarocpp charger add CP002\n",
    )
    assert run("authorization", "set", "TAG", "--max-active", "any") == (
        0,
        "token  enabled  expired  chargers\nTAG    yes      no       CP001, CP002\n",
        "",
    )
    assert run("authorization", "set", "TAG", "--any-charger")[1] == "token  enabled  expired\nTAG    yes      no\n"


def happened(data: Path, *events: EventHappened) -> None:
    """Has something happened while a server ran."""
    with closing(open_store(data, now=NOON)) as store:
        store.project_tail([(0, events)])


def refused(second: int, identifier: str | None, account_id: int | None = None, **data: str) -> EventHappened:
    created = NOON + timedelta(seconds=second, microseconds=123456)
    message = "The user name or the password is wrong."
    return EventHappened(created, "handshake_refused", identifier, message, {**data}, account_id)


def test_events_say_what_to_do_once_and_for_whom(run: Run, tmp_path: Path) -> None:
    advice = "Set user name and password in the charger."
    rows = [refused(second, "CP001", 1, hint=advice, peer=f"10.0.0.7:{50000 + second}") for second in range(3)]
    opened = EventHappened(NOON + timedelta(seconds=9), "link_opened", "CP001", "connected", {"peer": "2001:db8::7"}, 1)
    happened(tmp_path / "data", *rows, refused(5, None, hint=advice, peer="[2001:db8::1]:50000"), opened)
    assert run("events") == (
        0,
        (
            "created               times  event              charger  from           what\n"
            "2026-03-01T12:00:02Z  3      handshake_refused  CP001    10.0.0.7       "
            "The user name or the password is wrong.\n"
            "2026-03-01T12:00:05Z         handshake_refused           [2001:db8::1]  "
            "The user name or the password is wrong.\n"
            "2026-03-01T12:00:09Z         link_opened        CP001    2001:db8::7    connected\n"
        ),
        f"[2001:db8::1], CP001: {advice}\n",
    )
    assert run("events", "--tags", "ocpp,charger,connected")[1].splitlines()[1:] == [
        "2026-03-01T12:00:09Z  link_opened  CP001    2001:db8::7  connected"
    ]
    assert run("events", "--charger", "cp001", "--limit", "1")[2] == (
        "There are more than 1 events; see them with --limit, or narrow the question.\n"
    )
    assert run("events", "--charger", "CP002") == (0, "", "No event matches.\n")


def test_events_of_several_accounts_say_whose(run: Run, tmp_path: Path) -> None:
    advice = "Set user name and password in the charger."
    run("account", "add", "harbour")
    happened(tmp_path / "data", refused(1, "CP001", 1, hint=advice), refused(2, "CP001", 2, hint=advice))
    assert run("events", "--tags", "ocpp") == (
        0,
        (
            "created               account  event              charger  what\n"
            "2026-03-01T12:00:01Z  1        handshake_refused  CP001    The user name or the password is wrong.\n"
            "2026-03-01T12:00:02Z  2        handshake_refused  CP001    The user name or the password is wrong.\n"
        ),
        f"CP001 (--account 2), CP001 (--account 1): {advice}\n",
    )
    assert run("events", "--account", "2")[1].count("\n") == 2


def test_events_say_who_changed_what(run: Run) -> None:
    run("charger", "add", "CP001")
    ((line,),) = [run("events", "--tags", "api,change")[1].splitlines()[1:]]
    assert line.split(maxsplit=1)[1] == "change_made  Registers a charger: CP001, by command line"


def test_events_for_programs_have_every_field(run: Run, tmp_path: Path) -> None:
    happened(tmp_path / "data", refused(1, "CP001", 1, kind="wrong_password"))
    assert json.loads(run("events", "--format", "json")[1]) == [
        {
            "created": "2026-03-01T12:00:01.123456Z",
            "name": "handshake_refused",
            "identifier": "CP001",
            "message": "The user name or the password is wrong.",
            "data": {"kind": "wrong_password"},
            "accountId": 1,
            "tags": ["ocpp", "charger", "forbidden"],
        }
    ]
    assert run("events", "--format", "csv")[1].splitlines()[1] == (
        "2026-03-01T12:00:01.123456Z,handshake_refused,CP001,The user name or the password is wrong.,"
        '"{""kind"":""wrong_password""}",1,"[""ocpp"",""charger"",""forbidden""]"'
    )


def test_nothing_to_show_is_said_with_what_to_do(run: Run, tmp_path: Path) -> None:
    happened(tmp_path / "data")
    assert run("events") == (0, "", "Nothing has happened yet. Who is connected: solarocpp links\n")
    assert run("events", "--format", "json") == (0, "[]\n", "")
    assert run("links") == (
        0,
        "",
        "No server runs on 'data', so nobody is connected. Start it with: solarocpp serve\n",
    )
    assert run("links", "--format", "csv")[0] == 0
