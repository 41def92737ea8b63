"""A charger is told another key over TLS, and the server is killed before the charger has come with it: both open."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from servers import USERNAME, Server, prepare, serve
from trio_websocket import WebSocketConnection, open_websocket_url

pytestmark = pytest.mark.slow  # starts servers

PATH = "/ocpp/j/v16/CP0000"
PATIENCE_S = 60.0


class Site:
    """A server over TLS, and the charger that trusts its authority."""

    def __init__(self, data: Path, password: str) -> None:
        self.data = data
        self.password = password
        self.context = ssl.create_default_context(cafile=data / "tls/ca.pem")
        self.address = ""
        self.web = ""

    async def start(self) -> Server:
        """Starts the server, for the first time or again."""
        tls = ("--tls-cert", str(self.data / "tls/server.pem"), "--tls-key", str(self.data / "tls/server.key"))
        server = serve(self.data, *tls)
        self.address = await trio.to_thread.run_sync(server.wait_ready)
        self.web = (server.addresses() or {})["web"]
        return server

    async def api(self, method: str, *path: str, **body: Any) -> dict[str, Any]:
        """Asks the server's own API."""
        headers = {"Authorization": f"Bearer {(self.data / 'admin.token').read_text().strip()}"}
        async with httpx.AsyncClient(base_url=f"http://{self.web}", headers=headers, trust_env=False) as http:
            answer = await http.request(method, "/".join(("/api", *path)), json=body or None, timeout=PATIENCE_S)
        assert answer.is_success, answer.text
        said: dict[str, Any] = answer.json()
        return said

    async def is_let_in(self, key: str) -> bool:
        """Dials as a charger does that shows this, and hangs up."""
        host, _, port = self.address.rpartition(":")
        head = (
            f"GET {PATH} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Sec-WebSocket-Protocol: ocpp1.6\r\nAuthorization: {self._basic(key)}\r\n\r\n"
        )
        with trio.fail_after(PATIENCE_S):
            tcp = await trio.open_tcp_stream(host, int(port))
            async with trio.SSLStream(tcp, self.context, server_hostname=host, https_compatible=True) as stream:
                await stream.send_all(head.encode())
                status = int((await stream.receive_some(4096)).split()[1])
        assert status in {101, 401}
        return status == 101

    async def hear_key(self, *, answered: bool) -> str:
        """Connects and boots as the charger, and gives the key that it is told."""
        headers = [(b"Authorization", self._basic(self.password).encode())]
        url = f"wss://{self.address}{PATH}"
        with trio.fail_after(PATIENCE_S):
            async with open_websocket_url(
                url, ssl_context=self.context, subprotocols=["ocpp1.6"], extra_headers=headers
            ) as link:
                boot = {"chargePointVendor": "Crash", "chargePointModel": "Test"}
                await link.send_message(json.dumps([2, "boot", "BootNotification", boot]))
                unique_id, key = await _told_key(link)
                if answered:
                    await link.send_message(json.dumps([3, unique_id, {"status": "Accepted"}]))
                    while (await self.api("GET", "charger-keys", "CP0000"))["state"] != "accepted":
                        pass
                return key

    def _basic(self, key: str) -> str:
        return f"Basic {base64.b64encode(f'{USERNAME}:{key}'.encode()).decode()}"


async def _told_key(link: WebSocketConnection) -> tuple[str, str]:
    while True:
        kind, unique_id, *rest = json.loads(await link.get_message())
        if kind != 2:
            continue
        action, payload = rest
        if action == "ChangeConfiguration":
            assert payload["key"] == "AuthorizationKey"
            return unique_id, payload["value"]
        await link.send_message(json.dumps([3, unique_id, {}]))  # it is asked for its connectors, too


@pytest.mark.parametrize("answered", [True, False])
async def test_both_keys_open_after_a_kill_between_them(
    tmp_path: Path, solarocpp_cli: Callable[..., Any], *, answered: bool
) -> None:
    """Nobody knows which of the two the charger comes with, so neither may be lost."""
    data = tmp_path / "data"
    password = await prepare(data, 1, 0)
    solarocpp_cli(data, "tls", "init", "--name", "127.0.0.1")
    site = Site(data, password)
    server = await site.start()
    try:
        ordered = await site.api("POST", "charger-keys", charger="CP0000", wait=0)
        assert ordered["state"] == "waiting"
        key = await site.hear_key(answered=answered)
    finally:
        server.kill()
    server = await site.start()
    try:
        assert await site.is_let_in(password)
        assert await site.is_let_in(key)
        assert not await site.is_let_in(password)
        assert await site.is_let_in(key)
        assert (await site.api("GET", "charger-keys", "CP0000"))["state"] == "own"
    finally:
        server.kill()
