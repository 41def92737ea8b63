"""Promise 5: no secret gets out. A server is shown secrets at every place where chargers, people and programs put them,
right and wrong ones, and then everything it has written is searched for each of them, in every spelling.

What may hold a secret is named in `KEEPERS`, and nothing else may.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import duckdb
import httpx
import pytest
import trustme

if TYPE_CHECKING:
    from conftest import Cli, RunningServer, Serve

pytestmark = pytest.mark.slow  # two servers, and a dozen commands

KEEPERS = {"admin.token": "the token of the local command line, mode 0600"}
"""Files that hold a secret on purpose; hashes in secrets.duckdb are none."""

# Words that stand nowhere else, so that a find is a leak.
CHOSEN = "correct-Horse/9%battery"
HEX_KEY = "0123456789ABCDEF0123456789abcdef"
WRONG = "wr0ng:but-somebody's"
IN_PATH = "path-pa55/word"
UNDER_V16 = "pasted-under-v16"
AT_WRONG_PLACE = "misplaced-pa55word"
IN_QUERY = "query-pa55word"
IN_AUTHORITY = "authority-pa55word"
OUTSIDE = "outside-pa55word"
NO_COLON = "nocolon-pa55word"
AS_BEARER = "bearer-pa55word"
IN_BAD_JSON = "badjson-pa55word"
IN_SQL = "sql-pa55word"

MISPLACED = (
    f"/ocpp/j/v16/chosen:{AT_WRONG_PLACE}",
    f"/ocpp/j/v16/chosen%3A{AT_WRONG_PLACE}%40CP001",
    f"/ocpp/j/v16/chosen%2F{AT_WRONG_PLACE}",
    f"/ocpp/j/v16h/chosen/{AT_WRONG_PLACE}",
    f"/ocpp/j/v16u/{AT_WRONG_PLACE}/chosen/CP001",
    f"/ocpp/j/v16u/chosen/CP001/{AT_WRONG_PLACE}",
    f"/ocpp/j/v16hu/chosen/{AT_WRONG_PLACE}/CP001/CP001",
)
"""As people write them: parts at each other's places, and all of them where one belongs."""


