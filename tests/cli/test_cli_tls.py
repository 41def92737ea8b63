"""`solarocpp tls`, and TLS from the outside: certificates made, served, renewed, shown by simulated chargers."""

from __future__ import annotations

import json
import re
import signal
import socket
import ssl
import stat
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import trio

from solarocpp.certificates import read_certificates
from solarocpp.simulator.link import dial_url

Run = Callable[..., tuple[int, str, str]]
Serve = Callable[..., AbstractContextManager[Any]]

TLS = ("--tls-cert", "data/tls/server.pem", "--tls-key", "data/tls/server.key")


def test_init_prints_what_to_do_with_what_it_made(run: Run, tmp_path: Path) -> None:
    code, out, err = run("tls", "init", "--name", "ocpp.example.org", "--name", "10.0.0.5", "--charger", "a/b")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[:6] == [
        "Made data/tls/ca.pem",
        "Made data/tls/ca.key",
        "Made data/tls/server.pem",
        "Made data/tls/server.key",
        "Made data/tls/chargers/a%2Fb.pem",
        "Made data/tls/chargers/a%2Fb.key",
    ]
    assert re.fullmatch(r"The server is ocpp\.example\.org, 10\.0\.0\.5, until \d{4}-\d\d-\d\d\.", lines[6])
    assert lines[8:] == [
        f"Serve:     solarocpp serve --data data {' '.join(TLS)} --client-ca data/tls/ca.pem",
        "Chargers:  connect to wss://ocpp.example.org:9000/ocpp/j/v16/, and trust data/tls/ca.pem: upload it where the",
        "           charger asks for a CA or root certificate of the central system.",
        "           a/b also gets data/tls/chargers/a%2Fb.pem and data/tls/chargers/a%2Fb.key.",
        "Check:     solarocpp tls check ocpp.example.org:9000 --ca data/tls/ca.pem",
        "Keep safe: data/tls/ca.key; whoever has it is believed by every charger that trusts this authority.",
    ]
    assert stat.S_IMODE((tmp_path / "data/tls/ca.key").stat().st_mode) == 0o600


def test_init_keeps_what_is_there_and_says_so(run: Run, tmp_path: Path) -> None:
    run("tls", "init", "--name", "old.example")
    before = (tmp_path / "data/tls/server.pem").read_bytes()
    code, out, err = run("tls", "init", "--name", "new.example")
    assert (code, err) == (
        0,
        "Warning: data/tls/server.pem is kept, and not for new.example; --renew makes it anew.\n",
    )
    assert "Made" not in out
    assert "--client-ca" not in out  # no charger has a certificate
    assert (tmp_path / "data/tls/server.pem").read_bytes() == before
    assert "Made data/tls/server.pem\n" in run("tls", "init", "--name", "new.example", "--renew")[1]


def test_init_makes_certificates_for_one_account(run: Run, tmp_path: Path) -> None:
    assert run("account", "add", "harbour")[0] == 0
    hid = {row["accountId"]: row["hid"] for row in json.loads(run("account", "list", "--format", "json")[1])}[2]
    code, out, err = run("tls", "init", "--charger", "CP001", "--account", "2")
    assert (code, err) == (0, "")
    assert f"           CP001 also gets data/tls/chargers/{hid}/CP001.pem and data/tls/chargers/{hid}/CP001.key." in out
    (found,) = read_certificates((tmp_path / f"data/tls/chargers/{hid}/CP001.pem").read_bytes())
    assert (found.names, found.organization) == (("CP001",), hid)
    code, _, err = run("tls", "init", "--charger", "CP001", "--account", "7")
    assert (code, err) == (1, "solarocpp: There is no account 7. See: solarocpp account list\n")


def test_init_names_this_machine_where_nobody_else_does(run: Run) -> None:
    out = run("tls", "init")[1]
    assert f"The server is {socket.gethostname()}, localhost, 127.0.0.1, " in out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("tls", "init", "--name", "a..b"), "--name is 'a..b'; allowed: a host name or an address, like "),
        (("tls", "init", "--charger", "x" * 65), "allowed: 1 to 64 characters, as in a common name."),
        (("tls", "check", "ocpp.example.org"), "ADDRESS is 'ocpp.example.org'; allowed: HOST:PORT "),
        (("serve", "--tls-cert", "x.pem"), "tls_key is None; allowed: both --tls-cert and --tls-key, or neither."),
        (
            ("simulate", "wss://127.0.0.1:1/x", "--client-cert", "nowhere.pem"),
            "--client-cert is 'nowhere.pem'; allowed: a PEM file, and its key in nowhere.pem",
        ),
    ],
)
def test_what_cannot_be_used_is_named(run: Run, arguments: tuple[str, ...], complaint: str) -> None:
    code, _, err = run(*arguments)
    assert code == 2
    assert complaint in err
    assert len(err.splitlines()) == 1


def test_check_says_who_is_not_there(run: Run) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        assert run("tls", "check", f"127.0.0.1:{port}") == (
            1,
            "",
            f"solarocpp: 127.0.0.1:{port} cannot be reached: Connection refused.\n",
        )


