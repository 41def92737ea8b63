"""Runs a server: opens the store, nests the nurseries, and takes everything down in order.

    watch nursery            tells a supervisor that we live; last to end
      store nursery          the writer and the projector
        service nursery      the web API, and the links of chargers
          listener nursery   accepts; ends first

A graceful stop (SIGTERM, Ctrl-C, or the end of whoever runs us): stop accepting, let chargers answer what they
were told and answer what was received, each for up to the drain deadline, project, close the links with 1012 so
that chargers dial again soon (Q23), checkpoint, close the files.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import AsyncIterable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog
import trio

from solarocpp.central_system import CentralSystem, Transactions
from solarocpp.central_system.context import nobody_signs
from solarocpp.central_system.instructions import read_order
from solarocpp.central_system.replay import replayed_effects
from solarocpp.certificates.folder import TlsFolder
from solarocpp.config import TLS_FOLDER, Config
from solarocpp.configuring import Configuring
from solarocpp.gateway import Gateway, Roster, Services
from solarocpp.gateway.peers import Peer
from solarocpp.instructions import Delivery, InstructionQueue, LocalLists
from solarocpp.ocpp.decoding import encode_payload
from solarocpp.ocpp.messages import OcppMessage
from solarocpp.process import allow_files, hangup_signals, tune_garbage_collector, watch_signals
from solarocpp.query.quack import QuackServer
from solarocpp.registry import Registry
from solarocpp.signing import Signing
from solarocpp.store import Store, open_store
from solarocpp.store.histogram import Histogram
from solarocpp.store.ledger import last_exchanges
from solarocpp.store.retention import Keep, run_retention
from solarocpp.store.snapshots import run_snapshots
from solarocpp.supervision import Supervisor, supervisor_of_this_process, watch_loop

CLOSE_DEADLINE_S = 3.0
"""For the closing handshakes of all links together, after the drain."""

REPEAT_WINDOW = timedelta(days=1)
"""How long after its first try a charge point may still repeat a message; offline for longer is rare."""

log = structlog.get_logger()


class _Guidance(NamedTuple):
    """What comes from whoever runs a server, and is told to them."""

    stop: trio.Event
    hangups: AsyncIterable[object] | None
    supervisor: Supervisor
    loop_lag: Histogram


class _Orders(NamedTuple):
    """What makes chargers do things."""

    queue: InstructionQueue
    lists: LocalLists


class Running(msgspec.Struct, frozen=True):
    """A server that accepts: where, and the parts that whoever runs it in the same process may use."""

    ocpp: str
    web: str
    store: Store
    registry: Registry
    roster: Roster
    quack: str | None = None
    """None: DuckDB clients cannot attach."""
    files: str | None = None
    """None: chargers can be told neither to send files nor to fetch them."""


def utc_now() -> datetime:
    """Asks the clock of this machine; the only place the server does."""
    return datetime.now(UTC)


async def serve(  # noqa: PLR0913 one argument for each thing that whoever runs us may bring
    config: Config,
    *,
    stop: trio.Event | None = None,
    hangups: AsyncIterable[object] | None = None,
    clock: Callable[[], datetime] = utc_now,
    supervisor: Supervisor | None = None,
    task_status: trio.TaskStatus[Running] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves until `stop` is set or the caller is cancelled; either way it ends gracefully.

    At each of `hangups` the certificates are read again; links that are open stay. `supervisor` is told how it goes.

    Raises:
        StoreLocked: another process serves this data directory.
        ConfigError: an address or a certificate cannot be used.
    """
    log.info("starting", data=str(config.data_dir))
    stop = trio.Event() if stop is None else stop
    guidance = _Guidance(stop, hangups, supervisor or Supervisor({}, 0), Histogram())
    live_sql = QuackServer() if config.quack_address else None
    prepare = None if live_sql is None else live_sql.prepare
    store = open_store(config.data_dir, now=clock(), prepare=prepare, memory_limit=config.memory_limit)
    if live_sql is not None and live_sql.unavailable:
        log.warning("quack_unavailable", reason=live_sql.unavailable, instead="solarocpp sql, POST /api/sql")
        live_sql = None
    try:
        registry = Registry.load(store)
        transactions = Transactions(store.transactions(), store.store_id)
        folder = TlsFolder(config.data_dir / TLS_FOLDER)
        signing = Signing(folder, registry, store, clock) if config.sign_certificates else None
        may_sign = nobody_signs if signing is None else signing.may_sign
        central = CentralSystem(registry, transactions, boot_interval_s=config.boot_interval_s, may_sign=may_sign)
        replay_tail(store, central)
        roster = Roster()
        queue = InstructionQueue(store, registry, clock)
        orders = _Orders(queue, LocalLists(store, registry, queue, roster, clock))
        roster.last_exchanges.update(store.read_now(partial(last_exchanges, since=clock() - REPEAT_WINDOW)))
        services = Services(config, store, registry, central, roster, clock)
        tune_garbage_collector()
        async with trio.open_nursery() as watch_nursery:
            # The last to end: a supervisor must not take the end for a hang.
            watch_nursery.start_soon(watch_loop, guidance.loop_lag, guidance.supervisor, roster.describe)
            async with trio.open_nursery() as store_nursery:
                await store_nursery.start(store.run)
                try:
                    if signing is not None:
                        store_nursery.start_soon(signing.run, partial(_tell, registry, queue))
                    await _serve_services(services, orders, live_sql, guidance, task_status)
                finally:
                    store_nursery.cancel_scope.cancel()
            watch_nursery.cancel_scope.cancel()
    finally:
        store.close()
        _remove(config.data_dir / "server.json")
    log.info("stopped")


