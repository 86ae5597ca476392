"""Names and labels of the operator's counters: alerts and dashboards are written against them."""

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from codelab_operator.metrics import Metrics

PUBLISHED = {
    "codelab_operator_agents": ("gauge", ("ready",)),
    "codelab_operator_api_requests": ("counter", ("verb", "kind", "code")),
    "codelab_operator_drift_fights": ("counter", ()),
    "codelab_operator_drift_repairs": ("counter", ("kind",)),
    "codelab_operator_events_lost": ("counter", ()),
    "codelab_operator_leader": ("gauge", ()),
    "codelab_operator_loop_lag_seconds": ("gauge", ()),
    "codelab_operator_queue_age_seconds": ("gauge", ()),
    "codelab_operator_queue_depth": ("gauge", ()),
    "codelab_operator_ready_seconds": ("histogram", ()),
    "codelab_operator_reconcile_seconds": ("histogram", ("result",)),
    "codelab_operator_watch_echo_seconds": ("histogram", ("kind",)),
    "codelab_operator_write_limit": ("gauge", ()),
}


def test_every_published_metric_is_there_by_its_name_and_labels() -> None:
    made = Metrics(CollectorRegistry())

    kept = [value for value in vars(made).values() if isinstance(value, MetricWrapperBase)]

    assert {it._name: (it._type, tuple(it._labelnames)) for it in kept} == PUBLISHED


def test_two_operators_in_one_process_count_apart() -> None:
    one, other = Metrics(CollectorRegistry()), Metrics(CollectorRegistry())

    one.drift_fights.inc()

    name = "codelab_operator_drift_fights_total"
    assert one.registry.get_sample_value(name) == 1.0
    assert other.registry.get_sample_value(name) == 0.0
