"""The certificates of a charge point: its own, those it asked for, and the roots it was given."""

from __future__ import annotations

from typing import Literal

from solarocpp.certificates.charge_point import hashes_of, key_of, request_certificate
from solarocpp.ocpp.datatypes import CertificateHashData, CertificateUse

# Whose name stands in the request; a real charge point has it from its configuration (CpoName).
ORGANIZATION = "solarocpp"

# Requests that may be open: a central system that triggers more gets the first ones forgotten.
_MOST_REQUESTS = 4


class Keyring:
    """What a charge point keeps of certificates; it dials with none of them (`simulate --client-cert` does)."""

    def __init__(self, identity: str, *, room: int) -> None:
        self._identity, self._room = identity, room
        self._requested: list[bytes] = []
        self._roots: list[tuple[CertificateUse, str]] = []
        self.certificate: str | None = None
        """Its own, in PEM with the chain above it, once it was signed."""

    def new_request(self) -> str:
        """Makes a key and a certificate request for it."""
        request = request_certificate(self._identity, ORGANIZATION)
        self._requested = [*self._requested, request.public_key][-_MOST_REQUESTS:]
        return request.csr

    def accept(self, chain: str) -> bool:
        """Takes a certificate it asked for; False: it is for another key, or none."""
        key = key_of(chain)
        if key is None or key not in self._requested:
            return False
        self._requested.remove(key)
        self.certificate = chain
        return True

    def install(self, use: CertificateUse, certificate: str) -> Literal["Accepted", "Failed", "Rejected"]:
        """Keeps a root certificate."""
        named = hashes_of(certificate, "SHA256")
        if named is None:
            return "Rejected"
        if any(hashes_of(kept, "SHA256") == named and use == its_use for its_use, kept in self._roots):
            return "Accepted"
        if len(self._roots) >= self._room:
            return "Failed"
        self._roots.append((use, certificate))
        return "Accepted"

    def installed(self, use: CertificateUse) -> tuple[CertificateHashData, ...]:
        """Names the root certificates of one use."""
        hashes = [hashes_of(certificate, "SHA256") for its_use, certificate in self._roots if its_use == use]
        return tuple(CertificateHashData("SHA256", *found) for found in hashes if found is not None)

    def delete(self, wanted: CertificateHashData) -> bool:
        """Takes a root certificate away; hashes match without case. False: there is none of that name."""
        asked = [wanted.issuer_name_hash.lower(), wanted.issuer_key_hash.lower(), wanted.serial_number.lower()]
        before = len(self._roots)
        self._roots = [
            (use, certificate)
            for use, certificate in self._roots
            if list(hashes_of(certificate, wanted.hash_algorithm) or ()) != asked
        ]
        return len(self._roots) < before
