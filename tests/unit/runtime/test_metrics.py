from prometheus_client import CollectorRegistry, generate_latest

from codelab_runtime.metrics import Metrics


def test_metrics_are_named_as_dashboards_know_them() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.inferences.inc()
    metrics.turns.labels("completed").inc()
    metrics.tool_seconds.labels("read_file").observe(0.1)

    text = generate_latest(registry).decode()

    for name in (
        "agent_llm_requests_total 1.0",
        'codelab_runtime_turns_total{reason="completed"} 1.0',
        'codelab_runtime_tool_seconds_count{tool="read_file"} 1.0',
        "codelab_runtime_inference_seconds_count 0.0",
        "codelab_runtime_owned_sessions 0.0",
        "codelab_runtime_events_total 0.0",
    ):
        assert name in text


def test_two_runtimes_fit_in_one_process() -> None:
    assert Metrics(CollectorRegistry()).owned is not Metrics(CollectorRegistry()).owned
