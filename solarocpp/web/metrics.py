"""`/metrics`: counts and durations of this process, for Prometheus, in the form its own library writes.

Everything is counted where it happens, into plain numbers; they become metrics when somebody asks. There is no
label with a charger, a token or an account: what one charger does is asked of the tables.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import Any, Final, NamedTuple, Protocol

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from solarocpp import __version__
from solarocpp.registry import Registry
from solarocpp.store import Store, StoreStatistics
from solarocpp.store.histogram import SECONDS, Histogram
from solarocpp.web.access import LOOKS, needs_whole_box
from solarocpp.web.instructions import Queue

PREFIX: Final = "solarocpp_"


class Counts(Protocol):
    """What passed over all links; the gateway's Tally is one."""

    messages: dict[tuple[str, str, str], int]
    repairs: dict[str, int]
    acknowledgements: Histogram


class Gateway(Protocol):
    """What is looked at of whoever listens for chargers; its Roster is one."""

    @property
    def tally(self) -> Counts:
        """What passed over all links."""

    @property
    def unanswered(self) -> int:
        """Exchanges received and not answered yet."""

    def __len__(self) -> int: ...


class Measured(NamedTuple):
    """What is counted outside of the store."""

    gateway: Gateway
    loop_lag: Histogram
    """By how much timers of the one thread that serves all links were late."""


class _Fact(NamedTuple):
    """A number of the store's own statistics, as a metric."""

    name: str
    meaning: str
    read: Callable[[StoreStatistics], float]
    grows: bool = False


_STORE: Final = (
    _Fact("exchanges", "Exchanges made durable.", lambda store: store.exchanges, grows=True),
    _Fact("datums", "Datums written into the tables.", lambda store: store.datums, grows=True),
    _Fact("refused", "Records refused because the disk or a queue was full.", lambda store: store.refused, grows=True),
    _Fact("effects_left_out", "Effects DuckDB could not take.", lambda store: store.left_out, grows=True),
    _Fact("failing", "1 while the last commit or projection failed.", lambda store: store.failing != ""),
    _Fact("projector_lag_seconds", "How late the tables are behind the ledger.", lambda store: store.lag_s),
)


class Figures(Collector):
    """Reads the numbers of the process when they are asked for."""

    def __init__(self, registry: Registry, store: Store, queue: Queue, measured: Measured | None) -> None:
        self._registry = registry
        self._store = store
        self._queue = queue
        self._measured = measured

    def collect(self) -> Iterator[Metric]:
        """Is called by the library, once for each answer."""
        statistics = self._store.statistics()
        yield _labelled(
            GaugeMetricFamily(f"{PREFIX}build_info", "1; the label tells the version.", labels=["version"]),
            {(__version__,): 1},
        )
        for fact in _STORE:
            family = CounterMetricFamily if fact.grows else GaugeMetricFamily
            yield family(PREFIX + fact.name, fact.meaning, value=fact.read(statistics))
        yield _histogram("commit_seconds", "How long commits of the ledger took.", self._store.commits)
        free = shutil.disk_usage(self._store.directory).free
        yield GaugeMetricFamily(f"{PREFIX}disk_free_bytes", "Free on the disk of the store.", value=free)
        known = len(self._registry.chargers())
        yield GaugeMetricFamily(f"{PREFIX}chargers", "Chargers that are registered.", value=known)
        waiting = {
            ("commit",): statistics.waiting,
            ("projection",): statistics.unprojected,
            ("instruction",): self._queue.unfinished,
        }
        if self._measured is not None:
            waiting[("answer",)] = self._measured.gateway.unanswered
            yield from _of_links(self._measured)
        depth = GaugeMetricFamily(
            f"{PREFIX}queue_depth",
            "What waits: records for a commit, effects for the tables, exchanges for an answer, instructions to end.",
            labels=["queue"],
        )
        yield _labelled(depth, waiting)


def _of_links(measured: Measured) -> Iterator[Metric]:
    tally = measured.gateway.tally
    yield GaugeMetricFamily(f"{PREFIX}links", "Chargers that are connected.", value=len(measured.gateway))
    messages = CounterMetricFamily(
        f"{PREFIX}messages",
        "Messages, by who asked (in: the charger), action and what became of them.",
        labels=["direction", "action", "outcome"],
    )
    yield _labelled(messages, tally.messages)
    repairs = CounterMetricFamily(f"{PREFIX}repairs", "What had to be overlooked in messages.", labels=["rule"])
    yield _labelled(repairs, {(rule,): count for rule, count in tally.repairs.items()})
    meaning = "From a message's reception to its answer, for messages that are stored first."
    yield _histogram("acknowledgement_seconds", meaning, tally.acknowledgements)
    yield _histogram("loop_lag_seconds", "By how much timers of the serving thread were late.", measured.loop_lag)


def _labelled(family: Any, counted: Mapping[Any, float]) -> Metric:
    for labels, value in counted.items():
        family.add_metric(labels, value)
    metric: Metric = family
    return metric


def _histogram(name: str, meaning: str, histogram: Histogram) -> Metric:
    ends = [*(str(end) for end in SECONDS), "+Inf"]
    family = HistogramMetricFamily(PREFIX + name, meaning)
    family.add_metric([], list(zip(ends, accumulate(histogram.counts), strict=True)), histogram.total_s)
    return family


def make_metrics(registry: Registry, store: Store, queue: Queue, measured: Measured | None) -> CollectorRegistry:
    """Makes what `/metrics` answers from: ours, and what the system says of the process (memory, CPU, open files)."""
    metrics = CollectorRegistry()
    metrics.register(Figures(registry, store, queue, measured))
    ProcessCollector(registry=metrics)
    return metrics


_TEXT: Final = ResponseSpec(
    str, media_type="text/plain", generate_examples=False, description="Prometheus text, or OpenMetrics by `Accept`."
)


@get(
    "/metrics",
    responses={200: _TEXT},
    opt=LOOKS,
    summary="Counts and durations, for Prometheus",
    guards=[needs_whole_box],
    tags=["health"],
)
async def show_metrics(request: Request[Any, Any, Any], metrics: NamedDependency[CollectorRegistry]) -> Response[bytes]:
    """Tells everything that is counted, as Prometheus text or OpenMetrics by `Accept`."""
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    # As a header, since Litestar adds a charset to a media type of text, and this one has it.
    return Response(encode(metrics), headers={"content-type": content_type})
