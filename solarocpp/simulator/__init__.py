"""Charge points that behave, to demonstrate, test and measure with.

From the cable up to the socket; each file needs only those above it:

    charging.py      a car, its charging curve, a day's visits: pure functions of seconds
    clock.py         simulated time: faster than real time, or as fast as the answers come
    link.py          one WebSocket link: RpcPeer in the other role, over trio-websocket
    backlog.py       transaction-related messages: in order, repeated until they are answered
    configuration.py the configuration keys of the Core profile
    charge_point.py  ChargePoint: boots, charges, answers; one nursery each
    site.py          run_site: many of them, with a small site's day

A charge point knows no store and no registry: it can be pointed at any central system.
"""
