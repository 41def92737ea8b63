"""SolarNetwork's management API of OCPP (SolarUser): its paths, fields, envelopes and codes, on this registry.

    authorizations  id tags            settings   what an account decides
    chargers        and their status   sessions   and ending them
    connectors      and their status   events     what happened
    credentials     usernames

    entities   what is taken and shown        criteria  filters, pages, orders
    views      ... made of the registry's     faults    what is wrong, and its code

What its own documentation calls a fault or leaves open is mended, and said where it differs: in the
description of each route, which the schema shows.
"""

from __future__ import annotations

from litestar import Router

from solarocpp.web.solaruser import authorizations, chargers, connectors, credentials, events, sessions, settings

BASE = "/solaruser/api/v1/sec/user"

router = Router(
    BASE,
    route_handlers=[
        Router(
            "/ocpp",
            route_handlers=[
                *authorizations.ROUTES,
                *chargers.ROUTES,
                *connectors.ROUTES,
                *credentials.ROUTES,
                *sessions.ROUTES,
                *settings.ROUTES,
            ],
        ),
        *events.ROUTES,
    ],
    tags=["SolarUser"],
)
