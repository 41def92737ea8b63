"""`solarocpp serve`: every field of Config is an option, with Config's own default."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from solarocpp import app
from solarocpp.cli import make_cli
from solarocpp.cli.options import option_keys
from solarocpp.config import Config

Run = Callable[..., tuple[int, str, str]]

CALLED_OTHERWISE = {"data_dir": "data", "trusted_proxies": "trusted_proxy", "web_origins": "web_origin"}
FOR_TESTS_ONLY = {"receive_path"}
NUMBERS = [
    field.name for field in msgspec.structs.fields(Config) if isinstance(field.default, int | float) and field.default
]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """With what Config the server would have run."""
    seen: list[Config] = []

    async def serve(config: Config) -> None:
        seen.append(config)

    monkeypatch.setattr(app, "serve_until_signal", serve)
    return seen


def test_every_field_is_an_option() -> None:
    fields = {CALLED_OTHERWISE.get(name, name) for name in Config.__struct_fields__ if name not in FOR_TESTS_ONLY}
    assert option_keys(make_cli()["serve"]) == fields


def test_without_options_the_defaults_are_those_of_config(run: Run, served: list[Config]) -> None:
    assert run("serve") == (0, "", "")
    assert served == [Config()]


def test_every_number_can_be_set_by_flag_environment_and_file(
    run: Run, served: list[Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(NUMBERS) >= 14
    assert run("serve", *(f"--{name.replace('_', '-')}=7" for name in NUMBERS))[0] == 0
    (tmp_path / "solarocpp.toml").write_text("".join(f"{name} = 8\n" for name in NUMBERS))
    assert run("serve")[0] == 0
    for name in NUMBERS:
        monkeypatch.setenv(f"SOLAROCPP_{name.upper()}", "9")
    assert run("serve")[0] == 0
    assert [{getattr(config, name) for name in NUMBERS} for config in served] == [{7}, {8}, {9}]


def test_what_may_be_repeated_is_a_list_in_the_file_and_parted_by_commas_elsewhere(
    run: Run, served: list[Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "solarocpp.toml").write_text('trusted_proxy = ["10.0.0.0/8", "::1"]\nstrict = "subprotocol_missing"\n')
    assert run("serve")[0] == 0
    monkeypatch.setenv("SOLAROCPP_TRUSTED_PROXY", "10.0.0.1, 10.0.0.2")
    assert run("serve")[0] == 0
    assert run("serve", "--trusted-proxy", "10.0.0.3", "--trusted-proxy", "10.0.0.4")[0] == 0
    assert [config.trusted_proxies for config in served] == [
        ("10.0.0.0/8", "::1"),
        ("10.0.0.1", "10.0.0.2"),
        ("10.0.0.3", "10.0.0.4"),
    ]
    assert {config.strict for config in served} == {("subprotocol_missing",)}


def test_a_list_for_what_has_one_value_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "solarocpp.toml").write_text("max_links = [1, 2]\n")
    assert run("serve") == (
        2,
        "",
        'solarocpp: max_links in solarocpp.toml is [1, 2]; allowed: one value, like `web = "127.0.0.1:8080"`.\n',
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "9.9.9.9", "2620:fe::fe", "ocpp.example.org"])  # noqa: S104
def test_a_listener_that_the_internet_may_reach(host: str) -> None:
    assert app.is_exposed(host)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "localhost", "192.168.1.5", "10.1.2.3", "fd00::1", "fe80::1%eth0"]
)
def test_a_listener_that_only_the_neighbours_reach(host: str) -> None:
    assert not app.is_exposed(host)
