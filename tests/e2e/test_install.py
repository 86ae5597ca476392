"""From an empty cluster to a turn: install, sample, conversation, the chart's own test."""

from base64 import b64decode
from pathlib import Path

import pytest

from codelab_client.approvals import FixedAnswers
from codelab_client.opening import Where, opened_session
from codelab_client.places import Gateway, GatewayError
from codelab_client.sample import TASK, make_sample
from harness.commands import ROOT
from harness.kubernetes import CHILD_KINDS, Cluster, agent, sample
from harness.person import Record

pytestmark = pytest.mark.timeout(300)
SIX_TOOLS = {
    "read_file",
    "write_file",
    "apply_patch",
    "apply_patch_review",
    "git.diff",
    "prompt_user",
}
EVERYTHING = f'{TASK} then ask me "Well?" with options yes, no then write "done" to note.txt'
CHILDREN = 15
"""Objects of an agent with an empty specification."""


def client_token(cluster: Cluster, namespace: str, name: str) -> str:
    """The token that the operator made for clients."""
    secret = cluster.get("secret", f"{name}-client", namespace)
    return b64decode(secret["data"]["token"]).decode()


def test_e1_the_minimal_sample_becomes_ready_with_fifteen_children(
    cluster: Cluster, namespace: str
) -> None:
    said = cluster.said("-n", namespace, "apply", "-f", sample("minimal"))
    name = said.stdout.partition("/")[2].split()[0]

    ready = cluster.ready(name, namespace)

    children = cluster.listed(CHILD_KINDS, namespace, "-l", f"codelab.dev/agent={name}")
    assert "would violate PodSecurity" not in said.stderr
    assert ready["status"]["observedGeneration"] == ready["metadata"]["generation"]
    assert len(children) == CHILDREN


async def test_e2_all_tools_work_through_the_service_with_the_generated_token(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    cluster.apply(agent(), namespace)
    cluster.ready("one", namespace)
    token = client_token(cluster, namespace, "one")
    workspace = tmp_path / "workspace"
    await make_sample(workspace)
    record = Record()

    with cluster.forwarded("service/one-gateway", 8000, namespace) as url:
        where, all_of_it = Where(tmp_path / "state", workspace), FixedAnswers.parse("all")
        async with opened_session(where, Gateway(url, token), all_of_it, record) as session:
            completed = await session.ask(EVERYTHING)
        with pytest.raises(GatewayError, match="token"):
            await Gateway(url, "wrong").request("GET", "/api/v1/sessions")

    assert completed["reason"] == "completed"
    assert {call["tool_name"] for call in record.of("tool_call")} >= SIX_TOOLS
    assert (workspace / "note.txt").read_bytes() == b"done"
    assert "def welcome(" in (workspace / "src/words.py").read_text()


def test_e3_the_chart_tests_itself(cluster: Cluster) -> None:
    said = cluster.helm("test", "codelab-agent", "-n", "codelab-system", timeout_s=240)

    assert "Succeeded" in said


def test_e3_the_chart_can_bring_an_agent(bare_cluster: Cluster, cluster: Cluster) -> None:
    release = ("sample", str(ROOT / "charts/codelab-agent"), "-n", "sampled", "--create-namespace")
    values = ("-f", str(ROOT / "manifests/e2e/values.yaml"), "--set", "watch.clusterWide=false")
    cluster.helm("install", *release, *values, "--set", "agent.create=true", "--wait")

    cluster.ready("codelab", "sampled")
    cluster.helm("uninstall", "sample", "-n", "sampled")
