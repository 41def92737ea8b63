"""The rules of the layout, read from the source text: who may import whom, how long things are, what is banned.

A rule is a function from one module's syntax tree to complaints. Each is asked about every module of the
package, and each is shown a small text that breaks it, so that a rule which stops working is noticed too.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parent.parent / "solarocpp"

MOST_LINES = 400  # past it, a file has two ideas in it
MOST_FUNCTION_LINES = 50  # without its docstring: explaining is never what makes a function long

ANYTHING = frozenset({"*"})
PURE = frozenset({"msgspec"})


class Layer(NamedTuple):
    """A row of the import contract: packages of ours, and packages of others, that may be imported."""

    ours: frozenset[str]
    others: frozenset[str] = ANYTHING


# Everybody may import `errors` and `logs`; a package may import itself. A name stands for all below it.
CONTRACT = {
    "errors": Layer(frozenset(), frozenset()),
    "logs": Layer(frozenset(), frozenset({"structlog"})),
    "config": Layer(frozenset(), PURE),
    "ocpp": Layer(frozenset(), PURE),
    "metering": Layer(frozenset({"ocpp.datatypes"}), PURE),
    "store": Layer(frozenset({"metering", "ocpp.datatypes"})),
    "registry": Layer(frozenset({"store", "ocpp.datatypes"})),  # the identity types its entities carry
    "central_system": Layer(frozenset({"ocpp", "metering", "registry", "store"}), PURE),
    "certificates": Layer(frozenset(), frozenset({"msgspec", "cryptography"})),
    "gateway": Layer(frozenset({"ocpp", "central_system", "registry", "store", "config", "certificates"})),
    # It waits and writes, so it is no domain; it is handed the links, so it is no gateway. The command line queues with
    # it where nothing listens.
    "instructions": Layer(
        frozenset({"ocpp", "central_system", "registry", "store"}), frozenset({"msgspec", "trio", "structlog"})
    ),
    # httpx and pyarrow: `q.open` on a server asks over HTTP, and long answers are Arrow
    "query": Layer(
        frozenset({"store.schema", "store.stitching"}),
        frozenset({"duckdb", "msgspec", "numpy", "pytz", "httpx", "pyarrow"}),
    ),
    # What a limit or a profile means is the domain's, and a profile is OCPP's own shape.
    # central_system.configuration: whether a key is secret, and whether two values are the same
    # central_system.charger_keys: that what a charger logs in with is rotated, and not set
    "web": Layer(
        frozenset(
            {
                "query",
                "registry",
                "store",
                "central_system.instructions",
                "central_system.charging",
                "central_system.local_lists",
                "ocpp.datatypes",
                "central_system.configuration",
                "central_system.charger_keys",
                "config",
            }
        )
    ),
    # certificates: a charge point asks for one, keeps roots, and checks who signed its firmware
    "simulator": Layer(frozenset({"ocpp", "certificates"})),
    # Requests of chargers, the authority of the box, and instructions that hand over what comes of them.
    "signing": Layer(frozenset({"certificates", "ocpp", "registry", "store"}), frozenset({"structlog", "trio"})),
    "process": Layer(frozenset(), frozenset({"structlog", "trio"})),
    "supervision": Layer(frozenset({"store.histogram"}), frozenset({"trio"})),
    # Reads configurations after boots, and orders what differs: as `instructions`, it is handed the links.
    "configuring": Layer(
        frozenset({"ocpp", "central_system", "instructions", "registry", "store"}),
        frozenset({"msgspec", "structlog", "trio"}),
    ),
    # What `app` does with the tail of the ledger, for all of it; without a server, so without gateway and web.
    "rebuilding": Layer(frozenset({"central_system", "registry", "store"}), PURE),
    "app": Layer(ANYTHING),
    # A server and its chargers in one process, so what `app` may and the simulator, too; but no sockets.
    "staging": Layer(
        frozenset({"ocpp", "central_system", "registry", "store", "config", "simulator"}),
        frozenset({"msgspec", "trio"}),
    ),
    "cli": Layer(ANYTHING),
    "__main__": Layer(ANYTHING),
    "__init__": Layer(frozenset(), frozenset()),
}

# Libraries that only some packages may know, whatever their row says.
EXCLUSIVE = {
    "duckdb": frozenset({"store", "query"}),
    "trio_websocket": frozenset({"gateway", "simulator"}),
    "wsproto": frozenset({"gateway", "simulator"}),
    "litestar": frozenset({"web"}),
    "hypercorn": frozenset({"web"}),
    "prometheus_client": frozenset({"web"}),
    "cryptography": frozenset({"certificates"}),
}

BANNED_NAMES = frozenset({"utils", "helpers", "common", "base", "manager", "server", "types", "misc"})

CLOCKS = frozenset({"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"})
CLOCK_READERS = ("app.py", "cli/")  # the time is handed in everywhere else

SQL = re.compile(
    r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM"
    r"|(CREATE|ALTER|DROP)\s+(OR\s+REPLACE\s+)?(TEMP\s+)?(TABLE|VIEW|INDEX)|COPY\s.+\sTO|ATTACH\s+')",
    re.DOTALL,
)
SQL_WRITERS = ("store/", "query/")
SQL_SHOWN = {
    "cli/demo.py": "prints the question it answers, to be copied",
}
"""Files outside the writers that hold SQL text, each with the reason."""


@dataclass(frozen=True)
class Module:
    """One source file: its path below the package, and its tree."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return parsed(self.text)

    @property
    def name(self) -> str:
        """The dotted name below `solarocpp`: `ocpp.frames`, `app`, `ocpp` for its `__init__`."""
        parts = self.path.removesuffix(".py").split("/")
        return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)

    @property
    def layer(self) -> str:
        return self.name.partition(".")[0]


