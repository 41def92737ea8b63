"""`POST /api/sql`: one read-only statement, answered as the request's `Accept` says.

    application/json                      {"columns", "types", "rows", "cut"}; at most 100,000 rows
    text/csv                              names, then rows, as long as it takes
    application/vnd.apache.arrow.stream   the same for programs; needs pyarrow on the server

The long forms are sent while the query runs, and never held as a whole. A client that leaves ends its
query, in each form. What goes wrong before the first
rows is told in words, with a status; later there is no place for words any more, so the connection is
cut: HTTP lets a client notice that (the last chunk is missing), and ours and everybody's do.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Annotated, Any, Final, NamedTuple, Protocol

import msgspec
import structlog
import trio
from litestar import Request, Response, Router, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody
from litestar.types import ASGIApp, Receive, Scope, Send

import solarocpp.query as q
from solarocpp.errors import SolarOcppError
from solarocpp.store import Store
from solarocpp.store.registry import Connection
from solarocpp.store.streaming import read_stream
from solarocpp.web.access import LOOKS, needs_whole_box
from solarocpp.web.questions import DEFAULT_LIMIT, ENCODER, MAX_LIMIT, Rows

# A question somebody waits for at a screen; what takes longer wants a narrower one.
DEFAULT_TIMEOUT_S: Final = 30.0
# A year's export over a slow line. As long as a query runs, DuckDB cannot shorten its log: at a thousand
# chargers it grows by 0.2 GB in that time.
MAX_TIMEOUT_S: Final = 600.0

JSON: Final = "application/json"
CSV: Final = "text/csv"
ARROW: Final = "application/vnd.apache.arrow.stream"

TYPES_HEADER: Final = b"solarocpp-types"
"""Tells the SQL types of the columns of a streamed answer, as a JSON list; CSV has no word for them."""

log = structlog.get_logger()


class Stream(Protocol):
    """Answers a statement: first what its columns are, then the bytes of the answer."""

    def __call__(
        self, con: Connection, text: str, parameters: q.Parameters = (), *, limit: int | None = None
    ) -> Iterator[q.Piece]:
        """Answers piece by piece."""


class SqlQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One read-only SQL statement."""

    query: str
    parameters: list[Any] | dict[str, Any] = msgspec.field(default_factory=list)
    """Values for `?` and `$1` as a list, for `$name` as an object."""
    limit: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Most rows. None: 1000 as JSON, which has at most 100000; all of them in the streamed forms."""
    timeout: Annotated[float, msgspec.Meta(gt=0, le=MAX_TIMEOUT_S)] | None = None
    """Most seconds. None: 30 as JSON; 600, which is the most, in the streamed forms."""


class SqlRows(Rows, frozen=True):
    """A table as an answer, with the SQL types of its columns."""

    types: tuple[str, ...]


def _answer_json(
    con: Connection, text: str, parameters: q.Parameters = (), *, limit: int | None = None
) -> Iterator[q.Piece]:
    answer = q.answer_sql(con, text, parameters, limit=limit)
    yield q.Columns(answer.columns, answer.types)
    yield ENCODER.encode(SqlRows(answer.columns, answer.rows, answer.truncated, answer.types))


class _Form(NamedTuple):
    answer: Stream
    timeout_s: float
    """If the question names none."""
    limit: int | None
    """If the question names none; None: all rows."""
    most: int | None
    """The largest limit; None: there is none."""


_FORMS: Final[dict[str, _Form]] = {
    JSON: _Form(_answer_json, DEFAULT_TIMEOUT_S, DEFAULT_LIMIT, MAX_LIMIT),
    CSV: _Form(q.stream_csv, MAX_TIMEOUT_S, None, None),
    ARROW: _Form(q.stream_arrow, MAX_TIMEOUT_S, None, None),
}


@post(
    "/sql",
    opt=LOOKS,
    summary="One read-only SQL statement",
    status_code=200,
    guards=[needs_whole_box],
    responses={200: ResponseSpec(SqlRows, generate_examples=False, description="Rows; or CSV, or an Arrow stream.")},
)
async def answer_question(
    request: Request[Any, Any, Any], data: JSONBody[SqlQuestion], store: NamedDependency[Store]
) -> Response[bytes]:
    """Runs one read-only SQL statement; 408 if it takes longer than it may. As JSON, CSV or Arrow, by `Accept`."""
    media_type = _choose_form(request)
    most = _FORMS[media_type].most
    if most is not None and data.limit is not None and data.limit > most:
        raise ValidationException(f"limit: At most {most} rows as JSON; {CSV} and {ARROW} have no limit.")
    return _Streamed(store, data, media_type)


def _choose_form(request: Request[Any, Any, Any]) -> str:
    """Picks what the client likes best; JSON, if it does not say.

    Raises:
        ClientException: 406, it takes nothing that we make.
    """
    arrow = find_spec("pyarrow") is not None
    forms = [form for form in _FORMS if form != ARROW or arrow]
    form = request.accept.best_match(forms)
    if form is None:
        missing = "" if arrow else f" For {ARROW}, install pyarrow beside the server: pip install 'solarocpp[arrow]'."
        asked = request.headers.get("accept")
        raise ClientException(f"There is no {asked} here, only {', '.join(forms)}.{missing}", status_code=406)
    return form


class _Streamed(Response[bytes]):
    """An answer that is sent while it is made, and ended when nobody is there any more to read it."""

    def __init__(self, store: Store, question: SqlQuestion, media_type: str) -> None:
        super().__init__(b"", media_type=media_type)
        form = _FORMS[media_type]
        self._store = store
        self._ask = partial(
            form.answer, text=question.query, parameters=question.parameters, limit=question.limit or form.limit
        )
        self._form = media_type
        self._limit_s = question.timeout or form.timeout_s

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIApp:  # type: ignore[override]  # any ASGI app will do
        """Is called by Litestar to have something that sends."""
        return self._send

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def take(piece: q.Piece) -> None:
            nonlocal begun
            if isinstance(piece, q.Columns):
                headers = [(b"content-type", self._form.encode()), (TYPES_HEADER, _ascii(piece.types))]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                begun = True
            else:
                await send({"type": "http.response.body", "body": piece, "more_body": True})

        outcome: list[SolarOcppError | None] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_heed_disconnection, receive, nursery.cancel_scope)
            outcome.append(await self._answer(take))
            nursery.cancel_scope.cancel()
        match outcome:
            case [None]:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            case [SolarOcppError() as failure]:
                if begun:
                    log.warning("answer_cut", path=scope["path"], reason=str(failure))
                raise failure
            case _:  # nobody is there to hear of it
                pass

    async def _answer(self, take: Callable[[q.Piece], Awaitable[None]]) -> SolarOcppError | None:
        try:
            await read_stream(self._store.read, self._ask, take, limit_s=self._limit_s)
        except SolarOcppError as exc:
            return exc
        return None


async def _heed_disconnection(receive: Receive, scope: trio.CancelScope) -> None:
    """Ends the query when nobody is there any more to read its answer."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _ascii(types: tuple[str, ...]) -> bytes:
    return json.dumps(types).encode()


router = Router("/api", route_handlers=[answer_question], tags=["questions"])
