"""The schema is true: schemathesis asks every route what it allows, and what it does not.

A program nobody here wrote, so started as its users start it, against a running server. Bounded by time; `just
schema SECONDS` runs it for longer. Exports and snapshots are left out: they write files, some minutes of them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from conftest import Cli, Serve

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
SECONDS = os.environ.get("SOLAROCPP_SCHEMA_SECONDS", "45")
SEED = os.environ.get("SOLAROCPP_SCHEMA_SEED", "1")


@pytest.mark.slow  # two processes, and as long as it is allowed to run
@pytest.mark.interop
def test_no_answer_is_a_server_error_or_outside_of_the_schema(
    tmp_path: Path, solarocpp_cli: Cli, running_server: Serve
) -> None:
    data = tmp_path / "data"
    solarocpp_cli(data, "charger", "add", "CP001")
    with running_server(data) as server:
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"http://{server.web}/schema/openapi.json"]
        command += ["-H", f"Authorization: Bearer {server.token}", "-c", CHECKS, "--seed", SEED]
        command += ["--phases", "coverage,fuzzing", "--max-time", SECONDS, "--no-color", "--no-shrink"]
        # Readers have a processor while nobody else wants it: of a busy machine, 10 s say nothing.
        command += ["--request-timeout", "60"]
        command += ["--exclude-path", "/api/exports", "--exclude-path", "/api/snapshots"]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, cwd=tmp_path, timeout=int(SECONDS) + 120
        )
        # All of some 75 where nothing else runs; the time limit ends it earlier on a machine that is busy.
        tested = re.search(r"Tested: (\d+)", done.stdout)
        assert tested is not None, done.stdout[-3000:] + done.stderr[-1000:]
        assert int(tested[1]) >= 30, done.stdout[-3000:]
        assert done.returncode == 0, done.stdout[-6000:]
        assert "request_failed" not in server.log
        told = httpx.get(
            f"http://{server.web}/schema/openapi.json", headers={"Authorization": f"Bearer {server.token}"}, timeout=60
        ).json()
    assert told["openapi"] == "3.1.0"
    assert [tag["name"] for tag in told["tags"] if "differs from SolarNetwork's own" in tag["description"]] == [
        "SolarUser",
        "SolarQuery",
    ]
    # Every route says what a failure looks like, in the form of its own family.
    for path, operations in told["paths"].items():
        for operation in operations.values():
            form = operation["responses"]["default"]["content"]["application/json"]["schema"]["$ref"]
            theirs = path.startswith(("/solaruser/", "/solarquery/"))
            assert form == f"#/components/schemas/{'SolarNetworkFailure' if theirs else 'Failure'}", path
            assert "400" not in operation["responses"], path