@cache
def parsed(text: str) -> ast.Module:
    return ast.parse(text)


def modules() -> list[Module]:
    files = sorted(PACKAGE.rglob("*.py"))
    return [Module(file.relative_to(PACKAGE).as_posix(), file.read_text()) for file in files]


def below(name: str, allowed: frozenset[str]) -> bool:
    return "*" in allowed or any(name == row or name.startswith(f"{row}.") for row in allowed)


def imports(module: Module) -> Iterator[tuple[int, str]]:
    """Every imported name in full, wherever it stands: `solarocpp.store.open_store`, `duckdb`."""
    inside = ["solarocpp", *module.path.split("/")[:-1]]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(inside[: len(inside) - node.level + 1]) + "." if node.level else ""
            origin = (start + (node.module or "")).strip(".")
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)


def breaks_the_import_contract(module: Module) -> Iterator[str]:
    row = CONTRACT.get(module.layer)
    if row is None:
        yield f"{module.layer} has no row in the import contract"
        return
    for line, name in imports(module):
        head, _, rest = name.partition(".")
        if head == "solarocpp":
            allowed = row.ours | {module.layer, "errors", "logs", "__version__"}
            if rest and not below(rest, allowed):
                yield f"{line}: {module.layer} may not import {name}"
        elif head not in sys.stdlib_module_names:
            if head in EXCLUSIVE and module.layer not in EXCLUSIVE[head]:
                yield f"{line}: only {' and '.join(sorted(EXCLUSIVE[head]))} may import {head}"
            elif not below(head, row.others):
                yield f"{line}: {module.layer} may not import {head}"


def is_too_long(module: Module) -> Iterator[str]:
    lines = module.text.count("\n")
    if lines > MOST_LINES:
        yield f"{lines} lines: more than {MOST_LINES}, so two ideas"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            documented = ast.get_docstring(node) is not None
            docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if documented else 0
            length = (node.end_lineno or node.lineno) - node.lineno + 1 - docstring
            if length > MOST_FUNCTION_LINES:
                yield f"{node.lineno}: {node.name} has {length} lines"


def lacks_a_docstring(module: Module) -> Iterator[str]:
    if ast.get_docstring(module.tree) is None:
        yield "1: the module has no docstring"
    yield from undocumented(module.tree)


def undocumented(parent: ast.Module | ast.ClassDef) -> Iterator[str]:
    for node in parent.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            stub = ast.unparse(node.body[-1]) == "..."  # an overload, or a Protocol's member: its class speaks for it
            if ast.get_docstring(node) is None and not stub:
                yield f"{node.lineno}: {node.name} has no docstring"
            if isinstance(node, ast.ClassDef):
                yield from undocumented(node)


