"""What an idle link costs: resident memory of the server before and after 1,000 links, and handshakes per CPU second.

    connect.py [--links 1000]

Every link is authenticated, has booted and has a transaction running, so what a live charger makes the
server keep is in the figure. 100 links come and stay first, so that what is allocated once is not counted.
Exit code 1 above the aim of 40 KiB a link.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from ingest import load_client
from servers import Ours

MOST_KIB_PER_LINK = 40.0
FIRST_LINKS = 100
SETTLE_S = 2.0  # the projector's and the collector's turn


def measure(links: int) -> bool:
    """Connects the links, prints the line, tells whether the aim holds."""
    with tempfile.TemporaryDirectory(prefix="solarocpp-bench-") as scratch:
        ours = Ours(Path(scratch) / "prepared", FIRST_LINKS + links)
        server = ours.start(Path(scratch) / "connect")
        clients = []
        try:
            address = server.wait_ready()
            clients.append(load_client(address, ours, FIRST_LINKS, seconds=0))
            time.sleep(SETTLE_S)
            before_kib, before_cpu_s = server.resident_kib(), server.cpu_s()
            clients.append(load_client(address, ours, links, seconds=0, first=FIRST_LINKS))
            cpu_s = server.cpu_s() - before_cpu_s
            time.sleep(SETTLE_S)
            kib_per_link = (server.resident_kib() - before_kib) / links
        finally:
            for client in clients:
                client.kill()
                client.wait()
            server.kill()
    holds = kib_per_link < MOST_KIB_PER_LINK
    figures = {
        "bench": "connect",
        "links": links,
        "kib_per_link": round(kib_per_link, 1),
        "base_mib": before_kib // 1024,
        "openings_per_cpu_s": round(links / cpu_s),
        "holds": holds,
    }
    print(json.dumps(figures), flush=True)
    return holds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--links", type=int, default=1000)
    sys.exit(0 if measure(parser.parse_args().links) else 1)
