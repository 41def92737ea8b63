"""Where options come from: flag before environment before file before default."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from solarocpp.cli.client import url_of

Run = Callable[..., tuple[int, str, str]]


def test_the_flag_wins_over_the_environment_and_that_over_the_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("by_flag", "by_environment", "by_file"):
        run("charger", "add", name, "--data", name)

    def listed(*options: str) -> str:
        code, out, _ = run("charger", "list", *options)
        assert code == 0
        return out.splitlines()[1].split()[0]

    (tmp_path / "solarocpp.toml").write_text('data = "by_file"\nocpp = "127.0.0.1:9000"\n')
    assert listed() == "by_file"
    monkeypatch.setenv("SOLAROCPP_DATA", "by_environment")
    assert listed() == "by_environment"
    assert listed("--data", "by_flag") == "by_flag"


def test_a_configuration_file_of_any_name(run: Run, tmp_path: Path) -> None:
    run("charger", "add", "CP001", "--data", "elsewhere")
    (tmp_path / "site.toml").write_text('data = "elsewhere"\nformat = "csv"\n')
    for arguments in (("--config", "site.toml", "charger", "list"), ("charger", "list", "--config=site.toml")):
        code, out, err = run(*arguments)
        assert (code, err) == (0, "")
        assert out.startswith("identifier,nodeId,")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "--config is 'site.toml'; allowed: a TOML file that exists."),
        ("data = ", "--config is 'site.toml'; allowed: valid TOML (Invalid value"),
        (
            "[serve]\nocpp = 1",
            "serve in site.toml is {'ocpp': 1}; allowed: one value, like `web = \"127.0.0.1:8080\"`.",
        ),
        ('oscp = "x"', "site.toml has 'oscp', which is no option. Did you mean ocpp?"),
        ('format = "xml"', 'Invalid value "xml" for format from site.toml. Choose from: "table", "json", "csv".'),
    ],
)
def test_a_configuration_file_that_cannot_be_used_is_named(
    run: Run, tmp_path: Path, text: str | None, complaint: str
) -> None:
    if text is not None:
        (tmp_path / "site.toml").write_text(text)
    code, out, err = run("charger", "list", "--config", "site.toml")
    assert (code, out) == (2, "")
    assert err.startswith(f"solarocpp: {complaint}")


def test_what_changes_something_is_taken_from_the_command_line_only(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOLAROCPP_NODE", "7")
    monkeypatch.setenv("SOLAROCPP_IDENT", "WRONG")
    assert run("charger", "add", "CP001")[1].startswith("Charger CP001 is registered on node 1.\n")


def test_serve_takes_its_options_from_the_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "solarocpp.toml").write_text('web = "nonsense"\n')
    assert run("serve") == (
        2,
        "",
        "solarocpp: web is 'nonsense'; allowed: HOST:PORT with a port of 0 to 65535, like 127.0.0.1:8080.\n",
    )


@pytest.mark.parametrize(
    ("bound", "url"),
    [
        ("10.0.0.5:8080", "http://10.0.0.5:8080"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("[::]:8080", "http://[::1]:8080"),
    ],
)
def test_a_server_on_all_interfaces_is_asked_on_this_machine(bound: str, url: str) -> None:
    """By the protocol it listens for: `::` takes no IPv4 here."""
    assert url_of({"web": bound}) == url
