"""`GET /api/events/stream`: what happens, as server-sent events, from now on or from where a reader was.

    id: 4f1c09ab-7
    event: datum
    data: {"charger":"CP001","nodeId":1,"sourceId":"/ocpp/cp/CP001/1/Outlet", ...}

`event: lost` comes where some are missing: `{"lost": N}` were dropped because the reader was slow, `{"lost": null}` is
for a place that is not known any more; then the tables have what was missed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import partial
from typing import Annotated, Any, Final, cast

import msgspec
import trio
from litestar import Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.exceptions import ServiceUnavailableException, ValidationException
from litestar.params import QueryParameter
from litestar.response.sse import ServerSentEventMessage
from litestar.types import ASGIApp, Receive, Scope, Send

from solarocpp.web.access import LOOKS, Caller, still_allowed
from solarocpp.web.happenings import KINDS, Hub, Kind, Reader, TooManyReaders, Wish

MEDIA_TYPE: Final = "text/event-stream"
# What browsers wait before they come again, unless they are told.
RETRY_MS: Final = 3000


@get(
    "/events/stream",
    opt=LOOKS,
    summary="What happens, while it happens",
    media_type=MEDIA_TYPE,
    tags=["questions"],
    raises=[ServiceUnavailableException],
)
async def stream_events(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    caller: NamedDependency[Caller],
    *,
    kinds: Annotated[str | None, QueryParameter()] = None,
    charger: Annotated[str | None, QueryParameter()] = None,
) -> Response[bytes]:
    """Sends messages, datums, status, sessions, links, instructions and other events as they are committed.

    `kinds` is a comma list of message, datum, status, session, link, event, instruction; all without it. With the
    header `Last-Event-ID` it goes on behind that event, as far back as is kept. A reader that is too slow loses its
    oldest, and gets `event: lost` with how many; null where nobody has counted, since the server started again or does
    not go back so far. At most 64 readers, 16 of an account; 503 beyond.
    """
    wish = Wish(_chosen(kinds), charger, caller.account_id)
    return _Live(hub, wish, request.headers.get("last-event-id"), partial(still_allowed, request.scope))


def _chosen(kinds: str | None) -> frozenset[Kind]:
    named = [name.strip() for name in (kinds or "").split(",") if name.strip()] or KINDS
    for name in named:
        if name not in KINDS:
            near = get_close_matches(name, KINDS, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(KINDS)}."
            raise ValidationException(f"kinds: There is no {name!r}. {hint}")
    return frozenset(cast("Sequence[Kind]", named))


class _Live(Response[bytes]):
    """An answer that goes on until the reader leaves."""

    def __init__(self, hub: Hub, wish: Wish, after: str | None, allowed: Callable[[], bool]) -> None:
        super().__init__(b"", media_type=MEDIA_TYPE)
        self._hub = hub
        self._wish = wish
        self._after = after
        self._allowed = allowed

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIApp:  # type: ignore[override]  # any ASGI app will do
        """Is called by Litestar to have something that sends."""
        return self._send

    async def _send(self, _scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._hub.reading(self._wish, self._after) as (reader, whole):
                # So that a reader to whom nothing has happened knows where it was. What waits has places of its own.
                place = None if reader.waiting else self._hub.now_id
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_cancel_when_gone, receive, nursery.cancel_scope)
                    await _begin(send, place, whole=whole)
                    await self._tell(send, reader)
                    nursery.cancel_scope.cancel()
        except TooManyReaders as exc:
            raise ServiceUnavailableException(str(exc), headers={"Retry-After": "10"}) from exc

    async def _tell(self, send: Send, reader: Reader) -> None:
        """Sends what there is for as long as the reader may see it."""
        while True:
            body = b": all is quiet\n\n"
            with trio.move_on_after(self._hub.quiet_s):
                lost, happenings = await reader.take()
                body = b"".join((_lost(lost) if lost else b"", *(each.write() for each in happenings)))
            if not self._allowed():
                break
            # Who takes nothing any more is cut by `serving`, which ends this from outside.
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _begin(send: Send, place: str | None, *, whole: bool) -> None:
    # no-transform, and nginx's own header: what is held back to be compressed or buffered is not live.
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"cache-control", b"no-store, no-transform"),
        (b"x-accel-buffering", b"no"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    first = ServerSentEventMessage(None, id=place, retry=RETRY_MS, sep="\n").encode()
    if not whole:
        first += _lost(None)
    await send({"type": "http.response.body", "body": first, "more_body": True})


def _lost(number: int | None) -> bytes:
    return ServerSentEventMessage(msgspec.json.encode({"lost": number}), "lost", sep="\n").encode()


async def _cancel_when_gone(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


router = Router("/api", route_handlers=[stream_events])
