"""The command line: one module a noun; parse, ask the API, print. No logic of its own.

Commands are registered by import path, so that `--help` loads none of them. Whatever goes wrong ends
here: one line on stderr that says what to do, exit code 1; wrong usage is exit code 2.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from cyclopts import App, CycloptsError

from solarocpp import __version__
from solarocpp.cli.options import SERVING_COMMANDS, OptionSources, option_keys, take_config_option
from solarocpp.errors import ConfigError, RequestRefused, SolarOcppError, WrongUsage


class Command(NamedTuple):
    """A row of the command table: where it is, what it does, and an example that works."""

    target: str
    help: str
    example: str = ""
    """Of the command itself; a noun has its own, and one for each of its verbs."""
    more: str = ""
    """What its own page says besides."""


COMMANDS: Final[Mapping[str, Command]] = {
    "serve": Command("solarocpp.cli.serve:serve", "Runs the server.", "serve --data data"),
    "demo": Command(
        "solarocpp.cli.demo:demo",
        "Runs a server with simulated chargers on a throw-away store.",
        "demo --speed 60 --seconds 60",
    ),
    "simulate": Command(
        "solarocpp.cli.simulate:simulate",
        "Simulates chargers, or the past of a whole site.",
        "simulate ws://127.0.0.1:9000/ocpp/j/v16 --chargers 3 --prefix CP",
        "With --into DIR there is no server: DIR becomes the data directory that one would have left, like this: "
        "solarocpp simulate --into site --days 365 --chargers 20. At most half of the chargers, the last ones, are "
        "faulty as chargers in the field are; what is wrong with each is said at the end.",
    ),
    "tls": Command("solarocpp.cli.tls:app", "Makes certificates, and shows what chargers meet."),
    "charger": Command("solarocpp.cli.charger:app", "Registers chargers."),
    "credential": Command("solarocpp.cli.credential:app", "Makes user names and passwords for chargers."),
    "authorization": Command("solarocpp.cli.authorization:app", "Says which id tags may charge."),
    "settings": Command("solarocpp.cli.settings:app", "Names streams, and says what is published and who may come."),
    "reset": Command("solarocpp.cli.reset:app", "Says when a meter was changed, where no rule can know it."),
    "limit": Command(
        "solarocpp.cli.limit:limit",
        "Limits how much a charger may take.",
        "limit CP001 16A --until 18:00",
        "The charger gets a charging profile; if it refuses, others that mean the same. Then it is asked what it "
        "keeps to: exit code 1 if that is something else. `solarocpp limit CP001 off` takes the limit away.",
    ),
    "profile": Command("solarocpp.cli.profile:app", "Keeps charging profiles, and sets them on connectors."),
    "reserve": Command(
        "solarocpp.cli.reservation:reserve",
        "Has a connector wait for an id tag.",
        "reserve CP001 1 04A2B3C4 --until 18:00",
    ),
    "reservations": Command("solarocpp.cli.reservation:app", "Shows which connectors wait for whom, and cancels that."),
    "locallist": Command(
        "solarocpp.cli.locallist:app",
        "Keeps lists of id tags in chargers, for when they cannot ask.",
        more="A charger has one only if you say so: what it was told last is what it goes by, through an outage, too. "
        "The list is sent after a boot, after id tags were changed and when they expire: the changes, or all of it to "
        "a charger that has another one.",
    ),
    "account": Command("solarocpp.cli.account:app", "Parts a box among several owners."),
    "node": Command("solarocpp.cli.node:app", "Names sites, and says in which time zone they are."),
    "token": Command("solarocpp.cli.token:app", "Lets programs use the API."),
    "links": Command(
        "solarocpp.cli.links:links",
        "Shows who is connected.",
        "links",
        "ping: how long it took to answer the last one, empty until it has. waiting: messages of it not answered yet. "
        "refused: messages answered with an error. repairs: what we had to overlook, and how often. "
        "json and csv have every detail.",
    ),
    "send": Command(
        "solarocpp.cli.send:send",
        "Tells a charger something, and prints its answer.",
        'send CP001 ChangeConfiguration \'{"key": "HeartbeatInterval", "value": "60"}\'',
        "ACTION and JSON are those of OCPP 1.6 and its security extension: GetConfiguration, Reset, "
        "SetChargingProfile and so on. Every field is checked before anything is sent. A charger that is away is told "
        "when it is back and has booted; what may not happen twice is never sent twice. Exit code 1: no answer, or an "
        "error; `Rejected` is an answer.",
    ),
    "instructions": Command("solarocpp.cli.instructions:app", "Shows what chargers were told, and takes it back."),
    "configuration": Command(
        "solarocpp.cli.configuration:app",
        "Shows what chargers are set to, and says what it is to be.",
        more="Keys are read after a boot, at most once a day. A desired value is set at once, and again after each "
        "boot of the charger where it differs; one it loses three times in a row is left alone, see solarocpp events. "
        "Values of keys that hold a password are blanked.",
    ),
    "clocks": Command(
        "solarocpp.cli.clocks:clocks",
        "Shows whose clock is off.",
        "clocks",
        "offset: their time less ours, in seconds; above 0 it is ahead. It is estimated from the newest messages; what "
        "was queued offline does not count. Times of readings stay as they were sent.",
    ),
    "events": Command(
        "solarocpp.cli.events:events",
        "Shows what happened, and who was refused and why.",
        "events --tags ocpp,charger,forbidden",
        "The newest is last; what happened several times in a row is one line. Below is what to do about it, and for "
        "which charger. Tags are SolarNetwork's: ocpp,charger with forbidden (refused), connected or disconnected; "
        "ocpp,message,sent,error (a message answered with an error); ocpp,instruction with queued, ack or error. "
        "json and csv have every detail.",
    ),
    "tail": Command(
        "solarocpp.cli.messages:tail",
        "Shows messages as they pass.",
        "tail CP001",
        "-> is what the charger asked, <- what we did, each with its answer; * is what else happened, with --kinds for "
        "what of it. --format json has the whole frames, an object a line.",
    ),
    "ledger": Command(
        "solarocpp.cli.messages:ledger",
        "Shows what a charger and we said.",
        "ledger CP001 --action StatusNotification --since 2026-03-01",
        "Long payloads are cut; json and csv have the whole frames. Heartbeats are not kept, and messages that were "
        "answered with an error are told by: solarocpp events --tags ocpp,message,sent,error.",
    ),
    "sessions": Command(
        "solarocpp.cli.questions:sessions",
        "Lists charge sessions, or adds them up.",
        "sessions --by node,month --since 2026-01-01",
    ),
    "datums": Command(
        "solarocpp.cli.questions:datums",
        "Lists datums, or rolls them up.",
        'datums --source "/ocpp/cp/CP001/**" --aggregate hour',
        "Hours, days and months begin by the clock of the node (solarocpp node set). Of power, current and the like "
        "they have mean, least and greatest; of a register what it went in that time, steps of up to an hour shared by "
        "time: what it did over a longer gap is told by `solarocpp readings`.",
    ),
    "readings": Command(
        "solarocpp.cli.questions:readings",
        "Tells how far registers went, and where they stood.",
        'readings --source "/ocpp/cp/CP001/**" --since 2026-01-01 --until 2026-02-01',
        "Types, as SolarNetwork's: Difference (from the newest reading at or before --since, up to a year back, to the "
        "newest at --until), NearestDifference (the same, a month back), DifferenceWithin (only readings in the "
        "range), CalculatedAtDifference (between the two moments, by the readings around them), CalculatedAt (at "
        "--since).",
    ),
    "sql": Command(
        "solarocpp.cli.sql:sql",
        "Runs one read-only SQL statement.",
        'sql "FROM session WHERE energy > $least LIMIT 5" --param least=1000',
        "SHOW TABLES and DESCRIBE session tell what there is; data/README.md explains it.",
    ),
    "diagnostics": Command(
        "solarocpp.cli.diagnostics:diagnostics",
        "Has a charger send its diagnostics or a log.",
        "diagnostics CP001 --since 2026-03-01",
        "The server must offer a place for files: serve --files :9001. The charger is given a one-time URL there.",
    ),
    "transfer": Command(
        "solarocpp.cli.transfer:app",
        "Shows and fetches files that chargers sent.",
        more="A charger is given a one-time URL of the listener `serve --files`; bytes count while they arrive.",
    ),
    "firmware": Command("solarocpp.cli.firmware:app", "Keeps firmware, and has chargers fetch it."),
    "export": Command(
        "solarocpp.cli.files:export",
        "Writes Parquet files of what is new or changed.",
        "export --since 2026-03-01",
        "It may run every night; killed, it is taken up where it stopped. What retention removes stays in the files. "
        "Read a folder as one dataset: FROM 'data/exports/datum/**/*.parquet' in DuckDB, "
        "pandas.read_parquet('data/exports/datum'), polars.scan_parquet('data/exports/datum').",
    ),
    "snapshot": Command(
        "solarocpp.cli.snapshot:app",
        "Copies the store while it is used.",
        more="To restore one, put it into a data directory as solarocpp.duckdb. Credentials and tokens are not in it: "
        "they are in secrets.duckdb, of which you keep a copy yourself. `serve --snapshot-every 1d` makes one a day.",
    ),
    "rebuild": Command(
        "solarocpp.cli.rebuild:rebuild",
        "Derives datums and sessions again from the ledger.",
        "rebuild --since 2026-03-01 --dry-run",
        "For a version that reads messages better, or tables that were damaged. The server must be stopped. What was "
        "received since the time is run again beside the tables; what comes of it takes the place of what is there in "
        "one transaction, so a rebuild that is interrupted changes nothing. Asks before rows change or go; what was "
        "replaced is kept until the next rebuild, for --undo. Events, chargers and the ledger stay as they are.",
    ),
    "check": Command("solarocpp.cli.questions:check", "Looks after the health of a store.", "check"),
}
"""Every command of the first level, in the order `--help` shows them."""


def make_cli() -> App:
    """Makes the command line; `main` runs it."""
    cli = App(
        "solarocpp",
        version=__version__,
        help="OCPP 1.6J central system: charge sessions as time series in DuckDB.",
        help_format="plaintext",
        help_epilogue=(
            "Options can also come from solarocpp.toml (--config F) and from SOLAROCPP_<OPTION>.\n\n"
            "Example: solarocpp demo"
        ),
    )
    for name, command in COMMANDS.items():
        epilogue = {"help_epilogue": f"Example: solarocpp {command.example}"} if command.example else {}
        text = f"{command.help}\n\n{command.more}" if command.more else command.help
        cli.command(command.target, name=name, help=text, **epilogue)
    return cli


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        given, file = take_config_option(given)
        cli = make_cli()
        cli.config = (OptionSources(os.environ, file, lambda: _serving_keys(cli)),)
        result = cli(given, backend="trio", exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us has seen enough (`| head`); Python must not complain while it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (CycloptsError, SolarOcppError, KeyboardInterrupt, BaseExceptionGroup) as exc:
        return _explain(exc, given)
    return result if isinstance(result, int) else 0


def _serving_keys(cli: App) -> set[str]:
    return {key for name in SERVING_COMMANDS for key in option_keys(cli[name])}


def _explain(error: BaseException, given: Sequence[str]) -> int:
    """Prints the one line, and tells the exit code; what nobody foresaw is raised again, with its traceback."""
    match error:
        case KeyboardInterrupt():
            return 130  # the shell's own code for Ctrl-C
        case BaseExceptionGroup():
            # Nurseries wrap what happens inside of them; the first cause is what there is to say.
            foreseen, others = error.split((SolarOcppError, KeyboardInterrupt))
            if foreseen is None or others is not None:
                raise error
            return _explain(foreseen.exceptions[0], given)
        case CycloptsError():
            code, text = 2, f"{error} See: solarocpp {_command_of(given)}--help"
        case ConfigError() | WrongUsage():
            code, text = 2, str(error)
        case _:
            code, text = 1, str(error)
    # One line, but for a place in SQL: a caret means nothing without the line above it.
    drawn = isinstance(error, RequestRefused) and error.kind == "sql_refused"
    print(f"solarocpp: {text if drawn else ' '.join(text.split())}", file=sys.stderr)
    return code


def _command_of(given: Sequence[str]) -> str:
    """Names the command for a hint, `charger add `; nothing for what is no command."""
    if not given or given[0] not in COMMANDS:
        return ""
    noun = COMMANDS[given[0]].target.endswith(":app")
    verb = given[1] if noun and len(given) > 1 and given[1].isidentifier() else ""
    return f"{given[0]} {verb} ".replace("  ", " ")
