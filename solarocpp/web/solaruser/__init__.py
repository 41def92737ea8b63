"""SolarNetwork's management API of OCPP (SolarUser): its paths, fields, envelopes and codes, on this registry.

    authorizations  id tags            settings   what an account decides
    chargers        and their status   sessions   and ending them
    connectors      and their status   events     what happened
    credentials     usernames                instructions  what chargers are told
                                             wanted, orders  ... read, and taken in

    entities   what is taken and shown        criteria  filters, pages, orders
    views      ... made of the registry's     faults    what is wrong, and its code
    forms      JSON, CBOR, CSV

What its own documentation calls a fault or leaves open is mended, and said where it differs: in the
description of each route, which the schema shows.
"""

from __future__ import annotations

from typing import Final

from litestar import Router
from litestar.openapi.spec import Tag

from solarocpp.web.solaruser import (
    authorizations,
    chargers,
    connectors,
    credentials,
    events,
    instructions,
    sessions,
    settings,
)

BASE: Final = "/solaruser/api/v1/sec"

TAG: Final = Tag(
    name="SolarUser",
    description="""SolarNetwork's management API of OCPP. What differs from SolarNetwork's own:

- A change acts at once: nothing is cached for 15 minutes.
- A charger that is disabled or not registered never connects, whatever `allowedChargePoints` says, and no credential
  is without a password.
- The `identifier` of a status filter is the charger's identity, not the id of its session.
- Action status has its `evseId`; it is 0 everywhere, since OCPP 1.6 has no other.
- A session has no `endReason` while it runs. A start that was refused is no session. There is no `posted`.
- Sessions are told with `totalResults`, and `startingOffset` is the one that was asked for.
- The identity of a charger, the token of an id tag and a username cannot be changed; `registrationStatus` is never
  Unknown.
- `publishToSolarIn` and `sourceIdTemplate` of the account apply to chargers without settings of their own;
  `publishToSolarFlux` is always false, since there is no SolarFlux here.
- An instruction is for a charger: its topic is OCPP_v16, its node that of the charger. It reaches the charger in the
  types of OCPP, and ends in every case, also if the link or the server does while it is executed. Its parameters are
  told in one form. A program can take back what was not sent yet, and say nothing else of its state.
- Answers are JSON; those of the two status lists also CBOR or CSV, by `Accept`.
- A page has 1,000 rows at most.""",
)

router = Router(
    BASE,
    route_handlers=[
        instructions.router,
        Router(
            "/user/ocpp",
            route_handlers=[
                *authorizations.ROUTES,
                *chargers.ROUTES,
                *connectors.ROUTES,
                *credentials.ROUTES,
                *sessions.ROUTES,
                *settings.ROUTES,
            ],
        ),
        Router("/user", route_handlers=events.ROUTES),
    ],
    tags=["SolarUser"],
)
