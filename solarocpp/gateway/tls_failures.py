"""PURE: why a TLS handshake failed, in the words of somebody who stands in front of the charger.

OpenSSL's own words name functions and constants; a charger mostly says nothing at all. Each row tells
what that means here and what to change (Q25, Q26, Q27), together with what the charger offered.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final, NamedTuple

from solarocpp.gateway.hello import Hello


class Explanation(NamedTuple):
    """Why a TLS handshake failed, and what to change on the charger."""

    reason: str
    hint: str


_TRUST = "Put the certificate of the authority that signed ours (ca.pem of `solarocpp tls init`) into the charger."
_HUNG_UP = Explanation(
    "The charger hung up within the TLS handshake, without a word why.",
    f"Most chargers do that when they do not trust the certificate. {_TRUST} "
    "`solarocpp tls check HOST:PORT` shows what it needs.",
)
_VERSION = (
    "Switch TLS 1.2 on, or update its firmware; until then it can only come in the clear, over a private network."
)

# What OpenSSL says, without the SSLV3_/TLSV1_ in front, which names no version any more (RFC 8446 6.2). First what the
# charger told us in an alert, then what we found ourselves.
_EXPLANATIONS: Final[Mapping[str, Explanation]] = {
    "ALERT_UNKNOWN_CA": Explanation("The charger does not trust the authority that signed our certificate.", _TRUST),
    "ALERT_BAD_CERTIFICATE": Explanation(
        "The charger says that our certificate is bad.",
        f"Often the name: it must be the one in the charger's URL. {_TRUST}",
    ),
    "ALERT_CERTIFICATE_UNKNOWN": Explanation(
        "The charger does not accept our certificate.",
        f"It must name the host in the charger's URL, and be in date by the charger's clock. {_TRUST}",
    ),
    "ALERT_CERTIFICATE_EXPIRED": Explanation(
        "The charger says that our certificate is expired, or not valid yet.",
        "Look at its dates (`solarocpp tls check HOST:PORT`), and at the charger's clock.",
    ),
    "ALERT_CERTIFICATE_REVOKED": Explanation(
        "The charger says that our certificate is revoked.", "Have a new one issued."
    ),
    "ALERT_UNSUPPORTED_CERTIFICATE": Explanation(
        "The charger cannot use our certificate.", "Some firmware knows RSA keys only: have one issued with RSA 2048."
    ),
    "ALERT_HANDSHAKE_FAILURE": Explanation(
        "The charger and this server have no way of encryption in common.",
        "Some firmware knows RSA keys only: have a certificate issued with RSA 2048. Else update its firmware.",
    ),
    "ALERT_INSUFFICIENT_SECURITY": Explanation(
        "The charger finds our certificate too weak.", "Have one issued with RSA 2048 or EC P-256, signed with SHA-256."
    ),
    "ALERT_PROTOCOL_VERSION": Explanation("The charger does not speak TLS 1.2 or newer.", _VERSION),
    "ALERT_UNRECOGNIZED_NAME": Explanation(
        "The charger does not know the name in our certificate.", "It must be the host in the charger's URL."
    ),
    "ALERT_ACCESS_DENIED": Explanation("The charger does not want to talk to this server.", _TRUST),
    "UNSUPPORTED_PROTOCOL": Explanation("The charger does not speak TLS 1.2 or newer.", _VERSION),
    "VERSION_TOO_LOW": Explanation("The charger does not speak TLS 1.2 or newer.", _VERSION),
    "NO_SHARED_CIPHER": Explanation(
        "The charger offers no way of encryption that is safe enough here.",
        "Some firmware knows RSA keys only: have a certificate issued with RSA 2048. Else update its firmware.",
    ),
    "NO_SHARED_GROUP": Explanation("The charger offers no elliptic curve that is known here.", "Update its firmware."),
    "NO_SUITABLE_KEY_SHARE": Explanation(
        "The charger offers no elliptic curve that is known here.", "Update its firmware."
    ),
    "NO_SUITABLE_SIGNATURE_ALGORITHM": Explanation(
        "The charger cannot check the signature of our certificate.",
        "Some firmware knows RSA keys only: have one issued with RSA 2048.",
    ),
    "NO_SHARED_SIGNATURE_ALGORITHMS": Explanation(
        "The charger cannot check the signature of our certificate.",
        "Some firmware knows RSA keys only: have one issued with RSA 2048.",
    ),
    "EE_KEY_TOO_SMALL": Explanation(
        "The charger's certificate has a key that is too short.", "Issue one with RSA 2048 or EC P-256."
    ),
    "CA_MD_TOO_WEAK": Explanation("The charger's certificate is signed with SHA-1.", "Issue one signed with SHA-256."),
    "HTTP_REQUEST": Explanation("Plain HTTP on the TLS port.", "Use wss:// in the charger's URL."),
    "UNEXPECTED_EOF_WHILE_READING": _HUNG_UP,
}

# X509_V_ERR_* of OpenSSL (x509_vfy.h): what may be wrong with the certificate that a charger shows.
_CERTIFICATE_FAULTS: Final[Mapping[int, str]] = {
    9: "it is not valid yet; look at the clock of this machine",
    10: "it is expired",
    18: "it is signed by itself, and not one of those in client_ca",
    19: "the authority that signed it is not in client_ca",
    20: "the authority that signed it is not in client_ca",
    21: "the authority that signed it is not in client_ca",
    26: "it is not made for clients (extended key usage)",
    66: "its key is too short",
    68: "it is signed with SHA-1 or weaker",
}
_NEW_CERTIFICATE = "Make one with `solarocpp tls init --charger IDENT`, and put it and its key into the charger."


def explain(error: BaseException | None, hello: Hello | None = None) -> Explanation:
    """Says in plain words why a handshake failed, with what the charger offered where that is known.

    `error` is what ended it: of OpenSSL, of the socket, or None where the charger just left.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        fault = _CERTIFICATE_FAULTS.get(error.verify_code, error.verify_message)
        return Explanation(f"The charger's certificate is refused: {fault}.", _NEW_CERTIFICATE)
    known = _explained(error) if isinstance(error, ssl.SSLError) else _HUNG_UP
    return known if hello is None else Explanation(f"{known.reason} It offered {hello}.", known.hint)


def _explained(error: ssl.SSLError) -> Explanation:
    said = error.reason or "UNEXPECTED_EOF_WHILE_READING"
    known = _EXPLANATIONS.get(said.removeprefix("SSLV3_").removeprefix("TLSV1_"))
    return known or Explanation(f"The TLS handshake failed: {said.lower().replace('_', ' ')}.", "")
