"""/metrics, read by Prometheus' own parsers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import trio
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from served import NOW, TOKEN, Served

from solarocpp import __version__
from solarocpp.registry import NewAccount, NewCharger, NewToken
from solarocpp.store import ChargerFacts, Exchange
from solarocpp.store.histogram import Histogram
from solarocpp.web import Measured, make_app, serve

FACTS = ChargerFacts(1, "CP001", 1, 1, "/t", publish=True)  # type: ignore[arg-type]  # an identifier is a str


class FakeTally:
    def __init__(self) -> None:
        self.messages = {("in", "MeterValues", "answered"): 7, ("out", "Reset", "expired"): 1}
        self.repairs = {"value_left_out": 3}
        self.acknowledgements = Histogram()


class FakeGateway:
    """What the gateway tells of its links, as far as this looks."""

    def __init__(self) -> None:
        self.tally = FakeTally()
        self.unanswered = 4

    def __len__(self) -> int:
        return 2


@pytest.fixture
async def measured(api: Served) -> AsyncIterator[tuple[Measured, httpx.AsyncClient]]:
    measured = Measured(FakeGateway(), Histogram())
    app = make_app(api.registry, api.store, clock=lambda: NOW, queue=api.queue, measured=measured)
    async with trio.open_nursery() as nursery:
        address = await nursery.start(serve, app, "127.0.0.1:0", TOKEN)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=f"http://{address}", headers=headers, trust_env=False) as http:
            yield measured, http
        nursery.cancel_scope.cancel()


def samples(families: Any) -> dict[tuple[Any, ...], float]:
    """By name and the values of its labels, in order of their names."""
    return {
        (each.name, *(each.labels[key] for key in sorted(each.labels))): each.value
        for family in families
        for each in family.samples
    }


async def test_counts_of_the_links_are_told(measured: tuple[Measured, httpx.AsyncClient]) -> None:
    answer = await measured[1].get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    told = samples(read_text(answer.text))
    assert told["solarocpp_messages_total", "MeterValues", "in", "answered"] == 7
    assert told["solarocpp_messages_total", "Reset", "out", "expired"] == 1
    assert told["solarocpp_repairs_total", "value_left_out"] == 3
    assert told[("solarocpp_links",)] == 2
    assert told["solarocpp_queue_depth", "answer"] == 4
    assert told["solarocpp_queue_depth", "instruction"] == 0
    assert told["solarocpp_build_info", __version__] == 1
    assert told[("process_resident_memory_bytes",)] > 1e7
    assert told[("solarocpp_disk_free_bytes",)] > 0


async def test_an_instruction_that_waits_for_its_charger_is_counted(api: Served) -> None:
    await api.registry.add_charger(NewCharger(identifier="CP001"), now=NOW)
    await api.http.post("/api/instructions", json={"charger": "CP001", "action": "ClearCache"})
    told = samples(read_text((await api.http.get("/metrics")).text))
    assert told["solarocpp_queue_depth", "instruction"] == 1


async def test_durations_are_cumulative_classes(measured: tuple[Measured, httpx.AsyncClient]) -> None:
    tally = measured[0].gateway.tally
    for seconds in (0.0005, 0.001, 0.02, 60.0):
        tally.acknowledgements.observe(seconds)
    told = samples(read_text((await measured[1].get("/metrics")).text))
    bucket = "solarocpp_acknowledgement_seconds_bucket"
    assert [told[bucket, end] for end in ("0.001", "0.01", "0.025", "10.0", "+Inf")] == [2, 2, 3, 3, 4]
    assert told[("solarocpp_acknowledgement_seconds_count",)] == 4
    assert told[("solarocpp_acknowledgement_seconds_sum",)] == pytest.approx(60.0215)


async def test_the_store_tells_of_itself(api: Served) -> None:
    """Without a gateway too, as in a command that serves itself."""
    committed = trio.Event()
    said = Exchange(NOW, FACTS, "in", "Heartbeat", "[]", "[]")
    api.store.record(said, (), lambda _committed: committed.set())
    await committed.wait()
    await api.store.settle()
    told = samples(read_text((await api.http.get("/metrics")).text))
    assert told[("solarocpp_exchanges_total",)] == told[("solarocpp_commit_seconds_count",)] == 1
    assert told[("solarocpp_failing",)] == told[("solarocpp_projector_lag_seconds",)] == 0
    assert told["solarocpp_queue_depth", "commit"] == told["solarocpp_queue_depth", "projection"] == 0
    assert ("solarocpp_links",) not in told


async def test_who_wants_openmetrics_gets_it(measured: tuple[Measured, httpx.AsyncClient]) -> None:
    answer = await measured[1].get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
    assert samples(read_openmetrics(answer.text))["solarocpp_messages_total", "MeterValues", "in", "answered"] == 7


async def test_metrics_are_for_the_whole_box(api: Served) -> None:
    """How much others' chargers say is none of an account's business, nor of whoever reaches the port."""
    await api.registry.add_account(NewAccount(name="mill"), now=NOW)
    _, text = await api.registry.add_token(NewToken(name="program"), now=NOW, account_id=2)
    async with api.as_caller(text) as owner:
        assert (await owner.get("/metrics")).status_code == 403
    async with httpx.AsyncClient(base_url=api.http.base_url, trust_env=False) as stranger:
        assert (await stranger.get("/metrics")).status_code == 401
