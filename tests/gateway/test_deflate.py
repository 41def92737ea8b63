"""permessage-deflate: what is agreed to, and what is made of compressed frames."""

from __future__ import annotations

import zlib

import pytest
from client_frames import COMPRESSED, LAST, PING, TEXT, masked
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

from solarocpp.gateway.deflate import agree_inflation

SAYING = '[2,"1","Heartbeat",{}]'


@pytest.mark.parametrize(
    ("offers", "response"),
    [
        ("permessage-deflate", "permessage-deflate"),
        ("Permessage-Deflate; client_max_window_bits", "permessage-deflate"),
        ("permessage-deflate; client_max_window_bits=10", "permessage-deflate"),
        (
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        ),
        ('permessage-deflate; server_max_window_bits="9"', "permessage-deflate; server_max_window_bits=9"),
        ("x-webkit-deflate-frame, permessage-deflate", "permessage-deflate"),
        ("permessage-deflate; server_max_window_bits=7, permessage-deflate", "permessage-deflate"),
    ],
)
def test_an_offer_is_agreed_to_in_its_own_words(offers: str, response: str) -> None:
    agreed = agree_inflation(offers)
    assert agreed is not None
    assert agreed.response == response


@pytest.mark.parametrize(
    "offers",
    [
        "",
        "x-webkit-deflate-frame",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=abc",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; mystery",
    ],
)
def test_an_offer_that_breaks_rfc_7692_is_declined(offers: str) -> None:
    assert agree_inflation(offers) is None


@given(st.text(max_size=60))
def test_no_offer_raises(offers: str) -> None:
    agree_inflation(offers)
    agree_inflation("permessage-deflate;" + offers)


class Sender:
    """A charge point that compresses."""

    def __init__(self, *, keeps_context: bool = True) -> None:
        self.keeps_context = keeps_context
        self._deflater = zlib.compressobj(wbits=-15)

    def deflate(self, text: str) -> bytes:
        """Compresses a message (RFC 7692 §7.2.1)."""
        data = self._deflater.compress(text.encode()) + self._deflater.flush(zlib.Z_SYNC_FLUSH)
        if not self.keeps_context:
            self._deflater = zlib.compressobj(wbits=-15)
        return data.removesuffix(b"\x00\x00\xff\xff")


def received(offers: str, *frames: bytes) -> list[object]:
    """What wsproto makes of frames once compression is agreed."""
    agreed = agree_inflation(offers)
    assert agreed is not None
    library = Connection(ConnectionType.SERVER, [agreed])
    found: list[object] = []
    parts: list[str] = []
    for frame in frames:
        library.receive_data(frame)
        for event in library.events():
            if isinstance(event, TextMessage):
                parts.append(event.data)
                if event.message_finished:
                    found.append("".join(parts))
                    parts = []
            elif isinstance(event, Ping | BytesMessage):
                found.append(type(event).__name__)
            elif isinstance(event, CloseConnection):
                found.append(event.code)
    return found


@pytest.mark.parametrize("offers", ["permessage-deflate", "permessage-deflate; client_no_context_takeover"])
def test_compressed_and_plain_messages_may_take_turns(offers: str) -> None:
    sender = Sender(keeps_context="client" not in offers)
    frames = [masked(TEXT | COMPRESSED, sender.deflate(SAYING)) for _ in range(2)]
    assert received(offers, frames[0], masked(TEXT, b"plain"), frames[1]) == [SAYING, "plain", SAYING]


def test_a_ping_between_fragments_does_not_end_the_compression() -> None:
    """The extension that comes with wsproto forgets it there."""
    data = Sender().deflate(SAYING)
    fragments = masked(0x01 | COMPRESSED, data[:5]), masked(PING), masked(LAST, data[5:])
    assert received("permessage-deflate", *fragments) == ["Ping", SAYING]


def test_a_stream_that_ends_with_its_message_may_begin_again() -> None:
    """A final block is allowed (RFC 7692 §7.2.3.4)."""
    deflater = zlib.compressobj(wbits=-15)
    whole = deflater.compress(SAYING.encode()) + deflater.flush(zlib.Z_FINISH) + b"\x00"
    frame = masked(TEXT | COMPRESSED, whole)
    assert received("permessage-deflate", frame, frame) == [SAYING, SAYING]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (masked(TEXT | COMPRESSED, b"\xff\xff\xff\xff"), 1007),  # no deflate
        (masked(PING | COMPRESSED), 1002),  # control frames are never compressed (§6.1)
        (masked(LAST | COMPRESSED, b""), 1002),  # nor does a later fragment begin a compressed message
        (masked(TEXT | 0x20, b""), 1002),  # RSV2 belongs to nobody
        (masked(TEXT | COMPRESSED, Sender().deflate("\xff")), None),
    ],
)
def test_broken_compression_ends_the_connection(frame: bytes, code: int | None) -> None:
    assert received("permessage-deflate", frame) == [code or "\xff"]


def test_a_small_message_that_inflates_beyond_measure_is_not_made() -> None:
    """60 KiB of it would be 60 MiB for each link that asks for it (promise 4)."""
    bomb = Sender().deflate("0" * (8 << 20))
    assert len(bomb) < 10_000
    assert received("permessage-deflate", masked(TEXT | COMPRESSED, bomb)) == [1009]
