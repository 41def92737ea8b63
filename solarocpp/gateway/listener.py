"""Binds, accepts, speaks TLS, reads the request head (bounded in bytes and time), and lets a link run.

Only an admitted handshake ever reaches the WebSocket library. Everything else is answered here with
an HTTP status and a body that says why, and recorded as an event, so that "it does not connect" can
be looked up afterwards (Q11). Port scanners and floods are kept from filling the store: past
`RECORDED_A_MINUTE`, refusals are answered but only counted.
"""

from __future__ import annotations

import ssl
from collections import Counter
from functools import partial

import structlog
import trio

from solarocpp.config import Config
from solarocpp.errors import ConfigError
from solarocpp.gateway.connection import Link
from solarocpp.gateway.handshake import (
    MAX_HEAD_BYTES,
    Admitted,
    Claim,
    Refused,
    RequestHead,
    judge_claim,
    read_claim,
    read_head,
    refusal_response,
)
from solarocpp.gateway.peers import Peer
from solarocpp.gateway.services import Services
from solarocpp.registry import ChargerChanged, CredentialChanged
from solarocpp.store.effects import EventHappened

RECORDED_A_MINUTE = 60
"""A site of a few hundred chargers that are all set up wrong still shows every one within minutes."""
ACCEPT_BACKLOG = 1024
"""A depot after a power cut dials in within a second."""
_TLS_RECORD = b"\x16\x03"

log = structlog.get_logger()


