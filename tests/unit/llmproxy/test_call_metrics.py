from prometheus_client import CollectorRegistry

from codelab_core.protocol.inference import Usage
from codelab_llmproxy.call_metrics import CallMetrics
from fakes.stage import stage_target

LABELS = {
    "gen_ai_operation_name": "chat",
    "gen_ai_provider_name": "stage",
    "gen_ai_request_model": "stage",
}


def test_calls_are_measured_by_the_conventions_of_genai() -> None:
    registry = CollectorRegistry()
    metrics = CallMetrics(registry)
    value = registry.get_sample_value

    metrics.observe(stage_target(), 2.0, "ok", Usage(prompt_tokens=9, completion_tokens=3))
    metrics.observe(stage_target(), 1.0, "cut", Usage(prompt_tokens=1))
    metrics.observe_first_chunk(0.5)

    duration, usage = "gen_ai_client_operation_duration_sum", "gen_ai_client_token_usage_sum"
    assert value(duration, LABELS | {"error_type": ""}) == 2.0
    assert value(duration, LABELS | {"error_type": "cut"}) == 1.0
    assert value(usage, LABELS | {"gen_ai_token_type": "input"}) == 10
    assert value(usage, LABELS | {"gen_ai_token_type": "output"}) == 3
    assert value("codelab_llmproxy_first_chunk_seconds_sum") == 0.5


def test_whole_answers_without_counts_are_counted() -> None:
    registry = CollectorRegistry()
    metrics = CallMetrics(registry)

    metrics.observe(stage_target(), 1.0, "ok", None)
    metrics.observe(stage_target(), 1.0, "cut", None)

    missing = "codelab_llmproxy_usage_missing_total"
    assert registry.get_sample_value(missing, {"provider": "stage"}) == 1.0


def test_a_target_that_is_left_alone_is_shown() -> None:
    registry = CollectorRegistry()
    metrics = CallMetrics(registry)
    labels, states = {"provider": "stage", "model": "stage"}, list[float | None]()

    for is_open in (True, False):
        metrics.show_breaker(stage_target(), is_open=is_open)
        states.append(registry.get_sample_value("codelab_llmproxy_breaker_state", labels))

    assert states == [1.0, 0.0]