async def _serve_services(
    services: Services,
    orders: _Orders,
    live_sql: QuackServer | None,
    guidance: _Guidance,
    task_status: trio.TaskStatus[Running],
) -> None:
    roster = services.roster
    gateway = Gateway(services)
    delivery = Delivery(orders.queue, roster, services.registry, services.store, services.clock)
    configuring = Configuring(roster, services.registry, services.store, orders.queue, services.clock)
    async with trio.open_nursery() as service_nursery:
        # Links end by being closed, not by the caller's cancellation: they are shielded until they are drained.
        links_scope = trio.CancelScope(shield=True)
        async with trio.open_nursery() as listener_nursery:
            links = await service_nursery.start(_hold_links, links_scope)
            try:
                ocpp = await listener_nursery.start(gateway.serve, links)
                if guidance.hangups is not None:
                    listener_nursery.start_soon(_heed_hangups, guidance.hangups, gateway)
                service_nursery.start_soon(_keep_store, services)
                await service_nursery.start(delivery.run)
                await service_nursery.start(orders.lists.run)
                await service_nursery.start(configuring.run)
                addresses = {"ocpp": ocpp, **await _serve_web(service_nursery, services, orders, live_sql, guidance)}
                _announce(services, addresses)
                task_status.started(
                    Running(**addresses, store=services.store, registry=services.registry, roster=roster)
                )
                guidance.supervisor.tell(READY="1", STATUS=roster.describe())
                await guidance.stop.wait()
            finally:
                guidance.supervisor.tell(STOPPING="1", STATUS="answering what was received")
                log.info("stopping", links=len(roster))
                listener_nursery.cancel_scope.cancel()
                with trio.CancelScope(shield=True):
                    await _end_links(services, delivery)
                links_scope.cancel()
        service_nursery.cancel_scope.cancel()


async def _serve_web(
    nursery: trio.Nursery,
    services: Services,
    orders: _Orders,
    live_sql: QuackServer | None,
    guidance: _Guidance,
) -> dict[str, str]:
    """Starts the API and what stands beside it; returns where each listens, by its name."""
    from solarocpp import web  # litestar takes half a second to import; --help should not wait for it

    config, roster = services.config, services.roster
    app = web.make_app(
        services.registry,
        services.store,
        clock=services.clock,
        queue=orders.queue,
        lists=orders.lists,
        links=roster.links,
        connected=roster.connected,
        measured=web.Measured(roster, guidance.loop_lag),
        end_session=services.central.end_session,
    )
    token = admin_token(config.data_dir)
    addresses = {"web": await nursery.start(web.serve, app, str(config.web_address), token, config.web_origins)}
    if live_sql is not None:
        opens = partial(_opens_whole_box, services.registry, services.clock, token)
        serve_quack = partial(web.serve_quack, services.store, live_sql, config.quack, opens)
        addresses["quack"] = await nursery.start(serve_quack, config.sql_deadline_s)
    if (keep := config.duration("keep_instruction")) is not None:
        nursery.start_soon(web.run_transfer_retention, app, keep, services.clock)
    if config.files_address is not None:
        serve_files = partial(web.serve_files, app, config.files, config.files_url, config.tls_files, roster.on_effects)
        addresses["files"] = await nursery.start(serve_files)
    return addresses


