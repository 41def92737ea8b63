"""Charge points that behave, to demonstrate, test and measure with.

From the cable up to the socket; each file needs only those above it:

    charging.py       a car, its charging curve, a day's visits: pure functions of seconds
    clock.py          simulated time: faster than real time, or as fast as the answers come
    sampling.py       a meter's reading as SampledValues
    configuration.py  the configuration keys of the Core profile
    connector.py      a connector's state and meter, and the transaction that runs there
    link.py           dialling, and one WebSocket link: RpcPeer in the other role
    backlog.py        transaction-related messages: in order, repeated until they are answered
    session.py        one charge session, message by message
    answers.py        what is answered to the calls of the central system
    charge_point.py   ChargePoint: boots, charges, answers; one nursery each
    site.py           run_site: many of them, with a small site's day

A charge point knows no store and no registry: it can be pointed at any central system.
"""
