"""The lean receive path delivers what wsproto alone would have delivered, however the bytes arrive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.utilities import RemoteProtocolError

from solarocpp.gateway.framing import FrameTap, text_frame, unmask

MASK = b"\x01\x02\x03\x04"


def masked(first: int, payload: bytes) -> bytes:
    """A client's frame, written out by hand."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2)
    return bytes([first]) + length + MASK + bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))


def drain(tap: FrameTap) -> list[str | bytes]:
    taken = []
    while (item := tap.take()) is not None:
        taken.append(item)
    return taken


def test_plain_text_is_taken_out() -> None:
    tap = FrameTap()
    tap.feed(masked(0x81, b'[2,"1","Heartbeat",{}]') + masked(0x81, "grüß".encode()))
    assert drain(tap) == ['[2,"1","Heartbeat",{}]', "grüß"]


@pytest.mark.parametrize(
    "frame",
    [
        masked(0x01, b"half"),  # first fragment
        masked(0x80, b"rest"),  # continuation
        masked(0x82, b"\x00\x01"),  # binary
        masked(0x89, b""),  # ping
        masked(0x8A, b"x"),  # pong
        masked(0x88, b"\x03\xe8"),  # close
        masked(0xC1, b"deflated"),  # RSV1 (Q19)
        b"\x81\x02hi",  # not masked
        masked(0x81, b"\xff\xfe"),  # no UTF-8
        b"\x81\xfe\x00\x02" + MASK + b"zz",  # not the shortest length
        b"\x81\xff" + (5).to_bytes(8) + MASK + b"12345",  # 64 bit length
    ],
)
def test_everything_else_goes_to_the_library_unchanged(frame: bytes) -> None:
    tap = FrameTap()
    tap.feed(frame)
    assert b"".join(item for item in drain(tap) if isinstance(item, bytes)) == frame


def test_text_within_a_fragmented_message_is_the_librarys_error_to_find() -> None:
    tap = FrameTap()
    tap.feed(masked(0x01, b"begin") + masked(0x81, b"no"))
    assert b"".join(drain(tap)) == masked(0x01, b"begin") + masked(0x81, b"no")  # type: ignore[arg-type]


def test_stock_path_passes_all_and_counts_pongs() -> None:
    tap = FrameTap(lean=False)
    stream = masked(0x81, b"text") + masked(0x8A, b"")
    tap.feed(stream)
    assert (b"".join(drain(tap)), tap.pongs) == (stream, 1)  # type: ignore[arg-type]


def test_frames_are_written_as_rfc_6455_says() -> None:
    assert text_frame(b"hi") == b"\x81\x02hi"
    assert text_frame(b"x" * 126)[:4] == b"\x81\x7e\x00\x7e"
    assert text_frame(b"x" * 65536)[:10] == b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_unmask_is_the_rfcs_xor(payload: bytes, mask: bytes) -> None:
    assert unmask(payload, mask) == bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


EVENTS = st.one_of(
    st.text(max_size=200).map(lambda text: [TextMessage(data=text)]),
    st.lists(st.text(min_size=1, max_size=40), min_size=2, max_size=4).map(
        lambda parts: (
            [TextMessage(data=part, message_finished=part is parts[-1]) for part in parts[:-1]]
            + [TextMessage(data=parts[-1], message_finished=True)]
        )
    ),
    st.binary(max_size=20).map(lambda data: [BytesMessage(data=data)]),
    st.binary(max_size=20).map(lambda data: [Ping(payload=data)]),
    st.binary(max_size=20).map(lambda data: [Pong(payload=data)]),
)


def delivered(connection: Connection, data: bytes) -> list[tuple[str, object]]:
    """What wsproto makes of bytes, messages put together."""
    connection.receive_data(data)
    found: list[tuple[str, object]] = []
    for event in connection.events():
        if isinstance(event, TextMessage):
            found.append(("text" if event.message_finished else "part", event.data))
        elif isinstance(event, BytesMessage):
            found.append(("bytes" if event.message_finished else "part", bytes(event.data)))
        elif isinstance(event, Ping | Pong):
            found.append((type(event).__name__, bytes(event.payload)))
        elif isinstance(event, CloseConnection):
            found.append(("close", event.code))
    return found


def joined(found: list[tuple[str, object]]) -> list[tuple[str, object]]:
    """Puts the parts of a message together; control events inside it come before it."""
    result: list[tuple[str, object]] = []
    parts: list[object] = []
    for kind, value in found:
        if kind == "part":
            parts.append(value)
        elif kind in ("text", "bytes"):
            empty = "" if kind == "text" else b""
            result.append((kind, empty.join([*parts, value])))  # type: ignore[list-item]
            parts = []
        else:
            result.append((kind, value))
    return result


@given(st.lists(EVENTS, max_size=8), st.lists(st.integers(min_value=1, max_value=60), max_size=40))
def test_any_conversation_in_any_pieces_is_delivered_as_by_the_library(
    conversation: list[list[TextMessage]], pieces: list[int]
) -> None:
    client = Connection(ConnectionType.CLIENT)
    data = b"".join(client.send(event) for events in conversation for event in events)
    alone = delivered(Connection(ConnectionType.SERVER), data)

    tap, library = FrameTap(), Connection(ConnectionType.SERVER)
    found: list[tuple[str, object]] = []
    at = 0
    for size in [*pieces, len(data)]:
        tap.feed(data[at : at + size])
        at += size
        while (item := tap.take()) is not None:
            found += [("text", item)] if isinstance(item, str) else delivered(library, item)
    assert joined(found) == joined(alone)


@given(st.binary(max_size=200))
def test_rubbish_never_raises_and_no_byte_is_lost(data: bytes) -> None:
    tap = FrameTap()
    tap.feed(data)
    drain(tap)  # must end, whatever came
    library = Connection(ConnectionType.SERVER)
    try:
        library.receive_data(data)
        list(library.events())
    except RemoteProtocolError:
        pass
