"""The I/O shell for chargers: with `simulator` the only importer of trio_websocket.

A connection goes down this list; the pure ones, in brackets, can be read and tested alone.

    listener     binds, accepts at a pace    (peers)
    opening      one connection to its request head: PROXY header, TLS    (request_head, hello, tls_failures)
    tls          the certificate that is shown, and the one a charger shows
    admission    who it is, whether it may    (proxies, handshake, url_profiles, basic, throttle)
    door         what is told of those that may not    (refusals)
    connection   one charger's link: OCPP around one RpcPeer; with journal and calls
    websocket    the WebSocket under it    (framing, deflate); streams: the bytes under that
    roster       who is connected; newest wins; `call` for everybody else; tally: counts of all links

It knows sockets, frames and deadlines; what a message means is `central_system`'s business.
"""

from solarocpp.gateway.admission import Gateway
from solarocpp.gateway.roster import LinkInfo, Roster
from solarocpp.gateway.services import Services

__all__ = ["Gateway", "LinkInfo", "Roster", "Services"]
