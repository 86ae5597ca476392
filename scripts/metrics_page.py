"""`docs/metrics.md`: every metric that a process of ours shows, from the classes that make them."""

from collections.abc import Callable, Iterator
from typing import Any, Final, cast

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from codelab_core.clock import SYSTEM_CLOCK
from codelab_core.middleware import RequestContext
from codelab_core.settings import GatewaySettings, LLMProxySettings, RuntimeSettings
from codelab_gateway.metrics import Metrics as GatewayMetrics
from codelab_llmproxy.metrics import Metrics as LLMProxyMetrics
from codelab_operator.metrics import Metrics as OperatorMetrics
from codelab_runtime.metrics import Metrics as RuntimeMetrics
from page_tables import NONE, NOTE, cell, table

HEAD: Final = ("metric", "type", "labels", "meaning")
ABOUT: Final = """\
# Metrics

What `/metrics` of each process shows, in Prometheus' text format. No label holds a session, a
caller or an agent's name. In a cluster a ServiceMonitor for each service scrapes them
(`spec.monitoring`), and one for the operator on request (`metrics.serviceMonitor.enabled` of the
chart).
"""


class Kept(CollectorRegistry):
    """A registry that remembers its collectors, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.collectors: list[Collector] = []

    def register(self, collector: Collector) -> None:
        """Remember one."""
        self.collectors.append(collector)


def http(service: str) -> Callable[[CollectorRegistry], object]:
    """What every service counts about its requests."""

    def fill(registry: CollectorRegistry) -> object:
        nothing: Any = None
        return RequestContext(
            nothing, service=service, registry=registry, clock=SYSTEM_CLOCK, answer=nothing
        )

    return fill


PARTS: Final[tuple[tuple[str, tuple[Callable[[CollectorRegistry], object], ...]], ...]] = (
    ("Gateway", (GatewayMetrics, http(GatewaySettings.service))),
    ("Runtime", (RuntimeMetrics, http(RuntimeSettings.service))),
    (
        "LLM proxy",
        (
            lambda registry: LLMProxyMetrics(registry, SYSTEM_CLOCK),
            http(LLMProxySettings.service),
        ),
    ),
    ("Operator", (OperatorMetrics,)),
)


def metrics_page() -> str:
    """The whole page."""
    lines = [NOTE, "", ABOUT]
    for title, makers in PARTS:
        registry = Kept()
        for make in makers:
            make(registry)
        lines += [f"## {title}", "", *table(HEAD, sorted(_rows(registry)))]
    return "\n".join(lines).rstrip() + "\n"


def _rows(registry: Kept) -> Iterator[tuple[str, str, str, str]]:
    """One row for each collector."""
    for collector in registry.collectors:
        (metric,) = cast("Any", collector).describe()
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        labels = cast("tuple[str, ...]", vars(collector)["_labelnames"])
        named = ", ".join(f"`{label}`" for label in labels) or NONE
        yield f"`{name}`", metric.type, named, cell(f"{metric.documentation.rstrip('.')}.")
