"""`solarocpp serve`: the server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from solarocpp.config import Config


async def serve(  # noqa: PLR0913 one argument an option
    *,
    data: Annotated[Path, Parameter(help="Data directory; made if it is missing.")] = Path("data"),
    ocpp: Annotated[
        str, Parameter(help="Where chargers connect, HOST:PORT; port 0 takes a free one.")
    ] = "0.0.0.0:9000",
    web: Annotated[str, Parameter(help="Where the API listens, HOST:PORT.")] = "127.0.0.1:8080",
    quack: Annotated[str, Parameter(help="Live SQL for DuckDB clients; only `off` for now.")] = "off",
    tls_cert: Annotated[Path | None, Parameter(help="Certificate chain (PEM): chargers connect with wss://.")] = None,
    tls_key: Annotated[Path | None, Parameter(help="Its key (PEM).")] = None,
    client_ca: Annotated[Path | None, Parameter(help="CA (PEM) that signs the certificates of chargers.")] = None,
    log_format: Annotated[Literal["console", "json"], Parameter(help="How log lines look.")] = "console",
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Parameter(help="From which level on.")] = "info",
    ready_file: Annotated[Path | None, Parameter(help="Written as JSON with the addresses once all accept.")] = None,
) -> None:
    """Runs the server until SIGTERM or Ctrl-C."""
    config = Config(
        data_dir=data,
        ocpp=ocpp,
        web=web,
        quack=quack,
        tls_cert=tls_cert,
        tls_key=tls_key,
        client_ca=client_ca,
        log_format=log_format,
        log_level=log_level,
        ready_file=ready_file,
    )
    # Heavy imports wait until the options are known to be usable.
    from solarocpp.app import serve_until_signal
    from solarocpp.logs import configure_logs

    configure_logs(config.log_format, config.log_level)
    await serve_until_signal(config)
