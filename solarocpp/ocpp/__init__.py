"""OCPP-J 1.6 without I/O: frames, correlation, typed messages, and what reception forgives.

    text --frames.parse_frame--> Call --decoding.decode_request--> MeterValuesRequest, repairs
    HeartbeatConfirmation --decoding.encode_payload--> payload --rpc.RpcPeer.answer--> text

* `datatypes`, `messages`: the specification as frozen structs; ACTIONS has a row for every action of 1.6.
* `frames`: CALL, CALLRESULT, CALLERROR to and from text.
* `decoding`: payloads to structs and back; `reading` is its tolerant half.
* `lenience`: the table of what is forgiven, with the field report that asks for it.
* `rpc`: one end of a link, central system or charge point: ids, one CALL in flight, repeats, deadlines.

Whatever text arrives, the outcome is a value or a ProtocolViolation that says which CALLERROR to send.
Nothing here waits, logs, reads a clock or knows of a WebSocket; it imports msgspec and nothing else.
"""
