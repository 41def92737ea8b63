"""Literal command, literal stdout, stderr and exit code, with the store closed."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Cli

Run = Callable[..., tuple[int, str, str]]


def test_a_fresh_directory_is_told_what_to_do(run: Run) -> None:
    assert run("charger", "list") == (
        1,
        "",
        "solarocpp: There is no store in 'data'. Begin with: solarocpp serve, or say where with --data DIR.\n",
    )
    assert run("credential", "add", "depot")[0] == 0
    assert run("charger", "list") == (
        0,
        "",
        (
            "No charger is registered yet. Add one, and a user name it connects with:\n"
            "  solarocpp charger add CP001\n"
            "  solarocpp credential add depot\n"
            "Then type into the charger: ws://THIS-MACHINE:9000/ocpp/j/v16/CP001\n"
        ),
    )
    assert run("charger", "list", "--format", "json") == (0, "[]\n", "")


def test_a_charger_from_its_first_to_its_last_day(run: Run) -> None:
    assert run("charger", "add", "CP001") == (
        0,
        "Charger CP001 is registered on node 1.\nURL to type into it: ws://THIS-MACHINE:9000/ocpp/j/v16/CP001\n",
        "It needs a user name and password: solarocpp credential add depot\n",
    )
    assert run("charger", "list") == (
        0,
        (
            "identifier  nodeId  enabled  registrationStatus  connectorCount\n"
            "CP001       1       yes      Accepted            0\n"
        ),
        "",
    )
    assert run("charger", "set", "cp001", "--disabled", "--vendor", "ACME") == (
        0,
        (
            "identifier  nodeId  enabled  registrationStatus  connectorCount  vendor\n"
            "CP001       1       no       Accepted            0               ACME\n"
        ),
        "",
    )
    assert run("charger", "remove", "CP001", "--yes") == (
        0,
        "Charger CP001 is removed. Its sessions, datums and ledger stay.\n",
        "",
    )
    assert run("charger", "show", "CP001") == (
        1,
        "",
        "solarocpp: There is no charger 'CP001'. See: solarocpp charger list\n",
    )


def test_show_tells_what_applies_to_a_charger(run: Run) -> None:
    run("charger", "add", "a b|c", "--node", "7", "--create-node")
    code, out, err = run("charger", "show", "A B|C")
    shown = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (code, err) == (0, "")
    assert shown["identifier"] == "a b|c"
    assert shown["nodeId"] == "7"
    assert shown["sourceIdTemplate"] == "/ocpp/cp/{chargerIdentifier}/{connectorId}/{location}"
    assert shown["sourceIdTemplateFrom"] == "default"
    assert shown["urlV16"] == "ws://THIS-MACHINE:9000/ocpp/j/v16/a%20b%7Cc"


def test_listings_for_programs_have_every_field(run: Run) -> None:
    run("authorization", "add", "A,1", "--expires", "2030-01-01", "--parent", "P")
    run("authorization", "add", "B", "--disabled", "--max-active", "1")
    code, out, _ = run("authorization", "list", "--format", "json")
    first, second = json.loads(out)
    for row in (first, second):
        assert row.pop("created").endswith("Z")
    assert code == 0
    assert first == {
        "token": "A,1",
        "enabled": True,
        "expires": "2030-01-01T00:00:00Z",
        "expired": False,
        "parent": "P",
        "maxActive": None,
        "chargers": [],
        "authorizationId": 1,
    }
    assert (second["enabled"], second["maxActive"]) == (False, 1)
    code, out, _ = run("authorization", "list", "--format", "csv")
    header, line, _ = out.splitlines()
    assert header == "token,enabled,expires,expired,parent,maxActive,chargers,authorizationId,created"
    assert line.startswith('"A,1",true,2030-01-01T00:00:00Z,false,P,,[],1,2')


def test_times_are_utc_unless_they_say_otherwise(run: Run) -> None:
    for token, expires, stored in (
        ("T1", "2030-01-01T18:00", "2030-01-01T18:00:00Z"),
        ("T2", "2030-01-01T18:00:00+02:00", "2030-01-01T16:00:00Z"),
    ):
        assert run("authorization", "add", token, "--expires", expires) == (
            0,
            f"token  enabled  expires               expired\n{token}     yes      {stored}  no\n",
            "",
        )
    assert run("authorization", "set", "t1", "--expires", "never") == (
        0,
        "token  enabled  expired\nT1     yes      no\n",
        "",
    )
    assert run("authorization", "add", "T3", "--expires", "soon") == (
        2,
        "",
        "solarocpp: --expires is 'soon'; allowed: a time like 2030-01-31 or 2030-01-31T18:00:00Z, or never.\n",
    )


def test_a_generated_password_is_alone_on_stdout(run: Run) -> None:
    code, out, err = run("credential", "add", "depot", "--allow", "CP001")
    assert code == 0
    assert len(out) == 23
    assert err == (
        "Credential depot is for CP001.\n"
        "Its password, shown only now:\n"
        "Warning: There is no charger 'CP001' yet; add it with: solarocpp charger add CP001\n"
    )
    assert run("credential", "list") == (0, "username  kind       allowed\ndepot     generated  CP001\n", "")
    code, again, err = run("credential", "rotate", "depot")
    assert (code, len(again)) == (0, 23)
    assert again != out
    assert err.startswith("Credential depot has a new password; the old one is refused from now on.\n")
    assert run("credential", "remove", "DEPOT", "--yes") == (0, "Credential depot is removed.\n", "")


def test_a_password_comes_from_standard_input_and_is_never_shown(run: Run, tmp_path: Path, solarocpp_cli: Cli) -> None:
    made = solarocpp_cli(tmp_path / "data", "credential", "add", "depot", "--password-stdin", stdin="swordfish\n")
    assert (made.stdout, made.stderr) == (
        "",
        "Credential depot is for every charger.\nWarning: The password has 9 characters; OCPP asks for 16 at least.\n",
    )
    assert run("credential", "list") == (0, "username  kind      allowed\ndepot     password  every charger\n", "")
    code, _, err = run("credential", "add", "other", "--password", "swordfish")
    assert code == 2
    assert "swordfish" not in err


def test_nothing_secret_is_readable_by_others(run: Run, tmp_path: Path) -> None:
    password = run("credential", "add", "depot")[1].strip()
    mode = stat.S_IMODE((tmp_path / "data" / "secrets.duckdb").stat().st_mode)
    assert f"{mode:o}" == "600"
    stored = (tmp_path / "data" / "solarocpp.duckdb").read_bytes()
    assert len(password) == 22
    assert password.encode() not in stored
    assert b"blake2b$" not in stored
    assert b"blake2b$" in (tmp_path / "data" / "secrets.duckdb").read_bytes()


def test_settings_say_where_they_come_from(run: Run) -> None:
    run("charger", "add", "CP001")
    (account,) = json.loads(run("account", "list", "--format", "json")[1])
    hid = account["hid"]
    assert run("settings", "show") == (
        0,
        (
            "setting           value                                                  from\n"
            "sourceIdTemplate  /ocpp/cp/{chargerIdentifier}/{connectorId}/{location}  default\n"
            "publish           yes                                                    default\n"
            "unknownChargers   refuse                                                 default\n"
            f"hid               {hid}                                               account\n"
        ),
        "",
    )
    change = ["--source-id-template", "/depot/{connectorId}", "--no-publish", "--unknown-chargers", "pending"]
    assert run("settings", "set", *change) == (
        0,
        (
            "setting           value                 from\n"
            "sourceIdTemplate  /depot/{connectorId}  account\n"
            "publish           no                    account\n"
            "unknownChargers   pending               account\n"
            f"hid               {hid}              account\n"
        ),
        "Warning: Without {chargerIdentifier} all chargers of a node share one stream.\n",
    )
    assert run("settings", "set", "--charger", "CP001", "--publish")[1] == (
        "setting           value                 from\n"
        "sourceIdTemplate  /depot/{connectorId}  account\n"
        "publish           yes                   charger\n"
    )
    assert run("settings", "set", "--charger", "CP001", "--reset")[1].splitlines()[2] == (
        "publish           no                    account"
    )
    lines = run("settings", "set", "--reset")[1].splitlines()
    assert [line.split()[-1] for line in lines] == ["from", "default", "default", "default", "account"]
    options = "--source-id-template, --publish, --no-publish, --unknown-chargers or --reset"
    assert run("settings", "set") == (2, "", f"solarocpp: Nothing to set. Add {options}.\n")
    assert run("settings", "set", "--charger", "CP001", "--unknown-chargers", "accept") == (
        2,
        "",
        "solarocpp: --unknown-chargers is for the whole account. Leave out --charger.\n",
    )
    assert run("settings", "set", "--source-id-template", "/{chargerIdentifer}") == (
        1,
        "",
        "solarocpp: The template has an unknown {chargerIdentifer}. Did you mean {chargerIdentifier}?\n",
    )


ERRORS = [
    (
        ["charger", "add", "CP01", "--node", "9"],
        1,
        "There is no node 9; there is 1. To make it, add --create-node.",
    ),
    (
        ["charger", "add", "cp001"],
        1,
        "There is a charger 'CP001' already. Change it with: solarocpp charger set CP001",
    ),
    (["charger", "show", "CP01"], 1, "There is no charger 'CP01'. Did you mean CP001?"),
    (
        ["charger", "remove", "CP001"],
        2,
        "Nobody can be asked whether to remove charger CP001. Add --yes.",
    ),
    (
        ["charger", "add", "A", "--nod", "3"],
        2,
        "Unknown option: --nod. Did you mean --node? See: solarocpp charger add --help",
    ),
    (
        ["charger", "add"],
        2,
        'Command "charger add" parameter IDENT requires an argument. See: solarocpp charger add --help',
    ),
    (
        ["sessions", "--format", "xml"],
        2,
        'Invalid value "xml" for --format. Choose from: "table", "json", "csv". See: solarocpp sessions --help',
    ),
    (
        ["sessions", "--by", "nod"],
        1,
        "There is no 'nod'. Did you mean 'node'?",
    ),
    (
        ["serve", "--web", "nonsense"],
        2,
        "web is 'nonsense'; allowed: HOST:PORT with a port of 0 to 65535, like 127.0.0.1:8080.",
    ),
    (
        ["charger", "list", "--url", "http://127.0.0.1:1"],
        1,
        "No server answers at http://127.0.0.1:1 (all attempts to connect to 127.0.0.1:1 failed).",
    ),
]


def test_errors_are_one_line_that_says_what_to_do(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("charger", "add", "CP001")
    monkeypatch.setenv("SOLAROCPP_TOKEN", "token")
    for arguments, code, err in ERRORS:
        assert run(*arguments) == (code, "", f"solarocpp: {err}\n"), arguments


def test_a_place_that_cannot_be_written_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert run("charger", "add", "CP001", "--data", "file/data") == (
        1,
        "",
        "solarocpp: The data directory 'file/data' cannot be written (Not a directory). Name another: --data DIR\n",
    )


@pytest.mark.parametrize(
    ("typed", "said"),
    [("n\n", ""), ("\n", ""), ("y\n", "Charger CP001 is removed. Its sessions, datums and ledger stay.\n")],
)
def test_somebody_at_a_terminal_is_asked_before_a_removal(run: Run, typed: str, said: str) -> None:
    run("charger", "add", "CP001")
    keyboard, terminal = pty.openpty()
    os.write(keyboard, typed.encode())
    command = [sys.executable, "-m", "solarocpp", "charger", "remove", "CP001"]
    done = subprocess.run(command, check=True, stdin=terminal, capture_output=True, text=True, timeout=60)
    os.close(keyboard)
    os.close(terminal)
    question = "Remove charger CP001? Its sessions, datums and ledger stay. [y/N] "
    assert (done.stdout, done.stderr) == (question + said, "")
    assert (run("charger", "list", "--format", "json")[1] == "[]\n") == bool(said)


def test_questions_to_an_empty_store(run: Run) -> None:
    run("charger", "add", "CP001")
    assert run("sessions") == (0, "", "No session matches.\n")
    assert run("datums", "--format", "json") == (0, "[]\n", "")
    assert run("sql", "SELECT 1 AS one, 'x' AS two, 2.5 AS three, TIMESTAMPTZ '2026-03-01 12:00:00+02' AS four") == (
        0,
        "one  two  three  four\n1    x    2.5    2026-03-01T10:00:00Z\n",
        "",
    )
    assert run("sql", "FROM range(3)", "--limit", "2") == (
        0,
        "range\n0\n1\n",
        "There are more than 2 rows; see them with --limit, or narrow the question.\n",
    )
    code, out, err = run("sql", "DROP TABLE datum")
    assert (code, out) == (1, "")
    assert err.startswith("solarocpp: DROP is not a question.")
    assert err.count("\n") == 1


def test_sql_from_standard_input(run: Run, tmp_path: Path, solarocpp_cli: Cli) -> None:
    run("charger", "add", "CP001")
    answer = solarocpp_cli(tmp_path / "data", "sql", "-", stdin="FROM charger SELECT identifier")
    assert (answer.stdout, answer.stderr) == ("identifier\nCP001\n", "")


def test_check_ends_with_1_if_something_is_wrong(run: Run, tmp_path: Path) -> None:
    run("charger", "add", "CP001")
    code, out, _ = run("check", "--format", "csv")
    findings = [line for line in out.splitlines() if not line.startswith("disk,")]
    assert code == 0
    assert findings == [
        "check,result,detail",
        'tables,ok,"0 datum, 0 chargeSession, 0 ledger rows"',
        "commits,ok,",
        "secrets.duckdb,ok,",
        "sessions,ok,",
        "credentials,warning,no credential allows CP001",
        "adoption,ok,",
    ]
    (tmp_path / "data" / "secrets.duckdb").chmod(0o640)
    assert run("check")[0] in {0, 1}  # a store may close its own file again; what it must not do is stay silent
