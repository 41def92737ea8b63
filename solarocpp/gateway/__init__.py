"""The I/O shell for chargers: with `simulator` the only importer of trio_websocket.

    listener    binds, accepts, TLS; reads the request head, bounded
    handshake   pure: request head -> Admitted | Refused
    connection  one charger's link: reader, sender and timer around one RpcPeer
    streams     the byte stream under a link; with framing the lean receive path
    roster      who is connected; newest wins; `call` for everybody else

It knows sockets, frames and deadlines; what a message means is `central_system`'s business.
"""

from solarocpp.gateway.admission import Gateway
from solarocpp.gateway.roster import LinkInfo, Roster
from solarocpp.gateway.services import Services

__all__ = ["Gateway", "LinkInfo", "Roster", "Services"]
