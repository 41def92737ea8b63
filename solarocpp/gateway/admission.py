"""Admits chargers: who is behind the connection, what they claim, whether the password is right, whether there is room.

    Arrival --proxies--> Peer --handshake--> Claim --throttle, registry--> Credential --handshake--> Admitted
                                                                                        +--> a Link runs

Only an admitted handshake ever reaches the WebSocket library. Everything else is answered here with an HTTP
status and a body that says why, and noted in the door book, so that "it does not connect" can be looked up
afterwards (Q11).
"""

from __future__ import annotations

from collections import Counter
from shlex import quote
from typing import Final
from weakref import WeakValueDictionary

import msgspec
import structlog
import trio

from solarocpp.errors import RegistryError, StoreError
from solarocpp.gateway.connection import Link
from solarocpp.gateway.door import PAGE_S, DoorBook
from solarocpp.gateway.handshake import (
    Admitted,
    Claim,
    describe,
    find_credential,
    header_names,
    judge_claim,
    read_claim,
    rules_of,
)
from solarocpp.gateway.listener import Listener
from solarocpp.gateway.opening import Arrival
from solarocpp.gateway.pace import Pace
from solarocpp.gateway.peers import Peer, PeerCertificate
from solarocpp.gateway.proxies import TrustedProxies, passed_certificate, read_forwarding
from solarocpp.gateway.refusals import Refused, refusal_response, refused
from solarocpp.gateway.request_head import RequestHead
from solarocpp.gateway.room import Room
from solarocpp.gateway.services import Services
from solarocpp.gateway.throttle import MOST_WAITING, Throttle, TooMany, Who, address_key
from solarocpp.gateway.tls import TlsKeeper
from solarocpp.gateway.url_profiles import HIDDEN
from solarocpp.registry import Charger, ChargerChanged, ChargerKey, Credential, CredentialChanged
from solarocpp.store.effects import EventHappened

ANSWER_DEADLINE_S: Final = 2.0
"""How long a refused peer may take to read why, and to hang up."""
TLS_LINGER_S: Final = 0.2
"""The same, over TLS: for what is still under way from there."""
CHECKS_A_LINE: Final = 4
"""Passwords from one address that are checked at once: a burst must not be through before its first failure counts."""

PASSWORD_WAS_RIGHT: Final = frozenset({"unknown_charger", "too_many_unknown", "not_stored"})
"""Refusals that nobody meets who has no right credentials: what the path says stands where it belongs."""

log = structlog.get_logger()


