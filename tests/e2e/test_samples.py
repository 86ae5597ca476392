"""Samples and renderings of the chart, as a real API server judges them."""

from pathlib import Path

import pytest
import yaml

from harness.commands import ROOT
from harness.kubernetes import Cluster

pytestmark = pytest.mark.timeout(120)
SAMPLES = sorted((ROOT / "manifests/samples").glob("*.yaml"))
NEW = ("--kube-version", "1.34.0")
"""Some builds of helm take the oldest version there is where none is given."""
SERVER = ("--dry-run=server", "--validate=strict")
VALUES = {
    "defaults": "agent.create=false",
    "everywhere": "watch.clusterWide=true,agent.create=true",
    "namespaces": "watch.namespaces={default},rbac.secrets=false",
    "small": "replicaCount=1,networkPolicy.enabled=false,crds.upgradeJob=false",
    "placed": "nodeSelector.a=b,tolerations[0].operator=Exists,imagePullSecrets[0].name=pull",
}


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_every_sample_is_accepted_word_for_word(
    file: Path, cluster: Cluster, namespace: str
) -> None:
    """K-09: no unknown field, no broken rule; nothing is lost on the way."""
    documents = list(yaml.safe_load_all(file.read_text()))
    (sample,) = [one for one in documents if one["kind"] == "CodelabAgent"]
    sample["metadata"]["namespace"] = namespace

    said = cluster.send("apply", sample, namespace, *SERVER, "-o", "yaml")

    assert (said.returncode, said.stderr) == (0, "")
    assert _contains(yaml.safe_load(said.stdout)["spec"], sample["spec"])


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES.keys())
def test_every_rendering_of_the_chart_is_accepted(
    values: str, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    chart, file = str(ROOT / "charts/codelab-agent"), tmp_path / "rendered.yaml"
    said = cluster.helm("template", "one", chart, "-n", namespace, "--set", values, *NEW)
    file.write_text(said)

    judged = cluster.said("apply", *SERVER, "-f", str(file))

    assert (judged.returncode, judged.stderr) == (0, "")


def _contains(whole: object, part: object) -> bool:
    """Whether a stored value has all that was sent; defaults may have come on top."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(name in whole and _contains(whole[name], part[name]) for name in part)
    if isinstance(part, list) and isinstance(whole, list):
        same = len(part) == len(whole)
        return same and all(_contains(a, b) for a, b in zip(whole, part, strict=True))
    return whole == part
