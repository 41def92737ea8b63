"""Routes about nodes: sites, what they are called, and by which clock their days begin."""

from __future__ import annotations

from litestar import Router, get, patch
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from solarocpp.registry import Node, NodeChange, Registry
from solarocpp.web.access import LOOKS_AT_STREAMS, Caller
from solarocpp.web.answers import NodeReceipt, NodeView, node_view


@get("/nodes", opt=LOOKS_AT_STREAMS, summary="Lists the nodes")
async def list_nodes(registry: NamedDependency[Registry], caller: NamedDependency[Caller]) -> list[NodeView]:
    """Lists the nodes, by number."""
    seen = caller.own_nodes(registry)
    return [_shown(registry, node) for node in registry.nodes(caller.managed) if node.node_id in seen]


@patch("/nodes/{number:int}", summary="Names a node, or sets its time zone")
async def set_node(
    number: FromPath[int],
    data: JSONBody[NodeChange],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
) -> NodeReceipt:
    """Names a node, or sets its time zone; null is UTC."""
    return NodeReceipt(node=_shown(registry, await registry.set_node(number, data, account_id=caller.managed)))


router = Router("/api", route_handlers=[list_nodes, set_node], tags=["management"])


def _shown(registry: Registry, node: Node) -> NodeView:
    chargers = registry.chargers(node.account_id)
    return node_view(node, sum(charger.node_id == node.node_id for charger in chargers))
