"""What is refused before a server starts, each with its name."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from solarocpp.config import Config
from solarocpp.errors import ConfigError

PROXY = {"trusted_proxies": ("10.0.0.1",), "client_cert_header": "X-Client-Cert"}


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    (tmp_path / "ca.pem").write_text("read later")
    return tmp_path / "ca.pem"


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (
            {"client_auth": "both"},
            "client_auth is 'both'; allowed: only together with --client-ca or --client-cert-header.",
        ),
        ({"client_auth": "either"}, "client_auth is 'either'; allowed: only together with "),
        (
            {"client_cert_header": "X-Client-Cert"},
            "client_cert_header is 'X-Client-Cert'; allowed: only together with --trusted-proxy.",
        ),
    ],
)
def test_what_would_ask_nobody_for_a_certificate_is_refused(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError) as failure:
        Config(**given)
    assert str(failure.value).startswith(complaint)


def test_a_client_authority_that_nobody_would_ask_is_refused(ca: Path) -> None:
    for given in ({}, {"trusted_proxies": ("10.0.0.1",)}):
        with pytest.raises(ConfigError, match="or with --client-cert-header") as failure:
            Config(client_ca=ca, **given)  # type: ignore[arg-type]
        assert failure.value.key == "client_ca"


@pytest.mark.parametrize("client_auth", ["certificate", "both", "either"])
def test_behind_a_proxy_certificates_are_asked_for_with_an_authority_and_without(ca: Path, client_auth: str) -> None:
    made = [Config(client_auth=client_auth, client_ca=path, **PROXY) for path in (None, ca)]  # type: ignore[arg-type]
    assert [config.client_auth for config in made] == [client_auth, client_auth]


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("30d", 30),
        ("30 days", 30),
        ("1 day", 1),
        ("36 hours", 1.5),
        ("36h", 1.5),
        ("2W", 14),
        ("1y", 365),
        ("10 years", 3650),
    ],
)
def test_times_are_read_as_people_write_them(text: str, days: float) -> None:
    assert Config(keep_event=text).duration("keep_event") == timedelta(days=days)


@pytest.mark.parametrize("key", ["keep_ledger", "keep_datum", "keep_event", "keep_instruction", "snapshot_every"])
@pytest.mark.parametrize(
    "text", ["", "30", "d", "-1d", "1.5d", "0d", "5m", "1001y", "9999999 years", "1 month", "never"]
)
def test_time_that_cannot_be_meant_is_refused(key: str, text: str) -> None:
    with pytest.raises(
        ConfigError,
        match=rf"^{key} is .*allowed: .* 30d, 12 hours or 1 year, at least \d+ (hours?|minutes), or (off|forever)",
    ):
        Config(**{key: text})  # type: ignore[arg-type]


def test_no_time_at_all_has_its_word() -> None:
    config = Config(keep_ledger="forever", keep_event="Forever")
    assert [config.duration(key) for key in ("keep_ledger", "keep_datum", "keep_event", "snapshot_every")] == [None] * 4


def test_ledger_is_kept_while_a_charger_may_repeat_itself() -> None:
    """The last message of each charger is looked up at a start, a day back."""
    assert Config().duration("keep_ledger") == timedelta(days=30)
    with pytest.raises(ConfigError, match="at least 48 hours"):
        Config(keep_ledger="47h")


def test_an_origin_is_written_as_browsers_send_it() -> None:
    """Anything else would be compared with what they send, and never be the same."""
    good = ("https://lab.example", "http://localhost:3000", "http://[::1]:8000", "https://10.0.0.7:8443")
    assert Config(web_origins=good).web_origins == good
    for text in ("*", "null", "", "lab.example", "https://*.example", "https://lab.example/", "https://Lab.example"):
        with pytest.raises(ConfigError) as failure:
            Config(web_origins=("https://lab.example", text))
        assert str(failure.value) == (
            f"web_origins is {text!r}; allowed: origins as browsers send them, in lower case and without path, like "
            "https://lab.example."
        )
    for text in ("https://lab.example:443", "http://lab.example:80", "https://lab.example:0", "ftp://lab.example"):
        with pytest.raises(ConfigError, match="web_origins"):
            Config(web_origins=(text,))