class Gateway:
    """Accepts chargers on one address.

    Raises:
        ConfigError: certificates, proxies or leniences in the configuration cannot be used.
    """

    def __init__(self, services: Services, *, pace: Pace | None = None) -> None:
        config = services.config
        self._services = services
        self._rules = rules_of(config)
        self._trusted = TrustedProxies(config.trusted_proxies)
        self._throttle = Throttle(config)
        self._tls = TlsKeeper(config)
        self._book = DoorBook(self._record, services.clock)
        self._listener = Listener(config, self._tls, self._book, self._receive, pace)
        self._links: set[Link] = set()  # those that still shake hands, too
        self._room = Room(config)
        self._checks_of: WeakValueDictionary[str, trio.CapacityLimiter] = WeakValueDictionary()  # by line
        services.registry.watch(self._heed_change)

    @property
    def refusals(self) -> Counter[str]:
        """Connections that were not let in, by the kind of refusal."""
        return self._book.counts

    def reload_tls(self) -> bool:
        """Reads the certificates again; tells whether they could be used. Links stay as they are."""
        return self._tls.reload()

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
        async with trio.open_nursery() as nursery:
            address = await nursery.start(self._listener.serve, links)
            nursery.start_soon(self._book.keep)
            nursery.start_soon(self._tell_of_flapping)
            nursery.start_soon(self._tls.watch)
            task_status.started(address)

    # -- one connection --------------------------------------------------------------------------------------

    async def _receive(self, arrival: Arrival) -> None:
        peer, verdict = await self._judge(arrival)
        stream, early = arrival.stream, arrival.early
        if isinstance(verdict, Refused):
            self._note(verdict, peer, arrival.head)
            await _answer(stream, verdict)
            return
        link = Link(self._services, verdict, stream, peer, early)
        charger_id = link.charger_id
        del arrival, verdict, early, stream  # what follows may last for months
        self._links.add(link)
        self._room.enter(charger_id, peer.host)
        try:
            await link.run()
        finally:
            self._links.discard(link)
            self._room.leave(charger_id, peer.host)

    async def _judge(self, arrival: Arrival) -> tuple[Peer, Admitted | Refused]:
        peer, head = arrival.peer, arrival.head
        if arrival.refusal is not None or head is None:
            return peer, arrival.refusal or refused("not_http")
        found = self._who_is_behind(peer, head)
        if isinstance(found, Refused):
            return peer, found
        claim = read_claim(head, self._rules, self._services.registry)
        return found, claim if isinstance(claim, Refused) else await self._judge_claim(claim, found)

    def _who_is_behind(self, peer: Peer, head: RequestHead) -> Peer | Refused:
        behind = read_forwarding(peer, head, self._trusted)
        name = self._services.config.client_cert_header
        if isinstance(behind, Refused) or not name or not self._trusted.trusts(peer.host):
            return behind
        value = passed_certificate(head, name)
        if not value:
            return behind
        shown = value if isinstance(value, Refused) else self._read_passed_certificate(name, value)
        return shown if isinstance(shown, Refused) else msgspec.structs.replace(behind, certificate=shown)

    def _read_passed_certificate(self, name: str, value: str) -> PeerCertificate | Refused:
        """Reads what a proxy passed on; it has verified it, and with a CA of our own we look again."""
        from solarocpp.certificates import fault_of, read_passed_certificate  # slow to import

        found = read_passed_certificate(value)
        if found is None:
            return refused("bad_certificate_header", header=name)
        if self._tls.client_authorities:
            fault = fault_of(found, self._tls.client_authorities, now=self._services.clock())
            if fault is not None:
                return refused("bad_certificate", fault=fault)
        return PeerCertificate(found.names, found.serial, found.not_after, found.organization)

    async def _judge_claim(self, claim: Claim, peer: Peer) -> Admitted | Refused:
        registry = self._services.registry
        credential, claim = find_credential(claim, registry)
        if claim.username is not None:
            who = claim.username.casefold(), "" if credential is None else credential.hash
            verified = await self._verify(who, claim, credential, peer)
            if isinstance(verified, Refused):
                return verified
            # As it is by now: what it allows may have been changed during the check.
            credential = registry.credential(credential.username) if credential and verified else None
        verdict = judge_claim(claim, credential, peer, registry, self._rules)
        if isinstance(verdict, Refused) and verdict.kind == "unknown_charger" and credential is not None:
            if claim.shown == HIDDEN:
                return verdict  # it may hold a password, and those do not become names
            problem = await self._meet(claim.identifier, credential, verdict, peer)
            verdict = problem or judge_claim(claim, credential, peer, registry, self._rules)
        if isinstance(verdict, Refused):
            return verdict
        # What was needed to get in is not kept: nobody asks for it again.
        admitted = msgspec.structs.replace(verdict, claim=msgspec.structs.replace(verdict.claim, password=b""))
        full = self._room.refusal(admitted.charger.charger_id, peer.host)
        if full is not None:
            return full
        new = None if credential is None else registry.new_key_of(admitted.charger, credential, claim.password)
        if new is not None:
            await self._adopt_key(admitted.charger, new)
        return admitted

    async def _adopt_key(self, charger: Charger, new: ChargerKey) -> None:
        """Ends the rotation of a key: whoever comes with the new one needs the old one no more."""
        now = self._services.clock()
        try:
            key = await self._services.registry.adopt_key(new, now=now)
        except StoreError as exc:  # both stay right, and its next link is another occasion
            log.warning("charger_key_not_stored", identifier=charger.identifier, reason=str(exc))
            return
        if key is not None:
            text = f"{charger.identifier} has come with its new key; the one before is refused from now on"
            data: dict[str, str | int | float | bool | None] = {"cp": charger.identifier, "by": key.requested_by}
            self._record(EventHappened(now, "charger_key_adopted", charger.identifier, text, data, charger.account_id))

    async def _verify(self, who: Who, claim: Claim, credential: Credential | None, peer: Peer) -> bool | Refused:
        """Checks a password; what is known to be right never waits, whatever its neighbours do."""
        registry, line = self._services.registry, address_key(peer.host)
        if registry.recall(credential, claim.password, claim.identifier):
            return True
        checks = self._checks_of.setdefault(line, trio.CapacityLimiter(CHECKS_A_LINE))
        waited = False
        while True:
            if checks.statistics().tasks_waiting >= MOST_WAITING and self._throttle.slows(
                peer.host, trio.current_time()
            ):
                return _throttled(peer, 1)  # until then the line is shorter
            async with checks:
                if registry.recall(credential, claim.password, claim.identifier):  # whoever was before us had the same
                    return True
                turn = self._throttle.judge(peer.host, who, trio.current_time(), waited=waited)
                if isinstance(turn, TooMany):
                    return _throttled(peer, turn.seconds)
                if not turn.seconds:
                    return await self._check(who, claim, credential, peer)
            await trio.sleep(turn.seconds)
            waited = True

    async def _check(self, who: Who, claim: Claim, credential: Credential | None, peer: Peer) -> bool:
        right = await self._services.registry.verify(credential, claim.password, claim.identifier)
        if not right:
            self._throttle.note_failure(peer.host, who, trio.current_time())
        return right

    async def _meet(self, identifier: str, credential: Credential, unknown: Refused, peer: Peer) -> Refused | None:
        """Makes a charger of one that nobody registered, where its account lets it in; else says why not."""
        if not credential.allows(identifier):
            return unknown
        if full := self._room.refusal(None, peer.host):
            return full  # before it is made: a server that has no room must not fill its table
        try:
            await self._services.registry.meet_charger(identifier, credential.account_id, now=self._services.clock())
        except RegistryError as exc:
            too_many = exc.status == 409
            return refused("too_many_unknown", reason=str(exc), quoted=quote(identifier)) if too_many else unknown
        except StoreError:
            return refused("not_stored", identifier=identifier)
        return None

    # -- what is told, and what changes ----------------------------------------------------------------------

    def _note(self, refusal: Refused, peer: Peer, head: RequestHead | None) -> None:
        """Notes a refusal for whoever owns the credential, or the hid, that was used."""
        registry = self._services.registry
        said = {} if head is None else describe(head, registry, proven=refusal.kind in PASSWORD_WAS_RIGHT)
        credential = registry.credential(str(said.get("username", "")))
        account = registry.account_by_hid(str(said.get("hid", "")))
        account_id = credential.account_id if credential else account.account_id if account else None
        if head is not None:
            said["headers"] = header_names(head)
        shown = str(said.get("cp", HIDDEN))
        charger = registry.charger_by_identifier(shown, account_id)
        name = charger.identifier if charger else None if shown == HIDDEN else shown
        self._book.note_refusal(refusal, peer, said, identifier=name, account_id=account_id)

    def _record(self, happened: EventHappened) -> None:
        self._services.store.record(None, (happened,))

    async def _tell_of_flapping(self) -> None:
        """Tells once a minute which chargers connected again and again, until cancelled."""
        try:
            while True:
                await trio.sleep(PAGE_S)
                self._turn_flapping_page()
        finally:
            self._turn_flapping_page()

    def _turn_flapping_page(self) -> None:
        registry = self._services.registry
        for charger_id, count in self._services.roster.flapping.turn_page().items():
            try:
                charger = registry.charger(charger_id)
            except KeyError:
                continue  # removed meanwhile
            log.warning("links_unrecorded", identifier=charger.identifier, count=count)
            message = f"connected {count} more times within a minute"
            data: dict[str, str | int | float | bool | None] = {"cp": charger.identifier, "count": count}
            self._record(
                EventHappened(
                    self._services.clock(), "links_unrecorded", charger.identifier, message, data, charger.account_id
                )
            )

    def _heed_change(self, change: ChargerChanged | CredentialChanged) -> None:
        """Ends the links that a change of the registry concerns, at once (Q15)."""
        if isinstance(change, CredentialChanged):
            for link in list(self._links):
                if link.credential_id == change.credential_id:
                    link.close(1008, "its credential was changed")
            return
        for link in list(self._links):
            if link.charger_id == change.charger_id:
                link.heed_change()


def _throttled(peer: Peer, seconds: int) -> Refused:
    return refused("throttled", (("Retry-After", str(seconds)),), address=peer.host, wait=seconds)


async def _answer(stream: trio.abc.Stream, refusal: Refused) -> None:
    """Says why, and waits until it is read: closing on unread bytes resets the connection and loses the answer."""
    with trio.move_on_after(ANSWER_DEADLINE_S) as patience:
        await stream.send_all(refusal_response(refusal))
        if isinstance(stream, trio.SocketStream):
            await stream.send_eof()
        else:
            # TLS has no way to say that no more will come; who waits for our end would wait for the whole deadline.
            patience.deadline = min(patience.deadline, trio.current_time() + TLS_LINGER_S)
        while await stream.receive_some(4096):
            pass
    with trio.move_on_after(ANSWER_DEADLINE_S):
        await stream.aclose()
