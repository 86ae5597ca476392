import asyncio

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from codelab_core.clock import SYSTEM_CLOCK
from codelab_llmproxy.catalogue import Target
from codelab_llmproxy.metrics import Metrics
from codelab_llmproxy.scripted.models import ScriptedModels
from codelab_llmproxy.scripted.provider import ScriptedProvider
from fakes.stage import HandClock

PROVIDER = ScriptedProvider(ScriptedModels({}), SYSTEM_CLOCK, sleep=asyncio.sleep)
TARGET = Target(PROVIDER, "scripted/tokens-3@1", "scripted/tokens")


def lines(registry: CollectorRegistry) -> list[str]:
    text = generate_latest(registry).decode()
    return [line for line in text.splitlines() if line[0] != "#" and "_created" not in line]


def test_tokens_per_second_are_those_of_the_last_ten_seconds() -> None:
    """O-06."""
    registry, clock = CollectorRegistry(), HandClock()
    metrics = Metrics(registry, clock)

    for _ in range(600):
        metrics.count_tokens(1)
        clock.advance(0.02)
    busy = registry.get_sample_value("llm_proxy_tokens_per_second")
    metrics.count_tokens(0)
    clock.advance(11)
    idle = registry.get_sample_value("llm_proxy_tokens_per_second")

    assert busy == pytest.approx(50, rel=0.05)
    assert idle == 0.0


def test_labels_come_from_configuration() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry, HandClock())

    metrics.count_live(lambda: 3)
    metrics.count_attempt(TARGET, "ok", 0)
    metrics.count_attempt(TARGET, "cut", 2)
    metrics.show_available(PROVIDER, is_available=False)
    metrics.count_wasted("cancel", 4)
    metrics.observe_first_chunk(999.5)

    labels = 'model="scripted/tokens",provider="scripted"'
    assert [line for line in lines(registry) if "_bucket" not in line] == [
        "llm_proxy_tokens_per_second 0.0",
        "codelab_llmproxy_inflight 3.0",
        f'codelab_llmproxy_attempts_total{{class="ok",{labels}}} 1.0',
        f'codelab_llmproxy_attempts_total{{class="cut",{labels}}} 1.0',
        'codelab_llmproxy_malformed_events_total{provider="scripted"} 2.0',
        'codelab_llmproxy_provider_available{provider="scripted"} 0.0',
        'codelab_llmproxy_wasted_tokens_total{reason="cancel"} 4.0',
        "codelab_llmproxy_first_chunk_seconds_count 1.0",
        "codelab_llmproxy_first_chunk_seconds_sum 0.5",
    ]
