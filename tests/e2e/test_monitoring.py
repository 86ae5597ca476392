"""A real Prometheus finds the services by their ServiceMonitors and has the figures of a turn."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest

from codelab_client.approvals import FixedAnswers
from codelab_client.opening import Where, opened_session
from harness.commands import outcome
from harness.kubernetes import Cluster, condition
from harness.live_agent import LiveAgent, live_agent
from harness.person import Record

pytestmark = pytest.mark.timeout(600)
PROMETHEUS = "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query?query="
PODS = 6
RELOAD_S = 180
"""For the kubelet to bring Prometheus its new configuration, and for the first scrape."""
TASK = "write 400 tokens at 20 per second"


@pytest.fixture(scope="module")
def live(cluster: Cluster, pytestconfig: pytest.Config) -> Iterator[LiveAgent]:
    """An agent in a cluster with Prometheus, which the command of `--monitoring` brings."""
    install = pytestconfig.getoption("--monitoring")
    if not install:
        pytest.skip("no --monitoring COMMAND that brings Prometheus into a cluster by its name")
    name = cluster.context.removeprefix("kind-")
    bring = partial(outcome, install, name, timeout_s=400)  # it may ask before the server is ready
    cluster.until(lambda: bring().returncode == 0, f"{install} {name}", 60)
    with live_agent(cluster, "watched", 30803, monitoring={"interval": "2s"}) as found:
        yield found


def figure(live: LiveAgent, query: str) -> float:
    """The sum that Prometheus answers for the agent's namespace; 0 where it knows nothing."""
    wanted = quote(query.replace("OURS", f'namespace="{live.namespace}"'), safe="")
    answer = json.loads(live.cluster.kubectl("get", "--raw", PROMETHEUS + wanted))
    return sum(float(series["value"][1]) for series in answer["data"]["result"])


def test_every_monitor_has_targets_that_answer(live: LiveAgent) -> None:
    """E16: each monitor selects live targets; the operator says that monitoring is there."""
    live.cluster.until(
        lambda: figure(live, "count by (job) (up{OURS} == 1)") == PODS,
        "every pod of the services is scraped",
        RELOAD_S,
    )

    assert condition(live.ready(), "MonitoringReady")["status"] == "True"


async def test_prometheus_has_the_figures_of_a_live_turn(live: LiveAgent, tmp_path: Path) -> None:
    record, where = Record(), Where(tmp_path / "state", tmp_path)
    queries = {
        "gateway_ws_connections": "gateway_ws_connections{OURS}",
        "agent_llm_requests_total": "agent_llm_requests_total{OURS}",
        "llm_proxy_tokens_per_second": "max_over_time(llm_proxy_tokens_per_second{OURS}[2m])",
    }

    async with opened_session(where, live.gateway, FixedAnswers.parse("all"), record) as session:
        await session.ask(TASK)
        live.cluster.until(
            lambda: all(figure(live, query) > 0 for query in queries.values()),
            f"Prometheus knows {', '.join(queries)}",
            60,
        )
        seen = {name: figure(live, query) for name, query in queries.items()}

    print("Prometheus:", seen)  # noqa: T201 -- the figures of the case
    assert seen["gateway_ws_connections"] == 1
    assert seen["agent_llm_requests_total"] == 1
    assert 1 < seen["llm_proxy_tokens_per_second"] < 100
