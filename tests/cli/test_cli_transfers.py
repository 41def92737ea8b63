"""`solarocpp firmware` and `transfer`, with a server and without one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from conftest import Cli, Serve

pytestmark = pytest.mark.slow  # starts processes

SHA_256 = "239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5"  # of b"payload"


def test_firmware_is_kept_listed_and_removed_without_a_server(tmp_path: Path, solarocpp_cli: Cli) -> None:
    data, image = tmp_path / "data", tmp_path / "v2.bin"
    image.write_bytes(b"payload")
    assert solarocpp_cli(data, "firmware", "add", str(image)).stdout == f"Firmware v2.bin: 7 bytes, SHA-256 {SHA_256}\n"
    again = solarocpp_cli(data, "firmware", "add", str(image), exits=1)
    assert again.stderr == "solarocpp: There is a firmware v2.bin already. Remove it first, or choose another name.\n"
    bad = solarocpp_cli(data, "firmware", "add", str(image), "--name", "../v2", exits=1)
    assert "'../v2' is no file name" in bad.stderr
    listed = json.loads(solarocpp_cli(data, "firmware", "list", "--format", "json").stdout)
    assert listed == [{"name": "v2.bin", "size": 7, "sha256": SHA_256}]
    assert solarocpp_cli(data, "firmware", "remove", "v2.bin", "--yes").stdout == "Firmware v2.bin is removed.\n"
    gone = solarocpp_cli(data, "firmware", "remove", "v2.bin", "--yes", exits=1)
    assert gone.stderr == "solarocpp: There is no firmware v2.bin. See: solarocpp firmware list\n"


def test_files_have_a_listener_of_their_own(tmp_path: Path, solarocpp_cli: Cli, running_server: Serve) -> None:
    """What chargers reach must not be the API, and the API must not be there."""
    with running_server(tmp_path / "data", "--files", "127.0.0.1:0") as server:
        files = json.loads((server.data / "server.json").read_text())["files"]
        answer = httpx.get(f"http://{files}/api/chargers", headers={"Authorization": f"Bearer {server.token}"})
        assert answer.status_code == 404
        assert httpx.put(f"http://{files}/files/guessed", content=b"x").status_code == 404
        (tmp_path / "v2.bin").write_bytes(b"payload")
        solarocpp_cli(server.data, "firmware", "add", str(tmp_path / "v2.bin"))
        assert (server.data / "uploads" / "firmware" / "v2.bin").read_bytes() == b"payload"
        nothing = solarocpp_cli(server.data, "transfer", "list")
        assert nothing.stderr == "No charger was told to send or to fetch a file.\n"
        missing = solarocpp_cli(server.data, "transfer", "fetch", "1", exits=1)
        assert missing.stderr == "solarocpp: There is no file transfer 1. See: solarocpp transfer list\n"
