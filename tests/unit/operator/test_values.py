"""Tests of the chart's values: what is refused before anything is installed."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from codelab_operator.values import Values, values_schema

CHART = Path(__file__).resolve().parents[3] / "charts/codelab-agent"
SCHEMA = values_schema()
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())


def with_value(path: str, value: Any) -> dict[str, Any]:
    """The defaults with one value set, as `--set` does it."""
    made: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    *parents, last = path.split(".")
    place = made
    for name in parents:
        place = place.setdefault(name, {})
    place[last] = value
    return made


def test_the_schema_is_one() -> None:
    Draft7Validator.check_schema(SCHEMA)


def test_the_defaults_of_the_chart_are_those_of_the_types() -> None:
    assert list(Draft7Validator(SCHEMA).iter_errors(DEFAULTS)) == []
    typed = Values().model_dump(by_alias=True)
    assert {**typed, "resources": DEFAULTS["resources"]} == DEFAULTS


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("replicaCount", 3),
        ("watch", {"clusterWide": True, "namespaces": []}),
        ("watch", {"namespaces": ["a", "b"]}),
        ("agent.spec", {"gateway": {"replicas": 2, "config": {"connectRate": 0.5}}}),
        ("agent.spec", {"rollout": {"maxSurge": "50%"}}),
        ("global", {"anything": 1}),
    ],
    ids=repr,
)
def test_good_values_are_accepted(path: str, value: Any) -> None:
    assert list(Draft7Validator(SCHEMA).iter_errors(with_value(path, value))) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("replicaCount", 0),
        ("replicaCount", 4),
        ("replicaCount", "2"),
        ("watch", {"clusterWide": True, "namespaces": ["a"]}),
        ("watch.namespaces", ["A"]),
        ("watch.namespaces", [f"n{i}" for i in range(11)]),
        ("unknown", 1),
        ("image.tagg", "x"),
        ("image.repository", "with blank"),
        ("image.pullPolicy", "Sometimes"),
        ("imagePullSecrets", ["pull"]),
        ("resources", []),
        ("tolerations", {}),
        ("crds.upgradeJob", "yes"),
        ("serviceAccount.create", None),
        ("rbac.secret", False),
        ("leaderElection.leaseDuration", 0),
        ("leaderElection.renewPeriod", 0.5),
        ("metrics.serviceMonitor.enabled", "auto"),
        ("logLevel", "LOUD"),
        ("agent.name", "A"),
        ("agent.name", "a" * 41),
        ("agent.spec", {"gateway": {"replicas": 0}}),
        ("agent.spec", {"redis": {"durability": "none"}}),
        ("agent.spec", {"gateway": {"config": {"connectRate": 0}}}),
        ("agent.spec", {"llmproxy": {"providers": []}}),
    ],
    ids=repr,
)
def test_bad_values_are_refused(path: str, value: Any) -> None:
    assert list(Draft7Validator(SCHEMA).iter_errors(with_value(path, value))) != []