class Gateway:
    """Accepts chargers on one address."""

    def __init__(self, services: Services) -> None:
        self._services = services
        services.registry.watch(self._heed_change)
        self._tls = tls_context(services.config)
        self._recorded_since = 0.0
        self._recorded = 0
        self.refusals: Counter[int] = Counter()
        """Refused handshakes by HTTP status."""

    async def serve(
        self,
        links: trio.Nursery,
        *,
        task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Accepts until cancelled; links live in `links`, so that they outlast the listener (graceful stop).

        Reports the bound address through `task_status`.

        Raises:
            ConfigError: the address cannot be bound.
        """
        address = self._services.config.ocpp_address
        try:
            listeners = await trio.open_tcp_listeners(address.port, host=address.host, backlog=ACCEPT_BACKLOG)
        except OSError as exc:
            raise ConfigError("ocpp", str(address), f"a free address of this machine ({exc.strerror})") from exc
        port = listeners[0].socket.getsockname()[1]
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(trio.serve_listeners, self._handle, listeners, handler_nursery=links))
            task_status.started(str(address._replace(port=port)))

    async def _handle(self, tcp: trio.SocketStream) -> None:
        peer = "unknown"
        stream: trio.abc.Stream = tcp
        try:
            async with tcp:
                name = tcp.socket.getpeername()  # raises where the peer has reset the connection already
                origin = Peer(host=name[0], port=name[1])
                peer = str(origin)
                verdict: Admitted | Refused | None = None
                with trio.move_on_after(self._services.config.handshake_deadline_s) as patience:
                    if self._tls is not None:
                        stream = trio.SSLStream(tcp, self._tls, server_side=True, https_compatible=True)
                    claim = await self._read_claim(stream, peer)
                if patience.cancelled_caught or claim is None:
                    return
                verdict = await self._judge(claim) if isinstance(claim, Claim) else claim
                if isinstance(verdict, Refused):
                    await self._refuse(stream, verdict, peer)
                else:
                    await Link(self._services, verdict, stream, origin).run()
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError):
            return  # the peer left during the handshake: a port probe, or a charger that lost its network
        except Exception:
            # Catch point 1 of 4 reaches here too: a defect in judging ends this connection only.
            log.exception("link_failed", peer=peer)

    async def _read_claim(self, stream: trio.abc.Stream, peer: str) -> Claim | Refused | None:
        """Reads and judges the head; None: nothing that could be answered came."""
        raw = b""
        while b"\r\n\r\n" not in raw and b"\n\n" not in raw:
            try:
                data = await stream.receive_some(4096)
            except trio.BrokenResourceError as exc:
                if isinstance(exc.__cause__, ssl.SSLError):
                    self._refuse_tls(peer, str(exc.__cause__))
                return None
            raw += data
            if raw[:2] == _TLS_RECORD:
                self._refuse_bytes(peer, raw, "a TLS handshake on a plain port: use ws://, or start with --tls-cert")
                return None
            if not data:
                if raw:
                    self._refuse_bytes(peer, raw, "it ended within the request head")
                return None
            if not raw[:1].isalpha():
                self._refuse_bytes(peer, raw, "no HTTP")
                return None
            if len(raw) > MAX_HEAD_BYTES:
                return Refused(400, f"The request head is longer than {MAX_HEAD_BYTES} bytes.")
        head = read_head(raw.partition(b"\r\n\r\n")[0].partition(b"\n\n")[0])
        if isinstance(head, RequestHead):
            return read_claim(head, strict_subprotocol=self._services.config.strict_subprotocol)
        return head

    async def _judge(self, claim: Claim) -> Admitted | Refused:
        registry, roster = self._services.registry, self._services.roster
        credential = registry.credential(claim.username)
        if credential is not None and not await registry.verify(credential, claim.password):
            credential = None
        verdict = judge_claim(claim, credential, registry)
        if isinstance(verdict, Admitted) and len(roster) >= self._services.config.max_links:
            return Refused(503, f"This server takes {self._services.config.max_links} chargers.", "See max_links.")
        return verdict

    def _heed_change(self, change: ChargerChanged | CredentialChanged) -> None:
        """Ends the links that a change of the registry concerns, at once (Q15)."""
        if isinstance(change, CredentialChanged):
            for link in self._services.roster:
                if link.credential_id == change.credential_id:
                    link.close(1008, "its credential was changed")
            return
        for link in self._services.roster:
            if link.charger_id == change.charger_id:
                link.heed_change()

    async def _refuse(self, stream: trio.abc.Stream, refused: Refused, peer: str) -> None:
        self.refusals[refused.status] += 1
        self._record(
            "handshake_refused",
            refused.identifier,
            refused.reason,
            {"peer": peer, "status": refused.status, "reason": refused.reason, "hint": refused.hint},
        )
        with trio.move_on_after(self._services.config.send_deadline_s):
            await stream.send_all(refusal_response(refused))
            if isinstance(stream, trio.SocketStream):
                await stream.send_eof()
            # Read what is under way: closing on unread bytes resets the connection and loses our answer.
            while await stream.receive_some(4096):
                pass

    def _refuse_tls(self, peer: str, reason: str) -> None:
        self._record("tls_refused", None, reason, {"peer": peer, "reason": reason})

    def _refuse_bytes(self, peer: str, raw: bytes, what: str) -> None:
        self._record("bytes_refused", None, what, {"peer": peer, "first_bytes": raw[:32].hex(), "what": what})

    def _record(
        self, name: str, identifier: str | None, message: str, data: dict[str, str | int | float | bool | None]
    ) -> None:
        now = trio.current_time()
        if now - self._recorded_since >= 60:
            self._recorded_since, self._recorded = now, 0
        self._recorded += 1
        if self._recorded > RECORDED_A_MINUTE:
            return
        log.warning(name, identifier=identifier, **data)
        happened = EventHappened(
            created=self._services.clock(), name=name, identifier=identifier, message=message, data=data
        )
        self._services.store.record(None, (happened,))


def tls_context(config: Config) -> ssl.SSLContext | None:
    """Makes the server's TLS context from the configured files; None: plain.

    Raises:
        ConfigError: the files are no certificate and key that belong together.
    """
    if config.tls_cert is None or config.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # the security whitepaper's floor
    try:
        context.load_cert_chain(config.tls_cert, config.tls_key)
        if config.client_ca is not None:
            context.load_verify_locations(config.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (ssl.SSLError, OSError) as exc:
        raise ConfigError("tls_cert", str(config.tls_cert), f"a PEM chain with its key in tls_key ({exc})") from exc
    return context
