"""permessage-deflate (RFC 7692), inwards only: a charger may compress, our answers of forty bytes are not worth it.

Sending uncompressed is everybody's right (§6), so a link costs a window of 32 KiB and no compressor. What
is written here instead of taken from wsproto is what a server on the Internet needs: an offer with odd
parameters is declined, not an exception; a message is bounded while it is inflated, not afterwards; a
ping between fragments does not end the compression of the message around it.
"""

from __future__ import annotations

import re
import zlib

from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits

from solarocpp.gateway.framing import MAX_MESSAGE_BYTES

NAME = "permessage-deflate"

# RFC 7692 §7.1: each parameter of an offer, and the values it may have. The two about the server's side hold
# for whoever compresses nothing; `client_max_window_bits` only says what the client could be asked for.
_PARAMETERS = {
    "server_no_context_takeover": re.compile(""),
    "client_no_context_takeover": re.compile(""),
    "server_max_window_bits": re.compile("[89]|1[0-5]"),
    "client_max_window_bits": re.compile("|[89]|1[0-5]"),
}
_UNANSWERED = "client_max_window_bits"
_EMPTY_BLOCK = b"\x00\x00\xff\xff"  # what every sender cuts off the end of a message (§7.2.1)


class Inflation(Extension):
    """Inflates what one charger sends; handed to wsproto for one connection."""

    name = NAME

    def __init__(self, response: str) -> None:
        self.response = response
        """The value of `Sec-WebSocket-Extensions` that agrees to it."""
        self._keeps_context = "client_no_context_takeover" not in response
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._compressed = False
        self._control = False

    def offer(self) -> bool:
        """Is asked of clients only."""
        return False

    def enabled(self) -> bool:
        """It exists only where it was agreed."""
        return True

    def frame_inbound_header(
        self,
        proto: FrameDecoder | FrameProtocol,  # noqa: ARG002 wsproto's signature
        opcode: Opcode,
        rsv: RsvBits,
        payload_length: int,  # noqa: ARG002 wsproto's signature
    ) -> CloseReason | RsvBits:
        """Notes whether the message that begins is compressed: its first frame says so (§6.1)."""
        self._control = opcode.iscontrol()
        if opcode in {Opcode.TEXT, Opcode.BINARY}:
            self._compressed = rsv.rsv1
        elif rsv.rsv1:
            return CloseReason.PROTOCOL_ERROR
        return RsvBits(rsv1=True, rsv2=False, rsv3=False)

    def frame_inbound_payload_data(
        self,
        proto: FrameDecoder | FrameProtocol,  # noqa: ARG002 wsproto's signature
        data: bytes,
    ) -> bytes | CloseReason:
        """Inflates a part of a frame."""
        return data if self._control or not self._compressed else self._inflate(data)

    def frame_inbound_complete(
        self,
        proto: FrameDecoder | FrameProtocol,  # noqa: ARG002 wsproto's signature
        fin: bool,  # noqa: FBT001 wsproto's signature
    ) -> bytes | CloseReason | None:
        """Inflates what is left at the end of a message."""
        if self._control or not self._compressed or not fin:
            return None
        rest = self._inflate(_EMPTY_BLOCK)
        if not self._keeps_context or self._inflater.eof:
            self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        return rest

    def _inflate(self, data: bytes) -> bytes | CloseReason:
        """A kilobyte can hold a megabyte: what is too large is never made (promise 4)."""
        try:
            inflated = self._inflater.decompress(data, MAX_MESSAGE_BYTES)
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        return CloseReason.MESSAGE_TOO_BIG if self._inflater.unconsumed_tail else inflated


def agree_inflation(offers: str) -> Inflation | None:
    """Takes the first offer of `Sec-WebSocket-Extensions` that we can keep to; None: nothing is compressed."""
    for offer in offers.split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        if name.lower() == NAME and (response := _answered(parameters)) is not None:
            return Inflation("; ".join((NAME, *response)))
    return None


def _answered(parameters: list[str]) -> list[str] | None:
    """Gives the parameters to agree to, as they came; None: one is unknown, repeated or has a wrong value (§7)."""
    read: dict[str, str] = {}
    for parameter in parameters:
        name, _, value = (part.strip() for part in parameter.lower().partition("="))
        value = value.strip('"')
        known = _PARAMETERS.get(name)
        if known is None or name in read or not known.fullmatch(value):
            return None
        read[name] = value
    return [f"{name}={value}" if value else name for name, value in read.items() if name != _UNANSWERED]
