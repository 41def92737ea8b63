"""What is refused before a server starts, each with its name."""

from __future__ import annotations

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