async def _end_links(services: Services, delivery: Delivery) -> None:
    """First what we asked is answered, while links are still read; then what they asked."""
    roster, patience_s = services.roster, services.config.drain_deadline_s
    await delivery.finish(patience_s)
    drained = await roster.drain(patience_s)
    await roster.close_all(1012, "the server restarts", CLOSE_DEADLINE_S)
    log.debug("stopping", drained=drained)


async def _tell(registry: Registry, queue: InstructionQueue, charger_id: int, request: OcppMessage) -> None:
    """Queues what the server itself wants a charger to do."""
    try:
        charger = registry.charger(charger_id)
    except KeyError:  # removed meanwhile
        return
    action = type(request).__name__.removesuffix("Request")
    order = read_order(action, encode_payload(request))
    await queue.submit(order, action=action, charger=charger, requested_by="solarocpp")


async def _keep_store(services: Services) -> None:
    """What a store needs besides being written: old rows go, copies are made."""
    duration = services.config.duration
    kept = {name: duration(f"keep_{name}") for name in ("ledger", "datum", "event", "instruction")}
    keep = Keep(**kept, configuration=kept["event"], reservation=kept["instruction"])  # what happened, what was ordered
    every = duration("snapshot_every")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_retention, services.store, keep, services.clock)
        if every is not None:
            nursery.start_soon(run_snapshots, services.store, every, services.config.snapshot_keep, services.clock)


async def _heed_hangups(hangups: AsyncIterable[object], gateway: Gateway) -> None:
    async for _ in hangups:
        gateway.reload_tls()


async def _hold_links(scope: trio.CancelScope, *, task_status: trio.TaskStatus[trio.Nursery]) -> None:
    with scope:
        async with trio.open_nursery() as links:
            task_status.started(links)
            await trio.sleep_forever()


async def serve_until_signal(config: Config) -> None:
    """Serves until SIGTERM or SIGINT, a second one ends the process at once; SIGHUP has the certificates read again."""
    allow_files(config.max_links)
    stop = trio.Event()
    # From the very start: unheeded, a SIGHUP would end the process.
    with hangup_signals() as hangups:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch_signals, stop)
            await serve(config, stop=stop, hangups=hangups, supervisor=supervisor_of_this_process())
            nursery.cancel_scope.cancel()


def replay_tail(store: Store, central: CentralSystem) -> None:
    """Runs the ledger rows that the tables do not show yet through the handlers, and projects them."""
    replayed = [(row.seq, replayed_effects(row, central)) for row in store.tail()]
    if replayed:
        store.project_tail(replayed)
        log.info("ledger_replayed", rows=len(replayed))


def admin_token(data_dir: Path) -> str:
    """Reads the token of the local command line, making it (mode 0600) at the first start."""
    path = data_dir / "admin.token"
    if path.exists():
        return path.read_text().strip()
    token = secrets.token_urlsafe(32)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token + "\n")
    return token


def _opens_whole_box(registry: Registry, clock: Callable[[], datetime], admin: str, shown: str) -> bool:
    if secrets.compare_digest(shown.encode(), admin.encode()):
        return True
    token = registry.token_by_text(shown)
    return token is not None and token.whole_box and not token.has_expired(clock())


def _announce(services: Services, addresses: Mapping[str, str]) -> None:
    config, ocpp = services.config, addresses["ocpp"]
    tls = config.tls_cert is not None
    _write_json(config.data_dir / "server.json", {"pid": os.getpid(), **addresses, "tls": tls})
    if config.ready_file is not None:
        _write_json(config.ready_file, addresses)
    log.info("listening", **addresses, tls=tls)
    if not tls and is_exposed(config.ocpp_address.host):
        hint = "use TLS (solarocpp tls init), or --ocpp with an address of a private network"
        log.warning("unprotected_listener", ocpp=ocpp, hint=hint)
    if not services.registry.chargers():
        scheme, port = "wss" if tls else "ws", ocpp.rpartition(":")[2]
        log.info(
            "next_steps",
            register="solarocpp charger add CP001",
            credential="solarocpp credential add depot",
            charger_url=f"{scheme}://THIS-MACHINE:{port}/ocpp/j/v16/CP001",
        )


def is_exposed(host: str) -> bool:
    """Whether a listener on `host` can be reached from outside of this machine and its private network.

    On all interfaces it can: which of them the internet sees, no program knows.
    """
    return host in {"0.0.0.0", "::"} or not (host == "localhost" or Peer(host).nearby)  # noqa: S104


def _write_json(path: Path, content: object) -> None:
    """Writes at once or not at all: whoever waits for the file reads it the moment it appears."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(json.dumps(content) + "\n")
    beside.replace(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
