"""One-time URLs on a real socket: what chargers send is there whole, or not at all."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import trio

from solarocpp.errors import RegistryError
from solarocpp.registry import Charger, NewCharger, Registry
from solarocpp.store import Store, open_store
from solarocpp.web.file_exchange import make_file_app
from solarocpp.web.serving import serve_asgi
from solarocpp.web.transferring import Firmware, Transferring

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Exchange(NamedTuple):
    """The listener as a charger meets it, and what is behind it."""

    http: httpx.AsyncClient
    address: str
    store: Store
    clock: Clock
    charger: Charger
    transferring: Transferring

    def files(self) -> list[str]:
        """Everything below `uploads`, half files included."""
        folder = self.store.directory / "uploads"
        return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@asynccontextmanager
async def exchanging(tmp_path: Path, **limits: int) -> AsyncIterator[Exchange]:
    store = open_store(tmp_path / "data", now=NOW)
    registry = Registry.load(store)
    clock = Clock()
    async with trio.open_nursery() as nursery:
        await nursery.start(store.run)
        charger = await registry.add_charger(NewCharger(identifier="CP001"), now=NOW)
        transferring = Transferring(store, clock, **limits)
        address = await nursery.start(serve_asgi, make_file_app(transferring), "127.0.0.1:0", "files")
        async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as http:
            yield Exchange(http, address, store, clock, charger, transferring)
        nursery.cancel_scope.cancel()
    store.close()


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    async with exchanging(tmp_path) as exchange:
        yield exchange


NO_LENGTHS = ["abc", "-5", "+5", "5, 6", "0x5", "1e3", "5 5", "\xb2", "9" * 30, "9" * 5000]


@pytest.mark.parametrize("length", NO_LENGTHS)
async def test_length_that_is_no_number_is_refused_before_anything_is_kept(exchange: Exchange, length: str) -> None:
    _, path = await exchange.transferring.offer_upload(exchange.charger, "diagnostics")
    host, _, port = exchange.address.rpartition(":")
    head = f"PUT {path}/diag.zip HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\nhello"
    with trio.fail_after(30):
        async with await trio.open_tcp_stream(host, int(port)) as stream:
            await stream.send_all(head.encode("latin-1"))
            assert (await stream.receive_some(4096)).startswith(b"HTTP/1.1 400 ")
    assert exchange.files() == []


@pytest.mark.parametrize("length", [*NO_LENGTHS, ""])
async def test_length_that_a_server_lets_through_is_refused_in_words(exchange: Exchange, length: str) -> None:
    """Hypercorn refuses these of HTTP/1.1 by itself; of HTTP/2, and behind another server, they get here."""
    _, path = await exchange.transferring.offer_upload(exchange.charger, "diagnostics")
    transport = httpx.ASGITransport(make_file_app(exchange.transferring))
    async with httpx.AsyncClient(base_url="http://box", transport=transport) as http:
        headers = {"content-length": length.encode("latin-1")}
        answer = await http.put(f"{path}/diag.zip", content=b"hello", headers=headers)
    assert answer.status_code == 400
    assert answer.text == (
        f"Content-Length {length[:40]!r} is no number of bytes. Send it as digits, or leave it out.\n"
    )
    assert exchange.files() == []


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_file_a_charger_sends_is_kept_and_counted(exchange: Exchange, method: str) -> None:
    row, path = await exchange.transferring.offer_upload(exchange.charger, "diagnostics")
    answer = await exchange.http.request(method, f"{path}/diag.zip", content=b"what went wrong")
    assert (answer.status_code, answer.text) == (201, "Thank you.\n")
    done = exchange.transferring.transfer(row.transfer_id)
    assert (done.state, done.bytes, done.size) == ("done", 15, 15)
    assert done.file == "uploads/CP001/20260301T120000Z-1-diag.zip"
    assert done.sha256 == hashlib.sha256(b"what went wrong").hexdigest()
    assert (exchange.store.directory / done.file).read_bytes() == b"what went wrong"
    assert exchange.files() == ["CP001/20260301T120000Z-1-diag.zip"]


async def test_form_a_charger_posts_is_read(exchange: Exchange) -> None:
    """Some send a form, as a browser does; the file in it is what counts."""
    _, path = await exchange.transferring.offer_upload(exchange.charger, "log")
    files = {"comment": (None, "hello"), "upload": ("a/b/../log 1.txt", b"line\r\n" * 20_000)}
    answer = await exchange.http.post(path, files=files)
    assert answer.status_code == 201
    assert exchange.files() == ["CP001/20260301T120000Z-1-log_1.txt"]
    assert (exchange.store.directory / "uploads" / exchange.files()[0]).read_bytes() == b"line\r\n" * 20_000


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("multipart/form-data; boundary=x", b"no form at all", "This is no multipart/form-data"),
        ("multipart/form-data", b"--x\r\n", "This is no multipart/form-data"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
            "There is no file in this form",
        ),
        ("application/octet-stream", b"", "The file is empty"),
    ],
)
async def test_what_is_no_file_is_said_so_and_may_be_sent_again(
    exchange: Exchange, content_type: str, body: bytes, text: str
) -> None:
    row, path = await exchange.transferring.offer_upload(exchange.charger, "log")
    answer = await exchange.http.post(path, content=body, headers={"content-type": content_type})
    assert answer.status_code == 400
    assert text in answer.text
    assert exchange.transferring.transfer(row.transfer_id).state == "waiting"
    assert exchange.files() == []
    assert (await exchange.http.put(path, content=b"at last")).status_code == 201


async def test_url_takes_one_file_and_the_same_once_more(exchange: Exchange) -> None:
    """A charger whose answer was lost sends it again; somebody else's file does not replace it."""
    _, path = await exchange.transferring.offer_upload(exchange.charger, "log")
    assert (await exchange.http.put(path, content=b"one")).status_code == 201
    assert (await exchange.http.put(path, content=b"one")).status_code == 201
    other = await exchange.http.put(path, content=b"two")
    assert (other.status_code, other.text) == (410, "Another file has come by this URL; it is good for one.\n")
    assert len(exchange.files()) == 1
    assert (exchange.store.directory / "uploads" / exchange.files()[0]).read_bytes() == b"one"


