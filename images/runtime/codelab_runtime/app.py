"""What the runtime is built of, and in which order it is opened, drained and closed."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from fastapi import FastAPI
from redis.asyncio import Redis
from starlette.routing import Route

from codelab_core.clock import SYSTEM_CLOCK, Clock, jitter_source
from codelab_core.internal_keys import load_internal_keys
from codelab_core.server import Running, bind, cancelled_at_end
from codelab_core.service import Readiness, Service, build_app
from codelab_core.settings import RuntimeSettings
from codelab_runtime.actions import Actions
from codelab_runtime.agent_api import AgentApi
from codelab_runtime.backend import open_backend
from codelab_runtime.channels import Channels
from codelab_runtime.commands import Inbox
from codelab_runtime.commits import Commits
from codelab_runtime.connection import Connection
from codelab_runtime.events_api import EventsApi
from codelab_runtime.eviction import Eviction
from codelab_runtime.inference_client import InferenceClient
from codelab_runtime.keys import Keys
from codelab_runtime.metrics import Metrics
from codelab_runtime.models import Models
from codelab_runtime.parts import Parts
from codelab_runtime.reading import Reader
from codelab_runtime.repeating import Repeated
from codelab_runtime.sessions_api import SessionsApi
from codelab_runtime.snapshots import Snapshots
from codelab_runtime.store import Store
from codelab_runtime.store_clock import StoreClock
from codelab_runtime.store_watch import LOOK_S, StoreWatch
from codelab_runtime.sweeper import EVERY_S, Sweeper
from codelab_runtime.tails import CHECK_S, Tails
from codelab_runtime.tool_results import ToolResults
from codelab_runtime.turn.facts import Rules
from codelab_runtime.worker import Tools
from codelab_runtime.workers import SCAN_S, Workers


@asynccontextmanager
async def runtime(
    settings: RuntimeSettings,
    *,
    listener: socket.socket | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> AsyncIterator[Running]:
    """The runtime, ready to be served; `listener` is a socket that is bound already."""
    keys = load_internal_keys(settings)
    store_clock = StoreClock(clock)
    client = InferenceClient(settings.llmproxy_url, keys, jitter_source())
    async with open_backend(settings) as backend, cancelled_at_end() as tasks, client:
        connection = Connection(backend.commands)
        eviction = Eviction(connection, clock, is_allowed=settings.redis_allow_eviction)
        service = Service(
            name=settings.service,
            checks={"redis": eviction.check, "llm-proxy": client.check},
            keys=keys,
            readiness=Readiness("store"),
            clock=clock,
        )
        store = Store(connection, Keys(settings.redis_prefix), store_clock, settings.lease_ms)
        reader = Reader(connection, store.keys)
        metrics = Metrics(service.registry)
        models = Models(partial(client.get, "/llm/models"), clock)
        actions = Actions(client, tasks, rules(settings), store_clock, metrics, models)
        watch = StoreWatch(connection, service.readiness, store_clock, eviction)
        await watch.look()
        engine = _start(_Parts(settings, store, reader, backend.channels, actions))
        if keys:
            tasks.create_task(keys.watch())
        tasks.create_task(Repeated("look", LOOK_S, watch.look).run(jitter_source()))
        app = build_app(service)
        events = _add_routes(app, engine, client)

        async def drain() -> None:
            service.readiness.state = "draining"
            await engine.workers.drain()
            events.drain()

        yield Running(app, listener or bind(settings.host, settings.port), drain)


def rules(settings: RuntimeSettings) -> Rules:
    """The settings that turns decide by."""
    return Rules(
        default_model=settings.default_model,
        max_steps=settings.max_steps,
        file_tool_timeout_ms=settings.file_tool_timeout_ms,
        question_timeout_ms=settings.question_timeout_ms,
        max_tool_output_bytes=settings.max_tool_output_bytes,
        plain_tools=tuple(name.strip() for name in settings.plain_tools.split(",") if name.strip()),
        approvals=tuple(settings.approval_rules),
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the engine is made of."""

    settings: RuntimeSettings
    store: Store
    reader: Reader
    channels: Redis
    actions: Actions


@dataclass(frozen=True, slots=True)
class _Engine:
    """The running machinery that routes talk to."""

    workers: Workers
    tails: Tails
    inbox: Inbox
    reader: Reader
    store: Store


def _start(parts: _Parts) -> _Engine:
    """Start every background task; they end with the group of `parts.actions`."""
    settings, store, reader, tasks = parts.settings, parts.store, parts.reader, parts.actions.tasks
    clock = parts.actions.clock
    channels = Channels(parts.channels)
    tails = Tails(store, reader, channels)
    commits = Commits(store, store.connection)
    tools = Tools(
        store=store,
        commits=commits,
        reader=reader,
        tails=tails,
        actions=parts.actions,
        clock=clock,
        park_after_s=settings.park_after_s,
        session_ttl_s=settings.session_ttl_s,
    )
    workers = Workers(store, tools, tasks, parts.actions.metrics.owned, settings.max_turns)
    channels.lost = partial(_look_again, tails, workers)
    for bucket in range(store.keys.buckets):
        channels.hear(store.keys.wake(bucket), workers.heard)
    tasks.create_task(channels.run())
    tasks.create_task(commits.run())
    sweeper = Sweeper(store, reader, clock)
    jitter = jitter_source()
    for repeated in (
        Repeated("mend", 0, tails.mend),
        Repeated("check", CHECK_S, tails.check),
        Repeated("scan", SCAN_S, workers.scan),
        Repeated("renew", settings.lease_ms / 3000, workers.renew),
        Repeated("sweep", EVERY_S, sweeper.sweep_all),
    ):
        tasks.create_task(repeated.run(jitter))
    inbox = Inbox(store, workers, clock, settings.session_ttl_s, settings.max_queued_messages)
    return _Engine(workers, tails, inbox, reader, store)


def _look_again(tails: Tails, workers: Workers) -> None:
    """The store was away: it may have lost what we believe of it."""
    tails.check_soon()
    workers.forget()


def _add_routes(app: FastAPI, engine: _Engine, client: InferenceClient) -> EventsApi:
    """Add all routes; the event streams are returned, so that they can be drained."""
    snapshots = Snapshots(engine.store, engine.reader)
    results = ToolResults(engine.inbox, Parts(engine.store, engine.reader))
    app.include_router(AgentApi(engine.inbox, results, engine.tails, snapshots).router())
    sessions = SessionsApi(engine.inbox, engine.reader, snapshots, engine.tails, client)
    app.include_router(sessions.router())
    events = EventsApi(engine.store, engine.tails, snapshots)
    app.router.routes.append(
        Route("/agent/sessions/{session_id}/events", endpoint=events, include_in_schema=False)
    )
    return events
