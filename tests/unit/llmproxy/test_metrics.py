import pytest
from prometheus_client import CollectorRegistry, generate_latest

from codelab_llmproxy.catalogue import Catalogue
from codelab_llmproxy.metrics import Metrics
from fakes.clock import HandClock
from fakes.stage import CONFIG, StageProvider, stage_catalogue, stage_target

TARGET = stage_target()
NAMES = 'model="stage",provider="stage"'


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
    metrics.show_available("stage", is_available=False)
    metrics.count_wasted("cancel", 4)
    metrics.show_config(lambda: True)

    assert [line for line in lines(registry) if "_bucket" not in line] == [
        "llm_proxy_tokens_per_second 0.0",
        "codelab_llmproxy_inflight 3.0",
        f'codelab_llmproxy_attempts_total{{class="ok",{NAMES}}} 1.0',
        f'codelab_llmproxy_attempts_total{{class="cut",{NAMES}}} 1.0',
        'codelab_llmproxy_malformed_events_total{provider="stage"} 2.0',
        'codelab_llmproxy_provider_available{provider="stage"} 0.0',
        'codelab_llmproxy_wasted_tokens_total{reason="cancel"} 4.0',
        "codelab_llmproxy_config_valid 1.0",
        "codelab_llmproxy_first_chunk_seconds_count 0.0",
        "codelab_llmproxy_first_chunk_seconds_sum 0.0",
    ]


def test_only_providers_of_the_configuration_are_shown() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry, HandClock())
    metrics.show_available("gone", is_available=False)

    metrics.show_providers(stage_catalogue(StageProvider()))
    first = [line for line in lines(registry) if "provider_available" in line]
    metrics.show_providers(Catalogue([], CONFIG))
    second = [line for line in lines(registry) if "provider_available" in line]

    assert first[-1] == 'codelab_llmproxy_provider_available{provider="stage"} 1.0'
    assert [line for line in second if "stage" in line] == []