async def test_url_is_good_until_it_expires(exchange: Exchange) -> None:
    row, path = await exchange.transferring.offer_upload(exchange.charger, "log", timedelta(hours=1))
    exchange.clock.now = NOW + timedelta(hours=1)
    assert exchange.transferring.transfer(row.transfer_id).state == "expired"
    answer = await exchange.http.put(path, content=b"late")
    assert (answer.status_code, answer.text) == (410, "This file transfer is expired.\n")
    assert exchange.files() == []


async def test_cancelled_url_takes_nothing(exchange: Exchange) -> None:
    row, path = await exchange.transferring.offer_upload(exchange.charger, "log")
    await exchange.transferring.cancel(row.transfer_id, "the charger refused")
    assert (await exchange.http.put(path, content=b"x")).status_code == 410
    with pytest.raises(RegistryError, match="is cancelled already"):
        await exchange.transferring.cancel(row.transfer_id, "again")


@pytest.mark.parametrize("path", ["/", "/files", "/files/", "/files/no-such-secret", "/files/x/../../etc/passwd"])
async def test_nothing_else_is_to_be_found(exchange: Exchange, path: str) -> None:
    for method in ("GET", "PUT", "HEAD"):
        assert (await exchange.http.request(method, path)).status_code in {404, 405}


async def test_too_large_a_file_is_refused_before_and_while_it_comes(tmp_path: Path) -> None:
    async with exchanging(tmp_path, most=1_000_000) as exchange:
        row, path = await exchange.transferring.offer_upload(exchange.charger, "log")
        line = f"PUT {path} HTTP/1.1\r\nHost: x\r\n".encode()
        said = await answer_to(exchange, line + b"Content-Length: 1000001\r\n\r\n")
        head = line + b"Transfer-Encoding: chunked\r\n\r\n"
        unsaid = await answer_to(exchange, head + b"F4241\r\n" + b"x" * 1_000_001)
        for answer in (said, unsaid):
            assert answer.startswith(b"HTTP/1.1 413 ")
            assert answer.endswith(b"A file may have 1 MB.\n")
        assert exchange.files() == []
        assert exchange.transferring.transfer(row.transfer_id).state == "waiting"


async def answer_to(exchange: Exchange, request: bytes) -> bytes:
    """Sends what need not be a whole request, and reads until the server has said all it will."""
    host, _, port = exchange.address.rpartition(":")
    answer = b""
    async with await trio.open_tcp_stream(host, int(port)) as charger:
        await charger.send_all(request)
        while not answer.endswith(b"MB.\n"):
            answer += await charger.receive_some()
    return answer


async def test_only_so_many_move_at_once(tmp_path: Path) -> None:
    async with exchanging(tmp_path, at_once=0) as exchange:
        _, path = await exchange.transferring.offer_upload(exchange.charger, "log")
        answer = await exchange.http.put(path, content=b"x")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")