def has_a_banned_name(module: Module) -> Iterator[str]:
    for part in module.path.removesuffix(".py").split("/"):
        if part in BANNED_NAMES:
            yield f"{part} says nothing: name the noun of the domain"


def reads_a_clock(module: Module) -> Iterator[str]:
    if module.path.startswith(CLOCK_READERS):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and ".".join(ast.unparse(node).split(".")[-2:]) in CLOCKS:
            yield f"{node.lineno}: {ast.unparse(node)}: the time is handed in"
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            names = sorted({alias.name for alias in node.names} & {"time", "time_ns"})
            yield from (f"{node.lineno}: from time import {name}: the time is handed in" for name in names)


def swallows_errors(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler):
            broad = node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"}
            idle = all(isinstance(line, ast.Pass) or ast.unparse(line) == "..." for line in node.body)
            if node.type is None or (broad and idle):
                yield f"{node.lineno}: an error is swallowed"
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            names = {ast.unparse(argument) for argument in node.args}
            if names & {"Exception", "BaseException"}:
                yield f"{node.lineno}: an error is swallowed"


def has_a_queue_without_end(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and "open_memory_channel" in ast.unparse(node.func):
            size = ast.unparse(node.args[0]) if node.args else "nothing"
            if "inf" in size:
                yield f"{node.lineno}: open_memory_channel({size}): a queue needs an end, and a policy when it is full"


def inserts_row_by_row(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr == "executemany":
            yield f"{node.lineno}: executemany is 11 times slower than one insert of many rows"


def speaks_sql(module: Module) -> Iterator[str]:
    if module.path.startswith(SQL_WRITERS) or module.path in SQL_SHOWN:
        return
    prose = {id(node.value) for node in ast.walk(module.tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            found = SQL.search(node.value)
            if found:
                yield f"{node.lineno}: SQL ({found.group().split()[0]} ...) belongs in store or query"


Rule = Callable[[Module], Iterator[str]]

LONG_FUNCTION = "def f():\n" + "    x = 1\n" * 50

# Every rule, with texts that break it (path, text). The same texts with the fault taken out are ALLOWED below.
RULES: dict[Rule, list[tuple[str, str]]] = {
    breaks_the_import_contract: [
        ("ocpp/frames.py", "import trio"),
        ("ocpp/frames.py", "def f():\n    from solarocpp.store import open_store"),
        ("ocpp/rpc.py", "from ..store import open_store"),
        ("metering/datums.py", "from solarocpp.ocpp.frames import Call"),
        ("store/writer.py", "import solarocpp.registry"),
        ("gateway/connection.py", "import duckdb"),
        ("cli/sql.py", "import duckdb"),
        ("web/routes.py", "from solarocpp import gateway"),
        ("web/routes.py", "import trio_websocket"),
        ("query/sessions.py", "from solarocpp.store.writer import Writer"),
        ("query/sessions.py", "import trio"),
        ("central_system/status.py", "import trio"),
        ("novelty.py", "import this"),
    ],
    is_too_long: [("ocpp/frames.py", "x = 1\n" * 401), ("ocpp/rpc.py", LONG_FUNCTION)],
    lacks_a_docstring: [
        ("app.py", "x = 1"),
        ("app.py", '"""App."""\ndef serve(): pass'),
        ("app.py", '"""App."""\nclass Server:\n    """S."""\n    async def run(self): pass'),
    ],
    has_a_banned_name: [("store/utils.py", ""), ("helpers/names.py", ""), ("web/server.py", "")],
    reads_a_clock: [
        ("store/writer.py", "import datetime\nx = datetime.datetime.now(datetime.UTC)"),
        ("ocpp/rpc.py", "import time\nx = time.time()"),
        ("ocpp/rpc.py", "from time import time"),
        ("web/routes.py", "from datetime import date\nx = date.today()"),
    ],
    swallows_errors: [
        ("app.py", "try:\n    x()\nexcept Exception:\n    pass"),
        ("app.py", "try:\n    x()\nexcept BaseException:\n    ..."),
        ("app.py", "try:\n    x()\nexcept:\n    y()"),
        ("app.py", "with contextlib.suppress(Exception):\n    x()"),
    ],
    has_a_queue_without_end: [
        ("app.py", "a, b = trio.open_memory_channel(math.inf)"),
        ("app.py", "a, b = trio.open_memory_channel[int](float('inf'))"),
    ],
    inserts_row_by_row: [("store/writer.py", "con.executemany('INSERT INTO t VALUES (?)', rows)")],
    speaks_sql: [
        ("web/routes.py", "x = 'SELECT sum(a)\\n FROM datum'"),
        ("registry/rules.py", "x = f'DELETE FROM {t}'"),
        ("cli/check.py", "con.execute('ALTER TABLE datum ADD COLUMN x DOUBLE')"),
    ],
}

ALLOWED: dict[Rule, list[tuple[str, str]]] = {
    breaks_the_import_contract: [
        ("ocpp/rpc.py", "import hashlib\nimport msgspec\nfrom .frames import Call\nfrom solarocpp.errors import X"),
        ("metering/datums.py", "from solarocpp.ocpp.datatypes import SampledValue"),
        ("gateway/connection.py", "import trio_websocket\nfrom solarocpp.logs import EVENTS"),
        ("web/routes.py", "from solarocpp.central_system.instructions import Instruction"),
        ("query/sessions.py", "import duckdb\nfrom solarocpp.store import schema"),
        ("cli/serve.py", "from solarocpp import __version__\nfrom solarocpp.gateway import roster"),
    ],
    is_too_long: [
        ("ocpp/frames.py", "x = 1\n" * 400),
        ("app.py", 'def f():\n    """A.\n' + "\n" * 60 + '    """\n'),
    ],
    lacks_a_docstring: [
        ("app.py", '"""App."""\ndef _hidden(): pass\nclass _Row:\n    def f(self): pass'),
        ("app.py", '"""App."""\nclass Session(Protocol):\n    """S."""\n    def token(self): ...'),
    ],
    has_a_banned_name: [("store/writer.py", "")],
    reads_a_clock: [
        ("app.py", "x = datetime.now(UTC)"),
        ("cli/serve.py", "x = time.time()"),
        ("gateway/roster.py", "import time\nx = trio.current_time()\ny = time.perf_counter()\nz = time.monotonic()"),
    ],
    swallows_errors: [("app.py", "try:\n    x()\nexcept KeyError:\n    pass\nexcept Exception as e:\n    log(e)")],
    has_a_queue_without_end: [("app.py", "a, b = trio.open_memory_channel(64)")],
    inserts_row_by_row: [("store/writer.py", "con.execute('INSERT INTO t SELECT 1')")],
    speaks_sql: [
        ("store/writer.py", "x = 'INSERT INTO t SELECT 1'"),
        ("cli/sql.py", '"""Example: SELECT * FROM datum."""\nx = "Select one from the list"'),
    ],
}

BREAKING = [(rule, *text) for rule, texts in RULES.items() for text in texts]
KEEPING = [(rule, *text) for rule, texts in ALLOWED.items() for text in texts]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_module(rule: Rule) -> None:
    complaints = [f"{module.path}:{complaint}" for module in modules() for complaint in rule(module)]
    assert complaints == []


@pytest.mark.parametrize(("rule", "path", "text"), BREAKING)
def test_a_rule_sees_what_breaks_it(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Module(path, text))) != []


@pytest.mark.parametrize(("rule", "path", "text"), KEEPING)
def test_a_rule_leaves_what_keeps_it(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Module(path, text))) == []


def test_the_layout_is_the_one_the_contract_describes() -> None:
    """A row nobody uses is a rule nobody reads."""
    missing = set(CONTRACT) - {module.layer for module in modules()} - {"__init__"}
    assert missing == set()


def test_exemptions_are_needed() -> None:
    """An exemption that outlives its reason would hide the next case."""
    shown = [module.path for module in modules() if module.path in SQL_SHOWN and SQL.search(module.text)]
    assert sorted(shown) == sorted(SQL_SHOWN)