def spellings(secret: str) -> Iterator[bytes]:
    """A secret as it is, percent-encoded, as hex, inside of base64 at each of its three places, and as JSON text."""
    raw = secret.encode()
    yield raw
    yield quote(secret, safe="").encode()
    yield raw.hex().encode()
    yield json.dumps(secret)[1:-1].encode()
    for before in range(3):
        # The characters of base64 that only this secret decides.
        encoded = base64.b64encode(b"x" * before + raw)
        yield encoded[(before * 8 + 5) // 6 : len(encoded) - 4]


def ask_door(server: RunningServer, target: str, *, authorization: str | None = None, ca: trustme.CA | None) -> bytes:
    """Sends one handshake, and returns the answer."""
    host, _, port = server.ocpp.rpartition(":")
    lines = [f"GET {target} HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade"]
    lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"]
    lines += ["Sec-WebSocket-Protocol: ocpp1.6", *([f"Authorization: {authorization}"] if authorization else [])]
    with contextlib.ExitStack() as closing:
        stream: socket.socket = closing.enter_context(socket.create_connection((host, int(port)), timeout=20))
        if ca is not None:
            context = ssl.create_default_context()
            ca.configure_trust(context)
            stream = closing.enter_context(context.wrap_socket(stream, server_hostname="127.0.0.1"))
        stream.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = stream.recv(65536)
        if answer.startswith(b"HTTP/1.1 101"):
            stream.sendall(b"\x81\x85\0\0\0\0hello")  # what is no message, so that it is recorded
            answer += stream.recv(65536)
        return answer


def basic(username: str, password: str | bytes) -> str:
    raw = password if isinstance(password, bytes) else password.encode()
    return "Basic " + base64.b64encode(username.encode() + b":" + raw).decode()


def knock(server: RunningServer, right: str, ca: trustme.CA | None) -> bytes:
    """Shows right and wrong passwords at every place a charger can put one; returns all answers."""
    encoded = quote(CHOSEN, safe="")
    right_ones = [
        ("/ocpp/j/v16/CP001", basic("chosen", CHOSEN)),
        ("/ocpp/j/v16/CP001", basic("keyed", bytes.fromhex(HEX_KEY))),
        ("/ocpp/j/v16/CP001", basic("keyed", HEX_KEY.lower())),
        ("/ocpp/j/v16/CP001", basic("made", right)),
        (f"/ocpp/j/v16u/chosen/{encoded}/CP001", None),
        (f"ws://chosen:{IN_AUTHORITY}@host/ocpp/j/v16u/chosen/{encoded}/CP001?password={IN_QUERY}", None),
    ]
    wrong_ones = [
        ("/ocpp/j/v16/CP001", basic("chosen", WRONG)),
        ("/ocpp/j/v16/CP001", basic("nobody", WRONG)),
        ("/ocpp/j/v16/CP999", basic("chosen", CHOSEN)),
        (f"/ocpp/j/v16u/chosen/{quote(IN_PATH, safe='')}/CP001", None),
        (f"/ocpp/j/v16hu/nobodyshid/chosen/{quote(IN_PATH, safe='')}/CP001", None),
        (f"/ocpp/j/v16/chosen/{UNDER_V16}/CP001", basic("chosen", CHOSEN)),
        (f"/ocpp/j/v16/chosen/{UNDER_V16}/CP001", None),
        (f"/ocpp/j/v16h/nobodyshid/chosen/{UNDER_V16}/CP001", None),
        *((target, basic("chosen", CHOSEN)) for target in MISPLACED),
        *((target, None) for target in MISPLACED),
        (f"/ocpp/j/v16h/{AT_WRONG_PLACE}/CP001", None),
        (f"/steve/websocket/chosen/{OUTSIDE}/CP001", None),
        (f"/ocpp/j/v16/CP001?password={IN_QUERY}", None),
        ("/ocpp/j/v16/CP001", "Basic " + base64.b64encode(NO_COLON.encode()).decode()),
        ("/ocpp/j/v16/CP001", f"Basic {NO_COLON}"),
        ("/ocpp/j/v16/CP001", f"Bearer {AS_BEARER}"),
        (f"/ocpp/j/v16u/chosen/{IN_PATH}%zz/CP001", None),
    ]
    answers = b""
    for target, authorization in right_ones:
        answer = ask_door(server, target, authorization=authorization, ca=ca)
        assert answer.startswith(b"HTTP/1.1 101"), (target, answer)
        answers += answer
    for target, authorization in wrong_ones:
        answer = ask_door(server, target, authorization=authorization, ca=ca)
        assert not answer.startswith(b"HTTP/1.1 101"), target
        answers += answer
    return answers


def ask_api(server: RunningServer, token: str) -> bytes:
    """Shows tokens and passwords to the API, right and wrong; returns all answers."""
    with httpx.Client(base_url=f"http://{server.web}", trust_env=False) as http:
        answers = [
            http.get("/api/chargers", headers={"Authorization": f"Bearer {AS_BEARER}"}),
            http.get(f"/api/chargers?token={AS_BEARER}"),
        ]
        http.headers["Authorization"] = f"Bearer {token}"
        answers += [
            http.get("/api/credentials"),
            http.get("/api/tokens"),
            http.get("/api/events?limit=1000"),
            http.get("/api/links"),
            http.get("/api/settings"),
            http.get("/schema"),
            http.post("/api/credentials", json={"username": "chosen", "password": CHOSEN}),
            http.post("/api/credentials", json={"username": "a:b", "password": CHOSEN}),
            http.post("/api/credentials", json={"username": "odd", "password": [IN_BAD_JSON]}),
            http.post("/api/credentials", json={"username": "odd", "pasword": IN_BAD_JSON}),
            http.post("/api/credentials", content='{"username": "odd", "password": "' + IN_BAD_JSON),
            http.patch("/api/credentials/nobody", json={"password": IN_BAD_JSON}),
            http.patch("/api/credentials/chosen", json={"password": IN_BAD_JSON * 100}),
            http.get("/api/status"),
            http.get("/api/check"),
        ]
    return b"".join(str(answer.headers).encode() + answer.content for answer in answers)


def written(data: Path, log: str) -> Iterator[tuple[str, bytes]]:
    """Everything the server has written: its log, its files byte by byte, and every table as text."""
    yield "the log", log.encode()
    for path in sorted(data.rglob("*")):
        if path.is_file() and path.name not in KEEPERS:
            yield str(path.relative_to(data)), path.read_bytes()
    for name in ("solarocpp.duckdb", "secrets.duckdb"):
        with duckdb.connect(str(data / name), read_only=True) as con:
            tables = [row[0] for row in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
            assert tables
            for table in tables:
                rows = con.execute(f'SELECT to_json(t)::VARCHAR FROM "{table}" AS t').fetchall()
                yield f"table {table} of {name}", "\n".join(row[0] for row in rows).encode()


@pytest.mark.parametrize("tls", [False, True])
def test_no_secret_is_written_anywhere(tmp_path: Path, solarocpp_cli: Cli, running_server: Serve, *, tls: bool) -> None:
    data = tmp_path / "data"
    solarocpp_cli(data, "charger", "add", "CP001")
    solarocpp_cli(data, "credential", "add", "chosen", "--password-stdin", stdin=CHOSEN + "\n")
    solarocpp_cli(data, "credential", "add", "keyed", "--password-stdin", stdin=HEX_KEY + "\n")
    made = solarocpp_cli(data, "credential", "add", "made").stdout.strip()
    rotated = solarocpp_cli(data, "credential", "rotate", "made").stdout.strip()
    token = solarocpp_cli(data, "token", "add", "dashboard").stdout.strip()
    box_token = solarocpp_cli(data, "token", "add", "box", "--whole-box").stdout.strip()

    ca, options = None, ["--log-level", "debug"]
    if tls:
        ca = trustme.CA()
        certificate = ca.issue_cert("127.0.0.1")
        certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
        certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
        options += ["--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem")]
    with running_server(data, *options) as server:
        answers = knock(server, rotated, ca)
        answers += ask_api(server, token) + ask_api(server, box_token)
        admin_token = server.token
        answers += ask_api(server, admin_token)
        for command in (
            ["credential", "list"],
            ["token", "list"],
            ["events"],
            ["links"],
            ["check"],
            ["settings", "show"],
        ):
            answers += solarocpp_cli(data, *command).stdout.encode()
        refused = solarocpp_cli(data, "sql", f"SELEC '{IN_SQL}'", exits=1)
        assert IN_SQL in refused.stderr  # who asked is shown the question again; nothing else has it

    secrets = [CHOSEN, HEX_KEY, WRONG, IN_PATH, UNDER_V16, IN_QUERY, IN_AUTHORITY, OUTSIDE, NO_COLON, AS_BEARER]
    secrets += [
        AT_WRONG_PLACE,
        IN_BAD_JSON,
        IN_SQL,
        made,
        rotated,
        token,
        box_token,
        admin_token,
        token.rpartition(".")[2],
    ]
    if tls:
        secrets.append((tmp_path / "key.pem").read_text().splitlines()[1])
    places = [*written(data, server.log), ("an answer", answers)]
    assert "event" in " ".join(name for name, _ in places)
    leaks = [
        (secret, name, content[max(0, content.find(spelling) - 80) : content.find(spelling) + 80])
        for secret in secrets
        for spelling in spellings(secret)
        for name, content in places
        if spelling in content
    ]
    assert leaks == []


def test_the_search_finds_what_is_there() -> None:
    """A search that finds nothing proves nothing until it has found something."""
    for before in (b"", b"u:", b"user:"):
        hidden = base64.b64encode(before + WRONG.encode() + b"!")
        assert any(spelling in hidden for spelling in spellings(WRONG)), before
    assert any(spelling in b"/ocpp/" + quote(IN_PATH, safe="").encode() for spelling in spellings(IN_PATH))
