from prometheus_client import CollectorRegistry

from codelab_gateway.metrics import MAX_KINDS, Metrics


def test_the_names_are_those_of_dashboards() -> None:
    """O-04."""
    registry = CollectorRegistry()
    Metrics(registry)

    assert sorted(metric.name for metric in registry.collect()) == [
        "codelab_gateway_breaker_open",
        "codelab_gateway_closed",
        "codelab_gateway_frames",
        "codelab_gateway_refused",
        "codelab_gateway_streams",
        "gateway_ws_connections",
    ]


def sent(registry: CollectorRegistry, kind: str) -> float | None:
    labels = {"direction": "out", "type": kind}
    return registry.get_sample_value("codelab_gateway_frames_total", labels)


def test_frames_are_counted_by_their_first_key() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)

    for frame in (b'{"type":"pong"}', b'{"type":"ok","cid":"x"}', b'{"type":"pong","t":1}'):
        metrics.sent(frame)

    assert [sent(registry, "pong"), sent(registry, "ok")] == [2.0, 1.0]


def test_types_that_only_a_newer_runtime_knows_do_not_fill_memory() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)

    for number in range(MAX_KINDS + 50):
        metrics.sent(b'{"type":"new_%d"}' % number)

    assert len(metrics._sent) == MAX_KINDS + 1
    assert sent(registry, "other") == 50.0


def test_an_address_that_is_gone_has_no_breaker_to_show() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.breakers.labels("http://10.0.0.1:8001").set(1)

    metrics.forget_address("http://10.0.0.1:8001")
    metrics.forget_address("http://10.0.0.2:8001")

    labels = {"address": "http://10.0.0.1:8001"}
    assert registry.get_sample_value("codelab_gateway_breaker_open", labels) is None