async def test_file_that_breaks_off_leaves_nothing_and_is_waited_for_again(exchange: Exchange) -> None:
    row, path = await exchange.transferring.offer_upload(exchange.charger, "log")
    host, _, port = exchange.address.rpartition(":")
    with socket.create_connection((host, int(port))) as charger:
        charger.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf".encode())
        while exchange.transferring.transfer(row.transfer_id).state != "moving":
            await exchange.transferring.wait_change()
    while exchange.transferring.transfer(row.transfer_id).state == "moving":
        await exchange.transferring.wait_change()
    assert exchange.transferring.transfer(row.transfer_id).state == "waiting"
    assert exchange.files() == []


def firmware(exchange: Exchange, content: bytes) -> Firmware:
    folder = exchange.store.directory / "uploads" / "firmware"
    folder.mkdir(parents=True)
    (folder / "v2.bin").write_bytes(content)
    return Firmware("v2.bin", len(content), hashlib.sha256(content).hexdigest())


async def test_charger_fetches_firmware_and_goes_on_where_it_broke_off(exchange: Exchange) -> None:
    content = bytes(range(256)) * 1000
    row, path = await exchange.transferring.offer_download(exchange.charger, firmware(exchange, content))
    assert path.endswith("/v2.bin")
    told = await exchange.http.head(path)
    assert (told.status_code, told.headers["content-length"]) == (200, "256000")
    part = await exchange.http.get(path, headers={"range": "bytes=0-99999"})
    assert (part.status_code, part.headers["content-range"]) == (206, "bytes 0-99999/256000")
    assert exchange.transferring.transfer(row.transfer_id).state == "moving"
    rest = await exchange.http.get(path, headers={"range": "bytes=100000-"})
    assert part.content + rest.content == content
    while exchange.transferring.transfer(row.transfer_id).state == "moving":  # noted after the last byte has left
        await exchange.transferring.wait_change()
    done = exchange.transferring.transfer(row.transfer_id)
    assert (done.state, done.bytes) == ("done", 256_000)
    whole = await exchange.http.get(path)
    assert (whole.status_code, whole.content) == (200, content)
    beyond = await exchange.http.get(path, headers={"range": "bytes=256000-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */256000")


async def test_charger_that_leaves_after_the_last_byte_has_the_file(exchange: Exchange) -> None:
    """Nothing comes after it, so chargers close; the file has gone all the same."""
    row, path = await exchange.transferring.offer_download(exchange.charger, firmware(exchange, b"x" * 1000))
    host, _, port = exchange.address.rpartition(":")
    async with await trio.open_tcp_stream(host, int(port)) as charger:
        await charger.send_all(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        got = b""
        while not got.endswith(b"x" * 1000):
            got += await charger.receive_some()
    with trio.fail_after(10):
        while exchange.transferring.transfer(row.transfer_id).state != "done":
            await exchange.transferring.wait_change()


async def test_urls_have_one_direction(exchange: Exchange) -> None:
    _, up = await exchange.transferring.offer_upload(exchange.charger, "log")
    _, down = await exchange.transferring.offer_download(exchange.charger, firmware(exchange, b"1"))
    assert (await exchange.http.get(up)).status_code == 405
    assert (await exchange.http.put(down, content=b"2")).status_code == 405


async def test_urls_outlive_the_server_and_stand_nowhere(exchange: Exchange) -> None:
    """A restart in the middle of a night's update must not cost it; and no file of ours tells a URL."""
    row, path = await exchange.transferring.offer_upload(exchange.charger, "log")
    later = Transferring(exchange.store, exchange.clock)
    async with later.arriving(path.removeprefix("/files/"), "a", None) as arrival:
        await arrival.write(b"content")
        await arrival.finish()
    assert later.transfer(row.transfer_id).state == "done"
    stored = await exchange.store.read(lambda con: con.execute('FROM "fileTransfer"').fetchall())
    events = await exchange.store.read(lambda con: con.execute("SELECT name, message FROM event").fetchall())
    assert ("file_transfer_ended", "log: 7 bytes") in events
    secret = path.removeprefix("/files/")
    assert secret not in repr(stored) + repr(events)
    assert secret.encode() not in (exchange.store.directory / "secrets.duckdb").read_bytes()


async def test_forgotten_transfer_takes_its_file_along(exchange: Exchange) -> None:
    row, path = await exchange.transferring.offer_upload(exchange.charger, "log")
    await exchange.http.put(path, content=b"x")
    await exchange.transferring.forget(row.transfer_id)
    assert exchange.files() == []
    assert Transferring(exchange.store, exchange.clock).transfers() == []
    assert (await exchange.http.put(path, content=b"x")).status_code == 404
