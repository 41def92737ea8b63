"""`solarocpp sql`: one read-only statement, with the same guard, limits and forms as `POST /api/sql`."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import Parameter

from solarocpp.cli.client import reach_api
from solarocpp.cli.options import HERE, Where
from solarocpp.cli.questions import DEFAULT_LIMIT, print_answer
from solarocpp.errors import WrongUsage

# What is handed on as it comes: the server writes it, and nobody holds it as a whole.
_STREAMED = {"csv": "text/csv", "arrow": "application/vnd.apache.arrow.stream"}

_NAMED = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


async def sql(  # noqa: PLR0913 one argument an option
    query: Annotated[
        str, Parameter(name="QUERY", allow_leading_hyphen=True, help="The statement; - reads it from standard input.")
    ],
    /,
    *,
    param: Annotated[
        list[str] | None,
        Parameter(
            allow_leading_hyphen=True,
            negative="",
            help="NAME=VALUE for $NAME, or VALUE for the next ?; numbers, true, false, null and JSON as such.",
        ),
    ] = None,
    limit: Annotated[int | None, Parameter(help="Most rows. Default: 1000; all of them as csv and arrow.")] = None,
    timeout: Annotated[  # noqa: ASYNC109 the server counts it
        float | None, Parameter(help="Most seconds. Default: 30; 600, the most there is, as csv and arrow.")
    ] = None,
    format: Annotated[  # noqa: A002 the option is called so
        Literal["table", "json", "csv", "arrow"],
        Parameter(help="table, json (a list of objects), csv, or arrow (an IPC stream, for a pipe or a file)."),
    ] = "table",
    where: Where = HERE,
) -> None:
    """Runs one read-only SQL statement; SHOW TABLES tells what there is."""
    streamed = format in _STREAMED
    question: dict[str, object] = {
        "query": sys.stdin.read() if query == "-" else query,
        "parameters": read_parameters(param or ()),
        "limit": limit if streamed or limit is not None else DEFAULT_LIMIT,
        "timeout": timeout,
    }
    if format == "arrow" and sys.stdout.isatty():
        raise WrongUsage("An Arrow stream is nothing to look at; send it to a file or a pipe: --format arrow > x.arrow")
    async with reach_api(where) as api:
        if format == "table" or format == "json":  # noqa: PLR1714 so that mypy understands
            answer = await api.post("sql", body=question, timeout_s=timeout)
            print_answer(answer, format, DEFAULT_LIMIT if limit is None else limit, nothing="No row.")
            return
        async with api.stream("sql", body=question, accept=_STREAMED[format]) as pieces:
            async for piece in pieces:
                if not _handed_on(piece):
                    return


def _handed_on(piece: bytes) -> bool:
    """Writes; False once whoever read us has seen enough (`| head`)."""
    try:
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        return False
    return True


def read_parameters(given: Sequence[str]) -> list[Any] | dict[str, Any]:
    """Reads `NAME=VALUE`s to an object, or values by place to a list.

    Raises:
        WrongUsage: they are of both kinds, or a name comes twice.
    """
    named = [found.groups() for text in given if (found := _NAMED.fullmatch(text))]
    if not named:
        return [_value(text) for text in given]
    if len(named) < len(given):
        raise WrongUsage("--param: either NAME=VALUE for each, or values by place for all.")
    names = [name for name, _ in named]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise WrongUsage(f"--param {twice}=... is given twice.")
    return {name: _value(text) for name, text in named}


def _value(text: str) -> Any:
    """A number, true, false, null or JSON where it is one; what is no JSON is text, so `007` stays what it is."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
