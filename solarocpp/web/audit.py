"""Who changed what: every change that came through the API, and so by the command line, leaves an event.

It is not for a route to remember: whatever is answered with a success and is no plain look (GET, or a route
that read-only tokens may use) is written down when its answer begins, durably, with who asked. The body of a
request is not: passwords are in it. Answers that know what they are about say so (`Answer.about`).
"""

from __future__ import annotations

from typing import Any, Final

import structlog
from litestar import Litestar, Request, Response
from litestar.types import ASGIApp, Message, Scope

from solarocpp.errors import StoreError
from solarocpp.store import Store
from solarocpp.store.effects import EventHappened
from solarocpp.store.events import insert_events
from solarocpp.web.access import HEEDS, caller_of, needs_whole_box
from solarocpp.web.answers import Answer

EVENT: Final = "change_made"
_ABOUT: Final = "about"
_LOOKING: Final = frozenset({"GET", "HEAD", "OPTIONS"})

log = structlog.get_logger()


class AuditedResponse(Response[Any]):
    """Notes what an answer is about, while it is not yet bytes."""

    def to_asgi_response(  # type: ignore[override]  # its other arguments are passed on
        self, app: Litestar | None, request: Request[Any, Any, Any], **rest: Any
    ) -> ASGIApp:
        """Is called by Litestar to have something that sends."""
        about = self.content.about() if isinstance(self.content, Answer) else ""
        if about:
            request.scope["state"].setdefault(_ABOUT, about)
        return super().to_asgi_response(app, request, **rest)


async def write_down_change(message: Message, scope: Scope) -> None:
    """Is called by Litestar before anything is sent; writes the event of a change that succeeded."""
    method = str(scope.get("method"))
    if message["type"] != "http.response.start" or message["status"] >= 300 or method in _LOOKING:
        return
    handler: Any = scope.get("route_handler")
    caller = caller_of(scope)
    if handler is None or caller is None or "readOnly" in handler.opt.get(HEEDS, ()):
        return
    store: Store = scope["litestar_app"].state["store"]
    about = scope["state"].get(_ABOUT, "")
    event = EventHappened(
        scope["litestar_app"].state["clock"](),
        EVENT,
        None,
        f"{handler.summary or handler.handler_name}{': ' if about else ''}{about}, by {caller.who}",
        {"who": caller.who, "method": method, "path": scope["path"], "about": about or None},
        None if needs_whole_box in (handler.guards or ()) else caller.managed,
    )
    try:
        await store.write(lambda con: insert_events(con, [event]))
    except StoreError as exc:  # the change itself is made, and its answer must say so
        log.error("change_unrecorded", who=caller.who, method=method, path=scope["path"], reason=str(exc))  # noqa: TRY400
