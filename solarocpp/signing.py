"""Signs what chargers ask for: SignCertificate in, CertificateSigned out, and a reminder before a certificate ends.

    judge   in the reader, at once: is it a request, is it the charger's own, have we an authority
    sign    a moment later: the certificate is noted, and handed over by an instruction
    watch   once a day: a charger whose newest certificate ends within a month is asked to request another

The authority is that of `solarocpp tls init` below the data directory. Signing is off unless asked for: a
certificate lets a charger in for a year, whatever becomes of its password.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

import structlog
import trio

from solarocpp.certificates import read_certificates
from solarocpp.certificates.authority import Authority
from solarocpp.certificates.folder import TlsFolder
from solarocpp.certificates.requests import CertificateRequest, read_request, why_not_signed
from solarocpp.errors import ConfigError, SolarOcppError
from solarocpp.logs import defect_kept_to
from solarocpp.ocpp.messages import CertificateSignedRequest, ExtendedTriggerMessageRequest, OcppMessage
from solarocpp.registry import Registry
from solarocpp.store import Store
from solarocpp.store.certificates import (
    IssuedCertificate,
    ending_certificates,
    insert_certificate,
    select_certificates,
)
from solarocpp.store.effects import EventHappened
from solarocpp.store.ledger import ChargerFacts

CERTIFICATE_DAYS: Final = 365
"""As `tls init` makes them for a year: long enough for a charger that stands unplugged over a winter."""
REMIND_BEFORE: Final = timedelta(days=30)
"""A charger that is asked a month before has many chances to be online."""
_WATCH_EVERY_S: Final = 86_400.0
# Requests that wait to be signed. A charger asks once and waits for minutes; more is a flood, and is refused.
MOST_WAITING: Final = 100

log = structlog.get_logger()

Tell = Callable[[int, OcppMessage], Awaitable[None]]
"""Queues an instruction for a charger."""


class _Accepted(NamedTuple):
    charger: ChargerFacts
    request: CertificateRequest


class Signing:
    """The authority of a box at work."""

    def __init__(self, folder: TlsFolder, registry: Registry, store: Store, clock: Callable[[], datetime]) -> None:
        """Reads the authority.

        Raises:
            ConfigError: there is none, or it is only half there.
        """
        if not folder.authority_key.exists():
            allowed = f"true only with an authority in {folder.directory}; make one with: solarocpp tls init"
            raise ConfigError("sign_certificates", True, allowed)
        self._authority = Authority.load(folder.authority, folder.authority_key)
        self._registry = registry
        self._store = store
        self._clock = clock
        self._to_sign, self._accepted = trio.open_memory_channel[_Accepted](MOST_WAITING)

    def may_sign(self, charger: ChargerFacts, csr: str) -> bool:
        """Judges a request; one that may be signed will be. Never waits."""
        found = read_request(csr)
        reason = found if isinstance(found, str) else why_not_signed(found, charger.identifier)
        if not isinstance(found, str) and not reason:
            try:
                self._to_sign.send_nowait(_Accepted(charger, found))
            except trio.WouldBlock:
                reason = f"{MOST_WAITING} requests wait already"
        if reason:
            self._note("certificate_refused", charger.identifier, charger.account_id, reason, {})
        return not reason

    async def run(self, tell: Tell) -> None:
        """Signs what may be signed, and watches for what ends, until it is cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch, tell)
            async for charger, request in self._accepted:
                with defect_kept_to("certificate_failed", identifier=charger.identifier):
                    try:
                        await self._sign(charger, request, tell)
                    except SolarOcppError as exc:
                        self._note("certificate_refused", charger.identifier, charger.account_id, str(exc), {})

    async def remind(self, tell: Tell) -> None:
        """Asks chargers whose certificate ends soon to request another."""
        soon = self._clock() + REMIND_BEFORE  # of when somebody asked, however long the store takes
        certificates = await self._store.read(select_certificates)
        for one in ending_certificates(certificates, soon):
            text = (
                f"the certificate of {one.identifier} ends on {one.not_after:%Y-%m-%d}; it is asked to request another"
            )
            self._note("certificate_ending", one.identifier, one.account_id, text, {"serial": one.serial})
            try:
                await tell(one.charger_id, ExtendedTriggerMessageRequest("SignChargePointCertificate"))
            except SolarOcppError as exc:  # it was removed, or too much waits for it already
                log.info("certificate_ending", identifier=one.identifier, reason=str(exc))

    async def _sign(self, charger: ChargerFacts, request: CertificateRequest, tell: Tell) -> None:
        now = self._clock()
        account = self._registry.account(charger.account_id)
        # As `tls init --account`: good for that account's charger only. A box with one account needs no such bond.
        hid = account.hid if account is not None and len(self._registry.accounts()) > 1 else ""
        sign = partial(self._authority.sign_charger, now=now, days=CERTIFICATE_DAYS, hid=hid)
        pem = await trio.to_thread.run_sync(sign, request.key, charger.identifier)
        (made,) = read_certificates(pem)
        row = IssuedCertificate(
            made.serial,
            charger.charger_id,
            charger.account_id,
            charger.identifier,
            made.organization,
            made.key,
            now,
            made.not_after,
            made.fingerprint,
        )
        await self._store.write(partial(insert_certificate, certificate=row))
        text = f"good until {made.not_after:%Y-%m-%d}, {made.key}"
        self._note("certificate_issued", charger.identifier, charger.account_id, text, {"serial": made.serial})
        await tell(charger.charger_id, CertificateSignedRequest(pem.decode()))

    async def _watch(self, tell: Tell) -> None:
        while True:
            await self.remind(tell)
            await trio.sleep(_WATCH_EVERY_S)

    def _note(self, name: str, identifier: str, account_id: int, text: str, data: dict[str, str]) -> None:
        event = EventHappened(self._clock(), name, identifier, text, {"cp": identifier, **data}, account_id)
        self._store.record(None, [event])
        log.info(name, identifier=identifier, reason=text)