@pytest.mark.slow  # a server
def test_check_shows_what_a_charger_meets(run: Run, running_server: Serve, tmp_path: Path) -> None:
    run("tls", "init", "--name", "localhost")
    with running_server(tmp_path / "data", *TLS) as server:
        port = server.ocpp.rpartition(":")[2]
        code, out, err = run("tls", "check", f"localhost:{port}", "--ca", "data/tls/ca.pem")
        assert (code, err) == (0, "")
        assert out.startswith(f"wss://localhost:{port}  TLSv1.3, TLS_AES_256_GCM_SHA384 (TLS 1.2 too)\n  1. localhost ")
        assert "\n     names       localhost\n     issued by   solarocpp CA " in out
        assert re.search(r"\n     valid       \d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d, in 82\d days\n", out)
        assert "\nGOOD The certificate is for localhost.\nGOOD The chain holds, up to solarocpp CA " in out
        assert f"To get it for the charger: solarocpp tls check localhost:{port} --pem > ca.pem\n" in out

        code, out, _ = run("tls", "check", f"127.0.0.1:{port}")  # nor is this machine told to trust it
        assert code == 1
        assert "\nBAD  The certificate is not for 127.0.0.1, only for localhost: use one of these in the URL.\n" in out
        assert "\nBAD  The chain is not trusted here: the authority at its end is not among those" in out

        pem = run("tls", "check", f"127.0.0.1:{port}", "--pem")[1]
        assert pem == (tmp_path / "data/tls/ca.pem").read_text()


def wait_for(server: Any, event: str) -> None:
    """Waits until the server has logged an event."""
    deadline = time.monotonic() + 10
    while f'"event": "{event}"' not in server.log:
        assert time.monotonic() < deadline, server.log
        time.sleep(0.02)


def serial_at(port: int, ca: Path) -> str:
    """Which certificate a new connection is shown."""
    context = ssl.create_default_context(cafile=ca)
    with (
        socket.create_connection(("localhost", port), 5) as tcp,
        context.wrap_socket(tcp, server_hostname="localhost") as stream,
    ):
        return str(stream.getpeercert()["serialNumber"])  # type: ignore[index]


async def heartbeat(link: Any, unique_id: str) -> None:
    """A link is alive when it is answered on."""
    await link.send_message(json.dumps([2, unique_id, "Heartbeat", {}]))
    with trio.fail_after(5):
        assert json.loads(await link.get_message())[:2] == [3, unique_id]


@pytest.mark.slow  # a server, in real time
def test_a_hangup_swaps_the_certificate_under_a_link_that_is_open(
    run: Run, running_server: Serve, tmp_path: Path
) -> None:
    """Security profile 3 from end to end: no password anywhere, the certificate says who it is."""
    run("tls", "init", "--name", "localhost", "--charger", "CP001")
    run("charger", "add", "CP001", "--security-profile", "3")
    folder = tmp_path / "data/tls"
    trusts = ssl.create_default_context(cafile=folder / "ca.pem")
    trusts.load_cert_chain(folder / "chargers/CP001.pem", folder / "chargers/CP001.key")

    async def stay_connected(server: Any, port: int) -> None:
        async with dial_url(f"wss://localhost:{port}/ocpp/j/v16", "CP001", ssl_context=trusts)() as link:
            await heartbeat(link, "before")
            first = serial_at(port, folder / "ca.pem")
            await trio.to_thread.run_sync(run, "tls", "init", "--renew")
            server.process.send_signal(signal.SIGHUP)
            wait_for(server, "tls_reloaded")
            second = serial_at(port, folder / "ca.pem")
            assert second != first
            await heartbeat(link, "renewed")

            (folder / "server.key").write_text("half a ke")
            server.process.send_signal(signal.SIGHUP)
            wait_for(server, "tls_reload_failed")
            assert serial_at(port, folder / "ca.pem") == second
            await heartbeat(link, "still there")

    with running_server(tmp_path / "data", *TLS, "--client-ca", "data/tls/ca.pem") as server:
        trio.run(stay_connected, server, int(server.ocpp.rpartition(":")[2]))
    assert server.log.count('"event": "link_opened"') == 1


@pytest.mark.slow  # a server
def test_a_server_in_the_clear_warns_where_the_internet_may_reach_it(running_server: Serve, tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        assert "unprotected_listener" not in server.log
    with running_server(tmp_path / "data", ocpp="0.0.0.0:0") as server:
        wait_for(server, "unprotected_listener")
        server.process.send_signal(signal.SIGHUP)  # there is nothing to read again, nor a reason to end


@pytest.mark.slow  # a server and its chargers, in real time
def test_simulated_chargers_show_each_its_own_certificate(run: Run, running_server: Serve, tmp_path: Path) -> None:
    run("tls", "init", "--name", "localhost", "--charger", "CP001", "--charger", "CP002")
    for charger in ("CP001", "CP002"):
        run("charger", "add", charger)
    data = tmp_path / "data"
    with running_server(data, *TLS, "--client-ca", "data/tls/ca.pem", "--client-auth", "either") as server:
        port = server.ocpp.rpartition(":")[2]
        simulate = ("simulate", "--seconds", "0.5", "--ca", "data/tls/ca.pem")
        url = f"wss://localhost:{port}/ocpp/j/v16"
        code, out, err = run(*simulate, url, "--chargers", "2", "--client-cert", "data/tls/chargers")
        assert (code, err) == (0, "")
        assert "CP002 " in out

        code, _, err = run(*simulate, url, "--prefix", "CP01", "--client-cert", "data/tls/chargers/CP001.pem")
        assert code == 1
        assert "HTTP 4" in err  # CP01001 is not who the certificate says

        code, _, err = run(*simulate, f"wss://localhost:{port}/ocpp/j/v16u/depot/a%20wrong%20one")
        assert code == 1
        assert "/ocpp/j/v16u/depot/[redacted]/CP001 answered HTTP 401: " in err
        assert "wrong%20one" not in err
        assert "wrong%20one" not in server.log
        assert "wrong one" not in server.log
