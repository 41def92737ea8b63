"""The HTTP API: everything the command line can do, for programs and for remote hands.

    request -> gate (whose token) -> a route in management, accounts or questions -> registry, store, query
            <- answers (structs), and an event of a change (audit)    <- or failures: {"error", "kind"}

The command line speaks it too, in process when no server runs, so there is one place of logic for
both. This package refuses to know the gateway: what it shows of links it is handed. A route asks
`caller` whose things are meant; a test asks every route with another account's token.

    management  what is registered      gate      who asks: tokens, and signatures (snws2)
                                        pace      how often
    accounts    accounts and tokens     access    what they may ask, and about whose things
                                        audit     who changed what
                                        serving   the socket
                                        origins   whose pages may ask
    questions   what was measured       quack     the socket DuckDB clients attach to
    sql         whatever is asked       failures  what went wrong
    resets      meter changes
    instructions  what chargers are told  desk    telling them, and waiting for what they say
    limits      how much they may take  schedules what that makes, by us and by them
    profiles    charging profiles       reservations  connectors that wait for somebody
    configuration  what chargers are set to
    charger_keys   what they log in with
    local_lists  whom chargers let charge by themselves
    health      findings                answers   what is shown
    vitals      /healthz                metrics   /metrics
    stream      live events             happenings, telling   what is in them, and who reads
    files       exports, snapshots      lines     how far long work is
    transfers   files of chargers       transferring   their state
    file_orders what makes them come and go
    solaruser, solarquery: SolarNetwork's APIs
                                        envelopes its form of an answer, and ours
                                        schema    all that, described

`file_exchange` is an app of its own, on a listener that chargers reach: one-time URLs and nothing else.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig

from solarocpp.registry import Registry
from solarocpp.store import Store
from solarocpp.web import (
    accounts,
    charger_keys,
    configuration,
    file_orders,
    files,
    health,
    instructions,
    limits,
    local_lists,
    management,
    metrics,
    nodes,
    profiles,
    questions,
    reservations,
    resets,
    solarquery,
    solaruser,
    sql,
    stream,
    transfers,
    vitals,
)
from solarocpp.web.access import LOOKS_AT_STREAMS, needs_heeded_limits, open_to_this_process, provide_caller
from solarocpp.web.audit import AuditedResponse, write_down_change
from solarocpp.web.desk import provide_desk
from solarocpp.web.envelopes import vary_by_accept
from solarocpp.web.failures import RequestOfAnybody, answer_failure
from solarocpp.web.file_exchange import serve_files
from solarocpp.web.gate import MAX_BODY_BYTES
from solarocpp.web.happenings import Hub
from solarocpp.web.instructions import Queue
from solarocpp.web.lines import Turn
from solarocpp.web.local_lists import Lists, NobodyKeepsLists
from solarocpp.web.management import Connected
from solarocpp.web.metrics import Measured
from solarocpp.web.quack import serve_quack
from solarocpp.web.questions import Link
from solarocpp.web.schema import ToldSchema
from solarocpp.web.serving import serve
from solarocpp.web.solaruser.sessions import EndSession
from solarocpp.web.transfer_retention import run_transfer_retention
from solarocpp.web.transferring import Transferring

__all__ = [
    "Measured",
    "make_app",
    "open_to_this_process",
    "run_transfer_retention",
    "serve",
    "serve_files",
    "serve_quack",
]


# Every route; what each answers to the tokens of others is in tests/web/decisions.py.
ROUTES: Final[list[Any]] = [
    management.router,
    accounts.router,
    questions.router,
    stream.router,
    sql.router,
    files.router,
    resets.router,
    instructions.router,
    configuration.router,
    charger_keys.router,
    limits.router,
    local_lists.router,
    profiles.router,
    reservations.router,
    nodes.router,
    transfers.router,
    file_orders.router,
    health.router,
    vitals.show_health,
    metrics.show_metrics,
    solaruser.router,
    solarquery.router,
]


def make_app(  # noqa: PLR0913 one argument a part of a server
    registry: Registry,
    store: Store,
    *,
    clock: Callable[[], datetime],
    queue: Queue,
    links: Callable[[], Sequence[Link]] | None = None,
    connected: Callable[[], Connected] | None = None,
    measured: Measured | None = None,
    lists: Lists | None = None,
    end_session: EndSession = None,
    hub: Hub | None = None,
    looks: vitals.Vitals | None = None,
) -> Litestar:
    """Makes the API of a running store.

    Where something listens for chargers, `links` lists who is connected and `connected` gives their numbers alone,
    `measured` is what `/metrics` shows of it, what is put into `queue` is delivered, `lists` keeps local lists as they
    should be, and `end_session` ends a session in the memory of those who answer them. Without `hub` and `looks` these
    have the usual limits.
    """
    transferring = Transferring(store, clock)

    return Litestar(
        ROUTES,
        dependencies={
            "registry": Provide(_constant(registry)),
            "store": Provide(_constant(store)),
            "clock": Provide(_constant(clock)),
            "links": Provide(_constant(links)),
            "hub": Provide(_constant(hub or Hub(store, secrets.token_hex(4)))),
            "vitals": Provide(_constant(looks or vitals.Vitals(store))),
            "metrics": Provide(_constant(metrics.make_metrics(registry, store, queue, measured))),
            "ending": Provide(_constant(end_session)),
            "connected": Provide(_asking(connected)),
            "instructions": Provide(_constant(queue)),
            "delivered": Provide(_constant(links is not None)),
            "exporting": Provide(_constant(Turn("An export"))),
            "snapshotting": Provide(_constant(Turn("A snapshot"))),
            "caller": Provide(provide_caller),
            "transferring": Provide(_constant(transferring)),
            "desk": Provide(provide_desk),
            "lists": Provide(_constant(lists or NobodyKeepsLists())),
        },
        guards=[needs_heeded_limits],
        request_class=RequestOfAnybody,
        response_class=AuditedResponse,
        before_send=[write_down_change, vary_by_accept],
        exception_handlers={Exception: answer_failure, HTTPException: answer_failure},
        openapi_config=_described(),
        # For the gate, which stands in front of all this, for the audit, and for whoever serves files beside it.
        state=State({"registry": registry, "store": store, "clock": clock, "transferring": transferring}),
        logging_config=None,  # litestar would set up the standard library's logging; ours is structlog
        request_max_body_size=MAX_BODY_BYTES,
    )


def _described() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="solarocpp",
        version="1",
        tags=[solaruser.TAG, solarquery.TAG],
        path="/schema",
        render_plugins=[ToldSchema(path=["/", "/openapi.json"])],
        openapi_router=Router("/schema", route_handlers=[], opt=LOOKS_AT_STREAMS, include_in_schema=False),
    )


def _asking(ask: Callable[[], Connected] | None) -> Callable[[], Any]:
    async def provide() -> Connected:
        return None if ask is None else ask()

    return provide


def _constant(value: Any) -> Callable[[], Any]:
    async def provide() -> Any:
        return value

    return provide
