"""Builds the LLM proxy: what there is, in which order it starts and ends."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from codelab_core.clock import SYSTEM_CLOCK, Clock
from codelab_core.internal_keys import load_internal_keys
from codelab_core.llm_names import SCRIPTED
from codelab_core.server import Drain, Running, bind, cancelled_at_end
from codelab_core.service import Check, Readiness, Service, build_app
from codelab_core.settings import LLMProxySettings
from codelab_llmproxy.clocks import Sleep
from codelab_llmproxy.egress import Egress
from codelab_llmproxy.hot import Lane
from codelab_llmproxy.inferences import Inferences
from codelab_llmproxy.metrics import Metrics
from codelab_llmproxy.neutral_api import add_routes
from codelab_llmproxy.offer import Offer, Workshop, secrets_of
from codelab_llmproxy.scripted.models import ScriptedModels
from codelab_llmproxy.scripted.provider import ScriptedProvider, load_scenarios


def create_app(
    settings: LLMProxySettings, *, clock: Clock = SYSTEM_CLOCK, sleep: Sleep = asyncio.sleep
) -> FastAPI:
    """The application; `sleep` paces the scripted provider, and all pauses.

    Raises `SettingsError` for keys that cannot be read, `ConfigFileError` and `SecretsError` for a
    configuration that cannot be used, and `ScenarioError`.
    """
    app, _ = _assemble(settings, clock, sleep)
    return app


@asynccontextmanager
async def llmproxy(
    settings: LLMProxySettings,
    *,
    listener: socket.socket | None = None,
    clock: Clock = SYSTEM_CLOCK,
    sleep: Sleep = asyncio.sleep,
) -> AsyncGenerator[Running]:
    """The proxy, ready to be served; `listener` is a socket that is bound already.

    Raises what `create_app` raises, and `OSError` for a port that is taken.
    """
    app, drain = _assemble(settings, clock, sleep)
    yield Running(app, listener or bind(settings.host, settings.port), drain)


def who_answers(app: FastAPI) -> tuple[str, str]:
    """Provider and model behind the name `default`, as the application stands now."""
    offer: Offer = app.state.offer
    target = offer.catalogue.resolve("default")[0]
    return target.provider.name, target.model


def _assemble(settings: LLMProxySettings, clock: Clock, sleep: Sleep) -> tuple[FastAPI, Drain]:
    """The application and its drain."""
    registry, readiness, egress = CollectorRegistry(), Readiness(), Egress(clock)
    models = ScriptedModels(load_scenarios(settings.scenario_dir))
    scripted = ScriptedProvider(models, clock, sleep=sleep, time_scale=settings.scripted_time_scale)
    offer = Offer(settings, Workshop(scripted, egress, secrets_of(settings)))
    metrics = Metrics(registry, clock)
    offer.on_change(metrics.show_providers)
    metrics.show_config(lambda: offer.is_valid)
    keys = load_internal_keys(settings)
    inferences = Inferences(settings, offer, metrics, clock, sleep)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        async with egress, inferences.running(), cancelled_at_end() as tasks:
            tasks.create_task(offer.watch())
            if keys:
                tasks.create_task(keys.watch())
            readiness.state = "ok"
            yield

    async def drain() -> None:
        readiness.state = "draining"
        await inferences.drain()

    service = Service(
        name=settings.service,
        lifespan=lifespan,
        checks=ProviderChecks(offer),
        judge=one_answers,
        keys=keys,
        readiness=readiness,
        registry=registry,
        clock=clock,
    )
    app = build_app(service)
    app.state.offer = offer
    add_routes(app, Lane(inferences, settings.max_body_bytes), inferences, offer)
    return app, drain


def one_answers(states: Mapping[str, bool]) -> bool:
    """Healthy while a provider is there; the built-in one counts only where it is alone."""
    real = [is_well for name, is_well in states.items() if name != SCRIPTED]
    return any(real or states.values())


class ProviderChecks(Mapping[str, Check]):
    """A health check per provider that is on offer now."""

    def __init__(self, offer: Offer) -> None:
        self._offer = offer

    def __getitem__(self, name: str) -> Check:
        return {provider.name: provider.check for provider in self._offer.catalogue.providers}[name]

    def __iter__(self) -> Iterator[str]:
        return (provider.name for provider in self._offer.catalogue.providers)

    def __len__(self) -> int:
        return len(self._offer.catalogue.providers)
