"""Options that many commands share, and where their values come from besides the command line.

A value is taken from the first that has one: the flag, `SOLAROCPP_<OPTION>`, `solarocpp.toml`, the
default. What changes something (`--node`, `--disabled`, a name) is only ever taken from the command
line, so that no forgotten variable changes chargers behind somebody's back.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, NoReturn

from cyclopts import App, Parameter, Token
from cyclopts.argument import Argument, ArgumentCollection

from solarocpp.errors import ConfigError, WrongUsage

CONFIG_FILE: Final = "solarocpp.toml"
ENVIRONMENT_PREFIX: Final = "SOLAROCPP_"

Format = Annotated[Literal["table", "json", "csv"], Parameter(help="table, json (a list of objects) or csv.")]
Yes = Annotated[bool, Parameter(name=["--yes", "-y"], negative="", help="Do not ask.")]
Limit = Annotated[int, Parameter(help="Most rows; of a longer listing the newest are shown.")]
Node = Annotated[int | None, Parameter(help="Node number.")]
Source = Annotated[str | None, Parameter(help="Source pattern: * within a segment, ** across segments.")]
Since = Annotated[
    str | None,
    Parameter(help="From this time on, like 2026-01-31 or 2026-01-31T18:00; of the node's clock, UTC unless set."),
]
Until = Annotated[str | None, Parameter(help="Up to this time, exclusive.")]


@Parameter(name="*")
@dataclass(frozen=True)
class Where:
    """Which server or data directory a command is about, and which account in it."""

    data: Annotated[Path, Parameter(help="Data directory.")] = Path("data")
    url: Annotated[
        str | None, Parameter(help="A running server elsewhere, like http://10.0.0.5:8080 (token: SOLAROCPP_TOKEN).")
    ] = None
    account: Annotated[
        int | None, Parameter(help="Account it is about. Default: account 1 for changes, all for questions.")
    ] = None


HERE: Final = Where()

# Options that may come from the file or the environment, of these commands all they have.
SERVING_COMMANDS: Final = frozenset({"serve", "demo", "simulate"})
EVERYWHERE: Final = frozenset({"data", "url", "account", "format", "limit"})
# Read straight from the environment by `client`: it must never be a flag.
TOKEN_VARIABLE: Final = ENVIRONMENT_PREFIX + "TOKEN"


class OptionSources:
    """Fills options that were not given from the environment and the configuration file (a cyclopts config)."""

    def __init__(
        self, environment: Mapping[str, str], file: Path | None, all_keys: Callable[[], Iterable[str]]
    ) -> None:
        self._environment = environment
        self._file = file
        self._all_keys = all_keys

    def __call__(self, _app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        """Adds a token to each option that has none.

        Raises:
            ConfigError: the file is missing, is not TOML, or has a key that no command knows.
        """
        written = self._read_file()
        for argument in arguments:
            key = _key(argument)
            if key is None or argument.tokens or not (key in EVERYWHERE or commands[0] in SERVING_COMMANDS):
                continue
            variable = ENVIRONMENT_PREFIX + key.upper()
            if variable in self._environment:
                self._fill(argument, variable, self._environment[variable], "environment")
            elif key in written:
                self._fill(argument, key, written[key], str(self._file or CONFIG_FILE))
        unknown = written.keys() - EVERYWHERE - {key for argument in arguments if (key := _key(argument))}
        if unknown:
            self._refuse_unknown(unknown)

    @staticmethod
    def _fill(argument: Argument, keyword: str, content: object, source: str) -> None:
        """Gives an option its value; one that may be repeated takes several, as a list or parted by commas."""
        _, repeatable = argument.token_count()
        if isinstance(content, str) and repeatable:
            content = [part.strip() for part in content.split(",")]
        if isinstance(content, list) and not repeatable:
            _refuse_several(keyword, content, source)
        for item in content if isinstance(content, list) else [content]:
            argument.append(Token(keyword=keyword, value=_text(item), source=source))

    def _refuse_unknown(self, keys: Iterable[str]) -> None:
        """A key may be another command's; one that is nobody's is a spelling mistake that would act nowhere."""
        known = {*EVERYWHERE, *self._all_keys()}
        for key in sorted(set(keys) - known):
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(sorted(known))}."
            raise WrongUsage(f"{self._file or CONFIG_FILE} has {key!r}, which is no option. {hint}")

    def _read_file(self) -> Mapping[str, object]:
        path = self._file or Path(CONFIG_FILE)
        try:
            text = path.read_text()
        except FileNotFoundError:
            if self._file is None:
                return {}
            raise ConfigError("--config", str(path), "a TOML file that exists") from None
        try:
            written = tomllib.loads(text)
        except tomllib.TOMLDecodeError as exc:
            raise ConfigError("--config", str(path), f"valid TOML ({exc})") from exc
        written = {key.replace("-", "_"): content for key, content in written.items()}
        for key, content in written.items():
            if isinstance(content, dict):
                _refuse_several(key, content, str(path))
        return written


def option_keys(command: App) -> set[str]:
    """Names the options of a command as keys of the file."""
    return {key for argument in command.assemble_argument_collection() if (key := _key(argument))}


def _key(argument: Argument) -> str | None:
    """Names an option as a key of the file, `tls_cert`; None for what is no option of its own."""
    name = argument.name
    if not name.startswith("--") or argument.children:
        return None
    return name.removeprefix("--").replace("-", "_")


def _refuse_several(key: str, content: object, source: str) -> NoReturn:
    raise ConfigError(key, content, 'one value, like `web = "127.0.0.1:8080"`', source=source)


def _text(content: object) -> str:
    return str(content).lower() if isinstance(content, bool) else str(content)


def take_config_option(arguments: list[str]) -> tuple[list[str], Path | None]:
    """Cuts `--config F` (or `--config=F`) out of the arguments: every command has it, before and behind its name."""
    kept: list[str] = []
    file: Path | None = None
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--":
            return [*kept, argument, *waiting], file
        name, equals, content = argument.partition("=")
        if name != "--config":
            kept.append(argument)
            continue
        content = content if equals else next(waiting, "")
        if not content:
            raise ConfigError("--config", "", "the path of a TOML file")
        file = Path(content)
    return kept, file
