"""Tests of the monitors."""

import pytest

from codelab_operator.children import Offering
from codelab_operator.manifests import desired
from fakes.agents import agent_of, children_of


@pytest.mark.parametrize("mode", ["Auto", "Enabled"])
def test_each_service_has_a_monitor_that_selects_it(mode: str) -> None:
    wanted = {"serviceMonitor": mode, "interval": "15s", "labels": {"release": "prometheus"}}
    monitors = children_of("ServiceMonitor", monitoring=wanted)
    services = children_of("Service")

    for name in ("gateway", "runtime", "llmproxy"):
        spec, labels = monitors[name]["spec"], services[name]["metadata"]["labels"]
        assert spec["selector"]["matchLabels"].items() <= labels.items()
        assert spec["endpoints"] == [
            {"port": "http", "path": "/metrics", "interval": "15s", "honorLabels": False}
        ]
        assert monitors[name]["metadata"]["labels"]["release"] == "prometheus"
    assert set(monitors) == {"gateway", "runtime", "llmproxy"}


def test_monitors_can_be_switched_off() -> None:
    assert children_of("ServiceMonitor", monitoring={"serviceMonitor": "Disabled"}) == {}


@pytest.mark.parametrize("mode", ["Auto", "Enabled"])
def test_a_cluster_without_the_kind_gets_no_monitor(mode: str) -> None:
    """kagent-dev/kagent#1369: installs work with and without the CRD."""
    agent = agent_of(monitoring={"serviceMonitor": mode})

    kinds = {child.key.kind for child in desired(agent, Offering())}

    assert "ServiceMonitor" not in kinds
