"""The rules of one end of a link: one CALL in flight, answers by id, repeats answered alike."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solarocpp.errors import LocalProtocolError, ProtocolViolation
from solarocpp.ocpp.frames import Call
from solarocpp.ocpp.rpc import (
    QUEUE_LIMIT,
    AnswerReceived,
    CallReceived,
    FrameIgnored,
    FrameRefused,
    LateAnswer,
    Repeated,
    RepeatPending,
    RpcPeer,
    Ticket,
)

HEARTBEAT = '[2,"7","Heartbeat",{}]'
START = '[2,"7","StartTransaction",{"connectorId":1}]'


def receive_call(peer: RpcPeer, text: str) -> Call:
    received = peer.receive(text, 0.0)
    assert isinstance(received, CallReceived)
    return received.call


# -- theirs


def test_a_call_is_answered_under_its_id() -> None:
    peer = RpcPeer()
    call = receive_call(peer, HEARTBEAT)
    assert (call.action, peer.copies(call)) == ("Heartbeat", 1)
    assert peer.answer(call, b'{"a":1}') == b'[3,"7",{"a":1}]'


def test_a_repeated_call_gets_the_stored_answer() -> None:
    """Q43: our answer was lost, the firmware sends the same frame again."""
    peer = RpcPeer()
    peer.answer(receive_call(peer, START), b'{"transactionId":9}')
    assert peer.receive(START, 1.0) == Repeated(b'[3,"7",{"transactionId":9}]')
    assert peer.receive(START, 2.0) == Repeated(b'[3,"7",{"transactionId":9}]')


def test_a_used_id_with_other_content_is_another_call() -> None:
    """Firmware that counts from 1 after each reboot must not get the answer to something else (W9)."""
    peer = RpcPeer()
    peer.answer(receive_call(peer, HEARTBEAT), b"{}")
    assert receive_call(peer, START).action == "StartTransaction"
    assert receive_call(peer, '[2,"8","Heartbeat",{}]').unique_id == "8"


def test_a_call_that_comes_again_before_its_answer_is_processed_once() -> None:
    peer = RpcPeer()
    call = receive_call(peer, START)
    assert peer.receive(START, 1.0) == RepeatPending(call)
    assert peer.receive(START, 2.0) == RepeatPending(call)
    assert peer.copies(call) == 3
    peer.answer(call, b"{}")
    assert peer.copies(call) == 1
    assert peer.receive(START, 3.0) == Repeated(b'[3,"7",{}]')


def test_a_refused_call_may_be_tried_again() -> None:
    """A full disk now is no reason to refuse the same message when there is space."""
    peer = RpcPeer()
    call = receive_call(peer, START)
    frame = peer.refuse(call, ProtocolViolation("InternalError", "Try again.", {"a": "b"}))
    assert frame == b'[4,"7","InternalError","Try again.",{"a":"b"}]'
    peer.answer(receive_call(peer, START), b"{}")
    assert peer.receive(START, 1.0) == Repeated(b'[3,"7",{}]')


def test_only_the_newest_answers_are_kept() -> None:
    peer = RpcPeer(repeats_kept=2)
    frames = [f'[2,"{number}","Heartbeat",{{}}]' for number in range(3)]
    for frame in frames:
        peer.answer(receive_call(peer, frame), b"{}")
    assert isinstance(peer.receive(frames[0], 1.0), CallReceived)
    assert peer.receive(frames[1], 1.0) == Repeated(b'[3,"1",{}]')
    assert peer.receive(frames[2], 1.0) == Repeated(b'[3,"2",{}]')


@pytest.mark.parametrize(("repeats_kept", "payload"), [(0, b"{}"), (16, b'{"a":"%b"}' % (b"x" * 2048))])
def test_an_answer_need_not_be_kept(repeats_kept: int, payload: bytes) -> None:
    """Not if nobody wants it, and not if it is so long that it is no answer of ours but an echo."""
    peer = RpcPeer(repeats_kept=repeats_kept)
    peer.answer(receive_call(peer, HEARTBEAT), payload)
    assert isinstance(peer.receive(HEARTBEAT, 1.0), CallReceived)


def test_repairs_of_the_frame_come_with_the_call() -> None:
    received = RpcPeer().receive('[2,7,"Heartbeat"]', 0.0)
    assert isinstance(received, CallReceived)
    assert [repair.name for repair in received.repairs] == ["numeric_id", "payload_missing"]


def test_a_message_nobody_understands_is_refused_under_the_id_that_could_be_saved() -> None:
    received = RpcPeer().receive('[2,"7","Heartbeat",{"a":', 0.0)
    assert isinstance(received, FrameRefused)
    assert received.frame == b'[4,"7","FormationViolation","Not a JSON array.",{}]'
    assert received.violation.code == "FormationViolation"


@pytest.mark.parametrize("text", ["", b" ", "[3,", "[9]"])
def test_what_gets_no_answer_is_ignored_with_a_reason(text: str | bytes) -> None:
    """Q30."""
    received = RpcPeer().receive(text, 0.0)
    assert isinstance(received, FrameIgnored)
    assert received.reason


# -- ours


def test_one_call_of_ours_is_in_flight() -> None:
    """OCPP-J §4.1.1."""
    peer = RpcPeer(id_prefix="x-")
    assert peer.to_send(0.0) is None
    reset, unlock = peer.call("Reset", b'{"type":"Soft"}', 30.0), peer.call("UnlockConnector", b"{}", 5.0)
    assert peer.next_deadline() is None
    assert peer.to_send(100.0) == b'[2,"x-1","Reset",{"type":"Soft"}]'
    assert (peer.to_send(101.0), peer.next_deadline()) == (None, 130.0)
    received = peer.receive('[3,"x-1",{"status":"Accepted"}]', 102.0)
    assert isinstance(received, AnswerReceived)
    assert received.ticket is reset
    assert peer.next_deadline() is None
    assert peer.to_send(102.0) == b'[2,"x-2","UnlockConnector",{}]'
    assert unlock.deadline == 107.0


def test_their_calls_cross_ours() -> None:
    peer = RpcPeer()
    ticket = peer.call("Reset", b"{}", 30.0)
    peer.to_send(0.0)
    assert peer.answer(receive_call(peer, '[2,"1","Heartbeat",{}]'), b"{}") == b'[3,"1",{}]'
    received = peer.receive('[4,"1","NotSupported","",{}]', 1.0)
    assert isinstance(received, AnswerReceived)
    assert received.ticket is ticket


@pytest.mark.parametrize("text", ['[3,"2",{}]', '[4,"0","GenericError","",{}]', '[3,"",{}]'])
def test_an_answer_to_another_call_completes_nothing(text: str) -> None:
    """Q44."""
    peer = RpcPeer()
    peer.call("Reset", b"{}", 30.0)
    peer.to_send(0.0)
    assert isinstance(peer.receive(text, 1.0), LateAnswer)
    assert peer.next_deadline() == 30.0


def test_an_answer_may_give_our_id_as_a_number() -> None:
    peer = RpcPeer()
    ticket = peer.call("Reset", b"{}", 30.0)
    peer.to_send(0.0)
    received = peer.receive("[3,1,{}]", 1.0)
    assert isinstance(received, AnswerReceived)
    assert received.ticket is ticket


def test_an_overdue_call_is_given_up_and_its_answer_is_late() -> None:
    peer = RpcPeer()
    first, second = peer.call("Reset", b"{}", 30.0), peer.call("ClearCache", b"{}", 30.0)
    assert peer.expire(1000.0) == []
    peer.to_send(0.0)
    assert peer.expire(29.9) == []
    assert peer.expire(30.0) == [first]
    assert peer.to_send(31.0) == b'[2,"2","ClearCache",{}]'
    assert peer.receive('[3,"1",{}]', 32.0) == LateAnswer("1")
    assert isinstance(peer.receive('[3,"2",{}]', 33.0), AnswerReceived)
    assert second.deadline == 61.0


def test_a_lost_link_gives_up_everything() -> None:
    peer = RpcPeer()
    tickets = [peer.call("Reset", b"{}", 30.0) for _ in range(3)]
    peer.to_send(0.0)
    assert peer.abandon() == tickets
    assert peer.abandon() == []
    assert (peer.to_send(1.0), peer.next_deadline()) == (None, None)


def test_a_call_nobody_waits_for_is_forgotten() -> None:
    """Q77."""
    peer = RpcPeer()
    first, second, third = (peer.call("Reset", b"{}", 30.0) for _ in range(3))
    peer.to_send(0.0)
    peer.cancel(second)
    peer.cancel(first)
    peer.cancel(first)
    assert peer.receive('[3,"1",{}]', 1.0) == LateAnswer("1")
    assert peer.to_send(1.0) == b'[2,"3","Reset",{}]'
    assert peer.abandon() == [third]


def test_the_queue_is_bounded() -> None:
    peer = RpcPeer()
    for _ in range(QUEUE_LIMIT):
        peer.call("Reset", b"{}", 30.0)
    with pytest.raises(LocalProtocolError, match="64 CALLs wait already"):
        peer.call("Reset", b"{}", 30.0)


def test_the_last_exchange_of_an_earlier_link_is_known() -> None:
    """Promise 1: the answer was lost with the link, and the charge point asks again on the next one."""
    peer = RpcPeer()
    peer.recall('[2,"7","Authorize",{"idTag":"A"}]', b'[3,"7",{}]')
    peer.recall("rubbish", b"never")
    peer.recall('[3,"8",{}]', b"never")
    assert peer.receive('[2,"7","Authorize",{"idTag":"A"}]', 0.0) == Repeated(b'[3,"7",{}]')
    assert isinstance(peer.receive('[2,"7","Authorize",{"idTag":"B"}]', 0.0), CallReceived)


def test_ids_have_room_for_their_number() -> None:
    """OCPP-J §4.1.4: at most 36 characters."""
    RpcPeer(id_prefix="p" * 24)
    with pytest.raises(LocalProtocolError, match="no room"):
        RpcPeer(id_prefix="p" * 25)


STEPS = st.lists(st.sampled_from(["call", "send", "answer", "stray", "wait"]), max_size=40)


@settings(deadline=None)
@given(STEPS)
def test_every_call_ends_exactly_once(steps: list[str]) -> None:
    """Whatever happens in whatever order, nobody waits for ever and nobody is answered twice."""
    peer, now, made = RpcPeer(), 0.0, list[Ticket]()
    ended: list[Ticket] = []
    sent: list[str] = []
    for step in steps:
        now += 1.0
        match step:
            case "call":
                made.append(peer.call("Reset", b"{}", 3.0))
            case "send" if frame := peer.to_send(now):
                sent.append(frame.decode().split('"')[1])
            case "answer" if sent:
                received = peer.receive(f'[3,"{sent[-1]}",{{}}]', now)
                ended += [received.ticket] if isinstance(received, AnswerReceived) else []
            case "stray":
                assert isinstance(peer.receive('[3,"stray",{}]', now), LateAnswer)
            case _:
                ended += peer.expire(now)
    ended += peer.abandon()
    assert sorted(ended, key=made.index) == made
