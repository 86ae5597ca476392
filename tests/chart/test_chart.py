"""The chart as helm renders it; helm's own schema check runs with every rendering."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/codelab-agent"
SAMPLES = sorted((ROOT / "manifests/samples").glob("*.yaml"))
TEMPLATE = ("template", "demo", str(CHART), "-n", "ops", "--kube-version", "1.34.0")


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run helm on the chart."""
    return subprocess.run(["helm", *arguments], capture_output=True, text=True, check=False)


def rendered(*values: str) -> list[dict[str, Any]]:
    """What an installation with these values consists of, hooks included."""
    sets = [part for value in values for part in ("--set", value)]
    done = helm(*TEMPLATE, *sets)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def of_kind(documents: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The documents of one kind."""
    return [document for document in documents if document["kind"] == kind]


def rules(documents: list[dict[str, Any]]) -> list[tuple[str, list[str], list[str]]]:
    """Every right that is given: namespace (empty: everywhere), resources and verbs."""
    return [
        (role["metadata"].get("namespace", ""), rule["resources"], rule["verbs"])
        for role in documents
        if role["kind"] in {"Role", "ClusterRole"} and "helm.sh/hook" not in annotations(role)
        for rule in role["rules"]
    ]


def annotations(document: dict[str, Any]) -> dict[str, str]:
    """Annotations of a document."""
    found: dict[str, str] = document["metadata"].get("annotations", {})
    return found


def test_the_chart_passes_the_strict_lint() -> None:
    done = helm("lint", "--strict", str(CHART))

    assert done.returncode == 0, done.stdout


def test_an_installation_needs_no_right_beyond_its_namespaces() -> None:
    """cloudnative-pg/cloudnative-pg#11496: no ClusterRole for a namespaced install."""
    given = rules(rendered("watch.namespaces={team-a,ops}"))

    assert {namespace for namespace, _, _ in given} == {"ops", "team-a"}


def test_no_right_is_a_wildcard_and_secrets_are_never_listed() -> None:
    for mode in ("watch.clusterWide=false", "watch.clusterWide=true"):
        for _, resources, verbs in rules(rendered(mode)):
            assert "*" not in resources + verbs
            if "secrets" in resources:
                assert verbs == ["create", "get", "patch"]


def test_the_right_to_secrets_can_be_taken_away() -> None:
    given = rules(rendered("rbac.secrets=false"))

    assert not any("secrets" in resources for _, resources, _ in given)


def test_a_monitor_is_made_on_request_only() -> None:
    """Never by what the cluster at hand offers: `helm template` shows what is installed."""
    assert of_kind(rendered(), "ServiceMonitor") == []
    assert len(of_kind(rendered("metrics.serviceMonitor.enabled=true"), "ServiceMonitor")) == 1


def test_an_upgrade_brings_the_definition_up_to_date_first() -> None:
    """rossoctl/rossoctl#1335."""
    (job,) = of_kind(rendered(), "Job")

    assert annotations(job)["helm.sh/hook"] == "pre-upgrade"
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["crd", "apply"]
    assert of_kind(rendered("crds.upgradeJob=false"), "Job") == []


def test_no_container_has_a_variable_twice_and_each_fits_the_restricted_profile() -> None:
    documents = rendered("agent.create=true", "dev=true")
    pods = [d["spec"]["template"]["spec"] for d in documents if d["kind"] in {"Deployment", "Job"}]
    pods += [pod["spec"] for pod in of_kind(documents, "Pod")]

    assert len(pods) == 3
    for pod in pods:
        (container,) = pod["containers"]
        names = [entry["name"] for entry in container.get("env", [])]
        assert sorted(set(names)) == sorted(names)
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_sample_agent_is_as_the_values_say() -> None:
    made = rendered("agent.create=true", "agent.name=mine", "agent.spec.gateway.replicas=2")

    agents = {agent["metadata"]["name"]: agent["spec"] for agent in of_kind(made, "CodelabAgent")}
    assert agents == {"mine": {"gateway": {"replicas": 2}}, "demo-test": {}}


def test_the_agent_of_the_test_runs_the_images_of_the_sample_and_asks_for_a_token_of_ours() -> None:
    spec = "agent.spec"
    made = rendered(
        f"{spec}.images.registry=registry.example.com",
        f"{spec}.gateway.image=mine:1",
        f"{spec}.gateway.auth.tokensSecretName=clients",
        f"{spec}.redis.durability=strict",
    )

    (agent,) = of_kind(made, "CodelabAgent")
    assert agent["spec"] == {
        "images": {"registry": "registry.example.com"},
        "gateway": {"image": "mine:1"},
    }


@pytest.mark.parametrize("file", sorted((ROOT / "manifests").glob("*/values.yaml")), ids=str)
def test_the_values_of_this_repository_fit_the_chart(file: Path) -> None:
    assert helm("lint", "--strict", str(CHART), "--values", str(file)).returncode == 0


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_the_specification_of_every_sample_can_come_with_the_chart(
    file: Path, tmp_path: Path
) -> None:
    documents = yaml.safe_load_all(file.read_text())
    (sample,) = [one for one in documents if one["kind"] == "CodelabAgent"]
    values = tmp_path / "values.yaml"
    values.write_text(yaml.dump({"agent": {"create": True, "spec": sample["spec"]}}))

    done = helm(*TEMPLATE, "--values", str(values), "--set", "test.enabled=false")

    assert done.returncode == 0, done.stderr
    (made,) = of_kind(list(filter(None, yaml.safe_load_all(done.stdout))), "CodelabAgent")
    assert made["spec"] == sample["spec"]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param((), id="defaults"),
        pytest.param(("agent.create=true", "metrics.serviceMonitor.enabled=true"), id="more"),
        pytest.param(("watch.clusterWide=true",), id="everywhere"),
        pytest.param(("watch.namespaces={a,b}", "rbac.secrets=false"), id="namespaces"),
        pytest.param(("replicaCount=1", "crds.upgradeJob=false", "test.enabled=false"), id="less"),
    ],
)
def test_every_object_is_complete_and_made_once(values: tuple[str, ...]) -> None:
    made = rendered(*values)

    names = [
        (one["apiVersion"], one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"])
        for one in made
    ]
    assert sorted(set(map(str, names))) == sorted(map(str, names))
    assert all(re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name) for *_, name in names)


def test_a_test_can_talk_to_an_agent_that_is_there() -> None:
    made = rendered("test.agentName=mine")

    (pod,) = of_kind(made, "Pod")
    assert "http://mine-gateway:8000" in pod["spec"]["containers"][0]["args"]
    assert pod["spec"]["volumes"][0]["secret"]["secretName"] == "mine-client"
    assert of_kind(made, "CodelabAgent") == []


def test_a_test_can_use_a_token_of_ones_own() -> None:
    made = rendered("test.agentName=mine", "test.tokenSecretName=clients")

    (pod,) = of_kind(made, "Pod")
    assert pod["spec"]["volumes"][0]["secret"]["secretName"] == "clients"


@pytest.mark.parametrize(
    "value",
    [
        "replicaCount=4",
        "leaderElection.leaseDuration=10",
        "leaderElection.renewPeriod=6",
        "watch.clusterWide=true,watch.namespaces={a}",
        "agent.spec.gateway.replicas=0",
        "unknown=1",
    ],
)
def test_unsafe_values_are_refused(value: str) -> None:
    done = helm("template", "demo", str(CHART), "--kube-version", "1.34.0", "--set", value)

    assert done.returncode != 0
    assert "leaderElection" in done.stderr or "schema" in done.stderr
