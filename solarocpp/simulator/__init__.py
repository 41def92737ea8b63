"""Charge points that behave, to demonstrate, test and measure with.

From the cable up to the socket; each file needs only those above it:

    charging.py       a car and its charging curve: pure functions of seconds
    people.py         drivers and their habits; who charges at which connector, day by day
    clock.py          simulated time: faster than real time, or as fast as the answers come
    sampling.py       a meter's reading as SampledValues
    configuration.py  the configuration keys
    local_list.py     who may charge when nobody can be asked
    card_readers.py   what happens to an id tag that is held against one
    limits.py         charging profiles, and what they allow
    keyring.py        certificates
    connector.py      a connector's state and meter, and the transaction that runs there
    link.py           dialling, and one WebSocket link: RpcPeer in the other role
    direct.py         the same without a socket: the central system is in this process
    backlog.py        transaction-related messages: in order, repeated until they are answered
    quirks.py         what is wrong with some chargers, and what happens to all of them now and then
    session.py        one charge session, message by message
    files.py          uploads of diagnostics and logs, and new firmware
    orders.py         what the calls of the central system set off
    answers/          what is answered to them, a module for each feature profile
    charge_point.py   ChargePoint: boots, charges, answers; one nursery each
    site.py           many of them, with the days of a small site

A charge point knows no store and no registry: it can be pointed at any central system.
"""
